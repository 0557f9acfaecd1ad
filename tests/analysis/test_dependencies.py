"""What code asks for beside what it reads, by its compiled form."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clew.analysis.bytecode import nested
from clew.analysis.dependencies import dependencies_of


def asks(source: str) -> tuple[set[str], set[str]]:
    """What code asks for in words, and the environment variables that it reads."""
    found = dependencies_of(nested(compile(source, "<cell>", "exec")))
    return found.unrepeatable, found.environment_variables


@pytest.mark.parametrize(
    ("source", "words", "variables"),
    [
        ("import os; x = os.environ['A']", set(), {"A"}),
        ("import os; x = os.environ.get('A', 'b')", set(), {"A"}),
        ("import os; x = os.getenv('A')", set(), {"A"}),
        ("from os import environ, getenv; x = environ['A'] + getenv('B')", set(), {"A", "B"}),
        ("import os; x = 'A' in os.environ", set(), {"A"}),
        ("import os; x = os.environb[b'A']", set(), {"A"}),
        ("import os; x = os.environ.setdefault('A', '1')", set(), {"A"}),
        ("import os; del os.environ['A']", set(), {"A"}),
        ("import os; os.environ['A'] = '1'", set(), set()),
        ("def f():\n    import os\n    return os.environ['A']", set(), {"A"}),
        ("import os; x = os.environ[name]", {"environment variables"}, set()),
        ("import os; x = dict(os.environ)", {"environment variables"}, set()),
        ("import os; environ = os.environ", {"environment variables"}, set()),
        ("import time; x = time.time()", {"the time"}, set()),
        ("from datetime import datetime; x = datetime.now(tz)", {"the time"}, set()),
        ("import time; time.sleep(1)", set(), set()),
        ("f.cache_info()", {"the statistics of a cache"}, set()),
        ("f.cache_clear(); cache_info = 1; cache_info + 1", set(), set()),
        ("from pathlib import Path; Path.home()", set(), {"HOME"}),
        ("home = 1; home + 1", set(), set()),
        ("import inspect; inspect.getsource(f)", {"the text of cells"}, set()),
        ("f.__code__.co_firstlineno", {"the text of cells"}, set()),
        ("get_ipython().run_line_magic('history', '-n 1')", {"the text of cells"}, set()),
        ("for _i in range(3):\n    _i + 1", set(), set()),
        ("x = input('?')", {"keyboard input"}, set()),
        ("import getpass; x = getpass.getpass()", {"keyboard input"}, set()),
        ("x = model.time; y = frame.now()", {"the time"}, set()),
        ("x = model.time; y = environment.now; z = environment.now + 1", set(), set()),
    ],
)
def test_what_is_asked_for(source: str, words: set[str], variables: set[str]) -> None:
    assert asks(source) == (words, variables)


@pytest.mark.parametrize(
    ("source", "is_placed"),
    [
        ("import os; os.getcwd()", True),
        ("from pathlib import Path; Path('a').resolve()", True),
        ("open('a.csv')", False),
    ],
)
def test_whether_it_asks_where_it_runs(source: str, is_placed: bool) -> None:
    assert dependencies_of([compile(source, "<cell>", "exec")]).uses_directory == is_placed


def test_texts_beside_a_check_may_name_files() -> None:
    found = dependencies_of(
        nested(compile("import os\nif os.path.exists('ready'):\n    x = 'b'", "<cell>", "exec"))
    )
    assert {"ready", "b"} <= found.paths_checked
    assert not dependencies_of(nested(compile("x = 'ready'", "<cell>", "exec"))).paths_checked


def test_functions_of_own_modules_ask_if_their_names_are_mentioned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asking_module.py").write_text(
        "import time, os\n"
        "def stamp():\n    return inner()\n"
        "def inner():\n    return time.time()\n"
        "class Reader:\n    def read(self):\n        return os.environ['OWN']\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("asking_module")
    try:
        assert asks("import asking_module; asking_module.stamp()") == ({"the time"}, set())
        assert asks("asking_module.Reader()") == (set(), {"OWN"})
        # Of modules that no name leads to the same names mean nothing.
        assert asks("other.stamp()") == (set(), set())
        assert asks("asking_module.other()") == (set(), set())
    finally:
        sys.modules.pop("asking_module")
