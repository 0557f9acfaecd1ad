//! Which names and outputs were bound anew since the session was last looked at, without going through all of them by name.

use std::collections::BTreeSet;

use clew_core::graph::Heap;
use clew_core::id::{Root, RootKind};
use clew_core::kernel::BindingChanges;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyDictMethods, PyInt, PyString};

use super::bindings::{BindingDifference, BindingStatus, Bindings, ChangedBinding};
use super::names::UserNames;
use super::{KernelState, PythonKernel};
use crate::raw::Object;

/// The bindings when the session was last looked at.
#[derive(Default)]
pub(crate) struct BindingSnapshot {
    names: Bindings,
    outputs: Bindings,
    /// Whether the engine took over what that look found.
    is_settled: bool,
    /// What a look at everything found that the engine did not speak of yet. Where it is given up, what was known before
    /// holds on: else each idle look that is cut short would cost the next run a look at everything.
    noted: Option<(Bindings, Bindings)>,
}

impl BindingSnapshot {
    /// What was bound, if that was taken over. It is not from here on, until the engine says so.
    fn settled(&mut self) -> Option<&mut Self> {
        std::mem::take(&mut self.is_settled).then_some(self)
    }
}

impl KernelState {
    /// What may be recorded is another from now on: only a look at everything tells.
    pub fn unsettle(&mut self) {
        self.seen = BindingSnapshot::default();
    }

    /// The engine took over what it was shown last, or did not.
    pub(super) fn settle(&mut self, is_taken_over: bool) {
        match (self.seen.noted.take(), is_taken_over) {
            (Some((names, outputs)), true) => (self.seen.names, self.seen.outputs) = (names, outputs),
            // What was taken over before that look, or was not, stays so.
            (Some(_), false) => return,
            (None, _) => {}
        }
        self.seen.is_settled = is_taken_over;
    }
}

