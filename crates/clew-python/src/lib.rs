//! The extension module `clew._engine`.

use pyo3::prelude::*;

/// The engine of Clew for Python.
#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
