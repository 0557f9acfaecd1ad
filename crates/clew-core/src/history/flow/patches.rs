//! Attributes that cells set in libraries. They are not part of a state, so they are compared by the evidence of the runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::{Evidence, first_word};
use crate::id::RunId;

/// Attributes that cells set in libraries, by name, and the environment variables that libraries read when cells used them, and
/// may have cached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patches {
    settings: BTreeMap<String, Setting>,
    /// The values of environment variables, by the library that read them and their name.
    kept: BTreeMap<(String, String), Option<String>>,
}

/// The value of an attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Setting {
    /// The value, if it is recorded.
    to: Option<String>,
    /// The runs that have since set it to values that are not recorded, in order. `None` represents a cell that has yet to run
    /// and may set another value than when it last ran.
    by: Vec<Option<RunId>>,
}

/// An environment variable that a library read and may have cached: the library and the variable, and the value.
pub(super) type LibraryEnvironment = ((String, String), Option<String>);

/// Returns the environment variables that libraries read during a run. Omits possible credentials, whose values are unknown.
pub(super) fn kept_by(evidence: &Evidence) -> impl Iterator<Item = LibraryEnvironment> + '_ {
    let all = evidence
        .kept
        .iter()
        .flat_map(|(library, names)| names.iter().map(move |name| (library, name)));
    all.filter_map(|(library, name)| {
        let value = evidence.variables.get(name)?;
        Some(((library.clone(), name.clone()), value.clone()))
    })
}

impl Patches {
    /// Adds the attributes that a run set in libraries, and the environment variables that libraries read during it.
    pub fn add(&mut self, evidence: &Evidence, run: RunId) {
        self.set(&evidence.patched, Some(run));
        self.keep(kept_by(evidence));
    }

    /// Adds the attributes that a pending cell will set, by the evidence of one of its runs. They are the same as in that `run`,
    /// if there is one. It is not yet known which environment variables libraries will read.
    pub fn await_run(&mut self, evidence: &Evidence, run: Option<RunId>) {
        self.set(&evidence.patched, run);
        self.kept.retain(|(library, name), _| {
            let names = evidence.kept.get(library);
            names.is_none_or(|names| !names.contains(name))
        });
    }

    pub(super) fn keep(&mut self, kept: impl IntoIterator<Item = LibraryEnvironment>) {
        self.kept.extend(kept);
    }

    /// Returns the environment variables that libraries read: the library, the variable and its value.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&str, &str, Option<&str>)> {
        let all = self.kept.iter();
        all.map(|((library, name), value)| (library.as_str(), name.as_str(), value.as_deref()))
    }

    /// Returns the value of a variable that a library read; `None` if it read none.
    pub(super) fn told(&self, library: &str, name: &str) -> Option<&Option<String>> {
        self.kept.get(&(library.to_owned(), name.to_owned()))
    }

    /// Adds attributes that a run set, in the format of the evidence: a name, or `NAME = VALUE`.
    pub(super) fn set<'a>(&mut self, entries: impl IntoIterator<Item = &'a String>, run: Option<RunId>) {
        for entry in entries {
            let (name, value) = named(entry);
            let setting = self.settings.entry(name.to_owned()).or_default();
            match value {
                Some(value) => {
                    *setting = Setting {
                        to: Some(value.to_owned()),
                        by: Vec::new(),
                    }
                }
                None if setting.by.last() == Some(&run) => {}
                None => setting.by.push(run),
            }
        }
    }

    /// Returns whether a cell set the attribute with this name.
    pub fn names(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// Returns the names of attributes that are not certainly the same in `other`. `set_same` returns whether two runs certainly
    /// set the same values.
    pub fn differing<'a>(
        &'a self,
        other: &'a Self,
        set_same: impl Fn(Option<RunId>, Option<RunId>) -> bool,
    ) -> BTreeSet<&'a str> {
        let are_same = |one: &Setting, other: &Setting| {
            let mut pairs = one.by.iter().zip(&other.by);
            one.to == other.to && one.by.len() == other.by.len() && pairs.all(|(one, other)| set_same(*one, *other))
        };
        let names = self.settings.keys().chain(other.settings.keys());
        let is_other = |name: &&String| match (self.settings.get(*name), other.settings.get(*name)) {
            (Some(one), Some(other)) => !are_same(one, other),
            _ => true,
        };
        names.filter(is_other).map(String::as_str).collect()
    }

    /// Returns the name in an entry of the evidence.
    pub fn name_of(entry: &str) -> &str {
        named(entry).0
    }
}

