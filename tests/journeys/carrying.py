"""The ways by which a session gets to another home of the same person, and the notebooks that go them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import nbformat
from cases.story import Notebook
from harness import REPOSITORY

from journeys.person import Person, told

MOVING = REPOSITORY / "examples/moving"
HERE = "elsewhere"
"""The text of a notebook up to which it runs on one machine, and from which on another. No cell knows of it."""
ORACLE = REPOSITORY / "tests/oracle"


def halves(name: str) -> tuple[list[str], list[str]]:
    """The cells of a notebook, before the move and behind it."""
    cells = nbformat.read(MOVING / f"{name}.ipynb", as_version=4).cells
    at = next(number for number, cell in enumerate(cells) if cell.id == HERE)
    before, behind = ([c.source for c in part if c.cell_type == "code"] for part in (cells[:at], cells[at:]))
    return before, behind


def digest(notebook: Notebook, but: Collection[str] = ()) -> dict[str, str]:
    """What the oracle, which knows nothing of Clew, tells of every name: values, aliases, shared memory, random states."""
    names = f"{{name: value for name, value in globals().items() if name not in {tuple(but)!r}}}"
    found: dict[str, str] = notebook.kernel.value(
        f"__import__('oracle_digest').digest({names if but else 'globals()'})"
    )
    return found


def shares_key(here: Person, there: Person) -> None:
    """The other machine is the same person's: it has their key."""
    shutil.copytree(here.home / ".config/clew", there.home / ".config/clew")


def by_state(notebook: Notebook, here: Person, there: Person, place: Path) -> str:
    """In a file that holds the state alone, without a cell."""
    told(notebook, f"export {place}")
    return imported(here, there, place)


def by_history(notebook: Notebook, here: Person, there: Person, place: Path) -> str:
    """In a file that holds every run."""
    told(notebook, f"export {place} --all")
    return imported(here, there, place)


def imported(here: Person, there: Person, bundle: Path) -> str:
    shares_key(here, there)
    return str(there.ask("import", str(bundle))["id"])


def by_clone(notebook: Notebook, here: Person, there: Person, place: Path) -> str:
    """Over a folder that both reach; everything is sent."""
    told(notebook, f"remote add {place.name} {place}")
    assert "Pushed" in told(notebook, f"push {place.name}")
    return cloned(here, there, place)


def by_plan(notebook: Notebook, here: Person, there: Person, place: Path) -> str:
    """The same over a way so slow that all is replayed there that may be."""
    told(notebook, f"remote add {place.name} {place}")
    assert "Moved" in told(notebook, f"push {place.name} --plan --rate 10")
    return cloned(here, there, place)


def cloned(here: Person, there: Person, place: Path) -> str:
    shares_key(here, there)
    there.clew("clone", str(place), str(there.folder)).well()
    there.store = there.folder / ".clew"
    history: str = there.ask("list", "--store", str(there.store))["histories"][0]["id"]
    return history


Way = Callable[[Notebook, Person, Person, Path], str]
"""Brings the history there; gives its id."""
WAYS: dict[str, Way] = {"state": by_state, "history": by_history, "clone": by_clone, "plan": by_plan}
