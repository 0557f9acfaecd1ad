//! The standard library: the counterpart of `codecs/stdlib.py`.

use std::borrow::Cow;

use super::CodecNode;
use super::numpy::simple;
use crate::digest::digest;
use crate::memory::Bytes;
use crate::stored_value::{Items, NodeView};
use crate::time;
use crate::value::array::{Array, Elements};
use crate::value::element::pointed;
use crate::value::object::{Field, Object, attributes};
use crate::value::short::short;
use crate::value::{Container, ContainerKind, Value};

pub(super) fn read<'a>(coded: &CodecNode<'a>, kind: &str) -> Option<Value<'a>> {
    match kind {
        "date" | "datetime" | "time" | "timedelta" | "timezone" => Some(coded.scalar(moment(kind, coded.parts()?)?)),
        "Decimal" => Some(coded.scalar(decimal(coded.parts()?)?)),
        "Fraction" => {
            let parts = coded.parts()?;
            Some(coded.scalar(format!("{}/{}", whole(parts.get(0)?)?, whole(parts.get(1)?)?)))
        }
        "UUID" => {
            // An int has one more byte if its top bit is set.
            let number = coded.parts()?.get(0)?.payload();
            let digits = (0..16).rev().map(|at| format!("{:02x}", number.get(at).unwrap_or(&0)));
            Some(coded.scalar(digits.collect::<String>()))
        }
        "PosixPath" | "WindowsPath" | "PurePosixPath" | "PureWindowsPath" | "ZoneInfo" | "Struct" => {
            Some(coded.scalar(coded.parts()?.get(0)?.text()?))
        }
        "Pattern" => Some(coded.scalar(format!("re.compile({})", short(coded.parts()?.get(0)?, 100)))),
        "deque" => {
            let most = coded.parts()?.get(0).filter(|most| !most.is_none());
            let most = most.map(|most| Field::new(".maxlen", most)).into_iter().collect();
            members(coded, ContainerKind::List, coded.state?, most)
        }
        "OrderedDict" | "Counter" => {
            let state = coded.state?.row()?;
            members(coded, ContainerKind::Mapping, state.get(0)?, attributes(state.get(1)?))
        }
        "defaultdict" => {
            let state = coded.state?.row()?;
            let factory = Field::new(".default_factory", state.get(0)?);
            members(coded, ContainerKind::Mapping, state.get(1)?, vec![factory])
        }
        "SimpleNamespace" => Some(Value::Object(Object {
            type_name: coded.type_name.clone(),
            fields: attributes(coded.state?),
            ..Object::default()
        })),
        "array" => array(coded),
        "StringIO" => {
            let content = coded.state?.row()?.get(0)?.row()?;
            Some(Value::Text(Cow::Borrowed(content.get(0)?.text()?)))
        }
        _ => None,
    }
}

fn members<'a>(
    coded: &CodecNode<'a>,
    kind: ContainerKind,
    items: NodeView<'a>,
    fields: Vec<Field<'a>>,
) -> Option<Value<'a>> {
    let members = Container::new(&coded.type_name, kind, items.row()?);
    Some(coded.with(Value::Members(members), fields))
}

fn whole(view: NodeView<'_>) -> Option<String> {
    match view.value().ok()? {
        Value::Integer(number) => Some(number.text()),
        _ => None,
    }
}

