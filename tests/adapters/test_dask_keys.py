"""Which tasks of a graph run again after which change: counted, in new processes with other hashes."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import Programs

pytest.importorskip("dask")

REDUCE = """
import math
BASE, OFFSET, UNUSED = 10, 1, 5
class Adder:
    def __init__(self, start):
        self.start = start
    def add(self, parts):
        return self.start + sum(parts)
ADDER = Adder(0)
def loader(start):
    def load(i):
        return [start + BASE + i, i]
    return load
def helper(x):
    return math.floor(x * 2)
def clean(xs, factor=3):
    return [helper(x) * factor + OFFSET for x in xs]
def combine(a, b):
    return ADDER.add(a) + ADDER.add(b)
def reduce(*parts, **named):
    return sum(parts) + named["rest"]
load = loader(100)
loads = [dask.delayed(load)(i) for i in range(8)]
cleaned = [dask.delayed(clean)(one) for one in loads]
combined = [dask.delayed(combine)(*cleaned[2 * i : 2 * i + 2]) for i in range(4)]
computed(dask.delayed(reduce)(*combined, rest=0), scheduler=os.environ.get("SCHEDULER", "sync"))
"""

EDITS = {
    "nothing": ("", "", 0),
    "a comment": ("def clean(", "# what cleans\n\n\ndef clean(", 0),
    "layout": (
        "    return [start + BASE + i, i]",
        "    return [\n            start + BASE + i,  # both\n            i,\n        ]",
        0,
    ),
    "a global that no task reads": ("UNUSED = 10, 1, 5", "UNUSED = 10, 1, 6", 0),
    "the function itself": ("ADDER.add(a) + ADDER", "ADDER.add(b) + 1 + ADDER", 5),
    "the last function": ("sum(parts) + named", "sum(parts) * 2 + named", 1),
    "a helper": ("x * 2)", "x * 3)", 13),
    "a default": ("factor=3", "factor=4", 13),
    "a global": ("OFFSET, UNUSED = 10, 1", "OFFSET, UNUSED = 10, 2", 13),
    "a global of a closure": ("UNUSED = 10,", "UNUSED = 11,", 21),
    "a closure's value": ("loader(100)", "loader(101)", 21),
    "a method of a class": ("self.start + sum", "self.start + 1 + sum", 5),
    "an instance that a global holds": ("Adder(0)", "Adder(7)", 5),
    "a literal": ("rest=0", "rest=1", 1),
    "one of many inputs": (
        "dask.delayed(load)(i) for i in range(8)",
        "dask.delayed(load)(i or 9) for i in range(8)",
        4,
    ),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """A store in which the program was run once."""
    programs = Programs(tmp_path_factory.mktemp("keys"))
    assert programs.counts(REDUCE) == [[21, 0, 21]]
    return programs


def test_a_change_runs_what_it_reaches_again_and_nothing_else(recorded: Programs) -> None:
    assert all(before in REDUCE for before, _, _ in EDITS.values())
    edited = [REDUCE.replace(before, after) for before, after, _ in EDITS.values()]
    # One after the other in one process, as a notebook's cells define their functions anew.
    counted = recorded.counts(f"for text in {edited!r}:\n    exec(compile(text, '<edited>', 'exec'))\n")
    assert dict(zip(EDITS, counted, strict=True)) == {
        edit: [21, 21 - again, again] for edit, (_, _, again) in EDITS.items()
    }


def test_the_next_process_knows_everything_whatever_its_hashes_and_schedulers(recorded: Programs) -> None:
    assert recorded.counts(REDUCE, SCHEDULER="threads") == [[21, 21, 0]]


KINDS = """
import numpy as np, pandas as pd
import dask.array as da, dask.bag as db, dask.dataframe as dd
def twice(x):
    return x * 2
