"""Libraries draw from Python's own generator for their housekeeping. That has no cell executed again, and never gives what was not drawn."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from run.desk import Desk, code_cells, outcomes

from clew.roots import generators

RESTORED, EXECUTED = "restored", "executed"
SCHEDULER = (
    "from dask.distributed import Client, LocalCluster\nimport dask.array as da\nimport dask.bag as db\nfrom dask import delayed",
    "cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes={processes}, dashboard_address=None)",
    "client = Client(cluster)",
)
ON_DASK = (
    "def square(x):\n    return x * x",
    "futures = client.map(square, range(10))",
    "sum(client.gather(futures))",
    "float(da.ones((100, 100), chunks=(50, 50)).sum().compute())",
    "delayed(square)(7).compute()",
    "db.from_sequence(range(30), npartitions=2).map(square).compute()[-1]",
)
PARSL = (
    "import parsl\nfrom parsl import python_app\nfrom parsl.config import Config\nfrom parsl.executors.threads import ThreadPoolExecutor",
    "dfk = parsl.load(Config(executors=[ThreadPoolExecutor(max_threads=2)]))",
    "@python_app\ndef double(x):\n    return 2 * x",
    "[double(x).result() for x in range(3)]",
)
OWN = ("@python_app\ndef tripled(x):\n    import mine\n    return mine.triple(x)", "tripled(5).result()")
DRAWS = "import random\nrandom.random()"
SEEDS = "import random\nrandom.seed({})"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def shown(out: object) -> list[str]:
    """What each cell showed."""
    results = [
        [output["data"]["text/plain"] for output in cell["outputs"] if "data" in output]
        for cell in code_cells(out)
    ]
    return ["".join("".join(text) for text in texts) for texts in results]


def ran(desk: Desk, *cells: str) -> tuple[list[str], list[str]]:
    """Runs a notebook of these cells; what became of each, and what each shows."""
    desk.notebook("a", *cells)
    typed = desk.run("a.ipynb", "out.ipynb")
    assert typed.exit == 0, typed
    out = desk.read("out.ipynb")
    return outcomes(out), shown(out)


def plain(desk: Desk, *cells: str) -> list[str]:
    """What each cell shows where papermill runs all of them."""
    desk.notebook("plain", *cells)
    typed = desk.papermill("plain.ipynb", "plain-out.ipynb")
    assert typed.exit == 0, typed
    return shown(desk.read("plain-out.ipynb"))


@pytest.mark.few(1)
@pytest.mark.parametrize("processes", [False, True])
def test_cells_that_use_a_cluster_are_restored(desk: Desk, processes: bool) -> None:
    cells = [one.replace("{processes}", str(processes)) for one in (*SCHEDULER, *ON_DASK)]
    _, first = ran(desk, *cells)
    told, second = ran(desk, *cells)
    # The cluster and its client live, so their cells run.
    assert told == [RESTORED, EXECUTED, EXECUTED] + [RESTORED] * len(ON_DASK)
    assert second == first
    # An edited cell finds the cluster.
    cells[-4] = "sum(client.gather(futures)) + client.submit(square, 9).result()"
    told, third = ran(desk, *cells)
    assert (told[-4], third[-4]) == (EXECUTED, "366")


def test_cells_that_call_apps_are_restored(desk: Desk) -> None:
    (desk.folder / "mine.py").write_text("def triple(x):\n    return 3 * x\n")
    cells = (*PARSL, *OWN)
    _, first = ran(desk, *cells)
    told, second = ran(desk, *cells)
    assert told == [RESTORED, EXECUTED, RESTORED, RESTORED, RESTORED, RESTORED]
    assert second == first
    # And not when the module that only the app imports was edited.
    (desk.folder / "mine.py").write_text("def triple(x):\n    return 30 * x\n")
    told, third = ran(desk, *cells)
    assert (told[-1], third[-1]) == (EXECUTED, "150")


def test_p03_a_cell_that_draws_beside_a_library_is_executed(desk: Desk) -> None:
    both = "import random\n(double(1).result(), random.random())"
    _, first = ran(desk, *PARSL, both, DRAWS)
    told, second = ran(desk, *PARSL, both, DRAWS)
    assert told[-2:] == [EXECUTED, EXECUTED]
    assert not set(first[-2:]) & set(second[-2:])


def test_p03_a_library_draws_from_what_a_cell_seeded(desk: Desk) -> None:
    # Nothing decides the generator: the app's cell is restored without it.
    ran(desk, *PARSL, DRAWS)
    for seed in (0, 1):
        # A seed is put in front, and edited: the library draws once a call from what is seeded.
        cells = (SEEDS.format(seed), *PARSL, DRAWS)
        expected = plain(desk, *cells)
        for _ in range(2):
            told, found = ran(desk, *cells)
            assert found == expected
        assert told[-2:] == [RESTORED, RESTORED]


def test_p03_what_a_library_draws_for_the_cell_counts(desk: Desk) -> None:
    cells = (
        "from dask.sizeof import sizeof",
        "sizeof([b'x' * (i * i) for i in range(1000)])",
        "import distributed.scheduler as scheduler",
        "scheduler.random.random()",
    )
    _, first = ran(desk, *cells)
    told, second = ran(desk, *cells)
    assert told == [RESTORED, EXECUTED, RESTORED, EXECUTED]
    assert first[-1] != second[-1]


def test_p03_the_state_that_no_cell_decided_is_asked_for_in_each_run(desk: Desk) -> None:
    cells = (
        "import random",
        "hash(random.getstate())",
        "kept = random.getstate()\nrandom.setstate(kept)",
        "random.random()",
        "random.seed(3)\nrandom.random()",
        "random.random()",
    )
    _, first = ran(desk, *cells)
    told, second = ran(desk, *cells)
    assert told == [RESTORED, EXECUTED, EXECUTED, EXECUTED, RESTORED, RESTORED]
    assert (first[1] != second[1], first[3] != second[3], first[4:] == second[4:]) == (True, True, True)


def test_a_batch_whose_generator_no_cell_decided_goes_on_elsewhere(desk: Desk) -> None:
    ran(desk, "import random\nn = 7", "n + 1")
    typed = desk.clew("eval", "@", "n + (random.random() < 1)", "--history", "a.ipynb", "--json")
    assert typed.exit == 0, typed
    assert typed.json["value"] == "8"


def test_a_state_that_no_cell_decided_is_any_such_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> list[object]:
        return [state for _, name, state in generators.collect(None) if name == "random"]

    before = random.getstate()
    monkeypatch.setattr(generators, "_undecided", None)
    try:
        assert found() != [None]
        # A process that gets it keeps its own.
        generators.install(None, "random", None)
        assert (found(), random.getstate()) == ([None], before)
        random.random()
        (decided,) = found()
        assert decided is not None
        # And undo goes back to it.
        generators.install(None, "random", None)
        assert (found(), random.getstate()) == ([None], before)
        generators.install(None, "random", decided)
        assert found() == [decided]
    finally:
        random.setstate(before)
