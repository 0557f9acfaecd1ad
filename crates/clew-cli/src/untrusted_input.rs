//! The parsers of untrusted input, from bytes alone without files and processes, for fuzzing (`fuzz/`).

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use clew_core::limits;
use clew_core::store::disk::{Disk, MemoryFile, RealDisk};

use crate::commands::environment::ipython_config::{with_clew, without_clew};
use crate::history_view::store_problem;
pub use crate::outputs::{parse as outputs, plain as printed};
use crate::package::{Carrier, EmbeddedMetadata, NotebookFile};
use crate::problem::Problem;
use crate::settings::{SettingProblem, SettingsFile};

/// Parses settings as a user's and as a project's file; returns the problems.
pub fn settings(text: &str) -> Vec<SettingProblem> {
    let read = |is_project| SettingsFile::of(text, Path::new("config.toml"), is_project).problems;
    [read(false), read(true)].concat()
}

/// Adds Clew to IPython's configuration, and removes it: `None` if nothing needs to change, else why the file is not changed.
pub fn ipython_config(text: &str) -> [Result<Option<String>, String>; 2] {
    [with_clew(Some(text)), without_clew(text)]
}

/// Opens a package, or a notebook with an embedded one, and reads all that a preview reads.
///
/// # Errors
/// It is not a valid package.
pub fn package(bytes: &[u8]) -> Result<(), Problem> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let file = Arc::new(MemoryFile(Arc::from(bytes)));
    let carrier = Carrier::of(&disk, Path::new("nb.crate.zip"), file)?;
    carrier.notebook()?;
    for input in carrier.bundle.inputs() {
        // A length is untrusted too.
        let bytes = carrier.input(input).map(|bytes| bytes.take(limits::SMALL_FILE));
        bytes.map(|mut bytes| io::copy(&mut bytes, &mut io::sink()).ok());
    }
    carrier.bundle.check().map_err(|error| store_problem(&error))
}

/// Packages a notebook.
///
/// # Errors
/// It is not a notebook.
pub fn notebook(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let notebook = NotebookFile::read(bytes, &[])?;
    let marks: Vec<_> = notebook.cells().iter().map(|_| None).collect();
    let embedded = EmbeddedMetadata {
        schema: 1,
        history: String::new(),
        run: String::new(),
        version: String::new(),
        bundle: None,
    };
    Ok(notebook.packed(&embedded, &marks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox_process;
    use crate::whole_file::small_text;

    fn spaces(length: u64) -> String {
        " ".repeat(usize::try_from(length).unwrap())
    }

    #[test]
    fn p14_settings_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let read = |length| {
            std::fs::write(&path, spaces(length)).unwrap();
            SettingsFile::read(&path, false).problems
        };
        assert_eq!(read(limits::SETTINGS), []);
        assert_eq!(
            read(limits::SETTINGS + 1)[0].what,
            "it is too large for a settings file"
        );
    }

    #[test]
    fn p14_small_files_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel.json");
        let read = |length| {
            std::fs::write(&path, spaces(length)).unwrap();
            small_text(&path)
        };
        assert_eq!(read(limits::SMALL_FILE).unwrap().len() as u64, limits::SMALL_FILE);
        assert_eq!(read(limits::SMALL_FILE + 1).unwrap_err().to_string(), "it is too large");
    }

    #[test]
    fn p14_answers_are_bounded() {
        let answer = |bytes: &[u8]| sandbox_process::answer(&mut &bytes[..]);
        let said = |length: u32| answer(&[&length.to_le_bytes(), b"{}".as_slice()].concat());
        assert!(said(limits::ANSWER).is_ok());
        let error = said(limits::ANSWER + 1).unwrap_err().to_string();
        assert_ne!(error, answer(&[2, 0, 0, 0, b'{', b'x']).unwrap_err().to_string());
        assert!(!error.is_empty());
    }

    #[test]
    fn p14_notes_of_an_output_are_bounded() {
        let note = r#"{"what":"text","count":1,"size":1}"#;
        let notes = vec![note; limits::NOTES + 1].join(",");
        let text = format!(r#"[{{"output_type":"stream","metadata":{{"clew":{{"left_out":[{notes}]}}}}}}]"#);
        assert_eq!(outputs(&text)[0].left_out.len(), limits::NOTES);
    }
}
