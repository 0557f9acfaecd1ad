//! Machines that share a disk but not its locks, and the order of their calls.
//!
//! Each machine has its own handles ([`SimDisk::machine`]). Their locks only exclude each other, as on a network file system with local
//! locks. [`Turns`] determines how many calls one machine makes before the next one continues, so a test can try all orders. Consecutive
//! reads of one file count as one call.
//!
//! A machine may also buffer its writes until it flushes them ([`SimDisk::keeping_back`]), as network file systems do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::file::{Change, LockState, apply};
use super::{SimDisk, State};

/// One of several machines.
#[derive(Debug)]
pub(super) struct Machine {
    number: usize,
    turns: Arc<Turns>,
    locks: Mutex<BTreeMap<usize, Arc<LockState>>>,
    /// The buffered writes to each file, if the machine buffers writes.
    kept: Option<Mutex<BTreeMap<usize, Vec<Change>>>>,
}

/// The order of the machines' calls.
#[derive(Debug, Default)]
pub struct Turns {
    order: Mutex<Order>,
    passed: Condvar,
}

#[derive(Debug, Default)]
struct Order {
    /// The machine whose turn it is, with the number of its remaining calls; then the next ones. Without an entry, no machine waits.
    turns: VecDeque<(usize, u64)>,
    calls: BTreeMap<usize, u64>,
    /// The file that each machine read last, if that was its last call.
    reads: BTreeMap<usize, usize>,
}

impl Turns {
    /// Sets the order of calls from now on: each entry is a machine and a number of calls. After the last entry, the order is free.
    pub fn begin(&self, turns: impl IntoIterator<Item = (usize, u64)>) {
        let mut order = self.order();
        order.turns = turns.into_iter().collect();
        order.calls.clear();
        order.reads.clear();
    }

    /// Removes a machine that makes no more calls.
    pub fn leave(&self, machine: usize) {
        self.order().turns.retain(|(number, _)| *number != machine);
        self.passed.notify_all();
    }

    /// Returns the number of calls of a machine since [`Turns::begin`].
    pub fn calls(&self, machine: usize) -> u64 {
        self.order().calls.get(&machine).copied().unwrap_or(0)
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the machine's turn. A turn ends with the next call of the machine, so no other call interferes.
    fn come(&self, machine: usize, reads: Option<usize>) {
        let mut order = self.order();
        let before = order.reads.remove(&machine);
        if let Some(file) = reads {
            order.reads.insert(machine, file);
            if before == reads {
                return;
            }
        }
        while let Some((number, left)) = order.turns.front_mut() {
            if *number != machine {
                order = self.passed.wait(order).unwrap_or_else(PoisonError::into_inner);
            } else if *left == 0 {
                order.turns.pop_front();
                self.passed.notify_all();
            } else {
                *left -= 1;
                break;
            }
        }
        *order.calls.entry(machine).or_default() += 1;
    }
}

impl SimDisk {
    /// Creates a handle for another machine. Its locks only exclude clones of this handle.
    #[must_use]
    pub fn machine(&self, number: usize, turns: &Arc<Turns>) -> Self {
        self.machine_that(number, turns, None)
    }

    /// Creates a handle for another machine that buffers its writes: other machines see them after a flush. Names are visible at once.
    #[must_use]
    pub fn keeping_back(&self, number: usize, turns: &Arc<Turns>) -> Self {
        self.machine_that(number, turns, Some(Mutex::default()))
    }

    fn machine_that(
        &self,
        number: usize,
        turns: &Arc<Turns>,
        kept: Option<Mutex<BTreeMap<usize, Vec<Change>>>>,
    ) -> Self {
        let machine = Machine {
            number,
            turns: Arc::clone(turns),
            locks: Mutex::default(),
            kept,
        };
        Self {
            state: Arc::clone(&self.state),
            machine: Some(Arc::new(machine)),
        }
    }

    fn kept(&self) -> Option<MutexGuard<'_, BTreeMap<usize, Vec<Change>>>> {
        let kept = self.machine.as_ref()?.kept.as_ref()?;
        Some(kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the bytes of a file as this machine sees them, if it has buffered writes to the file.
    pub(super) fn seen(&self, state: &State, inode: usize) -> Option<Vec<u8>> {
        let kept = self.kept()?;
        let changes = kept.get(&inode)?;
        let mut bytes = state.inodes[inode].live.clone();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        Some(bytes)
    }

    /// Buffers a change of a file, if this machine buffers writes. Returns whether it does.
    pub(super) fn keep_back(&self, inode: usize, change: &Change) -> bool {
        let Some(mut kept) = self.kept() else { return false };
        kept.entry(inode).or_default().push(change.clone());
        true
    }

    /// Removes the buffered writes of a file, and returns them.
    pub(super) fn let_out(&self, inode: usize) -> Vec<Change> {
        self.kept().and_then(|mut kept| kept.remove(&inode)).unwrap_or_default()
    }

    pub(super) fn come(&self) {
        if let Some(machine) = &self.machine {
            machine.turns.come(machine.number, None);
        }
    }

    pub(super) fn come_to_read(&self, inode: usize) {
        if let Some(machine) = &self.machine {
            machine.turns.come(machine.number, Some(inode));
        }
    }

    pub(super) fn lock_of(&self, state: &State, inode: usize) -> Arc<LockState> {
        let Some(machine) = &self.machine else {
            return Arc::clone(&state.inodes[inode].lock);
        };
        let mut locks = machine.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(inode).or_default())
    }
}
