//! A reference model of a session: a deep copy of the state after each run, and the list of places for undo and redo.
//!
//! It follows the rules in the user documentation, and uses no code of the engine. Undo is sequential. Redo works until something new is
//! done. External changes are undone with the run before them. A restore changes the requested names. Undo skips runs that changed nothing,
//! and these do not end redo.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::graph::is_output;
use clew_core::id::{Root, RootKind};

use crate::toy::{Ref, Value, Window, World};

/// Deep copies of all states, and the place of the session among them.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// The expected live state.
    pub world: World,
    /// The live state when the engine last wrote a record.
    pub settled: World,
    /// The state after each run, by the engine's label.
    states: BTreeMap<String, World>,
    /// The places to which undo and redo lead.
    places: Vec<Place>,
    /// The index of the current place.
    present: usize,
    /// The predecessor of each run.
    before: BTreeMap<String, Before>,
}

/// The predecessor of a run.
#[derive(Debug, Clone)]
struct Before {
    /// The label of the previous run.
    label: String,
    /// How undo treats the run: not as a step, as a step, or as a step that changed nothing.
    step: Option<Quiet>,
}

/// Whether a step changed nothing.
type Quiet = bool;

/// The place to which a step led.
#[derive(Debug, Clone)]
struct Place {
    /// The label of the run.
    label: String,
    /// Whether the step that led there changed nothing.
    is_quiet: bool,
}

impl Place {
    fn of(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            is_quiet: false,
        }
    }
}

impl Reference {
    /// Creates a session that starts with `world` as the run `label`.
    pub fn start(world: World, label: &str) -> Self {
        Self {
            states: BTreeMap::from([(label.to_owned(), world.clone())]),
            settled: world.clone(),
            world,
            places: vec![Place::of(label)],
            present: 0,
            before: BTreeMap::new(),
        }
    }

    /// Returns the run whose state is live.
    pub fn at(&self) -> &str {
        &self.places[self.present].label
    }

    /// Returns the state after a run.
    pub fn state(&self, label: &str) -> Option<&World> {
        self.states.get(label)
    }

    /// Returns the labels of all runs.
    pub fn labels(&self) -> Vec<String> {
        self.states.keys().cloned().collect()
    }

    /// Adds a new step, by a run or a restore: redo ends.
    pub fn step(&mut self, label: &str) {
        let at = self.at().to_owned();
        self.come_from(label, &at, Some(false));
        self.go_on(label);
    }

    /// Adds a switch to `to` that led to the run `label`. The labels differ if something could not be restored.
    pub fn switch(&mut self, to: &str, label: &str) {
        self.come_from(label, to, None);
        self.go_on(label);
    }

    /// Resumes `to` in a process without variables, which led to the run `label`. The runs before it can be undone.
    pub fn resume(&mut self, to: &str, label: &str) {
        self.come_from(label, to, None);
        let mut places = vec![Place::of(label)];
        let mut next = label;
        while let Some(before) = self.before.get(next) {
            if let Some(is_quiet) = before.step {
                places.last_mut().expect("there is one").is_quiet = is_quiet;
                places.push(Place::of(&before.label));
            }
            next = &before.label;
        }
        places.reverse();
        self.present = places.len() - 1;
        self.places = places;
        self.remember(label);
    }

    fn come_from(&mut self, label: &str, before: &str, step: Option<Quiet>) {
        if label != before {
            self.before.entry(label.to_owned()).or_insert_with(|| Before {
                label: before.to_owned(),
                step,
            });
        }
    }

    fn go_on(&mut self, label: &str) {
        let is_there = self.at() == label;
        self.present += 1;
        // Restoring the current state changes nothing.
        if is_there {
            self.pass_over(label);
        } else {
            self.places.truncate(self.present);
            self.places.push(Place::of(label));
        }
        self.remember(label);
    }

    fn pass_over(&mut self, label: &str) {
        let place = Place {
            is_quiet: true,
            ..Place::of(label)
        };
        self.places.insert(self.present, place);
    }

    /// Adds a run that changed nothing: undone steps can still be redone.
    ///
    /// # Errors
    /// A change that it did make.
    pub fn step_quietly(&mut self, label: &str) -> Result<(), String> {
        // After a restore, the state is that of its run, except for live objects, which cannot be restored.
        let before = &self.settled;
        let roots = before.bound.keys().chain(self.world.bound.keys());
        let variables = roots.filter(|root| !is_output(root)).cloned().collect();
        crate::same(before, &self.world, Some(&variables))
            .map_err(|what| format!("run {label} is said to change nothing: {what}"))?;
        let at = self.at().to_owned();
        self.come_from(label, &at, Some(true));
        self.present += 1;
        self.pass_over(label);
        self.remember(label);
        Ok(())
    }

