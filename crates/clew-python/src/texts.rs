//! Every message of the extension that users may see, in its final form; the engine's are in the tests of the
//! command.

use clew_testing::{every, lines};

use crate::cause::{PythonCause, RecompileFailure};
use crate::engine::EngineMessage;
use crate::sandbox::{PathMapFailure, SandboxGap};
use crate::sandbox_rerun::RerunFailure;
use crate::tasks::keyless::KeylessCause;

#[test]
fn every_cause_of_an_outcome_in_python() {
    let name = || "area".to_owned();
    let not_installed = |but| PythonCause::NotInstalled {
        root: "df".to_owned(),
        why: "ValueError: no".to_owned(),
        but,
    };
    let other_python = |why| PythonCause::OtherPython {
        major: 3,
        minor: 11,
        here: "3.13".to_owned(),
        why,
    };
    let causes = every!(PythonCause {
        PythonCause::Generator => [PythonCause::Generator],
        PythonCause::Frame => [PythonCause::Frame],
        PythonCause::CompiledClass => [PythonCause::CompiledClass],
        PythonCause::MemoryNotHeld => [PythonCause::MemoryNotHeld],
        PythonCause::NoOwner => [PythonCause::NoOwner],
        PythonCause::MemoryGaps => [PythonCause::MemoryGaps],
        PythonCause::NotebookName { .. } => [PythonCause::NotebookName { path: "f.<locals>.g".to_owned() }],
        PythonCause::Interrupted => [PythonCause::Interrupted],
        PythonCause::NotRecorded => [PythonCause::NotRecorded],
        PythonCause::Unreadable(_) => [PythonCause::Unreadable("a number is cut short")],
        PythonCause::ClassNotRecorded { .. } => [PythonCause::ClassNotRecorded { id: "3f2a9c10".to_owned() }],
        PythonCause::NoMethod { .. } => [PythonCause::NoMethod { name: name() }],
        PythonCause::NoSlot { .. } => [PythonCause::NoSlot { name: name() }],
        PythonCause::OtherBase { .. } => [PythonCause::OtherBase { class: "<class 'Place'>".to_owned() }],
        PythonCause::NoAttribute { .. } => [PythonCause::NoAttribute { class: "<class 'geo.Place'>".to_owned(), name: name() }],
        PythonCause::OtherPython { .. } => [other_python(RecompileFailure::None)],
        PythonCause::NoLibrary { .. } => [PythonCause::NoLibrary { module: "sklearn".to_owned(), package: "scikit-learn".to_owned() }],
        PythonCause::NotInLibrary { .. } => [PythonCause::NotInLibrary {
            name: "numpy.core.other".to_owned(),
            library: "numpy".to_owned(),
            version: "2.4.6".to_owned(),
        }],
        PythonCause::LaterClew { .. } => [PythonCause::LaterClew { name: "numpy.array".to_owned(), version: 3, known: 2 }],
        PythonCause::AnnotationsAsTexts => [PythonCause::AnnotationsAsTexts],
        PythonCause::NoBuiltin { .. } => [PythonCause::NoBuiltin { name: "frozendict".to_owned() }],
        PythonCause::ModuleChanged { .. } => [PythonCause::ModuleChanged { file: "geo.py".to_owned() }],
        PythonCause::HeldBy { .. } => [PythonCause::HeldBy { who: "thread-3".to_owned() }],
        PythonCause::Excluded => [PythonCause::Excluded],
        PythonCause::KeptOutElsewhere => [PythonCause::KeptOutElsewhere],
        PythonCause::Credential { .. } => [PythonCause::Credential { what: "a GitHub token".to_owned() }],
        PythonCause::Incomplete { .. } => [PythonCause::Incomplete { missing: "No module named 'cloudpickle'".to_owned() }],
        PythonCause::WithoutFrames => [PythonCause::WithoutFrames],
        PythonCause::NotPutBack { .. } => [PythonCause::NotPutBack {
            why: "OSError: no".to_owned(),
        }],
        PythonCause::NotInstalled { .. } => [
            not_installed(Vec::new()),
            not_installed(vec!["x (KeyError: 1)".to_owned(), "y (KeyError: 2)".to_owned()]),
        ],
    });
    let sourceless = every!(RecompileFailure {
        RecompileFailure::None => [RecompileFailure::None],
        RecompileFailure::Other => [RecompileFailure::Other],
        RecompileFailure::Several => [RecompileFailure::Several],
        RecompileFailure::Library => [RecompileFailure::Library],
    });
    let sourceless = sourceless.into_iter().skip(1).map(other_python);
    insta::assert_snapshot!(lines(causes.into_iter().chain(sourceless)));
}

