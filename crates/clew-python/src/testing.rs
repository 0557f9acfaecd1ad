//! The interface for the Python tests: results of looks, and whether encoded values can be built again.

mod values;

use std::collections::VecDeque;

use clew_core::graph::{
    Arena, ArenaLimits, CoVariable, ExtentMemory, Heap, StreamError, first_difference, look, look_jointly,
};
use clew_core::id::{Root, RootKind};
use clew_core::kernel::{BuildError, NoCellSources, StoredCoVariable};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use self::values::{Look, compared};
use crate::build::{BuiltObject, build, install_definition, refusal};
use crate::cause::runtime;
use crate::raw::{GilCell, Object, PythonHeap, Region};

/// A heap over a namespace, with the calls that the tests need.
#[pyclass(frozen, module = "clew._engine", name = "TestHeap")]
pub struct TestHeap(GilCell<PythonHeap>);

/// One co-variable, encoded.
#[pyclass(frozen, module = "clew._engine", name = "TestEncoded")]
pub struct EncodedCoVariable {
    found: CoVariable,
    extents: Vec<Vec<u8>>,
}

#[pymethods]
impl EncodedCoVariable {
    #[getter]
    fn roots(&self) -> Vec<String> {
        self.found.roots.iter().map(ToString::to_string).collect()
    }

    #[getter]
    fn fingerprint(&self) -> String {
        self.found.fingerprint.to_string()
    }

    #[getter]
    fn nodes(&self) -> u32 {
        self.found.nodes
    }

    #[getter]
    fn bytes(&self) -> u64 {
        self.found.buffer_bytes()
    }

    #[getter]
    fn opaque(&self) -> Vec<String> {
        self.found.opaque.iter().map(|opaque| opaque.why.clone()).collect()
    }

    /// Returns why it could never be built again; `None` if there is no reason.
    #[getter]
    fn refusal(&self, py: Python<'_>) -> Option<String> {
        refusal(py, &self.found.stream, self.found.roots.len()).map(|why| why.to_string())
    }

    /// Returns the differences between the value of `name` and its value in `later`, as JSON, and how many blocks
    /// were read. `streams`: streams to use instead of the own ones, possibly corrupted; `memory`: the most bytes to
    /// read.
    #[pyo3(signature = (name, later, streams=(None, None), memory=None))]
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn compare(
        &self,
        name: &str,
        later: &Bound<'_, Self>,
        streams: (Option<Vec<u8>>, Option<Vec<u8>>),
        memory: Option<u64>,
    ) -> PyResult<(String, u64)> {
        let later = later.get();
        let before = Look {
            found: &self.found,
            extents: &self.extents,
            stream: streams.0.as_deref(),
        };
        let after = Look {
            found: &later.found,
            extents: &later.extents,
            stream: streams.1.as_deref(),
        };
        let (detail, read) = compared(name, &before, &after, memory);
        let json = serde_json::to_string(&detail).map_err(runtime)?;
        Ok((json, read))
    }

    #[getter]
    fn stream<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.found.stream)
    }
}

fn roots(namespace: &Bound<'_, PyDict>) -> PyResult<Vec<(Root, Object)>> {
    let roots = namespace.iter();
    roots
        .map(|(name, value)| Ok((Root::name(name.extract::<String>()?), Object::of(&value))))
        .collect()
}

fn encoded(heap: &PythonHeap, found: CoVariable) -> EncodedCoVariable {
    let bytes = |address, length| heap.bytes(address, length).unwrap_or_default().to_vec();
    let extents = found
        .extents
        .iter()
        .map(|extent| bytes(extent.address, extent.length))
        .collect();
    EncodedCoVariable { found, extents }
}

#[pymethods]
impl TestHeap {
    /// `main` is the namespace for notebook functions.
    #[new]
    fn new(py: Python<'_>, main: &Bound<'_, PyDict>) -> PyResult<Self> {
        Ok(Self(GilCell::new(py, PythonHeap::new(main, None)?)))
    }

    /// Returns the co-variables of a namespace, including definitions.
    fn look(&self, py: Python<'_>, namespace: &Bound<'_, PyDict>) -> PyResult<Vec<EncodedCoVariable>> {
        let roots = roots(namespace)?;
        self.with(py, |heap| {
            let looked = look(heap, roots);
            let found = looked
                .covariables
                .into_iter()
                .map(|found| encoded(heap, found))
                .collect();
            heap.release();
            Ok(found)
        })
    }

    /// Returns the whole namespace as one co-variable.
    fn look_jointly(&self, py: Python<'_>, namespace: &Bound<'_, PyDict>) -> PyResult<EncodedCoVariable> {
        let roots = roots(namespace)?;
        self.with(py, |heap| {
            let found = look_jointly(heap, roots);
            let found = encoded(heap, found);
            heap.release();
            Ok(found)
        })
    }

    /// Returns the fingerprint of the whole namespace as one co-variable; nothing is copied.
    fn fingerprint(&self, py: Python<'_>, namespace: &Bound<'_, PyDict>) -> PyResult<String> {
        let roots = roots(namespace)?;
        self.with(py, |heap| {
            let found = look_jointly(heap, roots);
            heap.release();
            Ok(found.fingerprint.to_string())
        })
    }

