"""Tasks of `distributed`: what clients submit, map, compute and persist, with workers that keep the results themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import Programs

distributed = pytest.importorskip("distributed")

PROGRAM = """
import numpy as np
import dask.array as da
from distributed import Client, wait
client = Client(os.environ["ADDRESS"])
RAN, FACTOR = os.environ["RAN"], 2
seen = 0
def ran():
    with open("/dev/shm/" + RAN, "a") as file:
        file.write("x")
def told_of(found):
    global seen
    counted, seen = tasks.counts()[seen:], len(tasks.counts())
    told.append([found, [sum(getattr(one, word) for one in counted) for word in ("total", "hit", "run")]])
def double(x):
    ran()
    return x * FACTOR
def add(a, b):
    ran()
    return a + b
def zeros(n):
    ran()
    return np.zeros(n)
def total(a):
    ran()
    return float(a.sum())
one = client.submit(double, 21)
told_of(client.submit(add, one, 1).result())
told_of(client.gather(client.map(double, range(4))))
kept = dask.delayed(zeros)(400_000).persist()
told_of(dask.delayed(total)(kept).compute())
told_of(client.compute(dask.delayed(total)(dask.delayed(add)(kept, 1))).result())
x = (da.ones((100, 100), chunks=(50, 50)) + 1).persist()
told_of(float((x + x.T).sum().compute()))
with dask.annotate(workers=[list(client.scheduler_info()["workers"])[0]]):
    placed = dask.delayed(add)(1, 2)
told_of(placed.compute(optimize_graph=False))
client.close()
"""

#: Where tasks note that they ran. What lies there is no file to Clew: a task that writes one would run each time.
RAN = Path(f"/dev/shm/clew-ran-{os.getpid()}")
VALUES = [43, [0, 2, 4, 6], 0.0, 400_000.0, 40_000.0, 3]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a scheduler with two workers."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def recorded(address: str, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """A store in which the program was run once."""
    programs = Programs(tmp_path_factory.mktemp("cluster"))
    assert run(programs, PROGRAM, address)[0] == VALUES
    assert ran() == 11
    return programs


def run(programs: Programs, program: str, address: str) -> tuple[list[Any], list[list[int]]]:
    told = programs.run(program, ADDRESS=address, RAN=RAN.name)
    return [found for found, _ in told], [counted for _, counted in told]


def ran() -> int:
    """How many tasks really ran since the last time."""
    count = len(RAN.read_text()) if RAN.exists() else 0
    RAN.unlink(missing_ok=True)
    return count


def test_workers_keep_what_they_compute_and_the_next_process_runs_nothing(
    recorded: Programs, address: str
) -> None:
    values, counted = run(recorded, PROGRAM, address)
    assert values == VALUES
    assert [left for _, _, left in counted] == [0] * 6
    # What says where it is to run goes its way untouched.
    assert ran() == 1 and counted[5] == [0, 0, 0]


def test_an_edit_runs_again_what_it_reaches_on_the_workers(recorded: Programs, address: str) -> None:
    values, counted = run(
        recorded,
        PROGRAM.replace(
            'FACTOR = os.environ["RAN"], 2',
            'FACTOR = os.environ["RAN"], 3',
        ),
        address,
    )
    assert values[:2] == [64, [0, 3, 6, 9]]
    assert [left for _, _, left in counted] == [2, 4, 0, 0, 0, 0]
    assert ran() == 2 + 4 + 1


EFFECTS = """
from distributed import Client
client = Client(os.environ["ADDRESS"])
def written(path, text):
    with open(path, "w") as file:
        file.write(text)
    return text
