//! Values without parts, and memory.

use clew_core::graph::ArenaNode;
use clew_core::kernel::BuildError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyComplex, PyFloat, PyInt, PyString};

use super::{BuildResult, Builder, malformed};
use crate::kinds;

/// Strings that a library compares by identity, with the places of the live ones.
const TOLD_APART: &[(&[u8], &str, &str)] = &[(b"==SUPPRESS==", "argparse", "SUPPRESS")];

impl<'py> Builder<'py, '_> {
    pub(super) fn make_scalar(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let (py, payload) = (self.py, node.payload);
        match node.kind {
            kinds::NONE => Ok(py.None().into_bound(py)),
            kinds::ELLIPSIS => Ok(py.Ellipsis().into_bound(py)),
            kinds::NOT_IMPLEMENTED => Ok(py.NotImplemented().into_bound(py)),
            kinds::BOOL => Ok(PyBool::new(py, payload.first() == Some(&1)).to_owned().into_any()),
            kinds::INT => self.int(payload),
            kinds::FLOAT => Ok(PyFloat::new(py, float(payload)?).into_any()),
            kinds::COMPLEX => self.complex(payload),
            kinds::STR => match self.told_apart(payload) {
                Some(live) => Ok(live),
                None => self.text(payload).map(Bound::into_any),
            },
            _ => Err(malformed("a value is of no known kind")),
        }
    }

    /// Returns the live string of a library that compares it by identity: the library's objects contain that very
    /// string.
    fn told_apart(&self, payload: &[u8]) -> Option<Bound<'py, PyAny>> {
        let (_, module, name) = TOLD_APART.iter().find(|(text, _, _)| *text == payload)?;
        self.py.import(*module).and_then(|module| module.getattr(*name)).ok()
    }

    /// Makes an int from its two's complement.
    pub(super) fn int(&self, bytes: &[u8]) -> BuildResult<'py> {
        if bytes.is_empty() {
            return Err(malformed("a number has no bytes"));
        }
        if bytes.len() <= 8 {
            let sign = if bytes[bytes.len() - 1] & 0x80 == 0 { 0 } else { 0xff };
            let mut wide = [sign; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            let Ok(number) = i64::from_le_bytes(wide).into_pyobject(self.py);
            return Ok(number.into_any());
        }
        let signed = pyo3::types::PyDict::new(self.py);
        self.tried(signed.set_item("signed", true))?;
        let arguments = (PyBytes::new(self.py, bytes), "little");
        self.tried(
            self.py
                .get_type::<PyInt>()
                .call_method("from_bytes", arguments, Some(&signed)),
        )
    }

    pub(super) fn complex(&self, bytes: &[u8]) -> BuildResult<'py> {
        let (real, imaginary) = bytes
            .split_at_checked(8)
            .ok_or_else(|| malformed("a number is cut short"))?;
        Ok(PyComplex::from_doubles(self.py, float(real)?, float(imaginary)?).into_any())
    }

    /// Makes a str from UTF-8 that may contain lone surrogates.
    pub(super) fn text(&self, bytes: &[u8]) -> Result<Bound<'py, PyString>, BuildError> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Ok(PyString::new(self.py, text));
        }
        let decoded = PyBytes::new(self.py, bytes).call_method1("decode", ("utf-8", "surrogatepass"));
        self.tried(decoded.and_then(|text| Ok(text.cast_into::<PyString>()?)))
    }

    /// Makes a str that is a name, and interns it, as Python does with names.
    pub(super) fn name(&self, bytes: &[u8]) -> Result<Bound<'py, PyString>, BuildError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(PyString::intern(self.py, text)),
            Err(_) => self.text(bytes),
        }
    }

    pub(super) fn make_memory(&mut self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        match (node.kind, node.buffer) {
            (kinds::BYTES, None) => Ok(PyBytes::new(self.py, node.payload).into_any()),
            (kinds::BYTES, Some(_)) => Ok(PyBytes::new(self.py, self.memory(node)?.0).into_any()),
            (kinds::BYTEARRAY, None) => Ok(PyByteArray::new(self.py, &[]).into_any()),
            (kinds::BYTEARRAY, Some(_)) => {
                let (bytes, mention) = self.memory(node)?;
                if self.bytearrays.contains(&mention.extent) {
                    return self.holder(mention.extent);
                }
                Ok(PyByteArray::new(self.py, bytes).into_any())
            }
            (_, Some(_)) => self.writable(node),
            (_, None) => {
                let empty = PyByteArray::new(self.py, &[]);
                self.tried(pyo3::types::PyMemoryView::from(empty.as_any()).map(Bound::into_any))
            }
        }
    }
}

/// Decodes a float.
pub(super) fn float(bytes: &[u8]) -> Result<f64, BuildError> {
    let bytes = bytes.try_into().map_err(|_| malformed("a number has not 8 bytes"))?;
    Ok(f64::from_le_bytes(bytes))
}
