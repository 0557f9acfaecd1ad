//! What the values of a state need to be built, held against what is installed where they are to come back.
//!
//! What a bundle says of it is a stranger's word: names that no package can have are passed over, and the interpreter that is
//! asked imports nothing.

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

/// What is asked, in Python.
const QUESTION: &str = include_str!("requirements/installed.py");

/// Something to be imported, before values that need it can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// The top-level module.
    pub module: String,
    /// What is to be installed to have it, where that was recorded.
    pub package: Option<String>,
    /// Its version, where that was recorded.
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

    /// What people call it.
    pub fn name(&self) -> &str {
        self.package.as_ref().unwrap_or(&self.module)
    }

    /// The same with its version.
    pub fn text(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name()),
            None => self.name().to_owned(),
        }
    }

    /// The same for pip.
    pub fn requirement(&self) -> Option<String> {
        Some(format!("{}=={}", self.package.as_ref()?, self.version.as_ref()?))
    }
}

/// The packages, interpreter and devices that a state needs.
#[derive(Debug, Default)]
pub(crate) struct StateRequirements {
    /// Each once in each version.
    pub required: Vec<Need>,
    /// Packages that the cells imported, without those that nobody can install by name.
    pub imported: Vec<Need>,
    /// The interpreter of the run.
    pub interpreter: Option<Interpreter>,
    /// Roots whose values are built by code that the record names.
    pub code: BTreeSet<Root>,
    /// Devices that tensors lay on, each with the roots that hold them.
    pub devices: BTreeMap<String, BTreeSet<Root>>,
}

impl StateRequirements {
    /// What the roots of the state that a run left need.
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

    /// Asks the interpreter of this environment about them; `None` where there is none to ask.
    pub fn ask(&self, context: &Context) -> Option<LocalInterpreter> {
        let executable = Site::own(context)?.python?;
        let packages: BTreeSet<&String> = self.required.iter().filter_map(|need| need.package.as_ref()).collect();
        let modules: BTreeSet<&String> = self.required.iter().map(|need| &need.module).collect();
        LocalInterpreter::ask(&executable, &json!({ "modules": modules, "packages": packages }))
    }

    /// What of it is not there, for each root.
    pub fn missing<'n>(&'n self, here: &'n LocalInterpreter) -> impl Iterator<Item = &'n Need> {
        self.required.iter().filter(|need| here.lacks(need))
    }
}

/// An interpreter of this machine, by its own account, with its packages.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct LocalInterpreter {
    /// The interpreter.
    #[serde(default)]
    pub executable: PathBuf,
    /// What it is.
    pub interpreter: Interpreter,
    /// The versions of the packages that it was asked about.
    packages: BTreeMap<String, Option<String>>,
    /// Modules that can't be imported there.
    lacking: BTreeSet<String>,
}

impl LocalInterpreter {
    fn ask(executable: &Path, question: &serde_json::Value) -> Option<Self> {
        // No module of the working directory is imported, and no compiled one is written.
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

    /// The version of a package there.
    pub fn version(&self, need: &Need) -> Option<&str> {
        self.packages.get(need.package.as_ref()?)?.as_deref()
    }

    /// Whether it is not there. A module that no package was recorded for may lie beside the notebook; one that told a version
    /// is no such one.
    pub fn lacks(&self, need: &Need) -> bool {
        let is_packaged = need.package.is_some() || need.version.is_some();
        is_packaged && self.version(need).is_none() && self.lacking.contains(&need.module)
    }

    /// Whether it can't be imported, whatever it is.
    pub fn lacks_module(&self, need: &Need) -> bool {
        self.lacking.contains(&need.module)
    }
}

/// What runs of a history told of the packages that modules came from: module, package and version, the last that is known of each.
pub fn packages_of(history: &History) -> BTreeMap<String, (String, String)> {
    // A stranger's word is no advice.
    let trusted = history.runs().filter(|(id, _)| !history.is_untrusted(id));
    let evidence = trusted.map(|(_, run)| &run.evidence);
    let told = evidence.flat_map(|evidence| evidence.found.iter().chain(&evidence.modules));
    let needs = told.map(|module| Need::of(&module.name, Some(module)));
    needs
        .filter_map(|need| Some((need.module.clone(), (need.package?, need.version?))))
        .collect()
}

/// Whether it is a value of the user's: what a shell keeps for itself needs nothing that a shell does not.
fn is_value(version: &Version) -> bool {
    let is_value = |root: &Root| matches!(root.kind, RootKind::Name | RootKind::Out | RootKind::Definition);
    version.roots.iter().any(is_value)
}

/// What the cells that led to a run imported, by package: the last that is known of each.
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

/// Whether it can be the name of a package or module, and nothing else to whoever installs it.
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

/// Whether two versions begin with the same two numbers.
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
