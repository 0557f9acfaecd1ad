//! Verifying: going over everything a store holds and listing what is not as it was written.

use std::collections::BTreeSet;
use std::path::Path;

use super::error::StoreError;
use super::logs::signatures::PublicKey;
use super::packs::pack_reader::PackReader;
use super::scan::{Payloads, scan};
use super::{Damage, Excuse, FileFault, LoadedHistory, Store, layout};
use crate::format::{Body, Encoding, FrameKind, SignedRecord, decode_record};
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
    /// Different values of which something is missing, since who sent them left it out.
    pub left_out: u64,
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
    /// What the index does not have.
    missed: Vec<([u8; 32], FrameKind)>,
    /// How many values were forgotten or dropped.
    went: usize,
    reader: PackReader<'s>,
}

/// So often it is gone over again where values were forgotten meanwhile.
const TRIES: usize = 3;

impl Store {
    /// Checks every operation's seal, every run, every manifest, and that all they name is there; with `read_data` also
    /// reads and hashes it all. Decodes no value and changes nothing.
    ///
    /// Others may record, forget and collect meanwhile: what came since is no damage, nor what went.
    pub fn verify(&self, read_data: bool) -> Result<Verification, StoreError> {
        for _ in 1..TRIES {
            let (verification, went) = self.verify_once(read_data)?;
            if verification.damage.is_empty() || went == self.count_what_went()? {
                return Ok(verification);
            }
        }
        Ok(self.verify_once(read_data)?.0)
    }

    /// How many values were forgotten or dropped, in all histories.
    fn count_what_went(&self) -> Result<usize, StoreError> {
        let mut count = 0;
        for (history, _) in self.histories()? {
            count += what_went(&self.load(history)?);
        }
        Ok(count)
    }

    /// What it saw, and how many values had been forgotten or dropped by then.
    fn verify_once(&self, read_data: bool) -> Result<(Verification, usize), StoreError> {
        let mut verification = Verification::default();
        let mut met = Met {
            manifests: BTreeSet::new(),
            things: BTreeSet::new(),
            missed: Vec::new(),
            went: 0,
            reader: PackReader::new(self.disk()),
        };
        self.index().refresh(self.disk(), self.directory())?;
        for (history, _) in self.histories()? {
            self.verify_history(history, read_data, &mut met, &mut verification)?;
        }
        self.verify_missed(&met.missed, &mut verification)?;
        for pack in self.index().packs.iter().filter(|pack| !pack.is_gone) {
            verification.packs += 1;
            for gap in &pack.gaps {
                verification.report(&pack.path, gap.flaw());
            }
        }
        Ok((verification, met.went))
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
            self.verify_seals(
                &layout::log_path(self.directory(), history, session, part),
                verification,
            );
        }
        met.went += what_went(&loaded);
        let forgotten = loaded.forgotten();
        self.excuse(loaded.dropped());
        let mut runs: Vec<_> = loaded.runs.iter().collect();
        runs.sort_by_key(|(id, run)| (run.outline().number, &run.outline().suffix, **id));
        for (id, run) in runs {
            let Some(run) = run.run() else {
                let folder = layout::history_folder(self.directory(), history);
                let (id, why) = (id.short(), None);
                verification.report(&folder, FileFault::RunUnreadable { id, why });
                continue;
            };
            for text in run.texts() {
                self.verify_text(*text, read_data, met, verification);
            }
            let versions = run.changed.iter().chain(run.full.iter().flatten());
            for version in versions.filter(|version| !forgotten.contains_key(&version.manifest)) {
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
            if let Ok(signed) = decode_record::<SignedRecord>(&frame.payload)
                && !PublicKey::has_signed(&signed)
            {
                bad.push(OperationId::of(&signed.bytes));
            }
        });
        for id in bad {
            verification.report(path, FileFault::NotSealed { id: id.short() });
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
        if let Some(excuse) = self.excuse_of(id)
            && !self.has_all(encoding)
        {
            verification.left_out += u64::from(matches!(excuse, Excuse::LeftOut(_)));
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
            met.missed.push((id, kind));
        }
    }

    /// What was missed may be of a run that was recorded since the packs were read.
    fn verify_missed(
        &self,
        missed: &[([u8; 32], FrameKind)],
        verification: &mut Verification,
    ) -> Result<(), StoreError> {
        if !missed.is_empty() {
            self.index().refresh(self.disk(), self.directory())?;
        }
        for (id, kind) in missed {
            if !self.index().has(id) {
                self.complain(&self.missing(id, *kind), verification);
            }
        }
        Ok(())
    }

    fn complain(&self, error: &StoreError, verification: &mut Verification) {
        let path = match error {
            StoreError::Damaged { path, .. } => path.clone(),
            _ => super::layout::packs_folder(self.directory()),
        };
        verification.report(&path, error.to_string());
    }
}

fn what_went(loaded: &LoadedHistory) -> usize {
    loaded.forgotten().len() + loaded.dropped().len()
}
