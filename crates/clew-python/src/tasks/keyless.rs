//! Why a task has no key: such a task runs each time, and so does what hangs on it.

use std::rc::Rc;

/// Why there is no key, as people read it after a task: *2 (it draws from ...)*.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeylessCause {
    /// A task before it has none.
    #[error("one of its inputs has no key")]
    Input,
    /// The walk found no value.
    #[error("{0}")]
    NoValue(String),
    /// It names what gives something else each time.
    #[error("it uses `{0}`, which gives another result each time")]
    Unrepeatable(String),
    /// It makes a generator that nobody seeded.
    #[error("it calls `{0}()` without a seed")]
    Unseeded(String),
    /// Read off its code, or known of what it is given.
    #[error("{0}")]
    Doubted(Rc<str>),
    /// The generators that a process has by itself.
    #[error("it draws random numbers of the process")]
    Draws,
    /// `os.environ`.
    #[error("it reads the environment")]
    Environment,
    /// `sys.stdin`.
    #[error("it reads typed input")]
    Typed,
    /// What IPython has.
    #[error("it uses the notebook's shell")]
    Shell,
    /// Globals of two modules that call themselves the same.
    #[error("it uses two modules with the same name")]
    TwoModules,
    /// A library of which no version is known.
    #[error("the version of `{0}` is unknown")]
    NoVersion(String),
    /// Compiled code that is no library's.
    #[error("the code of `{0}` cannot be inspected")]
    Hidden(String),
    /// It imports when it runs.
    #[error("it imports `{0}`, which is unknown before it runs")]
    ImportsLater(String),
    /// A file could not be read, or Python refused something.
    #[error("{0}")]
    Failed(Rc<str>),
}

impl KeylessCause {
    /// What somebody else said.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string().into())
    }
}
