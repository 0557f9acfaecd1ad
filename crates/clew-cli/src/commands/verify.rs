//! `clew verify`: checks that all saved data exists and is intact.

use std::collections::BTreeSet;

use clew_core::format::{Body, Encoding, Manifest, Run, Version};
use clew_core::id::{ManifestId, RunId};
use clew_core::store::StoreError;
use serde::Serialize;

use crate::command_info::{CommandCall, CommandInfo};
use crate::context::Context;
use crate::history_view::{HistoryView, RecordReader};
use crate::page::Page;
use crate::problem::Exit;
use crate::rollback_check;
use crate::text;

/// Check that everything saved is there and unchanged.
///
/// Clew always checks all signatures, all records and the description of every stored value. The command changes nothing.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Also read the data of every stored value, and check its hash
    #[arg(long)]
    pub read_data: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "verify",
    examples: &[("verify --read-data", "read and check all data of the history")],
    calls: &[CommandCall::new("verify", "verify()", "Verified")],
    ..CommandInfo::DEFAULT
};

/// A missing or corrupted item.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Finding {
    /// The run or the file.
    place: String,
    /// The problem.
    what: String,
    /// Variables that cannot be restored because of it.
    affects: Vec<String>,
}

/// The result of `verify`.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verify {
    /// The name of the history.
    history: String,
    /// The number of checked operations.
    operations: usize,
    /// The number of checked runs.
    runs: usize,
    /// The number of checked values.
    values: usize,
    /// The number of values that `forget` deleted.
    forgotten: usize,
    /// The number of values that `gc` deleted, by your retention rules.
    dropped: usize,
    /// The number of values that a planned push did not send.
    left_out: usize,
    /// The number of bytes that were read.
    bytes_read: u64,
    /// Whether all data was read: `--read-data`.
    is_data_read: bool,
    /// Missing or corrupted items.
    findings: Vec<Finding>,
    /// Runs to which you cannot switch, because an earlier record is missing.
    unreachable: Vec<String>,
    /// Parts of the history that Clew saw before and that are missing now. The rest is not corrupted.
    rolled_back: Vec<String>,
}

/// Checks a history.
pub fn verify(arguments: &Arguments, place: &HistoryView<'_>) -> Verify {
    let mut verify = Verify {
        history: place.name(),
        operations: place.history.operations().len(),
        is_data_read: arguments.read_data,
        rolled_back: place.setbacks.iter().map(ToString::to_string).collect(),
        ..Verify::default()
    };
    for damage in place.damage {
        verify.find(damage.path.display().to_string(), damage.what.clone(), Vec::new());
    }
    let is_unreachable = |id: &RunId| place.history.missing_ancestor(*id).is_some();
    let unreachable = place.history.runs().map(|(id, _)| id).filter(|id| is_unreachable(id));
    verify.unreachable = unreachable.map(|id| place.history.label(id)).collect();
    let mut seen = BTreeSet::new();
    let mut failed = Vec::new();
    for (_, run) in place.history.runs() {
        failed.extend(verify.check_run(run, place, &mut seen));
    }
    if !failed.is_empty() {
        // Data that was forgotten during the check is not corrupted.
        place.records.note_what_went(place.id);
        for (run, version) in failed {
            if let Err(error) = verify.check_version(version, place.records) {
                let affects = version.roots.iter().map(ToString::to_string).collect();
                verify.find(format!("run {}", run.label()), error.to_string(), affects);
            }
        }
    }
    verify
}

impl Verify {
    fn find(&mut self, place: String, what: String, affects: Vec<String>) {
        self.findings.push(Finding { place, what, affects });
    }

