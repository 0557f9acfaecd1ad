//! Decides whether a recorded run can replace executing its cell: whether it found the inputs that the cell would find now.
//!
//! The input is a recorded run, the state that its cell would find, and the current inputs outside the session. The output is all
//! obstacles to reusing the result of that run; none if it can be reused. These are *verifying traces* (Mokhov, Mitchell, Peyton
//! Jones: Build Systems à la Carte, ICFP 2018, section 4.2). No key could name all inputs of a cell before it runs. So each
//! recorded run lists what it read, and this is compared with the current inputs. A cell that reads under a condition has a
//! recorded run for each case.
//!
//! ```text
//!   found ──► cell 1: recorded runs of its code, newest first ──► one has no obstacle ──► found = found + the effects of that run
//!                                                            └──► each has an obstacle ──► the cell is executed
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::bound::{as_reused, bound_again, written_again};
use super::inputs::{is_context, needs, reads_last_outputs};
use super::needs::is_bound_anew;
use super::patches::{Patches, is_everywhere};
use super::relocation::DirectoryChange;
use super::{Flow, RunPosition};
use crate::format::{
    Encoding, Ending, Evidence, FileEvidence, Manifest, ModuleEvidence, Run, RunKind, Version, first_word,
};
use crate::history::environments::Environments;
use crate::history::{History, State};
use crate::id::{Root, RootKind, RunId};

/// The current inputs of cells outside the session, such as files.
pub trait ExternalInputs {
    /// Returns whether a file is unchanged.
    fn has_file(&self, file: &FileEvidence) -> bool;

    /// Returns the installed version of a package if it differs from the recorded one; empty if the package is missing.
    fn other_module(&self, module: &ModuleEvidence) -> Option<String>;

    /// Returns the Python version in which a cell would run, if it is known.
    fn python(&self) -> Option<&str>;

    /// Returns the value of an environment variable; `None` if it is not set.
    fn variable(&self, name: &str) -> Option<String>;

    /// Returns whether a name that is not bound in the session is built into Python.
    fn is_builtin(&self, name: &str) -> bool;
}

/// The state, the working directory and the changed library settings with which a cell would be executed.
#[derive(Debug, Clone, Default)]
pub struct ExecutionContext {
    /// The session state.
    pub state: State,
    /// The working directory, if it is known.
    pub directory: Option<String>,
    /// Attributes that cells set in libraries ([`Flow::patched`]).
    pub patched: Patches,
    /// Whether no cell is executed at all. Then attributes that cells set in libraries are not needed; they only have to be equal.
    pub overlooks_patches: bool,
}

impl ExecutionContext {
    /// Applies the effects of a reused run of this history, for the next cell. Does nothing if there is no such run.
    pub fn reuse(&mut self, history: &History, id: &RunId) {
        let Some(run) = history.run(id) else { return };
        self.state.reuse(&as_reused(run), &bound_again(history, id));
        self.patched.add(&run.evidence, *id);
        if let Some(went) = &run.evidence.went {
            self.directory = Some(went.clone());
        }
    }
}

/// The reason why the recorded result of a run cannot replace executing its cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReuseObstacle {
    /// The run failed, was interrupted, or its kernel died.
    Unfinished,
    /// It was recorded by another person, who is not trusted.
    Untrusted,
    /// Its source was not recorded completely.
    Masked,
    /// Right after it, an external change was recorded, and more than sharing of objects changed.
    WentOn {
        /// The run of that change.
        run: RunId,
    },
    /// A root that it may have read is different.
    Input {
        /// The root.
        root: Root,
        /// Its recorded version; `None` if it did not exist.
        then: Option<Version>,
        /// Its current version.
        now: Option<Version>,
    },
    /// The version of an input before the run is unverified.
    Uncertain {
        /// The input.
        root: Root,
    },
    /// A file that it may have read is different.
    FileRead(FileEvidence),
    /// A file that it wrote is no longer as it was after the run.
    FileWritten(FileEvidence),
    /// A file of the user's own modules is different.
    Code(FileEvidence),
    /// A package has another version.
    Module {
        /// The recorded package.
        then: ModuleEvidence,
        /// The current version.
        now: String,
    },
    /// It ran in another Python version.
    Python {
        /// The recorded version.
        then: String,
        /// The version in which the cell would run.
        now: String,
    },
    /// It ran in another directory, and read its path or changed to another directory.
    Directory {
        /// The recorded directory.
        then: String,
        /// The directory in which the cell would run.
        now: String,
    },
    /// An environment variable that it may have read is different.
    Variable {
        /// Its name.
        name: String,
        /// Its recorded value; `None` if it was not set.
        then: Option<String>,
        /// Its current value.
        now: Option<String>,
    },
    /// It used the network.
    Network,
    /// It started programs.
    Programs,
    /// It drew random numbers that do not depend on recorded state.
    Random,
    /// It read something that differs each time: the time, or keyboard input.
    Asked(String),
    /// It set an attribute of a library, or used a library in which a cell set one. Clew does not restore such attributes.
    Patched(String),
    /// Some of its results cannot be restored.
    Unstored {
        /// Their roots.
        roots: Vec<Root>,
    },
}

