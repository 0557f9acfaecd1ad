//! The task cache for the adapters of task engines: keys of a whole graph in one call, results to and from a store.
//!
//! Workers only know the folders of the store and of the settings, so each call opens the store again: two small
//! files.

mod doubts;
mod files;
pub(crate) mod keyless;
mod keys;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use clew_cli::{Context, Interface, host, store_key};
use clew_core::clock::Clock;
use clew_core::graph::Heap;
use clew_core::id::TaskKey;
use clew_core::store::disk::RealDisk;
use clew_core::store::{self, Access, Keyring, SigningKey, Store, StoreError, TaskResult, Trust};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use rustc_hash::FxHashMap;

use self::doubts::DeterminismChecks;
use self::keyless::KeylessCause;
use self::keys::Keys;
use crate::cause::runtime;
use crate::clock::SystemClock;
use crate::raw::{GilCell, PythonHeap};

/// The least ratio of a task's time to the time of reading its result for which the result is stored.
const WORTH: f64 = 3.0;
/// The approximate speed of reading a result: bytes per second, and seconds before the first byte.
const LOADING: (f64, f64) = (500e6, 0.001);

/// Marks a result that has a key already, as opposed to values (`clew.tasks`).
const KNOWN: usize = 3;
/// With more named files, they are not assigned to single tasks: each task may open all of them.
const MOST_FILES: usize = 1000;

/// A task: the callable, its arguments, and the positions of the earlier tasks that are its inputs.
type Task<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Vec<usize>);
/// Keys of tasks, or why one has none; and the files that are part of each key.
type TaskKeys = (Vec<Result<TaskKey, KeylessCause>>, Vec<Rc<BTreeSet<String>>>);
/// Sets of files, and for each task the number of its set.
type Sets = (Vec<BTreeSet<String>>, Vec<usize>);

/// Returns the keys of the tasks of a graph, inputs first: 32 bytes each, or the reason as text why a task has none;
/// and the files that are part of them. `version_of` returns the version of a library by its top-level module,
/// `named_by` the names in the code of a function, and `unrepeatable` contains dotted names of objects with other
/// results at each use. `doubts` are called for reasons why a result may not be deterministic: the first with a
/// function, also for the conditions on its arguments; the second with any other object that a task calls or is
/// given, and whether it is called; the third with a task's callable, the functions with conditions, and the task's
/// arguments.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn task_keys<'py>(
    tasks: Vec<Task<'py>>,
    main: &Bound<'py, PyAny>,
    version_of: &Bound<'py, PyAny>,
    named_by: &Bound<'py, PyAny>,
    unrepeatable: HashSet<String>,
    doubts: [Bound<'py, PyAny>; 3],
) -> PyResult<(Bound<'py, PyList>, Sets)> {
    let py = main.py();
    let namespace = main.getattr("__dict__")?.cast_into::<PyDict>()?;
    let mut heap = PythonHeap::new(&namespace, Some(main))?;
    heap.keeps_handles = false;
    let heap = GilCell::new(py, heap);
    let found = heap.with(py, |heap| {
        let keys = Keys::new(heap, version_of, named_by, unrepeatable, DeterminismChecks::new(doubts));
        let found = keys_of(keys, &tasks);
        heap.release();
        found
    });
    let (found, files) = found.map_err(runtime)?;
    let shown = found.into_iter().map(|key| match key {
        Ok(key) => PyBytes::new(py, &key.0).into_any(),
        Err(why) => PyString::new(py, &why.to_string()).into_any(),
    });
    Ok((PyList::new(py, shown.collect::<Vec<_>>())?, told_once(&files)))
}

/// Returns each of the sets, which many tasks share, once.
fn told_once(files: &[Rc<BTreeSet<String>>]) -> Sets {
    let mut places: FxHashMap<*const BTreeSet<String>, usize> = FxHashMap::default();
    let mut sets = Vec::new();
    let places = files.iter().map(|one| {
        *places.entry(Rc::as_ptr(one)).or_insert_with(|| {
            sets.push((**one).clone());
            sets.len() - 1
        })
    });
    let places = places.collect();
    (sets, places)
}