    /// Renames the current place to another run: an external change was recorded.
    pub fn drift(&mut self, label: &str) {
        let at = self.at().to_owned();
        self.come_from(label, &at, None);
        label.clone_into(&mut self.places[self.present].label);
        self.remember(label);
    }

    /// Returns the place after this many undos (or redos, if negative).
    pub fn place(&self, back: i64) -> Option<&str> {
        self.index(back).map(|index| self.places[index].label.as_str())
    }

    fn index(&self, back: i64) -> Option<usize> {
        let mut index = self.present;
        for _ in 0..back {
            // A step that changed nothing is not counted.
            while self.places[index].is_quiet {
                index = index.checked_sub(1)?;
            }
            index = index.checked_sub(1)?;
        }
        for _ in back..0 {
            index += 1;
            while self.places.get(index)?.is_quiet {
                index += 1;
            }
        }
        if back < 0 {
            let quiet = self.places[index + 1..].iter().take_while(|place| place.is_quiet);
            index += quiet.count();
        }
        Some(index)
    }

    /// Performs this many undos (or redos, if negative).
    pub fn shift(&mut self, back: i64) {
        self.present = self.index(back).expect("that much can be undone");
    }

    fn remember(&mut self, label: &str) {
        self.settled = self.world.clone();
        if !self.states.contains_key(label) {
            self.states.insert(label.to_owned(), self.world.clone());
        }
    }

    /// Removes some runs.
    pub fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.states.retain(|label, _| !is_gone(label));
    }

    /// Starts a new process: only the states of the runs remain.
    pub fn restart(&mut self, world: World, label: &str) {
        self.world = world;
        self.places = vec![Place::of(label)];
        self.present = 0;
        self.remember(label);
    }

    /// Binds some roots of the live state to deep copies of their values in `from`. Live classes are kept; those among the roots get their
    /// recorded attributes.
    pub fn graft(&mut self, from: &World, roots: &BTreeSet<Root>) {
        let ids = roots
            .iter()
            .filter(|root| root.kind == RootKind::Definition)
            .map(|root| root.key.as_str());
        let classes: Vec<(Ref, Ref)> = ids
            .filter_map(|id| Some((from.heap.class(id)?, self.world.heap.class(id)?)))
            .collect();
        let mut graft = Graft {
            from,
            into: &mut self.world,
            copies: BTreeMap::new(),
            regions: BTreeMap::new(),
        };
        let mut objects: Vec<Ref> = roots.iter().filter_map(|root| from.bound.get(root).copied()).collect();
        objects.extend(classes.iter().flat_map(|(class, _)| from.heap.value(*class).children()));
        graft.copy_all(&objects);
        for (class, live) in &classes {
            let Value::Class { attributes: old, .. } = from.heap.value(*class) else {
                continue;
            };
            let copies = graft.named(old);
            graft.into.heap.update(*live, |value| {
                if let Value::Class { attributes, .. } = value {
                    *attributes = copies;
                }
            });
        }
        let Graft { copies, regions, .. } = graft;
        for root in roots {
            if let Some(object) = from.bound.get(root) {
                let copy = copies[object];
                self.world.heap.hold(copy);
                self.world.bind(root.clone(), copy);
            }
        }
        copies.into_values().for_each(|copy| self.world.heap.let_go(copy));
        regions
            .into_values()
            .for_each(|region| self.world.heap.memory_mut().release(region));
        self.world.heap.sweep();
    }
}

/// A deep copy from one world into another. Classes that exist there are not copied.
struct Graft<'a> {
    from: &'a World,
    into: &'a mut World,
    copies: BTreeMap<Ref, Ref>,
    regions: BTreeMap<u64, u64>,
}

