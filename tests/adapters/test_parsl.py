"""Parsl's apps: what is known is not called again, on threads and on workers of their own, and an edit calls what it reaches."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cases.story import Notebook
from harness import Kernel
from programs import Programs

pytest.importorskip("parsl")

#: `computed` gives a value as the cache has it and as Parsl alone has it, and counts the calls.
PARSL = """
import json, logging, os, random, sys, time
import clew.adapters.parsl as adapter
from clew import tasks
def enable():
    adapter.enable(os.environ["STORE"], os.environ["CONFIG"])
enable()
import parsl
from parsl import python_app, bash_app, join_app
from parsl.config import Config
from parsl.data_provider.files import File
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl.providers import LocalProvider
def executor():
    if os.environ.get("WHERE") != "workers":
        return ThreadPoolExecutor(max_threads=2)
    provider = LocalProvider(init_blocks=1, max_blocks=1)
    return HighThroughputExecutor(address="127.0.0.1", max_workers_per_node=2, cores_per_worker=0.1, provider=provider, encrypted=False)
kernel = parsl.load(Config(executors=[executor()], run_dir="run", usage_tracking=0))
told = []
def totals():
    return [sum(getattr(one, word) for one in tasks.counts()) for word in ("total", "hit", "run")]
def computed(make):
    before = totals()
    found = make().result()
    counted = [now - then for now, then in zip(totals(), before)]
    adapter.disable()
    plain = make().result() if "WHERE" not in os.environ else found
    enable()
    told.append([found, plain, counted])
"""

STEPS = """
BASE, OFFSET = 10, 1
def helper(x):
    return x * 2
def loader(start):
    def load(i):
        return [start + BASE + i, i]
    return load
load = python_app(loader(100))
@python_app
def clean(xs, factor=3):
    return [helper(x) * factor + OFFSET for x in xs]
@python_app
def combine(a, b):
    return sum(a) + sum(b)
@python_app
def reduce(*parts, rest, inputs=()):
    return sum(parts) + sum(inputs) + rest
def whole():
    cleaned = [clean(load(i)) for i in range(4)]
    first, second = (combine(*cleaned[2 * i : 2 * i + 2]) for i in range(2))
    return reduce(first, rest=0, inputs=[second])
computed(whole)
"""

EDITS = {
    "nothing": ("", "", 0),
    "a comment": ("def clean(", "# what cleans\n\ndef clean(", 0),
    "the function itself": ("sum(a) + sum(b)", "sum(a) + sum(b) + 1", 3),
    "a helper": ("x * 2", "x * 3", 7),
    "a default": ("factor=3", "factor=4", 7),
    "a global": ("OFFSET = 10, 1", "OFFSET = 10, 2", 7),
    "a closure's value": ("loader(100)", "loader(101)", 11),
    "a literal": ("rest=0", "rest=1", 1),
    "one of many inputs": ("load(i)) for", "load(i or 9)) for", 4),
    "what comes to the same": ("sum(a) + sum(b)", "sum(b) + sum(a)", 2),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """A store in which the steps were run once, on threads."""
    programs = Programs(tmp_path_factory.mktemp("parsl"), first=PARSL)
    assert programs.counts(STEPS) == [[11, 0, 11]]
    return programs


def test_an_edit_calls_what_it_reaches_and_nothing_else(recorded: Programs) -> None:
    edited = [STEPS.replace(before, after) for before, after, _ in EDITS.values()]
    assert all(before in STEPS for before, _, _ in EDITS.values())
    # One after the other in one process, as a notebook's cells define their functions anew.
    counted = recorded.counts(f"for text in {edited!r}:\n    exec(compile(text, '<edited>', 'exec'))\n")
    assert dict(zip(EDITS, counted, strict=True)) == {
        edit: [11, 11 - again, again] for edit, (_, _, again) in EDITS.items()
    }


@pytest.mark.long
def test_workers_of_their_own_find_what_threads_left_and_the_other_way_round(recorded: Programs) -> None:
    # Parsl leaves its processes to those who do not say that they are done.
    done = "\nkernel.cleanup()\n"
    # It starts them by the names of programs.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    assert recorded.counts(STEPS + done, WHERE="workers", PATH=path) == [[11, 11, 0]]
    edited = STEPS.replace("sum(b)", "sum(b) - 1") + done
    assert recorded.counts(edited, WHERE="workers", PATH=path) == [[11, 8, 3]]
    assert recorded.counts(edited) == [[11, 11, 0]]


STALE = """
@python_app(cache=True)
def step(x):
    return x + 1
told.append(step(1).result())
@python_app(cache=True)
def step(x):
    return x + 2
told.append(step(1).result())
adapter.disable()
@python_app(cache=True)
def step(x):
    return x + 1
told.append(step(1).result())
@python_app(cache=True)
def step(x):
    return x + 2
told.append(step(1).result())
"""


def test_an_edited_body_is_told_from_the_old_one_as_parsls_own_memory_does_not(tmp_path: Path) -> None:
    assert Programs(tmp_path, first=PARSL).run(STALE) == [2, 3, 2, 2]


FILES = """
@python_app
def load(path):
    return len(open(path).read())
