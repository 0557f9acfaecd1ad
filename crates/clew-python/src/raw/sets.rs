//! The members of a set, read without Python's iteration, and the order in which Python iterates over them.
//!
//! Python iterates over a set in the order of its table: a member's slot depends on its hash, on the size of the
//! table, and on the members added before. Numbers have the same hash in every process, so a notebook that iterates
//! over a set of numbers gives the same result each time it is run. For such a set, the payload contains the
//! differences of its table from the *plain* one: with the size that results from adding the members one by one, and
//! with each member in the slot that it would get if they were added to that table in the order of their hashes.
//!
//! ```text
//! payload  = nothing: the plain table, or members with other hashes in each process
//!          | bits finger count(taken out) slot* (hash slot)*
//!          | bits + 64, finger, slot*
//! bits     = size of the table: 2 to the power of that
//! finger   = where `pop` starts to search
//! slot     = distance to the previous slot (slots of removed members; all slots, times 2, plus 1 if removed), or
//!            number of the slot (members in other slots than the plain ones, sorted by hash: each hash as the
//!            difference from the previous one, zigzag)
//! children = members, unordered; in the order of their slots if two of them have one hash, which 64 indicates
//! ```
//!
//! All numbers are LEB128. An added or removed member changes little of this, so that little is written.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PySet};

use crate::payload::{Reader, Write};

unsafe extern "C" {
    fn _PySet_NextEntry(
        set: *mut ffi::PyObject,
        at: *mut ffi::Py_ssize_t,
        key: *mut *mut ffi::PyObject,
        hash: *mut ffi::Py_hash_t,
    ) -> std::ffi::c_int;
}

/// A set in Python's layout (`Include/cpython/setobject.h`, the same from 3.10 on).
#[repr(C)]
struct Layout {
    base: ffi::PyObject,
    fill: ffi::Py_ssize_t,
    used: ffi::Py_ssize_t,
    mask: ffi::Py_ssize_t,
    table: *mut Entry,
    hash: ffi::Py_hash_t,
    finger: ffi::Py_ssize_t,
    small: [Entry; 8],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Entry {
    key: *mut ffi::PyObject,
    hash: ffi::Py_hash_t,
}

/// The hash of a slot whose member was removed. No object has this hash.
const TAKEN_OUT: ffi::Py_hash_t = -1;
/// The depth to which tuples and frozensets are searched.
const DEEPEST: u8 = 4;
/// The most slots per member of a table that is recorded.
const MOST_SLOTS: usize = 64;
/// The children are in the order of their slots.
const ORDERED: u8 = 64;
/// Constants of Python's search for a slot (`Objects/setobject.c`).
const PROBES: usize = 9;
const PERTURB_SHIFT: u32 = 5;
/// Other types whose hashes depend on their values alone; separately those that have a NaN.
const OF_NUMBERS: &[&[u8]] = &[
    b"datetime.timedelta",
    b"numpy.bool",
    b"numpy.bool_",
    b"numpy.int8",
    b"numpy.int16",
    b"numpy.int32",
    b"numpy.int64",
    b"numpy.longlong",
    b"numpy.uint8",
    b"numpy.uint16",
    b"numpy.uint32",
    b"numpy.uint64",
    b"numpy.ulonglong",
];
const WITH_NAN: &[&[u8]] = &[b"decimal.Decimal", b"numpy.float16", b"numpy.float32", b"numpy.float64"];

/// Returns the members of a set, a frozenset or an instance of a subclass, in the order of its table.
///
/// # Safety
/// `set` is live and does not change while the iterator is used.
pub(super) unsafe fn members(set: *mut ffi::PyObject) -> impl Iterator<Item = *mut ffi::PyObject> {
    // SAFETY: as the caller promises.
    unsafe { entries(set) }.map(|entry| entry.key)
}

/// # Safety
/// As for [`members`].
unsafe fn entries(set: *mut ffi::PyObject) -> impl Iterator<Item = Entry> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (mut key, mut hash) = (std::ptr::null_mut(), 0);
        // SAFETY: as the caller promises.
        let more = unsafe { _PySet_NextEntry(set, &raw mut at, &raw mut key, &raw mut hash) };
        (more != 0).then_some(Entry { key, hash })
    })
}

