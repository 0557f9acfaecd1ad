//! Memory of objects: views held during a look, and the class with which codecs pass memory.

use std::collections::BTreeMap;

use clew_core::graph::BufferView;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;

/// The memory of an exporter, as a codec passes it to the walk. Holds the view until it is dropped.
#[pyclass(frozen, module = "clew._engine", name = "Buffer")]
pub struct ExportedMemory {
    view: PyUntypedBuffer,
    column: u64,
    copies_on_write: bool,
}

#[pymethods]
impl ExportedMemory {
    /// `exporter` must have contiguous memory. `column` is the size of a column in bytes, at whose multiples blocks
    /// restart; `copies_on_write` means that its owner copies before it writes (pandas).
    #[new]
    #[pyo3(signature = (exporter, column = 0, copies_on_write = false))]
    fn new(exporter: &Bound<'_, PyAny>, column: u64, copies_on_write: bool) -> PyResult<Self> {
        let view = PyUntypedBuffer::get(exporter)?;
        if !view.is_c_contiguous() && !view.is_fortran_contiguous() {
            return Err(PyBufferError::new_err("The memory of a Buffer must be contiguous"));
        }
        Ok(Self {
            view,
            column,
            copies_on_write,
        })
    }

    fn __len__(&self) -> usize {
        self.view.len_bytes()
    }

    fn __repr__(&self) -> String {
        format!("<Buffer of {} bytes>", self.view.len_bytes())
    }
}

impl ExportedMemory {
    /// Returns the whole memory of an object as one column.
    pub(super) fn of(exporter: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::new(exporter, 0, false)
    }

    /// Returns the view that the walk uses.
    pub(super) fn buffer_view(&self) -> BufferView {
        BufferView {
            address: self.view.buf_ptr() as u64,
            length: self.view.len_bytes() as u64,
            column: self.column,
            copies_on_write: self.copies_on_write,
        }
    }
}

/// Ranges of memory that the walk received since the last release, and that are held meanwhile.
#[derive(Default)]
pub(super) struct HeldRanges {
    /// Start to end; ranges that overlap or touch are merged.
    ranges: BTreeMap<u64, u64>,
}

impl HeldRanges {
    pub fn add(&mut self, view: &BufferView) {
        if view.length == 0 {
            return;
        }
        let (mut start, mut end) = (view.address, view.address + view.length);
        while let Some((first, last)) = self.ranges.range(..=end).next_back().map(|(one, two)| (*one, *two)) {
            if last < start {
                break;
            }
            start = start.min(first);
            end = end.max(last);
            self.ranges.remove(&first);
        }
        self.ranges.insert(start, end);
    }

    pub fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Returns the bytes of a range that is completely held.
    pub fn bytes(&self, address: u64, length: u64) -> Option<&[u8]> {
        if length == 0 {
            return Some(&[]);
        }
        let end = address.checked_add(length)?;
        let (_, last) = self.ranges.range(..=address).next_back()?;
        if end > *last {
            return None;
        }
        // SAFETY: every byte of the range is in views whose exporters are kept until the ranges are cleared. Other
        // threads may write to it (the GIL is held, but C code need not take it): a torn read changes a hash, which
        // the engine finds by hashing the stored data again.
        Some(unsafe { std::slice::from_raw_parts(address as *const u8, usize::try_from(length).ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(address: u64, length: u64) -> BufferView {
        BufferView {
            address,
            length,
            column: 0,
            copies_on_write: false,
        }
    }

    #[test]
    fn only_memory_that_was_shown_is_read() {
        let bytes = [7_u8; 64];
        let address = bytes.as_ptr() as u64;
        let mut shown = HeldRanges::default();
        shown.add(&view(address + 8, 8));
        shown.add(&view(address + 32, 8));
        shown.add(&view(address + 12, 12));
        assert_eq!(shown.bytes(address + 8, 16), Some(&bytes[8..24]));
        assert_eq!(shown.bytes(address + 8, 17), None);
        assert_eq!(shown.bytes(address, 1), None);
        assert_eq!(shown.bytes(u64::MAX, 8), None);
        assert_eq!(shown.bytes(0, 0), Some(&[][..]));
    }
}
