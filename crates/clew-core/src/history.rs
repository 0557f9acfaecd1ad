//! All runs of one notebook: the states that they left, their lines of ancestors, and the names given to them.
//!
//! The input is records that the store verified. The output is [`State`]s, resolved revisions and undo positions. Nothing here
//! writes.

mod deaths;
mod environments;
mod erasure;
pub mod flow;
mod identity;
mod latest;
mod lineage;
mod names;
mod resolve;
mod state;
mod undo_stack;

pub use environments::Environments;
pub use erasure::{ErasurePreview, Parts};
pub use identity::{
    CellIdentities, IdentityEvidence, Notebook, NotebookMatch, NotebookOwner, SourceInclusion, belonging,
    belonging_by_cells, joined, may_be_of,
};
pub use lineage::History;
pub use names::{NameError, NameSyntaxError, RunNames};
pub use resolve::{RevisionError, either, is_one_slip};
pub use state::State;
pub use undo_stack::{UndoEntry, UndoPath, UndoStack, UndoStep};
