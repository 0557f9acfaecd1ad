//! The contents of `functools.cache` and `lru_cache`: found like the collector finds them, and put back in the same
//! order.
//!
//! A cache of bounded size keeps its results in links that only the cache itself can create
//! (`Modules/_functoolsmodule.c`). So the cache is called once for each key, the oldest first, while its function is
//! replaced by one that returns the stored results. No function of the user runs.

use std::sync::Mutex;

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple, PyType};

/// Returns the keys and results of a cache, least recently used first: the cache itself gives access to neither.
pub(super) fn contents<'py>(cache: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if is_bounded(cache)? {
        let seen = referents(cache)?;
        // First its type, then key, result and type of each link, then other objects.
        let links = seen.get(1..).unwrap_or_default().chunks(3);
        let links = links.take_while(|link| link.get(2).is_some_and(is_type_of_links));
        return Ok(links.flat_map(|link| link[..2].iter().cloned()).collect());
    }
    let kept = kept(cache)?.into_iter();
    Ok(kept.flatten().flat_map(|(key, value)| [key, value]).collect())
}

/// Puts keys and results back into the empty cache over `function`. If the arguments cannot be derived from a key,
/// the cache stays empty.
pub(crate) fn fill(
    cache: &Bound<'_, PyAny>,
    function: &Bound<'_, PyAny>,
    contents: &[Bound<'_, PyAny>],
) -> PyResult<()> {
    if is_bounded(cache)? {
        return fill_bounded(cache, function, contents);
    }
    if let Some(kept) = kept(cache)? {
        let mark = referents(cache)?.into_iter().find(is_mark);
        for pair in contents.chunks_exact(2) {
            kept.set_item(own_key(mark.as_ref(), &pair[0])?, &pair[1])?;
        }
    }
    Ok(())
}

fn fill_bounded<'py>(
    cache: &Bound<'py, PyAny>,
    function: &Bound<'py, PyAny>,
    contents: &[Bound<'py, PyAny>],
) -> PyResult<()> {
    let is_typed = parameter(cache, "typed")?.is_truthy()?;
    let calls: Option<Vec<Call<'py>>> = contents.iter().step_by(2).map(|key| Call::of(key, is_typed)).collect();
    let (Some(calls), Some(place)) = (calls, place_of(cache, function)) else {
        return Ok(());
    };
    let results: Vec<Py<PyAny>> = contents
        .iter()
        .skip(1)
        .step_by(2)
        .rev()
        .map(|result| result.clone().unbind())
        .collect();
    let results = Mutex::new(results);
    let next = move |_: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<Py<PyAny>> {
        let mut results = results.lock().map_err(|_| PyValueError::new_err("a result is gone"))?;
        results
            .pop()
            .ok_or_else(|| PyValueError::new_err("a cache asks for too many results"))
    };
    let stand_in = PyCFunction::new_closure(cache.py(), None, None, next)?;
    let function = exchange(cache, place, stand_in.into_any());
    let called = calls.iter().try_for_each(|call| call.make(cache));
    exchange(cache, place, function);
    called
}

/// The arguments that a cache's key represents.
struct Call<'py> {
    positional: Vec<Bound<'py, PyAny>>,
    named: Bound<'py, PyDict>,
}

impl<'py> Call<'py> {
    /// A key is the only argument, or all of them: the positional ones, then a mark and the named ones if there are
    /// any, then the types of all values if the cache distinguishes them.
    fn of(key: &Bound<'py, PyAny>, is_typed: bool) -> Option<Self> {
        let named = PyDict::new(key.py());
        let Ok(parts) = key.cast_exact::<PyTuple>() else {
            let positional = vec![key.clone()];
            return Some(Self { positional, named });
        };
        let parts: Vec<Bound<'py, PyAny>> = parts.iter().collect();
        let marks: Vec<usize> = (0..parts.len()).filter(|at| is_mark(&parts[*at])).collect();
        let (first, others) = match marks.as_slice() {
            [] if is_typed => (parts.len() / 2, 0),
            [] => (parts.len(), 0),
            // Of n parts p are positional; each named value has a name, too.
            [mark] if is_typed => (*mark, (parts.len() - 1).checked_sub(2 * mark)? / 3),
            [mark] => (*mark, (parts.len() - 1 - mark) / 2),
            _ => return None,
        };
        let pairs = if others == 0 {
            &[][..]
        } else {
            parts.get(first + 1..first + 1 + 2 * others)?
        };
        for pair in pairs.chunks_exact(2) {
            named.set_item(&pair[0], &pair[1]).ok()?;
        }
        Some(Self {
            positional: parts[..first].to_vec(),
            named,
        })
    }

