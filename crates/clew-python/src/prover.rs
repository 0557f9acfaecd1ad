//! Builds stored values in another process while the session is idle, so that values that cannot be restored are
//! found while the objects still exist.
//!
//! This is done only for values that need code to be built, only with a complete sandbox, and once per session for
//! each value. A thread starts a sandbox process at the lowest priority and waits for it. The result is taken when
//! the session is used next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use clew_cli::sandbox_process::{InexactRoot, SandboxConfig, SandboxError, SandboxProcess};
use clew_core::format::Proof;
use clew_core::id::{ManifestId, Root, RunId};
use clew_core::session::UnprovedValue;

/// The most bytes of values that are built for one proof: they take twice the memory.
pub(crate) const MOST: u64 = 256 << 20;

/// The answer of a process: roots that differ from the stored ones; `None` if its sandbox has gaps.
type Answer = Option<Vec<InexactRoot>>;

/// Requested proofs.
#[derive(Debug, Default)]
pub(crate) struct Prover {
    work: Option<Work>,
    /// Values that were requested in this session, whatever the result was.
    asked: BTreeSet<ManifestId>,
    /// Whether no proof is possible here, as the first attempt showed.
    is_hopeless: bool,
}

#[derive(Debug)]
struct Work {
    wanted: Vec<UnprovedValue>,
    thread: JoinHandle<Result<Answer, SandboxError>>,
    is_wanted: Arc<AtomicBool>,
}

impl Drop for Prover {
    fn drop(&mut self) {
        if let Some(work) = &self.work {
            work.is_wanted.store(false, Ordering::Release);
        }
    }
}

impl Prover {
    /// Returns whether another proof may be requested.
    pub fn is_free(&self) -> bool {
        self.work.is_none() && !self.is_hopeless
    }

    /// Requests proofs of those values that were not requested yet, as a run left them.
    pub fn begin(&mut self, start: SandboxConfig, run: RunId, mut wanted: Vec<UnprovedValue>) {
        wanted.retain(|unproved| self.asked.insert(unproved.manifest));
        if wanted.is_empty() {
            return;
        }
        let roots: Vec<Root> = wanted.iter().flat_map(|unproved| unproved.roots.clone()).collect();
        let is_wanted = Arc::new(AtomicBool::new(true));
        let goes_on = Arc::clone(&is_wanted);
        let thread = thread::Builder::new()
            .name("clew-prove".to_owned())
            .spawn(move || prove(&start, run, &roots, &goes_on));
        // Without a thread nothing is proved, and nothing is reported.
        self.work = thread.ok().map(|thread| Work {
            wanted,
            thread,
            is_wanted,
        });
    }

    /// Returns the result if it is available: proofs with their roots, and the reasons of the failed ones.
    pub fn take(&mut self) -> Vec<(Proof, Vec<Root>)> {
        let Some(work) = self.work.take_if(|work| work.thread.is_finished()) else {
            return Vec::new();
        };
        let inexact = match work.thread.join() {
            Ok(Ok(Some(inexact))) => inexact,
            // No sandbox, or no process: the next proof would have neither, either.
            Ok(Ok(None) | Err(SandboxError::NotStarted(_))) => {
                self.is_hopeless = true;
                return Vec::new();
            }
            Ok(Err(_)) | Err(_) => return Vec::new(),
        };
        let told = |root: &Root| {
            let found = inexact
                .iter()
                .find(|one| one.kind == root.kind.word() && one.key == root.key);
            found.map(|one| one.why.clone())
        };
        let proof = |unproved: &UnprovedValue| {
            let why = unproved.roots.iter().find_map(told).map(|why| clew_cli::clean(&why));
            let manifest = unproved.manifest;
            (Proof { manifest, why }, unproved.roots.clone())
        };
        work.wanted.iter().map(proof).collect()
    }
}

/// Builds roots in a separate process; returns `None` if its sandbox has gaps, since the code could do harm.
fn prove(start: &SandboxConfig, run: RunId, roots: &[Root], is_wanted: &AtomicBool) -> Result<Answer, SandboxError> {
    let goes_on = &mut || is_wanted.load(Ordering::Acquire);
    let mut scratch = SandboxProcess::start(start, goes_on)?;
    if !scratch.gaps().is_empty() {
        return Ok(None);
    }
    scratch.prove(&run.to_string(), roots, goes_on).map(Some)
}
