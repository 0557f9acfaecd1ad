"""What becomes of results: damaged ones, those of strangers, two writers at once, and which are worth a file."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest
from programs import Programs, ended

from clew import tasks
from clew.tasks import Kept, Place

pytest.importorskip("dask")

CHAIN = """
def first(n):
    return list(range(n))
def second(xs):
    return sum(xs)
computed(dask.delayed(second)(dask.delayed(first)(1000)), scheduler="sync")
"""


DAMAGE = """
from pathlib import Path
def first(n):
    return list(range(n))
def second(xs):
    return sum(xs)
def flipped(whole):
    return bytes([whole[0] ^ 1]) + whole[1:-1] + bytes([whole[-1] ^ 1])
for kind in ("entries", "results"):
    for damage in (lambda whole: whole[:-1], flipped, lambda whole: b"", None):
        computed(dask.delayed(second)(dask.delayed(first)(1000)), scheduler="sync")
        for path in list((Path(os.environ["STORE"]) / "tasks" / kind).rglob("*")):
            if path.is_file() and damage:
                path.write_bytes(damage(path.read_bytes()))
            elif path.is_file():
                path.unlink()
computed(dask.delayed(second)(dask.delayed(first)(1000)), scheduler="sync")
computed(dask.delayed(second)(dask.delayed(first)(1000)), scheduler="sync")
"""


def test_what_is_cut_short_changed_emptied_or_gone_is_computed_again(tmp_path: Path) -> None:
    assert Programs(tmp_path).counts(DAMAGE) == [[2, 0, 2]] * 9 + [[2, 2, 0]]


def test_p12_a_result_that_a_stranger_signed_is_never_unpickled(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    assert programs.run(CHAIN, config="another")[0][2] == [2, 0, 2]
    assert programs.counts(CHAIN) == [[2, 0, 2]]
    assert programs.counts(CHAIN) == [[2, 2, 0]]


def test_two_processes_that_write_at_once_leave_one_sound_result_each(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    both = [programs.begin(CHAIN), programs.begin(CHAIN)]
    assert [ended(one)[0][:2] for one in both] == [[499500, 499500]] * 2
    assert programs.counts(CHAIN) == [[2, 2, 0]]
    assert len(programs.files("entries")) == len(programs.files("results")) == 2


@pytest.mark.long
def test_quick_tasks_are_kept_only_where_somebody_asks_for_them(tmp_path: Path) -> None:
    # Far from what a task that does nothing takes, on however busy a machine.
    programs, much = Programs(tmp_path, quick=None), {"CLEW_TASKS_QUICK": "1000"}
    assert programs.counts(CHAIN, **much) == [[2, 0, 2]]
    assert len(programs.files("entries")) == 1
    assert programs.counts(CHAIN, **much) == [[2, 2, 0]]
    slow = CHAIN.replace("    return list", "    import time\n    time.sleep(1.1)\n    return list")
    programs.counts(slow, **much)
    assert programs.counts(slow.replace("sum(xs)", "sum(xs) + 1"), **much) == [[2, 1, 1]]
    # Every other one, where the user wants that.
    for plus, known in ((2, 0), (3, 1)):
        counted = programs.counts(CHAIN.replace("sum(xs)", f"sum(xs) + {plus}"), CLEW_TASKS_QUICK="0")
        assert counted == [[2, known, 2 - known]]


def test_large_results_and_those_that_do_not_pickle_are_not_kept(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "store"), str(tmp_path / "config"), most=1000, quick=0.0)
    Place.here(place.store, place.config)
    for number, (made, is_kept) in enumerate(
        [(b"x" * 900, True), (b"x" * 1100, False), ((i for i in ()), False)]
    ):
        key = bytes([number]) * 32
        assert Kept(lambda made=made: made, place, key, is_last=True)() is made
        assert (tasks.known(place, key) is not None) == is_kept


def test_what_no_longer_unpickles_counts_as_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place.here(str(tmp_path / "store"), str(tmp_path / "config"), quick=0.0)
    Kept(lambda: [1, 2], place, bytes(32), is_last=True)()
    found = tasks.known(place, bytes(32))
    assert found is not None and found.value == [1, 2]

    def fails(_: bytes) -> None:
        raise pickle.UnpicklingError

    monkeypatch.setattr(pickle, "loads", fails)
    assert tasks.known(place, bytes(32)) is None


def test_an_encrypted_store_holds_results_encrypted(tmp_path: Path) -> None:
    programs = Programs(tmp_path)
    secret = CHAIN.replace("list(range(n))", "['a secret that nobody may read'] * n").replace(
        "sum(xs)", "len(xs)"
    )
    assert programs.counts(secret, CLEW_STORE_ENCRYPT="true") == [[2, 0, 2]]
    assert programs.counts(secret) == [[2, 2, 0]]
    found = [path.read_bytes() for path in programs.files("results")]
    assert len(found) == 2 and not any(b"secret" in one for one in found)


def test_a_worker_without_clew_runs_the_task_and_keeps_nothing() -> None:
    sent = cloudpickle.dumps(Kept(len, Place("store", "config", 1), bytes(32), is_last=True))
    assert type(pickle.loads(sent)) is Kept and pickle.loads(sent).function is len
    program = "import sys; sys.modules['clew'] = None\nimport pickle; print(pickle.loads(sys.stdin.buffer.read())('four'))"
    ran = subprocess.run([sys.executable, "-c", program], input=sent, capture_output=True, check=True)
    assert ran.stdout.split() == [b"4"]