impl ReuseObstacle {
    /// Returns whether the obstacle is an attribute of a library that the run itself sets.
    pub fn is_own_patch(&self, run: &Run) -> bool {
        let is_own = |set: &str| run.evidence.patched.iter().any(|entry| Patches::name_of(entry) == set);
        matches!(self, Self::Patched(set) if is_own(set))
    }

    fn input(root: &Root, then: &State, found: &State) -> Self {
        Self::Input {
            root: root.clone(),
            then: then.version(root).cloned(),
            now: found.version(root).cloned(),
        }
    }
}

/// The variable with additional paths on which Python searches modules. It affects the user's own modules and missing ones.
const SEARCHED: &str = "PYTHONPATH";

/// The variable that selects which warnings Python shows.
const WARNINGS: &str = "PYTHONWARNINGS";

/// Folders that contain only installed packages.
const PACKAGES: [&str; 2] = ["/site-packages/", "/dist-packages/"];

/// The random generator whose state is unknown.
const SYSTEM: &str = "os.urandom";

impl<'a> Flow<'a> {
    /// Returns the obstacles to reusing the run at `place` instead of executing its cell with `found`. If there are none,
    /// [`ExecutionContext::reuse`] applies the run's effects.
    pub fn obstacles(
        &self,
        place: &RunPosition<'a>,
        found: &ExecutionContext,
        environments: &Environments,
        outside: &dyn ExternalInputs,
    ) -> Vec<ReuseObstacle> {
        let run = place.recorded();
        let id = place.run();
        let directory = found.directory.as_deref();
        let mut obstacles = of_record(self.history, &id, run);
        obstacles.extend(self.of_what_went_on(place, &found.state));
        if !obstacles.is_empty() {
            return obstacles;
        }
        let elsewhere = DirectoryChange::of(&run.evidence, directory);
        obstacles.extend(of_evidence(&run.evidence, elsewhere, outside));
        if let Some(random) = self.of_draws(place).filter(|random| !obstacles.contains(random)) {
            obstacles.push(random);
        }
        if let (Some(then), Some(now)) = (environments.interpreter(&id), outside.python())
            && minor(&then.version) != minor(now)
        {
            obstacles.push(ReuseObstacle::Python {
                then: then.version.clone(),
                now: now.to_owned(),
            });
        }
        obstacles.extend(of_start(WARNINGS, &id, environments, outside));
        let needed = self.needs(place);
        obstacles.extend(self.of_lazy(place, &needed, elsewhere, outside));
        let then = place.before().map(|before| self.patched(&before)).unwrap_or_default();
        obstacles.extend(self.of_patches(place, &needed, &then, found, environments, outside));
        obstacles.extend(self.of_kept(place, &needed, &then, found, outside));
        let found = &found.state;
        obstacles.extend(self.of_modules(place, &needed, environments, elsewhere, outside));
        obstacles.extend(self.of_path(place, &needed, environments, found));
        let asked = self.of_variables(place, found, outside);
        let asked: Vec<_> = asked.into_iter().filter(|asked| !obstacles.contains(asked)).collect();
        obstacles.extend(asked);
        obstacles.extend(self.of_inputs(place, &needed, found, elsewhere.is_none()));
        obstacles.extend(self.of_written(place, &needed, found));
        obstacles.extend(self.of_lookups(place, found, outside));
        obstacles.extend(self.of_context(place, &needed, found));
        obstacles.extend(self.of_results(run));
        obstacles
    }

