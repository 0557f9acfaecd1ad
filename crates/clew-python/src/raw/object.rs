//! What the walk holds of an object: its address, and in which guise it is looked at.

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::FxHashSet;

/// An address of a live object, with a guise in the lowest bits (objects are aligned to 8 bytes at least).
///
/// It owns nothing. It is valid while the walk runs, or while the heap keeps the object; only the heap makes these and
/// only the heap and the builder look through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Object(usize);

/// In which guise an object is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guise {
    /// As others refer to it.
    Usual,
    /// A notebook class as the body of its definition; a function, or a member of an Enum, as a part of that body.
    Whole,
    /// A dict as the globals of functions: of it counts what they may read.
    Globals,
}

const WHOLE: usize = 1;
const GLOBALS: usize = 2;

impl Object {
    pub(super) fn new(pointer: *mut ffi::PyObject) -> Self {
        debug_assert!(!pointer.is_null());
        Self(pointer as usize)
    }

    /// The object a safe reference stands for. The caller keeps the reference while the object is used.
    pub fn of(object: &Bound<'_, PyAny>) -> Self {
        Self::new(object.as_ptr())
    }

    /// A notebook class, or its staged twin, as the body of its definition; a method as what it is made of.
    pub fn whole_of(object: &Bound<'_, PyAny>) -> Self {
        Self::of(object).whole()
    }

    pub(super) fn whole(self) -> Self {
        Self(self.0 | WHOLE)
    }

    /// A dict as the globals of functions.
    pub(super) fn as_globals(self) -> Self {
        Self(self.0 | GLOBALS)
    }

    /// Whether it is looked at in that guise.
    pub(crate) fn is_whole(self) -> bool {
        self.guise() == Guise::Whole
    }

    pub(super) fn guise(self) -> Guise {
        match self.0 & (WHOLE | GLOBALS) {
            0 => Guise::Usual,
            GLOBALS => Guise::Globals,
            _ => Guise::Whole,
        }
    }

    pub(super) fn pointer(self) -> *mut ffi::PyObject {
        (self.0 & !(WHOLE | GLOBALS)) as *mut ffi::PyObject
    }

    /// Asks the processor to fetch the object's head from memory.
    #[inline]
    pub(super) fn prefetch(self) {
        prefetch(self.pointer().cast());
    }

    /// How many references there are to the object.
    pub fn references(self) -> isize {
        // SAFETY: as for `bound`; only the count is read.
        unsafe { ffi::Py_REFCNT(self.pointer()) }
    }

    /// A strong reference to the object.
    pub fn bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: objects are made from live references, and whoever hands one over keeps it alive (see the type).
        unsafe { Bound::from_borrowed_ptr(py, self.pointer()) }
    }
}

/// Asks the processor to fetch what lies at a place from memory.
#[inline]
pub(super) fn prefetch(place: *const i8) {
    // SAFETY: a hint, which no address makes fail; every x86-64 processor has it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// The objects that walks encountered. Off unless a caller asks for it: sessions never do.
#[derive(Default)]
pub(super) struct EncounteredObjects(pub Option<FxHashSet<Object>>);

impl EncounteredObjects {
    /// Notes an object.
    pub fn note(&mut self, object: Object) {
        if let Some(met) = &mut self.0 {
            met.insert(object);
        }
    }
}
