//! Which recorded run stands for running its cell again: one that found what the cell would find now.
//!
//! In: a recorded run, the state that its cell would find, and what lies outside the session now. Out: all that stands against taking
//! what that run left for what the cell would leave; nothing, if it may be taken. These are *verifying traces* (Mokhov, Mitchell, Peyton
//! Jones: Build Systems à la Carte, ICFP 2018, section 4.2): no key names all that a cell may read before it runs, so each recorded run
//! tells what it read, and that is held against what is there. A cell that reads under a condition has one for each way.
//!
//! ```text
//!   found ──► cell 1: recorded runs of its code, newest first ──► none stands against ──► found = found + what that run left
//!                                                            └──► each has something ──► the cell runs, and leaves what it leaves
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

/// Inputs of cells outside the session, such as files, as they are now.
pub trait ExternalInputs {
    /// Whether a file is what it was.
    fn has_file(&self, file: &FileEvidence) -> bool;

    /// The version of a package that is there now, where it is not what it was; empty if there is none.
    fn other_module(&self, module: &ModuleEvidence) -> Option<String>;

    /// The version of Python that a cell would run in, where that is known.
    fn python(&self) -> Option<&str>;

    /// What an environment variable is; `None` if it is not set.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether code finds something under a name that nobody in the session bound.
    fn is_builtin(&self, name: &str) -> bool;
}

/// The state, the working directory and the changed library settings with which a cell would be executed.
#[derive(Debug, Clone, Default)]
pub struct ExecutionContext {
    /// The session.
    pub state: State,
    /// The working directory, where that is known.
    pub directory: Option<String>,
    /// What cells set in libraries ([`Flow::patched`]).
    pub patched: Patches,
    /// Whether nothing is executed at all, so that nobody needs what cells set in libraries: it only has to be the same.
    pub overlooks_patches: bool,
}

impl ExecutionContext {
    /// What the next cell would find if a run of this history is taken for the one before; nothing else if there is no such run.
    pub fn reuse(&mut self, history: &History, id: &RunId) {
        let Some(run) = history.run(id) else { return };
        self.state.reuse(&as_reused(run), &bound_again(history, id));
        self.patched.add(&run.evidence, *id);
        if let Some(went) = &run.evidence.went {
            self.directory = Some(went.clone());
        }
    }
}

/// Why the recorded result of a run cannot be used in place of executing its cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReuseObstacle {
    /// It failed, was interrupted, or its kernel died.
    Unfinished,
    /// Somebody else recorded it, whom nobody trusted yet.
    Untrusted,
    /// Its source was not kept whole.
    Masked,
    /// Right after it something changed that no cell did, and not only what shares objects.
    WentOn {
        /// The change.
        run: RunId,
    },
    /// Something that it may have read is not what it was.
    Input {
        /// The input.
        root: Root,
        /// What it was; `None` if it was not there.
        then: Option<Version>,
        /// What it is.
        now: Option<Version>,
    },
    /// Nobody can tell what an input was when it ran.
    Uncertain {
        /// The input.
        root: Root,
    },
    /// A file that it may have read is not what it was.
    FileRead(FileEvidence),
    /// A file that it wrote is not as it left it.
    FileWritten(FileEvidence),
    /// A file with code of the user's own is not what it was.
    Code(FileEvidence),
    /// A package is another.
    Module {
        /// What it was.
        then: ModuleEvidence,
        /// What it is.
        now: String,
    },
    /// It ran in another Python.
    Python {
        /// In which.
        then: String,
        /// In which the cell would run.
        now: String,
    },
    /// It ran in another directory, and asked in which, or went to another from there.
    Directory {
        /// In which.
        then: String,
        /// In which the cell would run.
        now: String,
    },
    /// An environment variable that it may have read is not what it was.
    Variable {
        /// Its name.
        name: String,
        /// What it was; `None` if it was not set.
        then: Option<String>,
        /// What it is.
        now: Option<String>,
    },
    /// It used the network.
    Network,
    /// It started programs.
    Programs,
    /// It drew random numbers that depend on nothing.
    Random,
    /// It asked for what is another each time: the time, somebody at the keyboard.
    Asked(String),
    /// It set something in a library, or used a library in which a cell set something: nobody brings that back.
    Patched(String),
    /// Something that it left can't be brought back.
    Unstored {
        /// What it left.
        roots: Vec<Root>,
    },
}

