//! What is paid once, however much is sent or replayed.

use clew_core::plan::cut::{Charges, Cost};
use clew_testing::Dice;

use crate::reference::Reference;
use crate::{check, random_choice};

#[test]
fn what_is_paid_once_is_weighed_against_sending_all_and_replaying_all() {
    let mut dice = Dice::new(27);
    let (mut changed, mut best) = (0, 0);
    let rounds = 3_000;
    for round in 0..rounds {
        let choice = random_choice(&mut dice);
        let charges = Charges {
            sending: Cost::of_microseconds(dice.below(10)),
            replaying: Cost::of_microseconds(dice.below(40)),
        };
        let decision = choice.decide_charged(charges);
        check(&choice, &decision);
        let whole = |cost: u64, sends, replays| cost + charges.of(sends, replays).microseconds();
        let found = whole(
            decision.cost.microseconds(),
            decision.bytes > 0,
            !decision.replayed.is_empty(),
        );
        let reference = Reference::of(&choice);
        let least = reference.best_with(&whole);
        // A plan that sends no bytes but takes what is there is none that is weighed: that may save the wait for an answer, and nothing else.
        assert!(found >= least, "graph {round}");
        assert!(found <= least + charges.sending.microseconds(), "graph {round}");
        best += u32::from(found == least);
        changed += u32::from(decision.cost > choice.decide().cost);
        let free = choice.decide_charged(Charges::default());
        assert_eq!(free, choice.decide(), "graph {round}");
    }
    println!("of {rounds} plans {changed} were others for what is paid once, {best} the best there are");
    assert!(changed > 100 && best * 20 > rounds * 19, "{changed} {best}");
}
