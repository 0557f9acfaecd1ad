"""Changes that no name in the cell tells of, in sessions so large that only what a cell names is looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cases.story import Notebook

BALLAST = "ballast = [[number, str(number), {'a': number}] for number in range(60_000)]"

CHANGES = {
    "bound anew at the same address": ("x = [1]\ndef f():\n    global x\n    del x\n    x = [2]", "f()"),
    "the dict of the names": ("x = [1]\ng = globals()\ndef f():\n    g.update(x=[2])", "f()"),
    "an attribute of a module": ("import math\nx = {'a': 1}\nmath.stash = x", "math.stash['b'] = 2"),
    "a closure": ("def make():\n    s = [1]\n    return s, s.append\nx, add = make()", "add(5)"),
    "an attribute of a class": ("class A:\n    items = [1]\nx = A.items", "A.items.append(2)"),
    "a default": ("def f(v, kept=[1]):\n    kept.append(v)\nx = f.__defaults__[0]", "f(3)"),
    "what the collector lists": (
        "import gc\nx = ['needle-7', 1]",
        "[o for o in gc.get_objects() if type(o) is list and o[:1] == ['-'.join(['needle', '7'])]][0].append(2)",
    ),
    "the shell": ("x = [1]", "get_ipython().push({'x': [4]})"),
    "the main module": ("import sys\nx = [1]", "setattr(sys.modules['__main__'], chr(120), [9])"),
    "the memory of a view": (
        "import numpy as np, sys\nx = np.zeros(100_000)\nsys.stash = x[5:]",
        "sys.stash[0] = 7",
    ),
}


@pytest.mark.few(4)
@pytest.mark.parametrize(("given", "change"), CHANGES.values(), ids=CHANGES.keys())
def test_p03_what_changed_behind_the_names_comes_back_or_is_uncertain(
    kernels: Callable[..., Notebook], given: str, change: str
) -> None:
    notebook = kernels()
    notebook.run(BALLAST, given)
    before, start = notebook.read("str(x), float(x.sum()) if hasattr(x, 'sum') else 0"), notebook.at()
    notebook.run(change)
    after, revision = notebook.read("str(x), float(x.sum()) if hasattr(x, 'sum') else 0"), notebook.at()
    assert before != after
    notebook.run("mark = 1", "x = None")
    for target, expected in [(revision, after), (start, before)]:
        report = notebook.move(f"switch {target}")
        assert (
            notebook.read("str(x), float(x.sum()) if hasattr(x, 'sum') else 0") == expected
            or "x" in report.unverified
        )


def test_p03_what_could_not_be_recorded_is_recorded_by_the_next_run(kernels: Callable[..., Notebook]) -> None:
    """What names were bound to in the runs between does not count as seen."""
    notebook = kernels()
    notebook.run(BALLAST, "x = [1]\ndef f():\n    ballast[5].append(7)\n    x.append(3)")
    notebook.run(
        "import resource, signal\n_ = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)",
        "was = resource.getrlimit(resource.RLIMIT_FSIZE)",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, was[1]))",
    )
    notebook.run(
        "f(); n = 1", "del x; x = [1]; m = 2", "resource.setrlimit(resource.RLIMIT_FSIZE, was)", "k = 3"
    )
    values = notebook.read("x, ballast[5], n, m, k")
    notebook.run("x = ballast = n = m = k = None")
    notebook.move("undo")
    assert notebook.read("x, ballast[5], n, m, k") == values


def test_p05_what_several_places_show_with_one_reference_is_one(kernels: Callable[..., Notebook]) -> None:
    """An object with one reference is met once, as a rule; views of an array of objects show it without holding it."""
    notebook = kernels()
    notebook.run(
        """
        import numpy as np
        a, b, c = (np.empty(1, object) for _ in range(3))
        a[0], b[0], c[0] = [1], "ab" * 3000, ([1],)
        x, y, z = (np.lib.stride_tricks.as_strided(one, (3,), (0,)) for one in (a, b, c))
        del a, b, c
        """,
        "x = y = z = None",
    )
    notebook.move("undo")
    same = "x[0] is x[1] is x[2], y[0] is y[1] is y[2], z[0] is z[1] is z[2], x.tolist()"
    assert notebook.read(same) == ["(True, True, True, [[1], [1], [1]])"]


def test_p01_a_kernel_goes_on_where_a_copy_replaced_its_files(kernels: Callable[..., Notebook]) -> None:
    """As tools do that bring folders back or over: what is written to the old files nobody finds."""
    notebook = kernels()
    notebook.run("import numpy as np", "x = np.random.default_rng(1).random(1_500_000)", "x = x * 2")
    notebook.move("undo")
    for path in [*notebook.kernel.home.rglob("*.pack"), *notebook.kernel.home.rglob("*.log")]:
        copy = path.with_suffix(".copy")
        copy.write_bytes(path.read_bytes())
        copy.rename(path)
    notebook.run("x[5] = 9", "y = x.copy()")
    (expected,) = notebook.read("float(x.sum()), float(y.sum())")
    notebook.move("undo")
    notebook.move("redo")
    assert notebook.read("float(x.sum()), float(y.sum())") == [expected]
    notebook.kill()
    again = kernels()
    again.move("resume")
    assert again.read("float(x.sum()), float(y.sum())") == [expected]
