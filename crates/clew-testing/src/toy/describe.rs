//! The toy heap, for the engine's object walk.

use clew_core::graph::{BufferView, Extent, Halt, Heap, Identity, Node};
use clew_core::id::{Root, RootKind};

use super::heap::ToyHeap;
use super::object::{Function, Ref, Value, Window};

pub(super) mod kinds {
    pub const NONE: u16 = 1;
    pub const INT: u16 = 2;
    pub const TEXT: u16 = 3;
    pub const TOKEN: u16 = 4;
    pub const LIST: u16 = 5;
    pub const TUPLE: u16 = 6;
    pub const SET: u16 = 7;
    pub const DICT: u16 = 8;
    pub const INSTANCE: u16 = 9;
    pub const CELL: u16 = 10;
    pub const FUNCTION: u16 = 11;
    pub const CLASS: u16 = 12;
    pub const BODY: u16 = 13;
    pub const ARRAY: u16 = 14;
    pub const VIEW: u16 = 15;
    pub const FRAME: u16 = 16;
    pub const REDUCED: u16 = 17;
    pub const UNBUILDABLE: u16 = 18;
    pub const WEAK: u16 = 19;
    pub const OPAQUE: u16 = 99;
}

/// Texts up to this length are interned.
const INTERNED: usize = 12;
/// Integers up to this size are shared.
const SMALL: i64 = 256;

