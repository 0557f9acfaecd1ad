"""Scripts of `%clew extract`: run in a fresh Python they make what the notebook had, and leave out what it did not need."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import REPOSITORY, Kernel

#: Says the digest of each name asked for, apart from all others. Run in the kernel and after the script alike.
DIGEST = textwrap.dedent(
    """
    def _told(names):
        import sys
        sys.path.insert(0, {oracle!r})
        import oracle_digest
        told = {{}}
        for name in names:
            walk = oracle_digest.Walk(globals())
            told[name] = walk.describe(globals()[name])
        return told
    """
).format(oracle=str(REPOSITORY / "tests" / "oracle"))


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(home=tmp_path)
    yield kernel
    kernel.end()


def asked(kernel: Kernel, words: str) -> dict[str, Any]:
    """What `%clew WORDS --json` says."""
    reply = kernel.clew(f"{words} --json")
    return dict(json.loads(reply.stdout or reply.stderr))


def live(kernel: Kernel, names: list[str]) -> dict[str, str]:
    """Digests of names in the kernel, without a run."""
    asked = f"__import__('json').dumps((exec({DIGEST!r}, globals()), _told({names!r}))[1])"
    told: dict[str, str] = json.loads(kernel.value(asked))
    kernel.value("globals().pop('_told', None)")
    return told


def rerun(script: str, names: list[str], tmp_path: Path) -> dict[str, str]:
    """Digests of names after the script ran in a fresh Python without IPython."""
    program = f"{script}\n{DIGEST}\nimport json\nprint('DIGEST' + json.dumps(_told({names!r})))\n"
    file = tmp_path / "script.py"
    file.write_text(program)
    work = tmp_path / "work"
    done = subprocess.run([sys.executable, str(file)], cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{script}"
    told: dict[str, str] = json.loads(done.stdout.rpartition("DIGEST")[2])
    return told


def runs_of(kernel: Kernel, names: list[str], tmp_path: Path) -> list[str]:
    """Extracts the names, proves the script by running it, and gives the runs it took."""
    answer = asked(kernel, f"extract {' '.join(names)}")
    assert "error" not in answer, answer
    assert rerun(answer["script"], names, tmp_path) == live(kernel, names), answer["script"]
    return [str(run) for run in answer["runs"]]


# Each: the cells (run 2 and on), and for names the runs that their scripts must have.
CASES: dict[str, tuple[list[str], dict[str, str]]] = {
    "cleaning": (
        [
            "import pandas as pd",
            "import numpy as np",
            "df = pd.DataFrame({'a': [1, 2, None, 4], 'b': list('xyzw')})",
            "other = np.arange(5)",
            "df = df.dropna()",
            "df['c'] = df['a'] * 2",
            "mean = df['c'].mean()",
            "df = df.rename(columns={'b': 'name'})",
            "df.head()",
        ],
        {"df": "2 4 6 7 9", "mean": "2 4 6 7 8", "other": "3 5"},
    ),
    "a cell run again": (
        ["x = [1]", "y = x + [2]", "x = [1]; x.append(9)", "x = [1]; x.append(10)", "z = x"],
        {"x": "5", "y": "2 3", "z": "5 6"},
    ),
    "functions and what they read": (
        [
            "K = 2\nunused = 3",
            "def f(x): return g(x) * K",
            "def g(x): return x + 1",
            "y = f(1)",
            "K = 5",
            "w = f(1)",
        ],
        {"y": "2 3 4 5", "w": "3 4 6 7", "f": "3 4 6"},
    ),
    "classes": (
        [
            "class C:\n    made = 0\n    def __init__(self, n):\n        C.made += 1\n        self.n = n",
            "noise = object",
            "c = C(1)",
            "d = C(2)",
            "c.n += 5",
        ],
        {"c": "2 4 5 6"},
    ),
    "loops": (
        [
            "total = 0",
            "data = [1, 2, 3]",
            "for i in data:\n    total += i",
            "for i in data:\n    total += i",
            "n = len(data)",
        ],
        {"total": "2 3 4 5", "n": "3 6"},
    ),
    "an alias": (
        ["a = [1]", "b = a", "big = {'k': 1}", "b.append(2)", "c = [a, big]"],
        {"a": "2 3 5", "c": "2 3 4 5 6", "big": "4"},
    ),
    "nested change": (
        ["d = {'x': {'y': 1}}", "inner = d['x']", "e = 7", "inner['y'] = e", "del inner"],
        {"d": "2 3 4 5"},
    ),
    "closures": (
        [
            "def counter():\n    n = 0\n    def read_next():\n        nonlocal n\n        n += 1\n        return n\n    return read_next",
            "one = counter()",
            "two = counter()",
            "one(); one()",
            "first = one()",
        ],
        {"first": "2 3 5 6"},
    ),
    "seeded numbers": (
        [
            "import numpy as np, random",
            "np.random.rand(3)",
            "np.random.seed(1)",
            "a = np.random.rand(2)",
            "random.seed(5); r = random.random()",
            "b = np.random.rand(2)",
            "rng = np.random.default_rng(3)",
            "c = rng.normal(size=2)",
        ],
        {"b": "2 4 5 7", "r": "2 6", "c": "2 8 9"},
    ),
    "imports inside functions": (
        ["def f(x):\n    import math\n    return math.sqrt(x)", "import math as unused", "y = f(9.0)"],
        {"y": "2 4"},
    ),
    "a failed cell": (
        ["x = []", "x.append(1)\nraise ValueError('no')", "y = 'it''s'\nx.append(y)\n1 / 0", "z = 1"],
        {"x": "2 3 4"},
    ),
    "conditional binding": (
        ["x = 1", "flag = False", "if flag:\n    x = 2", "y = x", "x = 3"],
        {"y": "2 5", "x": "6"},
    ),
    "arrays and views": (
        [
            "import numpy as np",
            "a = np.zeros(6)",
            "v = a[1:3]",
            "w = np.ones(2)",
            "v[:] = w",
            "s = float(a.sum())",
        ],
        {"a": "2 3 4 5 6", "s": "2 3 4 5 6 7", "w": "2 5"},
    ),
    "names taken away": (
        ["tmp = [1, 2]", "y = tmp[::-1]\ndel tmp", "z = 5", "def once(): return 8", "k = once()\ndel once"],
        {"y": "2 3", "k": "5 6"},
    ),
    "a connection": (
        [
            "import sqlite3",
            "con = sqlite3.connect(':memory:')",
            "con.execute('create table t (n)').close()",
            "con.execute('insert into t values (7)').close()",
            "other = 1",
            "rows = con.execute('select n from t').fetchall()",
        ],
        {"rows": "2 3 4 5 7", "other": "6"},
    ),
    "a queue and a generator": (
        [
            "import queue",
            "q = queue.Queue()",
            "numbers = (n for n in range(9))",
            "q.put(next(numbers))",
            "q.put(next(numbers))",
            "held = {'q': q}",
            "first, second = held['q'].get(), q.get()",
        ],
        {"first": "2 3 4 5 6 7 8", "second": "2 3 4 5 6 7 8"},
    ),
    "display magics and help": (
        [
            "%matplotlib inline\nimport math",
            "noise = [1]",
            "%%time\nx = math.sqrt(4)",
            "%config InlineBackend.close_figures = True\ny = x + 1",
            "math?\nz = y",
        ],
        {"y": "2 4 5", "x": "2 4", "z": "2 4 5 6"},
    ),
}


@pytest.mark.few(6)
@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_a_script_makes_the_same_and_leaves_out_the_rest(case: str, kernel: Kernel, tmp_path: Path) -> None:
    cells, expected = CASES[case]
    for cell in cells:
        kernel.run(cell)
    for name, runs in expected.items():
        assert " ".join(runs_of(kernel, [name], tmp_path)) == runs, name
    names = list(expected)
    runs_of(kernel, names, tmp_path)


def test_branches_and_a_restore_from_another_line(kernel: Kernel, tmp_path: Path) -> None:
    for cell in ["x = [1]", "x.append(2)", "y = len(x)"]:
        kernel.run(cell)
    kernel.clew("undo 2")
    kernel.run("z = x + [5]")
    assert runs_of(kernel, ["z", "x"], tmp_path) == ["2", "5"]
    kernel.clew("restore 4 -- y")
    kernel.run("w = y + len(z)")
    assert runs_of(kernel, ["y"], tmp_path) == ["2", "3", "4"]
    answer = asked(kernel, "extract w")
    # `x` was appended to on the line that was left: the script makes that line first, then `x` anew, or says it can't.
    if "error" in answer:
        assert "several branches" in answer["error"]["message"]
    else:
        assert rerun(answer["script"], ["w"], tmp_path) == live(kernel, ["w"])


def test_files_that_earlier_cells_wrote(kernel: Kernel, tmp_path: Path) -> None:
    for cell in [
        "import os; os.makedirs('out', exist_ok=True)",
        "open('out/a.txt', 'w').write('hello')",
        "open('out/b.txt', 'w').write('other')",
        "text = open('out/a.txt').read()",
    ]:
        kernel.run(cell).raised()
    runs = runs_of(kernel, ["text"], tmp_path)
    assert runs == ["2", "3", "5"]
    answer = asked(kernel, "extract text")
    assert any(path.endswith("out/a.txt") for path in answer["writes"])


def test_what_no_cell_made_is_said(kernel: Kernel) -> None:
    kernel.run("import threading\nx = []")
    kernel.run("t = threading.Timer(0.0, x.append, (1,)); t.start(); t.join()")
    kernel.value("globals()['x'].append(7)")
    kernel.run("y = list(x)")
    answer = asked(kernel, "extract y")
    if "error" in answer:  # Seen as a change from outside, before the run.
        assert "outside any cell" in answer["error"]["message"]
        assert "restore" in answer["error"]["hint"]


def test_annotate_and_stale_in_a_notebook(kernel: Kernel) -> None:
    for number, cell in enumerate(["a = 1", "def f(x): return x + a", "b = f(2)", "c = [b]", "c.append(a)"]):
        kernel.run(cell, cell_id=f"cell{number}")
    told = asked(kernel, "annotate c")
    did = {run["run"]: [(did["key"], did["effect"]) for did in run["effects"]] for run in told["runs"]}
    assert did == {
        "2": [("a", "created")],
        "3": [("f", "created")],
        "4": [("b", "created")],
        "5": [("c", "created")],
        "6": [("c", "changed")],
    }
    assert asked(kernel, "stale")["stale"] == []
    kernel.run("def f(x): return x + 2 * a", cell_id="cell1")
    stale = asked(kernel, "stale")
    assert stale["cells"] == 5
    assert [(cell["run"], [reason["kind"] for reason in cell["reasons"]]) for cell in stale["stale"]] == [
        ("4", ["changed"]),
        ("5", ["stale_input"]),
        ("6", ["stale_input"]),
    ]
    text = kernel.clew("stale").text
    assert re.search(r"function `f` changed in run 7", text), text


def test_a_cell_that_may_have_changed_a_live_object_makes_its_readers_stale(kernel: Kernel) -> None:
    cells = [
        "import sqlite3",
        "con = sqlite3.connect(':memory:')\ncon.execute('create table t (n)').close()",
        "con.execute('insert into t values (1)').close()",
        "rows = con.execute('select n from t').fetchall()",
        "total = len(rows)",
    ]
    for number, cell in enumerate(cells):
        kernel.run(cell, cell_id=f"cell{number}")
    assert asked(kernel, "stale")["stale"] == []
    kernel.run("con.execute('insert into t values (2)').close()", cell_id="cell2")
    stale = asked(kernel, "stale")["stale"]
    assert [(cell["run"], [reason["kind"] for reason in cell["reasons"]]) for cell in stale] == [
        ("5", ["changed"]),
        ("6", ["stale_input"]),
    ]


def test_a_file_that_changed_makes_its_reader_stale(kernel: Kernel) -> None:
    data = kernel.cwd / "data.csv"
    data.write_text("1,2\n")
    kernel.run("rows = open('data.csv').read()")
    assert asked(kernel, "stale")["stale"] == []
    data.write_text("1,2,3\n")
    [cell] = asked(kernel, "stale")["stale"]
    assert cell["reasons"] == [{"kind": "file", "path": str(data), "change": "changed"}]


@pytest.mark.parametrize(
    "listing",
    ["os.listdir('data')", "glob.glob('data/*')", "[*Path('data').iterdir()]", "[*os.walk('data')]"],
)
def test_a_folder_that_was_listed_makes_its_reader_stale_when_a_name_comes_or_goes(
    kernel: Kernel, listing: str
) -> None:
    folder = kernel.cwd / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    kernel.run(f"import glob, os\nfrom pathlib import Path\nnames = {listing}")
    (folder / "a.csv").write_text("2")
    assert asked(kernel, "stale")["stale"] == []
    (folder / "é b.csv").write_text("1")
    [cell] = asked(kernel, "stale")["stale"]
    assert cell["reasons"] == [{"kind": "file", "path": str(folder), "change": "changed"}]
    (folder / "é b.csv").unlink()
    assert asked(kernel, "stale")["stale"] == []


def test_a_script_is_written_once_and_only_where_nothing_is(kernel: Kernel) -> None:
    kernel.run("x = 1")
    assert asked(kernel, "extract x -o x.py")["output"] == "x.py"
    assert "x = 1" in (kernel.cwd / "x.py").read_text()
    again = asked(kernel, "extract x -o x.py")
    assert "already exists" in again["error"]["message"] and again["exit"] == 3
    kernel.run("y = get_ipython().getoutput('echo 1')\nz = !echo 2")
    assert asked(kernel, "extract z")["needs_ipython"]
    assert ".ipy" in asked(kernel, "extract z -o z.py")["error"]["hint"]


def planned(kernel: Kernel, rate: int, target: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = asked(kernel, f"move {target} --dry-run --rate {rate}")
    return answer


def test_a_plan_replays_what_is_quick_to_make_and_never_what_it_must_not(kernel: Kernel) -> None:
    (kernel.cwd / "data.csv").write_text("1,2\n" * 5_000)
    kernel.run("import random\nscale = 3")
    kernel.run("numbers = [scale * n for n in range(20_000)]")
    kernel.run("read = open('data.csv').read() * 20")
    kernel.run("print(len(read), file=open('log.txt', 'a'))\nlogged = [str(n) for n in range(9_000)]")
    kernel.run("drawn = [random.random() for _ in range(5_000)]")
    kernel.run("g = (n for n in numbers)")
    kernel.run("first = next(g)\nscale = 4")
    made = {root["key"]: run["run"] for run in planned(kernel, 1000)["rerun"] for root in run["roots"]}
    assert "numbers" in made
    assert not {"read", "logged", "g"} & set(made), (
        "a file is not there, one was written, and a later cell used g"
    )
    fast = planned(kernel, 10**12)
    assert fast["rerun"] == [] and fast["proof"]["kind"] == "optimal"
    [lost] = fast["lost"]
    assert [root["key"] for root in lost["roots"]] == ["g"]
    assert "its cell read g, which has no value that could be sent" in lost["not_rerun"]
    # A copy of the store is a place that has everything, and the files.
    copy = shutil.copytree(asked(kernel, "status")["store"], kernel.home / "copy")
    here = planned(kernel, 1000, str(copy))
    assert {one["bytes"] for one in here["sent"]} == {0} and here["rerun"] == []
    assert here["bytes"] < 1_000, "what was flushed since is all that is not there"


PANDAS_STYLE = [
    "import pandas as pd",
    "df = pd.DataFrame({'a': range(50), 'b': range(50)})",
    "df['c'] = df['a'] * 2",
    "df.head()",
    "df['d'] = df['b'] + df['c']",
    "total = df['d'].sum()",
    "df['e'] = df['d'] / total",
    "df = df.drop(columns='b')",
    "rates = [1]",
    "rates.append(2)",
    "del rates",
]


def test_columns_that_are_added_one_after_the_other_make_nothing_stale(kernel: Kernel) -> None:
    for place, source in enumerate(PANDAS_STYLE):
        kernel.run(source, cell_id=f"cell-{place}").raised()
    assert asked(kernel, "stale")["stale"] == []
    # What was shown and read again is no change either.
    kernel.run("df, total", cell_id="looked").raised()
    assert asked(kernel, "stale")["stale"] == []


def test_a_cell_that_ran_again_makes_those_behind_it_stale_grouped_by_what_changed(kernel: Kernel) -> None:
    for place, source in enumerate(PANDAS_STYLE):
        kernel.run(source, cell_id=f"cell-{place}").raised()
    kernel.run("df = pd.DataFrame({'a': range(60), 'b': range(60)})", cell_id="cell-1").raised()
    stale = {cell["cell"] for cell in asked(kernel, "stale")["stale"]}
    assert stale == {f"cell-{place}" for place in (2, 3, 4, 5, 6, 7)}
    text = kernel.clew("stale").text
    assert text.count("`df` changed in run 13:") == 1, text
    assert "through `df` and `total`" in text, text


def test_what_a_cell_further_down_took_away_or_changed_back_makes_nothing_stale(kernel: Kernel) -> None:
    for place, source in enumerate(["x = [1]", "y = sum(x)", "x.append(2)", "x = [5]", "del x"]):
        kernel.run(source, cell_id=f"cell-{place}").raised()
    assert asked(kernel, "stale")["stale"] == []
    kernel.run("x = [1, 1]", cell_id="cell-0").raised()
    assert [cell["cell"] for cell in asked(kernel, "stale")["stale"]] == ["cell-1", "cell-2", "cell-4"]
