//! Builds objects from a parsed stream: first shells of mutable objects, then immutable objects from the inside out.

use clew_core::graph::ArenaNode;
use clew_core::kernel::{BuildError, StoredCoVariable};

use super::describe::kinds;
use super::heap::ToyHeap;
use super::object::{Function, Ref, Value, Window};

/// Built objects. Each holds one reference, which the caller must release.
#[derive(Debug, Default)]
pub struct Built {
    /// The objects of the roots, in order.
    pub roots: Vec<Ref>,
    /// All created objects, including the roots, with one reference each.
    pub made: Vec<Ref>,
}

struct Builder<'a> {
    heap: &'a mut ToyHeap,
    stored: &'a StoredCoVariable<'a, Vec<u8>>,
    regions: Vec<u64>,
    objects: Vec<Option<Ref>>,
    /// Nodes whose children are being created.
    entered: Vec<bool>,
    made: Vec<Ref>,
    /// A placeholder in shells until they are filled.
    nothing: Ref,
    /// Shells whose children must still be created and inserted.
    shells: Vec<u32>,
}

fn failed(what: &str) -> BuildError {
    BuildError::Failed(what.to_owned())
}

/// Builds all roots of a co-variable. After a failure, the objects created so far are freed.
///
/// # Errors
/// The stream is not valid for this heap, or an object cannot be built.
pub(super) fn build(heap: &mut ToyHeap, stored: &StoredCoVariable<'_, Vec<u8>>) -> Result<Built, BuildError> {
    let nothing = heap.make(Value::None);
    let regions = stored
        .extents
        .iter()
        .map(|bytes| heap.memory.allocate(bytes.clone()))
        .collect();
    let mut builder = Builder {
        objects: vec![None; stored.arena.len()],
        entered: vec![false; stored.arena.len()],
        heap,
        stored,
        regions,
        made: vec![nothing],
        nothing,
        shells: Vec::new(),
    };
    let roots = builder.roots();
    let Builder {
        heap, regions, made, ..
    } = builder;
    regions.into_iter().for_each(|region| heap.memory.release(region));
    match roots {
        Ok(roots) => Ok(Built { roots, made }),
        Err(error) => {
            made.into_iter().for_each(|object| heap.let_go(object));
            heap.sweep();
            Err(error)
        }
    }
}

impl<'a> Builder<'a> {
    fn roots(&mut self) -> Result<Vec<Ref>, BuildError> {
        let numbers = self.stored.arena.roots();
        // Instances of a class may come before the class.
        for (number, root) in numbers.iter().zip(self.stored.roots) {
            if self.node(*number).kind == kinds::BODY {
                self.class(*number, &root.key)?;
            }
        }
        let mut roots = Vec::new();
        for number in numbers {
            let object = self.tree(*number)?;
            let is_body = self.node(*number).kind == kinds::BODY;
            roots.push(if is_body { object.body() } else { object });
        }
        while let Some(number) = self.shells.pop() {
            self.fill(number)?;
        }
        Ok(roots)
    }

