//! References that an extension type hides from the collector: they are in the structure of the object itself.

use pyo3::prelude::*;
use pyo3::types::PyList;
use rustc_hash::FxHashSet;

/// Objects with a larger structure are not searched.
const LARGEST: usize = 4_096;

/// Returns those of the addresses that occur as words in the structures of objects, which may refer to them.
/// Variable-size objects are not searched.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn words_of(objects: &Bound<'_, PyList>, addresses: FxHashSet<usize>) -> FxHashSet<usize> {
    let mut found = FxHashSet::default();
    for object in objects {
        // SAFETY: the type of a live object is live.
        let (size, varies) = unsafe {
            let kind = object.get_type().as_type_ptr();
            ((*kind).tp_basicsize, (*kind).tp_itemsize != 0)
        };
        let words = usize::try_from(size).unwrap_or_default() / size_of::<usize>();
        if varies || words * size_of::<usize>() > LARGEST {
            continue;
        }
        let structure = object.as_ptr().cast::<usize>();
        // SAFETY: an object of fixed size is as long as its type says, aligned for pointers. Its words are only
        // compared.
        let read = |nth| unsafe { structure.add(nth).read() };
        found.extend((0..words).map(read).filter(|word| addresses.contains(word)));
    }
    found
}
