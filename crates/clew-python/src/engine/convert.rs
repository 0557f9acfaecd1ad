//! What the shell tells the engine, and hears of it, as dicts.

use clew_cli::{Context, Interface};
use clew_core::format::{
    Ending, Evidence, FileEvidence, InFlightMarker, Interpreter, KernelDescription, ModuleEvidence, RunKind, TaskCounts,
};
use clew_core::history::Notebook;
use clew_core::id::Root;
use clew_core::kernel::TouchedRoots;
use clew_core::record::RunInput;
use clew_core::session::RecordingReport;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

fn text_of(dict: &Bound<'_, PyDict>, key: &str) -> PyResult<Option<String>> {
    dict.get_item(key)?.map_or(Ok(None), |value| value.extract())
}

/// Which notebook it is, as far as the front end tells.
pub(super) fn notebook_of(dict: &Bound<'_, PyDict>) -> PyResult<Notebook> {
    Ok(Notebook {
        name: text_of(dict, "name")?,
        path: text_of(dict, "path")?,
        id: text_of(dict, "id")?,
        history: text_of(dict, "history")?.and_then(|id| id.parse().ok()),
        run: text_of(dict, "run")?.and_then(|id| id.parse().ok()),
        ..Notebook::default()
    })
}

/// Which kernel it is.
pub(super) fn kernel_description(notebook: &Bound<'_, PyDict>) -> PyResult<KernelDescription> {
    let Some(kernel) = notebook
        .get_item("kernel")?
        .and_then(|kernel| kernel.cast_into::<PyDict>().ok())
    else {
        return Ok(KernelDescription::default());
    };
    let text = |key: &str| text_of(&kernel, key).map(Option::unwrap_or_default);
    Ok(KernelDescription {
        name: text("name")?,
        executable: text("executable")?,
        language: text("language")?,
        version: text("version")?,
    })
}

/// Where the kernel can be reached.
pub(super) fn connection(notebook: &Bound<'_, PyDict>) -> PyResult<Option<String>> {
    let kernel = notebook.get_item("kernel")?;
    let kernel = kernel.and_then(|kernel| kernel.cast_into::<PyDict>().ok());
    kernel.map_or(Ok(None), |kernel| text_of(&kernel, "connection"))
}

/// Where a command was typed.
pub(super) fn interface(own: &Context, through: Option<&Bound<'_, PyDict>>) -> PyResult<Context> {
    let mut context = own.clone();
    let Some(through) = through else {
        return Ok(context);
    };
    context.interface = match text_of(through, "interface")?.as_deref() {
        Some("terminal") => Interface::Terminal,
        _ => Interface::Python,
    };
    if let Some(width) = through.get_item("width")? {
        context.width = width.extract()?;
    }
    if let Some(is_coloured) = through.get_item("is_coloured")? {
        context.style.is_coloured = is_coloured.extract()?;
    }
    Ok(context)
}

/// A cell that begins, as the shell tells it: what is noted, and what may be kept of its source.
pub(super) fn begun_of(cell: &Bound<'_, PyDict>, begun: &InFlightMarker) -> PyResult<(InFlightMarker, Option<String>)> {
    let started = cell.get_item("started")?;
    let masked = cell.get_item("masked")?;
    let begun = InFlightMarker {
        cell: text_of(cell, "cell")?,
        execution_count: cell
            .get_item("execution_count")?
            .map_or(Ok(None), |count| count.extract())?,
        started: started.map_or(Ok(0), |started| started.extract())?,
        masked: masked.map_or(Ok(Vec::new()), |masked| masked.extract())?,
        ..begun.clone()
    };
    Ok((begun, text_of(cell, "source")?))
}

/// A run as the shell tells it.
pub(super) fn run_input(run: &Bound<'_, PyDict>) -> PyResult<RunInput> {
    let get = |key: &str| -> PyResult<Bound<'_, PyAny>> {
        run.get_item(key)?
            .ok_or_else(|| PyValueError::new_err(format!("A run needs `{key}`")))
    };
    let touched = match run.get_item("touched")?.filter(|names| !names.is_none()) {
        None => TouchedRoots::All,
        Some(names) => TouchedRoots::Only(names.extract::<Vec<String>>()?.into_iter().map(Root::name).collect()),
    };
    Ok(RunInput {
        kind: RunKind::Cell,
        source: text_of(run, "source")?,
        output: text_of(run, "output")?,
        cell: text_of(run, "cell")?,
        execution_count: run
            .get_item("execution_count")?
            .map_or(Ok(None), |count| count.extract())?,
        started: get("started")?.extract()?,
        duration: get("duration")?.extract()?,
        ending: ending_of(&get("ending")?)?,
        evidence: evidence(run)?,
        touched,
        is_optional: run
            .get_item("optional")?
            .map_or(Ok(false), |optional| optional.extract())?,
    })
}

/// How a cell ended, as the shell tells it.
pub(super) fn ending_of(value: &Bound<'_, PyAny>) -> PyResult<Ending> {
    if let Ok(failed) = value.cast::<PyDict>() {
        let exception = text_of(failed, "failed")?.unwrap_or_default();
        return Ok(Ending::Failed { exception });
    }
    match value.extract::<String>()?.as_str() {
        "done" => Ok(Ending::Done),
        "interrupted" => Ok(Ending::Interrupted),
        other => Err(PyValueError::new_err(format!("A run cannot end `{other}`"))),
    }
}

