//! Compares the result and outputs of a re-executed cell with its recorded run.

use std::collections::BTreeSet;

use clew_core::format::{Run, Version};
use clew_core::history::History;
use clew_core::id::{Root, RootKind, RunId};
use serde_json::Value;

use super::RunSearch;
use super::reasons::quoted;

impl RunSearch {
    /// Returns the differences between the kernel's current run, `now`, and the recorded one that could have been reused, as text; empty if
    /// they are equal. `None` if one of them does not exist.
    pub fn differences(&self, recorded: &str, now: &str) -> Option<Vec<String>> {
        let now_id = self.own_run(now)?;
        let own = self.records.first()?;
        let mut all = self.records.iter();
        let (history, then_id) =
            all.find_map(|record| Some((&record.history, record.history.resolve(recorded, None, 0).ok()?)))?;
        let (then, now) = (history.run(&then_id)?, own.history.run(&now_id)?);
        let mut told: Vec<String> = left_otherwise((history, then_id, then), (&own.history, now_id, now))
            .iter()
            .map(quoted)
            .collect();
        if self.shown(then) != self.shown(now) {
            told.push("its output".to_owned());
        }
        Some(told)
    }

    /// Returns the outputs of a run, without execution counts.
    fn shown(&self, run: &Run) -> Option<Value> {
        let output = self.store.blob(run.output?).ok()?.into_inner();
        let mut outputs: Value = serde_json::from_str(&output).ok()?;
        for output in outputs.as_array_mut()? {
            if let Some(fields) = output.as_object_mut() {
                fields.remove("execution_count");
                fields.remove("metadata");
            }
        }
        Some(outputs)
    }
}

/// Returns the roots that either run changed and that differ afterwards. Results by number are compared as outputs; a generator that came
/// with an import is seeded anew in each process.
fn left_otherwise(then: (&History, RunId, &Run), now: (&History, RunId, &Run)) -> Vec<Root> {
    let is_seeded_anew = |root: &Root| {
        let mut runs = [then.2, now.2].into_iter();
        runs.any(|run| run.evidence.is_undrawn(root))
    };
    let counts = |root: &&Root| root.kind != RootKind::Out && !is_seeded_anew(root);
    let changed = |run: &Run| -> BTreeSet<Root> {
        let roots = run.changed.iter().flat_map(|version| &version.roots);
        roots.chain(&run.removed).filter(counts).cloned().collect()
    };
    let (there, here) = (then.0.state(then.1), now.0.state(now.1));
    let is_same = |one: Option<&Version>, other: Option<&Version>| match (one, other) {
        (Some(one), Some(other)) => one.fingerprint == other.fingerprint,
        (one, other) => one.is_none() && other.is_none(),
    };
    let all = changed(then.2).into_iter().chain(changed(now.2));
    let all: BTreeSet<Root> = all.collect();
    all.into_iter()
        .filter(|root| !is_same(there.version(root), here.version(root)))
        .collect()
}
