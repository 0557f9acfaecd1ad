//! Tables: rows and columns that were added, removed, renamed or reordered; values that differ.

use rustc_hash::FxHashMap;

use super::members::{MemberChanges, numbered};
use super::rows::{RowMatching, Set, labelled};
use super::{Change, ColumnName, Comparer, Detail, Found, Pair, Rows, TableDetail};
use crate::stored_value::ReadError;
use crate::value::column::Column;
use crate::value::object::Field;
use crate::value::table::{Index, Label, Table, TableKind};

/// The number of added or removed rows that are named.
const NAMED: usize = 3;

impl Comparer<'_> {
    pub(super) fn tables(&mut self, one: &Table<'_>, two: &Table<'_>) -> Found {
        let matching = self.rows(&one.index, &two.index)?;
        // Only their labels could show which rows are new.
        let named = |rows: &Set, index: &Index<'_>| {
            if matching.are_labels_unread {
                let count = rows.len();
                return Rows {
                    count,
                    ..Rows::default()
                };
            }
            labelled(rows, index, NAMED)
        };
        let mut detail = TableDetail {
            form: if two.form == TableKind::Series {
                "series"
            } else {
                "frame"
            },
            type_name: Pair::new(one.type_name.clone(), two.type_name.clone()),
            rows: Pair::new(one.rows(), two.rows()),
            matched_by: if matching.by_label { "label" } else { "position" },
            labels_unread: matching.are_labels_unread,
            rows_added: named(&matching.added, &two.index),
            rows_removed: named(&matching.removed, &one.index),
            rows_reordered: matching.is_reordered,
            index_changed: matching.index_changed.clone(),
            columns_added: Vec::new(),
            columns_removed: Vec::new(),
            columns_renamed: Vec::new(),
            columns_reordered: false,
            columns_changed: Vec::new(),
            columns_kept: 0,
            extras: Vec::new(),
        };
        if (one.form, two.form) == (TableKind::Series, TableKind::Series) {
            self.single(one, two, &matching, &mut detail)?;
        } else {
            self.columns_by_name(one, two, &matching, &mut detail)?;
        }
        let are_extras_same = self.extras(one, two, &mut detail)?;
        Ok((!are_extras_same || !detail.is_same()).then(|| Detail::Table(Box::new(detail))))
    }

    /// Compares the only column of two series, regardless of its name.
    fn single(
        &self,
        one: &Table<'_>,
        two: &Table<'_>,
        matching: &RowMatching,
        detail: &mut TableDetail,
    ) -> Result<(), ReadError> {
        let (Some((name, before)), Some((other, after))) = (one.columns.first(), two.columns.first()) else {
            return Ok(());
        };
        if name != other {
            detail.columns_renamed.push(renamed(name, other));
        }
        match self.columns(&other.text, before, after, matching, &two.index)? {
            Some(changed) => detail.columns_changed.push(changed),
            None => detail.columns_kept = 1,
        }
        Ok(())
    }

    fn columns_by_name(
        &self,
        one: &Table<'_>,
        two: &Table<'_>,
        matching: &RowMatching,
        detail: &mut TableDetail,
    ) -> Result<(), ReadError> {
        let places: FxHashMap<(u128, usize), usize> = by_name(one).zip(0..).collect();
        let mut taken = vec![false; one.columns.len()];
        let mut order = Vec::new();
        let mut new = Vec::new();
        for (key, (name, after)) in by_name(two).zip(&two.columns) {
            let Some(at) = places.get(&key) else {
                new.push((name, after));
                continue;
            };
            taken[*at] = true;
            order.push(*at);
            match self.columns(&name.text, &one.columns[*at].1, after, matching, &two.index)? {
                Some(changed) => detail.columns_changed.push(changed),
                None => detail.columns_kept += 1,
            }
        }
        detail.columns_reordered = !order.is_sorted();
        let mut gone: Vec<_> = one
            .columns
            .iter()
            .zip(taken)
            .filter(|(_, taken)| !taken)
            .map(|(column, _)| column)
            .collect();
        for (name, after) in new {
            let before = gone
                .iter()
                .position(|(_, before)| matching.is_whole() && before.is_same(after));
            match before {
                Some(at) => detail.columns_renamed.push(renamed(&gone.remove(at).0, name)),
                None => detail.columns_added.push(called(name, after)),
            }
        }
        detail.columns_removed = gone.into_iter().map(|(name, column)| called(name, column)).collect();
        Ok(())
    }

    /// Compares the extras, and returns whether they are the same.
    fn extras(&mut self, one: &Table<'_>, two: &Table<'_>, detail: &mut TableDetail) -> Result<bool, ReadError> {
        let (before, after): (Vec<Field<'_>>, Vec<Field<'_>>) = (field(one), field(two));
        let mut found = MemberChanges::default();
        self.fields(&before, &after, 1, &mut found)?;
        detail.extras = found.changes;
        detail.extras.extend(found.note.map(|note| Change {
            path: String::new(),
            before: None,
            after: None,
            detail: Some(Box::new(Detail::Same { note })),
        }));
        // Not all that differ are listed.
        Ok(found.differ == 0)
    }
}

fn field<'a>(table: &Table<'a>) -> Vec<Field<'a>> {
    let extras = table.extras.iter();
    extras.map(|(path, view)| Field::new(path.clone(), *view)).collect()
}

/// Returns columns by name, and by their ordinals among columns of the same name.
fn by_name<'t>(table: &'t Table<'_>) -> impl Iterator<Item = (u128, usize)> + use<'t> {
    numbered(table.columns.iter().map(|(name, _)| name.key))
}

fn renamed(one: &Label, two: &Label) -> Pair<String> {
    Pair::different(one.text.clone(), two.text.clone())
}

fn called(name: &Label, column: &Column<'_>) -> ColumnName {
    ColumnName {
        name: name.text.clone(),
        dtype: column.dtype.clone(),
    }
}

impl TableDetail {
    fn is_same(&self) -> bool {
        self.type_name.is_same()
            && !self.labels_unread
            && self.rows_added.count == 0
            && self.rows_removed.count == 0
            && !self.rows_reordered
            && self.index_changed.is_none()
            && self.columns_added.is_empty()
            && self.columns_removed.is_empty()
            && self.columns_renamed.is_empty()
            && !self.columns_reordered
            && self.columns_changed.is_empty()
            && self.extras.is_empty()
    }
}
