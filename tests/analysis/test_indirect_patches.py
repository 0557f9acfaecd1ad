"""What code may have set in libraries where no dotted name leads, by its compiled form."""

from __future__ import annotations

import functools
import importlib
import json
import logging
import math
import mimetypes
import re
import sys
import unittest
from types import FunctionType
from typing import Any

import numpy
import pandas
import pyarrow
import pytest

from clew.analysis.bytecode import nested
from clew.analysis.indirect_patches import set_through
from clew.analysis.own_modules import reached
from clew.analysis.scope import Scope

OWN = """
def patch(module, value):
    module.mine = value
def all_of(module):
    module.__dict__["mine"] = 1
def table_of(module):
    vars(module).update(mine=1)
def put_into(module, name, value):
    module.__dict__[name] = value
def put_by_key(value, name, module):
    vars(module)[name] = value
def kept(module):
    held = {}
    held["module"] = module
    return held
def add_to(things):
    things.append(1)
"""
MADE = """
def put(holder, name, value):
    setattr(holder, name, value)
def sets(holder):
    holder.mine = 1
def within(modules):
    for one in (modules,):
        first = other = one
        other.mine = 1
        first, last = one, 1
        first.more = 1
def around(module):
    def inner():
        module.mine = 1
    inner()
def fresh(self, kind):
    new = self.copied()
    new.label = kind
    made = kind(1)
    made[self.places[0]] = 0
def ours(frame):
    frame.columns = ["a"]
    return frame
def fill(table):
    table["a"] = "b"
def joined(table):
    table |= {"a": "b"}
def added(things):
    things.append(1)
def deeper(module):
    module.types_map["a"] = "b"
def longer(module):
    module.knownfiles += ["a"]
def cut(things):
    things[1:] = []
def copied(things):
    things[1:][0] = "a"
def listed(table):
    return [*table]
def outer(first, second):
    sets(first)
    return second
def applied(function, value):
    function(value)
def rest(a, *args, **named):
    args[0].mine = 1
    named["b"].more = 1
def deep(one):
    def inner():
        def innermost(two):
            outer(two, one)
        innermost(one)
    inner()
class Meth:
    def puts(self, holder):
        holder.mine = 1
    @staticmethod
    def of(holder):
        sets(holder)
class Sets:
    def __init__(self, holder):
        holder.mine = 1
class Keeps:
    def __init__(self, holder):
        self.mine = holder
"""


