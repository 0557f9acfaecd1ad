//! Finds names and outputs that were bound again since the last look, without processing all of them by name.

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

/// The bindings at the last look.
#[derive(Default)]
pub(crate) struct BindingSnapshot {
    names: Bindings,
    outputs: Bindings,
    /// Whether the engine accepted the result of that look.
    is_settled: bool,
    /// The result of a look at all roots that the engine has not accepted yet. If the look is given up, the previous
    /// bindings stay valid: otherwise each interrupted idle look would make the next run look at everything.
    noted: Option<(Bindings, Bindings)>,
}

impl BindingSnapshot {
    /// Returns the bindings, if they were accepted, and marks them as not accepted, until the engine accepts them
    /// again.
    fn settled(&mut self) -> Option<&mut Self> {
        std::mem::take(&mut self.is_settled).then_some(self)
    }
}

impl KernelState {
    /// Discards the bindings, since other names may be recorded from now on: only a look at all roots finds them.
    pub fn unsettle(&mut self) {
        self.seen = BindingSnapshot::default();
    }

    /// Notes whether the engine accepted the last result.
    pub(super) fn settle(&mut self, is_taken_over: bool) {
        match (self.seen.noted.take(), is_taken_over) {
            (Some((names, outputs)), true) => (self.seen.names, self.seen.outputs) = (names, outputs),
            // The bindings before that look keep their status.
            (Some(_), false) => return,
            (None, _) => {}
        }
        self.seen.is_settled = is_taken_over;
    }
}

impl<'py> PythonKernel<'_, 'py> {
    /// Returns the outputs that the shell keeps, if it does.
    fn outputs(&self) -> PyResult<Option<Bound<'py, PyDict>>> {
        let kept = self.heap.namespace(self.py).get_item("_oh")?;
        Ok(kept.and_then(|kept| kept.cast_into_exact().ok()))
    }

    /// Notes the bindings of names and outputs that a look at all roots found.
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

    /// Returns roots that are bound to an object to which another root was just bound.
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
            // A credential among the outputs is not a root.
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

    /// Returns whether a name that is bound to `value` is the user's.
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
