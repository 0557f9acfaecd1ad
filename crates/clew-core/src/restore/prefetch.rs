//! Reads stored data into the kernel's memory, for all co-variables that a restore loads together, on all cores.

use std::collections::HashMap;

use super::parallel_jobs::{JobOutcome, do_all};
use super::{End, PlanExecutor, RestoreError, Staged, build, failed, unbuilt, unreadable};
use crate::cause::Cause;
use crate::format::{Encoding, Version};
use crate::graph::{Arena, ArenaLimits, Aside, ExtentMemory, Mention};
use crate::id::{ManifestId, RootKind};
use crate::kernel::{BuildError, CoVariableHandover, Kernel, ObjectOf, RestoreProgress, decode_asides};
use crate::plan::{OutcomeKind, Plan, PlanStep, RerunPermission, StepKind};
use crate::store::{Check, PendingExtent, Store, StoreError};

/// A co-variable as stored, in the kernel's memory.
#[derive(Debug)]
pub(crate) struct FetchedCoVariable<M> {
    pub stream: Vec<u8>,
    pub asides: Vec<Aside>,
    pub extents: Vec<M>,
    pub mentions: Vec<Mention>,
    /// Whether some of its data was not checked against its hashes.
    pub is_trusting: bool,
}

/// Values that were read ahead, by manifest.
#[derive(Debug)]
pub(crate) struct PrefetchedValues<M> {
    found: HashMap<ManifestId, Result<FetchedCoVariable<M>, String>>,
    /// Whether other threads may have run in the kernel meanwhile, and changed live values.
    pub has_waited: bool,
}

impl<M> PrefetchedValues<M> {
    /// Creates an empty set.
    pub fn empty() -> Self {
        Self {
            found: HashMap::new(),
            has_waited: false,
        }
    }

    /// Returns whether fetching a manifest failed.
    pub fn is_unreadable(&self, manifest: &ManifestId) -> bool {
        self.found.get(manifest).is_some_and(Result::is_err)
    }

    /// Takes the fetched data of a manifest.
    pub(super) fn take(&mut self, manifest: &ManifestId) -> Option<Result<FetchedCoVariable<M>, String>> {
        self.found.remove(manifest)
    }
}

/// The same, while its memory is being filled.
struct Fetching<M> {
    stream: Vec<u8>,
    asides: Vec<Aside>,
    extents: Vec<PendingExtent<M>>,
    mentions: Vec<Mention>,
}

impl<M: ExtentMemory> Fetching<M> {
    /// Returns the complete data; otherwise why this manifest's data cannot be read.
    fn finish(self, store: &Store, manifest: ManifestId) -> Result<FetchedCoVariable<M>, String> {
        let is_trusting = self.extents.iter().any(PendingExtent::is_trusting);
        let extents: Result<Vec<M>, StoreError> = self
            .extents
            .into_iter()
            .map(|extent| Ok(extent.finish()?.into_inner()))
            .collect();
        Ok(FetchedCoVariable {
            stream: self.stream,
            asides: self.asides,
            extents: extents.map_err(|error| store.excused(manifest, error).to_string())?,
            mentions: self.mentions,
            is_trusting,
        })
    }
}

impl<M: ExtentMemory> FetchedCoVariable<M> {
    /// Converts data that another process returned.
    ///
    /// # Errors
    /// Fails if there is not enough memory.
    pub fn of(handed: CoVariableHandover) -> Result<Self, BuildError> {
        let CoVariableHandover {
            stream,
            asides,
            extents,
            mentions,
        } = handed;
        let extents: Option<Vec<M>> = extents.into_iter().map(|(_, bytes)| M::holding(&bytes)).collect();
        Ok(Self {
            stream,
            asides,
            extents: extents.ok_or(BuildError::NoMemory)?,
            mentions,
            is_trusting: false,
        })
    }
}

