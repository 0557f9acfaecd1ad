//! Parses Arrow schemas in the IPC format: names and types of fields, with every offset checked.
//!
//! The `arrow-ipc` crate parses them too, but panics on unexpected types and widths; the data read here may be
//! untrusted (promise P14). Source: Arrow's `Schema.fbs` and `Message.fbs`, and the flatbuffers format.

use clew_core::limits::{FIELDS, TYPE_DEPTH};

use crate::time::{Time, TimeKind};
use crate::value::element::{Dtype, Element};

/// A type of Arrow.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrowType {
    /// The name that Arrow writes.
    pub name: String,
    /// The layout of its elements.
    pub layout: Layout,
}

/// The layout of the elements of an Arrow type.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// Of fixed width.
    Fixed(Dtype),
    /// Texts or bytes.
    Text {
        /// Whether offsets have 8 bytes each.
        wide: bool,
        /// Whether they are texts.
        is_text: bool,
    },
    /// Lists.
    List {
        /// Whether offsets have 8 bytes each.
        wide: bool,
        /// The length of every list, if all have the same length.
        size: u64,
        /// The type of their items.
        inner: Box<ArrowType>,
    },
    /// Named fields.
    Struct(Vec<(String, ArrowType)>),
    /// Codes of values that are stored separately: the types of both.
    Dictionary(Box<ArrowType>, Box<ArrowType>),
    /// Anything else.
    Other,
}

/// Returns the fields of a schema.
pub fn fields(message: &[u8]) -> Option<Vec<(String, ArrowType)>> {
    let start = if message.get(..4)? == [0xff; 4] { 8 } else { 4 };
    let buffer = Buffer(message.get(start..)?);
    let message = Table(buffer, buffer.offset(0)?);
    let schema = message.table(2)?;
    let mut left = FIELDS;
    schema
        .tables(1)?
        .into_iter()
        .map(|field| read(field, 0, &mut left))
        .collect()
}

/// Returns the type of the only field of a schema.
pub fn only(message: &[u8]) -> Option<ArrowType> {
    fields(message)?.into_iter().next().map(|(_, kind)| kind)
}

/// Returns a type by its Arrow alias.
pub fn alias(name: &str) -> ArrowType {
    let unit = |prefix: &str| name.strip_prefix(prefix)?.strip_suffix(']');
    let fixed = |element, size| Layout::Fixed(Dtype::new(name, element, size));
    let layout = match name {
        "bool" | "null" => Layout::Other,
        "halffloat" => fixed(Element::Float { big: false }, 2),
        "float" => fixed(Element::Float { big: false }, 4),
        "double" => fixed(Element::Float { big: false }, 8),
        "string" | "utf8" | "binary" => Layout::Text {
            wide: false,
            is_text: name != "binary",
        },
        "large_string" | "large_utf8" | "large_binary" => Layout::Text {
            wide: true,
            is_text: name != "large_binary",
        },
        "date32" | "date32[day]" => times(name, TimeKind::Day, "D", 4),
        "date64" | "date64[ms]" => times(name, TimeKind::Moment, "ms", 8),
        _ => unit("timestamp[")
            .map(|unit| times(name, TimeKind::Moment, unit, 8))
            .or_else(|| unit("duration[").map(|unit| times(name, TimeKind::Span, unit, 8)))
            .or_else(|| unit("time32[").map(|unit| times(name, TimeKind::Clock, unit, 4)))
            .or_else(|| unit("time64[").map(|unit| times(name, TimeKind::Clock, unit, 8)))
            .or_else(|| int(name))
            .unwrap_or(Layout::Other),
    };
    ArrowType {
        name: name.to_owned(),
        layout,
    }
}

fn int(name: &str) -> Option<Layout> {
    let signed = !name.starts_with('u');
    let bits: usize = name.trim_start_matches('u').strip_prefix("int")?.parse().ok()?;
    let element = Element::Int { signed, big: false };
    matches!(bits, 8 | 16 | 32 | 64).then(|| Layout::Fixed(Dtype::new(name, element, bits / 8)))
}