x = da.from_array(np.arange(10_000.0).reshape(100, 100), chunks=(50, 50))
computed((twice(x) + x.T).sum().map_blocks(float))
computed(db.from_sequence(range(10), npartitions=2).map(twice).filter(lambda x: x % 4 == 0).sum(), scheduler="sync")
frame = pd.DataFrame({"k": list("aabb") * 3, "v": range(12)})
computed(dd.from_pandas(frame, npartitions=3).groupby("k").v.sum().to_frame().v.sum())
rng = da.random.default_rng(7)
computed(rng.normal(size=(40, 40), chunks=(20, 20)).mean().map_blocks(float))
told[:] = [[float(found), float(plain), *rest] for found, plain, *rest in told]
"""


def test_arrays_bags_and_frames_are_known_in_the_next_process(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    first = programs.counts(KINDS)
    assert all(run == total > 0 and not hit for total, hit, run in first)
    assert programs.counts(KINDS) == [[total, total, 0] for total, _, _ in first]
    edited = programs.counts(KINDS.replace("range(12)", "range(1, 13)").replace("x % 4 == 0", "x % 4 == 2"))
    changed = [run > 0 for _, _, run in edited]
    assert changed == [False, True, True, False], edited


HELPER = "import extra\nSCALE = 2\ndef scaled(x):\n    return x * SCALE + extra.more()\ndef other():\n    return 0\n"
OWN = """
import helpers
from helpers import scaled
def one(x):
    return helpers.scaled(x)
def two(x):
    return scaled(x)
def three(x):
    return x + 1
computed(dask.delayed(three)(dask.delayed(one)(1) + dask.delayed(two)(2)), scheduler="sync")
"""


def test_own_modules_count_by_the_code_that_is_used(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    (tmp_path / "helpers.py").write_text(HELPER)
    (tmp_path / "extra.py").write_text("def more():\n    return 1\n")
    assert programs.counts(OWN) == [[4, 0, 4]]
    # Neither a comment nor a function that nothing calls.
    (tmp_path / "helpers.py").write_text("# more\n" + HELPER.replace("return 0", "return 5"))
    assert programs.counts(OWN) == [[4, 4, 0]]
    (tmp_path / "helpers.py").write_text(HELPER.replace("SCALE = 2", "SCALE = 3"))
    assert programs.counts(OWN) == [[4, 0, 4]]
    (tmp_path / "extra.py").write_text("def more():\n    return 2\n")
    assert programs.counts(OWN) == [[4, 0, 4]]


APART = """
def tail(text):
    return text[-8:]
for end in ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210", "0123456789abcdef0123456789abcdef"):
    computed(dask.delayed(tail)("part-" + end), scheduler="sync")
computed(dask.delayed(tail)(("part", 0)), scheduler="sync")
computed(dask.delayed(tail)(["part", 0]), scheduler="sync")
computed(dask.delayed(tail)([1, 1.0, True]), scheduler="sync")
computed(dask.delayed(tail)([1.0, 1, True]), scheduler="sync")
told[:] = [[list(found), list(plain), counted] for found, plain, counted in told]
"""


def test_values_that_look_alike_are_kept_apart(tmp_path: Path) -> None:
    assert [run for _, _, run in Programs(tmp_path).counts(APART)] == [1, 1, 0, 1, 1, 1, 1]


FILES = """
from pathlib import Path
def load(path):
    return len(Path(path).read_text())
def own():
    return len(open("data/b.txt").read())
computed(dask.delayed(load)("data/a.txt") + dask.delayed(load)(Path("data") / "b.txt") + dask.delayed(own)(), scheduler="sync")
"""


def test_a_file_that_a_literal_names_counts_by_what_lies_in_it(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.txt").write_text("one")
    (tmp_path / "data/b.txt").write_text("one")
    assert programs.counts(FILES) == [[5, 0, 5]]
    (tmp_path / "data/a.txt").write_text("one")
    assert programs.counts(FILES) == [[5, 5, 0]]
    (tmp_path / "data/a.txt").write_text("three")
    assert programs.counts(FILES) == [[5, 2, 3]]
    (tmp_path / "data/b.txt").write_text("four")
    assert programs.counts(FILES) == [[5, 1, 4]]


PUT_TOGETHER = """
from pathlib import Path
FOLDER = "data"
def joined(name): return len(open(os.path.join(FOLDER, name)).read())
def numbered(i): return len(Path(f"data/{i}.txt").read_text())
def listed(path): return [len(open(one).read()) for one in open(path).read().split()]
def of_other(path): return len(open(path).read())
def found(name): return f"data/{name}.txt"
def written(name):
    Path("made").write_text(name)
    return name
