//! Random cells of the toy language that fit the state in which they run.

use std::fmt::Write;

use crate::dice::Dice;
use crate::toy::{Ref, SETTING, Value, World, run_cell};

/// The variables that cells bind.
const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "C", "D", "x", "y"];

/// The features that may appear in cells.
#[allow(clippy::struct_excessive_bools)] // each is a choice of its own
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flavour {
    /// Objects that cannot be encoded or have no value: live objects, reducers that raise, constructors that fail.
    pub hostile: bool,
    /// Many live objects.
    pub live: bool,
    /// Cells that fail or are interrupted before their end.
    pub failing: bool,
    /// Process settings, and replaced members of libraries.
    pub process: bool,
}

/// Returns a random cell of one to four statements. Most of the statements have an effect in `world`.
pub fn random_cell(dice: &mut Dice, world: &World, flavour: Flavour) -> String {
    let mut preview = world.clone();
    let mut cell = String::new();
    for _ in 0..=dice.below(4) {
        let line = statement(dice, &preview, flavour);
        // Calls depend on the previewed state. If a statement fails here, it fails later, too.
        let _ = run_cell(&mut preview, &line, 0);
        let _ = writeln!(cell, "{line}");
    }
    if flavour.failing && dice.one_in(12) {
        cell.push_str(if dice.one_in(3) { "interrupt\n" } else { "fail\n" });
    }
    cell
}

fn statement(dice: &mut Dice, world: &World, flavour: Flavour) -> String {
    if flavour.process && dice.one_in(6) {
        return process(dice, world);
    }
    let changing = dice.below(100);
    match changing {
        0..45 => creation(dice, world, flavour),
        45..85 => mutation(dice, world, flavour).unwrap_or_else(|| creation(dice, world, flavour)),
        85..93 => any(dice, world).map_or_else(|| "draw x".to_owned(), |name| format!("del {name}")),
        93..96 => "draw x".to_owned(),
        96..98 => any(dice, world).map_or_else(|| "draw y".to_owned(), |name| format!("show {name}")),
        _ => definition(dice, world),
    }
}

/// Returns a statement that changes state outside of the variables: a setting, or a member of a library.
fn process(dice: &mut Dice, world: &World) -> String {
    let (name, member) = (*dice.pick(&NAMES), *dice.pick(&["m", "n"]));
    match (dice.below(8), any(dice, world)) {
        (0 | 1, Some(value)) => format!("set_process {SETTING} {value}"),
        (2..=4, Some(value)) => format!("patch {member} {value}"),
        (5, _) => format!("unpatch {member}"),
        (6, _) => format!("{name} = setting {SETTING}"),
        _ => format!("{name} = library {member}"),
    }
}

/// Returns the names of variables whose values fit.
fn bound<'w>(world: &'w World, fits: impl Fn(&Value) -> bool) -> Vec<&'w str> {
    let fitting = |(name, object): (&'w str, Ref)| fits(world.heap.value(object)).then_some(name);
    NAMES
        .iter()
        .filter_map(|name| fitting((name, world.name(name)?)))
        .collect()
}

fn any(dice: &mut Dice, world: &World) -> Option<String> {
    one(dice, world, |_| true)
}

fn one(dice: &mut Dice, world: &World, fits: impl Fn(&Value) -> bool) -> Option<String> {
    let names = bound(world, fits);
    (!names.is_empty()).then(|| (*dice.pick(&names)).to_owned())
}

fn several(dice: &mut Dice, world: &World, most: u64, fits: impl Fn(&Value) -> bool + Copy) -> String {
    (0..dice.below(most + 1))
        .filter_map(|_| one(dice, world, fits))
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_hashable(value: &Value) -> bool {
    matches!(
        value,
        Value::Int(_) | Value::Text(_) | Value::Token | Value::Record { class: Some(_), .. } | Value::Tuple(_)
    )
}

fn has_memory(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::View { .. } | Value::Frame(_))
}

