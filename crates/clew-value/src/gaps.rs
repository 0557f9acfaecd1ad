//! Members of a value that could not be stored, with their paths as in Python: `model.data.session`, `jobs['lock']`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use clew_core::format::{Encoding, MemberGap};
use clew_core::graph::Arena;
use clew_core::id::{BlockId, Root, RootKind};
use clew_core::store::StoreError;

use crate::kinds;
use crate::limits::ReadLimits;
use crate::payload::Reader;
use crate::stored_value::{Blocks, NodeView, StoredValue};
use crate::value::object;
use crate::value::short::{cut, short};
use crate::value::{Container, Value};

/// The most gaps of a co-variable that are named.
const NAMED: usize = 20;
/// The most characters of a path and of a reason.
const WIDTH: usize = 200;
/// The most passes over the nodes to find those that reach a gap: only back references need more than one.
const PASSES: usize = 16;

/// Returns the paths from the roots of a stream to its `unstored` nodes, each with its number; nothing for an invalid
/// stream. If there are unstored nodes, at least one path is returned.
pub fn name_gaps(roots: &[Root], stream: &[u8], unstored: &BTreeMap<u32, String>) -> Vec<(u32, MemberGap)> {
    let encoding = Encoding::default();
    let nameless = |_: &str| None;
    let stored = StoredValue::open(
        stream,
        &encoding,
        roots.len(),
        &NoBlocks,
        &nameless,
        &ReadLimits::deep(),
    );
    let Ok(stored) = stored else { return Vec::new() };
    let mut search = Search {
        reaching: reaching(stored.arena(), unstored),
        unstored,
        gaps: Vec::new(),
    };
    for (nth, root) in roots.iter().enumerate() {
        if let Some(view) = stored.root(nth) {
            search.of_root(view, nth as u32, root);
        }
    }
    if let (true, Some(root), Some((number, why))) = (search.gaps.is_empty(), roots.first(), unstored.first_key_value())
    {
        let path = format!("{root}…");
        let why = cut(why, WIDTH);
        search.gaps.push((*number, MemberGap { root: 0, path, why }));
    }
    search.gaps
}

/// Returns for each node whether it is one of these or reaches one.
fn reaching(arena: &Arena<'_>, unstored: &BTreeMap<u32, String>) -> Vec<bool> {
    let mut reaching = vec![false; arena.len()];
    for number in unstored.keys() {
        if let Some(found) = reaching.get_mut(*number as usize) {
            *found = true;
        }
    }
    for _ in 0..PASSES {
        let mut is_done = true;
        for number in (0..arena.len()).rev() {
            let mut children = arena.node(number as u32).children.iter();
            if !reaching[number] && children.any(|child| reaching[*child as usize]) {
                reaching[number] = true;
                is_done = false;
            }
        }
        if is_done {
            break;
        }
    }
    reaching
}

/// Paths do not depend on memory.
struct NoBlocks;

impl Blocks for NoBlocks {
    fn blocks(&self, ids: &[BlockId]) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(vec![Vec::new(); ids.len()])
    }
}

struct Search<'a> {
    /// Nodes that reach a gap; only these are searched and named.
    reaching: Vec<bool>,
    unstored: &'a BTreeMap<u32, String>,
    gaps: Vec<(u32, MemberGap)>,
}

impl Search<'_> {
    fn is_wanted(&self, part: NodeView<'_>) -> bool {
        self.reaching.get(part.number() as usize) == Some(&true)
    }

    /// Searches the nodes that a root reaches, breadth first: the first path to an object is the shortest.
    fn of_root(&mut self, root: NodeView<'_>, nth: u32, named: &Root) {
        let start = match named.kind {
            RootKind::Definition => definition_name(root).unwrap_or_else(|| named.to_string()),
            _ => named.to_string(),
        };
        let mut seen = BTreeSet::from([root.number()]);
        let mut open = VecDeque::from([(root, start)]);
        while let Some((view, path)) = open.pop_front() {
            if let Some(why) = self.unstored.get(&view.number()) {
                if self.gaps.len() < NAMED {
                    let (path, why) = (cut(&path, WIDTH), cut(why, WIDTH));
                    self.gaps.push((view.number(), MemberGap { root: nth, path, why }));
                }
                continue;
            }
            if !self.is_wanted(view) || path.len() > WIDTH {
                continue;
            }
            for (step, part) in steps(view, &|part| self.is_wanted(part)) {
                if seen.insert(part.number()) {
                    open.push_back((part, format!("{path}{step}")));
                }
            }
        }
    }
}

/// Returns the wanted parts of a node, each with its path from the node: parts with a name first.
fn steps<'a>(view: NodeView<'a>, is_wanted: &dyn Fn(NodeView<'_>) -> bool) -> Vec<(String, NodeView<'a>)> {
    let mut found = Vec::new();
    match view.kind() {
        kinds::DICT | kinds::LIST | kinds::TUPLE => {
            if let Ok(Value::Members(members)) = view.value() {
                member_steps(&members, is_wanted, &mut found);
            }
        }
        kinds::CODEC => {
            let state = view
                .items(2)
                .iter()
                .flat_map(|state| object::state_fields(state, "state"));
            found.extend(state.map(|field| (field.path, field.view)));
        }
        kinds::DEFINITION => found.extend(attributes(view)),
        kinds::FUNCTION => found.extend(function_parts(view)),
        _ => {
            if let Ok(object) = object::read(view) {
                found.extend(object.fields.into_iter().map(|field| (spoken(field.path), field.view)));
                if let Some(Value::Members(members)) = object.content.as_deref() {
                    member_steps(members, is_wanted, &mut found);
                }
            }
        }
    }
    // The remaining parts have no name of their own.
    found.extend(view.items(0).iter().map(|part| (String::new(), part)));
    found.retain(|(_, part)| is_wanted(*part));
    found
}

