//! The way in: a run ended. Look, tell what changed, encode it, store it, commit.
//!
//! In: a kernel whose run ended. Out: the run's record with versions of everything that differs from the state before.
//! Nothing is visible before the operation is written; when anything fails before that, the session's own picture stays
//! at the run before, so the next run records what this one could not.

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

/// What is known of a run when it ended.
#[derive(Debug, Clone)]
pub struct RunInput {
    /// Where it comes from.
    pub kind: RunKind,
    /// Its source.
    pub source: Option<String>,
    /// What it printed, where kept.
    pub output: Option<String>,
    /// The front end's cell id.
    pub cell: Option<String>,
    /// The shell's `In [n]`.
    pub execution_count: Option<u64>,
    /// When it started.
    pub started: Timestamp,
    /// How long it ran, in nanoseconds.
    pub duration: u64,
    /// How it ended.
    pub ending: Ending,
    /// What it may have touched outside.
    pub evidence: Evidence,
    /// Which roots it may have touched.
    pub touched: TouchedRoots,
    /// Whether it is a run only if something changed: nobody knows whether anything ran.
    pub is_optional: bool,
}

impl RunInput {
    /// A change that no cell made.
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

/// Why a run could not be recorded. What was recorded before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The session could not be looked at.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

pub(crate) use live::{LiveCoVariable, LiveState};
pub(crate) use live_objects::LiveObjects;
pub(crate) use live_parts::{LivePart, LiveParts, ObjectMark};

/// Stored versions by value, so that a value that comes again is not stored again.
pub(crate) type VersionsByValue = HashMap<(Vec<Root>, Fingerprint), Version>;

/// The result of a look, compared with what was recorded before.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    /// What is live, as far as it was looked at.
    pub live: LiveState,
    pub fresh: Vec<(Version, bool)>,
    /// Serials of the objects without a value that may have been used.
    pub used: BTreeSet<u64>,
    /// Roots that reach such objects, of versions that are as they were.
    pub used_roots: BTreeSet<Root>,
    /// Those of them that no name of the run led to.
    pub used_besides: BTreeSet<Root>,
    pub warnings: Vec<String>,
    pub nodes: u64,
    /// Which roots were looked at; all of them if it says none.
    pub looked: Option<BTreeSet<Root>>,
    /// How long the walk took, what was stored apart.
    pub look_nanoseconds: u64,
}

impl Observation {
    /// Takes note that a run may have used the objects without a value of a co-variable that it left as it was.
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
    /// What may have been touched, what was rebound, and what belongs together with these.
    Touched,
}

/// How values that cannot be stored could come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rerun {
    /// By running the cell again.
    Possible,
    /// In no way.
    Impossible,
}

/// Why a value that was looked at is not stored.
enum Unstored {
    /// Something stood in the way this time.
    Now(String),
    /// What it is could never be built again: its cell can make it.
    Ever(String),
}

/// Everything an observation reads and writes, apart from the kernel.
pub(crate) struct Observer<'a> {
    pub writer: &'a mut SessionWriter,
    pub live: &'a LiveState,
    pub by_value: &'a VersionsByValue,
    pub manifests: &'a Manifests,
    pub touched: &'a TouchedRoots,
    /// Roots that cells made anew, with the manifests of what these cells made first.
    pub made_anew: &'a BTreeMap<Root, ManifestId>,
    pub rerun: Rerun,
    /// Makes fingerprints of values that equal nothing but themselves.
    pub salt: &'a [u8],
    /// How much the store may hold.
    pub budget: Budget,
    pub clock: &'a dyn Clock,
}

impl Observer<'_> {
    /// Looks, and stores what has no version yet.
    pub fn observe<K: Kernel>(&mut self, kernel: &mut K, extent: LookScope) -> Result<Observation, RecordError> {
        if extent == LookScope::Touched
            && let Some(mut observed) = self.observe_some(kernel)?
        {
            // Their marks are as they were: the kernel would have told.
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

    /// Compares what a look that began then found with what is known, and stores what has no version yet. `chosen` says which roots it
    /// was to look at, if not at all.
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
        // What a cell used and let go of is bound to no name now, and may have been set aside before.
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
            // No cell made these zeros. It is said again only where there are more of them.
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

    /// The manifest under which the very objects of a co-variable were recorded first, if they were: a run that only used
    /// them did not make them.
    fn first_of(&self, covariable: &CoVariable, parts: Option<&LiveParts>) -> Option<ManifestId> {
        let known = self.live.of(&covariable.roots)?;
        let is_same = known.seen == covariable.fingerprint && known.parts.as_deref()?.are_bound_as(parts?);
        is_same.then(|| known.first.unwrap_or(known.version.manifest))
    }

    /// The manifest of what the cell made first that a move ran again for a co-variable: who comes back to this one can run it again, too.
    fn maker_of(&self, covariable: &CoVariable) -> Option<ManifestId> {
        let mut makers = covariable.roots.iter().map(|root| self.made_anew.get(root));
        let maker = *makers.next()??;
        makers.all(|other| other == Some(&maker)).then_some(maker)
    }

    /// What is already known with this value. Of an object without a value all that can be seen is that it is the same one: that
    /// a cell touched it is no evidence of a change.
    fn unchanged(&self, covariable: &CoVariable, is_touched: bool) -> Option<LiveCoVariable> {
        let known = self.live.of(&covariable.roots)?;
        let is_same = known.seen == covariable.fingerprint && (covariable.is_whole_but_for_leaves() || !is_touched);
        is_same.then(|| known.clone())
    }

    /// What is stored with this value already: it was live before.
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

    /// What is kept of a value that is not stored.
    fn without(&self, why: String, first: Option<ManifestId>) -> Body {
        if first.is_some() || self.rerun == Rerun::Possible {
            Body::Recipe { why, first }
        } else {
            Body::None { why }
        }
    }

    /// A fingerprint of what equals nothing but itself.
    fn only_itself(&self, seen: Fingerprint) -> Fingerprint {
        let mut bytes = seen.0.to_vec();
        bytes.extend_from_slice(self.salt);
        Fingerprint::of(&bytes)
    }

    /// Stores stream, asides and memory, if what is written could be built again. The inner error says why the value can't be
    /// stored.
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
        // Someone may have written since it was hashed: never keep a torn value.
        let stored = self.writer.put_extent(bytes, extent.column, hashes, &known)?;
        Ok(stored.ok_or_else(|| Cause::Torn.into()))
    }

    /// What was live under these roots.
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

/// Whether a co-variable with objects that have no value is stored all the same, with a gap in the place of each.
fn has_gaps<K: Kernel>(kernel: &mut K, covariable: &CoVariable) -> bool {
    kernel.builds_around_gaps() && covariable.is_whole_but_for_leaves() && !covariable.has_only_opaque_roots()
}

/// Why a value has none that could be stored.
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

/// The summary of a root with what the look found of it. It is at least as large as what is stored of it.
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
