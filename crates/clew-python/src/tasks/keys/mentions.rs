//! References to other objects, followed from the walk of a key: globals that code names, imports, own functions and
//! classes, versions of libraries; and checks of those that may change at each use.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyModule, PyType};

use super::super::keyless::KeylessCause;
use super::{Keys, Mentions, label};
use crate::raw::Object;
use crate::raw::identities::IdentityKind;

/// The names in the code of a function, as read by `clew.adapters.task_code`.
#[derive(FromPyObject)]
struct CodeMentions {
    /// Globals that it reads.
    globals: BTreeSet<String>,
    /// Modules that it imports, by their full names.
    imports: BTreeSet<String>,
    /// Attributes of any object.
    attributes: BTreeSet<String>,
    ways: Vec<AttributePath>,
}

/// A path of attributes in code, from a global or an import.
#[derive(FromPyObject)]
struct AttributePath {
    is_imported: bool,
    /// A global or a builtin, or the dotted name of an imported object.
    root: String,
    attributes: Vec<String>,
    /// Whether the object at its end is called without arguments.
    is_called_bare: bool,
}

impl<'py> Keys<'_, 'py> {
    pub(super) fn mentions_of(&mut self, object: Object) -> Result<Rc<Mentions>, KeylessCause> {
        if let Some(known) = self.mentions.get(&object) {
            return known.clone();
        }
        let bound = object.bound(self.py);
        let mut mentions = Mentions::new();
        let made = self.mention(object, &bound, &mut mentions);
        let made = made.map(|()| Rc::new(mentions));
        self.kept.push(bound);
        self.mentions.insert(object, made.clone());
        made
    }

    fn mention(
        &mut self,
        object: Object,
        bound: &Bound<'py, PyAny>,
        mentions: &mut Mentions,
    ) -> Result<(), KeylessCause> {
        if object.is_whole() {
            return match bound.cast::<PyFunction>() {
                Ok(function) => self.globals(function.as_any(), mentions),
                Err(_) => Ok(()),
            };
        }
        match self.heap.kind_of_met(bound) {
            IdentityKind::Token(token) => repeatable(token),
            IdentityKind::Library(module, name) => {
                self.check(&format!("{module}.{name}"), &[], false)?;
                self.library(&module, mentions)
            }
            IdentityKind::Function => self.globals(bound, mentions),
            IdentityKind::Own(module, name) => self.own(bound, &module, &name, mentions),
            IdentityKind::OwnModule(name) => {
                let module = bound.cast::<PyModule>().map_err(KeylessCause::failed)?;
                let all = module.dict().keys().iter().filter_map(|key| key.extract().ok());
                self.attributes(module, &name, &all.collect::<Vec<String>>(), mentions)
            }
        }
    }

    /// Adds a library by its version.
    fn library(&mut self, module: &str, mentions: &mut Mentions) -> Result<(), KeylessCause> {
        let top = module.split('.').next().unwrap_or_default();
        let version = self.version(top)?;
        let version = version.ok_or_else(|| KeylessCause::NoVersion(top.to_owned()))?;
        mentions.insert(label(&[b"library", top.as_bytes(), version.as_bytes()]), None);
        Ok(())
    }

    fn version(&mut self, top: &str) -> Result<Option<String>, KeylessCause> {
        if let Some(known) = self.versions.get(top) {
            return Ok(known.clone());
        }
        let found = self.version_of.call1((top,)).and_then(|found| found.extract());
        let found: Option<String> = found.map_err(KeylessCause::failed)?;
        self.versions.insert(top.to_owned(), found.clone());
        Ok(found)
    }

    /// Adds a function or class of the user's own modules, by its parts.
    fn own(
        &mut self,
        bound: &Bound<'py, PyAny>,
        module: &str,
        name: &str,
        mentions: &mut Mentions,
    ) -> Result<(), KeylessCause> {
        if !bound.is_instance_of::<PyFunction>() && !bound.is_instance_of::<PyType>() {
            return Err(KeylessCause::Hidden(format!("{module}.{name}")));
        }
        self.kept.push(bound.clone());
        let place = label(&[b"own", module.as_bytes(), name.as_bytes()]);
        mentions.insert(place, Some(Object::whole_of(bound)));
        Ok(())
    }

    /// Adds the objects that a function's code reads besides its arguments.
    fn globals(&mut self, function: &Bound<'py, PyAny>, mentions: &mut Mentions) -> Result<(), KeylessCause> {
        let globals = function.getattr("__globals__").map_err(KeylessCause::failed)?;
        let globals = globals.cast_into::<PyDict>().map_err(KeylessCause::failed)?;
        let text = |key: &str| globals.get_item(key).ok().flatten()?.extract::<String>().ok();
        let module = text("__name__").unwrap_or_default();
        if self.heap.is_of_library(&module) {
            return self.library(&module, mentions);
        }
        let named = self.named_by.call1((function,)).and_then(|named| named.extract());
        let named: CodeMentions = named.map_err(KeylessCause::failed)?;
        for way in &named.ways {
            self.way(way, &globals)?;
        }
        self.doubts.function(function)?;
        for name in &named.globals {
            self.global(name, &module, &globals, &named, mentions)?;
        }
        for import in &named.imports {
            self.import(import, &named, mentions)?;
        }
        Ok(())
    }

    fn global(
        &mut self,
        name: &str,
        module: &str,
        globals: &Bound<'py, PyDict>,
        named: &CodeMentions,
        mentions: &mut Mentions,
    ) -> Result<(), KeylessCause> {
        let Some(value) = globals.get_item(name).map_err(KeylessCause::failed)? else {
            mentions.insert(label(&[b"none", module.as_bytes(), name.as_bytes()]), None);
            return Ok(());
        };
        if let Ok(found) = value.cast::<PyModule>() {
            let path: String = found
                .getattr("__name__")
                .and_then(|name| name.extract())
                .map_err(KeylessCause::failed)?;
            let place = label(&[b"module", module.as_bytes(), name.as_bytes(), path.as_bytes()]);
            mentions.insert(place, None);
            return self.module(found, &path, named, mentions);
        }
        mentions.insert(
            label(&[b"global", module.as_bytes(), name.as_bytes()]),
            Some(Object::of(&value)),
        );
        self.kept.push(value);
        Ok(())
    }

    fn module(
        &mut self,
        module: &Bound<'py, PyModule>,
        path: &str,
        named: &CodeMentions,
        mentions: &mut Mentions,
    ) -> Result<(), KeylessCause> {
        if self.heap.is_of_library(path) {
            return self.library(path, mentions);
        }
        let names: Vec<String> = named.attributes.iter().cloned().collect();
        self.attributes(module, path, &names, mentions)
    }

    /// Adds the objects that a module of the user has under these names; the same for modules in it.
    fn attributes(
        &mut self,
        module: &Bound<'py, PyModule>,
        path: &str,
        names: &[String],
        mentions: &mut Mentions,
    ) -> Result<(), KeylessCause> {
        let mut waiting = vec![(module.clone(), path.to_owned())];
        let mut seen = HashSet::from([path.to_owned()]);
        while let Some((module, path)) = waiting.pop() {
            for name in names.iter().filter(|name| !name.starts_with("__")) {
                let Ok(Some(value)) = module.dict().get_item(name) else {
                    continue;
                };
                let Ok(inner) = value.cast::<PyModule>() else {
                    let place = label(&[b"global", path.as_bytes(), name.as_bytes()]);
                    mentions.insert(place, Some(Object::of(&value)));
                    self.kept.push(value);
                    continue;
                };
                let inside: String = inner
                    .getattr("__name__")
                    .and_then(|name| name.extract())
                    .map_err(KeylessCause::failed)?;
                if self.heap.is_of_library(&inside) {
                    self.library(&inside, mentions)?;
                } else if seen.insert(inside.clone()) {
                    waiting.push((inner.clone(), inside));
                }
            }
        }
        Ok(())
    }

    fn import(&mut self, path: &str, named: &CodeMentions, mentions: &mut Mentions) -> Result<(), KeylessCause> {
        let top = path.split('.').next().unwrap_or_default();
        if !top.is_empty() && self.version(top)?.is_some() {
            return self.library(top, mentions);
        }
        let modules = self
            .py
            .import("sys")
            .and_then(|sys| sys.getattr("modules"))
            .map_err(KeylessCause::failed)?;
        if let Ok(module) = modules
            .get_item(path)
            .and_then(|found| Ok(found.cast_into::<PyModule>()?))
        {
            // `import a.b` binds `a`.
            let names: Vec<String> = named.attributes.iter().cloned().collect();
            return self.attributes(&module, path, &names, mentions);
        }
        Err(KeylessCause::ImportsLater(path.to_owned()))
    }

    /// Checks that an attribute path in code ends at an object with the same result at each use.
    fn way(&mut self, way: &AttributePath, globals: &Bound<'py, PyDict>) -> Result<(), KeylessCause> {
        if way.is_imported {
            return self.check(&way.root, &way.attributes, way.is_called_bare);
        }
        let Some(value) = globals.get_item(&way.root).map_err(KeylessCause::failed)? else {
            return self.check(&format!("builtins.{}", way.root), &way.attributes, way.is_called_bare);
        };
        let text = |name: &str| value.getattr(name).and_then(|name| name.extract::<String>()).ok();
        let from = if value.is_instance_of::<PyModule>() {
            text("__name__").unwrap_or_default()
        } else if value.is_instance_of::<PyType>() {
            let name = text("__qualname__").unwrap_or_default();
            format!("{}.{name}", text("__module__").unwrap_or_default())
        } else {
            // The walk determines what it is and where it belongs.
            match (text("__module__"), text("__name__")) {
                (Some(module), Some(name)) => format!("{module}.{name}"),
                _ => return Ok(()),
            }
        };
        self.check(&from, &way.attributes, way.is_called_bare)
    }

    fn check(&self, from: &str, attributes: &[String], is_called_bare: bool) -> Result<(), KeylessCause> {
        let mut path = String::new();
        for part in from.split('.').chain(attributes.iter().map(String::as_str)) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(part);
            if self.unrepeatable.contains(&path) {
                return Err(KeylessCause::Unrepeatable(path));
            }
        }
        if is_called_bare && self.unrepeatable.contains(&format!("{path}()")) {
            return Err(KeylessCause::Unseeded(path));
        }
        Ok(())
    }
}

/// Checks that an object that exists once per process is the same in each process.
fn repeatable(token: &str) -> Result<(), KeylessCause> {
    match token {
        "random" | "numpy random" | "numpy bit generator" => Err(KeylessCause::Draws),
        "environ" => Err(KeylessCause::Environment),
        "stdin" | "original stdin" => Err(KeylessCause::Typed),
        token if token.starts_with("shell") => Err(KeylessCause::Shell),
        _ => Ok(()),
    }
}
