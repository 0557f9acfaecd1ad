//! The engine's Kernel over a live Python session.
//!
//! Names are read from IPython's own dict; state that is no name, and what belongs to a library, goes through
//! `clew.roots`. Nothing here decides: it shows, builds and installs. Which names may be shown is the subject of `names`,
//! and how everything is put in place at once that of `install`.

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
    pub withheld: Vec<WithheldRoot>,
    /// Where the objects of these lie.
    pub hidden: BTreeSet<usize>,
    /// What names and outputs were bound to when all was last looked at.
    pub seen: rebinding::BindingSnapshot,
    /// Roots that were once bound to the very object of a name that is kept out, and its address: they are kept out as
    /// long as they are bound to it, whatever becomes of the name.
    pub echoes: BTreeMap<Root, usize>,
    /// Makes marks of texts that are kept out; nobody else can make the same.
    pub marks: RandomState,
    pub parked: BTreeMap<u64, Vec<(Root, Py<PyAny>)>>,
    /// Where cells may run again while a mover moves, and nowhere else.
    pub processes: Option<Processes>,
    /// The files that cells read, as those find them that run there.
    pub inputs: Option<Arc<dyn Inputs>>,
    /// Whether Ctrl+C came when a move could not be stopped any more.
    pub was_interrupted: bool,
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
    /// Names that are bound only while staged values are built whose code reads them.
    lent: Vec<String>,
    /// What an install replaced; let go of last, since that runs code.
    replaced: Vec<(Root, Py<PyAny>)>,
    is_installed: bool,
    /// Whether cells ran again for it.
    has_replayed: bool,
    /// From an install on Ctrl+C is held back: what follows only tells what happened.
    hold: Option<Hold>,
    /// What is shown of a move that takes long.
    line: progress::ProgressLine,
    /// Attributes that an install took from live classes.
    put_back: Vec<ClassBackup>,
    /// Live objects that the install gives the contents of others, which were built.
    attached: Vec<(Py<PyAny>, Py<PyAny>)>,
    /// What could not be had of what was built last.
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
        // What struck an earlier use is over.
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
    /// State that is no name, with the outputs if they are wanted.
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

/// Libraries whose settings begin with their names.
const LIBRARIES: [&str; 4] = ["numpy", "matplotlib", "pandas", "sklearn"];

/// Has the working directory be recorded from the folder that the notebook lies in.
pub(crate) fn tell_notebook_folder(py: Python<'_>, folder: Option<&Path>) -> PyResult<()> {
    let folder = folder.map(Path::as_os_str);
    py.import("clew.roots.directory")?.call_method1("move_to", (folder,))?;
    Ok(())
}

/// The library whose state a root is, which has to be there for the state to be put back.
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
        // Else it is the install that fails, and with it all that could be had.
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
        // Where it can't be said, handles fail as they would.
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
        // What is not found is not said; nothing else follows from it.
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
        // What can't be looked up is none.
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
