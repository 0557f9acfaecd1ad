//! Notebook classes of a stream: made if no live class exists, otherwise staged as a twin of the live one.

use clew_core::graph::{Arena, ArenaNode, look_jointly};
use clew_core::id::Root;
use clew_core::kernel::BuildError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyString, PyTuple, PyType};

use rustc_hash::FxHashMap;

use super::library::method_name;
use super::{BuildResult, Builder, malformed};
use crate::kinds;
use crate::payload::Reader;
use crate::raw::class_body::{ANNOTATE, ANNOTATIONS, HAS_DICT, HAS_WEAK, SAYS_SLOTS};
use crate::raw::twin::Twin;
use crate::raw::{Object, make};

/// The parsed payload of a definition.
struct Head<'a> {
    id: &'a str,
    name: &'a [u8],
    qualname: &'a [u8],
    module: &'a [u8],
    slots: Vec<&'a [u8]>,
    flags: u8,
    members: Vec<&'a [u8]>,
    attributes: Vec<&'a [u8]>,
}

fn cut() -> BuildError {
    malformed("a definition is cut short")
}

fn names<'a>(reader: &mut Reader<'a>, most: usize) -> Result<Vec<&'a [u8]>, BuildError> {
    let count = reader.count(most).ok_or_else(cut)?;
    (0..count).map(|_| reader.name().ok_or_else(cut)).collect()
}

fn read<'a>(node: &ArenaNode<'a>) -> Result<Head<'a>, BuildError> {
    let mut reader = Reader::new(node.payload);
    let mut name = || reader.name().ok_or_else(cut);
    let (id, own, qualname, module) = (name()?, name()?, name()?, name()?);
    let id = std::str::from_utf8(id).map_err(|_| malformed("an id is no text"))?;
    let slots = names(&mut reader, node.payload.len())?;
    let flags = reader.byte().ok_or_else(cut)?;
    let members = names(&mut reader, node.children.len())?;
    let attributes = names(&mut reader, node.children.len())?;
    if node.children.len() != 2 + members.len() + attributes.len() {
        return Err(malformed("a definition has other parts than it names"));
    }
    Ok(Head {
        id,
        name: own,
        qualname,
        module,
        slots,
        flags,
        members,
        attributes,
    })
}

/// The nodes of the members of Enums, by the node of their definition and by name.
pub(super) type EnumMembers<'a> = FxHashMap<u32, FxHashMap<&'a [u8], u32>>;

/// Returns the definitions of a stream by id, and the members of Enums among them.
pub(super) fn own<'a>(arena: &'a Arena<'a>) -> (FxHashMap<&'a str, u32>, EnumMembers<'a>) {
    let (mut own, mut members) = (FxHashMap::default(), EnumMembers::default());
    for number in 0..arena.len() as u32 {
        let node = arena.node(number);
        if node.kind != kinds::DEFINITION {
            continue;
        }
        let Ok(head) = read(&node) else { continue };
        own.insert(head.id, number);
        if !head.members.is_empty() {
            let nodes = node.children[2..].iter().copied();
            members.insert(number, head.members.into_iter().zip(nodes).collect());
        }
    }
    (own, members)
}

/// Returns the node of an attribute of a definition.
pub(super) fn attribute(arena: &Arena<'_>, definition: u32, name: &[u8]) -> Option<u32> {
    let node = arena.node(definition);
    let head = read(&node).ok()?;
    let at = head.attributes.iter().position(|known| *known == name)?;
    node.children.get(2 + head.members.len() + at).copied()
}

/// Returns an error if a definition cannot be read.
pub(super) fn check(node: &ArenaNode<'_>) -> Result<(), BuildError> {
    read(node).map(drop)
}

