//! What is stored, brought into memory of the kernel's: of all co-variables that a move loads together, on all cores.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{Performer, RestoreError, build, failed};
use crate::cause::Cause;
use crate::format::{Body, Version};
use crate::graph::{Aside, Memory, Mention};
use crate::id::ManifestId;
use crate::kernel::{BuildError, HandedOver, Kernel, ObjectOf, decode_asides};
use crate::plan::{Again, Plan, Step, StepKind, Word};
use crate::store::{Check, Job, Loading, StoreError};

use super::Staged;

/// A co-variable as it was stored, over memory of the kernel's.
#[derive(Debug)]
pub(super) struct Fetched<M> {
    pub stream: Vec<u8>,
    pub asides: Vec<Aside>,
    pub extents: Vec<M>,
    pub mentions: Vec<Mention>,
    /// Whether some of it was taken for right without a look at it.
    pub is_trusting: bool,
}

/// What was fetched ahead, by manifest.
pub(super) type Ahead<M> = HashMap<ManifestId, Result<Fetched<M>, String>>;

/// The same, while its memory is being filled.
struct Fetching<M> {
    stream: Vec<u8>,
    asides: Vec<Aside>,
    extents: Vec<Loading<M>>,
    mentions: Vec<Mention>,
}

impl<M: Memory> Fetching<M> {
    fn finish(self) -> Result<Fetched<M>, String> {
        let is_trusting = self.extents.iter().any(Loading::is_trusting);
        let extents: Result<Vec<M>, StoreError> = self
            .extents
            .into_iter()
            .map(|extent| Ok(extent.finish()?.into_inner()))
            .collect();
        Ok(Fetched {
            stream: self.stream,
            asides: self.asides,
            extents: extents.map_err(told)?,
            mentions: self.mentions,
            is_trusting,
        })
    }
}

impl<M: Memory> Fetched<M> {
    /// What another process handed over.
    ///
    /// # Errors
    /// There is not so much memory.
    pub fn of(handed: HandedOver) -> Result<Self, BuildError> {
        let HandedOver {
            stream,
            asides,
            extents,
            mentions,
        } = handed;
        let extents: Option<Vec<M>> = extents.into_iter().map(|(_, bytes)| M::holding(&bytes)).collect();
        Ok(Self {
            stream,
            asides,
            extents: extents.ok_or_else(|| failed(Cause::NoMemory))?,
            mentions,
            is_trusting: false,
        })
    }
}

impl Performer<'_> {
    /// Fetches all that a plan loads.
    ///
    /// # Errors
    /// The user asked to stop. What can't be had is no error of the whole.
    pub(super) fn fetch_ahead<K: Kernel>(&self, kernel: &mut K, plan: &Plan) -> Result<Ahead<K::Memory>, RestoreError> {
        let is_load = |step: &&Step| matches!(step.kind, StepKind::Load { .. });
        let versions = plan
            .steps
            .iter()
            .filter(is_load)
            .filter_map(|step| step.version.as_ref());
        let mut begun: Vec<_> = versions
            .map(|version| (version.manifest, self.begin::<K::Memory>(version, self.check)))
            .collect();
        let jobs = begun.iter_mut().filter_map(|(_, fetching)| fetching.as_mut().ok());
        let jobs = jobs.flat_map(|fetching| fetching.extents.iter_mut().flat_map(Loading::jobs));
        if !do_all(kernel, jobs.collect()) {
            return Err(RestoreError::Interrupted);
        }
        let finished = begun
            .into_iter()
            .map(|(id, fetching)| (id, fetching.and_then(Fetching::finish)));
        Ok(finished.collect())
    }

    /// What is stored of a version; else why it can't be had.
    pub(super) fn fetch<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        check: Check,
    ) -> Result<Result<Fetched<K::Memory>, String>, BuildError> {
        let mut begun = match self.begin::<K::Memory>(version, check) {
            Ok(begun) => begun,
            Err(why) => return Ok(Err(why)),
        };
        let jobs = begun.extents.iter_mut().flat_map(Loading::jobs).collect();
        if !do_all(kernel, jobs) {
            return Err(BuildError::Interrupted);
        }
        Ok(begun.finish())
    }

    /// The same, built.
    pub(super) fn fetch_and_load<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        again: Again,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        let fetched = self.fetch(kernel, version, self.check)?;
        self.load(kernel, version, again, fetched)
    }

    fn begin<M: Memory>(&self, version: &Version, check: Check) -> Result<Fetching<M>, String> {
        let manifest = self.manifests.get(&version.manifest).map_err(told)?;
        let Body::Encoded(encoding) = &manifest.body else {
            return Err(Cause::NotRecorded.into());
        };
        let stream = self.store.stream(&encoding.stream).map_err(told)?.into_inner();
        let asides = self.store.stream(&encoding.asides).map_err(told)?.into_inner();
        let extents = encoding.extents.iter().map(|extent| self.store.begin(extent, check));
        Ok(Fetching {
            stream,
            asides: decode_asides(&asides).ok_or(Cause::Unreadable { why: "its asides" })?,
            extents: extents.collect::<Result<_, StoreError>>().map_err(told)?,
            mentions: encoding.mentions.clone(),
        })
    }

    /// Builds what was fetched. Where the store can't give it, it is made again if that may be.
    pub(super) fn load<K: Kernel>(
        &self,
        kernel: &mut K,
        version: &Version,
        again: Again,
        fetched: Result<Fetched<K::Memory>, String>,
    ) -> Result<Staged<ObjectOf<K>>, BuildError> {
        match fetched {
            Ok(fetched) if fetched.is_trusting => {
                match build(kernel, version, fetched, Word::Loaded) {
                    Ok(staged) if staged.word == Word::Loaded => return Ok(staged),
                    Err(BuildError::Interrupted) => return Err(BuildError::Interrupted),
                    // Either it can't be built as it was, or what was taken for right is not.
                    Ok(_) | Err(BuildError::Failed(_)) => {}
                }
                let fetched = self.fetch(kernel, version, Check::Anew)?;
                self.load(kernel, version, again, fetched)
            }
            Ok(fetched) => build(kernel, version, fetched, Word::Loaded),
            Err(why) => {
                if matches!(again, Again::Unasked | Again::Allowed) {
                    self.read_all(version);
                }
                self.make_again(kernel, version, again, &why, true)
            }
        }
    }

    /// Reads all that is stored of a version that can't be loaded: the store then knows every part that is damaged, and
    /// takes it anew when the value comes again.
    fn read_all(&self, version: &Version) {
        let Ok(manifest) = self.manifests.get(&version.manifest) else {
            return;
        };
        if let Body::Encoded(encoding) = &manifest.body {
            for segment in encoding.stream.iter().chain(&encoding.asides) {
                self.store.stream(&[*segment]).ok();
            }
            for block in encoding.extents.iter().flat_map(|extent| &extent.blocks) {
                self.store.blocks(&[*block]).ok();
            }
        }
    }

    /// Why what a step would load can't be read, if it can't.
    pub fn unreadable<K: Kernel>(&self, kernel: &mut K, step: &Step) -> Result<Option<String>, RestoreError> {
        let Some(version) = step
            .version
            .as_ref()
            .filter(|_| matches!(step.kind, StepKind::Load { .. }))
        else {
            return Ok(None);
        };
        match self.fetch(kernel, version, self.check) {
            Ok(fetched) => Ok(fetched.err()),
            Err(_) => Err(RestoreError::Interrupted),
        }
    }
}

