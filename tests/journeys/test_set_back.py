"""Runs that were seen and are taken out of a store are missed, whatever is left and however sound it is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cases.story import Notebook

from journeys.person import Person, told

PATIENCE = 60.0
"""Seconds until something that happens soon has to have happened."""


def noted(person: Person) -> dict[str, int]:
    """By session the number of the last operation that was seen, as the person's own folder of settings has it."""
    lines = [
        line.split()
        for path in (person.home / ".config/clew/last-seen").glob("*.ends")
        for line in path.read_text().splitlines()
    ]
    return {words[1]: int(words[2]) for words in lines if len(words) == 4 and len(words[1]) == 32}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def is_noted(person: Person, notebook: Notebook) -> bool:
    """Whether all that the notebook's kernel recorded is noted: its last operation is the last that anybody did."""
    status = notebook.ask("status")
    last = max(noted(person).values(), default=-1)
    return bool(status["is_synced"]) and last + 1 >= status["runs"]


def loaded(person: Person) -> tuple[Notebook, str]:
    """A new kernel on the notebook, and what it says when Clew is loaded."""
    notebook = person.opens("analysis.ipynb", load=False)
    reply = notebook.kernel.run("%load_ext clew").raised()
    return notebook, f"{reply.text}\n{reply.stderr}"


def check(person: Person) -> dict[str, object]:
    """What `clew doctor` says of the ends of histories."""
    (found,) = (one for one in person.ask("doctor")["checks"] if one["what"] == "history ends")
    return dict(found)


@pytest.fixture
def shared(ada: Person, tmp_path: Path) -> Iterator[tuple[Person, Path]]:
    """Somebody's store, and an older copy of it that somebody else has."""
    notebook = ada.opens("analysis.ipynb")
    notebook.run("total = 1", "total += 1")
    until(lambda: is_noted(ada, notebook))
    older = tmp_path / "older"
    shutil.copytree(ada.store, older, ignore=shutil.ignore_patterns("live"))
    notebook.run("total += 40", "done = True")
    until(lambda: is_noted(ada, notebook))
    notebook.kill()
    yield ada, older


def put_back(person: Person, older: Path) -> None:
    shutil.rmtree(person.store)
    shutil.copytree(older, person.store)


def test_p11_an_older_copy_in_the_place_of_a_store_is_said_everywhere_until_it_is_accepted(
    shared: tuple[Person, Path],
) -> None:
    ada, older = shared
    assert check(ada)["is_fine"]
    put_back(ada, older)

    notebook, said = loaded(ada)
    assert "analysis.ipynb is not as you last saw it: Session" in said and "`%clew doctor`" in said, said
    report = told(notebook, "resume")
    assert "Resumed at 3" in report and "Some of the history that you saw is missing" in report, report
    assert notebook.read("total") == ["2"], "what is there comes back"
    verified = notebook.ask("verify")
    assert (verified["exit"], verified["findings"], len(verified["rolled_back"])) == (1, [], 1)

    verified = ada.ask("verify")
    assert (verified["exit"], verified["findings"], len(verified["rolled_back"])) == (1, [], 1)
    found = check(ada)
    assert not found["is_fine"] and "--accept-end" in str(found["hint"]), found
    notebook.kill()
    notebook, said = loaded(ada)
    assert "is not as you last saw it" in said, "it is not forgotten by being said"
    notebook.kill()

    assert ada.clew("doctor", "--accept-end").exit == 0
    assert check(ada)["is_fine"] and ada.ask("verify")["exit"] == 0
    notebook, said = loaded(ada)
    assert "last saw" not in said, said


def test_p11_a_log_that_is_taken_away_is_missed_and_so_is_a_history(shared: tuple[Person, Path]) -> None:
    ada, _ = shared
    ada.opens("other.ipynb").run("x = 1")
    assert check(ada)["is_fine"]
    (history,) = (one["id"] for one in ada.ask("list")["histories"] if one["history"] == "analysis.ipynb")
    folder = ada.store / "histories" / history
    for log in folder.glob("*.log"):
        log.unlink()
    notebook, said = loaded(ada)
    assert "is not as you last saw it: Session" in said and "is missing, and had" in said, said
    notebook.kill()
    shutil.rmtree(folder)
    notebook, said = loaded(ada)
    assert "Histories that you recorded" in said and "are missing" in said, said
    found = [one for one in ada.ask("doctor")["checks"] if one["what"] == "history ends"]
    assert [one["is_fine"] for one in found] == [False] and history[:8] in found[0]["found"], found


def test_p08_what_clew_does_itself_and_what_a_kill_does_is_never_called_a_setback(
    shared: tuple[Person, Path],
) -> None:
    ada, _ = shared
    notebook, said = loaded(ada)
    assert "last saw" not in said, said
    other = ada.opens("analysis.ipynb")
    other.run("large = 'x' * 1000")
    notebook.run("more = list(range(1000))")
    notebook.ask("forget more --yes")
    notebook.ask("gc --yes")
    other.kill()
    notebook.kill()
    (ada.store / "format").unlink()
    for numbers in ada.store.glob("histories/*/numbers"):
        numbers.unlink()
    ada.clew("doctor", "--rebuild")
    ada.clew("forget", "large", "--yes")
    ada.clew("gc")
    assert check(ada)["is_fine"]
    notebook, said = loaded(ada)
    assert "last saw" not in said and "gone" not in said, said
    assert ada.ask("verify")["exit"] == 0


def test_p11_a_store_made_anew_is_said_once_and_one_elsewhere_is_not_known(
    shared: tuple[Person, Path], tmp_path: Path
) -> None:
    ada, older = shared
    assert ada.ask("verify", "--store", str(older))["exit"] == 0, "a copy is another store"
    shutil.rmtree(ada.store)
    notebook, said = loaded(ada)
    assert "was recreated: it does not contain what you recorded there before (1 session)" in said, said
    notebook.run("x = 1")
    notebook.kill()
    notebook, said = loaded(ada)
    assert "was recreated" not in said and "last saw" not in said, said
    assert check(ada)["is_fine"]


def test_p07_a_note_that_can_not_be_read_or_written_is_a_warning_and_stops_nothing(
    shared: tuple[Person, Path],
) -> None:
    ada, _ = shared
    (path,) = (ada.home / ".config/clew/last-seen").glob("*.ends")
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    path.write_bytes(path.read_bytes()[:-9])
    notebook, said = loaded(ada)
    assert said.count("it is corrupted") == 1, said
    reply = notebook.kernel.run("print('still here')").raised()
    assert "still here" in reply.text + reply.stdout
    assert not check(ada)["is_fine"]
    notebook.kill()
    shutil.rmtree(path.parent)
    path.parent.write_text("no folder")
    notebook, said = loaded(ada)
    assert said.count("Clew would not notice") == 1, said
    notebook.run("x = 1", "x += 1")
    assert notebook.ask("status")["runs"] >= 2
    notebook.kill()
    path.parent.unlink()
    assert check(ada)["is_fine"]