for task in (dask.delayed(joined)("1.txt"), dask.delayed(numbered)(1), dask.delayed(listed)("data/list"), dask.delayed(of_other)(dask.delayed(found)(1)),
             dask.delayed(written)("a"), dask.delayed(of_other)("data/1.txt"), dask.delayed(of_other)(dask.delayed(str)("data/1.txt"))):
    computed(task, scheduler=os.environ["SCHEDULER"])
told.append(Path("made").exists())
"""

BEHIND = """
from pathlib import Path
rows = []
def appended(x):
    rows.append(x)
    return x
def loaded(name):
    return eval_free(Path)(os.sep.join(["data", name])).read_text()
def eval_free(kind): return kind
def noted(x):
    Path("made").write_text(str(x))
    return x
def length(x): return len(str(x))
def last(x): return x + 1
for first, given in ((appended, 1), (loaded, "1.txt"), (noted, 5)):
    task = dask.delayed(last)(dask.delayed(length)(dask.delayed(length)(dask.delayed(first)(given))))
    told.append(dask.compute(task, scheduler=os.environ["SCHEDULER"])[0])
told.append(list(rows))
told.append([[one.total, one.hit, one.run] for one in tasks.counts()])
"""


@pytest.mark.parametrize("quick", [0.0, 5.0])
def test_p12_what_hangs_on_a_task_that_did_more_than_its_key_tells_of_runs_with_it(
    tmp_path: Path, quick: float
) -> None:
    programs = Programs(tmp_path, quick)
    (tmp_path / "data").mkdir()
    for text in ("one", "thousands"):
        (tmp_path / "data/1.txt").write_text(text)
        *values, rows, counted = programs.run(BEHIND, SCHEDULER="sync")
        assert values == [2, 2, 2] and rows == [1]
        assert (tmp_path / "made").read_text() == "5"
        assert [run for _, _, run in counted] == [4, 4, 4], counted
        (tmp_path / "made").unlink()


@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_p12_a_task_that_opens_what_its_key_does_not_tell_of_runs_each_time(
    tmp_path: Path, scheduler: str
) -> None:
    programs = Programs(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/list").write_text("data/1.txt data/1.txt")
    (tmp_path / "data/1.txt").write_text("one")
    *first, _ = programs.run(PUT_TOGETHER, SCHEDULER=scheduler)
    assert all(found == plain for found, plain, _ in first)
    (tmp_path / "data/1.txt").write_text("three")
    (tmp_path / "made").unlink()
    *second, is_made = programs.run(PUT_TOGETHER, SCHEDULER=scheduler)
    assert [found for found, _, _ in second] == [5, 5, [5, 5], 5, "a", 5, 5]
    assert is_made
    *third, _ = programs.run(PUT_TOGETHER, SCHEDULER=scheduler)
    assert [run for _, _, (_, _, run) in third] == [1, 1, 1, 1, 1, 0, 1]


KEYLESS = """
import random, time, threading, uuid
import numpy as np
from random import random as draw
LOCK = threading.Lock()
def by_module(x): return (x, random.random())[0]
def by_name(x): return (x, draw())[0]
def by_numpy(x): return (x, np.random.rand(1))[0]
def unseeded(x): return (x, np.random.default_rng().normal())[0]
def inside(x):
    import numpy
    return (x, numpy.random.rand(1))[0]
def at_what_time(x): return (x, time.time())[0]
def on_the_clock(x): return (x, time.perf_counter())[0]
def by_text(x): return eval("x")
def by_table(x): return (x, globals()["LOCK"])[0]
def by_modules(x): return (x, sys.modules["__main__"])[0]
def locked(x):
    with LOCK:
        return x
def by_helper(x): return by_module(x)
def environment(x): return (x, os.environ.get("HOME"))[0]
@adapter.never
def kept_out(x): return x
def seeded(x): return (x, np.random.default_rng(x).normal(), random.Random(3).random(), time.sleep(0))[0]
def after(x): return x + 1
for one in (by_module, by_name, by_numpy, unseeded, inside, at_what_time, on_the_clock, by_text, by_table, by_modules, locked, by_helper, environment, kept_out, seeded):
    computed(dask.delayed(after)(dask.delayed(one)(1)), scheduler="sync")
