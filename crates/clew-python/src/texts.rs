//! Every reason of the extension's that people can meet, as they meet it; the engine's are in the command's tests.

use clew_testing::{every, lines};

use crate::cause::{Cause, Sourceless};
use crate::engine::Said;
use crate::sandbox::{Gap, Unmapped};
use crate::sandbox_rerun::Unmade;
use crate::tasks::keyless::Keyless;

#[test]
fn every_cause_of_an_outcome_in_python() {
    let name = || "area".to_owned();
    let not_installed = |but| Cause::NotInstalled {
        root: "df".to_owned(),
        why: "ValueError: no".to_owned(),
        but,
    };
    let other_python = |why| Cause::OtherPython {
        major: 3,
        minor: 11,
        here: "3.13".to_owned(),
        why,
    };
    let causes = every!(Cause {
        Cause::Generator => [Cause::Generator],
        Cause::Frame => [Cause::Frame],
        Cause::CompiledClass => [Cause::CompiledClass],
        Cause::MemoryNotHeld => [Cause::MemoryNotHeld],
        Cause::NoOwner => [Cause::NoOwner],
        Cause::MemoryGaps => [Cause::MemoryGaps],
        Cause::NotebookName { .. } => [Cause::NotebookName { path: "f.<locals>.g".to_owned() }],
        Cause::Interrupted => [Cause::Interrupted],
        Cause::NotRecorded => [Cause::NotRecorded],
        Cause::Unreadable(_) => [Cause::Unreadable("a number is cut short")],
        Cause::ClassNotRecorded { .. } => [Cause::ClassNotRecorded { id: "3f2a9c10".to_owned() }],
        Cause::NoMethod { .. } => [Cause::NoMethod { name: name() }],
        Cause::NoSlot { .. } => [Cause::NoSlot { name: name() }],
        Cause::OtherBase { .. } => [Cause::OtherBase { class: "<class 'Place'>".to_owned() }],
        Cause::NoAttribute { .. } => [Cause::NoAttribute { class: "<class 'geo.Place'>".to_owned(), name: name() }],
        Cause::OtherPython { .. } => [other_python(Sourceless::None)],
        Cause::NoLibrary { .. } => [Cause::NoLibrary { module: "sklearn".to_owned(), package: "scikit-learn".to_owned() }],
        Cause::NotInLibrary { .. } => [Cause::NotInLibrary {
            name: "numpy.core.other".to_owned(),
            library: "numpy".to_owned(),
            version: "2.4.6".to_owned(),
        }],
        Cause::LaterClew { .. } => [Cause::LaterClew { name: "numpy.array".to_owned(), version: 3, known: 2 }],
        Cause::ModuleChanged { .. } => [Cause::ModuleChanged { file: "geo.py".to_owned() }],
        Cause::HeldBy { .. } => [Cause::HeldBy { who: "thread-3".to_owned() }],
        Cause::Excluded => [Cause::Excluded],
        Cause::KeptOutElsewhere => [Cause::KeptOutElsewhere],
        Cause::Credential { .. } => [Cause::Credential { what: "a GitHub token".to_owned() }],
        Cause::Incomplete { .. } => [Cause::Incomplete { missing: "No module named 'cloudpickle'".to_owned() }],
        Cause::WithoutFrames => [Cause::WithoutFrames],
        Cause::NotPutBack { .. } => [Cause::NotPutBack {
            why: "OSError: no".to_owned(),
        }],
        Cause::NotInstalled { .. } => [
            not_installed(Vec::new()),
            not_installed(vec!["x (KeyError: 1)".to_owned(), "y (KeyError: 2)".to_owned()]),
        ],
    });
    let sourceless = every!(Sourceless {
        Sourceless::None => [Sourceless::None],
        Sourceless::Other => [Sourceless::Other],
        Sourceless::Several => [Sourceless::Several],
        Sourceless::Library => [Sourceless::Library],
    });
    let sourceless = sourceless.into_iter().skip(1).map(other_python);
    insta::assert_snapshot!(lines(causes.into_iter().chain(sourceless)));
}

