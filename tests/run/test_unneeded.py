"""Cells that nothing changed for are not executed: each test is a family of reasons for which they once were."""

from __future__ import annotations

import gzip
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pytest
from run.desk import Desk, code_cells, outcomes

RESTORED, EXECUTED = "restored", "executed"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("unneeded"))


def ran(desk: Desk, name: str, *cells: str) -> list[str]:
    """What becomes of each cell of a notebook that is run."""
    desk.notebook(name, *cells)
    done = desk.run(f"{name}.ipynb", "out.ipynb")
    assert done.exit == 0, done
    return outcomes(desk.read("out.ipynb"))


def shown(desk: Desk) -> str:
    """What the last cell shows."""
    text: str = "".join(code_cells(desk.read("out.ipynb"))[-1]["outputs"][0]["data"]["text/plain"])
    return text


#: Each leaves handles behind that are over.
OVER = (
    "with open('c.json') as file:\n    settings = json.load(file)",
    "with open('t.csv', newline='') as table:\n    reader = csv.reader(table)\n    rows = list(reader)",
    "with open('t.csv') as again, open('t.csv', 'rb') as raw:\n    by_name = csv.DictReader(again)\n    named = list(by_name), raw.read()",
    "with open('made.csv', 'w', newline='') as made:\n    writer = csv.writer(made, delimiter=';')\n    writer.writerows(rows)",
    "with gzip.open('t.gz', 'rt') as packed:\n    text = packed.read()",
    "with zipfile.ZipFile('t.zip') as archive:\n    with archive.open('t.csv') as member:\n        inside = member.read()",
    "with tarfile.open('t.tar.gz') as tape:\n    members = tape.getnames()",
    "connection = sqlite3.connect('t.db')\ncursor = connection.execute('select a, b from t')\nfound = cursor.fetchall()\nconnection.close()",
    "lengths = (len(row) for row in rows)\ntotal = sum(lengths)",
    "with futures.ThreadPoolExecutor(2) as pool:\n    future = pool.submit(pow, 2, 3)\n    powers = [future.result()]",
    "thread = threading.Thread(target=powers.append, args=(1,))\nthread.start()\nthread.join()",
    "each = map(len, rows)\npairs = zip(rows, each)\nall_pairs = list(pairs)",
)


def test_handles_that_are_over_are_values(desk: Desk) -> None:
    files(desk.folder)
    cells = (
        "import csv, gzip, json, sqlite3, tarfile, threading, zipfile\nfrom concurrent import futures",
        *OVER,
        "1\n[file, file.closed, table.newlines, reader.line_num, packed.name, archive.namelist(), cursor.description[1][0], "
        "list(lengths), pool._shutdown, future, thread.is_alive(), list(pairs)]",
    )
    assert ran(desk, "over", *cells) == [EXECUTED] * len(cells)
    first = shown(desk)
    assert ran(desk, "over", *cells) == [RESTORED] * len(cells)
    # They come back as they were.
    edited = (*cells[:-1], cells[-1].replace("1\n", "2\n"))
    assert ran(desk, "over", *edited) == [RESTORED] * (len(cells) - 1) + [EXECUTED]
    told = shown(desk)
    assert told.partition("<Future")[0] == first.partition("<Future")[0]
    assert told.endswith("state=finished returned int>,\n False,\n []]")
    # What is still open has none.
    left_open = (*cells[:1], "file = open('c.json')\nhalf = (n for n in range(3))\nnext(half)")
    ran(desk, "open", *left_open)
    assert ran(desk, "open", *left_open) == [RESTORED, EXECUTED]


def files(folder: Path) -> None:
    """Files of each kind that Python opens."""
    (folder / "c.json").write_text('{"a": 1}')
    (folder / "t.csv").write_text("a,b\n1,2\n")
    with gzip.open(folder / "t.gz", "wt") as packed:
        packed.write("text\n")
    with zipfile.ZipFile(folder / "t.zip", "w") as archive:
        archive.write(folder / "t.csv", "t.csv")
    with tarfile.open(folder / "t.tar.gz", "w:gz") as tape:
        tape.add(folder / "t.csv", "t.csv")
    connection = sqlite3.connect(folder / "t.db")
    connection.execute("create table t (a, b)")
    connection.execute("insert into t values (1, 2)")
    connection.commit()
    connection.close()


