//! The container of a bundle: a file of its own, a package, an unpacked package, or a notebook.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::format::BundledInput;
use clew_core::limits;
use clew_core::store::Bundle;
use clew_core::store::disk::{Disk, DiskFile};

use super::archive::Archive;
use super::{BUNDLE, EmbeddedMetadata, INPUTS, METADATA};
use crate::history_view::store_problem;
use crate::problem::Problem;
use crate::text;

/// The signatures of a zip: of a file, or of the end record if it is empty.
const ZIPS: [[u8; 4]; 2] = [*b"PK\x03\x04", *b"PK\x05\x06"];
/// The bytes needed to identify a file.
const BEGINNING: usize = 64;

/// A bundle and its container, read as far as needed. Nothing was written or executed.
#[derive(Debug)]
pub(crate) struct Carrier {
    /// The bundle, which is all that a store imports.
    pub bundle: Bundle,
    packed: BundleContainer,
}

/// The file format that contains a bundle.
#[derive(Debug)]
enum BundleContainer {
    /// None: the bundle is a file of its own.
    Bare,
    /// A zip.
    Zip(Archive),
    /// A folder with an extracted zip.
    Folder(PathBuf),
    /// A notebook with the bundle in its metadata.
    Notebook(Vec<u8>),
}

/// The hint about valid paths.
const FORMS: &str = "give the path of a bundle, a package, or a notebook with a bundle in it";