/// Work of less than so many bytes is done at once: threads would cost more.
const WORTH_THREADS: u64 = 4 << 20;
/// The most threads: reading from memory does not become faster with more.
const MOST_THREADS: usize = 16;
/// How often it is asked whether the user wants to stop.
const PAUSE: Duration = Duration::from_millis(20);

/// Does all jobs; false if the user asked to stop meanwhile. Then some were not done.
fn do_all<K: Kernel>(kernel: &mut K, jobs: Vec<Job<'_>>) -> bool {
    let bytes: u64 = jobs.iter().map(Job::bytes).sum();
    if bytes < WORTH_THREADS {
        let mut scratch = Vec::new();
        jobs.into_iter().for_each(|job| job.run(&mut scratch));
        return true;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let queue = Queue::new(jobs, cores.min(MOST_THREADS));
    std::thread::scope(|scope| {
        for _ in 0..queue.threads {
            scope.spawn(|| queue.work());
        }
        while !queue.is_done() {
            kernel.wait(&|| queue.wait());
            if kernel.interrupted() {
                queue.stop();
            }
        }
    });
    !queue.was_stopped()
}

/// Jobs that threads take one after another.
struct Queue<'j> {
    threads: usize,
    state: Mutex<QueueState<'j>>,
    ended: Condvar,
}

struct QueueState<'j> {
    jobs: std::vec::IntoIter<Job<'j>>,
    working: usize,
    was_stopped: bool,
}

impl<'j> Queue<'j> {
    fn new(jobs: Vec<Job<'j>>, threads: usize) -> Self {
        let state = QueueState {
            jobs: jobs.into_iter(),
            working: threads,
            was_stopped: false,
        };
        Self {
            threads,
            state: Mutex::new(state),
            ended: Condvar::new(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, QueueState<'j>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut scratch = Vec::new();
        loop {
            let next = self.state().jobs.next();
            let Some(job) = next else { break };
            job.run(&mut scratch);
        }
        self.state().working -= 1;
        self.ended.notify_all();
    }

    /// Waits until all is done, but not for long.
    fn wait(&self) {
        let state = self.state();
        let waited = self.ended.wait_timeout_while(state, PAUSE, |state| state.working > 0);
        drop(waited);
    }

    fn is_done(&self) -> bool {
        self.state().working == 0
    }

    fn stop(&self) {
        let mut state = self.state();
        (state.jobs, state.was_stopped) = (Vec::new().into_iter(), true);
    }

    fn was_stopped(&self) -> bool {
        self.state().was_stopped
    }
}

#[allow(clippy::needless_pass_by_value)] // so that it fits `map_err`
fn told(why: impl ToString) -> String {
    why.to_string()
}
