//! Data flow: which runs produced a value, followed back through what each run may have read and what it changed.
//!
//! The input is the runs of a history with their evidence. The output is [`Slice`]s (the runs that a standalone script needs) and
//! [`StaleRun`]s (runs whose inputs have changed). Evidence means "may have", so the analysis never follows too little. If the
//! effects of code cannot be determined (magics, `exec`, threads), it follows everything.
//!
//! ```text
//!   need  root after run 9 ──► the last run that changed it: run 7 ──► a step of the slice
//!                                                            │
//!           unless it certainly rebound the root ◄───────────┼─► all it may have read, as run 7 found it: more needs
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
    /// Returns the manifest of a version; `None` if it is missing.
    fn manifest(&self, id: &ManifestId) -> Option<Manifest>;

    /// Returns the object stream of a version; `None` if it is missing.
    ///
    /// It distinguishes a run that changed a value from a run that only made another object share objects with it.
    fn stream(&self, encoding: &Encoding) -> Option<Vec<u8>>;

    /// Returns the source that a run executed; `None` if it is missing.
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

/// The data flow through the runs of a history.
pub struct Flow<'a> {
    history: &'a History,
    values: &'a dyn ValueSource,
    known: FlowCache,
    /// Runs that may have written each file, in the order of their numbers; computed on first use.
    writers: OnceCell<BTreeMap<&'a str, Vec<RunId>>>,
    /// Whether a run counts as having changed all roots of its versions.
    is_coarse: bool,
}

impl<'a> Flow<'a> {
    /// Creates the data flow through `history`.
    pub fn new(history: &'a History, values: &'a dyn ValueSource) -> Self {
        Self::knowing(history, values, FlowCache::default())
    }

    /// Does the same, with the cache of an earlier one for this history. Runs may have been added since.
    pub fn knowing(history: &'a History, values: &'a dyn ValueSource, known: FlowCache) -> Self {
        Self {
            history,
            values,
            known,
            writers: OnceCell::new(),
            is_coarse: false,
        }
    }

    /// Treats a run as having changed all roots of each co-variable that it left, also those that it only joined with others. No
    /// value is read to distinguish these. It is sufficient to determine what a run [`needs`](Self::needs), and many times faster
    /// in a long history.
    #[must_use]
    pub fn coarse(self) -> Self {
        Self {
            // A cached ancestry belongs to one of the two modes.
            known: FlowCache::default(),
            is_coarse: true,
            ..self
        }
    }

    /// Returns the cache, for the next data flow.
    pub fn into_known(self) -> FlowCache {
        self.known
    }

    /// Returns the position of a run on a line of runs that contains it.
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

    /// Returns a line of runs through `run` to an end of the history, so that few lines contain all runs. It starts where it
    /// leaves a line that is already known.
    fn line_through(&self, run: RunId) -> Arc<Ancestry> {
        let following = std::iter::successors(Some(run), |run| self.history.children(run).last().copied());
        // Reads all at once, on several threads.
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

    /// Returns the position of the run that gave `root` its value at `place`; `None` if the root does not exist there.
    pub fn maker(&self, root: &Root, place: &RunPosition<'a>) -> Option<RunPosition<'a>> {
        place
            .line
            .last_change(self, root, place.depth)
            .map(|depth| place.at(depth))
    }

    /// Returns the roots that the run at `place` changed or removed, or may have changed, in order.
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

    /// Returns the version of `root` that its maker recorded. If the maker may only have used it, returns the version before that
    /// run. Other roots may have come to share objects with it since.
    pub fn version(&self, root: &Root, place: &RunPosition<'a>) -> Option<&'a Version> {
        let maker = self.maker(root, place)?;
        let of = |run: &'a Run| run.changed.iter().find(|version| version.roots.contains(root));
        let found = of(maker.recorded());
        if found.is_some() || !maker.recorded().evidence.used.contains(root) {
            return found;
        }
        (0..maker.depth).rev().find_map(|depth| of(maker.at(depth).recorded()))
    }

    /// Returns the notebook classes to which the value of `root` at `place` refers: they affect its behaviour.
    fn definitions(&self, root: &Root, place: &RunPosition<'a>) -> Vec<Root> {
        let classes = self.version(root, place).map(|version| self.classes_of(version));
        let classes = classes.into_iter().flatten();
        classes.filter(|class| class != root).collect()
    }

    /// Returns the notebook classes to which a version refers.
    fn classes_of(&self, version: &Version) -> Vec<Root> {
        let manifest = self.manifest(version);
        manifest.iter().flat_map(|manifest| manifest.definitions()).collect()
    }

    fn manifest(&self, version: &Version) -> Option<Arc<Manifest>> {
        self.known.manifest(version, self.values)
    }

    /// Returns whether the root alone is indistinguishable from its value in the other version.
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

    /// Returns the recorded fingerprint of the root alone, unless the value has handles: the address of something outside is part
    /// of a handle's value, and an equivalent handle may have another address.
    fn alone(&self, root: &Root, version: &Version) -> Option<Fingerprint> {
        let manifest = self.manifest(version)?;
        let has_handles = manifest.encoding().is_some_and(Encoding::has_handles);
        manifest.alone(root).filter(|_| !has_handles)
    }

    /// Returns the other roots of the version that share objects or memory with the root itself; `None` if that cannot be determined.
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

    /// Returns runs before `run` that may have written the file, a folder that contains it, or, for a folder, a file in it.
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

/// Returns the runs that may have written each file, in the order of their numbers.
fn writers(history: &History) -> BTreeMap<&str, Vec<RunId>> {
    let mut writers: BTreeMap<&str, Vec<RunId>> = BTreeMap::new();
    for (id, run) in history.runs() {
        for file in &run.evidence.files_written {
            writers.entry(&file.path).or_default().push(*id);
        }
    }
    writers
}