    fn node(&self, number: u32) -> ArenaNode<'a> {
        let stored = self.stored;
        stored.arena.node(number)
    }

    /// Creates the object `number` and its immutable descendants. Mutable ones become shells.
    fn tree(&mut self, number: u32) -> Result<Ref, BuildError> {
        let root = number;
        let mut open = vec![(number, false)];
        while let Some((number, children_made)) = open.pop() {
            if self.objects[number as usize].is_some() {
                continue;
            }
            if let Some(shell) = self.shell(number) {
                self.keep(number, shell);
                self.shells.push(number);
            } else if self.node(number).kind == kinds::CLASS {
                self.named_class(number)?;
            } else if children_made {
                let value = self.value(number)?;
                self.keep(number, value);
            } else if std::mem::replace(&mut self.entered[number as usize], true) {
                return Err(failed("what can't change holds itself"));
            } else {
                open.push((number, true));
                open.extend(self.node(number).children.iter().map(|child| (*child, false)));
            }
        }
        Ok(self.objects[root as usize].expect("made above"))
    }

    fn keep(&mut self, number: u32, value: Value) {
        let object = self.heap.make(value);
        self.made.push(object);
        self.objects[number as usize] = Some(object);
    }

    /// Returns the value of an object that can be created before its children.
    fn shell(&self, number: u32) -> Option<Value> {
        Some(match self.node(number).kind {
            kinds::LIST => Value::List(Vec::new()),
            kinds::SET => Value::Set(Vec::new()),
            kinds::DICT | kinds::INSTANCE => Value::Record {
                class: None,
                fields: Vec::new(),
            },
            kinds::CELL => Value::Cell(None),
            kinds::WEAK => Value::Weak(None),
            kinds::REDUCED => Value::Reduced(self.nothing),
            kinds::UNBUILDABLE => Value::Unbuildable(self.nothing),
            _ => return None,
        })
    }

    /// Uses the class with this id, staged or live: instances keep their class in all of its versions. Classes may contain instances of
    /// each other, so a class that comes later in the stream is declared.
    fn named_class(&mut self, number: u32) -> Result<(), BuildError> {
        let id = text(self.node(number).payload)?;
        let class = match self.heap.class(&id) {
            Some(class) => {
                self.heap.hold(class);
                class
            }
            None => self.declare(&id, ""),
        };
        self.made.push(class);
        self.objects[number as usize] = Some(class);
        Ok(())
    }

    fn declare(&mut self, id: &str, name: &str) -> Ref {
        self.heap.make(Value::Class {
            id: id.to_owned(),
            name: name.to_owned(),
            attributes: Vec::new(),
        })
    }

    /// Creates a class without its attributes: the declared class, or a second one besides the live one.
    fn class(&mut self, number: u32, id: &str) -> Result<(), BuildError> {
        let names = texts(self.node(number).payload)?;
        let name = names.first().map(String::as_str).unwrap_or_default();
        let declared = self.heap.class(id).filter(|class| self.heap.is_declared(*class));
        let class = if let Some(declared) = declared {
            self.heap.hold(declared);
            let named = Value::Class {
                id: id.to_owned(),
                name: name.to_owned(),
                attributes: Vec::new(),
            };
            self.heap.update(declared, |value| *value = named);
            declared
        } else {
            self.declare(id, name)
        };
        self.made.push(class);
        self.objects[number as usize] = Some(class);
        self.shells.push(number);
        Ok(())
    }

    fn children(&self, number: u32) -> Result<Vec<Ref>, BuildError> {
        let made = |child: &u32| self.objects[*child as usize].ok_or_else(|| failed("what can't change holds itself"));
        self.node(number).children.iter().map(made).collect()
    }

    fn fill(&mut self, number: u32) -> Result<(), BuildError> {
        for child in self.node(number).children.to_vec() {
            self.tree(child)?;
        }
        let children = self.children(number)?;
        let node = self.node(number);
        let first = children.first().copied();
        let shell = self.objects[number as usize].expect("shells are made");
        let value = match node.kind {
            kinds::BODY => {
                let filled = named(&node, 1, &children)?;
                self.heap.update(shell, |class| {
                    if let Value::Class { attributes, .. } = class {
                        *attributes = filled;
                    }
                });
                return Ok(());
            }
            kinds::LIST => Value::List(children),
            kinds::SET => Value::Set(self.heap.set_order(children)),
            kinds::DICT => Value::Record {
                class: None,
                fields: named(&node, 1, &children)?,
            },
            kinds::INSTANCE => Value::Record {
                class: first,
                fields: named(
                    &node,
                    1,
                    children.get(1..).ok_or_else(|| failed("an instance has a class"))?,
                )?,
            },
            kinds::CELL => Value::Cell(first),
            kinds::WEAK => Value::Weak(first),
            kinds::UNBUILDABLE => return Err(failed("unbuildable: its constructor raised ValueError")),
            kinds::REDUCED => match first.map(|state| self.heap.value(state)) {
                Some(Value::Tuple(items)) if items.len() == 1 => Value::Reduced(items[0]),
                _ => return Err(failed("a reducer's state is a tuple of one")),
            },
            _ => unreachable!("no shell"),
        };
        self.heap.update(shell, |slot| *slot = value);
        Ok(())
    }

    fn value(&mut self, number: u32) -> Result<Value, BuildError> {
        let children = self.children(number)?;
        let node = self.node(number);
        Ok(match node.kind {
            kinds::NONE => Value::None,
            kinds::TOKEN => Value::Token,
            kinds::INT => Value::Int(i64::from_be_bytes(
                node.payload.try_into().map_err(|_| failed("an int has eight bytes"))?,
            )),
            kinds::TEXT => Value::Text(text(node.payload)?),
            kinds::TUPLE => Value::Tuple(children),
            kinds::FUNCTION => Value::Function(self.function(number, &children)?),
            kinds::ARRAY => Value::Array(self.window(&node, 0)?),
            kinds::FRAME => {
                let column = node
                    .payload
                    .try_into()
                    .map_err(|_| failed("a column has eight bytes"))?;
                Value::Frame(self.window(&node, u64::from_be_bytes(column))?)
            }
            kinds::VIEW => {
                let base = *children.first().ok_or_else(|| failed("a view has a base"))?;
                let (seen, Value::Array(whole)) = (self.window(&node, 0)?, self.heap.value(base)) else {
                    return Err(failed("a view's base is an array"));
                };
                Value::View {
                    base,
                    offset: seen.offset - whole.offset,
                    length: seen.length,
                }
            }
            _ => return Err(failed("a kind that nobody knows")),
        })
    }

    fn window(&self, node: &ArenaNode<'_>, column: u64) -> Result<Window, BuildError> {
        let mention = node.buffer.and_then(|buffer| self.stored.mentions.get(buffer as usize));
        let mention = mention.ok_or_else(|| failed("memory is missing"))?;
        let region = self
            .regions
            .get(mention.extent as usize)
            .ok_or_else(|| failed("memory is missing"))?;
        if mention.offset.saturating_add(mention.length) > self.heap.memory.length(*region) {
            return Err(failed("memory is cut short"));
        }
        Ok(Window {
            region: *region,
            offset: mention.offset,
            length: mention.length,
            column,
        })
    }

    fn function(&self, number: u32, children: &[Ref]) -> Result<Function, BuildError> {
        let node = self.node(number);
        let (count, names) = node
            .payload
            .split_at_checked(4)
            .ok_or_else(|| failed("a function is cut short"))?;
        let count = u32::from_be_bytes(count.try_into().expect("four bytes")) as usize;
        let (cells, defaults) = children
            .split_at_checked(count)
            .ok_or_else(|| failed("cells are missing"))?;
        let aside = self.stored.asides.iter().find(|aside| aside.number == number);
        Ok(Function {
            reads: texts(names)?,
            cells: cells.to_vec(),
            defaults: defaults.to_vec(),
            line: aside
                .and_then(|aside| aside.bytes[..].try_into().ok())
                .map_or(0, u32::from_be_bytes),
            scope: 0,
        })
    }
}

fn text(bytes: &[u8]) -> Result<String, BuildError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| failed("a text is no text"))
}

fn texts(mut bytes: &[u8]) -> Result<Vec<String>, BuildError> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_at_checked(4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let (word, rest) = rest
            .split_at_checked(length)
            .ok_or_else(|| failed("a name is cut short"))?;
        found.push(text(word)?);
        bytes = rest;
    }
    Ok(found)
}

/// Pairs the names in the payload, except for the first `skip`, with children.
fn named(node: &ArenaNode<'_>, skip: usize, children: &[Ref]) -> Result<Vec<(String, Ref)>, BuildError> {
    let names = texts(node.payload)?;
    let names = names.get(skip..).filter(|names| names.len() == children.len());
    let names = names.ok_or_else(|| failed("names and values do not match"))?;
    Ok(names.iter().cloned().zip(children.iter().copied()).collect())
}
