//! Where something that lives elsewhere can be reached, as a codec of a handle hands it to the walk.

use pyo3::prelude::*;

/// Tells which of several such things it is (an address, an identity). Part of the value; whoever asks what a cell depends on leaves it
/// out: the same thing at another address is as good (`clew_core::graph::WHEREABOUTS`).
#[pyclass(frozen, module = "clew._engine")]
pub struct Whereabouts {
    /// Where it is, in the words of its codec.
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
