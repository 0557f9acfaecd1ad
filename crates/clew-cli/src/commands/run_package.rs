//! `clew run PACKAGE`: imports a package, and runs its notebook in the folder with the package's files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clew_core::store::disk::{Disk, RealDisk};

use super::carry::import::{self, Import};
use crate::context::Context;
use crate::package::Carrier;
use crate::problem::Problem;
use crate::text;

/// File name extensions of packages, the longer first.
const ENDINGS: [&str; 2] = [".crate.zip", ".zip"];

/// The extracted notebook of a package.
pub(super) struct UnpackedPackage {
    /// The path of the notebook.
    pub notebook: String,
    /// The folder to run it in.
    pub folder: String,
    /// A line about the package.
    pub said: String,
}

/// Imports the package to run; `None` if the input is not a package. Existing files in its folder are kept, so that edits take effect.
pub(super) fn unpacked(
    input: Option<&str>,
    folder: Option<&str>,
    directory: &Path,
    context: &Context,
) -> Result<Option<UnpackedPackage>, Problem> {
    let Some(file) = input.filter(|input| !input.contains("://")) else {
        return Ok(None);
    };
    let path = PathBuf::from(file);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let is_zip = path.extension().is_some_and(|ending| ending == "zip") && path.is_file();
    let Some(name) = name.filter(|_| is_zip || Carrier::is_unpacked(&path)) else {
        return Ok(None);
    };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let carrier = Carrier::open(&disk, &path)?;
    import::check_is_trusted(&carrier, context)?;
    let folder = match folder {
        Some(folder) => PathBuf::from(folder),
        None => folder_of(&name, is_zip),
    };
    let asked = Import {
        file: path,
        preview: false,
        files: Some(folder.clone()),
        maps: Vec::new(),
    };
    let page = import::import(&asked, directory, context)?;
    let Some(notebook) = page.notebook_in(&folder) else {
        let problem = format!("There is no notebook in {}", text::clean(file));
        let hint = format!(
            "{} imports its history",
            context.command(&format!("import {}", text::typed(file)))
        );
        return Err(Problem::usage(problem).with_hint(hint));
    };
    let folder = folder.display().to_string();
    Ok(Some(UnpackedPackage {
        notebook: notebook.display().to_string(),
        said: format!("{}; it runs in {}", page.taken_in(), text::clean(&folder)),
        folder,
    }))
}

/// Returns the folder that a package is extracted to, in the current directory.
fn folder_of(name: &str, is_zip: bool) -> PathBuf {
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
    match stem.filter(|stem| is_zip && !stem.is_empty()) {
        Some(stem) => PathBuf::from(stem),
        None => PathBuf::from(format!("{name}-run")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_written_to_a_folder_of_its_name() {
        assert_eq!(folder_of("flights.crate.zip", true), Path::new("flights"));
        assert_eq!(folder_of("flights.zip", true), Path::new("flights"));
        assert_eq!(folder_of(".zip", true), Path::new(".zip-run"));
        assert_eq!(folder_of("flights", false), Path::new("flights-run"));
    }
}
