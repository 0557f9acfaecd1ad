//! Columns of short texts, packed: a walk sees three pieces of memory instead of an object for each text.
//!
//! ```text
//!   items   "Rome" "Oslo" "Rome" nan        offsets  0 4 8
//!   codes     0      1      0    -2         data     RomeOslo
//! ```
//!
//! Each text is packed once, in order of its first occurrence; in a long column of mostly distinct texts, at each
//! occurrence. So equal columns are packed alike, regardless of the identity and addresses of their objects: for
//! short texts, these are not recorded anywhere.

use std::collections::HashMap;
use std::io::Write;
use std::num::NonZero;
use std::{ptr, slice, thread};

use foldhash::fast::FixedState;
use pyo3::buffer::{PyBuffer, PyUntypedBuffer};
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use xxhash_rust::xxh3::xxh3_128;

use super::leaf::SHORT;
use super::memory_reserve::Reserve;
use super::object::prefetch;
use super::scalar::{text_bytes, write_text};

/// If more than half of this many texts at the beginning are distinct, the texts after them are treated as distinct,
/// too. Finding the few duplicates would take longer than everything else.
const SAMPLE: usize = 1 << 16;
const MOST_LISTED: usize = SAMPLE / 2;

/// How many objects ahead of the current one are prefetched: the texts of a sorted column may be anywhere in memory.
const AHEAD: usize = 16;

/// The most threads that read texts. They mostly wait for memory.
const MOST_THREADS: usize = 4;

/// Codes, offsets and data of a list of texts: int32, int32 and UTF-8 in which lone surrogates are allowed.
type PackedTexts<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// Packs `items`: texts of 64 bytes at most, and objects of `missing`, which get the codes -1, -2 and so on. Returns
/// `None` if there are other objects among them, or more than 2 GiB of text.
///
/// The collector no longer visits a list that was packed: each time, it would check whether the texts refer to other
/// objects.
#[pyfunction]
pub fn pack_texts<'py>(items: &Bound<'py, PyList>, missing: &Bound<'py, PyTuple>) -> Option<PackedTexts<'py>> {
    if !Reserve::has_room(items.len() * size_of::<i32>()) || i32::try_from(items.len()).is_err() {
        return None;
    }
    let missing: Vec<usize> = missing.iter().map(|object| object.as_ptr().addr()).collect();
    // SAFETY: nothing changes the list meanwhile: no Python code runs, and the interpreter is attached.
    let objects = unsafe { objects_of(items) };
    let listed = DistinctTexts::of(objects, &missing)?.part;
    let distinct = &objects[listed.codes.len()..];
    let distinct = in_shares(distinct, |share| Part::of_distinct(share, &missing))?;
    let parts: Vec<Part> = std::iter::once(listed).chain(distinct).collect();
    // SAFETY: a list; since it contains only texts, it is part of no cycle.
    unsafe { ffi::PyObject_GC_UnTrack(items.as_ptr().cast()) };
    join(items.py(), &parts)
}

/// Returns the addresses of the objects in a list.
///
/// # Safety
/// The list does not change while they are used.
pub(super) unsafe fn objects_of<'l>(list: &'l Bound<'_, PyList>) -> &'l [usize] {
    if list.is_empty() {
        return &[];
    }
    // SAFETY: the pointers of a list that is not empty are contiguous, as many as its length.
    unsafe {
        let items = (*list.as_ptr().cast::<ffi::PyListObject>()).ob_item;
        slice::from_raw_parts(items.cast::<usize>(), list.len())
    }
}

/// The packed texts of a section of a column. Its codes and ends count from the beginning of the section.
#[derive(Default)]
struct Part {
    codes: Vec<i32>,
    /// The end of each text in the data.
    ends: Vec<i32>,
    data: Vec<u8>,
}

impl Part {
    /// Packs each text at each occurrence.
    fn of_distinct(objects: &[usize], missing: &[usize]) -> Option<Self> {
        let mut part = Self::with_room(objects.len());
        for (index, object) in objects.iter().enumerate() {
            fetch_ahead(objects, index);
            let code = part.add(*object, missing)?;
            part.codes.push(code);
        }
        Some(part)
    }

    fn with_room(objects: usize) -> Self {
        Self {
            codes: Vec::with_capacity(objects),
            ..Self::default()
        }
    }

    /// Adds a text, and returns its code; `None` if the object is not a text that can be packed.
    fn add(&mut self, object: usize, missing: &[usize]) -> Option<i32> {
        if let Some(place) = missing.iter().position(|one| *one == object) {
            return Some(-1 - place as i32);
        }
        let item: *mut ffi::PyObject = ptr::with_exposed_provenance_mut(object);
        // SAFETY: the list holds the object, and its text is only read if it is exactly a str. A str does not change,
        // so any thread may read it.
        unsafe {
            if ffi::PyUnicode_CheckExact(item) == 0 || text_bytes(item) > SHORT {
                return None;
            }
            write_text(item, &mut self.data);
        }
        self.ends.push(i32::try_from(self.data.len()).ok()?);
        Some(self.ends.len() as i32 - 1)
    }
}

