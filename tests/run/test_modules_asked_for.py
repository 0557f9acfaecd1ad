"""Cells that ask whether there is a module, by a name that stands in no code: one that comes or goes has them executed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable

import pytest
from run.desk import Desk
from run.test_inputs import write
from run.test_modules_gone_over import executed_again, papermilled, told_by
from run.test_unneeded import EXECUTED, RESTORED, ran

FIRST = "import importlib, importlib.util as u, sys\nfrom importlib import import_module as load\nimport lib, pkg\nnames = ['json', 'extra_thing']"
LIB = """import importlib, importlib.util
def avail(name):
    return importlib.util.find_spec(name) is not None
def load(name):
    try:
        return importlib.import_module(name).X
    except ImportError:
        return 'no'
def load_for(word):
    try:
        return __import__(f'extra_{word}').X
    except ImportError:
        return 'no'
def version(name):
    return importlib.import_module(name).__version__
class Loader:
    def __getitem__(self, name):
        return avail(f'extra_{name}')
loader = Loader()
"""
TRIED = "try:\n    {}\n    print('has')\nexcept ImportError:\n    print('no')"
LOOPED = f"for n in names:\n    {TRIED.replace(chr(10), chr(10) + '    ')}"
#: Ways to ask for a module that is not imported thereby.
ASKING = (
    "[n for n in names if u.find_spec(n)]",
    "[n for n in ('json', 'extra_thing') if u.find_spec(n)]",
    "z = 'thing'\nu.find_spec(f'extra_{z}') is None",
    "u.find_spec('_'.join(['extra', 'thing'])) is None",
    "def has(n):\n    return u.find_spec(n) is not None\nlist(map(has, names))",
    "list(map(lambda n: u.find_spec(n) is None, names))",
    "from importlib.util import find_spec as spec\nspec(names[1]) is None",
    "from importlib.machinery import PathFinder\nPathFinder.find_spec(names[1]) is None",
    "[n for n in names if any(f.find_spec(n, None) for f in sys.meta_path)]",
    "lib.avail('extra_thing')",
    "lib.avail(names[-1])",
    "lib.loader['thing']",
    "q = 'b'\nu.find_spec(f'pkg.{q}') is None, u.find_spec('.' + q, 'pkg') is None",
    "lib.avail('pkg.b')",
)
#: Ways to import one, if it is there.
LOADING = (
    LOOPED.format("load(n)"),
    LOOPED.format("importlib.import_module(n)"),
    LOOPED.format("__import__(n)"),
    LOOPED.format("exec(f'import {n}')"),
    TRIED.format("importlib.import_module('.b', 'pkg')"),
    TRIED.format("importlib.import_module('pkg.' + chr(98))"),
    "lib.load('extra_thing')",
    "lib.load(names[1])",
    "lib.load_for('thing')",
    "lib.load('pkg.' + 'b')",
    "import pkgutil\n" + LOOPED.format("pkgutil.resolve_name(n)"),
    "import runpy\n" + TRIED.format("runpy.run_module(names[1])"),
    "from pandas.compat._optional import import_optional_dependency as wanted\nwanted(names[1], errors='ignore') is None",
)
#: What asks for nothing that comes.
OTHERS = ("len(names)", "u.find_spec('json').name")
#: The same, but names are made: what modules of the user's own are loaded counts for it.
MAKING = ("[n for n in names[:1] if u.find_spec(n)]", "lib.avail('json')")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("asked-for"))
    write(desk.folder / "lib.py", LIB)
    write(desk.folder / "pkg" / "__init__.py", "A = 1\n")
    return desk


def comes(desk: Desk) -> None:
    """The modules are there."""
    write(desk.folder / "extra_thing.py", "X = 1\n")
    write(desk.folder / "pkg" / "b.py", "X = 2\n")


def goes(desk: Desk) -> None:
    """The modules are not there."""
    for path in (desk.folder / "extra_thing.py", desk.folder / "pkg" / "b.py"):
        path.unlink(missing_ok=True)


@pytest.mark.few(1)
@pytest.mark.parametrize(("before", "after"), [(goes, comes), (comes, goes)], ids=["comes", "goes"])
@pytest.mark.parametrize("ways", [ASKING, LOADING], ids=["asking", "loading"])
def test_p03_a_module_that_is_asked_for_by_whatever_name_counts(
    desk: Desk,
    ways: tuple[str, ...],
    before: Callable[[Desk], None],
    after: Callable[[Desk], None],
    request: pytest.FixtureRequest,
) -> None:
    name, cells = request.node.callspec.id, (FIRST, *OTHERS, *MAKING, *ways)
    before(desk)
    assert set(ran(desk, name, *cells)) == {EXECUTED}
    ran(desk, name, *cells)
    assert executed_again(desk.read("out.ipynb")) == {}
    after(desk)
    done = dict(zip(cells, ran(desk, name, *cells), strict=True))
    told = told_by(desk.read("out.ipynb"))
    assert {way for way in ways if done[way] != EXECUTED} == set()
    kept = (*OTHERS, *MAKING) if ways is ASKING else OTHERS
    assert {cell for cell in kept if done[cell] != RESTORED} == set()
    assert told == papermilled(desk, name)
    ran(desk, name, *cells)
    assert executed_again(desk.read("out.ipynb")) == {}


def test_p03_a_module_that_is_loaded_and_asked_for_by_whatever_name_counts_by_what_it_is(desk: Desk) -> None:
    cells = (
        "import importlib, lib, stages.clean\nstage = 'clean'",
        "importlib.import_module(f'stages.{stage}').run()",
        "load = importlib.import_module\nload('.'.join(['stages', stage])).run()",
        "__import__('stages', fromlist=[stage]).__dict__[stage].run()",
        "def run(name):\n    return importlib.import_module(f'stages.{name}').run()\nrun(stage)",
        "len(stage)",
    )
    for value in (1, 2):
        write(desk.folder / "stages" / "__init__.py", "")
        write(desk.folder / "stages" / "clean.py", f"def run():\n    return 'run' * {value}\n")
        assert ran(desk, "loaded", *cells)[:-1] == [EXECUTED] * (len(cells) - 1)
        told = told_by(desk.read("out.ipynb"))
        assert told == papermilled(desk, "loaded")
        ran(desk, "loaded", *cells)
        assert executed_again(desk.read("out.ipynb")) == {}


MINE = "import argparse, logging, unittest\nX = {value}\nD = {{}}\ndef f():\n    return X\nclass H(logging.Handler):\n    tag = X\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(X, 1)\n"
BESIDE = """import importlib.metadata, mine, pkgutil, sys
def table():
    return sys.modules
