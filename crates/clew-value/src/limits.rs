//! Limits for reading values, which callers may set. Fixed limits are in `clew_core::limits`.

/// Limits for reading and comparing values. Results report what was not read because of a limit.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// The most bytes of a stream.
    pub stream_bytes: u64,
    /// The most bytes of memory read for one value.
    pub memory_bytes: u64,
    /// The most pairs of objects that are compared.
    pub pairs: u64,
    /// The most rows that are matched by their labels.
    pub labels: u64,
    /// The most changes that are listed one by one.
    pub changes: usize,
    /// The most examples of a column or an array.
    pub examples: usize,
    /// The most items of lists that are compared by a shortest edit script.
    pub script: usize,
    /// The most characters of a value in a line.
    pub width: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            stream_bytes: 64 << 20,
            memory_bytes: 64 << 20,
            pairs: 1_000_000,
            labels: 5_000_000,
            changes: 100,
            examples: 5,
            script: 1_000,
            width: 60,
        }
    }
}

impl ReadLimits {
    /// Reads everything; lists stay as short as by default.
    pub fn deep() -> Self {
        Self {
            stream_bytes: u64::MAX,
            memory_bytes: u64::MAX,
            pairs: u64::MAX,
            labels: u64::from(u32::MAX),
            ..Self::default()
        }
    }
}

/// The number of blocks read with one call.
pub(crate) const BATCH: usize = 256;
