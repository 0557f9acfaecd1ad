"""A store's budget: what would go beyond it is not stored, said, and made again by its cell."""

from __future__ import annotations

from collections.abc import Callable

from cases.story import Notebook

BUDGET = {"CLEW_STORE_BUDGET": "50 MB"}


def test_p06_a_value_beyond_the_budget_is_said_and_made_again(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels(env=BUDGET)
    notebook.run("import numpy as np", "first = np.random.default_rng(1).random(5_000_000)")
    said = notebook.run("second = np.random.default_rng(2).random(2_500_000)").text
    assert (
        "second is not recorded: storing it takes 20 MB, and the budget of the store (store.budget) has"
        in said
    )
    (was,) = notebook.read("float(first.sum()), float(second.sum())")
    notebook.run("first[0] = second[0] = -1; little = [1, 2]")
    report = notebook.move("undo --replay")
    assert report.word("first") == "loaded"
    assert report.word("second") in ("replayed", "kept")
    assert notebook.read("float(first.sum()), float(second.sum())") == [was]
    assert "little" not in notebook.names()


def test_what_the_store_holds_already_costs_no_budget(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run("import numpy as np", "numbers = np.random.default_rng(1).random(10_000_000)")
    first.kill()
    second = kernels(env=BUDGET)
    said = second.run("import numpy as np", "numbers = np.random.default_rng(1).random(10_000_000)").text
    assert "not recorded" not in said
    said = second.run("numbers[:1_000_000] = 0; more = numbers[5:] + 1").text
    assert "more is not recorded" in said
    second.run("numbers = None")
    assert second.move("undo").word("numbers") == "loaded"
