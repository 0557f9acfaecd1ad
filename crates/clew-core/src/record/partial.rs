//! A look at some roots: what the run may have touched, what was bound anew, and what belongs together with these.
//!
//! It costs what it looks at. That nothing else was bound anew the kernel tells, by comparing pointers.

use std::collections::BTreeSet;

use super::{LiveState, Observation, Observer, RecordError};
use crate::graph::{SubgraphMark, look_beside};
use crate::id::{Root, RootKind};
use crate::kernel::{BindingChanges, Kernel, TouchedRoots};

impl<'a> Observer<'a> {
    /// Looks at what may have changed; `None` where only a look at everything can tell what that is.
    pub(super) fn observe_some<K: Kernel>(&mut self, kernel: &mut K) -> Result<Option<Observation>, RecordError> {
        let Some(mut rebound) = kernel.rebound()? else {
            return Ok(None);
        };
        let others = std::mem::take(&mut rebound.others);
        let subgraphs = self.subgraphs(&rebound, &others);
        for subgraphs in [subgraphs.as_slice(), &[]] {
            let Some(chosen) = self.choose(&rebound, &others, subgraphs) else {
                return Ok(None);
            };
            let of_subgraphs = subgraphs.iter().flat_map(|mark| &mark.roots);
            let wanted = chosen.iter().chain(of_subgraphs).cloned().collect();
            let Some(mut roots) = kernel.some_roots(&wanted)? else {
                return Ok(None);
            };
            roots.extend(others.iter().cloned());
            let begun = self.clock.monotonic();
            let Some(looked) = look_beside(kernel.heap(), roots, &self.marked(), subgraphs) else {
                continue;
            };
            let observed = self.take_over(kernel, &looked, begun, Some(&chosen))?;
            return Ok(self.is_closed(&observed).then_some(observed));
        }
        Ok(None)
    }

    /// Of which roots the next look makes marks: of those that the run touched; in co-variables of which it touched none, of those
    /// that have one.
    pub(super) fn marked(&self) -> BTreeSet<Root> {
        let mut marked = match self.touched {
            TouchedRoots::Only(touched) => touched.clone(),
            TouchedRoots::All => BTreeSet::new(),
        };
        for known in self.live.iter().filter(|known| known.subgraph.is_some()) {
            if !known.version.roots.iter().any(|root| self.touched.holds(root)) {
                marked.extend(known.subgraph.iter().flat_map(|mark| mark.roots.iter().cloned()));
            }
        }
        marked
    }

    /// Marks of subgraphs with all that the run touched of their co-variables. Where such a subgraph is what it was, so is the co-variable.
    fn subgraphs<O>(&self, rebound: &BindingChanges<O>, others: &[(Root, O)]) -> Vec<&'a SubgraphMark> {
        let TouchedRoots::Only(touched) = self.touched else {
            return Vec::new();
        };
        let bound_anew: BTreeSet<&Root> = others
            .iter()
            .map(|(root, _)| root)
            .chain(&rebound.roots)
            .chain(&rebound.gone)
            .collect();
        let mut marks: Vec<&'a SubgraphMark> = Vec::new();
        let live: &'a LiveState = self.live;
        for known in touched.iter().filter_map(|root| live.holding(root)) {
            let Some(mark) = known.subgraph.as_deref() else {
                continue;
            };
            let is_told = |root: &Root| {
                let is_as_it_was = !bound_anew.contains(root) && !live.unbound().contains(root);
                is_as_it_was && (!touched.contains(root) || mark.roots.contains(root))
            };
            if known.version.roots.iter().all(is_told) && !marks.iter().any(|other| std::ptr::eq(*other, mark)) {
                marks.push(mark);
            }
        }
        marks
    }

    /// The roots that may differ from what is known, closed over co-variables but for those of `subgraphs`; `None` if that can't be told
    /// without looking at all.
    fn choose<O>(
        &self,
        rebound: &BindingChanges<O>,
        others: &[(Root, O)],
        subgraphs: &[&SubgraphMark],
    ) -> Option<BTreeSet<Root>> {
        let TouchedRoots::Only(touched) = self.touched else {
            return None;
        };
        let is_unexplained = |root: &&Root| root.kind == RootKind::Name && !touched.contains(root);
        if rebound.roots.iter().any(|root| is_unexplained(&root)) {
            // Something else than the run was at work.
            return None;
        }
        let is_beside = |root: &Root| subgraphs.iter().any(|mark| mark.roots.contains(root));
        let live = touched
            .iter()
            .filter(|root| !is_beside(root) && self.live.holding(root).is_some());
        let others = others.iter().map(|(root, _)| root);
        let mut chosen: BTreeSet<Root> = live
            .chain(&rebound.roots)
            .chain(&rebound.alike)
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
    fn is_closed(&self, observed: &Observation) -> bool {
        let Some(looked) = &observed.looked else { return true };
        let mut before = looked.iter().filter_map(|root| self.live.holding(root));
        before.all(|known| known.version.roots.iter().all(|root| looked.contains(root)))
    }
}
