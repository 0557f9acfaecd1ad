//! How much of a value is read at most, where whoever asks may choose. What no one chooses is in `clew_core::limits`.

/// Limits for reading and comparing values. Results say what was not read because of a limit.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// Most bytes of a stream.
    pub stream_bytes: u64,
    /// Most bytes of memory that are read of one value.
    pub memory_bytes: u64,
    /// Most pairs of objects that are compared.
    pub pairs: u64,
    /// Most rows that are matched by their labels.
    pub labels: u64,
    /// Most changes that are listed one by one.
    pub changes: usize,
    /// Most examples of a column or an array.
    pub examples: usize,
    /// Most items of a list for which the shortest way between two of them is looked for.
    pub script: usize,
    /// Most characters of a value in a line.
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
    /// Reads all there is; what is listed stays as short.
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

/// Blocks that are read with one call.
pub(crate) const BATCH: usize = 256;
