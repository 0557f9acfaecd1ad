//! Stands in for the crate `crc-fast`, of which `object_store` uses one checksum of S3.
//!
//! That crate contains the tables of a hundred other checksums. They cannot be compressed, and would be 5 % of a wheel.

#![forbid(unsafe_code)]

use crc::{CRC_64_NVME, Crc, Table};

static NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// The checksums.
#[derive(Debug, Clone, Copy)]
pub enum CrcAlgorithm {
    /// CRC-64/NVME.
    Crc64Nvme,
}

/// A checksum of bytes that come in parts.
pub struct Digest(crc::Digest<'static, u64, Table<16>>);

impl Digest {
    /// Creates the checksum of no bytes.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        match algorithm {
            CrcAlgorithm::Crc64Nvme => Self(NVME.digest()),
        }
    }

    /// Adds a part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// Returns the checksum.
    pub fn finalize(self) -> u64 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::{CrcAlgorithm, Digest};

    /// The value that the catalogue of checksums gives for these bytes.
    #[test]
    fn the_checksum_is_the_published_one() {
        let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
        digest.update(b"12345");
        digest.update(b"6789");
        assert_eq!(digest.finalize(), 0xae8b_1486_0a79_9888);
    }
}
