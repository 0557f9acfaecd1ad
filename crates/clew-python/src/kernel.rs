//! The engine's Kernel over a live Python session.
//!
//! Names are read from IPython's own dict; state that is no name, and what belongs to a library, goes through
//! `clew.roots`. Nothing here decides: it shows, builds and installs.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use clew_core::format::Summary;
use clew_core::graph::Arena;
use clew_core::id::{Root, RootKind};
use clew_core::kernel::{
    Apart, BuildError, Change, HandedOver, Installed, Kernel, KernelError, Stored, StreamFacts, Withheld,
};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use wildmatch::WildMatch;

use crate::apart::{Processes, Unmade};
use crate::build::{build, install_definition};
use crate::cause::Cause;
use crate::facts;
use crate::raw::held::{Hold, was_struck};
use crate::raw::{Object, PythonHeap, Replaced};

/// What lives as long as the session, beside the heap.
#[derive(Default)]
pub(crate) struct KernelState {
    /// The shell, where there is one.
    pub shell: Option<Py<PyAny>>,
    /// Names and patterns (`*` and `?`) that are never looked at.
    pub excluded: BTreeSet<String>,
    /// The same, as the settings say.
    pub configured: Vec<String>,
    /// Names that look like secrets, with the reason; found again at every look.
    pub secrets: BTreeMap<String, String>,
    /// The names that are kept out of the record, excluded or secret; found again at every look.
    pub withheld: Vec<Withheld>,
    /// Makes marks of texts that are kept out; nobody else can make the same.
    pub marks: RandomState,
    pub parked: BTreeMap<u64, Vec<(Root, Py<PyAny>)>>,
    /// Where cells may run again while a mover moves, and nowhere else.
    pub processes: Option<Processes>,
    /// Whether Ctrl+C came when a move could not be stopped any more.
    pub was_interrupted: bool,
}

impl KernelState {
    fn withhold(&mut self, name: &str, why: String, value: &Bound<'_, PyAny>) {
        // A text may be replaced by another one at the same address, what else is bound is told by its address.
        let text = value.cast_exact::<PyString>().ok();
        let text = text.and_then(|text| text.to_str().ok());
        self.withheld.push(Withheld {
            root: Root::name(name),
            why,
            mark: text.map_or(value.as_ptr().addr() as u64, |text| self.marks.hash_one(text)),
        });
    }

    /// Whether a name is excluded, for many names.
    pub fn exclusion(&self) -> impl Fn(&str) -> bool + use<> {
        let all = self.excluded.iter().chain(&self.configured);
        let patterns: Vec<WildMatch> = all.map(|pattern| WildMatch::new(pattern)).collect();
        move |name| patterns.iter().any(|pattern| pattern.matches(name))
    }
}

/// The user's names.
#[derive(Default)]
pub(crate) struct Names<'py> {
    /// Those that may be recorded, with what they are bound to.
    pub recorded: Vec<(String, Bound<'py, PyAny>)>,
    /// Those that are excluded.
    pub excluded: Vec<String>,
    /// What must not be recorded under another name either: an expression that is only the name leaves it in `Out`.
    hidden: BTreeSet<usize>,
}

impl Names<'_> {
    fn hide(&mut self, value: &Bound<'_, PyAny>) {
        let is_everywhere = value.is_none() || value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>();
        if !is_everywhere {
            self.hidden.insert(value.as_ptr().addr());
        }
    }
}

impl Drop for PythonKernel<'_, '_> {
    fn drop(&mut self) {
        if self.hold.take().is_some() {
            self.state.was_interrupted |= Hold::came().is_some();
        }
    }
}

/// One use of the session while the lock is held.
pub(crate) struct PythonKernel<'a, 'py> {
    pub py: Python<'py>,
    pub heap: &'a mut PythonHeap,
    pub state: &'a mut KernelState,
    /// What was built, alive until it is installed or given up.
    staged: Vec<Py<PyAny>>,
    /// Built definitions, by id: the class, or a twin of the live one.
    definitions: BTreeMap<String, Py<PyAny>>,
    /// Directory, environment and search path as they were, while staged values need others to be built.
    context: Vec<(Root, Option<Py<PyAny>>)>,
    /// What an install replaced; let go of last, since that runs code.
    replaced: Vec<(Root, Py<PyAny>)>,
    is_installed: bool,
    /// From an install on Ctrl+C is held back: what follows only tells what happened.
    hold: Option<Hold>,
    /// Attributes that an install took from live classes.
    put_back: Vec<Replaced>,
}

