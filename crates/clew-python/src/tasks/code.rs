//! What code names: the globals that it reads, what it imports, and how it goes on from there (`np.random.rand`).

use std::collections::{BTreeMap, BTreeSet};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCode, PyTuple};
use rustc_hash::FxHashMap;

/// A way that code goes from a global or an import, attribute by attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub from: From,
    pub attributes: Vec<String>,
    /// Whether what is at its end is called with nothing.
    pub is_called_bare: bool,
}

/// Where a way begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum From {
    /// A global of that name, or a builtin.
    Global(String),
    /// What was imported: a module, or something in one.
    Import(String),
}

/// What a code object names, those inside it too.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Globals that it reads.
    pub globals: BTreeSet<String>,
    /// Modules that it imports, as it spells them; relative ones begin with dots.
    pub imports: BTreeSet<String>,
    /// Attributes of anything.
    pub attributes: BTreeSet<String>,
    pub ways: BTreeSet<Way>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Global,
    Name,
    Import,
    ImportFrom,
    Attribute,
    Store,
    Load,
    LoadTwo,
    StoreTwo,
    StoreAndLoad,
    Call,
    Extended,
    /// What stands between an attribute and its call.
    Between,
}

/// The operations of the interpreter that runs.
pub(super) struct Operations {
    by_number: FxHashMap<u8, Operation>,
    /// From 3.12 on the lowest bit of an attribute's argument says something else.
    attributes_are_shifted: bool,
}

const NAMED: &[(&str, Operation)] = &[
    ("LOAD_GLOBAL", Operation::Global),
    ("LOAD_NAME", Operation::Name),
    ("LOAD_FROM_DICT_OR_GLOBALS", Operation::Name),
    ("IMPORT_NAME", Operation::Import),
    ("IMPORT_FROM", Operation::ImportFrom),
    ("LOAD_ATTR", Operation::Attribute),
    ("LOAD_METHOD", Operation::Attribute),
    ("STORE_FAST", Operation::Store),
    ("LOAD_FAST", Operation::Load),
    ("LOAD_FAST_CHECK", Operation::Load),
    ("LOAD_FAST_BORROW", Operation::Load),
    ("LOAD_FAST_LOAD_FAST", Operation::LoadTwo),
    ("LOAD_FAST_BORROW_LOAD_FAST_BORROW", Operation::LoadTwo),
    ("STORE_FAST_LOAD_FAST", Operation::StoreAndLoad),
    ("STORE_FAST_STORE_FAST", Operation::StoreTwo),
    ("CALL", Operation::Call),
    ("EXTENDED_ARG", Operation::Extended),
    ("CACHE", Operation::Between),
    ("PRECALL", Operation::Between),
    ("PUSH_NULL", Operation::Between),
];

impl Operations {
    /// # Errors
    /// The module `opcode` is not what it is.
    pub fn of_interpreter(py: Python<'_>) -> PyResult<Self> {
        let numbers: BTreeMap<String, usize> = py.import("opcode")?.getattr("opmap")?.extract()?;
        let known = NAMED.iter().filter_map(|(name, operation)| {
            let number = numbers.get(*name)?;
            Some((u8::try_from(*number).ok()?, *operation))
        });
        Ok(Self {
            by_number: known.collect(),
            attributes_are_shifted: py.version_info() >= (3, 12),
        })
    }
}

impl Named {
    /// Reads a code object and those inside it.
    ///
    /// # Errors
    /// It is no code object.
    pub fn of(code: &Bound<'_, PyCode>, operations: &Operations) -> PyResult<Self> {
        let mut named = Self::default();
        let mut waiting = vec![code.clone()];
        while let Some(one) = waiting.pop() {
            named.read(&one, operations)?;
            for constant in one.getattr("co_consts")?.cast_into::<PyTuple>()? {
                waiting.extend(constant.cast_into::<PyCode>());
            }
        }
        Ok(named)
    }

