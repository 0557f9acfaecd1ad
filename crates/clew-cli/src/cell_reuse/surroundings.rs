//! Checks whether files, modules and variables are unchanged since a run was recorded.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::Path;

use clew_core::format::{FileEvidence, ModuleEvidence, Timestamp};
use clew_core::history::flow::ExternalInputs;

use super::Notebook;
use crate::file_marks::is_marked;
use crate::input_files::{is_listing, modified_at};
use crate::path_maps::digest_of;

/// Prefixes of marks that describe more than a file's content (`clew.files`): other properties that were read, whether a package is
/// unmodified since its installation, and the time of the last change according to the file system.
const LOOKED: &str = "looked:";
const AS_INSTALLED: &str = "installed:";
const CHANGED: &str = "changed:";

/// What is recorded of a submodule that a run found in its package because a cell had imported it, and of one that it did not find; and the
/// name that stands for all submodules, of a run that iterates over them (`clew.analysis.submodules`).
pub(super) const IMPORTED: &str = "imported";
pub(super) const NOT_IMPORTED: &str = "not imported";
pub(super) const ALL: &str = "sys.modules";
/// What is recorded of a module that a run did not load but could have loaded (`clew.analysis.imports`).
const INSTALLED: &str = "installed";
/// The name under which is recorded that a run listed the installed distributions (`clew.distribution_index`).
const DISTRIBUTIONS: &str = "installed distributions";

/// Facts about the kernel's environment, which Python determines on demand.
pub trait EnvironmentFacts {
    /// Whether two cell texts mean the same to IPython.
    fn is_same_code(&self, one: &str, other: &str) -> bool;

    /// Returns the version of a distribution in the environment of the notebook's kernel; empty if it is not installed.
    fn installed(&self, distribution: &str) -> String;

    /// Returns the digest of the files that were modified since the installation; `None` if there are none.
    fn edited(&self, distribution: &str) -> Option<String>;

    /// Whether a module is known to be installed there.
    fn has_module(&self, name: &str) -> bool;

    /// Whether a module may be installed there.
    fn may_have_module(&self, name: &str) -> bool;

    /// Whether the distributions in a folder are unchanged.
    fn has_distributions(&self, known: &str) -> bool;

    /// Returns the current value of such a mark; `None` if the file does not exist.
    fn mark_now(&self, path: &str, mark: &str) -> Option<String>;
}

/// What Python knows about this machine before the first decision.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// The Python version of the notebook's kernel, if known.
    pub python: Option<String>,
    /// The environment variables of the kernel.
    pub variables: BTreeMap<String, String>,
    /// Builtin names of Python.
    pub builtins: HashSet<String>,
    /// Modules of the standard library.
    pub standard_modules: HashSet<String>,
}

/// Whether files are unchanged, by path, size, time, digest and mark.
pub(super) type KnownFiles = HashMap<FileKey, bool>;
type FileKey = (String, Option<u64>, Option<Timestamp>, Option<String>, Option<String>);

/// The environment outside the session that a cell would find.
pub(super) struct Surroundings<'a> {
    pub machine: &'a Machine,
    pub facts: &'a dyn EnvironmentFacts,
    pub notebook: &'a Notebook,
    /// The `In [n]` of the cell.
    pub number: u64,
    pub files: &'a RefCell<KnownFiles>,
}

impl<'a> Surroundings<'a> {
    /// Compares a file by its digest or mark if recorded, else by size and time.
    fn finds(&self, file: &FileEvidence) -> bool {
        let (path, mut is_marked_so) = (Path::new(&file.path), None);
        for part in file.mark.iter().flat_map(|mark| mark.split(' ')) {
            let is_now = || self.facts.mark_now(&file.path, part).as_deref() == Some(part);
            if part.starts_with(LOOKED) || part.starts_with(AS_INSTALLED) {
                if !is_now() {
                    return false;
                }
            } else if part.starts_with(CHANGED) {
                is_marked_so = Some(is_now());
            } else {
                is_marked_so = is_marked(path, part);
            }
        }
        let Ok(there) = fs::metadata(path) else {
            return file.size.is_none();
        };
        if there.is_dir() {
            // A directory that was not listed has no digest, and its mark has no part about contents.
            let is_of_file = |mark: &String| mark.split_whitespace().any(|part| !part.starts_with(LOOKED));
            let is_same = |digest: &String| is_listing(path, digest);
            return file.size.is_some()
                && !file.mark.as_ref().is_some_and(is_of_file)
                && file.digest.as_ref().is_none_or(is_same);
        }
        if file.size != Some(there.len()) {
            return false;
        }
        match (&file.digest, is_marked_so) {
            (Some(digest), _) => digest_of(path).as_ref() == Some(digest),
            (None, Some(is_same)) => is_same,
            (None, None) => file.modified.is_some() && file.modified == modified_at(&there),
        }
    }