/// The beginning of a column, up to where its texts are treated as distinct: each text once.
#[derive(Default)]
struct DistinctTexts {
    part: Part,
    /// Short texts are their own keys, mostly digits and spaces: a weaker hash would give thousands of them the same
    /// place.
    known: HashMap<u128, i32, FixedState>,
    /// The position of each text's first occurrence.
    firsts: Vec<usize>,
}

impl DistinctTexts {
    fn of(objects: &[usize], missing: &[usize]) -> Option<Self> {
        let (sample, others) = objects.split_at(objects.len().min(SAMPLE));
        let mut listed = Self::up_to(sample, missing, SAMPLE)?;
        if listed.known.len() <= MOST_LISTED {
            for share in in_shares(others, |share| Self::up_to(share, missing, MOST_LISTED))? {
                listed.append(&share)?;
                if listed.known.len() > MOST_LISTED {
                    break;
                }
            }
        }
        Some(listed)
    }

    /// Reads a section of a column, until more than `most` texts are known.
    fn up_to(objects: &[usize], missing: &[usize], most: usize) -> Option<Self> {
        let mut listed = Self {
            part: Part::with_room(objects.len()),
            ..Self::default()
        };
        let mut last = (0, 0);
        for (index, object) in objects.iter().enumerate() {
            if listed.known.len() > most {
                break;
            }
            fetch_ahead(objects, index);
            if *object != last.0 {
                let start = listed.part.data.len();
                let mut code = listed.part.add(*object, missing)?;
                if code >= 0 {
                    code = listed.settle(start, code, index);
                }
                last = (*object, code);
            }
            listed.part.codes.push(last.1);
        }
        Some(listed)
    }

    /// Returns the code of the text that was added last, whose characters start at `start`. If it is known, it is
    /// removed again.
    fn settle(&mut self, start: usize, code: i32, index: usize) -> i32 {
        let listed = *self.known.entry(key_of(&self.part.data[start..])).or_insert(code);
        if listed == code {
            self.firsts.push(index);
        } else {
            self.part.ends.pop();
            self.part.data.truncate(start);
        }
        listed
    }

    /// Adds the next section, until too many texts are known.
    fn append(&mut self, share: &Self) -> Option<()> {
        let before = self.part.codes.len();
        let (mut codes, mut taken) = (Vec::with_capacity(share.firsts.len()), share.part.codes.len());
        let begins = std::iter::once(&0).chain(&share.part.ends);
        for ((begin, end), first) in begins.zip(&share.part.ends).zip(&share.firsts) {
            let start = self.part.data.len();
            self.part
                .data
                .extend_from_slice(&share.part.data[*begin as usize..*end as usize]);
            self.part.ends.push(i32::try_from(self.part.data.len()).ok()?);
            codes.push(self.settle(start, self.part.ends.len() as i32 - 1, before + first));
            if self.known.len() > MOST_LISTED {
                taken = first + 1;
                break;
            }
        }
        let code = |code: &i32| usize::try_from(*code).map_or(*code, |nth| codes[nth]);
        self.part.codes.extend(share.part.codes[..taken].iter().map(code));
        Some(())
    }
}

/// Applies `pack` to consecutive shares of the objects, on several threads if there are many. The interpreter stays
/// attached and waits.
fn in_shares<T: Send>(objects: &[usize], pack: impl Fn(&[usize]) -> Option<T> + Sync) -> Option<Vec<T>> {
    let threads = match objects.len() {
        0..=SAMPLE => 1,
        _ => thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(MOST_THREADS),
    };
    let mut shares = objects.chunks(objects.len().div_ceil(threads).max(1));
    let own = shares.next().unwrap_or_default();
    let pack = &pack;
    thread::scope(|scope| {
        let begun: Vec<_> = shares
            .map(|share| {
                let thread = thread::Builder::new().spawn_scoped(scope, move || pack(share));
                // If no further thread can be created, this one processes the share.
                thread.map_err(|_| share)
            })
            .collect();
        let first = pack(own);
        let others = begun.into_iter().map(|share| match share {
            Ok(thread) => thread.join().ok().flatten(),
            Err(share) => pack(share),
        });
        std::iter::once(first).chain(others).collect()
    })
}

