"""Values that look like data and run something: when they are made, when they go, when they are asked. A stranger's are left."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.person import Person

GIVEN = [
    "import functools, itertools, os, shutil, sys, tempfile, weakref, enum\nimport numpy as np, pandas as pd",
    "plain = {'x': [1, 2.5, None, (b'y', {3})], 'kind': int, 'path': __import__('pathlib').Path('a')}",
    "table = pd.DataFrame({'n': pd.array([1, None], dtype='Int64'), 't': pd.date_range('2026', periods=2)})",
    "add = np.add\nsort = sorted\ndraws = np.random.default_rng(3)\norders = __import__('collections').Counter('abca')",
]
"""What is data, and has to come."""

TRAPS = {
    "callback": "kept = {1}\ncallback = weakref.ref(kept, functools.partial(shutil.rmtree, 'precious'))",
    "closer": (
        "closer = tempfile._TemporaryFileCloser.__new__(tempfile._TemporaryFileCloser)\n"
        "vars(closer).update(file=open(os.devnull), name='canary', delete=True, close_called=False)\n"
        "closer.file.close()\ncloser.file = None"
    ),
    "partial": "partial = functools.partial(os.unlink, 'canary')",
    "bound": "bound = plain['path'].unlink",
    "property_": "property_ = property(functools.partial(os.unlink, 'canary'))",
    "calls": "calls = {'sum': os.unlink}",
    "default": "default = __import__('collections').defaultdict(os.getcwd)",
    "cached": "cached = functools.lru_cache(os.unlink)",
    "error": "error = ValueError(os.unlink)",
    "instance": "instance = enum.auto()",
    "mapped": "mapped = itertools.starmap(os.unlink, [('canary',)])",
    "own": "import geo\nown = geo.Place",
    "module": "import geo as module",
}
"""A name each, which must not come."""

SURROUNDING = """
sys.path.insert(0, os.path.abspath('traps'))
os.environ['PATH'] = os.path.abspath('traps') + os.pathsep + os.environ['PATH']
os.environ['EDITOR'] = 'a stranger'
pd.options.plotting.backend = 'matplotlib'
pd.options.display.max_rows = 3
"""


@pytest.fixture
def bob(people: Callable[..., Person], tmp_path: Path) -> Person:
    """Has a copy of what Ada recorded, her modules in the folder, and files that he would miss."""
    ada = people("ada")
    ada.folder.mkdir(parents=True)
    (ada.folder / "geo.py").write_text("class Place:\n    pass\nopen(__file__ + '.imported', 'w').close()\n")
    notebook = ada.opens("analysis.ipynb")
    notebook.run(*GIVEN, *TRAPS.values(), SURROUNDING)
    notebook.kill()
    shutil.copytree(ada.store, tmp_path / "shared")
    shutil.rmtree(ada.home)
    (ada.folder / "geo.py.imported").unlink()
    bob = people("bob", store=tmp_path / "shared")
    (bob.folder / "precious").mkdir()
    (bob.folder / "canary").write_text("alive")
    return bob


def check_untouched(bob: Person) -> None:
    left = {path.name for path in bob.folder.iterdir()} - {"__pycache__"}
    assert left >= {"precious", "canary"} and "geo.py.imported" not in left, left


def test_p11_what_would_run_something_sooner_or_later_is_left_and_what_is_data_comes(bob: Person) -> None:
    notebook = bob.opens("analysis.ipynb")
    before = notebook.read("__import__('sys').path", "dict(__import__('os').environ)")
    report = notebook.move("resume")
    data = ["plain", "table", "add", "sort", "draws", "orders", "np", "pd", "shutil"]
    assert {name: report.word(name) for name in data} == dict.fromkeys(data, "restored")
    assert notebook.read("plain['x']", "table.n.sum()", "add(1, 2)", "sort([2, 1])", "orders['a']") == [
        "[1, 2.5, None, (b'y', {3})]",
        "np.int64(1)",
        "np.int64(3)",
        "[1, 2]",
        "2",
    ]
    came = {name: word for name in TRAPS if (word := report.words.get(name, "lost")) != "lost"}
    assert not came, came
    # Iterators of itertools have no value since Python 3.14.
    stored = TRAPS.keys() - ({"mapped"} if sys.version_info >= (3, 14) else set())
    assert all("untrusted" in report.why(name) for name in stored if name in report.words)
    assert not set(TRAPS) & notebook.names()
    assert notebook.read("__import__('sys').path", "dict(__import__('os').environ)") == before
    check_untouched(bob)
    # What goes, goes in silence.
    notebook.run("del plain\n__import__('gc').collect()")
    notebook.move("undo")
    notebook.kernel.close()
    check_untouched(bob)


def test_p11_ones_own_come_back_all_the_same(people: Callable[..., Person]) -> None:
    ada = people("ada")
    ada.folder.mkdir(parents=True)
    (ada.folder / "geo.py").write_text("class Place:\n    pass\n")
    (ada.folder / "precious").mkdir()
    (ada.folder / "canary").write_text("alive")
    notebook = ada.opens("analysis.ipynb")
    notebook.run(*GIVEN, *TRAPS.values())
    notebook.kill()
    report = ada.opens("analysis.ipynb").move("resume")
    lost = {name for name in TRAPS if report.word(name) != "restored"}
    assert lost <= {"mapped"}, {name: report.why(name) for name in lost}