impl ReuseObstacle {
    /// Whether it is that the run itself sets something in a library.
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

/// The variable that says where Python looks for modules besides: it decides on those of the user's own, and on those that are not there.
const SEARCHED: &str = "PYTHONPATH";

/// The variable that says which warnings Python shows.
const WARNINGS: &str = "PYTHONWARNINGS";

/// Folders that hold nothing but what is installed.
const PACKAGES: [&str; 2] = ["/site-packages/", "/dist-packages/"];

/// The generator whose state nobody knows.
const SYSTEM: &str = "os.urandom";

impl<'a> Flow<'a> {
    /// What stands against taking what the run at `place` left for what its cell would leave where it finds `found`. Empty if nothing
    /// does: then [`ExecutionContext::reuse`] tells what it would leave.
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

    /// What changed right behind it and no cell did: threads and callbacks go on after their cell. Where only what shares objects
    /// changed, others that share objects with what it left have to be what they were.
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

    /// The run right behind a recorded one that belongs to it: it has nothing but that roots share objects, or no longer do, each of them as it
    /// was. A look at some names misses what these share with others to which no name leads, such as a list of a library's. Who takes
    /// the recorded run takes that one after it.
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

    /// That it drew from a generator that was not there before it, or asked for its state, and did not seed it: one that came with what it
    /// imported, or that nobody had drawn from.
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

    /// Packages and modules that it may have used. What a run imports it names; what it used of that later ones tell by what they read
    /// and made.
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
        let is_searched =
            |module: &&&ModuleEvidence| module.version.as_deref() == Some("") || !module.files.iter().all(is_installed);
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

    /// Where modules of the user's own are looked for, where it may have used any: another path may lead to others of the same name.
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

    /// Files behind values that hold no data yet.
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

    /// Packages and modules that it may have used, as they were.
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
        let mut names = self.libraries(needed, place, before);
        names.extend(own.clone().map(|module| module.name.clone()));
        let known = names.iter().filter_map(|name| environments.module(&place.run(), name));
        let mut all: BTreeMap<&str, &ModuleEvidence> = known.map(|module| (module.name.as_str(), module)).collect();
        all.extend(own.map(|module| (module.name.as_str(), module)));
        // The user's own modules call each other, and what they have in common.
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
        all.into_values().collect()
    }

    /// What it set in libraries, and what cells set before it, then or now, in libraries that it may have used: where that was not certainly
    /// set to the same.
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

    /// Whether two runs certainly set in libraries what they set to the same: they are of one source, and the one found all that the other had.
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
        // Each text has a salt of its own.
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

    /// Environment variables that a library that it uses asked for in an earlier cell, and may have kept, where it was told something else.
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
            // Nothing before it asks any more, so the library asks now.
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

    /// What runs set in libraries up to `place`. It is no part of a state.
    pub fn patched(&self, place: &RunPosition<'a>) -> Patches {
        place.line.patched(place.depth)
    }

