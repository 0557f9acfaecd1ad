//! All messages of the extension that explain an outcome of a root in a report, or why nothing is recorded. The
//! messages of the engine are in `clew_core::cause`; messages of exceptions and codecs are shown unchanged.

use clew_core::cause::EXCLUDED;
use clew_core::kernel::BuildError;
use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};

/// The reason why a root was not built, was excluded, has no value, or is not exactly as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PythonCause {
    /// A suspended generator.
    #[error("a suspended generator")]
    Generator,
    /// A frame of running code.
    #[error("a frame of running code")]
    Frame,
    /// A class of compiled code, parts of which cannot be read.
    #[error("a class made by compiled code")]
    CompiledClass,
    /// The owner of the memory does not export it.
    #[error("its memory cannot be held")]
    MemoryNotHeld,
    /// A view of memory that belongs to no object.
    #[error("its memory belongs to no object")]
    NoOwner,
    /// A view that a start, a step and a shape cannot describe.
    #[error("its memory has gaps")]
    MemoryGaps,
    /// A reducer refers to a name that only the notebook has.
    #[error("{path} is a name of the notebook, not of a library")]
    NotebookName {
        /// The name.
        path: String,
    },
    /// The user interrupted the look at it.
    #[error("interrupted")]
    Interrupted,

    /// The store contains only that it existed.
    #[error("its value was not recorded")]
    NotRecorded,
    /// Its stored value has content that no walk writes.
    #[error("its stored value cannot be read: {0}")]
    Unreadable(&'static str),
    /// It is an instance of a class that is neither live nor stored.
    #[error("its class (definition {id}) was not recorded")]
    ClassNotRecorded {
        /// The first digits of the class's id.
        id: String,
    },
    /// Its class has changed: the method no longer exists.
    #[error("its class has no method `{name}`")]
    NoMethod {
        /// The method.
        name: String,
    },
    /// Its class has changed: the slot no longer exists.
    #[error("its class has no slot `{name}`")]
    NoSlot {
        /// The slot.
        name: String,
    },
    /// Its class was redefined on another C type.
    #[error("{class} no longer has the base it was stored with")]
    OtherBase {
        /// The class.
        class: String,
    },
    /// A library's class has changed.
    #[error("{class} has no attribute `{name}`")]
    NoAttribute {
        /// The class.
        class: String,
        /// The attribute.
        name: String,
    },
    /// Its bytecode was compiled by another version of Python.
    #[error(
        "Python {major}.{minor} compiled its code, which {here} cannot run, and {why}; define it again, or resume with Python {major}.{minor}"
    )]
    OtherPython {
        /// Major version.
        major: u64,
        /// Minor version.
        minor: u64,
        /// The version of this Python.
        here: String,
        /// Why it is not recompiled.
        why: RecompileFailure,
    },
    /// A library that it needs is not installed.
    #[error(
        "it needs {module}, which cannot be imported here: `pip install {package}`, or copy the file here if it is yours; then repeat the command"
    )]
    NoLibrary {
        /// The module that cannot be imported.
        module: String,
        /// The package to install.
        package: String,
    },
    /// The installed version of a library does not have what it needs.
    #[error("it needs `{name}`, which {library} {version} does not have")]
    NotInLibrary {
        /// The module, or the name in it.
        name: String,
        /// The library.
        library: String,
        /// The installed version.
        version: String,
    },
    /// A newer Clew stored it.
    #[error("a newer Clew stored it (codec {name} {version}, here {known}): `pip install --upgrade clew`")]
    LaterClew {
        /// The codec.
        name: String,
        /// The version of the codec that stored it.
        version: u64,
        /// The version of the codec here.
        known: u64,
    },
    /// Annotations that Python 3.14 or later had not evaluated yet, in an earlier version.
    #[error(
        "its annotations are restored as texts: only Python 3.14 and later evaluate annotations when they are read"
    )]
    AnnotationsAsTexts,
    /// A builtin type or function that only later versions of Python have, such as `frozendict`.
    #[error("this Python has no builtin `{name}`")]
    NoBuiltin {
        /// Its name.
        name: String,
    },
    /// The source of a module of the user has changed.
    #[error("{file} changed")]
    ModuleChanged {
        /// The module's file.
        file: String,
    },

    /// Something outside the variables still refers to the object that an install replaced.
    #[error("the old object is still held by {who}")]
    HeldBy {
        /// What refers to it.
        who: String,
    },
    /// The user excluded the variable.
    #[error("{EXCLUDED}")]
    Excluded,
    /// Another variable for an excluded object.
    #[error("another variable that refers to it is excluded from recording")]
    KeptOutElsewhere,
    /// The value looks like a credential.
    #[error("it looks like a credential ({what})")]
    Credential {
        /// The kind of credential.
        what: String,
    },
    /// A package that Clew needs is not installed.
    #[error("Clew's installation is incomplete ({missing}); `pip install --force-reinstall clew` repairs it")]
    Incomplete {
        /// The message of the import.
        missing: String,
    },
    /// A traceback was built: it contains files, functions and lines only.
    #[error("its traceback was restored without the variables of its frames")]
    WithoutFrames,
    /// Everything else was restored, but this was refused.
    #[error("it could not be restored: {why}")]
    NotPutBack {
        /// The exception.
        why: String,
    },
    /// An install was rolled back.
    #[error("{root} could not be restored ({why}); nothing was changed{}", but_for(but))]
    NotInstalled {
        /// The root that refused.
        root: String,
        /// The exception.
        why: String,
        /// The roots that could not be rolled back.
        but: Vec<String>,
    },
}

/// The reason why code is not recompiled from its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecompileFailure {
    /// No cell contains it.
    #[error(
        "its source is not available (it was created by `exec`, by a file that was run, or in a cell whose source is incomplete, or was sent without its cell)"
    )]
    None,
    /// Compiling its cell here gives code with other arguments, names or constants.
    #[error("this Python compiles the source of its cell to something else")]
    Other,
    /// Its recorded position does not identify it.
    #[error("its cell has several such functions on one line")]
    Several,
    /// It belongs to a library, which has no such code here.
    #[error("the library that created it creates something else here")]
    Library,
}

impl RecompileFailure {
    /// Converts a word that `clew.sources` returns.
    pub fn named(word: &str) -> Self {
        match word {
            "other" => Self::Other,
            "several" => Self::Several,
            "library" => Self::Library,
            _ => Self::None,
        }
    }
}

impl From<PythonCause> for BuildError {
    fn from(cause: PythonCause) -> Self {
        Self::Failed(cause.into())
    }
}

impl From<PythonCause> for PyErr {
    fn from(cause: PythonCause) -> Self {
        PyTypeError::new_err(cause.to_string())
    }
}

impl From<PythonCause> for String {
    fn from(cause: PythonCause) -> Self {
        cause.to_string()
    }
}

/// Converts an error to a Python exception.
pub(crate) fn runtime(error: impl std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

fn but_for(failures: &[String]) -> String {
    if failures.is_empty() {
        String::new()
    } else {
        format!(", except {}", failures.join(", "))
    }
}