    /// Returns obstacles from external changes right after the run, since threads and callbacks may continue after their cell. If
    /// only sharing of objects changed, the other roots that came to share objects with its results must be unchanged.
    fn of_what_went_on(&self, place: &RunPosition<'a>, found: &State) -> Vec<ReuseObstacle> {
        let id = place.run();
        let Some(next) = outside_behind(self.history, &id) else {
            return Vec::new();
        };
        let joined = self.joined(&id).and_then(|joined| self.history.run(&joined));
        let Some(joined) = joined else {
            return vec![ReuseObstacle::WentOn { run: next }];
        };
        let left = self.history.state(id);
        let own: BTreeSet<&Root> = place.recorded().changed_roots().collect();
        let others = joined.changed_roots().filter(|root| !own.contains(root));
        let other = others.filter(|root| !are_same(left.version(root), found.version(root)));
        other.map(|root| ReuseObstacle::input(root, &left, found)).collect()
    }

    /// Returns the external change right after a recorded run that belongs to it: it only records that roots share objects, or no
    /// longer do, while each of them is unchanged. A look at some roots misses objects that these share with others through
    /// objects without a name, such as a list in a library. If the recorded run is reused, this run is applied after it.
    pub fn joined(&self, id: &RunId) -> Option<RunId> {
        let joined = outside_behind(self.history, id).filter(|next| outside_behind(self.history, next).is_none())?;
        let next = self.history.run(&joined)?;
        let left = self.history.state(*id);
        let is_alike = |version: &Version, root: &Root| {
            let before = left.version(root);
            before.is_some_and(|before| self.is_alike(root, before, version))
        };
        let is_joined = |version: &Version| version.roots.iter().all(|root| is_alike(version, root));
        (next.removed.is_empty() && next.changed.iter().all(is_joined)).then_some(joined)
    }

    /// Returns an obstacle if the run drew from a random generator that did not exist before it, or read its state, without
    /// seeding it. Such a generator was created by an import, or no cell had drawn from it.
    fn of_draws(&self, place: &RunPosition<'a>) -> Option<ReuseObstacle> {
        let run = place.recorded();
        let asked = run
            .evidence
            .random
            .keys()
            .map(|name| Root::new(RootKind::Random, name.clone()));
        let left = run.changed_roots();
        let left = left.filter(|root| root.kind == RootKind::Random && !run.evidence.is_undrawn(root));
        let then = place.before().map(|before| self.history.state(before.run()));
        let is_found = |root: &Root| then.as_ref().is_some_and(|then| then.version(root).is_some());
        let mut drawn = asked.chain(left.cloned());
        drawn
            .any(|root| !is_bound_anew(run, &root) && !is_found(&root))
            .then_some(ReuseObstacle::Random)
    }

