//! Processes: sessions that are opened on a disk, killed, and resumed from the surviving data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clew_core::clock::Clock;
use clew_core::format::Run;
use clew_core::history::History;
use clew_core::id::{HistoryId, Root, RootKind, RunId};
use clew_core::kernel::BuildError;
use clew_core::plan::OutcomeKind;
use clew_core::session::{Request, Session, Visit};
use clew_core::store::{Access, Keyring, SigningKey, Store, StoreError, StoreKey, Trust};

use super::Player;
use crate::disk::{SimDisk, Surviving};
use crate::machine::Mode;
use crate::recording::{key_of, session_in};
use crate::toy::{Runs, ToyKernel, run_cell};

#[derive(Debug)]
struct Steady {
    ticks: AtomicU64,
    nanoseconds: u64,
}

impl Clock for Steady {
    fn now(&self) -> i64 {
        1_700_000_000_000_000_000 + self.ticks.fetch_add(1, Ordering::Relaxed).cast_signed() * 1_000_000_000
    }

    fn monotonic(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed) * self.nanoseconds
    }
}

/// Returns the key of encrypted stores. New stores are encrypted if `is_encrypted`.
fn keys(is_encrypted: bool) -> Keyring {
    Keyring::holding(StoreKey::from_secret(&[8; 32])).for_new(is_encrypted)
}

fn to_look(disk: &SimDisk) -> Result<Store, StoreError> {
    Store::open_with(
        Arc::new(disk.clone()),
        Path::new("/store"),
        Access::ReadOnly,
        &keys(false),
    )
}

pub(super) fn store(disk: &SimDisk, key: &SigningKey, is_encrypted: bool) -> Result<Store, String> {
    let keys = keys(is_encrypted);
    let store = Store::open_with(Arc::new(disk.clone()), Path::new("/store"), Access::ReadWrite, &keys);
    Ok(store
        .map_err(|error| error.to_string())?
        .with_trust(Trust::own(key.public())))
}

pub(super) fn key() -> SigningKey {
    key_of(7)
}

pub(super) fn open(disk: &SimDisk, history: HistoryId, life: u64, mode: Mode) -> Result<Session, String> {
    let key = key();
    let store = store(disk, &key, mode.encrypted)?;
    let clock = Steady {
        ticks: AtomicU64::new(life * 1_000_000),
        nanoseconds: if mode.dear { 50_000_000 } else { 1_000 },
    };
    session_in(&store, &key, history, Box::new(clock)).map_err(|error| error.to_string())
}

/// Returns a function that runs a cell in another process, with values from the store and no live objects.
pub fn other_process(disk: &SimDisk, history: HistoryId, life: u64, trust: &Trust) -> Box<Runs> {
    let (disk, trust) = (disk.clone(), trust.clone());
    let mut count = 0;
    Box::new(move |apart| {
        count += 1;
        let failed = |error: &dyn std::fmt::Display| BuildError::Failed(error.to_string());
        let store = to_look(&disk)
            .map_err(|error| failed(&error))?
            .with_trust(trust.clone());
        let loaded = store.load(history).map_err(|error| failed(&error))?;
        let visit = Visit::new(store, &loaded);
        let mut kernel = ToyKernel::with_setting(life * 1_000_000 + count);
        let mut ended = Ok(());
        for run in apart.line {
            let cell = visit.prepare(&mut kernel, *run).map_err(|error| failed(&error))?;
            let count = cell.execution_count.unwrap_or_default();
            ended = run_cell(&mut kernel.world, &cell.source, count);
            if ended.is_ok() {
                visit.ran(*run);
            }
            if *run == apart.run {
                break;
            }
        }
        ended.map_err(|error| BuildError::Failed(format!("{error:?}")))?;
        let handed = visit.hand_over_of(&mut kernel, apart.run, apart.roots);
        handed.map_err(BuildError::Failed)
    })
}

impl Player {
    /// Flips one byte of the stored values. Logs are not corrupted: without them there is no history.
    pub(super) fn damage(&mut self, at: u64) {
        let files = self.disk.files();
        let is_pack = |path: &Path| path.extension().is_some_and(|extension| extension == "pack");
        let packs: Vec<_> = files.iter().filter(|(path, _)| is_pack(path)).collect();
        if let Some((path, bytes)) = packs.get(at as usize % packs.len().max(1))
            && !bytes.is_empty()
        {
            self.disk
                .rot(path, (at >> 8) as usize % bytes.len(), 1 << (at >> 5 & 7));
            self.is_damaged = true;
        }
    }

