//! What is carried from one store to another: a history into a bundle, and what lies in a bundle into a store.
//!
//! Logs go as they lie, with the seals over them, so that whoever receives them judges every operation by who recorded it. What
//! lies in packs is read, hashed and written to a new pack; what the other store has is left out. The logs name packs that are
//! not there then, as after a gc, and the same note says where their contents are ([`crate::format::Removal`]).
//!
//! A session has one writer, so of two copies of its log one begins with the other: the longer one counts. That is all that it
//! takes to bring together what two machines did in one history.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};

use super::blocks::Place;
use super::bundle_set::Gathered;
use super::disk::{Disk, DiskFile, read_exact_at};
use super::gc::{self, Survey, Thing, contents, contents_of};
use super::read::read_and_hash;
use super::repack::{Copied, Copy};
use super::upload_parts::{LogEnds, Outgoing};
use super::{Bundle, Damage, Flaw, LeftValues, LoadedHistory, Store, StoreError, atomic_file, gc_lock, log, numbers};
use crate::format::{Naming, RECORD_VERSION, Removal, Timestamp};
use crate::id::{BlockId, HistoryId, ManifestId, PackId, SessionId};

/// Told how many more bytes were gone over; `Break` gives it up.
pub type Carrying<'w> = &'w mut dyn FnMut(u64) -> ControlFlow<()>;

/// What was carried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Blocks, segments, texts and manifests that were not there.
    pub things: u64,
    /// Their bytes, plain.
    pub bytes: u64,
    /// Bytes that were there already, plain.
    pub known: u64,
    /// Sessions of which something came that was not there.
    pub sessions: u64,
    /// Operations that came.
    pub operations: u64,
    /// Runs that came.
    pub runs: u64,
    /// What could not be read, and did not come.
    pub damage: Vec<Damage>,
    /// The ids of that.
    pub unread: Vec<[u8; 32]>,
    /// Logs that say otherwise than those that are there; these stayed.
    pub contradictions: Vec<SessionId>,
}

impl Carried {
    /// Adds what was carried after it.
    pub fn add(&mut self, after: Self) {
        self.things += after.things;
        self.bytes += after.bytes;
        self.known += after.known;
        self.sessions += after.sessions;
        self.operations += after.operations;
        self.runs += after.runs;
        self.damage.extend(after.damage);
        self.unread.extend(after.unread);
        self.contradictions.extend(after.contradictions);
    }
}

impl Store {
    /// Carries a whole history into the store of a bundle that is being made.
    ///
    /// # Errors
    /// The history is not there, or a disk refused.
    pub fn carry_history(&self, history: HistoryId, to: &Self, watch: Carrying<'_>) -> Result<Carried, StoreError> {
        let loaded = self.load(history)?;
        let needed = self.needed_by(&loaded, &|_| true);
        let mut carried = Carried::default();
        let from = (self, &Survey::to_read(self));
        let copied = copy_things(from, to, Some(&needed), &mut carried, watch)?;
        let packs: Vec<PackId> = copied.iter().map(|copied| copied.id).collect();
        let records = Records {
            from: self,
            to,
            history,
            left: None,
        };
        records.carry(&loaded, &packs, 0, &mut carried)?;
        to.tell_left_out(history, &self.left_out(history))?;
        Ok(carried)
    }

    /// Carries values into the store of a bundle that is being made, without what says where they come from.
    ///
    /// # Errors
    /// A disk refused.
    pub fn carry_values(
        &self,
        values: impl IntoIterator<Item = ManifestId>,
        to: &Self,
        watch: Carrying<'_>,
    ) -> Result<Carried, StoreError> {
        let values: Vec<ManifestId> = values.into_iter().collect();
        let mut needed = values.iter().map(|value| value.0).collect();
        self.add_values(&values, &|_| true, &mut needed);
        let mut carried = Carried::default();
        let from = (self, &Survey::to_read(self));
        copy_things(from, to, Some(&needed), &mut carried, watch)?;
        Ok(carried)
    }

    /// Takes in what lies in a bundle and is not here. Runs no code, and believes nothing: every byte is held against what its maker
    /// signed before anything is written, and what it is worth is judged when it is used.
    ///
    /// # Errors
    /// The bundle is not what its maker signed, this store was opened to read only, or a disk refused. What was here is untouched;
    /// what came of a failed attempt shows nowhere, and a gc takes it away.
    pub fn receive(&self, bundle: &Bundle, now: Timestamp, watch: Carrying<'_>) -> Result<Carried, StoreError> {
        self.receive_all(std::slice::from_ref(bundle), now, watch)
    }

