//! Different values never compare as the same, whatever their readable forms leave out. `tests/engine/test_values.py` has
//! more of them, as libraries make them.

mod streams;

use clew_value::compare::Detail;
use clew_value::kinds;
use streams::{coded, compared, int, node, none, row, text};

/// An int of these bytes.
fn bytes_of_int(bytes: &[u8]) -> Vec<u8> {
    node(kinds::INT, bytes, &[])
}

/// A UUID with its top bit set, which is an int of 17 bytes.
fn uuid(last: u8) -> Vec<u8> {
    let mut number = [0xff; 17];
    (number[0], number[16]) = (last, 0);
    coded("stdlib.UUID", row(&[bytes_of_int(&number), text("unknown")]), None)
}

fn fraction(last: u8) -> Vec<u8> {
    let mut number = vec![1; 2000];
    number[0] = last;
    coded("stdlib.Fraction", row(&[bytes_of_int(&number), int(3)]), None)
}

/// An array of objects, in one dimension.
fn objects(items: &[Vec<u8>]) -> Vec<u8> {
    let args = row(&[text("items"), text("|O"), row(&[int(items.len() as i64)]), text("C")]);
    let state = row(&[node(kinds::BOOL, &[1], &[]), node(kinds::LIST, b"", items)]);
    row(&[text("numpy"), row(&[text("objects"), args, state])])
}

/// An array of one interval.
fn intervals(end: &str, closed: &str) -> Vec<u8> {
    let ends = [text("0"), text(&format!("{}{end}", "9".repeat(400)))].map(|end| objects(&[end]));
    let [left, right] = ends;
    coded(
        "pandas.array",
        row(&[row(&[text("interval"), left, right, text(closed)])]),
        None,
    )
}

fn interval(closed: &str) -> Vec<u8> {
    coded("pandas.Interval", row(&[int(1), int(2), text(closed)]), None)
}

/// A frame of no rows and one column.
fn frame(column: Vec<u8>) -> Vec<u8> {
    let labels = coded("pandas.Index", row(&[text("Index"), objects(&[column]), none()]), None);
    let range = row(&[text("RangeIndex"), int(0), int(0), int(1), none()]);
    let columns = row(&[row(&[
        text("numpy"),
        row(&[text("empty"), text("<f8"), row(&[int(0)])]),
    ])]);
    let state = row(&[labels, coded("pandas.Index", range, None), columns, row(&[]), none()]);
    coded("pandas.DataFrame", none(), Some(state))
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    node(kinds::LIST, b"", items)
}

fn member(class: &[u8]) -> Vec<u8> {
    node(kinds::ENUM_MEMBER, b"RED", &[node(kinds::CLASS, class, &[])])
}

#[test]
fn different_values_are_never_the_same() {
    let nan = node(kinds::FLOAT, &f64::NAN.to_le_bytes(), &[]);
    let set = |count| node(kinds::SET, b"", &vec![nan.clone(); count]);
    // A list whose only item is a reference to itself.
    let circle = [(kinds::LIST << 2 | 1) as u8, 0, 1, 2, 1];
    let column = |last: &str| frame(text(&format!("{}{last}", "x".repeat(60))));
    let surrogate = |last| node(kinds::STR, &[0xed, 0xa0, last], &[]);
    let pairs = [
        ("uuid", uuid(1), uuid(2)),
        ("huge fraction", fraction(1), fraction(2)),
        ("end of an interval", intervals("1", "left"), intervals("2", "left")),
        (
            "closed end of an interval",
            intervals("1", "left"),
            intervals("1", "right"),
        ),
        ("name of a column", column("1"), column("2")),
        ("type of a column's name", frame(text("1")), frame(int(1))),
        ("class of a member", member(b"one"), member(b"two")),
        ("number of members", set(1), set(2)),
        ("lone surrogate", surrogate(0x80), surrogate(0x81)),
        ("list in itself", list(&[circle.to_vec()]), list(&[list(&[list(&[])])])),
    ];
    let in_list = |value: &Vec<u8>| list(&[value.clone(), none()]);
    let is_same = |was: &[u8], is: &[u8]| matches!(compared(was, is), Detail::Same { .. } | Detail::Unread { .. });
    let same = pairs
        .iter()
        .filter(|(_, was, is)| is_same(was, is) || is_same(&in_list(was), &in_list(is)));
    assert_eq!(same.map(|(name, ..)| *name).collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(pairs.iter().all(|(_, was, _)| is_same(was, was)));
}

#[test]
fn an_interval_has_the_brackets_of_its_closed_ends() {
    let read = |closed| match compared(&none(), &interval(closed)) {
        Detail::Value(pair) => pair.after,
        _ => String::new(),
    };
    let read = ["left", "right", "both", "neither"].map(read);
    assert_eq!(read, ["[1, 2)", "(1, 2]", "[1, 2]", "(1, 2)"]);
}
