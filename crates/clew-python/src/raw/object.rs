//! The walk's handle of an object: its address, and the guise in which it is described.

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::FxHashSet;

/// The address of a live object, with a guise in the lowest bits (objects are aligned to 8 bytes at least).
///
/// It owns nothing. It is valid while the walk runs, or while the heap keeps the object; only the heap creates these
/// handles, and only the heap and the builder dereference them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Object(usize);

/// The guise in which an object is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guise {
    /// As other objects refer to it.
    Usual,
    /// A notebook class as the body of its definition; a function, or a member of an Enum, as a part of that body.
    Whole,
    /// A dict as the globals of functions: only the names that they may read.
    Globals,
}

const WHOLE: usize = 1;
const GLOBALS: usize = 2;

impl Object {
    pub(super) fn new(pointer: *mut ffi::PyObject) -> Self {
        debug_assert!(!pointer.is_null());
        Self(pointer as usize)
    }

    /// Creates a handle from a safe reference. The caller keeps the reference while the handle is used.
    pub fn of(object: &Bound<'_, PyAny>) -> Self {
        Self::new(object.as_ptr())
    }

    /// Creates a handle for a notebook class, or its staged twin, as the body of its definition; for a method by its
    /// parts.
    pub fn whole_of(object: &Bound<'_, PyAny>) -> Self {
        Self::of(object).whole()
    }

    pub(super) fn whole(self) -> Self {
        Self(self.0 | WHOLE)
    }

    /// Returns a handle for a dict as the globals of functions.
    pub(super) fn as_globals(self) -> Self {
        Self(self.0 | GLOBALS)
    }

    /// Returns whether it is described in that guise.
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

    /// Prefetches the object's head.
    #[inline]
    pub(super) fn prefetch(self) {
        prefetch(self.pointer().cast());
    }

    /// Returns the number of references to the object.
    pub fn references(self) -> isize {
        // SAFETY: as for `bound`; only the count is read.
        unsafe { ffi::Py_REFCNT(self.pointer()) }
    }

    /// Returns a strong reference to the object.
    pub fn bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: handles are created from live references, and the code that passes one keeps the object alive (see
        // the type).
        unsafe { Bound::from_borrowed_ptr(py, self.pointer()) }
    }
}

/// Prefetches memory at an address.
#[inline]
pub(super) fn prefetch(place: *const i8) {
    // SAFETY: a hint, which cannot fail for any address; every x86-64 processor supports it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// The objects that walks encountered. Collected only on request: sessions never do so.
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