    /// Whether a cell before imports a module or one of its submodules.
    fn is_imported(&self, name: &str) -> bool {
        let is_it = |import: &String| {
            let rest = import.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.notebook
            .before(self.number)
            .any(|cell| cell.imports.iter().any(is_it))
    }

    /// Returns all modules that cells before import, including their parent packages.
    fn imported(&self) -> BTreeSet<&'a str> {
        let imports = self.notebook.before(self.number).flat_map(|cell| &cell.imports);
        let packages = |name: &'a String| {
            name.match_indices('.')
                .map(move |(at, _)| &name[..at])
                .chain([name.as_str()])
        };
        imports.flat_map(packages).collect()
    }
}

/// What is found for a module that did not exist before.
const THERE: &str = "installed";

impl ExternalInputs for Surroundings<'_> {
    fn has_file(&self, file: &FileEvidence) -> bool {
        let key = (
            file.path.clone(),
            file.size,
            file.modified,
            file.digest.clone(),
            file.mark.clone(),
        );
        let known = self.files.borrow().get(&key).copied();
        known.unwrap_or_else(|| {
            let is_same = self.finds(file);
            self.files.borrow_mut().insert(key, is_same);
            is_same
        })
    }

    fn other_module(&self, module: &ModuleEvidence) -> Option<String> {
        let there = || Some(THERE.to_owned());
        let (name, then) = (module.name.as_str(), module.version.as_deref()?);
        match &module.imports {
            Some(imports) if name == ALL => {
                let then: BTreeSet<&str> = imports.iter().map(String::as_str).collect();
                return if self.imported() == then { None } else { there() };
            }
            Some(imports) if name == DISTRIBUTIONS => {
                let is_same = imports.iter().all(|known| self.facts.has_distributions(known));
                return (!is_same).then(|| "different ones".to_owned());
            }
            _ => {}
        }
        match module.digest.as_deref() {
            Some(state @ (IMPORTED | NOT_IMPORTED)) if then.is_empty() => {
                return match (self.is_imported(name), state == IMPORTED) {
                    (true, false) => there(),
                    (false, true) => Some(String::new()),
                    _ => None,
                };
            }
            Some(INSTALLED) if then.is_empty() => {
                return (!self.facts.may_have_module(name)).then(String::new);
            }
            _ => {}
        }
        let Some(distribution) = module.distribution.as_deref() else {
            // The import failed when it was recorded.
            return if then.is_empty() && self.facts.has_module(name) {
                there()
            } else {
                None
            };
        };
        // A module in a user's folder is compared by its files.
        if module.imports.is_some() || self.machine.standard_modules.contains(name) {
            return None;
        }
        let now = self.facts.installed(distribution);
        if now != then {
            return Some(now);
        }
        let is_edited = !now.is_empty() && self.facts.edited(distribution) != module.digest;
        is_edited.then(|| format!("{now} with changed files"))
    }

    fn python(&self) -> Option<&str> {
        self.machine.python.as_deref()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.machine.variables.get(name).cloned()
    }

    fn is_builtin(&self, name: &str) -> bool {
        self.machine.builtins.contains(name)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cell_reuse::NotebookCell;

    /// A machine where only `pandas` 2.0 is installed, with modified files.
    pub struct Here;

    impl EnvironmentFacts for Here {
        fn is_same_code(&self, _: &str, _: &str) -> bool {
            false
        }

        fn installed(&self, distribution: &str) -> String {
            if distribution == "pandas" { "2.0" } else { "" }.to_owned()
        }

        fn edited(&self, _: &str) -> Option<String> {
            Some("these".to_owned())
        }

        fn has_module(&self, name: &str) -> bool {
            name == "pandas"
        }

        fn may_have_module(&self, name: &str) -> bool {
            name == "pandas"
        }

        fn has_distributions(&self, known: &str) -> bool {
            known == "as it was"
        }

        fn mark_now(&self, _: &str, mark: &str) -> Option<String> {
            mark.ends_with("same").then(|| mark.to_owned())
        }
    }

    /// Calls `ask` with the surroundings of a cell after one that imports `email.mime`.
    fn with_surroundings<T>(ask: impl FnOnce(&Surroundings<'_>) -> T) -> T {
        let before = NotebookCell {
            execution_count: 1,
            imports: vec!["email.mime".to_owned()],
            ..NotebookCell::default()
        };
        let notebook = Notebook {
            cells: vec![before],
            traits: BTreeSet::new(),
            macros: BTreeSet::new(),
        };
        let machine = Machine {
            standard_modules: HashSet::from(["email".to_owned()]),
            ..Machine::default()
        };
        ask(&Surroundings {
            machine: &machine,
            facts: &Here,
            notebook: &notebook,
            number: 2,
            files: &RefCell::default(),
        })
    }

    fn module(name: &str, version: &str, distribution: Option<&str>, digest: Option<&str>) -> ModuleEvidence {
        ModuleEvidence {
            name: name.to_owned(),
            version: Some(version.to_owned()),
            distribution: distribution.map(str::to_owned),
            digest: digest.map(str::to_owned),
            ..ModuleEvidence::default()
        }
    }

    #[test]
    fn a_module_is_compared_with_what_is_installed() {
        let there = Some("installed");
        let same: Option<&str> = None;
        let cases = [
            (module("pandas", "2.0", Some("pandas"), Some("these")), same),
            (
                module("pandas", "2.0", Some("pandas"), None),
                Some("2.0 with changed files"),
            ),
            (module("pandas", "1.0", Some("pandas"), None), Some("2.0")),
            (module("numpy", "1.0", Some("numpy"), None), Some("")),
            (module("email", "1.0", Some("email"), None), same),
            (module("mine", "1.0", None, None), same),
            (module("pandas", "", None, None), there),
            (module("numpy", "", None, None), same),
            (module("pandas", "", None, Some(INSTALLED)), same),
            (module("numpy", "", None, Some(INSTALLED)), Some("")),
            (module("email", "", None, Some(IMPORTED)), same),
            (module("email.mime", "", None, Some(NOT_IMPORTED)), there),
            (module("email.mi", "", None, Some(IMPORTED)), Some("")),
            (module("email.mi", "", None, Some(NOT_IMPORTED)), same),
        ];
        for (module, expected) in cases {
            let found = with_surroundings(|here| here.other_module(&module));
            assert_eq!(found.as_deref(), expected, "{module:?}");
        }
        let lists = |name: &str, imports: &[&str]| {
            let imports = Some(imports.iter().map(|&one| one.to_owned()).collect());
            let module = ModuleEvidence {
                imports,
                ..module(name, "as recorded", None, None)
            };
            with_surroundings(|here| here.other_module(&module))
        };
        assert_eq!(lists(ALL, &["email", "email.mime"]), None);
        assert_eq!(lists(ALL, &["email.mime"]).as_deref(), there);
        assert_eq!(lists(DISTRIBUTIONS, &["as it was"]), None);
        assert_eq!(
            lists(DISTRIBUTIONS, &["as it was", "other"]).as_deref(),
            Some("different ones")
        );
    }

    #[test]
    fn a_module_of_which_no_version_is_known_is_known_by_its_files() {
        let module = ModuleEvidence {
            name: "pandas".to_owned(),
            ..ModuleEvidence::default()
        };
        assert_eq!(with_surroundings(|here| here.other_module(&module)), None);
    }

    #[test]
    fn a_file_is_compared_by_its_marks_its_digest_or_its_size_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "one\n").unwrap();
        let there = fs::metadata(&path).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let file = FileEvidence {
            path: path.clone(),
            size: Some(4),
            modified: modified_at(&there),
            ..FileEvidence::default()
        };
        let text = |text: &str| Some(text.to_owned());
        let digest = digest_of(Path::new(&path));
        let with = |change: fn(&mut FileEvidence)| {
            let mut other = file.clone();
            change(&mut other);
            other
        };
        let marked = |mark: &str| FileEvidence {
            mark: text(mark),
            ..file.clone()
        };
        let same = [
            file.clone(),
            FileEvidence { digest, ..file.clone() },
            with(|file| file.path += ".gone").absent(),
            marked("looked:k:same"),
            marked("looked:k:same changed:same"),
            // The change time identifies the file, even if its modification time was set.
            FileEvidence {
                modified: Some(7),
                ..marked("changed:same")
            },
        ];
        let other = [
            with(|file| file.size = Some(5)),
            with(|file| file.modified = Some(-1)),
            with(|file| file.modified = None),
            with(|file| file.digest = Some("0a".repeat(32))),
            with(|file| file.path += ".gone"),
            file.clone().absent(),
            marked("looked:k:other"),
            marked("installed:other"),
            marked("changed:other"),
            marked("looked:k:other changed:same"),
        ];
        for (files, expected) in [(same.to_vec(), true), (other.to_vec(), false)] {
            for file in files {
                assert_eq!(with_surroundings(|here| here.has_file(&file)), expected, "{file:?}");
            }
        }
    }

    #[test]
    fn a_folder_is_compared_by_what_it_lists_where_that_counted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "").unwrap();
        let listed = FileEvidence {
            path: folder.path().to_str().unwrap().to_owned(),
            size: Some(1),
            // Of a listing that contains `b`, as `clew.files.listed` writes it.
            digest: Some("names:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d".to_owned()),
            ..FileEvidence::default()
        };
        let has = |file: &FileEvidence| with_surroundings(|here| here.has_file(file));
        assert!(has(&listed));
        let not_listed = FileEvidence {
            digest: None,
            ..listed.clone()
        };
        assert!(has(&not_listed));
        let was_file = FileEvidence {
            mark: Some("changed:same".to_owned()),
            ..not_listed.clone()
        };
        assert!(!has(&was_file));
        for digest in ["names:", "0a"] {
            let other = FileEvidence {
                digest: Some(digest.to_owned()),
                ..listed.clone()
            };
            assert!(!has(&other), "{digest}");
        }
        assert!(!has(&not_listed.absent()));
    }

    trait Absent {
        fn absent(self) -> Self;
    }

    impl Absent for FileEvidence {
        fn absent(self) -> Self {
            Self {
                size: None,
                modified: None,
                digest: None,
                ..self
            }
        }
    }
}
