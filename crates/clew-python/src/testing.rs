//! Doors for the Python tests: what a look finds, and whether a value comes back.

use clew_core::graph::{Arena, CoVariable, Heap, Limits, look, look_jointly};
use clew_core::id::Root;
use clew_core::kernel::Stored;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::build::{Definitions, build};
use crate::raw::{Attached, Object, PythonHeap};

/// A heap over a namespace, with what the tests ask of it.
#[pyclass(frozen, module = "clew._engine", name = "TestHeap")]
pub struct TestHeap(Attached<PythonHeap>);

fn roots(namespace: &Bound<'_, PyDict>) -> PyResult<Vec<(Root, Object)>> {
    namespace
        .iter()
        .map(|(name, value)| Ok((Root::name(name.extract::<String>()?), Object::of(&value))))
        .collect()
}

fn shown<'py>(py: Python<'py>, found: &CoVariable) -> PyResult<Bound<'py, PyDict>> {
    let shown = PyDict::new(py);
    let names: Vec<String> = found.roots.iter().map(ToString::to_string).collect();
    let opaque: Vec<&str> = found.opaque.iter().map(|opaque| opaque.why.as_str()).collect();
    shown.set_item("roots", names)?;
    shown.set_item("fingerprint", found.fingerprint.to_string())?;
    shown.set_item("nodes", found.nodes)?;
    shown.set_item("bytes", found.buffer_bytes())?;
    shown.set_item("opaque", opaque)?;
    shown.set_item("stream", PyBytes::new(py, &found.stream))?;
    Ok(shown)
}

#[pymethods]
impl TestHeap {
    /// `main` is the namespace that notebook functions read.
    #[new]
    fn new(py: Python<'_>, main: &Bound<'_, PyDict>) -> PyResult<Self> {
        Ok(Self(Attached::new(py, PythonHeap::new(main, None)?)))
    }

    /// The co-variables of a namespace.
    fn fingerprint<'py>(&self, py: Python<'py>, namespace: &Bound<'py, PyDict>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let roots = roots(namespace)?;
        self.with(py, |heap| {
            let looked = look(heap, roots);
            let shown = looked.covariables.iter().map(|found| shown(py, found)).collect();
            heap.release();
            shown
        })
    }

    /// Encodes a namespace as one co-variable and builds it again: what was there, and what came of it.
    fn roundtrip<'py>(&self, py: Python<'py>, namespace: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        let mut roots = roots(namespace)?;
        roots.sort_by(|one, other| one.0.cmp(&other.0));
        self.with(py, |heap| {
            let found = look_jointly(heap, roots);
            let extents = bytes_of(heap, &found);
            heap.release();
            let built = self::build_again(py, heap, &found, extents);
            let before = shown(py, &found)?;
            let values = PyDict::new(py);
            before.set_item("values", &values)?;
            match built {
                Ok(built) => {
                    for (root, value) in found.roots.iter().zip(&built) {
                        values.set_item(root.key.as_str(), value)?;
                    }
                    let again: Vec<_> = found.roots.iter().cloned().zip(built.iter().map(Object::of)).collect();
                    let again = look_jointly(heap, again);
                    before.set_item("again", again.fingerprint.to_string())?;
                    before.set_item("stream again", PyBytes::new(py, &again.stream))?;
                    heap.release();
                }
                Err(error) => before.set_item("error", error)?,
            }
            Ok(before)
        })
    }
}

impl TestHeap {
    fn with<R>(&self, py: Python<'_>, use_it: impl FnOnce(&mut PythonHeap) -> PyResult<R>) -> PyResult<R> {
        self.0.with(py, use_it).map_err(|busy| PyRuntimeError::new_err(busy.to_string()))?
    }
}

fn bytes_of(heap: &PythonHeap, found: &CoVariable) -> Vec<Vec<u8>> {
    let bytes = |address, length| heap.bytes(address, length).unwrap_or_default().to_vec();
    found.extents.iter().map(|extent| bytes(extent.address, extent.length)).collect()
}

fn build_again<'py>(
    py: Python<'py>,
    heap: &PythonHeap,
    found: &CoVariable,
    extents: Vec<Vec<u8>>,
) -> Result<Vec<Bound<'py, PyAny>>, String> {
    let arena = Arena::parse(&found.stream, found.roots.len(), Limits::default()).map_err(|error| error.to_string())?;
    let stored = Stored {
        roots: &found.roots,
        arena: &arena,
        asides: &found.asides,
        extents,
        mentions: &found.mentions,
    };
    build(py, heap, &Definitions::default(), &stored).map_err(|error| error.to_string())
}