@pytest.mark.parametrize(
    ("source", "found"),
    [
        # Through a variable of a function of the notebook's, or of the user's own module.
        ("put(math, 'mine', 1)", {"math.__dict__"}),
        ("sets(math)", {"math.mine"}),
        ("sets(holder=math)", {"math.mine"}),
        ("sets(pandas.Series)", {"pandas.Series.mine"}),
        ("Sets(numpy)", {"numpy.mine"}),
        ("own.patch(math, 1)", {"math.mine"}),
        ("own.all_of(math)", {"math.__dict__"}),
        ("own.table_of(math)", {"math.__dict__"}),
        ("own.put_into(math, 'mine', 1)", {"math.__dict__"}),
        ("own.put_by_key(1, 'mine', math)", {"math.__dict__"}),
        ("within(math)", {"math.mine", "math.more"}),
        ("around(math)", {"math.mine"}),
        # What it makes itself, and an element under a key that is one of something.
        ("fresh(frame, math)", set()),
        ("Keeps(math)", set()),
        ("own.kept(math)", set()),
        ("ours(frame)", set()),
        ("sets(frame)", set()),
        ("len(dir(math))", set()),
        # On what a call returns, or an element.
        ("pyarrow.default_memory_pool().mine = True", {"pyarrow.mine"}),
        ("logging.getLogger('a').extra = 1", {"logging.getLogger.extra"}),
        ("getattr(logging, 'root').extra = 1", {"logging.extra"}),
        ("functools.reduce(getattr, ['TestCase'], unittest).mine = 1", {"unittest.mine"}),
        ("importlib.import_module('json').mine = 1", {"json.mine"}),
        ("sys.modules['json'].mine = 1", {"json.mine"}),
        ("held[0].mine = 1", {"re.mine"}),
        ("types['.a']['mine'] = 1", {"mimetypes.types_map.__dict__"}),
        ("root.handlers[0].mine = 1", {"logging.root.mine"}),
        ("table['a']['mine'] = 1\nsame['a']['mine'] = 1", set()),
        ("logging.root.handlers[0].mine = 1", {"logging.mine"}),
        ("logging.root.handlers[0]['mine'] = 1", {"logging.__dict__"}),
        ("logging.root.table['one']['mine'] = 1", {"logging.__dict__"}),
        # By all attributes at once, or by a name that stands elsewhere.
        ("vars(json)['mine'] = 1", {"json.__dict__"}),
        ("vars(json).pop('mine')", {"json.__dict__"}),
        ("json.__dict__.update(mine=1)", {"json.__dict__"}),
        ("json.__dict__['mine'] = 1", {"json.__dict__"}),
        ("for name in ('dumps', 'loads'):\n    setattr(json, name, 1)", {"json.__dict__"}),
        ("for name in ('dumps', 'loads'):\n    delattr(json, name)", {"json.__dict__"}),
        # In a container of a library that a function is given, or that lies in what it is given.
        ("fill(mimetypes.types_map)", {"mimetypes.types_map"}),
        ("fill(types)", {"mimetypes.types_map"}),
        ("fill(table=types)", {"mimetypes.types_map"}),
        ("joined(types)", {"mimetypes.types_map"}),
        ("joined(mimetypes.types_map)", {"mimetypes.types_map"}),
        ("added(mimetypes.knownfiles)", {"mimetypes.knownfiles"}),
        ("own.add_to(mimetypes.knownfiles)", {"mimetypes.knownfiles"}),
        ("cut(mimetypes.knownfiles)", {"mimetypes.knownfiles"}),
        ("copied(mimetypes.knownfiles)\ncut([])", set()),
        ("deeper(mimetypes)", {"mimetypes.types_map"}),
        ("longer(mimetypes)", {"mimetypes.knownfiles"}),
        ("fill(table)\nfill({})\nadded([])\nlen(types)", set()),
        ("ours(frame)\nfill(frame)\nlen(types)", set()),
        ("deeper(frame)\nadded(sys.path)", set()),
        # What another function, or another argument, is called with is nothing to it.
        ("sets(frame)\nlisted(numpy)\nlen(numpy)", set()),
        ("put(frame, 'a', math)", set()),
        ("sets(frame)\nframe.a.astype(int)\nframe.a.map(numpy.sin)", set()),
        ("fill(table)\nlisted(types)", set()),
        ("outer(math, json)", {"math.mine"}),
        ("outer(first=json, second=math)", {"json.mine"}),
        ("outer(second=json, first=math)", {"math.mine"}),
        ("applied(sets, math)", {"math.mine"}),
        ("rest(1, math)", {"math.mine"}),
        ("rest(1, 2, b=math)", {"math.more"}),
        ("rest(math, 2)", set()),
        ("Meth().puts(math)", {"math.mine"}),
        ("meth.puts(math)", {"math.mine"}),
        ("Meth.of(math)", {"math.mine"}),
        ("deep(math)", {"math.mine"}),
        # What is the user's, and what is told of elsewhere.
        ("sys.path += ['a']\nmath.tau += 1\nframe.b += 1", set()),
        ("pyarrow.default_memory_pool().count += 1", {"pyarrow.count"}),
        ("frame.b = 1\nframe['a'][0] = 2\nframe.loc[0, 'a'] = 3", set()),
        ("grid = numpy.zeros((3, 3))\ngrid[numpy.argmax(grid[0])][0] = 1", set()),
        ("things = [frame]\nthings[math.floor(0.5)].mine = 1", set()),
        ("pandas.DataFrame([1]).index.name = 'x'\nnumpy.zeros(3).shape = 3, 1", set()),
        ("table = {}\ntable.setdefault('a', {})['b'] = numpy.mean\ntable['x'] = math", set()),
        ("class A(unittest.TestCase):\n    def f(self, other):\n        other.mine = 1", set()),
        ("def f(self):\n    self.mine = 1\nf(frame)", set()),
        ("try:\n    pass\nexcept json.JSONDecodeError as error:\n    error.mine = 1", set()),
    ],
)
def test_what_is_set_where_no_dotted_name_leads_is_told_and_nothing_else(
    source: str, found: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "own_setting.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_setting", raising=False)
    libraries = (
        functools,
        importlib,
        json,
        logging,
        math,
        mimetypes,
        numpy,
        pandas,
        pyarrow,
        re,
        sys,
        unittest,
    )
    namespace: dict[str, Any] = {library.__name__: library for library in libraries}
    namespace |= {"__name__": "__main__", "frame": pandas.DataFrame({"a": [1]}), "held": [re]}
    namespace |= {"types": mimetypes.types_map, "root": logging.root, "table": {"a": {}}}
    namespace["same"] = namespace["table"]
    namespace["own"] = importlib.import_module("own_setting")
    exec(MADE, namespace)
    namespace["meth"] = namespace["Meth"]()
    codes = list(nested(compile(source, "<cell>", "exec")))
    # As the recorder hands them on: what the cell is, and what it may have called.
    called = (
        "put",
        "sets",
        "within",
        "around",
        "fresh",
        "ours",
        "fill",
        "joined",
        "added",
        "deeper",
        "longer",
        "cut",
        "copied",
        "listed",
        "outer",
        "applied",
        "rest",
        "deep",
    )
    made = [namespace[name] for name in called if name in codes[0].co_names]
    made += [namespace[name].__init__ for name in ("Sets", "Keeps") if name in codes[0].co_names]
    # What these call.
    made += [namespace["sets"], namespace["outer"], namespace["Meth"].puts, namespace["Meth"].of]
    every = [
        *codes,
        *(inner for one in made if isinstance(one, FunctionType) for inner in nested(one.__code__)),
    ]
    scopes = [Scope(code, namespace) for code in every]
    scopes += [Scope(one.code, one.namespace) for one in reached(codes, namespace)]
    assert set(set_through(scopes)) == found
