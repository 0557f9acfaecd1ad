//! The list of readers.

mod bundle;
mod format;
mod store;
mod value;
mod words;

/// A reader of bytes that other people may have written.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// Its name, here and in `corpus/`.
    pub name: &'static str,
    /// A description of its input.
    pub what: &'static str,
    /// The maximal length of an input in bytes.
    pub longest: usize,
    /// The memory in bytes that it may use for any input ...
    pub fixed: usize,
    /// ... and additionally for each byte of the input.
    pub times: usize,
    read: fn(&[u8]),
}

impl Reader {
    /// Reads `bytes`, and returns the peak memory in bytes.
    ///
    /// # Panics
    /// The reader broke a promise: it panicked, used too much memory, did not reproduce a value after writing it, or returned an empty
    /// error.
    pub fn read(&self, bytes: &[u8]) -> usize {
        let bytes = &bytes[..bytes.len().min(self.longest)];
        let taken = crate::memory_of(|| (self.read)(bytes));
        let most = self.most(bytes.len());
        assert!(
            taken <= most,
            "{} took {taken} bytes of memory for {} bytes, {most} are allowed",
            self.name,
            bytes.len()
        );
        taken
    }

    /// Returns the memory that it may use for an input of this length.
    pub fn most(&self, length: usize) -> usize {
        self.fixed + self.times * length
    }
}

const fn of(name: &'static str, what: &'static str, longest: usize, read: fn(&[u8])) -> Reader {
    Reader {
        name,
        what,
        longest,
        fixed: 16 << 20,
        times: 256,
        read,
    }
}

/// All readers.
pub const READERS: [Reader; 21] = [
    of(
        "frame",
        "a frame: header, table, payload, decompressed",
        16 << 10,
        format::frame,
    ),
    of("record", "one record of each kind", 16 << 10, format::record),
    of(
        "lists",
        "lists of ids, tables of memory, asides",
        16 << 10,
        format::lists,
    ),
    of("stream", "an object stream", 16 << 10, format::stream),
    of(
        "handover",
        "what a scratch process hands over",
        16 << 10,
        format::handover,
    ),
    of(
        "store",
        "packs, logs, descriptions, removals, garbage: loaded, verified, read",
        64 << 10,
        store::store,
    ),
    of(
        "looking",
        "the same, through every looking command",
        64 << 10,
        store::looking,
    ),
    of("log_index", "the index over logs", 64 << 10, store::log_index),
    of("counters", "the files `numbers` and `generation`", 64, store::counters),
    of("keys", "`signing.key` and `trusted.keys`", 4 << 10, store::keys),
    of(
        "last_seen",
        "where logs ended when they were last seen",
        4 << 10,
        store::last_seen,
    ),
    of(
        "bundle",
        "what a bundle says lies in it; a store that goes into one, and out again",
        32 << 10,
        bundle::bundle,
    ),
    of(
        "package",
        "a package in a zip or in a notebook; a notebook that is packed",
        64 << 10,
        words::package,
    ),
    of(
        "value",
        "two stored values: read, described, compared",
        16 << 10,
        value::value,
    ),
    of("revision", "a revision, an operation, a name", 1 << 10, words::revision),
    of(
        "line",
        "a line typed after `%clew`, completed and parsed",
        1 << 10,
        words::line,
    ),
    of(
        "settings",
        "settings of a user or a project (TOML)",
        4 << 10,
        words::settings,
    ),
    of(
        "source",
        "a cell's source and its outputs, searched for secrets",
        16 << 10,
        words::source,
    ),
    of(
        "answer",
        "an answer of a scratch process, on the wire",
        16 << 10,
        words::answer,
    ),
    of(
        "foreign",
        "IPython's settings, and what kernels announce",
        4 << 10,
        words::foreign,
    ),
    of(
        "carried",
        "what comes over ssh, either way; a remote as it is typed; the list of remotes",
        16 << 10,
        words::carried,
    ),
];

/// A reader that panics at an input that fuzzing must find. It tests the fuzzer itself.
pub const PLANTED: Reader = of("planted", "nothing: it panics at four bytes", 64, planted);

fn planted(bytes: &[u8]) {
    assert!(
        !(bytes.len() >= 4 && bytes[0] == b'C' && bytes[1] == b'l' && bytes[2] == b'e' && bytes[3] == b'w'),
        "planted"
    );
}

/// Returns the reader with this name.
pub fn reader(name: &str) -> Option<Reader> {
    READERS.into_iter().chain([PLANTED]).find(|reader| reader.name == name)
}

/// The maximal length of an error message in characters, for any input.
const LONGEST_ERROR: usize = 600;

/// Checks that an error message is useful for people: not empty, and without the whole input.
fn is_clear(error: &impl std::fmt::Display) {
    let text = error.to_string();
    assert!(!text.trim().is_empty(), "an error says nothing");
    assert!(text.chars().count() <= LONGEST_ERROR, "an error says too much: {text}");
}
