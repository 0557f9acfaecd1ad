"""What a cell did that its values do not tell: it must be there for those after it."""

from __future__ import annotations

from typing import Any

import pytest
from run.desk import Desk, code_cells, outcomes
from run.test_cases import KERNEL

RESTORED, EXECUTED = "restored", "executed"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("effects"))


def ran(desk: Desk, name: str, *cells: str) -> tuple[list[str], list[Any]]:
    """Runs a notebook of these cells; what became of each, and what those show that show a result."""
    desk.notebook(name, *cells)
    typed = desk.run(f"{name}.ipynb", "out.ipynb")
    assert typed.exit == 0, typed
    out = desk.read("out.ipynb")
    outputs = [output for cell in code_cells(out) for output in cell["outputs"]]
    return outcomes(out), ["".join(output["data"]["text/plain"]) for output in outputs]


def test_p03_a_cell_that_left_a_name_as_it_was_is_not_taken_where_the_name_is_another(desk: Desk) -> None:
    cells = ("import os", "x = [1]", "y = (len(x), os.sep)\ny")
    path = desk.notebook("again", *cells)
    # All of it, twice, in one kernel: the second time names get what they had.
    typed = desk.python(KERNEL, str(path), "jupyter", *cells, *cells)
    assert typed.exit == 0, typed
    told = ran(desk, "again", *cells, "x.append(os.sep)\nx")
    assert told[1] == ["(1, '/')", "[1, '/']"]
    assert ran(desk, "again", "import os", "x = 5", cells[1], "x")[1] == ["[1]"]


def test_p03_a_seed_that_changed_nothing_is_set_again(desk: Desk) -> None:
    cells = ("import random", "random.seed(3)", "random.random()")
    path = desk.notebook("seeded", *cells)
    typed = desk.python(KERNEL, str(path), "jupyter", cells[0], cells[1], cells[1])
    assert typed.exit == 0, typed
    assert ran(desk, "seeded", *cells)[1] == ["0.23796462709189137"]


def test_p03_what_is_set_in_a_library_is_set_in_each_run_and_counts_for_who_uses_it(desk: Desk) -> None:
    cells = ("import math", "math.pi", "n = 1")
    assert ran(desk, "patched", *cells) == ([EXECUTED] * 3, ["3.141592653589793"])
    for value in ("3", "4"):
        patched = ("import math", f"math.pi = {value}", "math.pi", "n = 1")
        assert ran(desk, "patched", *patched) == ([RESTORED, EXECUTED, EXECUTED, RESTORED], [value])
        # Where nothing else has to be executed, neither has this.
        assert ran(desk, "patched", *patched) == ([RESTORED] * 4, [value])
        desk.notebook("patched", *patched, f"m = {value}")
        told = desk.run("patched.ipynb", "--plan", "--json").json["cells"]
        # It was set to the same, as its code tells, so that who uses it need not be executed.
        assert [cell["outcome"] for cell in told] == [RESTORED, EXECUTED, RESTORED, RESTORED, EXECUTED]
        assert told[1]["why"] == ["a cell sets `math.pi`, which Clew cannot restore"]
    assert ran(desk, "patched", *cells) == ([RESTORED] * 3, ["3.141592653589793"])
    # Nothing is executed, and nothing was set: what used it when it was is none of these.
    assert ran(desk, "patched", "import math", "math.pi", "n = 1")[1] == ["3.141592653589793"]


#: What sets something in a library where no dotted name leads, and what reads that: `k` is what it is set to.
THROUGH = {
    "def put(holder, name, value):\n    setattr(holder, name, value)\nput(math, 'mine', k)": "math.mine",
    "own.patch(json, k)": "json.mine",
    "own.patch(pd.Series, k)": "pd.Series.mine",
    "class Sets:\n    def __init__(self, holder):\n        holder.mine = k\nmade = Sets(textwrap)": "textwrap.mine",
    "threading.main_thread().mine = k": "threading.main_thread().mine",
    "for name in ('one', 'two'):\n    setattr(string, name, k)": "string.one",
    "vars(fractions)['mine'] = k": "fractions.mine",
    "importlib.import_module('statistics').mine = k": "statistics.mine",
    "sys.modules['colorsys'].mine = k": "colorsys.mine",
    "heapq.__dict__.update(mine=k)": "heapq.mine",
    "held = [bisect]\nheld[0].mine = k": "bisect.mine",
}