fn times(name: &str, kind: TimeKind, unit: &str, size: usize) -> Layout {
    match Time::new(kind, unit, 1, None) {
        Some(time) => Layout::Fixed(Dtype::new(
            name,
            Element::Time {
                time,
                big: false,
                has_missing: false,
            },
            size,
        )),
        None => Layout::Other,
    }
}

fn read(field: Table<'_>, depth: usize, left: &mut usize) -> Option<(String, ArrowType)> {
    *left = left.checked_sub(1)?;
    if depth > TYPE_DEPTH {
        return None;
    }
    let name = field.text(0).unwrap_or_default();
    let children = field.tables(5).unwrap_or_default();
    let kind = kind(field, &children, depth, left)?;
    let Some(dictionary) = field.table(4) else {
        return Some((name, kind));
    };
    let index = dictionary.table(1).map_or_else(|| alias("int32"), whole);
    let encoded = ArrowType {
        name: format!("dictionary<values={}, indices={}>", kind.name, index.name),
        layout: Layout::Dictionary(Box::new(index), Box::new(kind)),
    };
    Some((name, encoded))
}

const UNITS: [&str; 4] = ["s", "ms", "us", "ns"];

fn kind(field: Table<'_>, children: &[Table<'_>], depth: usize, left: &mut usize) -> Option<ArrowType> {
    let number = field.byte(2).unwrap_or(0);
    let Some(table) = field.table(3) else {
        return Some(alias("null"));
    };
    let unit = |default: usize| {
        UNITS
            .get(table.short(0).map_or(default, usize::from))
            .copied()
            .unwrap_or("s")
    };
    let mut inner = || {
        children
            .first()
            .map(|child| read(*child, depth + 1, left))
            .unwrap_or_default()
    };
    let list = |name: &str, wide: bool, size: u64, inner: Option<(String, ArrowType)>| {
        let (_, inner) = inner?;
        let name = format!("{name}<{}>", inner.name);
        let layout = Layout::List {
            wide,
            size,
            inner: Box::new(inner),
        };
        Some(ArrowType { name, layout })
    };
    match number {
        2 => Some(whole(table)),
        3 => Some(alias(
            ["halffloat", "float", "double"].get(usize::from(table.short(0).unwrap_or(0)))?,
        )),
        4 => Some(alias("binary")),
        5 => Some(alias("string")),
        6 => Some(alias("bool")),
        7 => Some(decimal(table)),
        8 => Some(alias(if table.short(0) == Some(0) {
            "date32[day]"
        } else {
            "date64[ms]"
        })),
        9 => Some(alias(&format!("time{}[{}]", table.long(1).unwrap_or(32), unit(1)))),
        10 => Some(moments(unit(0), table.text(1))),
        12 => list("list", false, 0, inner()),
        13 => {
            let fields: Option<Vec<_>> = children.iter().map(|child| read(*child, depth + 1, left)).collect();
            let fields = fields?;
            let names: Vec<String> = fields
                .iter()
                .map(|(name, kind)| format!("{name}: {}", kind.name))
                .collect();
            Some(ArrowType {
                name: format!("struct<{}>", names.join(", ")),
                layout: Layout::Struct(fields),
            })
        }
        15 => {
            let width = usize::try_from(table.long(0)?).ok()?;
            let name = format!("fixed_size_binary[{width}]");
            Some(ArrowType {
                layout: Layout::Fixed(Dtype::new(name.clone(), Element::Raw, width)),
                name,
            })
        }
        16 => list("fixed_size_list", false, u64::try_from(table.long(0)?).ok()?, inner()),
        17 => list("map", false, 0, inner()),
        18 => Some(alias(&format!("duration[{}]", unit(1)))),
        19 => Some(alias("large_binary")),
        20 => Some(alias("large_string")),
        21 => list("large_list", true, 0, inner()),
        _ => Some(alias("another type")),
    }
}

fn whole(table: Table<'_>) -> ArrowType {
    let sign = if table.byte(1).unwrap_or(0) == 0 { "u" } else { "" };
    alias(&format!("{sign}int{}", table.long(0).unwrap_or(0)))
}

