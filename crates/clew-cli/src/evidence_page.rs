//! The evidence of a run in JSON. The field names are those of the documentation; the stored record uses different ones.

use std::collections::BTreeMap;

use clew_core::format::{Evidence, FileEvidence, Interpreter, ModuleEvidence, TaskCounts};
use clew_core::id::{HistoryId, Root};
use serde::{Serialize, Serializer};

/// The evidence of what a run may have used.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EvidencePage<'a> {
    /// Roots that the run may have read before it bound them.
    reads: &'a [String],
    /// Roots that it may have written.
    writes: &'a [String],
    /// Variables that it certainly bound to a new value.
    binds: &'a [String],
    /// Roots with live objects that it may have used. Clew cannot detect whether it changed them.
    live_objects: &'a [Root],
    /// Variables that its functions may read when they are called.
    reads_later: &'a [String],
    /// Whether it may have read or written any root.
    affects_all: bool,
    /// Whether `reads` is complete although `affects_all` is true.
    reads_complete: bool,
    /// Files that it may have read.
    files_read: Vec<FilePage<'a>>,
    /// Files that it may have written.
    files_written: Vec<FilePage<'a>>,
    /// The working directory at the start; null if unknown.
    directory: Option<&'a str>,
    /// The working directory at the end; null if it is the same.
    directory_after: Option<&'a str>,
    /// Whether its code may have read the working directory in another way than by opening files.
    reads_directory: bool,
    /// Environment variables that it may have read, with their values; null if not set.
    environment_read: &'a BTreeMap<String, Option<String>>,
    /// For each library: the variables of `environment_read` that the library read and may have cached.
    environment_kept: &'a BTreeMap<String, Vec<String>>,
    /// Environment variables that it may have set.
    environment_written: &'a [String],
    /// Addresses that it connected to, as `host:port`.
    sockets: &'a [String],
    /// Programs that it started.
    processes: &'a [String],
    /// Random generators, each with a list of two hashes: its state before and after. `os.urandom` has no states.
    random: &'a BTreeMap<String, (String, String)>,
    /// Random generators that it seeded.
    seeded: &'a [String],
    /// Random generators of imported libraries from which it drew nothing.
    unused_random: &'a [String],
    /// Nondeterministic inputs that it used, such as the current time.
    nondeterministic: &'a [String],
    /// Libraries that it may have used, besides those of its values.
    libraries: &'a [String],
    /// Packages and own modules that it imported.
    modules: Vec<ModulePage<'a>>,
    /// Packages that the kernel or restored values loaded before the run, and that no cell imported.
    preloaded_modules: Vec<ModulePage<'a>>,
    /// Modules inside packages that it imported, if its code names them or they are your own, in the order of import.
    submodules: &'a [String],
    /// The interpreter, in the first run of a session; else null.
    interpreter: Option<InterpreterPage<'a>>,
    /// Other session state that its import statements set.
    set_by_imports: &'a [String],
    /// Attributes and settings of libraries that it may have set, such as `pandas.DataFrame.f` or `%precision`.
    patched: &'a [String],
    /// Those of `patched` that Clew cannot restore.
    unrestored: &'a [String],
    /// Descriptions of the parts that Clew removed from its source before it stored the source, such as credentials.
    masked: &'a [String],
    /// Tasks of distributed computations; null if there were none, or if they are not cached.
    tasks: Option<TasksPage<'a>>,
    /// The highest memory use of the process so far, in bytes; 0 if unknown.
    peak_memory: u64,
    /// Time in statements that only import, in nanoseconds.
    import_nanoseconds: u64,
}

/// A file that a run may have used, as it was right after the run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct FilePage<'a> {
    /// The absolute path.
    path: &'a str,
    /// Its size in bytes; null if the file did not exist.
    size: Option<u64>,
    /// The time of the last change, in nanoseconds since 1970.
    modified: Option<i64>,
    /// The BLAKE3 hash, or a hash of a folder's listing.
    digest: Option<&'a str>,
    /// A keyed hash of a small file, which only its recorder can use.
    keyed_hash: Option<&'a str>,
    /// The relative path that the code used; null if the path was absolute.
    relative_path: Option<&'a str>,
    /// Whether the file belongs to Python or to an installed package.
    of_environment: bool,
}

/// A module that a run imported.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ModulePage<'a> {
    /// The name of the module.
    name: &'a str,
    /// Its version.
    version: Option<&'a str>,
    /// The package that provides it; null if unknown.
    distribution: Option<&'a str>,
    /// For a package whose installed files were edited: a hash of these files. For a module inside a package: `imported` if an earlier
    /// cell imported it.
    digest: Option<&'a str>,
    /// For your own modules: their files.
    files: Vec<FilePage<'a>>,
    /// For your own modules: the others that it imports; null if it may import any.
    imports: Option<&'a [String]>,
}