def test_p03_what_is_set_in_a_library_where_no_name_leads_counts_for_who_uses_it(desk: Desk) -> None:
    (desk.folder / "own.py").write_text("def patch(holder, value):\n    holder.mine = value\n")
    first = (
        "import bisect, colorsys, fractions, heapq, importlib, json, math, statistics, string, sys, textwrap, threading\n"
        "import own\nimport pandas as pd"
    )
    for value in ("1", "2"):
        cells = (first, f"k = {value}", *THROUGH, *THROUGH.values())
        done, shown = ran(desk, "through", *cells)
        readers = dict(zip(THROUGH.values(), done[-len(THROUGH) :], strict=True))
        assert {reader for reader, outcome in readers.items() if outcome != EXECUTED} == set()
        assert shown[-len(THROUGH) :] == [value] * len(THROUGH)
        assert set(ran(desk, "through", *cells)[0]) == {RESTORED}


def test_p03_what_a_cell_sets_again_where_it_finds_the_same_is_the_same(desk: Desk) -> None:
    def cells(limit: str, last: str) -> list[str]:
        found = "2 * limit" if limit.isdigit() else "limit"
        return [
            "import fractions, random",
            f"limit = {limit}",
            f"fractions.bound = {found}",
            "fractions.bound",
            last,
        ]

    def planned(*cells: str) -> list[str]:
        desk.notebook("set_again", *cells)
        return [cell["outcome"] for cell in desk.run("set_again.ipynb", "--plan", "--json").json["cells"]]

    assert ran(desk, "set_again", *cells("5", "n = 1")) == ([EXECUTED] * 5, ["10"])
    # It is executed for the last one, and who used it before finds what that found.
    expected = [RESTORED, RESTORED, EXECUTED, RESTORED, EXECUTED]
    assert planned(*cells("5", "n = 2")) == expected
    assert ran(desk, "set_again", *cells("5", "n = 2")) == (expected, ["10"])
    assert ran(desk, "set_again", *cells("5", "n = 3")) == (expected, ["10"])
    assert ran(desk, "set_again", *cells("6", "n = 3")) == (
        [RESTORED, EXECUTED, EXECUTED, EXECUTED, RESTORED],
        ["12"],
    )
    assert ran(desk, "set_again", *cells("5", "n = 4")) == (expected, ["10"])
    # Another sets it, too, before it is used.
    more = cells("5", "n = 4")
    more.insert(3, "fractions.bound = limit")
    assert ran(desk, "set_again", *more)[1] == ["5"]
    assert ran(desk, "set_again", *cells("5", "n = 5"))[1] == ["10"]
    # What it sets is another each time.
    first, second = (
        ran(desk, "set_again", *cells("random.SystemRandom().random()", f"n = {n}"))[1] for n in (6, 7)
    )
    assert first != second


def test_p03_a_file_that_several_cells_wrote_is_written_again_where_anything_may_find_what_was_between(
    desk: Desk,
) -> None:
    """Nothing is executed for a file that a later cell wrote over; everything is, where something is executed that may find it."""
    start, one, middle = "k = 1", "_ = open('several.txt', 'w').write('one')", "size = len([k])"
    reads, two, last = (
        "found = open('several.txt').read()",
        "_ = open('several.txt', 'w').write('two')",
        "n = 1",
    )
    shown = "(found, size, open('several.txt').read())"
    cells = [start, one, middle, reads, two, last, shown]
    assert ran(desk, "several", *cells) == ([EXECUTED] * 7, ["('one', 1, 'two')"])
    assert ran(desk, "several", *cells) == ([RESTORED] * 7, ["('one', 1, 'two')"])

    def edited(place: int, *instead: str) -> tuple[list[str], str]:
        told, (value,) = ran(desk, "several", *cells[:place], *instead, *cells[place + 1 :])
        there = (desk.folder / "several.txt").read_text()
        # As it was before the edit.
        assert ran(desk, "several", *cells)[1] == ["('one', 1, 'two')"]
        return told, f"{value} {there}"

    # Behind the last of them it is what that left.
    assert edited(5, "n = 2") == ([RESTORED] * 5 + [EXECUTED, RESTORED], "('one', 1, 'two') two")
    # Between them it is not, and the last may go on from it.
    assert edited(2, middle, "m = 1")[1] == "('one', 1, 'two') two"
    assert edited(4, "_ = open('several.txt', 'a').write('three')")[1] == "('one', 1, 'onethree') onethree"
    assert edited(4)[1] == "('one', 1, 'one') one"
    assert edited(1)[1] == "('two', 1, 'two') two"