impl Carrier {
    /// Opens a bundle, a package, a folder with an extracted package, or a notebook with a bundle.
    ///
    /// # Errors
    /// The path is none of these, or invalid.
    pub fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Self, Problem> {
        if Self::is_unpacked(path) {
            let bundle = Bundle::open(disk, &path.join(BUNDLE)).map_err(|error| store_problem(&error))?;
            let packed = BundleContainer::Folder(path.to_owned());
            return Ok(Self { bundle, packed });
        }
        if path.is_dir() {
            let shown = text::path(path);
            return Err(Problem::usage(format!("{shown} is a folder, but not an unpacked package")).with_hint(FORMS));
        }
        match disk.open(path) {
            Ok(file) => Self::of(disk, path, Arc::from(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let problem = Problem::usage(format!("There is no file {}", text::path(path)));
                Err(problem.with_hint(FORMS))
            }
            // Reports the same error as for any bundle.
            Err(_) => {
                let bundle = Bundle::open(disk, path).map_err(|error| store_problem(&error))?;
                let packed = BundleContainer::Bare;
                Ok(Self { bundle, packed })
            }
        }
    }

    /// Opens a bundle from an open file; `path` is for display.
    ///
    /// # Errors
    /// The file is not a bundle and contains none.
    pub fn of(disk: &Arc<dyn Disk>, path: &Path, file: Arc<dyn DiskFile>) -> Result<Self, Problem> {
        let (inner, packed) = Self::around(&file).map_err(|why| refused(path, &why))?;
        let bundle = Bundle::open_in(disk, path, inner.unwrap_or(file));
        let bundle = bundle.map_err(|error| store_problem(&error))?;
        Ok(Self { bundle, packed })
    }

    /// Whether a path is a folder with an extracted package.
    pub fn is_unpacked(path: &Path) -> bool {
        path.join(METADATA).is_file()
    }

    /// Identifies a file, and the range of the bundle in it.
    fn around(file: &Arc<dyn DiskFile>) -> Result<(Option<Arc<dyn DiskFile>>, BundleContainer), String> {
        let mut beginning = [0; BEGINNING];
        let count = file.read_at(&mut beginning, 0).unwrap_or(0);
        let beginning = &beginning[..count];
        if ZIPS.iter().any(|zip| beginning.starts_with(zip)) {
            let archive = Archive::open(Arc::clone(file))?;
            let bundle = inner(&archive)?;
            return Ok((Some(bundle), BundleContainer::Zip(archive)));
        }
        if beginning.trim_ascii_start().starts_with(b"{") {
            let notebook = whole(&**file)?;
            let embedded = EmbeddedMetadata::read(&notebook).and_then(|embedded| embedded.bytes());
            let bundle = embedded.ok_or("it is a notebook without a package in it")?;
            return Ok((Some(Arc::new(bundle)), BundleContainer::Notebook(notebook)));
        }
        Ok((None, BundleContainer::Bare))
    }

    /// Returns the bytes of an input file, from the bundle or beside it: the caller must check them against the hash signed in the bundle.
    pub fn input(&self, input: &BundledInput) -> Option<Box<dyn Read>> {
        if let Some(bytes) = self.bundle.input(input) {
            return Some(Box::new(bytes));
        }
        // Its name was checked when the bundle was opened, so it cannot lead elsewhere.
        let name = format!("{INPUTS}/{}", input.name);
        let bytes: Box<dyn Read> = match &self.packed {
            BundleContainer::Zip(archive) => archive.bytes(&name)?,
            BundleContainer::Folder(folder) => Box::new(opened(&folder.join(name)).ok()?),
            BundleContainer::Bare | BundleContainer::Notebook(_) => return None,
        };
        Some(Box::new(bytes.take(input.size.saturating_add(1))))
    }

    /// Returns the packaged notebook with its name: untrusted bytes that no signature covers. Running a package needs only this and the
    /// bundle. `None` if there is no notebook, or if it is ambiguous.
    ///
    /// # Errors
    /// The notebook exists, but is corrupted or too long.
    pub fn notebook(&self) -> Result<Option<(String, Vec<u8>)>, Problem> {
        let refused = |why: String| refused(self.bundle.path(), &why);
        match &self.packed {
            BundleContainer::Bare => Ok(None),
            BundleContainer::Notebook(notebook) => {
                let name = self.bundle.path().file_name().unwrap_or_default();
                Ok(Some((name.to_string_lossy().into_owned(), notebook.clone())))
            }
            BundleContainer::Zip(archive) => {
                let Some(name) = notebook_of(archive.names()) else {
                    return Ok(None);
                };
                let notebook = archive.small(name, limits::NOTEBOOK).map_err(refused)?;
                Ok(Some((name.to_owned(), notebook)))
            }
            BundleContainer::Folder(folder) => {
                let names = names_in(folder);
                let Some(name) = notebook_of(names.iter().map(String::as_str)) else {
                    return Ok(None);
                };
                let file = opened(&folder.join(name)).map_err(|error| refused(error.to_string()))?;
                Ok(Some((name.to_owned(), whole(&file).map_err(refused)?)))
            }
        }
    }

    /// Whether the notebook is beside the bundle, as opposed to containing it.
    pub fn has_notebook_beside(&self) -> bool {
        matches!(self.packed, BundleContainer::Zip(_) | BundleContainer::Folder(_))
    }
}

/// Opens a regular file: a pipe would never end.
fn opened(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other(format!("{} is not a file", path.display())));
    }
    File::open(path)
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Returns the range of a package's bundle.
fn inner(archive: &Archive) -> Result<Arc<dyn DiskFile>, String> {
    match archive.part(BUNDLE) {
        Some(part) => Ok(Arc::new(part)),
        None if archive.has(BUNDLE) => Err(format!(
            "it was zipped again, so `{BUNDLE}` in it cannot be read directly: unpack it, and import the folder"
        )),
        None => Err(format!(
            "it is a zip file, but not a Clew package: it has no `{BUNDLE}`"
        )),
    }
}

/// Returns the notebook among the names of a package: the only one at the top level.
fn notebook_of<'n>(names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let is_notebook = |name: &str| Path::new(name).extension().is_some_and(|ending| ending == "ipynb");
    let mut found = names.filter(|name| !name.contains('/') && is_notebook(name));
    found.next().filter(|_| found.next().is_none())
}

/// Reads a notebook, up to the size limit.
fn whole(file: &dyn DiskFile) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("it cannot be read: {error}");
    let length = file.length().map_err(cannot)?;
    if length > limits::NOTEBOOK {
        return Err(format!("it is too long for a notebook ({})", text::bytes(length)));
    }
    let mut bytes = vec![0; length as usize];
    clew_core::store::disk::read_exact_at(file, &mut bytes, 0).map_err(cannot)?;
    Ok(bytes)
}

fn refused(path: &Path, why: &str) -> Problem {
    let shown = text::path(path);
    let problem = Problem::usage(format!("{shown} cannot be imported: {why}"));
    problem.with_hint("`clew package NB.ipynb` creates a package, `clew export FILE` a bundle")
}