/// The interpreter of a session, and its machine.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct InterpreterPage<'a> {
    /// Python's version.
    version: &'a str,
    /// The Python implementation, such as `cpython`.
    implementation: &'a str,
    /// The operating system, such as `linux`.
    platform: &'a str,
    /// The processor, such as `x86_64`.
    machine: &'a str,
    /// `little` or `big`.
    byte_order: &'a str,
    /// Whether `clew run` started the kernel, to write the results to another notebook.
    is_batch: bool,
    /// Whether the notebook is an output of `clew run`.
    is_output: bool,
    /// Whether `clew.session().fork()` started the kernel.
    is_fork: bool,
    /// The notebook's own history, if you chose this one for the notebook with `history NAME`; else null.
    own_history: Option<HistoryId>,
    /// The values of `PYTHONPATH` and `PYTHONWARNINGS` at the start, if they were set.
    started_with: &'a BTreeMap<String, String>,
}

/// Tasks of distributed computations.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TasksPage<'a> {
    /// The number of all tasks.
    total: u64,
    /// The number of tasks with a cached result.
    cached: u64,
    /// The number of tasks that ran.
    run: u64,
    /// Reasons why tasks cannot be cached, each with the number of tasks.
    uncacheable: &'a BTreeMap<String, u64>,
}

/// Serialises the evidence of a run.
pub(crate) fn serialize<S: Serializer>(evidence: &Evidence, serializer: S) -> Result<S::Ok, S::Error> {
    EvidencePage::from(evidence).serialize(serializer)
}

impl<'a> From<&'a Evidence> for EvidencePage<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        Self {
            reads: &evidence.reads,
            writes: &evidence.writes,
            binds: &evidence.binds,
            live_objects: &evidence.used,
            reads_later: &evidence.later,
            affects_all: evidence.touched_all,
            reads_complete: evidence.reads_known,
            files_read: all(&evidence.files_read),
            files_written: all(&evidence.files_written),
            directory: evidence.directory.as_deref(),
            directory_after: evidence.went.as_deref(),
            reads_directory: evidence.placed,
            environment_read: &evidence.variables,
            environment_kept: &evidence.kept,
            environment_written: &evidence.environment,
            sockets: &evidence.sockets,
            processes: &evidence.processes,
            random: &evidence.random,
            seeded: &evidence.seeded,
            unused_random: &evidence.undrawn,
            nondeterministic: &evidence.unrepeatable,
            libraries: &evidence.libraries,
            modules: all(&evidence.modules),
            preloaded_modules: all(&evidence.found),
            submodules: &evidence.submodules,
            interpreter: evidence.interpreter.as_ref().map(Into::into),
            set_by_imports: &evidence.set_by_imports,
            patched: &evidence.patched,
            unrestored: &evidence.unrestored,
            masked: &evidence.masked,
            tasks: evidence.tasks.as_ref().map(Into::into),
            peak_memory: evidence.peak_memory,
            import_nanoseconds: evidence.importing,
        }
    }
}

fn all<'a, T, P: From<&'a T>>(records: &'a [T]) -> Vec<P> {
    records.iter().map(Into::into).collect()
}

impl<'a> From<&'a FileEvidence> for FilePage<'a> {
    fn from(file: &'a FileEvidence) -> Self {
        Self {
            path: &file.path,
            size: file.size,
            modified: file.modified,
            digest: file.digest.as_deref(),
            keyed_hash: file.mark.as_deref(),
            relative_path: file.given.as_deref(),
            of_environment: file.of_environment,
        }
    }
}

impl<'a> From<&'a ModuleEvidence> for ModulePage<'a> {
    fn from(module: &'a ModuleEvidence) -> Self {
        Self {
            name: &module.name,
            version: module.version.as_deref(),
            distribution: module.distribution.as_deref(),
            digest: module.digest.as_deref(),
            files: all(&module.files),
            imports: module.imports.as_deref(),
        }
    }
}

impl<'a> From<&'a Interpreter> for InterpreterPage<'a> {
    fn from(interpreter: &'a Interpreter) -> Self {
        Self {
            version: &interpreter.version,
            implementation: &interpreter.implementation,
            platform: &interpreter.platform,
            machine: &interpreter.machine,
            byte_order: &interpreter.byte_order,
            is_batch: interpreter.batch,
            is_output: interpreter.output,
            is_fork: interpreter.fork,
            own_history: interpreter.joined,
            started_with: &interpreter.started_with,
        }
    }
}

impl<'a> From<&'a TaskCounts> for TasksPage<'a> {
    fn from(tasks: &'a TaskCounts) -> Self {
        Self {
            total: tasks.total,
            cached: tasks.known,
            run: tasks.run,
            uncacheable: &tasks.keyless,
        }
    }
}
