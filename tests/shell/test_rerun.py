"""`%clew run --stale`: the stale cells of a session run again, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Kernel


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(home=tmp_path)
    yield kernel
    kernel.end()


def asked(kernel: Kernel, words: str) -> dict[str, Any]:
    """What `%clew WORDS --json` says."""
    reply = kernel.clew(f"{words} --json")
    return dict(json.loads(reply.stdout or reply.stderr))


def cells(kernel: Kernel) -> list[str]:
    """Cells of the runs on record, in their order, without the start."""
    runs = asked(kernel, "log --all -n 0")["runs"]
    return [run["cell"] for run in reversed(runs) if run["kind"] == "cell"]


def test_p03_stale_cells_run_again_in_their_order_and_only_these(kernel: Kernel) -> None:
    sources = {
        "base": "base = 10",
        "sign": "sign = base > 0",
        "twice": "twice = base * 2\nprint('twice', twice)",
        "word": "word = 'plus' if sign else 'minus'",
        "last": "last = [twice, word]",
        "apart": "apart = 5",
    }
    for cell, source in sources.items():
        assert kernel.run(source, cell_id=cell).ok
    assert kernel.clew("run --stale").text.strip() == "No cell is stale."
    kernel.run("base = 20", cell_id="base")
    status = asked(kernel, "status")
    planned = asked(kernel, "run --stale --plan")["cells"]
    assert [entry["cell"] for entry in planned] == ["sign", "twice", "word", "last"]
    assert status["stale"] == [entry["run"] for entry in planned]
    assert "Stale: run " in kernel.clew("status").text
    count = kernel.value("get_ipython().execution_count")
    told = kernel.clew("run --stale")
    assert kernel.value("get_ipython().execution_count") == count + 4
    # `sign` comes out the same, so `word` need not run.
    assert "3 stale cells rerun." in told.text and "twice 40" in told.text, told
    assert kernel.value("last") == [40, "plus"]
    assert cells(kernel)[-3:] == ["sign", "twice", "last"]
    assert asked(kernel, "stale")["stale"] == []
    ran = "[source for source in In if source and not source.startswith(('%', 'get_ipython'))]"
    assert kernel.value(f"{ran}[-3:]") == [sources[name] for name in ("sign", "twice", "last")]
    # Each is a run of its own, with what it showed, and can be undone by itself.
    shown = asked(kernel, "show @-")
    assert shown["cell"] == "twice" and "twice 40" in json.dumps(shown)
    kernel.clew("undo")
    assert kernel.value("last") == [20, "plus"]
    # Going back to where all fits takes the marks away.
    kernel.clew("switch 7")
    assert asked(kernel, "status")["stale"] == []


def test_the_first_stale_cell_that_fails_ends_it(kernel: Kernel) -> None:
    kernel.run("base = 10", cell_id="base")
    kernel.run("part = 100 / base", cell_id="part")
    kernel.run("whole = part * base", cell_id="whole")
    kernel.run("base = 0", cell_id="base")
    told = kernel.clew("run --stale")
    assert "it failed" in told.text and "The cells after it did not run" in told.text
    assert kernel.value("[part, whole]") == [10.0, 100.0]
    kernel.run("base = 5", cell_id="base")
    assert kernel.clew("run --stale").ok
    assert kernel.value("[part, whole]") == [20.0, 100.0]


def test_what_the_cell_did_before_and_does_after_is_recorded(kernel: Kernel) -> None:
    kernel.run("base = 1", cell_id="base")
    kernel.run("more = base + 1", cell_id="more")
    kernel.run("base = 7\n%clew run --stale\nafter = more", cell_id="base")
    assert kernel.value("[base, more, after]") == [7, 8, 8]
    assert cells(kernel)[-3:] == ["base", "more", "base"]
    assert asked(kernel, "show @")["added"] == [{"key": "after", "kind": "name"}]


def test_a_module_of_ones_own_that_changed_makes_its_users_stale(kernel: Kernel, tmp_path: Path) -> None:
    own = tmp_path / "own_rates.py"
    own.write_text("RATE = 2\ndef scaled(x):\n    return x * RATE\n")
    kernel.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    kernel.run("import own_rates", cell_id="import")
    kernel.run("scaled = own_rates.scaled(4)", cell_id="use")
    kernel.run("other = 3", cell_id="other")
    assert asked(kernel, "stale")["stale"] == []
    own.write_text("RATE = 30\ndef scaled(x):\n    return x * RATE\n")
    stale = asked(kernel, "stale")["stale"]
    assert [(cell["cell"], cell["reasons"][0]["kind"]) for cell in stale] == [
        ("import", "code"),
        ("use", "code"),
    ]


def test_of_other_runs_a_notebook_says_where_they_belong(kernel: Kernel) -> None:
    told = kernel.clew("run other.ipynb out.ipynb")
    assert "%clew run --stale" in told.stderr + told.text
