//! Why a scratch process can't find files of another machine where they lay there.

/// Why paths are not mapped. Which there can be depends on the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(dead_code)]
pub(crate) enum Unmapped {
    /// No process gets its own view of files.
    #[error(
        "this machine gives a process no files at other paths, which `--map` needs ({0}); a link at the old path does it too"
    )]
    Refused(String),
    /// A folder is mapped to a file, or a file to a folder.
    #[error("a folder and a file are mapped to one another ({0})")]
    OtherKind(String),
    /// All that lies beside the path would have to be shown, one by one.
    #[error("too much lies in {0}, beside what is mapped; a link at the old path does it too")]
    Crowded(String),
    /// The system refused.
    #[error("{path} can't be mapped ({why}); a link at the old path does it too")]
    Failed {
        /// What was to be mapped.
        path: String,
        /// What the system says.
        why: String,
    },
    /// Nobody wrote it for this platform.
    #[error("paths are mapped on Linux only")]
    Platform,
}
