//! The files that runs read: added to a bundle, listed, and extracted from it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use clew_core::format::{BundledInput, Timestamp};
use clew_core::history::History;
use clew_core::id::RunId;
use clew_core::limits;
use clew_core::store::{BundleMaker, CopyCallback, StoreError};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::context::Context;
use crate::history_view::HistoryView;
use crate::input_files::{self, InputFile, InputFileStatus, is_as_seen};
use crate::package::Carrier;
use crate::path_maps::PathMaps;
use crate::problem::Problem;
use crate::text;

/// The maximum number of files that are listed by name.
const MOST: usize = 5;

/// A file that runs read, and whether it was exported.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct InputPage {
    /// The absolute path.
    pub path: String,
    /// Its name in the bundle.
    pub name: String,
    /// The last run that read it.
    pub run: String,
    /// Its size in bytes at that run.
    pub size: u64,
    /// Its hash, if the export read it.
    pub digest: Option<String>,
    /// The state of the file, compared with that run.
    pub state: InputFileStatus,
    /// Whether it is in the bundle.
    pub is_included: bool,
    /// Whether you requested it with `--with-files`.
    pub is_requested: bool,
}

impl InputPage {
    /// Whether it was requested and is not included.
    pub fn is_left(&self) -> bool {
        self.is_requested && !self.is_included
    }
}

/// The files, of those that cells read, that a bundle includes.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputSelection {
    /// The files of all runs, with their hashes.
    pub is_history: bool,
    /// Also their contents.
    pub takes_files: bool,
    /// A list of the files even if the bundle contains a state.
    pub lists_files: bool,
}

