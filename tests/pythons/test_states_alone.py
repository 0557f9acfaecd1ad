"""A state that Python 3.11 left goes alone, in a file, to another store and another Python: what defines its functions goes with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from harness import Kernel

from pythons import definitions
from pythons.asking import NOTEBOOK, answers, outcomes, said, unlike
from pythons.test_other_python import OLD, WITHOUT_SOURCE

NEW = sys.executable
SECRET = "sk-proj-" + "Ab3" * 16
#: A cell that defines nothing, and one of which the text is not kept whole.
OTHERS = ["note = 'only ' + 'said'", f"def keyed(x):\n    return x + 1\ntoken = {SECRET!r}"]
#: Where and on what a session runs.
OF_MACHINE = ("cwd", "sys.path")
DEFINED = {"price", "one", "three", "Animal", "Dog", "Key", "Local", "bump", "timed", "half"}


@pytest.fixture
def opens(kernels: Callable[..., Kernel], tmp_path: Path) -> Callable[[str, str], Kernel]:
    """Opens a notebook over one of the stores of a person who has one key."""

    def opened(store: str, python: str) -> Kernel:
        env = {"CLEW_HOME": str(tmp_path / store)}
        return kernels(python=python, notebook=NOTEBOOK.replace("flights", store), env=env)

    return opened


def takes_in(kernel: Kernel, bundle: Path) -> dict[str, tuple[str, str]]:
    """Imports a state and goes on there: what became of each root that goes to other machines."""
    history = said(kernel, f"import {bundle} --json")["id"]
    kernel.clew(f"history {history}").raised()
    told = outcomes(kernel, "resume --json")
    return {root: became for root, became in told.items() if root not in OF_MACHINE}


def recorded(opens: Callable[[str, str], Kernel], cells: Sequence[str] = definitions.CELLS) -> Kernel:
    kernel = opens("old", OLD)
    for cell in cells:
        kernel.run(cell).raised()
    return kernel


def test_p03_functions_of_a_state_alone_go_to_another_python(
    opens: Callable[[str, str], Kernel], tmp_path: Path
) -> None:
    state, again = tmp_path / "state.clew", tmp_path / "again.clew"
    kernel = recorded(opens)
    told = kernel.clew(f"export {state}").raised().text
    assert "the cells of runs" in told and "which define functions and classes" in told
    kernel.close()

    kernel = opens("new", NEW)
    outcome = takes_in(kernel, state)
    assert unlike(outcome) == {WITHOUT_SOURCE}
    assert "Python 3.11 compiled its code" in outcome[WITHOUT_SOURCE][1]
    # Nobody takes away there what defines them, and it goes on to others.
    kernel.clew("gc --grace 0 --yes").raised()
    assert said(kernel, "verify --json")["findings"] == []
    told = kernel.clew(f"export {again}").raised().text
    assert "which define functions and classes" in told
    # Last, since some answers change what is asked.
    assert answers(kernel, definitions.ANSWERS, but=WITHOUT_SOURCE) == {}
    kernel.close()
    kernel = opens("third", NEW)
    assert unlike(takes_in(kernel, again)) == set()
    kernel.close()
    # Back under 3.11 they are what they were there.
    kernel = opens("fourth", OLD)
    assert unlike(takes_in(kernel, again)) == set()
    assert answers(kernel, definitions.ANSWERS, but=WITHOUT_SOURCE) == {}


def test_p12_only_cells_that_define_what_is_sent_go_and_none_that_holds_a_credential(
    opens: Callable[[str, str], Kernel], tmp_path: Path
) -> None:
    kernel = recorded(opens, [*definitions.CELLS, *OTHERS])
    runs = {run["run"]: run for run in said(kernel, "log --json -n 100")["runs"]}
    source = {label: run["source"] or "" for label, run in runs.items()}

    def cells(words: str) -> list[str]:
        file = tmp_path / "some.clew"
        return [source[run] for run in said(kernel, f"export {file} --force --json {words}")["cells"]]

    assert [cell.partition("\n")[0] for cell in cells("--names squares")] == ["def squares(upto):"]
    assert cells("--names note,rate,words") == []
    whole = cells("")
    assert not any(SECRET in cell or "keyed" in cell or "only" in cell for cell in whole), json.dumps(whole)
    # Where the name of a function's file tells nothing, the cell that was not kept whole may be the one: none is taken for it.
    assert not any("timed" in cell for cell in whole)
    assert cells("--without-cells") == []
    kernel.close()
    # Without them they stay with their Python, and say so.
    kernel = opens("new", NEW)
    outcome = takes_in(kernel, tmp_path / "some.clew")
    assert unlike(outcome) >= DEFINED
    assert all("sent without its cell" in outcome[name][1] for name in DEFINED & set(outcome))
    assert {outcome[name][0] for name in ("note", "rate", "words", "table")} == {"restored"}
