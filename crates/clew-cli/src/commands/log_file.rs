//! `clew log --html FILE`: writes a history as an HTML page. `log` without a file prints it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::history_page::HistoryPage;
use super::log::Arguments;
use crate::context::Context;
use crate::history_view::HistoryView;
use crate::html::is_ours;
use crate::page::Page;
use crate::problem::{Exit, Problem};
use crate::text;
use crate::whole_file::{cannot_write, is_folder, refuse_notebook};

/// The result of `log --html`: the page that was written.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LogFilePage {
    /// With `--html`: the page that was written.
    written: WrittenPage,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WrittenPage {
    /// The file.
    file: PathBuf,
    /// Its size in bytes.
    bytes: u64,
    /// The number of runs on the page.
    runs: usize,
}

/// Writes the selected runs to `file` atomically.
pub fn write(
    arguments: &Arguments,
    file: &Path,
    place: &HistoryView<'_>,
    context: &Context,
) -> Result<LogFilePage, Problem> {
    let is_there = check(file, arguments.force, context)?;
    let page = HistoryPage::of(arguments, place, context);
    let html = page.html();
    put(file, html.as_bytes(), is_there || arguments.force).map_err(|error| cannot_write(file, &error))?;
    Ok(LogFilePage {
        written: WrittenPage {
            file: file.to_owned(),
            bytes: html.len() as u64,
            runs: page.len(),
        },
    })
}

/// Whether a page written by Clew exists already. Other files are only overwritten if forced.
fn check(file: &Path, is_forced: bool, context: &Context) -> Result<bool, Problem> {
    if file.is_dir() {
        return Err(is_folder(file));
    }
    refuse_notebook(file, "html")?;
    if is_forced {
        return Ok(false);
    }
    let mut beginning = Vec::new();
    match File::open(file).and_then(|open| open.take(512).read_to_end(&mut beginning)) {
        Ok(_) if is_ours(&beginning) => Ok(true),
        Ok(_) => Err(Problem::of(
            Exit::Refused,
            format!("{} already exists, and is not a page of Clew", shown(file)),
        )
        .with_hint(format!("{} replaces it", context.again("--force")))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(cannot_write(file, &error)),
    }
}

/// Writes a temporary file first, so that the replacement is atomic. Like the store, the page is readable only by its owner.
fn put(file: &Path, content: &[u8], may_replace: bool) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut beside = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    beside.write_all(content)?;
    let done = if may_replace {
        beside.persist(file)
    } else {
        beside.persist_noclobber(file)
    };
    done.map(drop).map_err(|error| error.error)
}

fn shown(file: &Path) -> String {
    text::path(file)
}

impl Page for LogFilePage {
    fn text(&self, _: &Context) -> String {
        let WrittenPage { file, bytes, runs } = &self.written;
        let (runs, bytes) = (text::count(*runs, "run"), text::bytes(*bytes));
        format!("Wrote {}: {runs}, {bytes}\n", shown(file))
    }
}
