//! Machines that share a disk and not its locks, and the order in which they come to it.
//!
//! Each machine has handles of its own ([`SimDisk::machine`]), whose locks keep out only each other, as on a network file
//! system that keeps locks to itself. [`Turns`] says how many calls one machine makes before the other one goes on, so that
//! a test can go through all orders. Calls that read one file one after the other count as one.
//!
//! A machine may also keep what it writes to itself until it flushes it ([`SimDisk::keeping_back`]), as network file systems
//! do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::file::{Change, LockState, apply};
use super::{SimDisk, State};

/// A machine of several.
#[derive(Debug)]
pub(super) struct Machine {
    number: usize,
    turns: Arc<Turns>,
    locks: Mutex<BTreeMap<usize, Arc<LockState>>>,
    /// What it wrote to each file and keeps back, where it does.
    kept: Option<Mutex<BTreeMap<usize, Vec<Change>>>>,
}

/// The order in which machines come to a disk.
#[derive(Debug, Default)]
pub struct Turns {
    order: Mutex<Order>,
    passed: Condvar,
}

#[derive(Debug, Default)]
struct Order {
    /// Whose turn it is, and how many calls are left of it; then the next. Nobody waits where there is none.
    turns: VecDeque<(usize, u64)>,
    calls: BTreeMap<usize, u64>,
    /// The file that a machine read last, if that was its last call.
    reads: BTreeMap<usize, usize>,
}

impl Turns {
    /// Lets machines come to the disk in this order from now on: so many calls each time, and then as they like.
    pub fn begin(&self, turns: impl IntoIterator<Item = (usize, u64)>) {
        let mut order = self.order();
        order.turns = turns.into_iter().collect();
        order.calls.clear();
        order.reads.clear();
    }

    /// Says that a machine has nothing to do any more.
    pub fn leave(&self, machine: usize) {
        self.order().turns.retain(|(number, _)| *number != machine);
        self.passed.notify_all();
    }

    /// How many calls a machine made since [`Turns::begin`].
    pub fn calls(&self, machine: usize) -> u64 {
        self.order().calls.get(&machine).copied().unwrap_or(0)
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn. A turn ends with the next call, so that nobody comes while one goes on.
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
    /// A handle for another machine: its locks keep out nobody who has not a clone of this handle.
    #[must_use]
    pub fn machine(&self, number: usize, turns: &Arc<Turns>) -> Self {
        self.machine_that(number, turns, None)
    }

    /// The same, where other machines see what it writes to a file when it flushes that, and not before. Names are seen at
    /// once.
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

    /// The bytes of a file as this machine sees them, where these are others than all see.
    pub(super) fn seen(&self, state: &State, inode: usize) -> Option<Vec<u8>> {
        let kept = self.kept()?;
        let changes = kept.get(&inode)?;
        let mut bytes = state.inodes[inode].live.clone();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        Some(bytes)
    }

    /// Keeps a change of a file back, if this machine does so.
    pub(super) fn keep_back(&self, inode: usize, change: &Change) -> bool {
        let Some(mut kept) = self.kept() else { return false };
        kept.entry(inode).or_default().push(change.clone());
        true
    }

    /// What was kept back of a file, which is not kept back any more.
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
