//! The state machine: random programs with random moves, each checked against the reference after every step.

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
        /// Its source.
        source: String,
        /// Whether the hooks tell which names it may have touched.
        hooked: bool,
    },
    /// A thread runs these lines between cells; nobody records them yet.
    Outside(String),
    /// The engine looks for changes from outside.
    Look,
    /// Back.
    Undo(u64),
    /// Forward.
    Redo(u64),
    /// To the run of that index (modulo how many there are).
    Switch(u64),
    /// Some names come back as they were in the run of that index.
    Restore {
        /// Index of the run.
        run: u64,
        /// The names.
        names: Vec<String>,
        /// Whether all of each co-variable comes along.
        with_shared: bool,
    },
    /// The next mover meets a fault.
    Fault(Fault),
    /// One byte of what is stored of values is flipped.
    Damage(u64),
    /// A name that is kept out of the record is bound to something else, or to nothing.
    Secret(Option<u64>),
    /// A thread takes hold of what a name is bound to.
    Hold(String),
    /// What was saved is flushed.
    Sync,
    /// The process dies; a new one resumes.
    Crash,
    /// The power goes at a later effect on the disk; a new process resumes from what survived.
    PowerCut {
        /// How many effects still happen.
        after: u64,
        /// What survives of what was not synced.
        surviving: Surviving,
    },
}

impl Step {
    /// Whether it moves the session.
    pub fn is_move(&self) -> bool {
        matches!(
            self,
            Self::Undo(_) | Self::Redo(_) | Self::Switch(_) | Self::Restore { .. } | Self::Crash
        )
    }
}

/// What kinds of programs are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each doubles the kinds of programs
pub struct Mode {
    /// What appears in cells.
    pub flavour: Flavour,
    /// Whether faults hit movers.
    pub faults: bool,
    /// Whether looking at everything is dear, so that only touched names are looked at after a run.
    pub dear: bool,
    /// Whether movers may run cells again.
    pub replay: bool,
    /// Whether what is stored of values is damaged now and then.
    pub damage: bool,
    /// Whether there is a name that is kept out of the record.
    pub secret: bool,
    /// Whether the store is encrypted.
    pub encrypted: bool,
}

impl Mode {
    /// One of the sixty-four kinds of programs, in a plain store or an encrypted one, by seed.
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
            // Beside the sixty-four, so that few programs have some of them.
            encrypted: seed % 3 == 2,
        }
    }

    /// A fresh process for such a program.
    fn kernel(self, life: u64) -> ToyKernel {
        if self.flavour.process {
            ToyKernel::with_setting(life)
        } else {
            ToyKernel::new(life)
        }
    }
}

/// What was played.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Programs.
    pub programs: u64,
    /// Steps of all kinds.
    pub steps: u64,
    /// Moves that happened.
    pub moves: u64,
    /// Moves that a fault stopped.
    pub stopped: u64,
    /// Outcomes kept, loaded and lost.
    pub words: [u64; 6],
    /// Outcomes flagged uncertain.
    pub uncertain: u64,
    /// Images of crashed disks from which a session was resumed.
    pub images: u64,
    /// Cells that ran again in a process of their own.
    pub apart: u64,
    /// Runs that changed nothing.
    pub quiet: u64,
}

impl Tally {
    /// Counts a move and its outcomes.
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

/// A program that went wrong, cut down to what is needed for it.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The steps that are left.
    pub steps: Vec<Step>,
    /// What was wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {}: {}", self.seed, self.what)?;
        self.steps.iter().try_for_each(|step| writeln!(formatter, "  {step:?}"))
    }
}

/// Plays the program of a seed: `steps` steps.
///
/// # Errors
/// The program, cut down, and what went wrong.
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

/// Plays given steps again.
///
/// # Errors
/// What went wrong.
pub fn replay(seed: u64, mode: Mode, steps: &[Step]) -> Result<Tally, String> {
    let mut player = Player::new(seed, mode);
    steps.iter().try_for_each(|step| player.apply(step))?;
    Ok(player.tally)
}

/// Plays the program of a seed once for each effect it has on the disk, and lets the power go there; a new process then
/// resumes from what survived. `stride` leaves effects out.
///
/// # Errors
/// The steps and what went wrong.
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

/// Leaves out steps, then lines of cells, as long as something still goes wrong.
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

/// The steps without the one at `at`, or with a part of it.
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
