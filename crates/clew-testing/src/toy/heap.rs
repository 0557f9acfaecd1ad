//! The heap: reference counts, garbage collection of cycles, reused addresses.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::graph::Halt;

use super::memory::Memory;
use super::object::{Ref, Value, Window};
use super::watched::Watched;

/// The objects and memory of one toy process. A clone is a deep copy with the same addresses.
#[derive(Debug, Clone, Default)]
pub struct ToyHeap {
    slots: Vec<Option<Slot>>,
    /// Free addresses; the last freed one is reused first, as in allocators of small objects.
    free: Vec<u32>,
    pub(super) memory: Memory,
    /// Live classes by their ids.
    pub(super) classes: BTreeMap<String, Ref>,
    next_serial: u64,
    /// The number of the process. Hash seeds and ids of classes depend on it.
    pub(super) life: u64,
    pub(super) kept: Vec<Ref>,
    pub(super) met: Vec<Ref>,
    /// Stops object walks without a result.
    pub halt: Option<Halt>,
    /// The write tracking of the system, if it has one.
    pub watched: Option<Watched>,
}

#[derive(Debug, Clone)]
struct Slot {
    value: Value,
    count: u32,
    serial: u64,
    /// Weak references to this object.
    weak: Vec<Ref>,
}

impl ToyHeap {
    /// Creates an empty heap for the process numbered `life`.
    pub fn new(life: u64) -> Self {
        Self {
            life,
            // Every other process runs on a system with write tracking.
            watched: life.is_multiple_of(2).then(Watched::default),
            ..Self::default()
        }
    }

