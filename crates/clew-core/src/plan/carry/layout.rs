//! The layout of a choice: goes back from the wanted values to everything that recreating them requires.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::line::{RecordedVersion, VersionTimeline};
use crate::cause::Cause;
use crate::format::{Body, Manifest, Run, Version};
use crate::history::flow::Flow;
use crate::id::{ManifestId, Root, RootKind, RunId};
use crate::plan::cut::{
    Choice, ChoiceValue, Cost, Replay, ReplayProhibition, SendObstacle, SharedPiece, ValueTransfer,
};

/// The costs of sending a value and of rerunning a run.
pub trait TransferCosts {
    /// Returns manifests, in the order of `ids`; otherwise the reason why a version cannot be sent.
    fn manifests(&self, ids: &[ManifestId]) -> Vec<SendableManifest>;

    /// Returns the costs of sending versions, in their order.
    fn sending(&self, versions: &[StoredVersion<'_>]) -> Vec<Result<VersionTransfer, SendObstacle>>;

    /// Returns the cost of rerunning a run.
    ///
    /// # Errors
    /// Returns why the run may not be rerun.
    fn replaying(&self, id: RunId, run: &Run) -> Result<Cost, ReplayProhibition>;
}

/// The manifest of a version, or the reason why the version cannot be sent.
pub type SendableManifest = Result<Arc<Manifest>, SendObstacle>;

/// A version whose manifest is stored.
#[derive(Debug, Clone, Copy)]
pub struct StoredVersion<'a> {
    /// The version.
    pub version: &'a Version,
    /// The run that recorded it.
    pub run: RunId,
    /// Its manifest.
    pub manifest: &'a Manifest,
}

/// The cost of sending a version: its own time, and the pieces that it may share with other versions.
#[derive(Debug, Clone, Default)]
pub struct VersionTransfer {
    /// The time for itself, independent of the data at the target.
    pub cost: Cost,
    /// Its pieces, each once.
    pub pieces: Vec<([u8; 32], SharedPiece)>,
}

/// A choice, with the versions and runs at its positions.
#[derive(Debug)]
pub struct IndexedChoice<'a> {
    /// The choice.
    pub choice: Choice,
    /// The versions at the positions of the values, and the runs that left them.
    pub values: Vec<(&'a Version, RunId)>,
    /// The runs at their positions.
    pub runs: Vec<RunId>,
    /// Versions that every plan sends, if they are stored: state other than values that existed before any cell (random
    /// generators, the directory, options), which is small and which no cell creates, and classes with their instances, since a
    /// rerun cell would create new classes.
    pub along: Vec<IncludedVersion<'a>>,
    /// The cost of these versions and, in a plan, of everything else that every plan sends.
    pub along_takes: SharedPiece,
    /// The time for a process to repeat the cells' imports, before it can load or run anything of theirs.
    pub importing: Cost,
}

/// A version that every plan sends.
#[derive(Debug, Clone)]
pub struct IncludedVersion<'a> {
    /// The version.
    pub version: &'a Version,
    /// The run that recorded it.
    pub run: RunId,
    /// Its bytes that the target lacks.
    pub bytes: u64,
    /// Whether it is a part of the state.
    pub is_wanted: bool,
}

/// A history, converted into a [`Choice`](crate::plan::cut::Choice).
pub struct ChoiceLayout<'f, 'a, W> {
    flow: &'f Flow<'a>,
    ways: &'f W,
    line: VersionTimeline<'a>,
    /// The manifest of each version, by position, as far as it was requested.
    known: Vec<OnceCell<SendableManifest>>,
    /// The requirements of each run, by its depth, as far as they were requested.
    replays: Vec<Option<Need>>,
    is_needed: Vec<bool>,
}

/// The requirements of a rerun.
struct Need {
    cost: Result<Cost, ReplayProhibition>,
    reads: Vec<usize>,
    /// Whether the classes of the values that it reads are included, and all of these were recorded.
    is_whole: bool,
}