    /// Returns obstacles from packages and modules that the run may have used. Its evidence lists the modules that it imported
    /// itself. Other modules that it used follow from the values that it read and created.
    fn of_modules(
        &self,
        place: &RunPosition<'a>,
        needed: &BTreeSet<Root>,
        environments: &Environments,
        elsewhere: Option<DirectoryChange<'_>>,
        outside: &dyn ExternalInputs,
    ) -> Vec<ReuseObstacle> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let all = self.modules(place, &before, needed, environments);
        let here =
            |file: &FileEvidence| elsewhere.map_or_else(|| file.clone(), |elsewhere| elsewhere.place_of_code(file));
        let is_installed = |file: &FileEvidence| PACKAGES.iter().any(|folder| file.path.contains(folder));
        let is_searched = |module: &&&ModuleEvidence| module.is_lookup() || !module.files.iter().all(is_installed);
        let searched = all.iter().find(is_searched);
        let other_search = searched.and_then(|_| of_start(SEARCHED, &place.run(), environments, outside));
        let files = all.iter().flat_map(|module| &module.files).map(here);
        let files = files.filter(|file| !outside.has_file(file));
        let mut obstacles: Vec<ReuseObstacle> = files.map(ReuseObstacle::Code).collect();
        let other = |then: &&ModuleEvidence| outside.other_module(then).map(|now| ((*then).clone(), now));
        obstacles.extend(
            all.into_iter()
                .filter_map(|then| other(&then))
                .map(|(then, now)| ReuseObstacle::Module { then, now }),
        );
        obstacles.extend(other_search);
        obstacles
    }

    /// Returns obstacles from the module search path, if the run may have used any of the user's own modules: on another path,
    /// other modules may have the same names.
    fn of_path(
        &self,
        place: &RunPosition<'a>,
        needed: &BTreeSet<Root>,
        environments: &Environments,
        found: &State,
    ) -> Vec<ReuseObstacle> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let then = self.history.state(before.run());
        let here = before
            .line
            .state_roots(before.depth)
            .filter(|root| self.is_cells(root, &before));
        let all: BTreeSet<&Root> = here
            .chain(found.roots())
            .filter(|root| root.kind == RootKind::Path)
            .collect();
        let mut other = all
            .into_iter()
            .filter(|root| !needed.contains(*root) && !are_same(then.version(root), found.version(root)))
            .peekable();
        let uses_own = || {
            let all = self.modules(place, &before, needed, environments);
            all.iter().any(|module| !module.files.is_empty())
        };
        if other.peek().is_none() || !uses_own() {
            return Vec::new();
        }
        other.map(|root| ReuseObstacle::input(root, &then, found)).collect()
    }

    /// Returns obstacles from files behind lazy values.
    fn of_lazy(
        &self,
        place: &RunPosition<'a>,
        needed: &BTreeSet<Root>,
        elsewhere: Option<DirectoryChange<'_>>,
        outside: &dyn ExternalInputs,
    ) -> Vec<ReuseObstacle> {
        let files = self.behind_lazy(place, needed);
        let files = others(files.into_iter(), elsewhere, outside);
        files.into_iter().map(ReuseObstacle::FileRead).collect()
    }

    /// Returns the packages and modules that the run may have used, as recorded.
    pub(super) fn modules<'e>(
        &self,
        place: &RunPosition<'a>,
        before: &RunPosition<'a>,
        needed: &BTreeSet<Root>,
        environments: &'e Environments,
    ) -> Vec<&'e ModuleEvidence>
    where
        'a: 'e,
    {
        let own = place.recorded().evidence.modules.iter();
        let (lookups, own): (Vec<_>, Vec<_>) = own.partition(|module| module.is_lookup());
        let mut names = self.libraries(needed, place, before);
        names.extend(own.iter().map(|module| module.name.clone()));
        let known = names.iter().filter_map(|name| environments.module(&place.run(), name));
        let mut all: BTreeMap<&str, &ModuleEvidence> = known.map(|module| (module.name.as_str(), module)).collect();
        all.extend(own.into_iter().map(|module| (module.name.as_str(), module)));
        // The user's own modules call each other, and modules that they have in common.
        let mut others: Vec<&ModuleEvidence> = environments.own_modules(&place.run()).collect();
        let mut reached: Vec<&ModuleEvidence> = all
            .values()
            .filter(|module| !module.files.is_empty())
            .copied()
            .collect();
        while let Some(module) = reached.pop() {
            let (found, left): (Vec<_>, Vec<_>) = others.into_iter().partition(|other| module.may_reach(other));
            others = left;
            for other in found {
                all.entry(&other.name).or_insert(other);
                reached.push(other);
            }
        }
        all.into_values().chain(lookups).collect()
    }

    /// Returns obstacles from attributes of libraries: those that the run set, and those that cells set before it, then or now,
    /// in libraries that it may have used, unless they certainly have the same values.
    fn of_patches(
        &self,
        place: &RunPosition<'a>,
        needed: &BTreeSet<Root>,
        then: &Patches,
        found: &ExecutionContext,
        environments: &Environments,
        outside: &dyn ExternalInputs,
    ) -> Vec<ReuseObstacle> {
        let own = place.recorded().evidence.patched.iter();
        let own = own.filter(|_| !found.overlooks_patches);
        let mut all: BTreeSet<&str> = own.map(|entry| Patches::name_of(entry)).collect();
        let set_same = |one: Option<RunId>, other: Option<RunId>| {
            let runs = one.zip(other);
            runs.is_some_and(|(one, other)| self.set_same(one, other, environments, outside))
        };
        let of_others = then.differing(&found.patched, set_same);
        if let Some(before) = place.before().filter(|_| !of_others.is_empty()) {
            let libraries = self.libraries(needed, place, &before);
            let is_used = |set: &&str| is_everywhere(set) || libraries.contains(first_word(set));
            all.extend(of_others.into_iter().filter(is_used));
        }
        all.into_iter()
            .map(|set| ReuseObstacle::Patched(set.to_owned()))
            .collect()
    }

    /// Returns whether two runs certainly set attributes of libraries to the same values: they have the same source, and each
    /// found the same inputs.
    fn set_same(&self, one: RunId, other: RunId, environments: &Environments, outside: &dyn ExternalInputs) -> bool {
        one == other
            || self.known.are_same_setters((one, other), || {
                self.are_same_setters(one, other, environments, outside)
            })
    }

    fn are_same_setters(
        &self,
        one: RunId,
        other: RunId,
        environments: &Environments,
        outside: &dyn ExternalInputs,
    ) -> bool {
        let (Some(recorded), Some(run)) = (self.history.run(&one), self.history.run(&other)) else {
            return false;
        };
        // Texts are compared and not their ids, since each text has a salt of its own.
        let source = |run: &Run| run.source.and_then(|source| self.values.source(source));
        let has_ended = run.ending == Ending::Done && run.death.is_none();
        if !has_ended || source(recorded).is_none_or(|text| Some(text) != source(run)) {
            return false;
        }
        let Some(before) = self.place(other).before() else {
            return false;
        };
        let found = ExecutionContext {
            state: State::clone(&self.history.state(before.run())),
            directory: run.evidence.directory.clone(),
            patched: self.patched(&before),
            overlooks_patches: false,
        };
        let obstacles = self.obstacles(&self.place(one), &found, environments, outside);
        obstacles.iter().all(|obstacle| obstacle.is_own_patch(recorded))
    }

    /// Returns obstacles from environment variables that a library, which the run uses, read in an earlier cell and may have
    /// cached with another value.
    fn of_kept(
        &self,
        place: &RunPosition<'a>,
        needed: &BTreeSet<Root>,
        then: &Patches,
        found: &ExecutionContext,
        outside: &dyn ExternalInputs,
    ) -> Vec<ReuseObstacle> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let state = self.history.state(before.run());
        let is_other = |(library, name, was): &(&str, &str, Option<&str>)| match found.patched.told(library, name) {
            Some(now) => now.as_deref() != *was,
            // No reused or executed cell before it reads the variable, so the library reads it now.
            None => other_variable(name, *was, Some(&state), &found.state, outside).is_some(),
        };
        let others: Vec<_> = then.kept().filter(is_other).collect();
        if others.is_empty() {
            return Vec::new();
        }
        let libraries = self.libraries(needed, place, &before);
        let used = others.into_iter().filter(|(library, ..)| libraries.contains(*library));
        let obstacle = |(_, name, was): (&str, &str, Option<&str>)| ReuseObstacle::Variable {
            name: name.to_owned(),
            then: was.map(str::to_owned),
            now: outside.variable(name),
        };
        used.map(obstacle).collect()
    }

    /// Returns the attributes that runs set in libraries up to `place`. They are not part of a state.
    pub fn patched(&self, place: &RunPosition<'a>) -> Patches {
        place.line.patched(place.depth)
    }

    /// Returns obstacles from roots that the run may have read, and from roots that it left without certainly rebinding them.
    fn of_inputs(
        &self,
        place: &RunPosition<'a>,
        needed: &BTreeSet<Root>,
        found: &State,
        is_same_directory: bool,
    ) -> Vec<ReuseObstacle> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let run = place.recorded();
        let then = self.history.state(before.run());
        let left = run.changed_roots();
        let left = left.filter(|root| !run.evidence.is_undrawn(root));
        let left: BTreeSet<&Root> = left.chain(&run.removed).collect();
        let all: BTreeSet<&Root> = needed.iter().chain(left.iter().copied()).collect();
        // The run records its directory itself.
        let is_told = |root: &&Root| root.kind == RootKind::Directory && run.evidence.directory.is_some();
        // The module search path follows from the environment and the directory, until a cell changes it.
        let is_of_start =
            |root: &Root| is_same_directory && root.kind == RootKind::Path && !self.is_cells(root, &before);
        // In a new kernel, no cell has decided the generator's state. That is equivalent to the recorded state if no cell had
        // decided that either, and the run did not change it.
        let is_undecided = |root: &Root| {
            let states = run
                .evidence
                .random
                .get(&root.key)
                .filter(|_| root.kind == RootKind::Random);
            states.is_some_and(|(before, after)| before.is_empty() && after.is_empty())
        };
        let mut obstacles = Vec::new();
        let patched = self.patched(place);
        for root in all
            .into_iter()
            .filter(|root| !is_told(root) && !is_patch(root, &patched))
        {
            let (was, is) = (then.version(root), found.version(root));
            let is_same = match (was, is) {
                (None, None) => true,
                (Some(_), None) if is_of_start(root) || is_undecided(root) => true,
                // A root that the run certainly rebinds, or removes, may have had any value, unless it is part of a larger
                // co-variable.
                (_, Some(is)) if !needed.contains(root) => {
                    (root.kind == RootKind::Out || is_bound_anew(run, root) || run.removed.contains(root))
                        && (is.roots.len() == 1 || are_same(was, Some(is)))
                }
                (_, None) if !needed.contains(root) => true,
                (Some(was), Some(is)) if left.contains(root) => are_same(Some(was), Some(is)),
                (Some(was), Some(is)) => self.reads_same(needed, root, was, is),
                _ => false,
            };
            if !is_same {
                obstacles.push(ReuseObstacle::input(root, &then, found));
            } else if needed.contains(root) && self.history.uncertain_since(before.run(), root).is_some() {
                obstacles.push(ReuseObstacle::Uncertain { root: root.clone() });
            }
            obstacles.extend(self.of_classes(was, &then, found, &obstacles));
        }
        // A cell that reads the last outputs would find those of other cells, if there are any.
        if reads_last_outputs(run) {
            let is_new = |root: &&Root| root.kind == RootKind::Out && then.version(root).is_none();
            let came = found.roots().filter(is_new);
            obstacles.extend(came.map(|root| ReuseObstacle::input(root, &then, found)));
        }
        obstacles
    }

    /// Returns obstacles from roots that the run may have rebound without changing them. If such a root has another value now,
    /// the value after the cell is unknown, unless the run certainly rebinds it.
    fn of_written(&self, place: &RunPosition<'a>, needed: &BTreeSet<Root>, found: &State) -> Vec<ReuseObstacle> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let then = self.history.state(before.run());
        let is_other = |root: &Root| !needed.contains(root) && !are_same(then.version(root), found.version(root));
        let other: Vec<Root> = written_again(place.recorded()).into_iter().filter(is_other).collect();
        if other.is_empty() {
            return Vec::new();
        }
        let certain = bound_again(self.history, &place.run());
        let is_known = |root: &Root| {
            let is_alone = found.version(root).is_none_or(|version| version.roots.len() == 1);
            is_alone && certain.iter().any(|version| version.roots.contains(root))
        };
        let unknown = other.iter().filter(|root| !is_known(root));
        unknown.map(|root| ReuseObstacle::input(root, &then, found)).collect()
    }

    /// Returns obstacles from state that affects code without being named in it (options, the directory), if a cell changed it.
    fn of_context(&self, place: &RunPosition<'a>, needed: &BTreeSet<Root>, found: &State) -> Vec<ReuseObstacle> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let context: Vec<&Root> = found
            .roots()
            .filter(|root| is_context(root.kind) && !needed.contains(root))
            .collect();
        if context.is_empty() {
            return Vec::new();
        }
        let (run, then) = (place.recorded(), self.history.state(before.run()));
        let libraries = self.libraries(needed, place, &before);
        let is_told = |root: &Root| match root.kind {
            RootKind::Directory => run.evidence.directory.is_some(),
            // The variables that it may have read are recorded, too.
            RootKind::Environment => run.evidence.variables.contains_key(&root.key),
            _ => false,
        };
        let patched = self.patched(&before);
        let counts = |root: &&Root| {
            !is_told(root)
                && !is_patch(root, &patched)
                && needs(run, root, &libraries)
                && !are_same(then.version(root), found.version(root))
        };
        let found_other = context.into_iter().filter(counts);
        found_other
            .map(|root| ReuseObstacle::input(root, &then, found))
            .collect()
    }

    /// Returns obstacles from environment variables that the run may have read. Their values come from the session if a cell set
    /// them, otherwise from outside.
    fn of_variables(&self, place: &RunPosition<'a>, found: &State, outside: &dyn ExternalInputs) -> Vec<ReuseObstacle> {
        let (run, before) = (place.recorded(), place.before());
        let then = before.map(|before| self.history.state(before.run()));
        let asked = run.evidence.variables.iter();
        asked
            .filter_map(|(name, was)| other_variable(name, was.as_deref(), then.as_deref(), found, outside))
            .collect()
    }

    /// Returns obstacles from names whose lookup failed or found a builtin in the recorded run, and that are bound now.
    fn of_lookups(&self, place: &RunPosition<'a>, found: &State, outside: &dyn ExternalInputs) -> Vec<ReuseObstacle> {
        let Some(before) = place.before() else {
            return Vec::new();
        };
        let evidence = &place.recorded().evidence;
        let then = self.history.state(before.run());
        let reads: BTreeSet<&str> = evidence.reads.iter().map(String::as_str).collect();
        let is_looked_for = |root: &&Root| {
            root.kind == RootKind::Name
                && (evidence.reads_all() || reads.contains(root.key.as_str()) || outside.is_builtin(&root.key))
        };
        let came = found
            .roots()
            .filter(|root| is_looked_for(root) && then.version(root).is_none());
        // For a name that the run itself certainly binds, only lookups before that count.
        let came = came.filter(|root| !evidence.binds.contains(&root.key) || reads.contains(root.key.as_str()));
        came.map(|root| ReuseObstacle::input(root, &then, found)).collect()
    }

    /// Returns obstacles from classes of the notebook to which an input refers, and from classes to which these refer, such as
    /// their bases: they affect its behaviour.
    fn of_classes(
        &self,
        version: Option<&Version>,
        then: &State,
        found: &State,
        known: &[ReuseObstacle],
    ) -> Vec<ReuseObstacle> {
        let is_known = |root: &Root| {
            known
                .iter()
                .any(|obstacle| matches!(obstacle, ReuseObstacle::Input { root: other, .. } if other == root))
        };
        let (mut met, mut other) = (BTreeSet::new(), Vec::new());
        let mut open: Vec<&Version> = version.into_iter().collect();
        while let Some(version) = open.pop() {
            for class in self.classes_of(version) {
                if met.contains(&class) {
                    continue;
                }
                open.extend(then.version(&class));
                if !are_same(then.version(&class), found.version(&class)) && !is_known(&class) {
                    other.push(ReuseObstacle::input(&class, then, found));
                }
                met.insert(class);
            }
        }
        other
    }

    /// Returns whether an input that was only read is unchanged. Other roots that share objects with it are irrelevant if the
    /// cell reads none of them.
    fn reads_same(&self, needed: &BTreeSet<Root>, root: &Root, was: &Version, is: &Version) -> bool {
        let is_alone = |version: &Version| version.roots.iter().filter(|root| needed.contains(root)).count() == 1;
        are_same(Some(was), Some(is)) || is_alone(was) && is_alone(is) && self.is_alike(root, was, is)
    }

    /// Returns obstacles from results that cannot be restored: values that are not stored, and effects on live objects, such as
    /// the position of a file that was read.
    fn of_results(&self, run: &Run) -> Vec<ReuseObstacle> {
        let is_stored = |version: &&Version| {
            let manifest = self.manifest(version);
            let encoding = manifest.as_deref().and_then(Manifest::encoding);
            encoding.is_some_and(Encoding::is_whole)
        };
        let lacking = run.changed.iter().filter(|version| !is_stored(version));
        let lacking = lacking.map(|version| version.roots.clone());
        let used = Some(run.evidence.used.clone()).filter(|used| !used.is_empty());
        lacking
            .chain(used)
            .map(|roots| ReuseObstacle::Unstored { roots })
            .collect()
    }
}

