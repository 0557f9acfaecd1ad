//! What live objects refer to that have no value: a writer its buffer, a generator its list.
//!
//! A walk does not see it, so that a move may replace one and not the other. The object that is replaced is set aside then:
//! on the way back it is the one that is bound again. Until then the report names who goes on with it.

use std::collections::BTreeMap;

use super::Performer;
use crate::cause::Cause;
use crate::id::{Root, RootKind};
use crate::kernel::{Change, Kernel, ObjectOf};
use crate::plan::{Outcome, Word};
use crate::record::LivePart;

/// Roots whose objects are replaced, with the names of the live objects that refer to these.
#[derive(Debug, Default)]
pub(super) struct Attached {
    users: BTreeMap<Root, Vec<String>>,
    /// Roots whose users all go with them.
    quiet: Vec<Root>,
}

impl Attached {
    /// Whether a live object refers to one of them.
    pub fn holds(&self, roots: &[Root]) -> bool {
        roots
            .iter()
            .any(|root| self.users.contains_key(root) || self.quiet.contains(root))
    }

    /// Says of what was restored which live objects do not see it.
    pub fn report(&self, outcomes: &mut [Outcome]) {
        let restored = |outcome: &&mut Outcome| matches!(outcome.word, Word::Loaded | Word::Replayed | Word::Differs);
        for outcome in outcomes.iter_mut().filter(restored) {
            let Some(users) = self.users.get(&outcome.root) else {
                continue;
            };
            let users = &users.join(", ");
            let cause = Cause::NotAttached { users };
            outcome.why = Some(match &outcome.why {
                Some(why) => cause.behind(why),
                None => cause.into(),
            });
        }
    }
}

impl Performer<'_> {
    /// Which objects that the changes replace are referred to by live objects without a value.
    pub(super) fn attached<K: Kernel>(
        &self,
        kernel: &mut K,
        changes: &[(Root, Change<ObjectOf<K>>)],
        live: &BTreeMap<Root, ObjectOf<K>>,
    ) -> Attached {
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
            .filter(|(root, _)| root.kind == RootKind::Name && !is_opaque(root))
            .filter_map(|(root, change)| Some((root, *live.get(root)?, *change)))
            .filter(|(_, old, change)| *change != Change::Bind(*old))
            .map(|(root, old, _)| (root, old))
            .collect();
        let mut attached = Attached::default();
        if users.is_empty() || items.is_empty() {
            return attached;
        }
        let objects = |roots: &[(&Root, ObjectOf<K>)]| roots.iter().map(|(_, object)| *object).collect::<Vec<_>>();
        for (user, item) in kernel.referred(&objects(&users), &objects(&items)) {
            let (Some((user, object)), Some((item, _))) = (users.get(user), items.get(item)) else {
                continue;
            };
            let stays = new(user).is_none_or(|change| change == Change::Bind(*object));
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
