//! What a run may have touched outside the session. Always "may have": nothing here proves that something did not happen.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::is_zero;
use crate::id::{HistoryId, Root, RootKind};

/// Evidence of one run. Everything is empty when nothing was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Roots it may have read before it bound them anew, by display name.
    pub reads: Vec<String>,
    /// Roots it may have written, by display name.
    pub writes: Vec<String>,
    /// Names it certainly bound anew, whatever they were bound to before.
    pub binds: Vec<String>,
    /// Roots that reach live objects without a value, which it may have used, and which are the same objects as before: nobody can tell
    /// whether it changed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Root>,
    /// Names that functions it defined may read when they are called.
    pub later: Vec<String>,
    /// Whether it may have touched every root (exec, magics, other threads ...).
    pub touched_all: bool,
    /// Whether `reads` is all it may have read, though it may have touched every root.
    pub reads_known: bool,
    /// Files it may have read.
    pub files_read: Vec<FileEvidence>,
    /// Files it may have written.
    pub files_written: Vec<FileEvidence>,
    /// Environment variables it may have set.
    pub environment: Vec<String>,
    /// Addresses it connected to, as `host:port`.
    pub sockets: Vec<String>,
    /// Programs it started.
    pub processes: Vec<String>,
    /// Fingerprints of the random generators before and after, by generator: empty where no cell had decided the state and the run left it so.
    pub random: BTreeMap<String, (String, String)>,
    /// Random generators it seeded: what it drew from them does not depend on what was drawn before.
    pub seeded: Vec<String>,
    /// Random generators that came with what it imported and stand as they were seeded then: it drew nothing from them. Whoever runs it
    /// again gets another seed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undrawn: Vec<String>,
    /// Packages and local modules it had imported, with versions or digests.
    pub modules: Vec<ModuleEvidence>,
    /// The same of packages that were there when it began and that no run before it told of: the kernel imported them, or what
    /// loaded values did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<ModuleEvidence>,
    /// Modules in packages that came with it and that its code names, or that are the user's own, in the order in which they came. With one whose
    /// package came with it, too, the package is among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub submodules: Vec<String>,
    /// In what it ran: told by the first run of a session, since a process does not change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<Interpreter>,
    /// State beside variables that its import statements set: of a library that it imported, as environment variables are, by display name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_by_imports: Vec<String>,
    /// Libraries that it may have used, beside those that what it read or made belongs to: what its code imports by itself, what modules
    /// of the user's own go by, what drew the images and said the warnings that it showed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
    /// What it may have set in libraries (`pandas.DataFrame.f`, `%precision`), in order; with ` = ` and to what, where it certainly was.
    pub patched: Vec<String>,
    /// Of these, what no move puts back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unrestored: Vec<String>,
    /// What was taken out of its source before that was written, in words (`an API key`).
    pub masked: Vec<String>,
    /// What it asked for that is another each time, in words (`the time`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unrepeatable: Vec<String>,
    /// The working directory that it found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Where it left the working directory, if elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub went: Option<String>,
    /// Whether its code may ask in which directory it runs, other than by opening files.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub placed: bool,
    /// Environment variables that it may have read, with what they were; `None` for those that were not set.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Option<String>>,
    /// Of these what libraries asked for, which may keep what they were told, by the library's first word.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, Vec<String>>,
    /// What became of tasks of distributed computations that it asked for, where they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TaskCounts>,
    /// Peak memory of the process so far, in bytes; 0 where unknown.
    pub peak_memory: u64,
    /// How long the statements of its cell took that only import, in nanoseconds: a process that loads what it left imports that again.
    #[serde(skip_serializing_if = "is_zero")]
    pub importing: u64,
}

impl Evidence {
    /// Whether it may have read every root.
    pub fn reads_all(&self) -> bool {
        self.touched_all && !self.reads_known
    }

    /// Whether a root is state that a library set when it was imported, and nothing that the cell asked for.
    pub fn is_set_by_import(&self, root: &Root) -> bool {
        root.kind != RootKind::Name
            && !self.set_by_imports.is_empty()
            && self.set_by_imports.contains(&root.to_string())
    }

    /// Whether a root is a random generator in a state that no cell decided: its library seeded it from the system when it was imported.
    pub fn is_undrawn(&self, root: &Root) -> bool {
        root.kind == RootKind::Random && self.undrawn.contains(&root.key)
    }
}

