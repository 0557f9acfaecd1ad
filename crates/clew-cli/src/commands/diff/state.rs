//! Compares the variables of two states from stored data: which differ, and how their values differ.

use clew_core::format::{Body, Encoding, Manifest};
use clew_core::graph::is_output;
use clew_core::history::State;
use clew_core::id::{Root, RootKind, RunId};
use clew_value::compare::{Detail, EQUAL, compare};
use clew_value::{ReadLimits, StoredValue};
use serde::Serialize;

use super::super::vars::{Variable, variable};
use crate::changes::Changes;
use crate::history_view::{HistoryView, RecordReader};

/// The most bytes of a stream segment.
const SEGMENT: u64 = 1 << 20;
/// The most bytes that all values of one diff may read together.
const TOGETHER: u64 = 512 << 20;

/// The note for an unchanged value in a group that changed.
const SHARED: &str = "equal in value; it shares objects with variables that differ";

/// The note for a variable whose class changed.
const CLASS: &str = "the same class; its contents differ";

/// The difference of one variable between two states.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VariableDifference {
    /// `added`, `changed` or `removed`.
    pub change: &'static str,
    /// The variable at the older run.
    pub before: Option<Variable>,
    /// The variable at the newer run.
    pub after: Option<Variable>,
    /// The difference between the values.
    pub detail: Option<Detail>,
}

impl VariableDifference {
    /// Returns the root after the change, else before it.
    pub fn variable(&self) -> Option<&Variable> {
        self.after.as_ref().or(self.before.as_ref())
    }

    /// Whether it is a variable.
    pub fn is_name(&self) -> bool {
        self.is_of(RootKind::Name)
    }

    /// Whether it is of this kind.
    pub fn is_of(&self, kind: RootKind) -> bool {
        self.variable().is_some_and(|variable| variable.root.kind == kind)
    }
}

/// Returns the roots that differ between two states, with the differences of variables' values. A class that was changed in place is listed
/// by name.
pub fn state(
    from: RunId,
    to: RunId,
    names: &[String],
    is_deep: bool,
    place: &HistoryView<'_>,
) -> Vec<VariableDifference> {
    let (before, after) = (place.history.state(from), place.history.state(to));
    let changes = Changes::between(&before, &after).with_names_of_classes(&after, place);
    let words = [
        ("added", &changes.added),
        ("changed", &changes.changed),
        ("removed", &changes.removed),
    ];
    let pairs = words
        .into_iter()
        .flat_map(|(word, roots)| roots.iter().map(move |root| (word, root)));
    let mut reading = DetailReader {
        before: &before,
        after: &after,
        place,
        limits: limits(from, to, is_deep, place),
        left: if is_deep { u64::MAX } else { TOGETHER },
    };
    let mut found: Vec<VariableDifference> = pairs
        .filter(|(_, root)| names.is_empty() || names.contains(&root.to_string()))
        .filter(|(change, root)| *change != "changed" || !is_only_shown(root, &before, &after, place))
        .map(|(change, root)| VariableDifference {
            change,
            before: variable(root, from, &before, place),
            after: variable(root, to, &after, place),
            detail: (change == "changed" && root.kind == RootKind::Name).then(|| reading.detail(root)),
        })
        .collect();
    found.sort_by(|one, two| {
        one.variable()
            .map(|one| &one.root)
            .cmp(&two.variable().map(|two| &two.root))
    });
    found
}

/// Returns how much of each value is read. Limited for untrusted values.
fn limits(from: RunId, to: RunId, is_deep: bool, place: &HistoryView<'_>) -> ReadLimits {
    let is_trusted = !place.history.is_untrusted(&from) && !place.history.is_untrusted(&to);
    if is_deep && is_trusted {
        ReadLimits::deep()
    } else {
        ReadLimits::default()
    }
}

/// A reader that compares the values of two states in detail.
struct DetailReader<'a, 'p> {
    before: &'a State,
    after: &'a State,
    place: &'a HistoryView<'p>,
    limits: ReadLimits,
    /// Bytes that may still be read for all variables together.
    left: u64,
}

impl DetailReader<'_, '_> {
    fn detail(&mut self, root: &Root) -> Detail {
        self.compared(root).unwrap_or_else(|why| Detail::Unread { why })
    }