/// Joins all parts. Returns `None` if they are too long together, or there is not enough memory.
fn join<'py>(py: Python<'py>, parts: &[Part]) -> Option<PackedTexts<'py>> {
    let length: usize = parts.iter().map(|part| part.data.len()).sum();
    i32::try_from(length).ok()?;
    let (mut texts, mut bytes) = (0, 0);
    let begins: Vec<(i32, i32)> = parts
        .iter()
        .map(|part| {
            let begin = (texts, bytes);
            texts += part.ends.len() as i32;
            bytes += part.data.len() as i32;
            begin
        })
        .collect();
    let codes = parts.iter().zip(&begins).flat_map(|(part, (texts, _))| {
        let code = move |code: &i32| if *code < 0 { *code } else { texts + code };
        part.codes.iter().map(code)
    });
    let ends = parts
        .iter()
        .zip(&begins)
        .flat_map(|(part, (_, bytes))| part.ends.iter().map(move |end| bytes + end));
    let objects = parts.iter().map(|part| part.codes.len()).sum();
    let data = PyBytes::new_with(py, length, |mut rest| {
        Ok(parts.iter().try_for_each(|part| rest.write_all(&part.data))?)
    });
    Some((
        write(py, objects, codes)?,
        write(py, texts as usize + 1, std::iter::once(0).chain(ends))?,
        data.ok()?,
    ))
}

/// Writes numbers to memory.
fn write(py: Python<'_>, count: usize, numbers: impl Iterator<Item = i32>) -> Option<Bound<'_, PyBytes>> {
    let bytes = PyBytes::new_with(py, count * size_of::<i32>(), |bytes| {
        let (places, _) = bytes.as_chunks_mut();
        places
            .iter_mut()
            .zip(numbers)
            .for_each(|(place, number)| *place = number.to_le_bytes());
        Ok(())
    });
    bytes.ok()
}

/// Prefetches an object that will be read soon: its head and its characters.
fn fetch_ahead(objects: &[usize], index: usize) {
    if let Some(object) = objects.get(index + AHEAD) {
        let object: *const i8 = ptr::without_provenance(*object);
        prefetch(object);
        prefetch(object.wrapping_add(size_of::<ffi::PyASCIIObject>()));
    }
}

/// Returns the key of a text: the text with its length, or its hash if it is longer.
fn key_of(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    match bytes.get_mut(..text.len()).filter(|_| text.len() < 16) {
        Some(place) => {
            place.copy_from_slice(text);
            bytes[15] = text.len() as u8;
            u128::from_le_bytes(bytes)
        }
        None => xxh3_128(text) | 0xff << 120,
    }
}

/// Returns the objects of a column from its codes, offsets and data; `missing` contains those of the codes -1, -2 and
/// so on.
///
/// # Errors
/// `ValueError` if these do not fit together.
#[pyfunction]
pub fn unpack_texts<'py>(
    codes: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    data: &Bound<'py, PyAny>,
    missing: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyList>> {
    let py = codes.py();
    let malformed = || PyValueError::new_err("A column of texts is malformed");
    let views: [PyBuffer<u8>; 3] = [PyBuffer::get(codes)?, PyBuffer::get(offsets)?, PyBuffer::get(data)?];
    // SAFETY: the views hold the memory, and nothing writes to it meanwhile: only texts are made.
    let [codes, offsets, data] = unsafe { [bytes_of(&views[0])?, bytes_of(&views[1])?, bytes_of(&views[2])?] };
    let (codes, _) = codes.as_chunks();
    let (ends, _) = offsets.as_chunks();
    let place_of = |end: &[u8; 4]| usize::try_from(i32::from_le_bytes(*end)).map_err(|_| malformed());
    let text_at = |nth: usize| {
        let ends = ends.get(nth..nth + 2).ok_or_else(malformed)?;
        data.get(place_of(&ends[0])?..place_of(&ends[1])?).ok_or_else(malformed)
    };
    // The texts that were made, and that the list holds.
    let mut made: Vec<*mut ffi::PyObject> = vec![ptr::null_mut(); ends.len()];
    let length = ffi::Py_ssize_t::try_from(codes.len())?;
    // SAFETY: a new list, whose items no other code sees, and which are filled in order; each item is a reference of
    // its own. If one stays empty, the list is dropped. Data that is not UTF-8 with surrogates is refused.
    unsafe {
        let list = Bound::from_owned_ptr_or_err(py, ffi::PyList_New(length))?.cast_into_unchecked::<PyList>();
        for (place, code) in codes.iter().enumerate() {
            let code = i32::from_le_bytes(*code);
            let object = if let Ok(nth) = usize::try_from(code) {
                let known = made.get_mut(nth).ok_or_else(malformed)?;
                if known.is_null() {
                    let text = text_at(nth)?;
                    let (start, length) = (text.as_ptr().cast(), text.len() as ffi::Py_ssize_t);
                    let text = ffi::PyUnicode_DecodeUTF8(start, length, c"surrogatepass".as_ptr());
                    *known = Bound::from_owned_ptr_or_err(py, text)?.into_ptr();
                } else {
                    ffi::Py_INCREF(*known);
                }
                *known
            } else {
                let object = missing.get_item(code.unsigned_abs() as usize - 1);
                object.map_err(|_| malformed())?.into_ptr()
            };
            ffi::PyList_SET_ITEM(list.as_ptr(), place as ffi::Py_ssize_t, object);
        }
        Ok(list)
    }
}

/// Returns the bytes of a view.
///
/// # Errors
/// They are not contiguous.
///
/// # Safety
/// Nothing writes to them as long as they are used.
unsafe fn bytes_of(view: &PyBuffer<u8>) -> PyResult<&[u8]> {
    if !view.is_c_contiguous() {
        return Err(PyValueError::new_err(
            "Memory of a column of texts does not lie in a row",
        ));
    }
    if view.len_bytes() == 0 {
        return Ok(&[]);
    }
    // SAFETY: contiguous, of the given length, held by the view; as the caller promises, nothing writes to it.
    Ok(unsafe { slice::from_raw_parts(view.buf_ptr().cast::<u8>(), view.len_bytes()) })
}

/// Returns the objects of an array in a list. Objects are prefetched before their reference counts change, since they
/// may be anywhere in memory.
///
/// # Errors
/// The array has no contiguous memory, or there is not enough memory for the list.
#[pyfunction]
pub fn items_of<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let view = PyUntypedBuffer::get(array)?;
    // SAFETY: the view holds the memory, and nothing writes to it: no Python code runs. Each item of the new list is
    // a reference of its own; an empty item of such an array represents None.
    unsafe {
        let objects = pointers_of(&view).ok_or_else(no_row)?;
        let list = ffi::PyList_New(ffi::Py_ssize_t::try_from(objects.len())?);
        let list = Bound::from_owned_ptr_or_err(array.py(), list)?.cast_into_unchecked::<PyList>();
        for (place, object) in objects.iter().enumerate() {
            fetch_ahead(objects, place);
            let object: *mut ffi::PyObject = ptr::with_exposed_provenance_mut(*object);
            let object = if object.is_null() { ffi::Py_None() } else { object };
            ffi::PyList_SET_ITEM(list.as_ptr(), place as ffi::Py_ssize_t, ffi::Py_NewRef(object));
        }
        Ok(list)
    }
}

