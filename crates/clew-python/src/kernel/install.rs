//! An install: all changes at once; and the release of replaced objects after it.

use std::collections::BTreeMap;

use clew_core::id::{Root, RootKind};
use clew_core::kernel::{InstallReport, KernelError, RootChange};
use pyo3::exceptions::{PyKeyError, PyKeyboardInterrupt, PyMemoryError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustc_hash::FxHashMap;

use super::PythonKernel;
use crate::build::install_definition;
use crate::cause::PythonCause;
use crate::exceptions::kernel_error;
use crate::raw::Object;
use crate::raw::interrupt_guard::Hold;

impl PythonKernel<'_, '_> {
    fn apply(&mut self, root: &Root, change: RootChange<Object>) -> PyResult<Option<Py<PyAny>>> {
        let value = match change {
            RootChange::Bind(object) => Some(object.bound(self.py)),
            RootChange::Unbind => None,
        };
        match root.kind {
            RootKind::Name => {
                let namespace = self.heap.namespace(self.py);
                let old = namespace.get_item(&root.key)?.map(Bound::unbind);
                match value {
                    Some(value) => namespace.set_item(&root.key, value)?,
                    None if old.is_some() => {
                        namespace.del_item(&root.key)?;
                        self.give_back_to_shell(&root.key)?;
                    }
                    None => {}
                }
                Ok(old)
            }
            RootKind::Definition => {
                // A definition is removed only if nothing refers to it any more: there is nothing to do.
                if let (RootChange::Bind(_), Some(built)) = (change, self.definitions.get(&root.key)) {
                    self.put_back.extend(install_definition(self.py, built)?);
                }
                Ok(None)
            }
            kind => {
                let Some(shell) = &self.state.shell else {
                    return Ok(None);
                };
                let module = self.roots_module()?;
                let value = match value {
                    Some(value) => value,
                    None => module.getattr("MISSING")?,
                };
                module.call_method1("install", (shell, kind.word(), &root.key, value))?;
                Ok(None)
            }
        }
    }

    /// Binds a name of the shell or of its module, which the user had overwritten, to the shell's own value.
    fn give_back_to_shell(&self, name: &str) -> PyResult<()> {
        let is_modules = matches!(name, "__name__" | "__doc__" | "__package__");
        if !is_modules && !matches!(name, "exit" | "quit" | "get_ipython" | "open") {
            return Ok(());
        }
        let hidden = self
            .state
            .shell
            .as_ref()
            .map(|shell| shell.bind(self.py).getattr("user_ns_hidden"));
        match hidden.transpose()?.map(Bound::cast_into::<PyDict>) {
            Some(Ok(hidden)) => match hidden.get_item(name)? {
                Some(value) => self.heap.namespace(self.py).set_item(name, value),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Installs directory, environment or search path before all other changes, since imports need them.
    pub(super) fn enter_context(&mut self, roots: &[Root], objects: &[Object]) -> PyResult<()> {
        let live: BTreeMap<Root, Object> = self.try_roots()?.into_iter().collect();
        for (root, object) in roots.iter().zip(objects) {
            let old = live.get(root).map(|old| old.bound(self.py).unbind());
            self.apply(root, RootChange::Bind(*object))?;
            self.context.push((root.clone(), old));
        }
        Ok(())
    }

    /// Binds unbound names for code that reads them while a value is built.
    pub(super) fn lend_names(&mut self, names: &[(Root, Object)]) -> PyResult<()> {
        let namespace = self.heap.namespace(self.py);
        for (root, object) in names {
            if !namespace.contains(&root.key)? {
                namespace.set_item(&root.key, object.bound(self.py))?;
                self.lent.push(root.key.clone());
            }
        }
        Ok(())
    }

    pub(super) fn take_names_back(&mut self) {
        let namespace = self.heap.namespace(self.py);
        for name in std::mem::take(&mut self.lent) {
            // Code that ran for a value may have deleted the name itself.
            if let Err(error) = namespace.del_item(&name)
                && !error.is_instance_of::<PyKeyError>(self.py)
            {
                error.write_unraisable(self.py, None);
            }
        }
    }

    /// Rolls back what was applied, newest first. Returns the failures.
    fn roll_back(
        &mut self,
        applied: Vec<(Root, Option<Py<PyAny>>)>,
        before: &BTreeMap<Root, Py<PyAny>>,
    ) -> Vec<String> {
        let mut failures = Vec::new();
        for replaced in self.put_back.drain(..).rev() {
            replaced.put_back(self.py);
        }
        for (root, old) in applied.into_iter().rev() {
            let old = old.or_else(|| before.get(&root).map(|old| old.clone_ref(self.py)));
            let result = match (&root.kind, &old) {
                (RootKind::Definition, _) => continue,
                (_, Some(old)) => self
                    .apply(&root, RootChange::Bind(Object::of(old.bind(self.py))))
                    .map(|_| ()),
                (_, None) => self.apply(&root, RootChange::Unbind).map(|_| ()),
            };
            if let Err(error) = result {
                failures.push(format!("{root} ({error})"));
            }
        }
        failures
    }

    /// Returns what else still refers to objects that an install replaced. Finding it requires a search of all live
    /// objects, which is made only for objects with more references than Clew's own.
    fn holders(&self) -> PyResult<Vec<(Root, String)>> {
        let ours = self.own_references();
        let is_suspect = |old: &Py<PyAny>| {
            let expected = ours.get(&old.as_ptr().addr()).copied().unwrap_or_default();
            Object::of(old.bind(self.py)).references() > expected
        };
        let (suspects, others): (Vec<_>, Vec<_>) = self
            .replaced
            .iter()
            .partition(|(root, old)| root.kind == RootKind::Name && is_suspect(old));
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let labelled: Vec<(&str, &Py<PyAny>)> = suspects.iter().map(|(root, old)| (root.key.as_str(), old)).collect();
        let own = PyList::new(self.py, others.iter().map(|(_, old)| old))?;
        let found: Vec<(String, String)> = self
            .py
            .import("clew.holders")?
            .call_method1("holders", (labelled, own))?
            .extract()?;
        Ok(found
            .into_iter()
            .map(|(name, who)| (Root::name(name), PythonCause::HeldBy { who }.into()))
            .collect())
    }

    /// Returns how many references this use of the session has to each replaced object, by address.
    fn own_references(&self) -> FxHashMap<usize, isize> {
        let mut counts: FxHashMap<usize, isize> = FxHashMap::default();
        for (_, old) in &self.replaced {
            *counts.entry(old.as_ptr().addr()).or_default() += 1;
        }
        let parked = self.state.parked.values().flatten().map(|(_, object)| object);
        for object in parked.chain(self.heap.kept()) {
            if let Some(count) = counts.get_mut(&object.as_ptr().addr()) {
                *count += 1;
            }
        }
        counts
    }

    /// Returns whether a live object can get the contents of a built one to which nothing else refers; if so, the
    /// install does that.
    pub(super) fn attach_to(&mut self, old: Object, new: Object) -> bool {
        let place = new.bound(self.py).as_ptr().addr();
        let ours = self.staged.iter().chain(self.heap.kept());
        let ours = ours.filter(|other| other.as_ptr().addr() == place).count();
        if new.references() > isize::try_from(ours).unwrap_or_default() {
            return false;
        }
        let (old, new) = (old.bound(self.py), new.bound(self.py));
        let can_take = || -> PyResult<bool> {
            let module = self.py.import("clew.contents")?;
            module.call_method1("can_take", (&old, &new))?.extract()
        };
        let can_take = can_take().unwrap_or_default();
        if can_take {
            self.attached.push((old.unbind(), new.unbind()));
        }
        can_take
    }

    /// Gives live objects the contents of those that were built for them, all or none.
    fn fill_attached(&mut self) -> PyResult<()> {
        let mut before = Vec::new();
        let mut fill = || -> PyResult<()> {
            let module = self.py.import("clew.contents")?;
            for (old, new) in &self.attached {
                before.push((old, module.call_method1("copied", (old,))?));
                module.call_method1("take", (old, new))?;
            }
            Ok(())
        };
        let filled = fill();
        if filled.is_err() {
            for (old, contents) in before.into_iter().rev() {
                let module = self.py.import("clew.contents");
                if let Err(error) = module.and_then(|module| module.call_method1("take", (old, contents))) {
                    error.write_unraisable(self.py, None);
                }
            }
        }
        filled
    }

    /// Returns other session state before `changes`, if they affect any. The old value of a name is read when the
    /// name is bound again.
    fn others_before(
        &mut self,
        changes: &[(Root, RootChange<Object>)],
    ) -> Result<BTreeMap<Root, Py<PyAny>>, KernelError> {
        let is_other = |root: &Root| !matches!(root.kind, RootKind::Name | RootKind::Definition);
        if !changes.iter().any(|(root, _)| is_other(root)) {
            return Ok(BTreeMap::new());
        }
        let others = self.others(true).map_err(|error| kernel_error(self.py, &error))?;
        Ok(others.into_iter().map(|(root, value)| (root, value.unbind())).collect())
    }

    /// Rolls back what was applied, and returns the error with the reason.
    fn taken_back(
        &mut self,
        root: String,
        error: &PyErr,
        applied: Vec<(Root, Option<Py<PyAny>>)>,
        before: &BTreeMap<Root, Py<PyAny>>,
    ) -> KernelError {
        let interrupted = error.is_instance_of::<PyKeyboardInterrupt>(self.py);
        let but = self.roll_back(applied, before);
        if interrupted && but.is_empty() {
            return KernelError::Interrupted;
        }
        let why = error.to_string();
        KernelError::Failed(PythonCause::NotInstalled { root, why, but }.into())
    }

    /// Applies all changes. A refused change is reported for its root. If the user interrupts, or memory runs out,
    /// the previous changes are rolled back.
    pub(super) fn install_all(
        &mut self,
        mut changes: Vec<(Root, RootChange<Object>)>,
    ) -> Result<InstallReport, KernelError> {
        changes.sort_by_key(|(root, _)| root.kind.rank());
        let before = self.others_before(&changes)?;
        let mut applied: Vec<(Root, Option<Py<PyAny>>)> = Vec::new();
        let mut refused: Vec<(Root, String)> = Vec::new();
        for (root, change) in changes {
            match self.apply(&root, change) {
                Ok(old) => applied.push((root, old)),
                Err(error) if !is_end(self.py, &error) => {
                    let why = error.to_string();
                    refused.push((root, PythonCause::NotPutBack { why }.into()));
                }
                Err(error) => return Err(self.taken_back(root.to_string(), &error, applied, &before)),
            }
        }
        if let Err(error) = self.fill_attached() {
            return Err(self.taken_back("contents".to_owned(), &error, applied, &before));
        }
        self.hold.get_or_insert_with(|| Hold::begin(self.py));
        self.context.clear();
        self.is_installed = true;
        self.replaced = applied
            .into_iter()
            .filter_map(|(root, old)| old.map(|old| (root, old)))
            .filter(|(_, old)| !self.attached.iter().any(|(stays, _)| stays.is(old)))
            .collect();
        // These references are Clew's, too, and not counted.
        drop(before);
        let notes = self.holders().unwrap_or_default();
        Ok(InstallReport { notes, refused })
    }

    /// Releases the staged values, and the objects that an install replaced.
    pub(super) fn end_staging(&mut self) {
        self.take_names_back();
        for (root, old) in std::mem::take(&mut self.context).into_iter().rev() {
            let change = old.as_ref().map_or(RootChange::Unbind, |old| {
                RootChange::Bind(Object::of(old.bind(self.py)))
            });
            if let Err(error) = self.apply(&root, change) {
                error.write_unraisable(self.py, None);
            }
        }
        let is_installed = std::mem::take(&mut self.is_installed);
        let modules = self
            .roots_module()
            .and_then(|module| module.call_method1("end_staging", (is_installed,)));
        if let Err(error) = modules {
            error.write_unraisable(self.py, None);
        }
        if std::mem::take(&mut self.has_replayed)
            && let Err(error) = self
                .py
                .import("clew.cell_rerun")
                .and_then(|replay| replay.call_method0("end"))
        {
            error.write_unraisable(self.py, None);
        }
        self.heap.end_staging(is_installed);
        let classes = (
            std::mem::take(&mut self.definitions),
            std::mem::take(&mut self.put_back),
        );
        drop(classes);
        // Releasing objects runs their code, so everything must be in place.
        drop((
            std::mem::take(&mut self.staged),
            std::mem::take(&mut self.replaced),
            std::mem::take(&mut self.attached),
        ));
    }
}

/// Returns whether an exception ends a whole restore.
fn is_end(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PyMemoryError>(py)
}
