"""Ray's remote functions: what is known is not called again, an edit calls what it reaches, and actors are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cases.story import Notebook
from harness import Kernel
from programs import Programs

from bench import environments

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

#: `computed` counts the calls of what it makes.
RAY = """
import json, os, sys, random, time
import clew.adapters.ray as adapter
from clew import tasks
adapter.enable(os.environ["STORE"], os.environ["CONFIG"])
import ray
ray.init(num_cpus=2, include_dashboard=False, object_store_memory=150_000_000, log_to_driver=False, configure_logging=False)
told = []
def totals():
    return [sum(getattr(one, word) for one in tasks.counts()) for word in ("total", "hit", "run")]
def computed(make):
    before = totals()
    found = ray.get(make())
    counted = [now - then for now, then in zip(totals(), before)]
    told.append([found, counted])
"""

STEPS = """
BASE, OFFSET = 10, 1
def helper(x):
    return x * 2
def loader(start):
    def load(i):
        return [start + BASE + i, i]
    return load
load = ray.remote(loader(100))
@ray.remote
def clean(xs, factor=3):
    return [helper(x) * factor + OFFSET for x in xs]
@ray.remote
def combine(parts, more):
    return sum(sum(part) for part in ray.get(parts)) + sum(more)
@ray.remote
def reduce(*parts, rest):
    return sum(parts) + rest
def whole():
    cleaned = [clean.options(num_cpus=1).remote(load.remote(i)) for i in range(4)]
    combined = [combine.remote(cleaned[2 * i : 2 * i + 2], ray.put([i])) for i in range(2)]
    return reduce.remote(*combined, rest=0)
computed(whole)
"""

EDITS = {
    "nothing": ("", "", 0, 2721),
    "the function itself": ("+ sum(more)", "+ 2 * sum(more)", 3, 2722),
    "a helper": ("x * 2", "x * 3", 7, 4077),
    "a default": ("factor=3", "factor=4", 7, 3625),
    "a global": ("OFFSET = 10, 1", "OFFSET = 10, 2", 7, 2729),
    "a closure's value": ("loader(100)", "loader(101)", 11, 2745),
    "a literal": ("rest=0", "rest=1", 1, 2722),
    "a value that was put": ("ray.put([i])", "ray.put([i + i])", 2, 2722),
}

OTHERS = """
@ray.remote
def draws(x): return (x, random.random())[0]
@ray.remote
def after(x): return x + 1
@adapter.never
def plain(x): return x
kept_out = ray.remote(plain)
@ray.remote
class Counter:
    def __init__(self): self.n = 0
    def up(self):
        self.n += 1
        return self.n
@ray.remote(num_returns=2)
def both(): return 1, 2
@ray.remote
def load(path): return open(path).read()
K = 1
@ray.remote
def with_global(x): return x + K
counter = Counter.remote()
computed(lambda: after.remote(draws.remote(1)))
computed(lambda: kept_out.remote(1))
computed(lambda: after.remote(counter.up.remote()))
computed(lambda: after.remote(both.remote()[1]))
computed(lambda: load.options(runtime_env={"env_vars": {"A": "1"}}).remote("data/a.txt"))
computed(lambda: load.remote("data/a.txt"))
computed(lambda: with_global.remote(1))
# Ray has pickled the function by now, and goes on with the old value: so does its key.
K = 5
computed(lambda: with_global.remote(2))
ray.shutdown()
ray.init(num_cpus=1, include_dashboard=False, object_store_memory=150_000_000, log_to_driver=False, configure_logging=False)
computed(lambda: with_global.remote(2))
adapter.disable()
computed(lambda: with_global.remote(2))
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(tmp_path_factory.mktemp("ray"), first=RAY, paths=[environments.ray()])


