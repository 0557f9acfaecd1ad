//! What the looking commands say, with a fixed clock and fixed ids.

use crate::sample::{Sample, say_in, terminal};
use clew_cli::{Context, Exit, Interface, SessionStatus, Style};
use clew_core::id::{Root, SegmentId, SessionId};
use clew_core::store::{Damage, LogRollback};
use insta::assert_snapshot;

fn said(words: &str) -> String {
    Sample::flights().say(words).printed().to_string()
}

#[test]
fn log_lists_the_runs_that_led_here_newest_first() {
    assert_snapshot!(said("log"));
}

#[test]
fn log_all_draws_both_lines_and_marks_where_the_session_is() {
    assert_snapshot!(said("log --all --graph"));
}

#[test]
fn log_of_one_name_lists_the_runs_that_touched_it() {
    assert_snapshot!(said("log --all -v df"));
}

#[test]
fn log_of_failures_lists_only_them() {
    assert_snapshot!(said("log --all --failed"));
}

#[test]
fn log_says_how_many_runs_it_left_out() {
    assert_snapshot!(said("log --all -n 2"));
}

#[test]
fn show_tells_what_ran_what_changed_and_what_it_may_have_touched() {
    assert_snapshot!(said("show 1"));
}

#[test]
fn show_tells_of_a_failure_without_letting_its_source_steer_the_terminal() {
    let text = said("show 3");
    assert!(!text.contains('\x1b') && !text.contains('\u{202e}'));
    assert_snapshot!(text);
}

#[test]
fn show_tells_what_a_move_could_not_bring_back() {
    assert_snapshot!(said("show @"));
}

#[test]
fn vars_lists_names_with_types_sizes_and_who_changed_them() {
    assert_snapshot!(said("vars 5"));
}

#[test]
fn diff_tells_names_and_cells_apart() {
    assert_snapshot!(said("diff 1 3"));
}

#[test]
fn diff_of_one_name_leaves_cells_out() {
    assert_snapshot!(said("diff 1 3 -- df"));
}

#[test]
fn status_in_a_terminal_tells_where_the_last_session_is() {
    assert_snapshot!(said("status"));
}

#[test]
fn status_in_a_notebook_tells_what_is_parked_and_synced() {
    let sample = Sample::flights();
    let live = SessionStatus {
        is_recording: true,
        is_synced: true,
        parked: vec![vec![Root::name("conn")]],
        excluded: vec!["token".to_owned()],
        ..SessionStatus::default()
    };
    let place = clew_cli::HistoryView {
        live: Some(&live),
        ..sample.place()
    };
    let context = Context {
        interface: Interface::Notebook,
        ..terminal()
    };
    assert_snapshot!(say_in(&place, "status", &context).text);
}

#[test]
fn p01_status_tells_that_nothing_is_saved_where_the_store_is_only_read() {
    let sample = Sample::flights();
    let why = "Cannot write to /store/histories/1.log: the file system is read-only";
    let live = SessionStatus {
        is_recording: true,
        unsaved: Some(why.to_owned()),
        is_temporary: true,
        ..SessionStatus::default()
    };
    let place = clew_cli::HistoryView {
        live: Some(&live),
        ..sample.place()
    };
    let context = Context {
        interface: Interface::Notebook,
        ..terminal()
    };
    assert_snapshot!(say_in(&place, "status", &context).text);
}

#[test]
fn verify_of_a_sound_history_says_what_was_read() {
    let output = Sample::flights().say("verify --read-data");
    assert_eq!(output.exit, Exit::Done);
    assert_snapshot!(output.text);
}

fn torn() -> Damage {
    Damage {
        path: "packs/77b0e1d4.pack".into(),
        what: "Its last frame is torn".to_owned(),
    }
}

#[test]
fn p02_verify_names_what_is_missing_and_whom_it_affects() {
    let mut sample = Sample::flights();
    sample.shelf.gone.push(SegmentId::of(b"ab"));
    sample.damage.push(torn());
    let output = sample.say("verify");
    assert_eq!(output.exit, Exit::Damaged);
    assert_snapshot!(output.text);
}

/// Nothing of it is damaged: the exit code says that something is missing, and hides no damage that there is besides.
#[test]
fn p11_verify_names_what_was_seen_and_is_not_there_any_more() {
    let mut sample = Sample::flights();
    let session = SessionId([0x3f; 16]);
    sample.setbacks.push(LogRollback::Shorter {
        session,
        seen: 57,
        left: 40,
    });
    let output = sample.say("verify");
    assert_eq!(output.exit, Exit::Inexact);
    assert_snapshot!(output.text);
    sample.damage.push(torn());
    let output = sample.say("verify");
    assert_eq!(output.exit, Exit::Damaged);
    assert_snapshot!(output.text);
    let data = sample.say("verify --json").data.unwrap();
    assert_eq!(data["rolled_back"].as_array().unwrap().len(), 1);
    assert_eq!(data["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn an_unknown_revision_lists_what_might_have_been_meant() {
    let output = Sample::flights().say("show 99");
    assert_eq!(output.exit, Exit::Usage);
    assert_snapshot!(output.text);
}

#[test]
fn json_carries_the_same_as_the_text() {
    let output = Sample::flights().say("show 3 --json");
    assert!(
        !output.printed().contains('\u{202e}'),
        "JSON must not steer a terminal either"
    );
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&output.printed()).unwrap(),
        output.data.clone().unwrap()
    );
    assert_snapshot!(output.printed());
}

#[test]
fn json_of_a_failure_has_the_message_and_the_exit_code() {
    let json = Sample::flights().say("show 99 --json").data.unwrap();
    assert_snapshot!(format!("{json:#}"));
}

#[test]
fn every_looking_word_answers_in_json_with_schema_and_exit_code() {
    let sample = Sample::flights();
    for word in ["status", "log", "show", "diff", "vars", "verify"] {
        let json = sample.say(&format!("{word} --json")).data.unwrap();
        assert_eq!((&json["schema"], &json["command"]), (&1.into(), &word.into()));
        assert_eq!(json["exit"], 0, "{word}: {json}");
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let sample = Sample::flights();
    let coloured = Context {
        style: Style { is_coloured: true },
        ..terminal()
    };
    for words in ["log --all --graph", "show 3", "vars 5", "diff 1 3", "status"] {
        let painted = say_in(&sample.place(), words, &coloured).text;
        let bare: String = strip(&painted);
        assert_eq!(bare, sample.say(words).text.to_string(), "{words}");
    }
}

pub fn strip(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |bare, part| {
        bare + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}
