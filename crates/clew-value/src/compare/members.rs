//! Containers by key, member or position, and objects by attribute.

use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::{Change, Comparer, Detail, Found, MembersDetail, Pair};
use crate::digest::{self, digest};
use crate::stored_value::{Items, NodeView, ReadError};
use crate::value::object::Field;
use crate::value::short::{is_leaf, short};
use crate::value::{Container, ContainerKind};

/// The differences found so far between two containers or objects.
#[derive(Default)]
pub(super) struct MemberChanges {
    pub differ: u64,
    pub changes: Vec<Change>,
    pub note: Option<String>,
}

impl MemberChanges {
    /// Returns the detail; `None` if nothing was found.
    pub fn into_detail(self, type_name: Option<Pair<String>>, length: Option<Pair<u64>>) -> Option<Detail> {
        if self.differ == 0 && self.note.is_none() && type_name.is_none() {
            return None;
        }
        Some(Detail::Members(MembersDetail {
            type_name,
            length,
            differ: self.differ,
            changes: self.changes,
            note: self.note,
        }))
    }
}

/// A key or member by its digest, and its ordinal among those with the same digest: two NaNs are two keys.
type Key = (u128, usize);

fn keys(items: Items<'_>) -> Vec<Key> {
    let keys = (0..items.len() / 2).filter_map(|at| items.get(2 * at));
    numbered(keys.map(digest)).collect()
}

/// Numbers equal keys: yields each key with its ordinal among its equals.
pub(super) fn numbered<K: Copy + Eq + Hash>(keys: impl Iterator<Item = K>) -> impl Iterator<Item = (K, usize)> {
    let mut met: FxHashMap<K, usize> = FxHashMap::default();
    keys.map(move |key| {
        let nth = met.entry(key).or_default();
        *nth += 1;
        (key, *nth)
    })
}

/// A pair of parts with their path.
type Parts<'b, 'a> = (String, NodeView<'b>, NodeView<'a>);

