//! What a session must be like: a list of deep copies, one for each run, and the list of places it was at.
//!
//! Written from the rules for users alone, without the engine: undo is sequential, redo works until something new is
//! done, a change from outside goes away with the run before it, a restore changes the names asked for. A run that changed nothing is
//! gone over by undo and ends no redo.

use std::collections::{BTreeMap, BTreeSet};

use clew_core::graph::is_output;
use clew_core::id::{Root, RootKind};

use crate::toy::{Ref, Value, Window, World};

/// Deep copies of all states, and where the session is among them.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// What must be live now.
    pub world: World,
    /// What was live when the engine last wrote anything down.
    pub settled: World,
    /// What each run left, by the engine's label.
    states: BTreeMap<String, World>,
    /// Where undo and redo lead.
    places: Vec<Place>,
    /// Which of the places is the present one.
    present: usize,
    /// What came before each run.
    before: BTreeMap<String, Before>,
}

/// What came before a run.
#[derive(Debug, Clone)]
struct Before {
    /// The run before it.
    label: String,
    /// How undo takes it back: not at all, as a step, or as one that changed nothing.
    step: Option<Quiet>,
}

/// Whether a step changed nothing.
type Quiet = bool;

/// Where a step led.
#[derive(Debug, Clone)]
struct Place {
    /// The run's label.
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
    /// A session that starts with `world` as the run `label`.
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

    /// The run whose state is live.
    pub fn at(&self) -> &str {
        &self.places[self.present].label
    }

    /// What a run left.
    pub fn state(&self, label: &str) -> Option<&World> {
        self.states.get(label)
    }

    /// Labels of all runs.
    pub fn labels(&self) -> Vec<String> {
        self.states.keys().cloned().collect()
    }

    /// Something new was done, by a run or a restore: a new line begins.
    pub fn step(&mut self, label: &str) {
        let at = self.at().to_owned();
        self.come_from(label, &at, Some(false));
        self.go_on(label);
    }

    /// A switch to `to` led to the run `label`, which is another one where not everything could be restored.
    pub fn switch(&mut self, to: &str, label: &str) {
        self.come_from(label, to, None);
        self.go_on(label);
    }

    /// A resume at `to`, in a process that had no variables, led to the run `label`: its line can be undone.
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
        // A move to where the session is changes nothing.
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

    /// A run changed nothing: what was undone can still be redone.
    ///
    /// # Errors
    /// What it did change.
    pub fn step_quietly(&mut self, label: &str) -> Result<(), String> {
        // What a move left is the state of its run, but for live objects, which it can't take back.
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

    /// The present place is another run now: something changed that no step made.
    pub fn drift(&mut self, label: &str) {
        let at = self.at().to_owned();
        self.come_from(label, &at, None);
        label.clone_into(&mut self.places[self.present].label);
        self.remember(label);
    }

    /// Where so many undos (or redos, if negative) lead.
    pub fn place(&self, back: i64) -> Option<&str> {
        self.index(back).map(|index| self.places[index].label.as_str())
    }

    fn index(&self, back: i64) -> Option<usize> {
        let mut index = self.present;
        for _ in 0..back {
            // A step without an effect counts for none.
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

    /// So many undos (or redos, if negative) were done.
    pub fn shift(&mut self, back: i64) {
        self.present = self.index(back).expect("that much can be undone");
    }

    fn remember(&mut self, label: &str) {
        self.settled = self.world.clone();
        if !self.states.contains_key(label) {
            self.states.insert(label.to_owned(), self.world.clone());
        }
    }

    /// Some runs are gone.
    pub fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.states.retain(|label, _| !is_gone(label));
    }

    /// A new process begins: only what the runs left is still known.
    pub fn restart(&mut self, world: World, label: &str) {
        self.world = world;
        self.places = vec![Place::of(label)];
        self.present = 0;
        self.remember(label);
    }

    /// Binds some roots of the live world to deep copies of what they are in `from`. Classes stay the live ones where
    /// they live; those that are among the roots get the attributes they had.
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

/// A deep copy from one world into another. Classes that live there already are not copied.
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
        // What sets hold is whole only now.
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
