//! The target of `enable` and `disable`: an environment, or the user's own folders.

use std::env;
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::platform::jupyter_data;
use crate::problem::{Exit, Problem};
use crate::text;

/// The name of IPython's configuration file. A file `ipython_kernel_config.json` would be loaded after the user's own `ipython_config.py`,
/// and override its list.
pub(crate) const CONFIG: &str = "ipython_config.json";

/// An environment, or the user's folders, whose kernels are configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// The environment's folder; `None` for the user's own folders.
    pub prefix: Option<PathBuf>,
    /// IPython's configuration file.
    pub config: PathBuf,
    /// The folder of the kernel *Python (Clew)*.
    pub kernel: PathBuf,
    /// The interpreter of that kernel, if known.
    pub python: Option<PathBuf>,
}

impl Site {
    /// Returns the requested target, else the environment of this program or of the asking kernel.
    pub fn asked(prefix: Option<&Path>, is_user: bool, context: &Context) -> Result<Self, Problem> {
        match (prefix, is_user) {
            (_, true) => Ok(Self::user(context)),
            (Some(prefix), false) => {
                let whole = std::path::absolute(prefix).unwrap_or_else(|_| prefix.to_owned());
                Self::of_prefix(&whole).ok_or_else(|| no_environment(&whole, context))
            }
            (None, false) => Self::own(context).ok_or_else(|| homeless(context)),
        }
    }

    /// Returns the environment of this program or of the asking kernel.
    pub fn own(context: &Context) -> Option<Self> {
        match &context.python {
            Some(python) => Some(Self::at(&python.prefix, Some(python.executable.clone()))),
            None => own_prefixes().find_map(|prefix| Self::of_prefix(&prefix)),
        }
    }

    /// Returns the user's own folders.
    pub fn user(context: &Context) -> Self {
        Self {
            prefix: None,
            config: profile().join(CONFIG),
            kernel: jupyter_data().join("kernels/clew"),
            python: Self::own(context).and_then(|own| own.python),
        }
    }

    /// Returns the environment in a folder, if it contains a Python.
    pub fn of_prefix(prefix: &Path) -> Option<Self> {
        interpreter(prefix).map(|python| Self::at(prefix, Some(python)))
    }

    fn at(prefix: &Path, python: Option<PathBuf>) -> Self {
        Self {
            config: prefix.join("etc/ipython").join(CONFIG),
            kernel: prefix.join("share/jupyter/kernels/clew"),
            prefix: Some(prefix.to_owned()),
            python,
        }
    }

    /// Returns its display name.
    pub fn name(&self) -> String {
        match &self.prefix {
            Some(prefix) => prefix.display().to_string(),
            None => "all environments of this user".to_owned(),
        }
    }

    /// Returns the option that selects it, with a leading space; empty for the default.
    pub fn option(&self, context: &Context) -> String {
        match &self.prefix {
            None => " --user".to_owned(),
            Some(_) if Self::own(context).as_ref() == Some(self) => String::new(),
            Some(prefix) => format!(" --prefix {}", text::typed_path(prefix)),
        }
    }

    /// Returns the user's own configuration file, which Clew never changes.
    pub fn own_settings() -> PathBuf {
        profile().join("ipython_config.py")
    }

    /// Whether the environment's Python has the package, judged by files.
    pub fn has_package(&self) -> bool {
        let Some(prefix) = &self.prefix else { return true };
        let sees_others = crate::whole_file::small_text(prefix.join("pyvenv.cfg")).is_ok_and(|text| {
            text.lines().any(|line| {
                line.replace(' ', "")
                    .eq_ignore_ascii_case("include-system-site-packages=true")
            })
        });
        sees_others || version_of("clew", prefix).is_some()
    }
}

/// Returns the folder of IPython's default profile for this user.
fn profile() -> PathBuf {
    let folder = match env::var_os("IPYTHONDIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => env::home_dir().unwrap_or_default().join(".ipython"),
    };
    folder.join("profile_default")
}

/// Returns the environments that may contain this program, by the path it was called with and by its real path: an installer may have
/// linked it.
fn own_prefixes() -> impl Iterator<Item = PathBuf> {
    let called = crate::program::called()
        .or_else(|| env::args_os().next().map(PathBuf::from))
        .filter(|path| path.components().count() > 1);
    let called = called.and_then(|path| std::path::absolute(path).ok());
    called
        .into_iter()
        .chain(env::current_exe())
        .filter_map(|path| path.parent()?.parent().map(Path::to_owned))
}

/// Returns the Python of an environment.
fn interpreter(prefix: &Path) -> Option<PathBuf> {
    ["bin/python", "bin/python3", "Scripts/python.exe", "python.exe"]
        .iter()
        .map(|name| prefix.join(name))
        .find(|path| path.is_file())
}

/// Returns the version of an installed distribution, from the name of its metadata.
pub(crate) fn version_of(distribution: &str, prefix: &Path) -> Option<String> {
    site_packages(prefix).find_map(|folder| {
        let names = std::fs::read_dir(folder).ok()?;
        let start = format!("{distribution}-");
        names.flatten().find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name
                .to_ascii_lowercase()
                .strip_prefix(&start)?
                .strip_suffix(".dist-info")?
                .to_owned();
            version
                .starts_with(|letter: char| letter.is_ascii_digit())
                .then_some(version)
        })
    })
}

fn site_packages(prefix: &Path) -> impl Iterator<Item = PathBuf> {
    let below = |folder: &str| std::fs::read_dir(prefix.join(folder)).into_iter().flatten().flatten();
    let pythons = below("lib").map(|entry| entry.path()).chain([prefix.join("Lib")]);
    pythons.flat_map(|python| [python.join("site-packages"), python.join("dist-packages")])
}

fn no_environment(prefix: &Path, context: &Context) -> Problem {
    Problem::usage(format!("There is no Python in {}", text::path(prefix))).with_hint(format!(
        "{} with the folder that holds `bin/python`, or {}",
        context.command("enable --prefix DIR"),
        context.command("enable --user")
    ))
}

fn homeless(context: &Context) -> Problem {
    Problem::of(Exit::Usage, "This command is not in a Python environment").with_hint(format!(
        "use {} to name one, {} for all of your environments, or `%clew enable` in a notebook for the kernel's environment",
        context.command("enable --prefix DIR"),
        context.command("enable --user")
    ))
}
