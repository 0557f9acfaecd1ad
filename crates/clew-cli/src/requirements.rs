//! Compares the requirements of a state's values with the installed packages.
//!
//! A bundle's requirements are untrusted: invalid package names are skipped, and the queried interpreter imports nothing.

pub(crate) mod devices;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clew_core::format::{Body, Interpreter, ModuleEvidence, Version};
use clew_core::history::{Environments, History};
use clew_core::id::{Root, RootKind, RunId};
use clew_core::limits;
use clew_core::store::{Manifests, Store};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::context::Context;
use crate::site::Site;

/// The Python script that queries the interpreter.
const QUESTION: &str = include_str!("requirements/installed.py");

/// A module that values need for their restoration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// The top-level module.
    pub module: String,
    /// The package that contains it, if recorded.
    pub package: Option<String>,
    /// The package's version, if recorded.
    pub version: Option<String>,
    /// The roots that need it.
    pub roots: BTreeSet<Root>,
}

impl Need {
    fn of(module: &str, told: Option<&ModuleEvidence>) -> Self {
        let told = told.cloned().unwrap_or_default();
        Self {
            module: module.to_owned(),
            package: told.distribution.filter(|name| is_name(name)),
            version: told.version.filter(|version| is_version(version)),
            roots: BTreeSet::new(),
        }
    }

    /// Returns its display name.
    pub fn name(&self) -> &str {
        self.package.as_ref().unwrap_or(&self.module)
    }

    /// Returns its name and version.
    pub fn text(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// Returns its requirement for pip.
    pub fn requirement(&self) -> Option<String> {
        Some(format!("{}=={}", self.package.as_ref()?, self.version.as_ref()?))
    }
}

/// The packages, interpreter and devices that a state needs.
#[derive(Debug, Default)]
pub(crate) struct StateRequirements {
    /// The requirements, each once per version.
    pub required: Vec<Need>,
    /// Packages that the cells imported, except those that cannot be installed by name.
    pub imported: Vec<Need>,
    /// The interpreter of the run.
    pub interpreter: Option<Interpreter>,
    /// Roots whose restoration runs code that the record names.
    pub code: BTreeSet<Root>,
    /// Devices that tensors were on, each with their roots.
    pub devices: BTreeMap<String, BTreeSet<Root>>,
}

impl StateRequirements {
    /// Returns the requirements of the state after a run.
    pub fn of(store: &Store, history: &History, at: RunId) -> Self {
        let (environments, manifests) = (Environments::of(history), Manifests::new(store.clone()));
        let mut found = Self {
            imported: imported(history, at),
            interpreter: environments.interpreter(&at).cloned(),
            ..Self::default()
        };
        let mut needs: BTreeMap<(String, Option<String>), Need> = BTreeMap::new();
        for version in history.state(at).versions().filter(|version| is_value(version)) {
            let Ok(manifest) = manifests.get(&version.manifest) else {
                continue;
            };
            let run = history.recorded_by(at, version).unwrap_or(at);
            for module in manifest.packages().into_iter().filter(|module| is_name(module)) {
                let need = Need::of(module, environments.module(&run, module));
                let key = (need.module.clone(), need.version.clone());
                needs
                    .entry(key)
                    .or_insert(need)
                    .roots
                    .extend(version.roots.iter().cloned());
            }
            let Body::Encoded(encoding) = &manifest.body else {
                continue;
            };
            if encoding.code {
                found.code.extend(version.roots.iter().cloned());
            }
            for device in devices::devices(store, encoding) {
                let touched = found.devices.entry(device).or_default();
                touched.extend(version.roots.iter().cloned());
            }
        }
        found.required = needs.into_values().collect();
        found
    }

    /// Queries the interpreter of this environment; `None` if there is none.
    pub fn ask(&self, context: &Context) -> Option<LocalInterpreter> {
        let executable = Site::own(context)?.python?;
        let packages: BTreeSet<&String> = self.required.iter().filter_map(|need| need.package.as_ref()).collect();
        let modules: BTreeSet<&String> = self.required.iter().map(|need| &need.module).collect();
        LocalInterpreter::ask(&executable, &json!({ "modules": modules, "packages": packages }))
    }

    /// Returns the requirements that are not installed.
    pub fn missing<'n>(&'n self, here: &'n LocalInterpreter) -> impl Iterator<Item = &'n Need> {
        self.required.iter().filter(|need| here.lacks(need))
    }
}

/// An interpreter of this machine, with its packages.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct LocalInterpreter {
    /// The interpreter.
    #[serde(default)]
    pub executable: PathBuf,
    /// Its description.
    pub interpreter: Interpreter,
    /// The versions of the requested packages.
    packages: BTreeMap<String, Option<String>>,
    /// Requested modules that cannot be imported.
    lacking: BTreeSet<String>,
}

