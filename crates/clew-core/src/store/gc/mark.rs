//! What operations reach, and what they said is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::spare::{HistoryRetention, RetentionRequest};
use crate::format::{FrameKind, Naming, Operation};
use crate::id::{HistoryId, ManifestId, OperationId, Root, SessionId};
use crate::store::packs::contents::{ManifestContents, contents, parts};
use crate::store::packs::survey::{PackSurvey, Survey, lengths};
use crate::store::scan::{Payloads, scan};
use crate::store::{Damage, FileFault, LoadedHistory, Store, StoreError, layout};

/// Damage that prevents garbage collection from determining what is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct UnreadableRecords {
    /// In logs. Whatever a lost record referred to is told by the manifests and texts in the packs.
    pub logs: Vec<Damage>,
    /// Manifests, and what a later Clew wrote: nobody knows what they name.
    pub contents: Vec<Damage>,
}

impl UnreadableRecords {
    /// All of them.
    pub fn all(&self) -> Vec<Damage> {
        [self.logs.as_slice(), &self.contents].concat()
    }
}

/// Goes over all histories, and later over what was added to them. What it reached once stays alive.
#[derive(Debug, Default)]
pub(in crate::store) struct Marker {
    /// A history that is passed over, as if it were not there.
    pub without: Option<HistoryId>,
    histories: BTreeMap<HistoryId, LoadedHistory>,
    followed: FxHashSet<OperationId>,
    /// Manifests that a history forgot.
    forgotten: BTreeMap<HistoryId, FxHashSet<ManifestId>>,
    /// What users named when they forgot.
    pub forgotten_roots: BTreeSet<Root>,
    read: FxHashSet<ManifestId>,
    /// What need not be kept, of histories in which nothing was done since that was worked out.
    spared: BTreeMap<HistoryId, Sparing>,
    /// The only history that names a manifest; `None` where several do.
    named_by: FxHashMap<ManifestId, Option<HistoryId>>,
    /// What lies in the packs.
    here: FxHashSet<[u8; 32]>,
    pub alive: FxHashSet<[u8; 32]>,
    pub doubts: UnreadableRecords,
}

/// What of one history need not be kept.
#[derive(Debug, Default)]
struct Sparing {
    seen: BTreeMap<SessionId, u64>,
    values: FxHashSet<ManifestId>,
}

impl Marker {
    /// One that keeps everything but what may be spared.
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

    /// Everything that need not be kept, by history.
    pub fn spared(&self) -> Vec<(HistoryId, ManifestId)> {
        let all = self.spared.iter();
        let all = all.flat_map(|(history, spared)| spared.values.iter().map(|value| (*history, *value)));
        let mut spared: Vec<_> = all.filter(|(history, value)| self.is_spared(*history, value)).collect();
        spared.sort_unstable();
        spared
    }

    /// Whether it is known what is needed, and all of it is there.
    pub fn has_all(&self) -> bool {
        self.doubts == UnreadableRecords::default() && self.alive.iter().all(|id| self.here.contains(id))
    }

    /// Whether a value of the history need not be kept.
    fn is_spared(&self, history: HistoryId, value: &ManifestId) -> bool {
        let spared = self.spared.get(&history);
        spared.is_some_and(|spared| spared.values.contains(value)) && !self.read.contains(value)
    }

    /// Spares a value that was kept, unless others name it, or something was done in its history. Says whether it did.
    pub fn spare(&mut self, history: HistoryId, value: ManifestId) -> bool {
        let is_own = self.named_by.get(&value) == Some(&Some(history));
        let spared = self
            .spared
            .get_mut(&history)
            .filter(|_| is_own && self.read.remove(&value));
        spared.is_some_and(|spared| spared.values.insert(value))
    }

    /// Follows every operation that was not followed yet, of all histories.
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

    /// Looks for what is unreadable in the logs, or came later; but what a power cut leaves of the end that nobody synced
    /// is lost, and reaches nothing.
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

    /// Where a log can't be read whole: keeps every manifest and every text in the packs that was not forgotten, since a
    /// lost record may name it. Where bytes of a pack are no frames, there may be manifests that nobody can read.
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

    /// Where something was done in a history since it was worked out what of it need not be kept, all of it is: it may be
    /// just that run to which somebody went. Gives what it is then.
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

    /// Whether all parts of a value are there.
    fn is_here(&self, store: &Store, value: ManifestId) -> bool {
        contents(store, value).is_ok_and(|contents| contents.parts.iter().all(|id| self.here.contains(id)))
    }

    /// Keeps what is said of a value, and not what it lies in.
    fn keep_record(&mut self, store: &Store, value: ManifestId) {
        self.alive.insert(value.0);
        if let Ok(contents) = contents(store, value) {
            self.alive.extend(contents.lists);
        }
    }

    /// The manifests that an operation reaches; texts are kept on the way.
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
            // A power cut took it: what names it was never synced. A synced operation may name it too.
            Err(_) if !is_synced => {
                self.read.remove(&id);
            }
            Err(error) => {
                Damage::of(&layout::packs_folder(store.directory()), error.to_string()).join(&mut self.doubts.contents);
            }
        }
    }

    /// What the newest states hold: of each root the version that was seen last in its history.
    pub fn newest(&self, store: &Store) -> FxHashSet<[u8; 32]> {
        let mut things = FxHashSet::default();
        for loaded in self.histories.values() {
            for manifest in newest(loaded) {
                things.extend(contents(store, manifest).into_iter().flat_map(ManifestContents::all));
            }
        }
        things
    }

    /// Everything that forgotten manifests hold and nothing else does, by what is still there of them.
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

    /// What the dead manifest `id` holds, if it is one of a name that was forgotten: one that no operation ever named.
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

/// The versions that were seen last of each root. A run with a full map ends the search: nothing else was there.
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
    /// Lets go of cheap values until no more than `most` bytes are alive; how many more there are then, if there are.
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
        // What was dropped before is made again from what stays, too.
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