def read(folder): return open(os.path.join(folder, "in")).read()
folder = os.getcwd()
told.append([client.submit(written, folder + "/out", "a").result(), client.submit(read, folder).result()])
told.append([[one.run for one in tasks.counts()]])
client.close()
"""


def test_p12_workers_keep_nothing_of_tasks_that_open_what_their_keys_do_not_tell_of(
    address: str, tmp_path: Path
) -> None:
    programs = Programs(tmp_path)
    for text in ("one", "two"):
        (tmp_path / "in").write_text(text)
        values, counted = programs.run(EFFECTS, ADDRESS=address)
        assert values == ["a", text] and counted == [[1, 1]]
        (tmp_path / "out").unlink()


def test_a_result_that_goes_between_the_look_and_the_load_is_computed(
    recorded: Programs, address: str
) -> None:
    gone = """
from pathlib import Path
real = tasks.known
def known_and_then_gone(place, key):
    found = real(place, key)
    for path in (Path(place.store) / "tasks/results").rglob("*"):
        if path.is_file() and path.stat().st_size > 1_000_000:
            path.unlink()
    return found
tasks.known = known_and_then_gone
"""
    body = PROGRAM.replace("def total(a):\n    ran()", "def total(a):\n    ran() or ran()")
    values, _ = run(recorded, body.replace("one = client", gone + "one = client", 1), address)
    assert values == VALUES


def test_a_client_of_an_unknown_version_still_has_compute_cached(address: str, tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    body = """
from distributed.client import Client
adapter.disable()
real = Client._graph_to_futures
def other(self, *arguments, **options):
    return real(self, *arguments, **options)
Client._graph_to_futures = other
import clew.adapters.dask
said = []
adapter.warn = said.append
enable()
client = Client(os.environ["ADDRESS"])
def double(x):
    return x * 2
computed(dask.delayed(double)(4))
told.append([client.submit(double, 5).result(), 10, [len(said) > 0, 0, 0]])
client.close()
"""
    first, second = (programs.counts(body, ADDRESS=address) for _ in range(2))
    assert (first[0], second[0]) == ([1, 0, 1], [1, 1, 0])
    assert second[1][0] is True


SHUFFLED = """
import pandas as pd
import dask.dataframe as dd
from distributed import Client
client = Client(os.environ["ADDRESS"])
rows = dd.from_pandas(pd.DataFrame({"k": [0, 1, 2, 3] * 5, "v": range(20)}), npartitions=4)
found = rows.groupby("k").v.apply(lambda one: one.max(), meta=("v", "i8")).compute()
told.append([sorted(found.tolist()), [0, 0, 0]])
client.close()
"""


def test_p12_a_shuffle_runs_as_a_whole_after_an_edit(address: str, tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    assert run(programs, SHUFFLED, address)[0] == [[16, 17, 18, 19]]
    assert run(programs, SHUFFLED.replace("max()", "min()"), address)[0] == [[0, 1, 2, 3]]
    assert run(programs, SHUFFLED, address)[0] == [[16, 17, 18, 19]]


IN_PROCESS = """
import numpy as np
from distributed import Client, Queue, Variable, get_worker
client = Client(processes=False, dashboard_address=None)
values = np.zeros(2)
queue, shared = Queue("numbers"), Variable("shared")
for number in range(3):
    queue.put(number)
def grown(a):
    a[0] += 1
    return float(a[0])
def here(x): return get_worker().address and x
def double(x): return 2 * x
for n in range(2):
    values[:] = 0
    shared.set(n)
    told.append([client.submit(grown, values, pure=False).result(), float(values[0])])
    told.append(client.submit(lambda: Variable("shared").get(), pure=False).result())
    told.append(client.submit(lambda q: q.get(), queue, pure=False).result())
    told.append(client.submit(here, 1, pure=False).result())
    told.append(client.submit(double, 4, pure=False).result())
told.append(sum(one.hit for one in tasks.counts()))
client.close()
"""


def test_p12_what_workers_share_with_the_session_or_with_each_other_is_done_each_time(tmp_path: Path) -> None:
    *told, known = Programs(tmp_path).run(IN_PROCESS)
    assert told == [[1.0, 1.0], 0, 0, 1, 8, [1.0, 1.0], 1, 1, 1, 8]
    assert known == 1