    /// The same for bundles that belong together: what one refers to may lie in another before it.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub fn receive_all(&self, bundles: &[Bundle], now: Timestamp, watch: Carrying<'_>) -> Result<Carried, StoreError> {
        self.check_writable()?;
        bundles.iter().try_for_each(Bundle::check)?;
        self.within_gate(&mut || self.receive_inside(bundles, now, watch))
    }

    /// Takes in what goes out of another store that this process can read, without a bundle between them. What it says is judged as
    /// ever, when it is used: logs go with the seals over them.
    ///
    /// # Errors
    /// As for [`Self::receive`].
    pub fn receive_from(
        &self,
        outgoing: &Outgoing,
        now: Timestamp,
        watch: Carrying<'_>,
    ) -> Result<Carried, StoreError> {
        self.check_writable()?;
        self.within_gate(&mut || {
            let mut carried = Carried::default();
            let copied = outgoing.copy_to(self, &mut carried, watch)?;
            self.index().refresh(self.disk(), self.directory())?;
            let packs: Vec<PackId> = copied.iter().map(|copied| copied.id).collect();
            let (loaded, records) = outgoing.records_for(self, now);
            records.carry(loaded, &packs, now, &mut carried)?;
            self.settle_all_left_out()?;
            Ok(carried)
        })
    }

    /// Does what takes things in, with no gc beside it.
    fn within_gate(&self, work: &mut dyn FnMut() -> Result<Carried, StoreError>) -> Result<Carried, StoreError> {
        for _ in 0..ATTEMPTS {
            let inside = gc_lock::enter(self.disk(), self.directory())?;
            self.index().refresh(self.disk(), self.directory())?;
            let carried = work()?;
            // Where locks do not hold between machines, a gc may have been at it all the same (decision 23).
            if gc_lock::generation(self.disk(), self.directory()) == inside.generation {
                return Ok(carried);
            }
        }
        Err(StoreError::Busy { who: "A gc is running" })
    }

    fn receive_inside(&self, bundles: &[Bundle], now: Timestamp, watch: Carrying<'_>) -> Result<Carried, StoreError> {
        let mut carried = Carried::default();
        let surveys: Vec<Survey> = bundles.iter().map(|bundle| Survey::to_read(bundle.store())).collect();
        let all: Vec<_> = bundles.iter().map(Bundle::store).zip(&surveys).collect();
        // One pack of all: who pushes often would leave hundreds of packs to whoever comes late.
        let copied = copy_all(&all, self, None, &mut carried, watch)?;
        let packs: Vec<PackId> = copied.iter().map(|copied| copied.id).collect();
        self.index().refresh(self.disk(), self.directory())?;
        if let Some(gathered) = Gathered::of(bundles, self)? {
            for (history, loaded) in &gathered.histories {
                self.receive_records(&gathered.store, (*history, loaded), &packs, now, &mut carried)?;
            }
        } else {
            for bundle in bundles {
                let from = &bundle.over(self)?;
                for (history, _) in from.histories()? {
                    self.receive_records(from, (history, &from.load(history)?), &packs, now, &mut carried)?;
                }
            }
        }
        self.settle_all_left_out()?;
        Ok(carried)
    }

    fn receive_records(
        &self,
        from: &Self,
        (history, loaded): (HistoryId, &LoadedHistory),
        packs: &[PackId],
        now: Timestamp,
        carried: &mut Carried,
    ) -> Result<(), StoreError> {
        let records = Records {
            from,
            to: self,
            history,
            left: Some(from.left_out(history)),
        };
        records.carry(loaded, packs, now, carried)
    }

    /// What came without a word of what happened may be what was left out.
    fn settle_all_left_out(&self) -> Result<(), StoreError> {
        for (history, _) in self.histories()? {
            self.settle_left_out(history, LeftValues::default())?;
        }
        Ok(())
    }

    /// All that the operations of a history reach and that was not forgotten. Of values that do not go only what describes them:
    /// whoever makes one again has to know what it was made of, and what to hold it against.
    pub(super) fn needed_by(&self, loaded: &LoadedHistory, goes: &dyn Fn(&ManifestId) -> bool) -> FxHashSet<[u8; 32]> {
        let mut needed = FxHashSet::default();
        let forgotten = loaded.forgotten();
        // In the order in which they came, which is nearly that in which they lie.
        let mut values = Vec::new();
        let operations = loaded.sessions.values().flat_map(|session| &session.operations);
        for operation in operations.map(|loaded| &loaded.operation) {
            for naming in &operation.naming {
                if let Naming::Describe { text: Some(text), .. } = naming {
                    needed.insert(text.0);
                }
            }
            let mut reached = operation.manifests.clone();
            for run in operation.runs.iter().filter_map(|id| loaded.runs.get(id)?.run()) {
                needed.extend(run.texts().map(|text| text.0));
                let versions = run.changed.iter().chain(run.full.iter().flatten());
                reached.extend(versions.map(|version| version.manifest));
            }
            reached.retain(|value| !forgotten.contains_key(value) && needed.insert(value.0));
            values.extend(reached);
        }
        self.add_values(&values, goes, &mut needed);
        needed
    }

    /// What a value lies in, and how long each is in bytes, before compression; each once.
    ///
    /// # Errors
    /// Its manifest can't be read, or something of it is not here.
    pub fn parts_of(&self, value: ManifestId) -> Result<Vec<([u8; 32], u64)>, StoreError> {
        let found = contents(self, value).map_err(|error| self.excused(value, error))?;
        let ids: BTreeSet<[u8; 32]> = found.all().collect();
        let mut index = self.index();
        index.read(self.disk(), self.directory())?;
        let lengths: Option<Vec<_>> = ids
            .into_iter()
            .map(|id| Some((id, index.best(&id)?.length.into())))
            .collect();
        drop(index);
        lengths.ok_or_else(|| {
            let missing = StoreError::Missing {
                kind: "A part of value",
                id: value.short(),
                packs: self.missing_packs(),
            };
            self.excused(value, missing)
        })
    }

    /// Adds what says where values lie, and, of those that go, what they lie in. One that can't be read is left for the damage to be
    /// told by who reads it.
    fn add_values(&self, values: &[ManifestId], goes: &dyn Fn(&ManifestId) -> bool, needed: &mut FxHashSet<[u8; 32]>) {
        for values in values.chunks(TOGETHER) {
            let mut stored: FxHashMap<_, _> = self.stored_manifests(values).into_iter().collect();
            for value in values {
                let goes = goes(value);
                let contents = match stored.remove(value) {
                    Some(stored) => contents_of(self, stored),
                    None => contents(self, *value),
                };
                if let Ok(contents) = contents {
                    needed.extend(contents.lists);
                    needed.extend(contents.parts.into_iter().filter(|_| goes));
                }
            }
        }
    }

    /// Where something is here, whole: said to be by who wrote it, or read. And whether that was synced.
    fn whole_place(&self, thing: &Thing) -> Option<(Place, bool)> {
        let index = self.index();
        let place = index.best(&thing.id)?;
        let (is_whole, is_synced) = (index.is_whole(&place), index.is_synced(&place));
        drop(index);
        let is_here = is_whole || self.read_place(&place, &thing.id, thing.kind).is_ok();
        is_here.then_some((place, is_synced))
    }
}

