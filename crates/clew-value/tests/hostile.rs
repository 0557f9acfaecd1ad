//! Streams that no walk wrote: reading and comparing them ends, in words (promise P14).

use clew_core::graph::stream::write_varint;
use clew_core::id::BlockId;
use clew_core::store::StoreError;
use clew_testing::encoding;
use clew_value::compare::{Detail, compare};
use clew_value::{Blocks, ReadLimits, StoredValue, kinds};
use proptest::prelude::*;

/// Blocks that are all alike.
struct Alike;

impl Blocks for Alike {
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(ids.iter().map(|id| vec![id.0[0]; 65_536]).collect())
    }
}

/// A node of any kind, sensible or not.
#[derive(Debug, Clone)]
enum Node {
    Body(u16, Vec<u8>, Vec<Node>, bool),
    Back(u64),
}

impl Node {
    fn write(&self, out: &mut Vec<u8>, numbers: &mut u64) {
        match self {
            Self::Back(number) if *numbers > 0 => {
                write_varint(out, 2);
                write_varint(out, 1 + number % *numbers);
            }
            Self::Back(_) => Self::Body(kinds::NONE, Vec::new(), Vec::new(), false).write(out, numbers),
            Self::Body(kind, payload, children, has_buffer) => {
                *numbers += 1;
                let flags = u64::from(*has_buffer) << 1 | u64::from(!children.is_empty());
                write_varint(out, u64::from(*kind) << 2 | flags);
                write_varint(out, payload.len() as u64);
                out.extend_from_slice(payload);
                if !children.is_empty() {
                    write_varint(out, children.len() as u64);
                    children.iter().for_each(|child| child.write(out, numbers));
                }
            }
        }
    }
}

/// Words that codecs write: a stream of them comes further than one of noise.
const WORDS: [&str; 24] = [
    "memory",
    "empty",
    "items",
    "view",
    "<f8",
    "|O",
    "C",
    "F",
    "numpy",
    "objects",
    "time",
    "category",
    "masked",
    "arrow",
    "text",
    "fixed",
    "bits",
    "list",
    "struct",
    "RangeIndex",
    "MultiIndex",
    "Index",
    "int64",
    "('fields', False, False, 8, [('a', '<i4', 0)])",
];
const CODECS: [&str; 12] = [
    "numpy.ndarray",
    "numpy.scalar",
    "numpy.masked",
    "pandas.DataFrame",
    "pandas.Series",
    "pandas.Index",
    "pandas.array",
    "arrow.Table",
    "arrow.Array",
    "stdlib.datetime",
    "stdlib.deque",
    "inherited.subclass",
];

fn leaf() -> impl Strategy<Value = Node> {
    let body = |kind, payload| Node::Body(kind, payload, Vec::new(), false);
    prop_oneof![
        (0..WORDS.len()).prop_map(move |at| body(kinds::STR, WORDS[at].as_bytes().to_vec())),
        any::<i64>().prop_map(move |number| body(kinds::INT, number.to_le_bytes().to_vec())),
        (-3_i8..100).prop_map(move |number| body(kinds::INT, vec![number.cast_unsigned()])),
        any::<f64>().prop_map(move |number| body(kinds::FLOAT, number.to_le_bytes().to_vec())),
        Just(body(kinds::NONE, Vec::new())),
        Just(Node::Body(kinds::MEMORY, vec![0], Vec::new(), true)),
        (1_u16..60, proptest::collection::vec(any::<u8>(), 0..20)).prop_map(move |(kind, bytes)| body(kind, bytes)),
        (0_u64..50).prop_map(Node::Back),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(6, 80, 8, |inner| {
        let children = proptest::collection::vec(inner, 0..8);
        let kind = prop_oneof![
            Just((kinds::TUPLE, Vec::new())),
            Just((kinds::LIST, Vec::new())),
            Just((kinds::DICT, Vec::new())),
            Just((kinds::SET, Vec::new())),
            (0..CODECS.len()).prop_map(|at| {
                let mut payload = vec![CODECS[at].len() as u8];
                payload.extend_from_slice(CODECS[at].as_bytes());
                payload.extend([1, 1]);
                (kinds::CODEC, payload)
            }),
            (1_u16..60, proptest::collection::vec(0_u8..12, 0..12)),
        ];
        (kind, children).prop_map(|((kind, payload), children)| Node::Body(kind, payload, children, false))
    })
}

fn written(node: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    node.write(&mut out, &mut 0);
    out
}

fn compared(one: &[u8], two: &[u8], first: u8) -> Option<Detail> {
    let limits = ReadLimits {
        memory_bytes: 1 << 20,
        pairs: 10_000,
        ..ReadLimits::default()
    };
    let nameless = |_: &str| None;
    let (was, is) = (encoding(1), encoding(first));
    let before = StoredValue::open(one, &was, 1, &Alike, &nameless, &limits).ok()?;
    let after = StoredValue::open(two, &is, 1, &Alike, &nameless, &limits).ok()?;
    Some(compare(before.root(0)?, after.root(0)?, &limits))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn p14_any_two_streams_are_compared_in_bounded_time(one in node(), two in node(), first in 1_u8..3) {
        compared(&written(&one), &written(&two), first);
    }

    #[test]
    fn p14_a_stream_with_a_few_bytes_changed_is_compared(
        one in node(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
    ) {
        let stream = written(&one);
        let mut other = stream.clone();
        for (at, byte) in changes {
            let length = other.len();
            other[at % length] = byte;
        }
        compared(&stream, &other, 1);
    }

    #[test]
    fn what_is_the_same_is_never_said_to_differ(one in node()) {
        let stream = written(&one);
        let detail = compared(&stream, &stream, 1);
        let is_told = matches!(detail, None | Some(Detail::Same { .. } | Detail::Unread { .. }));
        prop_assert!(is_told, "{detail:?}");
    }
}
