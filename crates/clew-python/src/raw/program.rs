//! The entry point of the program `clew` in this library. `native/launcher.c` loads the library and calls it, without Python.

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;

/// The exit code of a Rust program that panicked.
const PANICKED: c_int = 101;

/// Runs the program with the arguments of the process. Returns the exit code.
///
/// # Safety
/// `argv` has `argc` texts that end with a zero byte, as the arguments of `main` in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clew_main(argc: c_int, argv: *const *const c_char) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    // SAFETY: the caller passes the arguments of `main`.
    let arguments: Vec<OsString> = (0..count)
        .map(|at| OsStr::from_bytes(unsafe { CStr::from_ptr(*argv.add(at)) }.to_bytes()).to_owned())
        .collect();
    catch_unwind(|| clew_cli::program::main(arguments)).map_or(PANICKED, c_int::from)
}
