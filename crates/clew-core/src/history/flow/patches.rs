//! What cells set in libraries: no state holds it, so it counts by what their records say of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::{Evidence, first_word};
use crate::id::RunId;

/// What cells set in libraries, by name, and what libraries were told of the environment when cells used them, which they may keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patches {
    settings: BTreeMap<String, Setting>,
    /// What environment variables were, by the library that asked for them and their name.
    kept: BTreeMap<(String, String), Option<String>>,
}

/// To what something was set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Setting {
    /// To what the record tells.
    to: Option<String>,
    /// The runs that set it since to what no record tells, one after the other. `None` stands for a cell that is still to run and may set
    /// something else than when it last ran.
    by: Vec<Option<RunId>>,
}

/// An environment variable that a library read and may have kept: the library and the variable, and the value.
pub(super) type LibraryEnvironment = ((String, String), Option<String>);

/// What libraries were told of the environment by a run. Of what may be a credential nobody knows the value, so it is left out.
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
    /// Adds what a run set in libraries, and what these were told of the environment by it.
    pub fn add(&mut self, evidence: &Evidence, run: RunId) {
        self.set(&evidence.patched, Some(run));
        self.keep(kept_by(evidence));
    }

    /// Adds what a cell will set that is still to run, by the evidence of a run of it: the same as that `run`, if there is one. Nobody knows yet
    /// what libraries will be told.
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

    /// What libraries were told: the library, the variable, and what that was.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&str, &str, Option<&str>)> {
        let all = self.kept.iter();
        all.map(|((library, name), value)| (library.as_str(), name.as_str(), value.as_deref()))
    }

    /// What a library was told of a variable; `None` if nothing.
    pub(super) fn told(&self, library: &str, name: &str) -> Option<&Option<String>> {
        self.kept.get(&(library.to_owned(), name.to_owned()))
    }

    /// Adds what a run set, as evidence has it: a name, or `NAME = VALUE`.
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

    /// Whether a cell set what goes by this name.
    pub fn names(&self, name: &str) -> bool {
        self.settings.contains_key(name)
    }

    /// Names of what is not certainly the same there. `set_same` says whether two runs certainly set what they set to the same.
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

    /// The name in an entry of evidence.
    pub fn name_of(entry: &str) -> &str {
        named(entry).0
    }
}

/// The name and the value of an entry.
fn named(entry: &str) -> (&str, Option<&str>) {
    entry
        .split_once(" = ")
        .map_or((entry, None), |(name, value)| (name, Some(value)))
}

/// Stands for threads and tasks that a cell began and that went on after it: they may do anything while others run.
pub const THREADS: &str = "threads";

/// Whether what is set there decides for cells that never name the library: how IPython shows and runs things, what Python has built in
/// and how it is set, how texts are encoded and objects copied, the time zone, what was entered without a `with` that leaves it, and what goes on beside them.
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
        // A later value hides what was before it.
        let value = ["gc.disable = 1".to_owned()];
        one.set(&value, Some(run(4)));
        other.set(&value, None);
        assert_eq!(one.differing(&other, SAME), BTreeSet::new());
    }

    #[test]
    fn what_a_library_was_told_counts_until_a_cell_asks_anew() {
        let evidence = |value: Option<&str>| Evidence {
            variables: BTreeMap::from([("TZ".to_owned(), value.map(str::to_owned))]),
            // A variable without a value may hold a credential.
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
