//! The mark phase: finds the data that operations need, and the data that they forgot.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::spare::{HistoryRetention, RetentionRequest};
use crate::format::{FrameKind, Naming, Operation};
use crate::id::{HistoryId, ManifestId, OperationId, Root, SessionId};
use crate::store::packs::contents::{ManifestContents, contents, parts};
use crate::store::packs::survey::{PackSurvey, Survey, lengths};
use crate::store::scan::{Payloads, scan};
use crate::store::{Damage, FileFault, LoadedHistory, Store, StoreError, layout};

/// Unreadable records that prevent garbage collection from determining which data is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct UnreadableRecords {
    /// Faults of logs. The manifests and texts in the packs replace the lost records.
    pub logs: Vec<Damage>,
    /// Faults of manifests, and records of later versions: it is unknown what these refer to.
    pub contents: Vec<Damage>,
}

impl UnreadableRecords {
    /// Returns all faults.
    pub fn all(&self) -> Vec<Damage> {
        [self.logs.as_slice(), &self.contents].concat()
    }
}

/// Marks the needed data of all histories, and later that of newly added records. Data stays marked once it was needed.
#[derive(Debug, Default)]
pub(in crate::store) struct Marker {
    /// A history to ignore, as if it did not exist.
    pub without: Option<HistoryId>,
    histories: BTreeMap<HistoryId, LoadedHistory>,
    followed: FxHashSet<OperationId>,
    /// Manifests that each history forgot.
    forgotten: BTreeMap<HistoryId, FxHashSet<ManifestId>>,
    /// The roots that users named when they forgot.
    pub forgotten_roots: BTreeSet<Root>,
    read: FxHashSet<ManifestId>,
    /// Values that need not be kept, of histories without new operations since these were computed.
    spared: BTreeMap<HistoryId, Sparing>,
    /// The only history that names a manifest; `None` if several do.
    named_by: FxHashMap<ManifestId, Option<HistoryId>>,
    /// The ids of all data in the packs.
    here: FxHashSet<[u8; 32]>,
    pub alive: FxHashSet<[u8; 32]>,
    pub doubts: UnreadableRecords,
}

/// The values of one history that need not be kept.
#[derive(Debug, Default)]
struct Sparing {
    seen: BTreeMap<SessionId, u64>,
    values: FxHashSet<ManifestId>,
}

impl Marker {
    /// Creates a marker that keeps everything except `spared` values.
    pub fn new(survey: &Survey, spared: &[HistoryRetention]) -> Self {
        let sparing = |spared: &HistoryRetention| Sparing {
            seen: spared.seen.clone(),
            values: spared.values.iter().copied().collect(),
        };
        let things = survey.packs.iter().flat_map(|pack| &pack.things);
        Self {
            spared: spared.iter().map(|spared| (spared.history, sparing(spared))).collect(),
            here: things.map(|thing| thing.id).collect(),
            ..Self::default()
        }
    }

    /// Returns all values that need not be kept, with their histories.
    pub fn spared(&self) -> Vec<(HistoryId, ManifestId)> {
        let all = self.spared.iter();
        let all = all.flat_map(|(history, spared)| spared.values.iter().map(|value| (*history, *value)));
        let mut spared: Vec<_> = all.filter(|(history, value)| self.is_spared(*history, value)).collect();
        spared.sort_unstable();
        spared
    }

    /// Returns whether the needed data is completely known and exists.
    pub fn has_all(&self) -> bool {
        self.doubts == UnreadableRecords::default() && self.alive.iter().all(|id| self.here.contains(id))
    }

    /// Returns whether a value of the history need not be kept.
    fn is_spared(&self, history: HistoryId, value: &ManifestId) -> bool {
        let spared = self.spared.get(&history);
        spared.is_some_and(|spared| spared.values.contains(value)) && !self.read.contains(value)
    }

