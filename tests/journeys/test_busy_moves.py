"""A session is sent while its kernel works: from a terminal while a cell runs, and behind cells whose values are still being written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cases.story import Notebook

from journeys.carrying import cloned, imported, shares_key
from journeys.person import Person, told

BEGIN = "import numpy as np\nn = 0\nbig = np.zeros(400_000)\nseen = [n]"
STEP = "n += 1\nbig[n::7] = n\nseen.append(n)"
IS_WHOLE = "assert seen == list(range(n + 1)) and all(big[step] == step for step in seen[1:]), (n, seen)"


@pytest.fixture
def here(people: Callable[..., Person]) -> Person:
    return people("here")


def there_is(there: Person, history: str) -> Notebook:
    """A notebook there, in that history, resumed."""
    new = there.opens("work.ipynb")
    told(new, f"history {history}")
    words = new.move("resume").names
    assert set(words.values()) <= {"restored", "unchanged", "rerun"}, words
    return new


WORDS = {
    "push": ["push", "lab"],
    "plan": ["push", "lab", "--plan", "--rate", "1MB"],
    "move": ["move", "lab", "--rate", "1GB"],
    "export": ["export", "state.clew"],
    "export all": ["export", "all.clew", "--all"],
}


@pytest.mark.few(2)
@pytest.mark.parametrize("how", WORDS)
def test_p03_what_a_terminal_sends_while_a_cell_runs_is_the_state_before_it(
    how: str, here: Person, people: Callable[..., Person], tmp_path: Path
) -> None:
    notebook = here.opens("work.ipynb")
    notebook.run(BEGIN, STEP, STEP)
    told(notebook, f"remote add lab {tmp_path / 'lab'}")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    kernel = notebook.kernel
    sent = kernel.send(f"{STEP}\nprint('begun', flush=True)\nopen({str(gate)!r}).close()\n{STEP}")
    kernel.until_printed(sent, "begun")
    words = [str(tmp_path / word) if word.endswith(".clew") else word for word in WORDS[how]]
    typed = kernel.terminal(*words, "--history", "work.ipynb")
    assert (typed.exit, "Traceback" in typed.err) == (0, False), typed
    gate.open("w").close()
    kernel.collect([sent])[0].raised()
    assert kernel.value("n") == 4, "the cell knew nothing of it"
    there = people("there")
    there.folder = tmp_path / "there"
    bundle = tmp_path / WORDS[how][1]
    history = (
        imported(here, there, bundle)
        if bundle.exists() and bundle.is_file()
        else cloned(here, there, tmp_path / "lab")
    )
    new = there_is(there, history)
    new.run(IS_WHOLE, "assert n == 2, n")


def test_p03_a_push_queued_behind_cells_sends_the_last_of_them(
    here: Person, people: Callable[..., Person], tmp_path: Path
) -> None:
    notebook = here.opens("work.ipynb")
    told(notebook, f"remote add lab {tmp_path / 'lab'}")
    bundle = tmp_path / "all.clew"
    replies = notebook.kernel.queue([BEGIN, *[STEP] * 8, "%clew push lab", f"%clew export {bundle} --all"])
    assert "Pushed" in replies[-2].text and "10 runs" in replies[-1].text, [reply.text for reply in replies]
    for name in ("by-push", "by-file"):
        there = people(name)
        there.folder = tmp_path / name
        history = (
            cloned(here, there, tmp_path / "lab") if name == "by-push" else imported(here, there, bundle)
        )
        there_is(there, history).run(IS_WHOLE, "assert n == 8, n")


def test_p03_whatever_moment_a_terminal_meets_it_sends_whole_states(
    here: Person, people: Callable[..., Person], tmp_path: Path
) -> None:
    notebook = here.opens("work.ipynb")
    kernel = notebook.kernel
    notebook.run(BEGIN)
    sent = [kernel.send(STEP) for _ in range(30)]
    bundles: list[Path] = []
    while not sent[-1].is_complete or not bundles:
        bundles.append(tmp_path / f"{len(bundles)}.clew")
        typed = kernel.terminal("export", str(bundles[-1]), "--all", "--history", "work.ipynb")
        assert typed.exit == 0, typed
        kernel.take()
    kernel.collect(sent)
    there = people("there")
    there.folder = tmp_path / "there"
    shares_key(here, there)
    pages = [there.ask("import", str(bundle)) for bundle in bundles]
    assert [page["exit"] for page in pages] == [0] * len(pages), pages
    assert "is intact" in there.clew("verify", "--read-data").well()
    new = there_is(there, str(pages[0]["id"]))
    # Of the first there is only the start: the first cell was still being recorded.
    for run in sorted({page["runs"] for page in pages} - {1}):
        new.move(f"switch {run}")
        new.kernel.run(IS_WHOLE, silent=True).raised()
