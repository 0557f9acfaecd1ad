//! What moves promise, told on the toy kernel. Every step is checked against the reference besides.

use clew_testing::disk::Surviving;
use clew_testing::machine::{Mode, Player, Step};
use clew_testing::toy::{Fault, FaultKind};

const PLAIN: Mode = Mode {
    flavour: clew_testing::Flavour {
        hostile: true,
        live: false,
        failing: true,
        process: false,
    },
    faults: true,
    dear: false,
    replay: false,
    damage: false,
    secret: false,
    encrypted: false,
};

fn cell(source: &str) -> Step {
    Step::Run {
        source: source.to_owned(),
        hooked: true,
    }
}

fn played(steps: &[Step]) -> Player {
    let mut player = Player::new(1, PLAIN);
    for step in steps {
        player.apply(step).unwrap_or_else(|what| panic!("{step:?}: {what}"));
    }
    player
}

/// What the last move said, a line a name: `name word [why]`.
fn said(player: &Player) -> Vec<String> {
    let lines = said_of_all(player).into_iter();
    lines
        .filter(|line| !line.split(' ').next().is_some_and(|root| root.contains([':', '['])))
        .collect()
}

/// The same of all roots.
fn said_of_all(player: &Player) -> Vec<String> {
    let report = player.report().expect("something moved");
    report
        .outcomes
        .iter()
        .map(|outcome| {
            let why = outcome.why.as_deref().unwrap_or_default();
            format!("{} {} {why}", outcome.root, outcome.kind.text())
                .trim_end()
                .to_owned()
        })
        .collect()
}

/// A session in which a switch loads, keeps, removes, parks and puts a class back in place.
fn story() -> Vec<Step> {
    vec![
        cell(
            "k = list\nt = token\nclass C n=k\ni = new C x=t\nz = bytes 64 1\nv = view z 8 8\nf = frame z\ns = set t i",
        ),
        cell("append k k\ncount C n\npoke v 3 9\nc = cell i\ndef g reads k cells c defaults t\ndel s"),
        cell("h = handle k\nq = deep 50\nnew = dict a=h"),
        cell("k = int 5\nr = reduced z\npoke z 0 7\ndel t\nset C.n r"),
    ]
}

#[test]
fn p04_a_fault_at_any_step_of_a_switch_leaves_everything_as_it_was() {
    let mut stopped = 0;
    for run in 0..4 {
        for kind in [FaultKind::Fails, FaultKind::Starves, FaultKind::Interrupts] {
            for after in 0..20 {
                let mut steps = story();
                steps.extend([
                    Step::Fault(Fault { after, kind }),
                    Step::Switch(run),
                    Step::Switch(run),
                    cell("y = list k"),
                ]);
                stopped += played(&steps).tally.stopped;
            }
        }
    }
    assert!(stopped > 40, "only {stopped} switches were stopped");
}

/// More than is read on the thread that asks.
const MUCH: &str = "a = bytes 5000000 1\nb = bytes 3000000 2";

#[test]
fn p04_ctrl_c_while_threads_read_memory_leaves_everything_as_it_was() {
    let mut stopped = 0;
    for after in 0..6 {
        let kind = FaultKind::Interrupts;
        let player = played(&[
            cell(MUCH),
            cell("poke a 0 7\npoke b 70000 7"),
            Step::Fault(Fault { after, kind }),
            Step::Undo(1),
            Step::Undo(1),
        ]);
        stopped += player.tally.stopped;
    }
    assert!(stopped > 3, "only {stopped} moves were stopped");
}

#[test]
fn several_co_variables_of_much_memory_come_back_together() {
    let player = played(&[cell(MUCH), cell("poke a 0 7\npoke b 70000 7"), Step::Undo(1)]);
    assert_eq!(said(&player), ["a restored", "b restored"]);
}

