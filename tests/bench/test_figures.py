"""Percentiles, differences and ratios."""

from __future__ import annotations

import pytest

from bench.figures import Spread, added, percentile, spread, times_less, windows


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([3.0, 1.0, 2.0], 0.5, 2.0), ([5.0], 0.95, 5.0), (list(range(100)), 0.95, 95), ([1.0, 9.0], 1.0, 9.0)],
)
def test_a_percentile_is_one_of_the_values(values, share, found):
    assert percentile(values, share) == found


def test_a_spread_tells_the_middle_the_slow_end_and_the_sum():
    assert spread([1.0, 2.0, 30.0]) == Spread(2.0, 30.0, 33.0)


def test_what_a_peer_adds_is_told_cell_by_cell_and_may_be_below_zero():
    assert added([1.0, 5.0], [3.0, 4.0]) == [2.0, -1.0]


def test_a_peer_that_stopped_early_is_compared_on_the_cells_it_ended():
    assert added([1.0, 1.0, 1.0], [2.0]) == [1.0]


def test_no_ratio_is_made_with_less_than_can_be_measured():
    assert times_less(0.0, 10.0, least=0.1) == 100.0
    assert times_less(-5.0, 0.0, least=0.1) == 1.0


def test_windows_leave_out_what_does_not_fill_one():
    assert [one.sum for one in windows([1.0, 1.0, 2.0, 2.0, 9.0], 2)] == [2.0, 4.0]
