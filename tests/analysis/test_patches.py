"""What code may have set in libraries, by its compiled form."""

from __future__ import annotations

import ast
import csv
import gc
import json
import logging
import math
import mimetypes
import os
import signal
import socket
import sys
from types import ModuleType
from typing import Any
from unittest import mock

import IPython  # noqa: F401 (the shell's settings are its)
import matplotlib
import numpy
import pandas
import pytest
from statsmodels.tools import tools

from clew.analysis.bytecode import nested
from clew.analysis.patches import patched

MINE = type("Mine", (), {"__module__": "__main__"})
LIBRARY = ModuleType("library")
LIBRARY.__dict__.update(
    config=ModuleType("library.config"),
    templates=object(),
    set_theme=lambda name: None,
    patch_all=lambda: None,
)
PATCH: Any = lambda made: made  # noqa: E731
PATCH.__module__, PATCH.__name__ = "fastcore.basics", "patch"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("math.pi = 3", {"math.pi = 3"}),
        ("math.pi = n", {"math.pi"}),
        ("sys.argv.append('-v')", {"sys.argv"}),
        ("sys.argv[1:] = []", {"sys.argv"}),
        ("sys.argv[0] = n", {"sys.argv"}),
        ("sys.argv[:1] += ['-v']", {"sys.argv"}),
        ("held['a'] = sys.argv\nheld[sys.argv] = 1", set()),
        ("logging.root.handlers.append(n)", {"logging.handlers"}),
        ("logging.root.handlers[0] = n", {"logging.handlers"}),
        ("json.JSONDecoder.table['a'] = n", {"json.decoder.JSONDecoder.table"}),
        # Through a variable that stands for what a module of a library holds.
        ("types['.a'] = n", {"mimetypes.types_map"}),
        ("types['.a'] += n", {"mimetypes.types_map"}),
        ("del types['.a']", {"mimetypes.types_map"}),
        ("types.update(a=n)", {"mimetypes.types_map"}),
        ("types |= {'.a': n}", {"mimetypes.types_map"}),
        ("mimetypes.types_map |= {'.a': n}", {"mimetypes.types_map"}),
        ("def f():\n    t = mimetypes.types_map\n    t |= {'.a': n}", {"mimetypes.types_map"}),
        ("n += 1\nheld |= {'a': types}\nsorted(types)", set()),
        ("root.disabled = n", {"logging.disabled"}),
        ("root.handlers.append(n)", {"logging.handlers"}),
        ("decoder.table['a'] = n", {"json.decoder.JSONDecoder.table"}),
        ("def f():\n    types['.a'] = n", {"mimetypes.types_map"}),
        ("def f():\n    t = mimetypes.types_map\n    t['.a'] = n", {"mimetypes.types_map"}),
        (
            "def f():\n    from mimetypes import types_map as t\n    other = t\n    other.pop('.a')",
            {"mimetypes.types_map"},
        ),
        ("def f(t):\n    t['.a'] = n", set()),
        ("x[types] = 1\nheld['a'] = types\nprint(types['.a'])", set()),
        ("same['a'] = 1\nsame.update(b=2)", set()),
        ("sys.modules['math'] = n", set()),
        ("del sys.argv[1]", {"sys.argv"}),
        ("x[sys.argv[1]] = len(sys.argv)", set()),
        ("y = tools.add_constant(x)", set()),
        ("sys.path.append('x')", set()),
        ("redirect_stdout(buffer).__enter__()", {"contextlib.__enter__"}),
        ("with redirect_stdout(buffer):\n    print()", set()),
        ("stack.enter_context(redirect_stdout(buffer))", {"contextlib.__enter__"}),
        ("with ExitStack() as stack:\n    stack.enter_context(redirect_stdout(buffer))", set()),
        (
            "with ExitStack() as one:\n    stack.enter_context(redirect_stdout(buffer))",
            {"contextlib.__enter__"},
        ),
        ("ExitStack().enter_context(redirect_stdout(buffer))", {"contextlib.__enter__"}),
        ("mock.patch('math.pi', 3).start()", {"contextlib.__enter__"}),
        ("patcher.start()", {"contextlib.__enter__"}),
        ("with mock.patch('math.pi', 3):\n    print(math.pi)", set()),
        ("held.start()", set()),
        ("library.patch_all()", {"contextlib.__enter__"}),
        ("@patch\ndef fit(self: str):\n    pass", {"contextlib.__enter__"}),
        ("held.patch_all()", set()),
        ("if math:\n    math.pi = 3", {"math.pi"}),
        ("del math.pi", {"math.pi"}),
        ("math.tau += 1", {"math.tau"}),
        ("setattr(math, 'e', 2)", {"math.e"}),
        ("json.decoder.NaN = 1", {"json.decoder.NaN = 1"}),
        ("json.api_key = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD'", {"json.api_key"}),
        ("json.JSONEncoder.default = lambda self, o: str(o)", {"json.encoder.JSONEncoder.default"}),
        ("def f():\n    math.pi = 3", {"math.pi"}),
        ("logging.basicConfig(level=10)", {"logging.basicConfig"}),
        ("get_ipython().run_line_magic('load_ext', 'autoreload')", {"%load_ext autoreload = "}),
        ("get_ipython().run_line_magic('precision', '3')", {"%precision = 3"}),
        ("get_ipython().run_line_magic('alias', 'hi echo hi')", {"%alias hi = echo hi"}),
        (
            "get_ipython().run_line_magic('config', \"InlineBackend.figure_format = 'svg'\")",
            {"%config InlineBackend.figure_format = 'svg'"},
        ),
        ("get_ipython().run_line_magic('config', 'Clew.x = 1')", {"%config Clew.x = 1"}),
        ("get_ipython().run_line_magic('matplotlib', 'inline')", set()),
        ("get_ipython().ast_node_interactivity = 'all'", {"IPython.ast_node_interactivity = 'all'"}),
        ("get_ipython().events.register('post_run_cell', f)", {"IPython.register"}),
        ("formatter.for_type(int, str)", {"IPython.display_formatter"}),
        (
            "csv.register_dialect('mine', delimiter=';')",
            {"csv.register_dialect = 'mine', ';', ('delimiter',)"},
        ),
        ("register_dialect('mine')", {"csv.register_dialect = 'mine'"}),
        ("mimetypes.add_type(a, b)", {"mimetypes.add_type"}),
        ("signal.signal(signal.SIGUSR1, print)", {"signal.signal"}),
        ("gc.disable()", {"gc.disable"}),
        ("def f():\n    socket.setdefaulttimeout(3)", {"socket.setdefaulttimeout"}),
        ("def f():\n    import socket\n    socket.setdefaulttimeout(3)", {"socket.setdefaulttimeout"}),
        ("def f():\n    import json.decoder as d\n    d.NaN = 1", {"json.decoder.NaN"}),
        ("def f():\n    from json import decoder as d, tool\n    d.NaN = 1", {"json.decoder.NaN"}),
        ("def f(json):\n    json.NaN = 1", set()),
        ("library.config.set({'a.b': 1})", {"library.config.set = 'a.b', 1"}),
        ("library.templates.default = 'dark'", {"library.default = 'dark'"}),
        ("from math import pi\nlibrary.set_theme('dark')", {"library.set_theme = 'dark'"}),
        ("with library.config.set({'a.b': 1}):\n    n = 1", set()),
        ("matplotlib.colormaps.register(n)", {"matplotlib.register"}),
        ("matplotlib.use('agg')\nmatplotlib.rc('lines')", set()),
        ("pandas.options.display.precision = 3\npandas.set_option('display.precision', 3)", set()),
        ("numpy.set_printoptions(precision=3)\nnumpy.add(1, 2)", set()),
        ("sys.path += ['a']\nos.environ = 1", set()),
        ("sys.stdout = n", {"sys.stdout"}),
        ("progress.pandas()", {"pandas.progress_apply"}),
        ("held.set_title('a')\nheld.config.update(a=1)", set()),
        ("set_title('a')\nsetattr(held, 'a', 1)", set()),
        ("get_ipython().run_line_magic('load_ext', 'clew')", set()),
        ("get_ipython().run_line_magic('time', 'x')", set()),
        ("Mine.n = 1", set()),
        ("held.n = 1", set()),
        ("nothing.n = 1", set()),
        ("x = math.pi", set()),
        ("json.loads('1').n.m = 2", set()),
    ],
)
def test_what_is_set_in_a_library_is_told_and_nothing_else(
    source: str, found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, PATCH.__module__, ModuleType(PATCH.__module__))
    libraries = (csv, gc, json, logging, math, matplotlib, mimetypes, numpy, os, pandas, signal, socket, sys)
    namespace = {library.__name__: library for library in libraries}
    namespace |= {
        "progress": type("tqdm", (), {"__module__": "tqdm.std"}),
        "tools": tools,
        "library": LIBRARY,
        "Mine": MINE,
        "held": {},
        "mock": mock,
        "patch": PATCH,
        "patcher": mock.patch("math.pi", 3),
        "n": 1,
    }
    monkeypatch.setattr(json.JSONDecoder, "table", {}, raising=False)
    namespace |= {"types": mimetypes.types_map, "root": logging.root, "decoder": json.JSONDecoder}
    namespace |= {"same": namespace["held"]}
    namespace |= {"register_dialect": csv.register_dialect, "get_ipython": lambda: None}
    tree = ast.parse(source)
    statements = [compile(ast.Interactive([one]), "<cell>", "single") for one in tree.body]
    codes = [code for statement in statements for code in nested(statement)]
    assert set(patched(codes, namespace)) == found


def test_what_is_set_is_told_in_order() -> None:
    statements = [compile(f"math.pi = {number}", "<cell>", "exec") for number in (4, 3, 5)]
    assert patched(statements, {"math": math}, is_whole=False) == ["math.pi"]
    assert patched(statements, {"math": math}) == ["math.pi = 4", "math.pi = 3", "math.pi = 5"]
