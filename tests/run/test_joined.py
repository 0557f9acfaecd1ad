"""Values that share a list of a library's, which a look at some names of a large session misses: a later one finds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk, code_cells, outcomes

LARGE = "large = [(number, str(number)) for number in range(100_000)]"
#: How two cells leave values that hold the same list of a module's, and how to ask a later cell whether they do.
WAYS = {
    "variables": ("a = [calendar.mdays, {}]", "b = {{'days': calendar.mdays}}", "a[0] is b['days']"),
    "outputs": ("[calendar.mdays, {}]", "{{'days': calendar.mdays}}", "_3[0] is _4['days']"),
    "one and an output": ("a = [calendar.mdays, {}]", "{{'days': calendar.mdays}}", "a[0] is _4['days']"),
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk where nobody ran the same cells before."""
    desk = Desk(tmp_path)
    yield desk
    desk.end()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """One of the ways."""
    return WAYS[request.param]


def run(desk: Desk, way: tuple[str, ...], number: int, *more: str) -> list[str]:
    """Runs a notebook of the two cells and more; what became of each cell."""
    first, second, _ = way
    desk.notebook("joined", "import calendar", LARGE, first.format(number), second.format(), "k = 1", *more)
    typed = desk.run("joined.ipynb", "joined-out.ipynb")
    assert typed.exit == 0, typed
    return outcomes(desk.read("joined-out.ipynb"))


@pytest.mark.few(1)
def test_p03_who_is_found_to_share_objects_later_is_restored_with_them(
    desk: Desk, way: tuple[str, ...]
) -> None:
    run(desk, way, 1)
    log = desk.clew("log", "--all", "--history", "joined.ipynb").out
    # Else the two were seen together at once, and nothing is tested here.
    assert "outside" in log
    assert "changed outside any cell" not in log
    assert run(desk, way, 1, way[-1]) == [*["restored"] * 5, "executed"]
    cells = code_cells(desk.read("joined-out.ipynb"))
    assert "".join(cells[5]["outputs"][0]["data"]["text/plain"]) == "True"
    log = desk.clew("log", "--all", "--history", "joined.ipynb").out
    assert "changed outside any cell" not in log
    assert run(desk, way, 1, way[-1], "k + 1")[:6] == ["restored"] * 6


@pytest.mark.few(1)
def test_p03_where_one_of_them_is_another_since_the_other_is_made_anew(
    desk: Desk, way: tuple[str, ...]
) -> None:
    run(desk, way, 1)
    assert run(desk, way, 2, way[-1])[2:] == ["executed", "executed", "restored", "executed"]
    cells = code_cells(desk.read("joined-out.ipynb"))
    assert "".join(cells[5]["outputs"][0]["data"]["text/plain"]) == "True"
    why = " ".join(cells[3]["metadata"]["clew"]["why"])
    assert "went on" not in why, why