#: A cell that is executed each time and defines classes, and what uses them.
CLASSES = """import os, abc, collections, dataclasses, enum, typing
os.getpid()
class Plain:
    n = 1
    def m(self): return super().__repr__()
class Derived(Plain):
    x: int = 3
class Colour(enum.Enum):
    RED = 1
    BLUE = 'b'
class Right(enum.Flag):
    READ = 1
    WRITE = 2
Point = collections.namedtuple('Point', 'x y')
class Named(typing.NamedTuple):
    a: int
@dataclasses.dataclass
class Data:
    a: int = 1
    b: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass(slots=True, frozen=True)
class Frozen:
    q: int
class Abstract(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
class Concrete(Abstract):
    def f(self): return 1
class Slotted:
    __slots__ = ('r',)
class Typed(typing.TypedDict):
    a: int
class Mistake(Exception): pass
def local():
    class Local: pass
    return Local
First, Second = local(), local()"""
USERS = (
    "plain, derived = Plain(), Derived()",
    "colours = list(Colour)",
    "right = Right.READ | Right.WRITE",
    "point, named = Point(1, 2), Named(1)",
    "data, frozen = Data(), Frozen(2)",
    "concrete = Concrete()\nisinstance(concrete, Abstract)",
    "slotted = Slotted()\nslotted.r = Typed(a=1)",
    "mistake = Mistake('a')",
    "one = First()\nisinstance(one, Second)",
)


def test_a_class_that_is_made_again_as_it_was_does_not_reach_its_users(desk: Desk) -> None:
    cells = (CLASSES, *USERS)
    assert ran(desk, "classes", *cells) == [EXECUTED] * len(cells)
    assert ran(desk, "classes", *cells) == [EXECUTED] + [RESTORED] * len(USERS)
    # One that is another does, and nobody else.
    changed = (CLASSES.replace("n = 1", "n = 2"), *USERS)
    assert ran(desk, "classes", *changed) == [EXECUTED] * 2 + [RESTORED] * (len(USERS) - 1)


def test_p03_two_classes_of_one_name_stay_two(desk: Desk) -> None:
    made = "class C:\n    n = {n}"
    cells = (
        made.format(n=1),
        "c = C()",
        "del c",
        made.format(n=2),
        "d = C()",
        "(d.n, 'c' in globals() and (c.n, type(c) is C))",
    )
    assert ran(desk, "two", *cells) == [EXECUTED] * 6
    assert shown(desk) == "(2, False)"
    kept = (*cells[:2], "'kept'", *cells[3:])
    ran(desk, "two", *kept)
    assert shown(desk) == "(2, (1, False))"
    # The same structure twice.
    same = (*kept[:3], made.format(n=1), *kept[4:])
    ran(desk, "two", *same)
    assert shown(desk) == "(1, (1, False))"
    assert ran(desk, "two", *same) == [RESTORED] * 6


def test_a_cell_that_imports_clew_is_a_run_and_none_before_it_is_blamed_for_the_name(desk: Desk) -> None:
    cells = ("x = [3]", "import clew", "x[0]")
    assert ran(desk, "imports", *cells) == [EXECUTED] * 3
    assert ran(desk, "imports", *cells) == [RESTORED] * 3


def test_what_libraries_ask_of_the_machine_is_no_program(desk: Desk) -> None:
    cells = (
        "import ctypes.util, getpass, joblib, platform, subprocess",
        "cores = joblib.cpu_count(only_physical_cores=True)",
        "system = platform.uname()._replace(node='').processor, platform.platform()",
        "library = ctypes.util.find_library('c')",
        "user = getpass.getuser()",
        "asked = subprocess.run(['uname'], capture_output=True).stdout",
    )
    assert ran(desk, "machine", *cells) == [EXECUTED] * 6
    # What a cell starts itself is a program all the same.
    assert ran(desk, "machine", *cells) == [RESTORED] * 5 + [EXECUTED]


