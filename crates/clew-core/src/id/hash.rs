//! Content ids (BLAKE3, 32 bytes, one type for each domain), random ids (16 bytes) and fingerprints (XXH3-128).

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An id that is not hexadecimal or has the wrong length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {length} hexadecimal digits")]
pub struct ParseIdError {
    /// The given text.
    pub text: String,
    /// The expected number of digits.
    pub length: usize,
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseIdError> {
    let error = || ParseIdError {
        text: text.to_owned(),
        length: N * 2,
    };
    if text.len() != N * 2 || !text.is_ascii() {
        return Err(error());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| error())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| error())?;
    }
    Ok(bytes)
}

fn write_hex(bytes: &[u8], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

macro_rules! byte_id {
    ($name:ident, $length:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// Returns the first eight hexadecimal digits, as printed to people.
            pub fn short(&self) -> String {
                self.to_string()[..8].to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                String::json_schema(generator)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $name;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(formatter, "{} bytes or their hexadecimal digits", $length)
                    }

                    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        bytes
                            .try_into()
                            .map($name)
                            .map_err(|_| E::invalid_length(bytes.len(), &self))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Visitor)
                } else {
                    deserializer.deserialize_bytes(Visitor)
                }
            }
        }
    };
}

macro_rules! content_id {
    ($name:ident, $domain:literal, $doc:literal) => {
        byte_id!($name, 32, $doc);

        impl $name {
            /// Computes the hash of `plain` under this id's domain tag.
            pub fn of(plain: &[u8]) -> Self {
                // The domain tag is hashed once, not for every id.
                static TAGGED: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key($domain));
                let mut hasher = TAGGED.clone();
                hasher.update(plain);
                Self(*hasher.finalize().as_bytes())
            }
        }
    };
}

macro_rules! file_id {
    ($name:ident, $hasher:ident, $domain:literal, $doc:literal) => {
        byte_id!($name, 32, $doc);

        /// Hashes bytes piece by piece, since all of them may not fit into memory.
        #[derive(Debug)]
        pub struct $hasher(blake3::Hasher);

        impl Default for $hasher {
            fn default() -> Self {
                Self(blake3::Hasher::new_derive_key($domain))
            }
        }

        impl $hasher {
            /// Hashes the next bytes.
            pub fn update(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }

            /// Returns the hash of all bytes.
            pub fn finish(&self) -> $name {
                $name(*self.0.finalize().as_bytes())
            }
        }
    };
}

file_id!(
    BundledId,
    BundledHasher,
    "clew 2026 file of a bundle v1",
    "Names the bytes of a file in a bundle."
);
file_id!(
    BundleId,
    BundleHasher,
    "clew 2026 bundle v1",
    "Names a whole bundle by its bytes."
);
content_id!(
    BlockId,
    "clew 2026 block v1",
    "The id of a block: at most 64 KiB of a buffer."
);
content_id!(
    SegmentId,
    "clew 2026 segment v1",
    "The id of a segment: a part of an encoded object stream."
);
content_id!(
    BlobId,
    "clew 2026 blob v1",
    "The id of a salted text (a source or an output). The hashed bytes include the salt."
);
content_id!(
    ManifestId,
    "clew 2026 manifest v1",
    "The id of a manifest record: the hash of its bytes."
);
content_id!(
    RunId,
    "clew 2026 run v1",
    "The id of a run record: the hash of its bytes."
);
content_id!(
    OperationId,
    "clew 2026 operation v1",
    "The id of an operation record: the hash of its bytes without the signature."
);
content_id!(
    TaskKey,
    "clew 2026 task v1",
    "The key of a task: the hash of its code and inputs. Tasks with the same key have the same result."
);
content_id!(
    TaskResultId,
    "clew 2026 task result v1",
    "The id of a task's result: the hash of its bytes."
);
byte_id!(PackId, 16, "The id of a pack: random, created once.");
byte_id!(HistoryId, 16, "The id of a history: random, created once.");
byte_id!(
    SessionId,
    16,
    "The id of a session (the lifetime of one kernel): random, created once."
);
byte_id!(PublicKey, 32, "A public key: identifies the author of a record.");
byte_id!(
    KeyId,
    16,
    "The id of the key of an encrypted store: a hash that does not disclose the key."
);
byte_id!(
    Fingerprint,
    16,
    "A fingerprint of the value of a co-variable. It is equal for two values if no difference between them can be observed."
);

impl Fingerprint {
    /// The version of the data that the hash covers. It is incremented if a change to the walk's stream alters fingerprints.
    pub const VERSION: u8 = 2;

    /// Hashes a canonical description.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes).to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_two_domains_differ_for_the_same_bytes() {
        assert_ne!(BlockId::of(b"x").0, SegmentId::of(b"x").0);
    }

    #[test]
    fn ids_survive_text_and_both_kinds_of_serde() {
        let id = RunId::of(b"run");
        assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
        let packed = rmp_serde::to_vec_named(&id).unwrap();
        assert_eq!(rmp_serde::from_slice::<RunId>(&packed).unwrap(), id);
        assert!("zz".parse::<RunId>().is_err());
        assert!("ä".repeat(32).parse::<RunId>().is_err());
    }
}
