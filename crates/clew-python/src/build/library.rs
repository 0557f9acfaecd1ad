//! Objects that are found by name, functions with their code, and small wrappers around other objects.

use std::path::Path;

use clew_core::graph::ArenaNode;
use clew_core::kernel::BuildError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyFunction, PyMemoryView, PyModule, PyString, PyTuple, PyType};

use super::bytecode::is_whole;
use super::{BuildResult, Builder, malformed};
use crate::cause::PythonCause;
use crate::kinds;
use crate::payload::Reader;
use crate::raw::code::BYTECODE;
use crate::raw::function::set_annotations;
use crate::raw::function_cache;
use crate::raw::module_loads::LoadMark;
use crate::raw::{DATACLASS_METADATA, TOKENS, Whereabouts, dataclass_metadata, find_loaded, make};

const ID_LENGTH: usize = 32;

fn cut() -> BuildError {
    malformed("a name is cut short")
}

fn mark(reader: &mut Reader<'_>) -> Option<LoadMark> {
    let source = reader.take(16)?.try_into().ok()?;
    let load = reader.number()?.try_into().ok()?;
    Some(LoadMark { source, load })
}

/// Decodes a name.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, BuildError> {
    std::str::from_utf8(bytes).map_err(|_| malformed("a name is no text"))
}

/// The numbers of a code object: the version that compiled it, its argument counts (all, positional-only,
/// keyword-only), variables, stack size, flags.
pub(super) struct Counts([u64; 7]);

impl Counts {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut numbers = [0; 7];
        for number in &mut numbers {
            *number = reader.number()?;
        }
        Some(Self(numbers))
    }

    /// Returns the major and minor version of the Python that compiled it.
    pub fn compiled_by(&self) -> (u64, u64) {
        (self.0[0] >> 8, self.0[0] & 0xff)
    }

    pub fn arguments(&self) -> (u64, u64, u64) {
        (self.0[1], self.0[2], self.0[3])
    }

    pub fn flags(&self) -> u64 {
        self.0[6]
    }

    /// Returns a reader of the payload after these numbers.
    pub fn behind(payload: &[u8]) -> Reader<'_> {
        let mut reader = Reader::new(payload);
        Self::read(&mut reader);
        reader
    }
}

/// Returns the module of an object that is found by name, its path in the module, and the rest of the payload.
pub(super) fn global_name(payload: &[u8]) -> Result<(&str, &str, Reader<'_>), BuildError> {
    let mut reader = Reader::new(payload);
    let module = utf8(reader.name().ok_or_else(cut)?)?;
    let path = utf8(reader.name().ok_or_else(cut)?)?;
    if module == "__main__" {
        return Err(malformed("a name of the notebook is given as a library's"));
    }
    Ok((module, path, reader))
}

/// Returns the id of a method's class, and the method's name.
pub(super) fn method_name(payload: &[u8]) -> Option<(&str, &[u8])> {
    let (id, name) = payload.split_at_checked(ID_LENGTH)?;
    Some((std::str::from_utf8(id).ok()?, name))
}

/// Checks that code compiled by this Python version consists of whole instructions.
pub(super) fn check_code(py: Python<'_>, payload: &[u8]) -> Result<(), BuildError> {
    let mut reader = Reader::new(payload);
    let counts = Counts::read(&mut reader).ok_or_else(cut)?;
    if counts.0[0] != BYTECODE {
        return Ok(());
    }
    reader.name().ok_or_else(cut)?;
    reader.name().ok_or_else(cut)?;
    check_bytecode(py, reader.name().ok_or_else(cut)?)
}

fn check_bytecode(py: Python<'_>, bytecode: &[u8]) -> Result<(), BuildError> {
    match is_whole(py, bytecode) {
        Ok(true) => Ok(()),
        Ok(false) => Err(malformed("an instruction of a function is cut short")),
        Err(error) => Err(crate::exceptions::build_error(py, &error)),
    }
}

/// Returns how many children a function needs first: globals, code, and the parts in the mask; annotations and
/// attributes follow.
pub(super) fn function_needs(node: &ArenaNode<'_>) -> usize {
    2 + node.payload.first().map_or(0, |mask| mask.count_ones() as usize)
}

