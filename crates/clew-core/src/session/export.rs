//! Export of a state for other people: in a bundle, without the runs that led to it.
//!
//! The bundle gets a session of its own, signed by the exporting user. It has one run, with the number that the state has here,
//! and with the exported values as its state. Untrusted values are not exported, since the new signature would vouch for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rustc_hash::FxHashSet;

use super::SessionError;
use super::checkout::{check_names, definitions_of, untrusted};
use crate::cause::Cause;
use crate::format::{
    Action, Body, Evidence, HistoryDescription, KernelDescription, Manifest, ModuleEvidence, Naming, Position,
    RECORD_VERSION, Run, Timestamp, Version, View,
};
use crate::graph::Aside;
use crate::history::{Environments, History, State};
use crate::id::{BlobId, Fingerprint, HistoryId, ManifestId, Root, RootKind, RunId};
use crate::kernel::decode_asides;
use crate::restore::CellText;
use crate::store::{
    BundleMaker, CopyCallback, Manifests, SessionWriter, SigningKey, Store, StoreError, TransferSummary,
};

/// The state to export, and which parts of it.
pub struct ExportRequest<'e> {
    /// The history.
    pub history: HistoryId,
    /// The name of the history for the recipient.
    pub name: &'e str,
    /// The description of the history.
    pub description: &'e HistoryDescription,
    /// The run that left the state.
    pub run: RunId,
    /// Only these roots, and roots that share objects with them; `None` for all roots that are not specific to this machine.
    pub roots: Option<&'e BTreeSet<Root>>,
    /// The maximum number of bytes of values, before compression.
    pub most: Option<u64>,
    /// Cells that may be exported with the code objects compiled from them.
    pub cells: &'e [CellText],
    /// Determines the cells from which the code objects of a value were compiled. Only the kernel can identify code objects.
    pub origins: &'e Origins<'e>,
}

impl fmt::Debug for ExportRequest<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Export")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// For the stream of a value, its number of roots and its asides, returns the indices of the cells from which its code objects
/// were compiled.
pub type Origins<'e> = dyn Fn(&[u8], usize, &[Aside]) -> BTreeSet<usize> + 'e;

/// The result of the export of one co-variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedValue {
    /// Its roots.
    pub roots: Vec<Root>,
    /// The number of bytes that it adds to the values before it, before compression.
    pub bytes: u64,
    /// Why it cannot be restored from the bundle, if that is so.
    pub why: Option<String>,
}

/// The result of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Every value of the state, or of the requested names.
    pub values: Vec<ExportedValue>,
    /// Runs whose cells define functions and classes among the values, and were exported, too; nearest last.
    pub cells: Vec<RunId>,
    /// The copied data.
    pub carried: TransferSummary,
}

/// A value that can be exported.
struct Candidate {
    version: Version,
    parts: Vec<([u8; 32], u64)>,
    bytes: u64,
}

impl Candidate {
    /// Returns the number of bytes that it adds to those of `sent`.
    fn beside(&self, sent: &FxHashSet<[u8; 32]>) -> u64 {
        let new = self.parts.iter().filter(|(id, _)| !sent.contains(id));
        new.map(|(_, length)| length).sum()
    }
}

/// A value that is not exported, with the reason.
struct Left {
    version: Version,
    why: String,
}

