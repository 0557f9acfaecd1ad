"""What a notebook that is run again may meet: other folders, variables, kernels, and what other tools get wrong."""

from __future__ import annotations

import http.server
import json
import os
import platform
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from run.desk import Desk, code_cells, outcomes

RESTORED, EXECUTED = "restored", "executed"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("cases"))


def out(name: str) -> str:
    """Where outcomes go: not into folders that cells look into."""
    return str(Path(tempfile.gettempdir(), f"clew-cases-{os.getpid()}-{name}.ipynb"))


def ran(desk: Desk, name: str, *words: str, **options: Any) -> list[str]:
    """Runs a notebook; what became of its cells. The outputs are those of running all of it, which it did where it restored none."""
    typed = desk.run(f"{name}.ipynb", out("out"), *words, **options)
    assert typed.exit == 0, typed
    told = outcomes(desk.read(out("out")))
    if RESTORED not in told:
        return told
    plain = desk.papermill(f"{name}.ipynb", out("plain"), *words, **options)
    assert plain.exit == 0, plain
    assert shown(desk.read(out("out"))) == shown(desk.read(out("plain")))
    return told


def shown(notebook: Any) -> list[Any]:
    return [
        [{key: value for key, value in output.items() if key != "metadata"} for output in cell["outputs"]]
        for cell in code_cells(notebook)
    ]


def reasons(desk: Desk, name: str, *words: str, **options: Any) -> dict[int, str]:
    """Why cells would run, by number."""
    planned = desk.run(f"{name}.ipynb", "--plan", "--json", *words, **options).json["cells"]
    return {cell["number"]: "; ".join(cell["why"]) for cell in planned if cell["outcome"] == EXECUTED}


def test_p03_an_environment_variable_counts_where_it_is_read(desk: Desk) -> None:
    cells = (
        "import os",
        "mode = os.environ.get('CLEW_CASE_MODE', 'fast')\nmode",
        "def level():\n    return os.getenv('CLEW_CASE_LEVEL')",
        "level()",
        "os.environ['CLEW_CASE_SET'] = 'here'",
        "os.environ['CLEW_CASE_SET']",
        "len(str(os.environ.get('JPY_SESSION_NAME'))) > 0",
    )
    desk.notebook("variables", *cells)
    assert ran(desk, "variables") == [EXECUTED] * 7
    assert ran(desk, "variables") == [RESTORED] * 7
    slow = {"CLEW_CASE_MODE": "slow"}
    assert reasons(desk, "variables", env=slow) == {2: 'environment variable CLEW_CASE_MODE not set → "slow"'}
    assert ran(desk, "variables", env=slow) == [RESTORED, EXECUTED, *[RESTORED] * 5]
    assert ran(desk, "variables", env={"CLEW_CASE_LEVEL": "2"})[3] == EXECUTED
    # What a cell set is the session's, whatever it was outside.
    assert ran(desk, "variables", env={"CLEW_CASE_SET": "there"}) == [RESTORED] * 7


def test_p11_a_variable_that_may_be_a_credential_is_not_kept_and_its_reader_runs(desk: Desk) -> None:
    desk.notebook("secret", "import os\nlength = len(os.environ['CLEW_CASE_API_KEY'])")
    key = {"CLEW_CASE_API_KEY": "sk-live-" + "4eC39HqLyjWDarjtT1zdp7dc"}
    assert desk.run("secret.ipynb", "out.ipynb", env=key).exit == 0
    assert "does not record" in reasons(desk, "secret", env=key)[1]
    for path in desk.home.rglob("*"):
        assert not path.is_file() or key["CLEW_CASE_API_KEY"].encode() not in path.read_bytes()