/// Returns the name and the value of an entry.
fn named(entry: &str) -> (&str, Option<&str>) {
    entry
        .split_once(" = ")
        .map_or((entry, None), |(name, value)| (name, Some(value)))
}

/// Represents threads and tasks that a cell started and that continued after it: they may have any effect while other cells run.
pub const THREADS: &str = "threads";

/// Returns whether an attribute affects cells that never name its library: how IPython shows and runs things, builtins and
/// settings of Python, encodings of texts and copying of objects, the time zone, contexts that were entered without a `with` that
/// exits them, and threads that run in the background.
pub(super) fn is_everywhere(name: &str) -> bool {
    name.starts_with('%')
        || name == "time.tzset"
        || matches!(
            first_word(name),
            "IPython" | "builtins" | "codecs" | "contextlib" | "copyreg" | "sys" | THREADS
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patches(entries: &[&str]) -> Patches {
        let mut patches = Patches::default();
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        patches.set(&entries, Some(run(1)));
        patches
    }

    fn run(number: u8) -> RunId {
        RunId::of(&[number])
    }

    const SAME: fn(Option<RunId>, Option<RunId>) -> bool = |one, other| one == other;

    #[test]
    fn the_last_value_counts_and_what_nobody_knows_is_doubted() {
        let one = patches(&["math.pi = 3", "math.pi = 4", "gc.disable"]);
        let other = patches(&["math.pi = 4", "gc.disable", "%precision = 3"]);
        assert_eq!(one.differing(&other, SAME), BTreeSet::from(["%precision"]));
        assert_eq!(
            one.differing(&other, |_, _| false),
            BTreeSet::from(["%precision", "gc.disable"])
        );
        let swapped = patches(&["math.pi = 4", "math.pi = 3", "gc.disable"]);
        assert_eq!(one.differing(&swapped, SAME), BTreeSet::from(["math.pi"]));
        assert_eq!(
            one.differing(&patches(&["math.pi", "gc.disable"]), SAME),
            BTreeSet::from(["math.pi"])
        );
    }

    #[test]
    fn all_runs_count_that_set_what_no_record_tells() {
        let entry = ["gc.disable".to_owned()];
        let mut one = patches(&["gc.disable"]);
        let mut other = one.clone();
        one.set(&entry, Some(run(2)));
        assert_eq!(one.differing(&other, SAME), BTreeSet::from(["gc.disable"]));
        other.set(&entry, Some(run(3)));
        assert_eq!(one.differing(&other, SAME), BTreeSet::from(["gc.disable"]));
        assert_eq!(one.differing(&other, |_, _| true), BTreeSet::new());
        // A later value replaces all values before it.
        let value = ["gc.disable = 1".to_owned()];
        one.set(&value, Some(run(4)));
        other.set(&value, None);
        assert_eq!(one.differing(&other, SAME), BTreeSet::new());
    }

    #[test]
    fn what_a_library_was_told_counts_until_a_cell_asks_anew() {
        let evidence = |value: Option<&str>| Evidence {
            variables: BTreeMap::from([("TZ".to_owned(), value.map(str::to_owned))]),
            // A variable without a value may contain a credential.
            kept: BTreeMap::from([("duckdb".to_owned(), vec!["TZ".to_owned(), "HIDDEN".to_owned()])]),
            ..Evidence::default()
        };
        let mut patches = Patches::default();
        patches.add(&evidence(Some("UTC")), run(1));
        assert_eq!(patches.kept().collect::<Vec<_>>(), [("duckdb", "TZ", Some("UTC"))]);
        patches.add(&evidence(None), run(2));
        assert_eq!(patches.told("duckdb", "TZ"), Some(&None));
        assert_eq!(patches.told("polars", "TZ"), None);
        patches.await_run(&evidence(None), Some(run(2)));
        assert_eq!(patches.told("duckdb", "TZ"), None);
    }

    #[test]
    fn what_ipython_does_and_the_time_zone_count_for_every_cell() {
        assert!(is_everywhere("time.tzset") && !is_everywhere("time.sleep"));
        assert!(is_everywhere("%precision") && is_everywhere("IPython.ast_node_interactivity"));
        assert!(is_everywhere("builtins.foo") && !is_everywhere("math.pi"));
    }
}