fn creation(dice: &mut Dice, world: &World, flavour: Flavour) -> String {
    let name = *dice.pick(&NAMES);
    if flavour.live && dice.one_in(5) {
        return format!("{name} = handle {}", several(dice, world, 1, |_| true));
    }
    let fresh = fresh(dice);
    let made = match dice.below(if flavour.hostile { 22 } else { 19 }) {
        0..=3 => fresh,
        4 | 5 => format!("list {}", several(dice, world, 3, |_| true)),
        6 => format!("tuple {}", several(dice, world, 3, |_| true)),
        7 => format!("set {}", several(dice, world, 4, is_hashable)),
        8 => any(dice, world).map_or(fresh, |field| format!("dict k={field} m={field}")),
        9 | 10 => any(dice, world).map_or(fresh, |alias| format!("is {alias}")),
        11 => window(dice, world).unwrap_or(fresh),
        12 => {
            let class = one(dice, world, |value| matches!(value, Value::Class { .. }));
            let field = any(dice, world).map_or_else(String::new, |field| format!("k={field}"));
            class.map_or(fresh, |class| format!("new {class} {field}"))
        }
        13 => format!("cell {}", several(dice, world, 1, |_| true)),
        14 => any(dice, world).map_or(fresh, |inner| format!("reduced {inner}")),
        15 => {
            let function = one(dice, world, |value| matches!(value, Value::Function(_)));
            function.map_or(fresh, |function| format!("call {function}"))
        }
        16 => {
            let list = one(dice, world, |value| matches!(value, Value::List(_) | Value::Tuple(_)));
            list.map_or(fresh, |list| format!("item {list} {}", dice.below(2)))
        }
        17 => one(dice, world, |value| matches!(value, Value::Set(_))).map_or(fresh, |target| format!("weak {target}")),
        18 => window(dice, world).unwrap_or(fresh),
        19 => format!("handle {}", several(dice, world, 1, |_| true)),
        20 => "raising".to_owned(),
        _ => any(dice, world).map_or(fresh, |inner| format!("unbuildable {inner}")),
    };
    format!("{name} = {made}")
}

fn fresh(dice: &mut Dice) -> String {
    match dice.below(9) {
        0 => format!("int {}", dice.below(5)),
        1 => format!("int {}", 1_000 + dice.below(3)),
        2 => "text short".to_owned(),
        3 => format!("text a text that is longer than that, {}", dice.below(3)),
        4 => "token".to_owned(),
        5 => "list".to_owned(),
        6 => format!("deep {}", dice.below(40)),
        7 => format!("bytes {} {}", 8 * (1 + dice.below(8)), dice.below(4)),
        _ => "none".to_owned(),
    }
}

/// Returns an expression for another view of existing memory.
fn window(dice: &mut Dice, world: &World) -> Option<String> {
    let seen = one(dice, world, has_memory)?;
    let (start, length) = (dice.below(8), 1 + dice.below(8));
    Some(match dice.below(6) {
        0 => format!("window {seen} {start} {length}"),
        1 => {
            let array = one(dice, world, |value| matches!(value, Value::Array(_)))?;
            format!("view {array} {start} {length}")
        }
        2 => format!("frame {seen}"),
        3 => format!("columns {seen} {}", 1 + dice.below(4)),
        4 => format!("slice {seen} {start} {length}"),
        _ => format!("window {seen}"),
    })
}

fn mutation(dice: &mut Dice, world: &World, flavour: Flavour) -> Option<String> {
    let target = one(dice, world, |value| {
        matches!(
            value,
            Value::List(_)
                | Value::Set(_)
                | Value::Record { .. }
                | Value::Class { .. }
                | Value::Cell(_)
                | Value::Array(_)
                | Value::View { .. }
                | Value::Frame(_)
                | Value::Function(_)
        ) || ((flavour.hostile || flavour.live) && matches!(value, Value::Handle { .. }))
    })?;
    let item = any(dice, world)?;
    Some(match world.heap.value(world.name(&target)?) {
        Value::List(_) => match dice.below(4) {
            0 => format!("pop {target}"),
            1 => format!("put {target} 0 {item}"),
            _ => format!("append {target} {item}"),
        },
        Value::Set(_) => format!("add {target} {}", one(dice, world, is_hashable)?),
        Value::Record { .. } => format!("set {target}.{} {item}", dice.pick(&["k", "m", "n"])),
        Value::Class { .. } if dice.one_in(3) => format!("set {target}.{} {item}", dice.pick(&["k", "m"])),
        Value::Class { .. } => format!("count {target} n"),
        Value::Cell(_) => format!("cell {target} {item}"),
        Value::Function(_) => format!("y = call {target}"),
        Value::Handle { .. } => format!("advance {target}"),
        _ => format!("poke {target} {} {}", dice.below(10), dice.below(256)),
    })
}

fn definition(dice: &mut Dice, world: &World) -> String {
    let field = any(dice, world).map_or_else(String::new, |field| format!("k={field}"));
    if dice.one_in(2) {
        return format!("class {} {field}", dice.pick(&["C", "D"]));
    }
    let cells = several(dice, world, 2, |value| matches!(value, Value::Cell(_)));
    let defaults = several(dice, world, 1, |_| true);
    let reads = several(dice, world, 2, |_| true);
    format!(
        "def {} reads {reads} cells {cells} defaults {defaults}",
        dice.pick(&["f", "g"])
    )
}
