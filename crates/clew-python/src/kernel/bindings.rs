//! The objects to which names and outputs were bound at the last look, compared by pointer: checking ten thousand
//! names takes a tenth of a millisecond.
//!
//! A changed pointer shows that a name was bound again. An equal pointer does not prove the opposite: another object
//! may have the same address. Variables that a run may have touched are looked at anyway.

use clew_core::id::{Root, RootKind};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::raw::Object;

/// Whether an entry of a dict is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BindingStatus {
    /// It is a root.
    Recorded,
    /// It is excluded.
    KeptOut,
    /// It does not belong to the user.
    NotUsers,
}

struct Entry {
    /// Held, so that no other key can get its address.
    key: Py<PyAny>,
    value: usize,
    class: usize,
    standing: BindingStatus,
}

/// The entries of one dict, in its order.
#[derive(Default)]
pub(super) struct Bindings(Vec<Entry>);

/// An entry that is new or has another value.
pub(super) struct ChangedBinding<'py> {
    pub key: Bound<'py, PyAny>,
    pub value: Bound<'py, PyAny>,
    before: Option<BindingStatus>,
    at: usize,
}

/// The difference between two looks at the bindings.
#[derive(Default)]
pub(super) struct BindingDifference {
    /// Roots that are new or were bound again.
    pub roots: Vec<Root>,
    /// The objects to which these are bound.
    pub objects: Vec<Object>,
    /// Roots that are no longer bound.
    pub gone: Vec<Root>,
}

impl Bindings {
    /// Adds an entry; entries come in the dict's order.
    pub fn note(&mut self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, standing: BindingStatus) {
        self.0.push(Entry {
            key: key.clone().unbind(),
            value: value.as_ptr().addr(),
            class: value.get_type_ptr().addr(),
            standing,
        });
    }

    /// Returns the types and the objects to which recorded names are bound, by address.
    pub fn bound(&self) -> impl Iterator<Item = (usize, usize)> {
        let recorded = self.0.iter().filter(|entry| entry.standing == BindingStatus::Recorded);
        recorded.map(|entry| (entry.class, entry.value))
    }

    /// Takes over the entries of `dict`. Returns those that are new or have other values, whose status must be
    /// determined, and those that no longer exist. Runs no code.
    fn update<'py>(&mut self, dict: &Bound<'py, PyDict>) -> (Vec<ChangedBinding<'py>>, Vec<Entry>) {
        let mut changed = Vec::new();
        let mut gone: FxHashMap<usize, Entry> = FxHashMap::default();
        let mut is_in_order = true;
        for (at, (key, value)) in dict.iter().enumerate() {
            if is_in_order && self.0.get(at).is_none_or(|entry| !entry.key.is(&key)) {
                // From here on, entries were added or removed.
                is_in_order = false;
                let rest = self.0.drain(at.min(self.0.len())..);
                gone = rest.map(|entry| (entry.key.as_ptr().addr(), entry)).collect();
            }
            let address = value.as_ptr().addr();
            if is_in_order {
                let entry = &mut self.0[at];
                if entry.value != address {
                    entry.value = address;
                    entry.class = value.get_type_ptr().addr();
                    let before = Some(entry.standing);
                    changed.push(ChangedBinding { key, value, before, at });
                }
                continue;
            }
            let before = gone.remove(&key.as_ptr().addr());
            let standing = before.as_ref().map(|entry| entry.standing);
            let is_same = before.is_some_and(|entry| entry.value == address);
            self.note(&key, &value, standing.unwrap_or(BindingStatus::NotUsers));
            if !is_same {
                changed.push(ChangedBinding {
                    key,
                    value,
                    before: standing,
                    at,
                });
            }
        }
        let mut left: Vec<Entry> = gone.into_values().collect();
        if is_in_order {
            left.extend(self.0.drain(dict.len().min(self.0.len())..));
        }
        left.retain(|entry| entry.standing != BindingStatus::NotUsers);
        (changed, left)
    }

    /// Returns roots that are bound to one of these objects, given by address.
    pub fn bound_to(&self, py: Python<'_>, kind: RootKind, objects: &FxHashSet<u64>) -> PyResult<Vec<Root>> {
        let recorded = self.0.iter().filter(|entry| entry.standing == BindingStatus::Recorded);
        let alike = recorded.filter(|entry| objects.contains(&(entry.value as u64)));
        alike.map(|entry| root_of(kind, entry.key.bind(py))).collect()
    }

    /// Returns the differences between `dict` and the noted entries, and updates these; `None` if an excluded entry
    /// was added, changed or removed. `judge` returns the status of an entry.
    pub fn compare<'py>(
        &mut self,
        dict: &Bound<'py, PyDict>,
        kind: RootKind,
        mut judge: impl FnMut(&ChangedBinding<'py>) -> PyResult<BindingStatus>,
    ) -> PyResult<Option<BindingDifference>> {
        let (changed, gone) = self.update(dict);
        let mut difference = BindingDifference::default();
        if gone.iter().any(|entry| entry.standing == BindingStatus::KeptOut) {
            return Ok(None);
        }
        for entry in gone {
            difference.gone.push(root_of(kind, entry.key.bind(dict.py()))?);
        }
        for one in &changed {
            let standing = judge(one)?;
            self.0[one.at].standing = standing;
            match (one.before, standing) {
                (Some(BindingStatus::KeptOut), _) | (_, BindingStatus::KeptOut) => return Ok(None),
                (_, BindingStatus::Recorded) => {
                    difference.roots.push(root_of(kind, &one.key)?);
                    difference.objects.push(Object::of(&one.value));
                }
                (Some(BindingStatus::Recorded), BindingStatus::NotUsers) => {
                    difference.gone.push(root_of(kind, &one.key)?);
                }
                (_, BindingStatus::NotUsers) => {}
            }
        }
        Ok(Some(difference))
    }
}

fn root_of(kind: RootKind, key: &Bound<'_, PyAny>) -> PyResult<Root> {
    Ok(Root::new(kind, key.str()?.extract::<String>()?))
}
