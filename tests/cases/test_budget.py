"""A store's budget: what would go beyond it is not stored, said, and made again by its cell."""

from __future__ import annotations

from collections.abc import Callable

from cases.story import Notebook

BUDGET = {"CLEW_STORE_BUDGET": "50 MB"}


def told(notebook: Notebook, cell: str) -> str:
    """What Clew told of a cell. It may come after the reply, so it is collected when something else was asked."""
    reply = notebook.run(cell)
    notebook.ask("status")
    return reply.stderr


def test_p06_a_value_beyond_the_budget_is_said_and_made_again(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels(env=BUDGET)
    notebook.run("import numpy as np", "first = np.random.default_rng(1).random(5_000_000)")
    said = told(notebook, "second = np.random.default_rng(2).random(2_500_000)")
    assert "second is not recorded" in said
    assert "storing it takes 21 MB, and the budget of the store (store.budget) has" in said
    (was,) = notebook.read("float(first.sum()), float(second.sum())")
    notebook.run("first[0] = second[0] = -1; little = [1, 2]")
    report = notebook.move("undo --rerun")
    assert report.word("first") == "restored"
    assert report.word("second") in ("rerun", "unchanged")
    assert notebook.read("float(first.sum()), float(second.sum())") == [was]
    assert "little" not in notebook.names()


def test_what_the_store_holds_already_costs_no_budget(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run("import numpy as np", "numbers = np.random.default_rng(1).random(10_000_000)")
    first.kill()
    second = kernels(env=BUDGET)
    second.run("import numpy as np")
    said = told(second, "numbers = np.random.default_rng(1).random(10_000_000)")
    assert "not recorded" not in said
    said = told(second, "numbers[:1_000_000] = 0; more = numbers[5:] + 1")
    assert "more is not recorded" in said
    second.run("numbers = None")
    assert second.move("undo").word("numbers") == "restored"


def test_p03_a_line_of_cells_is_replayed_in_a_new_kernel_for_what_was_not_stored(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels(env=BUDGET)
    first.run("import numpy as np", "scale = 2", "base = np.random.default_rng(1).random(10_000_000)")
    first.run("def grown(values): return values * scale", "base[0] = 7", "large = grown(base)", "scale = 9")
    first.run("base = None", "little = [1, 2]")
    (was,) = first.read("float(large.sum()), float(large[0]), scale")
    first.kill()
    second = kernels(env=BUDGET)
    report = second.move("resume --rerun")
    # `base` as it was changed in place, and `scale` as it was then, are found by the cell that read them.
    assert report.word("large") == "rerun", report.why("large")
    assert (report.word("scale"), report.word("little"), report.word("base")) == ("restored",) * 3
    assert second.read("float(large.sum()), float(large[0]), scale") == [was]


def test_p03_numbers_that_come_out_otherwise_are_said_to_differ(kernels: Callable[..., Notebook]) -> None:
    first = kernels(env=BUDGET)
    first.run("import numpy as np", "drawn = np.random.default_rng().random(10_000_000)", "little = [1, 2]")
    first.kill()
    report = kernels(env=BUDGET).move("resume --rerun")
    assert report.word("drawn") == "not_identical"
    assert "now gives another value" in report.why("drawn")