    /// Drops a value that was kept, unless other histories name it, or its own history has new operations. Returns whether it did.
    pub fn spare(&mut self, history: HistoryId, value: ManifestId) -> bool {
        let is_own = self.named_by.get(&value) == Some(&Some(history));
        let spared = self
            .spared
            .get_mut(&history)
            .filter(|_| is_own && self.read.remove(&value));
        spared.is_some_and(|spared| spared.values.insert(value))
    }

    /// Follows all operations of all histories that were not followed yet.
    pub fn advance(&mut self, store: &Store) -> Result<(), StoreError> {
        for (history, _) in store.histories()? {
            if self.without == Some(history) {
                continue;
            }
            let mut loaded = self.histories.remove(&history).unwrap_or_default();
            store.refresh(history, None, &mut loaded)?;
            self.check(store, history, &loaded);
            self.follow(store, history, &loaded);
            self.histories.insert(history, loaded);
        }
        Ok(())
    }

    /// Looks for unreadable and newer records in the logs. An unsynced end that a power failure destroyed is lost, and refers to nothing.
    fn check(&mut self, store: &Store, history: HistoryId, loaded: &LoadedHistory) {
        for found in loaded.doubts() {
            found.clone().join(&mut self.doubts.logs);
        }
        for found in loaded.later() {
            found.clone().join(&mut self.doubts.contents);
        }
        for (session, part) in loaded.parts() {
            let path = layout::log_path(store.directory(), history, session, part);
            let mut is_known = true;
            let scanned = store.disk().open(&path).and_then(|file| {
                scan(&*file, 0, Payloads::Skip, |frame| {
                    is_known &= (FrameKind::FILE..=FrameKind::GARBAGE).contains(&frame.header.kind);
                })
            });
            if let Err(error) = scanned {
                Damage::of(&path, FileFault::Unreadable(error.to_string())).join(&mut self.doubts.logs);
            } else if !is_known {
                Damage::of(&path, FileFault::Later).join(&mut self.doubts.contents);
            }
        }
    }

    /// If a log cannot be read completely: keeps every manifest and every text in the packs that was not forgotten, because a lost record
    /// may name it. Unreadable bytes of a pack may have been manifests.
    pub fn presume(&mut self, store: &Store, packs: &[PackSurvey]) {
        if self.doubts.logs.is_empty() {
            return;
        }
        for pack in packs {
            for gap in &pack.gaps {
                gap.damage.clone().join(&mut self.doubts.contents);
            }
            for thing in &pack.things {
                match thing.kind {
                    FrameKind::BLOB => {
                        self.alive.insert(thing.id);
                    }
                    FrameKind::MANIFEST if !self.is_forgotten(store, ManifestId(thing.id)) => {
                        self.keep_manifest(store, ManifestId(thing.id), true);
                    }
                    _ => {}
                }
            }
        }
    }

    fn is_forgotten(&self, store: &Store, id: ManifestId) -> bool {
        let is_told = self.forgotten.values().any(|forgotten| forgotten.contains(&id));
        is_told || !self.left_of_forgotten(store, id).is_empty()
    }

    fn follow(&mut self, store: &Store, history: HistoryId, loaded: &LoadedHistory) {
        let sessions = loaded.sessions.values();
        let operations = sessions.flat_map(|session| session.operations.iter().map(|loaded| (session.synced, loaded)));
        let new: Vec<_> = operations
            .filter(|(_, loaded)| self.followed.insert(loaded.id))
            .map(|(synced, loaded)| (synced, &loaded.operation))
            .collect();
        let forgotten = self.forgotten.entry(history).or_default();
        for forgetting in new.iter().filter_map(|(_, operation)| operation.forgetting.as_ref()) {
            forgotten.extend(&forgetting.manifests);
            self.forgotten_roots.extend(forgetting.roots.iter().cloned());
        }
        let forgotten = forgotten.clone();
        let moved = self.withdraw(history, new.iter().map(|(_, operation)| *operation));
        for manifest in moved.iter().filter(|manifest| !forgotten.contains(*manifest)) {
            self.keep_manifest(store, *manifest, true);
        }
        let mut dropped = loaded.dropped();
        dropped.extend(store.left_out(history));
        for (synced, operation) in new {
            let is_synced = operation.number < synced;
            for manifest in self.reached(store, history, operation, loaded, is_synced) {
                if forgotten.contains(&manifest) {
                    continue;
                }
                let named = self.named_by.entry(manifest).or_insert(Some(history));
                if *named != Some(history) {
                    *named = None;
                }
                if self.is_spared(history, &manifest)
                    || dropped.contains_key(&manifest) && !self.is_here(store, manifest)
                {
                    self.keep_record(store, manifest);
                } else {
                    self.keep_manifest(store, manifest, is_synced);
                }
            }
        }
    }