/// What the shell saw of a run. Fields that it leaves out are empty.
fn evidence(run: &Bound<'_, PyDict>) -> PyResult<Evidence> {
    let Some(seen) = Fields(run).inner("evidence")? else {
        return Ok(Evidence::default());
    };
    let seen = Fields(&seen);
    Ok(Evidence {
        reads: seen.get("reads")?,
        writes: seen.get("writes")?,
        binds: seen.get("binds")?,
        // The engine itself finds these.
        used: Vec::new(),
        later: seen.get("later")?,
        touched_all: seen.get("touched_all")?,
        reads_known: seen.get("reads_known")?,
        files_read: seen.all("files_read", file)?,
        files_written: seen.all("files_written", file)?,
        environment: seen.get("environment")?,
        sockets: seen.get("sockets")?,
        processes: seen.get("processes")?,
        random: seen.get("random")?,
        seeded: seen.get("seeded")?,
        undrawn: seen.get("undrawn")?,
        modules: seen.all("modules", module)?,
        found: seen.all("found", module)?,
        submodules: seen.get("submodules")?,
        interpreter: seen.inner("interpreter")?.as_ref().map(interpreter).transpose()?,
        set_by_imports: seen.get("set_by_imports")?,
        libraries: seen.get("libraries")?,
        patched: seen.get("patched")?,
        unrestored: seen.get("unrestored")?,
        masked: seen.get("masked")?,
        unrepeatable: seen.get("unrepeatable")?,
        directory: seen.get("directory")?,
        went: seen.get("went")?,
        placed: seen.get("placed")?,
        variables: seen.get("variables")?,
        kept: seen.get("kept")?,
        tasks: seen.inner("tasks")?.as_ref().map(tasks).transpose()?,
        peak_memory: seen.get("peak_memory")?,
        importing: seen.get("importing")?,
    })
}

fn file(told: &Bound<'_, PyDict>) -> PyResult<FileEvidence> {
    let told = Fields(told);
    Ok(FileEvidence {
        path: told.get("path")?,
        size: told.get("size")?,
        modified: told.get("modified")?,
        digest: told.get("digest")?,
        mark: told.get("mark")?,
        given: told.get("given")?,
        of_environment: told.get("of_environment")?,
    })
}

fn module(told: &Bound<'_, PyDict>) -> PyResult<ModuleEvidence> {
    let told = Fields(told);
    Ok(ModuleEvidence {
        name: told.get("name")?,
        version: told.get("version")?,
        distribution: told.get("distribution")?,
        digest: told.get("digest")?,
        files: told.all("files", file)?,
        imports: told.get("imports")?,
    })
}

fn interpreter(told: &Bound<'_, PyDict>) -> PyResult<Interpreter> {
    let told = Fields(told);
    Ok(Interpreter {
        version: told.get("version")?,
        implementation: told.get("implementation")?,
        platform: told.get("platform")?,
        machine: told.get("machine")?,
        byte_order: told.get("byte_order")?,
        batch: told.get("batch")?,
        fork: told.get("fork")?,
        started_with: told.get("started_with")?,
        // The engine knows the notebook.
        output: false,
        joined: None,
    })
}

fn tasks(told: &Bound<'_, PyDict>) -> PyResult<TaskCounts> {
    let told = Fields(told);
    Ok(TaskCounts {
        total: told.get("total")?,
        known: told.get("known")?,
        run: told.get("run")?,
        keyless: told.get("keyless")?,
    })
}

/// A dict of the shell's by its fields.
struct Fields<'a, 'py>(&'a Bound<'py, PyDict>);

impl<'py> Fields<'_, 'py> {
    /// A field; the default where it is left out.
    fn get<T: Default + for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>>(&self, key: &str) -> PyResult<T> {
        let value = self.0.get_item(key)?;
        value.map_or_else(|| Ok(T::default()), |value| value.extract().map_err(Into::into))
    }

    /// A field that is a dict.
    fn inner(&self, key: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.get(key)
    }

    /// A field that is a list of dicts.
    fn all<T>(&self, key: &str, of: fn(&Bound<'py, PyDict>) -> PyResult<T>) -> PyResult<Vec<T>> {
        self.get::<Vec<Bound<'py, PyDict>>>(key)?.iter().map(of).collect()
    }
}

/// What the shell is told of a capture.
pub(super) fn captured<'py>(py: Python<'py>, recorded: &RecordingReport) -> PyResult<Bound<'py, PyDict>> {
    let answer = PyDict::new(py);
    answer.set_item("run", recorded.run.map(|_| recorded.label.clone()))?;
    answer.set_item("saved", recorded.run.is_some())?;
    answer.set_item("warnings", PyList::new(py, &recorded.warnings)?)?;
    let nanoseconds = PyDict::new(py);
    nanoseconds.set_item("total", recorded.nanoseconds)?;
    answer.set_item("nanoseconds", nanoseconds)?;
    answer.set_item("changed", recorded.changed)?;
    answer.set_item("nodes", recorded.nodes)?;
    Ok(answer)
}