/// So many manifests are read together: some megabytes.
const TOGETHER: usize = 4096;

/// How often what a gc disturbed is tried.
const ATTEMPTS: usize = 3;

/// Copies what is wanted (`None`: everything) and not there. What is damaged stays behind, and is told.
pub(super) fn copy_things(
    from: (&Store, &Survey),
    to: &Store,
    wanted: Option<&FxHashSet<[u8; 32]>>,
    carried: &mut Carried,
    watch: Carrying<'_>,
) -> Result<Option<Copied>, StoreError> {
    copy_all(&[from], to, wanted, carried, watch)
}

/// The same from several stores, into one pack.
pub(super) fn copy_all(
    all: &[(&Store, &Survey)],
    to: &Store,
    wanted: Option<&FxHashSet<[u8; 32]>>,
    carried: &mut Carried,
    watch: Carrying<'_>,
) -> Result<Option<Copied>, StoreError> {
    let Some((first, _)) = all.first() else { return Ok(None) };
    let mut copying = Copying {
        to,
        copy: Copy::new(first, to),
        met: FxHashSet::default(),
        unsynced: BTreeSet::new(),
        damaged: Vec::new(),
    };
    for (from, survey) in all {
        copying.copy.go_on_from(from)?;
        copying.take(survey, wanted, carried, watch)?;
    }
    copying.finish(carried)
}

/// What is being copied into one pack.
struct Copying<'s> {
    to: &'s Store,
    copy: Copy<'s>,
    met: FxHashSet<[u8; 32]>,
    /// Packs of the other store that what is carried refers to, and that nobody synced.
    unsynced: BTreeSet<u32>,
    damaged: Vec<([u8; 32], Damage)>,
}