    /// Returns the difference of a root's values; or why they cannot be compared.
    fn compared(&mut self, root: &Root) -> Result<Detail, String> {
        let (one, two) = (
            manifest(self.before, root, self.place),
            manifest(self.after, root, self.place),
        );
        let (one, two) = (one?, two?);
        if one.fingerprint == two.fingerprint && one.is_class(root) {
            return Ok(Detail::Same { note: CLASS.to_owned() });
        }
        let is_alike = one.alone(root).is_some() && one.alone(root) == two.alone(root);
        if one.fingerprint == two.fingerprint || is_alike {
            return Ok(Detail::Same {
                note: SHARED.to_owned(),
            });
        }
        let limits = ReadLimits {
            memory_bytes: self.limits.memory_bytes.min(self.left),
            ..self.limits
        };
        let records = self.place.records;
        let (was, is) = (encoding(&one)?, encoding(&two)?);
        let streams = (stream(was, records, &limits)?, stream(is, records, &limits)?);
        let classes = (
            |id: &str| class_name(id, self.before, self.place),
            |id: &str| class_name(id, self.after, self.place),
        );
        let open =
            |bytes, encoding, roots, classes| StoredValue::open(bytes, encoding, roots, records, classes, &limits);
        let before = open(&streams.0, was, one.roots.len(), &classes.0).map_err(|error| error.to_string())?;
        let after = open(&streams.1, is, two.roots.len(), &classes.1).map_err(|error| error.to_string())?;
        let nth = |manifest: &Manifest| manifest.roots.iter().position(|other| other == root);
        let views = (
            nth(&one).and_then(|nth| before.root(nth)),
            nth(&two).and_then(|nth| after.root(nth)),
        );
        let (Some(first), Some(second)) = views else {
            return Err("its record does not contain it".to_owned());
        };
        let detail = compare(first, second, &limits);
        let read = (limits.memory_bytes - before.left()).saturating_add(limits.memory_bytes - after.left());
        self.left = self.left.saturating_sub(read);
        Ok(shared(detail, one.roots.len().max(two.roots.len()) > 1))
    }
}

/// Adjusts the note of an unchanged value in a group with a changed one.
fn shared(detail: Detail, has_others: bool) -> Detail {
    match detail {
        Detail::Same { note } if has_others && note == EQUAL => Detail::Same {
            note: SHARED.to_owned(),
        },
        detail => detail,
    }
}

/// Whether only outputs were added to or removed from a variable's group, as by a cell that displays it.
fn is_only_shown(root: &Root, before: &State, after: &State, place: &HistoryView<'_>) -> bool {
    let (Ok(one), Ok(two)) = (manifest(before, root, place), manifest(after, root, place)) else {
        return false;
    };
    // Among several variables the sharing may differ although the values are equal.
    let is_alone = |manifest: &Manifest| manifest.roots.iter().all(|other| other == root || is_output(other));
    let has_outputs = one.roots.len() + two.roots.len() > 2;
    let alone = one.alone(root);
    has_outputs && is_alone(&one) && is_alone(&two) && alone.is_some() && alone == two.alone(root)
}

fn manifest(state: &State, root: &Root, place: &HistoryView<'_>) -> Result<Manifest, String> {
    let version = state.version(root).ok_or("it is not there")?;
    place
        .records
        .manifest(&version.manifest)
        .map_err(|error| error.to_string())
}

fn encoding(manifest: &Manifest) -> Result<&Encoding, String> {
    match &manifest.body {
        Body::Encoded(encoding) => Ok(encoding),
        Body::Recipe { why, .. } | Body::None { why } | Body::Withheld { why } => {
            Err(format!("its value is not stored: {why}"))
        }
    }
}

fn stream(encoding: &Encoding, records: &dyn RecordReader, limits: &ReadLimits) -> Result<Vec<u8>, String> {
    let most = (encoding.stream.len() as u64).saturating_mul(SEGMENT);
    if most > limits.stream_bytes.saturating_add(SEGMENT) {
        return Err(format!(
            "its objects take up to {}, which is only read with `--deep`",
            crate::text::bytes(most)
        ));
    }
    records.stream(&encoding.stream).map_err(|error| error.to_string())
}

/// Returns the name of a notebook's class, from the summary of its definition.
fn class_name(id: &str, state: &State, place: &HistoryView<'_>) -> Option<String> {
    let root = Root {
        kind: RootKind::Definition,
        key: id.to_owned(),
    };
    let manifest = manifest(state, &root, place).ok()?;
    let nth = manifest.roots.iter().position(|other| *other == root)?;
    let text = &manifest.summaries.get(nth)?.text;
    Some(text.strip_prefix("class ").unwrap_or(text).to_owned()).filter(|name| !name.is_empty())
}