#[test]
fn p04_what_a_thread_changed_between_runs_is_recorded_before_a_move_takes_it_away() {
    let player = played(&[
        cell("a = list\nb = list a"),
        cell("x = int 1"),
        Step::Outside("append a x\nw = list a".to_owned()),
        Step::Undo(1),
        Step::Redo(1),
    ]);
    let report = player.report().unwrap();
    assert_eq!((report.to.as_str(), report.external_change.as_deref()), ("4", None));
    assert_eq!(said(&player), ["a restored", "b restored", "w restored", "x restored"]);
}

#[test]
fn p03_what_a_look_at_everything_found_as_it_was_is_certain_from_then_on() {
    let dear = Mode { dear: true, ..PLAIN };
    let mut player = Player::new(1, dear);
    let mut play = |step: Step| {
        player.apply(&step).unwrap();
        player.uncertain()
    };
    play(cell("a = list"));
    assert_eq!(
        play(cell("b = int 1")),
        ["a"],
        "only what the cell touched was looked at"
    );
    assert_eq!(play(Step::Look), [""; 0]);
    assert_eq!(play(cell("c = int 2")), ["a", "b"]);
}

#[test]
fn p05_aliases_cycles_views_classes_and_closures_come_back_after_any_way_there() {
    let steps = story();
    for run in 0..4 {
        for other in 0..4 {
            let mut steps = steps.clone();
            let call = cell("y = call g\ni2 = new C\nw = window v 0 4\npoke w 1 200\nappend k k");
            steps.extend([
                Step::Switch(run),
                Step::Switch(other),
                call,
                Step::Undo(2),
                Step::Redo(2),
            ]);
            played(&steps);
            steps.extend([Step::Crash, Step::Switch(run), Step::Undo(1)]);
            played(&steps);
        }
    }
}

#[test]
fn p06_every_name_has_one_word_and_what_is_lost_says_why() {
    let mut steps = vec![
        cell("a = list\nb = is a\nh = handle\nc = int 1"),
        cell("append a a\nd = unbuildable c"),
        cell("del c\ndel d\nadvance h"),
    ];
    steps.push(Step::Undo(2));
    assert_eq!(
        said(&played(&steps)),
        [
            "a restored",
            "b restored",
            "c restored",
            "h unchanged unverified: a live object cannot be stored, and a cell may have changed it since"
        ]
    );
    steps.push(Step::Redo(1));
    assert_eq!(
        said(&played(&steps)),
        [
            "a restored",
            "b restored",
            "c unchanged",
            "d lost unbuildable: its constructor raised ValueError; `--rerun` reruns its cell",
            "h unchanged unverified: a live object cannot be stored, and a cell may have changed it since"
        ]
    );
}

#[test]
fn p06_undo_and_redo_keep_a_live_handle_that_nobody_touched_between() {
    let player = played(&[
        cell("a = list"),
        cell("h = handle a"),
        cell("b = int 1"),
        Step::Undo(2),
        Step::Redo(2),
    ]);
    assert_eq!(said(&player), ["a unchanged", "b restored", "h unchanged"]);
}

#[test]
fn p06_a_thread_that_holds_the_old_object_is_named() {
    let player = played(&[
        cell("a = list"),
        cell("append a a"),
        Step::Hold("a".to_owned()),
        Step::Undo(1),
    ]);
    assert_eq!(said(&player), ["a restored the old object is still held by a thread"]);
}

#[test]
fn undoing_the_first_run_gives_the_starting_state_and_no_further_undo_does_anything() {
    let player = played(&[
        cell("a = list"),
        Step::Undo(1),
        Step::Undo(1),
        Step::Redo(1),
        Step::Redo(1),
    ]);
    assert_eq!(said(&player), ["a restored"]);
}

#[test]
fn an_old_line_can_be_switched_to_after_a_new_run() {
    let player = played(&[
        cell("a = int 1"),
        cell("a = int 2"),
        Step::Undo(1),
        cell("a = int 3"),
        Step::Switch(2),
        Step::Undo(1),
    ]);
    assert_eq!(player.report().unwrap().to, "4");
}