def test_p03_a_change_of_one_own_module_reaches_those_that_it_is_connected_with(desk: Desk) -> None:
    write = desk.folder.joinpath
    write("alone.py").write_text("def f(x):\n    return x + 1\n")
    write("below.py").write_text("N = 1\n")
    write("above.py").write_text("import below\n\ndef g(x):\n    return x + below.N\n")
    write("asking.py").write_text(
        "import importlib\n\ndef h(x):\n    return importlib.import_module('be' + 'low').N + x\n"
    )
    cells = ("import alone", "import above, below", "a = alone.f(1)", "b = above.g(1)", "(a, b)")
    assert ran(desk, "modules", *cells) == [EXECUTED] * 5
    write("alone.py").write_text("def f(x):\n    return x + 10\n")
    assert ran(desk, "modules", *cells) == [EXECUTED, RESTORED, EXECUTED, RESTORED, EXECUTED]
    assert shown(desk) == "(11, 2)"
    write("below.py").write_text("N = 22\n")
    assert ran(desk, "modules", *cells) == [RESTORED, EXECUTED, RESTORED, EXECUTED, EXECUTED]
    assert shown(desk) == "(11, 23)"
    # One that finds modules by a text may reach any.
    asking = ("import alone, below, asking", "c = asking.h(1)\nc")
    ran(desk, "asking", *asking)
    write("below.py").write_text("N = 333\n")
    assert ran(desk, "asking", *asking) == [EXECUTED] * 2
    assert shown(desk) == "334"


def test_what_importing_keeps_in_its_own_folder_is_no_input(desk: Desk) -> None:
    cells = ("import matplotlib.font_manager as fonts", "len(fonts.fontManager.ttflist) > 0")
    folder = desk.home / "of_matplotlib"
    desk.notebook("fonts", *cells)
    for expected in ([EXECUTED] * 2, [RESTORED] * 2):
        assert desk.run("fonts.ipynb", "out.ipynb", env={"MPLCONFIGDIR": str(folder)}).exit == 0
        assert outcomes(desk.read("out.ipynb")) == expected
    assert list(folder.glob("fontlist*"))


#: Each ends with what pyplot gives, so that the figure stays in `Out` after it was drawn and closed.
DRAWN = (
    "plt.plot([1, 2, 3])\nplt.xlabel('x')",
    "plt.bar(range(15), range(15))",
    "fig, axes = plt.subplots(1, 2)\naxes[0].hist([1, 2, 2])\naxes[1].imshow(np.eye(3))",
    "plt.scatter([1, 2], [3, 4])\nplt.title('t')",
    "pd.DataFrame({'a': [1, 2]}).plot()",
    "plt.figure().add_subplot(projection='polar').plot([1, 2])",
)


def test_figures_that_were_drawn_share_nothing(desk: Desk) -> None:
    first = "%matplotlib inline\nimport numpy as np, pandas as pd\nimport matplotlib.pyplot as plt"
    ran(desk, "drawn", first, *DRAWN, "y = 1")
    assert ran(desk, "drawn", first, *DRAWN, "y = 1") == [RESTORED] * (len(DRAWN) + 2)
    log = desk.clew("log", "--all").out
    assert "outside" not in log, log


def test_a_cell_of_comments_reads_nothing(desk: Desk) -> None:
    behind = ("# Write your answer here", "x + 1", "\n# and here\n", "# Write your answer here")
    ran(desk, "commented", "x = 1", *behind)
    assert ran(desk, "commented", "x = 2", *behind) == [EXECUTED, RESTORED, EXECUTED, RESTORED, RESTORED]


#: Cells whose commands do not run here, or change nothing that lasts, and that name no variable.
COMMANDS = (
    "import sys\nIN_COLAB = 'google.colab' in sys.modules\nif IN_COLAB:\n    !pip install make_beta",
    "if IN_COLAB:\n    %pip install empiricaldist\n    %cd elsewhere",
    "def show():\n    !echo shown",
    "where = %pwd",
    "%%html\n<p>{text}</p>",
    "if IN_COLAB:\n    !echo {told}\nelse:\n    kept = 1",
)


