"""Live objects that cannot be stored and are bound in both states: they stay bound, the very same objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cases.story import Notebook, Report

NOT_VERIFIED = "unverified"


@dataclass(frozen=True)
class Live:
    """A live object `h`: the cell that makes it, one that uses it, and an expression that is true as long as it works."""

    make: str
    use: str
    works: str


LIVE = {
    "a connection and its cursor": Live(
        "import sqlite3\nh = sqlite3.connect(':memory:')",
        "other = h.cursor()",
        "h.execute('select 1').fetchone() == (1,)",
    ),
    "a connection that was only read": Live(
        "import sqlite3\nh = sqlite3.connect(':memory:')",
        "other = h.execute('select 2').fetchall()",
        "h.execute('select 1').fetchone() == (1,)",
    ),
    "a connection that was written to": Live(
        "import sqlite3\nh = sqlite3.connect(':memory:')",
        "other = h.execute('create table t (n)')",
        "h.execute('select count(*) from t').fetchone() == (0,)",
    ),
    "a cursor": Live(
        "import sqlite3\nh = sqlite3.connect(':memory:').cursor()",
        "other = h.execute('select 3')",
        "h.fetchone() in [(3,), None]",
    ),
    "a DuckDB connection": Live(
        "import duckdb\nh = duckdb.connect()",
        "other = h.execute('select 1').fetchall()",
        "h.execute('select 1').fetchall() == [(1,)]",
    ),
    "a file": Live(
        "h = open({folder!r} + '/out.txt', 'w')", "_ = h.write('text')", "h.writable() and not h.closed"
    ),
    "a file with a CSV writer": Live(
        "h = open({folder!r} + '/out.csv', 'w')", "import csv\nother = csv.writer(h)", "not h.closed"
    ),
    "a file that was read": Live(
        "h = open({folder!r} + '/data.txt')", "other = h.readline()", "h.tell() >= 0"
    ),
    "a queue": Live(
        "import queue\nh = queue.Queue()", "other = h.qsize()", "(h.put(1), h.get()) == (None, 1)"
    ),
    "a simple queue": Live("import queue\nh = queue.SimpleQueue()", "h.put(1)", "h.qsize() == 1"),
    "a lock": Live(
        "import threading\nh = threading.Lock()",
        "with h:\n    other = 1",
        "(h.acquire(), h.release()) == (True, None)",
    ),
    "an event": Live("import threading\nh = threading.Event()", "h.set()", "h.is_set()"),
    "a condition": Live(
        "import threading\nh = threading.Condition()",
        "with h:\n    h.notify_all()",
        "(h.acquire(), h.release()) == (True, None)",
    ),
    "a barrier": Live("import threading\nh = threading.Barrier(1)", "other = h.wait()", "h.wait() == 0"),
    "a thread": Live(
        "import threading\nstop = threading.Event()\nh = threading.Thread(target=stop.wait, daemon=True)\nh.start()",
        "other = h.is_alive()",
        "h.is_alive()",
    ),
    "a pool of threads": Live(
        "from concurrent.futures import ThreadPoolExecutor\nh = ThreadPoolExecutor(1)",
        "other = h.submit(len, 'ab').result()",
        "h.submit(len, 'ab').result() == 2",
    ),
    "a pair of sockets": Live(
        "import socket\nh, k = socket.socketpair()",
        "other = h.send(b'a')",
        "h.fileno() > 0 and k.recv(1) == b'a' and h.send(b'a') == 1",
    ),
    "a generator": Live("h = (n for n in range(100))", "other = next(h)", "next(h) > 0"),
    "a generator over a list": Live(
        "items = [1, 2, 3] * 9\nh = (n for n in items)", "other = next(h)", "next(h) > 0"
    ),
    "a process": Live(
        "import subprocess\nh = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)",
        "_ = h.stdin.write('line\\n')\nh.stdin.flush()\nother = h.stdout.readline()",
        "h.poll() is None",
    ),
    "a pipe of a process": Live(
        "import subprocess\np = subprocess.Popen(['cat'], stdin=subprocess.PIPE)\nh = p.stdin",
        "_ = h.write(b'')",
        "not h.closed",
    ),
    "a task": Live(
        "import asyncio\nh = asyncio.ensure_future(asyncio.sleep(1000))", "other = h.done()", "not h.done()"
    ),
    "an event loop": Live(
        "import asyncio\nh = asyncio.new_event_loop()", "other = h.is_running()", "not h.is_closed()"
    ),
    "an asynchronous queue": Live("import asyncio\nh = asyncio.Queue()", "h.put_nowait(1)", "h.qsize() == 1"),
    "a context": Live(
        "import contextvars\nh = contextvars.copy_context()", "other = len(h)", "h.run(len, 'ab') == 2"
    ),
    "a session of requests": Live(
        "import requests\nh = requests.Session()",
        "other = h.hooks['response']",
        "h.headers['Accept'] == '*/*'",
    ),
    "an HTTP connection": Live(
        "import http.client\nh = http.client.HTTPConnection('localhost', 9)", "other = h.port", "h.port == 9"
    ),
    "mapped memory": Live("import mmap\nh = mmap.mmap(-1, 16)", "h[0] = 1", "h[0] == 1"),
    "an archive": Live(
        "import zipfile\nh = zipfile.ZipFile({folder!r} + '/a.zip', 'w')",
        "h.writestr('a', 'b')",
        "h.namelist() == ['a']",
    ),
    "a handler of logs": Live(
        "import logging\nh = logging.StreamHandler()", "h.setLevel(10)", "h.level == 10"
    ),
    "a temporary folder": Live(
        "import os, tempfile\nh = tempfile.TemporaryDirectory()", "other = h.name", "os.path.isdir(h.name)"
    ),
    "a temporary file": Live(
        "import tempfile\nh = tempfile.NamedTemporaryFile()", "_ = h.write(b'a')", "h.write(b'a') == 1"
    ),
    "a running digest": Live(
        "import hashlib\nh = hashlib.sha256()", "h.update(b'a')", "len(h.hexdigest()) == 64"
    ),
    "a running compression": Live(
        "import zlib\nh = zlib.compressobj()",
        "other = h.compress(b'a')",
        "isinstance(h.compress(b'a'), bytes)",
    ),
    "a widget": Live("import ipywidgets\nh = ipywidgets.IntSlider()", "h.value = 3", "h.value == 3"),
    "values of one thread": Live("import threading\nh = threading.local()", "h.x = 1", "h.x == 1"),
    "an object that refuses to be pickled": Live(
        "class Raw:\n    def __init__(self):\n        self.count = 0\n    def __reduce_ex__(self, protocol):\n        raise TypeError('no')\nh = Raw()",
        "h.count += 1",
        "h.count == 1",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "data.txt").write_text("line 1\nline 2\nline 3\n")
    return folder


def check_stays(notebook: Notebook, report: Report, live: Live, identity: dict[str, int]) -> None:
    """The name is bound to the very same object, which works, and the report says how sure it is."""
    assert report.word("h") == "unchanged", report.why("h")
    assert notebook.identities(["h"]) == identity
    assert notebook.read(live.works) == ["True"]


@pytest.mark.parametrize("live", LIVE.values(), ids=LIVE.keys())
def test_a_live_object_that_was_used_stays_bound(notebook: Notebook, folder: Path, live: Live) -> None:
    notebook.run("x = [1]", live.make.format(folder=str(folder)))
    identity = notebook.identities(["h"])
    notebook.run(live.use + "\nx.append(2)")
    report = notebook.move("undo")
    check_stays(notebook, report, live, identity)
    assert report.data["at"] == report.data["to"], report.data
    assert "h" in report.unverified and report.why("h").startswith(NOT_VERIFIED)
    assert notebook.read("x") == ["[1]"] and "other" not in notebook.names()
    check_stays(notebook, notebook.move("redo"), live, identity)
    assert notebook.read("x") == ["[1, 2]"]
    assert notebook.move("undo 2").word("h") == "removed"
    check_stays(notebook, notebook.move("redo 2"), live, identity)


@pytest.mark.parametrize("live", LIVE.values(), ids=LIVE.keys())
def test_a_list_gives_a_live_object_back_that_was_appended(
    notebook: Notebook, folder: Path, live: Live
) -> None:
    notebook.run(live.make.format(folder=str(folder)) + "\nbox = ['first']", "box.append(h)")
    identity = notebook.identities(["h"])
    report = notebook.move("undo")
    assert notebook.identities(["h"]) == identity and report.word("h") == "unchanged"
    assert notebook.read("box") == ["['first']"] and report.word("box") == "restored"
    notebook.move("redo")
    assert notebook.identities(["h"]) == identity
    assert notebook.read("len(box), box[0], box[1] is h") == ["(2, 'first', True)"]


def test_an_image_that_is_being_read_stays_and_can_be_read(notebook: Notebook, folder: Path) -> None:
    path = str(folder / "i.png")
    notebook.run(f"from PIL import Image\nImage.new('L', (2, 2)).save({path!r})\nh = Image.open({path!r})")
    identity = notebook.identities(["h"])
    notebook.run("size = h.size")
    assert notebook.move("undo").word("h") == "unchanged"
    assert notebook.identities(["h"]) == identity
    assert notebook.read("h.getpixel((0, 0))") == ["0"]


def test_a_live_object_stays_on_every_branch(notebook: Notebook) -> None:
    notebook.run("import sqlite3\nconn = sqlite3.connect(':memory:')\n_ = conn.execute('create table t (n)')")
    identity = notebook.identities(["conn"])
    base = notebook.at()
    notebook.run("cur = conn.cursor()\n_ = conn.execute('insert into t values (1)')")
    one = notebook.at()
    notebook.move(f"switch {base}")
    notebook.run("rows = conn.execute('select * from t').fetchall()")
    other = notebook.at()
    for place in [one, other, base, one, base, other]:
        report = notebook.move(f"switch {place}")
        assert report.word("conn") == "unchanged", report.why("conn")
        assert notebook.identities(["conn"]) == identity
        assert notebook.read("conn.execute('select count(*) from t').fetchone()") == ["(1,)"]
        if place == one:
            assert notebook.read("cur.connection is conn") == ["True"]


def test_a_live_object_comes_back_to_its_name_from_another_one(notebook: Notebook) -> None:
    notebook.run("import sqlite3\nconn = sqlite3.connect(':memory:')")
    identity = notebook.identities(["conn"])
    notebook.run("old = conn\nconn = sqlite3.connect(':memory:')")
    report = notebook.move("undo")
    assert report.word("conn") == "unchanged" and "old" not in notebook.names()
    assert notebook.identities(["conn"]) == identity
    notebook.move("redo")
    assert notebook.read("old is conn") == ["False"]
    assert notebook.identities(["old"]) == {"old": identity["conn"]}


def test_another_object_under_the_name_is_no_live_object_of_before(notebook: Notebook) -> None:
    notebook.run("import threading\nh = threading.Lock()", "h = threading.Lock()")
    report = notebook.move("undo")
    assert report.word("h") == "lost" and "h" not in notebook.names()


def test_a_list_around_a_live_object_stays_where_it_cannot_be_restored(notebook: Notebook) -> None:
    notebook.run("import threading\npool = [threading.Lock()]")
    identity = notebook.identities(["pool"])
    notebook.run("free = pool[0].locked()")
    report = notebook.move("undo")
    assert report.word("pool") == "unchanged" and "pool" in report.unverified
    assert notebook.identities(["pool"]) == identity


def test_plain_data_beside_a_live_object_is_kept_for_sure(notebook: Notebook) -> None:
    """As `lgb.Dataset(X)` does: it holds the array, and nothing of it can be stored."""
    notebook.run(
        """
        import numpy as np, threading
        class Dataset:
            def __init__(self, data):
                self.data, self.lock = data, threading.Lock()
        X = np.arange(6.0)
        """,
        "ds = Dataset(X)",
    )
    identity = notebook.identities(["X", "ds"])
    notebook.run("n = len(ds.data)")
    report = notebook.move("undo")
    assert report.word("X") == report.word("ds") == "unchanged"
    assert report.unverified >= {"ds"} and "X" not in report.unverified
    assert notebook.identities(["X", "ds"]) == identity
    report = notebook.move("undo")
    assert report.word("ds") == "removed"
    assert notebook.read("X.tolist()") == ["[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]"]
    notebook.move("redo")
    assert notebook.read("ds.data is X") == ["True"]


@dataclass(frozen=True)
class Attached:
    """A live object `w` that refers to a stored `buf`: the cell that makes both, one that changes `buf`, and whether `w` has it."""

    make: str
    use: str
    has_it: str


#: Since Python 3.15, a generator holds the list itself, and not an iterator over it.
GOES_THROUGH = "any(one is buf for it in [w.gi_frame.f_locals['.0']] for one in [it, *__import__('gc').get_referents(it)])"
ATTACHED = {
    "a hook of a session": Attached(
        "import requests\nw = requests.Session()\nbuf = w.hooks['response']",
        "buf.append(print)",
        "w.hooks['response'] is buf",
    ),
    "parameters of a session": Attached(
        "import requests\nw = requests.Session()\nbuf = w.params",
        "buf.update(b=2, a=1)",
        "w.params is buf",
    ),
    "a list that a generator goes through": Attached(
        "buf = [1, 2, 3]\nw = (n for n in buf)\n_ = next(w)",
        "buf.append(4)",
        GOES_THROUGH,
    ),
    "a list under two names": Attached(
        "buf = again = []\nw = (n for n in buf)",
        "buf.append(4)",
        f"{GOES_THROUGH} and buf is again",
    ),
    "a queue of a thread": Attached(
        "import collections, threading\nbuf = collections.deque([1], 9)\nw = threading.Timer(9999, len, [buf])",
        "buf.append(4)",
        "w.args[0] is buf",
    ),
    "the text that a handler of logs writes": Attached(
        "import io, logging\nbuf = io.StringIO()\nw = logging.StreamHandler(buf)",
        "_ = buf.write('line')",
        "w.stream is buf",
    ),
    "the bytes that a file writes": Attached(
        "import io\nbuf = io.BytesIO()\nw = io.BufferedWriter(buf)",
        "_ = buf.write(b'line')",
        "w.raw is buf",
    ),
}

#: What can't take the contents of another object exactly.
REPLACED = {
    "a set": Attached(
        "import threading\nbuf = {1}\nw = threading.Timer(9999, len, [buf])", "buf.add(2)", "w.args[0] is buf"
    ),
    "an array": Attached(
        "import threading, numpy as np\nbuf = np.arange(3)\nw = threading.Timer(9999, len, [buf])",
        "buf[0] = 9",
        "w.args[0] is buf",
    ),
    "a list that something stored refers to": Attached(
        "import threading\nbuf = [1]\nbox = {'b': buf}\nw = threading.Timer(9999, len, [buf])",
        "buf.append(2)",
        "w.args[0] is buf",
    ),
    "a list that holds itself": Attached(
        "import threading\nbuf = [1]\nbuf.append(buf)\nw = threading.Timer(9999, len, [buf])",
        "buf.append(2)",
        "w.args[0] is buf",
    ),
    "an array in a dict of one that is live": Attached(
        "import numpy as np, threading\nbuf = np.arange(3)\nw = threading.Timer(9999, len, [{'x': {'y': buf}}])",
        "buf[0] = 9",
        "w.args[0]['x']['y'] is buf",
    ),
    "an array that numpy goes through": Attached(
        "import numpy as np\nbuf = np.arange(3)\nw = np.nditer(buf)", "buf[0] = 9", "w.operands[0] is buf"
    ),
    "an array that numpy goes through in two loops": Attached(
        "import numpy as np\nbuf = np.arange(4).reshape(2, 2).copy()\nw = np.nested_iters(buf, [[0], [1]])",
        "buf[0] = 9",
        "w[1].operands[0] is buf",
    ),
    "the flags of an array": Attached(
        "import numpy as np\nbuf = np.arange(3)\nw, there = buf.flags, id(buf)",
        "buf[0] = 9",
        "id(buf) == there",
    ),
    "bytes in which a pattern is searched for": Attached(
        "import re\nbuf = bytearray(b'abbb')\nw, there = re.finditer(b'b', buf), id(buf)",
        "buf[0] = 98",
        "id(buf) == there",
    ),
    "bytes in which a scanner searches": Attached(
        "import re\nbuf = bytearray(b'abbb')\nw, there = re.compile(b'b').scanner(buf), id(buf)",
        "buf[0] = 98",
        "id(buf) == there",
    ),
    "bytes that are unpacked": Attached(
        "import struct\nbuf = bytearray(b'abbb')\nw, there = struct.iter_unpack('b', buf), id(buf)",
        "buf[0] = 98",
        "id(buf) == there",
    ),
    "an array that Arrow reads": Attached(
        "import numpy as np, pyarrow as pa\nbuf = np.arange(3)\nw, there = pa.BufferReader(buf), id(buf)",
        "buf[0] = 9",
        "id(buf) == there",
    ),
    "an array that C has a pointer to": Attached(
        "import ctypes, numpy as np\nbuf = np.arange(3.0)\nw = buf.ctypes.data_as(ctypes.POINTER(ctypes.c_double))",
        "buf[0] = 9",
        "w._arr is buf",
    ),
    "an array at the address that a pointer has": Attached(
        "import ctypes, numpy as np\nbuf = np.arange(3.0)\nthere = id(buf)\n"
        "w = ctypes.cast(buf.ctypes.data, ctypes.POINTER(ctypes.c_double))",
        "buf[0] = 9",
        "id(buf) == there",
    ),
    "memory of C's that a pointer points to": Attached(
        "import ctypes\nbuf = (ctypes.c_int * 2)(1, 2)\nw, there = ctypes.pointer(buf), id(buf)",
        "buf[0] = 9",
        "id(buf) == there",
    ),
    "memory of C's that is handed over": Attached(
        "import ctypes\nbuf = (ctypes.c_int * 2)(1, 2)\nw = ctypes.byref(buf)", "buf[0] = 9", "w._obj is buf"
    ),
}


GENERATOR = "def made():\n    yield 1; yield 2; yield 3"
#: Live objects that classes and modules hold: cells that make them, one that uses them, and what uses them next.
BESIDES = {
    "a connection of a class": (
        "import sqlite3\nclass DB:\n    con = sqlite3.connect(':memory:')\n    con.execute('create table t (n)')\n"
        "    def add(self, n): self.con.execute('insert into t values (?)', (n,))\ndb = DB()",
        "db.add(1)",
    ),
    "a generator of a class, by a method": (
        GENERATOR + "\nclass K:\n    b = made()\n    def work(self): return next(self.b)\nk = K()",
        "_ = k.work()",
    ),
    "the same, read from the class": (GENERATOR + "\nclass K: b = made()", "_ = next(K.b)"),
    "a property": (
        GENERATOR + "\nclass K:\n    b = made()\n    @property\n    def one(self): return next(K.b)\nk = K()",
        "_ = k.one",
    ),
    "a method of the class": (
        GENERATOR
        + "\nclass K:\n    b = made()\n    @classmethod\n    def one(cls): return next(cls.b)\nk = K()",
        "_ = k.one()",
    ),
    "the class below": (
        GENERATOR + "\nclass B: q = made()\nclass K(B): pass\nk = K()",
        "_ = next(k.q)",
    ),
    "a default argument of a method": (
        GENERATOR + "\nclass K:\n    def work(self, q=made()): return next(q)\nk = K()",
        "_ = k.work()",
    ),
    "instances in a list": (
        GENERATOR
        + "\nclass K:\n    b = made()\n    def work(self): return next(self.b)\nall_of_them = [K()]",
        "_ = all_of_them[0].work()",
    ),
    "behind a function": (
        GENERATOR + "\nclass K: b = made()\ndef work(): return next(K.b)",
        "_ = work()",
    ),
    "a module of the standard library": (
        GENERATOR + "\nimport math\nmath.held = made()",
        "_ = next(math.held)",
    ),
}


@pytest.mark.parametrize("case", BESIDES.values(), ids=BESIDES.keys())
def test_a_live_object_that_a_class_or_a_module_holds_is_not_verified_once_it_was_used(
    notebook: Notebook, case: tuple[str, str]
) -> None:
    make, use = case
    notebook.run(make)
    made = notebook.at()
    notebook.run("x = 1")
    report = notebook.move(f"switch {made}")
    assert not report.unverified, report.data
    notebook.run(use, "x = 1")
    report = notebook.move(f"switch {made}")
    assert any(report.why(name).startswith(NOT_VERIFIED) for name in report.unverified), report.data
    # Such a run is no run that changed nothing.
    notebook.run(use, "x = 1")
    assert notebook.move("undo 2").data["skipped"] == 0


#: The same in modules of the user's own: their text, a cell that uses what lives there, and an expression that holds as long as it is whole.
KEPT_BY_MODULES = {
    "queue": ("import queue\nq = queue.Queue()\n", "m.q.put(1)", "m.q.qsize() >= 0"),
    "local": ("import threading\nq = threading.local()\n", "m.q.x = 1", "True"),
    "digest": ("import hashlib\nq = hashlib.md5()\n", "m.q.update(b'1')", "len(m.q.digest()) == 16"),
    "generator": (GENERATOR + "\nq = made()\n", "_ = next(m.q)", "m.q.gi_frame is not None"),
    # What the one has stored the other has none of: it stays, with the contents that it had.
    "wrapper": (
        "import io\nraw = io.BytesIO()\nq = io.TextIOWrapper(raw, write_through=True)\n",
        "_ = m.q.write('one')",
        "m.q.buffer is m.raw and m.raw.getvalue() == b'' and (m.q.write('two'), m.raw.getvalue())[1] == b'two'",
    ),
    "list": (
        "def going(a):\n    while True: yield len(a)\na = [1, 2]\nq = going(a)\n",
        "m.a.append(3); _ = next(m.q)",
        "next(m.q) == 2 and (m.a.append(4), next(m.q))[1] == 3",
    ),
}


@pytest.mark.parametrize("kind", KEPT_BY_MODULES)
def test_a_live_object_of_a_module_of_the_users_is_not_verified_and_keeps_what_it_refers_to(
    notebook: Notebook, kind: str
) -> None:
    text, use, is_whole = KEPT_BY_MODULES[kind]
    (notebook.kernel.cwd / f"keeps_{kind}.py").write_text(text)
    notebook.run(f"import keeps_{kind} as m")
    made = notebook.at()
    notebook.run("x = 1")
    report = notebook.move(f"switch {made}")
    assert not report.unverified, report.data
    notebook.run(use, "x = 1")
    report = notebook.move(f"switch {made}")
    held = f"module_attribute:keeps_{kind}.q"
    assert report.unverified == {held}, report.data
    assert report.why(held).startswith(NOT_VERIFIED)
    assert notebook.kernel.value(is_whole) is True


#: Objects over one piece of memory that is nobody's alone: cells that make `one` and `other`, and what changes both.
OVER_MEMORY = {
    "shared memory": (
        "from multiprocessing import shared_memory\none = shared_memory.SharedMemory(create=True, size=64)\n"
        "other = np.ndarray((8,), 'u1', buffer=one.buf)",
        "one.buf[0] = 5",
    ),
    "shared memory, through the array": (
        "from multiprocessing import shared_memory\nother = shared_memory.SharedMemory(create=True, size=64)\n"
        "one = np.ndarray((8,), 'u1', buffer=other.buf)",
        "one[0] = 5",
    ),
    "a mapping": (
        "import mmap\none = mmap.mmap(-1, 4096)\nother = np.frombuffer(one, 'u1', 8)",
        "one[:2] = b'ZZ'",
    ),
    "a mapping, through the array": (
        "import mmap\nother = mmap.mmap(-1, 4096)\none = np.frombuffer(other, 'u1', 8)",
        "one[0] = 9",
    ),
    "a part of a mapped array": (
        "one = np.memmap({folder!r} + '/mapped', 'u1', 'w+', shape=(16,))\nother = one[1:3]",
        "one[1] = 5",
    ),
    "a mapped array, through a part in a dict": (
        "other = np.memmap({folder!r} + '/mapped', 'u1', 'w+', shape=(16,))\none = {{'part': other[1:3]}}",
        "one['part'][0] = 5",
    ),
}


@pytest.mark.parametrize("case", OVER_MEMORY.values(), ids=OVER_MEMORY.keys())
def test_all_objects_over_one_piece_of_memory_are_not_verified_once_one_was_used(
    notebook: Notebook, folder: Path, case: tuple[str, str]
) -> None:
    make, use = case
    notebook.run("import numpy as np", make.format(folder=str(folder)), use, "x = 1")
    report = notebook.move("undo 2")
    assert {"one", "other"} <= set(report.unverified), report.data


@pytest.mark.parametrize("case", ATTACHED.values(), ids=ATTACHED.keys())
def test_what_a_live_object_refers_to_takes_the_restored_contents_and_stays(
    notebook: Notebook, case: Attached
) -> None:
    # The second time what was set aside, were it so, would be equal to what the first time left.
    for _ in range(2):
        notebook.run(case.make)
        identity = notebook.identities(["w", "buf"])
        shown = (
            "buf if isinstance(buf, (list, dict)) or hasattr(buf, 'maxlen') else (buf.getvalue(), buf.tell())"
        )
        before = notebook.read(shown)
        notebook.run(case.use)
        after = notebook.read(shown)
        assert before != after
        for move, expected in (("undo", before), ("redo", after), ("undo", before), ("redo", after)):
            report = notebook.move(move)
            assert report.word("w") == "unchanged" and report.word("buf") == "restored"
            assert report.why("buf") == "None"
            assert notebook.read(shown, case.has_it) == [*expected, "True"]
            assert notebook.identities(["w", "buf"]) == identity


@pytest.mark.parametrize("case", REPLACED.values(), ids=REPLACED.keys())
def test_a_restored_object_that_a_live_one_does_not_see_is_named(notebook: Notebook, case: Attached) -> None:
    for _ in range(2):
        notebook.run(case.make)
        identity = notebook.identities(["w", "buf"])
        notebook.run(case.use)
        for _ in range(2):
            report = notebook.move("undo")
            assert report.word("w") == "unchanged" and report.word("buf") == "restored"
            assert notebook.read(case.has_it) == ["False"]
            assert "not attached: w " in report.why("buf"), report.why("buf")
            report = notebook.move("redo")
            assert notebook.read(case.has_it) == ["True"], report.why("buf")
            assert notebook.identities(["w", "buf"]) == identity


@pytest.mark.parametrize(
    ("before", "after"), [("1", "2"), ("None", "True"), ("()", "''"), ("int", "str"), ("'a'", "'b'")]
)
def test_a_restored_value_that_everybody_shares_is_not_said_to_be_unattached(
    notebook: Notebook, before: str, after: str
) -> None:
    start = "import threading\nw = threading.Thread(target=threading.Event().wait, daemon=True)\nw.start()"
    notebook.run(start, f"y = {before}", f"y = {after}")
    for move, value in (("undo", before), ("redo", after), ("undo", before)):
        report = notebook.move(move)
        assert report.word("w") == "unchanged"
        assert (report.word("y") in ("restored", "unchanged"), report.why("y")) == (True, "None")
        assert notebook.read(f"y == {value}") == ["True"]


ELSEWHERE = {
    "an iterator": "import numpy as np\nother = np.arange(3)\nw = np.nditer(other)",
    "a scanner": "import re\nother = bytearray(b'abc')\nw = re.compile(b'b').scanner(other)",
    "a pointer": "import ctypes\nother = (ctypes.c_int * 2)(1, 2)\nw = ctypes.pointer(other)",
    "a pointer to nothing": "import ctypes\nw = ctypes.POINTER(ctypes.c_int)()",
    "a reader": "import pyarrow as pa\nw = pa.BufferReader(b'abc')",
    "an iterator that is closed": "import numpy as np\nw = np.nditer(np.arange(3))\nw.close()",
}


@pytest.mark.parametrize("make", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_live_object_that_reads_other_memory_is_not_named(notebook: Notebook, make: str) -> None:
    notebook.run(make, "import numpy as np\narray, data, word = np.arange(3), bytearray(b'abc'), [1]")
    notebook.run("array[0] = data[0] = 9\nword.append(w)")
    report = notebook.move("undo")
    assert report.word("w") == "unchanged"
    for name in ("array", "data", "word"):
        assert (report.word(name), report.why(name)) == ("restored", "None")


def test_a_live_object_of_before_never_silently_loses_what_it_refers_to(notebook: Notebook) -> None:
    """Runs of the same cells leave equal values: what is set aside of one is nothing that the live object of another one has."""
    case = REPLACED["a set"]
    states = [notebook.at()]
    for _ in range(2):
        for cell in (case.make, case.use):
            notebook.run(cell)
            states.append(notebook.at())
    seen = set()
    for state in [3, 1, 4, 2, 3, 4, 2, 0, 4, 3, 0, 3, 1, 0, 4]:
        report = notebook.move(f"switch {states[state]}")
        # The cell that ran again bound another one, and nothing held the first: it is lost in what that left.
        if state in (3, 4):
            [has_it] = notebook.read(case.has_it)
            seen.add(has_it)
            assert has_it == "True" or "not attached: w " in report.why("buf"), (state, report.why("buf"))
        else:
            assert report.words.get("w") in ("lost", "removed", None), (state, report.words)
    assert seen == {"True", "False"}


def test_a_csv_writer_over_a_buffer_comes_back_with_it(notebook: Notebook) -> None:
    notebook.run("import csv, io\nbuf = io.StringIO()\nw = csv.writer(buf)", "_ = w.writerow([1])")
    for move, before in (("undo", ""), ("redo", "1\\r\\n"), ("undo", "")):
        assert notebook.move(move).word("w") == "restored"
        assert notebook.read("buf.getvalue()") == [f"'{before}'"]
    assert notebook.read("(w.writerow([2]), buf.getvalue())[1]") == ["'2\\r\\n'"]


def test_what_a_cell_only_used_is_made_again_by_the_cell_that_made_it(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    first.run(
        "import threading",
        "h = threading.Lock()",
        "was = h.locked()\nargument = 3",
        "again = h.locked()",
    )
    first.kill()
    second = kernels()
    report = second.move("resume --rerun")
    assert report.word("h") == "rerun", report.why("h")
    assert "h" in report.unverified
    assert second.read("h.acquire()") == ["True"]


def test_a_session_of_parsl_stays_while_apps_are_in_flight(
    kernels: Callable[..., Notebook], folder: Path
) -> None:
    notebook = kernels()
    notebook.run(
        f"""
        import parsl
        from parsl.config import Config
        from parsl.executors.threads import ThreadPoolExecutor
        dfk = parsl.load(Config(executors=[ThreadPoolExecutor(max_threads=1)], run_dir={str(folder)!r}))
        @parsl.python_app
        def double(number):
            import time
            time.sleep(1)
            return 2 * number
        """,
        "x = [1]",
    )
    identity = notebook.identities(["dfk"])
    notebook.run("x.append(2)\nfuture = double(len(dfk.executors))")
    report = notebook.move("undo")
    assert report.word("dfk") == "unchanged" and report.word("x") == "restored"
    assert notebook.identities(["dfk"]) == identity
    notebook.run("future = double(4)")
    assert notebook.read("future.result()") == ["8"]
    notebook.run("dfk.cleanup()")