def test_p03_a_file_is_written_again_where_only_a_run_shows_that_something_between_is_executed(
    desk: Desk,
) -> None:
    behind = (
        "_ = open('late.txt', 'w').write('one')",
        "size = len(str(k))",
        "found = open('late.txt').read()",
    )
    last = ("_ = open('late.txt', 'w').write('two')", "(found, size, open('late.txt').read())")
    assert ran(desk, "late", "k = 1", "m = 1", *behind, *last)[1] == ["('one', 1, 'two')"]
    # Nobody knows before that this cell binds `k` now.
    desk.notebook("late", "k = 1", "m, k = 2, 'other'", *behind, *last)
    typed = desk.run("late.ipynb", "out.ipynb")
    assert typed.exit == 0 and "so cell 3 runs again in a new kernel" in typed.err, typed
    (shown,) = code_cells(desk.read("out.ipynb"))[-1]["outputs"]
    assert "".join(shown["data"]["text/plain"]) == "('one', 5, 'two')"


def test_p06_the_number_of_a_process_is_asked_for_each_time(desk: Desk) -> None:
    cells = ("import os\nmine = os.getpid()", "mine > 1")
    assert ran(desk, "process", *cells)[0] == [EXECUTED] * 2
    desk.notebook("process", *cells)
    told = desk.run("process.ipynb", "--plan", "--json").json["cells"]
    assert told[0]["why"] == ["it depends on its process ID"]


def test_p03_how_something_is_logged_is_said_in_each_run(desk: Desk) -> None:
    level = (
        "import logging, io\nkept = io.StringIO()",
        "logging.basicConfig(stream=kept, level=logging.INFO)",
    )
    assert ran(desk, "logged", *level, "logging.info('one')\nkept.getvalue()")[1] == ["'INFO:root:one\\n'"]
    told = ran(desk, "logged", *level, "logging.info('two')\nkept.getvalue()")
    assert told[0][1:] == [EXECUTED] * 2 and told[1] == ["'INFO:root:two\\n'"]


def test_an_extension_of_ipython_is_loaded_in_each_run(desk: Desk) -> None:
    cells = ("%load_ext autoreload", "%autoreload 2", "x = 1")
    assert ran(desk, "extended", *cells)[0] == [EXECUTED] * 3
    assert ran(desk, "extended", *cells)[0] == [RESTORED] * 3
    assert ran(desk, "extended", *cells, "x")[1] == ["1"]


def test_p03_a_process_wide_setting_counts_for_who_asks_for_it(desk: Desk) -> None:
    cells = ("import sys", "sys.setrecursionlimit(2000)", "sys.getrecursionlimit()")
    assert ran(desk, "limits", *cells)[1] == ["2000"]
    assert ran(desk, "limits", cells[0], "sys.setrecursionlimit(2500)", cells[2])[1] == ["2500"]


def test_p03_a_link_that_leads_elsewhere_and_a_name_behind_sys_modules(desk: Desk) -> None:
    link = desk.folder / "link"
    link.symlink_to("one")
    cells = ("import os, sys\na = 1", "os.readlink('link')", "sys.modules['__main__'].a")
    assert ran(desk, "behind", *cells)[1] == ["'one'", "1"]
    link.unlink()
    link.symlink_to("two")
    assert ran(desk, "behind", "import os, sys\na = 2", *cells[1:])[1] == ["'two'", "2"]


