//! A look at some roots: what the run may have touched, what was bound anew, and what belongs together with these.
//!
//! It costs what it looks at. That nothing else was bound anew the kernel tells, by comparing pointers.

use std::collections::BTreeSet;

use super::{Observed, Observer, RecordError};
use crate::id::{Root, RootKind};
use crate::kernel::{Kernel, Rebound, Touched};

impl Observer<'_> {
    /// Looks at what may have changed; `None` where only a look at everything can tell what that is.
    pub(super) fn observe_some<K: Kernel>(&mut self, kernel: &mut K) -> Result<Option<Observed>, RecordError> {
        let Some(rebound) = kernel.rebound()? else {
            return Ok(None);
        };
        let Some(chosen) = self.choose(&rebound) else {
            return Ok(None);
        };
        let Some(mut roots) = kernel.some_roots(&chosen)? else {
            return Ok(None);
        };
        roots.extend(rebound.others);
        let observed = self.observe_roots(kernel, roots, Some(&chosen))?;
        Ok(self.is_closed(&observed).then_some(observed))
    }

    /// The roots that may differ from what is known, closed over co-variables; `None` if that can't be told without
    /// looking at all.
    fn choose<O>(&self, rebound: &Rebound<O>) -> Option<BTreeSet<Root>> {
        let Touched::Only(touched) = self.touched else {
            return None;
        };
        let is_unexplained = |root: &&Root| root.kind == RootKind::Name && !touched.contains(root);
        if rebound.roots.iter().any(|root| is_unexplained(&root)) {
            // Something else than the run was at work.
            return None;
        }
        let live = touched.iter().filter(|root| self.live.holding(root).is_some());
        let others = rebound.others.iter().map(|(root, _)| root);
        let mut chosen: BTreeSet<Root> = live
            .chain(&rebound.roots)
            .chain(&rebound.gone)
            .chain(others)
            .chain(self.live.unbound())
            .cloned()
            .collect();
        for root in chosen.clone() {
            let Some(known) = self.live.holding(&root) else {
                continue;
            };
            let roots = &known.version.roots;
            if roots.iter().any(|root| root.kind == RootKind::Definition) {
                return None;
            }
            chosen.extend(roots.iter().cloned());
        }
        Some(chosen)
    }

    /// Whether every co-variable of which something was seen was seen whole: a class that comes up may belong to one
    /// that was looked at only in part.
    fn is_closed(&self, observed: &Observed) -> bool {
        let Some(looked) = &observed.looked else { return true };
        let mut before = looked.iter().filter_map(|root| self.live.holding(root));
        before.all(|known| known.version.roots.iter().all(|root| looked.contains(root)))
    }
}