#[test]
fn everything_that_the_engine_of_a_kernel_says() {
    let name = || "flights".to_owned();
    let said = every!(EngineMessage {
        EngineMessage::Paused => [EngineMessage::Paused],
        EngineMessage::PausedAlready => [EngineMessage::PausedAlready],
        EngineMessage::NotPaused => [EngineMessage::NotPaused],
        EngineMessage::Again { .. } => [EngineMessage::Again { run: None }, EngineMessage::Again { run: Some("14".to_owned()) }],
        EngineMessage::NothingExcluded => [EngineMessage::NothingExcluded],
        EngineMessage::KeptOut { .. } => [EngineMessage::KeptOut { names: vec!["token".to_owned(), "pat (a GitHub token)".to_owned()] }],
        EngineMessage::Excluded { .. } => [EngineMessage::Excluded { names: vec!["token".to_owned(), "*_key".to_owned()] }],
        EngineMessage::Included { .. } => [EngineMessage::Included { names: vec!["token".to_owned()] }],
        EngineMessage::Belongs { .. } => [EngineMessage::Belongs { name: name() }],
        EngineMessage::BelongsNow { .. } => [
            EngineMessage::BelongsNow { name: name(), can_resume: true },
            EngineMessage::BelongsNow { name: name(), can_resume: false },
        ],
        EngineMessage::Offer { .. } => [
            EngineMessage::Offer { is_known: false, before: None },
            EngineMessage::Offer { is_known: true, before: Some("/work/second.ipynb".to_owned()) },
        ],
        EngineMessage::Recording { .. } => [EngineMessage::Recording { name: Some(name()) }, EngineMessage::Recording { name: None }],
        EngineMessage::Alike { .. } => [
            EngineMessage::Alike { is_copy: true, candidates: vec!["flights.ipynb (7 runs, 2 h ago): `%clew history 0a1b2c3d`".to_owned()] },
            EngineMessage::Alike { is_copy: false, candidates: vec!["flights.ipynb (7 runs, 2 h ago): `%clew history 0a1b2c3d`".to_owned()] },
            EngineMessage::Alike { is_copy: false, candidates: vec!["a.ipynb (7 runs, 2 h ago): `%clew history 0a1b2c3d`".to_owned(), "b.ipynb (1 run, 3 days ago): `%clew history 4e5f6a7b`".to_owned()] },
        ],
        EngineMessage::RecordedBeside => [EngineMessage::RecordedBeside],
        EngineMessage::PassedOver { .. } => [EngineMessage::PassedOver { problem: "config.toml, line 3: there is no setting `x`".to_owned() }],
        EngineMessage::Followed { .. } => [EngineMessage::Followed { store: "/work/renamed/.clew".to_owned(), run: "4".to_owned() }],
        EngineMessage::StartedOver { .. } => [EngineMessage::StartedOver {
            why: "Cannot write to /store/histories/1.log: another program truncated it".to_owned(),
            run: "7".to_owned(),
            store: "/store".to_owned(),
        }],
        EngineMessage::NotKept { .. } => [EngineMessage::NotKept {
            why: "Cannot write to /store/histories/1.log: the file system is read-only".to_owned(),
        }],
        EngineMessage::Unproved { .. } => [EngineMessage::Unproved {
            name: "model".to_owned(),
            why: "its pickle raises TypeError: __init__() missing 1 argument".to_owned(),
        }],
        EngineMessage::NobodyTrusted { .. } => [EngineMessage::NobodyTrusted {
            why: "The list of trusted keys /config/trusted.keys cannot be used: it is larger than a megabyte. Move it away".to_owned(),
        }],
        EngineMessage::SetBack { .. } => [EngineMessage::SetBack {
            name: name(),
            setbacks: "Session 3f3f3f3f has 40 operations, and had 57 when it was last seen".to_owned(),
        }],
        EngineMessage::HistoriesGone { .. } => [EngineMessage::HistoriesGone {
            store: "/store".to_owned(),
            sessions: "2 sessions".to_owned(),
        }],
        EngineMessage::MadeAnew { .. } => [EngineMessage::MadeAnew { store: "/store".to_owned(), sessions: "3 sessions".to_owned() }],
        EngineMessage::NotNoted { .. } => [EngineMessage::NotNoted {
            why: "/config/last-seen/07.ends is Clew's record of what you last saw of this store, and cannot be used: it is corrupted".to_owned(),
        }],
        EngineMessage::Damaged => [EngineMessage::Damaged],
        EngineMessage::KeyMade { .. } => [EngineMessage::KeyMade { path: "/config/store-keys/00ff.key".to_owned() }],
        EngineMessage::Busy => [EngineMessage::Busy],
        EngineMessage::NoMemory => [EngineMessage::NoMemory],
        EngineMessage::NothingOpen => [EngineMessage::NothingOpen],
    });
    insta::assert_snapshot!(lines(said));
}

