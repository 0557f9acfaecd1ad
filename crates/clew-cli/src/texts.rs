//! Snapshots of all error messages: one table per enum, which fails to compile if a variant is missing.

use std::io;

use clew_core::cause::Cause;
use clew_core::format::{FrameError, RecordDecodeError};
use clew_core::graph::{StreamError, StreamFault};
use clew_core::history::flow::GapKind;
use clew_core::history::{NameError, NameSyntaxError, RevisionError};
use clew_core::id::{HistoryId, KeyId, PackId, Root, RunId, SessionId};
use clew_core::kernel::{HandoverFault, KernelError};
use clew_core::plan::carry::CarryObstacle;
use clew_core::plan::cut::{BudgetError, ReplayProhibition, SendObstacle};
use clew_core::restore::RestoreError;
use clew_core::session::SessionError;
use clew_core::store::{
    BundleFault, Fault, FileFault, KeyFault, LastSeenFault, LogRollback, StoreError, StoreKeyFault, TrustFault,
};

use clew_testing::{every, lines};

use crate::commands::environment::enable::Warning;
use crate::commands::extract::reason;
use crate::context::Context;
use crate::in_flight::InFlightMessage;
use crate::interface::Interface;
use crate::magic_line::LineSyntaxError;
use crate::path_maps::PathMapError;
use crate::sandbox_process::{SandboxError, SandboxFailure};