def out(name):
    return sys.modules[name].X
def resolved(text):
    return pkgutil.resolve_name(text)
def brought(path):
    import importlib, json
    return importlib.import_module(json.load(open(path))['of']).X
entry = importlib.metadata.EntryPoint('a', 'mine:f', 'g')
"""
#: Ways to get at a module by its name that another one has loaded. Each shows what it has.
REACHING = (
    "sys.modules['mine'].X",
    "sys.modules.get('mine').f()",
    "sys.modules[n].X",
    "sys.modules.get(n).f()",
    "[m.X for k, m in sys.modules.items() if k == n]",
    "from operator import itemgetter\nitemgetter(n)(sys.modules).X",
    "loaded = sys.modules\nloaded[n].X",
    "loaded['mine'].X",
    "beside.out(n)",
    "beside.table()[n].X",
    "beside.resolved('mine:X')",
    "pkgutil.resolve_name('mine:X'), pkgutil.resolve_name('mine.X')",
    "pkgutil.resolve_name(n + ':X')",
    "from pkgutil import resolve_name as resolved\nresolved('mine:X')",
    "pydoc.locate('mine.X')",
    "pydoc.locate(n + '.X')",
    "from pydoc import locate as found\nfound('mine.f')()",
    "EntryPoint('a', 'mine:X', 'g').load()",
    "EntryPoint(name='a', value='mine:f', group='g').load()()",
    "EntryPoint('a', n + ':X', 'g').load()",
    "entry = EntryPoint('a', 'mine:f', 'g')",
    "entry.load()()",
    "beside.entry.load()()",
    "pickle.loads(b'cmine\\nf\\n.')()",
    "pickle.Unpickler(io.BytesIO(b'cmine\\nX\\n.')).load()",
    "P.loads(b'cmine\\nX\\n.')",
    "builtins.__dict__['__import__'](n).X",
    "imported = __import__\nimported(n).X",
    "mock._get_target('mine.X')[0]().X",
    "with mock.patch('mine.D', 5):\n    print(beside.mine.X)",
    "@mock.patch.dict('mine.D', a=1)\ndef patched():\n    return beside.mine.X\npatched()",
    "loader = unittest.defaultTestLoader\nrunner = unittest.TextTestRunner(stream=io.StringIO())\nrunner.run(loader.loadTestsFromName('mine')).wasSuccessful()",
    "runner.run(loader.loadTestsFromName(n + '.T')).wasSuccessful()",
    "doctest._normalize_module('mine').X",
    "timeit.timeit('print(mine.X)', 'import mine', number=1) and None",
    "from timeit import repeat as timed\ntimed('print(mine.X)', 'import mine', number=1, repeat=1) and None",
    "text = 'import mine; print(mine.X)'\ntimeit.timeit(text, number=1) and None",
)
#: The same by libraries of which nobody can know all: the name stands in a text, here or in a variable, or in a file.
BY_LIBRARIES = (
    "from traitlets import import_item\nimport_item('mine.X')",
    "import yaml\nyaml.unsafe_load('!!python/name:mine.X')",
    "yaml.unsafe_load('!!python/object/apply:mine.f []')",
    "from jinja2.utils import import_string\nimport_string('mine.X'), import_string('mine:X')",
    "'{0.modules[mine].X}'.format(sys)",
    "import jinja2\njinja2.Template('{{ sys.modules[\"mine\"].X }}').render(sys=sys)",
    "import cProfile, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as kept:\n"
    "    cProfile.run('import mine; print(mine.X)')\nkept.getvalue().split()[0]",
    "import code\ncode.InteractiveInterpreter({}).runsource('import mine; print(mine.X)')",
    "from tornado.util import import_object\nimport_object('mine.X')",
    "from IPython.utils.importstring import import_item as item\nitem('mine.X')",
    "import importlib._bootstrap as b\nb._gcd_import('mine').X",
    "wanted = {{'model': [{{'_target_': 'mine.X'}}]}}".replace("{{", "{").replace("}}", "}"),
    "import_item(wanted['model'][0]['_target_'])",
    "import json\nimportlib.import_module(json.load(open('wanted.json'))['of']).X",
    "from importlib import import_module as brought\nbrought(json.load(open('wanted.json'))['of']).X",
    "beside.brought('wanted.json')",
)
#: What gets at no module of the user's own by a name, though it looks alike.
NOT_REACHING = (
    "json.loads('[1]'), json.load(io.StringIO('[2]'))",
    "pkgutil.resolve_name('json:dumps')(2)",
    "pydoc.locate('json.dumps')(3)",
    "pickle.loads(pickle.dumps([1]))",
    "class Box:\n    X = 1\nwith mock.patch.object(Box, 'X', 5):\n    print(Box.X)",
    "import re\nre.sub('mines', 'yours', 'undermine.X, mines.X, to mine, mine.csv')",
    "timeit.timeit('1 + 1', number=1) > 0",
)


@pytest.mark.few(1)
@pytest.mark.parametrize("goes", [False, True], ids=["edited", "deleted"])
def test_p03_a_module_that_is_loaded_and_reached_by_a_name_in_a_text_counts(
    desk: Desk, goes: bool, request: pytest.FixtureRequest
) -> None:
    name, path = request.node.callspec.id, desk.folder / "mine.py"
    first = "import beside, builtins, io, pickle, pkgutil, pydoc, sys, unittest\nfrom importlib.metadata import EntryPoint\nfrom unittest import mock\nfrom multiprocessing.reduction import ForkingPickler as P\nimport doctest, json, timeit\nn = 'mine'"
    cells = (first, *REACHING, *NOT_REACHING)
    beside = f"try:\n    import mine\nexcept ImportError:\n    mine = None\n{BESIDE.replace('mine, ', '')}"
    write(desk.folder / "beside.py", beside)
    write(path, MINE.format(value=1))
    if goes:
        cells = (
            first,
            *(
                f"try:\n    {one.replace(chr(10), chr(10) + '    ')}\nexcept Exception as e:\n    print(type(e).__name__)"
                for one in REACHING
                if one.count("loader") < 1 and "runner" not in one
            ),
            *NOT_REACHING,
        )
    reaching = cells[1 : -len(NOT_REACHING)]
    assert set(ran(desk, name, *cells)) == {EXECUTED}
    ran(desk, name, *cells)
    assert executed_again(desk.read("out.ipynb")) == {}
    if goes:
        path.unlink()
    else:
        write(path, MINE.format(value=2))
    done = dict(zip(cells, ran(desk, name, *cells), strict=True))
    told = told_by(desk.read("out.ipynb"))
    makes = {one for one in reaching if one.startswith("entry = ")}
    assert {one for one in reaching if done[one] != EXECUTED} - makes == set()
    assert {one for one in NOT_REACHING if done[one] != RESTORED} == set()
    assert told == papermilled(desk, name)


def test_p03_a_package_that_is_asked_for_counts_as_it_is_installed(desk: Desk) -> None:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    place = desk.home / ".local" / "lib" / version / "site-packages"
    desk.search.append(place)

    def install(number: str) -> None:
        for old in place.glob("clew_asked*"):
            shutil.rmtree(old)
        write(place / "clew_asked" / "__init__.py", f"__version__ = '{number}'\n")
        metadata = place / f"clew_asked-{number}.dist-info"
        write(metadata / "METADATA", f"Metadata-Version: 2.1\nName: clew-asked\nVersion: {number}\n")
        write(metadata / "RECORD", f"clew_asked/__init__.py,,\nclew_asked-{number}.dist-info/RECORD,,\n")

    asking = (
        "import importlib, importlib.util, lib\nnames = ['clew_asked', 'json']",
        "[n for n in names if importlib.util.find_spec(n)]",
        "lib.avail('clew_' + 'asked')",
        "importlib.util.find_spec('clew_asked') is not None",
        "len(names)",
    )
    using = (
        "import importlib, lib\nnames = ['clew_asked']\nimport clew_asked",
        "[importlib.import_module(n).__version__ for n in names]",
        "[lib.version(n) for n in names]",
        "lib.version('clew_asked')",
        "len(names)",
    )
    place.mkdir(parents=True, exist_ok=True)
    for name, order in (("comes", (False, True)), ("goes", (True, False))):
        for there in order:
            if there:
                install("1.0")
            else:
                for old in place.glob("clew_asked*"):
                    shutil.rmtree(old)
            assert ran(desk, f"package-{name}", *asking)[1:4] == [EXECUTED] * 3
            assert told_by(desk.read("out.ipynb")) == papermilled(desk, f"package-{name}")
            ran(desk, f"package-{name}", *asking)
            assert executed_again(desk.read("out.ipynb")) == {}
    for number in ("1.0", "2.0"):
        install(number)
        assert ran(desk, "used-package", *using)[:-1] == [EXECUTED] * 4
        assert told_by(desk.read("out.ipynb")) == papermilled(desk, "used-package")
        ran(desk, "used-package", *using)
        assert executed_again(desk.read("out.ipynb")) == {}


def test_p03_a_module_that_any_library_gets_at_by_a_text_counts(desk: Desk) -> None:
    first = "import beside, importlib, io, sys, timeit"
    write(desk.folder / "beside.py", BESIDE)
    write(desk.folder / "wanted.json", '{"of": "mine"}')
    cells = (first, *BY_LIBRARIES, *NOT_REACHING[-2:], "len('mining')")
    for value in (1, 2):
        write(desk.folder / "mine.py", MINE.format(value=value))
        done = dict(zip(cells, ran(desk, "libraries", *cells), strict=True))
        assert {one for one in BY_LIBRARIES if done[one] != EXECUTED} == set()
        assert told_by(desk.read("out.ipynb")) == papermilled(desk, "libraries")
        assert done[cells[-1]] == (EXECUTED if value == 1 else RESTORED)
        ran(desk, "libraries", *cells)
        assert executed_again(desk.read("out.ipynb")) == {}