    fn read(&mut self, code: &Bound<'_, PyCode>, operations: &Operations) -> PyResult<()> {
        let names: Vec<String> = code.getattr("co_names")?.extract()?;
        self.attributes.extend(names.iter().cloned());
        let units = code.getattr("co_code")?.cast_into::<PyBytes>()?;
        let mut reading = Reading {
            names: &names,
            operations,
            named: self,
            way: None,
            imported: None,
            variables: FxHashMap::default(),
        };
        let mut extended = 0;
        for unit in units.as_bytes().chunks_exact(2) {
            let operation = operations.by_number.get(&unit[0]).copied();
            let argument = usize::from(unit[1]) | extended;
            extended = 0;
            if operation == Some(Operation::Extended) {
                extended = argument << 8;
            } else {
                reading.step(operation, argument);
            }
        }
        reading.end_way(false);
        Ok(())
    }
}

/// One code object, from its beginning to its end.
struct Reading<'a> {
    names: &'a [String],
    operations: &'a Operations,
    named: &'a mut Named,
    way: Option<(From, Vec<String>)>,
    /// What the last import brought, until it is stored: the module, and what was taken from it.
    imported: Option<(String, Option<String>)>,
    /// Local variables that hold what was imported.
    variables: FxHashMap<usize, From>,
}

impl Reading<'_> {
    fn step(&mut self, operation: Option<Operation>, argument: usize) {
        match operation {
            Some(Operation::Between) => {}
            Some(Operation::Attribute) => self.attribute(argument),
            Some(Operation::Call) => self.end_way(argument == 0),
            other => {
                self.end_way(false);
                self.begin(other, argument);
            }
        }
    }

    fn name(&self, number: usize) -> String {
        self.names.get(number).cloned().unwrap_or_default()
    }

    fn attribute(&mut self, argument: usize) {
        let name = self.name(argument >> usize::from(self.operations.attributes_are_shifted));
        if let Some((_, attributes)) = &mut self.way {
            attributes.push(name);
        }
    }

    fn begin(&mut self, operation: Option<Operation>, argument: usize) {
        match operation {
            Some(Operation::Global) => self.begin_global(self.name(argument >> 1)),
            Some(Operation::Name) => self.begin_global(self.name(argument)),
            Some(Operation::Import) => {
                let module = self.name(argument);
                self.named.imports.insert(module.clone());
                self.imported = Some((module, None));
            }
            Some(Operation::ImportFrom) => {
                let name = self.name(argument);
                if let Some((_, taken)) = &mut self.imported {
                    *taken = Some(name);
                }
            }
            Some(Operation::Store) => self.store(argument),
            Some(Operation::Load) => self.load(argument),
            // Two variables in one argument, four bits each, in the order in which they are used.
            Some(Operation::LoadTwo) => self.load(argument & 15),
            Some(Operation::StoreTwo) => {
                self.store(argument >> 4);
                self.store(argument & 15);
            }
            Some(Operation::StoreAndLoad) => {
                self.store(argument >> 4);
                self.load(argument & 15);
            }
            _ => {}
        }
    }

    fn begin_global(&mut self, name: String) {
        self.named.globals.insert(name.clone());
        self.way = Some((From::Global(name), Vec::new()));
    }

    fn store(&mut self, variable: usize) {
        let Some((module, taken)) = &mut self.imported else {
            self.variables.remove(&variable);
            return;
        };
        // `from m import a, b` stores one after the other from one import; `import m.n` stores `m`.
        let path = match taken.take() {
            Some(name) => format!("{module}.{name}"),
            None => module.clone(),
        };
        self.variables.insert(variable, From::Import(path));
    }

    fn load(&mut self, variable: usize) {
        self.imported = None;
        self.way = self.variables.get(&variable).map(|from| (from.clone(), Vec::new()));
    }

    fn end_way(&mut self, is_called_bare: bool) {
        if let Some((from, attributes)) = self.way.take() {
            self.named.ways.insert(Way {
                from,
                attributes,
                is_called_bare,
            });
        }
    }
}
