//! What there is to choose between: from what is wanted back over all that making it would need.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::line::{Left, Line};
use crate::cause::Cause;
use crate::format::{Body, Manifest, Run, Version};
use crate::history::History;
use crate::history::flow::{Flow, Place};
use crate::id::{ManifestId, Root, RootKind, RunId};
use crate::plan::cut::{Choice, Cost, Forbidden, Piece, Replay, Sending, Unsendable, Value};

/// What it takes to have a value, and to replay a run.
pub trait Ways {
    /// What is known of a version, if anything is.
    fn manifest(&self, id: &ManifestId) -> Option<std::sync::Arc<Manifest>>;

    /// What it takes to send a version that `run` left: time of its own, and pieces with their ids.
    ///
    /// # Errors
    /// Why that is impossible.
    fn sending(&self, run: RunId, version: &Version) -> Result<Load, Unsendable>;

    /// What it takes to replay a run.
    ///
    /// # Errors
    /// Why that may not be done.
    fn replaying(&self, id: RunId, run: &Run) -> Result<Cost, Forbidden>;
}

/// What it takes to send a version.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Time that is its own whatever the place has.
    pub cost: Cost,
    /// Its pieces, each once.
    pub pieces: Vec<([u8; 32], Piece)>,
}

/// What there is to choose between, and what stands at which position.
#[derive(Debug)]
pub struct Laid {
    /// The choice.
    pub choice: Choice,
    /// The versions, by the positions of its values, and the runs that left them.
    pub values: Vec<(Version, RunId)>,
    /// The runs, by their positions.
    pub runs: Vec<RunId>,
    /// What goes along in any plan: state around the values that was there before any cell (generators, the directory, options), which
    /// is small and no cell makes; and classes, whose cell can only make them again, and instances of them, where it is known
    /// what they were.
    pub along: Vec<Along>,
    /// What that takes.
    pub along_takes: Piece,
    /// What it takes a process to import what the cells imported, before anything of theirs can be loaded or run there.
    pub importing: Cost,
}

/// A version that goes along in any plan.
#[derive(Debug, Clone)]
pub struct Along {
    /// The version.
    pub version: Version,
    /// The run that left it.
    pub run: RunId,
    /// Bytes of it that are not there.
    pub bytes: u64,
    /// Whether it is a part of the state.
    pub is_wanted: bool,
}

/// A history laid out as a choice.
pub struct Layout<'a, W> {
    history: &'a History,
    flow: &'a Flow<'a>,
    ways: &'a W,
    line: Line<'a>,
    /// What a run needs, by its depth, as far as it was asked for.
    replays: FxHashMap<usize, Need>,
    is_needed: Vec<bool>,
}

/// What a replay needs.
struct Need {
    cost: Result<Cost, Forbidden>,
    reads: Vec<usize>,
}

impl<'a, W: Ways> Layout<'a, W> {
    /// Lays out what it takes to have the state that `run` left: all of it, or the versions of which `is_wanted` holds.
    pub fn of(
        history: &'a History,
        flow: &'a Flow<'a>,
        run: RunId,
        ways: &'a W,
        is_wanted: &dyn Fn(&Version) -> bool,
    ) -> Laid {
        let places: Vec<Place> = flow.place(run).line().collect();
        let line = Line::of(history, places);
        let mut layout = Self {
            is_needed: vec![false; line.left.len()],
            history,
            flow,
            ways,
            line,
            replays: FxHashMap::default(),
        };
        let mut wanted = layout.line.last();
        wanted.retain(|value| is_wanted(layout.line.left[*value].version));
        layout.follow(wanted.clone());
        layout.lay(&wanted)
    }

    /// Goes back from values to what making them needs.
    fn follow(&mut self, mut open: Vec<usize>) {
        while let Some(value) = open.pop() {
            if std::mem::replace(&mut self.is_needed[value], true) {
                continue;
            }
            let depth = self.line.left[value].depth;
            if self.line.left[value].is_made && !self.replays.contains_key(&depth) {
                let need = self.need(depth);
                open.extend(&need.reads);
                self.replays.insert(depth, need);
            }
        }
    }

    /// What a replay of the run at a depth needs.
    fn need(&self, depth: usize) -> Need {
        let place = &self.line.places[depth];
        let id = place.run();
        let forbidden = |why| Need {
            cost: Err(why),
            reads: Vec::new(),
        };
        let Some(run) = self.history.run(&id) else {
            return forbidden(Forbidden::NoCell);
        };
        let cost = match self.ways.replaying(id, run) {
            Ok(cost) => cost,
            Err(why) => return forbidden(why),
        };
        if let Some(generator) = self.unseeded(depth, run) {
            return forbidden(Forbidden::Unseeded { generator });
        }
        let reads = self.reads(depth, place);
        let live = reads.iter().find(|value| self.has_no_value(**value));
        if let Some(value) = live {
            let root = self.line.left[*value].version.roots.first();
            return forbidden(Forbidden::ReadLive {
                name: root.map(ToString::to_string).unwrap_or_default(),
            });
        }
        Need { cost: Ok(cost), reads }
    }

    /// Values that a replay of the run at a depth has to find, with the classes that they are of.
    fn reads(&self, depth: usize, place: &Place) -> Vec<usize> {
        let needed = self.flow.needs(place);
        let mut open: Vec<usize> = needed.iter().filter_map(|root| self.line.before(depth, root)).collect();
        let mut reads = BTreeSet::new();
        while let Some(value) = open.pop() {
            if reads.insert(value) {
                let classes = self.definitions(value);
                open.extend(classes.iter().filter_map(|class| self.line.before(depth, class)));
            }
        }
        reads.into_iter().collect()
    }