with dask.annotate(clew="never"):
    annotated = dask.delayed(seeded)(2)
computed(dask.delayed(after)(annotated), scheduler="sync")
computed(dask.delayed(sum)(one for one in [1, 2]), scheduler="sync")
told.append([[list(one.keyless) for one in tasks.counts()[:15]]] * 2 + [[0, 0, 0]])
"""


def test_p12_what_may_come_to_something_else_has_no_key_and_runs_each_time(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    programs.run(KEYLESS)
    *counted, whys = programs.run(KEYLESS)
    assert [run for _, _, (_, _, run) in counted] == [2] * 14 + [0, 2, 1], counted
    said = {why for one in whys[0] for why in one}
    assert "it uses `random.random`, which gives another result each time" in said
    assert "it calls `numpy.random.default_rng()` without a seed" in said


def test_p12_the_order_of_named_arguments_is_a_part_of_the_key(tmp_path: Path) -> None:
    told = Programs(tmp_path).run("""
def names(**given): return list(given)
computed(dask.delayed(names)(a=1, b=2))
computed(dask.delayed(names)(b=2, a=1))
computed(dask.delayed(names)(a=1, b=2))
""")
    assert [(found, plain) for found, plain, _ in told] == [
        (["a", "b"],) * 2,
        (["b", "a"],) * 2,
        (["a", "b"],) * 2,
    ]
    assert [run for _, _, (_, _, run) in told] == [1, 1, 0]


RESULTS = """
import dataclasses
import pandas as pd
class Part:
    def __init__(self): self.a, self.b = 1, 2
    def __getstate__(self): return {"a": self.a}
class Whole:
    def __init__(self): self.a, self.b = 1, 2
@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: int = 1
    b: int = 2
ADDED = 1
def adder(): return lambda x: x + ADDED
def plain(): return lambda x: x + 1
def timed():
    found = pd.DataFrame({"time": pd.to_datetime(pd.Series(["2020-01-01 10:00+01:00"]))})
    return found
for task in (dask.delayed(Part)(), dask.delayed(adder)(), dask.delayed(plain)(), dask.delayed(Whole)(), dask.delayed(Frozen)()):
    for _ in range(2):
        found = task.compute(scheduler="sync")
    ADDED = 5
    told.append([found(1) if callable(found) else [found.a, found.b], tasks.counts()[-1].hit])
    ADDED = 1
for _ in range(2):
    found = dask.delayed(timed)().compute(scheduler="sync")
told.append([len(found), tasks.counts()[-1].hit])
"""


def test_p12_a_result_that_would_not_come_back_whole_is_not_kept(tmp_path: Path) -> None:
    assert Programs(tmp_path).run(RESULTS) == [
        [[1, 2], 0],
        [6, 0],
        [2, 1],
        [[1, 2], 1],
        [[1, 2], 1],
        [1, 1],
    ]


EFFECTS = """
import itertools, random
import numpy as np
rows, numbers, draws, given = [], itertools.count(), np.random.default_rng(1), [3]
def appended(x):
    rows.append(x)
    return x
def counted(): return next(numbers)
def drawn(): return float(draws.random())
def pure(x): return x + len(given)
for scheduler in ("sync", "threads"):
    for _ in range(2):
        for task in (dask.delayed(appended)(1), dask.delayed(counted)(), dask.delayed(drawn)()):
            told.append(dask.compute(task, scheduler=scheduler)[0])
        told.append(dask.compute(dask.delayed(pure)(1), scheduler=scheduler)[0])
        told.append(list(rows))
told.append(sum(one.hit for one in tasks.counts()))
"""


def test_p12_what_changes_something_in_the_session_is_done_each_time(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    (*first, known_first), (*second, known_second) = (programs.run(EFFECTS) for _ in range(2))
    assert first == second
    assert first[1::5] == [0, 1, 2, 3]
    assert len(set(first[2::5])) == 4 and first[19] == [1, 1, 1, 1]
    # Only what changes nothing was known.
    assert (known_first, known_second) == (3, 4)
