//! Finds the cells from which the code in a stored value was compiled, as far as the code reveals them.
//!
//! A code object contains the name of its file, and kernels name a cell's file by a hash of the cell's text. If the
//! file name does not identify the cell (the body of a magic, IPython in a terminal), every cell that contains the
//! function's name is a candidate; compiling the candidates shows which one it is (`python/clew/sources.py`, which
//! parses the same file names).

use std::collections::{BTreeSet, HashMap};

use clew_core::graph::{Arena, ArenaLimits, Aside};

use crate::kinds;
use crate::payload::Reader;

/// The seed of the kernels' hashes.
const SEED: u32 = 0xC70F_6907;
/// The folders of the files that kernels name for cells, up to the process id.
const FOLDERS: [&str; 2] = ["ipykernel_", "xpython_"];
/// File names of code that do not identify its cell.
const UNNAMED: [&str; 3] = ["<timed exec>", "<clew replay>", "<ipython-input-"];
/// The number of numbers before the name of a code object: the version that compiled it, its arguments, variables,
/// stack, flags.
const NUMBERS: usize = 7;

/// The cells of a history, indexed by hashes of their parts.
#[derive(Debug)]
pub struct CellIndex<'c> {
    texts: Vec<&'c str>,
    by_hash: HashMap<u32, Vec<usize>>,
}

impl<'c> CellIndex<'c> {
    /// Indexes the texts of cells; an empty text is a cell that was not recorded completely.
    pub fn new(texts: impl IntoIterator<Item = &'c str>) -> Self {
        let texts: Vec<&str> = texts.into_iter().collect();
        let mut by_hash: HashMap<u32, Vec<usize>> = HashMap::new();
        for (place, text) in texts.iter().enumerate() {
            for part in parts(text) {
                by_hash.entry(hash(part.as_bytes())).or_default().push(place);
            }
        }
        Self { texts, by_hash }
    }

    /// Returns the positions of the cells from which the code in a value with this number of roots was compiled.
    pub fn origins(&self, stream: &[u8], roots: usize, asides: &[Aside]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        // The asides of classes contain the order of their attributes.
        let files = asides.iter().filter_map(|aside| {
            let file = std::str::from_utf8(Reader::new(&aside.bytes).name()?).ok()?;
            let hash = named(file);
            let is_of_cell = hash.is_some() || UNNAMED.iter().any(|name| file.starts_with(name));
            is_of_cell.then_some((aside.number, hash))
        });
        let mut arena = None;
        for (number, hash) in files {
            if let Some(hash) = hash {
                found.extend(self.by_hash.get(&hash).into_iter().flatten());
                continue;
            }
            let arena = arena.get_or_insert_with(|| Arena::parse(stream, roots, ArenaLimits::default()).ok());
            if let Some(name) = arena.as_ref().and_then(|arena| name(arena, number)) {
                found.extend(self.naming(&name));
            }
        }
        found
    }

    /// Returns cells that may define this name; none if a cell was not recorded completely, since that one may define
    /// it.
    fn naming(&self, name: &str) -> Vec<usize> {
        let word = if name == "<lambda>" { "lambda" } else { name };
        if self.texts.contains(&"") {
            return Vec::new();
        }
        let cells = self.texts.iter().enumerate();
        let has_it = |text: &str| word.starts_with('<') || text.contains(word);
        cells.filter(|(_, text)| has_it(text)).map(|(place, _)| place).collect()
    }
}

/// Returns the name of a code object.
fn name(arena: &Arena<'_>, number: u32) -> Option<String> {
    if number as usize >= arena.len() {
        return None;
    }
    let node = arena.node(number);
    let mut reader = Reader::new(node.payload);
    for _ in 0..NUMBERS {
        reader.number()?;
    }
    let name = std::str::from_utf8(reader.name()?).ok()?;
    (node.kind == kinds::CODE).then(|| name.to_owned())
}

/// Returns the hash in the file name that a kernel gave to a cell.
fn named(file: &str) -> Option<u32> {
    let (folder, name) = file.strip_suffix(".py")?.rsplit_once(['/', '\\'])?;
    let folder = folder.rsplit(['/', '\\']).next()?;
    let process = FOLDERS.iter().find_map(|prefix| folder.strip_prefix(prefix))?;
    process.parse::<u64>().ok()?;
    name.parse().ok()
}

/// Returns the parts of a cell that Python may compile as a cell: all of it, and the body of a cell magic.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(text), |text| {
        let (head, body) = text.split_once('\n')?;
        (head.starts_with("%%") && !body.is_empty()).then_some(body)
    })
}

/// Computes 32-bit `MurmurHash2`, by which kernels name cells (`ipykernel.compiler.murmur2_x86`).
fn hash(bytes: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5BD1_E995;
    #[allow(clippy::cast_possible_truncation)] // the kernel truncates, too
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mixed = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        hash = hash.wrapping_mul(FACTOR) ^ (mixed ^ mixed >> 24).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        hash = (hash ^ last).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(FACTOR);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Write;

    fn aside(file: &str) -> Vec<Aside> {
        let mut bytes = Vec::new();
        bytes.name(file.as_bytes());
        vec![Aside { number: 0, bytes }]
    }

    #[test]
    fn cells_are_hashed_as_kernels_hash_them() {
        let known = [
            ("", 3_990_065_800),
            ("x", 32_546_335),
            ("ab", 2_805_137_849),
            ("abc", 3_350_977_461),
            ("def f(x):\n    return x", 3_381_600_485),
            ("x = \"é\"", 2_580_763_537),
        ];
        for (text, number) in known {
            assert_eq!(hash(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn a_cell_is_found_by_the_name_of_its_file_and_no_other() {
        let cells = CellIndex::new(["x = 1", "def f(x):\n    return x", "%%capture\ndef f(x):\n    return x"]);
        let origins = |file: &str| cells.origins(&[], 1, &aside(file)).into_iter().collect::<Vec<_>>();
        assert_eq!(origins("/tmp/ipykernel_12/3381600485.py"), [1, 2]);
        assert_eq!(origins("C:\\Temp\\ipykernel_12\\3381600485.py"), [1, 2]);
        for other in [
            "/tmp/ipykernel_12/1.py",
            "/home/me/ipykernel_x/3381600485.py",
            "/tmp/3381600485.py",
            "",
            "ipykernel_12/.py",
        ] {
            assert_eq!(origins(other), [0; 0], "{other}");
        }
    }

    #[test]
    fn where_no_name_tells_the_cell_a_value_that_is_none_names_none() {
        let cells = CellIndex::new(["x = 1"]);
        assert!(cells.origins(&[0xff; 9], 1, &aside("<timed exec>")).is_empty());
    }
}
