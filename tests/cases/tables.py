"""The tests over a file's table of cases: a file has them that imports them and has `CASES`."""

from __future__ import annotations

from cases.desk import Desk
from cases.story import Case


def test_back_and_forth(desk: Desk, case: Case) -> None:
    desk.play(case)


def test_found_again(desk: Desk, case: Case) -> None:
    desk.find_again(case)