impl PlanExecutor<'_> {
    /// Fetches all values that a plan loads.
    ///
    /// # Errors
    /// Fails if the user interrupted it, or if there is not enough memory. A value that cannot be read is not an error of the whole.
    pub fn fetch_ahead<K: Kernel>(
        &self,
        kernel: &mut K,
        plan: &Plan,
    ) -> Result<PrefetchedValues<K::Memory>, RestoreError> {
        let is_load = |step: &&PlanStep| matches!(step.kind, StepKind::Load { .. });
        let versions = plan
            .steps
            .iter()
            .filter(is_load)
            .filter_map(|step| step.version.as_ref());
        kernel.hear_progress(RestoreProgress::Reads { bytes: plan.bytes() });
        let mut begun = Vec::new();
        for version in versions {
            begun.push((version.manifest, self.begin::<K::Memory>(version, self.check)?));
        }
        let jobs = begun.iter_mut().filter_map(|(_, fetching)| fetching.as_mut().ok());
        let jobs = jobs.flat_map(|fetching| fetching.extents.iter_mut().flat_map(PendingExtent::jobs));
        let ended = do_all(kernel, jobs.collect());
        if ended == JobOutcome::Stopped {
            return Err(RestoreError::Interrupted);
        }
        let finished = begun
            .into_iter()
            .map(|(id, fetching)| (id, fetching.and_then(|fetching| fetching.finish(self.store, id))));
        Ok(PrefetchedValues {
            found: finished.collect(),
            has_waited: ended == JobOutcome::Waited,
        })
    }

    /// Fetches the data of a version; otherwise returns why it cannot be read.
    pub(super) fn fetch<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        check: Check,
    ) -> Result<Result<FetchedCoVariable<K::Memory>, String>, BuildError> {
        let mut begun = match self.begin::<K::Memory>(version, check)? {
            Ok(begun) => begun,
            Err(why) => return Ok(Err(why)),
        };
        let jobs = begun.extents.iter_mut().flat_map(PendingExtent::jobs).collect();
        if do_all(kernel, jobs) == JobOutcome::Stopped {
            return Err(BuildError::Interrupted);
        }
        Ok(begun.finish(self.store, version.manifest))
    }

    /// Does the same, and builds the value.
    pub(super) fn fetch_and_load<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        again: &RerunPermission,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        let fetched = self.fetch(kernel, version, self.check)?;
        self.load(kernel, version, again, fetched)
    }

    /// Allocates the memory for a version; otherwise returns why it cannot be read.
    fn begin<M: ExtentMemory>(&self, version: &Version, check: Check) -> Result<Result<Fetching<M>, String>, End> {
        let begun = self.try_begin(version, check);
        begun.map_or_else(|error| unbuilt(error).map(Err), |fetching| Ok(Ok(fetching)))
    }

    fn try_begin<M: ExtentMemory>(&self, version: &Version, check: Check) -> Result<Fetching<M>, BuildError> {
        let manifest = self.manifests.get(&version.manifest).map_err(unread)?;
        let encoding = manifest.encoding().ok_or_else(|| failed(Cause::NotRecorded))?;
        let excused = |error| unread(self.store.excused(version.manifest, error));
        let stream = self.store.stream(&encoding.stream).map_err(excused)?.into_inner();
        let asides = self.store.stream(&encoding.asides).map_err(excused)?.into_inner();
        let extents = encoding.extents.iter().map(|extent| self.store.begin(extent, check));
        Ok(Fetching {
            stream,
            asides: decode_asides(&asides).ok_or_else(|| unreadable("its asides"))?,
            extents: extents.collect::<Result<_, StoreError>>().map_err(excused)?,
            mentions: encoding.mentions.clone(),
        })
    }

    /// Builds a fetched value. If that is not possible, reruns its cell, if permitted.
    pub(super) fn load<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        again: &RerunPermission,
        fetched: Result<FetchedCoVariable<K::Memory>, String>,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        match fetched {
            Ok(fetched) if fetched.is_trusting => {
                match self.build_stored(kernel, version, fetched) {
                    Ok(staged) if staged.kind == OutcomeKind::Restored => return Ok(staged),
                    // Either the value cannot be rebuilt identically, or the unchecked data is corrupted.
                    Ok(_) => {}
                    Err(error) => drop(unbuilt(error)?),
                }
                let fetched = self.fetch(kernel, version, Check::Anew)?;
                self.load(kernel, version, again, fetched)
            }
            Ok(fetched) => match self.build_stored(kernel, version, fetched) {
                // The bytes are correct, but the library's code rejects them, and would do so in any process. A class may only
                // have to wait for another one.
                Err(BuildError::Failed(why)) if !version.roots.iter().any(|root| root.kind == RootKind::Definition) => {
                    match self.make_again(kernel, version, again, &why, false, &[]) {
                        Err(BuildError::Failed(why)) => self.load_with_stand_ins(kernel, version, why),
                        // Adds the reason why its cell was rerun.
                        Ok(staged) if staged.kind == OutcomeKind::NotIdentical => Ok(Staged {
                            why: Some(staged.why.map_or_else(|| why.clone(), |what| format!("{why}; {what}"))),
                            ..staged
                        }),
                        made => made,
                    }
                }
                Ok(staged) if staged.lacks_members() && *again == RerunPermission::Allowed => {
                    self.make_whole(kernel, version, again, staged)
                }
                built => built,
            },
            Err(why) => {
                if matches!(again, RerunPermission::Unasked | RerunPermission::Allowed) {
                    self.read_all(version);
                }
                self.make_again(kernel, version, again, &why, true, &[])
            }
        }
    }

    /// Recreates a value with missing members, as the user allowed. If its cell does not create it, it stays as it was built.
    fn make_whole<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        again: &RerunPermission,
        staged: Staged<ObjectOf<K>>,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        let why = staged.apart.values().find_map(|(_, why)| why.clone());
        match self.make_again(kernel, version, again, &why.unwrap_or_default(), false, &[]) {
            Err(BuildError::Failed(_) | BuildError::Unbound(_)) => Ok(staged),
            made => made,
        }
    }

    /// Builds a version with placeholders for handles that cannot connect, so that its other contents are restored. `why` is the
    /// reason why it cannot be built otherwise.
    fn load_with_stand_ins<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        why: String,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        if !self.manifests.is_stored_as(version, Encoding::has_handles) {
            return Err(failed(why));
        }
        let Ok(Ok(fetched)) = self.fetch(kernel, version, self.check) else {
            return Err(failed(why));
        };
        kernel.stand_in(true);
        let built = self.build_stored(kernel, version, fetched);
        kernel.stand_in(false);
        built.map_err(|error| match error {
            BuildError::Failed(_) | BuildError::Unbound(_) => failed(why),
            ended => ended,
        })
    }

    /// Builds the stored value of a version. An untrusted value must be pure data, and the claims of its manifest are ignored.
    fn build_stored<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        fetched: FetchedCoVariable<K::Memory>,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        if self.history.is_strangers(self.target, version) {
            let arena =
                Arena::parse(&fetched.stream, version.roots.len(), ArenaLimits::default()).map_err(unreadable)?;
            if !kernel.is_data(&arena) {
                return Err(failed(Cause::Untrusted));
            }
        }
        build(kernel, version, fetched, &self.cells(), OutcomeKind::Restored)
    }

    /// Reads all stored data of a version that cannot be loaded. The store then knows every corrupted part, and stores it again
    /// when the value recurs.
    fn read_all(&self, version: &Version) {
        let Ok(manifest) = self.manifests.get(&version.manifest) else {
            return;
        };
        if let Some(encoding) = manifest.encoding() {
            for segment in encoding.stream.iter().chain(&encoding.asides) {
                self.store.stream(&[*segment]).ok();
            }
            for block in encoding.extents.iter().flat_map(|extent| &extent.blocks) {
                self.store.blocks(&[*block]).ok();
            }
        }
    }

    /// Returns why the value of a load step cannot be read, if that is so.
    pub fn unreadable<K: Kernel>(&self, kernel: &mut K, step: &PlanStep) -> Result<Option<String>, RestoreError> {
        let Some(version) = step
            .version
            .as_ref()
            .filter(|_| matches!(step.kind, StepKind::Load { .. }))
        else {
            return Ok(None);
        };
        match self.fetch(kernel, version, self.check) {
            Ok(fetched) => Ok(fetched.err()),
            Err(error) => Ok(Some(unbuilt(error)?)),
        }
    }
}

fn unread(error: StoreError) -> BuildError {
    match error {
        StoreError::NoMemory { .. } => BuildError::NoMemory,
        other => failed(other),
    }
}
