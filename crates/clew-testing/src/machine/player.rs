//! Executes steps with the engine and with the reference model.

mod process;

use std::collections::{BTreeMap, BTreeSet};

use clew_core::format::{HistoryDescription, RunKind};
use clew_core::id::{HistoryId, Root, RootKind};
use clew_core::kernel::TouchedRoots;
use clew_core::plan::{OutcomeKind, Report};
use clew_core::record::RunInput;
use clew_core::session::{Request, RestoreOptions, Session, SessionError};
use clew_core::store::Trust;

pub use self::process::other_process;
use self::process::{key, open, store};
use super::verdict::{Before, judge, judge_live, judge_stopped};
use super::{Mode, Step, Tally};
use crate::dice::Dice;
use crate::disk::{Fault, SimDisk, Surviving};
use crate::recording::touched_by;
use crate::reference::Reference;
use crate::toy::{CellError, Ref, ToyKernel, Value, World, run_cell};

/// Returns the serials of the live objects to which names are bound.
fn handles(world: &World) -> BTreeMap<Root, u64> {
    let is_live = |object: Ref| matches!(world.heap.value(object), Value::Handle { .. });
    let bound = world.bound.iter().filter(|(_, object)| is_live(**object));
    bound
        .map(|(root, object)| (root.clone(), world.heap.serial_of(*object)))
        .collect()
}

/// A session of toy objects, with its reference model.
pub struct Player {
    kernel: ToyKernel,
    session: Session,
    reference: Reference,
    mode: Mode,
    disk: SimDisk,
    /// The disk effect at which the power is cut, and the data that then survives.
    cut: Option<(u64, Surviving)>,
    /// Runs that survive a power failure.
    synced: Vec<String>,
    /// Runs that survived a power failure without having been synced. Parts of them may be missing.
    torn: BTreeSet<String>,
    history: HistoryId,
    life: u64,
    /// The number of cells and external changes so far.
    count: u64,
    /// Whether stored values were corrupted. Values may then be missing, but must not be wrong.
    is_damaged: bool,
    /// The value of the excluded name at the end of each run, by the run's label.
    secrets: BTreeMap<String, Option<u64>>,
    /// The live objects of this process to which names were bound at the end of each run, by the run's label.
    handles: BTreeMap<String, BTreeMap<Root, u64>>,
    /// The report of the last restore.
    last: Option<Report>,
    /// The counts so far.
    pub tally: Tally,
}

impl Player {
    /// Creates a new session in a new store.
    ///
    /// # Panics
    /// The store cannot be created.
    pub fn new(seed: u64, mode: Mode) -> Self {
        let disk = SimDisk::new(seed);
        let store = store(&disk, &key(), mode.encrypted).expect("the store opens");
        let history = store
            .create_history(&HistoryDescription::default())
            .expect("a history can be made");
        let mut kernel = mode.kernel(1);
        let mut session = open(&disk, history, 1, mode).expect("a session can write");
        let started = session.start(&mut kernel).expect("the start is recorded");
        Self {
            reference: Reference::start(kernel.world.clone(), &started.label),
            kernel,
            session,
            mode,
            disk,
            cut: None,
            synced: Vec::new(),
            torn: BTreeSet::new(),
            history,
            life: 1,
            count: 0,
            is_damaged: false,
            // The first state has no live objects, even if the first step is an external change.
            handles: BTreeMap::from([(started.label.clone(), BTreeMap::new())]),
            secrets: BTreeMap::from([(started.label, None)]),
            last: None,
            tally: Tally {
                programs: 1,
                ..Tally::default()
            },
        }
    }

    /// Returns the names that are unverified in the current state.
    pub fn uncertain(&self) -> Vec<String> {
        let (history, at) = (self.session.history(), self.session.at());
        let Some(at) = at else { return Vec::new() };
        let state = history.state(at);
        let roots = state.roots().filter(|root| history.uncertain_since(at, root).is_some());
        roots.map(ToString::to_string).collect()
    }

    /// Returns the expected live state.
    pub fn world(&self) -> &World {
        &self.reference.world
    }

    /// Returns the report of the last executed restore.
    pub fn report(&self) -> Option<&Report> {
        self.last.as_ref()
    }

