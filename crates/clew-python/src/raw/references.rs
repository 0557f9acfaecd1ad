//! References that an extension type keeps from the collector: they stand in the structure of the object itself.

use pyo3::prelude::*;
use pyo3::types::PyList;
use rustc_hash::FxHashSet;

/// Objects with a longer structure are not looked through.
const LARGEST: usize = 4_096;

/// Which of these addresses stand as words in the structures of objects: these may refer to what lies there. Of objects of varying length
/// it says none.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as PyO3 hands it over
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
        // SAFETY: an object whose length does not vary is as long as its type says, aligned for pointers. Its words are only compared.
        let read = |nth| unsafe { structure.add(nth).read() };
        found.extend((0..words).map(read).filter(|word| addresses.contains(word)));
    }
    found
}
