//! Recording: after a run, look at the session, determine the changes, encode, store and commit them.
//!
//! The input is a kernel whose run ended. The output is the run's record, with versions of all values that differ from the state
//! before. Nothing is visible before the operation is written. If anything fails before that, the session still assumes the state
//! of the run before, so the next run records the missing changes.

mod budget;
mod hidden_references;
mod live;
mod live_objects;
mod live_parts;
mod partial;
mod withheld;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::cause::Cause;
use crate::clock::Clock;
use crate::format::Ending;
use crate::format::{
    Body, Encoding, Evidence, Manifest, RECORD_VERSION, RunKind, StoredExtent, Summary, Timestamp, Version,
};
use crate::graph::{ArenaLimits, CoVariable, Halt, Heap, LookResult, MemberFingerprints, StreamFault, look_marking};
use crate::id::{BlockId, Fingerprint, ManifestId, Root, SegmentId};
use crate::kernel::{Kernel, KernelError, ObjectOf, TouchedRoots, encode_asides};
use crate::store::{Budget, Manifests, SessionWriter, StoreError, StoredSegment};

/// The facts about a run that are known at its end.
#[derive(Debug, Clone)]
pub struct RunInput {
    /// The kind of the run.
    pub kind: RunKind,
    /// Its source.
    pub source: Option<String>,
    /// Its printed output, if it is recorded.
    pub output: Option<String>,
    /// The front end's cell id.
    pub cell: Option<String>,
    /// The shell's `In [n]`.
    pub execution_count: Option<u64>,
    /// When it started.
    pub started: Timestamp,
    /// How long it ran, in nanoseconds.
    pub duration: u64,
    /// How the run ended.
    pub ending: Ending,
    /// Its effects outside the session, as far as known.
    pub evidence: Evidence,
    /// The roots that it may have touched.
    pub touched: TouchedRoots,
    /// Whether it is recorded only if something changed, since it is unknown whether anything ran.
    pub is_optional: bool,
}

impl RunInput {
    /// Creates the input for a change that no cell made.
    pub fn silent(kind: RunKind, started: Timestamp) -> Self {
        Self {
            kind,
            source: None,
            output: None,
            cell: None,
            execution_count: None,
            started,
            duration: 0,
            ending: Ending::Done,
            evidence: Evidence::default(),
            touched: TouchedRoots::All,
            is_optional: kind == RunKind::Outside,
        }
    }
}

/// The reason why a run could not be recorded. Earlier records are not affected.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Writing to the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The look at the session failed.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

pub(crate) use live::{LiveCoVariable, LiveState};
pub(crate) use live_objects::LiveObjects;
pub(crate) use live_parts::{LivePart, LiveParts, ObjectMark};

/// Stored versions by value, so that a repeated value is not stored again.
pub(crate) type VersionsByValue = HashMap<(Vec<Root>, Fingerprint), Version>;

/// The result of a look, compared with what was recorded before.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    /// The live state, as far as it was looked at.
    pub live: LiveState,
    pub fresh: Vec<(Version, bool)>,
    /// Serial numbers of the live objects that may have been used.
    pub used: BTreeSet<u64>,
    /// Roots that reach such objects, of versions that did not change.
    pub used_roots: BTreeSet<Root>,
    /// Those of them that are not reachable from a name of the run.
    pub used_besides: BTreeSet<Root>,
    pub warnings: Vec<String>,
    pub nodes: u64,
    /// The roots that were looked at; `None` means all.
    pub looked: Option<BTreeSet<Root>>,
    /// The time of the walk, without the time for storing.
    pub look_nanoseconds: u64,
}

impl Observation {
    /// Records that a run may have used the live objects of a co-variable that it did not change.
    fn use_objects(&mut self, known: &LiveCoVariable) -> Vec<Root> {
        let Some(parts) = &known.parts else { return Vec::new() };
        self.used.extend(parts.serials());
        let roots = known.version.roots.iter();
        let is_opaque = |root: &&Root| known.part(root).is_some_and(LivePart::is_opaque);
        let opaque: Vec<Root> = roots.filter(is_opaque).cloned().collect();
        self.used_roots.extend(opaque.iter().cloned());
        opaque
    }
}

