//! Whether bytecode is made of whole instructions. The interpreter goes through it without looking at its end, so an
//! instruction whose caches would lie behind it makes it write there.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyMapping};

/// For each instruction that a compiler makes: how many entries of two bytes behind it are its caches.
type Caches = [Option<u8>; 256];

static CACHES: PyOnceLock<Caches> = PyOnceLock::new();

/// Whether `code` ends with the end of an instruction, and has none that only the interpreter itself puts in.
///
/// # Errors
/// This Python's `opcode` tells nothing of caches.
pub(super) fn is_whole(py: Python<'_>, code: &[u8]) -> PyResult<bool> {
    let caches = CACHES.get_or_try_init(py, || read_caches(py))?;
    let mut at = 0;
    while at < code.len() {
        match caches[usize::from(code[at])] {
            Some(entries) => at += 2 + 2 * usize::from(entries),
            None => return Ok(false),
        }
    }
    Ok(at == code.len())
}

fn read_caches(py: Python<'_>) -> PyResult<Caches> {
    let opcode = py.import("opcode")?;
    let entries = opcode.getattr("_inline_cache_entries")?;
    let mut caches = [None; 256];
    // A frozendict from 3.15 on.
    for pair in opcode.getattr("opmap")?.cast_into::<PyMapping>()?.items()? {
        let (name, number): (String, usize) = pair.extract()?;
        // Which of a monitoring tool's instructions stands for which only the code object knows that it was put into.
        if number >= caches.len() || name.starts_with("INSTRUMENTED") {
            continue;
        }
        // By number up to 3.12, then by name, with those that have any.
        let found = match entries.cast::<PyList>() {
            Ok(by_number) => by_number.get_item(number)?,
            Err(_) => entries.call_method1("get", (name, 0))?,
        };
        caches[number] = Some(found.extract()?);
    }
    Ok(caches)
}
