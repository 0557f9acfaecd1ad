//! Compares two values: rows and columns, elements, keys, attributes, lines.
//!
//! Both values are walked in parallel. Blocks of memory with equal ids are skipped, so that one changed element of a
//! gigabyte costs two blocks. Cycles and shared parts are visited once. Parts beyond the [`ReadLimits`] are reported
//! as not compared.

mod arrays;
mod columns;
mod detail;
mod members;
mod rows;
mod tables;
mod text;

use clew_core::limits::VALUE_DEPTH;
use rustc_hash::FxHashSet;

pub use detail::{
    ArrayDetail, Change, ColumnDetail, ColumnName, ColumnSummary, Detail, ElementChange, Example, MembersDetail, Pair,
    Rows, TableDetail, TextDetail, UnreadMemory,
};

use crate::digest;
use crate::limits::ReadLimits;
use crate::stored_value::{NodeView, ReadError};
use crate::value::Value;
use crate::value::object::Object;
use crate::value::short::short;

/// Returns the differences between two values of one variable.
pub fn compare(before: NodeView<'_>, after: NodeView<'_>, limits: &ReadLimits) -> Detail {
    let mut comparer = Comparer {
        limits,
        seen: FxHashSet::default(),
        left: limits.pairs,
        is_cut: false,
        room: limits.changes,
    };
    let found = comparer.values(before, after, 0);
    let is_cut = comparer.is_cut;
    match found {
        Ok(Some(detail)) => noted(detail, is_cut),
        Ok(None) if is_cut => Detail::Unread {
            why: "the compared part is equal; the value is too large or too deep to compare fully".to_owned(),
        },
        Ok(None) => Detail::Same {
            note: same_but(before, after).to_owned(),
        },
        Err(error) => Detail::Unread { why: error.to_string() },
    }
}

/// The note for values that differ only in sharing and memory layout.
pub const EQUAL: &str = "equal in value; the sharing or memory layout of its parts differs";

/// Returns the note for values without differing rows, elements or members.
fn same_but(before: NodeView<'_>, after: NodeView<'_>) -> &'static str {
    if digest::is_same(before, after) {
        EQUAL
    } else {
        "the same content; its order, type, setup or memory layout differs"
    }
}

/// Adds a note to a detail if the comparison is incomplete.
fn noted(mut detail: Detail, is_cut: bool) -> Detail {
    if let (Detail::Members(members), true) = (&mut detail, is_cut) {
        members
            .note
            .get_or_insert_with(|| "only compared in part: it is large".to_owned());
    }
    detail
}

/// The state of the comparison of two values.
struct Comparer<'l> {
    limits: &'l ReadLimits,
    /// Pairs already visited; their differences are reported where they were visited first.
    seen: FxHashSet<(u32, u32)>,
    /// The number of pairs that may still be visited.
    left: u64,
    /// Whether something was skipped because of a limit.
    is_cut: bool,
    /// The number of changes that may still be listed.
    room: usize,
}

type Found = Result<Option<Detail>, ReadError>;

