"""A crash before lunch: `kill -9` in the middle of a cell, a new kernel, `%clew resume`, and work goes on."""

from __future__ import annotations

from cases.story import Notebook

from journeys.person import Person, runs_of, told
from journeys.terminal import files_of

MORNING = [
    """
    import copy
    import random
    import sqlite3
    import numpy as np
    import pandas as pd
    from dataclasses import dataclass, field
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge
    random.seed(3)
    rng = np.random.default_rng(3)
    """,
    """
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    block = X.to_numpy().copy()
    window = block[100:200]
    """,
    """
    @dataclass
    class Trial:
        alpha: float
        errors: list = field(default_factory=list)
        count = 0

        def run(self):
            Trial.count += 1
            rows = rng.permutation(len(X))
            train, test = rows[:300], rows[300:]
            fitted = Ridge(self.alpha).fit(X.iloc[train], y.iloc[train])
            self.errors.append(float(np.abs(fitted.predict(X.iloc[test]) - y.iloc[test]).mean()))
            return fitted
    """,
    "first = Trial(0.1)\nbest = first\nmodel = first.run()",
    "conn = sqlite3.connect(':memory:')",
    "trials = [first, Trial(1.0), Trial(10.0)]\nfor trial in trials:\n    trial.run()",
    "window[:] = 0\npd.options.display.precision = 3",
    "drawn = random.random(), rng.random()",
]

FACTS = [
    "[trial.errors for trial in trials]",
    "Trial.count, best is first, trials[0] is first, isinstance(best, Trial)",
    "window.base is block, float(block.sum()), block.flags.writeable",
    "model.coef_.tolist(), model.alpha",
    "X.shape, float(y.sum()), list(X)",
    "drawn, pd.options.display.precision",
    "np.__name__, Trial.run.__globals__ is globals()",
    # What the dice would show next, thrown with copies of them.
    "(lambda dice, other: (dice.setstate(random.getstate()), dice.random(), other.normal())[1:])"
    "(random.Random(), copy.deepcopy(rng))",
]


def before_lunch(ada: Person) -> list[str]:
    """Works until the crash, which comes in the middle of a cell; gives what was there before it."""
    notebook = ada.opens("trials.ipynb")
    notebook.run(*MORNING)
    facts = notebook.read(*FACTS)
    assert "Everything that can be stored is saved" in told(notebook, "status")
    half = notebook.kernel.send(
        "lost = 'half done'\nprint('begun', flush=True)\nimport time\ntime.sleep(600)"
    )
    notebook.kernel.until_printed(half, "begun")
    notebook.kernel.kill()
    return facts


def resumed(ada: Person) -> Notebook:
    """The new kernel, with everything taken up again."""
    notebook = ada.opens("trials.ipynb", load=False)
    assert "`%clew resume` restores the last one" in notebook.run("%load_ext clew").text
    assert "trials" not in notebook.names(), "nothing is done unasked"
    return notebook


def test_everything_saved_is_back_and_the_only_loss_is_named(ada: Person) -> None:
    facts = before_lunch(ada)
    log = ada.clew("log").well()
    assert runs_of(log) == [str(n) for n in range(9, 0, -1)], "the run in flight is no run yet"
    assert "(lost = 'half done'), started" in log and "was interrupted by kernel death" in log
    for words in (["log", "--failed"], ["log", "--all"], ["status"]):
        assert "was interrupted by kernel death" in ada.clew(*words).well(), words
    assert "is intact" in ada.clew("verify", "--read-data").well()
    moved = ada.clew("undo")
    assert (
        moved.exit == 2
        and "The kernel of trials.ipynb is gone" in moved.err
        and "`%clew resume`" in moved.err
    )

    notebook = resumed(ada)
    report = notebook.move("resume")
    assert report.data["exit"] == 1, "something is lost, and a script can tell"
    lost = {name: word for name, word in report.names.items() if word not in ("restored", "unchanged")}
    assert lost == {"conn": "lost"} and "live connection" in report.why("conn")
    assert report.at == "9a"

    assert notebook.read(*FACTS) == facts
    assert not {"lost", "conn"} & notebook.names()


def test_the_work_goes_on_as_if_nothing_had_happened(ada: Person) -> None:
    before_lunch(ada)
    notebook = resumed(ada)
    said = told(notebook, "resume")
    assert (
        said.startswith("Resumed at 9 in ")
        and "1 lost: conn" in said
        and "You are at 9a: 9 without conn" in said
    )

    notebook.run("model = best.run()\nafter = len(best.errors), Trial.count")
    assert notebook.read("after") == ["(3, 5)"]
    log = told(notebook, "log")
    assert log.startswith("@  12") and runs_of(log)[:4] == ["12", "10", "9a", "9"], (
        "one history, numbers go on"
    )
    assert "interrupted by kernel death" in log.splitlines()[1], (
        "and the cell that the kernel died in is in its place"
    )

    told(notebook, "undo")
    assert notebook.read("len(best.errors), Trial.count, 'after' in globals()") == ["(2, 4, False)"]
    told(notebook, "switch 5")
    assert notebook.read("Trial.count, len(first.errors), 'trials' in globals()") == ["(1, 1, False)"]
    told(notebook, "switch 12")
    assert notebook.read("after, best is first, isinstance(best, Trial)") == ["((3, 5), True, True)"]


def test_what_is_lost_can_be_made_again_only_with_consent(ada: Person) -> None:
    before_lunch(ada)
    notebook = resumed(ada)
    files = files_of(ada.folder)
    assert notebook.move("resume --dry-run").word("conn") == "lost"
    planned = notebook.move("resume --dry-run --rerun")
    assert planned.word("conn") == "rerun" and "trials" not in notebook.names()
    notebook.move("resume --rerun")
    assert notebook.read("conn.execute('select 40 + 2').fetchone()") == ["(42,)"]
    assert files_of(ada.folder) == files


def test_resuming_by_mistake_is_undone_like_anything_else(ada: Person) -> None:
    before_lunch(ada)
    notebook = resumed(ada)
    notebook.run("mine = 'typed before resuming'")
    told(notebook, "resume 3")
    assert "X" in notebook.names() and "Trial" not in notebook.names() and "mine" not in notebook.names()
    told(notebook, "undo")
    assert "X" not in notebook.names() and notebook.read("mine") == ["'typed before resuming'"]
