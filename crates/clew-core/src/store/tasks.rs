//! The cache of task results, by task key, in `STORE/tasks`. Recorded histories never depend on it.
//!
//! ```text
//! tasks/entries/XX/KEY      a signed TaskEntry; XX are the first two digits
//! tasks/results/XX/RESULT   the result's bytes: equal results are stored once
//! tasks/doubts/XX/KEY       empty: a task with that key did more than its key covers, so its result is not used
//! ```
//! A doubt is not signed: it can only cause a task to run. The process that ran a task writes the files, also if it is a worker. Each file
//! is written completely under a temporary name and then renamed. Nothing is synced: a file that a power failure tore does not match its
//! hash, and the task runs again.

use std::path::{Path, PathBuf};

use super::Store;
use super::disk::{Disk, read_exact_at, write_all_at};
use super::error::StoreError;
use super::logs::signatures::{PublicKey, SigningKey};
use crate::format::{RECORD_VERSION, SignedRecord, TaskEntry, Timestamp, decode_record, encode_record};
use crate::id::{TaskKey, TaskResultId};
use crate::limits;

const FOLDER: &str = "tasks";
const DOUBTS: &str = "doubts";
const NANOSECONDS_A_SECOND: i64 = 1_000_000_000;

/// The result of a task.
#[derive(Debug)]
pub struct TaskResult<'a> {
    /// The encoding of the bytes.
    pub codec: &'a str,
    /// The bytes.
    pub bytes: &'a [u8],
    /// How long the task ran, in nanoseconds.
    pub nanoseconds: u64,
    /// The machine that ran it.
    pub host: &'a str,
    /// When it ended.
    pub time: Timestamp,
}