    /// Checks a run; returns the values that failed, to be checked again.
    fn check_run<'r>(
        &mut self,
        run: &'r Run,
        place: &HistoryView<'_>,
        seen: &mut BTreeSet<ManifestId>,
    ) -> Vec<(&'r Run, &'r Version)> {
        self.runs += 1;
        let label = || format!("run {}", run.label());
        let mut failed = Vec::new();
        for blob in run.texts() {
            if let Err(error) = place.records.text(blob) {
                self.find(label(), format!("its source or output: {error}"), Vec::new());
            }
        }
        if run.parent.is_some_and(|parent| place.history.run(&parent).is_none()) {
            self.find(label(), "The run before it is missing".to_owned(), Vec::new());
        }
        for version in run.changed.iter().chain(run.full.iter().flatten()) {
            if !seen.insert(version.manifest) {
                continue;
            }
            self.values += 1;
            if self.check_version(version, place.records).is_err() {
                failed.push((run, version));
            }
        }
        failed
    }

    /// Checks a value; one that the user had deleted is fine.
    fn check_version(&mut self, version: &Version, records: &dyn RecordReader) -> Result<(), StoreError> {
        let checked = self.check_value(version.manifest, records);
        match checked.map_err(|error| records.excused(&version.manifest, error)) {
            Err(StoreError::Dropped { .. }) => self.dropped += 1,
            Err(StoreError::LeftOut { .. }) => self.left_out += 1,
            Err(StoreError::Forgotten { .. }) => self.forgotten += 1,
            other => return other,
        }
        Ok(())
    }

    fn check_value(&mut self, id: ManifestId, records: &dyn RecordReader) -> Result<(), StoreError> {
        match records.manifest(&id)? {
            Manifest {
                body: Body::Encoded(encoding),
                ..
            } => self.check_encoding(&encoding, records),
            _ => Ok(()),
        }
    }

    fn check_encoding(&mut self, encoding: &Encoding, records: &dyn RecordReader) -> Result<(), StoreError> {
        for stream in [&encoding.stream, &encoding.asides] {
            self.bytes_read += records.pieces(stream)?;
        }
        if self.is_data_read {
            for extent in &encoding.extents {
                self.bytes_read += records.extent(extent)?;
            }
        }
        Ok(())
    }

    fn left_out_text(&self, context: &Context) -> String {
        if self.left_out == 0 {
            return String::new();
        }
        let (values, resume) = (text::count(self.left_out, "value"), context.command("resume"));
        format!(
            "Left out by a planned push: {values}, recreated by {resume}, or sent by `clew push` from the machine that recorded them.\n"
        )
    }

    fn setbacks_text(&self, context: &Context) -> String {
        if self.rolled_back.is_empty() {
            return String::new();
        }
        let lines: String = self.rolled_back.iter().map(|told| format!("  {told}\n")).collect();
        format!("{lines}Next: {}\n", rollback_check::setbacks_hint(context))
    }

    /// Formats `runs 6 to 23` if the numbers are consecutive, else a list.
    fn unreachable_runs(&self) -> String {
        let numbers: Vec<u64> = self.unreachable.iter().filter_map(|label| label.parse().ok()).collect();
        let is_row = numbers.len() == self.unreachable.len() && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
        match (numbers.as_slice(), is_row) {
            ([first, _, .., last], true) => format!("runs {first} to {last}"),
            _ => text::runs(&self.unreachable),
        }
    }

    /// Formats which states can still be restored, and which cannot.
    fn unreachable_text(&self, context: &Context) -> String {
        if self.unreachable.is_empty() {
            return "All other states can still be restored. ".to_owned();
        }
        let restore = context.command("restore RUN -- NAME");
        format!(
            "Cannot be restored because an earlier record is missing: {}. {restore} restores what later runs changed. All other states can be restored.\n",
            self.unreachable_runs()
        )
    }
}

impl Page for Verify {
    fn text(&self, context: &Context) -> String {
        let mut forgotten = match self.forgotten {
            0 => String::new(),
            number => format!(", {number} of them forgotten"),
        };
        if self.dropped > 0 {
            forgotten += &format!(", {} of them deleted by gc", self.dropped);
        }
        let left_out = self.left_out_text(context);
        let checked = format!(
            "{}, {}, {}{forgotten} ({} read)",
            text::count(self.operations, "operation"),
            text::count(self.runs, "run"),
            text::count(self.values, "value"),
            text::bytes(self.bytes_read)
        );
        let setbacks = self.setbacks_text(context);
        if self.findings.is_empty() && !self.rolled_back.is_empty() {
            let name = text::clean(&self.history);
            return format!(
                "{name} is not corrupted, but something that you saw in it is missing: {checked}.\n{left_out}{setbacks}"
            );
        }
        if self.findings.is_empty() {
            let more = if self.is_data_read {
                String::new()
            } else {
                format!(" {} also reads all data.", context.command("verify --read-data"))
            };
            return format!("{} is intact: {checked}.{more}\n{left_out}", text::clean(&self.history));
        }
        let mut text = format!(
            "{} is corrupted in {}: checked {checked}.\n",
            text::clean(&self.history),
            text::count(self.findings.len(), "place")
        );
        for finding in &self.findings {
            let affected = match finding.affects.as_slice() {
                [] => String::new(),
                names => format!(" (affects {})", text::listing(names, 5)),
            };
            text += &text::clean(&format!("  {}: {}{affected}\n", finding.place, finding.what));
        }
        text += &left_out;
        text += &setbacks;
        text += &self.unreachable_text(context);
        text += "Nothing was changed.\n";
        text
    }

    /// A rolled-back history is intact, but incomplete: something is missing, and nothing is corrupted.
    fn exit(&self) -> Exit {
        match (self.findings.is_empty(), self.rolled_back.is_empty()) {
            (false, _) => Exit::Damaged,
            (true, false) => Exit::Inexact,
            (true, true) => Exit::Done,
        }
    }
}
