//! Statements that change objects in place.

use super::{CellError, World, number, raise};
use crate::toy::object::{Ref, Value, Window};

impl World {
    pub(super) fn mutate(&mut self, verb: &str, name: &str, rest: &[&str]) -> Result<(), CellError> {
        let (name, key) = name.split_once('.').unwrap_or((name, ""));
        let target = self.look_up(name)?;
        let changed = match (verb, self.heap.value(target).clone(), rest) {
            ("append", Value::List(mut items), [item]) => {
                items.push(self.look_up(item)?);
                Value::List(items)
            }
            ("pop", Value::List(mut items), []) => {
                if items.pop().is_none() {
                    return raise("IndexError");
                }
                Value::List(items)
            }
            ("put", Value::List(mut items), [index, item]) => {
                let (index, item): (usize, Ref) = (number(Some(index))?, self.look_up(item)?);
                *items.get_mut(index).map_or_else(|| raise("IndexError"), Ok)? = item;
                Value::List(items)
            }
            ("set", Value::Record { mut fields, class }, [item]) => {
                put_field(&mut fields, key, self.look_up(item)?);
                Value::Record { class, fields }
            }
            ("set", Value::Class { id, name, attributes }, [item]) => {
                let mut attributes = attributes;
                put_field(&mut attributes, key, self.look_up(item)?);
                Value::Class { id, name, attributes }
            }
            ("cell", Value::Cell(_), [item]) => Value::Cell(Some(self.look_up(item)?)),
            ("add", Value::Set(mut members), [item]) => {
                members.push(self.look_up(item)?);
                self.set_of(members)?
            }
            ("advance", Value::Handle { position, holds }, []) => {
                let position = position + 1;
                Value::Handle { position, holds }
            }
            ("count", Value::Class { .. }, [key]) => {
                self.count(target, key);
                return Ok(());
            }
            ("poke", _, [at, byte]) => return self.poke(target, number(Some(at))?, number(Some(byte))?),
            _ => return raise("TypeError"),
        };
        self.heap.update(target, |value| *value = changed);
        Ok(())
    }

    fn count(&mut self, class: Ref, key: &str) {
        let Value::Class { attributes, id, name } = self.heap.value(class).clone() else {
            return;
        };
        let before = attributes
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| self.heap.value(*value));
        let after = match before {
            Some(Value::Int(count)) => count + 1,
            _ => 1,
        };
        let made = self.heap.make(Value::Int(after));
        let mut attributes = attributes.clone();
        put_field(&mut attributes, key, made);
        self.heap
            .update(class, |value| *value = Value::Class { id, name, attributes });
        self.heap.let_go(made);
    }

    /// Writes one byte. A frame that shares memory only with frames first gets its own memory. A frame over an array writes to the array's
    /// memory; other frames that contain the byte without sharing the array get their own memory.
    fn poke(&mut self, target: Ref, at: u64, byte: u8) -> Result<(), CellError> {
        let window = self.memory_of(target)?;
        if at >= window.length {
            return raise("IndexError");
        }
        let windows = self.heap.windows();
        let is_frame = matches!(self.heap.value(target), Value::Frame(_));
        let shares = |window: &Window| windows.iter().any(|(_, raw, frame)| !frame && raw.overlaps(window));
        if is_frame && !shares(&window) {
            if windows
                .iter()
                .any(|(other, seen, _)| *other != target && seen.overlaps(&window))
            {
                self.detach(target);
            }
        } else {
            let byte = Window {
                offset: window.offset + at,
                length: 1,
                ..window
            };
            let others = windows
                .iter()
                .filter(|(other, seen, frame)| *frame && *other != target && seen.overlaps(&byte) && !shares(seen));
            others.for_each(|(other, _, _)| self.detach(*other));
        }
        let address = self.memory_of(target)?.address() + at;
        self.heap.memory.write(address, byte);
        Ok(())
    }

    /// Gives a frame its own memory.
    fn detach(&mut self, frame: Ref) {
        let Value::Frame(window) = *self.heap.value(frame) else {
            return;
        };
        let region = self.heap.memory.copy(&window);
        let own = Window {
            region,
            offset: 0,
            ..window
        };
        self.heap.update(frame, |value| *value = Value::Frame(own));
        self.heap.memory.release(region);
    }
}

fn put_field(fields: &mut Vec<(String, Ref)>, key: &str, object: Ref) {
    match fields.iter_mut().find(|(name, _)| name == key) {
        Some((_, field)) => *field = object,
        None => fields.push((key.to_owned(), object)),
    }
}
