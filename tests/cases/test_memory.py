"""Large memory: what comes back is mapped from the store, and still a value like any other.

Arrays here are larger than what is read instead of mapped (64 KiB), and some larger than what is hashed on one thread.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

NUMPY = "import numpy as np, ctypes, hashlib"
MAPPED = "[line.split()[-1] for line in open('/proc/self/maps') if line.rstrip().endswith('.pack')]"
"""The packs that the kernel has mapped."""

CASES = [
    Case(
        "Arrays of every kind of item",
        """
        import numpy as np
        _kinds = ['?', 'i1', 'u2', '<i4', '>i4', 'i8', 'f2', 'f4', 'f8', 'g', 'F', 'D', 'G', 'S7', 'U5', 'M8[ns]', 'm8[us]', 'V12']
        arrays = {}
        for _kind in _kinds:
            _raw = np.arange(30_000 * np.dtype(_kind).itemsize, dtype=np.int64).astype(np.uint8) % 2
            arrays[_kind] = _raw.view(_kind)
        del _kind, _raw, _kinds
        """,
        "_ = [a.__setitem__(slice(17, 19), a[1]) for a in arrays.values()]",
        [
            "[hash(a.tobytes()) is not None and __import__('hashlib').sha256(a.tobytes()).hexdigest() for a in arrays.values()]",
            "[(a.dtype.str, a.shape, a.flags.writeable, a.flags.aligned) for a in arrays.values()]",
        ],
        {"arrays": "restored"},
    ),
    Case(
        "Structured, empty, scalar, Fortran-ordered, read-only and masked arrays",
        """
        import numpy as np
        rows = np.zeros(20_000, [('a', '<i4'), ('b', '<f8'), ('c', 'S3')])
        rows['b'] = np.arange(20_000)
        none, point = np.zeros((0, 5)), np.array(7.5)
        fortran = np.asfortranarray(np.arange(90_000.0).reshape(300, 300))
        frozen = np.arange(20_000.0)
        frozen.flags.writeable = False
        masked = np.ma.masked_less(np.arange(20_000.0), 100)
        """,
        """
        rows['b'][3] = -1
        fortran[1, 2] = -1
        frozen.flags.writeable = True; frozen[5] = -1; frozen.flags.writeable = False
        masked[500] = np.ma.masked
        """,
        [
            "rows['b'].sum()",
            "fortran.sum(), fortran.flags.f_contiguous, fortran.flags.writeable",
            "frozen.sum(), frozen.flags.writeable",
            "masked.sum(), masked.count()",
            "none.shape, float(point)",
        ],
        {"rows": "restored", "fortran": "restored", "frozen": "restored", "masked": "restored"},
        kept=["none", "point"],
    ),
    Case(
        "Views, a bytearray and a memoryview over large memory",
        """
        import numpy as np
        a = np.arange(50_000.0)
        every, back, part = a[::2], a[::-1], a[1000:30_000]
        raw = bytearray(200_000)
        window = memoryview(raw)[5:]
        over = np.frombuffer(raw, np.uint8)
        """,
        "every[3] = -5; window[0] = 7",
        [
            "float(a.sum()), float(every.sum()), float(back.sum()), float(part.sum())",
            "np.shares_memory(a, every), every.base is a, back.base is a",
            "raw[5], over[5], window[0], type(raw).__name__",
        ],
        {"a": "restored", "every": "restored", "back": "restored", "part": "restored"}
        | {"raw": "restored", "window": "restored", "over": "restored"},
        probe=(
            "(a.__setitem__(6, 11.0), float(every[3]), window.__setitem__(1, 9), int(over[6]))[1::2]",
            "(11.0, 9)",
        ),
    ),
    Case(
        "An array and a frame over it, and two frames over one",
        """
        import numpy as np, pandas as pd
        matrix = np.arange(40_000.0).reshape(2, 20_000)
        shared = pd.DataFrame({'x': matrix[0], 'y': matrix[1]}, copy=False)
        column = np.arange(20_000.0)
        one = pd.Series(column, copy=False)
        first = pd.DataFrame({'a': np.arange(20_000.0)})
        second = first[:]
        times = pd.DataFrame({'t': pd.date_range('2020', periods=20_000, freq='min'), 'd': pd.timedelta_range('1s', periods=20_000)})
        kinds = pd.DataFrame({'c': pd.Categorical(['u', 'v'] * 40_000), 's': pd.array(['text', None] * 40_000, dtype='string'),
                              'o': [str(n % 7) for n in range(80_000)], 'i': pd.array([1, None] * 40_000, dtype='Int64')})
        """,
        "column[0] = 5; first.loc[1, 'a'] = -1; times.loc[0, 't'] = pd.Timestamp('1999'); kinds.loc[3, 'c'] = 'u'",
        [
            "float(column[0]), float(one.iloc[0]), np.shares_memory(column, one.to_numpy())",
            "float(first['a'].sum()), float(second['a'].sum())",
            "str(times.t[0]), str(times.d.iloc[-1])",
            "kinds.c.value_counts().to_dict(), str(kinds.dtypes.to_dict()), int(kinds.i.sum())",
        ],
        {
            "column": "restored",
            "one": "restored",
            "first": "restored",
            "times": "restored",
            "kinds": "restored",
        },
        kept=["matrix", "shared"],
        probe=("(first.__setitem__('a', 0.0), float(second['a'].sum()))[1]", "199990000.0"),
    ),
]


def packs(notebook: Notebook) -> dict[Path, bytes]:
    """What every pack holds."""
    return {path: path.read_bytes() for path in notebook.kernel.home.rglob("*.pack")}


def only_grew(before: dict[Path, bytes]) -> bool:
    """Whether packs hold what they held, and maybe more behind it."""
    return all(path.read_bytes().startswith(held) for path, held in before.items())


def begin(notebook: Notebook) -> list[str]:
    """Two states of two arrays of 16 MB, and what they sum to in the first."""
    notebook.run(
        NUMPY,
        "a = np.random.default_rng(0).random(2_000_000); b = a + 1",
        "a[5] = 9; b[7] = 9",
    )
    sums = notebook.read("float(a.sum()), float(b.sum())")
    notebook.run("%clew undo")
    return sums


def test_large_memory_is_mapped_and_small_is_read(notebook: Notebook) -> None:
    notebook.run("import numpy as np; small = np.arange(1000.0)", "small += 1")
    notebook.run("%clew undo")
    assert notebook.kernel.value(MAPPED) == []
    begin(notebook)
    assert notebook.kernel.value(MAPPED)
    assert notebook.read("a.flags.writeable, a.flags.owndata, a.ctypes.data % 16") == ["(True, False, 0)"]


WRITES = {
    "an item": "a[1_500_000] = -1",
    "a slice in place": "a[100:200] *= 2",
    "a ufunc into it": "np.add(a, 1, out=a)",
    "a memoryview": "memoryview(a)[44] = 5.5",
    "ctypes": "ctypes.memset(a.ctypes.data + 8 * 700_000, 1, 1)",
    "a byte across the seam of an edit": "a.view(np.uint8)[65_535:65_537] = 1",
    "the system, reading a file": "open('/dev/urandom', 'rb').readinto(memoryview(a)[9:11].cast('B'))",
    "a sort": "a.sort()",
    "another thread": "import threading; _t = threading.Thread(target=a.__setitem__, args=(3, 4.5)); _t.start(); _t.join()",
    "a page made read-only and writable again": (
        "_page = ctypes.c_void_p(a.ctypes.data // 4096 * 4096 + 81920); _c = ctypes.CDLL(None);"
        " _c.mprotect(_page, 4096, 1); _c.mprotect(_page, 4096, 3); ctypes.memset(_page.value, 3, 1)"
    ),
}


@pytest.mark.parametrize("how", WRITES)
def test_p03_every_way_to_write_to_mapped_memory_is_seen(notebook: Notebook, how: str) -> None:
    """Undone and redone, so that both states come out of the store again."""
    begin(notebook)
    before = packs(notebook)
    (was,) = notebook.read("hashlib.sha256(a).hexdigest()")
    notebook.run(WRITES[how])
    (written,) = notebook.read("hashlib.sha256(a).hexdigest()")
    assert written != was
    undone = notebook.move("undo")
    assert undone.word("a") == "restored"
    assert notebook.read("hashlib.sha256(a).hexdigest()") == [was]
    assert notebook.move("redo").word("a") == "restored"
    assert notebook.read("hashlib.sha256(a).hexdigest()") == [written]
    assert only_grew(before)


WRITES_BESIDES = WRITES | {
    "the system, for another process": "_m = open('/proc/self/mem', 'r+b', 0); _m.seek(a.ctypes.data + 888_888); _m.write(b'12345678'); _m.close()",
    "memory given back": (
        "_page = a.ctypes.data // 4096 * 4096 + 819_200; ctypes.CDLL(None).madvise(ctypes.c_void_p(_page), 65_536, 4)"
    ),
    "longer memory": "del b; a.resize(3_000_000, refcheck=False); a[2_500_000] = 1",
    "other memory in its place": "_n = a.size; a = None; a = np.random.default_rng(1).random(_n)",
    "memory moved there": (
        "_new = np.random.default_rng(2).random(2_000_000); _c = ctypes.CDLL(None); _c.mremap.restype = ctypes.c_void_p;"
        " _at = lambda array: ctypes.c_void_p(array.ctypes.data // 4096 * 4096 + 4_096_000);"
        " _ = _c.mremap(_at(_new), 65_536, 65_536, 3, _at(a)); _c.mmap.restype = ctypes.c_void_p;"
        " _ = _c.mmap(_at(_new), 65_536, 3, 0x32, -1, 0); del _new, _"
    ),
    "all of it": "a[:] = 3",
}
"""And to memory that was never mapped."""


@pytest.mark.few(6)
@pytest.mark.parametrize("how", WRITES_BESIDES)
def test_p03_every_way_to_write_to_watched_memory_is_seen(kernels: Callable[..., Notebook], how: str) -> None:
    """Written twice: to memory that is hashed for the first time, and to what was known since."""
    notebook = kernels(env={"CLEW_WATCH_PAGES": "yes"})
    notebook.run(NUMPY, "a = np.random.default_rng(0).random(2_000_000); b = a + 1", "other = 1", "other = 2")
    (was,) = notebook.read("hashlib.sha256(a).hexdigest()")
    notebook.run(WRITES_BESIDES[how])
    (written,) = notebook.read("hashlib.sha256(a).hexdigest()")
    assert written != was
    notebook.run("a[77] = -7")
    (last,) = notebook.read("hashlib.sha256(a).hexdigest()")
    for word, expected in (("undo", written), ("undo", was), ("redo", written), ("redo", last)):
        assert notebook.move(word).word("a") == "restored"
        assert notebook.read("hashlib.sha256(a).hexdigest()") == [expected]


def test_p03_a_child_of_a_fork_and_its_parent_write_to_watched_memory(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = kernels(env={"CLEW_WATCH_PAGES": "yes"})
    notebook.run(NUMPY, "a = np.random.default_rng(0).random(2_000_000); b = a + 1", "other = 1")
    (was,) = notebook.read("float(a.sum())")
    notebook.run(
        """
        import os
        _child = os.fork()
        if _child == 0:
            a[:] = 0
            os._exit(0 if float(a.sum()) == 0 else 1)
        a[9] = 5
        _ended = os.waitpid(_child, 0)[1]
        """,
        "a[10] = 5",
    )
    (written,) = notebook.read("_ended, float(a.sum())")
    notebook.run("%clew undo 2", "%clew redo 2")
    assert notebook.read("_ended, float(a.sum())") == [written]
    notebook.run("%clew undo 2")
    assert notebook.read("float(a.sum())") == [was]


def test_p03_a_write_that_no_cell_names_is_seen(notebook: Notebook) -> None:
    begin(notebook)
    notebook.run(
        """
        import threading
        _go = threading.Event()
        def _later(array=a):
            _go.wait()
            array[1_234_567] = -3
        _thread = threading.Thread(target=_later)
        _thread.start()
        """,
        "_go.set(); _thread.join()",
    )
    (written,) = notebook.read("hashlib.sha256(a).hexdigest()")
    notebook.run("a = None")
    notebook.run("%clew undo")
    assert notebook.read("hashlib.sha256(a).hexdigest(), float(a[1_234_567])") == [f"({written}, -3.0)"]


def test_states_that_share_blocks_share_no_memory(notebook: Notebook) -> None:
    begin(notebook)
    notebook.run("first = a; a = None", "%clew restore @-1 -- a")
    notebook.run("first[:] = 0")
    assert notebook.read("bool(a.any()), bool(first.any())") == ["(True, False)"]
    notebook.run("a[0] = 12; other = float(first[0])")
    assert notebook.read("other") == ["0.0"]


def test_a_child_writes_to_its_own_memory(notebook: Notebook) -> None:
    begin(notebook)
    before = packs(notebook)
    notebook.run(
        """
        import os
        _sum = float(a.sum())
        _child = os.fork()
        if _child == 0:
            a[:] = 0
            os._exit(0 if float(a.sum()) == 0 else 1)
        _ended = os.waitpid(_child, 0)[1]
        """
    )
    assert notebook.read("_ended, float(a.sum()) == _sum") == ["(0, True)"]
    notebook.run("a[3] = 1", "%clew undo")
    assert notebook.read("float(a.sum()) == _sum") == ["True"]
    assert only_grew(before)


def test_a_store_deleted_under_the_session_leaves_its_memory(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    begin(notebook)
    (was,) = notebook.read("hashlib.sha256(a).hexdigest(), float(b.sum())")
    store = next(notebook.kernel.home.rglob("*.pack")).parent.parent
    shutil.rmtree(store)
    assert notebook.read("hashlib.sha256(a).hexdigest(), float(b.sum())") == [was]
    notebook.run("a[:1000] = 1; kept = float(a[:1000].sum())")
    assert notebook.read("kept") == ["1000.0"]


def test_packs_that_were_unlinked_stay_mapped(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    begin(first)
    (was,) = first.read("float(b.sum())")
    for pack in first.kernel.home.rglob("*.pack"):
        pack.unlink()
    assert first.read("float(b.sum())") == [was]


def test_p03_a_truncated_pack_costs_the_value_and_not_the_kernel(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(NUMPY, "a = np.arange(2_000_000.0)", "kept = [1]; a = None")
    # Else the capture of the last cell, which follows its reply, finds the pack cut and begins another session.
    notebook.kernel.settle()
    largest = max(packs(notebook), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.truncate(9_000_000)
    report = notebook.move("undo")
    assert report.word("a") in ("lost", "rerun")
    if report.word("a") == "rerun":
        assert notebook.read("float(a.sum())") == ["1999999000000.0"]


def test_p03_a_byte_flipped_under_the_session_is_never_handed_over(kernels: Callable[..., Notebook]) -> None:
    """Also not where the session wrote the block itself and has no reason to hash it again but that the file changed."""
    notebook = kernels()
    notebook.run(NUMPY, "a = np.arange(2_000_000.0)", "a[7] = -1", "%clew undo", "%clew redo")
    largest = max(packs(notebook), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.seek(8_000_000)
        byte = file.read(1)
        file.seek(8_000_000)
        file.write(bytes([byte[0] ^ 1]))
    # The next run is written to the same pack: that must not make the flip look like the session's own.
    notebook.run("other = np.ones(100_000)", "a = None")
    report = notebook.move("undo")
    assert report.word("a") in ("lost", "rerun", "not_identical")
    if report.word("a") != "lost":
        assert notebook.read("float(a[8]), float(a.sum())") == ["(8.0, 1999998999992.0)"]


def test_p04_memory_that_is_not_to_be_had_refuses_the_move(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(NUMPY, "little = [0]; a = np.ones(60_000_000)", "a = None; little = [1]")
    notebook.run(
        """
        import resource
        _limits = resource.getrlimit(resource.RLIMIT_AS)
        _used = int(open('/proc/self/statm').read().split()[0]) * 4096
        resource.setrlimit(resource.RLIMIT_AS, (_used + 200_000_000, _limits[1]))
        """
    )
    assert "not enough memory" in notebook.run("%clew undo 2").stderr
    assert notebook.read("a, little") == ["(None, [1])"]
    notebook.run("resource.setrlimit(resource.RLIMIT_AS, _limits)")
    notebook.move("undo 3")
    assert notebook.read("float(a.sum()), little") == ["(60000000.0, [0])"]


def test_load_verify_off_compares_fingerprints_and_finds_a_flipped_byte(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels(env={"CLEW_LOAD_VERIFY": "no"})
    first.run(NUMPY, "a = np.arange(2_000_000.0); b = np.arange(1_000_000.0)", "c = 1")
    first.kernel.kill()
    second = kernels(env={"CLEW_LOAD_VERIFY": "no"})
    second.run("%clew resume")
    assert second.read("float(a.sum()), float(b.sum())") == ["(1999999000000.0, 499999500000.0)"]
    second.kernel.kill()
    largest = max(packs(second), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.seek(12_000_000)
        file.write(b"flipped!")
    third = kernels(env={"CLEW_LOAD_VERIFY": "no"})
    report = third.move("resume")
    assert report.word("a") in ("lost", "rerun", "not_identical")
    if "a" in third.names():
        assert third.read("float(a.sum())") == ["1999999000000.0"]
    assert third.read("float(b.sum())") == ["499999500000.0"]