impl<'f, 'a, W: TransferCosts> ChoiceLayout<'f, 'a, W> {
    /// Lays out the choice for the state after `run`: all of it, or the versions for which `is_wanted` is true.
    pub fn of(flow: &'f Flow<'a>, run: RunId, ways: &'f W, is_wanted: &dyn Fn(&Version) -> bool) -> IndexedChoice<'a> {
        let line = VersionTimeline::to(flow.place(run));
        let mut layout = Self {
            is_needed: vec![false; line.left.len()],
            known: vec![OnceCell::new(); line.left.len()],
            replays: (0..line.length()).map(|_| None).collect(),
            flow,
            ways,
            line,
        };
        let mut wanted = layout.line.last();
        wanted.retain(|value| is_wanted(layout.line.left[*value].version));
        let met = layout.meet(wanted.clone());
        layout.read(&met);
        layout.follow(wanted.clone());
        layout.lay(&wanted)
    }

    /// Goes back from values to the requirements of their runs, without reading manifests, and returns all versions on the way.
    /// Nearly all of these are needed in the end, so their manifests can be read at once, in the order in which they are stored.
    fn meet(&mut self, mut open: Vec<usize>) -> Vec<usize> {
        let mut is_met = vec![false; self.line.left.len()];
        while let Some(value) = open.pop() {
            let left = &self.line.left[value];
            if !std::mem::replace(&mut is_met[value], true) && left.is_made && self.replays[left.depth].is_none() {
                let need = self.need(left.depth);
                open.extend(&need.reads);
                let depth = left.depth;
                self.replays[depth] = Some(need);
            }
        }
        (0..is_met.len()).filter(|value| is_met[*value]).collect()
    }

    /// Reads the manifests of versions.
    fn read(&self, values: &[usize]) {
        let ids: Vec<ManifestId> = values
            .iter()
            .map(|value| self.line.left[*value].version.manifest)
            .collect();
        for (value, known) in values.iter().zip(self.ways.manifests(&ids)) {
            self.known[*value].get_or_init(|| known);
        }
    }

    /// Returns the manifest of a version.
    fn known(&self, value: usize) -> &SendableManifest {
        if self.known[value].get().is_none() {
            self.read(&[value]);
        }
        self.known[value].get().unwrap_or(&Err(SendObstacle::Missing))
    }

    /// Goes back from values to the requirements of their runs.
    fn follow(&mut self, mut open: Vec<usize>) {
        while let Some(value) = open.pop() {
            if std::mem::replace(&mut self.is_needed[value], true) {
                continue;
            }
            let (depth, is_made) = (self.line.left[value].depth, self.line.left[value].is_made);
            if is_made && !self.replays[depth].as_ref().is_some_and(|need| need.is_whole) {
                let need = self.replays[depth].take().unwrap_or_else(|| self.need(depth));
                let need = self.whole(depth, need);
                open.extend(&need.reads);
                self.replays[depth] = Some(need);
            }
        }
    }

    /// Returns the requirements of rerunning the run at a depth, from the records of the runs.
    fn need(&self, depth: usize) -> Need {
        let place = self.line.place(depth);
        let run = place.recorded();
        let cost = match self.ways.replaying(place.run(), run) {
            Ok(cost) => cost,
            Err(why) => return Need::forbidden(why),
        };
        if let Some(generator) = self.unseeded(depth, run) {
            return Need::forbidden(ReplayProhibition::Unseeded { generator });
        }
        let needed = self.flow.needs(&place);
        Need {
            cost: Ok(cost),
            reads: needed.iter().filter_map(|root| self.line.before(depth, root)).collect(),
            is_whole: false,
        }
    }

    /// Adds the classes of the values that the run reads. Forbids the rerun if one of them could not be recorded.
    fn whole(&self, depth: usize, need: Need) -> Need {
        let reads = self.with_classes(depth, need.reads);
        let live = reads.iter().find(|value| self.has_no_value(**value));
        if let Some(value) = live {
            let root = self.line.left[*value].version.roots.first();
            return Need::forbidden(ReplayProhibition::ReadLive {
                name: root.map(ToString::to_string).unwrap_or_default(),
            });
        }
        Need {
            reads,
            is_whole: true,
            ..need
        }
    }

    /// Returns the values that the run at a depth reads, in order, with their classes.
    fn with_classes(&self, depth: usize, mut open: Vec<usize>) -> Vec<usize> {
        let mut reads = BTreeSet::new();
        while let Some(value) = open.pop() {
            if reads.insert(value) {
                let classes = self.known(value).iter().flat_map(|manifest| manifest.definitions());
                open.extend(classes.filter_map(|class| self.line.before(depth, &class)));
            }
        }
        reads.into_iter().collect()
    }

    /// Returns whether a value, or a member of it, could not even be recorded, so that it cannot be passed from one run to another.
    fn has_no_value(&self, value: usize) -> bool {
        let manifest = self.known(value).as_deref();
        manifest.is_ok_and(|manifest| match &manifest.body {
            Body::Recipe { why, .. } => !Cause::is_over_budget(why),
            Body::Encoded(encoding) => !encoding.is_whole(),
            _ => false,
        })
    }

    /// Returns a random generator from which the run drew and whose state before is unknown.
    fn unseeded(&self, depth: usize, run: &Run) -> Option<String> {
        let is_known = |generator: &String| {
            let root = Root::new(RootKind::Random, generator.clone());
            let evidence = &run.evidence;
            evidence.seeded.contains(generator)
                || evidence.undrawn.contains(generator)
                || self.line.before(depth, &root).is_some()
        };
        let left = run
            .changed_roots()
            .filter(|root| root.kind == RootKind::Random)
            .map(|root| &root.key);
        let mut drawn = run.evidence.random.keys().chain(left);
        drawn.find(|generator| !is_known(generator)).cloned()
    }

    /// Adds the needed values and runs to a choice, in the order in which they were recorded.
    fn lay(&self, wanted: &[usize]) -> IndexedChoice<'a> {
        let mut laid = IndexedChoice {
            choice: Choice::default(),
            values: Vec::new(),
            runs: Vec::new(),
            along: Vec::new(),
            importing: Cost::of_nanoseconds(self.line.importing),
            along_takes: SharedPiece {
                cost: Cost::ZERO,
                bytes: 0,
                is_there: false,
            },
        };
        let needed: Vec<usize> = (0..self.is_needed.len())
            .filter(|value| self.is_needed[*value])
            .collect();
        let loads = self.loads(&needed);
        let mut pieces = Pieces::of(&loads);
        let mut positions: Vec<Option<usize>> = vec![None; self.line.left.len()];
        let mut runs: Vec<Option<usize>> = vec![None; self.line.length()];
        for (value, load) in needed.into_iter().zip(loads) {
            let left = &self.line.left[value];
            if let (Ok(load), true) = (&load, is_around(left) || has_class(left)) {
                let is_wanted = wanted.contains(&value);
                laid.take_along((left.version, self.line.run_of(left)), load, is_wanted);
                continue;
            }
            let maker = left.is_made.then(|| {
                *runs[left.depth].get_or_insert_with(|| {
                    laid.runs.push(self.line.run_of(left));
                    laid.choice.add_run(self.replay(left.depth, &positions))
                })
            });
            let is_gone = load.as_ref().is_err_and(SendObstacle::is_for_good);
            let sending = load.map(|load| pieces.sending(load, &mut laid.choice));
            positions[value] = Some(laid.choice.add_value(ChoiceValue {
                maker: maker.filter(|_| !is_gone),
                sending,
                is_wanted: false,
            }));
            laid.values.push((left.version, self.line.run_of(left)));
        }
        let wanted = wanted.iter().filter_map(|value| positions[*value]);
        wanted.for_each(|value| laid.choice.want(value));
        laid
    }