fn moment(kind: &str, parts: Items<'_>) -> Option<String> {
    let number = |nth: usize| parts.get(nth).and_then(NodeView::int);
    let clock = |first: usize| {
        let (hour, minute, second) = (number(first)?, number(first + 1)?, number(first + 2)?);
        let fraction = match number(first + 3)? {
            0 => String::new(),
            microseconds => format!(".{microseconds:06}"),
        };
        let zone = parts.get(first + 4).and_then(zone).map(|zone| format!(" {zone}"));
        Some(format!(
            "{hour:02}:{minute:02}:{second:02}{fraction}{}",
            zone.unwrap_or_default()
        ))
    };
    let day = || Some(format!("{:04}-{:02}-{:02}", number(0)?, number(1)?, number(2)?));
    match kind {
        "date" => day(),
        "datetime" => Some(format!("{} {}", day()?, clock(3)?)),
        "time" => clock(0),
        _ => {
            let microseconds =
                (i128::from(number(0)?) * 86_400 + i128::from(number(1)?)) * 1_000_000 + i128::from(number(2)?);
            if kind == "timezone" {
                let name = parts.get(3).and_then(NodeView::text).map(|name| format!(" {name}"));
                return Some(time::offset(microseconds) + &name.unwrap_or_default());
            }
            let spans = time::Time::new(time::TimeKind::Span, "us", 1, None)?;
            Some(spans.text(i64::try_from(microseconds).ok()?))
        }
    }
}

fn decimal(parts: Items<'_>) -> Option<String> {
    let sign = if parts.get(0)?.int()? == 0 { "" } else { "-" };
    let digits = parts.get(1)?.text()?;
    let Some(exponent) = parts.get(2)?.int() else {
        let word = match parts.get(2)?.text()? {
            "F" => "Infinity",
            _ => "NaN",
        };
        return Some(format!("{sign}{word}"));
    };
    Some(pointed(sign, digits, exponent.saturating_neg()))
}

/// Returns the name or the offset of a time zone; `None` if there is none.
pub(super) fn zone(view: NodeView<'_>) -> Option<String> {
    if view.is_none() {
        return None;
    }
    if let Some(row) = view.row() {
        // pytz, by value: ("pytz", name, …), ("pytz", minutes) or ("pytz",)
        return Some(match row.get(1) {
            None => "UTC".to_owned(),
            Some(part) => match part.int() {
                Some(minutes) => time::offset(i128::from(minutes) * 60_000_000),
                None => part.text()?.to_owned(),
            },
        });
    }
    match view.value().ok()? {
        Value::Scalar(scalar) if scalar.text == "+00:00" => Some("UTC".to_owned()),
        Value::Scalar(scalar) => Some(scalar.text),
        Value::Named(name) if name == "datetime.UTC" || name == "datetime.timezone.utc" => Some("UTC".to_owned()),
        _ => Some(short(view, 40)),
    }
}

/// Returns a name of a time zone that no other one has; `None` if there is none.
pub(super) fn exact_zone(view: NodeView<'_>) -> Option<String> {
    let zone = zone(view).or_else(|| (!view.is_none()).then(String::new))?;
    let is_exact = zone == "UTC" || view.row().is_some() || matches!(view.value(), Ok(Value::Scalar(_)));
    Some(if is_exact {
        zone
    } else {
        format!("{zone} {:x}", digest(view))
    })
}

/// Reads an `array.array`: a type code and its memory.
fn array<'a>(coded: &CodecNode<'a>) -> Option<Value<'a>> {
    let parts = coded.parts()?;
    let dtype = simple(match parts.get(0)?.text()? {
        "b" => "|i1",
        "B" => "|u1",
        "h" => "<i2",
        "H" => "<u2",
        "i" => "<i4",
        "I" => "<u4",
        "l" | "q" => "<i8",
        "L" | "Q" => "<u8",
        "f" => "<f4",
        "d" => "<f8",
        "u" | "w" => "<U1",
        _ => return None,
    })?;
    let memory = parts.get(1)?.memory();
    let length = memory.map_or(0, |memory| memory.len() / dtype.size as u64);
    let step = dtype.size as i64;
    Some(Value::Array(Array {
        type_name: coded.type_name.clone(),
        dtype,
        shape: vec![length],
        elements: memory.map_or(Elements::None, |memory| {
            Elements::Bytes(Bytes::Memory(memory), 0, vec![step])
        }),
    }))
}
