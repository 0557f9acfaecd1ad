//! The members of a set, read without iterating it.

use pyo3::ffi;

unsafe extern "C" {
    fn _PySet_NextEntry(
        set: *mut ffi::PyObject,
        at: *mut ffi::Py_ssize_t,
        key: *mut *mut ffi::PyObject,
        hash: *mut ffi::Py_hash_t,
    ) -> std::ffi::c_int;
}

/// The members of a set, a frozenset or an instance of a subclass, in the order of its table.
///
/// # Safety
/// `set` is live and does not change while the iterator is used.
pub(super) unsafe fn members(set: *mut ffi::PyObject) -> impl Iterator<Item = *mut ffi::PyObject> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (mut key, mut hash) = (std::ptr::null_mut(), 0);
        // SAFETY: as the caller promises.
        let more = unsafe { _PySet_NextEntry(set, &raw mut at, &raw mut key, &raw mut hash) };
        (more != 0).then_some(key)
    })
}
