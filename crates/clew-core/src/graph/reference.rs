//! References to earlier nodes, encoded so that an insertion does not change the references after it.
//!
//! A number counted from the beginning of the stream would shift with everything before it. One new entry in front of a million
//! would change every reference, and with it every stored chunk. So a reference is relative to nodes and references near it:
//!
//! - If the node was referred to before: the number of references since then. An insertion between the two changes only the
//!   second one; later ones are not affected.
//! - If it is the first reference to a node nearby: the number of nodes back.
//! - If it is the first reference to a distant node: the distance from the node of the previous such reference. A dict of the
//!   same objects as a long list before it refers to them one after another, in equal steps.

use super::stream::{AGAIN, FAR, NEAR, read_varint, write_varint};

/// The maximum number of nodes back for a node nearby.
const MAX_NEAR: u32 = 4096;

/// A node to which later nodes of the stream can refer.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReferableNode {
    pub number: u32,
    /// The number of references up to and including the last one to this node; 0 if there was none.
    last: u32,
}

impl ReferableNode {
    /// Creates a node that no reference has referred to yet.
    pub fn new(number: u32) -> Self {
        Self { number, last: 0 }
    }
}

/// The references that a stream contains so far.
#[derive(Debug, Default)]
pub(super) struct References {
    count: u32,
    /// The node of the last far reference.
    far: u32,
}

impl References {
    /// Writes a reference that follows `nodes` nodes. If `met` belongs to another stream, the output is meaningless.
    pub fn write(&mut self, out: &mut Vec<u8>, nodes: u32, met: &mut ReferableNode) {
        let distance = nodes.wrapping_sub(met.number);
        if met.last > 0 {
            write_varint(out, AGAIN);
            write_varint(out, self.count.wrapping_sub(met.last).into());
        } else if distance <= MAX_NEAR {
            write_varint(out, NEAR);
            write_varint(out, distance.into());
        } else {
            write_varint(out, FAR);
            write_varint(out, zigzag(i64::from(met.number) - i64::from(self.far)));
            self.far = met.number;
        }
        self.count = self.count.wrapping_add(1);
        met.last = self.count;
    }
}

/// The references that were read so far.
#[derive(Debug, Default)]
pub(super) struct DecodedReferences {
    targets: Vec<u32>,
    far: u32,
}

impl DecodedReferences {
    /// Returns the node of a reference with this tag and value that follows `nodes` nodes; `None` if there is no such node.
    pub fn read(&mut self, tag: u64, value: u64, nodes: u32) -> Option<u32> {
        let target = match tag {
            AGAIN => {
                let back = usize::try_from(value).ok()?.checked_add(1)?;
                *self.targets.get(self.targets.len().checked_sub(back)?)?
            }
            NEAR => nodes.checked_sub(u32::try_from(value).ok()?)?,
            _ => {
                self.far = u32::try_from(i64::from(self.far).checked_add(unzigzag(value))?).ok()?;
                self.far
            }
        };
        let is_there = target < nodes;
        is_there.then(|| {
            self.targets.push(target);
            target
        })
    }
}

/// Encodes numbers near 0, positive and negative, as small numbers.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends the difference between `number` and `before`, and sets `before` to `number`.
pub(crate) fn write_step(out: &mut Vec<u8>, before: &mut u64, number: u64) {
    write_varint(out, zigzag(number.wrapping_sub(*before) as i64));
    *before = number;
}

/// Reads a difference written by [`write_step`].
pub(crate) fn read_step(bytes: &[u8], at: &mut usize, before: &mut u64) -> Option<u64> {
    *before = before.wrapping_add_signed(unzigzag(read_varint(bytes, at)?));
    Some(*before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_of_any_size_come_back() {
        let numbers = [0, 7, 3, u64::MAX, 0, u64::from(u32::MAX), 1];
        let (mut bytes, mut before) = (Vec::new(), 0);
        numbers
            .iter()
            .for_each(|number| write_step(&mut bytes, &mut before, *number));
        let (mut at, mut before) = (0, 0);
        let read = numbers.map(|_| read_step(&bytes, &mut at, &mut before).unwrap());
        assert_eq!((read, at), (numbers, bytes.len()));
    }

    proptest! {
        #[test]
        fn references_come_back(steps in prop::collection::vec((0_u32..9000, any::<prop::sample::Index>()), 1..200)) {
            let (mut references, mut referred) = (References::default(), DecodedReferences::default());
            let (mut met, mut nodes) = (Vec::new(), 0);
            for (more, choice) in steps {
                met.push(ReferableNode::new(nodes));
                nodes += more + 1;
                let target = choice.get_mut(&mut met);
                let mut bytes = Vec::new();
                references.write(&mut bytes, nodes, target);
                let mut at = 0;
                let (tag, value) = (read_varint(&bytes, &mut at).unwrap(), read_varint(&bytes, &mut at).unwrap());
                prop_assert_eq!(referred.read(tag, value, nodes), Some(target.number));
            }
        }

        #[test]
        fn p14_no_reference_leads_out_of_the_stream(
            references in prop::collection::vec((0_u64..4, prop_oneof![0_u64..50, any::<u64>()]), 0..200),
            nodes in 0_u32..40,
        ) {
            let mut referred = DecodedReferences::default();
            for (tag, value) in references {
                prop_assert!(referred.read(tag, value, nodes).is_none_or(|target| target < nodes));
            }
        }
    }
}
