//! The state machine test: random programs with random restores. Every step is compared with the reference model.

mod player;
mod verdict;

use std::fmt;

use clew_core::plan::{OutcomeKind, Report};

use crate::dice::Dice;
use crate::disk::Surviving;
use crate::program::{Flavour, random_cell};
use crate::toy::{Fault, FaultKind, ToyKernel};

pub use player::{Player, other_process};

/// One step of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A cell runs and is recorded.
    Run {
        /// The source of the cell.
        source: String,
        /// Whether the hooks report which names it may have touched.
        hooked: bool,
    },
    /// A thread runs these lines between cells. They are not recorded yet.
    Outside(String),
    /// The engine checks for external changes.
    Look,
    /// Undo.
    Undo(u64),
    /// Redo.
    Redo(u64),
    /// Switch to the run with this index (modulo the number of runs).
    Switch(u64),
    /// Restore some names, as they were after the run with this index.
    Restore {
        /// The index of the run.
        run: u64,
        /// The names.
        names: Vec<String>,
        /// Whether to restore each co-variable completely.
        with_shared: bool,
    },
    /// Inject a fault into the next restore.
    Fault(Fault),
    /// Flip one byte of the stored values.
    Damage(u64),
    /// Rebind or unbind an excluded name.
    Secret(Option<u64>),
    /// A thread takes a reference to the value of a name.
    Hold(String),
    /// Flush saved data.
    Sync,
    /// Kill the process. A new process resumes.
    Crash,
    /// Cut the power at a later disk effect. A new process resumes from the surviving data.
    PowerCut {
        /// The number of effects before the power cut.
        after: u64,
        /// The unsynced data that survives.
        surviving: Surviving,
    },
}

impl Step {
    /// Whether the step restores a state.
    pub fn is_move(&self) -> bool {
        matches!(
            self,
            Self::Undo(_) | Self::Redo(_) | Self::Switch(_) | Self::Restore { .. } | Self::Crash
        )
    }
}

/// The kind of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each doubles the number of kinds
pub struct Mode {
    /// The features that appear in cells.
    pub flavour: Flavour,
    /// Whether faults are injected into restores.
    pub faults: bool,
    /// Whether complete checks are expensive, so that only touched names are checked after a run.
    pub dear: bool,
    /// Whether restores may rerun cells.
    pub replay: bool,
    /// Whether stored values are corrupted now and then.
    pub damage: bool,
    /// Whether there is an excluded name.
    pub secret: bool,
    /// Whether the store is encrypted.
    pub encrypted: bool,
}

impl Mode {
    /// Returns the kind for a seed: one of sixty-four, with an encrypted or unencrypted store.
    pub fn of(seed: u64) -> Self {
        Self {
            flavour: Flavour {
                hostile: seed & 1 == 1,
                live: seed % 5 == 1,
                failing: seed & 3 != 0,
                process: seed % 7 >= 4,
            },
            faults: seed & 2 == 2,
            dear: seed & 4 == 4,
            replay: seed & 8 == 8,
            damage: seed & 16 == 16,
            secret: seed & 32 == 32,
            // Independent of the sixty-four kinds, so that a few programs cover some combinations.
            encrypted: seed % 3 == 2,
        }
    }

    /// Creates a new process for such a program.
    fn kernel(self, life: u64) -> ToyKernel {
        if self.flavour.process {
            ToyKernel::with_setting(life)
        } else {
            ToyKernel::new(life)
        }
    }
}

/// Counts of executed programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Programs.
    pub programs: u64,
    /// Steps of all kinds.
    pub steps: u64,
    /// Restores that were executed.
    pub moves: u64,
    /// Restores that were stopped by a fault.
    pub stopped: u64,
    /// The number of outcomes of each kind, in the order of `OutcomeKind::ALL`.
    pub words: [u64; 6],
    /// Unverified outcomes.
    pub uncertain: u64,
    /// Crashed disk images from which a session was resumed.
    pub images: u64,
    /// Cells that were rerun in another process.
    pub apart: u64,
    /// Runs that changed nothing.
    pub quiet: u64,
}

impl Tally {
    /// Counts a restore and its outcomes.
    fn count(&mut self, report: &Report) {
        self.moves += 1;
        for outcome in &report.outcomes {
            let place = OutcomeKind::ALL.iter().position(|kind| *kind == outcome.kind);
            self.words[place.unwrap_or_default()] += 1;
        }
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.programs += other.programs;
        self.steps += other.steps;
        self.moves += other.moves;
        self.stopped += other.stopped;
        self.uncertain += other.uncertain;
        self.images += other.images;
        self.apart += other.apart;
        self.quiet += other.quiet;
        for (sum, count) in self.words.iter_mut().zip(other.words) {
            *sum += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kept, loaded, replayed, differs, removed, lost] = self.words;
        write!(
            formatter,
            "{} programs, {} steps, {} moves ({} stopped by faults), outcomes: {kept} kept, {loaded} loaded, {replayed} \
             replayed, {differs} differ, {removed} removed, {lost} lost, {} uncertain; {} crash images; {} cells ran \
             again apart; {} runs changed nothing",
            self.programs, self.steps, self.moves, self.stopped, self.uncertain, self.images, self.apart, self.quiet
        )
    }
}

/// A failed program, reduced to the steps that are needed for the failure.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The remaining steps.
    pub steps: Vec<Step>,
    /// The failure.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {}: {}", self.seed, self.what)?;
        self.steps.iter().try_for_each(|step| writeln!(formatter, "  {step:?}"))
    }
}

