//! Verification: reads everything in a store and lists all faults.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::StoreError;
use super::logs::signatures::PublicKey;
use super::packs::pack_reader::PackReader;
use super::scan::{Payloads, scan};
use super::{Damage, Excuse, FileFault, LoadedHistory, Store, layout};
use crate::format::{Encoding, FrameKind, SignedRecord, decode_record};
use crate::id::{HistoryId, ManifestId, OperationId};

/// The result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Histories that were checked.
    pub histories: u64,
    /// Operations with checked signatures.
    pub operations: u64,
    /// Runs.
    pub runs: u64,
    /// Different manifests.
    pub manifests: u64,
    /// Different blocks, segments and texts; with `read_data` also read and hashed.
    pub things: u64,
    /// Packs.
    pub packs: u64,
    /// Different values with missing data that their senders left out.
    pub left_out: u64,
    /// Missing or corrupted data, in the order in which it was found.
    pub damage: Vec<Damage>,
}

impl Verification {
    fn report(&mut self, path: &Path, what: impl Into<String>) {
        Damage::of(path, what).join(&mut self.damage);
    }
}

/// The state of one verification. Checked ids are remembered, so that data that many runs share is checked once.
#[derive(Debug)]
struct Verifier<'s> {
    store: &'s Store,
    read_data: bool,
    found: Verification,
    manifests: BTreeSet<ManifestId>,
    things: BTreeSet<[u8; 32]>,
    /// Ids that the index does not have.
    missed: Vec<([u8; 32], FrameKind)>,
    /// The number of values that were forgotten or dropped.
    went: usize,
    reader: PackReader<'s>,
}

/// The most attempts, if values are forgotten during the verification.
const TRIES: usize = 3;

impl Store {
    /// Checks every operation's signature, every run and every manifest, and that all data to which they refer exists; with `read_data`
    /// also reads and hashes all of it. Decodes no value and changes nothing.
    ///
    /// Other processes may record, forget and collect meanwhile: neither new nor deleted data is reported as damage.
    pub fn verify(&self, read_data: bool) -> Result<Verification, StoreError> {
        for _ in 1..TRIES {
            let (verification, went) = self.verify_once(read_data)?;
            if verification.damage.is_empty() || went == self.count_what_went()? {
                return Ok(verification);
            }
        }
        Ok(self.verify_once(read_data)?.0)
    }

    /// Counts the values that were forgotten or dropped, in all histories.
    fn count_what_went(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        for (history, _) in self.histories()? {
            count += what_went(&self.load(history)?);
        }
        Ok(count)
    }

    /// Returns the result, and the number of values that had been forgotten or dropped by then.
    fn verify_once(&self, read_data: bool) -> Result<(Verification, usize), StoreError> {
        let mut verifier = Verifier {
            store: self,
            read_data,
            found: Verification::default(),
            manifests: BTreeSet::new(),
            things: BTreeSet::new(),
            missed: Vec::new(),
            went: 0,
            reader: PackReader::new(self.disk()),
        };
        self.index().refresh(self.disk(), self.directory())?;
        for (history, _) in self.histories()? {
            verifier.verify_history(history)?;
        }
        verifier.verify_missed()?;
        let Verifier { mut found, went, .. } = verifier;
        for pack in self.index().packs.iter().filter(|pack| !pack.is_gone) {
            found.packs += 1;
            for gap in &pack.gaps {
                found.report(&pack.path, gap.flaw());
            }
        }
        Ok((found, went))
    }
}

impl Verifier<'_> {
    fn verify_history(&mut self, history: HistoryId) -> Result<(), StoreError> {
        let (store, directory) = (self.store, self.store.directory());
        let loaded = store.load(history)?;
        self.found.histories += 1;
        self.found.runs += loaded.runs.len() as u64;
        for damage in &loaded.damage {
            damage.clone().join(&mut self.found.damage);
        }
        for (session, part) in loaded.parts() {
            self.verify_seals(&layout::log_path(directory, history, session, part));
        }
        self.went += what_went(&loaded);
        let forgotten = loaded.forgotten();
        store.excuse(loaded.dropped());
        let mut runs: Vec<_> = loaded.runs.iter().collect();
        runs.sort_by_key(|(id, run)| (run.outline().number, &run.outline().suffix, **id));
        for (id, run) in runs {
            let Some(run) = run.run() else {
                let folder = layout::history_folder(directory, history);
                let (id, why) = (id.short(), None);
                self.found.report(&folder, FileFault::RunUnreadable { id, why });
                continue;
            };
            for text in run.texts() {
                self.verify_thing(text.0, FrameKind::BLOB);
            }
            let manifests = run.versions().map(|version| version.manifest);
            for manifest in manifests.filter(|manifest| !forgotten.contains_key(manifest)) {
                self.verify_manifest(manifest);
            }
        }
        Ok(())
    }

    /// Checks every signature; loading checks only the last one of a chain.
    fn verify_seals(&mut self, path: &Path) {
        let Ok(file) = self.store.disk().open(path) else { return };
        let mut bad = Vec::new();
        // Unreadable data was reported when the history was loaded.
        let _ = scan(&*file, 0, Payloads::Read, |frame| {
            if frame.header.kind != FrameKind::OPERATION {
                return;
            }
            self.found.operations += 1;
            if let Ok(signed) = decode_record::<SignedRecord>(&frame.payload)
                && !PublicKey::has_signed(&signed)
            {
                bad.push(OperationId::of(&signed.bytes));
            }
        });
        for id in bad {
            self.found.report(path, FileFault::NotSealed { id: id.short() });
        }
    }

    fn verify_manifest(&mut self, id: ManifestId) {
        if !self.manifests.insert(id) {
            return;
        }
        self.found.manifests += 1;
        let manifest = match self.store.manifest(id) {
            Ok(manifest) => manifest,
            Err(error) => return self.complain(&error),
        };
        let Some(encoding) = manifest.encoding() else { return };
        if let Some(excuse) = self.store.excuse_of(id)
            && !self.has_all(encoding)
        {
            self.found.left_out += u64::from(matches!(excuse, Excuse::LeftOut(_)));
            return;
        }
        for (id, kind) in encoding.parts() {
            self.verify_thing(id, kind);
        }
    }

    fn has_all(&self, encoding: &Encoding) -> bool {
        let index = self.store.index();
        encoding.parts().all(|(id, _)| index.has(&id))
    }

    fn verify_thing(&mut self, id: [u8; 32], kind: FrameKind) {
        if !self.things.insert(id) {
            return;
        }
        self.found.things += 1;
        if self.read_data {
            if let Err(error) = self.store.fetch_with(&mut self.reader, &id, kind) {
                self.complain(&error);
            }
        } else if !self.store.index().has(&id) {
            self.missed.push((id, kind));
        }
    }

    /// Checks the missing ids again: a run may have been recorded since the packs were scanned.
    fn verify_missed(&mut self) -> Result<(), StoreError> {
        let store = self.store;
        if !self.missed.is_empty() {
            store.index().refresh(store.disk(), store.directory())?;
        }
        for (id, kind) in std::mem::take(&mut self.missed) {
            if !store.index().has(&id) {
                self.complain(&store.missing(&id, kind));
            }
        }
        Ok(())
    }

    fn complain(&mut self, error: &StoreError) {
        let path = match error {
            StoreError::Damaged { path, .. } => path.clone(),
            _ => layout::packs_folder(self.store.directory()),
        };
        self.found.report(&path, error.to_string());
    }
}

fn what_went(loaded: &LoadedHistory) -> usize {
    loaded.forgotten().len() + loaded.dropped().len()
}
