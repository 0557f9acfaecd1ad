"""The three stories of the guide, played whole: every cell of the notebook, those that talk to Clew too."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from harness import Reply

from journeys.person import Person

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def play(person: Person, name: str) -> dict[str, Reply]:
    """Runs all cells of an example, from the top; gives what each brought, by its id."""
    cells = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4).cells
    assert len(cells) <= 15, "a story, not a book"
    notebook = person.opens(f"{name}.ipynb", load=False)
    found = {cell.id: notebook.kernel.run(cell.source).raised() for cell in cells if cell.cell_type == "code"}
    assert {key: reply.stderr for key, reply in found.items() if reply.stderr} == {}
    return found


def test_the_demo_tells_its_story(tmp_path: Path) -> None:
    """`make demo` without its build: it checks each of its claims itself, and ends with an error if one does not hold."""
    demo = [sys.executable, str(EXAMPLES / "demo" / "run.py"), str(tmp_path / "playground")]
    told = subprocess.run(demo, capture_output=True, text=True, timeout=300, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    # ipykernel 7.4 says so of each kernel that is started this way.
    said = [
        line
        for line in told.stderr.splitlines()
        if "Kernel is running over TCP without encryption" not in line
    ]
    assert "Your turn" in told.stdout and not said


def test_three_slips_cost_no_restart(ada: Person) -> None:
    found = play(ada, "cleaning_mistakes")
    assert found["doubt"].result == "(28135, 826, ['tailnum', 'year'])"
    assert "trips = flights.merge(planes)" in found["back"].text
    assert (
        "Undid runs 4 and 3 in " in found["back"].text
        and "5 unchanged, 2 removed (seats, trips)" in found["back"].text
    )
    assert found["join"].result == "28135"
    assert (
        "Restored trips from 6 in " in found["restore"].text and "1 restored (trips)" in found["restore"].text
    )
    looked = found["look"].text
    assert "~trips" in looked and "built: float64 → int64; 4,421 of 27,020 values differ" in looked
    assert "Undid run 9 in " in looked
    assert ast.literal_eval(found["age"].result or "") == {
        "trips": 27020,
        "mean age": 11.3,
        "youngest": "Alaska Airlines Inc.",
    }


def test_each_model_waits_on_its_branch(ada: Person) -> None:
    found = play(ada, "model_selection")
    scores = [
        float((found[name].result or "").strip("()").split(",")[0])
        for name in ("linear", "forest", "neighbours")
    ]
    assert scores[0] == max(scores), "the story says that the plain model wins"
    assert all(f"[{name}]" in found["lines"].text for name in ("linear", "forest", "neighbours"))
    assert "~model" in found["lines"].text and "+weights" in found["lines"].text
    assert (
        "(branch linear)" in found["choose"].text and "restored (model, score, train)" in found["choose"].text
    )
    end = ast.literal_eval(found["final"].result or "")
    assert (end["model"], end["in training"]) == ("Pipeline", scores[0])
    branches = {name for run in ada.clew.ask("log", "--all")["runs"] for name in run["names"]}
    assert branches == {"split", "linear", "forest", "neighbours"}


def test_going_back_rewinds_the_dice(ada: Person) -> None:
    found = play(ada, "busy_runways")
    assert found["rerun"].result == found["both"].result, "the very same draws"
    assert "rng" in found["rewind"].text
    compared = found["compare"].text
    assert "From run " in compared and not re.search(r"^\s+[~+-]", compared, re.MULTILINE), compared
    luck = [(found[name].result or "").rsplit(", ")[-1] for name in ("both", "one")]
    assert luck[0] == luck[1], "one runway less, under the same luck"
    assert "[closed]" in found["lines"].text and "~runways" in found["lines"].text
    end = ast.literal_eval(found["end"].result or "")
    assert (end["runways"], end["planes"]) == (2, 343)
    assert f"np.float64({end['mean wait']})" in (found["both"].result or "")
    assert json.dumps(end["next throw"]) not in (found["both"].result or ""), "the throw after it"
