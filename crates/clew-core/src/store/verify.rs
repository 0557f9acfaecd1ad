//! Verifying: going over everything a store holds and listing what is not as it was written.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::StoreError;
use super::pack_reader::PackReader;
use super::scan::{Payloads, scan};
use super::seal::PublicKey;
use super::{Damage, Flaw, Store, log};
use crate::format::{Body, Encoding, FrameKind, SignedOperation, decode_record};
use crate::id::{BlobId, BlockId, HistoryId, ManifestId, OperationId, SegmentId};

/// What a verification saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// Histories gone over.
    pub histories: u64,
    /// Operations whose seals were checked.
    pub operations: u64,
    /// Runs.
    pub runs: u64,
    /// Different manifests.
    pub manifests: u64,
    /// Different blocks, segments and texts that were found; with `read_data` also read and hashed.
    pub things: u64,
    /// Packs.
    pub packs: u64,
    /// What is missing or damaged, in the order in which it was met.
    pub damage: Vec<Damage>,
}

impl Verification {
    fn report(&mut self, path: &Path, what: impl Into<String>) {
        Damage::of(path, what).join(&mut self.damage);
    }
}

/// What was met already, so that what many runs share is checked once.
#[derive(Debug)]
struct Met<'s> {
    manifests: BTreeSet<ManifestId>,
    things: BTreeSet<[u8; 32]>,
    reader: PackReader<'s>,
}

impl Store {
    /// Checks every operation's seal, every run, every manifest, and that all they name is there; with `read_data` also
    /// reads and hashes it all. Decodes no value and changes nothing.
    pub fn verify(&self, read_data: bool) -> Result<Verification, StoreError> {
        let mut verification = Verification::default();
        let mut met = Met {
            manifests: BTreeSet::new(),
            things: BTreeSet::new(),
            reader: PackReader::new(self.disk()),
        };
        self.index().refresh(self.disk(), self.directory())?;
        for (history, _) in self.histories()? {
            self.verify_history(history, read_data, &mut met, &mut verification)?;
        }
        for pack in self.index().packs.iter().filter(|pack| !pack.is_gone) {
            verification.packs += 1;
            for gap in &pack.gaps {
                verification.report(&pack.path, gap.flaw());
            }
        }
        Ok(verification)
    }

    fn verify_history(
        &self,
        history: HistoryId,
        read_data: bool,
        met: &mut Met<'_>,
        verification: &mut Verification,
    ) -> Result<(), StoreError> {
        let loaded = self.load(history)?;
        verification.histories += 1;
        verification.runs += loaded.runs.len() as u64;
        for damage in &loaded.damage {
            damage.clone().join(&mut verification.damage);
        }
        for (session, part) in loaded.parts() {
            self.verify_seals(&log::path(self.directory(), history, session, part), verification);
        }
        let forgotten = loaded.forgotten();
        self.excuse(loaded.dropped());
        let mut runs: Vec<_> = loaded.runs.iter().collect();
        runs.sort_by_key(|(id, run)| (run.outline().number, &run.outline().suffix, **id));
        for (id, run) in runs {
            let Some(run) = run.run() else {
                let folder = log::folder(self.directory(), history);
                let (id, why) = (id.short(), None);
                verification.report(&folder, Flaw::RunUnreadable { id, why });
                continue;
            };
            let texts = run.source.iter().chain(&run.output);
            for text in texts {
                self.verify_text(*text, read_data, met, verification);
            }
            let versions = run.changed.iter().chain(run.full.iter().flatten());
            for version in versions.filter(|version| !forgotten.contains(&version.manifest)) {
                self.verify_manifest(version.manifest, read_data, met, verification);
            }
        }
        Ok(())
    }

    /// Checks every signature, where loading checks the last one of a chain.
    fn verify_seals(&self, path: &Path, verification: &mut Verification) {
        let Ok(file) = self.disk().open(path) else { return };
        let mut bad = Vec::new();
        // What can't be read was reported when the history was loaded.
        let _ = scan(&*file, 0, Payloads::Read, |frame| {
            if frame.header.kind != FrameKind::OPERATION {
                return;
            }
            verification.operations += 1;
            if let Ok(signed) = decode_record::<SignedOperation>(&frame.payload)
                && !PublicKey::has_signed(&signed)
            {
                bad.push(OperationId::of(&signed.bytes));
            }
        });
        for id in bad {
            verification.report(path, Flaw::NotSealed { id: id.short() });
        }
    }

    fn verify_manifest(&self, id: ManifestId, read_data: bool, met: &mut Met<'_>, verification: &mut Verification) {
        if !met.manifests.insert(id) {
            return;
        }
        verification.manifests += 1;
        let manifest = match self.manifest(id) {
            Ok(manifest) => manifest,
            Err(error) => return self.complain(&error, verification),
        };
        let Body::Encoded(encoding) = &manifest.body else {
            return;
        };
        let missing = || self.missing(&id.0, FrameKind::MANIFEST);
        let is_dropped = matches!(self.excused(id, missing()), StoreError::Dropped { .. });
        if is_dropped && !self.has_all(encoding) {
            return;
        }
        for segment in encoding.stream.iter().chain(&encoding.asides) {
            self.verify_segment(*segment, read_data, met, verification);
        }
        for block in encoding.extents.iter().flat_map(|extent| &extent.blocks) {
            self.verify_block(*block, read_data, met, verification);
        }
    }

    fn has_all(&self, encoding: &Encoding) -> bool {
        let index = self.index();
        let segments = encoding.stream.iter().chain(&encoding.asides).map(|id| id.0);
        let blocks = encoding.extents.iter().flat_map(|extent| &extent.blocks).map(|id| id.0);
        segments.chain(blocks).all(|id| index.has(&id))
    }

    fn verify_segment(&self, id: SegmentId, read_data: bool, met: &mut Met<'_>, verification: &mut Verification) {
        self.verify_thing(id.0, FrameKind::SEGMENT, read_data, met, verification);
    }

    fn verify_block(&self, id: BlockId, read_data: bool, met: &mut Met<'_>, verification: &mut Verification) {
        self.verify_thing(id.0, FrameKind::BLOCKS, read_data, met, verification);
    }

    fn verify_text(&self, id: BlobId, read_data: bool, met: &mut Met<'_>, verification: &mut Verification) {
        self.verify_thing(id.0, FrameKind::BLOB, read_data, met, verification);
    }

    fn verify_thing(
        &self,
        id: [u8; 32],
        kind: FrameKind,
        read_data: bool,
        met: &mut Met<'_>,
        verification: &mut Verification,
    ) {
        if !met.things.insert(id) {
            return;
        }
        verification.things += 1;
        if read_data {
            if let Err(error) = self.fetch_with(&mut met.reader, &id, kind) {
                self.complain(&error, verification);
            }
        } else if !self.index().has(&id) {
            self.complain(&self.missing(&id, kind), verification);
        }
    }

    fn complain(&self, error: &StoreError, verification: &mut Verification) {
        let path = match error {
            StoreError::Damaged { path, .. } => path.clone(),
            _ => super::pack::folder(self.directory()),
        };
        verification.report(&path, error.to_string());
    }
}