def test_p03_print_and_the_output_stream_are_the_notebook_s_own(desk: Desk) -> None:
    cells = (
        "import builtins, io, sys\nplain = print",
        "def print(*words, **others):\n    plain('told:', *words, **others)",
        "get_ipython = None",
        "sys.stdout, kept = io.StringIO(), sys.stdout",
        "print(1)\nsys.stdout.getvalue()",
        "sys.stdout = kept\n2",
    )
    assert ran(desk, "printed", *cells)[1] == ["'told: 1\\n'", "2"]
    assert ran(desk, "printed", *cells, "3")[1] == ["'told: 1\\n'", "2", "3"]


#: Cells that set something by calling a function of a library, and those that find it, by what is edited in either.
CALLS = (
    "import csv, io, socket\nfrom sklearn import set_config\nfrom sklearn.preprocessing import StandardScaler\nn = 1",
    "csv.register_dialect('mine', delimiter=';')",
    "next(csv.reader(io.StringIO('a;b,c'), 'mine')) * 1",
    "socket.setdefaulttimeout(n + 3)",
    "socket.getdefaulttimeout() * 1",
    "set_config(transform_output='default')",
    "type(StandardScaler().fit_transform([[1.0], [2.0]])).__name__ * 1",
    "k = 7",
)


def test_p03_what_functions_set_in_their_library_is_there_for_who_is_executed_and_counts(desk: Desk) -> None:
    cells = list(CALLS)
    assert ran(desk, "calls", *cells)[1] == ["['a', 'b,c']", "4.0", "'ndarray'"]
    assert ran(desk, "calls", *cells)[0] == [RESTORED] * 8
    for reader in (2, 4, 6):
        cells[reader] = cells[reader].replace("* 1", "* 2")
    told = ran(desk, "calls", *cells)
    assert told == (
        [RESTORED] + [EXECUTED] * 6 + [RESTORED],
        ["['a', 'b,c', 'a', 'b,c']", "8.0", "'ndarrayndarray'"],
    )
    cells[1] = cells[1].replace(";", ",")
    told = ran(desk, "calls", *cells)
    # What was set to a value that does not stand in the code is the same, too, since who set it found the same.
    assert told[0] == [RESTORED, EXECUTED, EXECUTED, EXECUTED, RESTORED, EXECUTED, RESTORED, RESTORED]
    assert told[1][0] == "['a;b', 'c', 'a;b', 'c']"
    del cells[1]
    desk.notebook("calls", *cells)
    assert desk.run("calls.ipynb", "out.ipynb").exit == 1
    assert "unknown dialect" in str(desk.read("out.ipynb"))


def test_p03_how_ipython_shows_and_runs_counts_for_every_cell_that_comes_after(desk: Desk) -> None:
    cells = [
        "1 / 3",
        "%precision 3",
        "n = 2 / 3\nn",
        "get_ipython().ast_node_interactivity = 'all'",
        "n\n1",
        "%alias hi echo hi",
        "%hi you",
    ]
    assert ran(desk, "shown", *cells[:5])[1] == ["0.3333333333333333", "'%.3f'", "0.667", "0.667", "1"]
    assert ran(desk, "shown", *cells[:5])[0] == [RESTORED] * 5
    cells[1] = "%precision 2"
    assert ran(desk, "shown", *cells[:5])[1] == ["0.3333333333333333", "'%.2f'", "0.67", "0.67", "1"]
    cells[3] = "get_ipython().ast_node_interactivity = 'last_expr'"
    assert ran(desk, "shown", *cells[:5]) == (
        [RESTORED, EXECUTED, RESTORED, EXECUTED, EXECUTED],
        ["0.3333333333333333", "'%.2f'", "0.67", "1"],
    )
    del cells[1]
    assert ran(desk, "shown", *cells[:4])[1] == ["0.3333333333333333", "0.6666666666666666", "1"]
    for _ in range(2):
        desk.notebook("shown", *cells)
        assert desk.run("shown.ipynb", "out.ipynb").exit == 0
        assert "hi you" in str(code_cells(desk.read("out.ipynb"))[5]["outputs"])


