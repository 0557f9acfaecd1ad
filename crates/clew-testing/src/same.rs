//! Compares two toy worlds by everything that is observable: names, values, aliasing, shared memory, classes.
//!
//! It does not use the engine's object walk. It searches a one-to-one match of objects, and tries all matches of set members.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::id::{Root, RootKind};

use crate::toy::{Function, Ref, Value, Window, World};

/// Compares the given roots of two worlds; without `roots`, all except definitions.
///
/// # Errors
/// The path to the first difference.
pub fn same(one: &World, other: &World, roots: Option<&BTreeSet<Root>>) -> Result<(), String> {
    Match::default().compare(one, other, roots)
}

/// Compares like [`same`], but ignores the positions of live objects, which cannot be observed without using the objects.
///
/// # Errors
/// The path to the first difference.
pub fn visibly_same(one: &World, other: &World, roots: Option<&BTreeSet<Root>>) -> Result<(), String> {
    let sight = Match {
        ignores_positions: true,
        ..Match::default()
    };
    sight.compare(one, other, roots)
}

fn compared(one: &World, other: &World, roots: Option<&BTreeSet<Root>>) -> Result<Pairs, String> {
    let chosen = |world: &World| -> BTreeMap<Root, Ref> {
        let is_chosen = |root: &Root| roots.is_none_or(|roots| roots.contains(root));
        let bound = world
            .bound
            .iter()
            .filter(|(root, _)| root.kind != RootKind::Definition && is_chosen(root));
        bound.map(|(root, object)| (root.clone(), *object)).collect()
    };
    let (left, right) = (chosen(one), chosen(other));
    if !left.keys().eq(right.keys()) {
        return Err(format!("names differ: {:?} and {:?}", names(&left), names(&right)));
    }
    Ok(left
        .iter()
        .map(|(root, object)| (*object, right[root], root.to_string()))
        .collect())
}

fn names(roots: &BTreeMap<Root, Ref>) -> Vec<String> {
    roots.keys().map(ToString::to_string).collect()
}

/// Checks that the same roots are bound to one object in both worlds. Numbers and texts that are not shared within a co-variable may be
/// restored as equal ones, so this only holds for a world and one that was built from it.
///
/// # Errors
/// Two roots that are one object in only one of the worlds.
pub fn bound_alike(one: &World, other: &World) -> Result<(), String> {
    for (root, object) in &one.bound {
        for (name, alias) in &one.bound {
            let both = other.bound.get(name) == other.bound.get(root);
            if is_told_apart(one, *object) && (alias == object) != both {
                return Err(format!("{root} and {name} are one object in one world only"));
            }
        }
    }
    Ok(())
}

/// Whether names bound to the object must be bound to one object again.
fn is_told_apart(world: &World, object: Ref) -> bool {
    match world.heap.value(object) {
        Value::None => false,
        Value::Int(number) => number.abs() > 256,
        Value::Text(text) => text.len() > 12,
        _ => true,
    }
}

type Pairs = Vec<(Ref, Ref, String)>;

/// A partial one-to-one match of objects.
#[derive(Clone, Default)]
struct Match {
    forward: BTreeMap<Ref, Ref>,
    back: BTreeMap<Ref, Ref>,
    ignores_positions: bool,
}

impl Match {
    fn compare(self, one: &World, other: &World, roots: Option<&BTreeSet<Root>>) -> Result<(), String> {
        let open = compared(one, other, roots)?;
        let found = self.solve(one, other, open, Vec::new())?;
        found.memory(one, other)
    }

    /// Matches all pairs, then members of sets in every possible way.
    fn solve(
        mut self,
        one: &World,
        other: &World,
        mut open: Pairs,
        mut sets: Vec<(Vec<Ref>, Vec<Ref>, String)>,
    ) -> Result<Self, String> {
        while let Some((left, right, path)) = open.pop() {
            if !self
                .pair(one, other, left, right)
                .map_err(|what| format!("{path}: {what}"))?
            {
                continue;
            }
            if let (Value::Set(left), Value::Set(right)) = (one.heap.value(left), other.heap.value(right)) {
                sets.push((left.clone(), right.clone(), path));
                continue;
            }
            let children = |world: &World, object| world.heap.value(object).children();
            let pairs = children(one, left).into_iter().zip(children(other, right));
            open.extend(
                pairs
                    .enumerate()
                    .map(|(at, (left, right))| (left, right, format!("{path}/{at}"))),
            );
            if let (Value::Weak(Some(left)), Value::Weak(Some(right))) = (one.heap.value(left), other.heap.value(right))
            {
                open.push((*left, *right, format!("{path}/target")));
            }
        }
        // If the members of two sets are matched already, no search is needed.
        sets.sort_by_key(|(left, _, _)| left.iter().filter(|member| !self.forward.contains_key(member)).count());
        sets.reverse();
        let Some((mut left, right, path)) = sets.pop() else {
            return Ok(self);
        };
        let Some(member) = left.pop() else {
            return self.solve(one, other, open, sets);
        };
        let mut failed = format!("{path}: a member has no twin");
        for (at, twin) in right.iter().enumerate() {
            let mut rest = right.clone();
            rest.swap_remove(at);
            let mut sets = sets.clone();
            sets.push((left.clone(), rest, path.clone()));
            match self
                .clone()
                .solve(one, other, vec![(member, *twin, format!("{path}/member"))], sets)
            {
                Ok(found) => return Ok(found),
                Err(what) => failed = what,
            }
        }
        Err(failed)
    }

