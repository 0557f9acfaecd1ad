//! The cost of a plan: time, in whole microseconds.

use serde::{Deserialize, Serialize};

/// An expected time.
///
/// It has whole microseconds instead of floating-point seconds, so that sums do not depend on their order. An arc of a network is
/// then clearly saturated or not, two plans clearly cost the same or not, and the reference of the tests must agree exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cost(u64);

impl Cost {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// About 101 days, the maximum for longer times. A million times as much still fits into 64 bits.
    pub const LONGEST: Self = Self(1 << 43);

    /// Creates a time from microseconds.
    pub fn of_microseconds(microseconds: u64) -> Self {
        Self(microseconds.min(Self::LONGEST.0))
    }

    /// Creates a time from nanoseconds, the unit of recorded times. Rounds up, so that nothing that took time is free.
    pub fn of_nanoseconds(nanoseconds: u64) -> Self {
        Self::of_microseconds(nanoseconds.div_ceil(1_000))
    }

    /// Creates a time from seconds, computed from bytes and a rate. Rounds up. NaN, from a rate of zero, becomes the longest time.
    pub fn of_seconds(seconds: f64) -> Self {
        if seconds.is_nan() {
            return Self::LONGEST;
        }
        // The conversion saturates at both ends.
        Self::of_microseconds((seconds * 1e6).ceil() as u64)
    }

    /// Creates a sum of costs from microseconds, which may be longer than the longest time.
    pub(super) fn of_sum(microseconds: u64) -> Self {
        Self(microseconds)
    }

    /// Returns the time in microseconds.
    pub fn microseconds(self) -> u64 {
        self.0
    }

    /// Returns the time in seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Returns the sum of two costs, which may be longer than [`Cost::LONGEST`].
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