impl Copying<'_> {
    fn take(
        &mut self,
        survey: &Survey,
        wanted: Option<&FxHashSet<[u8; 32]>>,
        carried: &mut Carried,
        watch: Carrying<'_>,
    ) -> Result<(), StoreError> {
        for pack in &survey.packs {
            for thing in &pack.things {
                let is_wanted = wanted.is_none_or(|wanted| wanted.contains(&thing.id));
                if !is_wanted || self.met.contains(&thing.id) {
                    continue;
                }
                let length = u64::from(thing.place.length);
                if let Some((place, is_synced)) = self.to.whole_place(thing) {
                    self.met.insert(thing.id);
                    if !is_synced {
                        self.unsynced.insert(place.pack);
                    }
                    carried.known += length;
                    tell(watch, length)?;
                    continue;
                }
                match read_and_hash(&mut self.copy.reader, &pack.path, &thing.place, &thing.id, thing.kind) {
                    Ok(bytes) => {
                        self.met.insert(thing.id);
                        carried.things += 1;
                        carried.bytes += length;
                        self.copy.put(*thing, bytes)?;
                    }
                    // It may be whole in another pack.
                    Err(why) => self
                        .damaged
                        .push((thing.id, Damage::of(&pack.path, not_copied(thing, why)))),
                }
                tell(watch, length)?;
            }
        }
        Ok(())
    }

    fn finish(mut self, carried: &mut Carried) -> Result<Option<Copied>, StoreError> {
        let met = &self.met;
        self.damaged.retain(|(id, _)| !met.contains(id));
        for (id, damage) in self.damaged {
            carried.unread.push(id);
            damage.join(&mut carried.damage);
        }
        self.copy.vouch()?;
        self.to.sync_packs(&self.unsynced)?;
        self.copy.finish()
    }
}

fn tell(watch: Carrying<'_>, length: u64) -> Result<(), StoreError> {
    match watch(length) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(StoreError::GivenUp),
    }
}

fn not_copied(thing: &Thing, why: String) -> Flaw {
    Flaw::NotCopied {
        id: BlockId(thing.id).short(),
        why,
    }
}

impl Store {
    fn sync_packs(&self, numbers: &BTreeSet<u32>) -> Result<(), StoreError> {
        let index = self.index();
        let paths = numbers.iter().map(|number| index.packs[*number as usize].path.clone());
        let paths: Vec<_> = paths.collect();
        drop(index);
        for path in paths {
            let file = self.disk().open(&path).map_err(StoreError::io("read", &path))?;
            file.sync().map_err(StoreError::io("sync", &path))?;
        }
        Ok(())
    }
}

/// The carrying of what says what happened in a history.
pub(super) struct Records<'s> {
    pub from: &'s Store,
    pub to: &'s Store,
    pub history: HistoryId,
    /// What was left out of what comes; `None` where nothing is settled yet: in a bundle, which has only some of what belongs together.
    pub left: Option<LeftValues>,
}

