//! Arrays: elements of one type in dimensions.

use crate::memory::{Bytes, StoredMemory};
use crate::stored_value::{Items, ReadError};
use crate::value::cell::ElementValue;
use crate::value::column::{Column, object};
use crate::value::element::Dtype;

/// Bytes of the code of a text.
pub(crate) const CODE: usize = 4;

/// An array.
#[derive(Debug, Clone)]
pub struct Array<'a> {
    /// The name of its type: `numpy.ndarray`, `bytes`.
    pub type_name: String,
    /// The type of its elements.
    pub dtype: Dtype,
    /// The lengths of the dimensions.
    pub shape: Vec<u64>,
    /// The location of its elements.
    pub elements: Elements<'a>,
}

/// The location of the elements of an array.
#[derive(Debug, Clone)]
pub enum Elements<'a> {
    /// In bytes: the offset of the first element, and the stride of each dimension in bytes.
    Bytes(Bytes<'a>, u64, Vec<i64>),
    /// Objects: the number of the first one, and the stride of each dimension in objects.
    Objects(Items<'a>, i64, Vec<i64>),
    /// Texts: the codes of the elements, the texts, and the number of the first code and the strides as for objects.
    Texts(Bytes<'a>, Box<Column<'a>>, i64, Vec<i64>),
    /// There are no elements.
    None,
}

impl<'a> Array<'a> {
    /// Returns the number of elements.
    pub fn len(&self) -> u64 {
        self.shape.iter().fold(1_u64, |all, length| all.saturating_mul(*length))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the memory of a contiguous array, and whether the first dimension changes fastest (as in Fortran);
    /// `None` if the array is not contiguous.
    pub fn dense(&self) -> Option<(StoredMemory<'a>, bool)> {
        let Elements::Bytes(Bytes::Memory(memory), offset, strides) = &self.elements else {
            return None;
        };
        let size = self.len().checked_mul(self.dtype.size as u64)?;
        let memory = memory.slice(*offset, size)?;
        let is_order = |order: &[usize]| {
            let mut expected = self.dtype.size as i64;
            order.iter().all(|dimension| {
                let fits = self.shape[*dimension] == 1 || strides[*dimension] == expected;
                expected = expected.saturating_mul(self.shape[*dimension] as i64);
                fits
            })
        };
        let forward: Vec<usize> = (0..self.shape.len()).collect();
        let backward: Vec<usize> = forward.iter().rev().copied().collect();
        if is_order(&backward) {
            return Some((memory, false));
        }
        is_order(&forward).then_some((memory, true))
    }

    /// Returns the position of the `nth` element, counted in C order or (`is_fortran`) in Fortran order.
    pub fn place(&self, nth: u64, is_fortran: bool) -> Vec<u64> {
        let mut rest = nth;
        let mut place = vec![0; self.shape.len()];
        let mut step = |dimension: usize| {
            let length = self.shape[dimension].max(1);
            place[dimension] = rest % length;
            rest /= length;
        };
        if is_fortran {
            (0..self.shape.len()).for_each(&mut step);
        } else {
            (0..self.shape.len()).rev().for_each(&mut step);
        }
        place
    }

    /// Returns the array with all its memory read.
    ///
    /// # Errors
    /// Memory is missing or corrupted, or exceeds the limit of bytes to read.
    pub fn load(&self) -> Result<Self, ReadError> {
        let mut loaded = self.clone();
        match &mut loaded.elements {
            Elements::Bytes(bytes, _, _) => bytes.load()?,
            Elements::Texts(codes, texts, _, _) => {
                codes.load()?;
                **texts = texts.load()?;
            }
            Elements::Objects(..) | Elements::None => {}
        }
        Ok(loaded)
    }

    /// Returns the number of bytes of memory that [`Self::load`] reads.
    pub fn cost(&self) -> u64 {
        match &self.elements {
            Elements::Bytes(bytes, _, _) => bytes.cost(),
            Elements::Texts(codes, texts, _, _) => codes.cost().saturating_add(texts.cost()),
            _ => 0,
        }
    }

    /// Returns a text such as `ndarray 3 × 4 float64`, or the elements if there are few.
    pub fn short(&self, width: usize) -> String {
        let shape: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        let name = crate::value::object::last_part(&self.type_name);
        let headline = format!("{name} {} {}", shape.join(" × "), self.dtype.name);
        let few = self.shape.len() == 1 && self.len() <= 8 && self.cost() <= 1 << 16;
        let Some(loaded) = few.then(|| self.load().ok()).flatten() else {
            return headline;
        };
        let cells: Vec<String> = (0..self.len()).map(|nth| loaded.nth(nth).text(20)).collect();
        crate::value::short::cut(&format!("[{}]", cells.join(", ")), width)
    }
}

/// Elements of a loaded array.
impl Array<'_> {
    /// Returns the element at a position.
    pub fn at(&self, place: &[u64]) -> ElementValue<'_> {
        let reach = |first: i64, steps: &[i64]| {
            let steps = place
                .iter()
                .zip(steps)
                .map(|(at, step)| i128::from(*at) * i128::from(*step));
            usize::try_from(i128::from(first) + steps.sum::<i128>()).ok()
        };
        match &self.elements {
            Elements::Bytes(bytes, offset, strides) => {
                let start = reach(*offset as i64, strides);
                let range = start.map(|start| start..start.saturating_add(self.dtype.size));
                let element = range.and_then(|range| bytes.loaded().get(range));
                element.map_or(ElementValue::Unreadable, |bytes| self.dtype.cell(bytes))
            }
            Elements::Objects(items, first, steps) => {
                let view = reach(*first, steps).and_then(|nth| items.get(nth));
                view.map_or(ElementValue::Unreadable, object)
            }
            Elements::Texts(codes, texts, first, steps) => {
                let codes = codes.loaded().as_chunks::<CODE>().0;
                let code = reach(*first, steps).and_then(|nth| codes.get(nth));
                code.map_or(ElementValue::Unreadable, |code| {
                    let code = u64::try_from(i32::from_le_bytes(*code));
                    code.map_or(ElementValue::Missing("nan"), |code| texts.cell(code))
                })
            }
            Elements::None => self.dtype.cell(&[]),
        }
    }

    /// Returns the `nth` element in C order.
    pub fn nth(&self, nth: u64) -> ElementValue<'_> {
        self.at(&self.place(nth, false))
    }
}

/// Returns the strides of a contiguous array.
pub(crate) fn dense_strides(shape: &[u64], size: usize, is_fortran: bool) -> Vec<i64> {
    let mut strides = vec![0; shape.len()];
    let mut step = size as i64;
    let mut take = |dimension: usize| {
        strides[dimension] = step;
        step = step.saturating_mul(shape[dimension].max(1) as i64);
    };
    if is_fortran {
        (0..shape.len()).for_each(&mut take);
    } else {
        (0..shape.len()).rev().for_each(&mut take);
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_without_gaps_go_backwards_or_forwards() {
        assert_eq!(dense_strides(&[2, 3, 4], 8, false), [96, 32, 8]);
        assert_eq!(dense_strides(&[2, 3, 4], 8, true), [8, 16, 48]);
        assert_eq!(dense_strides(&[], 8, false), Vec::<i64>::new());
    }
}
