"""What `log` lists as changed is what changed: not what was shown, read, or is held by something new."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from harness import wait_for

from cases.story import Notebook


def changes(notebook: Notebook) -> dict[str, set[str]]:
    """What the last run did to variables, by the sort of change; sorts without any are left out."""
    shown = notebook.ask("show @")
    named = {
        sort: {
            root["key"] if root["kind"] == "name" else f"{root['kind']}:{root['key']}" for root in shown[sort]
        }
        for sort in ("added", "changed", "shared", "removed")
    }
    # Outputs come and go with every cell that shows something.
    return {
        sort: found
        for sort, roots in named.items()
        if (found := {r for r in roots if not r.startswith("out:")})
    }


STORIES = {
    "showing a frame": (
        ["import pandas as pd; df = pd.DataFrame({'a': [1, 2, 3], 'b': ['x', 'y', 'z']})"],
        "df",
        {},
    ),
    "showing two variables at once": (["a = [1]; b = {'k': 2}"], "a, b", {}),
    "fitting a model that keeps its training data": (
        [
            "import numpy as np; X = np.arange(20.0).reshape(10, 2); y = np.array([0, 1] * 5)",
            "from sklearn.neighbors import KNeighborsClassifier; knn = KNeighborsClassifier(2)",
        ],
        "fitted = knn.fit(X, y)",
        {"added": {"fitted"}, "changed": {"knn"}, "shared": {"X"}},
    ),
    "a list that holds others": (
        ["a = [1]; b = [2]"],
        "both = [a, b]",
        {"added": {"both"}, "shared": {"a", "b"}},
    ),
    "one of two that a list holds": (
        ["a = [1]; b = [2]; both = [a, b]"],
        "a.append(3)",
        {"changed": {"a", "both"}},
    ),
    "a second list beside the first": (
        ["a = [1]; b = [2]; both = [a, b]"],
        "more = [a]",
        {"added": {"more"}},
    ),
    "letting go of what held others": (
        ["a = [1]; b = [2]; both = [a, b]"],
        "del both",
        {"removed": {"both"}},
    ),
    "views of an array": (
        ["import numpy as np; grid = np.arange(200_000); head = grid[:70_001]; tail = grid[70_001:]"],
        "head[5] = -1",
        # A view has its base, and that is another now.
        {"changed": {"grid", "head", "tail"}},
    ),
    "a column of a frame": (
        ["import pandas as pd; df = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})", "df"],
        "df['c'] = df['a'] * 2",
        {"changed": {"df"}},
    ),
    "an equal value of its own": (["a = [1, 2]; b = a"], "b = list(b)", {}),
    "the same value again": (["a = [1, 2]; b = a"], "a = [1, 2]", {}),
    "an object and what it refers to": (
        [
            "class Node: pass\nroot = Node(); leaf = Node(); root.next = leaf; leaf.back = root; leaf.value = 1; other = [leaf]"
        ],
        "other.append(2)",
        {"changed": {"other"}},
    ),
    "an environment variable of the cell's own": (
        [],
        "import os; os.environ['CLEW_TEST_COLUMN'] = '1'",
        {"added": {"os", "environment:CLEW_TEST_COLUMN"}},
    ),
}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.replace(" ", "-"))
def test_the_change_column_lists_what_changed(notebook: Notebook, story: str) -> None:
    before, cell, expected = STORIES[story]
    if before:
        notebook.run(*before)
    notebook.run(cell)
    found = changes(notebook)
    for sort in ("added", "changed", "removed"):
        # State that no user names, as random generators that a library brings.
        quiet = {
            root
            for root in found.get(sort, set())
            if root.split(":")[0] in {"random", "option", "setting", "path"}
        }
        found[sort] = found.get(sort, set()) - quiet
    assert {sort: roots for sort, roots in found.items() if roots} == expected


def test_what_a_library_sets_when_it_is_imported_is_no_change_of_the_cell(
    notebook: Notebook, tmp_path: Path
) -> None:
    (tmp_path / "sets_some.py").write_text(
        "import os\nos.environ['CLEW_TEST_SET'] = os.environ['CLEW_TEST_ALSO'] = 'by it'\n"
    )
    notebook.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    notebook.run("import sets_some")
    assert notebook.read("__import__('os').environ['CLEW_TEST_SET']") == ["'by it'"]
    assert changes(notebook) == {"added": {"sets_some"}}
    # What the cell itself sets is its own, whoever set it before.
    notebook.run("import json, os; os.environ['CLEW_TEST_SET'] = 'own'")
    assert "environment:CLEW_TEST_SET" in changes(notebook)["changed"]


def test_the_log_marks_what_shares_and_what_changed(notebook: Notebook) -> None:
    notebook.run("a = [1]; b = [2]")
    notebook.run("both = [a, b]")
    assert "+both &a &b" in notebook.say("log -n 1")
    notebook.run("a.append(2)")
    line = notebook.say("log -n 1").splitlines()[0]
    assert "~a ~both" in line and "b " not in line.split("~a")[1].replace("both", ""), line


def test_a_state_that_a_move_led_to_is_compared_like_any(notebook: Notebook) -> None:
    notebook.run("a = [1]; b = [2]; both = [a, b]")
    notebook.run("a.append(3)")
    notebook.move("undo")
    notebook.run("b.append(4)")
    assert changes(notebook) == {"changed": {"b", "both"}}


def test_what_an_import_sets_in_the_environment_is_not_told_by_moves(
    notebook: Notebook, tmp_path: Path
) -> None:
    (tmp_path / "noisy.py").write_text("import os\nos.environ['KMP_NOISE'] = 'set by a library'\n")
    notebook.run(
        f"import sys, os; sys.path.append({str(tmp_path)!r})",
        "x = 1",
        "import noisy",
        "os.environ['MINE'] = 'yes'",
    )
    notebook.kernel.clew("undo 3").raised()
    there = notebook.kernel.clew("redo 3").raised().text
    assert "MINE" in there and "KMP_NOISE" not in there, there
    assert notebook.read("os.environ['KMP_NOISE']") == ["'set by a library'"]


def test_excluding_a_name_changes_no_value(notebook: Notebook) -> None:
    notebook.run("hidden = [1, 2]; y = 5")
    notebook.say("exclude hidden")
    notebook.run("z = 7")
    assert changes(notebook) == {"added": {"z"}}
    notebook.run("hidden = [9]")
    assert changes(notebook) == {"changed": {"hidden"}}


def test_excluding_a_name_is_no_step_that_undo_takes_back(notebook: Notebook) -> None:
    notebook.run("secret = [1, 2]; y = 5", "y = 6")
    notebook.say("exclude secret")
    # The look at everything in a pause finds that it is no longer recorded.

    def is_noticed() -> bool:
        time.sleep(2)  # a kernel that is asked all the time has no pause
        return "outside" in notebook.say("log -n 1")

    wait_for(is_noticed, "nothing was looked at")
    log = notebook.say("log -n 1")
    assert "(no variable changed)" in log and "~secret" not in log, log
    said = notebook.say("undo")
    assert notebook.read("y", "secret") == ["5", "[1, 2]"], said
