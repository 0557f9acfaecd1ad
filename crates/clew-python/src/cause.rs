//! Every sentence of the extension's that can stand behind a root in a report, or say why nothing is recorded. Those of the engine are in
//! `clew_core::cause`; what an exception or a codec says stands there as it is.

use clew_core::cause::EXCLUDED;
use clew_core::kernel::BuildError;
use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};

/// Why a root was not built, was left alone, has no value, or is not quite what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PythonCause {
    /// A suspended generator.
    #[error("a suspended generator")]
    Generator,
    /// A frame of running code.
    #[error("a frame of running code")]
    Frame,
    /// A class of which compiled code knows more than can be read.
    #[error("a class made by compiled code")]
    CompiledClass,
    /// Whoever has the memory does not hand it out.
    #[error("its memory cannot be held")]
    MemoryNotHeld,
    /// A view of memory that is nobody's.
    #[error("its memory belongs to no object")]
    NoOwner,
    /// A view that can't be told by a start, a step and a shape.
    #[error("its memory has gaps")]
    MemoryGaps,
    /// A reducer names what only the notebook has.
    #[error("{path} is a name of the notebook, not of a library")]
    NotebookName {
        /// The name.
        path: String,
    },
    /// The user asked to stop while it was looked at.
    #[error("interrupted")]
    Interrupted,

    /// What is stored says only that it was there.
    #[error("its value was not recorded")]
    NotRecorded,
    /// What is stored says what no walk writes.
    #[error("its stored value cannot be read: {0}")]
    Unreadable(&'static str),
    /// It is an instance of a class that is neither live nor stored.
    #[error("its class (definition {id}) was not recorded")]
    ClassNotRecorded {
        /// The first digits of the class's id.
        id: String,
    },
    /// Its class has changed: a method is gone.
    #[error("its class has no method `{name}`")]
    NoMethod {
        /// The method.
        name: String,
    },
    /// Its class has changed: a slot is gone.
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
    /// Bytecode means something else to another Python.
    #[error(
        "Python {major}.{minor} compiled its code, which {here} cannot run, and {why}; define it again, or resume with Python {major}.{minor}"
    )]
    OtherPython {
        /// Of the version.
        major: u64,
        /// Of the version.
        minor: u64,
        /// The version here.
        here: String,
        /// Why it is not compiled anew.
        why: RecompileFailure,
    },
    /// A library that it is made of is not there.
    #[error(
        "it needs {module}, which cannot be imported here: `pip install {package}`, or copy the file here if it is yours; then repeat the command"
    )]
    NoLibrary {
        /// What can't be imported.
        module: String,
        /// What one installs to have it.
        package: String,
    },
    /// The library is there, in a version that has no such thing.
    #[error("it needs `{name}`, which {library} {version} does not have")]
    NotInLibrary {
        /// The module, or the name in it.
        name: String,
        /// The library.
        library: String,
        /// Its version here.
        version: String,
    },
    /// A later Clew stored it.
    #[error("a newer Clew stored it (codec {name} {version}, here {known}): `pip install --upgrade clew`")]
    LaterClew {
        /// The codec.
        name: String,
        /// Its version then.
        version: u64,
        /// Its version here.
        known: u64,
    },
    /// A module of the user's has other source now.
    #[error("{file} changed")]
    ModuleChanged {
        /// Its file.
        file: String,
    },

    /// Something outside still has the object that an install replaced.
    #[error("the old object is still held by {who}")]
    HeldBy {
        /// What has it.
        who: String,
    },
    /// The user excluded the name.
    #[error("{EXCLUDED}")]
    Excluded,
    /// Another name for an object that is kept out.
    #[error("another variable that refers to it is excluded from recording")]
    KeptOutElsewhere,
    /// The value looks like a credential.
    #[error("it looks like a credential ({what})")]
    Credential {
        /// What it looks like.
        what: String,
    },
    /// A package that Clew needs is not there.
    #[error("Clew's installation is incomplete ({missing}); `pip install --force-reinstall clew` repairs it")]
    Incomplete {
        /// What the import said.
        missing: String,
    },
    /// A traceback was built: it names files, functions and lines.
    #[error("its traceback was restored without the variables of its frames")]
    WithoutFrames,
    /// Everything else is in place, and this was refused.
    #[error("it could not be restored: {why}")]
    NotPutBack {
        /// The exception.
        why: String,
    },
    /// An install was given up.
    #[error("{root} could not be restored ({why}); nothing was changed{}", but_for(but))]
    NotInstalled {
        /// The root that refused.
        root: String,
        /// The exception.
        why: String,
        /// What could not be put back.
        but: Vec<String>,
    },
}

/// Why code is not compiled anew from its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecompileFailure {
    /// No cell has it.
    #[error(
        "its source is not available (it was created by `exec`, by a file that was run, or in a cell whose source is incomplete, or was sent without its cell)"
    )]
    None,
    /// What the cell gives here takes other arguments, names or constants.
    #[error("this Python compiles the source of its cell to something else")]
    Other,
    /// What is stored of its place does not tell which it is.
    #[error("its cell has several such functions on one line")]
    Several,
    /// It belongs to a library, which has none like it here.
    #[error("the library that created it creates something else here")]
    Library,
}

impl RecompileFailure {
    /// By the word that `clew.sources` says.
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

/// An error in words, as Python gets it.
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
