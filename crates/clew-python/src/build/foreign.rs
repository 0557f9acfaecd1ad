//! Code that another version of Python compiled: recompiled here from the source in the history.

use clew_core::graph::ArenaNode;
use clew_core::kernel::BuildError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyFunction, PyString, PyTuple, PyType};
use rustc_hash::FxHashMap;

use super::library::Counts;
use super::{BuildResult, Builder, malformed};
use crate::cause::{PythonCause, RecompileFailure};
use crate::kinds;
use crate::payload::{Reader, Write};
use crate::raw::foreign::ForeignObject;

/// The use of a code node in its stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use<'a> {
    /// A constant of other code: described and run as a part of it.
    Constant,
    /// Code of a function of a library's module.
    Library(&'a [u8]),
}

/// The uses of code nodes, except of those in functions of the notebook and those on their own.
#[derive(Default)]
pub(super) struct Uses<'a>(Option<FxHashMap<u32, Use<'a>>>);

impl<'py, 'a> Builder<'py, 'a> {
    /// Recompiles code of another version from its source, and registers the result as the stored code.
    pub(super) fn make_foreign(&mut self, number: u32, node: &ArenaNode<'_>, counts: &Counts) -> BuildResult<'py> {
        let usage = self.use_of(number);
        let constants = self.child_of_type(node, 0, "constants are no tuple")?;
        let code = self.find(number, node, counts, &constants, usage)?;
        if let Ok(why) = code.extract::<String>() {
            return Err(self.sourceless(counts, &why));
        }
        self.heap.foreign.add(ForeignObject {
            object: code.clone().unbind(),
            kind: kinds::CODE,
            payload: node.payload.to_vec(),
            aside: self.asides.get(&number).copied().unwrap_or_default().to_vec(),
            child: Some(constants.into_any().unbind()),
        });
        Ok(code)
    }

    fn sourceless(&self, counts: &Counts, why: &str) -> BuildError {
        let here = self.py.version_info();
        let (major, minor) = counts.compiled_by();
        PythonCause::OtherPython {
            major,
            minor,
            here: format!("{}.{}", here.major, here.minor),
            why: RecompileFailure::named(why),
        }
        .into()
    }

    /// Returns a substitute for a library's name that the library's version here defines differently, or not at all.
    pub(super) fn stand_in(&mut self, module: &str, path: &str, payload: &[u8]) -> Option<Bound<'py, PyAny>> {
        let made = self.py.import("clew.generated_methods");
        let found = made.and_then(|made| made.call_method1("stand_in", (module, path)));
        let found = found.ok().filter(|found| !found.is_none())?;
        self.stands_for(&found, payload.to_vec());
        Some(found)
    }

