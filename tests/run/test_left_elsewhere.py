"""State that cells leave where no variable of theirs is: objects without a value in their own modules (a queue, a digest, a generator, a file),
functions in options of libraries, what calls set, what IPython ran at its start. A cell that goes by it is executed where it may be another."""

from __future__ import annotations

import pytest
from run.desk import Desk, code_cells, outcomes
from run.test_inputs import write

MODULES = {
    "queued": (
        "import queue\n_q = queue.Queue()\ndef put(x):\n    _q.put(x)\ndef get():\n    return list(_q.queue)\n"
    ),
    "counted": "import threading\n_l = threading.local()\ndef put(x):\n    _l.x = x\ndef get():\n    return _l.x\n",
    "digested": "import hashlib\n_d = hashlib.md5()\ndef put(x):\n    _d.update(b'%d' % x)\ndef get():\n    return _d.hexdigest()\n",
    "generated": "def _going():\n    total = 0\n    while True:\n        total += (yield total) or 0\n_g = _going()\nnext(_g)\n"
    "def put(x):\n    _g.send(x)\ndef get():\n    return _g.send(0)\n",
    "mapped": "import mmap\n_m = mmap.mmap(-1, 16)\ndef put(x):\n    _m[0] = x\ndef get():\n    return _m[0]\n",
    "packed": "import zlib\n_c = zlib.compressobj()\n_out = []\ndef put(x):\n    _out.append(_c.compress(b'%d' % x * 9))\n"
    "def get():\n    return b''.join(_out) + _c.copy().flush()\n",
    "filed": "import tempfile\n_f = tempfile.TemporaryFile('w+')\ndef put(x):\n    _f.write(str(x))\ndef get():\n    _f.seek(0)\n    return _f.read()\n",
    # What has a value and what has none share an object.
    "wrapped": "import csv, io\n_b = io.BytesIO()\n_t = io.TextIOWrapper(_b, write_through=True)\n_w = csv.writer(_t)\n"
    "def put(x):\n    _w.writerow([x])\ndef get():\n    return _b.getvalue()\n",
}


@pytest.mark.few(3)
@pytest.mark.parametrize("name", MODULES)
def test_p03_what_lives_in_a_module_of_the_users_counts(desk: Desk, name: str) -> None:
    module = f"live_{name}"
    write(desk.folder / f"{module}.py", MODULES[name])
    for values in ((1,), (2,), (2, 5)):
        cells = [f"{module}.put({value})" for value in values]
        desk.notebook(module, f"import {module}", *cells, f"print({module}.get())", "k = 1\nk + 1")
        assert shown(desk, module) == plain(desk, module), values
        # Who has nothing to do with it is restored.
        assert outcomes(desk.read("out.ipynb"))[-1] == ("executed" if values == (1,) else "restored")


def test_a_module_that_keeps_a_lock_and_a_connection_is_restored(desk: Desk) -> None:
    text = (
        "import logging, queue, sqlite3, threading\n_lock = threading.Lock()\n_con = sqlite3.connect(':memory:')\n"
        "_log = logging.getLogger('kept')\n_log.addHandler(logging.NullHandler())\ndef get():\n    with _lock:\n        return 3\n"
    )
    write(desk.folder / "keeps_lock.py", text)
    desk.notebook("lock", "import keeps_lock", "print(keeps_lock.get())")
    for expected in ("executed", "restored"):
        assert desk.run("lock.ipynb", "out.ipynb").exit == 0
        assert outcomes(desk.read("out.ipynb")) == [expected] * 2