#[test]
fn everything_that_a_sandbox_can_lack() {
    let why = || "Operation not permitted".to_owned();
    let gaps = every!(SandboxGap {
        SandboxGap::Threads => [SandboxGap::Threads],
        SandboxGap::NoLandlock => [SandboxGap::NoLandlock],
        SandboxGap::Files(_) => [SandboxGap::Files(why())],
        SandboxGap::SystemCalls(_) => [SandboxGap::SystemCalls(why())],
        SandboxGap::Limit { .. } => [SandboxGap::Limit { what: "memory", why: why() }],
        SandboxGap::Outlives(_) => [SandboxGap::Outlives(why())],
        SandboxGap::Platform => [SandboxGap::Platform],
    });
    insta::assert_snapshot!(lines(gaps));
}

#[test]
fn every_reason_why_a_scratch_process_finds_no_files_at_other_paths() {
    let (path, why) = (|| "/home/ada/data".to_owned(), || "Operation not permitted".to_owned());
    let reasons = every!(PathMapFailure {
        PathMapFailure::Refused(_) => [PathMapFailure::Refused(why())],
        PathMapFailure::OtherKind(_) => [PathMapFailure::OtherKind(path())],
        PathMapFailure::Crowded(_) => [PathMapFailure::Crowded(path())],
        PathMapFailure::Failed { .. } => [PathMapFailure::Failed { path: path(), why: why() }],
        PathMapFailure::Platform => [PathMapFailure::Platform],
    });
    insta::assert_snapshot!(lines(reasons));
}

#[test]
fn every_reason_why_a_cell_made_nothing_in_a_scratch_process() {
    let why = || "No module named clew".to_owned();
    let reasons = every!(RerunFailure {
        RerunFailure::NoProcess => [RerunFailure::NoProcess],
        RerunFailure::NoSandbox { .. } => [RerunFailure::NoSandbox { gaps: "this Linux kernel has no Landlock".to_owned() }],
        RerunFailure::NotStarted(_) => [RerunFailure::NotStarted(why())],
        RerunFailure::Ended(_) => [RerunFailure::Ended("signal 9 ended it".to_owned())],
        RerunFailure::TooLong(_) => [RerunFailure::TooLong(60)],
        RerunFailure::CantRun(_) => [RerunFailure::CantRun("Run 3 is missing".to_owned())],
        RerunFailure::CantHandOver(_) => [RerunFailure::CantHandOver("a suspended generator".to_owned())],
        RerunFailure::Raised { .. } => [RerunFailure::Raised {
            run: "14".to_owned(),
            exception: "KeyError".to_owned(),
            message: "'price'".to_owned(),
        }],
    });
    insta::assert_snapshot!(lines(reasons));
}

#[test]
fn every_reason_why_a_task_has_no_key() {
    let name = || "numpy.random.rand".to_owned();
    let reasons = every!(KeylessCause {
        KeylessCause::Input => [KeylessCause::Input],
        KeylessCause::NoValue(_) => [KeylessCause::NoValue("a suspended generator".to_owned())],
        KeylessCause::Unrepeatable(_) => [KeylessCause::Unrepeatable(name())],
        KeylessCause::Unseeded(_) => [KeylessCause::Unseeded("numpy.random.default_rng".to_owned())],
        KeylessCause::Draws => [KeylessCause::Draws],
        KeylessCause::Environment => [KeylessCause::Environment],
        KeylessCause::Typed => [KeylessCause::Typed],
        KeylessCause::Shell => [KeylessCause::Shell],
        KeylessCause::TwoModules => [KeylessCause::TwoModules],
        KeylessCause::NoVersion(_) => [KeylessCause::NoVersion("mine".to_owned())],
        KeylessCause::Hidden(_) => [KeylessCause::Hidden("mine.fast".to_owned())],
        KeylessCause::ImportsLater(_) => [KeylessCause::ImportsLater("mine".to_owned())],
        KeylessCause::Doubted(_) => [KeylessCause::Doubted("it reads the options of a library".into())],
        KeylessCause::Failed(_) => [KeylessCause::failed(std::io::Error::from_raw_os_error(13))],
    });
    insta::assert_snapshot!(lines(&reasons));
}