impl ExportRequest<'_> {
    /// Writes the state to the store of a bundle that is being created.
    ///
    /// # Errors
    /// Fails if a disk operation fails, or if the state does not have a requested name.
    pub fn write(
        &self,
        from: &Store,
        history: &History,
        maker: &BundleMaker,
        (key, now): (&SigningKey, Timestamp),
        watch: CopyCallback<'_>,
    ) -> Result<ExportReport, SessionError> {
        let (candidates, mut left) = self.candidates(from, history)?;
        let (sent, too_large) = self.within(candidates);
        left.extend(too_large);
        let carried = from.carry_values(sent.iter().map(|sent| sent.version.manifest), maker.store(), watch)?;
        let cells = self.defining(from, &sent);
        self.record(from, history, maker, (key, now), (&sent, &left, &cells))?;
        let mut counted = FxHashSet::default();
        let mut values: Vec<ExportedValue> = Vec::new();
        for candidate in sent {
            values.push(ExportedValue {
                bytes: candidate.beside(&counted),
                roots: candidate.version.roots,
                why: None,
            });
            counted.extend(candidate.parts.iter().map(|(id, _)| *id));
        }
        values.extend(left.into_iter().map(|left| ExportedValue {
            roots: left.version.roots,
            bytes: 0,
            why: Some(left.why),
        }));
        values.sort_by(|one, other| one.roots.cmp(&other.roots));
        let mut cells: Vec<RunId> = cells.into_iter().rev().map(|cell| cell.run).collect();
        cells.dedup();
        Ok(ExportReport { values, cells, carried })
    }

    /// Returns the cells from which exported code objects were compiled, except those from which a credential was removed.
    fn defining(&self, from: &Store, sent: &[Candidate]) -> Vec<&CellText> {
        if self.cells.is_empty() {
            return Vec::new();
        }
        let mut needed = BTreeSet::new();
        for sent in sent {
            if let Some((stream, asides)) = code_of(from, sent.version.manifest) {
                needed.extend((self.origins)(&stream, sent.version.roots.len(), &asides));
            }
        }
        let cells = needed.into_iter().filter_map(|place| self.cells.get(place));
        cells.filter(|cell| !cell.text.is_empty()).collect()
    }

    /// Returns the requested values that can be exported, and those that cannot.
    fn candidates(&self, from: &Store, history: &History) -> Result<(Vec<Candidate>, Vec<Left>), SessionError> {
        let state = history.state(self.run);
        let manifests = Manifests::new(from.clone());
        let wanted = self.wanted(history, &state, &manifests)?;
        let (mut candidates, mut left) = (Vec::new(), Vec::new());
        for version in state.versions().filter(|version| is_any(version, &wanted)) {
            let version = version.clone();
            match self.candidate(from, history, &manifests, &version) {
                Ok(candidate) => candidates.push(candidate),
                Err(why) => left.push(Left { version, why }),
            }
        }
        Ok((candidates, left))
    }

    /// Returns the roots to export: the requested ones with the classes of their instances, or all that are not specific to this
    /// machine.
    fn wanted(&self, history: &History, state: &State, manifests: &Manifests) -> Result<BTreeSet<Root>, SessionError> {
        let Some(asked) = self.roots else {
            return Ok(state.roots().filter(|root| !is_of_machine(root)).cloned().collect());
        };
        check_names(history, self.run, state, asked)?;
        let mut wanted = asked.clone();
        wanted.extend(definitions_of(manifests, state, asked, &|_| false));
        Ok(wanted)
    }

    fn candidate(
        &self,
        from: &Store,
        history: &History,
        manifests: &Manifests,
        version: &Version,
    ) -> Result<Candidate, String> {
        let manifest = manifests.get(&version.manifest).map_err(|error| error.to_string())?;
        match &manifest.body {
            Body::Encoded(_) => {}
            Body::Recipe { why, .. } | Body::None { why } | Body::Withheld { why } => return Err(why.clone()),
        }
        if untrusted(history, self.run, version, &manifest).is_some() {
            return Err(Cause::StrangersValue.into());
        }
        let parts = from.parts_of(version.manifest).map_err(|error| error.to_string())?;
        Ok(Candidate {
            version: version.clone(),
            bytes: parts.iter().map(|(_, length)| length).sum(),
            parts,
        })
    }

    /// Selects values that fit, small ones first, so that as few names as possible are omitted.
    fn within(&self, mut candidates: Vec<Candidate>) -> (Vec<Candidate>, Vec<Left>) {
        let Some(most) = self.most else {
            return (candidates, Vec::new());
        };
        candidates.sort_by_key(|candidate| candidate.bytes);
        let (mut sent, mut left, mut taken, mut room) = (Vec::new(), Vec::new(), FxHashSet::default(), most);
        for candidate in candidates {
            let bytes = candidate.beside(&taken);
            match room.checked_sub(bytes) {
                Some(rest) => {
                    room = rest;
                    taken.extend(candidate.parts.iter().map(|(id, _)| *id));
                    sent.push(candidate);
                }
                None => left.push(Left {
                    version: candidate.version,
                    why: Cause::BeyondSize { bytes, room }.into(),
                }),
            }
        }
        (sent, left)
    }

    /// Writes the state as a session of its own.
    fn record(
        &self,
        from: &Store,
        history: &History,
        maker: &BundleMaker,
        (key, now): (&SigningKey, Timestamp),
        (sent, left, cells): (&[Candidate], &[Left], &[&CellText]),
    ) -> Result<(), SessionError> {
        let to = maker.store();
        to.describe_new(self.history, &self.describe(now))?;
        let mut writer = to.writer(self.history, to.new_session(), key)?;
        let mut versions: Vec<Version> = sent.iter().map(|sent| sent.version.clone()).collect();
        for left in left {
            let manifest = put_left(&mut writer, from, left)?;
            versions.push(Version {
                manifest,
                ..left.version.clone()
            });
        }
        versions.sort_by(|one, other| one.roots.cmp(&other.roots));
        let evidence = self.evidence(history, from, sent);
        let defining: Result<Vec<BlobId>, StoreError> = cells.iter().map(|cell| writer.put_blob(&cell.text)).collect();
        let run = Run {
            repeats: None,
            defining: defining?,
            ..self.run(history, versions, evidence)
        };
        let run = writer.put_run(&run)?;
        let said = format!("the state after run {} of {}", history.label(&self.run), self.name);
        let text = Some(writer.put_blob(&said)?);
        let view = View {
            at: Some(Position { run, branch: None }),
            confirmed: None,
        };
        writer.commit(Action::Export, vec![Naming::Describe { run, text }], view, now)?;
        writer.sync()?;
        Ok(())
    }

    fn describe(&self, now: Timestamp) -> HistoryDescription {
        HistoryDescription {
            version: RECORD_VERSION,
            time: now,
            name: self.name.to_owned(),
            // Specific to this machine, like the interpreter.
            path: None,
            notebook: self.description.notebook.clone(),
            file: None,
            moved: None,
            joined: None,
            kernel: KernelDescription {
                executable: String::new(),
                ..self.description.kernel.clone()
            },
        }
    }

    /// Returns the environment of the values: the last known version of each package that had been imported.
    fn evidence(&self, history: &History, from: &Store, sent: &[Candidate]) -> Evidence {
        let environments = Environments::of(history);
        let mut modules = imported(history, self.run);
        for candidate in sent {
            let Ok(manifest) = from.manifest(candidate.version.manifest) else {
                continue;
            };
            let run = history.recorded_by(self.run, &candidate.version).unwrap_or(self.run);
            for name in manifest.packages() {
                if let Some(module) = environments.module(&run, name) {
                    modules.entry(name.to_owned()).or_insert_with(|| module.clone());
                }
            }
        }
        Evidence {
            modules: modules.into_values().collect(),
            interpreter: environments.interpreter(&self.run).cloned(),
            submodules: history.submodules(self.run, None).concat(),
            ..Evidence::default()
        }
    }

    fn run(&self, history: &History, versions: Vec<Version>, evidence: Evidence) -> Run {
        let from = history.run(&self.run);
        Run {
            version: RECORD_VERSION,
            number: from.map_or(1, |run| run.number),
            suffix: from.map(|run| run.suffix.clone()).unwrap_or_default(),
            started: from.map_or(0, |run| run.started),
            evidence,
            changed: versions.clone(),
            full: Some(versions),
            ..Run::default()
        }
    }
}