/// Returns an obstacle if an environment variable has changed: as set by cells in the state `then`, otherwise as set outside.
fn other_variable(
    name: &str,
    was: Option<&str>,
    then: Option<&State>,
    found: &State,
    outside: &dyn ExternalInputs,
) -> Option<ReuseObstacle> {
    let root = Root::new(RootKind::Environment, name.to_owned());
    let set = then.and_then(|then| then.version(&root));
    match (set, found.version(&root)) {
        (None, None) => {
            let now = outside.variable(name);
            let (name, then) = (name.to_owned(), was.map(str::to_owned));
            (now != then).then_some(ReuseObstacle::Variable { name, then, now })
        }
        (was, is) if are_same(was, is) => None,
        (was, is) => Some(ReuseObstacle::Input {
            then: was.cloned(),
            now: is.cloned(),
            root,
        }),
    }
}

/// Returns an obstacle if a variable has changed that affects the start of Python itself.
fn of_start(
    name: &str,
    id: &RunId,
    environments: &Environments,
    outside: &dyn ExternalInputs,
) -> Option<ReuseObstacle> {
    let (then, now) = (
        environments.interpreter(id)?.started_with.get(name).cloned(),
        outside.variable(name),
    );
    let name = name.to_owned();
    (then != now).then_some(ReuseObstacle::Variable { name, then, now })
}