    /// Builds from a stream that may be corrupted; returns an empty string, or the reason why it failed.
    fn build_damaged(&self, py: Python<'_>, stored: &Bound<'_, EncodedCoVariable>, stream: &[u8]) -> PyResult<String> {
        self.with(py, |heap| {
            let encoded = stored.get();
            let arena = match Arena::parse(stream, encoded.found.roots.len(), ArenaLimits::default()) {
                Ok(arena) if arena.buffers() as usize == encoded.found.mentions.len() => arena,
                Ok(_) => return Ok("other buffers".to_owned()),
                Err(error) => return Ok(error.to_string()),
            };
            let built = build_of(py, heap, encoded, &arena)?;
            heap.end_staging(false);
            let said = built.as_ref().err().map(ToString::to_string).unwrap_or_default();
            drop(built);
            heap.release();
            Ok(said)
        })
    }

    /// Builds co-variables again, definitions first, and installs the definitions. Returns values by name, and under
    /// `""` the names of co-variables with another fingerprint, with the first difference.
    #[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
    fn load<'py>(&self, py: Python<'py>, stored: Vec<Bound<'py, EncodedCoVariable>>) -> PyResult<Bound<'py, PyDict>> {
        self.with(py, |heap| {
            let (values, differing) = (PyDict::new(py), PyDict::new(py));
            let mut staged = Vec::new();
            let (first, then): (Vec<_>, Vec<_>) =
                stored.iter().partition(|stored| holds_definition(&stored.get().found));
            let mut waiting: VecDeque<_> = first.into_iter().chain(then).collect();
            let mut patience = waiting.len() * waiting.len();
            while let Some(next) = waiting.pop_front() {
                let stored = next.get();
                // The engine knows which values need which definitions; here failed ones are tried again.
                let built = match build_again(py, heap, stored) {
                    Ok(built) => built,
                    Err(_) if patience > 0 => {
                        patience -= 1;
                        waiting.push_back(next);
                        continue;
                    }
                    Err(error) => {
                        heap.end_staging(false);
                        return Err(error);
                    }
                };
                let pairs = stored
                    .found
                    .roots
                    .iter()
                    .cloned()
                    .zip(built.iter().map(|built| built.object));
                let again = look_jointly(heap, pairs.collect());
                if again.fingerprint != stored.found.fingerprint {
                    differing.set_item(
                        stored.found.roots[0].to_string(),
                        where_they_differ(&stored.found, &again),
                    )?;
                }
                for (root, built) in stored.found.roots.iter().zip(&built) {
                    if root.kind == RootKind::Name {
                        values.set_item(root.key.as_str(), &built.value)?;
                    }
                }
                staged.extend(built);
            }
            for built in &staged {
                install_definition(py, &built.value)?;
            }
            heap.end_staging(true);
            heap.release();
            values.set_item("", differing)?;
            Ok(values)
        })
    }
}

fn holds_definition(found: &CoVariable) -> bool {
    found.roots.iter().any(|root| root.kind == RootKind::Definition)
}

/// Returns the path to the first node that differs, and both nodes.
fn where_they_differ(one: &CoVariable, other: &CoVariable) -> String {
    let (first, then) = (
        parsed(one).expect("a walk writes streams"),
        parsed(other).expect("a walk writes streams"),
    );
    let path = first_difference(&first, &then, &std::collections::BTreeSet::new());
    let nodes = |arena: &Arena<'_>| -> Vec<(u16, Vec<u8>, Vec<u32>)> {
        let nodes = (0..arena.len() as u32).map(|number| arena.node(number));
        nodes
            .map(|node| (node.kind, node.payload.to_vec(), node.children.to_vec()))
            .collect()
    };
    let (one, other) = (nodes(&first), nodes(&then));
    let at = one.iter().zip(&other).position(|(one, other)| one != other);
    let shown = |nodes: &[(u16, Vec<u8>, Vec<u32>)]| {
        at.and_then(|at| nodes.get(at))
            .map(|(kind, payload, children)| format!("kind {kind} {} {children:?}", payload.escape_ascii()))
    };
    format!("{path:?}\n{:?}\n{:?}", shown(&one), shown(&other))
}

impl TestHeap {
    fn with<R>(&self, py: Python<'_>, use_it: impl FnOnce(&mut PythonHeap) -> PyResult<R>) -> PyResult<R> {
        self.0.with(py, use_it).map_err(runtime)?
    }
}

fn build_again(py: Python<'_>, heap: &mut PythonHeap, stored: &EncodedCoVariable) -> PyResult<Vec<BuiltObject>> {
    let arena = parsed(&stored.found).map_err(runtime)?;
    build_of(py, heap, stored, &arena)?.map_err(runtime)
}

fn parsed(found: &CoVariable) -> Result<Arena<'_>, StreamError> {
    Arena::parse(&found.stream, found.roots.len(), ArenaLimits::default())
}

/// Builds the nodes of a stream over the memory of a co-variable.
fn build_of(
    py: Python<'_>,
    heap: &mut PythonHeap,
    encoded: &EncodedCoVariable,
    arena: &Arena<'_>,
) -> PyResult<Result<Vec<BuiltObject>, BuildError>> {
    let stored = StoredCoVariable {
        roots: &encoded.found.roots,
        arena,
        asides: &encoded.found.asides,
        extents: regions(&encoded.extents)?,
        mentions: &encoded.found.mentions,
        cells: &NoCellSources,
    };
    Ok(build(py, heap, stored).map(|(built, _)| built))
}

fn regions(extents: &[Vec<u8>]) -> PyResult<Vec<Region>> {
    let regions: Option<Vec<Region>> = extents.iter().map(|bytes| Region::holding(bytes)).collect();
    regions.ok_or_else(|| PyMemoryError::new_err("for what is built"))
}
