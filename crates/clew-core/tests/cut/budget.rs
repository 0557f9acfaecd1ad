//! A budget of bytes.

use clew_core::plan::cut::{Charges, Cost, Optimality};
use clew_testing::Dice;

use crate::reference::Reference;
use crate::{check, random_choice};

#[test]
fn a_budget_is_kept_and_costs_nothing_where_it_does_not_bind() {
    let mut dice = Dice::new(25);
    let (mut refused, mut free, mut bound, mut best) = (0, 0, 0, 0);
    for round in 0..3_000 {
        let choice = random_choice(&mut dice);
        let optimum = choice.decide();
        let around = if dice.one_in(4) { 40 } else { optimum.bytes };
        let budget = dice.below(around);
        let reference = Reference::of(&choice);
        let decision = match choice.decide_within(budget, Charges::default()) {
            Ok(decision) => decision,
            Err(error) => {
                assert_eq!(error.least, reference.fewest_bytes(), "graph {round}");
                assert!(error.least > budget, "graph {round}");
                refused += 1;
                continue;
            }
        };
        check(&choice, &decision);
        assert!(
            decision.bytes <= budget,
            "graph {round}: {} of {budget} bytes",
            decision.bytes
        );
        assert_eq!(decision.proof.bound(decision.cost), optimum.cost, "graph {round}");
        if optimum.bytes <= budget {
            assert_eq!(decision, optimum, "graph {round}");
            free += 1;
        } else {
            let least = reference.best_within(budget).expect("there is one");
            assert!(decision.cost.microseconds() >= least, "graph {round}");
            bound += 1;
            best += u32::from(decision.cost.microseconds() == least);
        }
    }
    assert!(refused > 300 && free > 300 && bound > 300, "{refused} {free} {bound}");
    println!("{refused} budgets too small, {free} free, {bound} bound, {best} of these met the best plan there is");
    assert!(
        best * 10 > bound * 7,
        "of {bound} plans that a budget bound, {best} were the best that keep to it"
    );
}

#[test]
fn a_plan_that_a_budget_bound_says_so_and_how_much_better_none_could_be() {
    let mut dice = Dice::new(26);
    loop {
        let choice = random_choice(&mut dice);
        let optimum = choice.decide();
        let Some(budget) = optimum.bytes.checked_sub(1) else {
            continue;
        };
        if let Ok(decision) = choice.decide_within(budget, Charges::default())
            && decision.cost > optimum.cost
        {
            assert_eq!(decision.proof, Optimality::Budget(optimum.cost));
            assert_ne!(decision.proof.bound(decision.cost), Cost::ZERO);
            return;
        }
    }
}
