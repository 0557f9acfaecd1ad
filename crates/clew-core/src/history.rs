//! All runs of one notebook: what each left, which line it stands on, and what people call it.
//!
//! In: records that the store verified. Out: [`State`]s, resolved revisions, undo positions. Nothing here writes.

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
