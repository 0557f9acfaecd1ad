//! What it takes to choose between sending and replaying in a long history: `cargo bench -p clew-core --bench cutting`.
//!
//! Ten thousand runs over 200 names. Each reads the newest versions of one to three names and leaves one or two; half of
//! them edit what they read, and the new version shares most of its pieces with the old one. Costs are spread evenly over
//! orders of magnitude. *Alike* has sending and replaying cost about the same; in the others one is a hundred times dearer,
//! so that nearly everything is replayed, or sent.

use clew_core::plan::cut::{
    Charges, Choice, ChoiceValue, Cost, Replay, ReplayProhibition, SendObstacle, SharedPiece, ValueTransfer,
};
use clew_testing::Dice;
use criterion::{Criterion, criterion_group, criterion_main};
use petgraph::algo::dinics;
use petgraph::graph::DiGraph;

const RUNS: usize = 10_000;
const NAMES: u64 = 200;

/// What a history is like.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// How many times as much sending costs.
    sending: u64,
    /// How many times as much replaying costs.
    replaying: u64,
    has_pieces: bool,
    has_obstacles: bool,
}

/// Between a tenth of a millisecond and ten seconds, each order of magnitude as likely as the others.
fn cost(dice: &mut Dice, times: u64) -> Cost {
    Cost::of_microseconds(times * (dice.below(900) + 100) * 10_u64.pow(dice.below(5) as u32) / 10)
}

fn choice(kind: Kind) -> Choice {
    let mut dice = Dice::new(24);
    let mut choice = Choice::default();
    let mut newest: Vec<Option<usize>> = vec![None; NAMES as usize];
    for _ in 0..RUNS {
        let read: Vec<usize> = (0..=dice.below(3)).map(|_| dice.below(NAMES) as usize).collect();
        let reads: Vec<usize> = read.iter().filter_map(|name| newest[*name]).collect();
        let is_forbidden = kind.has_obstacles && dice.one_in(20);
        let run = choice.add_run(Replay {
            cost: if is_forbidden {
                Err(ReplayProhibition::UsedNetwork)
            } else {
                Ok(cost(&mut dice, kind.replaying))
            },
            reads: reads.clone(),
        });
        let is_edit = dice.one_in(2);
        for _ in 0..=dice.below(2) {
            let name = if is_edit { read[0] } else { dice.below(NAMES) as usize };
            let old = newest[name].filter(|old| is_edit && reads.contains(old));
            newest[name] = Some(leave(&mut choice, &mut dice, kind, run, old));
        }
    }
    newest.into_iter().flatten().for_each(|value| choice.want(value));
    choice
}

fn leave(choice: &mut Choice, dice: &mut Dice, kind: Kind, run: usize, old: Option<usize>) -> usize {
    let mut pieces = Vec::new();
    if kind.has_pieces {
        let old = old.and_then(|old| {
            choice.values()[old]
                .sending
                .as_ref()
                .ok()
                .map(|sending| sending.pieces.clone())
        });
        let edited = dice.below(8) as usize;
        pieces = old.unwrap_or_default();
        pieces.resize(8, usize::MAX);
        for (index, piece) in pieces.iter_mut().enumerate() {
            if index == edited || *piece == usize::MAX {
                let is_there = dice.one_in(10);
                let cost = cost(dice, kind.sending);
                *piece = choice.add_piece(SharedPiece {
                    cost,
                    bytes: cost.microseconds(),
                    is_there,
                });
            }
        }
    }
    let cost = cost(dice, kind.sending);
    let is_unsendable = kind.has_obstacles && dice.one_in(20);
    let sending = ValueTransfer {
        cost,
        bytes: cost.microseconds(),
        pieces,
    };
    choice.add_value(ChoiceValue {
        maker: Some(run),
        sending: if is_unsendable {
            Err(SendObstacle::Withheld)
        } else {
            Ok(sending)
        },
        is_wanted: false,
    })
}

/// The network of a choice without pieces, for petgraph.
fn network(choice: &Choice) -> DiGraph<(), u64> {
    let mut graph = DiGraph::new();
    let nodes: Vec<_> = (0..2 + choice.runs().len() + choice.values().len())
        .map(|_| graph.add_node(()))
        .collect();
    let value_node = |value: usize| nodes[2 + choice.runs().len() + value];
    for (index, run) in choice.runs().iter().enumerate() {
        graph.add_edge(
            nodes[2 + index],
            nodes[1],
            run.cost.as_ref().map_or(1 << 50, |cost| cost.microseconds()),
        );
        for read in &run.reads {
            graph.add_edge(nodes[2 + index], value_node(*read), 1 << 50);
        }
    }
    for (index, value) in choice.values().iter().enumerate() {
        let cost = value
            .sending
            .as_ref()
            .map_or(1 << 50, |sending| sending.cost.microseconds());
        graph.add_edge(value_node(index), nodes[2 + value.maker.unwrap_or_default()], cost);
        if value.is_wanted {
            graph.add_edge(nodes[0], value_node(index), 1 << 50);
        }
    }
    graph
}

fn cuts(criterion: &mut Criterion) {
    let alike = Kind {
        name: "alike",
        sending: 1,
        replaying: 1,
        has_pieces: false,
        has_obstacles: true,
    };
    let kinds = [
        alike,
        Kind {
            name: "dear to send",
            sending: 100,
            ..alike
        },
        Kind {
            name: "dear to replay",
            replaying: 100,
            ..alike
        },
        Kind {
            name: "pieces, alike",
            has_pieces: true,
            ..alike
        },
        Kind {
            name: "pieces, dear to send",
            sending: 100,
            has_pieces: true,
            ..alike
        },
        Kind {
            name: "pieces, dear to replay",
            replaying: 100,
            has_pieces: true,
            ..alike
        },
    ];
    let mut group = criterion.benchmark_group(format!("cut for {RUNS} runs"));
    group.sample_size(10);
    for kind in kinds {
        let choice = choice(kind);
        let decision = choice.decide();
        println!(
            "{}: {} values sent, {} runs replayed, {:?} for {:?}; all sent {:?}, all replayed {:?}",
            kind.name,
            decision.sent.len(),
            decision.replayed.len(),
            decision.proof,
            decision.cost,
            decision.send_all,
            decision.replay_all,
        );
        group.bench_function(kind.name, |bencher| bencher.iter(|| choice.decide()));
        group.bench_function(format!("{}, half of the bytes", kind.name), |bencher| {
            bencher.iter(|| choice.decide_within(decision.bytes / 2, Charges::default()));
        });
    }
    let network = network(&choice(alike));
    group.bench_function("alike, petgraph's flow alone", |bencher| {
        bencher.iter(|| dinics(&network, 0.into(), 1.into()));
    });
    group.finish();
}

criterion_group!(benches, cuts);
criterion_main!(benches);
