//! The environments of a history's runs: the interpreter of their session, and the packages imported by then.
//!
//! A process keeps its imported modules when it switches to another branch, so this follows sessions and not branches.

use std::collections::{BTreeMap, HashMap};

use super::History;
use crate::format::{Interpreter, ModuleEvidence};
use crate::id::{RunId, SessionId};

/// The environments that the runs of a history recorded.
#[derive(Debug, Default)]
pub struct Environments {
    sessions: HashMap<SessionId, Told>,
    /// The session of each run, and the run's number.
    runs: HashMap<RunId, (SessionId, u64)>,
}

/// The environment that the runs of one session recorded, by their numbers.
#[derive(Debug, Default)]
struct Told {
    interpreter: Option<Interpreter>,
    modules: BTreeMap<String, Vec<(u64, ModuleEvidence)>>,
}

impl Environments {
    /// Reads all runs of a history.
    pub fn of(history: &History) -> Self {
        let mut environments = Self::default();
        environments.learn(history);
        environments
    }

    /// Reads the runs that were added since.
    pub fn learn(&mut self, history: &History) {
        let all = history.outlines().map(|(id, _)| id);
        let new: Vec<RunId> = all.filter(|id| !self.runs.contains_key(id)).collect();
        // Reads all at once, on several threads.
        history.runs_of(&new);
        for id in new {
            let (Some(run), Some(session)) = (history.run(&id), history.maker(&id)) else {
                continue;
            };
            self.runs.insert(id, (session, run.number));
            let told = self.sessions.entry(session).or_default();
            if let Some(interpreter) = &run.evidence.interpreter {
                told.interpreter.get_or_insert_with(|| interpreter.clone());
            }
            let all = run.evidence.found.iter().chain(&run.evidence.modules);
            for module in all.filter(|module| !module.is_lookup()) {
                let known = told.modules.entry(module.name.clone()).or_default();
                known.push((run.number, module.clone()));
            }
        }
    }

    /// Returns the interpreter of a run; `None` if its session did not record one.
    pub fn interpreter(&self, run: &RunId) -> Option<&Interpreter> {
        let (session, _) = self.runs.get(run)?;
        self.sessions.get(session)?.interpreter.as_ref()
    }

    /// Returns a top-level module as it was when a run ended. If the session recorded the module only later, that later record is
    /// returned, since the module usually existed before: the start of a session records no modules.
    pub fn module(&self, run: &RunId, name: &str) -> Option<&ModuleEvidence> {
        let (session, number) = self.runs.get(run)?;
        let told = self.sessions.get(session)?.modules.get(name)?;
        let before = told.iter().rev().find(|(told, _)| told <= number);
        before.or(told.first()).map(|(_, module)| module)
    }

    /// Returns the user's own modules that existed when a run ended.
    pub fn own_modules(&self, run: &RunId) -> impl Iterator<Item = &ModuleEvidence> {
        let names = self.runs.get(run).and_then(|(session, _)| self.sessions.get(session));
        let names = names.into_iter().flat_map(|told| told.modules.keys());
        let found = names.filter_map(|name| self.module(run, name));
        found.filter(|module| !module.files.is_empty())
    }
}
