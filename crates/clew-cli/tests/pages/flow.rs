//! What `annotate`, `extract` and `stale` say, with a fixed clock and fixed ids.

use crate::sample::Sample;
use clew_cli::Exit;
use clew_core::format::Run;
use clew_core::id::{RunId, SessionId};
use insta::assert_snapshot;

fn said(words: &str) -> String {
    Sample::flights().say(words).printed().to_string()
}

#[test]
fn annotate_lists_what_made_a_name_oldest_first() {
    assert_snapshot!(said("annotate df 3"));
}

#[test]
fn annotate_shows_what_a_name_was_made_from_below_it() {
    assert_snapshot!(said("annotate model 5"));
}

#[test]
fn annotate_as_data_tells_what_each_run_did_and_read() {
    assert_snapshot!(said("annotate df 3 --json"));
}

#[test]
fn annotate_of_what_is_not_there_says_where_to_look() {
    let output = Sample::flights().say("annotate nothing 3");
    assert_eq!(output.exit, Exit::Usage);
    assert_snapshot!(output.text);
}

#[test]
fn extract_prints_a_script_with_a_failed_cell_guarded() {
    assert_snapshot!(said("extract df --at 3"));
}

#[test]
fn extract_refuses_what_no_cell_made() {
    let output = Sample::flights().say("extract model --at 5");
    assert_eq!(output.exit, Exit::Refused);
    assert_snapshot!(output.text);
}

/// The sample, with the first cell run once more after run 5, and something taken out of its source.
fn masked() -> Sample {
    run_again_as(|run| run.evidence.masked = vec!["an API key".to_owned(), "a GitHub token".to_owned()])
}

#[test]
fn p12_a_cell_whose_source_is_not_whole_is_no_part_of_a_script() {
    let output = masked().say("extract df");
    assert_eq!(output.exit, Exit::Refused);
    assert_snapshot!(output.text);
}

#[test]
fn p12_show_says_what_was_taken_out_of_a_source() {
    assert_snapshot!(masked().say("show").printed());
}

#[test]
fn extract_as_data_has_the_script_and_what_it_needs() {
    assert_snapshot!(said("extract df --at 1 --json"));
}

/// The sample, with the first cell run once more after run 5.
fn run_again() -> Sample {
    run_again_as(|_| {})
}

fn run_again_as(change: impl FnOnce(&mut Run)) -> Sample {
    let mut sample = Sample::flights();
    let find = |sample: &Sample, label: &str| {
        let mut runs = sample.history.runs();
        let (id, run) = runs.find(|(_, run)| run.label() == label).unwrap();
        (*id, run.clone())
    };
    let (model, mut again) = find(&sample, "5");
    again.number = 7;
    again.parent = Some(model);
    again.cell = Some("cell-1".to_owned());
    again.source = find(&sample, "1").1.source;
    again.evidence = find(&sample, "1").1.evidence;
    again.changed = find(&sample, "3").1.changed;
    again.changed.extend(find(&sample, "2").1.changed);
    change(&mut again);
    let id = RunId::of(b"again");
    sample.history.add_run(id, again, SessionId([7; 16]));
    sample.at = Some(id);
    sample
}

#[test]
fn stale_lists_cells_with_their_reasons() {
    assert_snapshot!(run_again().say("stale").printed());
}

#[test]
fn stale_says_when_nothing_is() {
    assert_snapshot!(said("stale 5"));
}

#[test]
fn stale_as_data() {
    assert_snapshot!(run_again().say("stale --json").printed());
}

#[test]
fn a_plan_of_a_move_says_what_is_sent_what_is_replayed_and_what_else_there_would_be() {
    assert_snapshot!(said("move --dry-run --rate 100 --at 5"));
}

#[test]
fn a_plan_of_a_move_as_data() {
    assert_snapshot!(said("move --dry-run --rate 100 --at 5 --json"));
}

#[test]
fn a_budget_that_is_too_small_is_refused_with_what_would_do() {
    let output = Sample::flights().say("move --dry-run --rate 1MB --budget 10 --at 5");
    assert_eq!(output.exit, Exit::Refused);
    assert_snapshot!(output.text);
}

#[test]
fn a_plan_for_no_place_needs_a_rate() {
    let output = Sample::flights().say("move --dry-run");
    assert_eq!(output.exit, Exit::Usage);
    assert_snapshot!(output.text);
}