/// Returns the attribute of a module or class that a name refers to; for a static method or class method, its
/// function.
fn attribute<'py>(scope: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let builtins = scope.py().import("builtins")?;
    let held = match scope.cast::<PyType>() {
        Ok(class) => make::class_attribute(class, &PyString::new(scope.py(), name)),
        Err(_) => None,
    };
    // A class would bind the function, a module does not.
    let held = held.map_or_else(|| scope.getattr(name), Ok)?;
    for kind in ["classmethod", "staticmethod"] {
        if held.is_exact_instance(&builtins.getattr(kind)?) {
            return held.getattr("__func__");
        }
    }
    scope.getattr(name)
}

/// Returns the descriptor of `__dict__` or `__weakref__` that all classes share since Python 3.15: it says that it belongs
/// to `object`, which does not have it.
fn shared_descriptor<'py>(class: &Bound<'py, PyType>, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
    let py = class.py();
    let names = ["__dict__", "__weakref__"];
    if !class.is(py.get_type::<PyAny>()) || !names.iter().any(|known| name == known) {
        return None;
    }
    let sample = py.get_type::<PyType>().call1(("sample", (), PyDict::new(py))).ok()?;
    let found = make::class_attribute(sample.cast().ok()?, name)?;
    found.getattr("__objclass__").ok()?.is(class).then_some(found)
}

