//! The cell language: one statement per line, with words separated by blanks.
//!
//! ```text
//! x = none | int 5 | text s | token | list a b | tuple a b | set a b | dict k=a | new C k=a | cell [a] | bytes 64 1 | noise 64 1
//!     window a 4 8 | view a 4 8 | frame a | columns a 2 | slice f 0 8 | weak a | handle [a] | reduced a | raising
//!     unbuildable a | is a | item a 0 | field a k | call f | setting depth | library m | deep 100
//! def f reads a b cells c defaults d        class C k=a k=b
//! append x a · pop x · put x 0 a · set x.k a · poke x 3 255 · cell x a · add x a · count C k · advance h
//! set_process depth a · patch m a · unpatch m
//! del x · show x · draw x · fail · interrupt
//! ```
//!
//! In a world with process settings, a setting always has a value. A member of a library is only a root while a cell has replaced it.

mod mutate;

use std::collections::BTreeMap;

use clew_core::format::Ending;
use clew_core::id::{Root, RootKind};

use super::heap::ToyHeap;
use super::object::{Function, Ref, Value, Window};
use crate::dice::Dice;

/// The process setting.
pub const SETTING: &str = "depth";

/// How a cell failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellError {
    /// With an exception of this name.
    Raised(String),
    /// Interrupted by the user.
    Interrupted,
}

impl CellError {
    /// Converts the end of a cell to the form in which a run records it.
    pub fn ending(ended: Result<(), Self>) -> Ending {
        match ended {
            Ok(()) => Ending::Done,
            Err(Self::Interrupted) => Ending::Interrupted,
            Err(Self::Raised(exception)) => Ending::Failed { exception },
        }
    }
}

/// A heap and its bindings. A clone is a deep copy.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The objects.
    pub heap: ToyHeap,
    /// Roots, each holding one reference.
    pub bound: BTreeMap<Root, Ref>,
    /// The number of this namespace: 0 for the live one.
    pub scope: u32,
}

fn raise<T>(name: &str) -> Result<T, CellError> {
    Err(CellError::Raised(name.to_owned()))
}

fn number<T: std::str::FromStr>(word: Option<&&str>) -> Result<T, CellError> {
    word.and_then(|word| word.parse().ok())
        .ok_or_else(|| CellError::Raised("SyntaxError".to_owned()))
}

/// Runs a cell. `count` is the execution number under which `show` stores its value. Garbage is collected at the end.
///
/// # Errors
/// The first line that fails. The lines before it keep their effects.
pub fn run_cell(world: &mut World, source: &str, count: u64) -> Result<(), CellError> {
    let lines = source
        .lines()
        .map(str::trim)
        .enumerate()
        .filter(|(_, line)| !line.is_empty());
    let done = lines
        .into_iter()
        .try_for_each(|(at, line)| world.run_line(line, count, at));
    world.heap.sweep();
    done
}

impl World {
    /// Creates an empty world for the process numbered `life`.
    pub fn new(life: u64) -> Self {
        let mut heap = ToyHeap::new(life);
        let random = heap.make(Value::Int(1));
        Self {
            heap,
            bound: BTreeMap::from([(Root::new(RootKind::Random, "toy"), random)]),
            scope: 0,
        }
    }

    /// Adds a process setting.
    #[must_use]
    pub fn with_setting(mut self) -> Self {
        let setting = self.heap.make(Value::Int(1_000));
        self.bind(Root::new(RootKind::Setting, SETTING), setting);
        self
    }

    /// Binds a root, which takes over the caller's reference.
    pub fn bind(&mut self, root: Root, object: Ref) {
        if let Some(old) = self.bound.insert(root, object) {
            self.heap.let_go(old);
        }
    }

    /// Removes a root.
    pub fn unbind(&mut self, root: &Root) {
        if let Some(old) = self.bound.remove(root) {
            self.heap.let_go(old);
        }
    }