    /// If a history has new operations since its unneeded values were computed, keeps all of them: a session may have restored one of these
    /// states. Returns these values.
    fn withdraw<'o>(
        &mut self,
        history: HistoryId,
        mut operations: impl Iterator<Item = &'o Operation>,
    ) -> FxHashSet<ManifestId> {
        let Some(spared) = self.spared.get(&history) else {
            return FxHashSet::default();
        };
        let is_unseen =
            |operation: &Operation| operation.number >= spared.seen.get(&operation.session).copied().unwrap_or(0);
        if !operations.any(is_unseen) {
            return FxHashSet::default();
        }
        self.spared.remove(&history).unwrap_or_default().values
    }

    /// Returns whether all parts of a value exist.
    fn is_here(&self, store: &Store, value: ManifestId) -> bool {
        contents(store, value).is_ok_and(|contents| contents.parts.iter().all(|id| self.here.contains(id)))
    }

    /// Keeps the records of a value, and not its data.
    fn keep_record(&mut self, store: &Store, value: ManifestId) {
        self.alive.insert(value.0);
        if let Ok(contents) = contents(store, value) {
            self.alive.extend(contents.lists);
        }
    }

    /// Returns the manifests to which an operation refers, and keeps the texts.
    fn reached(
        &mut self,
        store: &Store,
        history: HistoryId,
        operation: &Operation,
        loaded: &LoadedHistory,
        is_synced: bool,
    ) -> Vec<ManifestId> {
        let mut manifests = operation.manifests.clone();
        for naming in &operation.naming {
            if let Naming::Describe { text: Some(text), .. } = naming {
                self.alive.insert(text.0);
            }
        }
        for id in &operation.runs {
            if let Some(run) = loaded.runs.get(id).and_then(|stored| stored.run()) {
                self.alive.extend(run.texts().map(|text| text.0));
                manifests.extend(run.versions().map(|version| version.manifest));
            } else if is_synced || loaded.runs.contains_key(id) {
                let folder = layout::history_folder(store.directory(), history);
                let (id, why) = (id.short(), None);
                Damage::of(&folder, FileFault::RunUnreadable { id, why }).join(&mut self.doubts.logs);
            }
        }
        manifests
    }

    fn keep_manifest(&mut self, store: &Store, id: ManifestId, is_synced: bool) {
        if !self.read.insert(id) {
            return;
        }
        self.alive.insert(id.0);
        match contents(store, id) {
            Ok(contents) => self.alive.extend(contents.all()),
            // A power failure destroyed it, so the operation that names it was never synced. A synced operation may name it too.
            Err(_) if !is_synced => {
                self.read.remove(&id);
            }
            Err(error) => {
                Damage::of(&layout::packs_folder(store.directory()), error.to_string()).join(&mut self.doubts.contents);
            }
        }
    }

    /// Returns the data of the newest states: the last seen version of each root of each history.
    pub fn newest(&self, store: &Store) -> FxHashSet<[u8; 32]> {
        let mut things = FxHashSet::default();
        for loaded in self.histories.values() {
            for manifest in newest(loaded) {
                things.extend(contents(store, manifest).into_iter().flat_map(ManifestContents::all));
            }
        }
        things
    }

    /// Returns the remaining data of forgotten manifests that no other manifest needs.
    pub fn forgotten_things(&self, store: &Store) -> FxHashSet<[u8; 32]> {
        let mut things = FxHashSet::default();
        for id in self.forgotten.values().flatten() {
            things.insert(id.0);
            if let Ok(contents) = contents(store, *id) {
                things.extend(contents.all());
            }
        }
        things.retain(|id| !self.alive.contains(id));
        things
    }

    /// Returns the data of the unneeded manifest `id`, which no operation named, if it belongs to a forgotten root.
    pub fn left_of_forgotten(&self, store: &Store, id: ManifestId) -> Vec<[u8; 32]> {
        if self.forgotten_roots.is_empty() {
            return Vec::new();
        }
        let Ok(contents) = contents(store, id) else {
            return Vec::new();
        };
        if !contents.roots.iter().any(|root| self.forgotten_roots.contains(root)) {
            return Vec::new();
        }
        let mut things: Vec<[u8; 32]> = contents.all().collect();
        things.push(id.0);
        things.retain(|id| !self.alive.contains(id));
        things
    }
}