impl<'py> Builder<'py, '_> {
    pub(super) fn make_by_name(&mut self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        match node.kind {
            kinds::GLOBAL => self.global(node.payload),
            kinds::MODULE => self.module(utf8(node.payload)?).map(Bound::into_any),
            kinds::MODULE_DICT => self.module(utf8(node.payload)?).map(|module| module.dict().into_any()),
            kinds::CLASS_DICT => Ok(make::class_dict(&self.child_of_type(node, 0, "no class")?).into_any()),
            kinds::CLASS => self.class(utf8(node.payload)?),
            kinds::METHOD => self.method(node.payload),
            kinds::TOKEN => self.token(utf8(node.payload)?),
            kinds::LOGGER => {
                let name = utf8(node.payload).unwrap_or("");
                self.call("logging", "getLogger", (name,))
            }
            kinds::ENUM_MEMBER => self.enum_member(node),
            _ => self.descriptor(node),
        }
    }

    /// Returns a module, and imports it if necessary. A module of the user that a restore removed is put back as the
    /// same object, with its classes.
    fn module(&self, name: &str) -> Result<Bound<'py, PyModule>, BuildError> {
        self.call("clew.roots", "bring_back", (name,))?;
        self.tried(self.py.import(name))
    }

    fn global(&mut self, payload: &[u8]) -> BuildResult<'py> {
        let (module, path, mut reader) = global_name(payload)?;
        let imported = match self.module(module) {
            Ok(imported) => imported,
            Err(error) => {
                let found = self.elsewhere(module, path).ok_or(error)?;
                self.note_name(&found, payload);
                return Ok(found);
            }
        };
        let found = match self.heap.original(self.py, module, path) {
            Some(original) => Ok(original),
            None => path
                .split('.')
                .try_fold(imported.clone().into_any(), |scope, part| attribute(&scope, part)),
        };
        if !reader.is_empty() {
            let wanted = mark(&mut reader).ok_or_else(cut)?;
            return self.made_by(&imported, path, found, wanted);
        }
        self.of_library(module, path, payload, found)
    }

    /// Returns a library's object by name; otherwise its substitute, or the object at its new place.
    fn of_library(
        &mut self,
        module: &str,
        path: &str,
        payload: &[u8],
        found: PyResult<Bound<'py, PyAny>>,
    ) -> BuildResult<'py> {
        // A method of a library's class: this version may have another one under its name.
        let may_differ = found.as_ref().map_or(true, |found| {
            path.contains('.') && found.is_exact_instance_of::<PyFunction>()
        });
        if may_differ && let Some(other) = self.stand_in(module, path, payload) {
            return Ok(other);
        }
        let found = found.or_else(|error| {
            let found = self.unnamed_type(module, path).or_else(|| self.elsewhere(module, path));
            found.ok_or_else(|| {
                if module == "builtins" {
                    return PythonCause::NoBuiltin { name: path.to_owned() }.into();
                }
                let lacks = crate::exceptions::lacks(self.py, &format!("{module}.{path}"));
                lacks.map_or_else(|| self.failed(&error), Into::into)
            })
        })?;
        self.note_name(&found, payload);
        Ok(found)
    }

    /// Returns a class or function of the user's own module, created by exactly the recorded source. If there is
    /// none, the current one is used; results may then differ, and the reason is noted.
    fn made_by(
        &mut self,
        module: &Bound<'py, PyModule>,
        path: &str,
        found: PyResult<Bound<'py, PyAny>>,
        wanted: LoadMark,
    ) -> BuildResult<'py> {
        let name: String = self.tried(module.name().and_then(|name| name.extract()))?;
        let sighted = self.heap.sight(&name, module);
        self.tried(sighted)?;
        let nothing = self.py.None().into_bound(self.py);
        let live = found.as_ref().unwrap_or(&nothing);
        if let Some(made) = self.heap.made_by(live, (&name, path), wanted) {
            return Ok(made);
        }
        let file: Option<String> = module.getattr("__file__").ok().and_then(|file| file.extract().ok());
        let file = file.and_then(|file| Some(Path::new(&file).file_name()?.to_string_lossy().into_owned()));
        let file = file.unwrap_or(name);
        self.heap.notice(PythonCause::ModuleChanged { file }.into());
        self.tried(found)
    }

    /// Finds a type of the interpreter that no module contains under its name (`list_iterator`).
    fn unnamed_type(&self, module: &str, path: &str) -> Option<Bound<'py, PyAny>> {
        let object = self.py.get_type::<PyAny>();
        let subclasses = self
            .py
            .get_type::<PyType>()
            .call_method1("__subclasses__", (object,))
            .ok()?;
        subclasses.try_iter().ok()?.flatten().find(|class| {
            let says = |name: &str| class.getattr(name).ok().and_then(|text| text.extract::<String>().ok());
            says("__qualname__").as_deref() == Some(path) && says("__module__").as_deref() == Some(module)
        })
    }

    fn class(&self, id: &str) -> BuildResult<'py> {
        self.heap.definitions.class_of(self.py, id).ok_or_else(|| {
            let id = id[..id.len().min(8)].to_owned();
            PythonCause::ClassNotRecorded { id }.into()
        })
    }

    fn method(&self, payload: &[u8]) -> BuildResult<'py> {
        let (id, name) = method_name(payload).ok_or_else(cut)?;
        if let Some(number) = self.order.own_attribute(id, name) {
            return self.object(number);
        }
        if let Some(staged) = self.heap.definitions.staged_attribute(self.py, id, name) {
            return Ok(staged);
        }
        let class = self
            .class(id)?
            .cast_into::<PyType>()
            .map_err(|_| malformed("no class"))?;
        let name = self.name(name)?;
        make::class_attribute(&class, &name).ok_or_else(|| PythonCause::NoMethod { name: name.to_string() }.into())
    }

    fn token(&self, name: &str) -> BuildResult<'py> {
        if name == "namespace" {
            return Ok(self.heap.namespace(self.py).into_any());
        }
        if name == DATACLASS_METADATA {
            self.tried(self.py.import("dataclasses").map(drop))?;
            return self.tried(dataclass_metadata(self.py));
        }
        let place = if name == "main" {
            "__main__:"
        } else {
            let known = TOKENS.iter().find(|(token, _)| *token == name);
            known.ok_or_else(|| malformed("a token is unknown"))?.1
        };
        let (module, path) = place.split_once(':').ok_or_else(cut)?;
        if module != "__main__" {
            self.tried(self.py.import(module).map(drop))?;
        }
        self.tried(find_loaded(self.py, module, path))
    }

    fn enum_member(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let class: Bound<'py, PyType> = self.child_of_type(node, 0, "no class")?;
        let id = self.heap.definitions.live_id(class.as_type_ptr());
        let staged = id.and_then(|id| self.members.get(&(id.to_owned(), node.payload.to_vec())));
        // Members of a live class are the live ones.
        let is_new = make::class_attribute(&class, &self.name(b"_member_map_")?).is_none();
        match staged {
            Some(number) if is_new => self.object(*number),
            _ => {
                let map = class.getattr("_member_map_");
                self.tried(map.and_then(|map| map.get_item(self.name(node.payload).ok())))
            }
        }
    }

    fn descriptor(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let class: Bound<'py, PyType> = self.child_of_type(node, 0, "no class")?;
        let name = self.name(node.payload)?;
        let found = make::class_attribute(&class, &name).or_else(|| shared_descriptor(&class, &name));
        found.ok_or_else(|| {
            let (class, name) = (class.to_string(), name.to_string());
            PythonCause::NoAttribute { class, name }.into()
        })
    }

    pub(super) fn make_wrapper(&mut self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let py = self.py;
        let children = if node.kind == kinds::PARTIAL {
            Vec::new()
        } else {
            self.children_made(node)?
        };
        let arguments = self.tried(PyTuple::new(py, &children))?;
        let made = match node.kind {
            kinds::FUNCTION => return self.make_function(node),
            kinds::SLICE => return self.call("builtins", "slice", arguments),
            kinds::RANGE => return self.call("builtins", "range", arguments),
            kinds::PROPERTY => return self.call("builtins", "property", arguments),
            kinds::SUPER => return self.call("builtins", "super", arguments),
            kinds::CELL => return self.call("types", "CellType", arguments),
            kinds::BOUND_METHOD => return self.call("types", "MethodType", arguments),
            kinds::MAPPINGPROXY => return self.call("types", "MappingProxyType", arguments),
            kinds::PARTIAL => return self.call("functools", "partial", (self.child(node, 0)?,)),
            kinds::BUILTIN_METHOD => {
                let name = self.name(node.payload)?;
                self.child(node, 0)?.getattr(name)
            }
            kinds::STATICMETHOD | kinds::CLASSMETHOD => {
                make::new_method(&self.child(node, 0)?, node.kind == kinds::STATICMETHOD)
            }
            kinds::DICT_VIEW => dict_view(py, node.payload, &children),
            kinds::WEAKREF => weak_reference(py, node.payload, &children),
            kinds::CACHED => empty_cache(py, &children),
            kinds::WHEREABOUTS => Bound::new(py, Whereabouts::new(utf8(node.payload)?.to_owned())).map(Bound::into_any),
            kinds::MEMORYVIEW => memory_view(node.payload, &self.child(node, 0)?),
            _ => return Err(malformed("a node is of no known kind")),
        };
        self.tried(made)
    }

    pub(super) fn fill_wrapper(&self, number: u32, node: &ArenaNode<'_>) -> Result<(), BuildError> {
        let (object, children) = (self.object(number)?, self.children(node, 0)?);
        match (node.kind, children.as_slice()) {
            (kinds::CELL, [content]) => self.tried(object.setattr("cell_contents", content)),
            (kinds::CELL, _) => Ok(()),
            (kinds::PARTIAL, [function, arguments, keywords, part @ ..]) => {
                let state = (function, arguments, keywords, self.py.None());
                self.tried(object.call_method1("__setstate__", (state,)).map(drop))?;
                self.fill_part(&object, &mut Reader::new(node.payload), part)
            }
            (kinds::STATICMETHOD | kinds::CLASSMETHOD, [_, part @ ..]) => {
                self.fill_part(&object, &mut Reader::new(node.payload), part)
            }
            (kinds::CACHED, [function, _, _, rest @ ..]) => {
                let mut reader = Reader::new(node.payload);
                let contents = reader.count(rest.len()).ok_or_else(cut)?;
                let (contents, part) = rest.split_at(contents);
                self.tried(function_cache::fill(&object, function, contents))?;
                // The attributes that a wrapper copies from its function differ from version to version.
                let own = object.getattr("__dict__");
                self.tried(own.and_then(|own| own.call_method0("clear")).map(drop))?;
                self.fill_part(&object, &mut reader, part)
            }
            _ => Err(malformed("a wrapper has too few parts")),
        }
    }

    fn make_function(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let globals: Bound<'py, PyDict> = self.child_of_type(node, 0, "globals are no dict")?;
        let code = self.child(node, 1)?;
        let mask = *node.payload.first().ok_or_else(cut)?;
        let closure = if mask & 16 == 0 {
            self.py.None().into_bound(self.py)
        } else {
            self.child(node, 2 + (mask & 15).count_ones() as usize)?
        };
        let arguments = (code, globals, self.py.None(), self.py.None(), closure);
        self.call("types", "FunctionType", arguments)
    }

    pub(super) fn fill_function(&self, number: u32, node: &ArenaNode<'_>) -> Result<(), BuildError> {
        let (function, children) = (self.object(number)?, self.children(node, 2)?);
        let mut reader = Reader::new(node.payload);
        let mask = reader.byte().ok_or_else(cut)?;
        let (name, qualname) = (reader.name().ok_or_else(cut)?, reader.name().ok_or_else(cut)?);
        let has_annotations = reader.clone().byte().ok_or_else(cut)? != 0;
        let mut values = children.iter();
        let names = [
            "__module__",
            "__doc__",
            "__defaults__",
            "__kwdefaults__",
            "__closure__",
            "__type_params__",
            "__annotate__",
        ];
        let mut annotate = None;
        for (bit, name) in names.into_iter().enumerate() {
            let value = if mask & (1 << bit) == 0 {
                None
            } else {
                Some(values.next().ok_or_else(cut)?)
            };
            match (name, value) {
                ("__closure__", _) | ("__type_params__" | "__annotate__", None) => {}
                ("__annotate__", Some(value)) if !cfg!(Py_3_14) && has_annotations => annotate = Some(value),
                ("__annotate__", Some(value)) if !cfg!(Py_3_14) => {
                    self.tried(function.setattr("__annotations__", self.annotation_texts(value)?))?;
                }
                (_, Some(value)) => self.tried(function.setattr(name, value))?,
                (_, None) => self.tried(function.setattr(name, self.py.None()))?,
            }
        }
        for (attribute, text) in [("__name__", name), ("__qualname__", qualname)] {
            self.tried(function.setattr(attribute, self.name(text)?))?;
        }
        if let Some(annotations) = self.read_dict(&mut reader, &mut values)? {
            self.tried(set_annotations(&function, &annotations))?;
        }
        if let Some(dict) = self.read_dict(&mut reader, &mut values)? {
            self.tried(function.setattr("__dict__", dict))?;
        }
        // An earlier Python keeps it as an attribute.
        if let Some(annotate) = annotate {
            self.tried(function.setattr("__annotate__", annotate))?;
        }
        Ok(())
    }

    /// Returns the annotations that a function of Python 3.14 or later creates, as texts: an earlier version cannot wait
    /// until they are read, and evaluating them here would run code.
    pub(super) fn annotation_texts(&self, annotate: &Bound<'py, PyAny>) -> BuildResult<'py> {
        self.heap.notice(PythonCause::AnnotationsAsTexts.into());
        self.call("clew.sources", "annotation_texts", (annotate,))
    }

    pub(super) fn make_code(&mut self, number: u32, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let py = self.py;
        let mut reader = Reader::new(node.payload);
        let numbers = Counts::read(&mut reader).ok_or_else(cut)?;
        if numbers.0[0] != BYTECODE {
            return self.make_foreign(number, node, &numbers);
        }
        let name = self.name(reader.name().ok_or_else(cut)?)?;
        let qualname = self.name(reader.name().ok_or_else(cut)?)?;
        let bytecode = reader.name().ok_or_else(cut)?;
        check_bytecode(py, bytecode)?;
        let bytecode = PyBytes::new(py, bytecode);
        let exceptions = PyBytes::new(py, reader.name().ok_or_else(cut)?);
        let names = self.name_list(&mut reader)?;
        let variables = self.name_list(&mut reader)?;
        let free = self.name_list(&mut reader)?;
        let cells = self.name_list(&mut reader)?;
        let mut place = Reader::new(self.asides.get(&number).copied().unwrap_or_default());
        let file = self.name(place.name().unwrap_or(b"<clew>"))?;
        let line = place.number().unwrap_or(1);
        let table = PyBytes::new(py, place.name().unwrap_or_default());
        let constants = self.child(node, 0)?;
        let counts = numbers.0[1..]
            .iter()
            .map(|number| number.into_pyobject(py).map(Bound::into_any));
        let mut all: Vec<Bound<'py, PyAny>> = counts.collect::<Result<_, _>>().map_err(|_| cut())?;
        all.extend([
            bytecode.into_any(),
            constants,
            names.into_any(),
            variables.into_any(),
            file.clone().into_any(),
        ]);
        all.extend([name.into_any(), qualname.into_any()]);
        all.push(line.into_pyobject(py).map_err(|_| cut())?.into_any());
        all.extend([
            table.into_any(),
            exceptions.into_any(),
            free.into_any(),
            cells.into_any(),
        ]);
        let arguments = self.tried(PyTuple::new(py, all))?;
        let code = self.call("types", "CodeType", arguments)?;
        self.register_source(&file);
        Ok(code)
    }

    /// Makes the lines of the file available to tracebacks. The code works without them.
    fn register_source(&self, file: &Bound<'py, PyString>) {
        let module = self.py.import("clew.restored_source");
        drop(module.and_then(|module| module.call_method1("register", (file,))));
    }

    pub(super) fn name_list(&self, reader: &mut Reader<'_>) -> Result<Bound<'py, PyTuple>, BuildError> {
        let mut names = Vec::new();
        for _ in 0..reader.number().ok_or_else(cut)? {
            names.push(self.name(reader.name().ok_or_else(cut)?)?);
        }
        self.tried(PyTuple::new(self.py, names))
    }

    pub(super) fn make_by_codec(&mut self, number: u32, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let codec = self.codec(node)?;
        if !self.tried(codec.getattr("finish"))?.is_none() {
            self.unfinished.push(number);
        }
        let parts = self.child(node, 1)?;
        self.tried(codec.getattr("decode").and_then(|decode| decode.call1((parts,))))
    }

    pub(super) fn fill_by_codec(&self, number: u32, node: &ArenaNode<'_>) -> Result<(), BuildError> {
        if node.children.len() < 3 {
            return Ok(());
        }
        let (codec, object, state) = (self.codec(node)?, self.object(number)?, self.child(node, 2)?);
        self.tried(codec.call_method1("fill", (object, state)).map(drop))
    }

    /// Finishes an object after all others are filled.
    pub(super) fn finish_by_codec(&self, number: u32) -> Result<(), BuildError> {
        let (codec, object) = (self.codec(&self.arena.node(number))?, self.object(number)?);
        self.tried(codec.call_method1("finish", (object,)).map(drop))
    }

    fn codec(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let mut reader = Reader::new(node.payload);
        let name = utf8(reader.name().ok_or_else(cut)?)?;
        let version = reader.number().ok_or_else(cut)?;
        let codec = self.call("clew.codecs", "named", (name,))?;
        let known: u64 = self.tried(codec.getattr("version").and_then(|known| known.extract()))?;
        if known < version {
            let name = name.to_owned();
            return Err(PythonCause::LaterClew { name, version, known }.into());
        }
        Ok(codec)
    }

    pub(super) fn make_by_reducer(&self, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let arguments: Bound<'py, PyTuple> = self.child_of_type(node, 1, "arguments are no tuple")?;
        self.tried(self.child(node, 0)?.call1(arguments))
    }

    /// Fills an object with a reducer's items, pairs and state, in the same way as pickle; then with the Python part.
    pub(super) fn fill_by_reducer(&self, number: u32, node: &ArenaNode<'_>) -> Result<(), BuildError> {
        use crate::raw::reduce::{COMPARED, SETTER, STATE};
        let (object, children) = (self.object(number)?, self.children(node, 2)?);
        let mut reader = Reader::new(node.payload);
        let flags = reader.byte().ok_or_else(cut)?;
        let items = reader.count(children.len()).ok_or_else(cut)?;
        let pairs = reader.count(children.len()).ok_or_else(cut)?;
        let mut rest = children.as_slice();
        let mut take = |count: usize| -> Result<&[Bound<'py, PyAny>], BuildError> {
            let (taken, left) = rest.split_at_checked(count).ok_or_else(cut)?;
            rest = left;
            Ok(taken)
        };
        let state = take(usize::from(flags & STATE != 0))?.first();
        let setter = take(usize::from(flags & SETTER != 0))?.first();
        for item in take(items)? {
            self.tried(object.call_method1("append", (item,)).map(drop))?;
        }
        for pair in take(pairs * 2)?.chunks(2) {
            self.tried(object.set_item(&pair[0], &pair[1]))?;
        }
        match (state, setter) {
            (Some(state), Some(setter)) => self.tried(setter.call1((&object, state)).map(drop))?,
            (Some(state), None) => self.set_state(&object, state)?,
            _ => {}
        }
        if flags & COMPARED == 0 {
            self.fill_part(&object, &mut reader, rest)?;
        }
        Ok(())
    }

    fn set_state(&self, object: &Bound<'py, PyAny>, state: &Bound<'py, PyAny>) -> Result<(), BuildError> {
        if let Ok(set) = object.getattr("__setstate__") {
            return self.tried(set.call1((state,)).map(drop));
        }
        let (own, slots) = match state.cast::<PyTuple>() {
            Ok(both) if both.len() == 2 => (self.tried(both.get_item(0))?, Some(self.tried(both.get_item(1))?)),
            _ => (state.clone(), None),
        };
        if let Ok(own) = own.cast::<PyDict>() {
            for (name, value) in own {
                let name = name
                    .cast_into()
                    .map_err(|_| malformed("an attribute's name is no text"))?;
                self.tried(make::set_own_attribute(object, &name, &value))?;
            }
        }
        if let Some(slots) = slots.as_ref().and_then(|slots| slots.cast::<PyDict>().ok()) {
            for (name, value) in slots {
                let name = name
                    .cast_into::<pyo3::types::PyString>()
                    .map_err(|_| malformed("a slot's name is no text"))?;
                self.tried(object.setattr(name, value))?;
            }
        }
        Ok(())
    }
}

fn dict_view<'py>(py: Python<'py>, which: &[u8], children: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    let name = match which {
        b"k" => "keys",
        b"v" => "values",
        _ => "items",
    };
    // A frozendict (3.15) is no dict.
    let is_dict = children.first().is_some_and(PyAnyMethods::is_instance_of::<PyDict>);
    let kind = if is_dict { "dict" } else { "frozendict" };
    let kind = py.import("builtins")?.getattr(kind)?;
    kind.call_method(name, PyTuple::new(py, children)?, None)
}

