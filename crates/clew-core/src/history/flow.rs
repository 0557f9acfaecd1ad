//! Flow: which runs made a value what it is, followed back through what each run may have read and what it changed.
//!
//! In: the runs of a history with their evidence. Out: [`Slice`]s (the runs that a script of its own needs) and
//! [`StaleRun`] runs (those whose inputs are others now). Evidence says "may have": what is followed is never too little,
//! where nobody could tell (magics, `exec`, threads) it is everything.
//!
//! ```text
//!   need  root after run 9 ──► the last run that changed it: run 7 ──► a step of the slice
//!                                                            │
//!           unless it certainly bound the root anew ◄────────┼─► all it may have read, as run 7 found it: more needs
//! ```

mod bound;
mod flow_cache;
mod inputs;
mod lazy;
mod line;
mod needs;
mod obstacles;
mod patches;
mod reach;
mod relocation;
mod slice;
mod stale;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

pub(crate) use self::bound::{as_reused, bound_again};
pub use self::flow_cache::FlowCache;
pub use self::line::RunPosition;
pub(crate) use self::needs::is_unwatched;
pub use self::obstacles::{ExecutionContext, ExternalInputs, ReuseObstacle};
pub use self::patches::{Patches, THREADS};
pub use self::relocation::rebased;
pub use self::slice::{GapKind, Slice, SliceGap, SliceStep};
pub use self::stale::{Reason, StaleRun};

use self::line::{Ancestry, AncestryDepth};
use self::reach::RootReach;
use super::{History, State};
use crate::format::{Encoding, Manifest, Run, Version};
use crate::id::{BlobId, Fingerprint, ManifestId, Root, RunId};
use crate::store::{Store, VerifiedValue};

/// The data beside the runs that is needed to follow values through a history. It is only read: nothing is built or executed.
pub trait ValueSource {
    /// What is stored of a version; `None` where it is missing.
    fn manifest(&self, id: &ManifestId) -> Option<Manifest>;

    /// The object stream of a version; `None` where it is missing.
    ///
    /// It tells a run that changed a value from one that merely made something else share objects with it.
    fn stream(&self, encoding: &Encoding) -> Option<Vec<u8>>;

    /// The source that a run ran; `None` where it is missing.
    fn source(&self, id: BlobId) -> Option<String>;
}

impl ValueSource for Store {
    fn manifest(&self, id: &ManifestId) -> Option<Manifest> {
        self.manifest(*id).ok().map(VerifiedValue::into_inner)
    }

    fn stream(&self, encoding: &Encoding) -> Option<Vec<u8>> {
        self.stream(&encoding.stream).ok().map(VerifiedValue::into_inner)
    }

    fn source(&self, id: BlobId) -> Option<String> {
        self.blob(id).ok().map(VerifiedValue::into_inner)
    }
}

/// The flow of values through the runs of a history.
pub struct Flow<'a> {
    history: &'a History,
    values: &'a dyn ValueSource,
    known: FlowCache,
    /// Runs that may have written each file, in the order of their numbers; once somebody asked for them.
    writers: OnceCell<BTreeMap<&'a str, Vec<RunId>>>,
    /// Whether a run counts as having changed all that its versions hold.
    is_coarse: bool,
}

impl<'a> Flow<'a> {
    /// The flow through `history`.
    pub fn new(history: &'a History, values: &'a dyn ValueSource) -> Self {
        Self::knowing(history, values, FlowCache::default())
    }

    /// The same, with what an earlier one found out of this history. Runs may have been added since.
    pub fn knowing(history: &'a History, values: &'a dyn ValueSource, known: FlowCache) -> Self {
        Self {
            history,
            values,
            known,
            writers: OnceCell::new(),
            is_coarse: false,
        }
    }

    /// The same, but that a run counts as having changed all of each co-variable that it left, what it merely joined too. No value
    /// is read to tell these apart: enough to know what a run [`needs`](Self::needs), and many times quicker in a long history.
    #[must_use]
    pub fn coarse(self) -> Self {
        Self {
            // Lines tell one from the other.
            known: FlowCache::default(),
            is_coarse: true,
            ..self
        }
    }

    /// What it found out, for the next one.
    pub fn into_known(self) -> FlowCache {
        self.known
    }

