//! A look at some roots: those that the run may have touched or that were rebound, and their co-variables.
//!
//! Its cost depends only on these roots. The kernel compares pointers to determine that nothing else was rebound.

use std::collections::BTreeSet;

use super::{LiveState, Observation, Observer, RecordError};
use crate::graph::{SubgraphMark, look_beside};
use crate::id::{Root, RootKind};
use crate::kernel::{BindingChanges, Kernel, TouchedRoots};

impl<'a> Observer<'a> {
    /// Looks at roots that may have changed; returns `None` if only a look at everything can determine these.
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

    /// Returns the roots that the next look marks: those that the run touched, and in co-variables that it did not touch, those
    /// with a mark.
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

    /// Returns marks of subgraphs that contain all touched roots of their co-variables. If such a subgraph is unchanged, so is
    /// the co-variable.
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

    /// Returns the roots that may differ from the recorded state, with all roots of their co-variables, except those of
    /// `subgraphs`. Returns `None` if that requires a look at everything.
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
            // The binding was changed by something other than the run.
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

    /// Returns whether every co-variable that was looked at was covered completely. A class that the look discovered may belong
    /// to one that was covered only in part.
    fn is_closed(&self, observed: &Observation) -> bool {
        let Some(looked) = &observed.looked else { return true };
        let mut before = looked.iter().filter_map(|root| self.live.holding(root));
        before.all(|known| known.version.roots.iter().all(|root| looked.contains(root)))
    }
}