    fn make(&self, cache: &Bound<'py, PyAny>) -> PyResult<()> {
        let arguments = PyTuple::new(cache.py(), &self.positional)?;
        cache.call(arguments, Some(&self.named)).map(drop)
    }
}

/// Returns the word of the cache that contains its function; `None` unless there is exactly one.
fn place_of(cache: &Bound<'_, PyAny>, function: &Bound<'_, PyAny>) -> Option<usize> {
    let words = words_of(cache);
    // SAFETY: the words of a live object; their number comes from the size in its type.
    let mut found = (2..words.1).filter(|at| unsafe { *words.0.add(*at) } == function.as_ptr());
    found.next().filter(|_| found.next().is_none())
}

/// Puts `new` at a place that [`place_of`] returned, and returns the previous object.
fn exchange<'py>(cache: &Bound<'py, PyAny>, place: usize, new: Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    let (first, _) = words_of(cache);
    // SAFETY: the word holds a reference that the cache owns; it is passed to the caller, and the cache owns that to
    // `new` instead. The GIL is held, and the cache is still being built: no other code calls it meanwhile.
    unsafe {
        let old = std::mem::replace(&mut *first.add(place), new.into_ptr());
        Bound::from_owned_ptr(cache.py(), old)
    }
}

fn words_of(cache: &Bound<'_, PyAny>) -> (*mut *mut ffi::PyObject, usize) {
    // SAFETY: a live type.
    let size = unsafe { (*cache.get_type().as_type_ptr()).tp_basicsize } as usize;
    (cache.as_ptr().cast(), size / size_of::<*mut ffi::PyObject>())
}

fn parameter<'py>(cache: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    cache.call_method0("cache_parameters")?.get_item(name)
}

fn is_bounded(cache: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(!parameter(cache, "maxsize")?.is_none())
}

/// Returns the dict in which an unbounded cache keeps its results.
fn kept<'py>(cache: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let own = cache.getattr("__dict__")?;
    let mut dicts = referents(cache)?
        .into_iter()
        .filter_map(|held| held.cast_into_exact::<PyDict>().ok())
        .filter(|held| !held.is(&own));
    Ok(dicts.next())
}

/// Returns the cache's own key for the stored `key`: the mark between positional and named arguments is an object of
/// this process.
fn own_key<'py>(mark: Option<&Bound<'py, PyAny>>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match (key.cast_exact::<PyTuple>(), mark) {
        (Ok(parts), Some(mark)) if parts.iter().any(|part| is_mark(&part)) => {
            let part = |part: Bound<'py, PyAny>| if is_mark(&part) { mark.clone() } else { part };
            Ok(PyTuple::new(key.py(), parts.iter().map(part))?.into_any())
        }
        _ => Ok(key.clone()),
    }
}

fn referents<'py>(object: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let gc = object.py().import("gc")?;
    gc.call_method1("get_referents", (object,))?.try_iter()?.collect()
}

/// Returns whether this is an `object()`: caches hold one that separates positional from named arguments.
fn is_mark(held: &Bound<'_, PyAny>) -> bool {
    held.get_type().as_type_ptr() == &raw mut ffi::PyBaseObject_Type
}

fn is_type_of_links(held: &Bound<'_, PyAny>) -> bool {
    let class = held.cast::<PyType>();
    class.is_ok_and(|class| class.name().is_ok_and(|name| name == "_lru_list_elem"))
}
