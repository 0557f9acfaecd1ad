//! What operations reach, and what they said is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::format::{Body, FrameKind, Naming, Operation, Run, StoredManifest};
use crate::id::{HistoryId, ManifestId, OperationId, Root};
use crate::store::scan::{Payloads, scan};
use crate::store::{Damage, Flaw, LoadedHistory, Store, StoreError, log};

/// Goes over all histories, and later over what was added to them. What it reached once stays alive.
#[derive(Debug, Default)]
pub(super) struct Marker {
    histories: BTreeMap<HistoryId, LoadedHistory>,
    followed: FxHashSet<OperationId>,
    /// Manifests that a history forgot.
    forgotten: BTreeMap<HistoryId, FxHashSet<ManifestId>>,
    /// What users named when they forgot.
    pub forgotten_roots: BTreeSet<Root>,
    read: FxHashSet<ManifestId>,
    pub alive: FxHashSet<[u8; 32]>,
    /// What can't be read, so that nobody can tell what it reaches.
    pub doubts: Vec<Damage>,
}

impl Marker {
    /// Follows every operation that was not followed yet, of all histories.
    pub fn advance(&mut self, store: &Store) -> Result<(), StoreError> {
        for (history, _) in store.histories()? {
            let mut loaded = self.histories.remove(&history).unwrap_or_default();
            store.refresh(history, None, &mut loaded)?;
            self.check(store, history, &loaded);
            self.follow(store, history, &loaded);
            self.histories.insert(history, loaded);
        }
        Ok(())
    }

    fn doubt(&mut self, found: Damage) {
        if !self.doubts.contains(&found) {
            self.doubts.push(found);
        }
    }

    /// Nothing may be unreadable in the logs, nor of a kind that came later; but what a power cut leaves of the end that
    /// nobody synced is lost, and reaches nothing.
    fn check(&mut self, store: &Store, history: HistoryId, loaded: &LoadedHistory) {
        for found in loaded.doubts() {
            self.doubt(found.clone());
        }
        for (session, part) in loaded.parts() {
            let path = log::path(store.directory(), history, session, part);
            let mut is_known = true;
            let scanned = store.disk().open(&path).and_then(|file| {
                scan(&*file, 0, Payloads::Skip, |frame| {
                    is_known &= (FrameKind::FILE..=FrameKind::GARBAGE).contains(&frame.header.kind);
                })
            });
            if let Err(error) = scanned {
                self.doubt(Damage::of(&path, Flaw::Unreadable(error.to_string())));
            } else if !is_known {
                self.doubt(Damage::of(&path, Flaw::Later));
            }
        }
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
        for (synced, operation) in new {
            let is_synced = operation.number < synced;
            for manifest in self.reached(store, history, operation, loaded, is_synced) {
                if !forgotten.contains(&manifest) {
                    self.keep_manifest(store, manifest, is_synced);
                }
            }
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
                self.alive
                    .extend(run.source.iter().chain(&run.output).map(|text| text.0));
                manifests.extend(versions(run));
            } else if is_synced || loaded.runs.contains_key(id) {
                let folder = log::folder(store.directory(), history);
                let (id, why) = (id.short(), None);
                self.doubt(Damage::of(&folder, Flaw::RunUnreadable { id, why }));
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
            Ok(contents) => self.alive.extend(contents.things),
            // A power cut took it: what names it was never synced. A synced operation may name it too.
            Err(_) if !is_synced => {
                self.read.remove(&id);
            }
            Err(error) => self.doubt(Damage::of(
                &crate::store::pack::folder(store.directory()),
                error.to_string(),
            )),
        }
    }

    /// What the newest states hold: of each root the version that was seen last in its history.
    pub fn newest(&self, store: &Store) -> FxHashSet<[u8; 32]> {
        let mut things = FxHashSet::default();
        for loaded in self.histories.values() {
            for manifest in newest(loaded) {
                things.extend(
                    contents(store, manifest)
                        .into_iter()
                        .flat_map(|contents| contents.things),
                );
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
                things.extend(contents.things);
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
        let mut things = contents.things;
        things.push(id.0);
        things.retain(|id| !self.alive.contains(id));
        things
    }
}

fn versions(run: &Run) -> impl Iterator<Item = ManifestId> {
    let all = run.changed.iter().chain(run.full.iter().flatten());
    all.map(|version| version.manifest)
}

/// The versions that were seen last of each root. A run with a full map ends the search: nothing else was there.
fn newest(loaded: &LoadedHistory) -> Vec<ManifestId> {
    let mut runs: Vec<_> = loaded.runs.values().collect();
    runs.sort_by_key(|stored| std::cmp::Reverse(stored.outline().number));
    let (mut seen, mut manifests) = (BTreeSet::new(), Vec::new());
    for run in runs.into_iter().filter_map(|stored| stored.run()) {
        for version in run.changed.iter().chain(run.full.iter().flatten()) {
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

/// What a manifest names.
struct Contents {
    roots: Vec<Root>,
    things: Vec<[u8; 32]>,
}

fn contents(store: &Store, id: ManifestId) -> Result<Contents, StoreError> {
    let StoredManifest { manifest, lists, .. } = store.stored_manifest(id)?;
    let mut things = Vec::new();
    if let Body::Encoded(encoding) = &manifest.body {
        things.extend(encoding.stream.iter().chain(&encoding.asides).map(|id| id.0));
        things.extend(encoding.extents.iter().flat_map(|extent| &extent.blocks).map(|id| id.0));
    }
    for listed in lists.iter() {
        let (named, ids) = store.expand(listed)?;
        things.extend(named.iter().chain(&ids).map(|id| id.0));
    }
    if let Some(memory) = &lists.memory {
        let (extents, _) = store.memory(memory)?;
        things.extend(extents.iter().flat_map(|extent| &extent.blocks).map(|id| id.0));
    }
    Ok(Contents {
        roots: manifest.roots,
        things,
    })
}