def test_p03_a_copy_in_another_folder_runs_what_is_another_there(desk: Desk) -> None:
    folder = desk.folder / "first"
    folder.mkdir()
    (folder / "rows.csv").write_text("1\n2\n")
    (folder / "mine.py").write_text("def double(x):\n    return 2 * x\n")
    cells = (
        "rows = [int(line) for line in open('rows.csv')]",
        "import mine\nmine.double(sum(rows))",
        "import os\nos.path.basename(os.getcwd())",
        "sum(rows)",
    )
    source = desk.notebook("first/copied", *cells)
    assert ran(desk, "copied", **at(folder)) == [EXECUTED] * 4
    assert ran(desk, "copied", **at(folder)) == [RESTORED] * 4
    second = desk.folder / "second"
    shutil.copytree(folder, second)
    assert ran(desk, "copied", **at(second)) == [RESTORED, RESTORED, EXECUTED, RESTORED]
    assert ran(desk, "copied", **at(second)) == [RESTORED] * 4
    # Each folder's own file counts from now on.
    (second / "rows.csv").write_text("1\n2\n3\n")
    assert ran(desk, "copied", **at(second)) == [EXECUTED, EXECUTED, RESTORED, EXECUTED]
    assert ran(desk, "copied", **at(folder)) == [RESTORED] * 4
    third = desk.folder / "third"
    third.mkdir()
    shutil.copy(source, third / "copied.ipynb")
    (third / "rows.csv").write_text("5\n")
    shutil.copy(folder / "mine.py", third)
    told = ran(desk, "copied", **at(third))
    assert told == [EXECUTED, EXECUTED, EXECUTED, EXECUTED]


def at(folder: Path) -> dict[str, Any]:
    """Options with which something runs in a folder."""
    return {"cwd": folder}


def test_p03_the_same_notebook_from_another_directory_finds_other_files(desk: Desk) -> None:
    (desk.folder / "rows.txt").write_text("one")
    other = desk.folder / "other"
    other.mkdir()
    (other / "rows.txt").write_text("two")
    desk.notebook("whence", "open('rows.txt').read()")
    assert ran(desk, "whence") == [EXECUTED]
    assert ran(desk, "whence", "--cwd", str(other)) == [EXECUTED]
    assert ran(desk, "whence") == [RESTORED]


def test_p03_a_cell_that_goes_to_another_directory(desk: Desk) -> None:
    inner = desk.folder / "inner"
    inner.mkdir()
    (inner / "rows.txt").write_text("inside")
    cells = ("import os", "os.chdir('inner')", "open('rows.txt').read()", "os.getcwd()[-5:]", "2")
    desk.notebook("goes", *cells)
    assert ran(desk, "goes") == [EXECUTED] * 5
    assert ran(desk, "goes") == [RESTORED] * 5
    (inner / "rows.txt").write_text("otherwise")
    assert ran(desk, "goes") == [RESTORED, RESTORED, EXECUTED, RESTORED, RESTORED]
    desk.notebook("goes", cells[0], "pass", *cells[2:])
    (desk.folder / "rows.txt").write_text("outside")
    assert ran(desk, "goes")[2] == EXECUTED


def test_p03_a_file_that_comes_into_a_listed_folder_counts(desk: Desk) -> None:
    listed = desk.folder / "listed"
    listed.mkdir()
    (listed / "a.csv").write_text("1")
    cells = (
        "import glob, os",
        "sorted(glob.glob('listed/*.csv'))",
        "os.path.exists('listed/flag.txt')",
        "from pathlib import Path\nPath('listed/done.txt').is_file()",
    )
    desk.notebook("lists", *cells)
    assert ran(desk, "lists") == [EXECUTED] * 4
    assert ran(desk, "lists") == [RESTORED] * 4
    (listed / "b.csv").write_text("2")
    assert ran(desk, "lists") == [RESTORED, EXECUTED, RESTORED, RESTORED]
    (listed / "flag.txt").write_text("")
    (listed / "done.txt").write_text("")
    assert ran(desk, "lists") == [RESTORED, EXECUTED, EXECUTED, EXECUTED]


def test_p03_what_own_modules_ask_counts(desk: Desk) -> None:
    (desk.folder / "asking.py").write_text(
        "import time\n\ndef stamp():\n    return time.time() > 0\n\ndef plain():\n    return 7\n"
    )
    desk.notebook("asks", "import asking", "asking.stamp()", "asking.plain()")
    assert ran(desk, "asks") == [EXECUTED] * 3
    assert ran(desk, "asks") == [RESTORED, EXECUTED, RESTORED]


