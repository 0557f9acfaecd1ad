//! The evidence of toy cells.

use std::collections::BTreeSet;

use clew_core::format::Evidence;

use crate::toy::{Value, World, run_cell};

/// Returns the evidence that a shell would report for a cell, before the cell runs in `world`.
pub fn evidence_of(world: &World, source: &str, count: u64) -> Evidence {
    let mut preview = world.clone();
    let (mut reads, mut bound, mut writes, mut later) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for line in source.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (loads, stored) = used(&words, &preview);
        reads.extend(loads.difference(&bound).cloned());
        if let Some(at) = words
            .iter()
            .position(|word| *word == "reads")
            .filter(|_| words[0] == "def")
        {
            let until = words.iter().position(|word| *word == "cells").unwrap_or(words.len());
            later.extend(words[at + 1..until].iter().map(ToString::to_string));
        }
        writes.extend(stored.clone());
        let done = run_cell(&mut preview, line, count);
        if done.is_err() {
            break;
        }
        if words[0] == "del" {
            bound.remove(words[1]);
        } else {
            bound.extend(stored);
        }
    }
    Evidence {
        reads: reads.into_iter().collect(),
        binds: bound.into_iter().collect(),
        writes: writes.into_iter().collect(),
        later: later.into_iter().collect(),
        ..Evidence::default()
    }
}

/// Returns the names that a line reads, and the name that it binds or deletes.
fn used(words: &[&str], world: &World) -> (BTreeSet<String>, Option<String>) {
    let named = |words: &[&str]| -> BTreeSet<String> {
        let names = words
            .iter()
            .map(|word| word.split_once('=').map_or(*word, |(_, name)| name));
        let names = names.map(|name| name.split('.').next().unwrap_or(name));
        names
            .filter(|name| world.name(name).is_some())
            .map(str::to_owned)
            .collect()
    };
    match words {
        [
            name,
            "=",
            "none" | "int" | "text" | "bytes" | "noise" | "deep" | "token" | "raising",
            ..,
        ] => (BTreeSet::new(), Some((*name).to_owned())),
        [name, "=", "call", function, ..] => {
            let mut loads = named(&[*function]);
            if let Some(Value::Function(function)) = world.name(function).map(|object| world.heap.value(object)) {
                loads.extend(function.reads.iter().cloned());
            }
            (loads, Some((*name).to_owned()))
        }
        [name, "=", _, rest @ ..] => (named(rest), Some((*name).to_owned())),
        ["def", name, rest @ ..] => {
            let at = rest.iter().position(|word| *word == "cells").unwrap_or(rest.len());
            (named(&rest[at..]), Some((*name).to_owned()))
        }
        ["class", name, rest @ ..] => (named(rest), Some((*name).to_owned())),
        ["del", name] => (named(&[*name]), Some((*name).to_owned())),
        ["draw", name] => (BTreeSet::new(), Some((*name).to_owned())),
        [_, rest @ ..] => (named(rest), None),
        [] => (BTreeSet::new(), None),
    }
}