fn keys_of<'py>(mut keys: Keys<'_, 'py>, tasks: &[Task<'py>]) -> TaskKeys {
    let mut found: Vec<Result<TaskKey, KeylessCause>> = Vec::with_capacity(tasks.len());
    let mut files: Vec<Rc<BTreeSet<String>>> = Vec::with_capacity(tasks.len());
    let none = Rc::new(BTreeSet::new());
    let mut every = BTreeSet::new();
    for (callable, given, inputs) in tasks {
        if let Some(key) = made_before(callable, given) {
            found.push(Ok(key));
            files.push(Rc::clone(&none));
            continue;
        }
        let known: Option<Vec<TaskKey>> = inputs
            .iter()
            .map(|place| found.get(*place)?.as_ref().ok().copied())
            .collect();
        let made = match known {
            Some(inputs) => keys.task(callable, given, &inputs),
            None => Err(KeylessCause::Input),
        };
        let own = made.as_ref().map(|(_, own)| own.clone()).unwrap_or_default();
        every.extend(own.iter().cloned());
        let of_inputs = inputs.iter().filter_map(|place| files.get(*place));
        let all = of_inputs.fold(Rc::clone(&none), |all, one| joined(&all, one));
        files.push(with_more(&all, &own));
        found.push(made.map(|(key, _)| key));
    }
    let every = Rc::new(every);
    for one in files.iter_mut().filter(|one| one.len() > MOST_FILES) {
        *one = Rc::clone(&every);
    }
    (found, files)
}

/// Returns the union of both sets; one of them if the other is empty or the same.
fn joined(first: &Rc<BTreeSet<String>>, second: &Rc<BTreeSet<String>>) -> Rc<BTreeSet<String>> {
    if first.is_empty() || Rc::ptr_eq(first, second) {
        return Rc::clone(second);
    }
    if first.len() > MOST_FILES {
        Rc::clone(first)
    } else {
        with_more(first, second)
    }
}

fn with_more(set: &Rc<BTreeSet<String>>, more: &BTreeSet<String>) -> Rc<BTreeSet<String>> {
    if more.iter().all(|one| set.contains(one)) {
        return Rc::clone(set);
    }
    Rc::new(set.union(more).cloned().collect())
}

/// Returns the key that a result got earlier (`KNOWN` in `clew.tasks`): tasks that use it then get the same keys as
/// in one graph with it.
fn made_before(callable: &Bound<'_, PyAny>, given: &Bound<'_, PyAny>) -> Option<TaskKey> {
    let (kind, key): (usize, [u8; 32]) = callable.is_none().then(|| given.extract().ok())??;
    (kind == KNOWN).then_some(TaskKey(key))
}

fn key_of(key: &[u8]) -> PyResult<TaskKey> {
    let key = key.try_into().map(TaskKey);
    key.map_err(|_| PyValueError::new_err("A key of a task has 32 bytes"))
}

/// Converts an error of the store for Python.
#[allow(clippy::needless_pass_by_value)] // `map_err` passes it like this
fn failed(error: StoreError) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// `encrypts`: whether a store that is created here is encrypted.
fn opened(store: &Path, config: &Path, access: Access, encrypts: bool) -> PyResult<(Store, Option<SigningKey>)> {
    let key = SigningKey::load(&RealDisk, config).map_err(failed)?;
    let keys = Keyring::new(config).with_key(store_key()).for_new(encrypts);
    let store = Store::open_with(Arc::new(RealDisk), store, access, &keys).map_err(failed)?;
    let trust = key
        .as_ref()
        .map(|key| Trust::load_or_own(&RealDisk, config, key.public()).0);
    Ok((store.with_trust(trust.unwrap_or_default()), key))
}

/// Creates the store and the user's key if they do not exist, and drops results that ended more than this number of
/// days ago.
///
/// # Errors
/// The store cannot be written.
#[pyfunction]
pub fn open_tasks(store: &str, config: &str, keep_days: u32) -> PyResult<()> {
    SigningKey::load_or_create(&RealDisk, Path::new(config)).map_err(failed)?;
    let encrypts = Context::of_process(Interface::Python).settings.flag("store.encrypt");
    let (store, _) = opened(Path::new(store), Path::new(config), Access::ReadWrite, encrypts)?;
    if keep_days > 0 {
        let kept = i64::from(keep_days) * 24 * 3600 * 1_000_000_000;
        store.drop_tasks(SystemClock::default().now() - kept).map_err(failed)?;
    }
    Ok(())
}

/// Returns whether the result of a task exists, as far as this is known without reading it.
///
/// # Errors
/// The key is invalid.
#[pyfunction]
pub fn has_task(py: Python<'_>, store: &str, config: &str, key: &[u8]) -> PyResult<bool> {
    let key = key_of(key)?;
    Ok(py.detach(|| {
        let opened = opened(Path::new(store), Path::new(config), Access::ReadOnly, false);
        opened.is_ok_and(|(store, _)| store.has_task(key))
    }))
}