impl<'py> PythonKernel<'_, 'py> {
    /// The outputs that the shell keeps, if it does.
    fn outputs(&self) -> PyResult<Option<Bound<'py, PyDict>>> {
        let kept = self.heap.namespace(self.py).get_item("_oh")?;
        Ok(kept.and_then(|kept| kept.cast_into_exact().ok()))
    }

    /// Notes what names and outputs are bound to, as a look at everything found them.
    pub(super) fn note_bindings(&mut self, names: &UserNames<'py>, outputs: &BTreeSet<String>) -> PyResult<()> {
        let (mut bound, mut put_out) = (Bindings::default(), Bindings::default());
        let mut recorded = names.recorded.iter().map(|(name, _)| name.as_str()).peekable();
        let withheld: BTreeSet<&str> = self.state.withheld.iter().map(|kept| kept.root.key.as_str()).collect();
        for (key, value) in self.heap.namespace(self.py).iter() {
            let name = key.cast::<PyString>().ok().and_then(|name| name.to_str().ok());
            let standing = match name {
                Some(name) if withheld.contains(name) => BindingStatus::KeptOut,
                Some(name) if recorded.next_if_eq(&name).is_some() => BindingStatus::Recorded,
                _ => BindingStatus::NotUsers,
            };
            bound.note(&key, &value, standing);
        }
        for (key, value) in self.outputs()?.iter().flat_map(PyDictMethods::iter) {
            let is_root = key.is_exact_instance_of::<PyInt>() && outputs.contains(&key.str()?.extract::<String>()?);
            let standing = if is_root {
                BindingStatus::Recorded
            } else {
                BindingStatus::NotUsers
            };
            put_out.note(&key, &value, standing);
        }
        self.heap.bind_values(bound.bound().chain(put_out.bound()));
        self.state.seen.noted = Some((bound, put_out));
        Ok(())
    }

    pub(super) fn try_rebound(&mut self) -> PyResult<Option<BindingChanges<Object>>> {
        if self.state.shell.is_none() || self.state.seen.settled().is_none() {
            return Ok(None);
        }
        let mut seen = std::mem::take(&mut self.state.seen);
        let names = self.rebound_names(&mut seen.names)?;
        let outputs = self.rebound_outputs(&mut seen.outputs)?;
        let may_join = self.heap.bind_values(seen.names.bound().chain(seen.outputs.bound()));
        self.state.seen = seen;
        if may_join {
            return Ok(None);
        }
        let (Some(names), Some(outputs)) = (names, outputs) else {
            return Ok(None);
        };
        let alike = self.alike(&names, &outputs)?;
        let others = self.others(false)?;
        let mut roots = Vec::with_capacity(others.len());
        for (root, value) in others {
            let object = Object::of(&value);
            self.heap.keep(object);
            roots.push((root, object));
        }
        Ok(Some(BindingChanges {
            roots: names.roots.into_iter().chain(outputs.roots).collect(),
            alike,
            gone: names.gone.into_iter().chain(outputs.gone).collect(),
            others: roots,
        }))
    }

    /// Roots that are bound to an object that another was just bound to.
    fn alike(&self, names: &BindingDifference, outputs: &BindingDifference) -> PyResult<Vec<Root>> {
        let anew = names.objects.iter().chain(&outputs.objects);
        let objects = anew
            .filter(|object| self.heap.binds(**object))
            .map(|object| self.heap.address(*object))
            .collect();
        let seen = &self.state.seen;
        let mut alike = seen.names.bound_to(self.py, RootKind::Name, &objects)?;
        alike.extend(seen.outputs.bound_to(self.py, RootKind::Out, &objects)?);
        Ok(alike)
    }

    fn rebound_names(&mut self, bindings: &mut Bindings) -> PyResult<Option<BindingDifference>> {
        let namespace = self.heap.namespace(self.py);
        let is_excluded = self.state.exclusion();
        let mut search = self.search()?;
        bindings.compare(&namespace, RootKind::Name, |one| {
            let Ok(name) = one.key.cast_exact::<PyString>() else {
                return Ok(BindingStatus::NotUsers);
            };
            if !self.is_users(name, &one.value)? {
                return Ok(BindingStatus::NotUsers);
            }
            let name = name.to_str()?;
            let is_kept_out = is_excluded(name)
                || self.state.may_be_echo(&Root::name(name), &one.value)
                || self.secret(&mut search, name, &one.value)?.is_some();
            Ok(if is_kept_out {
                BindingStatus::KeptOut
            } else {
                BindingStatus::Recorded
            })
        })
    }

    fn rebound_outputs(&mut self, bindings: &mut Bindings) -> PyResult<Option<BindingDifference>> {
        let Some(outputs) = self.outputs()? else {
            return Ok(None);
        };
        let mut search = self.search()?;
        bindings.compare(&outputs, RootKind::Out, |one: &ChangedBinding<'py>| {
            let key = one.key.cast_exact::<PyInt>();
            // What is kept out of these is no root.
            if key.is_err() || self.secret(&mut search, "", &one.value)?.is_some() {
                return Ok(BindingStatus::NotUsers);
            }
            let root = Root::new(RootKind::Out, one.key.str()?.extract::<String>()?);
            Ok(if self.state.may_be_echo(&root, &one.value) {
                BindingStatus::KeptOut
            } else {
                BindingStatus::Recorded
            })
        })
    }

    /// Whether a name that is bound to `value` is the user's.
    fn is_users(&self, name: &Bound<'py, PyString>, value: &Bound<'py, PyAny>) -> PyResult<bool> {
        let shell = self.state.shell.as_ref().map(|shell| shell.bind(self.py));
        self.roots_module()?
            .call_method1("is_users", (shell, name, value))?
            .extract()
    }

    pub(super) fn try_some_roots(&mut self, roots: &BTreeSet<Root>) -> PyResult<Option<Vec<(Root, Object)>>> {
        let (namespace, outputs) = (self.heap.namespace(self.py), self.outputs()?);
        let mut found = Vec::new();
        let mut search = self.search()?;
        for root in roots {
            let value = match root.kind {
                RootKind::Name => namespace.get_item(&root.key)?,
                RootKind::Out => match (&outputs, root.key.parse::<u64>()) {
                    (Some(outputs), Ok(number)) => outputs.get_item(number)?,
                    _ => None,
                },
                _ => None,
            };
            let Some(value) = value else { continue };
            if let Some(kept) = self.state.withheld.iter().find(|kept| kept.root == *root) {
                if !self.state.is_marked(kept, &value) {
                    return Ok(None);
                }
                continue;
            }
            if root.kind == RootKind::Name && self.secret(&mut search, &root.key, &value)?.is_some() {
                return Ok(None);
            }
            found.push((root.clone(), Object::of(&value)));
        }
        Ok(Some(found))
    }
}
