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
use crate::kinds;
use crate::limits::ReadLimits;
use crate::stored_value::{NodeView, ReadError};
use crate::value::Value;
use crate::value::object::Object;
use crate::value::short::short;

/// The most nodes of a value that is first compared as a whole.
const SMALL: usize = 10_000;

/// Returns the differences between two values of one variable.
pub fn compare(before: NodeView<'_>, after: NodeView<'_>, limits: &ReadLimits) -> Detail {
    // Unreadable parts of an invalid stream equal no others: they would differ from themselves.
    if before.stored().arena().len() <= SMALL && digest::is_same(before, after) {
        return Detail::Same { note: EQUAL.to_owned() };
    }
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
        match (before.value()?, after.value()?) {
            (Value::Array(one), Value::Array(two)) => self.arrays(&one, &two),
            (Value::Table(one), Value::Table(two)) => self.tables(&one, &two),
            (Value::Members(one), Value::Members(two)) if one.holding == two.holding => self.members(&one, &two, depth),
            (Value::Object(one), Value::Object(two)) => self.objects(&one, &two, before, after, depth),
            (Value::Text(one), Value::Text(two)) if one != two => Ok(text::texts(&one, &two, self.limits)),
            (Value::Float(one), Value::Float(two)) if one.is_nan() && two.is_nan() => Ok(None),
            // The texts of other values do not contain all of them.
            _ if digest::is_same(before, after) => Ok(None),
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
        Detail::Value(Pair::different(pair.before, pair.after))
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
        let is_other = one.type_name != two.type_name && !(is_function(one) && is_function(two));
        if is_other || one.content.is_some() != two.content.is_some() {
            let width = self.limits.width;
            let pair = Pair::different(short(before, width), short(after, width));
            return Ok(Some(Detail::Value(pair)));
        }
        let mut found = members::MemberChanges::default();
        if (before.kind(), after.kind()) == (kinds::INSTANCE, kinds::INSTANCE)
            && let (Some(one), Some(two)) = (before.child(0), after.child(0))
        {
            // Classes of different modules may have the same short name.
            let detail = self.values(one, two, depth + 1)?;
            self.add(&mut found, " class", None, None, detail);
        }
        let is_hidden_same = one.hidden == two.hidden;
        if let (Some(one), Some(two)) = (&one.content, &two.content) {
            let detail = self.contents(one, two, is_hidden_same, depth)?;
            self.add(&mut found, "", None, None, detail);
        }
        self.fields(&one.fields, &two.fields, depth, &mut found)?;
        if !is_hidden_same && one.content.is_none() {
            found.note.get_or_insert_with(|| hidden(&two.type_name).to_owned());
        }
        Ok(found.into_detail(None, None))
    }

    /// Compares the contents of subclasses such as those of list, dict and str. `is_same`: their bytes are the same, if
    /// they are not compared by their parts.
    fn contents(&mut self, one: &Value<'_>, two: &Value<'_>, is_same: bool, depth: usize) -> Found {
        match (one, two) {
            (Value::Members(one), Value::Members(two)) => self.members(one, two, depth + 1),
            (Value::Array(one), Value::Array(two)) => self.arrays(one, two),
            (Value::Table(one), Value::Table(two)) => self.tables(one, two),
            (Value::Text(one), Value::Text(two)) => Ok(text::texts(one, two, self.limits)),
            _ if is_same => Ok(None),
            (one, two) => {
                let text = |value| crate::value::short::of(value, self.limits.width, 2);
                Ok(Some(Detail::Value(Pair::different(text(one), text(two)))))
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