/// Lists in a bundle the files that its runs read, and adds their contents on request. A bundle of a state contains no paths, and lists no
/// files unless requested.
pub(super) fn put(
    wanted: InputSelection,
    (place, run): (&HistoryView<'_>, RunId),
    maker: &mut BundleMaker,
    watch: CopyCallback<'_>,
) -> Result<Vec<InputPage>, Problem> {
    let near = place.description.folder();
    let files = if wanted.is_history {
        input_files::of(place.history.runs().map(|(_, run)| run), place.history, near)
    } else {
        input_files::of(input_files::line(place.history, run), place.history, near)
    };
    let mut told = Vec::new();
    let mut listed = 0;
    for file in files {
        let (input, now) = match file.now {
            // Readers reject bundles that list more.
            InputFileStatus::Same if listed == limits::INPUTS => (None, InputFileStatus::TooMany),
            InputFileStatus::Same if wanted.is_history || wanted.takes_files || wanted.lists_files => {
                match hashed(&file, wanted.is_history, watch)? {
                    Ok(input) => (Some(input), InputFileStatus::Same),
                    Err(now) => (None, now),
                }
            }
            now => (None, now),
        };
        let mut page = InputPage {
            path: file.seen.path.clone(),
            name: file.name.clone(),
            run: file.run.clone(),
            size: file.seen.size.unwrap_or(0),
            digest: input.as_ref().map(|input| input.hash.to_string()),
            state: now,
            is_included: false,
            is_requested: wanted.takes_files,
        };
        match input {
            Some(input) if wanted.takes_files => {
                let taken = File::open(&file.seen.path).map(|mut bytes| maker.take_input(input, &mut bytes, watch));
                page.is_included = match taken {
                    Ok(taken) => taken?,
                    Err(_) => false,
                };
                if page.is_included {
                    listed += 1;
                } else {
                    page.state = InputFileStatus::Changed;
                }
            }
            Some(input) => {
                maker.list_input(input);
                listed += 1;
            }
            None => {}
        }
        told.push(page);
    }
    Ok(told)
}

/// Hashes a file; returns why it cannot be listed otherwise.
fn hashed(
    file: &InputFile,
    tells_path: bool,
    watch: CopyCallback<'_>,
) -> Result<Result<BundledInput, InputFileStatus>, Problem> {
    let Ok(mut bytes) = File::open(&file.seen.path) else {
        return Ok(Err(InputFileStatus::Changed));
    };
    let Ok(found) = BundledInput::hash_of(&mut bytes, watch, &mut |_| Ok(())) else {
        return Ok(Err(InputFileStatus::Changed));
    };
    let (hash, size) = found.ok_or(StoreError::GivenUp)?;
    let is_same = bytes.metadata().is_ok_and(|found| is_as_seen(&found, &file.seen));
    let input = BundledInput {
        name: file.name.clone(),
        path: if tells_path {
            file.seen.path.clone()
        } else {
            String::new()
        },
        size,
        hash,
    };
    Ok(match (is_same, input.is_safe()) {
        (false, _) => Err(InputFileStatus::Changed),
        (true, false) => Err(InputFileStatus::InvalidName),
        (true, true) => Ok(input),
    })
}

/// Formats the result of an export.
pub(super) fn said(files: &[InputPage], context: &Context) -> String {
    let number = |is_it: &dyn Fn(&&InputPage) -> bool| {
        let found: Vec<&InputPage> = files.iter().filter(is_it).collect();
        let bytes = found.iter().map(|file| file.size).sum();
        (found.len(), text::bytes(bytes))
    };
    let mut told = String::new();
    let (taken, bytes) = number(&|file| file.is_included);
    if taken > 0 {
        told += &format!("With {} that its cells read ({bytes}).\n", text::count(taken, "file"));
    }
    let (staying, bytes) = number(&|file| !file.is_requested && file.state == InputFileStatus::Same);
    if staying > 0 {
        let count = text::count(staying, "file");
        let stays = if staying == 1 { "stays" } else { "stay" };
        told += &format!(
            "{count} that its cells read ({bytes}) {stays} out: {} includes those that are unchanged.\n",
            context.again("--with-files")
        );
    }
    let (beyond, _) = number(&|file| file.state == InputFileStatus::TooMany);
    if beyond > 0 {
        let (count, most) = (text::count(beyond, "file"), text::grouped(limits::INPUTS as u64));
        let is = if beyond == 1 { "is" } else { "are" };
        told += &if files.iter().any(|file| file.is_requested) {
            format!("  {count} {is} left out: a bundle lists {most} at most\n")
        } else {
            format!("{count} more that its cells read {is} not listed: a bundle lists {most} at most.\n")
        };
    }
    for file in files
        .iter()
        .filter(|file| file.is_left() && file.state != InputFileStatus::TooMany)
    {
        let why = why_left(file.state, &file.run);
        told += &text::clean(&format!("  {}: left out: {why}\n", file.path));
    }
    told
}

/// Returns why a requested file is not included.
pub(super) fn why_left(now: InputFileStatus, run: &str) -> String {
    match now {
        InputFileStatus::Same | InputFileStatus::Changed => {
            format!("it changed since run {run} read it, or cannot be read")
        }
        InputFileStatus::Gone => "it does not exist any more".to_owned(),
        InputFileStatus::Hidden => "its name, or a folder's, begins with a dot: it may hold credentials".to_owned(),
        InputFileStatus::InvalidName => "its name cannot be written on every system: rename it".to_owned(),
        InputFileStatus::TooMany => format!("a bundle lists {} files at most", text::grouped(limits::INPUTS as u64)),
    }
}

/// A file that runs of a bundle read, compared with this machine.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ListedPage {
    /// Its name in the bundle.
    name: String,
    /// Its path on the other machine.
    path: Option<String>,
    /// Its size in bytes.
    size: u64,
    /// Its hash.
    digest: String,
    /// The file at this path here: `same`, `other` or `none`; null without a path.
    here: Option<&'static str>,
    /// The path that `--map` gives instead.
    mapped: Option<PathBuf>,
    /// Whether it is in the bundle.
    is_included: bool,
    /// The file that `--files` wrote.
    written: Option<PathBuf>,
    /// The reason why it was not written.
    why: Option<String>,
}