    /// Returns the class itself, or a substitute with the additional slots that the other version's class has.
    pub(super) fn wide(
        &mut self,
        class: Bound<'py, PyType>,
        node: &ArenaNode<'_>,
        mut part: Reader<'_>,
    ) -> Bound<'py, PyType> {
        let name = node.children.first().map(|number| self.arena.node(*number));
        let Some(name) = name.filter(|name| name.kind == kinds::GLOBAL && part.byte() == Some(0)) else {
            return class;
        };
        let mut slots = Vec::new();
        for _ in 0..part.number().unwrap_or(0) {
            part.number();
            slots.extend(part.name().and_then(|slot| std::str::from_utf8(slot).ok()));
        }
        let has = |slot: &&str| class.hasattr(*slot).unwrap_or(true);
        if slots.iter().all(has) {
            return class;
        }
        let wide = self
            .py
            .import("clew.generated_methods")
            .and_then(|made| made.call_method1("wide", (&class, slots)));
        match wide.ok().and_then(|wide| wide.cast_into::<PyType>().ok()) {
            Some(wide) => {
                self.stands_for(wide.as_any(), name.payload.to_vec());
                wide
            }
            None => class,
        }
    }

    fn stands_for(&mut self, object: &Bound<'py, PyAny>, payload: Vec<u8>) {
        self.heap.foreign.add(named(object, payload));
    }

    /// Finds an object that a library has moved to another place.
    pub(super) fn elsewhere(&self, module: &str, path: &str) -> Option<Bound<'py, PyAny>> {
        let libraries = self.py.import("clew.libraries");
        let found = libraries.and_then(|libraries| libraries.call_method1("elsewhere", (module, path)));
        found.ok().filter(|found| !found.is_none())
    }

    /// Registers the stored name of a library's object that has another name here.
    pub(super) fn note_name(&mut self, found: &Bound<'py, PyAny>, payload: &[u8]) {
        let has_names = found.is_instance_of::<PyType>()
            || found.is_exact_instance_of::<PyFunction>()
            || found.is_exact_instance_of::<PyCFunction>();
        if !has_names {
            return;
        }
        let text = |name: &str| found.getattr(name).ok().and_then(|text| text.extract::<String>().ok());
        if let (Some(module), Some(path)) = (text("__module__"), text("__qualname__")) {
            let mut own = Vec::new();
            own.name(module.as_bytes());
            own.name(path.as_bytes());
            self.heap.foreign.call(named(found, payload.to_vec()), &own);
        }
    }

    /// Returns the code, or a word for the reason why there is none.
    fn find(
        &mut self,
        number: u32,
        node: &ArenaNode<'_>,
        counts: &Counts,
        constants: &Bound<'py, PyTuple>,
        usage: Option<Use<'_>>,
    ) -> BuildResult<'py> {
        let py = self.py;
        let mut reader = Counts::behind(node.payload);
        let cut = || malformed("code is cut short");
        let mut text = || reader.name().ok_or_else(cut);
        let (name, qualname) = (self.name(text()?)?, self.name(text()?)?);
        // Skips the bytecode and its table of exceptions.
        text()?;
        text()?;
        let names = self.name_list(&mut reader)?;
        let variables = self.name_list(&mut reader)?;
        let free = self.name_list(&mut reader)?;
        let cells = self.name_list(&mut reader)?;
        let mut place = Reader::new(self.asides.get(&number).copied().unwrap_or_default());
        let file = self.name(place.name().unwrap_or_default())?;
        let line = place.number().unwrap_or(0);
        let table = PyBytes::new(py, place.name().unwrap_or_default());
        let module = match usage {
            Some(Use::Library(module)) => self.name(module)?,
            _ => PyString::intern(py, ""),
        };
        let found = self.sources().and_then(|sources| {
            let stored = (
                name,
                qualname,
                counts.arguments(),
                counts.flags(),
                names,
                variables,
                free,
                cells,
            );
            let head = stored.into_pyobject(py)?;
            let is_part = usage == Some(Use::Constant);
            let rest = (constants, file, line, table, module, is_part).into_pyobject(py)?;
            let wanted = py
                .import("clew.sources")?
                .getattr("Wanted")?
                .call1(head.add(rest)?.cast::<PyTuple>()?)?;
            sources.call_method1("find", (wanted,))
        });
        self.tried(found)
    }

    /// Returns the cells of the history, which are read once per restore.
    fn sources(&mut self) -> PyResult<Bound<'py, PyAny>> {
        if let Some(sources) = &self.heap.sources {
            return Ok(sources.bind(self.py).clone());
        }
        self.heap.foreign.let_go();
        let sources = self
            .py
            .import("clew.sources")?
            .call_method1("Sources", (self.cells.sources(),))?;
        self.heap.sources = Some(sources.clone().unbind());
        Ok(sources)
    }

    fn use_of(&mut self, number: u32) -> Option<Use<'a>> {
        let arena = self.arena;
        let uses = self.uses.0.get_or_insert_with(|| {
            let mut uses = FxHashMap::default();
            for number in 0..arena.len() as u32 {
                let node = arena.node(number);
                match (node.kind, node.children) {
                    (kinds::CODE, [constants, ..]) => {
                        let constants = arena.node(*constants).children;
                        uses.extend(constants.iter().map(|constant| (*constant, Use::Constant)));
                    }
                    (kinds::FUNCTION, [globals, code, ..]) => {
                        let globals = arena.node(*globals);
                        if globals.kind == kinds::MODULE_DICT {
                            uses.insert(*code, Use::Library(globals.payload));
                        }
                    }
                    _ => {}
                }
            }
            uses
        });
        uses.get(&number).copied()
    }
}

fn named(object: &Bound<'_, PyAny>, payload: Vec<u8>) -> ForeignObject {
    ForeignObject {
        object: object.clone().unbind(),
        kind: kinds::GLOBAL,
        payload,
        aside: Vec::new(),
        child: None,
    }
}