def test_commands_and_magics_read_no_variables_but_those_that_they_name(desk: Desk) -> None:
    first = "def make_beta(a):\n    return a + {n}\ntext = {n}\nother = [{n}]\ntold = {t}"
    cells = (first.format(n=1, t=1), *COMMANDS)
    assert ran(desk, "commands", *cells) == [EXECUTED] * len(cells)
    changed = (first.format(n=2, t=1) + "\ncame = 5", *COMMANDS)
    assert ran(desk, "commands", *changed) == [EXECUTED] + [RESTORED] * len(COMMANDS)
    # One that is named is read, also where it stands in a branch that did not run.
    named = (first.format(n=2, t=2), *COMMANDS)
    assert ran(desk, "commands", *named) == [EXECUTED] + [RESTORED] * (len(COMMANDS) - 1) + [EXECUTED]


def test_p03_variables_that_commands_and_magics_name_are_read(desk: Desk) -> None:
    cells = (
        "import os\nname = 'CLEW_{n}'\nkind = 'sv{n}'\ndef path(x):\n    return x + 'f{n}'",
        "%env CLEW_TEST_NAME=$name",
        "%%writefile {{path('written')}}\ntext",
        "def show():\n    return get_ipython().run_line_magic('env', 'CLEW_TEST_SHOWN=$name')",
        "show()\nos.environ['CLEW_TEST_SHOWN']",
        "where = %pwd\nlen(where) > 0",
        # What it sets hangs on the variable, so cells behind it would be executed.
        "%config InlineBackend.rc = {{'savefig.format': kind}}",
    )
    first = [cell.format(n=1) for cell in cells]
    assert ran(desk, "naming", *first) == [EXECUTED] * len(cells)
    again = [cell.format(n=2) for cell in cells]
    done = ran(desk, "naming", *again)
    assert done == [EXECUTED] * 3 + [RESTORED, EXECUTED, RESTORED, EXECUTED], done
    assert (desk.folder / "writtenf2").read_text() == "text\n"


def test_p03_a_command_that_ran_is_executed_each_time(desk: Desk) -> None:
    cells = ("word = 'a'", "!echo $word", "said = !echo b", "%%bash\necho c", "if word:\n    !true")
    assert ran(desk, "started", *cells) == [EXECUTED] * 5
    assert ran(desk, "started", *cells) == [RESTORED] + [EXECUTED] * 4


def test_p03_magics_of_the_directory_and_of_the_environment_read_these(desk: Desk) -> None:
    cells = (
        "%env CLEW_TEST_MAGIC={n}",
        "x = %env CLEW_TEST_MAGIC\nx",
        "import os",
        "os.makedirs('below', exist_ok=True)",
        "%cd {folder}",
        "y = %pwd\n(x, os.path.basename(y))",
    )
    for n, folder, told in ((1, "below", "below"), (2, "below", "below"), (2, ".", "work")):
        ran(desk, "surrounded", *(cell.format(n=n, folder=folder) for cell in cells))
        assert shown(desk) == f"('{n}', '{told}')"
    assert ran(desk, "surrounded", *(cell.format(n=2, folder=".") for cell in cells))[1:4] == [RESTORED] * 3


@pytest.mark.parametrize(
    "made",
    [
        "Made = attrs.make_class('Made', ['x', 'y'])\nmade = Made(1, 2)",
        "@attrs.define\nclass Made:\n    x: int\n    y: float = 1.0\nmade = Made(1)",
        "@attrs.frozen\nclass Made:\n    x: int\nmade = Made(1)",
    ],
)
def test_what_only_the_collector_takes_away_is_no_change(tmp_path: Path, made: str) -> None:
    """attrs leaves garbage behind that holds a part of each class."""
    desk = Desk(tmp_path)
    cells = (f"import attrs, gc\n{made}", "gc.collect() >= 0", "made")
    ran(desk, "garbage", *cells)
    log = desk.clew("log", "--all", "--history", "garbage", cwd=desk.folder).out
    assert "+Made" in log
    assert "changed outside any cell" not in log
    assert ran(desk, "garbage", *cells) == [RESTORED] * len(cells)
