"""The notebooks of `examples/moving`, carried in their middle from one kernel to another by every way there is; no cell has a mark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.carrying import ORACLE, WAYS, digest, halves
from journeys.person import Person, told

#: What ways each goes. A planned one is so slow that all is replayed that may be.
GOES = {
    "tallies": ("state", "plan"),
    "irises": ("history", "plan"),
    "game_logs": ("clone", "plan"),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("name", GOES)
def test_p03_p05_a_notebook_goes_on_elsewhere_as_if_it_had_stayed(
    name: str, people: Callable[..., Person], tmp_path: Path
) -> None:
    before, behind = halves(name)
    here = people("here")
    stays = here.opens("work.ipynb", paths=[ORACLE])
    stays.run(*before)
    there_is = digest(stays)
    moved = {}
    for way in GOES[name]:
        there = people(way)
        there.folder = tmp_path / f"at-{way}"
        history = WAYS[way](stays, here, there, tmp_path / f"by-{way}")
        moved[way] = there.opens("work.ipynb", paths=[ORACLE])
        told(moved[way], f"history {history}")
        words = moved[way].move("resume").names
        assert set(words.values()) <= {"restored", "unchanged", "rerun"}, words
        assert ("rerun" in words.values()) == (way == "plan"), words
        assert digest(moved[way]) == there_is, way
        assert files(there.folder) == set(), "no cell wrote one again"
    shown = [stays.run(cell).text for cell in behind]
    there_is = digest(stays)
    for way, notebook in moved.items():
        assert [notebook.run(cell).text for cell in behind] == shown, way
        assert digest(notebook) == there_is, way


def files(folder: Path) -> set[str]:
    """What a person sees in a folder."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}