impl<'a, 'py> PythonKernel<'a, 'py> {
    pub fn new(py: Python<'py>, heap: &'a mut PythonHeap, state: &'a mut KernelState) -> Self {
        // What struck an earlier use is over.
        was_struck();
        Self {
            py,
            heap,
            state,
            definitions: BTreeMap::new(),
            staged: Vec::new(),
            context: Vec::new(),
            replaced: Vec::new(),
            put_back: Vec::new(),
            hold: None,
            is_installed: false,
        }
    }

    fn roots_module(&self) -> PyResult<Bound<'py, PyModule>> {
        self.py.import("clew.roots")
    }

    fn user_names(&self) -> PyResult<Vec<String>> {
        if let Some(shell) = &self.state.shell {
            return self.roots_module()?.call_method1("user_names", (shell,))?.extract();
        }
        let names: Vec<String> = self.heap.namespace(self.py).keys().extract()?;
        Ok(names.into_iter().filter(|name| !name.starts_with("__")).collect())
    }

    /// The user's names, those that may be recorded apart from those that are excluded. Names that look like secrets
    /// are noted and belong to neither.
    pub fn names(&mut self) -> PyResult<Names<'py>> {
        let secrets = self.py.import("clew.secrets")?.getattr("is_secret")?;
        let namespace = self.heap.namespace(self.py);
        self.state.secrets.clear();
        self.state.withheld.clear();
        let is_excluded = self.state.exclusion();
        let mut names = Names::default();
        for name in self.user_names()? {
            if is_excluded(&name) {
                if let Some(value) = namespace.get_item(&name)? {
                    self.state.withhold(&name, Cause::Excluded.into(), &value);
                    names.hide(&value);
                }
                names.excluded.push(name);
                continue;
            }
            let Some(value) = namespace.get_item(&name)? else {
                continue;
            };
            if may_hide_secret(&value)
                && let Some(why) = secrets.call1((&name, &value))?.extract::<Option<String>>()?
            {
                let told = Cause::Credential { what: why.clone() }.into();
                self.state.withhold(&name, told, &value);
                self.state.secrets.insert(name, why);
                names.hide(&value);
                continue;
            }
            names.recorded.push((name, value));
        }
        Ok(names)
    }

    fn try_roots(&mut self) -> PyResult<Vec<(Root, Object)>> {
        use clew_core::graph::Heap;
        let names = self.names()?;
        let mut roots: Vec<(Root, Object)> = names
            .recorded
            .into_iter()
            .map(|(name, value)| (Root::name(name), Object::of(&value)))
            .collect();
        if let Some(shell) = &self.state.shell {
            let others: Vec<(String, String, Bound<'py, PyAny>)> =
                self.roots_module()?.call_method1("collect", (shell,))?.extract()?;
            let own: Vec<(String, Bound<'py, PyModule>)> =
                self.roots_module()?.call_method0("modules_seen")?.extract()?;
            for (name, module) in own {
                self.heap.sight(&name, &module)?;
            }
            for (kind, key, value) in others {
                let Some(kind) = RootKind::from_word(&kind) else {
                    continue;
                };
                if kind == RootKind::Out && names.hidden.contains(&value.as_ptr().addr()) {
                    continue;
                }
                let object = Object::of(&value);
                self.heap.keep(object);
                roots.push((Root::new(kind, key), object));
            }
        }
        Ok(roots)
    }

    fn apply(&mut self, root: &Root, change: Change<Object>) -> PyResult<Option<Py<PyAny>>> {
        let value = match change {
            Change::Bind(object) => Some(object.bound(self.py)),
            Change::Unbind => None,
        };
        match root.kind {
            RootKind::Name => {
                let namespace = self.heap.namespace(self.py);
                let old = namespace.get_item(&root.key)?.map(Bound::unbind);
                match value {
                    Some(value) => namespace.set_item(&root.key, value)?,
                    None if old.is_some() => namespace.del_item(&root.key)?,
                    None => {}
                }
                Ok(old)
            }
            RootKind::Definition => {
                // A definition that goes away is one that nothing refers to any more: there is nothing to do.
                if let (Change::Bind(_), Some(built)) = (change, self.definitions.get(&root.key)) {
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

    /// Puts directory, environment or search path in place before the install, since imports need them.
    fn enter_context(&mut self, roots: &[Root], objects: &[Object]) -> PyResult<()> {
        let live: BTreeMap<Root, Object> = self.try_roots()?.into_iter().collect();
        for (root, object) in roots.iter().zip(objects) {
            let old = live.get(root).map(|old| old.bound(self.py).unbind());
            self.apply(root, Change::Bind(*object))?;
            self.context.push((root.clone(), old));
        }
        Ok(())
    }

    /// Puts back what was applied, newest first. What can't be put back is said.
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
                    .apply(&root, Change::Bind(Object::of(old.bind(self.py))))
                    .map(|_| ()),
                (_, None) => self.apply(&root, Change::Unbind).map(|_| ()),
            };
            if let Err(error) = result {
                failures.push(format!("{root} ({error})"));
            }
        }
        failures
    }

    /// Who outside still holds what an install replaced.
    fn holders(&self) -> PyResult<Vec<(Root, String)>> {
        let labelled: Vec<(String, &Py<PyAny>)> = self
            .replaced
            .iter()
            .filter(|(root, _)| root.kind == RootKind::Name)
            .map(|(root, old)| (root.key.clone(), old))
            .collect();
        if labelled.is_empty() {
            return Ok(Vec::new());
        }
        let own = PyList::empty(self.py);
        let found: Vec<(String, String)> = self
            .py
            .import("clew.holders")?
            .call_method1("holders", (labelled, own))?
            .extract()?;
        Ok(found
            .into_iter()
            .map(|(name, who)| (Root::name(name), Cause::HeldBy { who }.into()))
            .collect())
    }
}

/// Whether `is_secret` has something to look at: most names need no call.
fn may_hide_secret(value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyByteArray>()
        || value.is_exact_instance_of::<PyDict>()
        || value
            .cast_exact::<PyList>()
            .is_ok_and(|list| list.len() <= LARGEST && list.iter().any(|item| may_be_part(&item)))
        || value
            .cast_exact::<PyTuple>()
            .is_ok_and(|tuple| tuple.len() <= LARGEST && tuple.iter().any(|item| may_be_part(&item)))
}

/// Containers of more members are data, for `is_secret` too.
const LARGEST: usize = 64;

/// Whether a member of a list may hold a secret: a text that is long enough, or a container.
fn may_be_part(item: &Bound<'_, PyAny>) -> bool {
    const SHORTEST: usize = 16;
    let is_long = || item.len().is_ok_and(|length| length >= SHORTEST);
    let is_text = item.is_exact_instance_of::<PyString>() || item.is_exact_instance_of::<PyBytes>();
    let is_container = item.is_exact_instance_of::<PyDict>()
        || item.is_exact_instance_of::<PyList>()
        || item.is_exact_instance_of::<PyTuple>();
    is_container || (is_text && is_long())
}

/// A Python exception in words, as the reason why something was not built.
fn build_error(py: Python<'_>, error: &PyErr) -> BuildError {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        BuildError::Interrupted
    } else {
        BuildError::Failed(error.to_string())
    }
}

/// A Python exception in words, as the reason why the session can't be read or changed.
fn kernel_error(py: Python<'_>, error: &PyErr) -> KernelError {
    match build_error(py, error) {
        BuildError::Interrupted => KernelError::Interrupted,
        BuildError::Failed(why) => KernelError::Failed(why),
    }
}

impl Kernel for PythonKernel<'_, '_> {
    type Heap = PythonHeap;

    fn heap(&mut self) -> &mut PythonHeap {
        self.heap
    }

    fn roots(&mut self) -> Result<Vec<(Root, Object)>, KernelError> {
        self.try_roots().map_err(|error| kernel_error(self.py, &error))
    }

    fn build(&mut self, stored: &Stored<'_>) -> Result<Vec<Object>, BuildError> {
        let built = build(self.py, self.heap, stored)?;
        let objects: Vec<Object> = built.iter().map(|built| built.object).collect();
        for (root, built) in stored.roots.iter().zip(built) {
            if root.kind == RootKind::Definition {
                self.definitions
                    .insert(root.key.clone(), built.value.clone_ref(self.py));
            }
            self.staged.push(built.value);
        }
        if stored.roots.iter().all(|root| root.kind.is_context()) {
            self.enter_context(stored.roots, &objects)
                .map_err(|error| build_error(self.py, &error))?;
        }
        Ok(objects)
    }

    fn noticed(&mut self) -> Option<String> {
        let noticed: Vec<String> = self.heap.take_noticed().into_iter().collect();
        (!noticed.is_empty()).then(|| noticed.join(", "))
    }

    fn withheld(&mut self) -> Vec<Withheld> {
        self.state.withheld.clone()
    }

    fn install(&mut self, mut changes: Vec<(Root, Change<Object>)>) -> Result<Installed, KernelError> {
        changes.sort_by_key(|(root, _)| root.kind.rank());
        let before: BTreeMap<Root, Py<PyAny>> = self
            .roots()?
            .into_iter()
            .map(|(root, object)| (root, object.bound(self.py).unbind()))
            .collect();
        let mut applied: Vec<(Root, Option<Py<PyAny>>)> = Vec::new();
        for (root, change) in changes {
            match self.apply(&root, change) {
                Ok(old) => applied.push((root, old)),
                Err(error) => {
                    let interrupted = error.is_instance_of::<PyKeyboardInterrupt>(self.py);
                    let failures = self.roll_back(applied, &before);
                    if interrupted && failures.is_empty() {
                        return Err(KernelError::Interrupted);
                    }
                    let cause = Cause::NotInstalled {
                        root: root.to_string(),
                        why: error.to_string(),
                        but: failures,
                    };
                    return Err(KernelError::Failed(cause.into()));
                }
            }
        }
        self.hold.get_or_insert_with(|| Hold::begin(self.py));
        self.context.clear();
        self.is_installed = true;
        self.replaced = applied
            .into_iter()
            .filter_map(|(root, old)| old.map(|old| (root, old)))
            .collect();
        let notes = self.holders().unwrap_or_default();
        Ok(Installed { notes })
    }

    fn clear_staging(&mut self) {
        for (root, old) in std::mem::take(&mut self.context).into_iter().rev() {
            let change = old
                .as_ref()
                .map_or(Change::Unbind, |old| Change::Bind(Object::of(old.bind(self.py))));
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
        self.heap.end_staging(is_installed);
        let classes = (
            std::mem::take(&mut self.definitions),
            std::mem::take(&mut self.put_back),
        );
        drop(classes);
        // Letting go runs code of the objects, when everything is in place.
        drop((std::mem::take(&mut self.staged), std::mem::take(&mut self.replaced)));
    }

    fn park(&mut self, ticket: u64, objects: Vec<(Root, Object)>) {
        let held = objects
            .into_iter()
            .map(|(root, object)| (root, object.bound(self.py).unbind()))
            .collect();
        self.state.parked.insert(ticket, held);
    }

    fn parked(&mut self, ticket: u64) -> Option<Vec<(Root, Object)>> {
        let parked = self.state.parked.get(&ticket)?;
        Some(
            parked
                .iter()
                .map(|(root, held)| (root.clone(), Object::of(held.bind(self.py))))
                .collect(),
        )
    }

    fn unpark(&mut self, ticket: u64) {
        self.state.parked.remove(&ticket);
    }

    fn summary(&mut self, _root: &Root, object: Object) -> Summary {
        let summarize = || -> PyResult<Summary> {
            let found = self
                .py
                .import("clew.summary")?
                .call_method1("summarize", (object.bound(self.py),))?;
            let (type_name, shape, size, columns, text) = found.extract()?;
            Ok(Summary {
                type_name,
                shape,
                size,
                columns,
                text,
            })
        };
        summarize().unwrap_or_default()
    }

    fn describe_stream(&mut self, arena: &Arena<'_>) -> StreamFacts {
        facts::stream_facts(arena)
    }

    fn replay(
        &mut self,
        source: &str,
        inputs: &[(Root, Object)],
        wanted: &[Root],
    ) -> Result<Vec<(Root, Object)>, BuildError> {
        use clew_core::graph::Heap;
        let run = || -> PyResult<Vec<(Root, Bound<'_, PyAny>)>> {
            let given = PyDict::new(self.py);
            for (root, object) in inputs.iter().filter(|(root, _)| root.kind == RootKind::Name) {
                given.set_item(&root.key, object.bound(self.py))?;
            }
            let names: Vec<&str> = wanted.iter().map(|root| root.key.as_str()).collect();
            let shell = self.state.shell.as_ref().map(|shell| shell.bind(self.py).clone());
            let arguments = PyTuple::new(
                self.py,
                [
                    shell.into_pyobject(self.py)?.into_any(),
                    source.into_pyobject(self.py)?.into_any(),
                    given.into_any(),
                    names.into_pyobject(self.py)?.into_any(),
                ],
            )?;
            let made = self
                .py
                .import("clew.replay")?
                .call_method1("run", arguments)?
                .cast_into::<PyDict>()?;
            let mut found = Vec::new();
            for root in wanted {
                if let Some(value) = made.get_item(&root.key)? {
                    found.push((root.clone(), value));
                }
            }
            Ok(found)
        };
        let found = run().map_err(|error| build_error(self.py, &error))?;
        let mut objects = Vec::new();
        for (root, value) in found {
            let object = Object::of(&value);
            self.heap.keep(object);
            objects.push((root, object));
        }
        Ok(objects)
    }

    fn replay_apart(&mut self, apart: &Apart<'_>) -> Result<HandedOver, BuildError> {
        match &mut self.state.processes {
            Some(processes) => processes.replay(self.py, apart),
            None => Err(BuildError::Failed(Unmade::NoProcess.to_string())),
        }
    }

    fn interrupted(&mut self) -> bool {
        was_struck() || self.py.check_signals().is_err()
    }
}