@python_app
def staged(inputs=()):
    return sum(len(open(one.filepath).read()) for one in inputs)
@python_app
def written(outputs=()):
    with open(outputs[0].filepath, "w") as file:
        return file.write("some")
@bash_app
def command(stdout="said.txt"):
    return "echo said"
computed(lambda: load("data/a.txt"))
computed(lambda: staged(inputs=[File("data/a.txt"), File("data/b.txt")]))
computed(lambda: written(outputs=[File("made.txt")]))
computed(command)
told.append([os.path.exists("made.txt"), os.path.exists("said.txt"), [0, 0, 0]])
os.remove("made.txt")
"""


def test_files_that_are_read_count_and_calls_that_write_some_run_each_time(tmp_path: Path) -> None:
    programs = Programs(tmp_path, first=PARSL)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("one")
    (tmp_path / "data/b.txt").write_text("one")
    known, new = [1, 1, 0], [1, 0, 1]
    assert programs.counts(FILES)[:4] == [new] * 4
    assert programs.counts(FILES)[:4] == [known, known, new, new]
    (tmp_path / "data/b.txt").write_text("three")
    assert programs.counts(FILES)[:4] == [known, new, new, new]


OWN = """
@python_app
def own(x):
    import helpers
    return helpers.scaled(x)
computed(lambda: own(2))
"""


def test_an_app_that_imports_an_own_module_is_known_until_that_is_edited(tmp_path: Path) -> None:
    programs = Programs(tmp_path, first=PARSL)
    text = "import extra\nSCALE = 2\ndef scaled(x):\n    return x * SCALE + extra.more()\n"
    (tmp_path / "helpers.py").write_text(text)
    (tmp_path / "extra.py").write_text("def more():\n    return 1\n")
    assert programs.run(OWN) == [[5, 5, [1, 0, 1]]]
    assert programs.run(OWN) == [[5, 5, [1, 1, 0]]]
    (tmp_path / "helpers.py").write_text(text.replace("SCALE = 2", "SCALE = 3"))
    assert programs.run(OWN) == [[7, 7, [1, 0, 1]]]
    (tmp_path / "extra.py").write_text("def more():\n    return 2\n")
    assert programs.run(OWN) == [[8, 8, [1, 0, 1]]]
    assert programs.run(OWN) == [[8, 8, [1, 1, 0]]]


UNREPEATABLE = """
import threading
LOCK, SEEN, STEP = threading.Lock(), [], 1
@python_app
def draws(x): return (x, random.random())[0]
@python_app
def locked(x):
    with LOCK: return x
@adapter.never
@python_app
def kept_out(x): return x
@python_app
def raises(x): return 1 // x
@python_app
def changes(x):
    SEEN.append(x)
    return x
@python_app
def slow(x):
    time.sleep(0.3)
    return x + STEP
for one in (draws, locked, kept_out, changes):
    computed(lambda: one(1))
def caught():
    try: raises(0).result()
    except ZeroDivisionError: return raises(1)
computed(caught)
# A later cell changes what a call reads that still runs: what it comes to is not what its key says.
late = slow(1)
time.sleep(0.1)
STEP = 2
late.result()
STEP = 1
computed(lambda: slow(1))
# What one call changes in place is not what the other came to.
@python_app
def listed(n): return list(range(n))
@python_app
def grows(xs):
    xs.append(7)
    return len(xs)
@python_app
def total(xs, after): return sum(xs) + 0 * after
def grown():
    xs = listed(3)
    return total(xs, grows(xs))
computed(grown)
"""


def test_p03_what_may_come_to_something_else_is_called_each_time(tmp_path: Path) -> None:
    programs = Programs(tmp_path, first=PARSL)
    programs.run(UNREPEATABLE)
    (tmp_path / "store").rename(tmp_path / "old")
    programs.counts(UNREPEATABLE)
    counted = programs.counts(UNREPEATABLE)
    assert [run for _, _, run in counted] == [1, 1, 1, 1, 1, 0, 1], counted


NAMED = """
@python_app
def names(**given): return list(given)
@python_app
def begun(x, seed=None):
    import numpy
    return (x, numpy.random.default_rng(seed).random())[0]
@python_app
def joined(folder, name): return len(open(os.path.join(folder, name)).read())
computed(lambda: names(a=1, b=2))
computed(lambda: names(b=2, a=1))
computed(lambda: begun(1, seed=3))
computed(lambda: begun(1))
computed(lambda: begun(1, seed=None))
computed(lambda: joined("data", "a.txt"))
"""


def test_p12_named_arguments_count_in_their_order_and_what_has_no_seed_is_called_each_time(
    tmp_path: Path,
) -> None:
    programs = Programs(tmp_path, first=PARSL)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("one")
    assert [run for _, _, run in programs.counts(NAMED)] == [1] * 6
    assert [run for _, _, run in programs.counts(NAMED)] == [0, 0, 0, 1, 1, 1]


JOINED = """
@python_app
def add(a, b):
    return a + b
@join_app
def chain(n):
    return add(n, add(n, 1))
