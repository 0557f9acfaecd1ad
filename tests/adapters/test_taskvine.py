"""TaskVine's Python tasks and DaskVine's graphs, with a manager and a worker of Debian's packages."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import REPOSITORY
from programs import Programs

import clew

FOLDER = REPOSITORY / ".venv-taskvine"
ENGINE = next(Path(clew.__file__).parent.glob("_engine*313*.so"), None)

pytestmark = [
    pytest.mark.taskvine,
    pytest.mark.skipif(
        not (FOLDER / ".installed").exists(), reason="TaskVine is not there: tools/fetch_taskvine.sh"
    ),
    pytest.mark.skipif(ENGINE is None, reason="TaskVine's Python is 3.13, and Clew is built for another one"),
]

#: `computed` submits tasks to a manager, waits for all, and counts them.
VINE = """
import atexit, json, os, subprocess, sys, tempfile, time
import clew.adapters.taskvine as adapter
import clew.adapters.dask
from clew import tasks
adapter.enable(os.environ["STORE"], os.environ["CONFIG"])
clew.adapters.dask.enable(os.environ["STORE"], os.environ["CONFIG"], 0.0)
import ndcctools.taskvine as vine
def begin():
    manager, here = vine.DaskVine(port=0, run_info_path=tempfile.mkdtemp(dir=os.getcwd())), os.path.dirname(sys.executable)
    room = ["--cores", "2", "--memory", "500", "--disk", "500", "-t", "30", "-s", os.getcwd()]
    path = os.environ | {"PATH": here + ":" + os.environ["PATH"]}
    worker = subprocess.Popen([here + "/vine_worker", *room, "127.0.0.1", str(manager.port)], env=path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(worker.wait)
    atexit.register(worker.kill)
    # One that goes takes the folder of the newest with it.
    managers.append(manager)
    return manager
managers = []
manager = begin()
told = []
def totals():
    return [sum(getattr(one, word) for one in tasks.counts()) for word in ("total", "hit", "run")]
def counted(before):
    return [now - then for now, then in zip(totals(), before)]
def computed(*made):
    before = totals()
    numbers = {manager.submit(one): place for place, one in enumerate(made)}
    found = [None] * len(made)
    while not manager.empty():
        done = manager.wait(5)
        if done:
            assert done.successful(), done.std_output
            found[numbers[done.id]] = done.output
    told.append([found, counted(before)])
    return found
"""

STEPS = """
OFFSET = 1
def helper(x):
    return x * 2
def clean(xs, factor=3):
    return [helper(x) * factor + OFFSET for x in xs]
def combine(a, b):
    return sum(a) + sum(b)
cleaned = computed(*[vine.PythonTask(clean, [100 + i, i]) for i in range(4)])
computed(*[vine.PythonTask(combine, *cleaned[2 * i : 2 * i + 2]) for i in range(2)])
"""

EDITS = {
    "nothing": ("", "", [0, 0]),
    "the function itself": ("sum(a) + sum(b)", "sum(a) + sum(b) + 1", [0, 2]),
    "a helper": ("x * 2", "x * 3", [4, 2]),
    "a default": ("factor=3", "factor=4", [4, 2]),
    "a global": ("OFFSET = 1", "OFFSET = 2", [4, 2]),
    "one of many inputs": ("[100 + i, i]", "[100 + i, i or 9]", [1, 1]),
}


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    assert ENGINE is not None
    (tmp_path / "with").mkdir()
    (tmp_path / "with/clew").symlink_to(ENGINE.parent)
    programs = Programs(tmp_path, first=VINE, paths=[tmp_path / "with"])
    programs.python = str(FOLDER / "venv/bin/python")
    return programs


def test_an_edit_sends_what_it_reaches_and_the_next_process_sends_nothing(programs: Programs) -> None:
    first = programs.run(STEPS)
    assert [counts for _, counts in first] == [[4, 0, 4], [2, 0, 2]]
    assert first[1][0] == [1216, 1264]
    edited = [STEPS.replace(before, after) for before, after, _ in EDITS.values()]
    told = programs.run(f"for text in {edited!r}:\n    exec(compile(text, '<edited>', 'exec'))\n")
    ran = [[told[2 * place + part][1][2] for part in range(2)] for place in range(len(EDITS))]
    assert dict(zip(EDITS, ran, strict=True)) == {edit: again for edit, (_, _, again) in EDITS.items()}
    assert told[3][0] == [one + 1 for one in first[1][0]] and told[:2][0][0] == first[0][0]


FILES = """
import random
def load():
    return open("./sent").read()
def sent(path):
    task = vine.PythonTask(load)
    task.add_input(manager.declare_file(path), "sent")
    return task
def buffered(text):
    task = vine.PythonTask(load)
    task.add_input(manager.declare_buffer(text), "sent")
    return task
def told_so():
    task = vine.PythonTask(os.getcwd)
    task.set_env_var("A", "1")
    return task
def written():
    def write():
        return open("made", "w").write("some")
    task = vine.PythonTask(write)
    task.add_output(manager.declare_file("made.txt"), "made")
    return task
def draws(x): return (x, random.random())[0]
@adapter.never
def kept_out(x): return x
def raises(x): return 1 // x
K = 1
def late(x): return x + K
def by_name_alone(path):
    task = vine.PythonTask(lambda: open("sent").read())
    task.add_input(manager.declare_file(path), "sent")
    return task
computed(sent("data"))
computed(buffered("some"))
computed(written())
computed(vine.PythonTask(draws, 1), vine.PythonTask(kept_out, 2))
computed(vine.PythonTask(late, 1))
# The manager has pickled the function by now, and goes on with the old value: so does its key.
K = 5
computed(vine.PythonTask(late, 2))
manager = begin()
computed(vine.PythonTask(late, 2))
computed(by_name_alone("data"))
told.append([os.path.exists("made.txt"), []])
os.remove("made.txt")
"""


def test_p03_files_that_are_sent_count_and_what_does_more_than_return_is_sent_each_time(
    programs: Programs,
) -> None:
    (programs.folder / "data").write_text("one")
    values = [["one"], ["some"], [4], [1, 2], [2], [3], [7], ["one"], True]
    assert [found for found, _ in programs.run(FILES)] == values
    known, new, apart = [1, 1, 0], [1, 0, 1], [0, 0, 0]
    told = programs.run(FILES)
    assert [found for found, _ in told] == values
    assert [counts for _, counts in told[:-1]] == [known, known, apart, [2, 0, 2], known, known, known, new]
    (programs.folder / "data").write_text("two")
    # What is known is not sent, and is what the manager would have pickled by then all the same.
    told = programs.run(FILES.replace("late, 2", "late, 3"))
    assert told[0] == [["two"], new] and told[1] == [["some"], known]
    assert told[4:7] == [[[2], known], [[4], new], [[8], new]]


GRAPH = """
import dask
OFFSET = 1
def load(i): return list(range(i))
def total(xs): return sum(xs) + OFFSET
def last(*parts): return sum(parts)
for how in ("given", "set"):
    made = dask.delayed(last)(*[dask.delayed(total)(dask.delayed(load)(i)) for i in range(4)])
    before = totals()
    if how == "given":
        found = made.compute(scheduler=manager.get, progress_disable=True)
    else:
        with dask.config.set(scheduler=manager.get):
            found = made.compute(progress_disable=True)
    told.append([found, counted(before)])
"""


def test_graphs_on_daskvine_are_cut_where_they_are_known(programs: Programs) -> None:
    assert programs.run(GRAPH) == [[8, [9, 0, 9]], [8, [9, 9, 0]]]
    assert programs.run(GRAPH) == [[8, [9, 9, 0]], [8, [9, 9, 0]]]
    assert programs.run(GRAPH.replace("OFFSET = 1", "OFFSET = 2")) == [[12, [9, 4, 5]], [12, [9, 9, 0]]]
