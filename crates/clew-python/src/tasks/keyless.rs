//! Reasons why a task has no key: such a task runs each time, and so do the tasks that depend on it.

use std::rc::Rc;

/// The reason why there is no key, as shown after a task: *2 (it draws from ...)*.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeylessCause {
    /// An earlier task, on which it depends, has none.
    #[error("one of its inputs has no key")]
    Input,
    /// The walk found an object without a value.
    #[error("{0}")]
    NoValue(String),
    /// It names an object with another result at each use.
    #[error("it uses `{0}`, which gives another result each time")]
    Unrepeatable(String),
    /// It creates a generator without a seed.
    #[error("it calls `{0}()` without a seed")]
    Unseeded(String),
    /// From an analysis of its code, or known about its arguments.
    #[error("{0}")]
    Doubted(Rc<str>),
    /// The default random generators of a process.
    #[error("it draws random numbers of the process")]
    Draws,
    /// `os.environ`.
    #[error("it reads the environment")]
    Environment,
    /// `sys.stdin`.
    #[error("it reads typed input")]
    Typed,
    /// Objects of IPython.
    #[error("it uses the notebook's shell")]
    Shell,
    /// Globals of two modules with the same name.
    #[error("it uses two modules with the same name")]
    TwoModules,
    /// A library of unknown version.
    #[error("the version of `{0}` is unknown")]
    NoVersion(String),
    /// Compiled code that belongs to no library.
    #[error("the code of `{0}` cannot be inspected")]
    Hidden(String),
    /// It imports at run time.
    #[error("it imports `{0}`, which is unknown before it runs")]
    ImportsLater(String),
    /// A file could not be read, or Python raised an exception.
    #[error("{0}")]
    Failed(Rc<str>),
}

impl KeylessCause {
    /// Converts an error from elsewhere.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string().into())
    }
}