/// Why a result cannot be used. The task runs then.
#[derive(Debug, thiserror::Error)]
pub enum TaskFault {
    /// There is no result.
    #[error("This task has no stored result")]
    Absent,
    /// It is not signed by a trusted key.
    #[error("Its result is not signed by a trusted key")]
    Foreign,
    /// It differs from what was written.
    #[error("Its result is corrupted: {0}")]
    Damaged(&'static str),
    /// It could not be read.
    #[error(transparent)]
    Unread(#[from] StoreError),
}

fn folder_of(store: &Path, kind: &str, name: &str) -> PathBuf {
    store.join(FOLDER).join(kind).join(&name[..2])
}

/// Returns whether one of these tasks has a doubt in the store in that folder. If the store has no doubts, this costs one folder listing.
pub fn doubts_any(disk: &dyn Disk, store: &Path, keys: &[TaskKey]) -> bool {
    let folder = store.join(FOLDER).join(DOUBTS);
    !keys.is_empty()
        && disk.list(&folder).is_ok_and(|parts| !parts.is_empty())
        && keys.iter().any(|key| {
            let name = key.to_string();
            disk.open(&folder_of(store, DOUBTS, &name).join(&name)).is_ok()
        })
}

impl Store {
    /// Stores the result of a task, and replaces an existing one.
    ///
    /// # Errors
    /// The store was opened read-only, or a disk operation failed. The existing result is untouched then.
    pub fn keep_task(&self, key: TaskKey, result: &TaskResult<'_>, signing: &SigningKey) -> Result<(), StoreError> {
        self.check_writable()?;
        let entry = TaskEntry {
            version: RECORD_VERSION,
            key,
            result: TaskResultId::of(result.bytes),
            length: result.bytes.len() as u64,
            codec: result.codec.to_owned(),
            nanoseconds: result.nanoseconds,
            host: result.host.to_owned(),
            time: result.time,
        };
        // The result before the entry that names it. An existing result may be corrupted, so it is written again.
        self.put("results", &entry.result.to_string(), result.bytes)?;
        let signed = signing.sign_task(encode_record(&entry));
        self.put("entries", &key.to_string(), &encode_record(&signed))
    }

    /// Adds a doubt: results of the task are not used any more, whether stored before or later, because running it did more than its key
    /// covers.
    ///
    /// # Errors
    /// A disk operation failed.
    pub fn doubt_task(&self, key: TaskKey) -> Result<(), StoreError> {
        self.put(DOUBTS, &key.to_string(), &[])
    }

    /// Returns the result of a task, if it is stored, sound, and signed by a trusted key.
    ///
    /// # Errors
    /// The reason why the result cannot be used.
    pub fn task(&self, key: TaskKey) -> Result<(TaskEntry, Vec<u8>), TaskFault> {
        let entry = self.task_entry(key)?;
        let name = entry.result.to_string();
        let bytes = self
            .take(&folder_of(self.directory(), "results", &name).join(&name), entry.length)?
            .filter(|bytes| bytes.len() as u64 == entry.length)
            .ok_or(TaskFault::Damaged("it has another length"))?;
        if TaskResultId::of(&bytes) != entry.result {
            return Err(TaskFault::Damaged("it has another hash"));
        }
        Ok((entry, bytes))
    }

    /// Returns whether a task's result exists, without reading it.
    pub fn has_task(&self, key: TaskKey) -> bool {
        self.task_entry(key).is_ok_and(|entry| {
            let name = entry.result.to_string();
            let path = folder_of(self.directory(), "results", &name).join(&name);
            let length = self.disk().open(&path).and_then(|file| file.length());
            length.is_ok_and(|length| length == entry.length)
        })
    }

    fn task_entry(&self, key: TaskKey) -> Result<TaskEntry, TaskFault> {
        if doubts_any(self.disk(), self.directory(), &[key]) {
            return Err(TaskFault::Absent);
        }
        let name = key.to_string();
        let bytes = self
            .take(
                &folder_of(self.directory(), "entries", &name).join(&name),
                limits::TASK_ENTRY,
            )?
            .ok_or(TaskFault::Damaged("its entry is too long"))?;
        let signed: SignedRecord = decode_record(&bytes).map_err(|_| TaskFault::Damaged("its entry does not parse"))?;
        if !PublicKey::has_signed_task(&signed) || !self.trust().verdict(PublicKey(signed.key)).may_run() {
            return Err(TaskFault::Foreign);
        }
        let entry: TaskEntry =
            decode_record(&signed.bytes).map_err(|_| TaskFault::Damaged("its entry does not parse"))?;
        if entry.key != key {
            return Err(TaskFault::Damaged("its entry is another task's"));
        }
        Ok(entry)
    }

    /// Reads a file completely; `None` if it is longer than `most`.
    fn take(&self, path: &Path, most: u64) -> Result<Option<Vec<u8>>, TaskFault> {
        let file = self.disk().open_existing(path)?.ok_or(TaskFault::Absent)?;
        let length = file.length().map_err(StoreError::io("read", path))?;
        if length > most {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))
            .map_err(|_| StoreError::NoMemory { length })?;
        bytes.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        read_exact_at(&*file, &mut bytes, 0).map_err(StoreError::io("read", path))?;
        Ok(Some(bytes))
    }

    /// Writes a file atomically.
    fn put(&self, kind: &str, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = folder_of(self.directory(), kind, name);
        let temporary = folder.join(self.disk().temporary_name(name));
        let file = self.disk().create_new(&temporary).or_else(|_| {
            self.disk().create_dir(&folder)?;
            self.disk().create_new(&temporary)
        });
        let file = file.map_err(StoreError::io("make", &temporary))?;
        let path = folder.join(name);
        let put = write_all_at(&*file, bytes, 0).and_then(|()| self.disk().rename(&temporary, &path));
        put.map_err(|error| {
            self.disk().unlink(&temporary).ok();
            StoreError::io("write to", &path)(error)
        })
    }

    /// Removes results of tasks that ended before `time`, and temporary files of writers that died. Returns the number of removed entries.
    ///
    /// # Errors
    /// A disk operation failed.
    pub fn drop_tasks(&self, time: Timestamp) -> Result<u64, StoreError> {
        let mut dropped = 0;
        for kind in ["entries", "results", DOUBTS] {
            let folder = self.directory().join(FOLDER).join(kind);
            for part in self.disk().list(&folder).unwrap_or_default() {
                let part = folder.join(part);
                for name in self.disk().list(&part).unwrap_or_default() {
                    if self.is_older(&part.join(&name), time) {
                        let path = part.join(&name);
                        self.disk().unlink(&path).map_err(StoreError::io("remove", &path))?;
                        dropped += u64::from(kind == "entries");
                    }
                }
            }
        }
        Ok(dropped)
    }

    /// Returns whether a file was written before `time`; `false` if that is unknown. A result is written again with each of its entries, so
    /// it is never older than the newest of them.
    fn is_older(&self, path: &Path, time: Timestamp) -> bool {
        let stamp = self.disk().open(path).ok().and_then(|file| file.stamp());
        stamp.is_some_and(|(seconds, ..)| seconds < time / NANOSECONDS_A_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::store::disk::RealDisk;
    use crate::store::{Access, Trust};

    const KEY: [u8; 32] = [7; 32];

    fn store(folder: &Path, trusted: &SigningKey) -> Store {
        let store = Store::open(Arc::new(RealDisk), folder, Access::ReadWrite).expect("a store is made");
        store.with_trust(Trust::own(trusted.public()))
    }

    fn result(bytes: &[u8]) -> TaskResult<'_> {
        TaskResult {
            codec: "pickle 5",
            bytes,
            nanoseconds: 5,
            host: "here",
            time: 1,
        }
    }

    fn only_file(folder: &Path) -> PathBuf {
        let files = |folder: &Path| {
            fs::read_dir(folder)
                .expect("it is there")
                .map(|one| one.expect("an entry").path())
        };
        let part = files(folder).next().expect("a part");
        let mut found = files(&part);
        let file = found.next().expect("a file");
        assert!(found.next().is_none(), "nothing is left behind");
        file
    }

    #[test]
    fn what_was_kept_comes_back_and_what_is_damaged_does_not() {
        let (folder, key) = (tempfile::tempdir().expect("a folder"), SigningKey::from_secret(&KEY));
        let (store, task) = (store(folder.path(), &key), TaskKey::of(b"one"));
        assert!(matches!(store.task(task), Err(TaskFault::Absent)) && !store.has_task(task));
        store
            .keep_task(task, &result(b"four and twenty"), &key)
            .expect("it is kept");
        assert_eq!(store.task(task).expect("it is there").1, b"four and twenty");
        let file = only_file(&folder.path().join("tasks/results"));
        let damages: [(&[u8], &str); 3] = [
            (b"four and twentz", "it has another hash"),
            (b"four and", "it has another length"),
            (b"four and twenty!", "it has another length"),
        ];
        for (bytes, why) in damages {
            fs::write(&file, bytes).expect("it is written");
            assert!(matches!(store.task(task), Err(TaskFault::Damaged(said)) if said == why));
            // The length is right, and `has_task` does not read the bytes.
            assert_eq!(store.has_task(task), why == "it has another hash");
        }
        store
            .keep_task(task, &result(b"four and twenty"), &key)
            .expect("it is kept");
        assert!(store.task(task).is_ok(), "who computes it again mends it");
    }

    #[test]
    fn p12_an_entry_of_a_stranger_or_of_another_task_is_not_used() {
        let (folder, key) = (tempfile::tempdir().expect("a folder"), SigningKey::from_secret(&KEY));
        let (store, task) = (store(folder.path(), &key), TaskKey::of(b"one"));
        let stranger = SigningKey::from_secret(&[8; 32]);
        store
            .keep_task(task, &result(b"evil"), &stranger)
            .expect("it is written");
        assert!(matches!(store.task(task), Err(TaskFault::Foreign)));
        store.keep_task(task, &result(b"good"), &key).expect("it is written");
        let other = TaskKey::of(b"two").to_string();
        let place = folder_of(folder.path(), "entries", &other);
        fs::create_dir_all(&place).expect("a folder");
        let own = task.to_string();
        fs::copy(folder_of(folder.path(), "entries", &own).join(&own), place.join(&other)).expect("it is copied");
        assert!(matches!(store.task(TaskKey::of(b"two")), Err(TaskFault::Damaged(_))));
    }

    #[test]
    fn p12_what_is_doubted_is_not_there_whoever_keeps_it_again() {
        let (folder, key) = (tempfile::tempdir().expect("a folder"), SigningKey::from_secret(&KEY));
        let (store, task, other) = (store(folder.path(), &key), TaskKey::of(b"one"), TaskKey::of(b"two"));
        store.keep_task(task, &result(b"1"), &key).expect("it is kept");
        assert!(!doubts_any(store.disk(), folder.path(), &[task, other]));
        store.doubt_task(task).expect("it is doubted");
        assert!(
            doubts_any(store.disk(), folder.path(), &[other, task])
                && !doubts_any(store.disk(), folder.path(), &[other])
        );
        store.keep_task(task, &result(b"1"), &key).expect("it is kept");
        assert!(matches!(store.task(task), Err(TaskFault::Absent)) && !store.has_task(task));
        store.drop_tasks(i64::MAX).expect("it looks");
        assert!(
            !doubts_any(store.disk(), folder.path(), &[task]),
            "a doubt lasts as long as a result"
        );
    }

    #[test]
    fn old_results_go_and_new_ones_stay() {
        let (folder, key) = (tempfile::tempdir().expect("a folder"), SigningKey::from_secret(&KEY));
        let (store, task) = (store(folder.path(), &key), TaskKey::of(b"one"));
        store.keep_task(task, &result(b"1"), &key).expect("it is kept");
        assert_eq!(store.drop_tasks(NANOSECONDS_A_SECOND).expect("it looks"), 0);
        assert!(store.task(task).is_ok());
        assert_eq!(store.drop_tasks(i64::MAX).expect("it looks"), 1);
        assert!(matches!(store.task(task), Err(TaskFault::Absent)));
    }
}
