//! Why a scratch process can't find files of another machine where they lay there.

/// Why paths are not mapped. Which there can be depends on the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(dead_code)]
pub(crate) enum PathMapFailure {
    /// No process gets its own view of files.
    #[error(
        "this machine cannot show a process files at other paths, which `--map` needs ({0}); a symbolic link at the old path works, too"
    )]
    Refused(String),
    /// A folder is mapped to a file, or a file to a folder.
    #[error("a folder is mapped to a file, or a file to a folder ({0})")]
    OtherKind(String),
    /// All that lies beside the path would have to be shown, one by one.
    #[error("{0} contains too many other files; a symbolic link at the old path works, too")]
    Crowded(String),
    /// The system refused.
    #[error("{path} cannot be mapped ({why}); a symbolic link at the old path works, too")]
    Failed {
        /// What was to be mapped.
        path: String,
        /// What the system says.
        why: String,
    },
    /// Nobody wrote it for this platform.
    #[error("paths can be mapped on Linux only")]
    Platform,
}
