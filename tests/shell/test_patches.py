"""What code may have set in libraries, by its compiled form."""

from __future__ import annotations

import json
import math
from types import ModuleType

import pytest

from clew.shell.names import nested
from clew.shell.patches import patched

MINE = type("Mine", (), {"__module__": "__main__"})


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("math.pi = 3", {"math.pi"}),
        ("del math.pi", {"math.pi"}),
        ("math.tau += 1", {"math.tau"}),
        ("setattr(math, 'e', 2)", {"math.e"}),
        ("json.decoder.NaN = 1", {"json.decoder.NaN"}),
        ("json.JSONEncoder.default = lambda self, o: str(o)", {"json.encoder.JSONEncoder.default"}),
        ("def f():\n    math.pi = 3", {"math.pi"}),
        ("logging.basicConfig(level=10)", {"logging.basicConfig"}),
        ("get_ipython().run_line_magic('load_ext', 'autoreload')", {"IPython.autoreload"}),
        ("get_ipython().run_line_magic('load_ext', 'clew')", set()),
        ("get_ipython().run_line_magic('time', 'x')", set()),
        ("Mine.n = 1", set()),
        ("held.n = 1", set()),
        ("nothing.n = 1", set()),
        ("x = math.pi", set()),
        ("json.loads('1').n.m = 2", set()),
    ],
)
def test_what_is_set_in_a_library_is_told_and_nothing_else(source: str, found: set[str]) -> None:
    namespace = {"math": math, "json": json, "Mine": MINE, "held": {}, "logging": ModuleType("logging")}
    codes = nested(compile(source, "<cell>", "exec"))
    assert patched(codes, namespace) == found
