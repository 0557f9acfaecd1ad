//! The transfer of a co-variable between two processes, as written by the walk, in the engine's own encoding.
//!
//! The bytes are a length (four bytes, little endian), a header of that length (a MessagePack map) with the length of each part,
//! and the parts. The reader trusts no length, but compares each with the available data.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::format::{decode_record, encode_record};
use crate::graph::stream::{read_varint, write_varint};
use crate::graph::{Aside, CoVariable, Heap, Mention, fingerprint_of, read_step, write_step};
use crate::id::{Fingerprint, Root};
use crate::limits;

/// A co-variable that a walk in another process wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CoVariableHandover {
    /// The canonical stream.
    pub stream: Vec<u8>,
    /// The data stored beside it.
    pub asides: Vec<Aside>,
    /// Its memory: for each extent the bytes of one column, and the bytes.
    pub extents: Vec<(u64, Vec<u8>)>,
    /// The position of the n-th buffer of the stream.
    pub mentions: Vec<Mention>,
}

/// The length of each part.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Head {
    stream: u64,
    asides: u64,
    /// For each extent its length and the bytes of one column.
    extents: Vec<(u64, u64)>,
    mentions: Vec<Mention>,
}

impl CoVariableHandover {
    /// Copies a co-variable that was just walked.
    ///
    /// # Errors
    /// Returns why it cannot be transferred: it has no value that could be stored, or its memory was freed.
    pub fn of<H: Heap>(heap: &H, looked: &CoVariable) -> Result<Self, String> {
        if let Some(opaque) = looked.opaque.first() {
            return Err(opaque.why.clone());
        }
        let gone = || String::from(Cause::MemoryGoneHandingOver);
        let extents = looked.extents.iter().map(|extent| {
            let bytes = if extent.length == 0 {
                Some(Vec::new())
            } else {
                heap.bytes(extent.address, extent.length).map(<[u8]>::to_vec)
            };
            Ok((extent.column, bytes.ok_or_else(gone)?))
        });
        Ok(Self {
            stream: looked.stream.clone(),
            asides: looked.asides.clone(),
            extents: extents.collect::<Result<_, String>>()?,
            mentions: looked.mentions.clone(),
        })
    }

    /// Computes the fingerprint of it as the co-variable of `roots`, from its own data.
    pub fn fingerprint(&self, roots: &[Root]) -> Fingerprint {
        fingerprint_of(roots, &self.stream, &self.extents, &self.mentions)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Fails if writing fails.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let asides = encode_asides(&self.asides);
        let head = encode_record(&Head {
            stream: self.stream.len() as u64,
            asides: asides.len() as u64,
            extents: self
                .extents
                .iter()
                .map(|(column, bytes)| (bytes.len() as u64, *column))
                .collect(),
            mentions: self.mentions.clone(),
        });
        let length = u32::try_from(head.len()).map_err(io::Error::other)?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(&head)?;
        to.write_all(&self.stream)?;
        to.write_all(&asides)?;
        for (_, bytes) in &self.extents {
            to.write_all(bytes)?;
        }
        to.flush()
    }

    /// Reads the output of another process, which is not trusted: there must be `length` bytes, and the lengths of the parts must
    /// fit exactly.
    ///
    /// # Errors
    /// Fails if the data is not the output of a walk, or cannot be read.
    pub fn read(from: &mut impl Read, length: u64) -> io::Result<Self> {
        let mut size = [0; 4];
        from.read_exact(&mut size)?;
        let size = u32::from_le_bytes(size);
        if size > limits::HANDOVER_HEAD {
            return Err(HandoverFault::LongHead.into());
        }
        let head = take(from, u64::from(size))?;
        let head: Head = decode_record(&head).map_err(|_| HandoverFault::NoHead)?;
        let parts = head.extents.iter().map(|(length, _)| *length);
        let whole = [4, u64::from(size), head.stream, head.asides]
            .into_iter()
            .chain(parts)
            .try_fold(0_u64, u64::checked_add);
        if whole != Some(length) {
            return Err(HandoverFault::OddLengths.into());
        }
        if !head.mentions.iter().all(|mention| lies_in(mention, &head.extents)) {
            return Err(HandoverFault::ForeignMemory.into());
        }
        let stream = take(from, head.stream)?;
        let asides = take(from, head.asides)?;
        let extents = head
            .extents
            .iter()
            .map(|(length, column)| Ok((*column, take(from, *length)?)));
        Ok(Self {
            stream,
            asides: decode_asides(&asides).ok_or(HandoverFault::Asides)?,
            extents: extents.collect::<io::Result<_>>()?,
            mentions: head.mentions,
        })
    }
}

