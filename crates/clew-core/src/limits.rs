//! How much is read at most of what others may have written: every limit of a reader, in one place.
//!
//! A reader believes no length and no count before it was held against the limit here, so what it takes follows from the
//! bytes that are there. `docs/format.md` has the same table, and a test holds it to this one.

// -- frames and files ---------------------------------------------------------------------------------------------------

/// Bytes of a frame's meta section: the table of blocks or segments.
pub const META: u32 = 16 << 20;
/// Bytes of a frame's payload, as stored.
pub const STORED: u64 = 1 << 32;
/// Plain bytes of a payload that is compressed. What is longer lies raw, so that no small file can ask for much memory.
pub const COMPRESSED: u64 = 16 << 20;
/// Plain bytes of all payloads of a file together, however short the file is ...
pub const FILE_PLAIN: u64 = 64 << 20;
/// ... and for each byte of it: a file of frames that each decompress to much must not fill the memory.
pub const FILE_RATIO: u64 = 256;
/// Bytes of `trusted.keys` that are read.
pub const TRUSTED: u64 = 1 << 20;
/// Bytes of a file that notes where the logs of a store ended ...
pub const LAST_SEEN: u64 = 1 << 20;
/// ... and sessions of which it is noted: the one noted longest ago makes room.
pub const SESSIONS_SEEN: usize = 1_000;
/// Bytes of an entry of the task cache.
pub const TASK_ENTRY: u64 = 64 << 10;
/// Plain bytes of a piece of the index over logs.
pub const INDEX_PIECE: u64 = 1 << 30;

// -- manifests and streams ----------------------------------------------------------------------------------------------

/// Ids of one list.
pub const LIST: usize = 256;
/// Levels of lists of lists.
pub const LIST_LEVELS: u8 = 6;
/// Ids that lists are read for: pieces of about 128 GiB. A manifest that names one list again and again must not fill the
/// memory.
pub const LISTED: usize = 1 << 24;
/// Kinds of nodes.
pub const KINDS: u64 = 16_000;
/// Nodes of a stream.
pub const NODES: u32 = u32::MAX - 1;
/// Bytes of the head of what a scratch process hands over.
pub const HANDOVER_HEAD: u32 = 64 << 20;

// -- values, where they are looked at -----------------------------------------------------------------------------------

/// How deep values lie in each other, where they are read or compared: a stack has an end. What lies deeper is said to
/// differ where its bytes do.
pub const VALUE_DEPTH: usize = 64;
/// How often the reading of one node may need the reading of another, as a date needs its zone: none of these is part of
/// itself, but in a stream anything can be.
pub const NEEDED: u32 = 4;
/// Dimensions of an array.
pub const DIMENSIONS: usize = 64;
/// Columns of a table, levels of an index.
pub const COLUMNS: usize = 1_000_000;
/// How deep brackets lie in each other in the text of a literal.
pub const LITERAL_DEPTH: usize = 32;
/// How deep the parts of a pandas index lie in each other.
pub const INDEX_DEPTH: usize = 8;
/// How deep types lie in each other in an Arrow schema or array.
pub const TYPE_DEPTH: usize = 16;
/// Fields of an Arrow schema.
pub const FIELDS: usize = 20_000;

// -- packages ------------------------------------------------------------------------------------------------------------

/// Files in a package: as many that runs read as a bundle lists, and those that are in every package ...
pub const PACKAGED: usize = INPUTS + 16;
/// ... and bytes that are read to list them: what lies at the end of a zip must not fill the memory.
pub const PACKAGE_LIST: u64 = 16 << 20;
/// Bytes of a notebook that is read whole: to be packed, or since a package may lie in it.
pub const NOTEBOOK: u64 = 256 << 20;

// -- bundles -------------------------------------------------------------------------------------------------------------

/// Files that runs read and a bundle lists ...
pub const INPUTS: usize = 10_000;
/// ... and bytes that are written out of one beside twice what its different files have: many names may share one content, and
/// a small bundle must not fill the disk.
pub const INPUT_COPIES: u64 = 64 << 20;

// -- words --------------------------------------------------------------------------------------------------------------

/// Bytes of the name of a branch or tag.
pub const NAME: usize = 100;
/// Bytes of the name that a bundle gives a file that runs read ...
pub const INPUT_NAME: usize = 1024;
/// ... and of each part of it: no usual disk has longer ones.
pub const INPUT_PART: usize = 255;
/// Bytes of the name of a package or module that values need, and of its version.
pub const PACKAGE: usize = 100;
/// Bytes of a file of settings.
pub const SETTINGS: u64 = 1 << 20;
/// Bytes of a text file of a library's or a kernel's that is looked into: IPython's settings, `kernel.json`, what a kernel
/// announces.
pub const SMALL_FILE: u64 = 1 << 20;
/// Bytes of an answer of a scratch process.
pub const ANSWER: u32 = 16 << 20;
/// Bytes of what a scratch process complains, at the end of its life.
pub const COMPLAINTS: u64 = 64 << 10;
/// Outputs of a run; the rest is counted.
pub const OUTPUTS: usize = 2_000;
/// Notes of an output on what was left out.
pub const NOTES: usize = 50;
/// Characters that an error repeats of what was read.
pub const REPEATED: usize = 200;
