//! Reasons why a sandbox process cannot find another machine's files at their old paths.

/// The reason why paths are not mapped. The possible reasons depend on the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(dead_code)]
pub(crate) enum PathMapFailure {
    /// The system allows no process its own view of files.
    #[error(
        "this machine cannot show a process files at other paths, which `--map` needs ({0}); a symbolic link at the old path works, too"
    )]
    Refused(String),
    /// A folder is mapped to a file, or a file to a folder.
    #[error("a folder is mapped to a file, or a file to a folder ({0})")]
    OtherKind(String),
    /// Everything else in the path's folder would have to be mapped, one by one.
    #[error("{0} contains too many other files; a symbolic link at the old path works, too")]
    Crowded(String),
    /// The system refused.
    #[error("{path} cannot be mapped ({why}); a symbolic link at the old path works, too")]
    Failed {
        /// The path to be mapped.
        path: String,
        /// The system's error.
        why: String,
    },
    /// This is not implemented for this platform.
    #[error("paths can be mapped on Linux only")]
    Platform,
}