#[test]
fn classes_keep_their_identity_while_their_counters_go_back_and_forth() {
    played(&[
        cell("class C\ni = new C\ncount C n"),
        cell("count C n\nj = new C"),
        cell("class C\ni2 = new C"),
        Step::Undo(1),
        cell("k = new C"),
        Step::Switch(1),
        cell("j = new C\ncount C n"),
        Step::Crash,
        cell("l = new C\ncount C n"),
    ]);
}

#[test]
fn instances_that_hold_each_others_classes_come_back_in_a_new_process() {
    played(&[
        cell("class C\nclass D\nc = new C\nd = new D\nset C.k d\nset D.k c"),
        Step::Crash,
        cell("count C n"),
        Step::Undo(1),
    ]);
}

#[test]
fn a_failed_cell_is_recorded_with_what_it_did_before() {
    let player = played(&[
        cell("a = list"),
        cell("append a a\nfail\nb = list"),
        cell("interrupt"),
        // The interrupted cell did nothing.
        Step::Undo(1),
    ]);
    assert_eq!(said(&player), ["a restored"]);
}

#[test]
fn p01_what_a_new_process_synced_survives_power_loss_though_an_older_process_never_synced_its_part() {
    for surviving in [
        Surviving::Nothing,
        Surviving::Some(1),
        Surviving::Some(2),
        Surviving::Some(3),
    ] {
        let player = played(&[
            cell("a = list\nb = list a"),
            cell("z = bytes 64 1"),
            Step::Crash,
            cell("c = list a b"),
            Step::Sync,
            Step::PowerCut { after: 0, surviving },
            cell("append a z"),
            Step::Undo(1),
        ]);
        assert_eq!(player.tally.images, 1);
    }
}

#[test]
fn a_handle_that_a_thread_advanced_between_runs_stays_and_is_not_verified() {
    let player = played(&[
        cell("h = handle"),
        cell("a = list"),
        Step::Outside("advance h".to_owned()),
        Step::Undo(1),
    ]);
    let kept = "h unchanged unverified: a live object cannot be stored, and a cell may have changed it since";
    assert_eq!(said(&player), ["a removed", kept]);
}

#[test]
fn a_handle_that_a_cell_used_and_let_go_of_is_not_verified_when_it_comes_back() {
    let player = played(&[
        cell("d = handle"),
        cell("show d"),
        cell("a = list"),
        Step::Switch(1),
        cell("advance d\nd = int 1"),
        Step::Switch(3),
    ]);
    let kept = "Out[2] unchanged unverified: a live object cannot be stored, and a cell may have changed it since";
    assert!(
        said_of_all(&player).contains(&kept.to_owned()),
        "{:?}",
        said_of_all(&player)
    );
}

#[test]
fn what_stays_beside_others_that_changed_is_not_verified() {
    // Cells may run again in it, and know settings.
    let mut player = Player::new(699, Mode::of(699));
    for step in [
        cell("b = token\nD = list b"),
        cell("c = handle b"),
        cell("c = handle\nx = list c b b\nput D 0 x"),
        Step::Undo(1),
    ] {
        player.apply(&step).unwrap_or_else(|what| panic!("{step:?}: {what}"));
    }
    let kept = "b unchanged unverified: a live object cannot be stored, and a cell may have changed it since";
    assert!(said(&player).contains(&kept.to_owned()), "{:?}", said(&player));
}

#[test]
fn p03_what_is_made_anew_beside_a_live_object_is_compared_by_itself() {
    let steps = [
        cell("b = text short\ng = reduced b\nC = setting depth\na = list C C C"),
        // Nothing sees it before the next cell, so that cell does not find it when it runs again.
        Step::Outside("append a g".to_owned()),
        cell("b = handle\nc = list a b"),
        cell("e = setting depth"),
        cell("put a 0 e"),
        cell("del c"),
        Step::Undo(3),
    ];
    // Cells may run again in it, and know settings.
    let mut player = Player::new(699, Mode::of(699));
    for step in &steps {
        player.apply(step).unwrap_or_else(|what| panic!("{step:?}: {what}"));
    }
    let said = said(&player);
    for name in ["a", "c"] {
        let told = format!("{name} not identical run 3 now gives another value");
        assert!(said.contains(&told), "{said:?}");
    }
}