impl ListedPage {
    /// Returns its name and why it was not written, if it was requested.
    pub fn unwritten(&self) -> Option<String> {
        let why = self.why.as_ref()?;
        Some(text::clean(&format!("{} ({why})", self.name)))
    }
}

/// Lists the files of a bundle, compared with those on this machine.
pub(super) fn listed(carrier: &Carrier, maps: &PathMaps, watch: CopyCallback<'_>) -> Vec<ListedPage> {
    let inputs = carrier
        .bundle
        .inputs()
        .iter()
        .map(|input| (input, maps.place(Path::new(&input.path))));
    let listed = inputs.map(|(input, mapped)| ListedPage {
        name: input.name.clone(),
        path: Some(input.path.clone()).filter(|path| !path.is_empty()),
        here: (!input.path.is_empty()).then(|| here(input, mapped.as_deref(), watch)),
        mapped,
        size: input.size,
        digest: input.hash.to_string(),
        is_included: carrier.input(input).is_some(),
        written: None,
        why: None,
    });
    listed.collect()
}

/// Compares the file at the path where the file was read. The path comes from an untrusted bundle: only a file of the same length is read,
/// and its content is not disclosed.
fn here(input: &BundledInput, mapped: Option<&Path>, watch: CopyCallback<'_>) -> &'static str {
    let path = mapped.unwrap_or(Path::new(&input.path));
    let Ok(found) = fs::metadata(path) else {
        return "none";
    };
    if !found.is_file() || found.len() != input.size {
        return "other";
    }
    let hashed = File::open(path).and_then(|mut bytes| BundledInput::hash_of(&mut bytes, watch, &mut |_| Ok(())));
    match hashed {
        Ok(Some(found)) if found == (input.hash, input.size) => "same",
        _ => "other",
    }
}

/// Returns the modification times of the files that runs read, by path, as seen by the last run.
pub(super) fn times(history: &History) -> BTreeMap<String, Timestamp> {
    let files = history.runs().flat_map(|(_, run)| input_files::all_of(run));
    let times = files.filter_map(|file| Some((file.path.clone(), file.modified?)));
    times.collect()
}

/// # Errors
/// Several names share contents, so that the files would need much more space than the bundle.
pub(super) fn check_size(carrier: &Carrier) -> Result<(), Problem> {
    let (once, all) = carrier.bundle.input_bytes();
    let most = once.saturating_mul(2).saturating_add(limits::INPUT_COPIES);
    if all <= most {
        return Ok(());
    }
    let (all, has) = (text::bytes(all), text::bytes(once));
    let problem = format!("The files in it would need {all}, but it contains only {has}: many names share one content");
    Err(Problem::usage(problem)
        .with_hint("import it without `--files`, and copy the files that you need by hand".to_owned()))
}

/// Extracts the files of a bundle below a folder. Existing files are never overwritten.
pub(super) fn write_out(
    carrier: &Carrier,
    folder: &Path,
    times: &BTreeMap<String, Timestamp>,
    listed: &mut [ListedPage],
    watch: CopyCallback<'_>,
) -> Result<(), Problem> {
    for (input, page) in carrier.bundle.inputs().iter().zip(listed) {
        let Some(mut bytes) = carrier.input(input) else {
            continue;
        };
        match written(input, &mut bytes, folder, times.get(&input.path), watch) {
            Ok(Some(path)) => page.written = Some(path),
            Ok(None) => return Err(StoreError::GivenUp.into()),
            Err(error) => page.why = Some(error.to_string()),
        }
    }
    Ok(())
}

/// Returns the path where a file was written or already exists; `None` if the user cancelled.
fn written(
    input: &BundledInput,
    bytes: &mut dyn io::Read,
    folder: &Path,
    time: Option<&Timestamp>,
    watch: CopyCallback<'_>,
) -> io::Result<Option<PathBuf>> {
    let path = folder.join(&input.name);
    if fs::symlink_metadata(&path).is_ok() {
        let mut there = File::open(&path)?;
        if !there.metadata()?.is_file() {
            return Err(io::Error::other("something else than a file exists there"));
        }
        let found = BundledInput::hash_of(&mut there, watch, &mut |_| Ok(()))?;
        return match found {
            None => Ok(None),
            Some(found) if found == (input.hash, input.size) => Ok(Some(path)),
            Some(_) => Err(io::Error::other("another file exists there, and stays")),
        };
    }
    let place = made(folder, Path::new(&input.name).parent().unwrap_or(Path::new("")))?;
    let mut file = NamedTempFile::new_in(place)?;
    let found = BundledInput::hash_of(bytes, watch, &mut |bytes| file.write_all(bytes))?;
    let Some(found) = found else { return Ok(None) };
    if found != (input.hash, input.size) {
        return Err(io::Error::other(
            "the contents in the bundle do not match its signature",
        ));
    }
    // Restore the modification time, as archives do: small files are recognized by size and time.
    if let Some(time) = time.and_then(|time| u64::try_from(*time).ok()) {
        file.as_file().set_modified(UNIX_EPOCH + Duration::from_nanos(time))?;
    }
    file.as_file().sync_all()?;
    file.persist_noclobber(&path).map_err(|error| error.error)?;
    Ok(Some(path))
}

/// Writes the notebook of a package beside its input files. An existing file is kept, and must have the same content.
pub(super) fn write_notebook(name: &str, bytes: &[u8], folder: &Path) -> io::Result<PathBuf> {
    let path = made(folder, Path::new(""))?.join(name);
    if let Ok(found) = fs::symlink_metadata(&path) {
        let is_same = found.is_file() && found.len() == bytes.len() as u64 && fs::read(&path)? == bytes;
        return if is_same {
            Ok(path)
        } else {
            Err(io::Error::other("another file exists there, and stays"))
        };
    }
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist_noclobber(&path).map_err(|error| error.error)?;
    Ok(path)
}

/// Creates the folders of a name below `folder`. None of them may be a link, which could lead elsewhere.
fn made(folder: &Path, below: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut place = folder.to_owned();
    for part in below {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(io::Error::other("a folder in its path is a link, or not a folder")),
            Err(_) => fs::create_dir(&place)?,
        }
    }
    Ok(place)
}