/// Runs `steps` steps of the program of a seed.
///
/// # Errors
/// The reduced program and the failure.
pub fn play(seed: u64, steps: usize) -> Result<Tally, Box<Failure>> {
    let mode = Mode::of(seed);
    let mut dice = Dice::new(seed);
    let mut played = Vec::new();
    let mut player = Player::new(seed, mode);
    let mut went = Ok(());
    for _ in 0..steps {
        let step = random_step(&mut dice, &player, mode);
        played.push(step.clone());
        went = player.apply(&step);
        if went.is_err() {
            break;
        }
    }
    let Err(what) = went else { return Ok(player.tally) };
    Err(Box::new(shrink(seed, mode, played, what)))
}

/// Runs the given steps again.
///
/// # Errors
/// The failure.
pub fn replay(seed: u64, mode: Mode, steps: &[Step]) -> Result<Tally, String> {
    let mut player = Player::new(seed, mode);
    steps.iter().try_for_each(|step| player.apply(step))?;
    Ok(player.tally)
}

/// Runs the program of a seed once for each of its disk effects, and cuts the power there. A new process then resumes from the surviving
/// data. With `stride`, only every `stride`-th effect is tested.
///
/// # Errors
/// The steps and the failure.
pub fn crash_everywhere(seed: u64, steps: usize, stride: usize) -> Result<Tally, Box<Failure>> {
    let mode = Mode {
        faults: false,
        damage: false,
        ..Mode::of(seed)
    };
    let (mut dice, mut player) = (Dice::new(seed), Player::new(seed, mode));
    let begun = player.effects();
    let fail = |steps: Vec<Step>, what| Box::new(Failure { seed, steps, what });
    let mut played = Vec::new();
    for at in 0..steps {
        played.push(if at % 3 == 2 {
            Step::Sync
        } else {
            random_step(&mut dice, &player, mode)
        });
        player.apply(&played[at]).map_err(|what| fail(played.clone(), what))?;
    }
    let mut tally = player.tally;
    for after in (0..player.effects() - begun).step_by(stride) {
        for surviving in [
            Surviving::All,
            Surviving::Nothing,
            Surviving::Some(after),
            Surviving::Some(!after),
        ] {
            let cut = [vec![Step::PowerCut { after, surviving }], played.clone()].concat();
            let went = replay(seed, mode, &cut).map_err(|what| fail(cut, what))?;
            tally.add(&went);
        }
    }
    Ok(tally)
}

/// Removes steps, then lines of cells, as long as the program still fails.
fn shrink(seed: u64, mode: Mode, mut steps: Vec<Step>, mut what: String) -> Failure {
    let fails = |steps: &[Step]| {
        std::panic::catch_unwind(|| replay(seed, mode, steps))
            .unwrap_or_else(|_| Err("panic".to_owned()))
            .err()
    };
    let mut at = 0;
    let mut gain = false;
    loop {
        if at >= steps.len() {
            if !gain {
                break;
            }
            (at, gain) = (0, false);
            continue;
        }
        let found = smaller(&steps, at)
            .into_iter()
            .find_map(|shorter| Some((fails(&shorter)?, shorter)));
        match found {
            Some((reason, shorter)) => (what, steps, gain) = (reason, shorter, true),
            None => at += 1,
        }
    }
    Failure { seed, steps, what }
}

/// Returns variants of the steps, without the step at `at` or with a part of it.
fn smaller(steps: &[Step], at: usize) -> Vec<Vec<Step>> {
    let without = [&steps[..at], &steps[at + 1..]].concat();
    let mut found = vec![without];
    let with = |step: Step| [&steps[..at], &[step], &steps[at + 1..]].concat();
    let fewer = |source: &str| -> Vec<String> {
        let lines: Vec<&str> = source.lines().collect();
        let without = |gone: usize| {
            let rest = lines.iter().enumerate().filter(|(at, _)| *at != gone);
            rest.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
        };
        (0..lines.len()).map(without).collect()
    };
    match &steps[at] {
        Step::Run { source, hooked } if source.lines().count() > 1 => {
            let hooked = *hooked;
            found.extend(
                fewer(source)
                    .into_iter()
                    .map(|source| with(Step::Run { source, hooked })),
            );
        }
        Step::Outside(source) if source.lines().count() > 1 => {
            found.extend(fewer(source).into_iter().map(|source| with(Step::Outside(source))));
        }
        _ => {}
    }
    found
}

fn random_step(dice: &mut Dice, player: &Player, mode: Mode) -> Step {
    if mode.secret && dice.one_in(10) {
        return Step::Secret((!dice.one_in(3)).then(|| dice.below(3)));
    }
    match dice.below(100) {
        0..42 => Step::Run {
            source: random_cell(dice, player.world(), mode.flavour),
            hooked: !dice.one_in(4),
        },
        42..46 => Step::Outside(random_cell(dice, player.world(), mode.flavour)),
        46..50 => Step::Look,
        50..62 => Step::Undo(1 + dice.below(3)),
        62..70 => Step::Redo(1 + dice.below(2)),
        70..82 => Step::Switch(dice.roll()),
        86..92 if mode.damage => Step::Damage(dice.roll()),
        82..89 => Step::Restore {
            run: dice.roll(),
            names: player.names(dice),
            with_shared: dice.one_in(2),
        },
        89..95 if mode.faults => Step::Fault(Fault {
            after: dice.below(12) as u32,
            kind: [FaultKind::Fails, FaultKind::Starves, FaultKind::Interrupts][dice.below(3) as usize],
        }),
        95..97 => Step::Hold(player.names(dice).first().cloned().unwrap_or_default()),
        97 => Step::Sync,
        98 | 99 => Step::Crash,
        _ => Step::Look,
    }
}
