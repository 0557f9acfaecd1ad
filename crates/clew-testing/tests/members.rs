//! What a run says of each variable of a changed co-variable: held against deep copies from before the cell.

use clew_core::format::RunKind;
use clew_core::id::{Root, RootKind};
use clew_core::record::RunInput;
use clew_testing::recording::begin;

use clew_testing::toy::{ToyKernel, World, run_cell};
use clew_testing::{Dice, Flavour, Reference, random_cell, visibly_same};

/// A world with deep copies of these variables only.
fn copy_of(world: &World, roots: &[Root]) -> World {
    let mut reference = Reference::start(World::new(9), "1");
    reference.graft(world, &roots.iter().cloned().collect());
    reference.world
}

fn names(world: &World) -> Vec<Root> {
    let names = world.bound.keys().filter(|root| root.kind == RootKind::Name);
    names.cloned().collect()
}

#[test]
fn p03_a_run_says_of_each_variable_whether_it_kept_its_value() {
    let (mut kept, mut unsaid, mut quiet, mut changed) = (0, Vec::new(), 0, 0);
    for seed in 0..300 {
        let flavour = Flavour {
            hostile: seed % 2 == 1,
            live: false,
            failing: seed % 3 == 1,
            process: false,
        };
        let (mut dice, mut kernel) = (Dice::new(seed), ToyKernel::new(1));
        let mut session = begin(&mut kernel, &[]);
        for number in 0..30 {
            let source = random_cell(&mut dice, &kernel.world, flavour);
            let before: Vec<(Root, World)> = names(&kernel.world)
                .into_iter()
                .map(|root| (root.clone(), copy_of(&kernel.world, &[root])))
                .collect();
            let all = copy_of(&kernel.world, &names(&kernel.world));
            let _ = run_cell(&mut kernel.world, &source, number);
            let input = RunInput {
                source: Some(source.clone()),
                ..RunInput::silent(RunKind::Cell, 0)
            };
            let recorded = session.record(&mut kernel, input).expect("it is recorded");
            let run = recorded
                .run
                .and_then(|id| session.history().run(&id))
                .expect("a cell is a run");
            let listed = |root: &Root| run.changed.iter().any(|version| version.roots.contains(root));
            let after = names(&kernel.world);
            let mut roots = run.changed.iter().flat_map(|version| &version.roots);
            let has_classes = roots.any(|root| root.kind == RootKind::Definition);
            for (root, was) in &before {
                if !after.contains(root) {
                    assert!(run.removed.contains(root), "seed {seed}: {root} is gone\n{source}");
                    continue;
                }
                let is_equal = visibly_same(was, &copy_of(&kernel.world, std::slice::from_ref(root)), None).is_ok();
                let is_said = !listed(root) || run.unchanged.contains(root);
                // What a class holds is told of the class, not of who refers to it.
                assert!(
                    is_equal || !is_said || has_classes,
                    "seed {seed}: {root} changed, and the run says not\n{source}"
                );
                match (is_equal, is_said) {
                    (true, true) => kept += u64::from(listed(root)),
                    (true, false) => unsaid.push(format!("seed {seed}: {root}\n{source}")),
                    _ => changed += 1,
                }
            }
            if run.only_outputs {
                quiet += 1;
                let is_same = visibly_same(&all, &copy_of(&kernel.world, &after), None);
                assert_eq!(is_same, Ok(()), "seed {seed}: said to change nothing\n{source}");
            }
        }
    }
    println!(
        "kept {kept}, changed {changed}, kept and not said {}, runs that changed nothing {quiet}",
        unsaid.len()
    );
    assert!(
        kept > 3_000 && changed > 3_000 && quiet > 300,
        "kept {kept}, changed {changed}, quiet {quiet}"
    );
    // Members of sets that only their context tells apart are put in another order.
    assert!(
        unsaid.len() * 50 < kept as usize,
        "{} unsaid: {}",
        unsaid.len(),
        unsaid.join("\n")
    );
}
