//! Checks that bytecode consists of whole instructions. The interpreter processes bytecode without checking its end:
//! if the inline caches of an instruction lie beyond the end, it writes there.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyMapping};

/// For each opcode that compilers emit: the number of inline cache entries, of two bytes each, after the instruction.
type Caches = [Option<u8>; 256];

/// Instructions that no compiler emits, beside those of monitoring tools. Python 3.14 reads the table of executors, which new code does
/// not have, as soon as somebody asks for the bytecode.
const INSERTED: [&str; 4] = ["ENTER_EXECUTOR", "INTERPRETER_EXIT", "RESERVED", "TRACE_RECORD"];

static CACHES: PyOnceLock<Caches> = PyOnceLock::new();

/// Returns whether `code` ends at the end of an instruction and has no instruction that only the interpreter inserts.
///
/// # Errors
/// This Python's `opcode` has no information about caches.
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
        // Only the code object into which a monitoring tool put an instruction knows which instruction it replaces.
        if number >= caches.len() || name.starts_with("INSTRUMENTED") || INSERTED.contains(&name.as_str()) {
            continue;
        }
        // A list by number up to 3.12, later a dict by name that contains only instructions with caches.
        let found = match entries.cast::<PyList>() {
            Ok(by_number) => by_number.get_item(number)?,
            Err(_) => entries.call_method1("get", (name, 0))?,
        };
        caches[number] = Some(found.extract()?);
    }
    Ok(caches)
}
