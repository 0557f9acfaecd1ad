//! Packages: a notebook with what it needs elsewhere, in a zip that is an RO-Crate, or in the notebook itself.
//!
//! In a package lies a bundle (`clew/history.clew`), and that is what a store takes in: signed, read where it lies, judged as any
//! bundle is. The other files are for people and for other tools; of these Clew reads the notebook, and input files whose hashes
//! the bundle's maker signed.

mod archive;
mod container;
pub(crate) mod crate_metadata;
mod notebook;
mod notebook_metadata;
pub(crate) mod readme;
mod writer;

pub(crate) use container::Carrier;
pub(crate) use notebook::{CellMark, NotebookFile};
pub(crate) use notebook_metadata::EmbeddedMetadata;
pub(crate) use writer::{Member, PackageWriter};

/// Where the bundle lies in a package.
pub(crate) const BUNDLE: &str = "clew/history.clew";
/// Where the metadata of a package lie: what makes it an RO-Crate.
pub(crate) const METADATA: &str = "ro-crate-metadata.json";
/// The folder of the files that the cells read.
pub(crate) const INPUTS: &str = "inputs";
/// The version of what Clew writes into the metadata of a notebook.
pub(crate) const SCHEMA: u32 = 1;
