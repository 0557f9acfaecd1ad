//! Why a task has no key: such a task runs each time, and so does what hangs on it.

use std::rc::Rc;

/// Why there is no key, as people read it after a task: *2 (it draws from ...)*.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Keyless {
    /// A task before it has none.
    #[error("what goes into it has no key")]
    Input,
    /// The walk found no value.
    #[error("{0}")]
    NoValue(String),
    /// It names what gives something else each time.
    #[error("it uses `{0}`, which gives something else each time")]
    Unrepeatable(String),
    /// It makes a generator that nobody seeded.
    #[error("it calls `{0}()` without a seed")]
    Unseeded(String),
    /// Read off its code, or known of what it is given.
    #[error("{0}")]
    Doubted(Rc<str>),
    /// The generators that a process has by itself.
    #[error("it draws from the process's random numbers")]
    Draws,
    /// `os.environ`.
    #[error("it reads the environment")]
    Environment,
    /// `sys.stdin`.
    #[error("it reads what is typed")]
    Typed,
    /// What IPython has.
    #[error("it uses the notebook's shell")]
    Shell,
    /// Globals of two modules that call themselves the same.
    #[error("it reads two modules of one name")]
    TwoModules,
    /// A library of which no version is known.
    #[error("nobody can tell which `{0}` that is")]
    NoVersion(String),
    /// Compiled code that is no library's.
    #[error("`{0}` shows nothing of what it does")]
    Hidden(String),
    /// It imports when it runs.
    #[error("it imports `{0}`, of which nothing is known before it runs")]
    ImportsLater(String),
    /// A file could not be read, or Python refused something.
    #[error("{0}")]
    Failed(Rc<str>),
}

impl Keyless {
    /// What somebody else said.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string().into())
    }
}