/// Puts the objects of a list into an array of the same length. An assignment by the library would first check the
/// type of each of them.
///
/// # Errors
/// The array has no contiguous and writable memory, or another length.
#[pyfunction]
pub fn put_items(array: &Bound<'_, PyAny>, items: &Bound<'_, PyList>) -> PyResult<()> {
    let view = PyUntypedBuffer::get(array)?;
    // SAFETY: the view holds the memory of an array of objects, which is as long as the list and writable. Each item
    // is a valid reference or null at any time, and the old object is released after it was replaced.
    unsafe {
        let objects = objects_of(items);
        let length = pointers_of(&view).map(<[usize]>::len);
        if length != Some(objects.len()) || view.readonly() {
            return Err(no_row());
        }
        let places = view.buf_ptr().cast::<*mut ffi::PyObject>();
        for (nth, object) in objects.iter().enumerate() {
            fetch_ahead(objects, nth);
            let object = ffi::Py_NewRef(ptr::with_exposed_provenance_mut(*object));
            ffi::Py_XDECREF(places.add(nth).replace(object));
        }
    }
    Ok(())
}

fn no_row() -> PyErr {
    PyValueError::new_err("The objects of an array do not lie in a row")
}

/// Returns the pointers in the memory of an array of objects; `None` if they are not contiguous.
///
/// # Safety
/// Nothing writes to it as long as it is used.
unsafe fn pointers_of(view: &PyUntypedBuffer) -> Option<&[usize]> {
    if !view.is_c_contiguous() || view.item_size() != size_of::<usize>() || view.format() != c"O" {
        return None;
    }
    if view.len_bytes() == 0 {
        return Some(&[]);
    }
    // SAFETY: contiguous, held by the view, of the given length; as the caller promises, nothing writes to it.
    Some(unsafe { slice::from_raw_parts(view.buf_ptr().cast::<usize>(), view.len_bytes() / size_of::<usize>()) })
}

/// Returns whether an array of objects refers to the very objects of a list, in the same order. Texts cannot change,
/// so the array then has its earlier contents.
///
/// # Errors
/// The array exports no memory.
#[pyfunction]
pub fn are_items(array: &Bound<'_, PyAny>, items: &Bound<'_, PyList>) -> PyResult<bool> {
    let view = PyUntypedBuffer::get(array)?;
    // SAFETY: nothing changes either of them meanwhile: no Python code runs.
    unsafe { Ok(pointers_of(&view).is_some_and(|objects| objects == objects_of(items))) }
}