impl Comparer<'_> {
    pub(super) fn members(&mut self, one: &Container<'_>, two: &Container<'_>, depth: usize) -> Found {
        let mut found = MemberChanges::default();
        match one.holding {
            ContainerKind::Mapping => self.mappings(one.items(), two.items(), depth, &mut found)?,
            ContainerKind::Set => self.sets(one.items(), two.items(), &mut found),
            ContainerKind::List | ContainerKind::Tuple => {
                self.sequences(one.items(), two.items(), depth, &mut found)?;
            }
        }
        let type_name = Pair::new(one.type_name.clone(), two.type_name.clone());
        let length = Pair::new(one.len() as u64, two.len() as u64);
        let is_other = !type_name.is_same();
        found.differ += u64::from(is_other && found.differ == 0);
        Ok(found.into_detail(is_other.then_some(type_name), (!length.is_same()).then_some(length)))
    }

    /// Adds the differences between two parts.
    pub(super) fn add(
        &mut self,
        found: &mut MemberChanges,
        path: &str,
        before: Option<NodeView<'_>>,
        after: Option<NodeView<'_>>,
        detail: Option<Detail>,
    ) {
        let width = self.limits.width;
        let text = |view: Option<NodeView<'_>>| view.map(|view| short(view, width));
        match detail {
            None | Some(Detail::Same { .. }) => {}
            Some(Detail::Members(inner)) => {
                found.differ += inner.differ;
                let prefixed = inner.changes.into_iter().map(|change| Change {
                    path: format!("{path}{}", change.path),
                    ..change
                });
                found.changes.extend(prefixed);
                let told = inner
                    .note
                    .or_else(|| inner.type_name.map(|pair| format!("{} → {}", pair.before, pair.after)));
                if let Some(note) = told {
                    let is_own = path.is_empty() || path == " code";
                    found.note = Some(if is_own {
                        note
                    } else {
                        format!("{}: {note}", path.trim())
                    });
                }
            }
            Some(Detail::Value(pair)) => {
                found.differ += 1;
                self.tell(found, path, || (Some(pair.before), Some(pair.after), None));
            }
            Some(detail) => {
                found.differ += 1;
                self.tell(found, path, || (text(before), text(after), Some(Box::new(detail))));
            }
        }
    }

    /// Lists a change while there is room.
    fn tell(
        &mut self,
        found: &mut MemberChanges,
        path: &str,
        change: impl FnOnce() -> (Option<String>, Option<String>, Option<Box<Detail>>),
    ) {
        if self.room == 0 {
            return;
        }
        self.room -= 1;
        let (before, after, detail) = change();
        found.changes.push(Change {
            path: path.to_owned(),
            before,
            after,
            detail,
        });
    }

    fn gone_or_new(
        &mut self,
        found: &mut MemberChanges,
        path: &str,
        before: Option<NodeView<'_>>,
        after: Option<NodeView<'_>>,
    ) {
        found.differ += 1;
        let width = self.limits.width;
        let text = |view: Option<NodeView<'_>>| view.map(|view| short(view, width));
        self.tell(found, path, || (text(before), text(after), None));
    }

    /// Compares parts that both have. Leaves come first, so that they are listed before large parts.
    fn both(&mut self, pairs: Vec<Parts<'_, '_>>, depth: usize, found: &mut MemberChanges) -> Result<(), ReadError> {
        let (leaves, others): (Vec<_>, Vec<_>) = pairs
            .into_iter()
            .partition(|(_, one, two)| is_leaf(*one) || is_leaf(*two));
        for (path, one, two) in leaves.into_iter().chain(others) {
            let detail = match self.values(one, two, depth + 1) {
                Err(error @ ReadError::Store(_)) => return Err(error),
                Err(_) if digest::is_same(one, two) => None,
                Err(error) => Some(Detail::Unread { why: error.to_string() }),
                Ok(detail) => detail,
            };
            self.add(found, &path, Some(one), Some(two), detail);
        }
        Ok(())
    }

    fn mappings(
        &mut self,
        one: Items<'_>,
        two: Items<'_>,
        depth: usize,
        found: &mut MemberChanges,
    ) -> Result<(), ReadError> {
        let (before, after) = (keys(one), keys(two));
        let places: FxHashMap<Key, usize> = before.iter().copied().zip(0..).collect();
        let kept: FxHashSet<Key> = after.iter().copied().collect();
        let path = |items: Items<'_>, at: usize| {
            let key = items.get(2 * at).map_or_else(String::new, |key| short(key, 40));
            format!("[{key}]")
        };
        for (at, _) in before.iter().enumerate().filter(|(_, key)| !kept.contains(*key)) {
            self.gone_or_new(found, &path(one, at), one.get(2 * at + 1), None);
        }
        let mut pairs = Vec::new();
        let mut order = Vec::new();
        for (at, key) in after.iter().enumerate() {
            let value = two.get(2 * at + 1);
            match places.get(key).and_then(|old| Some((*old, one.get(2 * old + 1)?))) {
                Some((old, was)) => {
                    order.push(old);
                    pairs.extend(value.map(|is| (at, was, is)));
                }
                None => self.gone_or_new(found, &path(two, at), None, value),
            }
        }
        let named = pairs.into_iter().filter(|(_, was, is)| !is_plainly_same(*was, *is));
        let named = named.map(|(at, was, is)| (path(two, at), was, is)).collect();
        self.both(named, depth, found)?;
        if !order.is_sorted() {
            found.note = Some("its keys are in another order".to_owned());
        }
        Ok(())
    }

    fn sets(&mut self, one: Items<'_>, two: Items<'_>, found: &mut MemberChanges) {
        let keys = |items: Items<'_>| -> Vec<Key> { numbered(items.iter().map(digest)).collect() };
        let (before, after) = (keys(one), keys(two));
        let [was, is]: [FxHashSet<&Key>; 2] = [&before, &after].map(|keys| keys.iter().collect());
        for (member, _) in one.iter().zip(&before).filter(|(_, key)| !is.contains(key)) {
            self.gone_or_new(found, "", Some(member), None);
        }
        for (member, _) in two.iter().zip(&after).filter(|(_, key)| !was.contains(key)) {
            self.gone_or_new(found, "", None, Some(member));
        }
    }

    fn sequences(
        &mut self,
        one: Items<'_>,
        two: Items<'_>,
        depth: usize,
        found: &mut MemberChanges,
    ) -> Result<(), ReadError> {
        let ops = if one.len().max(two.len()) <= self.limits.script {
            let digests = |items: Items<'_>| -> Vec<u128> { items.iter().map(digest).collect() };
            capture_diff_slices(Algorithm::Myers, &digests(one), &digests(two))
        } else {
            by_place(one, two)
        };
        for op in ops {
            let (_, was, is) = op.as_tag_tuple();
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            let paired = was.len().min(is.len());
            let pairs = was.clone().zip(is.clone()).filter_map(|(was, is)| {
                let (was, now) = (one.get(was)?, two.get(is)?);
                (!is_plainly_same(was, now)).then(|| (format!("[{is}]"), was, now))
            });
            let pairs: Vec<_> = pairs.collect();
            self.both(pairs, depth, found)?;
            for at in was.skip(paired) {
                self.gone_or_new(found, &format!("[{at}]"), one.get(at), None);
            }
            for at in is.skip(paired) {
                self.gone_or_new(found, &format!("[{at}]"), None, two.get(at));
            }
        }
        Ok(())
    }

    /// Compares attributes by name: parameters first, then the results of fitting (`coef_`).
    pub(super) fn fields(
        &mut self,
        one: &[Field<'_>],
        two: &[Field<'_>],
        depth: usize,
        found: &mut MemberChanges,
    ) -> Result<(), ReadError> {
        let before: FxHashMap<(&str, usize), NodeView<'_>> =
            by_path(one).map(|(key, field)| (key, field.view)).collect();
        let after: FxHashSet<(&str, usize)> = by_path(two).map(|(key, _)| key).collect();
        for (_, field) in by_path(one).filter(|(key, _)| !after.contains(key)) {
            self.gone_or_new(found, &field.path, Some(field.view), None);
        }
        let mut pairs = Vec::new();
        for (key, field) in by_path(two) {
            match before.get(&key) {
                Some(was) => pairs.push((field.path.clone(), *was, field.view)),
                None => self.gone_or_new(found, &field.path, None, Some(field.view)),
            }
        }
        let is_fitted = |path: &str| path.ends_with('_') || path.starts_with("._") || path.starts_with(' ');
        let (fitted, given): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(path, _, _)| is_fitted(path));
        self.both(given, depth, found)?;
        self.both(fitted, depth, found)
    }
}