#[test]
fn everything_that_the_engine_of_a_kernel_says() {
    let name = || "flights".to_owned();
    let said = every!(Said {
        Said::Paused => [Said::Paused],
        Said::PausedAlready => [Said::PausedAlready],
        Said::NotPaused => [Said::NotPaused],
        Said::Again { .. } => [Said::Again { run: None }, Said::Again { run: Some("14".to_owned()) }],
        Said::NothingExcluded => [Said::NothingExcluded],
        Said::KeptOut { .. } => [Said::KeptOut { names: vec!["token".to_owned(), "pat (a GitHub token)".to_owned()] }],
        Said::Excluded { .. } => [Said::Excluded { names: vec!["token".to_owned(), "*_key".to_owned()] }],
        Said::Included { .. } => [Said::Included { names: vec!["token".to_owned()] }],
        Said::Belongs { .. } => [Said::Belongs { name: name() }],
        Said::BelongsNow { .. } => [
            Said::BelongsNow { name: name(), can_resume: true },
            Said::BelongsNow { name: name(), can_resume: false },
        ],
        Said::Offer { .. } => [
            Said::Offer { is_known: false, before: None },
            Said::Offer { is_known: true, before: Some("/work/second.ipynb".to_owned()) },
        ],
        Said::Recording { .. } => [Said::Recording { name: Some(name()) }, Said::Recording { name: None }],
        Said::Alike { .. } => [
            Said::Alike { is_copy: true, candidates: vec!["flights.ipynb (7 runs, 2 h ago): `%clew history 0a1b2c3d`".to_owned()] },
            Said::Alike { is_copy: false, candidates: vec!["flights.ipynb (7 runs, 2 h ago): `%clew history 0a1b2c3d`".to_owned()] },
            Said::Alike { is_copy: false, candidates: vec!["a.ipynb (7 runs, 2 h ago): `%clew history 0a1b2c3d`".to_owned(), "b.ipynb (1 run, 3 days ago): `%clew history 4e5f6a7b`".to_owned()] },
        ],
        Said::RecordedBeside => [Said::RecordedBeside],
        Said::PassedOver { .. } => [Said::PassedOver { problem: "config.toml, line 3: there is no setting `x`".to_owned() }],
        Said::Followed { .. } => [Said::Followed { store: "/work/renamed/.clew".to_owned(), run: "4".to_owned() }],
        Said::StartedOver { .. } => [Said::StartedOver {
            why: "Cannot write to /store/histories/1.log: another program truncated it".to_owned(),
            run: "7".to_owned(),
            store: "/store".to_owned(),
        }],
        Said::NotKept { .. } => [Said::NotKept {
            why: "Cannot write to /store/histories/1.log: the file system is read-only".to_owned(),
        }],
        Said::Unproved { .. } => [Said::Unproved {
            name: "model".to_owned(),
            why: "its pickle raises TypeError: __init__() missing 1 argument".to_owned(),
        }],
        Said::NobodyTrusted { .. } => [Said::NobodyTrusted {
            why: "The list of trusted keys /config/trusted.keys cannot be used: it is larger than a megabyte. Move it away".to_owned(),
        }],
        Said::SetBack { .. } => [Said::SetBack {
            name: name(),
            setbacks: "Session 3f3f3f3f has 40 operations, and had 57 when it was last seen".to_owned(),
        }],
        Said::HistoriesGone { .. } => [Said::HistoriesGone {
            store: "/store".to_owned(),
            sessions: "2 sessions".to_owned(),
        }],
        Said::MadeAnew { .. } => [Said::MadeAnew { store: "/store".to_owned(), sessions: "3 sessions".to_owned() }],
        Said::NotNoted { .. } => [Said::NotNoted {
            why: "/config/last-seen/07.ends is Clew's record of what you last saw of this store, and cannot be used: it is corrupted".to_owned(),
        }],
        Said::Damaged => [Said::Damaged],
        Said::KeyMade { .. } => [Said::KeyMade { path: "/config/store-keys/00ff.key".to_owned() }],
        Said::Busy => [Said::Busy],
        Said::NoMemory => [Said::NoMemory],
        Said::NothingOpen => [Said::NothingOpen],
    });
    insta::assert_snapshot!(lines(said));
}