    /// Returns the object of a name.
    pub fn name(&self, name: &str) -> Option<Ref> {
        self.bound.get(&Root::name(name)).copied()
    }

    /// Returns the serial of a root's object.
    pub fn serial(&self, root: &Root) -> Option<u64> {
        Some(self.heap.serial_of(*self.bound.get(root)?))
    }

    /// Returns the serials of the objects of all roots.
    pub fn serials(&self) -> BTreeMap<Root, u64> {
        let bound = self.bound.iter();
        bound
            .map(|(root, object)| (root.clone(), self.heap.serial_of(*object)))
            .collect()
    }

    fn look_up(&self, name: &str) -> Result<Ref, CellError> {
        self.name(name).map_or_else(|| raise("NameError"), Ok)
    }

    fn look_up_all(&self, names: &[&str]) -> Result<Vec<Ref>, CellError> {
        names.iter().map(|name| self.look_up(name)).collect()
    }

    fn fields(&self, words: &[&str]) -> Result<Vec<(String, Ref)>, CellError> {
        let field = |word: &&str| match word.split_once('=') {
            Some((key, name)) => Ok((key.to_owned(), self.look_up(name)?)),
            None => raise("SyntaxError"),
        };
        words.iter().map(field).collect()
    }

    fn run_line(&mut self, line: &str, count: u64, at: usize) -> Result<(), CellError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, "=", what, rest @ ..] => {
                let made = self.expression(what, rest)?;
                self.bind(Root::name(*name), made);
                Ok(())
            }
            ["def", name, rest @ ..] => self.define(name, rest),
            ["class", name, rest @ ..] => {
                // The same in every world that runs the same cells, and never reused.
                let id = format!("{:08x}{:04x}{count:08x}{at:04x}", self.heap.life, self.scope);
                self.class(name, id, rest)
            }
            ["del", name] => {
                self.look_up(name)?;
                self.unbind(&Root::name(*name));
                Ok(())
            }
            ["show", name] => self.share(Root::new(RootKind::Out, count.to_string()), name),
            ["set_process", setting, name] if *setting == SETTING => {
                self.share(Root::new(RootKind::Setting, *setting), name)
            }
            ["patch", member, name] => self.share(Root::new(RootKind::ModuleAttribute, *member), name),
            ["unpatch", member] => {
                self.unbind(&Root::new(RootKind::ModuleAttribute, *member));
                Ok(())
            }
            ["draw", name] => self.draw(name),
            ["fail"] => raise("ValueError"),
            ["interrupt"] => Err(CellError::Interrupted),
            [verb, name, rest @ ..] => self.mutate(verb, name, rest),
            _ => raise("SyntaxError"),
        }
    }

    /// Binds a root to the object of a name.
    fn share(&mut self, root: Root, name: &str) -> Result<(), CellError> {
        let object = self.look_up(name)?;
        self.heap.hold(object);
        self.bind(root, object);
        Ok(())
    }

    /// Returns a new object, or a new reference to an existing one.
    fn expression(&mut self, what: &str, rest: &[&str]) -> Result<Ref, CellError> {
        let value = match what {
            "none" => Value::None,
            "int" => Value::Int(number(rest.first())?),
            "text" => Value::Text(rest.join(" ")),
            "token" => Value::Token,
            "list" => Value::List(self.look_up_all(rest)?),
            "tuple" => Value::Tuple(self.look_up_all(rest)?),
            "set" => self.set_of(self.look_up_all(rest)?)?,
            "dict" => Value::Record {
                class: None,
                fields: self.fields(rest)?,
            },
            "new" => self.instance(rest)?,
            "cell" => Value::Cell(rest.first().map(|name| self.look_up(name)).transpose()?),
            "bytes" => {
                let (length, fill) = (number(rest.first())?, number(rest.get(1))?);
                return Ok(self.heap.make_array(vec![fill; length]));
            }
            "noise" => {
                let (length, seed) = (number::<usize>(rest.first())?, number(rest.get(1))?);
                let mut dice = Dice::new(seed);
                let noise = (0..length).map(|_| dice.roll() as u8);
                return Ok(self.heap.make_array(noise.collect()));
            }
            "window" => Value::Array(self.window(rest)?),
            "view" => self.view(rest)?,
            "frame" => Value::Frame(self.window(&rest[..1])?),
            "columns" => return self.columns(rest),
            "slice" => Value::Frame(self.window(rest)?),
            "weak" => self.weak(rest)?,
            "handle" => Value::Handle {
                position: 0,
                holds: rest.first().map(|name| self.look_up(name)).transpose()?,
            },
            "reduced" => Value::Reduced(self.first(rest)?),
            "raising" => Value::Raising,
            "unbuildable" => Value::Unbuildable(self.first(rest)?),
            "deep" => return Ok(self.deep(number(rest.first())?)),
            "call" => return self.call(rest),
            "is" | "item" | "field" | "setting" | "library" => {
                let found = self.read(what, rest)?;
                self.heap.hold(found);
                return Ok(found);
            }
            _ => return raise("SyntaxError"),
        };
        Ok(self.heap.make(value))
    }

    fn first(&self, names: &[&str]) -> Result<Ref, CellError> {
        names
            .first()
            .map_or_else(|| raise("SyntaxError"), |name| self.look_up(name))
    }

    fn read(&self, what: &str, rest: &[&str]) -> Result<Ref, CellError> {
        let kind = match what {
            "setting" => Some(RootKind::Setting),
            "library" => Some(RootKind::ModuleAttribute),
            _ => None,
        };
        if let (Some(kind), Some(key)) = (kind, rest.first()) {
            let found = self.bound.get(&Root::new(kind, *key)).copied();
            return found.map_or_else(|| raise("AttributeError"), Ok);
        }
        let object = self.first(rest)?;
        match (what, self.heap.value(object)) {
            ("is", _) => Ok(object),
            ("item", Value::List(items) | Value::Tuple(items)) => {
                let index: usize = number(rest.get(1))?;
                items.get(index).copied().map_or_else(|| raise("IndexError"), Ok)
            }
            ("field", Value::Record { fields: named, .. } | Value::Class { attributes: named, .. }) => {
                let key = rest.get(1).copied().unwrap_or_default();
                let found = named.iter().find(|(name, _)| name == key);
                found.map_or_else(|| raise("AttributeError"), |(_, field)| Ok(*field))
            }
            _ => raise("TypeError"),
        }
    }

    fn is_hashable(&self, object: Ref) -> bool {
        match self.heap.value(object) {
            Value::None | Value::Int(_) | Value::Text(_) | Value::Token | Value::Record { class: Some(_), .. } => true,
            Value::Tuple(items) => items.iter().all(|item| self.is_hashable(*item)),
            _ => false,
        }
    }

    fn set_of(&self, members: Vec<Ref>) -> Result<Value, CellError> {
        if !members.iter().all(|member| self.is_hashable(*member)) {
            return raise("TypeError");
        }
        let mut distinct: Vec<Ref> = Vec::new();
        for member in members {
            if !distinct.iter().any(|known| self.is_equal(*known, member)) {
                distinct.push(member);
            }
        }
        Ok(Value::Set(self.heap.set_order(distinct)))
    }

    fn is_equal(&self, one: Ref, other: Ref) -> bool {
        one == other
            || match (self.heap.value(one), self.heap.value(other)) {
                (Value::None, Value::None) => true,
                (Value::Int(one), Value::Int(other)) => one == other,
                (Value::Text(one), Value::Text(other)) => one == other,
                (Value::Tuple(one), Value::Tuple(other)) => {
                    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| self.is_equal(*one, *other))
                }
                _ => false,
            }
    }

    fn instance(&self, rest: &[&str]) -> Result<Value, CellError> {
        let class = self.first(rest)?;
        if !matches!(self.heap.value(class), Value::Class { .. }) {
            return raise("TypeError");
        }
        Ok(Value::Record {
            class: Some(class),
            fields: self.fields(&rest[1..])?,
        })
    }

    /// Returns the memory of an array, view or frame, or a part of it.
    fn window(&self, rest: &[&str]) -> Result<Window, CellError> {
        let whole = self.memory_of(self.first(rest)?)?;
        if rest.len() == 1 {
            return Ok(whole);
        }
        let (offset, length): (u64, u64) = (number(rest.get(1))?, number(rest.get(2))?);
        if offset + length > whole.length {
            return raise("IndexError");
        }
        Ok(Window {
            offset: whole.offset + offset,
            length,
            column: 0,
            ..whole
        })
    }

    pub(super) fn memory_of(&self, object: Ref) -> Result<Window, CellError> {
        match self.heap.value(object) {
            Value::Array(window) | Value::Frame(window) => Ok(*window),
            Value::View { base, offset, length } => {
                let whole = self.memory_of(*base)?;
                Ok(Window {
                    offset: whole.offset + offset,
                    length: *length,
                    column: 0,
                    ..whole
                })
            }
            _ => raise("TypeError"),
        }
    }

    fn view(&self, rest: &[&str]) -> Result<Value, CellError> {
        let base = self.first(rest)?;
        if !matches!(self.heap.value(base), Value::Array(_)) {
            return raise("TypeError");
        }
        let (whole, part) = (self.memory_of(base)?, self.window(rest)?);
        Ok(Value::View {
            base,
            offset: part.offset - whole.offset,
            length: part.length,
        })
    }

    /// Creates a frame with its own memory, copied from an array and cut into columns.
    fn columns(&mut self, rest: &[&str]) -> Result<Ref, CellError> {
        let (window, count): (Window, u64) = (self.window(&rest[..1.min(rest.len())])?, number(rest.get(1))?);
        let region = self.heap.memory.copy(&window);
        let made = self.heap.make(Value::Frame(Window {
            region,
            offset: 0,
            length: window.length,
            column: window.length / count.max(1),
        }));
        self.heap.memory.release(region);
        Ok(made)
    }

    fn weak(&self, rest: &[&str]) -> Result<Value, CellError> {
        let target = self.first(rest)?;
        match self.heap.value(target) {
            Value::Record { class: Some(_), .. } | Value::Set(_) | Value::Function(_) => Ok(Value::Weak(Some(target))),
            _ => raise("TypeError"),
        }
    }

    /// Creates nested lists.
    fn deep(&mut self, levels: u32) -> Ref {
        let mut inner = self.heap.make(Value::List(Vec::new()));
        for _ in 0..levels {
            let outer = self.heap.make(Value::List(vec![inner]));
            self.heap.let_go(inner);
            inner = outer;
        }
        inner
    }

    /// Increments the first closure variable. Returns the objects that the function reads: globals, defaults, closure variables.
    fn call(&mut self, rest: &[&str]) -> Result<Ref, CellError> {
        let Value::Function(function) = self.heap.value(self.first(rest)?).clone() else {
            return raise("TypeError");
        };
        let mut seen = self.look_up_all(&function.reads.iter().map(String::as_str).collect::<Vec<_>>())?;
        if let Some(cell) = function.cells.first() {
            self.count_cell(*cell);
        }
        seen.extend(&function.defaults);
        seen.extend(function.cells.iter().flat_map(|cell| self.heap.value(*cell).children()));
        Ok(self.heap.make(Value::List(seen)))
    }

    fn count_cell(&mut self, cell: Ref) {
        let Value::Cell(held) = *self.heap.value(cell) else {
            return;
        };
        let count = match held.map(|held| self.heap.value(held)) {
            Some(Value::Int(count)) => count + 1,
            _ => 1,
        };
        let made = self.heap.make(Value::Int(count));
        self.heap.update(cell, |value| *value = Value::Cell(Some(made)));
        self.heap.let_go(made);
    }

    fn define(&mut self, name: &str, rest: &[&str]) -> Result<(), CellError> {
        let mut function = Function {
            reads: Vec::new(),
            cells: Vec::new(),
            defaults: Vec::new(),
            line: rest.len() as u32,
            scope: self.scope,
        };
        let mut part = "";
        for word in rest {
            match (part, *word) {
                (_, "reads" | "cells" | "defaults") => part = word,
                ("reads", word) => function.reads.push(word.to_owned()),
                ("cells", word) => function.cells.push(self.look_up(word)?),
                ("defaults", word) => function.defaults.push(self.look_up(word)?),
                _ => return raise("SyntaxError"),
            }
        }
        let is_cell = |cell: &Ref| matches!(self.heap.value(*cell), Value::Cell(_));
        if !function.cells.iter().all(is_cell) {
            return raise("TypeError");
        }
        let made = self.heap.make(Value::Function(function));
        self.bind(Root::name(name), made);
        Ok(())
    }

    fn class(&mut self, name: &str, id: String, rest: &[&str]) -> Result<(), CellError> {
        let made = Value::Class {
            id,
            name: name.to_owned(),
            attributes: self.fields(rest)?,
        };
        let made = self.heap.make(made);
        self.bind(Root::name(name), made);
        Ok(())
    }

    fn draw(&mut self, name: &str) -> Result<(), CellError> {
        let root = Root::new(RootKind::Random, "toy");
        let Some(Value::Int(state)) = self.bound.get(&root).map(|state| self.heap.value(*state).clone()) else {
            return raise("RuntimeError");
        };
        let next = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (drawn, next) = (self.heap.make(Value::Int(next >> 40)), self.heap.make(Value::Int(next)));
        self.bind(Root::name(name), drawn);
        self.bind(root, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(source: &str) -> World {
        let mut world = World::new(1);
        run_cell(&mut world, source, 1).unwrap();
        world
    }

    #[test]
    fn a_failed_cell_keeps_what_it_did_before() {
        let mut world = World::new(1);
        let failed = run_cell(&mut world, "a = list\nfail\nb = list", 1);
        assert_eq!(failed, Err(CellError::Raised("ValueError".to_owned())));
        assert!(world.name("a").is_some() && world.name("b").is_none());
    }

    #[test]
    fn frames_copy_before_they_write_and_frames_over_arrays_write_through() {
        let mut world = world("a = bytes 8 1\nf = frame a\ng = columns a 1\nh = frame g\npoke f 0 9\npoke g 0 7");
        let byte = |world: &World, name| {
            let window = world.memory_of(world.name(name).unwrap()).unwrap();
            world.heap.memory().bytes(window.address(), 1).unwrap()[0]
        };
        assert_eq!(
            [
                byte(&world, "a"),
                byte(&world, "f"),
                byte(&world, "g"),
                byte(&world, "h")
            ],
            [9, 9, 7, 1]
        );
        run_cell(&mut world, "del a\ni = frame f\npoke i 0 5", 2).unwrap();
        assert_eq!([byte(&world, "f"), byte(&world, "i")], [9, 5]);
    }

    #[test]
    fn a_function_reads_the_globals_it_finds_when_called() {
        let world = world("x = int 1\nc = cell\ndef f reads x cells c\nx = int 2\nr = call f");
        let seen = world.heap.value(world.name("r").unwrap()).children();
        let seen: Vec<_> = seen.iter().map(|object| world.heap.value(*object).clone()).collect();
        assert_eq!(seen, [Value::Int(2), Value::Int(1)]);
    }

    #[test]
    fn deleting_everything_leaves_an_empty_heap() {
        let mut world =
            world("a = list\nappend a a\nclass C\nb = new C x=a\nw = weak b\ns = set b\nz = bytes 9 1\nv = view z 1 2");
        run_cell(&mut world, "del a\ndel b\ndel C\ndel w\ndel s\ndel z\ndel v", 2).unwrap();
        assert_eq!(world.heap.len(), 1, "the random state is left");
        assert!(world.heap.memory().is_empty());
    }
}
