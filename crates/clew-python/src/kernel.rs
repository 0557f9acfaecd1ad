//! The engine's `Kernel` for a live Python session.
//!
//! Variables are read from IPython's own dict; other session state, and the state of libraries, through `clew.roots`.
//! This module makes no decisions: it reads, builds and installs. `names` determines which names may be read, and
//! `install` puts everything in place at once.

mod bindings;
pub(crate) mod credential_search;
mod install;
mod names;
mod progress;
pub(crate) mod rebinding;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::RandomState;
use std::path::Path;
use std::sync::Arc;

use clew_core::format::{MemberGap, Summary};
use clew_core::graph::stream::bodies;
use clew_core::graph::{Arena, look_jointly};
use clew_core::id::{Root, RootKind, RunId};
use clew_core::kernel::{
    BindingChanges, BuildError, CoVariableHandover, Inputs, InstallReport, Kernel, KernelError, MissingMembers,
    RestoreProgress, RootChange, SandboxRerun, StoredCoVariable, StreamFacts, UncheckedInputs, WithheldRoot,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::build::{build, refusal};
use crate::cause::PythonCause;
use crate::exceptions::{build_error, cell_error, kernel_error};
use crate::facts;
use crate::kinds;
use crate::notices::take_noticed;
use crate::panics::pass;
use crate::raw::interrupt_guard::{Hold, was_struck};
use crate::raw::{ClassBackup, Object, PythonHeap, Region};
use crate::sandbox_rerun::{Processes, RerunFailure};
use crate::strangers;

/// State that lives as long as the session, besides the heap.
#[derive(Default)]
pub(crate) struct KernelState {
    /// The shell, if there is one.
    pub shell: Option<Py<PyAny>>,
    /// Names and patterns (`*` and `?`) that are never looked at.
    pub excluded: BTreeSet<String>,
    /// The same from the settings.
    pub configured: Vec<String>,
    /// Names that look like credentials, with the reason; determined again at every look.
    pub secrets: BTreeMap<String, String>,
    /// The names that are not recorded, because they are excluded or credentials; determined again at every look.
    pub withheld: Vec<WithheldRoot>,
    /// The addresses of their objects.
    pub hidden: BTreeSet<usize>,
    /// The objects to which names and outputs were bound at the last look at all roots.
    pub seen: rebinding::BindingSnapshot,
    /// Roots that were once bound to the very object of an excluded name, and the object's address: they are excluded
    /// while they are bound to it, whatever happens to the name.
    pub echoes: BTreeMap<Root, usize>,
    /// Makes marks of excluded texts, which cannot be forged.
    pub marks: RandomState,
    pub parked: BTreeMap<u64, Vec<(Root, Py<PyAny>)>>,
    /// The processes in which cells may rerun during a restore, and nowhere else.
    pub processes: Option<Processes>,
    /// The input files of cells, as reruns there find them.
    pub inputs: Option<Arc<dyn Inputs>>,
    /// Whether Ctrl+C was pressed when a restore could no longer be stopped.
    pub was_interrupted: bool,
}

/// One use of the session while the engine is locked.
pub(crate) struct PythonKernel<'a, 'py> {
    pub py: Python<'py>,
    pub heap: &'a mut PythonHeap,
    pub state: &'a mut KernelState,
    /// Built values, kept alive until they are installed or given up.
    staged: Vec<Py<PyAny>>,
    /// Built definitions, by id: the class, or a twin of the live one.
    definitions: BTreeMap<String, Py<PyAny>>,
    /// Previous directory, environment and search path, while staged values need others to be built.
    context: Vec<(Root, Option<Py<PyAny>>)>,
    /// Names that are bound only while staged values are built whose code reads them.
    lent: Vec<String>,
    /// Objects that an install replaced; released last, since that runs code.
    replaced: Vec<(Root, Py<PyAny>)>,
    is_installed: bool,
    /// Whether cells were rerun for it.
    has_replayed: bool,
    /// After an install Ctrl+C is held back: the remaining steps only report.
    hold: Option<Hold>,
    /// The progress display of a long restore.
    line: progress::ProgressLine,
    /// Attributes that an install replaced in live classes.
    put_back: Vec<ClassBackup>,
    /// Live objects that get the contents of built ones in the install.
    attached: Vec<(Py<PyAny>, Py<PyAny>)>,
    /// The missing parts of what was built last.
    missing: MissingMembers,
}

impl Drop for PythonKernel<'_, '_> {
    fn drop(&mut self) {
        self.take_names_back();
        if self.hold.take().is_some() {
            self.state.was_interrupted |= Hold::came().is_some();
        }
        self.line.wipe(self.py, self.state.shell.as_ref());
    }
}

impl<'a, 'py> PythonKernel<'a, 'py> {
    pub fn new(py: Python<'py>, heap: &'a mut PythonHeap, state: &'a mut KernelState) -> Self {
        // Discards a Ctrl+C from an earlier use.
        was_struck();
        Self {
            py,
            heap,
            state,
            definitions: BTreeMap::new(),
            staged: Vec::new(),
            attached: Vec::new(),
            context: Vec::new(),
            lent: Vec::new(),
            replaced: Vec::new(),
            put_back: Vec::new(),
            hold: None,
            line: progress::ProgressLine::default(),
            missing: MissingMembers::default(),
            is_installed: false,
            has_replayed: false,
        }
    }

    fn roots_module(&self) -> PyResult<Bound<'py, PyModule>> {
        self.py.import("clew.roots")
    }

    fn try_roots(&mut self) -> PyResult<Vec<(Root, Object)>> {
        use clew_core::graph::Heap;
        let names = self.names()?;
        let mut roots: Vec<(Root, Object)> = names
            .recorded
            .iter()
            .map(|(name, value)| (Root::name(name), Object::of(value)))
            .collect();
        let mut outputs = BTreeSet::new();
        for (root, value) in self.others(true)? {
            if root.kind == RootKind::Out {
                if self.state.is_echo(&root, &value, &names.hidden) {
                    continue;
                }
                outputs.insert(root.key.clone());
            }
            let object = Object::of(&value);
            self.heap.keep(object);
            roots.push((root, object));
        }
        self.note_bindings(&names, &outputs)?;
        Ok(roots)
    }
}