    /// Returns one or more names of some state.
    pub fn names(&self, dice: &mut Dice) -> Vec<String> {
        let labels = self.reference.labels();
        let state = self
            .reference
            .state(dice.pick(labels.as_slice()).as_str())
            .expect("a state for every label");
        let names: Vec<&Root> = state.bound.keys().filter(|root| root.kind == RootKind::Name).collect();
        if names.is_empty() {
            return Vec::new();
        }
        (0..=dice.below(2)).map(|_| dice.pick(&names).key.clone()).collect()
    }

    /// Executes one step.
    ///
    /// # Errors
    /// A difference between the engine and the reference model.
    pub fn apply(&mut self, step: &Step) -> Result<(), String> {
        self.tally.steps += 1;
        let done = self.play(step);
        match self.cut {
            Some((at, surviving)) if self.disk.effects() > at => {
                self.cut = None;
                self.lose_power(surviving)?;
            }
            _ => done?,
        }
        if let Some(at) = self.session.at() {
            let label = self.session.history().label(&at);
            self.secrets.entry(label.clone()).or_insert(self.kernel.secret);
            self.handles.entry(label).or_insert_with(|| handles(&self.kernel.world));
        }
        match self.kernel.leaked() {
            0 => Ok(()),
            leaked => Err(format!("{leaked} objects leaked")),
        }
    }

    /// Makes the disk ignore syncs, to test that this is detected.
    pub fn only_say_synced(&self) {
        self.disk.only_say_synced();
    }

    /// Returns the number of disk effects so far.
    pub fn effects(&self) -> u64 {
        self.disk.effects()
    }