/// Writes the differences between the plain table and that of a set whose members have the same hashes in every
/// process. Returns whether the children must be in the order of their slots.
///
/// # Safety
/// `set` is a live set or frozenset that does not change meanwhile, and the interpreter is attached.
pub(super) unsafe fn write_table(set: *mut ffi::PyObject, payload: &mut Vec<u8>) -> bool {
    // SAFETY: as the caller promises; the length of the table follows from the mask.
    unsafe {
        if !is_layout_known() {
            return false;
        }
        let layout = &*set.cast::<Layout>();
        let (Ok(mask), Ok(used)) = (usize::try_from(layout.mask), usize::try_from(layout.used)) else {
            return false;
        };
        if used < 2 || !is_size_told(mask + 1, used) {
            return false;
        }
        if !entries(set).all(|entry| hashes_alike(entry.key, DEEPEST)) {
            return false;
        }
        let slots = std::slice::from_raw_parts(layout.table, mask + 1).iter().enumerate();
        let slots = slots.filter(|(_, entry)| !entry.key.is_null());
        let (taken_out, lying): (Vec<_>, Vec<_>) = slots.clone().partition(|(_, entry)| entry.hash == TAKEN_OUT);
        let mut lying: Vec<(ffi::Py_hash_t, usize)> = lying.iter().map(|(slot, entry)| (entry.hash, *slot)).collect();
        lying.sort_unstable();
        let (bits, finger) = (mask.count_ones() as u8, (layout.finger & layout.mask) as u64);
        if lying.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            payload.push(bits | ORDERED);
            payload.number(finger);
            let mut before = 0;
            for (slot, entry) in slots {
                payload.number(((slot - before) as u64) << 1 | u64::from(entry.hash == TAKEN_OUT));
                before = slot;
            }
            return true;
        }
        let hashes: Vec<_> = lying.iter().map(|(hash, _)| *hash).collect();
        let plain = plain_slots(mask + 1, &hashes);
        let mut elsewhere = lying
            .iter()
            .zip(&plain)
            .filter(|((_, slot), plain)| slot != *plain)
            .peekable();
        if mask + 1 == size_as_added(used) && finger == 0 && taken_out.is_empty() && elsewhere.peek().is_none() {
            return false;
        }
        payload.push(bits);
        payload.number(finger);
        payload.number(taken_out.len() as u64);
        let mut before = 0;
        for (slot, _) in taken_out {
            payload.number((slot - before) as u64);
            before = slot;
        }
        let mut before = 0_i64;
        for ((hash, slot), _) in elsewhere {
            let more = (*hash as i64).wrapping_sub(before);
            payload.number(((more << 1) ^ (more >> 63)) as u64);
            payload.number(*slot as u64);
            before = *hash as i64;
        }
        false
    }
}

/// Returns whether a table of this size is recorded: after most members were removed, it contains little information.
fn is_size_told(size: usize, members: usize) -> bool {
    size <= MOST_SLOTS.saturating_mul(members).max(8)
}

/// Returns the slots of members with these hashes if they are added to an empty table of this size, by Python's
/// search for a slot.
fn plain_slots(size: usize, hashes: &[ffi::Py_hash_t]) -> Vec<usize> {
    let (mask, mut taken) = (size - 1, vec![false; size]);
    let place = |hash: &ffi::Py_hash_t| {
        let (mut further, mut at) = (*hash as usize, *hash as usize & mask);
        loop {
            let last = if at + PROBES <= mask { at + PROBES } else { at };
            if let Some(slot) = (at..=last).find(|slot| !taken[*slot]) {
                taken[slot] = true;
                return slot;
            }
            further >>= PERTURB_SHIFT;
            at = at.wrapping_mul(5).wrapping_add(1).wrapping_add(further) & mask;
        }
    };
    hashes.iter().map(place).collect()
}

/// Returns the size of the table after this number of members was added one by one.
fn size_as_added(members: usize) -> usize {
    let (mut size, mut fill) = (8_usize, 0);
    while fill < members {
        // The next one exceeds the limit: three fifths of the slots may be full.
        fill = ((size - 1) * 3).div_ceil(5);
        if fill <= members {
            let wanted = if fill > 50_000 { fill * 2 } else { fill * 4 };
            size = (wanted + 1).next_power_of_two();
        }
    }
    size
}

/// Returns members in the order in which a set without a recorded table gets them: by hash, if the hashes are the
/// same in every process.
pub(crate) fn as_added(mut members: Vec<Bound<'_, PyAny>>) -> Vec<Bound<'_, PyAny>> {
    // SAFETY: all are live, and the interpreter is attached. Hashing numbers runs no user code.
    unsafe {
        if members.iter().all(|member| hashes_alike(member.as_ptr(), DEEPEST)) {
            members.sort_by_cached_key(|member| ffi::PyObject_Hash(member.as_ptr()));
        }
    }
    members
}

/// Fills a set, or a frozenset to which nothing else refers yet, according to `payload`. Returns `false` if that
/// describes no table of these members; the set may then contain anything.
pub(crate) fn fill(set: &Bound<'_, PyAny>, payload: &[u8], members: &[Bound<'_, PyAny>]) -> bool {
    let is_set = set.is_exact_instance_of::<PySet>() || set.is_exact_instance_of::<PyFrozenSet>();
    let members: Vec<_> = members.iter().map(Bound::as_ptr).collect();
    // SAFETY: a live set with the layout of its type; the members are live, and the interpreter is attached.
    is_set && unsafe { fill_table(set.as_ptr(), payload, &members) }
}