/// Returns obstacles from the record itself.
fn of_record(history: &History, id: &RunId, run: &Run) -> Vec<ReuseObstacle> {
    let mut obstacles = Vec::new();
    if run.kind != RunKind::Cell || run.ending != Ending::Done || run.death.is_some() {
        obstacles.push(ReuseObstacle::Unfinished);
    }
    if history.is_untrusted(id) {
        obstacles.push(ReuseObstacle::Untrusted);
    }
    if !run.evidence.masked.is_empty() || run.source.is_none() {
        obstacles.push(ReuseObstacle::Masked);
    }
    obstacles
}

/// Returns the external change recorded right after a run.
fn outside_behind(history: &History, id: &RunId) -> Option<RunId> {
    let is_outside = |next: &&RunId| history.run(next).is_some_and(|next| next.kind == RunKind::Outside);
    history.children(id).iter().find(is_outside).copied()
}

/// Returns obstacles from effects that cannot be repeated, and from files that changed.
fn of_evidence(
    evidence: &Evidence,
    elsewhere: Option<DirectoryChange<'_>>,
    outside: &dyn ExternalInputs,
) -> Vec<ReuseObstacle> {
    let mut obstacles = Vec::new();
    if let Some(elsewhere) = elsewhere
        && (evidence.placed || evidence.went.is_some())
    {
        obstacles.push(ReuseObstacle::Directory {
            then: elsewhere.then.to_owned(),
            now: elsewhere.now.to_owned(),
        });
    }
    if !evidence.sockets.is_empty() {
        obstacles.push(ReuseObstacle::Network);
    }
    if !evidence.processes.is_empty() {
        obstacles.push(ReuseObstacle::Programs);
    }
    if evidence.random.contains_key(SYSTEM) {
        obstacles.push(ReuseObstacle::Random);
    }
    obstacles.extend(evidence.unrepeatable.iter().cloned().map(ReuseObstacle::Asked));
    let read = others(evidence.files_read.iter(), elsewhere, outside);
    obstacles.extend(read.into_iter().map(ReuseObstacle::FileRead));
    let written = others(evidence.files_written.iter(), elsewhere, outside);
    obstacles.extend(written.into_iter().map(ReuseObstacle::FileWritten));
    obstacles
}