    /// The place of a run, on a line that leads through it.
    pub fn place(&self, run: RunId) -> RunPosition<'a> {
        let known = || self.known.spot(&run);
        let spot = known().unwrap_or_else(|| {
            let line = self.line_through(run);
            known().unwrap_or_else(|| AncestryDepth {
                depth: line.last(),
                line,
            })
        });
        RunPosition::of(self.history, spot)
    }

    /// A line that leads through `run` to an end of the history, so that few lines hold all runs. It goes on from where
    /// it leaves one that is known.
    fn line_through(&self, run: RunId) -> Arc<Ancestry> {
        let following = std::iter::successors(Some(run), |run| self.history.children(run).last().copied());
        // All at once, on several processors.
        let readable = self.history.runs_of(&following.collect::<Vec<_>>());
        let tip = readable.last().map_or(run, |(id, _)| *id);
        let mut ids = Vec::new();
        let mut base = None;
        for (id, _) in self.history.ancestry(tip) {
            base = self.known.spot(&id);
            if base.is_some() {
                break;
            }
            ids.push(id);
        }
        let mut runs: Vec<(RunId, &Run)> = self.history.runs_of(&ids);
        runs.reverse();
        let state = base
            .as_ref()
            .map(|base| State::clone(&self.history.state(base.run())))
            .unwrap_or_default();
        let line = Arc::new(Ancestry::of(self.is_coarse, base, state, &runs));
        self.known.learn(&line);
        line
    }

    /// The run that made `root` what it is at `place`, and where on the line that is; `None` where there is no such root.
    pub fn maker(&self, root: &Root, place: &RunPosition<'a>) -> Option<RunPosition<'a>> {
        place
            .line
            .last_change(self, root, place.depth)
            .map(|depth| place.at(depth))
    }

    /// Roots that the run at `place` changed or took away, or may have changed, in order.
    fn changed(&self, place: &RunPosition<'a>) -> Vec<&'a Root> {
        let run = place.recorded();
        let spared = place.line.spared(self, place.depth);
        let changed = run
            .changed_roots()
            .filter(|root| spared.is_none_or(|spared| !spared.contains(*root)));
        let may_be = run.removed.iter().chain(&run.evidence.used);
        let all: BTreeSet<&Root> = may_be.chain(changed).collect();
        all.into_iter().collect()
    }

    /// The version of `root` that its maker recorded, or found where it may only have used it. Others may share objects with it since.
    pub fn version(&self, root: &Root, place: &RunPosition<'a>) -> Option<&'a Version> {
        let maker = self.maker(root, place)?;
        let of = |run: &'a Run| run.changed.iter().find(|version| version.roots.contains(root));
        let found = of(maker.recorded());
        if found.is_some() || !maker.recorded().evidence.used.contains(root) {
            return found;
        }
        (0..maker.depth).rev().find_map(|depth| of(maker.at(depth).recorded()))
    }

    /// Notebook classes that what `root` is at `place` refers to: they are part of how it behaves.
    fn definitions(&self, root: &Root, place: &RunPosition<'a>) -> Vec<Root> {
        let classes = self.version(root, place).map(|version| self.classes_of(version));
        let classes = classes.into_iter().flatten();
        classes.filter(|class| class != root).collect()
    }

    /// Notebook classes that a version refers to.
    fn classes_of(&self, version: &Version) -> Vec<Root> {
        let manifest = self.manifest(version);
        manifest.iter().flat_map(|manifest| manifest.definitions()).collect()
    }

    fn manifest(&self, version: &Version) -> Option<Arc<Manifest>> {
        self.known.manifest(version, self.values)
    }

    /// Whether the root alone could not be told from what it was in the other version.
    fn is_alike(&self, root: &Root, one: &Version, other: &Version) -> bool {
        if let (Some(one), Some(other)) = (self.alone(root, one), self.alone(root, other)) {
            return one == other;
        }
        let hash_of = |version: &Version| {
            let index = version.roots.iter().position(|other| other == root)?;
            Some(self.reach(version)?.get(index)?.hash)
        };
        matches!((hash_of(one), hash_of(other)), (Some(one), Some(other)) if one == other)
    }

    /// What the root's value hashes to by itself, where that was recorded and tells it: an address of something outside is part of
    /// a handle's value, and as good at another place.
    fn alone(&self, root: &Root, version: &Version) -> Option<Fingerprint> {
        let manifest = self.manifest(version)?;
        let has_handles = manifest.encoding().is_some_and(Encoding::has_handles);
        manifest.alone(root).filter(|_| !has_handles)
    }

    /// The other roots of the version that share something with the root itself; `None` where that can't be told.
    fn neighbours<'v>(&self, root: &Root, version: &'v Version) -> Option<BTreeSet<&'v Root>> {
        if version.roots.len() == 1 {
            return Some(BTreeSet::new());
        }
        let index = version.roots.iter().position(|other| other == root)?;
        let near: Vec<usize> = if self.alone(root, version).is_some() {
            let manifest = self.manifest(version)?;
            let shares = &manifest.summaries.get(index)?.shares;
            shares.iter().map(|other| *other as usize).collect()
        } else {
            let reach = self.reach(version)?;
            let own = reach.get(index)?;
            let meets = |other: &usize| *other != index && reach[*other].meets(own);
            (0..reach.len()).filter(meets).collect()
        };
        Some(near.into_iter().filter_map(|other| version.roots.get(other)).collect())
    }

    fn reach(&self, version: &Version) -> Option<Arc<Vec<RootReach>>> {
        self.known.reach(version, self.values)
    }

    /// Runs before `run` that may have written the file, a folder it lies in, or, for a folder, what lies in it.
    fn writers_of(&self, path: &str, run: RunId) -> BTreeSet<RunId> {
        let Some(number) = self.history.run(&run).map(|run| run.number) else {
            return BTreeSet::new();
        };
        let written = self.writers.get_or_init(|| writers(self.history));
        let folders = path.char_indices().filter(|(at, letter)| *letter == '/' && *at > 0);
        let folders = folders.filter_map(|(at, _)| written.get(&path[..at]));
        let inside = format!("{path}/");
        let within = written
            .range::<str, _>((Bound::Included(inside.as_str()), Bound::Unbounded))
            .take_while(|(written, _)| written.starts_with(&inside))
            .map(|(_, runs)| runs);
        let is_before = |id: &&RunId| self.history.run(id).is_some_and(|run| run.number < number);
        let writers = written.get(path).into_iter().chain(folders).chain(within);
        writers.flatten().filter(is_before).copied().collect()
    }
}

/// Runs that may have written each file, in the order of their numbers.
fn writers(history: &History) -> BTreeMap<&str, Vec<RunId>> {
    let mut writers: BTreeMap<&str, Vec<RunId>> = BTreeMap::new();
    for (id, run) in history.runs() {
        for file in &run.evidence.files_written {
            writers.entry(&file.path).or_default().push(*id);
        }
    }
    writers
}