/// The roots that a look checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookScope {
    /// Every root.
    All,
    /// The roots that may have been touched or were rebound, and their co-variables.
    Touched,
}

/// Whether values that cannot be stored can be recreated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rerun {
    /// By rerunning the cell.
    Possible,
    /// Not at all.
    Impossible,
}

/// The reason why a value is not stored.
enum Unstored {
    /// A temporary obstacle.
    Now(String),
    /// The value could never be built again, but its cell can recreate it.
    Ever(String),
}

/// Everything an observation reads and writes, apart from the kernel.
pub(crate) struct Observer<'a> {
    pub writer: &'a mut SessionWriter,
    pub live: &'a LiveState,
    pub by_value: &'a VersionsByValue,
    pub manifests: &'a Manifests,
    pub touched: &'a TouchedRoots,
    /// Roots that cells recreated, with the manifests of the first values of these cells.
    pub made_anew: &'a BTreeMap<Root, ManifestId>,
    pub rerun: Rerun,
    /// Makes the fingerprints of values that equal only themselves unique.
    pub salt: &'a [u8],
    /// The maximum size of the store.
    pub budget: Budget,
    pub clock: &'a dyn Clock,
}

impl Observer<'_> {
    /// Looks at the session, and stores values that have no version yet.
    pub fn observe<K: Kernel>(&mut self, kernel: &mut K, extent: LookScope) -> Result<Observation, RecordError> {
        if extent == LookScope::Touched
            && let Some(mut observed) = self.observe_some(kernel)?
        {
            // Their marks are unchanged; otherwise the kernel would have reported it.
            let looked = observed.looked.get_or_insert_default();
            looked.extend(self.live.withheld().iter().cloned());
            return Ok(observed);
        }
        let roots = kernel.roots()?;
        let withheld = kernel.withheld();
        let begun = self.clock.monotonic();
        let looked = look_marking(kernel.heap(), roots, &self.marked());
        let mut observed = self.take_over(kernel, &looked, begun, None)?;
        for withheld in withheld {
            self.note(withheld, &mut observed)?;
        }
        Ok(observed)
    }

    /// Compares the result of a look that started at `begun` with the recorded versions, and stores values that have no version
    /// yet. `chosen` are the roots of the look; `None` means all.
    fn take_over<K: Kernel>(
        &mut self,
        kernel: &mut K,
        looked: &LookResult<ObjectOf<K>>,
        begun: u64,
        chosen: Option<&BTreeSet<Root>>,
    ) -> Result<Observation, RecordError> {
        let look_nanoseconds = self.clock.monotonic().saturating_sub(begun);
        if kernel.heap().is_out_of_memory() {
            return Err(KernelError::NoMemory.into());
        }
        if kernel.heap().halt().is_some_and(Halt::was_wanted) {
            return Err(KernelError::Interrupted.into());
        }
        if looked.covariables.iter().any(|covariable| covariable.is_lost) {
            self.writer.distrust_cut_packs();
        }
        let objects: BTreeMap<Root, ObjectOf<K>> = looked.roots.iter().cloned().collect();
        let mut observed = Observation {
            look_nanoseconds,
            ..Observation::default()
        };
        // Objects that a cell used and released are no longer bound to a name, but may have been set aside before.
        let is_touched = |known: &&LiveCoVariable| known.version.roots.iter().any(|root| self.touched.holds(root));
        for known in self.live.iter().filter(is_touched) {
            observed
                .used
                .extend(known.parts.iter().flat_map(|parts| parts.serials()));
        }
        for covariable in &looked.covariables {
            observed.nodes += u64::from(covariable.nodes);
            let mut known = self.version_of(kernel, covariable, &objects, &mut observed)?;
            known.subgraph = covariable.subgraph.clone().map(Arc::new);
            observed.live.add(known);
        }
        self.use_besides(&mut observed);
        observed.looked = chosen.map(|chosen| chosen.iter().cloned().chain(objects.into_keys()).collect());
        Ok(observed)
    }

    fn version_of<K: Kernel>(
        &mut self,
        kernel: &mut K,
        covariable: &CoVariable,
        objects: &BTreeMap<Root, ObjectOf<K>>,
        observed: &mut Observation,
    ) -> Result<LiveCoVariable, StoreError> {
        let is_touched = covariable.roots.iter().any(|root| self.touched.holds(root));
        if let Some(known) = self.unchanged(covariable, is_touched) {
            if is_touched {
                observed.use_objects(&known);
            }
            return Ok(known);
        }
        let parts = LiveParts::of(kernel.heap(), covariable, objects).map(Arc::new);
        if let Some(mut known) = self.recorded_before(covariable, parts.as_ref()) {
            known.members = MemberFingerprints::of(kernel.heap(), covariable).map(Arc::new);
            if is_touched {
                observed.use_objects(&known);
            }
            return Ok(known);
        }
        let members = MemberFingerprints::of(kernel.heap(), covariable).map(Arc::new);
        let summaries = covariable.roots.iter().map(|root| {
            let summary = objects
                .get(root)
                .map(|object| kernel.summary(root, *object))
                .unwrap_or_default();
            described(summary, root, covariable, members.as_deref())
        });
        let summaries = summaries.collect();
        let is_opaque = !covariable.opaque.is_empty();
        let has_gaps = is_opaque && has_gaps(kernel, covariable);
        observed.used.extend(parts.iter().flat_map(|parts| parts.serials()));
        let first = self
            .first_of(covariable, parts.as_deref())
            .or_else(|| self.maker_of(covariable));
        let (mut blocks, mut pieces) = (FxHashMap::default(), Vec::new());
        let body = if covariable.is_lost {
            // No cell wrote these zeros. The warning is repeated only if more memory is lost.
            let known = self.live.of(&covariable.roots).filter(|known| known.is_opaque);
            if known.is_none_or(|known| known.seen != covariable.fingerprint) {
                observed.warnings.push(lost(covariable));
            }
            let why = reasons(covariable);
            Body::None { why }
        } else if is_opaque && !has_gaps {
            self.without(reasons(covariable), first)
        } else if let Some(why) = self.beyond_budget(kernel, covariable)? {
            observed.warnings.push(left_out(covariable, &why));
            self.without(why, None)
        } else {
            match self.encode(kernel, covariable, &mut blocks, &mut pieces)? {
                Ok(encoding) => Body::Encoded(encoding),
                Err(Unstored::Now(why)) => {
                    observed.warnings.push(left_out(covariable, &why));
                    Body::None { why }
                }
                Err(Unstored::Ever(why)) => {
                    observed.warnings.push(left_out(covariable, &why));
                    self.without(why, None)
                }
            }
        };
        let is_encoded = matches!(body, Body::Encoded(_));
        let fingerprint = if is_opaque && !is_encoded {
            self.only_itself(covariable.fingerprint)
        } else {
            covariable.fingerprint
        };
        let manifest = self.writer.put_manifest(Manifest {
            version: RECORD_VERSION,
            fingerprint_version: Fingerprint::VERSION,
            roots: covariable.roots.clone(),
            fingerprint,
            body,
            summaries,
        })?;
        let version = Version {
            roots: covariable.roots.clone(),
            fingerprint,
            manifest,
        };
        observed.fresh.push((version.clone(), is_encoded));
        Ok(LiveCoVariable {
            version: Arc::new(version),
            seen: covariable.fingerprint,
            is_opaque,
            is_encoded,
            withheld: None,
            is_compared: true,
            parts,
            first,
            blocks: Arc::new(blocks),
            pieces: Arc::new(pieces),
            members,
            is_whole: covariable.is_whole_but_for_leaves(),
            subgraph: None,
        })
    }

    /// Returns the manifest under which the same objects were first recorded, if there is one: a run that only used them did not
    /// create them.
    fn first_of(&self, covariable: &CoVariable, parts: Option<&LiveParts>) -> Option<ManifestId> {
        let known = self.live.of(&covariable.roots)?;
        let is_same = known.seen == covariable.fingerprint && known.parts.as_deref()?.are_bound_as(parts?);
        is_same.then(|| known.first.unwrap_or(known.version.manifest))
    }

    /// Returns the manifest of the first value of the cell that a restore reran for a co-variable. A later restore can then rerun
    /// it, too.
    fn maker_of(&self, covariable: &CoVariable) -> Option<ManifestId> {
        let mut makers = covariable.roots.iter().map(|root| self.made_anew.get(root));
        let maker = *makers.next()??;
        makers.all(|other| other == Some(&maker)).then_some(maker)
    }

    /// Returns the recorded version with this value. A live object, of which only the identity is known, counts as unchanged even
    /// if it was touched, since that does not prove a change. A value with other parts that cannot be compared counts as changed
    /// if it was touched.
    fn unchanged(&self, covariable: &CoVariable, is_touched: bool) -> Option<LiveCoVariable> {
        let known = self.live.of(&covariable.roots)?;
        let is_same = known.seen == covariable.fingerprint && (covariable.is_whole_but_for_leaves() || !is_touched);
        is_same.then(|| known.clone())
    }

    /// Returns the stored version with this value, which was live before.
    fn recorded_before(&mut self, covariable: &CoVariable, parts: Option<&Arc<LiveParts>>) -> Option<LiveCoVariable> {
        if !covariable.is_whole_but_for_leaves() {
            return None;
        }
        let version = self.by_value.get(&(covariable.roots.clone(), covariable.fingerprint))?;
        let manifest = self.manifests.get(&version.manifest).ok()?;
        let blocks = match &manifest.body {
            Body::Encoded(encoding) if self.writer.holds(version.manifest, encoding).ok()? => {
                pair_blocks(covariable, &encoding.extents)
            }
            _ => return None,
        };
        let seen = covariable.fingerprint;
        Some(LiveCoVariable {
            version: Arc::new(version.clone()),
            seen,
            is_opaque: !covariable.opaque.is_empty(),
            is_encoded: true,
            withheld: None,
            is_compared: true,
            parts: parts.cloned(),
            first: None,
            blocks: Arc::new(blocks),
            pieces: Arc::default(),
            members: None,
            is_whole: true,
            subgraph: None,
        })
    }

    /// Returns the manifest body of a value that is not stored.
    fn without(&self, why: String, first: Option<ManifestId>) -> Body {
        if first.is_some() || self.rerun == Rerun::Possible {
            Body::Recipe { why, first }
        } else {
            Body::None { why }
        }
    }

    /// Returns a fingerprint that equals no other one.
    fn only_itself(&self, seen: Fingerprint) -> Fingerprint {
        let mut bytes = seen.0.to_vec();
        bytes.extend_from_slice(self.salt);
        Fingerprint::of(&bytes)
    }

    /// Stores stream, asides and memory, if objects can be built from the stream again. The inner error is the reason why the
    /// value cannot be stored.
    fn encode<K: Kernel>(
        &mut self,
        kernel: &mut K,
        covariable: &CoVariable,
        blocks: &mut FxHashMap<u128, BlockId>,
        pieces: &mut Vec<StoredSegment>,
    ) -> Result<Result<Encoding, Unstored>, StoreError> {
        let refusal = if covariable.nodes > ArenaLimits::default().nodes {
            Some(StreamFault::TooMany.to_string())
        } else {
            kernel.refusal(&covariable.stream, covariable.roots.len())
        };
        if let Some(why) = refusal {
            return Ok(Err(Unstored::Ever(Cause::Unwritable { why: &why }.into())));
        }
        let facts = kernel.describe_stream(&covariable.stream);
        let asides = encode_asides(&covariable.asides);
        let before = self.before(covariable).first().map(|known| Arc::clone(&known.pieces));
        *pieces = self
            .writer
            .put_stream(&covariable.stream, &before.unwrap_or_default())?;
        let asides_bytes = asides.len() as u64;
        let asides = self.writer.put_stream(&asides, &[])?;
        let mut extents = Vec::new();
        for (extent, hashes) in covariable.extents.iter().zip(&covariable.block_hashes) {
            match self.put_extent(kernel, covariable, extent, hashes)? {
                Ok(stored) => extents.push(stored),
                Err(why) => return Ok(Err(Unstored::Now(why))),
            }
        }
        *blocks = pair_blocks(covariable, &extents);
        let gaps = if covariable.opaque.is_empty() {
            Vec::new()
        } else {
            let unstored = covariable
                .opaque
                .iter()
                .map(|opaque| (opaque.number, opaque.why.clone()));
            kernel.name_gaps(&covariable.roots, &covariable.stream, &unstored.collect())
        };
        Ok(Ok(Encoding {
            codecs: facts.codecs.into_iter().collect(),
            stream: ids(pieces),
            asides: ids(&asides),
            bytes: covariable.stream.len() as u64 + asides_bytes + covariable.buffer_bytes(),
            extents,
            mentions: covariable.mentions.clone(),
            definitions: facts.definitions,
            modules: facts.modules,
            code: facts.code,
            gaps,
        }))
    }

    fn put_extent<K: Kernel>(
        &mut self,
        kernel: &mut K,
        covariable: &CoVariable,
        extent: &crate::graph::Extent,
        hashes: &[u128],
    ) -> Result<Result<StoredExtent, String>, StoreError> {
        let known = self.known_blocks(covariable, hashes);
        let heap = kernel.heap();
        let Some(bytes) = heap.bytes(extent.address, extent.length) else {
            return Ok(Err(Cause::MemoryGone.into()));
        };
        // Another thread may have written since the memory was hashed: a torn value is never stored.
        let stored = self.writer.put_extent(bytes, extent.column, hashes, &known)?;
        Ok(stored.ok_or_else(|| Cause::Torn.into()))
    }

    /// Returns the co-variables that contained these roots before.
    fn before(&self, covariable: &CoVariable) -> Vec<&LiveCoVariable> {
        let roots = covariable.roots.iter();
        roots.filter_map(|root| self.live.holding(root)).collect()
    }

    fn known_blocks(&self, covariable: &CoVariable, hashes: &[u128]) -> Vec<Option<BlockId>> {
        let before = self.before(covariable);
        hashes
            .iter()
            .map(|hash| before.iter().find_map(|known| known.blocks.get(hash)).copied())
            .collect()
    }
}