/// Appends texts, each preceded by its length.
pub(super) fn put_texts<'a>(out: &mut Vec<u8>, texts: impl IntoIterator<Item = &'a str>) {
    for text in texts {
        out.extend_from_slice(&(text.len() as u32).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

impl ToyHeap {
    /// Whether the object differs from an equal one only by `is`.
    pub fn is_value(&self, object: Ref) -> bool {
        let mut open = vec![object];
        let mut budget = 1_000;
        while let Some(object) = open.pop() {
            budget -= 1;
            match self.value(object) {
                Value::None | Value::Int(_) | Value::Text(_) => {}
                Value::Tuple(items) => open.extend(items),
                _ => return false,
            }
            if budget == 0 {
                return false;
            }
        }
        true
    }

    fn describe_function(function: &Function, node: &mut Node<'_, Ref>) {
        node.kind(kinds::FUNCTION);
        if function.scope != 0 {
            node.opaque("function: reads the globals of a scratch namespace");
        }
        node.payload()
            .extend_from_slice(&(function.cells.len() as u32).to_be_bytes());
        put_texts(node.payload(), function.reads.iter().map(String::as_str));
        node.aside().extend_from_slice(&function.line.to_be_bytes());
        function
            .cells
            .iter()
            .chain(&function.defaults)
            .for_each(|child| node.child(*child));
    }

    fn describe_named(payload: &mut Vec<u8>, first: &str, named: &[(String, Ref)]) {
        put_texts(
            payload,
            std::iter::once(first).chain(named.iter().map(|(name, _)| name.as_str())),
        );
    }

    fn describe_body(&self, class: Ref, node: &mut Node<'_, Ref>) {
        let Value::Class { name, attributes, .. } = self.value(class) else {
            unreachable!("only classes have bodies")
        };
        node.kind(kinds::BODY);
        Self::describe_named(node.payload(), name, attributes);
        attributes.iter().for_each(|(_, child)| node.child(*child));
    }

    fn buffer(window: &Window, copies_on_write: bool) -> BufferView {
        BufferView {
            address: window.address(),
            length: window.length,
            column: window.column,
            copies_on_write,
        }
    }
}

fn simple(value: &Value) -> Option<u16> {
    Some(match value {
        Value::None => kinds::NONE,
        Value::Token => kinds::TOKEN,
        Value::List(_) => kinds::LIST,
        Value::Tuple(_) => kinds::TUPLE,
        Value::Cell(_) => kinds::CELL,
        Value::Unbuildable(_) => kinds::UNBUILDABLE,
        _ => return None,
    })
}

impl Heap for ToyHeap {
    type Object = Ref;

    const OPAQUE_KIND: u16 = kinds::OPAQUE;

    fn halt(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    fn identity(&self, object: Ref) -> Identity {
        if object.is_body() {
            return Identity::Sole;
        }
        match self.value(object) {
            Value::None | Value::Int(_) | Value::Class { .. } => Identity::Plain,
            Value::Text(text) if text.len() <= INTERNED => Identity::Plain,
            Value::Text(_) => Identity::Value,
            Value::Tuple(_) if self.is_value(object) => Identity::Value,
            _ if self.count(object) == 1 && !self.is_weakly_known(object) => Identity::Sole,
            _ => Identity::Shared,
        }
    }

    fn binds(&self, object: Ref) -> bool {
        match self.value(object) {
            Value::None | Value::Class { .. } => false,
            Value::Int(number) => number.abs() > SMALL,
            Value::Text(text) => text.len() > INTERNED,
            _ => true,
        }
    }

    fn describe(&mut self, object: Ref, node: &mut Node<'_, Ref>) {
        if object.is_body() {
            self.describe_body(object.object(), node);
            return;
        }
        let value = self.value(object);
        if let Some(kind) = simple(value) {
            node.kind(kind);
            value.children().into_iter().for_each(|child| node.child(child));
            return;
        }
        match value {
            Value::Int(number) => {
                node.kind(kinds::INT);
                node.payload().extend_from_slice(&number.to_be_bytes());
            }
            Value::Text(text) => {
                node.kind(kinds::TEXT);
                node.payload().extend_from_slice(text.as_bytes());
            }
            Value::Set(members) => {
                node.kind(kinds::SET);
                node.unordered();
                members.iter().for_each(|member| node.child(*member));
            }
            Value::Record { class, fields } => {
                node.kind(if class.is_some() { kinds::INSTANCE } else { kinds::DICT });
                Self::describe_named(node.payload(), "", fields);
                value.children().into_iter().for_each(|child| node.child(child));
            }
            Value::Function(function) => Self::describe_function(function, node),
            Value::Class { id, .. } => {
                node.kind(kinds::CLASS);
                node.payload().extend_from_slice(id.as_bytes());
                self.met.push(object);
            }
            Value::Array(window) => {
                node.kind(kinds::ARRAY);
                node.buffer(Self::buffer(window, false));
            }
            Value::Frame(window) => {
                node.kind(kinds::FRAME);
                node.payload().extend_from_slice(&window.column.to_be_bytes());
                node.buffer(Self::buffer(window, true));
            }
            Value::View { base, offset, length } => {
                node.kind(kinds::VIEW);
                node.child(*base);
                if let Value::Array(window) = self.value(*base) {
                    let seen = Window {
                        offset: window.offset + offset,
                        length: *length,
                        column: 0,
                        ..*window
                    };
                    node.buffer(Self::buffer(&seen, false));
                }
            }
            Value::Handle { holds, .. } => {
                node.kind(kinds::OPAQUE);
                node.opaque("handle: running it is the only way to see what it holds");
                node.payload().extend_from_slice(&self.serial_of(object).to_be_bytes());
                holds.iter().for_each(|child| node.child(*child));
            }
            Value::Reduced(_) | Value::Raising => node.defer(),
            Value::Weak(target) => {
                node.kind(kinds::WEAK);
                target.iter().for_each(|child| node.child(*child));
            }
            _ => unreachable!("described above"),
        }
    }

    fn reduce(&mut self, object: Ref, node: &mut Node<'_, Ref>) -> Result<(), String> {
        let Value::Reduced(inner) = *self.value(object) else {
            return Err("raising: its reducer raised TypeError".to_owned());
        };
        // Like a real reducer, it returns a new tuple to which only this walk refers.
        let made = self.make(Value::Tuple(vec![inner]));
        self.kept.push(made);
        node.kind(kinds::REDUCED);
        node.child(made);
        Ok(())
    }

    fn keep(&mut self, object: Ref) {
        self.hold(object);
        self.kept.push(object);
    }

    fn release(&mut self) {
        for object in std::mem::take(&mut self.kept) {
            self.let_go(object);
        }
    }

    fn serial(&mut self, object: Ref) -> u64 {
        self.serial_of(object)
    }

    fn address(&self, object: Ref) -> u64 {
        self.serial_of(object.object())
    }

    fn discovered(&mut self) -> Vec<(Root, Ref)> {
        let mut met = std::mem::take(&mut self.met);
        met.sort_unstable();
        met.dedup();
        met.into_iter()
            .filter_map(|class| match self.is_live(class).then(|| self.value(class)) {
                Some(Value::Class { id, .. }) => Some((Root::new(RootKind::Definition, id.clone()), class.body())),
                _ => None,
            })
            .collect()
    }

    fn bytes(&self, address: u64, length: u64) -> Option<&[u8]> {
        self.memory.bytes(address, length)
    }

    fn untouched(&self, extent: &Extent) -> Vec<Option<u128>> {
        let bytes = self.memory.bytes(extent.address, extent.length);
        let known = self.watched.iter().zip(bytes);
        let mut known = known.map(|(watched, bytes)| watched.untouched(extent, bytes));
        known.next().unwrap_or_default()
    }

    fn remember(&self, extent: &Extent, hashes: &[u128]) {
        if let (Some(watched), Some(bytes)) = (&self.watched, self.memory.bytes(extent.address, extent.length)) {
            watched.remember(extent, bytes, hashes);
        }
    }
}
