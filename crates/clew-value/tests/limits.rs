//! Every limit of a reader of values: what is at it is read, what is one beyond is not taken for what it says it is, and is
//! told by its parts.

mod streams;

use clew_core::graph::stream::write_varint;
use clew_core::limits;
use clew_testing::encoding;
use clew_value::{ReadLimits, StoredValue, Value, kinds};
use streams::{NoBlocks, coded, compared, int, node, none, row, text};

/// The node that has this number, once more.
fn again(number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write_varint(&mut out, 2);
    write_varint(&mut out, 1 + number);
    out
}

/// What a stream is read as.
fn read<T>(stream: &[u8], look: impl FnOnce(Value<'_>) -> T) -> T {
    let (encoding, limits) = (encoding(1), ReadLimits::default());
    let nameless = |_: &str| None;
    let stored = StoredValue::open(stream, &encoding, 1, &NoBlocks, &nameless, &limits).unwrap();
    look(stored.root(0).unwrap().value().unwrap())
}

/// An object is what is told by its parts.
fn is_known(stream: &[u8]) -> bool {
    read(stream, |value| !matches!(value, Value::Object(_)))
}

/// What is said of an array without elements.
fn empty(dimensions: usize) -> Vec<u8> {
    let shape: Vec<Vec<u8>> = (0..dimensions).map(|_| int(0)).collect();
    row(&[text("empty"), text("<f8"), row(&shape)])
}

#[test]
fn p14_dimensions_of_an_array_are_bounded() {
    let array = |dimensions| coded("numpy.ndarray", empty(dimensions), None);
    assert!(is_known(&array(limits::DIMENSIONS)));
    assert!(!is_known(&array(limits::DIMENSIONS + 1)));
}

#[test]
fn p14_types_in_types_of_arrow_are_bounded() {
    let array = |depth| {
        let innermost = row(&[text("null"), int(3)]);
        let array = (0..depth).fold(innermost, |inner, _| row(&[text("extension"), inner]));
        coded("arrow.Array", row(&[text("null"), array]), None)
    };
    assert!(is_known(&array(limits::TYPE_DEPTH)));
    assert!(!is_known(&array(limits::TYPE_DEPTH + 1)));
}

/// A message with a schema of so many fields, which are all the same.
fn schema(fields: u32) -> Vec<u8> {
    let mut message = vec![0; 4];
    let long = |number: u32| number.to_le_bytes();
    let shorts = |numbers: &[u16]| {
        numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    // The message at 16, of which field 2 is the schema at 32, of which field 1 is the list at 40.
    message.extend(long(16));
    message.extend(shorts(&[10, 8, 0, 0, 4, 0]));
    message.extend([long(12), long(12)].concat());
    message.extend(shorts(&[8, 8, 0, 4]));
    message.extend([long(8), long(4), long(fields)].concat());
    // The field lies behind the list.
    let field = 48 + 4 * fields;
    for nth in 0..fields {
        message.extend(long(field - (44 + 4 * nth)));
    }
    message.extend(shorts(&[4, 4]));
    message.extend(long(4));
    message
}

#[test]
fn p14_fields_of_an_arrow_schema_are_bounded() {
    let of = |fields: usize| {
        coded(
            "arrow.Schema",
            row(&[node(kinds::BYTES, &schema(fields as u32), &[])]),
            None,
        )
    };
    let lines = |value: Value<'_>| match value {
        Value::Scalar(scalar) => scalar.text.lines().count(),
        _ => 0,
    };
    assert_eq!(read(&of(limits::FIELDS), lines), limits::FIELDS);
    assert_eq!(read(&of(limits::FIELDS + 1), lines), 0);
}

#[test]
fn p14_parts_in_parts_of_a_pandas_index_are_bounded() {
    let index = |depth| {
        let labels = || row(&[text("numpy"), empty(1)]);
        let interval = |inner, _| row(&[text("interval"), inner, labels(), text("right")]);
        let values = (1..depth).fold(labels(), interval);
        coded("pandas.Index", row(&[text("Index"), values, none()]), None)
    };
    assert!(is_known(&index(limits::INDEX_DEPTH)));
    assert!(!is_known(&index(limits::INDEX_DEPTH + 1)));
}

/// A frame without rows, of which all columns are the same one.
fn frame(columns: usize) -> Vec<u8> {
    let range = |to: usize| {
        let parts = row(&[text("RangeIndex"), int(0), int(to as i64), int(1), none()]);
        coded("pandas.Index", parts, None)
    };
    // Before the first column come: the frame and its class, arguments and state, two indexes of 8 nodes, the list of columns.
    let first = 4 + 2 * 8 + 1;
    let mut all = vec![row(&[text("numpy"), empty(1)])];
    all.resize(columns, again(first));
    let state = row(&[range(columns), range(0), row(&all), row(&[]), none()]);
    coded("pandas.DataFrame", none(), Some(state))
}

#[test]
fn p14_columns_of_a_table_are_bounded() {
    let columns = |value: Value<'_>| match value {
        Value::Table(table) => table.columns.len(),
        _ => 0,
    };
    assert_eq!(read(&frame(limits::COLUMNS), columns), limits::COLUMNS);
    assert_eq!(read(&frame(limits::COLUMNS + 1), columns), 0);
}

/// How the text of an interval reads that lies in so many others.
fn interval(depth: usize) -> String {
    let of = |inner, _| coded("pandas.Interval", row(&[inner, int(9), text("right")]), None);
    let stream = (0..=depth).fold(int(1), of);
    read(&stream, |value| match value {
        Value::Scalar(scalar) => scalar.text,
        _ => String::new(),
    })
}

#[test]
fn p14_how_often_one_reading_needs_another_is_bounded() {
    // An interval is read, its end is shown, and for that read: two more for each that lies in another.
    let most = (limits::NEEDED as usize - 1) / 2 - 1;
    assert!(interval(most).contains('1'), "{}", interval(most));
    let beyond = interval(most + 1);
    assert!(beyond.contains("(not understood)") && !beyond.contains('1'), "{beyond}");
}

#[test]
fn p14_values_in_values_are_compared_so_deep_and_no_deeper() {
    let list = |depth, number| (0..depth).fold(int(number), |inner, _| node(kinds::LIST, b"", &[inner]));
    let compared = |depth| format!("{:?}", compared(&list(depth, 1), &list(depth, 2)));
    let cut = "too deep to compare fully";
    let at = compared(limits::VALUE_DEPTH);
    assert!(!at.contains(cut), "{at}");
    let beyond = compared(limits::VALUE_DEPTH + 1);
    assert!(beyond.contains(cut), "{beyond}");
}