/// Returns whether a co-variable with live objects is stored nevertheless, with a gap for each.
fn has_gaps<K: Kernel>(kernel: &mut K, covariable: &CoVariable) -> bool {
    kernel.builds_around_gaps() && covariable.is_whole_but_for_leaves() && !covariable.has_only_opaque_roots()
}

/// Returns why a value cannot be stored.
fn reasons(covariable: &CoVariable) -> String {
    let mut reasons: Vec<&str> = covariable.opaque.iter().map(|opaque| opaque.why.as_str()).collect();
    reasons.dedup();
    match reasons.as_slice() {
        [only] => (*only).to_owned(),
        [first, rest @ ..] => {
            let others = rest.len();
            Cause::Several { first, others }.into()
        }
        [] => String::new(),
    }
}

/// Adds the results of the look to the summary of a root. The size is at least the stored size.
fn described(summary: Summary, root: &Root, covariable: &CoVariable, members: Option<&MemberFingerprints>) -> Summary {
    let shares = members.and_then(|members| members.shares.get(root));
    let own = members.and_then(|members| members.bytes.get(root)).copied();
    let whole = || (covariable.roots.len() == 1).then(|| covariable.stream.len() as u64 + covariable.buffer_bytes());
    Summary {
        size: own.or_else(whole).unwrap_or(0).max(summary.size),
        alone: members.and_then(|members| members.alone.get(root).copied()),
        shares: shares.into_iter().flatten().copied().collect(),
        ..summary
    }
}

fn lost(covariable: &CoVariable) -> String {
    let roots: Vec<String> = covariable.roots.iter().map(ToString::to_string).collect();
    let roots = &roots.join(", ");
    Cause::LostWhileLive { roots }.into()
}

fn left_out(covariable: &CoVariable, why: &str) -> String {
    let root = &covariable.roots[0].to_string();
    Cause::LeftOut { root, why }.into()
}

fn ids(pieces: &[StoredSegment]) -> Vec<SegmentId> {
    pieces.iter().map(|piece| piece.id).collect()
}

fn pair_blocks(covariable: &CoVariable, extents: &[StoredExtent]) -> FxHashMap<u128, BlockId> {
    covariable
        .block_hashes
        .iter()
        .zip(extents)
        .flat_map(|(hashes, extent)| hashes.iter().copied().zip(extent.blocks.iter().copied()))
        .collect()
}
