//! What `diff` says of values, made by hand as the walk and the codecs write them.

use std::cell::RefCell;

use clew_core::format::Summary;
use clew_core::graph::stream::write_varint;
use clew_value::kinds;
use insta::assert_snapshot;

use crate::html::{HOSTILE, assert_is_inert, readable, shown};
use crate::sample::{Sample, Stored, frame, summary, terminal};
use clew_cli::Style;

/// A node: its kind, its payload, its children; with memory where there is some.
#[derive(Clone, Default)]
struct Node {
    kind: u16,
    payload: Vec<u8>,
    children: Vec<Node>,
    memory: Option<Vec<u8>>,
}

impl Node {
    fn write(&self, out: &mut Vec<u8>, memory: &RefCell<Vec<Vec<u8>>>) {
        let has = |flag: bool, bit: u64| if flag { bit } else { 0 };
        let flags = has(self.memory.is_some(), 2) | has(!self.children.is_empty(), 1);
        write_varint(out, u64::from(self.kind) << 2 | flags);
        write_varint(out, self.payload.len() as u64);
        out.extend_from_slice(&self.payload);
        memory.borrow_mut().extend(self.memory.clone());
        if !self.children.is_empty() {
            write_varint(out, self.children.len() as u64);
            self.children.iter().for_each(|child| child.write(out, memory));
        }
    }
}

fn of(kind: u16, payload: &[u8], children: &[Node]) -> Node {
    Node {
        kind,
        payload: payload.to_vec(),
        children: children.to_vec(),
        memory: None,
    }
}

fn text(text: &str) -> Node {
    of(kinds::STR, text.as_bytes(), &[])
}

fn int(value: i64) -> Node {
    of(kinds::INT, &value.to_le_bytes(), &[])
}

fn float(value: f64) -> Node {
    of(kinds::FLOAT, &value.to_le_bytes(), &[])
}

fn none() -> Node {
    of(kinds::NONE, &[], &[])
}

fn tuple(items: &[Node]) -> Node {
    of(kinds::TUPLE, &[], items)
}

fn named(bytes: &[&str]) -> Vec<u8> {
    let mut payload = Vec::new();
    for part in bytes {
        write_varint(&mut payload, part.len() as u64);
        payload.extend_from_slice(part.as_bytes());
    }
    payload
}

fn global(module: &str, name: &str) -> Node {
    of(kinds::GLOBAL, &named(&[module, name]), &[])
}

/// An object that a codec wrote.
fn coded(codec: &str, class: Node, parts: &[Node]) -> Node {
    let mut payload = named(&[codec]);
    payload.extend([1, u8::from(parts.len() == 2)]);
    of(kinds::CODEC, &payload, &[&[class], parts].concat())
}

fn dict(pairs: &[(&str, Node)]) -> Node {
    let items: Vec<Node> = pairs
        .iter()
        .flat_map(|(key, value)| [text(key), value.clone()])
        .collect();
    of(kinds::DICT, &[], &items)
}

/// The parts of an array of floats.
fn floats(values: &[f64], shape: &[i64]) -> Node {
    let memory = Node {
        kind: kinds::MEMORY,
        memory: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        ..Node::default()
    };
    let shape: Vec<Node> = shape.iter().map(|length| int(*length)).collect();
    let truth = of(kinds::BOOL, &[1], &[]);
    tuple(&[text("memory"), text("<f8"), tuple(&shape), text("C"), truth, memory])
}

/// An index of texts.
fn labels(labels: &[&str]) -> Node {
    let items = of(
        kinds::LIST,
        &[],
        &labels.iter().map(|label| text(label)).collect::<Vec<_>>(),
    );
    let args = tuple(&[text("items"), text("|O"), tuple(&[int(labels.len() as i64)]), text("C")]);
    let flat = tuple(&[text("objects"), args, tuple(&[of(kinds::BOOL, &[1], &[]), items])]);
    let parts = tuple(&[text("Index"), tuple(&[text("numpy"), flat]), none(), none(), none()]);
    coded("pandas.Index", global("pandas", "Index"), &[parts])
}

fn numbers(length: i64) -> Node {
    let parts = tuple(&[text("RangeIndex"), int(0), int(length), int(1), none(), none()]);
    coded("pandas.Index", global("pandas", "RangeIndex"), &[parts])
}

fn table(columns: &[(&str, Vec<f64>)]) -> Node {
    let length = columns[0].1.len() as i64;
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<Node> = columns
        .iter()
        .map(|(_, values)| tuple(&[text("numpy"), floats(values, &[length])]))
        .collect();
    let extras = tuple(&[none(), of(kinds::BOOL, &[1], &[]), none()]);
    let state = tuple(&[labels(&names), numbers(length), tuple(&values), tuple(&[]), extras]);
    coded(
        "pandas.DataFrame",
        global("pandas.core.frame", "DataFrame"),
        &[tuple(&[]), state],
    )
}

fn stored(name: &'static str, summary: Summary, root: &Node) -> Stored {
    let memory = RefCell::default();
    let mut stream = Vec::new();
    root.write(&mut stream, &memory);
    Stored {
        name,
        summary,
        stream,
        memory: memory.into_inner(),
    }
}

fn counted(to: u32) -> Vec<f64> {
    (0..to).map(f64::from).collect()
}

