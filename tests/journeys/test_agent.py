"""An agent that tries five variants and keeps the best, in one running cell, through `clew.session()`."""

from __future__ import annotations

from cases.story import Notebook

from journeys.person import Person, told

LOAD = """
import clew
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
X, y = load_diabetes(return_X_y=True)
rng = np.random.default_rng(1)
tried = 'by hand'
"""

EXPLORE = """
def explore(variants):
    '''Fits every variant from the same state, and stays where the error was the smallest.'''
    global model, error, rows
    session = clew.session()
    start = session.status().at.run
    found = {}
    for alpha in variants:
        rows = rng.permutation(len(X))
        model = Ridge(alpha).fit(X[rows[:300]], y[rows[:300]])
        error = float(np.abs(model.predict(X[rows[300:]]) - y[rows[300:]]).mean())
        name = f'ridge-{alpha}'
        found[name] = error, rows[:5].tolist()
        moved = session.switch(start)
        session.tag(name, moved.source)
        assert moved.is_exact and moved['model'].outcome == 'removed', moved
        assert 'model' not in globals()
    best = min(found, key=found.get)
    session.switch(best)
    return best, found

best, found = explore([0.01, 0.1, 1.0, 10.0, 100.0])
"""


def explored(ada: Person) -> Notebook:
    notebook = ada.opens("agent.ipynb")
    notebook.run(LOAD, EXPLORE)
    return notebook


def test_five_variants_are_tried_in_one_cell_and_the_best_is_live(ada: Person) -> None:
    notebook = explored(ada)
    assert notebook.read("len(found), best == min(found, key=found.get)") == ["(5, True)"]
    assert notebook.read("error == found[best][0], f'ridge-{model.alpha}' == best") == ["(True, True)"]
    assert notebook.read("len({tuple(rows) for _, rows in found.values()})") == ["1"], (
        "all drew the same rows"
    )
    assert notebook.read("tried, X.shape") == ["('by hand', (442, 10))"], "what it did not touch is there"


def test_a_person_finds_all_five_afterwards(ada: Person) -> None:
    notebook = explored(ada)
    found = dict(notebook.kernel.value("found"))
    named = {name: run["run"] for run in notebook.ask("log --all")["runs"] for name in run["names"]}
    assert set(named) == set(found)
    for name, (error, _) in found.items():
        assert told(notebook, f"switch {name}").startswith("Switched to ")
        assert notebook.read("error, f'ridge-{model.alpha}'") == [f"({error}, '{name}')"]
    assert "There is no run" not in ada.clew("diff", *sorted(found)[:2]).well()


def test_a_refusal_is_an_answer_and_no_traceback(ada: Person) -> None:
    notebook = ada.opens("agent.ipynb")
    notebook.run(LOAD)
    notebook.run(
        """
        refused = []
        try:
            clew.session().switch('nowhere')
        except Exception as error:
            refused.append((type(error).__name__, str(error)))
        """
    )
    name, text = notebook.kernel.value("refused[0]")
    assert (
        name != "AttributeError"
        and "There is no run `nowhere`" in text
        and "clew.session().log(all=True)" in text
    )
    assert notebook.read("tried") == ["'by hand'"]


def test_what_the_running_function_holds_is_never_taken_from_it(ada: Person) -> None:
    notebook = ada.opens("agent.ipynb")
    notebook.run(LOAD, "kept = [1]")
    notebook.run(
        """
        def go():
            mine = kept
            mine.append(2)
            clew.session().undo()
            gone = 'tried' in globals(), globals().get('kept')
            mine.append(3)
            return mine, gone
        held = go()
        """
    )
    assert notebook.read("held[0]") == ["[1, 2, 3]"]
    assert notebook.read("kept") == ["[1]"], "the name is what it was before the cell"