FORMATTED = {
    "pandas": ("pd.options.display.float_format = shape", "pd.DataFrame({'z': [1.23456]})"),
    "set": ("pd.set_option('display.float_format', lambda x: shape(x))", "pd.DataFrame({'z': [1.23456]})"),
    "numpy": ("np.set_printoptions(formatter={'float': shape})", "np.array([1.23456])"),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", FORMATTED)
def test_p03_what_a_function_in_an_option_reads_counts_for_what_is_shown(desk: Desk, kind: str) -> None:
    set_there, value = FORMATTED[kind]
    for digits in (2, 3):
        desk.notebook(
            f"format_{kind}",
            f"DIGITS = {digits}",
            "import numpy as np, pandas as pd\ndef shape(x):\n    return f'{x:.{DIGITS}f}'",
            set_there,
            value,
            f"print({value})",
        )
        assert shown(desk, f"format_{kind}") == plain(desk, f"format_{kind}")


SET = {
    "polynomials": (
        "np.polynomial.set_default_printstyle('{}')",
        ("ascii", "unicode"),
        "print(np.polynomial.Polynomial([1, 2]))",
    ),
    "contexts": (
        "decimal.DefaultContext.prec = {}",
        (7, 9),
        "print(decimal.Context().divide(decimal.Decimal(1), 3))",
    ),
    "records": (
        "def made(*given, **named):\n    one = logging.LogRecord(*given, **named)\n    one.msg = '{} ' + one.msg\n    return one\n"
        "logging.setLogRecordFactory(made)",
        ("a", "b"),
        "logging.getLogger('records').error('said')",
    ),
}


@pytest.mark.few(1)
@pytest.mark.parametrize("kind", SET)
def test_p03_what_is_set_by_a_call_counts_for_who_goes_by_it(desk: Desk, kind: str) -> None:
    set_there, values, asks = SET[kind]
    for value in values:
        desk.notebook(
            f"set_{kind}", "import decimal, logging\nimport numpy as np", set_there.format(value), asks
        )
        assert shown(desk, f"set_{kind}") == plain(desk, f"set_{kind}")


def test_p03_whether_python_leaves_assertions_out_counts_for_who_asserts(desk: Desk) -> None:
    write(desk.folder / "asserts.py", "def checked(x):\n    assert x > 0\n    return x\n")
    desk.notebook(
        "optimized",
        "try:\n    assert 1 > 2\n    print('unchecked')\nexcept AssertionError:\n    print('checked')",
        "import asserts",
        "try:\n    print(asserts.checked(-1))\nexcept AssertionError:\n    print('checked')",
        "k = 1\nk + 1",
    )
    for env in ({}, {"PYTHONOPTIMIZE": "1"}, {}):
        assert shown(desk, "optimized", env) == plain(desk, "optimized", env)
    assert outcomes(desk.read("out.ipynb"))[-1] == "restored"


def shown(desk: Desk, name: str, env: dict[str, str] | None = None) -> list[str]:
    """What the cells show with `clew run`."""
    done = desk.run(f"{name}.ipynb", "out.ipynb", env=env or {})
    assert done.exit == 0, done
    return _texts(desk, "out.ipynb")


def plain(desk: Desk, name: str, env: dict[str, str] | None = None) -> list[str]:
    """What they show with papermill."""
    assert desk.papermill(f"{name}.ipynb", "plain.ipynb", env=env or {}).exit == 0
    return _texts(desk, "plain.ipynb")


def _texts(desk: Desk, name: str) -> list[str]:
    return [
        "".join("".join(one.get("text") or one["data"]["text/plain"]) for one in cell["outputs"])
        for cell in code_cells(desk.read(name))
    ]


def test_p03_what_ipython_runs_at_its_start_counts_for_who_uses_what_came_of_it(desk: Desk) -> None:
    start = desk.home / "ipython" / "profile_default" / "startup" / "00-mine.py"
    desk.notebook("started", "print(TAX * 100)", "def net(x):\n    return x * TAX", "net(2)", "k = 1\nk + 1")
    try:
        for tax in (0.25, 0.5):
            write(start, f"TAX = {tax}\n")
            assert shown(desk, "started") == plain(desk, "started")
            # Whatever edits the file, a cell that takes nothing from there is restored.
            is_first = tax == 0.25
            assert outcomes(desk.read("out.ipynb"))[-1] == ("executed" if is_first else "restored")
        assert shown(desk, "started") == plain(desk, "started")
        assert outcomes(desk.read("out.ipynb")) == ["restored"] * 4
    finally:
        start.unlink()
