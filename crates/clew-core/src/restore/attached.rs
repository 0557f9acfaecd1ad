//! References from live objects, which have no value, to other objects: from a writer to its buffer, from a generator to its list.
//!
//! A walk does not find these references, so a restore may replace one object and not the other. If it is exact, the current
//! object keeps its identity and gets the contents of the built one, so that the live object sees them. Otherwise the current
//! object is set aside, and is bound again on the way back. Until then the report names the live objects that still refer to it.

use std::collections::BTreeMap;

use super::PlanExecutor;
use crate::cause::Cause;
use crate::id::{Root, RootKind};
use crate::kernel::{Kernel, ObjectOf, RootChange};
use crate::plan::{Outcome, OutcomeKind};
use crate::record::{LiveCoVariable, LivePart};

/// Roots whose objects are replaced, with the names of the live objects that refer to these objects.
#[derive(Debug, Default)]
pub(super) struct LiveReferrers {
    users: BTreeMap<Root, Vec<String>>,
    /// Roots that are only referred to by live objects which are replaced, too.
    quiet: Vec<Root>,
    /// Roots with the names of live objects that refer to an earlier object of theirs, which was set aside.
    aside: BTreeMap<Root, Vec<String>>,
}

impl LiveReferrers {
    /// Returns whether a live object refers to one of them.
    pub fn holds(&self, roots: &[Root]) -> bool {
        roots
            .iter()
            .any(|root| self.users.contains_key(root) || self.quiet.contains(root))
    }

    /// Adds to the outcomes of restored roots which live objects do not refer to the restored object.
    pub fn report(&self, outcomes: &mut [Outcome]) {
        let is_there = |word| {
            matches!(
                word,
                OutcomeKind::Unchanged | OutcomeKind::Restored | OutcomeKind::Rerun | OutcomeKind::NotIdentical
            )
        };
        let restored = |outcome: &&mut Outcome| is_there(outcome.kind);
        for outcome in outcomes.iter_mut().filter(restored) {
            let users = self.users.get(&outcome.root);
            let Some(users) = users.or_else(|| self.aside.get(&outcome.root)) else {
                continue;
            };
            let users = &users.join(", ");
            let cause = Cause::NotAttached { users };
            outcome.is_detached = true;
            outcome.why = Some(match &outcome.why {
                Some(why) => cause.behind(why),
                None => cause.into(),
            });
        }
    }
}