    /// Loads the run in another process that records nothing, and checks that it gets the recorded values and writes nothing.
    pub(super) fn visit(&self, label: &str) -> Result<(), String> {
        let effects = self.disk.effects();
        let store = to_look(&self.disk)
            .map_err(|error| error.to_string())?
            .with_trust(Trust::own(key().public()));
        let loaded = store.load(self.history).map_err(|error| error.to_string())?;
        let visit = Visit::new(store, &loaded);
        let mut runs = visit.history().runs();
        let run = runs.find(|(_, run)| run.label() == label).map(|(id, _)| *id);
        let run = run.ok_or_else(|| format!("a visitor finds no run {label}"))?;
        let mut kernel = self.mode.kernel(self.life);
        let outcomes = visit
            .load(&mut kernel, run, None, &BTreeSet::new())
            .map_err(|error| error.to_string())?;
        let loaded: BTreeSet<Root> = outcomes
            .iter()
            .filter(|outcome| outcome.kind == OutcomeKind::Restored && !outcome.unverified)
            .map(|outcome| outcome.root.clone())
            .filter(|root| root.kind != RootKind::Definition)
            .collect();
        let expected = self.reference.state(label).ok_or("every run has a state")?;
        crate::same(&kernel.world, expected, Some(&loaded)).map_err(|what| format!("a visitor of {label}: {what}"))?;
        if self.disk.effects() > effects {
            return Err(format!("a visit to {label} wrote to the store"));
        }
        Ok(())
    }

    /// Restarts the machine with the surviving data: every run that was reported as synced, and every run that was reported as saved if
    /// only the process died (promises P1 and P2).
    pub(super) fn lose_power(&mut self, surviving: Surviving) -> Result<(), String> {
        self.disk = self.disk.crash(surviving);
        let loaded = store(&self.disk, &key(), self.mode.encrypted)?
            .load(self.history)
            .map_err(|error| error.to_string())?;
        let there: BTreeSet<String> = loaded.runs.values().map(|run| run.outline().label()).collect();
        let kept = if surviving == Surviving::All {
            self.reference.labels()
        } else {
            self.synced.clone()
        };
        if let Some(missing) = kept.iter().find(|label| !there.contains(*label)) {
            return Err(format!("run {missing} was kept and is gone"));
        }
        let history = History::of(&loaded);
        let is_whole = |(id, _): &(&RunId, &Run)| history.missing_ancestor(**id).is_none();
        let there: BTreeSet<String> = history.runs().filter(is_whole).map(|(_, run)| run.label()).collect();
        if let Some(missing) = kept.iter().find(|label| !there.contains(*label)) {
            return Err(format!("run {missing} was kept and what came before it is gone"));
        }
        self.reference.forget(|label| !there.contains(label));
        // The numbers of lost runs are used again.
        self.secrets.clear();
        self.synced.retain(|label| there.contains(label));
        self.torn
            .extend(there.iter().filter(|label| !kept.contains(label)).cloned());
        self.tally.images += 1;
        if there.is_empty() {
            return self.begin_again();
        }
        self.crash()
    }

    /// Starts a new process in which nothing was done yet.
    fn begin_again(&mut self) -> Result<(), String> {
        self.handles.clear();
        self.life += 1;
        self.kernel = self.mode.kernel(self.life);
        self.session = open(&self.disk, self.history, self.life, self.mode)?;
        let started = self
            .session
            .start(&mut self.kernel)
            .map_err(|error| error.to_string())?;
        self.handles.insert(started.label.clone(), BTreeMap::new());
        self.reference.restart(self.kernel.world.clone(), &started.label);
        Ok(())
    }

    /// Kills the process, with all live objects, and resumes.
    pub(super) fn crash(&mut self) -> Result<(), String> {
        let (target, inflight) = (self.reference.at().to_owned(), self.reference.world.clone());
        self.begin_again()?;
        let before = self.before();
        let done = self.perform(&Request::Resume(None), &before)?;
        let Some(report) = self.arrived(done, &before)? else {
            return Ok(());
        };
        // After a power failure, the last run may be an older one, or one that was written but not yet reported as saved.
        let is_expected = report.to == target || self.tally.images > 0;
        if !is_expected {
            return Err(format!("the session was at {target}, and {} is resumed", report.to));
        }
        let expected = self.reference.state(&report.to).unwrap_or(&inflight).clone();
        self.land(&report, &before, expected)?;
        self.reference.resume(&report.to, &report.at);
        Ok(())
    }
}
