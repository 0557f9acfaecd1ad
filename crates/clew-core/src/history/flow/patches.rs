//! What cells set in libraries: no state holds it, so it counts by what their records say of it.

use std::collections::{BTreeMap, BTreeSet};

use super::inputs::first_word;

/// What cells set in libraries, by name; with the value where the record tells that it was certainly set to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patches(BTreeMap<String, Option<String>>);

impl Patches {
    /// Adds what a run set, as evidence has it: a name, or `NAME = VALUE`.
    pub fn set<'a>(&mut self, entries: impl IntoIterator<Item = &'a String>) {
        for entry in entries {
            let (name, value) = named(entry);
            self.0.insert(name.to_owned(), value.map(str::to_owned));
        }
    }

    /// Whether a cell set what goes by this name.
    pub fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Names of what is not certainly the same there; of what both have without a value if it `is_doubted`.
    pub fn differing<'a>(&'a self, other: &'a Self, is_doubted: bool) -> BTreeSet<&'a str> {
        let names = self.0.keys().chain(other.0.keys());
        let is_other = |name: &&String| match (self.0.get(*name), other.0.get(*name)) {
            (Some(None), Some(None)) => is_doubted,
            (one, other) => one != other,
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
        patches.set(&entries);
        patches
    }

    #[test]
    fn the_last_value_counts_and_what_nobody_knows_is_doubted() {
        let one = patches(&["math.pi = 3", "math.pi = 4", "gc.disable"]);
        let other = patches(&["math.pi = 4", "gc.disable", "%precision = 3"]);
        assert_eq!(one.differing(&other, false), BTreeSet::from(["%precision"]));
        assert_eq!(
            one.differing(&other, true),
            BTreeSet::from(["%precision", "gc.disable"])
        );
        let swapped = patches(&["math.pi = 4", "math.pi = 3", "gc.disable"]);
        assert_eq!(one.differing(&swapped, false), BTreeSet::from(["math.pi"]));
        assert_eq!(
            one.differing(&patches(&["math.pi", "gc.disable"]), false),
            BTreeSet::from(["math.pi"])
        );
    }

    #[test]
    fn what_ipython_does_and_the_time_zone_count_for_every_cell() {
        assert!(is_everywhere("time.tzset") && !is_everywhere("time.sleep"));
        assert!(is_everywhere("%precision") && is_everywhere("IPython.ast_node_interactivity"));
        assert!(is_everywhere("builtins.foo") && !is_everywhere("math.pi"));
    }
}