    /// Returns the requirements of the run at a depth; `positions` are those of values in the choice.
    fn replay(&self, depth: usize, positions: &[Option<usize>]) -> Replay {
        match &self.replays[depth] {
            Some(need) => Replay {
                cost: need.cost.clone(),
                reads: need.reads.iter().filter_map(|read| positions[*read]).collect(),
            },
            None => unreachable!("what a run needs is asked before what it left is laid out"),
        }
    }

    /// Returns the costs of sending values.
    fn loads(&self, values: &[usize]) -> Vec<Result<VersionTransfer, SendObstacle>> {
        let sendable = |value: &usize| {
            let left = &self.line.left[*value];
            let manifest = self.known(*value).as_deref().ok()?;
            Some(StoredVersion {
                version: left.version,
                run: self.line.run_of(left),
                manifest,
            })
        };
        let sendable: Vec<StoredVersion<'_>> = values.iter().filter_map(sendable).collect();
        let mut sending = self.ways.sending(&sendable).into_iter();
        let load = |value: &usize| match self.known(*value) {
            Ok(_) => sending.next().unwrap_or(Err(SendObstacle::Missing)),
            Err(why) => Err(why.clone()),
        };
        values.iter().map(load).collect()
    }
}

impl Need {
    fn forbidden(why: ReplayProhibition) -> Self {
        Self {
            cost: Err(why),
            reads: Vec::new(),
            is_whole: true,
        }
    }
}

