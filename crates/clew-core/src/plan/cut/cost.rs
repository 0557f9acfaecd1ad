//! What a way costs: time, in whole microseconds.

use serde::{Deserialize, Serialize};

/// An expected time.
///
/// Whole microseconds, and not seconds as floating-point numbers: sums come out the same in any order, so that an arc of a
/// network is saturated or is not, two plans cost the same or do not, and the reference of the tests has to agree to the digit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cost(u64);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// About 101 days, and what anything longer counts as. A million times as much still fits into 64 bits.
    pub const LONGEST: Self = Self(1 << 43);

    /// A time in microseconds.
    pub fn of_microseconds(microseconds: u64) -> Self {
        Self(microseconds.min(Self::LONGEST.0))
    }

    /// A time in nanoseconds, as runs note how long they took; rounded up, so that nothing that took time is free.
    pub fn of_nanoseconds(nanoseconds: u64) -> Self {
        Self::of_microseconds(nanoseconds.div_ceil(1_000))
    }

    /// A time in seconds, as it comes out of bytes and a rate; rounded up. What is not a number is the longest time: a rate of zero.
    pub fn of_seconds(seconds: f64) -> Self {
        if seconds.is_nan() {
            return Self::LONGEST;
        }
        // The conversion saturates at both ends.
        Self::of_microseconds((seconds * 1e6).ceil() as u64)
    }

    /// A sum of costs in microseconds, which may be longer than the longest.
    pub(super) fn of_sum(microseconds: u64) -> Self {
        Self(microseconds)
    }

    /// In microseconds.
    pub fn microseconds(self) -> u64 {
        self.0
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// A sum of costs, which may be longer than [`Cost::LONGEST`].
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::ZERO, Self::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_never_wrap() {
        assert_eq!(Cost::of_nanoseconds(1).microseconds(), 1);
        assert_eq!(Cost::of_nanoseconds(2_000).microseconds(), 2);
        assert_eq!(Cost::of_seconds(0.000_000_5).microseconds(), 1);
        assert_eq!(Cost::of_seconds(-1.0), Cost::ZERO);
        assert_eq!(Cost::of_seconds(f64::INFINITY), Cost::LONGEST);
        assert_eq!(Cost::of_seconds(f64::NAN), Cost::LONGEST);
        assert_eq!(Cost::of_nanoseconds(u64::MAX), Cost::LONGEST);
        let most: Cost = std::iter::repeat_n(Cost::LONGEST, 1 << 22).sum();
        assert_eq!(most.microseconds(), u64::MAX);
    }
}