impl Graft<'_> {
    fn copy_all(&mut self, objects: &[Ref]) {
        let mut found: Vec<Ref> = Vec::new();
        let mut open = objects.to_vec();
        while let Some(object) = open.pop() {
            if self.copies.contains_key(&object) {
                continue;
            }
            if let Some(class) = self.live_class(object) {
                self.into.heap.hold(class);
                self.copies.insert(object, class);
                continue;
            }
            let shell = self.into.heap.make(Value::None);
            self.copies.insert(object, shell);
            found.push(object);
            let value = self.from.heap.value(object);
            open.extend(value.children());
            if let Value::Weak(Some(target)) = value {
                open.push(*target);
            }
        }
        for object in found {
            let value = self.copy(object);
            let copy = self.copies[&object];
            self.into.heap.update(copy, |shell| *shell = value);
        }
        // The members of sets are only complete now.
        for (object, copy) in self.copies.clone() {
            if let Value::Set(members) = self.from.heap.value(object) {
                let members = members.iter().map(|member| self.copies[member]).collect();
                let ordered = self.into.heap.set_order(members);
                self.into.heap.update(copy, |shell| *shell = Value::Set(ordered));
            }
        }
    }

    fn live_class(&self, object: Ref) -> Option<Ref> {
        match self.from.heap.value(object) {
            Value::Class { id, .. } => self.into.heap.class(id),
            _ => None,
        }
    }

    fn twin(&self, object: Ref) -> Ref {
        self.copies[&object]
    }

    fn twins(&self, objects: &[Ref]) -> Vec<Ref> {
        objects.iter().map(|object| self.twin(*object)).collect()
    }

    fn named(&self, fields: &[(String, Ref)]) -> Vec<(String, Ref)> {
        fields
            .iter()
            .map(|(name, object)| (name.clone(), self.twin(*object)))
            .collect()
    }

    fn window(&mut self, window: Window) -> Window {
        let (from, into) = (self.from, &mut self.into.heap);
        let region = *self.regions.entry(window.region).or_insert_with(|| {
            let memory = from.heap.memory();
            let bytes = memory
                .bytes(window.region, memory.length(window.region))
                .unwrap_or_default();
            into.memory_mut().allocate(bytes.to_vec())
        });
        Window { region, ..window }
    }

    fn copy(&mut self, object: Ref) -> Value {
        match self.from.heap.value(object).clone() {
            Value::List(items) => Value::List(self.twins(&items)),
            Value::Tuple(items) => Value::Tuple(self.twins(&items)),
            Value::Set(_) => Value::Set(Vec::new()),
            Value::Record { class, fields } => Value::Record {
                class: class.map(|class| self.twin(class)),
                fields: self.named(&fields),
            },
            Value::Cell(held) => Value::Cell(held.map(|held| self.twin(held))),
            Value::Function(mut function) => {
                function.cells = self.twins(&function.cells);
                function.defaults = self.twins(&function.defaults);
                Value::Function(function)
            }
            Value::Class { id, name, attributes } => Value::Class {
                id,
                name,
                attributes: self.named(&attributes),
            },
            Value::Array(window) => Value::Array(self.window(window)),
            Value::Frame(window) => Value::Frame(self.window(window)),
            Value::View { base, offset, length } => Value::View {
                base: self.twin(base),
                offset,
                length,
            },
            Value::Handle { position, holds } => Value::Handle {
                position,
                holds: holds.map(|held| self.twin(held)),
            },
            Value::Reduced(inner) => Value::Reduced(self.twin(inner)),
            Value::Unbuildable(inner) => Value::Unbuildable(self.twin(inner)),
            Value::Weak(target) => Value::Weak(target.map(|target| self.twin(target))),
            plain @ (Value::None | Value::Int(_) | Value::Text(_) | Value::Token | Value::Raising) => plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::same;
    use crate::toy::run_cell;

    #[test]
    fn a_graft_is_a_deep_copy_with_its_aliases() {
        let mut from = World::new(1);
        let source = "a = list\nappend a a\nt = token\ns = set t a1\n".replace(" a1", "")
            + "b = tuple a t s\nz = bytes 16 1\nv = view z 1 4\nw = window z 2 4\nclass C k=a\ni = new C\nq = weak s";
        run_cell(&mut from, &source, 1).unwrap();
        let mut reference = Reference::start(World::new(2), "1");
        let roots: BTreeSet<Root> = from.bound.keys().cloned().collect();
        reference.graft(&from, &roots);
        assert_eq!(same(&from, &reference.world, None), Ok(()));
        run_cell(
            &mut reference.world,
            "del a\ndel t\ndel s\ndel b\ndel z\ndel v\ndel w\ndel C\ndel i\ndel q",
            2,
        )
        .unwrap();
        assert_eq!(reference.world.heap.len(), 1);
    }

    #[test]
    fn undo_goes_back_and_a_new_step_ends_redo() {
        let mut reference = Reference::start(World::new(1), "1");
        reference.step("2");
        reference.step("3");
        assert_eq!(reference.place(2), Some("1"));
        reference.shift(2);
        assert_eq!((reference.at(), reference.place(-2)), ("1", Some("3")));
        reference.step("4");
        assert_eq!((reference.place(-1), reference.place(1)), (None, Some("1")));
    }

    #[test]
    fn a_step_that_changed_nothing_is_gone_over() {
        let mut reference = Reference::start(World::new(1), "1");
        reference.step("2");
        reference.step_quietly("3").unwrap();
        assert_eq!((reference.place(1), reference.place(2)), (Some("1"), None));
        reference.shift(1);
        reference.step_quietly("4").unwrap();
        assert_eq!(reference.place(-1), Some("3"));
        reference.shift(-1);
        assert_eq!(reference.place(1), Some("4"));
    }
}