/// Returns the last seen version of each root. A run with the full state ends the search, because it names all roots.
fn newest(loaded: &LoadedHistory) -> Vec<ManifestId> {
    let mut runs: Vec<_> = loaded.runs.values().collect();
    runs.sort_by_key(|stored| std::cmp::Reverse(stored.outline().number));
    let (mut seen, mut manifests) = (BTreeSet::new(), Vec::new());
    for run in runs.into_iter().filter_map(|stored| stored.run()) {
        for version in run.versions() {
            if version.roots.iter().any(|root| !seen.contains(root)) {
                manifests.push(version.manifest);
                seen.extend(version.roots.iter().cloned());
            }
        }
        seen.extend(run.removed.iter().cloned());
        if run.full.is_some() {
            break;
        }
    }
    manifests
}

impl Marker {
    /// Drops recreatable values until at most `most` bytes are needed. Returns the excess that remains.
    pub fn fit(&mut self, store: &Store, keeping: &RetentionRequest<'_>, survey: &Survey) -> u64 {
        let lengths = lengths(&survey.packs);
        let length = |id: &[u8; 32]| lengths.get(id).copied().unwrap_or(0);
        let mut alive: u64 = self.alive.iter().map(length).sum();
        if alive <= keeping.most || keeping.spared.iter().all(|spared| spared.cheap.is_empty()) {
            return alive.saturating_sub(keeping.most);
        }
        let mut uses: FxHashMap<[u8; 32], u32> = FxHashMap::default();
        for value in &self.read {
            for id in parts(store, *value) {
                *uses.entry(id).or_default() += 1;
            }
        }
        // The inputs of values that were dropped earlier must stay, too.
        let all = keeping.spared.iter().flat_map(|spared| &spared.cheap);
        let dropped = all.filter(|cheap| !self.read.contains(&cheap.value));
        let mut needed: FxHashSet<ManifestId> = dropped.flat_map(|cheap| cheap.needs.iter().copied()).collect();
        for spared in &keeping.spared {
            for cheap in &spared.cheap {
                if alive <= keeping.most {
                    return 0;
                }
                let is_kept = |value: &ManifestId| self.read.contains(value);
                if needed.contains(&cheap.value) || !cheap.needs.iter().all(is_kept) {
                    continue;
                }
                if !self.spare(spared.history, cheap.value) {
                    continue;
                }
                needed.extend(&cheap.needs);
                for id in parts(store, cheap.value) {
                    let uses = uses.entry(id).or_default();
                    *uses = uses.saturating_sub(1);
                    if *uses == 0 && self.alive.remove(&id) {
                        alive -= length(&id);
                    }
                }
            }
        }
        alive.saturating_sub(keeping.most)
    }
}