/// Returns the messages as displayed in a terminal.
fn read(errors: impl IntoIterator<Item = SessionError>) -> String {
    let context = Context::of_process(Interface::Terminal);
    let texts = errors.into_iter().map(|error| {
        let problem = crate::session_problem(&error, &context);
        format!("{} {}", problem.exit.code(), problem.text())
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn everything_that_is_said_of_a_cell_that_began() {
    let cell = || "In [9] (lost = 'half done')".to_owned();
    let (ago, duration) = (|| "5m ago".to_owned(), || "3.20 s".to_owned());
    let least = || ", at least 3.20 s after it started".to_owned();
    let told = every!(InFlightMessage {
        InFlightMessage::Runs { .. } => [InFlightMessage::Runs { cell: cell(), duration: duration() }],
        InFlightMessage::Died { .. } => [InFlightMessage::Died { cell: cell(), ago: ago(), least: String::new() }],
        InFlightMessage::DiedBehind { .. } => [InFlightMessage::DiedBehind { cell: cell(), ago: ago() }],
        InFlightMessage::Ended { .. } => [InFlightMessage::Ended { cell: cell() }],
        InFlightMessage::Unheard { .. } => [InFlightMessage::Unheard { cell: cell(), host: "node-7".to_owned(), ago: ago() }],
        InFlightMessage::Written { .. } => [InFlightMessage::Written { cell: cell(), least: least(), run: "10".to_owned() }],
        InFlightMessage::WrittenBehind { .. } => [InFlightMessage::WrittenBehind { cell: cell(), run: "10".to_owned() }],
    });
    insta::assert_snapshot!(lines(told));
}

#[test]
fn every_error_of_a_store() {
    let io = |kind: io::ErrorKind| StoreError::Io {
        what: "write to",
        path: "/store/packs/7".into(),
        source: kind.into(),
    };
    let missing = |packs| StoreError::Missing {
        kind: "Manifest",
        id: "3f2a9c10".to_owned(),
        packs,
    };
    let errors = every!(StoreError {
        StoreError::Io { .. } => [
            io(io::ErrorKind::StorageFull),
            io(io::ErrorKind::QuotaExceeded),
            io(io::ErrorKind::ReadOnlyFilesystem),
            io(io::ErrorKind::PermissionDenied),
            io(io::ErrorKind::ConnectionReset),
        ],
        StoreError::NoStore { .. } => [StoreError::NoStore { path: "/store".into() }],
        StoreError::NewerFormat { .. } => [StoreError::NewerFormat { path: "/store".into(), found: 9, known: 1 }],
        StoreError::Missing { .. } => [
            missing(Vec::new()),
            missing(vec![PackId([7; 16])]),
            missing(vec![PackId([7; 16]), PackId([8; 16])]),
        ],
        StoreError::Damaged { .. } => [StoreError::Damaged {
            kind: "Run",
            id: "3f2a9c10".to_owned(),
            path: "/store/logs/1".into(),
            why: "the checksum of its header does not match".to_owned(),
        }],
        StoreError::NoHistory(_) => [StoreError::NoHistory(HistoryId([1; 16]))],
        StoreError::SessionExists(_) => [StoreError::SessionExists(SessionId([1; 16]))],
        StoreError::ReadOnly { .. } => [StoreError::ReadOnly { path: "/store".into() }],
        StoreError::Stopped { .. } => [StoreError::Stopped {
            session: SessionId([1; 16]),
            why: "Cannot write to /store/packs/7: the disk is full".to_owned(),
        }],
        StoreError::TooLarge { .. } => [StoreError::TooLarge { what: "A cell's source", length: 300, most: 200 }],
        StoreError::NoMemory { .. } => [StoreError::NoMemory { length: 10_000_000_000 }],
        StoreError::Key { .. } => [StoreError::Key {
            path: "/config/key".into(),
            why: KeyFault::Open,
        }],
        StoreError::StoreKey { .. } => [StoreError::StoreKey {
            path: "/store".into(),
            why: StoreKeyFault::Plain,
        }],
        StoreError::LastSeen { .. } => [StoreError::LastSeen {
            path: "/config/last-seen/07.ends".into(),
            why: LastSeenFault::Damaged,
        }],
        StoreError::Trust { .. } => [StoreError::Trust {
            path: "/config/trusted.keys".into(),
            why: TrustFault::Open,
        }],
        StoreError::Busy { .. } => [StoreError::Busy { who: "A gc runs" }],
        StoreError::TakenAway { .. } => [
            StoreError::TakenAway { count: 1, is_earlier: false },
            StoreError::TakenAway { count: 7, is_earlier: true },
        ],
        StoreError::Panicked => [StoreError::Panicked],
        StoreError::NoLocks { .. } => [StoreError::NoLocks { path: "/store/gate".into() }],
        StoreError::Dropped { .. } => [StoreError::Dropped { time: 1_795_183_200_000_000_000 }],
        StoreError::LeftOut { .. } => [StoreError::LeftOut { time: 1_795_183_200_000_000_000 }],
        StoreError::GivenUp => [StoreError::GivenUp],
        StoreError::Bundle { .. } => [StoreError::Bundle {
            path: "state.clew".into(),
            why: BundleFault::None,
        }],
        StoreError::Forgotten { .. } => [StoreError::Forgotten { time: 1_795_183_200_000_000_000 }],
    });
    insta::assert_snapshot!(read(errors.into_iter().map(SessionError::Store)));
}

#[test]
fn every_fault_of_a_bundle() {
    let faults = every!(BundleFault {
        BundleFault::None => [BundleFault::None],
        BundleFault::CutOff { .. } => [BundleFault::CutOff { has: 8192, of: 12_345_678 }],
        BundleFault::Newer(_) => [BundleFault::Newer(7)],
        BundleFault::Damaged(_) => [BundleFault::Damaged("it is not a valid frame".to_owned())],
        BundleFault::Behind => [BundleFault::Behind],
        BundleFault::NotSealed => [BundleFault::NotSealed],
        BundleFault::Changed(_) => [BundleFault::Changed("packs/7.pack".to_owned())],
        BundleFault::Padded => [BundleFault::Padded],
    });
    let of = |why| {
        SessionError::Store(StoreError::Bundle {
            path: "state.clew".into(),
            why,
        })
    };
    insta::assert_snapshot!(read(faults.into_iter().map(of)));
}

#[test]
fn every_error_of_a_revision() {
    let text = || "9".to_owned();
    let errors = every!(RevisionError {
        RevisionError::Unknown { .. } => [
            RevisionError::Unknown { text: text(), candidates: Vec::new() },
            RevisionError::Unknown { text: text(), candidates: vec!["8".to_owned(), "7".to_owned()] },
        ],
        RevisionError::UnknownTime { .. } => [RevisionError::UnknownTime { text: "1y ago".to_owned() }],
        RevisionError::UnknownOperation { .. } => [
            RevisionError::UnknownOperation { text: "op:9".to_owned(), newest: Some(4) },
            RevisionError::UnknownOperation { text: "op:9".to_owned(), newest: None },
        ],
        RevisionError::Ambiguous { .. } => [RevisionError::Ambiguous {
            text: text(),
            candidates: vec!["8".to_owned(), "7".to_owned()],
        }],
        RevisionError::BeforeStart { .. } => [RevisionError::BeforeStart { text: "@-9".to_owned() }],
        RevisionError::NoPosition { .. } => [RevisionError::NoPosition { text: "@".to_owned() }],
    });
    insta::assert_snapshot!(read(errors.into_iter().map(SessionError::Revision)));
}

#[test]
fn every_error_of_a_name() {
    let name = || "best".to_owned();
    let errors = every!(NameError {
        NameError::Invalid { .. } => [NameError::Invalid { name: "14a".to_owned(), why: NameSyntaxError::Number }],
        NameError::Taken { .. } => [
            NameError::Taken { name: name(), kind: "branch" },
            NameError::Taken { name: name(), kind: "tag" },
        ],
        NameError::Unknown { .. } => [
            NameError::Unknown { name: name(), kind: "branch" },
            NameError::Unknown { name: name(), kind: "tag" },
        ],
        NameError::NoBranch { .. } => [NameError::NoBranch { to: name() }],
        NameError::OtherKind { .. } => [NameError::OtherKind { name: name(), kind: "tag" }],
    });
    insta::assert_snapshot!(read(errors.into_iter().map(SessionError::Name)));
}

#[test]
fn everything_that_keeps_a_text_from_being_a_name() {
    let faults = every!(NameSyntaxError {
        NameSyntaxError::Empty => [NameSyntaxError::Empty],
        NameSyntaxError::Long => [NameSyntaxError::Long],
        NameSyntaxError::Sign => [NameSyntaxError::Sign],
        NameSyntaxError::Operation => [NameSyntaxError::Operation],
        NameSyntaxError::Space => [NameSyntaxError::Space],
        NameSyntaxError::Quote => [NameSyntaxError::Quote],
        NameSyntaxError::Number => [NameSyntaxError::Number],
    });
    insta::assert_snapshot!(lines(faults));
}

#[test]
fn everything_that_can_be_wrong_with_what_was_last_seen() {
    let faults = every!(LastSeenFault {
        LastSeenFault::Open => [LastSeenFault::Open],
        LastSeenFault::Damaged => [LastSeenFault::Damaged],
        LastSeenFault::Newer => [LastSeenFault::Newer],
    });
    insta::assert_snapshot!(lines(faults));
}

#[test]
fn everything_that_can_have_become_of_what_was_last_seen() {
    let session = SessionId([0x3f; 16]);
    let setbacks = every!(LogRollback {
        LogRollback::Gone { .. } => [LogRollback::Gone { session, seen: 57 }],
        LogRollback::Shorter { .. } => [
            LogRollback::Shorter { session, seen: 57, left: 40 },
            LogRollback::Shorter { session, seen: 57, left: 1 },
        ],
        LogRollback::Other { .. } => [LogRollback::Other { session, seen: 57 }],
    });
    insta::assert_snapshot!(lines(setbacks));
}

#[test]
fn everything_that_can_be_wrong_with_the_list_of_trusted_keys() {
    let faults = every!(TrustFault {
        TrustFault::Open => [TrustFault::Open],
        TrustFault::Length => [TrustFault::Length],
    });
    insta::assert_snapshot!(lines(faults));
}

#[test]
fn everything_that_can_be_wrong_with_the_key_of_a_store() {
    let file = || "/config/store-keys/0707.key".into();
    let faults = every!(StoreKeyFault {
        StoreKeyFault::Missing { .. } => [StoreKeyFault::Missing { wanted: KeyId([7; 16]), path: file() }],
        StoreKeyFault::NotGiven => [StoreKeyFault::NotGiven],
        StoreKeyFault::Other { .. } => [StoreKeyFault::Other {
            found: KeyId([8; 16]),
            path: "/run/secrets/clew".into(),
            wanted: KeyId([7; 16]),
        }],
        StoreKeyFault::Open => [StoreKeyFault::Open],
        StoreKeyFault::Length => [StoreKeyFault::Length],
        StoreKeyFault::Changed => [StoreKeyFault::Changed],
        StoreKeyFault::Cipher(_) => [StoreKeyFault::Cipher("another cipher".to_owned())],
        StoreKeyFault::Plain => [StoreKeyFault::Plain],
        StoreKeyFault::PlainInstead => [StoreKeyFault::PlainInstead],
    });
    let is_of_file = |why: &StoreKeyFault| {
        matches!(
            why,
            StoreKeyFault::NotGiven | StoreKeyFault::Open | StoreKeyFault::Length | StoreKeyFault::Changed
        )
    };
    let told = faults.into_iter().map(|why| {
        let path = if is_of_file(&why) { file() } else { "/store".into() };
        let problem = crate::history_view::store_problem(&StoreError::StoreKey { path, why });
        format!("{}\n  {}", problem.message, problem.hint.unwrap_or_default())
    });
    insta::assert_snapshot!(lines(told));
}

#[test]
fn everything_that_can_be_wrong_with_a_key() {
    let faults = every!(KeyFault {
        KeyFault::Open => [KeyFault::Open],
        KeyFault::Length => [KeyFault::Length],
    });
    insta::assert_snapshot!(lines(faults));
}

#[test]
fn every_error_of_a_session() {
    let errors = every!(SessionError {
        SessionError::Store(_) => [SessionError::Store(StoreError::NoStore { path: "/store".into() })],
        SessionError::Kernel(_) => [
            SessionError::Kernel(KernelError::Failed("a codec failed".to_owned())),
            SessionError::Kernel(KernelError::NoMemory),
            SessionError::Kernel(KernelError::Interrupted),
        ],
        SessionError::Revision(_) => [SessionError::Revision(RevisionError::BeforeStart { text: "@-9".to_owned() })],
        SessionError::Name(_) => [SessionError::Name(NameError::Unknown { name: "best".to_owned(), kind: "tag" })],
        SessionError::NothingToUndo { .. } => [
            SessionError::NothingToUndo { asked: 1, available: 0 },
            SessionError::NothingToUndo { asked: 3, available: 1 },
            SessionError::NothingToUndo { asked: 9, available: 2 },
        ],
        SessionError::NothingToRedo { .. } => [
            SessionError::NothingToRedo { asked: 1, available: 0, left_behind: None },
            SessionError::NothingToRedo { asked: 1, available: 0, left_behind: Some("5".to_owned()) },
            SessionError::NothingToRedo { asked: 3, available: 1, left_behind: None },
        ],
        SessionError::NothingToResume => [SessionError::NothingToResume],
        SessionError::NoSuchName { .. } => [
            SessionError::NoSuchName { run: "14".to_owned(), names: vec!["df".to_owned()] },
            SessionError::NoSuchName { run: "14".to_owned(), names: vec!["df".to_owned(), "x".to_owned()] },
        ],
        SessionError::NothingToKeep { .. } => [SessionError::NothingToKeep { names: vec!["df".to_owned()] }],
        SessionError::KeepShared { .. } => [
            SessionError::KeepShared { name: "a".to_owned(), others: vec!["b".to_owned(), "c".to_owned()] },
        ],
        SessionError::Unreachable { .. } => [
            SessionError::Unreachable { run: "14".to_owned(), missing: "1f73027f".to_owned(), names: vec!["df".to_owned(), "x".to_owned()] },
            SessionError::Unreachable { run: "14".to_owned(), missing: "1f73027f".to_owned(), names: vec![] },
            SessionError::Unreachable { run: "14".to_owned(), missing: "1f73027f".to_owned(), names: ('a'..='z').map(String::from).collect() },
        ],
        SessionError::Restore(_) => [
            SessionError::Restore(RestoreError::Interrupted),
            SessionError::Restore(RestoreError::NoMemory),
            SessionError::Restore(RestoreError::Refused("the directory /data is gone".to_owned())),
        ],
        SessionError::NotStarted => [SessionError::NotStarted],
    });
    insta::assert_snapshot!(read(errors));
}

#[test]
fn every_error_of_a_scratch_process() {
    let errors = every!(SandboxError {
        SandboxError::NotStarted(_) => [SandboxError::NotStarted("permission denied".to_owned())],
        SandboxError::Died(_) => [SandboxError::Died("it was killed".to_owned())],
        SandboxError::TooLong(_) => [SandboxError::TooLong(60)],
        SandboxError::TooMuch(_) => [SandboxError::TooMuch(1 << 30)],
        SandboxError::Interrupted => [SandboxError::Interrupted],
        SandboxError::Refused(_) => [SandboxError::Refused("Run 3 is missing".to_owned())],
    });
    insta::assert_snapshot!(lines(errors));
}

#[test]
fn everything_odd_that_a_scratch_process_can_do() {
    let oddities = every!(SandboxFailure {
        SandboxFailure::NoPipes => [SandboxFailure::NoPipes],
        SandboxFailure::NotLockedIn => [SandboxFailure::NotLockedIn],
        SandboxFailure::NoAnswer => [SandboxFailure::NoAnswer],
        SandboxFailure::LongAnswer => [SandboxFailure::LongAnswer],
        SandboxFailure::NoFile => [SandboxFailure::NoFile],
        SandboxFailure::TooMuch => [SandboxFailure::TooMuch],
        SandboxFailure::Signal(_) => [SandboxFailure::Signal(9)],
        SandboxFailure::Exited => [SandboxFailure::Exited],
    });
    insta::assert_snapshot!(lines(oddities));
}

#[test]
fn every_warning_of_enable() {
    let warnings = every!(Warning {
        Warning::Overruled { .. } => [Warning::Overruled {
            why: "/home/u/.ipython/ipython_kernel_config.py sets `extra_extensions` and may leave Clew out".to_owned(),
            hint: "add \"clew\" to the list there".to_owned(),
        }],
        Warning::NoPython => [Warning::NoPython],
    });
    insta::assert_snapshot!(lines(warnings));
}

#[test]
fn every_reason_why_there_is_no_script() {
    let kinds = every!(GapKind {
        GapKind::Start => [GapKind::Start],
        GapKind::Outside => [GapKind::Outside],
        GapKind::Moved => [GapKind::Moved],
        GapKind::NoSource => [GapKind::NoSource],
        GapKind::Tangled => [GapKind::Tangled],
        GapKind::NotSeeded => [GapKind::NotSeeded],
    });
    insta::assert_snapshot!(lines(kinds.into_iter().map(|kind| reason(kind, "`df`", "14"))));
}

#[test]
fn every_reason_why_something_can_not_be_sent_or_made_elsewhere() {
    let why = || "storing it takes 4200 MB".to_owned();
    let path = || "/work/log.txt".to_owned();
    let not_sent = every!(SendObstacle {
        SendObstacle::NotStored { .. } => [SendObstacle::NotStored { why: why() }],
        SendObstacle::Withheld => [SendObstacle::Withheld],
        SendObstacle::Forgotten => [SendObstacle::Forgotten],
        SendObstacle::Missing => [SendObstacle::Missing],
        SendObstacle::Untrusted => [SendObstacle::Untrusted],
    });
    let not_replayed = every!(ReplayProhibition {
        ReplayProhibition::NoCell => [ReplayProhibition::NoCell],
        ReplayProhibition::NoSource => [ReplayProhibition::NoSource],
        ReplayProhibition::Unfinished => [ReplayProhibition::Unfinished],
        ReplayProhibition::Foreign => [ReplayProhibition::Foreign],
        ReplayProhibition::WroteFile { .. } => [ReplayProhibition::WroteFile { path: path() }],
        ReplayProhibition::UsedNetwork => [ReplayProhibition::UsedNetwork],
        ReplayProhibition::StartedPrograms => [ReplayProhibition::StartedPrograms],
        ReplayProhibition::Patched { .. } => [ReplayProhibition::Patched { what: "pandas.DataFrame.f".to_owned() }],
        ReplayProhibition::Unseeded { .. } => [ReplayProhibition::Unseeded { generator: "numpy.random".to_owned() }],
        ReplayProhibition::Differs => [ReplayProhibition::Differs],
        ReplayProhibition::ReadLive { .. } => [ReplayProhibition::ReadLive { name: "conn".to_owned() }],
        ReplayProhibition::MissingFile { .. } => [ReplayProhibition::MissingFile { path: path() }],
        ReplayProhibition::ReadsUnknown => [ReplayProhibition::ReadsUnknown],
    });
    let run = RunId([7; 32]);
    let mut ways = every!(CarryObstacle {
        CarryObstacle::NotSent(_) => [CarryObstacle::NotSent(SendObstacle::Missing)],
        CarryObstacle::NoMaker(_) => [CarryObstacle::NoMaker(vec![Root::name("df"), Root::name("view")])],
        CarryObstacle::NotReplayed { .. } => [CarryObstacle::NotReplayed { run, why: ReplayProhibition::UsedNetwork }],
    });
    ways.extend(not_sent.into_iter().map(CarryObstacle::NotSent));
    ways.extend(
        not_replayed
            .into_iter()
            .map(|why| CarryObstacle::NotReplayed { run, why }),
    );
    let over = BudgetError {
        budget: 10,
        least: 4096,
    };
    let told = ways
        .iter()
        .map(|why| crate::commands::carry::plan::reason(why, &|_| "14".to_owned()));
    insta::assert_snapshot!(lines(told.chain([over.to_string()])));
}

#[test]
fn every_reason_why_a_line_has_no_words() {
    let errors = every!(LineSyntaxError {
        LineSyntaxError::Quote => [LineSyntaxError::Quote],
        LineSyntaxError::Backslash => [LineSyntaxError::Backslash],
    });
    insta::assert_snapshot!(lines(errors));
}

#[test]
fn everything_that_can_be_wrong_with_a_path_of_another_machine() {
    let path = || "/home/ada/data".to_owned();
    let errors = every!(PathMapError {
        PathMapError::NotTwo => [PathMapError::NotTwo],
        PathMapError::NotWhole => [PathMapError::NotWhole],
        PathMapError::Twice(_) => [PathMapError::Twice(path())],
        PathMapError::Unread(_) => [PathMapError::Unread(path())],
        PathMapError::Absent(_) => [PathMapError::Absent(path())],
    });
    insta::assert_snapshot!(lines(errors));
}

#[test]
fn every_cause_of_an_outcome() {
    let run = "14";
    let why = "Block 3f2a9c10 is missing";
    let torn = Cause::Torn.to_string();
    let causes = every!(Cause<'_> {
        Cause::StrangersValue => [Cause::StrangersValue],
        Cause::BeyondSize { .. } => [
            Cause::BeyondSize { bytes: 812_000_000, room: 30_000 },
            Cause::BeyondSize { bytes: 90_000, room: 12 },
        ],
        Cause::Detached { .. } => [Cause::Detached { others: 1 }],
        Cause::Released => [Cause::Released],
        Cause::ChangedAside => [Cause::ChangedAside],
        Cause::MadeUnused { .. } => [Cause::MadeUnused { run }],
        Cause::NotAttached { .. } => [Cause::NotAttached { users: "writer" }],
        Cause::NotVerified => [Cause::NotVerified],
        Cause::StaysChanged => [Cause::StaysChanged],
        Cause::StaysRegistered => [Cause::StaysRegistered],
        Cause::Registered => [Cause::Registered],
        Cause::ChangedInMove => [Cause::ChangedInMove],
        Cause::GoneInMove => [Cause::GoneInMove],
        Cause::CameInMove => [Cause::CameInMove],
        Cause::ClassKeeps => [Cause::ClassKeeps],
        Cause::ClassDiffers => [Cause::ClassDiffers],
        Cause::ClassLost { .. } => [Cause::ClassLost { why: None }, Cause::ClassLost { why: Some(why) }],
        Cause::Untrusted => [Cause::Untrusted],
        Cause::LeftAlone { .. } => [Cause::LeftAlone { why: "it is excluded" }],
        Cause::LeftWith { .. } => [Cause::LeftWith { name: "df" }],
        Cause::NotInstalled { .. } => [Cause::NotInstalled { package: "pandas 2.2.3" }],
        Cause::NotLookedAt => [Cause::NotLookedAt],
        Cause::KeptOut { .. } => [Cause::KeptOut { why: "it looks like a credential (a GitHub token)" }],
        Cause::NotRecorded => [Cause::NotRecorded],
        Cause::Unreadable { .. } => [Cause::Unreadable { why: "at byte 7 of its objects a number is cut short" }],
        Cause::OddMemory => [Cause::OddMemory],
        Cause::BuiltOtherwise { .. } => [
            Cause::BuiltOtherwise { at: Some("df.0.3") },
            Cause::BuiltOtherwise { at: None },
        ],
        Cause::MemberMissing { .. } => [
            Cause::MemberMissing {
                path: "m.model.data",
                reason: "thread.lock: a lock",
                others: 0,
            },
            Cause::MemberMissing {
                path: "jobs['lock']",
                reason: "thread.lock: a lock",
                others: 2,
            },
        ],
        Cause::MemberLive { .. } => [Cause::MemberLive {
            path: "h['lock']",
            others: 0,
        }],
        Cause::LeftOut { .. } => [Cause::LeftOut { root: "df", why: &torn }],
        Cause::OverBudget { .. } => [Cause::OverBudget { new: 4200, room: 310 }],
        Cause::Unwritable { .. } => [Cause::Unwritable { why: "at byte 7 of its objects there are too many nodes" }],
        Cause::MemoryLost => [Cause::MemoryLost],
        Cause::LostWhileLive { .. } => [Cause::LostWhileLive { roots: "df, part" }],
        Cause::NoMemory => [Cause::NoMemory],
        Cause::MemoryGone => [Cause::MemoryGone],
        Cause::MemoryGoneHandingOver => [Cause::MemoryGoneHandingOver],
        Cause::Torn => [Cause::Torn],
        Cause::Several { .. } => [Cause::Several { first: "a suspended generator", others: 2 }],
        Cause::RunMissing => [Cause::RunMissing],
        Cause::SourceMasked { .. } => [Cause::SourceMasked { run, masked: "a GitHub token" }],
        Cause::SourceUnreadable { .. } => [Cause::SourceUnreadable { run, why: "Blob 3f2a9c10 is missing" }],
        Cause::NoCell => [Cause::NoCell],
        Cause::MayNotRun { .. } => [Cause::MayNotRun { run }],
        Cause::ChangesClass { .. } => [Cause::ChangesClass { run }],
        Cause::NotMade { .. } => [Cause::NotMade { run }],
        Cause::NotMadeApart { .. } => [Cause::NotMadeApart { root: "df" }],
        Cause::AnotherValue { .. } => [Cause::AnotherValue { run }],
        Cause::AnotherValueWithCode { .. } => [Cause::AnotherValueWithCode { run }],
        Cause::MadeAnew { .. } => [Cause::MadeAnew { run }],
        Cause::MadeAgain { .. } => [Cause::MadeAgain { run }],
        Cause::WouldRunApart => [Cause::WouldRunApart],
        Cause::WouldRunApartOrHere => [Cause::WouldRunApartOrHere],
        Cause::WouldRunHere => [Cause::WouldRunHere],
        Cause::CellOfAnother => [Cause::CellOfAnother],
        Cause::CellUnfinished => [Cause::CellUnfinished],
        Cause::CellUsedNetwork => [Cause::CellUsedNetwork],
        Cause::CellStartedPrograms => [Cause::CellStartedPrograms],
        Cause::CellUnseen => [Cause::CellUnseen],
        Cause::InputGone { .. } => [Cause::InputGone { path: "/home/ada/x.csv" }],
        Cause::InputNotThere { .. } => [Cause::InputNotThere { path: "/home/ada/x.csv", place: "/mnt/x.csv" }],
        Cause::InputOther { .. } => [Cause::InputOther {
            path: "/home/ada/x.csv",
            seen: "12 KB, 3f2a9c10",
            place: "/mnt/x.csv",
            found: "12 KB, 77b0e1d4",
        }],
        Cause::ReplayMay => [Cause::ReplayMay],
    });
    insta::assert_snapshot!(lines(causes));
}

#[test]
fn everything_that_can_be_wrong_with_stored_objects() {
    let faults = every!(StreamFault {
        StreamFault::Trailing => [StreamFault::Trailing],
        StreamFault::ShortNumber => [StreamFault::ShortNumber],
        StreamFault::Ahead => [StreamFault::Ahead],
        StreamFault::NoMemory => [StreamFault::NoMemory],
        StreamFault::TooMany => [StreamFault::TooMany],
        StreamFault::NoKind => [StreamFault::NoKind],
        StreamFault::ShortPayload => [StreamFault::ShortPayload],
        StreamFault::ShortChildren => [StreamFault::ShortChildren],
    });
    insta::assert_snapshot!(lines(faults.into_iter().map(|what| StreamError { at: 7, what })));
}

#[test]
fn everything_that_can_be_wrong_with_a_file_of_a_store() {
    let id = || "3f2a9c10".to_owned();
    let why = || "it cannot be parsed: invalid type".to_owned();
    let flaws = every!(FileFault {
        FileFault::Unreadable(_) => [FileFault::Unreadable("permission denied".to_owned())],
        FileFault::Gap { .. } => [FileFault::Gap { from: 64, to: 128, why: FrameError::NoFrame.to_string() }],
        FileFault::OtherFile => [FileFault::OtherFile],
        FileFault::Later => [FileFault::Later],
        FileFault::RunUnreadable { .. } => [
            FileFault::RunUnreadable { id: id(), why: Some(why()) },
            FileFault::RunUnreadable { id: id(), why: None },
        ],
        FileFault::RunMissing { .. } => [FileFault::RunMissing { id: id() }],
        FileFault::OperationUnreadable { .. } => [FileFault::OperationUnreadable { id: id(), why: why() }],
        FileFault::OperationAt { .. } => [FileFault::OperationAt { offset: 64, why: why() }],
        FileFault::NotSealed { .. } => [FileFault::NotSealed { id: id() }],
        FileFault::OtherSession { .. } => [FileFault::OtherSession { id: id() }],
        FileFault::Second { .. } => [FileFault::Second { id: id(), number: 7 }],
        FileFault::OperationsMissing { .. } => [FileFault::OperationsMissing { number: 7, session: "77b0e1d4".to_owned() }],
        FileFault::PackMissing { .. } => [FileFault::PackMissing { id: id() }],
        FileFault::NotCopied { .. } => [FileFault::NotCopied { id: id(), why: Fault::Hash.to_string() }],
    });
    insta::assert_snapshot!(lines(flaws));
}

#[test]
fn everything_that_can_be_wrong_with_a_thing_in_a_store() {
    let faults = every!(Fault {
        Fault::Hash => [Fault::Hash],
        Fault::CutShort => [Fault::CutShort],
        Fault::ShortFrame => [Fault::ShortFrame],
        Fault::NoList => [Fault::NoList],
        Fault::OddExtent => [Fault::OddExtent],
        Fault::ShortText => [Fault::ShortText],
        Fault::NoText => [Fault::NoText],
    });
    let frames = every!(FrameError {
        FrameError::NoFrame => [FrameError::NoFrame],
        FrameError::Newer(_) => [FrameError::Newer(9)],
        FrameError::Unknown { .. } => [FrameError::Unknown { what: "codec", value: 9 }],
        FrameError::Encrypted => [FrameError::Encrypted],
        FrameError::OutOfBounds(_) => [FrameError::OutOfBounds("length")],
        FrameError::Checksum(_) => [FrameError::Checksum("header")],
        FrameError::Decompress => [FrameError::Decompress],
        FrameError::Table => [FrameError::Table],
    });
    let records = every!(RecordDecodeError {
        RecordDecodeError::Newer(_) => [RecordDecodeError::Newer(9)],
        RecordDecodeError::Malformed(_) => [RecordDecodeError::Malformed("invalid type".to_owned())],
    });
    let all = [lines(faults), lines(frames), lines(records)];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn everything_that_can_be_wrong_with_what_is_handed_over() {
    let faults = every!(HandoverFault {
        HandoverFault::LongHead => [HandoverFault::LongHead],
        HandoverFault::NoHead => [HandoverFault::NoHead],
        HandoverFault::OddLengths => [HandoverFault::OddLengths],
        HandoverFault::ForeignMemory => [HandoverFault::ForeignMemory],
        HandoverFault::Asides => [HandoverFault::Asides],
        HandoverFault::Short => [HandoverFault::Short],
    });
    insta::assert_snapshot!(lines(faults));
}
