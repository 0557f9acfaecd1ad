//! Encoding and decoding of records: MessagePack maps by field name.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RECORD_VERSION;
use crate::limits;

/// Why bytes cannot be decoded as a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordDecodeError {
    /// It was written by a newer Clew.
    #[error("it has record version {0}; this Clew reads up to {RECORD_VERSION}")]
    Newer(u16),
    /// It is malformed.
    #[error("it cannot be parsed: {0}")]
    Malformed(String),
}

impl RecordDecodeError {
    /// Describes the parse error. The text may repeat input of any length, with control characters that manipulate a terminal, so both are
    /// removed.
    pub(super) fn malformed(error: &rmp_serde::decode::Error) -> Self {
        let text = error.to_string();
        let harmless = text.chars().filter(|letter| !letter.is_control());
        Self::Malformed(harmless.take(limits::REPEATED).collect())
    }
}

/// Encodes a record.
///
/// # Panics
/// Never: all records here can be represented in MessagePack.
pub fn encode_record<T: Serialize>(record: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(record).expect("records are plain data")
}

/// Decodes a record. A newer record is reported as such and not as malformed, because it may have unknown content.
pub fn decode_record<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordDecodeError> {
    match newer_version(bytes) {
        Some(version) => Err(RecordDecodeError::Newer(version)),
        None => rmp_serde::from_slice(bytes).map_err(|error| RecordDecodeError::malformed(&error)),
    }
}

/// Returns the version of a record if it is newer than this version of Clew supports.
pub(super) fn newer_version(bytes: &[u8]) -> Option<u16> {
    version(bytes).filter(|version| *version > RECORD_VERSION)
}

/// Returns the number of a record's fields, and their bytes; `None` if it is not a map.
pub(super) fn fields(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [count @ 0x80..=0x8f, fields @ ..] => Some(((count & 0x0f).into(), fields)),
        [0xde, high, low, fields @ ..] => Some((u16::from_be_bytes([*high, *low]).into(), fields)),
        _ => None,
    }
}

/// Returns the version of a record that has one. It is the first field, so no record is parsed twice for it.
fn version(bytes: &[u8]) -> Option<u16> {
    match fields(bytes)?.1.strip_prefix(b"\xa7version")? {
        [small @ 0..=0x7f, ..] | [0xcc, small, ..] => Some((*small).into()),
        [0xcd, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
        // No version has such a number yet.
        _ => Some(u16::MAX),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::{FileDescription, HistoryDescription, Manifest, Outline, Run, SignedRecord};

    #[test]
    fn p13_a_newer_record_is_told_from_a_malformed_one() {
        #[derive(Serialize)]
        struct Later {
            version: u16,
            ending: &'static str,
        }
        let later = Later {
            version: RECORD_VERSION + 1,
            ending: "in_a_way_nobody_knew",
        };
        let error = decode_record::<Run>(&encode_record(&later)).unwrap_err();
        assert_eq!(error, RecordDecodeError::Newer(RECORD_VERSION + 1));
        for version in [0, 1, 127, 128, 255, 256, 65_535] {
            let later = Later { version, ending: "" };
            assert_eq!(super::version(&encode_record(&later)), Some(version));
        }
        assert!(matches!(
            decode_record::<Run>(b"\x80").unwrap_err(),
            RecordDecodeError::Malformed(_)
        ));
    }

    #[test]
    fn p13_a_record_may_gain_fields_and_lack_those_with_defaults() {
        #[derive(Serialize)]
        struct Later {
            name: &'static str,
            colour: &'static str,
        }
        let bytes = encode_record(&Later {
            name: "flights",
            colour: "red",
        });
        let description: HistoryDescription = decode_record(&bytes).unwrap();
        assert_eq!(description.name, "flights");
    }

    proptest! {
        #[test]
        fn p14_any_bytes_are_a_record_or_a_clear_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode_record::<Run>(&bytes);
            let _ = Outline::parse(&bytes);
            let _ = decode_record::<Manifest>(&bytes);
            let _ = decode_record::<SignedRecord>(&bytes);
            let _ = decode_record::<FileDescription>(&bytes);
            let _ = decode_record::<HistoryDescription>(&bytes);
        }
    }
}