    fn definitions(&self, value: usize) -> Vec<Root> {
        let manifest = self.ways.manifest(&self.line.left[value].version.manifest);
        match manifest.as_deref().map(|manifest| &manifest.body) {
            Some(Body::Encoded(encoding)) => {
                let ids = encoding.definitions.iter();
                ids.map(|id| Root::new(RootKind::Definition, id.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a value could not even be recorded, so that nothing hands it on from one run to another.
    fn has_no_value(&self, value: usize) -> bool {
        let manifest = self.ways.manifest(&self.line.left[value].version.manifest);
        manifest.is_some_and(|manifest| matches!(&manifest.body, Body::Recipe { why } if !Cause::is_over_budget(why)))
    }

    /// A generator that the run drew from, and of which nobody knows where it stood.
    fn unseeded(&self, depth: usize, run: &Run) -> Option<String> {
        let is_known = |generator: &String| {
            let root = Root::new(RootKind::Random, generator.clone());
            run.evidence.seeded.contains(generator) || self.line.before(depth, &root).is_some()
        };
        let left = run.changed.iter().flat_map(|version| &version.roots);
        let left = left.filter(|root| root.kind == RootKind::Random).map(|root| &root.key);
        let mut drawn = run.evidence.random.keys().chain(left);
        drawn.find(|generator| !is_known(generator)).cloned()
    }

    /// Puts what was met into a choice, in the order in which it happened.
    fn lay(&self, wanted: &[usize]) -> Laid {
        let mut laid = Laid {
            choice: Choice::default(),
            values: Vec::new(),
            runs: Vec::new(),
            along: Vec::new(),
            importing: Cost::of_nanoseconds(self.line.importing),
            along_takes: Piece {
                cost: Cost::ZERO,
                bytes: 0,
                is_there: false,
            },
        };
        let needed: Vec<usize> = (0..self.is_needed.len())
            .filter(|value| self.is_needed[*value])
            .collect();
        let loads: Vec<Result<Load, Unsendable>> = needed.iter().map(|value| self.load(*value)).collect();
        let mut pieces = Pieces::of(&loads);
        let mut positions: FxHashMap<usize, usize> = FxHashMap::default();
        let mut runs: FxHashMap<usize, usize> = FxHashMap::default();
        for (value, load) in needed.into_iter().zip(loads) {
            let left = &self.line.left[value];
            if let (Ok(load), true) = (&load, is_around(left) || has_class(left)) {
                let is_wanted = wanted.contains(&value);
                laid.take_along((left.version, self.line.run(left.depth)), load, is_wanted);
                continue;
            }
            let maker = left.is_made.then(|| {
                *runs.entry(left.depth).or_insert_with(|| {
                    let need = &self.replays[&left.depth];
                    let reads = need
                        .reads
                        .iter()
                        .filter_map(|read| positions.get(read))
                        .copied()
                        .collect();
                    laid.runs.push(self.line.run(left.depth));
                    let cost = need.cost.clone();
                    laid.choice.add_run(Replay { cost, reads })
                })
            });
            let is_gone = load.as_ref().is_err_and(Unsendable::is_for_good);
            let sending = load.map(|load| pieces.sending(load, &mut laid.choice));
            let position = laid.choice.add_value(Value {
                maker: maker.filter(|_| !is_gone),
                sending,
                is_wanted: false,
            });
            positions.insert(value, position);
            laid.values.push((left.version.clone(), self.line.run(left.depth)));
        }
        let wanted = wanted.iter().filter_map(|value| positions.get(value));
        wanted.for_each(|value| laid.choice.want(*value));
        laid
    }

    fn load(&self, value: usize) -> Result<Load, Unsendable> {
        let left = &self.line.left[value];
        self.ways.sending(self.line.run(left.depth), left.version)
    }
}

impl Laid {
    fn take_along(&mut self, (version, run): (&Version, RunId), load: &Load, is_wanted: bool) {
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
        self.along.push(Along {
            version: version.clone(),
            run,
            bytes,
            is_wanted,
        });
    }
}

/// Whether it is state around the values that was there before any cell.
fn is_around(left: &Left<'_>) -> bool {
    let is_value = |root: &Root| matches!(root.kind, RootKind::Name | RootKind::Out | RootKind::Definition);
    !left.is_made && !left.version.roots.iter().any(is_value)
}

/// Whether there is a class in it.
fn has_class(left: &Left<'_>) -> bool {
    let mut roots = left.version.roots.iter();
    roots.any(|root| root.kind == RootKind::Definition)
}

/// Pieces that several values have, as against those that are one value's own.
struct Pieces {
    users: FxHashMap<[u8; 32], usize>,
    positions: FxHashMap<[u8; 32], usize>,
}

impl Pieces {
    fn of(loads: &[Result<Load, Unsendable>]) -> Self {
        let mut users: FxHashMap<[u8; 32], usize> = FxHashMap::default();
        for (id, _) in loads.iter().flatten().flat_map(|load| &load.pieces) {
            *users.entry(*id).or_default() += 1;
        }
        Self {
            users,
            positions: FxHashMap::default(),
        }
    }

    fn sending(&mut self, load: Load, choice: &mut Choice) -> Sending {
        let mut sending = Sending {
            cost: load.cost,
            ..Sending::default()
        };
        for (id, piece) in load.pieces {
            if self.users[&id] > 1 {
                let position = self.positions.entry(id).or_insert_with(|| choice.add_piece(piece));
                sending.pieces.push(*position);
            } else if !piece.is_there {
                sending.cost = sending.cost.plus(piece.cost);
                sending.bytes = sending.bytes.saturating_add(piece.bytes);
            }
        }
        sending
    }
}
