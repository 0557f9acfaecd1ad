//! Converts between the engine's types and the dicts that the shell exchanges with it.

use clew_cli::{Context, Interface};
use clew_core::format::{Ending, Evidence, InFlightMarker, KernelDescription, RunKind};
use clew_core::history::Notebook;
use clew_core::id::Root;
use clew_core::kernel::TouchedRoots;
use clew_core::record::RunInput;
use clew_core::session::RecordingReport;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Reads a field of a dict; the default if it is missing.
fn field<'py, T: Default + for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>>(
    dict: &Bound<'py, PyDict>,
    key: &str,
) -> PyResult<T> {
    let value = dict.get_item(key)?;
    value.map_or_else(|| Ok(T::default()), |value| value.extract().map_err(Into::into))
}

/// Reads a field that is text.
fn text_of(dict: &Bound<'_, PyDict>, key: &str) -> PyResult<Option<String>> {
    field(dict, key)
}

/// Reads which notebook it is, as far as the front end reports it.
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

/// Reads which kernel it is, and its connection file.
pub(super) fn kernel_of(notebook: &Bound<'_, PyDict>) -> PyResult<(KernelDescription, Option<String>)> {
    let kernel = notebook.get_item("kernel")?;
    let Some(kernel) = kernel.and_then(|kernel| kernel.cast_into::<PyDict>().ok()) else {
        return Ok((KernelDescription::default(), None));
    };
    let text = |key: &str| text_of(&kernel, key).map(Option::unwrap_or_default);
    let description = KernelDescription {
        name: text("name")?,
        executable: text("executable")?,
        language: text("language")?,
        version: text("version")?,
    };
    Ok((description, text_of(&kernel, "connection")?))
}

/// Returns the context of a command for the interface through which it was given.
pub(super) fn interface(own: &Context, through: Option<&Bound<'_, PyDict>>) -> PyResult<Context> {
    let mut context = own.clone();
    let Some(through) = through else {
        return Ok(context);
    };
    context.interface = match text_of(through, "interface")?.as_deref() {
        Some("terminal") => Interface::Terminal,
        _ => Interface::Python,
    };
    context.width = field::<Option<usize>>(through, "width")?.unwrap_or(context.width);
    context.style.is_coloured = field::<Option<bool>>(through, "is_coloured")?.unwrap_or(context.style.is_coloured);
    Ok(context)
}

/// Reads a cell that starts: the content of its in-flight marker, and the part of its source that may be stored.
pub(super) fn begun_of(cell: &Bound<'_, PyDict>, begun: &InFlightMarker) -> PyResult<(InFlightMarker, Option<String>)> {
    let begun = InFlightMarker {
        cell: text_of(cell, "cell")?,
        execution_count: field(cell, "execution_count")?,
        started: field(cell, "started")?,
        masked: field(cell, "masked")?,
        ..begun.clone()
    };
    Ok((begun, text_of(cell, "source")?))
}

/// Reads a run.
pub(super) fn run_input(run: &Bound<'_, PyDict>) -> PyResult<RunInput> {
    let needed = |key: &str| run.as_any().get_item(key);
    let touched = match field::<Option<Vec<String>>>(run, "touched")? {
        None => TouchedRoots::All,
        Some(names) => TouchedRoots::Only(names.into_iter().map(Root::name).collect()),
    };
    // Fields that the shell leaves out are empty. The engine itself determines which roots were `used`.
    let evidence = run.get_item("evidence")?;
    let evidence = evidence.map_or_else(|| Ok(Evidence::default()), |seen| pythonize::depythonize(&seen));
    Ok(RunInput {
        kind: RunKind::Cell,
        source: text_of(run, "source")?,
        output: text_of(run, "output")?,
        cell: text_of(run, "cell")?,
        execution_count: field(run, "execution_count")?,
        started: needed("started")?.extract()?,
        duration: needed("duration")?.extract()?,
        ending: ending_of(&needed("ending")?)?,
        evidence: evidence?,
        touched,
        is_optional: field(run, "optional")?,
    })
}

/// Reads how a cell ended.
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

/// Returns the report of a capture for the shell.
pub(super) fn captured<'py>(py: Python<'py>, recorded: &RecordingReport) -> PyResult<Bound<'py, PyDict>> {
    let answer = PyDict::new(py);
    answer.set_item("run", recorded.run.map(|_| recorded.label.clone()))?;
    answer.set_item("saved", recorded.run.is_some())?;
    answer.set_item("warnings", &recorded.warnings)?;
    let nanoseconds = PyDict::new(py);
    nanoseconds.set_item("total", recorded.nanoseconds)?;
    answer.set_item("nanoseconds", nanoseconds)?;
    answer.set_item("changed", recorded.changed)?;
    answer.set_item("nodes", recorded.nodes)?;
    Ok(answer)
}