computed(lambda: chain(3))
"""


def test_an_app_that_calls_others_is_called_again_where_one_of_these_was_edited(tmp_path: Path) -> None:
    programs = Programs(tmp_path, first=PARSL)
    assert programs.counts(JOINED)[0][1] == 0
    assert programs.counts(JOINED)[0][2] <= 1
    assert programs.counts(JOINED.replace("a + b", "a - b"))[0][2] >= 2


def test_a_kernel_that_is_loaded_already_and_one_with_a_memory_of_its_own(tmp_path: Path) -> None:
    body = """
from parsl.dataflow.memoization import BasicMemoizer
parsl.clear()
adapter.disable()
parsl.load(Config(executors=[ThreadPoolExecutor()], run_dir="run"))
enable()
@python_app
def add(a, b):
    return a + b
computed(lambda: add(1, 2))
parsl.clear()
parsl.load(Config(executors=[ThreadPoolExecutor()], run_dir="run", memoizer=BasicMemoizer(checkpoint_mode="task_exit")))
computed(lambda: add(1, 2))
"""
    programs = Programs(tmp_path, first=PARSL)
    assert programs.counts(body) == [[1, 0, 1], [0, 0, 0]]
    assert programs.counts(body) == [[1, 1, 0], [0, 0, 0]]


NOTEBOOK = """
import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor
config = Config(executors=[ThreadPoolExecutor(max_threads=2)], run_dir="run")
kernel = parsl.load(config)
class Point:
    def __init__(self, x): self.x = x
@python_app
def load(i): return Point(-i)
@python_app
def measure(*points): return sum(abs(point.x) for point in points)
later = measure(*[load(i) for i in range(3)])
found = later.result()
"""
COUNTED = "(found, [[one.total, one.hit, one.run] for one in __import__('clew.tasks').tasks.counts()])"


def test_the_setting_acts_in_notebooks(kernels: Callable[..., Kernel], tmp_path: Path) -> None:
    for again in (4, 0):
        kernel = kernels(env={"CLEW_TASKS_CACHE": "true"}, cwd=tmp_path)
        kernel.run(NOTEBOOK).raised()
        assert kernel.value(COUNTED) == (3, [[4, 4 - again, again]])


def test_p03_kernels_configurations_and_results_to_come_are_told_by_name_in_a_new_kernel(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    path = tmp_path / "notebook.ipynb"
    first = Notebook(kernels(cwd=tmp_path, notebook=path))
    first.run(NOTEBOOK, "held = [later, 1]", "kernel.cleanup()")
    first.kill()
    new = Notebook(kernels(cwd=tmp_path, notebook=path))
    report = new.move("resume")
    lost = {name: report.why(name) for name, word in report.names.items() if word == "lost"}
    print(lost, report.names)
    assert {"kernel", "config", "later"} <= set(lost)
    assert report.word("held") == "not_identical" and report.why("held").startswith("`held[0]` is missing: ")
    assert new.read("found") == ["3"] and report.word("load") == "restored"
    assert not set(lost) & new.names()


IN_CELLS = [
    "import parsl\nfrom parsl import python_app\nfrom parsl.config import Config\nfrom parsl.executors import ThreadPoolExecutor",
    "config = Config(executors=[ThreadPoolExecutor(max_threads=2)], run_dir='run')",
    "kernel = parsl.load(config)",
    "@python_app\ndef load(i): return -i\n@python_app\ndef measure(*numbers): return sum(map(abs, numbers))",
    "later = measure(*[load(i) for i in range(3)])\nfound = later.result()",
]


@pytest.mark.parametrize("cells", [[NOTEBOOK], IN_CELLS], ids=["one cell", "cells"])
def test_a_session_is_loaded_once_where_its_cells_run_again(
    kernels: Callable[..., Kernel], tmp_path: Path, cells: Sequence[str]
) -> None:
    path = tmp_path / "notebook.ipynb"
    first = Notebook(kernels(cwd=tmp_path, notebook=path))
    first.run(*cells, "tasks = kernel.task_count")
    first.kill()
    new = Notebook(kernels(cwd=tmp_path, notebook=path))
    report = new.move("resume --rerun")
    words = {name: report.word(name) for name in ("config", "kernel", "later")}
    assert set(words.values()) == {"rerun"}, report.data
    assert new.read("parsl.dfk() is kernel, kernel.config is config, found, later.result()") == [
        "(True, True, 3, 3)"
    ]
    new.run("again = measure(load(4)).result()")
    assert new.read("again") == ["4"]


def test_engines_that_nobody_imports_are_not_imported_and_unasked_nothing_is_touched(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    wanted = kernels(env={"CLEW_TASKS_CACHE": "true"}, cwd=tmp_path)
    tops = "{name.split('.')[0] for name in __import__('sys').modules}"
    assert wanted.value(f"sorted({{'dask', 'parsl', 'ray', 'ndcctools', 'pyspark'}} & {tops})") == []
    unasked = kernels(cwd=tmp_path)
    unasked.run(NOTEBOOK).raised()
    assert unasked.value(
        "(found, type(kernel.memoizer).__name__, 'clew.tasks' in __import__('sys').modules)"
    ) == (3, "BasicMemoizer", False)
