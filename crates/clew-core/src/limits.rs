//! All limits on how much a reader reads of data that others may have written.
//!
//! A reader compares each length and count with the limit here before it uses it. Its memory use is therefore bounded by the
//! bytes that the file actually has. `docs/format.md` has the same table, and a test compares the two.

// -- frames and files ---------------------------------------------------------------------------------------------------

/// Bytes of a frame's meta section: the table of blocks or segments.
pub const META: u32 = 16 << 20;
/// Bytes of a frame's payload, as stored.
pub const STORED: u64 = 1 << 32;
/// Plain bytes of a compressed payload. Longer payloads are stored uncompressed, so that a small file cannot request much memory.
pub const COMPRESSED: u64 = 16 << 20;
/// Plain bytes of all payloads of a file together, for a file of any length ...
pub const FILE_PLAIN: u64 = 64 << 20;
/// ... plus this number for each byte of the file: a file of many frames that each decompress to much must not fill the memory.
pub const FILE_RATIO: u64 = 256;
/// Bytes of `trusted.keys` that are read.
pub const TRUSTED: u64 = 1 << 20;
/// Bytes of a file that notes where the logs of a store ended ...
pub const LAST_SEEN: u64 = 1 << 20;
/// ... and the sessions noted in it; the one noted longest ago is dropped.
pub const SESSIONS_SEEN: usize = 1_000;
/// Bytes of an entry of the task cache.
pub const TASK_ENTRY: u64 = 64 << 10;
/// Plain bytes of a piece of the index over logs.
pub const INDEX_PIECE: u64 = 1 << 30;

// -- manifests and streams ----------------------------------------------------------------------------------------------

/// Ids in one list.
pub const LIST: usize = 256;
/// Levels of lists of lists.
pub const LIST_LEVELS: u8 = 6;
/// Ids to which lists expand, enough for pieces of about 128 GiB in total. A manifest that names one list many times must not
/// fill the memory.
pub const LISTED: usize = 1 << 24;
/// Kinds of nodes.
pub const KINDS: u64 = 16_000;
/// Nodes of a stream.
pub const NODES: u32 = u32::MAX - 1;
/// Bytes of the header of a sandbox process's result.
pub const HANDOVER_HEAD: u32 = 64 << 20;

// -- values that are read or compared ------------------------------------------------------------------------------------

/// Levels of nested values that are read or compared, since the stack is limited. Deeper values count as different if their bytes
/// differ.
pub const VALUE_DEPTH: usize = 64;
/// Values that have to be read for one node, as a date needs its time zone. None of them contains itself, but a stream may
/// contain anything.
pub const NEEDED: u32 = 4;
/// Dimensions of an array.
pub const DIMENSIONS: usize = 64;
/// Columns of a table, levels of an index.
pub const COLUMNS: usize = 1_000_000;
/// Nested brackets in the text of a literal.
pub const LITERAL_DEPTH: usize = 32;
/// Nested parts of a pandas index.
pub const INDEX_DEPTH: usize = 8;
/// Nested types in an Arrow schema or array.
pub const TYPE_DEPTH: usize = 16;
/// Fields of an Arrow schema.
pub const FIELDS: usize = 20_000;

// -- packages ------------------------------------------------------------------------------------------------------------

/// Files in a package: the files that runs read, as many as a bundle lists, and the files that every package contains ...
pub const PACKAGED: usize = INPUTS + 16;
/// ... and bytes that are read to list them: the directory at the end of a zip file must not fill the memory.
pub const PACKAGE_LIST: u64 = 16 << 20;
/// Bytes of a notebook that is read whole, because it is packed or may contain a package.
pub const NOTEBOOK: u64 = 256 << 20;

// -- bundles -------------------------------------------------------------------------------------------------------------

/// Files that runs read and a bundle lists ...
pub const INPUTS: usize = 10_000;
/// ... and bytes of them that are written beside twice what the bundle has. Many names may share one content, and a small bundle
/// must not fill the disk.
pub const INPUT_COPIES: u64 = 64 << 20;

// -- texts --------------------------------------------------------------------------------------------------------------

/// Bytes of the name of a branch or tag.
pub const NAME: usize = 100;
/// Bytes of the name that a bundle gives to a file that runs read ...
pub const INPUT_NAME: usize = 1024;
/// ... and of each part of it: common file systems allow no longer ones.
pub const INPUT_PART: usize = 255;
/// Bytes of the name of a package or module that values need, and of its version.
pub const PACKAGE: usize = 100;
/// Bytes of a file of settings.
pub const SETTINGS: u64 = 1 << 20;
/// Bytes of a small text file of a library or a kernel: IPython's settings, `kernel.json`, the file in which a kernel announces
/// itself.
pub const SMALL_FILE: u64 = 1 << 20;
/// Bytes of an answer of a sandbox process.
pub const ANSWER: u32 = 16 << 20;
/// Bytes that a sandbox process writes to its standard error; the end is cut.
pub const COMPLAINTS: u64 = 64 << 10;
/// Outputs of a run; the rest is counted.
pub const OUTPUTS: usize = 2_000;
/// Notes of an output on omitted parts.
pub const NOTES: usize = 50;
/// Characters of the input that an error message quotes.
pub const REPEATED: usize = 200;
