//! Objects as graphs: descriptions of objects by a heap, the walk, fingerprints and co-variables.
//!
//! The input is the live roots of a [`Heap`]. The output is [`CoVariable`]s, each with its fingerprint, its canonical stream and
//! its extents. The same stream is hashed and stored, so all compared data can be restored, and all restored data was compared.

pub mod stream;

mod arena;
mod block_hash;
mod compare;
mod content;
mod extent;
mod halt;
mod heap;
mod look;
mod members;
mod memory;
mod reachability;
mod reference;
mod subgraph;
mod union_find;
mod walk;

pub use arena::{Arena, ArenaLimits, ArenaNode, StreamError, StreamFault};
pub use block_hash::hash_blocks;
pub use compare::{Reachability, first_difference, roots_reaching};
pub use content::{ObjectContent, content};
pub use extent::{BLOCK_LENGTH, BufferView, Extent, Mention, block_cuts};
pub use halt::Halt;
pub use heap::{Heap, Identity, Leaf, Node};
pub(crate) use look::fingerprint_of;
pub use look::{CoVariable, LookResult, look, look_beside, look_jointly, look_marking};
pub use members::{MemberFingerprints, is_output};
pub use memory::{ExtentMemory, FilePiece, HashedBlock};
pub use reachability::{ReachableParts, WHEREABOUTS, reached};
pub(crate) use reference::{read_step, write_step};
pub use subgraph::SubgraphMark;
pub use union_find::UnionFind;
pub use walk::{Aside, Opaque};
