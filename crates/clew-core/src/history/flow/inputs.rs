//! What a run may have read, as roots of the state it found.

use std::collections::BTreeSet;

use super::patches::is_everywhere;
use super::{Flow, RunPosition};
use crate::format::{Run, first_word};
use crate::id::{Root, RootKind};

/// The setting that is not called after its library.
const RECURSION: &str = "recursion limit";

/// The library that this is. Its codecs stand in what they encode: a cell that made such a value did not use it.
const ITSELF: &str = "clew";

/// Settings that a run may go by and leave no trace of it: how it is compiled, whether a warning is hidden, what a division by zero in any
/// library that calculates with numpy comes to.
const UNTRACED: [&str; 3] = ["future statements", "warnings hidden", "numpy errors"];

/// Names under which a cell may find any output.
const LAST_OUTPUTS: [&str; 5] = ["Out", "_oh", "_", "__", "___"];

impl<'a> Flow<'a> {
    /// Roots that the run at `place` may have read, of those that were there before it.
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
        // Most histories have none, and to tell libraries is to read every input's manifest.
        if !context.is_empty() {
            let libraries = self.libraries(&found, place, &before);
            let is_needed = |root: &&Root| needs(run, root, &libraries);
            found.extend(context.into_iter().filter(is_needed).cloned());
        }
        found
    }

    /// State without a name that the run went on from: what it drew from a generator or asked it for, drew on figures, the
    /// directory that it left.
    fn taken_up(&self, run: &Run, place: &RunPosition<'a>, before: &RunPosition<'a>) -> Vec<Root> {
        let is_taken_up = |root: &&Root| match root.kind {
            RootKind::Random => !run.evidence.seeded.contains(&root.key),
            RootKind::Figures | RootKind::Directory | RootKind::Path => true,
            _ => false,
        };
        // Who asks for the state of a generator goes on from it, too, and leaves it as it is.
        let asked = run.evidence.random.keys();
        let asked: Vec<Root> = asked.map(|name| Root::new(RootKind::Random, name.clone())).collect();
        let changed = self.changed(place).into_iter().chain(&asked).filter(is_taken_up);
        changed
            .filter(|root| before.line.is_there(root, before.depth))
            .cloned()
            .collect()
    }

    /// Whether a cell, and not what was there at the start, set it.
    pub(super) fn is_cells(&self, root: &Root, before: &RunPosition<'a>) -> bool {
        self.maker(root, before).is_some_and(|maker| maker.depth > 0)
    }

    /// First words of the modules that what the run read or made belongs to, and of those that it imported.
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
        // What it imported again is bound to what it was.
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

/// Names that the run may have read, and the classes behind them; everything, where nobody could tell.
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
    // A name that was taken away was looked for in vain: had it been there, the run had done something else.
    let names = reads.iter().map(Root::name);
    found.extend(names.filter(|root| before.line.was_there(root, before.depth)));
    found
}

/// Whether a run may have read any output.
pub(super) fn reads_last_outputs(run: &Run) -> bool {
    let mut reads = run.evidence.reads.iter();
    reads.any(|name| LAST_OUTPUTS.contains(&name.as_str()))
}

/// State that decides how code behaves without being named in it.
pub(super) fn is_context(kind: RootKind) -> bool {
    matches!(
        kind,
        RootKind::Directory
            | RootKind::Environment
            | RootKind::Path
            | RootKind::Option
            | RootKind::Setting
            | RootKind::ModuleAttribute
            // With a backend that keeps them from cell to cell, `gca()` finds what others drew.
            | RootKind::Figures
    )
}

/// Whether a run that uses these libraries may have behaved by that state.
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
