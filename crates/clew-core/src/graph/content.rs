//! A collision-resistant hash of an object's content, for keys that machines share.

use std::sync::LazyLock;

use super::extent::merge;
use super::heap::Heap;
use super::walk::{Opaque, Walk};
use crate::cause::Cause;
use crate::id::Fingerprint;

/// The result of walking one object.
#[derive(Debug)]
pub struct ObjectContent {
    /// BLAKE3 of the stream and of the memory that it mentions. Meaningless if `opaque` is not empty.
    pub hash: [u8; 32],
    /// The canonical stream.
    pub stream: Vec<u8>,
    /// Objects without a value that could be compared.
    pub opaque: Vec<Opaque>,
}

/// The domain tag is hashed once.
static TAGGED: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key("clew 2026 content v1"));

/// Walks one object. The stream is that of [`super::look_jointly`]. A fingerprint is faster to compute, but its collisions can be
/// constructed.
///
/// The caller must call [`Heap::release`] at the end.
pub fn content<H: Heap>(heap: &mut H, object: H::Object) -> ObjectContent {
    heap.keep(object);
    let mut walk = Walk::new(heap);
    walk.root(object, 0);
    walk.sections();
    let mut written = walk.take();
    let mut hasher = TAGGED.clone();
    hasher.update(&[Fingerprint::VERSION]);
    hasher.update(&(written.stream.len() as u64).to_be_bytes());
    hasher.update(&written.stream);
    let (extents, mentions) = merge(&written.views);
    for mention in &mentions {
        hasher.update(&mention.extent.to_be_bytes());
        hasher.update(&mention.offset.to_be_bytes());
        hasher.update(&mention.length.to_be_bytes());
    }
    for extent in extents.iter().filter(|extent| extent.length > 0) {
        hasher.update(&extent.length.to_be_bytes());
        match heap.bytes(extent.address, extent.length) {
            Some(bytes) if !heap.is_lost(extent) => _ = hasher.update(bytes),
            _ => written.opaque.push(Opaque {
                number: 0,
                why: Cause::NoMemory.into(),
                is_leaf: false,
            }),
        }
    }
    ObjectContent {
        hash: *hasher.finalize().as_bytes(),
        stream: written.stream,
        opaque: written.opaque,
    }
}