/// Adds wanted members with their keys or positions.
fn member_steps<'a>(
    members: &Container<'a>,
    is_wanted: &dyn Fn(NodeView<'_>) -> bool,
    found: &mut Vec<(String, NodeView<'a>)>,
) {
    let (items, step) = (members.items(), if members.is_mapping() { 2 } else { 1 });
    for at in (0..items.len()).step_by(step) {
        let (key, value) = (items.get(at), items.get(at + step - 1));
        let name = || match key.filter(|_| step == 2) {
            Some(key) => short(key, 40),
            None => at.to_string(),
        };
        found.extend(
            value
                .filter(|value| is_wanted(*value))
                .map(|value| (format!("[{}]", name()), value)),
        );
    }
}

/// Translates internal paths to Python.
fn spoken(path: String) -> String {
    match path.as_str() {
        " self" => ".__self__".to_owned(),
        " function" => ".__func__".to_owned(),
        " content" => ".cell_contents".to_owned(),
        " object" => "()".to_owned(),
        " callable" | " item" | " setter" | " state" | " type" | " mapping" | " dict" | " of" | " sequence"
        | " origin" => String::new(),
        _ if path.starts_with(" argument") => String::new(),
        _ => path,
    }
}

/// Returns the closure of a function, by cell, and the other parts of the function.
fn function_parts(view: NodeView<'_>) -> Vec<(String, NodeView<'_>)> {
    let Ok(object) = object::read(view) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for field in object.fields {
        if field.path == ".__closure__" {
            for (at, cell) in field.view.items(0).iter().enumerate() {
                let content = cell.items(0).get(0);
                found.extend(content.map(|content| (format!(".__closure__[{at}].cell_contents"), content)));
            }
        }
        found.push((
            if field.path.starts_with('.') {
                field.path
            } else {
                String::new()
            },
            field.view,
        ));
    }
    found
}

fn definition_name(view: NodeView<'_>) -> Option<String> {
    let mut rest = Reader::new(view.payload());
    let (_, _, name) = (rest.name()?, rest.name()?, rest.name()?);
    Some(String::from_utf8_lossy(name).into_owned())
}

/// Returns the attributes of a class by name. See `clew-python`, `raw/class_body.rs`.
fn attributes(view: NodeView<'_>) -> Vec<(String, NodeView<'_>)> {
    let names = || {
        let mut rest = Reader::new(view.payload());
        for _ in 0..4 {
            rest.name()?;
        }
        let most = view.payload().len();
        for _ in 0..rest.count(most)? {
            rest.name()?;
        }
        rest.byte()?;
        let mut names = Vec::new();
        for _ in 0..2 {
            for _ in 0..rest.count(most)? {
                names.push(String::from_utf8_lossy(rest.name()?).into_owned());
            }
        }
        Some(names)
    };
    let named = names().unwrap_or_default().into_iter();
    let parts = named.zip(view.items(2).iter());
    parts.map(|(name, part)| (format!(".{name}"), part)).collect()
}

#[cfg(test)]
mod tests {
    use clew_core::graph::ArenaLimits;

    use super::*;

    /// A node without a buffer.
    fn node(kind: u16, payload: &[u8], children: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let tag = u64::from(kind) << 2 | u64::from(!children.is_empty());
        clew_core::graph::stream::write_varint(&mut bytes, tag);
        clew_core::graph::stream::write_varint(&mut bytes, payload.len() as u64);
        bytes.extend_from_slice(payload);
        if !children.is_empty() {
            clew_core::graph::stream::write_varint(&mut bytes, children.len() as u64);
        }
        children.iter().for_each(|child| bytes.extend_from_slice(child));
        bytes
    }

    fn opaque() -> Vec<u8> {
        node(kinds::OPAQUE, &7_u64.to_be_bytes(), &[])
    }

    fn text(value: &str) -> Vec<u8> {
        node(kinds::STR, value.as_bytes(), &[])
    }

    fn paths(stream: &[u8]) -> Vec<String> {
        let arena = Arena::parse(stream, 1, ArenaLimits::default()).expect("a stream");
        let unstored = (0..arena.len() as u32).filter(|number| arena.node(*number).kind == kinds::OPAQUE);
        let whys = unstored.map(|number| (number, "a lock".to_owned())).collect();
        let gaps = name_gaps(&[Root::name("x")], stream, &whys);
        gaps.into_iter().map(|(_, gap)| gap.path).collect()
    }

    #[test]
    fn gaps_are_named_as_they_are_reached() {
        let list = node(kinds::LIST, &[], &[text("a"), opaque()]);
        let dict = node(kinds::DICT, &[], &[text("lock"), opaque(), text("all"), list]);
        assert_eq!(paths(&dict), ["x['lock']", "x['all'][1]"]);
        assert_eq!(paths(&opaque()), ["x"]);
        let method = node(kinds::BUILTIN_METHOD, b"execute", &[opaque()]);
        assert_eq!(paths(&method), ["x.__self__"]);
        let key = node(kinds::DICT, &[], &[opaque(), text("value")]);
        assert_eq!(paths(&key), ["x"]);
    }

    #[test]
    fn p14_what_is_no_stream_has_no_gaps() {
        assert!(name_gaps(&[Root::name("x")], &[0xff; 9], &BTreeMap::new()).is_empty());
    }
}