    fn play(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Run { source, hooked } => self.run(source, *hooked)?,
            Step::Outside(source) => {
                let mut touched = self.touched(source);
                self.run_both(source)?.ok();
                touched.extend(self.touched(source));
                self.session.suspect(&TouchedRoots::Only(touched));
            }
            Step::Look => {
                let recorded = self
                    .session
                    .look_outside(&mut self.kernel)
                    .map_err(|error| error.to_string())?;
                if let Some(recorded) = recorded {
                    self.reference.drift(&recorded.label);
                }
            }
            Step::Undo(steps) => self.go(&Request::Undo(*steps), steps.cast_signed())?,
            Step::Redo(steps) => self.go(&Request::Redo(*steps), -steps.cast_signed())?,
            Step::Switch(run) => {
                let to = self.label(*run);
                self.go(&Request::Switch(to), 0)?;
            }
            Step::Restore {
                run,
                names,
                with_shared,
            } => self.restore(*run, names, *with_shared)?,
            Step::Fault(fault) => self.kernel.fault = Some(*fault),
            Step::Hold(name) => self.hold(name),
            // Values of other processes differ from those of this one.
            Step::Secret(mark) => self.kernel.secret = mark.map(|mark| mark + 10 * self.life),
            Step::Damage(at) => self.damage(*at),
            Step::Sync => {
                self.session.sync().map_err(|error| error.to_string())?;
                self.synced = self.reference.labels();
            }
            Step::Crash => self.crash()?,
            Step::PowerCut { after, surviving } => {
                self.cut = Some((self.disk.effects() + after, *surviving));
                self.disk.fail_at(*after, Fault::PowerCut);
            }
        }
        Ok(())
    }

    fn label(&self, run: u64) -> String {
        let labels = self.reference.labels();
        labels[(run % labels.len() as u64) as usize].clone()
    }

    fn run_both(&mut self, source: &str) -> Result<Result<(), CellError>, String> {
        self.count += 1;
        if source.contains(" weak ") {
            // A weak reference would show which objects only a thread keeps alive, which the reference model does not know.
            self.kernel.let_go();
        }
        let live = run_cell(&mut self.kernel.world, source, self.count);
        let expected = run_cell(&mut self.reference.world, source, self.count);
        if live != expected {
            return Err(format!("a cell ended with {live:?}, not {expected:?}: {source}"));
        }
        crate::same(&self.kernel.world, &self.reference.world, None)
            .map_err(|what| format!("after a cell: {what}\n{source}"))?;
        Ok(live)
    }

    fn run(&mut self, source: &str, hooked: bool) -> Result<(), String> {
        let mut touched = self.touched(source);
        let ended = self.run_both(source)?;
        touched.extend(self.touched(source));
        let input = RunInput {
            source: Some(source.to_owned()),
            execution_count: Some(self.count),
            ending: CellError::ending(ended),
            touched: if hooked {
                TouchedRoots::Only(touched)
            } else {
                TouchedRoots::All
            },
            ..RunInput::silent(RunKind::Cell, 0)
        };
        let recorded = self
            .session
            .record(&mut self.kernel, input)
            .map_err(|error| error.to_string())?;
        if !recorded.warnings.is_empty() {
            return Err(format!("warnings: {:?}", recorded.warnings));
        }
        let run = recorded.run.and_then(|run| self.session.history().run(&run));
        if run.is_some_and(|run| run.only_outputs) {
            self.tally.quiet += 1;
            return self.reference.step_quietly(&recorded.label);
        }
        self.reference.step(&recorded.label);
        Ok(())
    }

    fn touched(&self, source: &str) -> BTreeSet<Root> {
        touched_by(&self.kernel, &self.session, source)
    }

    fn hold(&mut self, name: &str) {
        let world = &self.kernel.world;
        let is_weak = |object| matches!(world.heap.value(object), Value::Weak(_));
        // Objects that only a thread keeps alive must not be visible through weak references.
        if !world.bound.values().any(|object| is_weak(*object)) {
            self.kernel.hold(name);
        }
    }

    fn before(&self) -> Before {
        Before {
            world: self.reference.world.clone(),
            serials: self.kernel.world.serials(),
            parked: self.kernel.parked_serials().into_iter().collect(),
            tickets: self.kernel.tickets(),
        }
    }

    /// Executes an undo, redo or switch: a restore of the whole state. `back` is the number of places that undo goes back.
    fn go(&mut self, request: &Request, back: i64) -> Result<(), String> {
        let place = match request {
            Request::Switch(label) => Some(label.clone()),
            _ => self.reference.place(back).map(str::to_owned),
        };
        let before = self.before();
        let done = self.perform(request, &before)?;
        let Some(target) = place else {
            return match done {
                Err(SessionError::NothingToUndo { .. } | SessionError::NothingToRedo { .. }) => Ok(()),
                other => Err(format!("there is nothing to {request:?}: {other:?}")),
            };
        };
        let Some(report) = self.arrived(done, &before)? else {
            return Ok(());
        };
        if report.to != target {
            return Err(format!("{request:?} leads to {target}, not {}", report.to));
        }
        let expected = self.reference.state(&target).expect("every run has a state").clone();
        self.land(&report, &before, expected)?;
        if let Request::Switch(_) = request {
            if self.cut.is_none() && !self.is_damaged && !self.torn.contains(&target) {
                self.visit(&target)?;
            }
            self.reference.switch(&report.to, &report.at);
        } else {
            self.reference.shift(back);
            self.reference.drift(&report.at);
        }
        Ok(())
    }

    fn perform(&mut self, request: &Request, before: &Before) -> Result<Result<Report, SessionError>, String> {
        let at = self.session.at();
        let was = at.map(|at| self.session.history().label(&at));
        let options = RestoreOptions {
            dry_run: false,
            replay: self.mode.replay,
        };
        self.kernel.others.run = Some(other_process(
            &self.disk,
            self.history,
            self.life,
            &Trust::own(key().public()),
        ));
        let done = self.session.perform(&mut self.kernel, request, options);
        self.tally.apart += std::mem::take(&mut self.kernel.others.count);
        self.kernel.fault = None;
        // The garbage collector runs, as in the reference model: weak references into a cycle die with the cycle.
        self.kernel.world.heap.sweep();
        let drifted = match &done {
            // An external change without changed values is not reported as one, but the restore still begins there.
            Ok(report) => (Some(&report.from) != was.as_ref()).then(|| report.from.clone()),
            Err(_) if self.session.at() != at => self.session.at().map(|at| self.session.history().label(&at)),
            Err(_) => None,
        };
        let differs = crate::visibly_same(&before.world, &self.reference.settled, None).is_err();
        if drifted.is_none() && done.is_ok() && differs {
            return Err("a change from outside was not recorded".to_owned());
        }
        if let Some(label) = drifted {
            self.reference.drift(&label);
        }
        Ok(done)
    }

    /// Returns the report, or `None` if a fault stopped the restore, which must have changed nothing.
    fn arrived(&mut self, done: Result<Report, SessionError>, before: &Before) -> Result<Option<Report>, String> {
        match done {
            Ok(report) => {
                self.last = Some(report.clone());
                Ok(Some(report))
            }
            Err(SessionError::Restore(_)) if self.mode.faults => {
                self.tally.stopped += 1;
                judge_stopped(&self.kernel, before)?;
                Ok(None)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Checks the state after a restore. The reference model follows; if the restore was not exact, it takes over the live state.
    fn land(&mut self, report: &Report, before: &Before, expected: World) -> Result<(), String> {
        self.tally.count(report);
        self.tally.uncertain += report.outcomes.iter().filter(|outcome| outcome.unverified).count() as u64;
        let is_torn = self.is_damaged || self.torn.contains(&report.to);
        let secret = self.secrets.get(&report.to).map(|then| (*then, self.kernel.secret));
        let exact = judge(&self.kernel, &self.session, report, before, &expected, is_torn, secret)?;
        if let Some(handles) = self.handles.get(&report.to) {
            judge_live(&self.kernel, before, handles)?;
        }
        self.reference.world = if exact { expected } else { self.kernel.world.clone() };
        self.reference.world.heap.set_life(self.life);
        Ok(())
    }

    fn restore(&mut self, run: u64, names: &[String], with_shared: bool) -> Result<(), String> {
        let target = self.label(run);
        let state = self.reference.state(&target).expect("every run has a state").clone();
        let names: BTreeSet<Root> = names
            .iter()
            .map(Root::name)
            .filter(|root| state.bound.contains_key(root))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let request = Request::Restore {
            revision: target.clone(),
            names: names.iter().cloned().collect(),
            with_shared,
        };
        let before = self.before();
        let done = self.perform(&request, &before)?;
        let Some(report) = self.arrived(done, &before)? else {
            return Ok(());
        };
        let asked: BTreeSet<Root> = report.outcomes.iter().map(|outcome| outcome.root.clone()).collect();
        if !names.is_subset(&asked) {
            return Err(format!("{names:?} were asked for, {asked:?} came"));
        }
        let with = |fits: &dyn Fn(&Root, OutcomeKind) -> bool| -> BTreeSet<Root> {
            let fitting = report
                .outcomes
                .iter()
                .filter(|outcome| fits(&outcome.root, outcome.kind));
            fitting.map(|outcome| outcome.root.clone()).collect()
        };
        self.reference.graft(
            &state,
            &with(&|_, word| matches!(word, OutcomeKind::Restored | OutcomeKind::Rerun)),
        );
        // An object that was set aside is the old object again, and may share objects as before.
        let is_same = |root: &Root| self.kernel.world.serial(root).as_ref() == before.serials.get(root);
        let unparked = with(&|root, word| word == OutcomeKind::Unchanged && !is_same(root));
        // An unverified live object may contain anything.
        let doubtful: BTreeSet<&Root> = report
            .outcomes
            .iter()
            .filter(|outcome| outcome.unverified)
            .map(|outcome| &outcome.root)
            .collect();
        let is_bound = |root: &&Root| root.kind != RootKind::Definition && !doubtful.contains(root);
        let unparked: BTreeSet<Root> = unparked.iter().filter(is_bound).cloned().collect();
        crate::same(&self.kernel.world, &state, Some(&unparked)).map_err(|what| format!("unparked: {what}"))?;
        let mut expected = self.reference.world.clone();
        let gone = report.outcomes.iter().filter(|outcome| {
            matches!(outcome.kind, OutcomeKind::Lost | OutcomeKind::NotIdentical)
                || outcome.unverified
                || unparked.contains(&outcome.root)
        });
        gone.for_each(|outcome| expected.unbind(&outcome.root));
        self.land_restored(&report, &before, &expected)?;
        self.reference.step(&report.at);
        Ok(())
    }

    fn land_restored(&mut self, report: &Report, before: &Before, expected: &World) -> Result<(), String> {
        self.tally.count(report);
        super::verdict::judge_restored(&self.kernel, report, before, expected)?;
        self.reference.world = self.kernel.world.clone();
        Ok(())
    }
}
