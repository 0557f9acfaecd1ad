//! What a sandbox can lack, as the user is told why no cell runs in it unasked.

/// A layer of the sandbox that this machine lacks. The possible gaps depend on the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(dead_code)]
pub(crate) enum SandboxGap {
    /// Threads that run already are not locked in.
    #[error("the interpreter had already started threads")]
    Threads,
    /// The kernel has no rules for files.
    #[error("this Linux kernel has no Landlock")]
    NoLandlock,
    /// The kernel refused rules for files.
    #[error("Landlock cannot protect files here ({0})")]
    Files(String),
    /// The kernel refused the filter of system calls.
    #[error("system calls cannot be filtered here ({0})")]
    SystemCalls(String),
    /// The kernel refused a limit.
    #[error("{what} cannot be limited ({why})")]
    Limit {
        /// What was to be limited.
        what: &'static str,
        /// What the kernel says.
        why: String,
    },
    /// It would go on when whoever started it is gone.
    #[error("it would outlive its parent ({0})")]
    Outlives(String),
    /// Nobody wrote one for this platform.
    #[error("Clew has no sandbox for this platform")]
    Platform,
}