/// Returns those files that changed, with the paths at which a cell would find them now.
fn others<'f>(
    files: impl Iterator<Item = &'f FileEvidence>,
    elsewhere: Option<DirectoryChange<'_>>,
    outside: &dyn ExternalInputs,
) -> Vec<FileEvidence> {
    // Files of the environment that the run itself read are inputs like any other. Those that libraries read internally are marked.
    let inputs = files.filter(|file| !file.of_environment);
    let here = inputs.flat_map(|file| elsewhere.map_or_else(|| vec![file.clone()], |elsewhere| elsewhere.places(file)));
    here.filter(|file| !outside.has_file(file)).collect()
}

/// Returns whether two versions are equal: the same roots together, with the same value.
fn are_same(one: Option<&Version>, other: Option<&Version>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.fingerprint == other.fingerprint && one.roots == other.roots,
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Returns the minor version of a Python version: `3.11` for `3.11.7`.
fn minor(version: &str) -> &str {
    let end = version.match_indices('.').nth(1).map_or(version.len(), |(at, _)| at);
    &version[..end]
}

/// Returns whether a root is an attribute that a cell set in a library. `of_patches` compares these by the run's evidence,
/// whether they are part of the state or not.
fn is_patch(root: &Root, patched: &Patches) -> bool {
    root.kind == RootKind::ModuleAttribute && patched.names(&root.key)
}