impl PlanExecutor<'_> {
    /// Keeps objects that the changes would replace and to which live objects refer, and gives them the contents of the built
    /// objects. Returns those that have to be replaced nevertheless.
    pub(super) fn attach<K: Kernel>(
        &self,
        kernel: &mut K,
        changes: &mut [(Root, RootChange<ObjectOf<K>>)],
        live: &BTreeMap<Root, ObjectOf<K>>,
        outcomes: &[Outcome],
    ) -> LiveReferrers {
        let mut attached = self.attached(kernel, changes, live);
        let is_loaded = |root: &Root| {
            outcomes
                .iter()
                .any(|one| one.root == *root && one.kind == OutcomeKind::Restored)
        };
        let roots = attached.users.keys().filter(|root| is_loaded(root));
        let roots: Vec<Root> = roots.cloned().collect();
        for root in roots {
            if self.attach_one(kernel, changes, live, &root) {
                attached.users.remove(&root);
            }
        }
        self.refer_to_others(kernel, changes, live, &mut attached);
        attached
    }

    /// Adds live objects that refer to an earlier object of a root, not to the one that the root gets. The earlier object was set
    /// aside, or is live until the install. This covers live objects that stay, and those that come back.
    fn refer_to_others<K: Kernel>(
        &self,
        kernel: &mut K,
        changes: &[(Root, RootChange<ObjectOf<K>>)],
        live: &BTreeMap<Root, ObjectOf<K>>,
        attached: &mut LiveReferrers,
    ) {
        let change_of = |root: &Root| changes.iter().find(|(other, _)| other == root);
        let (mut users, mut others, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
        for (root, object) in live {
            let is_opaque = self.live.part(root).is_some_and(LivePart::is_opaque);
            let change = change_of(root);
            let goes = change.is_some_and(|(_, change)| *change != RootChange::Bind(*object));
            if goes && !is_opaque && is_exchanged(root) {
                replaced.push((root, *object));
            }
            match change {
                None if is_opaque => users.push((root.clone(), *object)),
                Some((_, RootChange::Bind(new))) if is_opaque && new == object => users.push((root.clone(), *object)),
                Some((_, RootChange::Bind(new))) if !is_opaque && new != object && is_exchanged(root) => {
                    others.push((root.clone(), *object, *new));
                }
                _ => {}
            }
        }
        let mut asleep = Vec::new();
        for parked in self.parked {
            for (root, object) in kernel.parked(parked.ticket).unwrap_or_default() {
                let is_opaque = parked.known.part(&root).is_some_and(LivePart::is_opaque);
                let Some((_, RootChange::Bind(new))) = change_of(&root) else {
                    asleep.extend(is_opaque.then_some(object));
                    continue;
                };
                if is_opaque && *new != object {
                    asleep.push(object);
                }
                match (is_opaque, *new == object) {
                    (true, true) => users.push((root, object)),
                    (false, false) if is_exchanged(&root) => others.push((root, object, *new)),
                    _ => {}
                }
            }
        }
        // A live object that is set aside may come back, and must then find the objects to which it refers.
        let items: Vec<_> = replaced.iter().map(|(_, old)| *old).collect();
        if !asleep.is_empty() && !items.is_empty() {
            let found = kernel.referred(&asleep, &items);
            attached
                .quiet
                .extend(found.iter().map(|(_, item)| replaced[*item].0.clone()));
        }
        if users.is_empty() || others.is_empty() {
            return;
        }
        let objects: Vec<_> = users.iter().map(|(_, object)| *object).collect();
        let items: Vec<_> = others.iter().flat_map(|(_, old, new)| [*old, *new]).collect();
        let found = kernel.referred(&objects, &items);
        for (user, item) in found.iter().filter(|(_, item)| item % 2 == 0) {
            let ((name, _), (root, old, _)) = (&users[*user], &others[item / 2]);
            let has_new = others
                .iter()
                .zip(0..)
                .any(|((other, ..), nth)| other == root && found.contains(&(*user, 2 * nth + 1)));
            // The live object is then set aside, for the way back.
            let names = if live.get(root) == Some(old) {
                &mut attached.users
            } else {
                &mut attached.aside
            };
            let names = names.entry(root.clone()).or_default();
            if !has_new && !names.contains(&name.to_string()) {
                names.push(name.to_string());
            }
        }
        attached.users.retain(|_, names| !names.is_empty());
        attached.aside.retain(|_, names| !names.is_empty());
    }

    /// Keeps the object of a root and gives it the contents of the one that was built for it; returns whether that is possible.
    /// The same roots must be bound to both. The current value must be stored, since it is overwritten.
    fn attach_one<K: Kernel>(
        &self,
        kernel: &mut K,
        changes: &mut [(Root, RootChange<ObjectOf<K>>)],
        live: &BTreeMap<Root, ObjectOf<K>>,
        root: &Root,
    ) -> bool {
        let bound = changes.iter().find_map(|(other, change)| match change {
            RootChange::Bind(object) if other == root => Some(*object),
            _ => None,
        });
        let (Some(old), Some(new)) = (live.get(root).copied(), bound) else {
            return false;
        };
        let is_kept = |known: &LiveCoVariable| !self.is_only_live(known) && !known.has_gaps();
        let same = changes.iter().filter(|(_, change)| *change == RootChange::Bind(new));
        let is_one = same.clone().all(|(other, _)| live.get(other) == Some(&old));
        let goes_elsewhere = |(other, change): &(Root, RootChange<ObjectOf<K>>)| {
            live.get(other) == Some(&old) && *change != RootChange::Bind(new) && *change != RootChange::Bind(old)
        };
        let is_whole = is_one && !changes.iter().any(goes_elsewhere);
        if !is_whole || !self.live.holding(root).is_some_and(is_kept) || !kernel.attach(old, new) {
            return false;
        }
        for (_, change) in changes
            .iter_mut()
            .filter(|(_, change)| *change == RootChange::Bind(new))
        {
            *change = RootChange::Bind(old);
        }
        true
    }

    /// Returns the objects that the changes replace and to which live objects refer.
    fn attached<K: Kernel>(
        &self,
        kernel: &mut K,
        changes: &[(Root, RootChange<ObjectOf<K>>)],
        live: &BTreeMap<Root, ObjectOf<K>>,
    ) -> LiveReferrers {
        let is_opaque = |root: &Root| self.live.part(root).is_some_and(LivePart::is_opaque);
        let users: Vec<(&Root, ObjectOf<K>)> = live
            .iter()
            .filter(|(root, _)| root.kind != RootKind::Definition && is_opaque(root))
            .map(|(root, object)| (root, *object))
            .collect();
        let new = |root: &Root| {
            changes
                .iter()
                .find(|(other, _)| other == root)
                .map(|(_, change)| *change)
        };
        let items: Vec<(&Root, ObjectOf<K>)> = changes
            .iter()
            .filter(|(root, _)| is_exchanged(root) && !is_opaque(root))
            .filter_map(|(root, change)| Some((root, *live.get(root)?, *change)))
            .filter(|(_, old, change)| *change != RootChange::Bind(*old))
            .map(|(root, old, _)| (root, old))
            .collect();
        let mut attached = LiveReferrers::default();
        if users.is_empty() || items.is_empty() {
            return attached;
        }
        let objects = |roots: &[(&Root, ObjectOf<K>)]| roots.iter().map(|(_, object)| *object).collect::<Vec<_>>();
        for (user, item) in kernel.referred(&objects(&users), &objects(&items)) {
            let (Some((user, object)), Some((item, _))) = (users.get(user), items.get(item)) else {
                continue;
            };
            let stays = new(user).is_none_or(|change| change == RootChange::Bind(*object));
            if stays {
                attached
                    .users
                    .entry((*item).clone())
                    .or_default()
                    .push(user.to_string());
            } else {
                attached.quiet.push((*item).clone());
            }
        }
        attached
    }
}

/// Returns whether a root is bound to an object to which others may refer and which a restore replaces: a variable of the
/// notebook or an attribute of a module.
fn is_exchanged(root: &Root) -> bool {
    matches!(root.kind, RootKind::Name | RootKind::ModuleAttribute)
}