def test_p06_an_address_is_asked_again(desk: Desk) -> None:
    with served("a,b\n1,2\n") as address:
        desk.notebook(
            "fetches", "from urllib.request import urlopen", f"text = urlopen('{address}').read()", "text"
        )
        assert ran(desk, "fetches") == [EXECUTED] * 3
        assert reasons(desk, "fetches") == {
            2: "it used the network",
            3: "`text` comes from cell 2, which runs",
        }
        assert ran(desk, "fetches") == [RESTORED, EXECUTED, RESTORED]
        # Whoever knows that it stays the same says so, for one cell or for all.
        assert reasons(desk, "fetches", "--stale") == {}


@contextmanager
def served(text: str) -> Iterator[str]:
    """A web page of this machine."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def test_outputs_that_were_cleared_come_back_and_ids_are_no_matter(desk: Desk) -> None:
    path = desk.notebook("cleared", "a = 3", "a * 2", "print(a)")
    assert ran(desk, "cleared") == [EXECUTED] * 3
    notebook = json.loads(path.read_text())
    for number, cell in enumerate(notebook["cells"]):
        cell["id"], cell["outputs"] = f"renamed-{number}", []
    path.write_text(json.dumps(notebook))
    assert ran(desk, "cleared") == [RESTORED] * 3


def test_hash_seeds_and_kernels_are_no_matter(desk: Desk) -> None:
    cells = (
        "names = {'a', 'b', 'c', 'd'}",
        "len(names)",
        "table = {name: 1 for name in sorted(names)}\ntable",
    )
    desk.notebook("seeds", *cells)
    assert ran(desk, "seeds", env={"PYTHONHASHSEED": "1"}) == [EXECUTED] * 3
    for seed in "23":
        assert ran(desk, "seeds", env={"PYTHONHASHSEED": seed}) == [RESTORED] * 3


def test_a_cell_that_its_author_calls_done_runs_once(desk: Desk) -> None:
    tags = {1: ["clew:never"]}
    desk.notebook("done", "a = 1", "b = a * 10\nb", "b + 1", tags=tags)
    assert desk.run("done.ipynb", "out.ipynb").exit == 0
    desk.notebook("done", "a = 2", "b = a * 10\nb", "b + 1", tags=tags)
    assert desk.run("done.ipynb", "out.ipynb", "--explain").exit == 0
    out = desk.read("out.ipynb")
    assert outcomes(out) == [EXECUTED, RESTORED, RESTORED]
    assert code_cells(out)[1]["metadata"]["clew"]["why"][0] == "tagged clew:never"
    assert code_cells(out)[2]["outputs"][0]["data"]["text/plain"] == ["11"]
    # Other code is another cell.
    desk.notebook("done", "a = 2", "b = a * 20\nb", "b + 1", tags=tags)
    assert desk.run("done.ipynb", "out.ipynb").exit == 0
    assert outcomes(desk.read("out.ipynb")) == [RESTORED, EXECUTED, EXECUTED]


def test_everything_can_be_run_and_compared_with_what_was_recorded(desk: Desk) -> None:
    cells = ("import itertools", "a = 2", "import os\nb = len(os.listdir('/proc')) and 5", "a + b")
    desk.notebook("compared", *cells)
    assert desk.run("compared.ipynb", "out.ipynb").exit == 0
    typed = desk.run("compared.ipynb", "out.ipynb", "--verify")
    assert typed.exit == 0, typed
    assert "with the recorded runs: no difference" in typed.err
    assert EXECUTED in outcomes(desk.read("out.ipynb")) and RESTORED not in outcomes(desk.read("out.ipynb"))
    # Something that the record can't know: a file that is opened by a call to the system itself, below Python and the C library.
    openat = 257 if platform.machine() == "x86_64" else 56
    hidden = desk.folder / "hidden.bin"
    hidden.write_bytes(b"one")
    read = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "path = ''.join(['hidden', chr(46), 'bin']).encode()\n"
        "held = ctypes.create_string_buffer(8)\n"
        f"opened = libc.syscall({openat}, -100, path, 0)\n"
        "read = libc.read(opened, held, 8)\n"
        "libc.close(opened)\n"
        "text = held.value.decode()\n"
        "del libc, held, opened\n"
        "text"
    )
    desk.notebook("below", read, "len(text)")
    assert desk.run("below.ipynb", "out.ipynb").exit == 0
    hidden.write_bytes(b"three")
    typed = desk.run("below.ipynb", "out.ipynb", "--verify", "--explain")
    assert typed.exit == 1, typed
    assert "gave a different result" in typed.err and "`text`" in typed.out


def test_p03_cells_that_were_run_out_of_order_by_hand(desk: Desk) -> None:
    """Whatever order they were recorded in, what comes out is that of running them from top to bottom."""
    desk.notebook("order", "total = 0", "total += 2", "total *= 3", "total")
    assert ran(desk, "order") == [EXECUTED] * 4
    desk.notebook("order", "total = 0", "total *= 3", "total += 2", "total")
    # Adding two finds nothing there, as it did the first time.
    assert ran(desk, "order") == [RESTORED, EXECUTED, RESTORED, EXECUTED]
    desk.notebook("order", *["total = 0", *["total += 2"] * 3, "total"])
    # Six it was the first time, too.
    assert ran(desk, "order") == [RESTORED, RESTORED, EXECUTED, EXECUTED, RESTORED]
    assert ran(desk, "order") == [RESTORED] * 5


def test_a_record_begins_in_an_empty_folder(desk: Desk) -> None:
    empty = desk.folder / "empty"
    empty.mkdir()
    desk.notebook("begins", "n = 1", "n + 1")
    for outcome in (EXECUTED, RESTORED):
        assert ran(desk, "begins", env={"CLEW_HOME": str(empty)}) == [outcome] * 2


def test_p03_a_failed_cell_is_never_taken_as_passed(desk: Desk) -> None:
    marker = desk.folder / "ready"
    desk.notebook("fails", "import os", "assert os.path.exists('ready')", "'behind'")
    assert desk.run("fails.ipynb", "out.ipynb").exit == 1
    assert desk.run("fails.ipynb", "out.ipynb").exit == 1
    marker.write_text("")
    assert ran(desk, "fails") == [RESTORED, EXECUTED, EXECUTED]
    marker.unlink()
    assert desk.run("fails.ipynb", "out.ipynb").exit == 1


KERNEL = """
import sys
from jupyter_client.manager import start_new_kernel