    /// Creates an object. The caller owns one reference to it.
    pub fn make(&mut self, value: Value) -> Ref {
        value.children().into_iter().for_each(|child| self.hold(child));
        if let Some(region) = value.region() {
            self.memory.hold(region);
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        let made = Ref(number);
        self.enter(made, &value);
        self.next_serial += 1;
        self.slots[number as usize] = Some(Slot {
            value,
            count: 1,
            serial: self.next_serial,
            weak: Vec::new(),
        });
        made
    }

    /// Creates an array with new memory.
    pub fn make_array(&mut self, bytes: Vec<u8>) -> Ref {
        let length = bytes.len() as u64;
        let region = self.memory.allocate(bytes);
        let made = self.make(Value::Array(Window {
            region,
            offset: 0,
            length,
            column: 0,
        }));
        self.memory.release(region);
        made
    }

    fn enter(&mut self, made: Ref, value: &Value) {
        match value {
            Value::Weak(Some(target)) => self.slot_mut(*target).weak.push(made),
            Value::Class { id, .. } => {
                self.classes.entry(id.clone()).or_insert(made);
            }
            _ => {}
        }
    }

    /// Whether there is a live object at this address.
    pub fn is_live(&self, object: Ref) -> bool {
        self.slots.get(object.object().0 as usize).is_some_and(Option::is_some)
    }

    /// Returns the value of an object.
    pub fn value(&self, object: Ref) -> &Value {
        &self.slot(object).value
    }

    /// Returns the number of references to the object.
    pub fn count(&self, object: Ref) -> u32 {
        self.slot(object).count
    }

    /// Whether there are weak references to the object.
    pub fn is_weakly_known(&self, object: Ref) -> bool {
        !self.slot(object).weak.is_empty()
    }

    /// Returns a number that no other object of this heap ever has.
    pub fn serial_of(&self, object: Ref) -> u64 {
        self.slot(object).serial
    }

    /// Returns the number of live objects.
    pub fn len(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Whether there are no live objects.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Changes hashes and class ids to those of another process.
    pub(crate) fn set_life(&mut self, life: u64) {
        self.life = life;
    }

    /// Returns the memory for changes.
    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Returns the class with this id.
    pub fn class(&self, id: &str) -> Option<Ref> {
        self.classes.get(id).copied()
    }

    /// Whether it is a class that was declared for its instances and has no body yet.
    pub fn is_declared(&self, object: Ref) -> bool {
        matches!(self.value(object), Value::Class { name, .. } if name.is_empty())
    }

    /// Adds a reference.
    pub fn hold(&mut self, object: Ref) {
        self.slot_mut(object).count += 1;
    }

    /// Removes a reference. The last one frees the object, and all objects that only it referred to.
    pub fn let_go(&mut self, object: Ref) {
        let mut dying = vec![object.object()];
        while let Some(object) = dying.pop() {
            let slot = self.slot_mut(object);
            slot.count -= 1;
            if slot.count == 0 {
                dying.extend(self.free(object));
            }
        }
    }

    /// Frees an object and returns the objects to which it referred.
    fn free(&mut self, object: Ref) -> Vec<Ref> {
        let slot = self.slots[object.0 as usize]
            .take()
            .expect("only live objects are freed");
        self.free.push(object.0);
        for weak in slot.weak {
            if self.is_live(weak) {
                self.slot_mut(weak).value = Value::Weak(None);
            }
        }
        self.leave(object, &slot.value);
        slot.value.children()
    }

    fn leave(&mut self, object: Ref, value: &Value) {
        match value {
            Value::Weak(Some(target)) if self.is_live(*target) => {
                self.slot_mut(*target).weak.retain(|weak| *weak != object);
            }
            Value::Class { id, .. } if self.classes.get(id) == Some(&object) => {
                self.classes.remove(id);
            }
            _ => {}
        }
        if let Some(region) = value.region() {
            self.memory.release(region);
        }
    }

    /// Changes an object in place.
    pub fn update(&mut self, object: Ref, change: impl FnOnce(&mut Value)) {
        let object = object.object();
        let mut value = self.value(object).clone();
        let old = value.clone();
        change(&mut value);
        value.children().into_iter().for_each(|child| self.hold(child));
        if let Some(region) = value.region() {
            self.memory.hold(region);
        }
        self.leave(object, &old);
        self.enter(object, &value);
        self.slot_mut(object).value = value;
        old.children().into_iter().for_each(|child| self.let_go(child));
    }

    /// Frees cycles without references from outside. Returns the number of freed objects.
    pub fn sweep(&mut self) -> usize {
        let mut outside: BTreeMap<Ref, u32> = BTreeMap::new();
        for (object, slot) in self.live() {
            let count = outside.entry(object).or_default();
            *count = count.wrapping_add(slot.count);
            for child in slot.value.children() {
                let count = outside.entry(child).or_default();
                *count = count.wrapping_sub(1);
            }
        }
        let held = outside.iter().filter(|(_, count)| **count > 0);
        let reached = self.reachable(held.map(|(object, _)| *object));
        let garbage: Vec<Ref> = outside.into_keys().filter(|object| !reached.contains(object)).collect();
        let mut held = Vec::new();
        for object in &garbage {
            held.extend(self.free(*object));
        }
        for child in held {
            if self.is_live(child) {
                self.let_go(child);
            }
        }
        garbage.len()
    }

    /// Returns the objects, and all objects that they keep alive.
    pub fn reachable(&self, from: impl IntoIterator<Item = Ref>) -> BTreeSet<Ref> {
        let mut open: Vec<Ref> = from.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(object) = open.pop() {
            if reached.insert(object) {
                open.extend(self.value(object).children());
            }
        }
        reached
    }

    fn live(&self) -> impl Iterator<Item = (Ref, &Slot)> {
        (0_u32..)
            .zip(&self.slots)
            .filter_map(|(number, slot)| slot.as_ref().map(|slot| (Ref(number), slot)))
    }

    /// Returns all live frames and arrays with memory.
    pub fn windows(&self) -> Vec<(Ref, Window, bool)> {
        self.live()
            .filter_map(|(object, slot)| match &slot.value {
                Value::Array(window) => Some((object, *window, false)),
                Value::Frame(window) => Some((object, *window, true)),
                _ => None,
            })
            .collect()
    }

    /// Returns the hash of an object, which determines its position in a set: by address or by seed.
    pub fn hash_of(&self, object: Ref) -> u64 {
        match self.value(object) {
            Value::None => 1,
            Value::Int(number) => number.unsigned_abs(),
            Value::Text(text) => text.bytes().fold(self.life.wrapping_mul(0x9e37_79b9), |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(17)
            }),
            Value::Tuple(items) => items.iter().fold(7, |hash: u64, item| {
                hash.wrapping_mul(31).wrapping_add(self.hash_of(*item))
            }),
            _ => u64::from(object.0)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(self.life as u32 % 64),
        }
    }

    /// Sorts members in the order of a set.
    #[must_use]
    pub fn set_order(&self, mut members: Vec<Ref>) -> Vec<Ref> {
        members.sort_by_key(|member| (self.hash_of(*member), *member));
        members
    }

    fn slot(&self, object: Ref) -> &Slot {
        self.slots[object.object().0 as usize]
            .as_ref()
            .expect("a reference is to a live object")
    }

    fn slot_mut(&mut self, object: Ref) -> &mut Slot {
        self.slots[object.object().0 as usize]
            .as_mut()
            .expect("a reference is to a live object")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reference_frees_an_object_and_its_address_is_used_again() {
        let mut heap = ToyHeap::new(1);
        let inner = heap.make(Value::Token);
        let list = heap.make(Value::List(vec![inner, inner]));
        heap.let_go(inner);
        assert_eq!(heap.count(inner), 2);
        heap.let_go(list);
        assert!(heap.is_empty());
        let again = heap.make(Value::None);
        assert!(again == list || again == inner);
    }

    #[test]
    fn cycles_live_until_the_sweep_and_their_weak_references_die() {
        let mut heap = ToyHeap::new(1);
        let list = heap.make(Value::List(Vec::new()));
        heap.update(list, |value| *value = Value::List(vec![list]));
        let weak = heap.make(Value::Weak(Some(list)));
        heap.let_go(list);
        assert!(heap.is_live(list));
        assert_eq!(heap.sweep(), 1);
        assert_eq!(heap.value(weak), &Value::Weak(None));
    }

    #[test]
    fn memory_is_freed_with_its_last_array() {
        let mut heap = ToyHeap::new(1);
        let array = heap.make_array(vec![1; 8]);
        let Value::Array(window) = *heap.value(array) else {
            panic!()
        };
        let other = heap.make(Value::Array(window));
        heap.let_go(array);
        assert_eq!(heap.memory().len(), 1);
        heap.let_go(other);
        assert!(heap.memory().is_empty());
    }
}