    /// Matches two objects. Returns whether their children must still be matched.
    fn pair(&mut self, one: &World, other: &World, left: Ref, right: Ref) -> Result<bool, String> {
        let (value, twin) = (one.heap.value(left), other.heap.value(right));
        let is_value = matches!(value, Value::None | Value::Int(_) | Value::Text(_)) || one.heap.is_value(left);
        if !is_value {
            match (self.forward.get(&left), self.back.get(&right)) {
                (Some(known), _) if *known == right => return Ok(false),
                (None, None) => {}
                _ => return Err(format!("a {} is shared in one world only", value.type_name())),
            }
            self.forward.insert(left, right);
            self.back.insert(right, left);
        }
        let are_live = matches!((value, twin), (Value::Handle { .. }, Value::Handle { .. }));
        if !(are_live && self.ignores_positions) {
            shallow(one, other, value, twin)?;
        }
        Ok(true)
    }

    /// Checks that memory that overlaps in one world overlaps in the same way in the other.
    fn memory(&self, one: &World, other: &World) -> Result<(), String> {
        let windows = |world: &World, object: Ref| match world.heap.value(object) {
            Value::Array(window) => Some((*window, false)),
            Value::Frame(window) => Some((*window, true)),
            _ => None,
        };
        let pairs: Vec<_> = self
            .forward
            .iter()
            .filter_map(|(left, right)| Some((windows(one, *left)?, windows(other, *right)?)))
            .collect();
        for ((left, is_frame), (right, _)) in &pairs {
            for ((left_other, other_is_frame), (right_other, _)) in &pairs {
                let offset = |one: &Window, other: &Window| {
                    one.overlaps(other)
                        .then(|| one.address().cast_signed() - other.address().cast_signed())
                };
                let both_copy = *is_frame && *other_is_frame;
                if !both_copy && offset(left, left_other) != offset(right, right_other) {
                    return Err("memory is shared in one world only".to_owned());
                }
            }
        }
        Ok(())
    }
}

/// Compares two objects without their children, except for the number of children.
fn shallow(one: &World, other: &World, left: &Value, right: &Value) -> Result<(), String> {
    let differ = || Err(format!("{left:?} is not {right:?}"));
    let keys = |fields: &[(String, Ref)]| fields.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let bytes = |world: &World, window: &Window| {
        world
            .heap
            .memory()
            .bytes(window.address(), window.length)
            .map(<[u8]>::to_vec)
    };
    let equal = match (left, right) {
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Record { fields: left, .. }, Value::Record { fields: right, .. }) => keys(left) == keys(right),
        (
            Value::Class {
                name: left,
                attributes: held,
                ..
            },
            Value::Class {
                name: right,
                attributes: other,
                ..
            },
        ) => left == right && keys(held) == keys(other),
        (Value::Function(left), Value::Function(right)) => is_same_function(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.length == right.length && bytes(one, left) == bytes(other, right)
        }
        (Value::Frame(left), Value::Frame(right)) => {
            (left.length, left.column) == (right.length, right.column) && bytes(one, left) == bytes(other, right)
        }
        (
            Value::View {
                offset: from,
                length: left,
                ..
            },
            Value::View {
                offset: start,
                length: right,
                ..
            },
        ) => (from, left) == (start, right),
        (Value::Handle { position: left, .. }, Value::Handle { position: right, .. }) => left == right,
        (Value::Weak(left), Value::Weak(right)) => left.is_some() == right.is_some(),
        (left, right) => left.type_name() == right.type_name(),
    };
    if !equal || left.type_name() != right.type_name() || left.children().len() != right.children().len() {
        return differ();
    }
    Ok(())
}

/// Ignores the position of a function in its file.
fn is_same_function(left: &Function, right: &Function) -> bool {
    (&left.reads, left.cells.len(), left.scope) == (&right.reads, right.cells.len(), right.scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::run_cell;

    fn world(source: &str) -> World {
        let mut world = World::new(1);
        run_cell(&mut world, source, 1).unwrap();
        world
    }

    fn compare(one: &str, other: &str) -> Result<(), String> {
        same(&world(one), &world(other), None)
    }

    #[test]
    fn equal_worlds_are_the_same_whatever_their_addresses() {
        let source = "t = token\nu = token\ns = set t u\nr = set u\nl = list s r\nappend l l\nclass C\nb = new C x=l";
        assert_eq!(compare(source, source), Ok(()));
        assert_eq!(
            compare(source, &format!("a = deep 20\nb = list\ndel a\n{source}")),
            Ok(())
        );
    }

    #[test]
    fn values_aliases_and_memory_tell_worlds_apart() {
        for (one, other) in [
            ("a = int 1", "a = int 2"),
            ("a = list\nb = is a", "a = list\nb = list"),
            ("a = list\nb = list a a", "a = list\nc = list\nb = list a c\ndel c"),
            (
                "a = bytes 8 1\nb = window a 0 4",
                "a = bytes 8 1\nc = bytes 8 1\nb = window c 0 4\ndel c",
            ),
            (
                "t = token\nu = token\ns = set t u\nr = set u t",
                "t = token\nu = token\ns = set t u\nv = token\nr = set u v\ndel v",
            ),
            ("class C\nb = new C", "class C\nb = new C\nclass C"),
        ] {
            assert!(compare(one, other).is_err(), "{one} and {other}");
        }
    }
}