path, name, cells = sys.argv[1], sys.argv[2], sys.argv[3:]
manager, client = start_new_kernel(kernel_name="python3")
try:
    if name == "vscode":
        client.execute_interactive(f"__vsc_ipynb_file__ = {path!r}", silent=True, store_history=False)
    else:
        client.execute_interactive(f"import os; os.environ['JPY_SESSION_NAME'] = {path!r}", silent=True)
    client.execute_interactive("%load_ext clew", silent=True, store_history=False)
    for number, cell in enumerate(cells):
        client.session.metadata = {"cellId": f"cell-{number}"}
        reply = client.execute_interactive(cell)
        assert reply["content"]["status"] == "ok", reply
        # As it is looked at everything while somebody reads what came.
        client.execute_interactive("__import__('clew').session().look()", silent=True)
    client.execute_interactive("__import__('clew').session().sync()", silent=True)
finally:
    client.stop_channels()
    manager.shutdown_kernel()
"""


@pytest.mark.parametrize("front_end", ["vscode", "jupyter"])
def test_what_was_recorded_in_a_live_notebook_need_not_run_in_a_batch(desk: Desk, front_end: str) -> None:
    cells = ("a = 20", "b = a + 1\nb", "[b] * 2")
    path = desk.notebook(f"live-{front_end}", *cells)
    typed = desk.python(KERNEL, str(path), front_end, *cells)
    assert typed.exit == 0, typed
    assert ran(desk, f"live-{front_end}") == [RESTORED] * 3


def test_a_package_runs_on_another_machine_with_nothing_executed(desk: Desk, tmp_path: Path) -> None:
    """On another machine is in another home, whose user trusts who made it, in another folder."""
    work = desk.folder / "packed"
    work.mkdir()
    (work / "rows.csv").write_text("1\n2\n")
    (work / "ours.py").write_text("def double(x):\n    return 2 * x\n")
    cells = (
        "rows = [int(line) for line in open('rows.csv')]",
        "import ours\nours.double(sum(rows))",
        "factor = 3",
        "sum(rows) * factor",
    )
    desk.notebook("packed/report", *cells)
    # On a busy machine a cell may have been looked at too late to be relied on, and is recorded once more.
    for _ in range(3):
        assert desk.run("report.ipynb", "out.ipynb", cwd=work).exit == 0
    packed = desk.clew("package", "report.ipynb", cwd=work)
    assert packed.exit == 0, packed
    there = Desk(tmp_path / "there")
    package = shutil.copy(work / "report.crate.zip", there.folder)
    refused = there.run("report.crate.zip", "out.ipynb")
    assert refused.exit == 2 and "clew trust add" in refused.err, refused
    assert [path.name for path in there.folder.iterdir()] == ["report.crate.zip"]
    key = next(key["key"] for key in desk.clew("trust", "--json").json["keys"] if key["trust"] == "own")
    assert there.clew("trust", "add", key, "--yes").exit == 0
    ran = there.run("report.crate.zip", "out.ipynb")
    assert ran.exit == 0, ran
    why = [cell["metadata"]["clew"] for cell in code_cells(there.read("out.ipynb"))]
    assert outcomes(there.read("out.ipynb")) == [RESTORED] * 4, why
    assert shown(there.read("out.ipynb")) == shown(json.loads((work / "out.ipynb").read_text()))
    # What is changed there counts, and the package is written over nothing.
    (there.folder / "report/rows.csv").write_text("1\n2\n3\n")
    ran = there.run("report.crate.zip", "out.ipynb")
    assert ran.exit == 0 and "rows.csv" in ran.err, ran
    assert outcomes(there.read("out.ipynb")) == [EXECUTED, EXECUTED, RESTORED, EXECUTED]
    assert code_cells(there.read("out.ipynb"))[3]["outputs"][0]["data"]["text/plain"] == ["18"]
    assert Path(package).is_file()
    # A package that was unpacked runs beside its folder. What was edited in there is not what its maker signed.
    with zipfile.ZipFile(package) as archive:
        archive.extractall(there.folder / "loose")
    (there.folder / "loose" / "inputs" / "rows.csv").write_text("another")
    typed = there.run("loose", "loose.ipynb")
    assert (
        "not written: rows.csv (the contents in the bundle do not match its signature); it runs in loose-run"
        in typed.err
    )
    assert (there.folder / "loose-run" / "report.ipynb").is_file()


def test_p03_results_that_are_read_by_number_keep_their_numbers(desk: Desk) -> None:
    cells = ("a = 1", "a * 10", "5", "_3 + Out[2]")
    desk.notebook("numbered", *cells)
    assert ran(desk, "numbered") == [EXECUTED] * 4
    assert ran(desk, "numbered") == [RESTORED] * 4
    desk.notebook("numbered", "z = 0", *cells[:3], "_4 + Out[3]")
    assert ran(desk, "numbered") == [EXECUTED, RESTORED, EXECUTED, EXECUTED, EXECUTED]
    assert ran(desk, "numbered") == [RESTORED] * 5
    # Where nobody asks for numbers a result may stand under another one.
    desk.notebook("unnumbered", *cells[:3])
    assert ran(desk, "unnumbered") == [EXECUTED] * 3
    desk.notebook("unnumbered", "z = 0", *cells[:3])
    assert ran(desk, "unnumbered") == [EXECUTED, *[RESTORED] * 3]


#: Cells of which the first one is edited: what it makes is reached by the last one over classes alone.
OVER_CLASSES = {
    "a base": ("class A:\n    n = 1", "class B(A): pass", "B().n"),
    "a base of a base": ("class A:\n    n = 1", "class B(A): pass", "class C(B): pass", "c = C()", "c.n"),
    "one of several bases": (
        "class A:\n    def value(self):\n        return 1",
        "class Other: pass",
        "class B(Other, A): pass",
        "B().value()",
    ),
    "a class that a class holds": (
        "class A:\n    n = 1",
        "class Holder:\n    part = A",
        "h = Holder()",
        "h.part().n",
    ),
    "a metaclass": (
        "class Meta(type):\n    @property\n    def n(cls):\n        return 1",
        "class A(metaclass=Meta): pass",
        "class B(A): pass",
        "B.n",
    ),
    "a base of a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int = 1",
        "@dataclass\nclass B(A):\n    m: int = 4",
        "b = B()",
        "repr(b)",
    ),
    "a class behind a function": (
        "class A:\n    n = 1",
        "class B(A): pass",
        "def made():\n    return B()",
        "made().n",
    ),
    "a class behind a method": (
        "class A:\n    n = 1",
        "class B(A): pass",
        "class Maker:\n    def made(self):\n        return B()",
        "maker = Maker()",
        "maker.made().n",
    ),
    "a class behind a default": (
        "class A:\n    n = 1",
        "class B(A): pass",
        "def made(kind=B):\n    return kind()",
        "made().n",
    ),
    "a class behind an instance in a list": (
        "class A:\n    n = 1",
        "class B(A): pass",
        "both = [B(), B()]",
        "[one.n for one in both]",
    ),
    "an enum's base": (
        "import enum\nclass A(enum.Enum):\n    def told(self):\n        return 1",
        "class B(A):\n    X = 3",
        "B.X.told()",
    ),
}


@pytest.mark.few(4)
@pytest.mark.parametrize("name", OVER_CLASSES)
def test_p03_a_class_counts_by_the_classes_behind_it(desk: Desk, name: str) -> None:
    cells = OVER_CLASSES[name]
    book = name.replace(" ", "-").replace("'", "")
    desk.notebook(book, *cells)
    assert desk.run(f"{book}.ipynb", out("out")).exit == 0
    desk.notebook(book, cells[0].replace("1", "7"), *cells[1:])
    assert ran(desk, book)[-1] == EXECUTED


#: What a cell does to a live object without a value, twice with the same code: the second time it finds another state.
TWICE = {
    "a file": ("handle = open('lines.txt')", "handle.readline()", "handle.readline()"),
    "a file that was set back": (
        "handle = open('lines.txt')",
        "handle.read()",
        "handle.read()",
        "pos = handle.seek(0)",
        "handle.read()",
    ),
    "a generator": ("numbers = (n for n in range(9))", "next(numbers)", "next(numbers)"),
    "a file within an instance": (
        "class Reader:\n    def __init__(self):\n        self.handle = open('lines.txt')",
        "reader = Reader()",
        "reader.handle.readline()",
        "reader.handle.readline()",
    ),
    "lines of a file behind a function": (
        "handle = open('lines.txt')\ndef line():\n    return handle.readline()",
        "line()",
        "line()",
    ),
    "a cursor": (
        "import sqlite3\nbase = sqlite3.connect(':memory:')\ncursor = base.execute('values (1), (2), (3)')",
        "cursor.fetchone()",
        "cursor.fetchone()",
    ),
    "a reader of a csv file": (
        "import csv\nrows = csv.reader(open('lines.txt'))",
        "next(rows)",
        "next(rows)",
    ),
    "an iterator": ("numbers = iter([1, 2, 3])", "next(numbers)", "next(numbers)"),
    "a queue": ("import queue\nq = queue.Queue()\nfor n in range(3): q.put(n)", "q.get()", "q.get()"),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("name", TWICE)
def test_p03_what_reads_a_live_object_along_is_executed_each_time(desk: Desk, name: str) -> None:
    (desk.folder / "lines.txt").write_text("one\ntwo\nthree\n")
    book = "twice-" + name.replace(" ", "-")
    desk.notebook(book, *TWICE[name])
    ran(desk, book)
    desk.notebook(book, *TWICE[name], TWICE[name][-1])
    ran(desk, book)
