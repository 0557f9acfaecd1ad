//! Builds stored values again in another process while the session rests, so that what can't be had again is known while
//! the object still lives.
//!
//! Only what needs code to be built, only where the sandbox holds, and each value once a session: a thread starts a scratch
//! process at the lowest priority and waits for it. What it says is taken over when the session is entered next.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use clew_cli::sandbox_process::{InexactRoot, SandboxConfig, SandboxError, SandboxProcess};
use clew_core::format::Proof;
use clew_core::id::{ManifestId, Root, RunId};
use clew_core::session::UnprovedValue;

/// The most bytes of values that are built for one proof: they take the memory twice.
pub(crate) const MOST: u64 = 256 << 20;

/// What a process answered: roots that are not as they were stored; `None` where no process can be had, or no sandbox for it.
type Answer = Option<Vec<InexactRoot>>;

/// Proofs that are asked for.
#[derive(Debug, Default)]
pub(crate) struct Prover {
    work: Option<Work>,
    /// What was asked about in this session, whatever came of it.
    asked: BTreeSet<ManifestId>,
    /// Whether no proof can be had here, as the first try told.
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
    /// Whether something more may be asked for.
    pub fn is_free(&self) -> bool {
        self.work.is_none() && !self.is_hopeless
    }

    /// Asks for a proof of what was not asked about yet, as a run left it.
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
        // Without a thread nothing is proved, and nobody is told anything that is not so.
        self.work = thread.ok().map(|thread| Work {
            wanted,
            thread,
            is_wanted,
        });
    }

    /// What came of it, if that is known by now: proofs, and roots that were not had with the reasons.
    pub fn take(&mut self) -> Vec<(Proof, Vec<Root>)> {
        let Some(work) = self.work.take_if(|work| work.thread.is_finished()) else {
            return Vec::new();
        };
        let inexact = match work.thread.join() {
            Ok(Ok(Some(inexact))) => inexact,
            // No sandbox, or no process: there will be none for the next proof either.
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

/// Builds roots in a process of its own; nothing where no sandbox would keep them from doing harm.
fn prove(start: &SandboxConfig, run: RunId, roots: &[Root], is_wanted: &AtomicBool) -> Result<Answer, SandboxError> {
    let goes_on = &mut || is_wanted.load(Ordering::Acquire);
    let mut scratch = SandboxProcess::start(start, goes_on)?;
    if !scratch.gaps().is_empty() {
        return Ok(None);
    }
    scratch.prove(&run.to_string(), roots, goes_on).map(Some)
}