/// Returns whether a root describes where the session runs, which does not apply at the recipient.
fn is_of_machine(root: &Root) -> bool {
    matches!(root.kind, RootKind::Directory | RootKind::Environment | RootKind::Path)
}

fn is_any(version: &Version, roots: &BTreeSet<Root>) -> bool {
    version.roots.iter().any(|root| roots.contains(root))
}

/// Returns the stream and the asides of a value, if it has asides: code objects always do.
fn code_of(from: &Store, value: ManifestId) -> Option<(Vec<u8>, Vec<Aside>)> {
    let manifest = from.manifest(value).ok()?;
    let encoding = manifest.encoding()?;
    let asides = from.stream(&encoding.asides).ok()?.into_inner();
    let asides = decode_asides(&asides).filter(|asides| !asides.is_empty())?;
    Some((from.stream(&encoding.stream).ok()?.into_inner(), asides))
}

/// Writes the summary of a value that is not exported, with the reason.
fn put_left(writer: &mut SessionWriter, from: &Store, left: &Left) -> Result<ManifestId, StoreError> {
    let known = from.manifest(left.version.manifest).ok();
    let known = known.map(crate::store::VerifiedValue::into_inner);
    // Excluded values have no summary.
    let summaries = known.map(|manifest| manifest.summaries).unwrap_or_default();
    writer.put_manifest(Manifest {
        version: RECORD_VERSION,
        fingerprint_version: Fingerprint::VERSION,
        roots: left.version.roots.clone(),
        fingerprint: left.version.fingerprint,
        body: Body::None { why: left.why.clone() },
        summaries,
    })
}

/// Returns the packages and modules that a run and its ancestors imported, in their last known version.
fn imported(history: &History, run: RunId) -> BTreeMap<String, ModuleEvidence> {
    let mut modules = BTreeMap::new();
    for (_, run) in history.line(run) {
        for module in &run.evidence.modules {
            modules.entry(module.name.clone()).or_insert_with(|| module.clone());
        }
    }
    modules
}