def test_p03_what_a_thread_does_after_its_cell_is_done_again(desk: Desk) -> None:
    cells = [
        "import threading, time\nkept = []\nk = 1",
        "timer = threading.Timer(0.2, lambda: kept.append(k))\ntimer.start()",
        "time.sleep(1)",
        "kept",
    ]
    assert ran(desk, "timed", *cells)[1] == ["[1]"]
    cells[0] = cells[0].replace("k = 1", "k = 2")
    assert ran(desk, "timed", *cells)[1] == ["[2]"]
    cells[3] = "kept * 2"
    assert ran(desk, "timed", *cells)[1] == ["[2, 2]"]
    cells[1] = "0"
    assert ran(desk, "timed", *cells)[1] == ["0", "[]"]


def test_p03_a_file_that_a_cell_itself_changes_counts_as_it_was_before(desk: Desk) -> None:
    cells = (
        "from pathlib import Path\nimport os\np = Path('cache.txt')",
        "if p.exists():\n    how = 'loaded'\nelse:\n    how = 'computed'; p.write_text('1');\nhow",
        "n = int(open('count.txt').read()) if os.path.exists('count.txt') else 0\nPath('count.txt').write_text(str(n + 1));\nn",
        "os.makedirs('filled', exist_ok=True)\nnames = os.listdir('filled')\nPath('filled/a.txt').write_text('a');\nnames",
        "Path('again.txt').write_text('a'); Path('again.txt').read_text()",
    )
    same = "'a'"
    assert ran(desk, "changing", *cells)[1] == ["'computed'", "0", "[]", same]
    once_more = [RESTORED, *[EXECUTED] * 3, RESTORED]
    assert ran(desk, "changing", *cells) == (once_more, ["'loaded'", "1", "['a.txt']", same])
    # Who goes on from what it left does so each time.
    again = [RESTORED, RESTORED, EXECUTED, RESTORED, RESTORED]
    assert ran(desk, "changing", *cells) == (again, ["'loaded'", "2", "['a.txt']", same])
    (desk.folder / "filled" / "b.txt").touch()
    assert ran(desk, "changing", *cells)[0] == [*again[:3], EXECUTED, RESTORED]


def test_p03_lists_of_libraries_that_change_in_place_and_what_is_entered_without_with(desk: Desk) -> None:
    cells = ["import sys", "sys.argv.append('--one')", "'--one' in sys.argv"]
    assert ran(desk, "listed", *cells)[1] == ["True"]
    cells[1] = "sys.argv.append('--two')"
    assert ran(desk, "listed", *cells) == ([RESTORED, EXECUTED, EXECUTED], ["False"])
    cells = [
        "import contextlib, io",
        "with_it = contextlib.redirect_stdout(io.StringIO()).__enter__()",
        "1; print('away')",
    ]
    assert ran(desk, "entered", *cells)[1] == []
    cells[2] = "2; print('away')"
    assert ran(desk, "entered", *cells) == ([RESTORED, EXECUTED, EXECUTED], [])


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("made", "begun", "shown"),
    [
        ("patcher = mock.patch('math.tau', 1)", "patcher.start()", "math.tau"),
        ("patcher = pytest.MonkeyPatch()", "patcher.setattr(math, 'tau', 1)", "math.tau"),
        ("stack = contextlib.ExitStack()", "stack.enter_context(mock.patch('math.tau', 1))", "math.tau"),
    ],
    ids=["mock", "monkeypatch", "stack"],
)
def test_p03_what_is_set_until_somebody_ends_it_counts_for_every_cell_behind(
    desk: Desk, made: str, begun: str, shown: str
) -> None:
    """And back again, where nothing has to be executed for it."""
    imports = "import contextlib, math, pytest\nfrom unittest import mock"
    for number in (1, 2, 1, 2):
        one = (text.replace("1", str(number)) for text in (made, begun))
        assert ran(desk, "until", imports, *one, shown)[1][-1:] == [str(number)]


