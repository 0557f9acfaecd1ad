//! The address of something outside the process, as a handle's codec passes it to the walk.

use pyo3::prelude::*;

/// Distinguishes several such things (an address, an identity). It is a part of the value, but not of what a cell
/// depends on: the same thing at another address is equivalent (`clew_core::graph::WHEREABOUTS`).
#[pyclass(frozen, module = "clew._engine")]
pub struct Whereabouts {
    /// The address, in the format of its codec.
    #[pyo3(get)]
    pub(super) text: String,
}

#[pymethods]
impl Whereabouts {
    #[new]
    pub(crate) fn new(text: String) -> Self {
        Self { text }
    }

    fn __repr__(&self) -> String {
        format!("<Whereabouts {}>", self.text)
    }
}