impl Records<'_> {
    pub fn carry(
        &self,
        loaded: &LoadedHistory,
        packs: &[PackId],
        now: Timestamp,
        carried: &mut Carried,
    ) -> Result<(), StoreError> {
        let (disk, directory) = (self.to.disk(), self.to.directory());
        let folder = log::folder(directory, self.history);
        disk.create_dir(&folder).map_err(StoreError::io("make", &folder))?;
        let here = match self.to.load(self.history) {
            Ok(here) => here,
            Err(StoreError::NoHistory(_)) => LoadedHistory::default(),
            Err(error) => return Err(error),
        };
        let coming = self.coming(loaded, &here, carried)?;
        self.excuse_packs(loaded, &here, packs, now)?;
        self.carry_descriptions()?;
        // Before the logs: what they name and is not here would be lost.
        if let Some(left) = &self.left {
            self.to.settle_left_out(self.history, left.clone())?;
        }
        for (name, bytes) in coming {
            atomic_file::replace(disk, &folder, &name, &bytes)?;
        }
        for folder in [&log::histories_folder(directory), directory] {
            disk.sync_dir(folder).map_err(StoreError::io("sync", folder))?;
        }
        let last = loaded.runs.values().map(|run| run.outline().number).max();
        match numbers::raise(disk, directory, self.history, last.unwrap_or(0)) {
            // A shortcut where there are no locks: the logs count.
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::Unsupported => Ok(()),
            raised => raised.map(drop),
        }
    }

    /// Writes of each log what comes behind `there`, into a store that has nothing yet.
    pub fn carry_behind(
        &self,
        loaded: &LoadedHistory,
        there: &LogEnds,
        carried: &mut Carried,
    ) -> Result<(), StoreError> {
        let (disk, directory) = (self.to.disk(), self.to.directory());
        let folder = log::folder(directory, self.history);
        disk.create_dir(&folder).map_err(StoreError::io("make", &folder))?;
        self.carry_descriptions()?;
        for ((session, part), end) in loaded.ends() {
            let start = there.get(&(session, part)).copied().unwrap_or(0);
            if start < end {
                let bytes = read_log(self.from, self.history, (session, part), start..end)?;
                let path = log::path(directory, self.history, session, part);
                atomic_file::write_new(disk, &path, &bytes)?;
                carried.sessions += 1;
            }
        }
        Ok(())
    }

    /// The logs that are to be written, by their files' names.
    fn coming(
        &self,
        loaded: &LoadedHistory,
        here: &LoadedHistory,
        carried: &mut Carried,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let (mut coming, mut sessions) = (Vec::new(), BTreeSet::new());
        let known: LogEnds = here.ends().collect();
        for ((session, part), end) in loaded.ends() {
            let theirs = read_log(self.from, self.history, (session, part), 0..end)?;
            let ours = match known.get(&(session, part)) {
                Some(end) => read_log(self.to, self.history, (session, part), 0..*end)?,
                None => Vec::new(),
            };
            if ours.starts_with(&theirs) {
                continue;
            }
            if !theirs.starts_with(&ours) {
                carried.contradictions.push(session);
                continue;
            }
            let path = log::path(self.to.directory(), self.history, session, part);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            coming.push((name, theirs));
            sessions.insert(session);
        }
        for session in &sessions {
            let count = |history: &LoadedHistory| history.sessions.get(session).map_or(0, |it| it.operations.len());
            carried.operations += count(loaded).saturating_sub(count(here)) as u64;
        }
        carried.sessions += sessions.len() as u64;
        carried.runs += loaded.runs.keys().filter(|run| !here.runs.contains_key(*run)).count() as u64;
        Ok(coming)
    }

    /// Says of the packs that the coming logs name where what is needed of them lies. Those that are missed here already go on being
    /// missed, whoever names them.
    fn excuse_packs(
        &self,
        loaded: &LoadedHistory,
        here: &LoadedHistory,
        packs: &[PackId],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (disk, directory) = (self.to.disk(), self.to.directory());
        let lacking = self.to.missing_packs();
        let is_new = |pack: &&PackId| !here.packs().contains(*pack) && !lacking.contains(*pack);
        let named: Vec<PackId> = loaded.packs().iter().filter(is_new).copied().collect();
        let removed = gc::without_removed(disk, directory, named, &self.to.packs_here());
        if removed.is_empty() {
            return Ok(());
        }
        let removal = Removal {
            version: RECORD_VERSION,
            time: now,
            removed,
            written: packs.to_vec(),
        };
        gc::tell_removal(disk, directory, &removal)?;
        self.to.forget_missing();
        Ok(())
    }

    /// Carries what the history was called, which is told by files that are written once.
    fn carry_descriptions(&self) -> Result<(), StoreError> {
        let (from, to) = (
            log::folder(self.from.directory(), self.history),
            log::folder(self.to.directory(), self.history),
        );
        let names = self.from.disk().list(&from).map_err(StoreError::io("list", &from))?;
        let here = self.to.disk().list(&to).map_err(StoreError::io("list", &to))?;
        for name in names
            .iter()
            .filter(|name| log::is_description(name) && !here.contains(name))
        {
            let bytes = read_whole(self.from.disk(), &from.join(name))?;
            atomic_file::write_new(self.to.disk(), &to.join(name), &bytes)?;
        }
        Ok(())
    }
}

fn read_log(
    store: &Store,
    history: HistoryId,
    (session, part): (SessionId, u32),
    range: Range<u64>,
) -> Result<Vec<u8>, StoreError> {
    let path = log::path(store.directory(), history, session, part);
    let file = store.disk().open(&path).map_err(StoreError::io("read", &path))?;
    read_range(&*file, &path, range)
}

fn read_whole(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, StoreError> {
    read_all(&*disk.open(path).map_err(StoreError::io("read", path))?, path)
}

/// All bytes of a file.
pub(super) fn read_all(file: &dyn DiskFile, path: &Path) -> Result<Vec<u8>, StoreError> {
    let length = file.length().map_err(StoreError::io("read", path))?;
    read_range(file, path, 0..length)
}

pub(super) fn read_range(file: &dyn DiskFile, path: &Path, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read_exact_at(file, &mut bytes, range.start).map_err(StoreError::io("read", path))?;
    Ok(bytes)
}
