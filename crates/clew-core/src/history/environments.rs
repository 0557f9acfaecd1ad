//! In what the runs of a history ran: the interpreter of their session, and the packages that it had imported by then.
//!
//! A process keeps what it imported, whatever line of the history it goes on in, so this follows sessions and not lines.

use std::collections::{BTreeMap, HashMap};

use super::History;
use crate::format::{Interpreter, ModuleEvidence};
use crate::id::{RunId, SessionId};

/// What the runs of a history told of their environments.
#[derive(Debug, Default)]
pub struct Environments {
    sessions: HashMap<SessionId, Told>,
    /// The session of each run, and its number.
    runs: HashMap<RunId, (SessionId, u64)>,
}

/// What the runs of one session told, by their numbers.
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
        // All at once, on several processors.
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
            for module in run.evidence.found.iter().chain(&run.evidence.modules) {
                let known = told.modules.entry(module.name.clone()).or_default();
                known.push((run.number, module.clone()));
            }
        }
    }

    /// The interpreter that a run ran in; `None` where its session never said.
    pub fn interpreter(&self, run: &RunId) -> Option<&Interpreter> {
        let (session, _) = self.runs.get(run)?;
        self.sessions.get(session)?.interpreter.as_ref()
    }

    /// What a top-level module was when a run ended. What its session told of it only later was there before too, as a rule:
    /// the start of a session tells nothing.
    pub fn module(&self, run: &RunId, name: &str) -> Option<&ModuleEvidence> {
        let (session, number) = self.runs.get(run)?;
        let told = self.sessions.get(session)?.modules.get(name)?;
        let before = told.iter().rev().find(|(told, _)| told <= number);
        before.or(told.first()).map(|(_, module)| module)
    }

    /// The user's own modules that were there when a run ended.
    pub fn own_modules(&self, run: &RunId) -> impl Iterator<Item = &ModuleEvidence> {
        let names = self.runs.get(run).and_then(|(session, _)| self.sessions.get(session));
        let names = names.into_iter().flat_map(|told| told.modules.keys());
        let found = names.filter_map(|name| self.module(run, name));
        found.filter(|module| !module.files.is_empty())
    }
}
