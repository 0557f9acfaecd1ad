//! The runs in a package: the marks of the notebook's cells, and the metadata of the crate.

use std::collections::BTreeMap;
use std::path::Path;

use clew_core::format::{Ending, FileEvidence, Run, RunKind};
use clew_core::id::RunId;

use super::{Package, PackagePage};
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::package::crate_metadata::{CrateCell, CrateFile, CrateRun, PackageDescription, crate_metadata};
use crate::package::{CellMark, Member, NotebookFile};
use crate::requirements::StateRequirements;
use crate::text;

/// The files of a package.
pub(super) struct PackageMembers {
    pub notebook: Member,
    pub bundle: Member,
    pub requirements: Option<Member>,
    pub readme: Member,
    /// Input files of cells, by path.
    pub inputs: BTreeMap<String, Member>,
}

/// Returns for each cell of a notebook its last run on the branch of `at`; `None` for cells that never ran.
pub(super) fn marks(notebook: &NotebookFile, place: &HistoryView<'_>, at: RunId) -> Vec<Option<CellMark>> {
    let runs = cell_runs(place, at);
    let sources: Vec<Option<String>> = runs.iter().map(|(_, run)| place.source(run)).collect();
    let cells = notebook.cells().iter().map(|cell| {
        let is_it = |(_, run): &&(RunId, &Run)| cell.id.is_some() && run.cell == cell.id;
        let by_id = runs.iter().rposition(|run| is_it(&run));
        let by_source = || sources.iter().rposition(|ran| ran.as_deref() == Some(&*cell.source));
        let found = by_id
            .or_else(|| by_source().filter(|_| !cell.source.trim().is_empty()))
            .filter(|_| cell.is_code)?;
        let (id, run) = &runs[found];
        Some(CellMark {
            run: place.history.label(id),
            id: id.to_string(),
            outcome: match run.ending {
                _ if sources[found].as_deref() != Some(&*cell.source) => "edited",
                Ending::Done => "completed",
                Ending::Failed { .. } => "failed",
                Ending::Interrupted => "interrupted",
            },
        })
    });
    cells.collect()
}

/// Returns the cell runs that led to a state, in order.
fn cell_runs<'p>(place: &HistoryView<'p>, at: RunId) -> Vec<(RunId, &'p Run)> {
    let line = place.history.line(at).filter(|(_, run)| run.kind == RunKind::Cell);
    let mut runs: Vec<(RunId, &Run)> = line.collect();
    runs.reverse();
    runs
}

/// Returns the text of `ro-crate-metadata.json`.
pub(super) fn metadata(
    members: &PackageMembers,
    package: &Package,
    page: &PackagePage,
    (place, at): (&HistoryView<'_>, RunId),
    (notebook, needs, context): (&NotebookFile, &StateRequirements, &Context),
) -> String {
    let tells_runs = package.at.is_none();
    let runs = cell_runs(place, at);
    let mut cells = Cells::default();
    let told: Vec<CrateRun> = runs
        .iter()
        .map(|(id, run)| told_run(place.history.label(id), run, &mut cells, notebook))
        .collect();
    let recorded = Some(place.description.kernel.version.as_str()).filter(|version| !version.is_empty());
    let python = needs
        .interpreter
        .as_ref()
        .map(|told| told.version.as_str())
        .or(recorded);
    crate_metadata(&PackageDescription {
        title: &page.history,
        made: context.now,
        license: package.license.as_deref(),
        notebook: &members.notebook,
        bundle: &members.bundle,
        requirements: members.requirements.as_ref(),
        readme: &members.readme,
        python,
        files: files(members, page, place, &runs, tells_runs),
        cells: cells.told,
        runs: told,
        tells_runs,
    })
}

/// The distinct cells of runs.
#[derive(Default)]
struct Cells {
    places: BTreeMap<String, usize>,
    told: Vec<CrateCell>,
}

impl Cells {
    /// Returns the index of a run's cell. Each run without a cell id gets its own cell.
    fn place(&mut self, label: &str, run: &Run, notebook: &NotebookFile) -> usize {
        let key = run.cell.clone().unwrap_or_else(|| format!("of-run-{label}"));
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let number = notebook
            .cells()
            .iter()
            .position(|cell| cell.id.is_some() && cell.id == run.cell);
        let title = match number {
            Some(number) => format!("cell {}", number + 1),
            None if run.cell.is_some() => format!("a cell that is not in the notebook any more (run {label})"),
            None => format!("the cell of run {label}"),
        };
        self.places.insert(key.clone(), self.told.len());
        self.told.push(CrateCell { key, title });
        self.told.len() - 1
    }
}

fn told_run(label: String, run: &Run, cells: &mut Cells, notebook: &NotebookFile) -> CrateRun {
    let paths = |files: &[FileEvidence]| -> Vec<String> {
        let own = files.iter().filter(|file| !file.is_of_environment());
        own.map(|file| file.path.clone()).collect()
    };
    CrateRun {
        cell: cells.place(&label, run, notebook),
        label,
        started: run.started,
        duration: run.duration,
        ending: run.ending.clone(),
        read: paths(&run.evidence.files_read),
        written: paths(&run.evidence.files_written),
    }
}

/// Returns the files that runs read or wrote. Paths are only included if the bundle contains them too.
fn files(
    members: &PackageMembers,
    page: &PackagePage,
    place: &HistoryView<'_>,
    runs: &[(RunId, &Run)],
    tells_paths: bool,
) -> Vec<CrateFile> {
    let read = page.files.iter().map(|file| CrateFile {
        path: file.path.clone(),
        name: file.name.clone(),
        size: Some(file.size),
        member: members.inputs.get(&file.path).cloned(),
        note: match (&file.why, tells_paths) {
            (None, true) => format!("Read at {}", file.path),
            (None, false) => String::new(),
            (Some(why), true) => format!("Not in the package: {why}. Read at {}", file.path),
            (Some(why), false) => format!("Not in the package: {why}"),
        },
    });
    let mut told: Vec<CrateFile> = read.collect();
    if !tells_paths {
        return told;
    }
    let near = place.description.folder();
    for file in runs.iter().flat_map(|(_, run)| &run.evidence.files_written) {
        let is_hidden = file.path.split('/').any(|part| part.starts_with('.'));
        if is_hidden || file.is_of_environment() || told.iter().any(|known| known.path == file.path) {
            continue;
        }
        let path = Path::new(&file.path);
        let own = near
            .and_then(|near| path.strip_prefix(near).ok())
            .or(path.file_name().map(Path::new));
        told.push(CrateFile {
            path: file.path.clone(),
            name: text::clean(&own.unwrap_or(path).to_string_lossy()),
            size: file.size,
            member: None,
            note: "Written by a cell; not in the package".to_owned(),
        });
    }
    told
}