impl LocalInterpreter {
    fn ask(executable: &Path, question: &serde_json::Value) -> Option<Self> {
        // No module from the working directory is imported, and no bytecode is written.
        let mut child = Command::new(executable)
            .args(["-P", "-B", "-c", QUESTION])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let told = child.stdin.take()?.write_all(question.to_string().as_bytes());
        let answer = child.wait_with_output().ok()?;
        told.ok()?;
        let found: Self = serde_json::from_slice(&answer.stdout).ok()?;
        Some(Self {
            executable: executable.to_owned(),
            ..found
        })
    }

    /// Returns the installed version of a package.
    pub fn version(&self, need: &Need) -> Option<&str> {
        self.packages.get(need.package.as_ref()?)?.as_deref()
    }

    /// Whether it is not installed. A module without a recorded package or version may be a file beside the notebook, so it does not count.
    pub fn lacks(&self, need: &Need) -> bool {
        let is_packaged = need.package.is_some() || need.version.is_some();
        is_packaged && self.version(need).is_none() && self.lacking.contains(&need.module)
    }

    /// Whether its module cannot be imported.
    pub fn lacks_module(&self, need: &Need) -> bool {
        self.lacking.contains(&need.module)
    }
}

/// Returns the packages of modules according to the runs of a history: module, package and version, the last known of each.
pub fn packages_of(history: &History) -> BTreeMap<String, (String, String)> {
    // Untrusted runs give no recommendations.
    let trusted = history.runs().filter(|(id, _)| !history.is_untrusted(id));
    let evidence = trusted.map(|(_, run)| &run.evidence);
    let told = evidence.flat_map(|evidence| evidence.found.iter().chain(&evidence.modules));
    let needs = told.map(|module| Need::of(&module.name, Some(module)));
    needs
        .filter_map(|need| Some((need.module.clone(), (need.package?, need.version?))))
        .collect()
}

/// Whether it is a user's value: the shell's own state needs no additional packages.
fn is_value(version: &Version) -> bool {
    let is_value = |root: &Root| matches!(root.kind, RootKind::Name | RootKind::Out | RootKind::Definition);
    version.roots.iter().any(is_value)
}

/// Returns the packages that the cells leading to a run imported: the last known version of each.
fn imported(history: &History, at: RunId) -> Vec<Need> {
    let mut found: BTreeMap<String, Need> = BTreeMap::new();
    for (_, run) in history.line(at) {
        for module in &run.evidence.modules {
            let need = Need::of(&module.name, Some(module));
            if let Some(package) = &need.package {
                found.entry(package.clone()).or_insert(need);
            }
        }
    }
    found.into_values().collect()
}

/// Whether it is a valid name of a package or module, which an installer cannot misinterpret.
fn is_name(name: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
    begins && name.len() <= limits::PACKAGE && name.bytes().all(is_known) && name != "__main__"
}

fn is_version(version: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b".!+-_".contains(&byte);
    let begins = version.starts_with(|letter: char| letter.is_ascii_digit());
    begins && version.len() <= limits::PACKAGE && version.bytes().all(is_known)
}

/// Whether two versions have the same first two numbers.
pub(crate) fn is_alike(one: &str, other: &str) -> bool {
    let first = |version: &str| -> Vec<String> { version.split('.').take(2).map(str::to_owned).collect() };
    first(one) == first(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p14_what_no_package_can_be_called_is_no_package() {
        for name in [
            "",
            "-r",
            "a b",
            "a\nb",
            "a;b",
            "a==1",
            "__main__",
            "a/b",
            &"a".repeat(101),
        ] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_name("scikit-learn") && is_name("_cffi_backend"));
        for version in ["", "x", "1 --index-url", "1\n2", "1;2"] {
            assert!(!is_version(version), "{version:?}");
        }
        assert!(is_version("2.1.0+cu118") && is_version("1!2.0.dev1"));
    }

    #[test]
    fn versions_are_alike_in_their_first_two_numbers() {
        assert!(is_alike("2.2.3", "2.2.9") && is_alike("65", "65"));
        assert!(!is_alike("2.2.3", "2.3.0") && !is_alike("3.1", "2.1") && !is_alike("2", "2.1"));
    }
}