/// Fills an empty set, or the set part of an instance, like another one, in the same order. If that order is
/// impossible, members are added.
pub(crate) fn fill_alike<'py>(set: &Bound<'py, PyAny>, other: &Bound<'py, PyAny>) -> PyResult<()> {
    let set = set.cast::<PySet>()?;
    // SAFETY: both are live and have the layout of a set, nothing changes them meanwhile, and the interpreter is
    // attached. Members are held.
    let (members, is_filled) = unsafe {
        other.cast::<PySet>()?;
        let members: Vec<Bound<'py, PyAny>> = members(other.as_ptr())
            .map(|member| Bound::from_borrowed_ptr(set.py(), member))
            .collect();
        let (mut table, pointers) = (Vec::new(), members.iter().map(Bound::as_ptr).collect::<Vec<_>>());
        write_table(other.as_ptr(), &mut table);
        let is_filled = fill_table(set.as_ptr(), &table, &pointers);
        (members, is_filled)
    };
    if is_filled {
        return Ok(());
    }
    set.clear();
    as_added(members).into_iter().try_for_each(|member| set.add(member))
}

/// # Safety
/// `set` is a live set, frozenset or instance of a subclass, all members are live, and the interpreter is attached.
unsafe fn fill_table(set: *mut ffi::PyObject, payload: &[u8], members: &[*mut ffi::PyObject]) -> bool {
    // SAFETY: as the caller promises. Hashing numbers runs no user code. The table is allocated with the functions
    // with which Python allocates and frees its own, and is initialized completely.
    unsafe {
        if !is_layout_known() || !members.iter().all(|member| hashes_alike(*member, DEEPEST)) {
            return false;
        }
        let hashes: Vec<_> = members.iter().map(|member| ffi::PyObject_Hash(*member)).collect();
        let (Some(table), Some(taken_out)) = (Table::read(payload, &hashes), entry_taken_out()) else {
            return false;
        };
        let layout = &mut *set.cast::<Layout>();
        if layout.fill != 0 || layout.table != (&raw mut layout.small).cast() {
            return false;
        }
        if table.size > layout.small.len() {
            let Some(bytes) = table.size.checked_mul(size_of::<Entry>()) else {
                return false;
            };
            let room = ffi::PyMem_Malloc(bytes).cast::<Entry>();
            if room.is_null() {
                return false;
            }
            room.write_bytes(0, table.size);
            layout.table = room;
        }
        let room = std::slice::from_raw_parts_mut(layout.table, table.size);
        for slot in &table.taken_out {
            room[*slot] = taken_out;
        }
        for ((slot, key), hash) in table.slots.iter().zip(members).zip(hashes) {
            ffi::Py_INCREF(*key);
            room[*slot] = Entry { key: *key, hash };
        }
        layout.mask = table.size as ffi::Py_ssize_t - 1;
        layout.fill = (table.slots.len() + table.taken_out.len()) as ffi::Py_ssize_t;
        layout.used = members.len() as ffi::Py_ssize_t;
        layout.finger = table.finger as ffi::Py_ssize_t;
        // In a forged table, or with another version of Python, the search may lead to other slots.
        let are_found = members.iter().all(|member| ffi::PySet_Contains(set, *member) == 1);
        if !are_found {
            ffi::PyErr_Clear();
        }
        are_found
    }
}

/// A table, without its members.
#[derive(Debug, PartialEq)]
struct Table {
    size: usize,
    /// Where `pop` starts to search.
    finger: usize,
    /// The slot of each member.
    slots: Vec<usize>,
    /// The slots whose members were removed.
    taken_out: Vec<usize>,
}

