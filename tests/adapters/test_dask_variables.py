"""Variables that hold what lives on a cluster of Dask: what comes back in the next kernel, and what is said of the rest."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import Kernel, wait_for
from run.desk import Desk, outcomes
from schedulers import Scheduler

from clew.secrets import is_secret

pytest.importorskip("distributed")
pytest.importorskip("pandas")

IMPORTS = """
import dask, dask.array as da, dask.bag as db, dask.dataframe as dd, pandas as pd
from distributed import Client, LocalCluster, Lock, Queue, Variable, wait
def twice(x): return x * 2
"""
LOCAL = """
here = {
    "array": (da.ones((4, 4), chunks=2) + 1).persist(scheduler="sync"),
    "bag": db.from_sequence(range(4), npartitions=2).map(twice).persist(scheduler="sync"),
    "delayed": dask.delayed(twice)(21).persist(scheduler="sync"),
    "frame": dd.from_pandas(pd.DataFrame({"a": range(4)}), npartitions=2).persist(scheduler="sync"),
}
"""
REMOTE = """
array = (da.ones((4, 4), chunks=2) + 1).persist()
later = array + 1
bag = db.from_sequence(range(4), npartitions=2).map(twice).persist()
delayed = dask.delayed(twice)(21).persist()
frame = dd.from_pandas(pd.DataFrame({"a": range(4)}), npartitions=2).persist()
future = client.submit(twice, 5)
many = client.map(twice, [1, 2])
class Box: pass
box = Box()
box.client, box.number = client, 42
a_lock = Lock("one")
done = len(wait([array, bag, delayed, frame, future, *many]).done)
"""
COMPUTED = (
    "(float(array.sum().compute({how})), float(later.sum().compute({how})), bag.compute({how}), "
    "delayed.compute({how}), int(frame.a.sum().compute({how})), future.result(), [one.result() for one in many])"
)
VALUES = (32.0, 48.0, [0, 2, 4, 6], 42, 6, 10, [2, 4])
ALONE = COMPUTED.format(how="scheduler='sync'")


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    one = Scheduler()
    yield one
    one.end()


@pytest.fixture
def notebook(kernels: Callable[..., Kernel], tmp_path: Path) -> Callable[..., Kernel]:
    """Starts kernels of one notebook."""
    return lambda **settings: kernels(notebook=tmp_path / "a.ipynb", env=settings)


@pytest.fixture
def kernel(notebook: Callable[..., Kernel]) -> Kernel:
    return notebook()


def resumed(kernel: Kernel, meanwhile: Callable[[], None] = lambda: None) -> str:
    """Kills the kernel and brings its last state back in a new one; what was said."""
    kernel.settle()
    kernel.restart()
    meanwhile()
    said = kernel.clew("resume").raised().text
    assert said.startswith("Resumed"), said
    return said


def test_p03_persisted_collections_come_back_where_no_cluster_ever_was(kernel: Kernel) -> None:
    kernel.run(IMPORTS).raised()
    kernel.run(LOCAL).raised()
    # What is only planned comes back, too.
    kernel.run("doubled = dask.delayed(twice)\nplanned = doubled(doubled(1)).real").raised()
    assert "lost" not in (said := resumed(kernel)) and "not_identical" not in said, said
    assert kernel.value(
        "(float(here['array'].sum().compute()), here['bag'].compute(), here['delayed'].compute(), "
        "int(here['frame'].a.sum().compute()), planned.compute(), doubled(4).compute())"
    ) == (32.0, [0, 2, 4, 6], 42, 6, 4, 8)


def test_p12_names_of_tasks_are_no_credentials_and_what_lies_in_a_graph_may_be_one() -> None:
    def fetch(url: str, token: str = "") -> str:
        return url + token

    import dask

    assert is_secret("planned", dask.delayed(fetch)("here")) is None
    assert is_secret("planned", dask.delayed(fetch)("here", "ghp_" + "a1B2" * 9)) is not None


@pytest.mark.long
def test_p03_clients_meet_the_same_scheduler_another_one_or_none_and_results_are_there_each_time(
    kernel: Kernel, scheduler: Scheduler
) -> None:
    kernel.run(IMPORTS).raised()
    kernel.run(f"client = Client({scheduler.address!r})").raised()
    kernel.run(REMOTE).raised()

    said = resumed(kernel)
    assert "lost" not in said and "not_identical" not in said, said
    assert kernel.value(COMPUTED.format(how="")) == VALUES
    # A result that came back goes where the client is.
    assert kernel.value(
        "(client.submit(twice, future).result(), client.gather(many), box.client is client)"
    ) == (
        20,
        [2, 4],
        True,
    )
    assert kernel.value("(a_lock.acquire(timeout=1), a_lock.release())") == (True, True)

    def begin_again() -> None:
        scheduler.end()
        scheduler.begin()

    # A client that lives to see it goes over to the other one by itself, and is recorded as that one's.
    said = resumed(kernel, begin_again)
    assert f"another scheduler answers at {scheduler.address}" in said and "lost" not in said, said
    assert kernel.value(COMPUTED.format(how="")) == VALUES
    assert kernel.value("client.submit(twice, future).result()") == 20

    scheduler.end()
    said = resumed(kernel)
    assert f"no scheduler answers at {scheduler.address}" in said and "lost" not in said, said
    assert kernel.value(ALONE) == VALUES
    assert kernel.value("(box.number, box.client is client)") == (42, True)
    used = kernel.run("client.submit(twice, 1)")
    assert used.ename == "ConnectionError" and "Rerun the cell that connects" in used.evalue
    assert "not properly initialized" in kernel.run("a_lock.acquire(timeout=1)").evalue

    # It is what it was before as soon as somebody answers there again.
    scheduler.begin()
    assert f"another scheduler answers at {scheduler.address}" in resumed(kernel)
    assert kernel.value("client.submit(twice, 3).result()") == 6
    # Who only looks asks nobody.
    told = kernel.clew("eval @ box.number").raised().text
    assert told.startswith("42") and "a sandbox process cannot connect to a cluster" in told

    kernel.run("client.close()").raised()
    assert "lost" not in (said := resumed(kernel)), said
    assert "which was closed" in kernel.value("repr(client)") and kernel.value("box.number") == 42


@pytest.mark.long
def test_somebody_who_never_answers_is_asked_once_and_given_up(kernel: Kernel, scheduler: Scheduler) -> None:
    kernel.run(IMPORTS + f"one = Client({scheduler.address!r})").raised()
    kernel.run(f"other = [Client({scheduler.address!r}), 5]").raised()
    kernel.settle()
    kernel.restart()
    scheduler.end()
    host, _, port = scheduler.address.removeprefix("tcp://").rpartition(":")
    met: list[socket.socket] = []
    with socket.create_server((host, int(port))) as mute:

        def accept() -> None:
            while True:
                try:
                    met.append(mute.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        said = kernel.clew("resume").raised().text
        assert said.count(f"no scheduler answers at {scheduler.address}") >= 1
        assert kernel.value("(other[1], type(one).__name__, type(other[0]).__name__)") == (
            5,
            "StandIn",
            "StandIn",
        )
        assert len(met) == 1, "each attempt takes up to two seconds"
    for one in met:
        one.close()


def test_a_cluster_of_the_kernel_is_started_again_with_as_many_workers(kernel: Kernel) -> None:
    kernel.run(IMPORTS).raised()
    kernel.run(
        "cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None)\n"
        "client = Client(cluster)\nkept = client.submit(twice, 4)\ndone = len(wait(kept).done)"
    ).raised()
    said = resumed(kernel)
    assert "the cluster was restarted with 2 workers" in said and "lost" not in said, said
    assert kernel.value(
        "(client.cluster is cluster, client.submit(twice, kept).result(), kept.result())"
    ) == (
        True,
        16,
        8,
    )
    wait_for(lambda: kernel.value("len(cluster.workers)") == 2, "the workers did not start")


def test_redo_brings_the_live_client_and_future_back_and_no_others(
    kernel: Kernel, scheduler: Scheduler
) -> None:
    kernel.run(IMPORTS).raised()
    kernel.run(
        f"client = Client({scheduler.address!r})\nfuture = client.submit(twice, 5)\narray = da.ones(4).persist()"
    ).raised()
    before = kernel.value("(id(client), id(future))")
    kernel.clew("undo").raised()
    assert kernel.value("'client' in globals() or 'future' in globals()") is False
    kernel.clew("redo").raised()
    assert kernel.value("(id(client), id(future))") == before
    # What holds live futures is built around them.
    assert kernel.value("float(array.sum().compute())") == 4.0
    assert kernel.value("(future.result(), client.submit(twice, future).result())") == (10, 20)


def test_what_is_too_large_not_finished_or_failed_is_not_kept_and_it_is_said_why(
    notebook: Callable[..., Kernel], scheduler: Scheduler, tmp_path: Path
) -> None:
    kernel = notebook(CLEW_TASKS_FETCH_MB="1")
    kernel.run(IMPORTS + f"client = Client({scheduler.address!r})").raised()
    kernel.run(
        "def until(path):\n    import os, time\n    while not os.path.exists(path): time.sleep(0.01)\n    return 7\n"
        f"def fails(): raise ValueError\nlarge = (da.ones(500_000) + 1).persist()\nfailed = client.submit(fails)\n"
        f"waiting = client.submit(until, {str(tmp_path / 'go')!r})\ndone = len(wait([large, failed]).done)"
    ).raised()
    said = kernel.clew("vars").raised().text
    assert "a result on a cluster of 4 MB; Clew fetches at most 1 MB in total (`tasks.fetch_mb`)" in said, (
        said
    )
    assert "a result on a cluster that is an error: its task failed" in said
    assert "a result on a cluster that is not finished yet" in said
    (tmp_path / "go").touch()
    kernel.run("waiting.result()").raised()
    # A key that is given to another task stands for what that came to.
    kernel.run("again = client.submit(twice, 1, key='k')\nfirst = again.result()").raised()
    kernel.run("del again").raised()
    kernel.run("again = client.submit(twice, 9, key='k')\nsecond = again.result()").raised()
    assert "2 lost: failed (" in (said := resumed(kernel)), said
    scheduler.end()
    assert kernel.value("(waiting.result(), again.result() == second)") == (7, True)


@pytest.mark.long
def test_of_results_that_the_cache_has_only_the_keys_are_kept(
    notebook: Callable[..., Kernel], scheduler: Scheduler
) -> None:
    kernel = notebook(CLEW_TASKS_CACHE="true", CLEW_TASKS_FETCH_MB="0")
    kernel.run(IMPORTS + f"client = Client({scheduler.address!r})").raised()
    kernel.run(
        "array = (da.ones((4, 4), chunks=2) + 1).persist()\nlater = array + 1\n"
        "delayed = dask.delayed(twice)(21).persist()\nfuture = client.submit(twice, 5)\n"
        "done = len(wait([array, delayed, future]).done)"
    ).raised()
    kernel.settle()
    scheduler.end()
    said = resumed(kernel)
    assert "lost" not in said, said
    told = "(float(array.sum().compute()), float(later.sum().compute()), delayed.compute(), future.result())"
    assert kernel.value(told) == (32.0, 48.0, 42, 10)


def test_a_cell_that_reads_a_client_is_not_run_again_for_another_address(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    desk = Desk(tmp_path)
    desk.notebook(
        "a",
        "from distributed import Client\nclient = Client(open('address').read())",
        "def twice(x): return x * 2",
        "total = sum(client.gather(client.map(twice, range(4))))\ntotal",
    )
    outcomes_of = []
    for _ in range(2):
        (desk.folder / "address").write_text(scheduler.address)
        ran = desk.run("a.ipynb", "out.ipynb")
        assert ran.exit == 0, ran
        outcomes_of.append(outcomes(desk.read("out.ipynb")))
        scheduler.end()
        # At another port.
        scheduler.address = ""
        scheduler.begin()
    assert outcomes_of == [["executed"] * 3, ["executed", "restored", "restored"]]