impl<'py> PythonKernel<'_, 'py> {
    /// Returns other session state, with the outputs if they are wanted.
    fn others(&mut self, with_outputs: bool) -> PyResult<Vec<(Root, Bound<'py, PyAny>)>> {
        let Some(shell) = &self.state.shell else {
            return Ok(Vec::new());
        };
        let module = self.roots_module()?;
        let found = module.call_method1("collect", (shell, with_outputs))?;
        let others: Vec<(String, String, Bound<'py, PyAny>)> = found.extract()?;
        let own: Vec<(String, Bound<'py, PyModule>)> = module.call_method0("modules_seen")?.extract()?;
        for (name, module) in own {
            self.heap.sight(&name, &module)?;
        }
        let named =
            |(kind, key, value): (String, String, _)| Some((Root::new(RootKind::from_word(&kind)?, key), value));
        Ok(others.into_iter().filter_map(named).collect())
    }
}

/// Libraries whose settings start with their names.
const LIBRARIES: [&str; 4] = ["numpy", "matplotlib", "pandas", "sklearn"];

/// Makes the working directory be recorded relative to the notebook's folder.
pub(crate) fn tell_notebook_folder(py: Python<'_>, folder: Option<&Path>) -> PyResult<()> {
    let folder = folder.map(Path::as_os_str);
    py.import("clew.roots.directory")?.call_method1("move_to", (folder,))?;
    Ok(())
}

/// Returns the library that a root's state belongs to, which must be imported before the state is restored.
fn library_of(root: &Root) -> Option<&str> {
    match root.kind {
        RootKind::Random if root.key != "random" => root.key.split('.').next(),
        RootKind::Option => root.key.split(": ").next(),
        RootKind::Setting => LIBRARIES.into_iter().find(|library| root.key.starts_with(library)),
        RootKind::Figures => Some("matplotlib"),
        _ => None,
    }
}

impl Kernel for PythonKernel<'_, '_> {
    type Heap = PythonHeap;
    type Memory = Region;

    fn heap(&mut self) -> &mut PythonHeap {
        self.heap
    }

    fn roots(&mut self) -> Result<Vec<(Root, Object)>, KernelError> {
        pass("roots");
        self.try_roots().map_err(|error| kernel_error(self.py, &error))
    }

    fn rebound(&mut self) -> Result<Option<BindingChanges<Object>>, KernelError> {
        pass("rebound");
        self.try_rebound().map_err(|error| kernel_error(self.py, &error))
    }

    fn some_roots(&mut self, roots: &BTreeSet<Root>) -> Result<Option<Vec<(Root, Object)>>, KernelError> {
        pass("some_roots");
        self.try_some_roots(roots)
            .map_err(|error| kernel_error(self.py, &error))
    }

    fn settle(&mut self, is_taken_over: bool) {
        pass("settle");
        self.state.settle(is_taken_over);
    }

    fn bring_submodules(&mut self, of_runs: &[Vec<String>], is_whole: bool) -> Result<(), KernelError> {
        let given = || {
            let named = PyDict::new(self.py);
            named.set_item("is_whole", is_whole)?;
            let roots = self.roots_module()?;
            roots.call_method("bring_submodules", (of_runs.to_vec(),), Some(&named))
        };
        let brought = given();
        brought.map(drop).map_err(|error| kernel_error(self.py, &error))
    }

    fn build(&mut self, stored: StoredCoVariable<'_, Region>) -> Result<Vec<Object>, BuildError> {
        pass("build");
        let roots = stored.roots;
        self.heap.foreign.end_comparison();
        let (built, missing) = build(self.py, self.heap, stored)?;
        self.missing = missing;
        self.heap.learn_libraries();
        // Otherwise the install would fail, and with it everything that could be restored.
        for library in roots.iter().filter_map(library_of) {
            self.py.import(library).map_err(|error| build_error(self.py, &error))?;
        }
        let objects: Vec<Object> = built.iter().map(|built| built.object).collect();
        for (root, built) in roots.iter().zip(built) {
            if root.kind == RootKind::Definition {
                self.definitions
                    .insert(root.key.clone(), built.value.clone_ref(self.py));
            }
            self.staged.push(built.value);
        }
        if roots.iter().all(|root| root.kind.is_context()) {
            self.enter_context(roots, &objects)
                .map_err(|error| build_error(self.py, &error))?;
        }
        Ok(objects)
    }

    fn builds_around_gaps(&self) -> bool {
        true
    }

    fn name_gaps(&mut self, roots: &[Root], stream: &[u8], unstored: &BTreeMap<u32, String>) -> Vec<MemberGap> {
        let named = clew_value::name_gaps(roots, stream, unstored);
        named.into_iter().map(|(_, gap)| gap).collect()
    }

    fn missing(&mut self) -> MissingMembers {
        std::mem::take(&mut self.missing)
    }

    fn set_aside(&mut self, objects: Vec<(Root, Object)>) {
        let looked = look_jointly(self.heap, objects);
        let unstored = bodies(&looked.stream).filter(|(kind, _)| *kind == kinds::OPAQUE);
        let serials = unstored.filter_map(|(_, payload)| Some(u64::from_be_bytes(payload.try_into().ok()?)));
        let serials: Vec<u64> = serials.collect();
        self.heap.set_aside(self.py, &serials);
    }

    fn inputs(&self) -> Arc<dyn Inputs> {
        let inputs = self.state.inputs.as_ref();
        inputs.map_or_else(|| Arc::new(UncheckedInputs) as Arc<dyn Inputs>, Arc::clone)
    }

    fn lend(&mut self, names: &[(Root, Object)]) -> Result<(), KernelError> {
        self.lend_names(names).map_err(|error| kernel_error(self.py, &error))
    }

    fn take_back(&mut self) {
        self.take_names_back();
    }

    fn noticed(&mut self) -> Option<String> {
        pass("noticed");
        let noticed: Vec<String> = self.heap.take_noticed().into_iter().chain(take_noticed()).collect();
        (!noticed.is_empty()).then(|| noticed.join(", "))
    }

    fn remarked(&mut self) -> Option<String> {
        crate::notices::take_lacks_frames().then(|| PythonCause::WithoutFrames.into())
    }

    fn stand_in(&mut self, is_wanted: bool) {
        // If this cannot be set, handles fail as usual.
        if let Ok(reaching) = self.py.import("clew.adapters.handle_reach") {
            let _ = reaching.setattr("stands_in", is_wanted);
        }
    }

    fn withheld(&mut self) -> Vec<WithheldRoot> {
        pass("withheld");
        self.state.withheld.clone()
    }

    fn install(&mut self, changes: Vec<(Root, RootChange<Object>)>) -> Result<InstallReport, KernelError> {
        pass("install");
        self.install_all(changes)
    }

    fn libraries(&mut self) -> usize {
        let modules = self.py.import("sys").and_then(|sys| sys.getattr("modules"));
        modules.and_then(|modules| modules.len()).unwrap_or_default()
    }

    fn clear_staging(&mut self) {
        pass("clear_staging");
        self.end_staging();
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
                .map(|(root, held)| {
                    let held = held.bind(self.py);
                    let is_class = root.kind == RootKind::Definition;
                    let object = if is_class {
                        Object::whole_of(held)
                    } else {
                        Object::of(held)
                    };
                    (root.clone(), object)
                })
                .collect(),
        )
    }

    fn unpark(&mut self, ticket: u64) {
        self.state.parked.remove(&ticket);
    }

    fn referred(&mut self, live: &[Object], items: &[Object]) -> Vec<(usize, usize)> {
        let lists = |objects: &[Object]| PyList::new(self.py, objects.iter().map(|object| object.bound(self.py)));
        let find = || -> PyResult<Vec<(usize, usize)>> {
            let arguments = (lists(live)?, lists(items)?, self.heap.namespace(self.py));
            let holders = self.py.import("clew.holders")?;
            holders.call_method1("referred", arguments)?.extract()
        };
        // References that are not found are not reported; there is no other consequence.
        find().unwrap_or_default()
    }

    fn attach(&mut self, old: Object, new: Object) -> bool {
        self.attach_to(old, new)
    }

    fn summary(&mut self, _root: &Root, object: Object) -> Summary {
        pass("summary");
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
                ..Summary::default()
            })
        };
        summarize().unwrap_or_default()
    }

    fn is_data(&mut self, arena: &Arena<'_>) -> bool {
        // A value that cannot be checked does not count as data.
        strangers::is_data(self.py, arena).unwrap_or(false)
    }

    fn refusal(&mut self, stream: &[u8], roots: usize) -> Option<String> {
        pass("refusal");
        refusal(self.py, stream, roots).map(|why| why.to_string())
    }

    fn describe_stream(&mut self, stream: &[u8]) -> StreamFacts {
        pass("describe_stream");
        facts::stream_facts(stream)
    }

    fn replay(
        &mut self,
        (id, source): (RunId, &str),
        inputs: &[(Root, Object)],
        wanted: &[Root],
    ) -> Result<Vec<(Root, Object)>, BuildError> {
        use clew_core::graph::Heap;
        self.has_replayed = true;
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
                    id.to_string().into_pyobject(self.py)?.into_any(),
                    source.into_pyobject(self.py)?.into_any(),
                    given.into_any(),
                    names.into_pyobject(self.py)?.into_any(),
                ],
            )?;
            let made = self
                .py
                .import("clew.cell_rerun")?
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
        let found = run().map_err(|error| cell_error(self.py, &error))?;
        let mut objects = Vec::new();
        for (root, value) in found {
            let object = Object::of(&value);
            self.heap.keep(object);
            objects.push((root, object));
        }
        Ok(objects)
    }

    fn replay_apart(&mut self, apart: &SandboxRerun<'_>) -> Result<CoVariableHandover, BuildError> {
        match &mut self.state.processes {
            Some(processes) => processes.replay(self.py, apart),
            None => Err(BuildError::Failed(RerunFailure::NoProcess.to_string())),
        }
    }

    fn wait(&mut self, wait: &(dyn Fn() + Sync)) {
        pass("wait");
        self.py.detach(wait);
        self.line.show_if_due(self.py, self.state.shell.as_ref());
    }

    fn hear_progress(&mut self, progress: RestoreProgress) {
        self.line.hear(progress);
        self.line.show_if_due(self.py, self.state.shell.as_ref());
    }

    fn interrupted(&mut self) -> bool {
        was_struck() || self.py.check_signals().is_err()
    }
}
