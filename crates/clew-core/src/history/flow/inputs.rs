//! The roots that a run may have read, in the state before it.

use std::collections::BTreeSet;

use super::patches::is_everywhere;
use super::{Flow, RunPosition};
use crate::format::{Run, first_word};
use crate::id::{Root, RootKind};

/// The only setting that is not named after its library.
const RECURSION: &str = "recursion limit";

/// This library. The names of its codecs are part of encoded values, so a cell that created such a value did not necessarily use it.
const ITSELF: &str = "clew";

/// Settings that may affect a run without a trace: how it is compiled, whether a warning is hidden, and the result of a division
/// by zero in any library that uses numpy.
const UNTRACED: [&str; 3] = ["future statements", "warnings hidden", "numpy errors"];

/// Names through which a cell may read any output.
const LAST_OUTPUTS: [&str; 5] = ["Out", "_oh", "_", "__", "___"];

impl<'a> Flow<'a> {
    /// Returns roots that the run at `place` may have read, out of those that existed before it.
    pub fn inputs(&self, place: &RunPosition<'a>) -> BTreeSet<Root> {
        let Some(before) = place.before() else {
            return BTreeSet::new();
        };
        let run = place.recorded();
        let mut found = named(run, &before);
        found.extend(self.taken_up(run, place, &before));
        let context = before.line.state_roots(before.depth);
        let context: Vec<&Root> = context
            .filter(|root| is_context(root.kind) && self.is_cells(root, &before))
            .collect();
        // Most histories have none, and determining the libraries reads the manifests of all inputs.
        if !context.is_empty() {
            let libraries = self.libraries(&found, place, &before);
            let is_needed = |root: &&Root| needs(run, root, &libraries);
            found.extend(context.into_iter().filter(is_needed).cloned());
        }
        found
    }

    /// Returns other session state on which the run built: random generators that it drew from or whose state it read, figures
    /// that it drew on, and the directory that it left.
    fn taken_up(&self, run: &Run, place: &RunPosition<'a>, before: &RunPosition<'a>) -> Vec<Root> {
        let is_taken_up = |root: &&Root| match root.kind {
            RootKind::Random => !run.evidence.seeded.contains(&root.key),
            RootKind::Figures | RootKind::Directory | RootKind::Path => true,
            _ => false,
        };
        // A cell that reads the state of a generator depends on it, too, and leaves it unchanged.
        let asked = run.evidence.random.keys();
        let asked: Vec<Root> = asked.map(|name| Root::new(RootKind::Random, name.clone())).collect();
        let changed = self.changed(place).into_iter().chain(&asked).filter(is_taken_up);
        changed
            .filter(|root| before.line.is_there(root, before.depth))
            .cloned()
            .collect()
    }

    /// Returns whether a cell set the root, and it did not exist at the start.
    pub(super) fn is_cells(&self, root: &Root, before: &RunPosition<'a>) -> bool {
        self.maker(root, before).is_some_and(|maker| maker.depth > 0)
    }

    /// Returns the top-level modules of values that the run read or created, and of modules that it imported.
    pub(super) fn libraries(
        &self,
        read: &BTreeSet<Root>,
        place: &RunPosition<'a>,
        before: &RunPosition<'a>,
    ) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for root in read {
            self.add_libraries(root, before, &mut found);
        }
        let evidence = &place.recorded().evidence;
        let made = self.changed(place).into_iter();
        let made = made.filter(|root| matches!(root.kind, RootKind::Name | RootKind::Out));
        // A name that it imported again is bound to the same object as before.
        let bound = evidence.writes.iter().map(Root::name);
        let bound = bound.filter(|root| place.line.is_there(root, place.depth));
        let all: BTreeSet<Root> = made.cloned().chain(bound).collect();
        for root in &all {
            self.add_libraries(root, place, &mut found);
        }
        let imported = evidence
            .modules
            .iter()
            .map(|module| first_word(&module.name).to_owned());
        found.extend(imported);
        found.extend(evidence.libraries.iter().cloned());
        found
    }

    fn add_libraries(&self, root: &Root, place: &RunPosition<'a>, found: &mut BTreeSet<String>) {
        let version = self.version(root, place);
        if let Some(manifest) = version.and_then(|version| self.manifest(version)) {
            let modules = manifest.modules_of(root);
            let libraries = modules.iter().map(|name| first_word(name));
            found.extend(libraries.filter(|library| *library != ITSELF).map(str::to_owned));
        }
    }
}

/// Returns variables that the run may have read, and the classes behind them; all of them if that cannot be determined.
fn named(run: &Run, before: &RunPosition<'_>) -> BTreeSet<Root> {
    let reads = &run.evidence.reads;
    let mut found = BTreeSet::new();
    if run.evidence.reads_all() {
        let is_read = |root: &&Root| matches!(root.kind, RootKind::Name | RootKind::Definition);
        found.extend(before.line.roots(before.depth).filter(is_read).cloned());
    }
    if reads_last_outputs(run) {
        let is_output = |root: &&Root| root.kind == RootKind::Out;
        found.extend(before.line.roots(before.depth).filter(is_output).cloned());
    }
    let outputs = reads.iter().filter_map(|name| name.strip_prefix('_'));
    let outputs = outputs.map(|number| Root::new(RootKind::Out, number));
    found.extend(outputs.filter(|root| before.line.is_there(root, before.depth)));
    // A lookup of a removed name failed. If it had existed, the run would have behaved differently.
    let names = reads.iter().map(Root::name);
    found.extend(names.filter(|root| before.line.was_there(root, before.depth)));
    found
}

/// Returns whether a run may have read any output.
pub(super) fn reads_last_outputs(run: &Run) -> bool {
    let mut reads = run.evidence.reads.iter();
    reads.any(|name| LAST_OUTPUTS.contains(&name.as_str()))
}

/// Returns whether roots of a kind affect code without being named in it.
pub(super) fn is_context(kind: RootKind) -> bool {
    matches!(
        kind,
        RootKind::Directory
            | RootKind::Environment
            | RootKind::Path
            | RootKind::Option
            | RootKind::Setting
            | RootKind::ModuleAttribute
            // With a backend that keeps figures from cell to cell, `gca()` finds what other cells drew.
            | RootKind::Figures
    )
}

/// Returns whether the root may have affected a run that uses these libraries.
pub(super) fn needs(run: &Run, root: &Root, libraries: &BTreeSet<String>) -> bool {
    let evidence = &run.evidence;
    if root.kind == RootKind::Setting && UNTRACED.contains(&root.key.as_str()) {
        return true;
    }
    if evidence.reads_all() {
        return root.kind != RootKind::Setting;
    }
    match root.kind {
        RootKind::Directory => {
            !(evidence.files_read.is_empty() && evidence.files_written.is_empty() && evidence.processes.is_empty())
        }
        RootKind::Environment => {
            !evidence.processes.is_empty() || libraries.contains("os") || !evidence.modules.is_empty()
        }
        RootKind::Path => !evidence.modules.is_empty() || libraries.contains("sys"),
        RootKind::Setting if root.key == RECURSION => libraries.contains("sys"),
        RootKind::ModuleAttribute if is_everywhere(&root.key) => true,
        RootKind::Figures => libraries.contains("matplotlib") || libraries.contains("pylab"),
        _ => libraries.contains(first_word(&root.key)),
    }
}
