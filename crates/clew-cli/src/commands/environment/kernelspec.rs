//! The kernel *Python (Clew)*: an environment's own Python, with Clew loaded whatever the settings say.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What front ends show.
pub(crate) const DISPLAY_NAME: &str = "Python (Clew)";
const LOGO: &str = include_str!("logo.svg");
const OPTION: &str = "--ext=clew";

/// The files of the kernel's folder, with what they hold.
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

/// The interpreter that the kernel in a folder starts; `None` if that kernel is not one of Clew's.
pub(crate) fn interpreter_of(folder: &Path) -> Option<PathBuf> {
    let text = crate::whole_file::small_text(folder.join("kernel.json")).ok()?;
    let kernel: Value = serde_json::from_str(&text).ok()?;
    let argv = kernel["argv"].as_array()?;
    let is_ours = argv.iter().any(|word| word == OPTION);
    is_ours.then(|| argv.first()?.as_str().map(PathBuf::from))?
}