/// Returns the settings: the folders of the store and of the settings, the seconds from which on an intermediate
/// task's result is stored, the most bytes of a result, and for how many days results are kept.
#[pyfunction]
pub fn task_settings() -> (String, String, f64, u64, u64) {
    let context = Context::of_process(Interface::Python);
    let (store, config) = (context.store.display(), context.config.display());
    let settings = &context.settings;
    (
        store.to_string(),
        config.to_string(),
        settings.number("tasks.quick") as f64 / 1e3,
        settings.task_most(),
        settings.number("tasks.keep_days"),
    )
}

/// Stores the result of a task, if that is worth it: `dump` is called for its bytes. Returns the outcome: `kept`,
/// `quick` or `large`. `is_last`: whether the user requested this result, so that it is stored however quick the task
/// was. `limits` are the seconds from which on other results are stored (0: all), and the most bytes.
///
/// # Errors
/// The store cannot be written, or `dump` raises an exception.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // adapters call it like this
pub fn keep_task(
    py: Python<'_>,
    store: &str,
    config: &str,
    key: &[u8],
    seconds: f64,
    is_last: bool,
    limits: (f64, u64),
    dump: &Bound<'_, PyAny>,
) -> PyResult<&'static str> {
    let (quick, most) = limits;
    if !is_last && seconds < quick {
        return Ok("quick");
    }
    let key = key_of(key)?;
    let bytes = PyBuffer::<u8>::get(&dump.call0()?)?.to_vec(py)?;
    if bytes.len() as u64 > most {
        return Ok("large");
    }
    let loading = bytes.len() as f64 / LOADING.0 + LOADING.1;
    if !is_last && quick > 0.0 && seconds < WORTH * loading {
        return Ok("quick");
    }
    py.detach(|| {
        // A worker that does not see the store must not create another one there.
        opened(Path::new(store), Path::new(config), Access::ReadOnly, false)?;
        let (store, signing) = opened(Path::new(store), Path::new(config), Access::ReadWrite, false)?;
        let signing = signing.ok_or_else(|| PyOSError::new_err("There is no key to sign with"))?;
        let result = TaskResult {
            codec: "pickle 5",
            bytes: &bytes,
            nanoseconds: (seconds * 1e9) as u64,
            host: &host(),
            time: SystemClock::default().now(),
        };
        store.keep_task(key, &result, &signing).map_err(failed)
    })?;
    Ok("kept")
}

/// Excludes the results of these tasks from further use: running them did more than their keys cover.
///
/// # Errors
/// The store cannot be written, or a key is invalid.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn doubt_tasks(py: Python<'_>, store: &str, config: &str, keys: Vec<PyBackedBytes>) -> PyResult<()> {
    let keys = keys.iter().map(|key| key_of(key)).collect::<PyResult<Vec<_>>>()?;
    py.detach(|| {
        // A worker that does not see the store must not create another one there.
        opened(Path::new(store), Path::new(config), Access::ReadOnly, false)?;
        let (store, _) = opened(Path::new(store), Path::new(config), Access::ReadWrite, false)?;
        let mut keys = keys.into_iter();
        keys.try_for_each(|key| store.doubt_task(key)).map_err(failed)
    })
}

/// Returns whether one of these tasks is doubted; `false` if there is no store.
///
/// # Errors
/// A key is invalid.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // PyO3 passes it like this
pub fn doubts_any(py: Python<'_>, store: &str, keys: Vec<PyBackedBytes>) -> PyResult<bool> {
    let keys = keys.iter().map(|key| key_of(key)).collect::<PyResult<Vec<_>>>()?;
    Ok(py.detach(|| store::doubts_any(&RealDisk, Path::new(store), &keys)))
}

/// Returns the bytes of a task's result after checking length, hash and signature; `None` if there is no usable
/// result.
///
/// # Errors
/// The key is invalid.
#[pyfunction]
pub fn task_result<'py>(
    py: Python<'py>,
    store: &str,
    config: &str,
    key: &[u8],
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let key = key_of(key)?;
    let found = py.detach(|| {
        let (store, _) = opened(Path::new(store), Path::new(config), Access::ReadOnly, false).ok()?;
        store.task(key).ok().filter(|(entry, _)| entry.codec == "pickle 5")
    });
    Ok(found.map(|(_, bytes)| PyBytes::new(py, &bytes)))
}
