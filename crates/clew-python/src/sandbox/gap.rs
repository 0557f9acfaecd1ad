//! Missing layers of a sandbox, as reported to the user as the reason why no cell runs in it automatically.

/// A layer of the sandbox that this machine lacks. The possible gaps depend on the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(dead_code)]
pub(crate) enum SandboxGap {
    /// Existing threads are not restricted.
    #[error("the interpreter had already started threads")]
    Threads,
    /// The kernel has no Landlock.
    #[error("this Linux kernel has no Landlock")]
    NoLandlock,
    /// The kernel refused the Landlock rules.
    #[error("Landlock cannot protect files here ({0})")]
    Files(String),
    /// The kernel refused the filter of system calls.
    #[error("system calls cannot be filtered here ({0})")]
    SystemCalls(String),
    /// The kernel refused a limit.
    #[error("{what} cannot be limited ({why})")]
    Limit {
        /// The resource to be limited.
        what: &'static str,
        /// The kernel's error.
        why: String,
    },
    /// The process would continue to run after its parent has ended.
    #[error("it would outlive its parent ({0})")]
    Outlives(String),
    /// There is no sandbox for this platform.
    #[error("Clew has no sandbox for this platform")]
    Platform,
}