/// Makes a weak reference; a dead one if the stored one was dead.
fn weak_reference<'py>(py: Python<'py>, alive: &[u8], children: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    let is_proxy = alive.first().is_some_and(|flags| flags & 2 != 0);
    let kind = py.import("weakref")?.getattr(if is_proxy { "proxy" } else { "ref" })?;
    if alive.first().is_some_and(|flags| flags & 1 != 0) {
        return kind.call1(PyTuple::new(py, children)?);
    }
    let gone = PyFrozenSet::new(py, [py.import("builtins")?.getattr("object")?.call0()?])?;
    let mut arguments = vec![gone.into_any()];
    arguments.extend(children.iter().cloned());
    kind.call1(PyTuple::new(py, arguments)?)
}

/// Makes a memoryview of its exporter, at the stored offset in the exporter's memory.
fn memory_view<'py>(payload: &[u8], exporter: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = exporter.py();
    let bad = || pyo3::exceptions::PyValueError::new_err("A view is malformed");
    let mut reader = Reader::new(payload);
    let number = |reader: &mut Reader<'_>| reader.number().and_then(|n| isize::try_from(n).ok()).ok_or_else(bad);
    let (offset, step) = (number(&mut reader)?, number(&mut reader)?);
    let is_readonly = number(&mut reader)? != 0;
    let format = String::from_utf8_lossy(reader.name().ok_or_else(bad)?).into_owned();
    let mut shape = Vec::new();
    while !reader.is_empty() {
        shape.push(number(&mut reader)?);
    }
    let bytes = PyMemoryView::from(exporter)?.call_method1("cast", ("B",))?;
    // A cast view has other items than its exporter; `struct` does not know the items of all exporters.
    let size: isize = match py.import("struct")?.call_method1("calcsize", (&format,)) {
        Ok(size) => size.extract()?,
        Err(_) => PyMemoryView::from(exporter)?.getattr("itemsize")?.extract()?,
    };
    let items = shape
        .iter()
        .try_fold(1_isize, |all, length| all.checked_mul(*length))
        .ok_or_else(bad)?;
    let length = if step > 0 {
        items.checked_mul(step)
    } else {
        items.checked_mul(size)
    }
    .ok_or_else(bad)?;
    let end = offset.checked_add(length).ok_or_else(bad)?.min(bytes.len()? as isize);
    let part = bytes.get_item(pyo3::types::PySlice::new(py, offset, end, 1))?;
    let view = if step > 0 {
        let whole = part.call_method1("cast", (&format,))?;
        whole.get_item(pyo3::types::PySlice::new(
            py,
            0,
            whole.len()? as isize,
            step / size.max(1),
        ))?
    } else if shape.len() == 1 {
        part.call_method1("cast", (&format,))?
    } else {
        part.call_method1("cast", (&format, shape))?
    };
    if is_readonly && !view.getattr("readonly")?.is_truthy()? {
        return view.call_method0("toreadonly");
    }
    Ok(view)
}

fn empty_cache<'py>(py: Python<'py>, children: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    let [function, size, typed] = children else {
        return Err(pyo3::exceptions::PyValueError::new_err("A cache has too few parts"));
    };
    let wrap = py.import("functools")?.call_method1("lru_cache", (size, typed))?;
    wrap.call1((function,))
}