#[test]
fn everything_that_a_sandbox_can_lack() {
    let why = || "Operation not permitted".to_owned();
    let gaps = every!(Gap {
        Gap::Threads => [Gap::Threads],
        Gap::NoLandlock => [Gap::NoLandlock],
        Gap::Files(_) => [Gap::Files(why())],
        Gap::SystemCalls(_) => [Gap::SystemCalls(why())],
        Gap::Limit { .. } => [Gap::Limit { what: "memory", why: why() }],
        Gap::Outlives(_) => [Gap::Outlives(why())],
        Gap::Platform => [Gap::Platform],
    });
    insta::assert_snapshot!(lines(gaps));
}

#[test]
fn every_reason_why_a_scratch_process_finds_no_files_at_other_paths() {
    let (path, why) = (|| "/home/ada/data".to_owned(), || "Operation not permitted".to_owned());
    let reasons = every!(Unmapped {
        Unmapped::Refused(_) => [Unmapped::Refused(why())],
        Unmapped::OtherKind(_) => [Unmapped::OtherKind(path())],
        Unmapped::Crowded(_) => [Unmapped::Crowded(path())],
        Unmapped::Failed { .. } => [Unmapped::Failed { path: path(), why: why() }],
        Unmapped::Platform => [Unmapped::Platform],
    });
    insta::assert_snapshot!(lines(reasons));
}

#[test]
fn every_reason_why_a_cell_made_nothing_in_a_scratch_process() {
    let why = || "No module named clew".to_owned();
    let reasons = every!(Unmade {
        Unmade::NoProcess => [Unmade::NoProcess],
        Unmade::NoSandbox { .. } => [Unmade::NoSandbox { gaps: "this Linux kernel has no Landlock".to_owned() }],
        Unmade::NotStarted(_) => [Unmade::NotStarted(why())],
        Unmade::Ended(_) => [Unmade::Ended("signal 9 ended it".to_owned())],
        Unmade::TooLong(_) => [Unmade::TooLong(60)],
        Unmade::CantRun(_) => [Unmade::CantRun("Run 3 is missing".to_owned())],
        Unmade::CantHandOver(_) => [Unmade::CantHandOver("a suspended generator".to_owned())],
        Unmade::Raised { .. } => [Unmade::Raised {
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
    let reasons = every!(Keyless {
        Keyless::Input => [Keyless::Input],
        Keyless::NoValue(_) => [Keyless::NoValue("a suspended generator".to_owned())],
        Keyless::Unrepeatable(_) => [Keyless::Unrepeatable(name())],
        Keyless::Unseeded(_) => [Keyless::Unseeded("numpy.random.default_rng".to_owned())],
        Keyless::Draws => [Keyless::Draws],
        Keyless::Environment => [Keyless::Environment],
        Keyless::Typed => [Keyless::Typed],
        Keyless::Shell => [Keyless::Shell],
        Keyless::TwoModules => [Keyless::TwoModules],
        Keyless::NoVersion(_) => [Keyless::NoVersion("mine".to_owned())],
        Keyless::Hidden(_) => [Keyless::Hidden("mine.fast".to_owned())],
        Keyless::ImportsLater(_) => [Keyless::ImportsLater("mine".to_owned())],
        Keyless::Doubted(_) => [Keyless::Doubted("it reads the options of a library".into())],
        Keyless::Failed(_) => [Keyless::failed(std::io::Error::from_raw_os_error(13))],
    });
    insta::assert_snapshot!(lines(&reasons));
}
