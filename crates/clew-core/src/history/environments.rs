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
    runs: HashMap<RunId, (SessionId, usize)>,
}

/// What the runs of one session told, by their places.
#[derive(Debug, Default)]
struct Told {
    interpreter: Option<Interpreter>,
    modules: BTreeMap<String, Vec<(usize, ModuleEvidence)>>,
}

impl Environments {
    /// Reads all runs of a history.
    pub fn of(history: &History) -> Self {
        let mut environments = Self::default();
        for (place, (id, run)) in history.runs().enumerate() {
            let Some(session) = history.maker(id) else { continue };
            environments.runs.insert(*id, (session, place));
            let told = environments.sessions.entry(session).or_default();
            if let Some(interpreter) = &run.evidence.interpreter {
                told.interpreter.get_or_insert_with(|| interpreter.clone());
            }
            for module in run.evidence.found.iter().chain(&run.evidence.modules) {
                let known = told.modules.entry(module.name.clone()).or_default();
                known.push((place, module.clone()));
            }
        }
        environments
    }

    /// The interpreter that a run ran in; `None` where its session never said.
    pub fn interpreter(&self, run: &RunId) -> Option<&Interpreter> {
        let (session, _) = self.runs.get(run)?;
        self.sessions.get(session)?.interpreter.as_ref()
    }

    /// What a top-level module was when a run ended. What its session told of it only later was there before too, as a rule:
    /// the start of a session tells nothing.
    pub fn module(&self, run: &RunId, name: &str) -> Option<&ModuleEvidence> {
        let (session, place) = self.runs.get(run)?;
        let told = self.sessions.get(session)?.modules.get(name)?;
        let before = told.iter().rev().find(|(told, _)| told <= place);
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
