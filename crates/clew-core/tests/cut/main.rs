//! Sending or replaying: plans against a reference that tries everything.

mod budget;
mod charges;
mod named;
mod reference;

use clew_core::plan::cut::{
    Alternative, Choice, ChoiceValue, Cost, Decision, Optimality, Replay, ReplayProhibition, SendObstacle, SharedPiece,
    ValueTransfer,
};
use clew_testing::Dice;

use self::reference::Reference;

fn cost(dice: &mut Dice) -> Cost {
    Cost::of_microseconds(dice.below(20))
}

/// A small history: chains and diamonds of runs, versions that were replaced, pieces that values share or the target has, runs that
/// may not be replayed, values that can't be sent.
fn random_choice(dice: &mut Dice) -> Choice {
    let mut choice = Choice::default();
    for _ in 0..dice.below(5) {
        let is_there = dice.one_in(5);
        let (cost, bytes) = (cost(dice), dice.below(9));
        choice.add_piece(SharedPiece { cost, bytes, is_there });
    }
    let runs = 1 + dice.below(5);
    for _ in 0..runs {
        if dice.one_in(6) && choice.values().len() < 7 {
            add_value(&mut choice, dice, None);
        }
        let newest = choice.values().len().saturating_sub(4);
        let reads = (newest..choice.values().len()).filter(|_| dice.one_in(2)).collect();
        let is_forbidden = dice.one_in(7);
        let cost = if is_forbidden {
            Err(ReplayProhibition::UsedNetwork)
        } else {
            Ok(cost(dice))
        };
        let run = choice.add_run(Replay { cost, reads });
        for _ in 0..=dice.below(2) {
            if choice.values().len() < 7 {
                add_value(&mut choice, dice, Some(run));
            }
        }
    }
    choice
}

fn add_value(choice: &mut Choice, dice: &mut Dice, maker: Option<usize>) {
    let is_unsendable = dice.one_in(5);
    let pieces = (0..choice.pieces().len()).filter(|_| dice.one_in(2)).collect();
    let sending = ValueTransfer {
        cost: cost(dice),
        bytes: dice.below(9),
        pieces,
    };
    let is_wanted = dice.one_in(2);
    let sending = if is_unsendable {
        Err(SendObstacle::Withheld)
    } else {
        Ok(sending)
    };
    choice.add_value(ChoiceValue {
        maker,
        sending,
        is_wanted,
    });
}

/// Whether a plan does what it says: its replays find all that they read, everything wanted comes or is named, and it costs what
/// it says. Knows nothing of how it was found.
fn check(choice: &Choice, decision: &Decision) {
    let mut is_there = vec![false; choice.values().len()];
    let mut pieces: Vec<usize> = Vec::new();
    let mut expected = (0, 0);
    for value in &decision.sent {
        let sending = choice.values()[*value]
            .sending
            .as_ref()
            .expect("only what can be sent is sent");
        is_there[*value] = true;
        pieces.extend(sending.pieces.iter().filter(|piece| !choice.pieces()[**piece].is_there));
        expected.0 += sending.cost.microseconds();
        expected.1 += sending.bytes;
    }
    pieces.sort_unstable();
    pieces.dedup();
    for piece in pieces {
        expected.0 += choice.pieces()[piece].cost.microseconds();
        expected.1 += choice.pieces()[piece].bytes;
    }
    assert!(
        decision.replayed.is_sorted_by(|one, other| one < other),
        "in the order in which they ran"
    );
    let mut left: Vec<Vec<usize>> = vec![Vec::new(); choice.runs().len()];
    for (index, value) in choice.values().iter().enumerate() {
        value.maker.into_iter().for_each(|run| left[run].push(index));
    }
    for run in &decision.replayed {
        let replay = &choice.runs()[*run];
        let cost = replay.cost.as_ref().expect("only what may be replayed is replayed");
        expected.0 += cost.microseconds();
        assert!(
            replay.reads.iter().all(|value| is_there[*value]),
            "run {run} finds what it reads"
        );
        left[*run].iter().for_each(|value| is_there[*value] = true);
    }
    assert_eq!((decision.cost.microseconds(), decision.bytes), expected);
    let missing: Vec<usize> = decision.out_of_reach.iter().map(|missing| missing.value).collect();
    for (index, value) in choice.values().iter().enumerate().filter(|(_, value)| value.is_wanted) {
        assert_ne!(is_there[index], missing.contains(&index), "value {index}: {value:?}");
    }
}

/// How often something occurred that the reference is to have been asked about.
#[derive(Default)]
struct Seen {
    replayed: usize,
    sent_for_a_replay: usize,
    out_of_reach: usize,
    better_than_both: usize,
    shared_both_ways: usize,
}

impl Seen {
    fn count(&mut self, choice: &Choice, decision: &Decision) {
        let is_wanted = |value: &usize| choice.values()[*value].is_wanted;
        let pieces = |wanted: bool| {
            let users = choice.values().iter().filter(move |value| value.is_wanted == wanted);
            users
                .filter_map(|value| value.sending.as_ref().ok())
                .flat_map(|sending| &sending.pieces)
        };
        let is_shared = pieces(true).any(|piece| pieces(false).any(|other| other == piece));
        let is_beaten = |other: &Alternative| match other {
            Alternative::Possible { cost, .. } => decision.cost < *cost,
            _ => true,
        };
        self.replayed += usize::from(!decision.replayed.is_empty());
        self.sent_for_a_replay += usize::from(!decision.sent.iter().all(is_wanted));
        self.out_of_reach += usize::from(!decision.out_of_reach.is_empty());
        self.better_than_both += usize::from(is_beaten(&decision.send_all) && is_beaten(&decision.replay_all));
        self.shared_both_ways += usize::from(is_shared);
    }
}

#[test]
fn the_cut_costs_what_brute_force_finds_on_ten_thousand_graphs() {
    let mut dice = Dice::new(24);
    let mut seen = Seen::default();
    for round in 0..10_000 {
        let choice = random_choice(&mut dice);
        let decision = choice.decide();
        let reference = Reference::of(&choice);
        let what = || format!("graph {round}: {choice:#?}\n{decision:#?}");
        check(&choice, &decision);
        assert_eq!(decision.cost.microseconds(), reference.best(), "{}", what());
        assert_eq!(decision.proof, Optimality::Optimal, "{}", what());
        assert_eq!(decision.out_of_reach.len(), reference.out_of_reach(), "{}", what());
        assert_eq!(possible(&decision.send_all), reference.send_all(), "{}", what());
        assert_eq!(possible(&decision.replay_all), reference.replay_all(), "{}", what());
        seen.count(&choice, &decision);
    }
    assert!(seen.replayed > 2_000, "{}", seen.replayed);
    assert!(seen.sent_for_a_replay > 500, "{}", seen.sent_for_a_replay);
    assert!(seen.out_of_reach > 500, "{}", seen.out_of_reach);
    assert!(seen.better_than_both > 1_000, "{}", seen.better_than_both);
    assert!(seen.shared_both_ways > 2_000, "{}", seen.shared_both_ways);
}

fn possible(alternative: &Alternative) -> Option<(u64, u64)> {
    match alternative {
        Alternative::Possible { cost, bytes } => Some((cost.microseconds(), *bytes)),
        Alternative::NotSent { .. } | Alternative::NotReplayed { .. } => None,
    }
}