def test_a_cell_that_failed_once_is_told_by_its_last_run(desk: Desk) -> None:
    cells = ["a = 1", "b = 2", "1 / (3 - a - b)"]
    desk.notebook("failing", *cells)
    assert desk.run("failing.ipynb", "out.ipynb").exit == 1
    cells[:2] = "a = 2", "b = 3"
    ran(desk, "failing", *cells)
    desk.notebook("failing", "a = 3", "b = 4", cells[2])
    typed = desk.run("failing.ipynb", "out.ipynb", "--json")
    assert typed.json["cells"][2]["why"] == ["`a` 2 → 3", "`b` 3 → 4"]


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "clears",
    [
        "if os.path.exists('d'):\n    shutil.rmtree('d')\nos.makedirs('d')",
        "shutil.rmtree('d', ignore_errors=True)\nos.makedirs('d')",
        "def fresh(name):\n    if Path(name).exists():\n        remove(name)\n    os.makedirs(name)\nfresh('d')",
        "os.makedirs('d', exist_ok=True)\nfor path in Path('d').iterdir():\n    path.unlink()",
    ],
    ids=["guarded", "whatever is there", "by a function", "each file"],
)
def test_p03_what_a_cell_clears_away_is_not_there_for_those_behind(desk: Desk, clears: str) -> None:
    name = f"clears-{len(clears)}"
    imports = "import os, shutil\nfrom pathlib import Path\nfrom shutil import rmtree as remove"
    place = f"os.makedirs('{name}', exist_ok=True)\nos.chdir('{name}')"
    for file in ("x", "y", "x", "x"):
        writes = f"_ = Path('d/{file}').write_text('1')"
        _, shown = ran(desk, name, imports, place, clears, writes, "sorted(os.listdir('d'))")
        assert shown == [f"['{file}']"]


def test_p03_a_file_that_is_begun_anew_has_nothing_of_what_was_added_before(desk: Desk) -> None:
    begins = "import os\nif os.path.exists('log.txt'):\n    os.remove('log.txt')"
    for text in ("a", "b", "a"):
        adds = f"with open('log.txt', 'a') as file:\n    _ = file.write('{text}')"
        assert ran(desk, "begun", begins, adds, "open('log.txt').read()")[1] == [f"'{text}'"]


def test_p03_a_class_that_a_library_made_in_a_module_of_its_own_is_made_again(desk: Desk) -> None:
    desk.library(
        "creating",
        "def create(name, base):\n    globals()[name] = type(name, (base,), {'__module__': __name__})\n",
    )
    cells = (
        "import creating",
        "creating.create('Individual', list)\nn = 1",
        "one = creating.Individual([1])",
    )
    ran(desk, "created", *cells, "one")
    assert ran(desk, "created", *cells, "one") == ([RESTORED] * 4, ["[1]"])
    told = ran(desk, "created", *cells, "one + [2]")
    assert told == ([RESTORED, EXECUTED, RESTORED, EXECUTED], ["[1, 2]"])


#: What libraries show beside text: the type that a front end draws it by, and the content.
SHOWN = {
    "plotly": ("application/vnd.plotly.v1+json", {"data": [{"y": list(range(100_000))}]}),
    "vega": ("application/vnd.vegalite.v6+json", {"mark": "bar"}),
    "map": ("application/geo+json", {"type": "Point"}),
    "script": ("application/javascript", "element.text('hello')"),
    "bokeh": ("application/vnd.bokehjs_exec.v0+json", ""),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_a_library_shows_is_kept_whole(desk: Desk, name: str) -> None:
    bundle = {SHOWN[name][0]: SHOWN[name][1], "text/plain": "a figure"}
    cells = ("from IPython.display import display", f"display({bundle!r}, raw=True)")
    desk.notebook("shown", *cells)
    for became in (EXECUTED, RESTORED):
        assert desk.run("shown.ipynb", "out.ipynb").exit == 0
        out = desk.read("out.ipynb")
        assert outcomes(out)[1] == became
        (output,) = code_cells(out)[1]["outputs"]
        shown = output["data"][SHOWN[name][0]]
        assert ("".join(shown) if isinstance(shown, list) else shown) == SHOWN[name][1]


def test_what_shows_something_of_the_kernel_is_shown_anew(desk: Desk) -> None:
    bundle = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "a slider"}
    cells = ("from IPython.display import display", f"display({bundle!r}, raw=True)")
    ran(desk, "live", *cells)
    assert ran(desk, "live", *cells)[0] == [RESTORED, EXECUTED]