impl<'py> Builder<'py, '_> {
    /// Returns the groups of a definition's members and attributes that share objects with each other, and with
    /// nothing else: only such groups may keep their live objects. Each group is given as positions among the
    /// children.
    fn groups(&self, number: u32, node: &ArenaNode<'_>) -> Vec<Vec<usize>> {
        let outside = node.children.len();
        let mut reached: FxHashMap<u32, usize> = FxHashMap::default();
        let mut group: Vec<usize> = (0..=outside).collect();
        let roots = self
            .arena
            .roots()
            .iter()
            .filter(|root| **root != number)
            .map(|root| (*root, outside));
        // The metaclass and the bases belong to no group.
        let own = |nth: usize| if nth < 2 { outside } else { nth };
        let children = node.children.iter().enumerate();
        let children = children.map(|(nth, child)| (*child, own(nth)));
        let mut open: Vec<(u32, usize)> = children.chain(roots).collect();
        while let Some((at, from)) = open.pop() {
            let inner = self.arena.node(at);
            if inner.kind == kinds::METHOD {
                // A method is stored by name, and refers to this attribute of the definition.
                let named = method_name(inner.payload).and_then(|(id, name)| self.order.own_attribute(id, name));
                open.extend(named.map(|attribute| (attribute, from)));
                continue;
            }
            if inner.children.is_empty() && kinds::is_plain(inner.kind) || at == number {
                continue;
            }
            if let Some(other) = reached.insert(at, from) {
                let (one, two) = (group[from], group[other]);
                group
                    .iter_mut()
                    .filter(|known| **known == two)
                    .for_each(|known| *known = one);
                continue;
            }
            open.extend(inner.children.iter().map(|child| (*child, from)));
        }
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); outside + 1];
        for child in 2..outside {
            groups[group[child]].push(child);
        }
        groups.swap_remove(group[outside]);
        groups.retain(|group| !group.is_empty());
        groups
    }

    /// Makes an empty class, or returns the live one; [`Self::fill_definition`] fills the class or makes a twin,
    /// after the attributes are built.
    pub(super) fn make_definition(&mut self, number: u32, node: &ArenaNode<'_>) -> BuildResult<'py> {
        let head = read(node)?;
        for (nth, name) in head.members.iter().enumerate() {
            self.members
                .insert((head.id.to_owned(), name.to_vec()), node.children[2 + nth]);
        }
        if let Some(class) = self.heap.definitions.unfilled(self.py, head.id) {
            self.fresh.insert(number);
            return Ok(class);
        }
        if let Some(live) = self.heap.definitions.class_of(self.py, head.id) {
            // The twin itself needs its attributes first; until then the live class represents it.
            return Ok(live);
        }
        let class = self.new_class(node, &head)?;
        self.heap.definitions.stage_class(class.as_any(), head.id);
        self.fresh.insert(number);
        Ok(class.into_any())
    }

    fn new_class(&self, node: &ArenaNode<'_>, head: &Head<'_>) -> Result<Bound<'py, PyType>, BuildError> {
        let py = self.py;
        let metaclass: Bound<'py, PyType> = self.child_of_type(node, 0, "no metaclass")?;
        let bases: Bound<'py, PyTuple> = self.child_of_type(node, 1, "no bases")?;
        if !self.tried(metaclass.is_subclass_of::<PyType>())? {
            return Err(malformed("a metaclass makes no classes"));
        }
        let space = PyDict::new(py);
        self.tried(space.set_item("__module__", self.name(head.module)?))?;
        self.tried(space.set_item("__qualname__", self.name(head.qualname)?))?;
        if head.flags & SAYS_SLOTS != 0 {
            let mut slots: Vec<Bound<'py, PyString>> = head
                .slots
                .iter()
                .map(|slot| self.name(slot))
                .collect::<Result<_, _>>()?;
            if head.flags & HAS_DICT != 0 {
                slots.push(self.name(b"__dict__")?);
            }
            if head.flags & HAS_WEAK != 0 {
                slots.push(self.name(b"__weakref__")?);
            }
            self.tried(space.set_item("__slots__", self.tried(PyTuple::new(py, slots))?))?;
        }
        let class = self.tried(make::new_class(&metaclass, &self.name(head.name)?, &bases, &space))?;
        self.start_abstract(&metaclass, &class)?;
        Ok(class)
    }

    /// Initializes the internal table of abstract classes, which is not an attribute.
    fn start_abstract(&self, metaclass: &Bound<'py, PyType>, class: &Bound<'py, PyType>) -> Result<(), BuildError> {
        let abc = self.tried(self.py.import("abc").and_then(|abc| abc.getattr("ABCMeta")))?;
        if self.tried(metaclass.is_subclass(&abc))? {
            self.call("_abc", "_abc_init", (class,))?;
        }
        Ok(())
    }

    pub(super) fn fill_definition(&mut self, number: u32, node: &ArenaNode<'_>) -> Result<(), BuildError> {
        let mut head = read(node)?;
        let class = self
            .object(number)?
            .cast_into::<PyType>()
            .map_err(|_| malformed("no class"))?;
        let members = 2 + head.members.len();
        let mut values: Vec<Bound<'py, PyAny>> = self.children(node, members)?;
        let annotate = head.attributes.iter().position(|name| *name == ANNOTATE);
        // Beside evaluated annotations, an earlier Python keeps the function as any other attribute.
        let is_evaluated = head.attributes.contains(&ANNOTATIONS);
        if let Some(at) = annotate.filter(|_| !cfg!(Py_3_14) && !is_evaluated) {
            head.attributes[at] = ANNOTATIONS;
            values[at] = self.annotation_texts(&values[at])?;
        }
        if self.fresh.contains(&number) {
            self.fill_class(number, &class, &head, &values)?;
            self.heap.definitions.fill(class.as_type_ptr(), head.id);
            return Ok(());
        }
        let twin = self.twin(number, node, &class, &head, &values)?;
        let twin = self.tried(Bound::new(self.py, twin))?;
        self.heap.definitions.stage_twin(&twin);
        self.objects[number as usize] = Some(twin.into_any());
        Ok(())
    }

    /// Sets the attributes of a new class in their recorded order.
    fn fill_class(
        &self,
        number: u32,
        class: &Bound<'py, PyType>,
        head: &Head<'_>,
        values: &[Bound<'py, PyAny>],
    ) -> Result<(), BuildError> {
        self.tried(make::remove_other_attributes(class, &head.attributes))?;
        let (order, line) = self.order(number, head);
        for at in order {
            let name = self.name(head.attributes[at])?;
            self.tried(make::set_class_attribute(class, &name, Some(&values[at])))?;
        }
        if let Some(line) = line {
            let Ok(line) = line.into_pyobject(self.py);
            self.tried(make::set_class_attribute(
                class,
                &self.name(b"__firstlineno__")?,
                Some(line.as_any()),
            ))?;
        }
        Ok(())
    }

    /// Returns the positions of the attributes in their recorded order, and the line of the class.
    fn order(&self, number: u32, head: &Head<'_>) -> (Vec<usize>, Option<u64>) {
        let mut reader = Reader::new(self.asides.get(&number).copied().unwrap_or_default());
        let mut order = Vec::new();
        let count = reader.count(head.attributes.len()).unwrap_or(0);
        for _ in 0..count {
            let at = reader
                .name()
                .and_then(|name| head.attributes.iter().position(|known| *known == name));
            order.extend(at.filter(|at| !order.contains(at)));
        }
        let missing: Vec<usize> = (0..head.attributes.len()).filter(|at| !order.contains(at)).collect();
        order.extend(missing);
        (order, reader.number())
    }

    /// Makes a twin for the live class. Members and attributes that equal the live ones are replaced by these.
    fn twin(
        &mut self,
        number: u32,
        node: &ArenaNode<'_>,
        class: &Bound<'py, PyType>,
        head: &Head<'_>,
        values: &[Bound<'py, PyAny>],
    ) -> Result<Twin, BuildError> {
        let (order, line) = self.order(number, head);
        let built = node.children[2..].iter().take(head.members.len());
        let built: Result<Vec<Bound<'py, PyAny>>, BuildError> = built.map(|child| self.object(*child)).collect();
        let mut parts = built?;
        parts.extend_from_slice(values);
        let definitions = &mut self.heap.definitions;
        let mut methods: Vec<Bound<'py, PyAny>> = values.to_vec();
        let mut names = head.attributes.iter();
        methods.retain(|function| {
            let name = names.next();
            name.is_some_and(|name| definitions.stage_method(head.id, head.qualname, name, function))
        });
        for group in self.groups(number, node) {
            let group: Vec<usize> = group.into_iter().map(|child| child - 2).collect();
            let live: Option<Vec<Bound<'py, PyAny>>> =
                group.iter().map(|at| self.live_part(class, head, *at)).collect();
            let Some(live) = live else { continue };
            let built: Vec<Bound<'py, PyAny>> = group.iter().map(|at| parts[*at].clone()).collect();
            let is_member = |at: &usize| *at < head.members.len();
            let whole: Vec<bool> = group.iter().map(is_member).collect();
            if self.are_equal(&live, &built, &whole) {
                group.into_iter().zip(live).for_each(|(at, live)| parts[at] = live);
            }
        }
        for function in &methods {
            self.heap.definitions.unstage_method(function);
        }
        let attributes = parts.split_off(head.members.len());
        let attributes = order
            .into_iter()
            .map(|at| (head.attributes[at].to_vec(), attributes[at].clone().unbind()));
        let attributes: Vec<_> = attributes.collect();
        let members = head.members.iter().zip(parts);
        let members: Vec<_> = members.map(|(name, member)| (name.to_vec(), member.unbind())).collect();
        Ok(Twin {
            id: head.id.to_owned(),
            live: class.clone().unbind(),
            name: head.name.to_vec(),
            qualname: head.qualname.to_vec(),
            module: head.module.to_vec(),
            slots: head.slots.iter().map(|slot| slot.to_vec()).collect(),
            flags: head.flags,
            line,
            members,
            metaclass: self.child_of_type(node, 0, "no metaclass")?.unbind(),
            bases: self.child_of_type(node, 1, "no bases")?.unbind(),
            attributes,
        })
    }

    /// Returns the live class's counterpart of a definition's `at`-th part: a member, or one of the attributes, which
    /// follow the members.
    fn live_part(&self, class: &Bound<'py, PyType>, head: &Head<'_>, at: usize) -> Option<Bound<'py, PyAny>> {
        let Some(name) = head.members.get(at) else {
            let name = head.attributes.get(at - head.members.len())?;
            return make::class_attribute(class, &self.name(name).ok()?);
        };
        let members = make::class_attribute(class, &self.name(b"_member_map_").ok()?)?;
        members
            .cast_exact::<PyDict>()
            .ok()?
            .get_item(self.name(name).ok()?)
            .ok()?
    }

    /// Returns whether two groups of objects, each walked on its own, are indistinguishable. `whole` marks the
    /// objects that are compared by their parts.
    fn are_equal(&mut self, one: &[Bound<'py, PyAny>], other: &[Bound<'py, PyAny>], whole: &[bool]) -> bool {
        let mut walked = |objects: &[Bound<'py, PyAny>]| {
            let roots = objects.iter().zip(whole).enumerate().map(|(nth, (object, is_whole))| {
                // Methods are written by name elsewhere; here their parts are compared.
                let is_whole = *is_whole || object.is_exact_instance_of::<PyFunction>();
                let shown = if is_whole {
                    Object::whole_of(object)
                } else {
                    Object::of(object)
                };
                (Root::name(format!("part{nth}")), shown)
            });
            let found = look_jointly(&mut *self.heap, roots.collect());
            (found.opaque.is_empty(), found.fingerprint)
        };
        let (one, other) = (walked(one), walked(other));
        one == other && one.0
    }
}
