//! The output of `clew package`: what was included, and what was left out and why.

use std::path::PathBuf;

use serde::Serialize;

use crate::context::Context;
use crate::page::Page;
use crate::problem::Exit;
use crate::secrets;
use crate::text;

/// A cell from which something was removed.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct MaskedCell {
    /// Its position in the notebook, from 1; null for the notebook's metadata.
    pub(super) cell: Option<usize>,
    /// Descriptions of the removed parts.
    pub(super) left_out: Vec<String>,
}

/// A file that cells read.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PackedFile {
    /// The absolute path.
    pub(super) path: String,
    /// Its name below `inputs`.
    pub(super) name: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Whether it is in the package.
    pub(super) is_included: bool,
    /// The reason why it is not.
    pub(super) why: Option<String>,
}

/// The result of `package`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PackagePage {
    /// The package.
    pub(super) file: PathBuf,
    /// Its size in bytes; with `--dry-run` the size of its contents.
    pub(super) bytes: u64,
    /// Whether nothing was written.
    pub(super) is_dry_run: bool,
    /// Whether it is a notebook: `--embed`.
    pub(super) is_embedded: bool,
    /// The name of the history.
    pub(super) history: String,
    /// The run whose state was packed; null for all runs.
    pub(super) run: Option<String>,
    /// The number of runs in it.
    pub(super) runs: u64,
    /// The number of packages in `requirements.txt`.
    pub(super) packages: usize,
    /// Files that the cells read.
    pub(super) files: Vec<PackedFile>,
    /// Cells of which parts were removed in the copy, such as credentials.
    pub(super) masked: Vec<MaskedCell>,
    /// Values that are not in the package: for each, its name and the reason.
    pub(super) left_out: Vec<(String, String)>,
    /// Missing or corrupted items that could not be packed.
    pub(super) corruption: Vec<String>,
    /// The licence.
    pub(super) license: Option<String>,
    /// The key that signed the package.
    pub(super) key: String,
    #[serde(skip)]
    pub(super) said_of_cells: String,
    #[serde(skip)]
    pub(super) notebook: String,
}

impl Page for PackagePage {
    fn text(&self, context: &Context) -> String {
        let mut told = self.headline();
        for (root, why) in &self.left_out {
            told += &format!("  {}\n", text::clean(&format!("{root}: left out: {why}")));
        }
        told += &text::unread("left out", &self.corruption);
        told += &self.said_of_cells;
        for masked in &self.masked {
            let what = secrets::left_out(&masked.left_out);
            let place = masked
                .cell
                .map_or("its metadata".to_owned(), |cell| format!("cell {cell}"));
            told += &format!("  {place}: {what} of the copy; your notebook does not change\n");
        }
        told += &self.said_of_files();
        let file = self.file.display().to_string();
        let whole = if self.run.is_some() {
            ""
        } else {
            " and the paths that they used on this machine"
        };
        told += &format!("Everyone with the file can read all of it, cells and outputs{whole}.\n");
        let key = &self.key[..16];
        told + &if self.is_dry_run {
            format!(
                "Nothing was written. {} writes it, signed with your key, {key}.\n",
                context.without("--dry-run", &format!("package {}", text::typed(&self.notebook)))
            )
        } else {
            format!(
                "{} takes it in elsewhere. It is signed with your key, {key}.\n",
                context.command(&format!("import {}", text::typed(&file)))
            )
        }
    }

    fn exit(&self) -> Exit {
        let has_files = self.is_embedded || self.files.iter().all(|file| file.is_included);
        Exit::Inexact
            .unless(has_files && self.left_out.is_empty() && self.corruption.is_empty() && self.masked.is_empty())
    }
}

impl PackagePage {
    fn headline(&self) -> String {
        let (file, notebook) = (text::path(&self.file), &self.notebook);
        let held = match &self.run {
            Some(run) => format!("the state after run {run}"),
            None => format!(
                "{}, with cells, outputs and values",
                text::count(self.runs as usize, "run")
            ),
        };
        let size = text::bytes(self.bytes);
        if self.is_dry_run {
            format!("Would pack {notebook} into {file} (at most {size}): {held}.\n")
        } else {
            format!("Packed {notebook} into {file} ({size}): {held}.\n")
        }
    }

    fn said_of_files(&self) -> String {
        let (packed, left): (Vec<&PackedFile>, Vec<&PackedFile>) = self.files.iter().partition(|file| file.is_included);
        let mut told = String::new();
        if !packed.is_empty() {
            let bytes = packed.iter().map(|file| file.size).sum();
            told += &format!(
                "With {} that its cells read ({}).\n",
                text::count(packed.len(), "file"),
                text::bytes(bytes)
            );
        }
        for file in left {
            let why = file.why.as_deref().unwrap_or_default();
            told += &format!("  {}\n", text::clean(&format!("{}: left out: {why}", file.path)));
        }
        told
    }
}
