//! What the store promises it promises encrypted too: the tests of `tests/store`, on encrypted stores.

#[path = "../store/crash.rs"]
mod crash;
#[path = "../store/damage.rs"]
mod damage;
#[path = "../store/faults.rs"]
mod faults;
#[path = "../store/gc.rs"]
mod gc;
#[path = "../store/gc_damage.rs"]
mod gc_damage;
#[path = "../store/golden.rs"]
mod golden;
#[path = "../store/last_seen.rs"]
mod last_seen;
#[path = "../store/rebuild.rs"]
mod rebuild;
#[path = "../store/round_trip.rs"]
mod round_trip;
mod secrecy;
#[path = "../store/story.rs"]
mod story;

use std::sync::Arc;

use clew_core::format::ENCRYPTED_HEADER_LENGTH;
use clew_core::store::disk::{Disk, EncryptedDisk};
use clew_core::store::{ENCRYPTED_FORMAT, Keyring, StoreKey};
use clew_testing::disk::SimDisk;

/// The format of the stores here.
const FORMAT: u16 = ENCRYPTED_FORMAT;

/// How far behind its place in a file a byte lies on the disk.
const SHIFT: usize = ENCRYPTED_HEADER_LENGTH;

/// Places of a file at which a flip is worth a try: not the zeros in its header.
fn places(length: usize) -> impl Iterator<Item = usize> {
    (0..length).filter(|at| !(200..SHIFT - 200).contains(at))
}

fn key() -> StoreKey {
    StoreKey::from_secret(&[5; 32])
}

/// Stores that are made here are encrypted.
fn keys() -> Keyring {
    Keyring::holding(key()).for_new(true)
}

/// The disk as the store sees it.
fn through(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(EncryptedDisk::new(Arc::new(disk.clone()), key()))
}
