//! The README of a package, for readers who do not know Clew.

use crate::text;

/// The content of the README.
#[derive(Debug)]
pub(crate) struct Readme<'a> {
    pub notebook: &'a str,
    /// The name of the package file.
    pub package: &'a str,
    /// The number of runs in it; 0 if it contains a single state.
    pub runs: usize,
    /// The number of input files in it.
    pub files: usize,
    pub has_requirements: bool,
    pub license: Option<&'a str>,
    /// The beginning of the signing key.
    pub key: &'a str,
    pub version: &'a str,
}

impl Readme<'_> {
    /// Returns the text in Markdown.
    pub fn text(&self) -> String {
        let held = match self.runs {
            0 => "the values of one state of the notebook".to_owned(),
            runs => format!("{} with cells, outputs and values", text::count(runs, "run")),
        };
        let mut told = format!(
            "# {}\n\n\
             A notebook with its history, packed by Clew {} into an RO-Crate (Workflow Run Crate).\n\n\
             | file | what it is |\n|---|---|\n\
             | `{}` | the notebook: opens in Jupyter, VS Code and everything else that opens notebooks |\n\
             | `clew/history.clew` | {held}, signed; Clew reads it |\n",
            self.notebook, self.version, self.notebook,
        );
        if self.files > 0 {
            let files = text::count(self.files, "file");
            told += &format!("| `inputs/` | {files} that the cells read, as they were read |\n");
        }
        if self.has_requirements {
            told += "| `requirements.txt` | the packages that were imported, in their versions: `pip install -r requirements.txt` |\n";
        }
        told += "| `ro-crate-metadata.json` | the same for programs: what ran when, what it read and wrote |\n";
        told += &format!(
            "\n## Without Clew\n\nUnpack it and open `{}`. Its cells look for files where they were read. The files in `inputs/` have the paths \
             that they had below the notebook's folder.\n\n## With Clew\n\n    pip install clew\n    clew import {} --preview\n    clew import {}\n\nThe first \
             command shows the contents and runs nothing. The history is signed with the key {}. Values that run code when they are \
             built are restored only after `clew trust add KEY`: ask the owner whether this is their key.\n",
            self.notebook, self.package, self.package, self.key,
        );
        if let Some(license) = self.license {
            told += &format!("\n## Licence\n\n{license}\n");
        }
        told
    }
}
