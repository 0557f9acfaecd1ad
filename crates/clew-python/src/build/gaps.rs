//! Objects that were not stored: the live ones if they still exist, otherwise placeholders that report what is
//! missing on use.
//!
//! An object is missing, too, if its library's code refuses to make it from a placeholder, or if it cannot be filled.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::graph::ArenaNode;
use clew_core::id::Root;
use clew_core::kernel::{BuildError, MissingMembers};
use clew_value::name_gaps;
use pyo3::prelude::*;

use super::{BuildResult, Builder, malformed};
use crate::cause::PythonCause;
use crate::kinds;

/// The missing objects of a co-variable that is built.
#[derive(Default)]
pub(super) struct Gaps<'py> {
    /// The reason why each node is missing, and its placeholder.
    missing: BTreeMap<u32, (String, Bound<'py, PyAny>)>,
    /// Nodes that are known to be missing before they are built, with the reason.
    left_out: BTreeMap<u32, String>,
    blamed: Option<(u32, String)>,
}

impl Gaps<'_> {
    pub fn holds(&self, number: u32) -> bool {
        self.missing.contains_key(&number)
    }

    /// Returns the node that could not be filled because something below it is missing, with the reason.
    pub fn blamed(&self) -> Option<(u32, String)> {
        self.blamed.clone()
    }
}

/// Checks that a node identifies its object.
pub(super) fn check(node: &ArenaNode<'_>) -> Result<(), BuildError> {
    serial(node).map(drop)
}

fn serial(node: &ArenaNode<'_>) -> Result<u64, BuildError> {
    let serial = node.payload.try_into().map(u64::from_be_bytes);
    serial.map_err(|_| malformed("an object without a value has no number"))
}

impl<'py> Builder<'py, '_> {
    /// Marks these nodes as missing before they are built.
    pub(super) fn leave_out_all(&mut self, numbers: &BTreeMap<u32, String>) {
        self.gaps.left_out.clone_from(numbers);
        self.order.leave_out(numbers.keys().copied());
    }

    /// Returns the live object that a node identifies, or a placeholder.
    pub(super) fn make_unstored(&mut self, number: u32, node: &ArenaNode<'_>) -> BuildResult<'py> {
        if let Some(live) = self.heap.unstored_object(self.py, serial(node)?) {
            return Ok(live);
        }
        let why = self
            .asides
            .get(&number)
            .map(|why| String::from_utf8_lossy(why).into_owned());
        self.stand_in_for_missing(number, why.unwrap_or_else(|| PythonCause::NotRecorded.into()))
    }

    /// Uses a placeholder for an object that cannot be made without a missing one.
    pub(super) fn leave_out(&mut self, number: u32, error: BuildError) -> BuildResult<'py> {
        match self.why_missing(number, &error) {
            Some(why) => self.stand_in_for_missing(number, why),
            None => Err(error),
        }
    }

    /// Returns the placeholder of a node that was marked as missing in advance.
    pub(super) fn stand_in_left_out(&mut self, number: u32) -> Result<Option<Bound<'py, PyAny>>, BuildError> {
        match self.gaps.left_out.get(&number).cloned() {
            Some(why) => self.stand_in_for_missing(number, why).map(Some),
            None => Ok(None),
        }
    }

    /// Remembers a node that cannot be filled without a missing object.
    pub(super) fn blame(&mut self, number: u32, error: BuildError) -> BuildError {
        if let Some(why) = self.why_missing(number, &error) {
            self.gaps.blamed = Some((number, why));
        }
        error
    }

    /// Returns the missing members with their paths, and adds the paths to the placeholders.
    pub(super) fn missing(&self, roots: &[Root]) -> MissingMembers {
        if self.gaps.missing.is_empty() {
            return MissingMembers::default();
        }
        let whys = self
            .gaps
            .missing
            .iter()
            .map(|(number, (why, _))| (*number, why.clone()));
        let named = name_gaps(roots, self.arena.bytes(), &whys.collect());
        for (number, gap) in &named {
            let stand_in = self.gaps.missing.get(number).map(|(_, stand_in)| stand_in);
            // A placeholder without a path still reports the reason.
            let _ = stand_in.map(|stand_in| name_stand_in(stand_in, &gap.path));
        }
        MissingMembers {
            numbers: self.gaps.missing.keys().copied().collect(),
            gaps: named.into_iter().map(|(_, gap)| gap).collect(),
        }
    }

    fn stand_in_for_missing(&mut self, number: u32, why: String) -> BuildResult<'py> {
        let stand_in = self.call("clew.placeholder", "stand_in", (&why,))?;
        self.gaps.missing.insert(number, (why, stand_in.clone()));
        Ok(stand_in)
    }

    /// Returns why a failed node is missing: because one of its parts is. Classes are never left out.
    fn why_missing(&self, number: u32, error: &BuildError) -> Option<String> {
        let (BuildError::Failed(why) | BuildError::Unbound(why)) = error else {
            return None;
        };
        let is_class = self.arena.node(number).kind == kinds::DEFINITION;
        (!is_class && self.reaches_missing(number)).then(|| why.clone())
    }

    fn reaches_missing(&self, number: u32) -> bool {
        let (mut seen, mut open) = (BTreeSet::from([number]), vec![number]);
        while let Some(at) = open.pop().filter(|_| !self.gaps.missing.is_empty()) {
            if self.gaps.holds(at) {
                return true;
            }
            let children = self.arena.node(at).children.iter();
            open.extend(children.filter(|child| seen.insert(**child)));
        }
        false
    }
}

fn name_stand_in(stand_in: &Bound<'_, PyAny>, path: &str) -> PyResult<()> {
    let module = stand_in.py().import("clew.placeholder")?;
    module.call_method1("name", (stand_in, path)).map(drop)
}