/// Formats the result of an import.
pub(super) fn told(files: &[ListedPage], is_asked: bool, bundle: &str, context: &Context) -> String {
    if files.is_empty() {
        return String::new();
    }
    let bytes: u64 = files.iter().map(|file| file.size).sum();
    let count = text::count(files.len(), "file");
    let mut told = format!("Its cells read {count} ({}):\n", text::bytes(bytes));
    for file in files.iter().take(if is_asked { usize::MAX } else { MOST }) {
        let name = file.path.as_ref().unwrap_or(&file.name);
        let digest = &file.digest[..16];
        let state = match (&file.written, &file.why, file.is_included) {
            (Some(path), ..) => format!("is at {}", path.display()),
            (None, Some(why), _) => format!("not written: {why}"),
            (None, None, true) => "in the bundle".to_owned(),
            (None, None, false) => "not in the bundle".to_owned(),
        };
        let place = file
            .mapped
            .as_ref()
            .map_or("here".to_owned(), |place| format!("at {}", place.display()));
        let here = match file.here {
            Some("same") => format!(", and is {place} as it was read"),
            Some("other") => format!("; another one is {place}"),
            Some(_) => format!("; not {place}"),
            None => String::new(),
        };
        let size = text::bytes(file.size);
        told += &text::clean(&format!("  {name}: {size}, {digest}: {state}{here}\n"));
    }
    if !is_asked && files.len() > MOST {
        told += &format!("  and {} more\n", files.len() - MOST);
    }
    if !is_asked && files.iter().any(|file| file.is_included) {
        told += &format!(
            "{} writes those in the bundle to a folder, and overwrites no files.\n",
            context.command(&format!("import {} --files DIR", text::typed(bundle)))
        );
    }
    told
}

/// Whether a requested file was not written.
pub(super) fn is_any_left(files: &[ListedPage]) -> bool {
    files.iter().any(|file| file.why.is_some())
}
