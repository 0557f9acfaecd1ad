//! Checks that need the meaning of code (`clew.adapters.determinism`), made once for each function.

use std::rc::Rc;

use pyo3::prelude::*;
use rustc_hash::FxHashMap;

use super::keyless::KeylessCause;
use crate::raw::Object;

/// Conditions on a function's arguments, in words.
pub(super) type ArgumentConditions = Rc<[String]>;

/// Checks whether functions, and the callables and arguments of tasks, are deterministic. Results are kept as long as
/// the objects are held.
pub(super) struct DeterminismChecks<'py> {
    of_function: Bound<'py, PyAny>,
    of_value: Bound<'py, PyAny>,
    settled: Bound<'py, PyAny>,
    given: FxHashMap<Object, Result<(), KeylessCause>>,
    needs: FxHashMap<Object, ArgumentConditions>,
    kept: Vec<Bound<'py, PyAny>>,
}

impl<'py> DeterminismChecks<'py> {
    pub fn new([of_function, of_value, settled]: [Bound<'py, PyAny>; 3]) -> Self {
        Self {
            of_function,
            of_value,
            settled,
            given: FxHashMap::default(),
            needs: FxHashMap::default(),
            kept: Vec::new(),
        }
    }

    /// Checks a function of the user; the caller caches the mentions of a function, so that this is called once.
    pub fn function(&mut self, function: &Bound<'py, PyAny>) -> Result<(), KeylessCause> {
        let told = self.of_function.call1((function,)).and_then(|told| told.extract());
        let (why, needs): (Option<String>, Vec<String>) = told.map_err(KeylessCause::failed)?;
        doubted(why)?;
        if !needs.is_empty() {
            self.needs.insert(Object::of(function), needs.into());
            self.kept.push(function.clone());
        }
        Ok(())
    }

    /// Checks the callable of a task.
    pub fn called(&self, value: &Bound<'py, PyAny>) -> Result<(), KeylessCause> {
        let told = self.of_value.call1((value, true)).and_then(|told| told.extract());
        doubted(told.map_err(KeylessCause::failed)?)
    }

    /// Checks a library's object that a task is given.
    pub fn given(&mut self, value: &Bound<'py, PyAny>) -> Result<(), KeylessCause> {
        let object = Object::of(value);
        if let Some(known) = self.given.get(&object) {
            return known.clone();
        }
        let told = self.of_value.call1((value, false)).and_then(|told| told.extract());
        let found = doubted(told.map_err(KeylessCause::failed)?);
        self.kept.push(value.clone());
        self.given.insert(object, found.clone());
        found
    }

    /// Returns the conditions of a function, if it was checked and has any.
    pub fn needs(&self, function: Object) -> Option<ArgumentConditions> {
        if self.needs.is_empty() {
            return None;
        }
        self.needs.get(&function).map(Rc::clone)
    }

    /// Checks that the conditions of functions hold for a task that calls `callable` with `given`.
    pub fn settle(
        &self,
        callable: &Bound<'py, PyAny>,
        needing: &[(Object, ArgumentConditions)],
        given: &Bound<'py, PyAny>,
    ) -> Result<(), KeylessCause> {
        let needing = needing.iter();
        let needing: Vec<_> = needing
            .map(|(function, needs)| (function.bound(callable.py()), needs.to_vec()))
            .collect();
        let told = self
            .settled
            .call1((callable, needing, given))
            .and_then(|told| told.extract());
        doubted(told.map_err(KeylessCause::failed)?)
    }
}

fn doubted(why: Option<String>) -> Result<(), KeylessCause> {
    why.map_or(Ok(()), |why| Err(KeylessCause::Doubted(why.into())))
}