/// Returns fields by their paths, and by their ordinals among fields with the same path (no real object has such).
fn by_path<'a, 'f>(fields: &'f [Field<'a>]) -> impl Iterator<Item = ((&'f str, usize), &'f Field<'a>)> {
    numbered(fields.iter().map(|field| field.path.as_str())).zip(fields)
}

/// Returns whether two parts have the same bytes and no children, without interpreting them.
fn is_plainly_same(one: NodeView<'_>, two: NodeView<'_>) -> bool {
    is_leaf(one) && one.kind() == two.kind() && one.payload() == two.payload() && one.items(0).is_empty()
}

/// Compares long lists position by position, between their common beginning and common end.
fn by_place(one: Items<'_>, two: Items<'_>) -> Vec<DiffOp> {
    let same = |was: usize, is: usize| match (one.get(was), two.get(is)) {
        (Some(was), Some(is)) => is_plainly_same(was, is),
        _ => false,
    };
    let least = one.len().min(two.len());
    let start = (0..least).take_while(|at| same(*at, *at)).count();
    let end = if one.len() == two.len() {
        0
    } else {
        (1..=least - start)
            .take_while(|back| same(one.len() - back, two.len() - back))
            .count()
    };
    vec![DiffOp::Replace {
        old_index: start,
        old_len: one.len() - start - end,
        new_index: start,
        new_len: two.len() - start - end,
    }]
}