/// A file that a run may have touched, as it was right after the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileEvidence {
    /// Absolute path.
    pub path: String,
    /// Size in bytes; `None` if it was not there.
    pub size: Option<u64>,
    /// Modification time in nanoseconds since the Unix epoch.
    pub modified: Option<i64>,
    /// BLAKE3 of its bytes, where asked for; of a folder that was listed, by what its listing is known.
    pub digest: Option<String>,
    /// By what whoever recorded it knows its bytes again, where a digest would tell too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// How it was given, where that was relative to the working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// Whether it lies in a folder of Python's, or of what is installed for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub of_environment: bool,
}

impl FileEvidence {
    /// Whether it became another before anybody could look at it: by then the run, or an import, had read it.
    pub fn is_edited_since(&self) -> bool {
        self.size.is_some() && self.modified == Some(-1)
    }

    /// Whether it is a part of the environment, as libraries, fonts and time zones are, and no input of the user's. Where nobody said
    /// so its path may tell.
    pub fn is_of_environment(&self) -> bool {
        let of_library = ["/site-packages", "/dist-packages", "/lib/python"];
        let of_system = ["/usr/", "/etc/"];
        self.of_environment
            || of_library.iter().any(|part| self.path.contains(part))
            || of_system.iter().any(|part| self.path.starts_with(part))
    }
}

/// A module that had been imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleEvidence {
    /// Its qualified name.
    pub name: String,
    /// Its version, where it has one: that of its distribution, where that is known.
    pub version: Option<String>,
    /// What is to be installed to have it (`scikit-learn` for `sklearn`), where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// Of a package some of whose files are not as they were installed: what these are known by. Of a module in a package whether a cell
    /// before had `imported` it.
    pub digest: Option<String>,
    /// The files that it and what it holds were imported from, for the user's own modules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileEvidence>,
    /// Of the user's own modules: which others of them it imports. Left out where its code may reach any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imports: Option<Vec<String>>,
}

impl ModuleEvidence {
    /// Whether one of two modules of the user's own may call or change the other.
    pub fn may_reach(&self, other: &Self) -> bool {
        let imports = |one: &Self, other: &Self| one.imports.as_ref().is_none_or(|names| names.contains(&other.name));
        imports(self, other) || imports(other, self)
    }
}

/// Tasks of distributed computations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskCounts {
    /// All of them.
    pub total: u64,
    /// Those that did not run, since their results were known or nothing needed them.
    pub known: u64,
    /// Those that ran.
    pub run: u64,
    /// Why some can't be known, with how many.
    pub keyless: BTreeMap<String, u64>,
}

impl fmt::Display for TaskCounts {
    /// As people read it: `21 tasks: 16 cached, 5 run`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} tasks: {} cached, {} run",
            self.total, self.known, self.run
        )?;
        for (at, (why, many)) in self.keyless.iter().enumerate() {
            write!(
                formatter,
                "{} {many} ({why})",
                if at == 0 { "; never cached:" } else { "," }
            )?;
        }
        Ok(())
    }
}

/// The interpreter of a session, and the machine under it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interpreter {
    /// Python's version (`3.13.1`).
    pub version: String,
    /// Which Python it is (`cpython`).
    pub implementation: String,
    /// The system (`linux`, `darwin`, `win32`).
    pub platform: String,
    /// The processor's architecture (`x86_64`).
    pub machine: String,
    /// Which byte of a number comes first (`little`, `big`).
    pub byte_order: String,
    /// Whether `clew run` started it, to write another notebook than it read: nobody works in that session.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
    /// Whether the notebook is one that `clew run` wrote: who works in it goes on from where that ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub output: bool,
    /// Whether a program started it beside its own kernel (`clew.session().fork()`): the notebook's own session goes on elsewhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fork: bool,
    /// The history of the notebook itself, where its user put it into this one: other notebooks work here, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<HistoryId>,
    /// The environment variables by which Python itself starts another way, as they were: where it looks for modules
    /// (`PYTHONPATH`), and which warnings it shows (`PYTHONWARNINGS`). Those that were not set are left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub started_with: BTreeMap<String, String>,
}