impl Comparer<'_> {
    /// Returns the differences between two values; `None` if they are equal.
    fn values(&mut self, before: NodeView<'_>, after: NodeView<'_>, depth: usize) -> Found {
        let (one, two) = (before.node(), after.node());
        let is_bare =
            one.children.is_empty() && two.children.is_empty() && one.buffer.is_none() && two.buffer.is_none();
        if is_bare && one.kind == two.kind && one.payload == two.payload {
            return Ok(None);
        }
        if !is_bare && !self.seen.insert((before.number(), after.number())) {
            return Ok(None);
        }
        self.left = self.left.saturating_sub(1);
        if depth > VALUE_DEPTH || self.left == 0 {
            self.is_cut = true;
            return Ok(None);
        }
        let one_kind = one.kind == two.kind;
        match (before.value()?, after.value()?) {
            (Value::Array(one), Value::Array(two)) => self.arrays(&one, &two),
            (Value::Table(one), Value::Table(two)) => self.tables(&one, &two),
            (Value::Members(one), Value::Members(two)) if one.holding == two.holding => self.members(&one, &two, depth),
            (Value::Object(one), Value::Object(two)) => self.objects(&one, &two, before, after, depth),
            (Value::Text(one), Value::Text(two)) => Ok(text::texts(&one, &two, self.limits)),
            (Value::Float(one), Value::Float(two)) if one.is_nan() && two.is_nan() => Ok(None),
            (Value::Scalar(one), Value::Scalar(two))
                if one == two && (one.text.len() < 200 || digest::is_same(before, after)) =>
            {
                Ok(None)
            }
            // A walk writes no parts of simple values, but an untrusted stream may contain some.
            (Value::None, Value::None) => Ok(None),
            (
                Value::Bool(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Complex(..)
                | Value::Named(_)
                | Value::Bytes(_),
                Value::Bool(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Complex(..)
                | Value::Named(_)
                | Value::Bytes(_),
            ) if one_kind && before.payload() == after.payload() => Ok(None),
            (Value::Opaque(_), Value::Opaque(_)) => Ok(None),
            (one, two) => Ok(Some(self.replaced(before, after, &one, &two))),
        }
    }

    /// Returns a replaced value, with texts that distinguish the two values.
    fn replaced(&self, before: NodeView<'_>, after: NodeView<'_>, one: &Value<'_>, two: &Value<'_>) -> Detail {
        let width = self.limits.width;
        let mut pair = Pair::new(short(before, width), short(after, width));
        if pair.is_same() {
            pair = Pair::new(kinded(&pair.before, one), kinded(&pair.after, two));
        }
        if pair.is_same() {
            pair = Pair::new(short(before, 10 * width), short(after, 10 * width));
        }
        if pair.is_same() {
            pair.after += " (another one)";
        }
        Detail::Value(pair)
    }

    fn objects(
        &mut self,
        one: &Object<'_>,
        two: &Object<'_>,
        before: NodeView<'_>,
        after: NodeView<'_>,
        depth: usize,
    ) -> Found {
        let is_function = |object: &Object<'_>| object.type_name.starts_with("function ");
        if one.type_name != two.type_name && !(is_function(one) && is_function(two)) {
            let width = self.limits.width;
            return Ok(Some(Detail::Value(Pair::new(
                short(before, width),
                short(after, width),
            ))));
        }
        let mut found = members::MemberChanges::default();
        if let (Some(one), Some(two)) = (&one.content, &two.content) {
            let detail = self.contents(one, two, depth)?;
            self.add(&mut found, "", None, None, detail);
        }
        self.fields(&one.fields, &two.fields, depth, &mut found)?;
        if one.hidden != two.hidden {
            found.note.get_or_insert_with(|| hidden(&two.type_name).to_owned());
        }
        Ok(found.into_detail(None, None))
    }

    /// Compares the contents of subclasses such as those of list, dict and str.
    fn contents(&mut self, one: &Value<'_>, two: &Value<'_>, depth: usize) -> Found {
        match (one, two) {
            (Value::Members(one), Value::Members(two)) => self.members(one, two, depth + 1),
            (Value::Array(one), Value::Array(two)) => self.arrays(one, two),
            (Value::Table(one), Value::Table(two)) => self.tables(one, two),
            (Value::Text(one), Value::Text(two)) => Ok(text::texts(one, two, self.limits)),
            (one, two) => {
                let width = self.limits.width;
                let pair = Pair::new(
                    crate::value::short::of(one, width, 2),
                    crate::value::short::of(two, width, 2),
                );
                Ok((!pair.is_same()).then_some(Detail::Value(pair)))
            }
        }
    }
}

/// Returns the note for a difference that is not shown, in the bytes of an object.
fn hidden(type_name: &str) -> &'static str {
    match type_name.split(' ').next() {
        Some("code") => "its code differs",
        Some("function") => "its name or signature differs",
        Some("class") => "its body differs",
        _ => "its inner state differs",
    }
}

/// Returns a short text with the kind of the value: `1` and `1.0` look alike as numbers of a library.
fn kinded(text: &str, value: &Value<'_>) -> String {
    let kind = match value {
        Value::Integer(_) => "int",
        Value::Float(_) => "float",
        Value::Scalar(scalar) => &scalar.type_name,
        Value::Members(members) => &members.type_name,
        Value::Array(array) => &array.type_name,
        Value::Table(table) => &table.type_name,
        Value::Object(object) => &object.type_name,
        Value::Text(_) => "str",
        Value::Bytes(_) => "bytes",
        _ => return text.to_owned(),
    };
    format!("{text} ({kind})")
}
