//! Live objects that a run may use although no name of it leads to their root: what classes and modules hold, and memory that
//! lies under several objects.

use std::collections::BTreeSet;

use super::{LiveState, ObjectMark, Observation, Observer};
use crate::format::first_word;
use crate::id::{Root, RootKind};
use crate::kernel::TouchedRoots;

impl Observer<'_> {
    /// Takes note of what the run may have used besides what its names lead to.
    pub(super) fn use_besides(&self, observed: &mut Observation) {
        let TouchedRoots::Only(touched) = self.touched else {
            return;
        };
        let is_touched = |roots: &[Root]| roots.iter().any(|root| touched.contains(root));
        let live = self.live.iter().filter(|known| known.parts.is_some());
        let mut besides = live.filter(|known| !is_touched(&known.version.roots)).peekable();
        if touched.is_empty() || besides.peek().is_none() {
            return;
        }
        let reached = self.reached_by(touched, &observed.live);
        for known in besides {
            let is_shared = known.parts.as_ref().is_some_and(|parts| parts.is_over_shared_memory);
            // A class made by compiled code has no value itself: it holds no live object by that.
            let is_itself = |root: &Root| {
                let part = known.part(root);
                root.kind == RootKind::Definition
                    && part.is_some_and(|part| matches!(part.object, ObjectMark::Serial(_)))
            };
            let mut held = known.version.roots.iter().filter(|root| !is_itself(root));
            if (is_shared && reached.is_shared) || held.any(|root| reached.holds(root)) {
                let roots = observed.use_objects(known);
                observed.used_besides.extend(roots);
            }
        }
    }

    /// What the touched names lead to, by what was bound to them before the run and after it.
    fn reached_by(&self, touched: &BTreeSet<Root>, after: &LiveState) -> Reached {
        let mut reached = Reached::default();
        let mut open: Vec<Root> = touched.iter().cloned().collect();
        while let Some(root) = open.pop() {
            if !reached.roots.insert(root.clone()) {
                continue;
            }
            for known in [self.live.holding(&root), after.holding(&root)].into_iter().flatten() {
                reached.is_shared |= known.parts.as_ref().is_some_and(|parts| parts.is_over_shared_memory);
                let Ok(manifest) = self.manifests.get(&known.version.manifest) else {
                    continue;
                };
                let modules = manifest.modules_of(&root);
                reached
                    .modules
                    .extend(modules.iter().map(|name| first_word(name).to_owned()));
                // Of what is not stored nobody wrote down which classes it has.
                reached.is_open |= manifest.encoding().is_none();
                open.extend(self.manifests.definitions(Some(&known.version)));
            }
        }
        reached
    }
}

/// What the names of a run lead to.
#[derive(Debug, Default)]
struct Reached {
    /// They themselves, and the classes of what is bound to them.
    roots: BTreeSet<Root>,
    /// First words of the modules that these belong to.
    modules: BTreeSet<String>,
    /// Whether some of it lies in memory that other objects lie in, too.
    is_shared: bool,
    /// Whether some of it may lead anywhere.
    is_open: bool,
}

impl Reached {
    fn holds(&self, root: &Root) -> bool {
        match root.kind {
            RootKind::Definition => self.is_open || self.roots.contains(root),
            RootKind::ModuleAttribute => self.is_open || self.modules.contains(first_word(&root.key)),
            _ => false,
        }
    }
}
