"""What Clew knows of libraries is declared without them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

from clew import codecs
from clew.codecs import libraries

LOADED = """
import sys
import clew
before = set(sys.modules)
from clew.codecs import libraries
print(*({one.name for one in libraries.ALL} & (set(sys.modules) - before)))
"""


def test_declarations_import_no_library() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_each_library_is_declared_once_and_names_codecs_that_exist() -> None:
    names = [one.name for one in libraries.ALL]
    assert len(names) == len(set(names))
    files = {file for one in libraries.ALL for file in (*one.codecs.values(), *one.handles.values())}
    missing = [file for file in files if importlib.util.find_spec(f"{codecs.__name__}.{file}") is None]
    assert missing == []
    assert all(module.partition(".")[0] == one.name for one in libraries.ALL for module in one.codecs)
