//! What cells set in libraries: no state holds it, so it counts by what their records say of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Flow, Found, Outside};
use crate::format::{Ending, Run, first_word};
use crate::history::{Environments, State};
use crate::id::RunId;

/// What cells set in libraries, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patches(BTreeMap<String, Setting>);

/// To what something was set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Setting {
    /// To what the record tells.
    to: Option<String>,
    /// The runs that set it since to what no record tells, one after the other. `None` stands for a cell that is still to run and may set
    /// something else than when it last ran.
    by: Vec<Option<RunId>>,
}

impl Patches {
    /// Adds what a run set, as evidence has it: a name, or `NAME = VALUE`.
    pub fn set<'a>(&mut self, entries: impl IntoIterator<Item = &'a String>, run: Option<RunId>) {
        for entry in entries {
            let (name, value) = named(entry);
            let setting = self.0.entry(name.to_owned()).or_default();
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
        self.0.contains_key(name)
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
        let names = self.0.keys().chain(other.0.keys());
        let is_other = |name: &&String| match (self.0.get(*name), other.0.get(*name)) {
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

impl Flow<'_> {
    /// Whether two runs certainly set in libraries what they set to the same: they are of one source, and the one found all that the other had.
    pub(super) fn set_same(
        &self,
        one: RunId,
        other: RunId,
        environments: &Environments,
        outside: &dyn Outside,
    ) -> bool {
        one == other
            || self.known.are_same_setters((one, other), || {
                self.are_same_setters(one, other, environments, outside)
            })
    }

    fn are_same_setters(&self, one: RunId, other: RunId, environments: &Environments, outside: &dyn Outside) -> bool {
        let (Some(recorded), Some(run)) = (self.history.run(&one), self.history.run(&other)) else {
            return false;
        };
        // Each text has a salt of its own.
        let source = |run: &Run| run.source.and_then(|source| self.values.source(source));
        let has_ended = run.ending == Ending::Done && run.death.is_none();
        if !has_ended || source(recorded).is_none_or(|text| Some(text) != source(run)) {
            return false;
        }
        let Some(before) = self.place(other).before() else {
            return false;
        };
        let found = Found {
            state: State::clone(&self.history.state(before.run())),
            directory: run.evidence.directory.clone(),
            patched: self.patched(&before),
            overlooks_patches: false,
        };
        let obstacles = self.obstacles(&self.place(one), &found, environments, outside);
        obstacles.iter().all(|obstacle| obstacle.is_own_patch(recorded))
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
    fn what_ipython_does_and_the_time_zone_count_for_every_cell() {
        assert!(is_everywhere("time.tzset") && !is_everywhere("time.sleep"));
        assert!(is_everywhere("%precision") && is_everywhere("IPython.ast_node_interactivity"));
        assert!(is_everywhere("builtins.foo") && !is_everywhere("math.pi"));
    }
}