fn decimal(table: Table<'_>) -> ArrowType {
    let (precision, scale) = (table.long(0).unwrap_or(0), table.long(1).unwrap_or(0));
    let bits = table.long(2).unwrap_or(128);
    let name = format!("decimal{bits}({precision}, {scale})");
    let layout = match usize::try_from(bits / 8) {
        Ok(size @ 1..=16) => Layout::Fixed(Dtype::new(name.clone(), Element::Decimal { scale }, size)),
        Ok(size) => Layout::Fixed(Dtype::new(name.clone(), Element::Raw, size)),
        Err(_) => Layout::Other,
    };
    ArrowType { name, layout }
}

fn moments(unit: &str, zone: Option<String>) -> ArrowType {
    let zone = zone.filter(|zone| !zone.is_empty());
    let name = match &zone {
        Some(zone) => format!("timestamp[{unit}, tz={zone}]"),
        None => format!("timestamp[{unit}]"),
    };
    let mut layout = times(&name, TimeKind::Moment, unit, 8);
    if let Layout::Fixed(Dtype {
        element: Element::Time { time, .. },
        ..
    }) = &mut layout
    {
        time.zone = zone;
    }
    ArrowType { name, layout }
}

/// Bytes of a flatbuffer.
#[derive(Clone, Copy)]
struct Buffer<'a>(&'a [u8]);

impl Buffer<'_> {
    fn bytes<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    /// Returns the target of the offset at `at`.
    fn offset(self, at: usize) -> Option<usize> {
        at.checked_add(u32::from_le_bytes(self.bytes(at)?) as usize)
    }
}

/// A table of a flatbuffer, and its position.
#[derive(Clone, Copy)]
struct Table<'a>(Buffer<'a>, usize);

impl Table<'_> {
    /// Returns the position of a field's value; `None` if it has none.
    fn field(self, nth: usize) -> Option<usize> {
        let Self(buffer, at) = self;
        let back = i64::from(i32::from_le_bytes(buffer.bytes(at)?));
        let names = usize::try_from(i64::try_from(at).ok()? - back).ok()?;
        let size = usize::from(u16::from_le_bytes(buffer.bytes(names)?));
        let slot = 4 + 2 * nth;
        if slot + 2 > size {
            return None;
        }
        let offset = usize::from(u16::from_le_bytes(buffer.bytes(names.checked_add(slot)?)?));
        (offset != 0).then(|| at.checked_add(offset))?
    }

    fn byte(self, nth: usize) -> Option<u8> {
        self.0.bytes(self.field(nth)?).map(|[byte]| byte)
    }

    fn short(self, nth: usize) -> Option<u16> {
        self.0.bytes(self.field(nth)?).map(u16::from_le_bytes)
    }

    fn long(self, nth: usize) -> Option<i32> {
        self.0.bytes(self.field(nth)?).map(i32::from_le_bytes)
    }

    fn table(self, nth: usize) -> Option<Self> {
        Some(Self(self.0, self.0.offset(self.field(nth)?)?))
    }

    fn vector(self, nth: usize) -> Option<(usize, usize)> {
        let start = self.0.offset(self.field(nth)?)?;
        let count = u32::from_le_bytes(self.0.bytes(start)?) as usize;
        Some((start.checked_add(4)?, count))
    }

    fn text(self, nth: usize) -> Option<String> {
        let (start, length) = self.vector(nth)?;
        let bytes = self.0.0.get(start..start.checked_add(length)?)?;
        Some(crate::payload::text(bytes).into_owned())
    }

    fn tables(self, nth: usize) -> Option<Vec<Self>> {
        let (start, count) = self.vector(nth)?;
        if count > FIELDS {
            return None;
        }
        (0..count)
            .map(|at| Some(Self(self.0, self.0.offset(start.checked_add(at * 4)?)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn aliases_mean_what_arrow_means_by_them() {
        let size = |name: &str| match alias(name).layout {
            Layout::Fixed(dtype) => dtype.size,
            _ => 0,
        };
        assert_eq!(
            ["halffloat", "float", "double", "uint16", "date32[day]", "timestamp[us]"].map(size),
            [2, 4, 8, 2, 4, 8]
        );
        assert_eq!(
            alias("large_string").layout,
            Layout::Text {
                wide: true,
                is_text: true
            }
        );
        assert_eq!(alias("int7").layout, Layout::Other);
    }

    proptest! {
        #[test]
        fn p14_any_bytes_are_a_schema_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fields(&bytes);
        }
    }
}