impl<'a> IndexedChoice<'a> {
    fn take_along(&mut self, (version, run): (&'a Version, RunId), load: &VersionTransfer, is_wanted: bool) {
        let lacking = load
            .pieces
            .iter()
            .map(|(_, piece)| piece)
            .filter(|piece| !piece.is_there);
        let takes = &mut self.along_takes;
        takes.cost = lacking
            .clone()
            .map(|piece| piece.cost)
            .chain([takes.cost, load.cost])
            .sum();
        let bytes = lacking.map(|piece| piece.bytes).fold(0, u64::saturating_add);
        takes.bytes = takes.bytes.saturating_add(bytes);
        self.along.push(IncludedVersion {
            version,
            run,
            bytes,
            is_wanted,
        });
    }
}

/// Returns whether it is state other than values that existed before any cell.
fn is_around(left: &RecordedVersion<'_>) -> bool {
    let is_value = |root: &Root| matches!(root.kind, RootKind::Name | RootKind::Out | RootKind::Definition);
    !left.is_made && !left.version.roots.iter().any(is_value)
}

/// Returns whether it contains a class.
fn has_class(left: &RecordedVersion<'_>) -> bool {
    let mut roots = left.version.roots.iter();
    roots.any(|root| root.kind == RootKind::Definition)
}

/// The pieces, with the number of values that have each.
struct Pieces(FxHashMap<[u8; 32], Users>);

/// The values that have a piece.
#[derive(Default)]
struct Users {
    count: usize,
    /// The position of the piece in the choice, once one of several values was laid out.
    position: Option<usize>,
}

impl Pieces {
    fn of(loads: &[Result<VersionTransfer, SendObstacle>]) -> Self {
        let mut users: FxHashMap<[u8; 32], Users> = FxHashMap::default();
        for (id, _) in loads.iter().flatten().flat_map(|load| &load.pieces) {
            users.entry(*id).or_default().count += 1;
        }
        Self(users)
    }

    fn sending(&mut self, load: VersionTransfer, choice: &mut Choice) -> ValueTransfer {
        let mut sending = ValueTransfer {
            cost: load.cost,
            ..ValueTransfer::default()
        };
        for (id, piece) in load.pieces {
            let users = self.0.entry(id).or_default();
            if users.count > 1 {
                let position = users.position.get_or_insert_with(|| choice.add_piece(piece));
                sending.pieces.push(*position);
            } else if !piece.is_there {
                sending.cost = sending.cost.plus(piece.cost);
                sending.bytes = sending.bytes.saturating_add(piece.bytes);
            }
        }
        sending
    }
}