impl Table {
    /// Reads the table of a payload, if such a table of members with these hashes is possible.
    fn read(payload: &[u8], hashes: &[ffi::Py_hash_t]) -> Option<Self> {
        let mut by_hash: Vec<usize> = (0..hashes.len()).collect();
        by_hash.sort_by_key(|member| hashes[*member]);
        let sorted: Vec<_> = by_hash.iter().map(|member| hashes[*member]).collect();
        let is_ordered = payload.first().is_some_and(|bits| bits & ORDERED != 0);
        if !is_ordered && sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        let mut rest = Reader::new(payload);
        let mut found = Self {
            size: size_as_added(hashes.len()),
            finger: 0,
            slots: Vec::new(),
            taken_out: Vec::new(),
        };
        if !payload.is_empty() {
            found.size = 1_usize.checked_shl(u32::from(rest.byte()? & !ORDERED))?;
            found.finger = rest.count(found.size.checked_sub(1)?)?;
        }
        if found.size < 8 || !is_size_told(found.size, hashes.len()) || hashes.len() * 5 >= (found.size - 1) * 3 {
            return None;
        }
        if is_ordered {
            found.read_ordered(&mut rest)?;
        } else {
            let mut plain = plain_slots(found.size, &sorted);
            found.read_elsewhere(&mut rest, &sorted, &mut plain)?;
            found.slots = vec![0; hashes.len()];
            for (member, slot) in by_hash.iter().zip(plain) {
                found.slots[*member] = slot;
            }
        }
        found.can_be(hashes.len()).then_some(found)
    }

    fn read_ordered(&mut self, rest: &mut Reader<'_>) -> Option<()> {
        let mut at = 0_usize;
        while !rest.is_empty() {
            let step = rest.number()?;
            at = at.checked_add(usize::try_from(step >> 1).ok()?)?;
            let slots = if step & 1 == 1 {
                &mut self.taken_out
            } else {
                &mut self.slots
            };
            slots.push(at);
        }
        Some(())
    }

    /// Reads the differences from the plain table of members with distinct hashes.
    fn read_elsewhere(&mut self, rest: &mut Reader<'_>, hashes: &[ffi::Py_hash_t], slots: &mut [usize]) -> Option<()> {
        if rest.is_empty() {
            return Some(());
        }
        let mut at = 0_usize;
        for _ in 0..rest.count(self.size)? {
            at = at.checked_add(rest.count(self.size)?)?;
            self.taken_out.push(at);
        }
        let mut hash = 0_i64;
        while !rest.is_empty() {
            let more = rest.number()?;
            hash = hash.wrapping_add((more >> 1) as i64 ^ -((more & 1) as i64));
            let member = hashes.binary_search(&ffi::Py_hash_t::try_from(hash).ok()?).ok()?;
            slots[member] = rest.count(self.size)?;
        }
        Some(())
    }

    /// Returns whether all slots exist, each is used once, and Python has free slots.
    fn can_be(&self, members: usize) -> bool {
        let mut taken = vec![false; self.size];
        let mut slots = self.slots.iter().chain(&self.taken_out);
        let are_all = self.slots.len() == members && (members + self.taken_out.len()) * 5 < (self.size - 1) * 3;
        are_all
            && slots.all(|slot| {
                taken
                    .get_mut(*slot)
                    .is_some_and(|taken| !std::mem::replace(taken, true))
            })
    }
}

/// Returns whether an object has the same hash in every process: a number, or a tuple or frozenset of such objects.
///
/// # Safety
/// `object` is live, and the interpreter is attached.
unsafe fn hashes_alike(object: *mut ffi::PyObject, depth: u8) -> bool {
    // SAFETY: as the caller promises; each object is read according to its type.
    unsafe {
        let kind = ffi::Py_TYPE(object);
        let hash = (*kind).tp_hash.map(|hash| hash as usize);
        let hashes_as =
            |other: *mut ffi::PyTypeObject| hash.is_some() && hash == (*other).tp_hash.map(|hash| hash as usize);
        if hashes_as(&raw mut ffi::PyLong_Type) {
            return true;
        }
        if hashes_as(&raw mut ffi::PyFloat_Type) {
            // The hash of a NaN depends on its address.
            return !ffi::PyFloat_AS_DOUBLE(object).is_nan();
        }
        if hashes_as(&raw mut ffi::PyTuple_Type) {
            return depth > 0
                && (0..ffi::Py_SIZE(object)).all(|nth| hashes_alike(ffi::PyTuple_GET_ITEM(object, nth), depth - 1));
        }
        if hashes_as(&raw mut ffi::PyFrozenSet_Type) {
            return depth > 0 && members(object).all(|member| hashes_alike(member, depth - 1));
        }
        let name = std::ffi::CStr::from_ptr((*kind).tp_name).to_bytes();
        OF_NUMBERS.contains(&name) || (WITH_NAN.contains(&name) && equals_itself(object))
    }
}

