//! The order of the runs behind a variable: after each run that affected it, the runs that it read from.

use std::collections::{BTreeMap, HashMap, btree_map};

use clew_core::id::Root;

use super::{Annotate, ContributingRun};

/// One run in the output of `annotate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnnotationRow<'a> {
    /// The index of the run.
    pub index: usize,
    /// Its nesting depth.
    pub depth: usize,
    /// The roots because of which it is listed.
    pub roots: Vec<&'a Root>,
}

/// The roots that a run read, by the run that created them.
type ReadRoots<'a> = BTreeMap<usize, Vec<&'a Root>>;

/// The rows so far.
struct Rows<'a> {
    of: &'a Annotate,
    /// The first run with each label.
    index: HashMap<&'a str, usize>,
    is_shown: Vec<bool>,
    found: Vec<AnnotationRow<'a>>,
}

/// Returns the rows of a page, from top to bottom. The inputs of each run are listed once.
pub(super) fn rows(of: &Annotate) -> Vec<AnnotationRow<'_>> {
    let labels = of.runs.iter().map(ContributingRun::label).enumerate();
    let mut rows = Rows {
        of,
        index: labels.rev().map(|(index, label)| (label, index)).collect(),
        is_shown: vec![false; of.runs.len()],
        found: Vec::new(),
    };
    rows.fill();
    rows.found
}

impl<'a> Rows<'a> {
    fn fill(&mut self) {
        let runs = &self.of.runs;
        let own: Vec<usize> = (0..runs.len()).filter(|index| self.of.is_own(&runs[*index])).collect();
        for index in &own {
            self.show(*index);
        }
        for index in own {
            self.push(index, 0, vec![&self.of.root]);
            self.add_read(index);
        }
        for (index, maker) in runs.iter().enumerate() {
            if self.show(index) {
                self.push(index, 1, maker.effects.iter().map(|did| &did.root).collect());
            }
        }
    }

    /// Adds the runs that a run read from, recursively.
    fn add_read(&mut self, index: usize) {
        let mut open: Vec<btree_map::IntoIter<usize, Vec<&'a Root>>> = vec![self.read(index).into_iter()];
        while let Some(reading) = open.last_mut() {
            let Some((index, roots)) = reading.next() else {
                open.pop();
                continue;
            };
            if self.show(index) {
                self.push(index, open.len(), roots);
                open.push(self.read(index).into_iter());
            }
        }
    }

    fn read(&self, index: usize) -> ReadRoots<'a> {
        let mut read = ReadRoots::new();
        let inputs = self.of.runs[index].inputs.iter();
        for input in inputs.filter(|input| input.root != self.of.root) {
            if let Some(maker) = self.index.get(input.run.as_str()) {
                read.entry(*maker).or_default().push(&input.root);
            }
        }
        read
    }

    /// Marks a run as listed; returns whether it was not listed before.
    fn show(&mut self, index: usize) -> bool {
        let first = self.index[self.of.runs[index].label()];
        !std::mem::replace(&mut self.is_shown[first], true)
    }

    fn push(&mut self, index: usize, depth: usize, roots: Vec<&'a Root>) {
        self.found.push(AnnotationRow { index, depth, roots });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use clew_core::store::{Access, SigningKey, Store, Trust};
    use clew_testing::LongHistory;
    use clew_testing::disk::SimDisk;

    use super::*;
    use crate::commands::annotate::{Arguments, annotate};
    use crate::context::Context;
    use crate::history_view::StoredHistory;
    use crate::interface::Interface;

    /// A simple quadratic reference implementation of the same order.
    fn plainly(of: &Annotate) -> Vec<AnnotationRow<'_>> {
        let runs = of.runs.iter().enumerate();
        let own: Vec<(usize, &ContributingRun)> = runs.clone().filter(|(_, maker)| of.is_own(maker)).collect();
        let mut shown: BTreeSet<&str> = own.iter().map(|(_, maker)| maker.label()).collect();
        let mut rows = Vec::new();
        for (index, maker) in own {
            let roots = vec![&of.root];
            rows.push(AnnotationRow { index, depth: 0, roots });
            add_plainly(of, maker, 1, &mut shown, &mut rows);
        }
        for (index, maker) in runs {
            if shown.insert(maker.label()) {
                let roots = maker.effects.iter().map(|did| &did.root).collect();
                rows.push(AnnotationRow { index, depth: 1, roots });
            }
        }
        rows
    }

    fn add_plainly<'a>(
        of: &'a Annotate,
        reader: &'a ContributingRun,
        depth: usize,
        shown: &mut BTreeSet<&'a str>,
        rows: &mut Vec<AnnotationRow<'a>>,
    ) {
        for (index, maker) in of.runs.iter().enumerate() {
            let inputs = reader.inputs.iter();
            let read = inputs.filter(|input| input.run == maker.label() && input.root != of.root);
            let roots: Vec<&Root> = read.map(|input| &input.root).collect();
            if !roots.is_empty() && shown.insert(maker.label()) {
                rows.push(AnnotationRow { index, depth, roots });
                add_plainly(of, maker, depth + 1, shown, rows);
            }
        }
    }

    /// Returns the `annotate` results of every name in a random history.
    fn pages(seed: u64) -> Vec<Annotate> {
        let disk = Arc::new(SimDisk::new(seed));
        let key = SigningKey::load_or_create(&*disk, "/config".as_ref()).unwrap();
        let store = Store::open(disk, "/store", Access::ReadWrite).unwrap();
        let store = store.with_trust(Trust::own(key.public()));
        let long = LongHistory {
            cells: 60,
            sessions: 2,
            names: 8,
            line: 25,
            seed,
        };
        long.record(&store, &key, "random").unwrap();
        let opened = StoredHistory::of(store, None, 0).unwrap_or_else(|problem| panic!("{}", problem.text()));
        let context = Context::of_process(Interface::Terminal);
        let page = |name| {
            let arguments = Arguments {
                name: format!("n{name}"),
                revision: "@".to_owned(),
            };
            annotate(&arguments, &opened.place(), &context).ok()
        };
        (0..long.names).filter_map(page).collect()
    }

    #[test]
    fn runs_are_shown_as_the_plainest_way_shows_them() {
        let (mut deepest, mut most) = (0, 0);
        for seed in 1..=12 {
            for page in pages(seed) {
                let found = rows(&page);
                assert_eq!(found, plainly(&page), "seed {seed}, {}", page.variable);
                deepest = found.iter().map(|row| row.depth).max().max(Some(deepest)).unwrap_or(0);
                most = most.max(found.len());
            }
        }
        assert!(
            deepest >= 3 && most >= 15,
            "{deepest} deep, {most} rows: too simple to show anything"
        );
    }
}
