"""What a cell finds around it through the standard library: variables of the environment, links, what is known of files beside what they hold,
packages that somebody edits. A change of each has what used it executed, and nothing else."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from run.desk import Desk
from run.test_cases import reasons
from run.test_inputs import Notebook, write
from run.test_unneeded import EXECUTED, RESTORED, ran, shown

ENVIRONMENT = (
    "import os, shutil, tempfile",
    "tempfile.gettempdir()",
    "shutil.which('clew-case-tool')",
    "shutil.get_terminal_size().columns",
    "os.get_exec_path()[0]",
    "import gettext\ngettext.find('clew-case', '/nowhere')",
    "def asked(names):\n    return [os.environ.get(name) for name in names]",
    "asked(['CLEW_' + 'CASE_PARTS'])",
    "import surroundings_own as own\nown.level()",
    "n = 1",
)


def test_p03_a_variable_counts_through_whatever_function_of_python_s_it_is_read(
    desk: Desk, tmp_path: Path
) -> None:
    module = "import os\ndef level():\n    return os.environ.get('_'.join(['CLEW', 'CASE', 'OWN']))\n"
    (desk.folder / "surroundings_own.py").write_text(module)
    desk.notebook("variables", *ENVIRONMENT)
    assert desk.run("variables.ipynb", "out.ipynb").exit == 0
    told = reasons(desk, "variables")
    # The names of these only their runs tell: their code is executed for that it may read any.
    assert (
        {number for number, why in told.items() if "environment variables" in why} == told.keys() <= {7, 8, 9}
    )
    for number, changed in {
        2: {"TMPDIR": str(tmp_path)},
        3: {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        4: {"COLUMNS": "33"},
        6: {"LANGUAGE": "de"},
        8: {"CLEW_CASE_PARTS": "x"},
        9: {"CLEW_CASE_OWN": "x"},
    }.items():
        (name,) = changed
        after = reasons(desk, "variables", env=changed)
        direct = {cell for cell, why in after.items() if f"environment variable {name} " in why}
        assert direct == ({3, 5} if name == "PATH" else {number}), (name, after)


LINKS = (
    "import os\nfrom pathlib import Path",
    "os.path.realpath('current')",
    "p = Path('current')",
    "str(p.resolve())",
    "os.path.samefile('current', 'one')",
    "os.path.islink('current'), Path('one').is_symlink()",
    "open('other.txt').read()",
    "n = 1",
)


def test_p03_where_a_link_leads_counts_for_who_asks(desk: Desk) -> None:
    notebook = Notebook(desk, "links", *LINKS)
    folder = notebook.folder
    (folder / "one").write_text("same")
    (folder / "two").write_text("same")
    (folder / "other.txt").write_text("other")
    (folder / "current").symlink_to("one")
    notebook.record()
    (folder / "current").unlink()
    (folder / "current").symlink_to("two")
    assert notebook.reasons().keys() == {2, 4, 5, 6}
    (folder / "current").unlink()
    (folder / "current").symlink_to("one")
    assert notebook.reasons() == {}


METADATA = (
    "import os, stat\nfrom pathlib import Path",
    "os.stat('data/a.csv').st_mtime",
    "os.path.getmtime('data/a.csv')",
    "Path('data/a.csv').stat().st_size",
    "os.access('data/a.csv', os.X_OK)",
    "sorted((one.name, one.stat().st_mtime_ns) for one in os.scandir('data'))",
    "[one.stat().st_mode for one in Path('data').glob('*.csv')]",
    "from os.path import getmtime as when",
    "when('data/a.csv')",
    "getattr(os.path, 'getmtime')('data/a.csv')",
    "os.path.isfile('kind'), Path('kind').is_dir()",
    "open('data/a.csv').read()",
    "n = 1",
)


def test_p03_what_is_known_of_a_file_beside_what_it_holds_counts_for_who_asks(desk: Desk) -> None:
    notebook = Notebook(desk, "metadata", *METADATA)
    file = notebook.folder / "data" / "a.csv"
    file.parent.mkdir()
    file.write_text("a,b\n" * 1000)
    (file.parent / "b.csv").write_text("b\n")
    (notebook.folder / "kind").write_text("a file")
    notebook.record()
    before = file.stat()
    os.utime(file, (before.st_atime + 10, before.st_mtime + 10))
    # Who reads it finds what was there.
    assert notebook.reasons().keys() == {2, 3, 4, 6, 7, 9, 10}
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert notebook.reasons() == {}
    file.chmod(0o755)
    assert {2, 5, 7} <= notebook.reasons().keys() <= {2, 4, 5, 6, 7}
    file.chmod(before.st_mode & 0o777)
    assert notebook.reasons() == {}
    (notebook.folder / "kind").unlink()
    (notebook.folder / "kind").mkdir()
    assert notebook.reasons().keys() == {11}


@pytest.mark.parametrize("size", [1, 65 << 20, ".hidden"])
def test_p03_a_file_whose_size_and_time_were_kept_counts_if_it_was_written(
    desk: Desk, size: int | str
) -> None:
    name = "big.bin" if isinstance(size, int) else f"{size}/big.bin"
    notebook = Notebook(
        desk,
        f"kept-{str(size).strip('.')}",
        f"sum(open('{name}', 'rb').read(9))",
        f"len(open('{name}', 'rb').read(9))",
        "1",
    )
    file = notebook.folder / name
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as there:
        there.truncate(size if isinstance(size, int) else 2000)
    notebook.record()
    before = file.stat()
    with file.open("r+b") as there:
        there.write(b"\1")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size and file.stat().st_mtime_ns == before.st_mtime_ns
    assert notebook.reasons().keys() == {1, 2}


def test_p03_a_package_that_was_edited_where_it_is_installed_counts_for_who_uses_it(desk: Desk) -> None:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    place = desk.home / ".local" / "lib" / version / "site-packages"
    desk.search.append(place)
    package, metadata = place / "clew_case", place / "clew_case-1.0.dist-info"
    code, other = "def f():\n    return 1\n", "def f():\n    return 2\n"
    write(package / "__init__.py", code)
    write(metadata / "METADATA", "Metadata-Version: 2.1\nName: clew-case\nVersion: 1.0\n")
    digest = urlsafe_b64encode(hashlib.sha256(code.encode()).digest()).decode().rstrip("=")
    listed = f"clew_case/__init__.py,sha256={digest},{len(code)}\nclew_case-1.0.dist-info/RECORD,,\n"
    write(metadata / "RECORD", listed)
    # Installed long ago: what is written within two seconds of the list belongs to the installation.
    for installed in (package / "__init__.py", metadata / "RECORD"):
        os.utime(installed, ns=(time.time_ns() - 60_000_000_000,) * 2)
    notebook = Notebook(desk, "package", "import clew_case as c", "c.f()", "import math\nmath.pi")
    notebook.record()
    before = (package / "__init__.py").stat()
    write(package / "__init__.py", other)
    assert notebook.reasons().keys() == {1, 2}
    # Also by somebody who keeps its size and time.
    os.utime(package / "__init__.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    listed_later = (metadata / "RECORD").stat().st_ctime_ns + 2_000_000_000
    while (package / "__init__.py").stat().st_ctime_ns <= listed_later:
        os.utime(package / "__init__.py", ns=(before.st_atime_ns, before.st_mtime_ns))
        time.sleep(0.1)
    assert notebook.reasons().keys() == {1, 2}
    write(package / "__init__.py", code)
    assert notebook.reasons() == {}


FUTURE = "from __future__ import annotations"
TYPED = "def f({}: int):\n    pass"
TRIED = "try:\n    found = email.mime.text.__name__\nexcept AttributeError:\n    found = 'none'\nfound"
LOCATED = "import os\nos.path.dirname(__file__)"
HERE = "def here():\n    try:\n        return __file__\n    except NameError:\n        return 'nowhere'"
HINTS = "typing.get_type_hints(D)['a'].__name__"
#: What holds for all cells of a process: versions of a notebook, each with what the last cell shows.
PROCESS: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "a future import that comes and goes": [
        (("1", TYPED.format("x"), "f.__annotations__"), "{'x': int}"),
        ((FUTURE, TYPED.format("x"), "f.__annotations__"), "{'x': 'int'}"),
        ((FUTURE, TYPED.format("y"), "f.__annotations__"), "{'y': 'int'}"),
        (("2", TYPED.format("y"), "f.__annotations__"), "{'y': int}"),
    ],
    "a module that another cell imported": [
        (("import email.mime.text", "import email", TRIED), "'email.mime.text'"),
        (("import os", "import email", TRIED), "'none'"),
        (("from email.mime import text", "import email", TRIED), "'email.mime.text'"),
        (("from email.mime import text", "import email", f"1\n{TRIED}"), "'email.mime.text'"),
    ],
    "a module that a function finds": [
        (("import xml.sax", "import xml", "def has():\n    return hasattr(xml, 'sax')", "has()"), "True"),
        (("import xml", "def has():\n    return hasattr(xml, 'sax')", "has()"), "False"),
        (("import xml.sax", "import xml", "def has():\n    return hasattr(xml, 'sax')", "has()"), "True"),
    ],
    "the table of modules": [
        (("import sys", "1", "'xml.sax' in sys.modules"), "False"),
        (("import sys", "import xml.sax", "'xml.sax' in sys.modules"), "True"),
        (("import sys", "2", "'xml.sax' in sys.modules"), "False"),
    ],
    "the name of the file": [
        (("__file__ = 'a/x.py'", LOCATED, HERE, "here()"), "'a/x.py'"),
        (("__file__ = 'b/x.py'", LOCATED, HERE, "here()"), "'b/x.py'"),
        (("__file__ = 'b/x.py'", LOCATED, HERE, "here() + ''"), "'b/x.py'"),
        (("0", "import os", HERE, "here() + ''"), "'nowhere'"),
    ],
    "the text of the module": [
        (("__doc__ = 'one'", "__doc__"), "'one'"),
        (("__doc__ = 'two'", "__doc__"), "'two'"),
        (("0", "__doc__"), "'Automatically created module for IPython interactive environment'"),
    ],
    "annotations of variables": [
        (("a: int = 1", "b: str = ''", "__annotations__"), "{'a': int, 'b': str}"),
        (("a: float = 1", "b: str = ''", "__annotations__"), "{'a': float, 'b': str}"),
        (("a: float = 1", "b: str = ''", "dict(__annotations__)"), "{'a': float, 'b': str}"),
    ],
    "annotations that are texts": [
        (("import typing", "Num = int", "class D(typing.NamedTuple):\n    a: 'Num'", HINTS), "'int'"),
        (("import typing", "Num = str", "class D(typing.NamedTuple):\n    a: 'Num'", HINTS), "'str'"),
    ],
    "annotations of instances": [
        (
            (
                "import typing",
                "Num = int",
                "class D:\n    a: 'list[Num]'",
                "d = [D()]",
                "typing.get_type_hints(type(d[0]))",
            ),
            "{'a': list[int]}",
        ),
        (
            (
                "import typing",
                "Num = str",
                "class D:\n    a: 'list[Num]'",
                "d = [D()]",
                "typing.get_type_hints(type(d[0]))",
            ),
            "{'a': list[str]}",
        ),
    ],
    "annotations of methods and of functions behind functions": [
        (
            (
                "import inspect",
                "Num = int",
                "class D:\n    def f(self, a: 'Num'):\n        pass",
                "def told():\n    return str(inspect.signature(D.f, eval_str=True))",
                "told()",
            ),
            "'(self, a: int)'",
        ),
        (
            (
                "import inspect",
                "Num = str",
                "class D:\n    def f(self, a: 'Num'):\n        pass",
                "def told():\n    return str(inspect.signature(D.f, eval_str=True))",
                "told()",
            ),
            "'(self, a: str)'",
        ),
    ],
    "annotations of dataclasses": [
        (
            (
                FUTURE,
                "import dataclasses, typing",
                "Num = int",
                "@dataclasses.dataclass\nclass D:\n    a: Num",
                HINTS,
            ),
            "'int'",
        ),
        (
            (
                FUTURE,
                "import dataclasses, typing",
                "Num = str",
                "@dataclasses.dataclass\nclass D:\n    a: Num",
                HINTS,
            ),
            "'str'",
        ),
    ],
    "annotations by which functions are chosen": [
        (
            (
                "import functools",
                "Num = int",
                "@functools.singledispatch\ndef told(a):\n    return 'any'",
                "@told.register\ndef _(a: 'Num'):\n    return 'num'",
                "told(1)",
            ),
            "'num'",
        ),
        (
            (
                "import functools",
                "Num = str",
                "@functools.singledispatch\ndef told(a):\n    return 'any'",
                "@told.register\ndef _(a: 'Num'):\n    return 'num'",
                "told(1)",
            ),
            "'any'",
        ),
    ],
    "annotations of what comes later": [
        (
            (
                "import typing",
                "def f(a: 'Late'):\n    pass",
                "try:\n    found = typing.get_type_hints(f)\nexcept NameError:\n    found = 0\nfound",
            ),
            "0",
        ),
        (
            (
                "import typing",
                "Late = int",
                "def f(a: 'Late'):\n    pass",
                "try:\n    found = typing.get_type_hints(f)\nexcept NameError:\n    found = 0\nfound",
            ),
            "{'a': int}",
        ),
    ],
}


@pytest.mark.few(4)
@pytest.mark.parametrize("name", PROCESS)
def test_p03_what_holds_for_all_cells_of_a_process_counts(desk: Desk, name: str) -> None:
    for cells, told in PROCESS[name]:
        ran(desk, name.replace(" ", "-"), *cells)
        assert shown(desk) == told, cells


def test_what_holds_for_all_cells_counts_only_for_who_asks(desk: Desk) -> None:
    cells = (
        "import email",
        "email.__name__",
        "def f(a: 'Num') -> 'f':\n    return a",
        "n: int = 1",
        "f(n)",
        "__name__",
    )
    assert set(ran(desk, "asks-not", *cells)) == {EXECUTED}
    first = ("import email.mime.text, xml.sax", "__file__ = 'a.py'")
    assert ran(desk, "asks-not", *first, *cells) == [EXECUTED] * 2 + [RESTORED] * 6