/// The reason why data from another process is not the output of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandoverFault {
    /// Its header is longer than the limit.
    #[error("the transferred data is not a value: its header is too long")]
    LongHead,
    /// Its header cannot be decoded.
    #[error("the transferred data is not a value: its header cannot be read")]
    NoHead,
    /// The lengths of its parts differ from its header.
    #[error("the transferred data is not a value: its parts have other lengths than its header says")]
    OddLengths,
    /// A buffer is outside of its memory.
    #[error("the transferred data is not a value: it refers to missing memory")]
    ForeignMemory,
    /// Its asides cannot be decoded.
    #[error("the transferred data is not a value: the data beside its objects cannot be read")]
    Asides,
    /// It ends too early.
    #[error("the transferred data is not a value: it ends too early")]
    Short,
}

impl From<HandoverFault> for io::Error {
    fn from(strange: HandoverFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, strange)
    }
}

/// Reads exactly `length` bytes. Memory is allocated as bytes arrive, not in advance.
fn take(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.by_ref().take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(HandoverFault::Short.into())
    }
}

fn lies_in(mention: &Mention, extents: &[(u64, u64)]) -> bool {
    let end = mention.offset.checked_add(mention.length);
    let extent = extents.get(mention.extent as usize);
    matches!((end, extent), (Some(end), Some((length, _))) if end <= *length)
}

/// Encodes asides: for each, the distance of its node from that of the aside before, varint(length), bytes. Positions from the
/// beginning of the stream would all change after an insertion in front.
pub(crate) fn encode_asides(asides: &[Aside]) -> Vec<u8> {
    let (mut out, mut before) = (Vec::new(), 0);
    for aside in asides {
        write_step(&mut out, &mut before, aside.number.into());
        write_varint(&mut out, aside.bytes.len() as u64);
        out.extend_from_slice(&aside.bytes);
    }
    out
}

/// Decodes asides; returns `None` if the bytes are malformed.
pub fn decode_asides(bytes: &[u8]) -> Option<Vec<Aside>> {
    let mut asides = Vec::new();
    let (mut at, mut before) = (0, 0);
    while at < bytes.len() {
        let number = u32::try_from(read_step(bytes, &mut at, &mut before)?).ok()?;
        let length = usize::try_from(read_varint(bytes, &mut at)?).ok()?;
        let end = at.checked_add(length)?;
        asides.push(Aside {
            number,
            bytes: bytes.get(at..end)?.to_vec(),
        });
        at = end;
    }
    Some(asides)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> CoVariableHandover {
        CoVariableHandover {
            stream: b"a stream".to_vec(),
            asides: vec![Aside {
                number: 3,
                bytes: b"aside".to_vec(),
            }],
            extents: vec![(0, vec![7; 300]), (8, vec![1; 16]), (0, Vec::new())],
            mentions: vec![
                Mention {
                    extent: 0,
                    offset: 10,
                    length: 290,
                },
                Mention {
                    extent: 2,
                    offset: 0,
                    length: 0,
                },
            ],
        }
    }

    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        sample().write(&mut bytes).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<CoVariableHandover> {
        CoVariableHandover::read(&mut &*bytes, bytes.len() as u64)
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(read(&written()).unwrap(), sample());
    }

    #[test]
    fn p14_what_is_cut_short_or_too_long_is_refused() {
        let bytes = written();
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
            let told = CoVariableHandover::read(&mut &bytes[..length], bytes.len() as u64);
            assert!(told.is_err(), "{length} of as many as it says");
        }
        assert!(read(&[bytes.as_slice(), b"x"].concat()).is_err());
    }

    #[test]
    fn p14_what_promises_more_than_there_is_takes_no_memory_for_it() {
        for head in [
            Head {
                stream: u64::MAX,
                ..Head::default()
            },
            Head {
                extents: vec![(u64::MAX, 0), (2, 0)],
                ..Head::default()
            },
            Head {
                mentions: vec![Mention {
                    extent: 0,
                    offset: u64::MAX,
                    length: 2,
                }],
                ..Head::default()
            },
        ] {
            let head = encode_record(&head);
            let bytes = [&(head.len() as u32).to_le_bytes()[..], &head].concat();
            assert!(read(&bytes).is_err());
            assert!(CoVariableHandover::read(&mut bytes.as_slice(), u64::MAX).is_err());
        }
        assert!(read(&[255; 64]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn p14_any_bytes_are_refused_or_read_without_a_panic(
            at in 0..400_usize, value: u8, noise: Vec<u8>,
        ) {
            let _ = read(&noise);
            let mut bytes = written();
            let index = at % bytes.len();
            bytes[index] = value;
            if let Ok(found) = read(&bytes) {
                let most = found.extents.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
                proptest::prop_assert!(found.stream.len() + most <= bytes.len());
            }
        }
    }
}
