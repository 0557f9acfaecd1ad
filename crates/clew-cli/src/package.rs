//! Packages: a notebook with its history and files, as a zip that is an RO-Crate, or embedded in the notebook itself.
//!
//! A package contains a bundle (`clew/history.clew`), which is what a store imports: signed, read in place, and checked like any bundle.
//! The other files are for people and for other tools; Clew only reads the notebook, and input files whose hashes are signed in the bundle.

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

/// The path of the bundle in a package.
pub(crate) const BUNDLE: &str = "clew/history.clew";
/// The path of the metadata that make a package an RO-Crate.
pub(crate) const METADATA: &str = "ro-crate-metadata.json";
/// The folder of input files.
pub(crate) const INPUTS: &str = "inputs";
/// The version of Clew's entries in the metadata of a notebook.
pub(crate) const SCHEMA: u32 = 1;