    /// What it may have read, and what it left without having bound it anew.
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
        // The run tells its directory itself.
        let is_told = |root: &&Root| root.kind == RootKind::Directory && run.evidence.directory.is_some();
        // Where modules are looked for before any cell changes that follows from the environment and the directory.
        let is_of_start =
            |root: &Root| is_same_directory && root.kind == RootKind::Path && !self.is_cells(root, &before);
        // No kernel begins with what somebody decided, and libraries that drew left it so.
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
                // What it binds anew, or bound and took away, may have been anything, but not a part of something that goes on.
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
        // Who asks for the last results finds those of other cells where there are any.
        if reads_last_outputs(run) {
            let is_new = |root: &&Root| root.kind == RootKind::Out && then.version(root).is_none();
            let came = found.roots().filter(is_new);
            obstacles.extend(came.map(|root| ReuseObstacle::input(root, &then, found)));
        }
        obstacles
    }

    /// What it may have bound and left as it was: where that is another now, nobody knows what the cell would leave of it, unless it certainly
    /// binds it anew.
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

    /// State that decides how code behaves without being named in it (options, the directory), where a cell set it since.
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
            // Those that it may have read it tells, too.
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

    /// Environment variables that it may have read: as the session has them where a cell set them, else as they are outside.
    fn of_variables(&self, place: &RunPosition<'a>, found: &State, outside: &dyn ExternalInputs) -> Vec<ReuseObstacle> {
        let (run, before) = (place.recorded(), place.before());
        let then = before.map(|before| self.history.state(before.run()));
        let asked = run.evidence.variables.iter();
        asked
            .filter_map(|(name, was)| other_variable(name, was.as_deref(), then.as_deref(), found, outside))
            .collect()
    }

    /// Names that it looked for in vain, or found where Python has its own, and that are there now.
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
        // What it binds anew itself it looks for in vain only before that.
        let came = came.filter(|root| !evidence.binds.contains(&root.key) || reads.contains(root.key.as_str()));
        came.map(|root| ReuseObstacle::input(root, &then, found)).collect()
    }

    /// Classes of the notebook that an input refers to, and those that these refer to, as a class does to its bases: they are part of how it
    /// behaves.
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

    /// Whether an input that was only read is what it was. What else shares objects with it makes no difference to who reads nothing else
    /// of that.
    fn reads_same(&self, needed: &BTreeSet<Root>, root: &Root, was: &Version, is: &Version) -> bool {
        let is_alone = |version: &Version| version.roots.iter().filter(|root| needed.contains(root)).count() == 1;
        are_same(Some(was), Some(is)) || is_alone(was) && is_alone(is) && self.is_alike(root, was, is)
    }

    /// What it left that can't be brought back: what is not stored, and what it did to live objects without a value, as reading moves a file
    /// along.
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

/// That an environment variable is not what it was: as cells set it by the state `then`, or, where none did, as it lies outside.
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

/// That a variable is another by which Python itself starts.
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

/// What of the record itself speaks against it.
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

/// What was found right behind a run and no cell did.
fn outside_behind(history: &History, id: &RunId) -> Option<RunId> {
    let is_outside = |next: &&RunId| history.run(next).is_some_and(|next| next.kind == RunKind::Outside);
    history.children(id).iter().find(is_outside).copied()
}

/// What it did that nobody can repeat, and files that are not what they were.
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

/// Those of the files, where a cell would look for them now, that are not what they were.
fn others<'f>(
    files: impl Iterator<Item = &'f FileEvidence>,
    elsewhere: Option<DirectoryChange<'_>>,
    outside: &dyn ExternalInputs,
) -> Vec<FileEvidence> {
    // What the run itself read of the environment is an input like any other: what libraries read of their own is marked.
    let inputs = files.filter(|file| !file.of_environment);
    let here = inputs.flat_map(|file| elsewhere.map_or_else(|| vec![file.clone()], |elsewhere| elsewhere.places(file)));
    here.filter(|file| !outside.has_file(file)).collect()
}

/// Whether two versions are the same: the same roots together, with the same value.
fn are_same(one: Option<&Version>, other: Option<&Version>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.fingerprint == other.fingerprint && one.roots == other.roots,
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The minor version of a version of Python: `3.11` of `3.11.7`.
fn minor(version: &str) -> &str {
    let end = version.match_indices('.').nth(1).map_or(version.len(), |(at, _)| at);
    &version[..end]
}

/// Whether a root is what a cell set in a library: that counts by what the record says of it (`of_patches`), a part of the state or not.
fn is_patch(root: &Root, patched: &Patches) -> bool {
    root.kind == RootKind::ModuleAttribute && patched.names(&root.key)
}