def test_an_edit_calls_what_it_reaches_and_the_next_process_calls_nothing(programs: Programs) -> None:
    assert all(before in STEPS for before, *_ in EDITS.values())
    # Code beside an import is compiled otherwise: each is compiled as a cell of its own.
    one_by_one = "for text in {!r}:\n    exec(compile(text, '<edited>', 'exec'))\n"
    assert programs.run(one_by_one.format([STEPS])) == [[2721, [11, 0, 11]]]
    edited = [STEPS.replace(before, after) for before, after, *_ in EDITS.values()]
    told = programs.run(one_by_one.format(edited))
    assert dict(zip(EDITS, told, strict=True)) == {
        edit: [value, [11, 11 - again, again]] for edit, (_, _, again, value) in EDITS.items()
    }


def test_p03_what_may_come_to_something_else_is_called_each_time(programs: Programs) -> None:
    (programs.folder / "data").mkdir()
    file = programs.folder / "data/a.txt"
    file.write_text("one")
    first = programs.run(OTHERS)
    assert [found for found, _ in first] == [2, 1, 2, 3, "one", "one", 2, 3, 7, 7]
    file.write_text("two")
    # What is known is not called, and is what Ray would have pickled by then all the same.
    second = programs.run(OTHERS.replace("with_global.remote(2)", "with_global.remote(3)"))
    assert [found for found, _ in second] == [2, 1, 2, 3, "two", "two", 2, 4, 8, 8]
    assert [left for _, (_, _, left) in second] == [2, 1, 1, 1, 1, 1, 0, 1, 1, 0], second


NOTEBOOK = """
import ray
ray.init(num_cpus=2, include_dashboard=False, object_store_memory=150_000_000, log_to_driver=False, configure_logging=False)
@ray.remote
def load(n): return list(range(n))
@ray.remote
class Counter:
    def up(self): return 1
reference, put = load.remote(3), ray.put([1, 2])
counter = Counter.remote()
places = ray.util.placement_group([{"CPU": 0.1}])
held = {"reference": reference, "n": 1}
found = ray.get(reference)
"""


def test_p03_references_actors_and_places_are_told_by_name_in_a_new_kernel(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    options = {"cwd": tmp_path, "notebook": tmp_path / "notebook.ipynb", "paths": [environments.ray()]}
    first = Notebook(kernels(**options))
    first.run(NOTEBOOK)
    first.kill()
    new = Notebook(kernels(**options))
    report = new.move("resume")
    lost = {name: report.why(name) for name, word in report.names.items() if word == "lost"}
    handles = {"reference", "put", "counter", "places", "held", "load"}
    assert handles <= set(lost), report.names
    assert "a result on a cluster" in lost["reference"] and "a result on a cluster" in lost["held"]
    assert new.read("found") == ["[0, 1, 2]"] and not handles & new.names()


CALLED = [
    NOTEBOOK.partition("@ray.remote")[0],
    "@ray.remote\ndef load(n): return list(range(n))",
    "found = ray.get(load.remote(3))",
    "more = ray.get(load.options(num_cpus=1).remote(4))",
]


def test_a_function_stays_where_a_cell_that_called_it_is_undone_and_its_own_cell_makes_it_anew(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    options = {"cwd": tmp_path, "notebook": tmp_path / "notebook.ipynb", "paths": [environments.ray()]}
    first = Notebook(kernels(**options))
    first.run(*CALLED)
    [before] = first.identities(["load"]).values()
    for gone in ("more", "found"):
        report = first.move("undo")
        assert (report.word(gone), report.word("load")) == ("removed", "unchanged"), report.data
        assert report.why("load").startswith("unverified")
        assert first.identities(["load"])["load"] == before
        assert first.read("ray.get(load.remote(2))") == ["[0, 1]"]
    first.move("redo")
    first.move("redo")
    assert first.read("found, more, ray.get(load.remote(2))") == ["([0, 1, 2], [0, 1, 2, 3], [0, 1])"]
    first.kill()
    new = Notebook(kernels(**options))
    report = new.move("resume --rerun")
    # The cell that made it, not one that called it.
    assert report.word("load") == "rerun" and "recreated by run 3" in report.why("load"), report.data
    assert new.read("found, more") == ["([0, 1, 2], [0, 1, 2, 3])"]
    new.run(CALLED[0], "again = ray.get(load.remote(2))")
    assert new.read("again") == ["[0, 1]"]
