//! Plans within a budget of bytes. Finding the best one is a knapsack problem; this is a heuristic (a Lagrangian relaxation).
//! Every byte gets a price in time, the cut is the optimal plan at that price, and the lowest price is searched at which the plan
//! fits into the budget. Plans that are not optimal at any price are not found.

use super::Cost;
use super::problem::{CutProblem, Price, Solution};
use super::search::search;

/// The number of bisection steps within the last doubling of the price.
const STEPS: u32 = 10;

/// The highest exponent of a price. Prices are in microseconds for 4 GiB.
const HIGHEST: u32 = 62;

/// Returns the best solution found that sends at most `budget` bytes; otherwise the fewest bytes found.
pub(super) fn within(problem: &CutProblem, budget: u64) -> Result<Solution, u64> {
    let at = |prices: &CutProblem| problem.way(&search(prices).way.is_replayed);
    let bytes_only = problem.repriced(|price| price.bytes.min(Cost::LONGEST.microseconds()), |_| 0);
    let least = at(&bytes_only);
    let fewest = least.as_ref().map_or(u64::MAX, |way| way.price.bytes);
    let mut best = least.filter(|way| way.price.bytes <= budget).ok_or(fewest)?;
    let mut fits = |rate: u64| {
        let found = at(&problem.repriced(|price| priced(price, rate), |cost| cost));
        let found = found.filter(|way| way.price.bytes <= budget);
        let is_found = found.is_some();
        if let Some(way) = found.filter(|way| way.price.cost < best.price.cost) {
            best = way;
        }
        is_found
    };
    let (mut low, mut high) = (0, HIGHEST);
    while low < high {
        let middle = u32::midpoint(low, high);
        if fits(1 << middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let (mut low, mut high) = (1_u64 << high >> 1, 1_u64 << high);
    for _ in 0..STEPS {
        let middle = u64::midpoint(low, high);
        if fits(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(best)
}

/// Returns a cost that includes the price of its bytes.
fn priced(price: Price, rate: u64) -> u64 {
    let bytes = (u128::from(price.bytes) * u128::from(rate)) >> 32;
    let cost = bytes.saturating_add(u128::from(price.cost));
    u64::try_from(cost)
        .unwrap_or(u64::MAX)
        .min(Cost::LONGEST.microseconds())
}