/// A session with a frame, an array, settings, a model and a text; edited as people edit them.
fn sample() -> Sample {
    let array = |values: &[f64]| {
        let parts = floats(values, &[300, 100]);
        coded("numpy.ndarray", global("numpy", "ndarray"), &[parts, none()])
    };
    let model = |depth: i64| {
        let mut payload = vec![0, 1];
        write_varint(&mut payload, 2);
        payload.extend(named(&["max_depth", "coef_"]));
        write_varint(&mut payload, 0);
        let coefficients = coded(
            "numpy.ndarray",
            global("numpy", "ndarray"),
            &[floats(&[1.0, depth as f64], &[2]), none()],
        );
        of(
            kinds::INSTANCE,
            &payload,
            &[global("sklearn.tree", "Tree"), int(depth), coefficients],
        )
    };
    let lines = |word: &str| text(&format!("# Report\n{word} flights\nwere late\n"));
    let settings = |rate: f64| {
        dict(&[
            ("lr", float(rate)),
            ("layers", of(kinds::LIST, &[], &[int(64), int(32)])),
        ])
    };
    let (mut weights, mut prices) = (counted(30_000), counted(1000));
    let old = [
        stored(
            "df",
            frame(1000, &["price", "dep_delay"]),
            &table(&[("price", prices.clone()), ("dep_delay", counted(1000))]),
        ),
        stored(
            "weights",
            summary("numpy.ndarray", &[300, 100], "float64 array"),
            &array(&weights),
        ),
        stored("config", summary("dict", &[2], ""), &settings(0.1)),
        stored("model", summary("sklearn.tree.Tree", &[], ""), &model(3)),
        stored("report", summary("str", &[34], ""), &lines("Few")),
        stored("lr", summary("float", &[], "0.1"), &float(0.1)),
        stored(
            "late",
            summary("list", &[2], ""),
            &of(kinds::LIST, &[], &[int(1), text("\x1b[31mred")]),
        ),
    ];
    weights[1703] += 0.5;
    prices[17] = 99.5;
    prices[20] = f64::NAN;
    prices.extend(counted(120));
    let new = [
        stored("df", frame(1120, &["price"]), &table(&[("price", prices)])),
        stored(
            "weights",
            summary("numpy.ndarray", &[300, 100], "float64 array"),
            &array(&weights),
        ),
        stored("config", summary("dict", &[2], ""), &settings(0.01)),
        stored("model", summary("sklearn.tree.Tree", &[], ""), &model(5)),
        stored("report", summary("str", &[35], ""), &lines("Many")),
        stored("lr", summary("float", &[], "0.01"), &float(0.01)),
        stored(
            "late",
            summary("list", &[2], ""),
            &of(kinds::LIST, &[], &[int(1), text("\x1b[32mgreen")]),
        ),
        stored("score", summary("float", &[], "0.81"), &float(0.81)),
    ];
    Sample::edited(&old, &new)
}

#[test]
fn diff_tells_of_every_value_what_lies_between() {
    let said = sample().say("diff 1 2").printed();
    assert!(!said.contains('\x1b'), "values must not steer the terminal");
    assert_snapshot!(said);
}

#[test]
fn diff_in_json_has_the_same_as_data() {
    let said = sample().say("diff 1 2 --json -- df weights config").data.unwrap();
    let details: Vec<_> = said["state"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| &name["detail"])
        .collect();
    assert_snapshot!(serde_json::to_string_pretty(&details).unwrap());
}

#[test]
fn a_value_that_is_missing_is_said_and_the_others_are_told() {
    let mut sample = sample();
    sample.shelf.streams.clear();
    assert_snapshot!(sample.say("diff 1 2 --state -- df lr").printed());
    sample.shelf.blocks.clear();
    assert!(sample.say("diff 1 2").printed().contains("not compared: Segment"));
}

#[test]
fn colour_adds_nothing_to_a_diff_of_values() {
    let sample = sample();
    let coloured = clew_cli::Context {
        style: Style { is_coloured: true },
        ..terminal()
    };
    let painted = crate::sample::say_in(&sample.place(), "diff 1 2", &coloured).text;
    assert_eq!(crate::look::strip(&painted), sample.say("diff 1 2").text.to_string());
}

#[test]
fn diff_in_a_notebook_is_small_tables() {
    assert_snapshot!(readable(&shown(&sample(), "diff 1 2")));
}

#[test]
fn p10_no_word_of_a_value_becomes_markup() {
    let words = dict(&[
        (HOSTILE, text(HOSTILE)),
        ("lines", text(&format!("{HOSTILE}\n{HOSTILE}"))),
    ]);
    let before = [
        stored("a", summary(HOSTILE, &[2], HOSTILE), &words),
        stored(
            "b",
            frame(2, &[HOSTILE]),
            &table(&[(HOSTILE, vec![1.0, 2.0]), ("gone", vec![1.0, 2.0])]),
        ),
    ];
    let other = dict(&[
        (HOSTILE, text("other")),
        ("lines", text(&format!("{HOSTILE}\nother"))),
        ("new", text(HOSTILE)),
    ]);
    let after = [
        stored("a", summary(HOSTILE, &[3], HOSTILE), &other),
        stored("b", frame(2, &[HOSTILE]), &table(&[(HOSTILE, vec![1.0, 3.0])])),
    ];
    let sample = Sample::edited(&before, &after);
    assert_is_inert(&shown(&sample, "diff 1 2"), "diff");
    let said = sample.say("diff 1 2").text;
    assert!(!said.contains(['\x1b', '\u{202e}', '\0']), "{said}");
}
