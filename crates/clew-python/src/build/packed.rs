//! Texts of a packed column made again ([`crate::raw::packed`]).

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::scalars::text_of;

/// The objects of a column from its codes, offsets and data; `missing` holds those of the codes -1, -2 and so on.
///
/// # Errors
/// `ValueError` where these do not fit together.
#[pyfunction]
pub fn unpack_texts<'py>(
    codes: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    data: &Bound<'py, PyAny>,
    missing: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyList>> {
    let py = codes.py();
    let malformed = || PyValueError::new_err("A column of texts is malformed");
    let bytes = |memory: &Bound<'py, PyAny>| PyBuffer::<u8>::get(memory)?.to_vec(py);
    let (codes, offsets, data) = (bytes(codes)?, bytes(offsets)?, bytes(data)?);
    let (offsets, _) = offsets.as_chunks();
    let ends: Result<Vec<usize>, _> = offsets
        .iter()
        .map(|end| usize::try_from(i32::from_le_bytes(*end)))
        .collect();
    let ends = ends.map_err(|_| malformed())?;
    let texts = ends.windows(2).map(|ends| {
        let text = data.get(ends[0]..ends[1]).ok_or_else(malformed)?;
        text_of(py, text).map(Bound::into_any)
    });
    let texts = texts.collect::<PyResult<Vec<_>>>()?;
    let (codes, _) = codes.as_chunks();
    let objects = codes.iter().map(|code| {
        let code = i32::from_le_bytes(*code);
        match usize::try_from(code) {
            Ok(code) => texts.get(code).cloned().ok_or_else(malformed),
            Err(_) => missing
                .get_item(code.unsigned_abs() as usize - 1)
                .map_err(|_| malformed()),
        }
    });
    PyList::new(py, objects.collect::<PyResult<Vec<_>>>()?)
}
