//! The kernel *Python (Clew)*: an environment's Python with Clew loaded regardless of settings.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The name that front ends display.
pub(crate) const DISPLAY_NAME: &str = "Python (Clew)";
const LOGO: &str = include_str!("logo.svg");
const OPTION: &str = "--ext=clew";

/// Returns the files of the kernel's folder, with their contents.
pub(crate) fn files(folder: &Path, python: &Path) -> [(PathBuf, String); 2] {
    let kernel = json!({
        "argv": [python.to_string_lossy(), "-m", "ipykernel_launcher", "-f", "{connection_file}", OPTION],
        "display_name": DISPLAY_NAME,
        "language": "python",
        "metadata": { "debugger": true },
    });
    [
        (folder.join("kernel.json"), format!("{kernel:#}\n")),
        (folder.join("logo-svg.svg"), LOGO.to_owned()),
    ]
}

/// Returns the interpreter of the kernel in a folder; `None` if it is not Clew's kernel.
pub(crate) fn interpreter_of(folder: &Path) -> Option<PathBuf> {
    let text = crate::whole_file::small_text(folder.join("kernel.json")).ok()?;
    let kernel: Value = serde_json::from_str(&text).ok()?;
    let argv = kernel["argv"].as_array()?;
    let is_ours = argv.iter().any(|word| word == OPTION);
    is_ours.then(|| argv.first()?.as_str().map(PathBuf::from))?
}
