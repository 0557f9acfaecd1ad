//! Short texts of values, as Python would write them; without Python.

use crate::kinds;
use crate::number;
use crate::stored_value::NodeView;
use crate::value::{Container, Value};

/// The nesting depth to which containers are shown.
const LEVELS: usize = 3;

/// Returns a short text of a value, at most about `width` characters.
pub fn short(view: NodeView<'_>, width: usize) -> String {
    let Some(_reading) = view.stored().enter() else {
        return "…".to_owned();
    };
    cut(&written(view, width, LEVELS), width)
}

fn written(view: NodeView<'_>, width: usize, levels: usize) -> String {
    match view.value() {
        Ok(value) => of(&value, width, levels),
        Err(_) => "(not understood)".to_owned(),
    }
}

/// Returns a short text of a value that was read, about `width` characters.
pub(crate) fn of(value: &Value<'_>, width: usize, levels: usize) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Value::Integer(value) => value.text(),
        Value::Float(value) => number::float(*value),
        Value::Complex(real, imaginary) => number::complex(*real, *imaginary),
        Value::Text(text) => quoted(text, width),
        Value::Bytes(bytes) => quoted_bytes(bytes, width),
        Value::Members(members) => container(members, width, levels),
        Value::Array(array) => array.short(width),
        Value::Table(table) => table.headline(),
        Value::Scalar(scalar) => scalar.text.clone(),
        Value::Object(object) => match &object.content {
            Some(content) => format!("{}({})", object.name(), of(content, width, levels.saturating_sub(1))),
            None => format!("{}(…)", object.name()),
        },
        Value::Named(name) => name.clone(),
        Value::Opaque(what) => format!("({what})"),
    }
}

fn container(members: &Container<'_>, width: usize, levels: usize) -> String {
    let (open, close) = members.brackets();
    let empty = format!("{open}{close}");
    if members.is_empty() {
        return if members.is_bare_set() {
            "set()".to_owned()
        } else {
            empty
        };
    }
    if levels == 0 {
        return format!("{open}…{close}");
    }
    let mut text = open.to_owned();
    let items = members.items();
    let step = if members.is_mapping() { 2 } else { 1 };
    for at in (0..items.len()).step_by(step) {
        if at > 0 {
            text.push_str(", ");
        }
        if text.chars().count() > width {
            text.push('…');
            break;
        }
        let part = |nth| {
            items
                .get(nth)
                .map_or_else(String::new, |view| written(view, width, levels - 1))
        };
        text.push_str(&part(at));
        if members.is_mapping() {
            text.push_str(": ");
            text.push_str(&part(at + 1));
        }
    }
    if members.len() == 1 && members.is_tuple() {
        text.push(',');
    }
    text + close
}

/// Cuts `text` to `width` characters, with an ellipsis if it is longer.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.char_indices().nth(width).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Returns a text in quotes with special characters escaped, cut.
pub(crate) fn quoted(text: &str, width: usize) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut written = String::from(quote);
    for (at, letter) in text.chars().enumerate() {
        if at >= width {
            written.push('…');
            break;
        }
        match letter {
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            '\r' => written.push_str("\\r"),
            '\\' => written.push_str("\\\\"),
            _ if letter == quote => written.extend(['\\', quote]),
            _ if letter.is_control() => written.push_str(&format!("\\x{:02x}", u32::from(letter))),
            _ => written.push(letter),
        }
    }
    written.push(quote);
    written
}

/// Returns bytes as Python writes them, cut.
pub(crate) fn quoted_bytes(bytes: &[u8], width: usize) -> String {
    let mut written = String::from("b'");
    for (at, byte) in bytes.iter().enumerate() {
        if at >= width {
            written.push('…');
            break;
        }
        match byte {
            b'\'' | b'\\' => written.extend(['\\', char::from(*byte)]),
            b'\n' => written.push_str("\\n"),
            0x20..=0x7e => written.push(char::from(*byte)),
            _ => written.push_str(&format!("\\x{byte:02x}")),
        }
    }
    written.push('\'');
    written
}

/// Returns whether a node is a single value without parts.
pub(crate) fn is_leaf(view: NodeView<'_>) -> bool {
    matches!(view.kind(), kinds::NONE..=kinds::STR) || kinds::is_by_name(view.kind())
}