/// Returns whether a number is not a NaN, whose hash depends on its address.
///
/// # Safety
/// `object` is a live number, and the interpreter is attached.
unsafe fn equals_itself(object: *mut ffi::PyObject) -> bool {
    // SAFETY: as the caller promises.
    let number = unsafe { Bound::from_borrowed_ptr(Python::assume_attached(), object) };
    number.eq(&number).unwrap_or(false)
}

/// Returns the entry of a slot whose member was removed.
///
/// # Safety
/// The interpreter is attached, and the layout is known.
unsafe fn entry_taken_out() -> Option<Entry> {
    // SAFETY: as the caller promises.
    let py = unsafe { Python::assume_attached() };
    let set = PySet::new(py, [1]).ok()?;
    set.discard(1).ok()?;
    // SAFETY: the set was made here.
    let found = unsafe { (*set.as_ptr().cast::<Layout>()).small[1] };
    (!found.key.is_null() && found.hash == TAKEN_OUT).then_some(found)
}

/// Returns whether sets of this interpreter have the layout of this module.
///
/// # Safety
/// The interpreter is attached.
unsafe fn is_layout_known() -> bool {
    static KNOWN: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *KNOWN.get_or_init(|| {
        // SAFETY: as the caller promises.
        let py = unsafe { Python::assume_attached() };
        let Ok(set) = PySet::empty(py) else { return false };
        let Ok(member) = 3_i64.into_pyobject(py);
        let layout = set.as_ptr().cast::<Layout>();
        // SAFETY: the set was made here, and is read only if it is long enough according to its type.
        unsafe {
            if (*ffi::Py_TYPE(set.as_ptr())).tp_basicsize < size_of::<Layout>() as ffi::Py_ssize_t {
                return false;
            }
            let is_empty = (*layout).fill == 0 && (*layout).used == 0 && (*layout).mask == 7 && (*layout).finger == 0;
            let is_small = (*layout).table == (&raw mut (*layout).small).cast();
            let is_added = set.add(&member).is_ok();
            let entry = (*layout).small[3];
            let is_filled =
                (*layout).fill == 1 && (*layout).used == 1 && entry.key == member.as_ptr() && entry.hash == 3;
            is_empty && is_small && is_added && is_filled
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Table, plain_slots, size_as_added};

    #[test]
    fn p03_a_table_grows_as_in_python() {
        let sizes = [
            (0, 8),
            (4, 8),
            (5, 32),
            (18, 32),
            (19, 128),
            (76, 128),
            (77, 512),
            (100_000, 262_144),
        ];
        for (members, size) in sizes {
            assert_eq!(size_as_added(members), size, "{members}");
        }
    }

    #[test]
    fn p03_members_come_to_lie_where_there_is_room() {
        assert_eq!(plain_slots(8, &[1, 2, 8]), [1, 2, 0]);
        assert_eq!(plain_slots(32, &[0, 32, 64]), [0, 1, 2]);
    }

    #[test]
    fn p08_a_forged_table_is_none() {
        let table = Table {
            size: 8,
            finger: 1,
            slots: vec![0, 4, 1],
            taken_out: vec![2],
        };
        // Of the hashes 8, 16 and 1, the second is not in its plain slot.
        assert_eq!(Table::read(&[3, 1, 1, 2, 32, 4], &[8, 16, 1]), Some(table));
        let ordered = Table {
            size: 8,
            finger: 0,
            slots: vec![0, 1, 4],
            taken_out: vec![2],
        };
        assert_eq!(Table::read(&[3 | 64, 0, 0, 2, 3, 4], &[-2, -2, 1]), Some(ordered));
        let forged: [(&[u8], &[isize]); 11] = [
            (&[2, 0, 0], &[1]),
            (&[3, 8, 0], &[1]),
            (&[3], &[1]),
            (&[3, 0, 9], &[1]),
            (&[3, 0, 1, 8], &[1]),
            (&[3, 0, 1, 1], &[1]),
            (&[3, 0, 0, 4, 3], &[1]),
            (&[3, 0, 0, 2, 8], &[1]),
            (&[3, 0, 0], &[1, 2, 3, 4, 5]),
            (&[3, 0, 0], &[1, 1]),
            (&[63, 0, 0], &[1]),
        ];
        for (payload, hashes) in forged {
            assert_eq!(Table::read(payload, hashes), None, "{payload:?}");
        }
        let forged: [&[u8]; 4] = [
            &[3 | 64, 0, 0],
            &[3 | 64, 0, 0, 0],
            &[3 | 64, 0, 0, 16],
            &[3 | 64, 0, 0, 2, 4],
        ];
        for payload in forged {
            assert_eq!(Table::read(payload, &[-2, -2]), None, "{payload:?}");
        }
    }
}
