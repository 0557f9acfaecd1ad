//! Live objects that a run may use although none of its names leads to their root: objects held by classes and modules, and
//! memory shared by several objects.

use std::collections::BTreeSet;

use super::{LiveState, ObjectMark, Observation, Observer};
use crate::format::first_word;
use crate::id::{Root, RootKind};
use crate::kernel::TouchedRoots;

impl Observer<'_> {
    /// Records live objects that the run may have used, although its names do not lead to them.
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
            // A class made by compiled code has no value itself, but that does not mean that it holds a live object.
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

    /// Returns everything reachable from the touched names, by their bindings before and after the run.
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
                // The classes of a value that is not stored are unknown.
                reached.is_open |= manifest.encoding().is_none();
                open.extend(self.manifests.definitions(Some(&known.version)));
            }
        }
        reached
    }
}

/// Everything reachable from the names of a run.
#[derive(Debug, Default)]
struct Reached {
    /// The names themselves, and the classes of the values bound to them.
    roots: BTreeSet<Root>,
    /// The top-level modules to which these belong.
    modules: BTreeSet<String>,
    /// Whether some of the values use memory shared with other objects.
    is_shared: bool,
    /// Whether some of the values may lead to any object.
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
