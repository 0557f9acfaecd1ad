//! What happens while a move waits for memory to be read, and while a look that nobody waits for goes on.

use std::sync::atomic::{AtomicU32, Ordering};

use clew_core::graph::Halt;
use clew_core::id::Root;
use clew_core::kernel::KernelError;
use clew_core::plan::{OutcomeKind, Report};
use clew_core::session::{Request, RestoreOptions, Session, SessionError};
use clew_testing::recording::{begin, record_cell as record};
use clew_testing::toy::{ToyKernel, Watched, run_cell};

fn undo(session: &mut Session, kernel: &mut ToyKernel) -> Report {
    let options = RestoreOptions::default();
    session.perform(kernel, &Request::Undo(1), options).unwrap()
}

fn word(report: &Report, name: &str) -> OutcomeKind {
    let root = Root::name(name);
    let mut outcomes = report.outcomes.iter();
    outcomes.find(|outcome| outcome.root == root).unwrap().kind
}

#[test]
fn p04_what_a_thread_changes_while_memory_is_read_is_recorded_before_the_move_takes_it_away() {
    let mut kernel = ToyKernel::new(1);
    let mut session = begin(&mut kernel, &[]);
    record(&mut session, &mut kernel, "a = bytes 5000000 1\nl = list\nx = int 1");
    record(&mut session, &mut kernel, "poke a 0 7");
    kernel.meanwhile = Some("append l x\nnew = list x".to_owned());
    let report = undo(&mut session, &mut kernel);
    assert_eq!(kernel.meanwhile, None, "it was waited");
    assert!(report.external_change.is_some());
    assert_eq!([word(&report, "a"), word(&report, "l")], [OutcomeKind::Restored; 2]);
    assert_eq!(word(&report, "new"), OutcomeKind::Removed);
    let options = RestoreOptions::default();
    let outside = report.external_change.unwrap();
    let back = session
        .perform(&mut kernel, &Request::Switch(outside), options)
        .unwrap();
    assert_eq!([word(&back, "l"), word(&back, "new")], [OutcomeKind::Restored; 2]);
}

#[test]
fn where_nothing_changed_meanwhile_nothing_is_recorded() {
    let mut kernel = ToyKernel::new(1);
    let mut session = begin(&mut kernel, &[]);
    record(&mut session, &mut kernel, "a = bytes 5000000 1");
    record(&mut session, &mut kernel, "poke a 0 7");
    kernel.meanwhile = Some(String::new());
    let report = undo(&mut session, &mut kernel);
    assert_eq!((&kernel.meanwhile, &report.external_change), (&None, &None));
    assert_eq!(word(&report, "a"), OutcomeKind::Restored);
}

/// A look that is given up when it asks for the `n`-th time whether to go on.
fn halted_look(session: &mut Session, kernel: &mut ToyKernel, n: u32) -> Result<bool, SessionError> {
    let asked = AtomicU32::new(0);
    kernel.world.heap.halt = Some(Halt::when(move || asked.fetch_add(1, Ordering::Relaxed) + 1 >= n));
    let looked = session.look_outside(kernel);
    kernel.world.heap.halt = None;
    looked.map(|recorded| recorded.is_some())
}

#[test]
fn p03_a_look_that_was_given_up_says_nothing_and_the_next_one_sees_all() {
    given_up_and_made_again(ToyKernel::new(1), &[1, 2, 8]);
}

#[test]
fn p03_what_a_look_hashed_that_was_given_up_is_not_taken_for_known() {
    let mut kernel = ToyKernel::new(1);
    kernel.world.heap.watched = Some(Watched::default());
    // It has less to hash, and asks once.
    given_up_and_made_again(kernel, &[1]);
}

fn given_up_and_made_again(mut kernel: ToyKernel, given_up_at: &[u32]) {
    let mut session = begin(&mut kernel, &[]);
    record(
        &mut session,
        &mut kernel,
        "a = bytes 5000000 1\nb = bytes 5000000 2\nx = int 1\nl = list",
    );
    record(&mut session, &mut kernel, "y = int 1");
    run_cell(&mut kernel.world, "poke b 4000000 7\nappend l x", 0).unwrap();
    let at = session.at();
    for n in given_up_at {
        let looked = halted_look(&mut session, &mut kernel, *n);
        assert!(
            matches!(looked, Err(SessionError::Kernel(KernelError::Interrupted))),
            "{looked:?}"
        );
        assert_eq!(session.at(), at);
    }
    assert!(halted_look(&mut session, &mut kernel, u32::MAX).unwrap());
    let report = undo(&mut session, &mut kernel);
    assert_eq!([word(&report, "b"), word(&report, "l")], [OutcomeKind::Restored; 2]);
    assert_eq!(word(&report, "a"), OutcomeKind::Unchanged);
    // What was hashed then is what comes back.
    let back = session.perform(&mut kernel, &Request::Redo(1), RestoreOptions::default());
    let back = back.unwrap();
    assert_eq!(word(&back, "b"), OutcomeKind::Restored);
}
