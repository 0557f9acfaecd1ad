"""Cells that go over all modules that are loaded, or over what these made: which modules cells before them loaded is what they find."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from run.desk import Desk, code_cells, outcomes
from run.test_unneeded import EXECUTED, RESTORED, ran


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("gone-over"))


def told_by(notebook: Any) -> list[str]:
    """What each cell prints and shows."""
    return [
        "".join(
            "".join(one.get("text", one.get("data", {}).get("text/plain", ""))) for one in cell["outputs"]
        )
        for cell in code_cells(notebook)
    ]


def papermilled(desk: Desk, name: str) -> list[str]:
    """What each cell prints and shows where all are executed."""
    done = desk.papermill(f"{name}.ipynb", "fresh.ipynb")
    assert done.exit == 0, done
    return told_by(desk.read("fresh.ipynb"))


def executed_again(notebook: Any) -> dict[str, list[str]]:
    """Cells that were executed, and why; but for those whose reason is that nothing is observed below Python here."""
    told = {"".join(cell["source"]): cell["metadata"]["clew"] for cell in code_cells(notebook)}
    why = {source: one["why"] for source, one in told.items() if one["outcome"] != RESTORED}
    return {
        source: one for source, one in why.items() if not all("may open unobserved" in word for word in one)
    }


LOOP = "for name in sorted(sys.modules):\n    if name.startswith('plug_'):\n        print(name)"
LIB = """import sys
import sys as system
from sys import modules
from sys import modules as loaded
def plugins():
    found = []
    for name in sorted(sys.modules):
        if name.startswith('plug_'):
            found.append(name)
    return found
def having():
    return sorted(name for name, one in list(system.modules.items()) if hasattr(one, 'PLUGIN'))
def taken():
    return sorted(name for name in modules if name.startswith('plug_'))
def renamed():
    return sorted(name for name in loaded if name.startswith('plug_'))
def has(name):
    return name in sys.modules
def within():
    from sys import modules as mine
    return [name for name in sorted(mine) if name.startswith('plug_')]
def one():
    return sys.modules.get('plug_a') is not None, sys.modules[__name__].__name__
"""
#: Cells that go over them.
OVER = (
    f"import sys\n{LOOP}",
    f"import sys\ndef plugins():\n    {LOOP.replace(chr(10), chr(10) + '    ')}\nplugins()",
    "import sys\nprint('plugins', sorted(k for k in sys.modules if k.startswith('plug_')))",
    "import sys\nn = 0\nfor m in list(sys.modules.values()):\n    if hasattr(m, 'PLUGIN'):\n        n += 1\nprint(n)",
    "import sys\nprint('n', len([k for k in list(sys.modules.values()) if hasattr(k, 'PLUGIN')]))",
    "m = __import__('sys')\nprint([k for k in sorted(m.modules) if k.startswith('plug_')])",
    "import importlib\nm2 = importlib.import_module('sys')\n[k for k in sorted(m2.modules) if k[:5] == 'plug_']",
    "m3 = __import__('sys')\nx = [k for k in sorted(m3.modules) if k.startswith('plug_')]\nm3 = None\nx",
    "import sys as s\nprint('json' in s.modules, [k for k in sorted(s.modules) if k[:5] == 'plug_'])",
    "import os\n[k for k in sorted(os.sys.modules) if k.startswith('plug_')]",
    "import sys\nfirst = 'plug_b'\nprint(sorted(k for k in sys.modules if k.split('.')[0] == first))",
    "import sys\nname = 'plug_' + chr(98)\nprint(name in sys.modules, sys.modules.get(name, 'none') == 'none')",
    "import sys\nz = 'b'\nprint(sys.modules.get(f'plug_{z}') is None, f'plug_{z}' in sys.modules)",
    "import sys\nprint(('' or 'plug_' + 'ab'[1]) in sys.modules)",
    "import sys\nq = 'plug_b'\nprint((q or 'x') in sys.modules, (q if q else 'x') in sys.modules)",
    "import sys\n[k for k in sorted(getattr(sys, 'modules')) if k.startswith('plug_')]",
    "import sys\n[k for k in sorted(vars(sys)['modules']) if k.startswith('plug_')]",
    "import sys\n[k for k in sorted(sys.__dict__['modules']) if k.startswith('plug_')]",
    "import sys, operator\n[k for k in sorted(operator.attrgetter('modules')(sys)) if k.startswith('plug_')]",
    "import sys, copy\nprint('copy', sorted(k for k in copy.copy(sys.modules) if 'plug_' in k))",
    "def inner():\n    import sys as t\n    label = 'plugins'\n    return label, [k for k in sorted(t.modules) if 'plug_' in k]\ninner()",
    "class C:\n    def found(self):\n        import sys\n        self.s = sys\n        return [k for k in sorted(self.s.modules) if 'plug_' in k]\nC().found()",
    "import lib\nlib.plugins()",
    "import lib\nlib.having()",
    "import lib\nlib.taken()",
    "import lib\nlib.renamed()",
    "import lib\nlib.has('plug_b')",
    "import lib\nlib.within()",
    "import lib\n[k for k in sorted(lib.loaded) if k.startswith('plug_')]",
    "import lib\n[k for k in sorted(lib.modules) if k.startswith('plug_')]",
    "import lib\n[k for k in sorted(lib.system.modules) if k.startswith('plug_')]",
)
#: Cells that look for one module that nobody loads or unloads, and those that mean another thing by that name.
NOT_OVER = (
    "import sys\nprint(sys.modules['json'].__name__, 'plug_a' in sys.modules, 'plug_c' not in sys.modules)",
    "import sys\nprint(sys.modules.get('plug_a') is None, sys.modules.get('plug_c', 'none'))",
    "import sys\nif 'plug_a' in sys.modules:\n    print('a')",
    "import sys\nprint(sys.modules.pop('plug_c', None), sys.modules[__name__].__name__)",
    "import lib\nlib.one()",
    "class Model:\n    def modules(self):\n        return [1, 2]\nmodel = Model()\nprint('all', [m for m in model.modules()])",
    "class Box:\n    pass\nbox = Box()\nbox.modules = [1]\nprint('all', [m for m in box.modules])",
    "from lib2 import modules as others\nprint('all', [m for m in others])",
    "modules = ['plug_x']\nprint('all', [m for m in modules])",
)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(("import plug_a",), ("import plug_a", "import plug_b"), id="comes"),
        pytest.param(("import plug_a", "import plug_b"), ("import plug_a",), id="goes"),
    ],
)
def test_p03_which_modules_are_loaded_counts_for_who_goes_over_them_whatever_texts_stand_beside(
    desk: Desk, before: tuple[str, ...], after: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    for name, text in {
        "plug_a": "PLUGIN = 1\n",
        "plug_b": "PLUGIN = 2\n",
        "lib": LIB,
        "lib2": "modules = [1]\n",
    }.items():
        (desk.folder / f"{name}.py").write_text(text)
    name, looks = request.node.callspec.id, (*OVER, *NOT_OVER)
    assert set(ran(desk, name, "1 + 1", *before, *looks)) == {EXECUTED}
    ran(desk, name, "1 + 1", *before, *looks)
    assert executed_again(desk.read("out.ipynb")) == {}
    done = ran(desk, name, "1 + 1", *after, *looks)[-len(looks) :]
    told = told_by(desk.read("out.ipynb"))
    assert {look for look, outcome in zip(OVER, done, strict=False) if outcome != EXECUTED} == set()
    kept = dict(zip(NOT_OVER, done[len(OVER) :], strict=True))
    assert {look for look, outcome in kept.items() if outcome != RESTORED} == set()
    assert told == papermilled(desk, name)
    assert outcomes(desk.read("out.ipynb"))[0] == RESTORED


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "magic", ["", "%time ", "%%time\n", "%timeit -n1 -r1 ", "%%timeit -n1 -r1\n", "%%capture held\n"]
)
def test_p03_code_behind_a_magic_is_searched_for_what_goes_over_modules(desk: Desk, magic: str) -> None:
    for path, text in {"pk/__init__.py": "", "pk/one.py": "", "pk/two.py": "", "kept.py": "X = 1\n"}.items():
        (desk.folder / path).parent.mkdir(exist_ok=True)
        (desk.folder / path).write_text(text)
    looks = (
        "print(sorted(k for k in sys.modules if k.startswith('pk.')))",
        "print([n for n in ('one', 'two') if hasattr(pk, n)])",
        "print(__import__(name).X)",
        "print(sys.modules[name].X)",
    )
    first = ("import sys, pk, kept\nname = 'kept'", "import pk.one")
    cells = [f"{magic}{look}" for look in looks]
    name = f"behind-{len(magic)}-{magic.strip('% ').split()[0] if magic else 'none'}"
    others = [f"{magic}print(len(name))", f"{magic}print(sys.byteorder)"]
    ran(desk, name, *first, *cells, *others)
    assert ran(desk, name, *first, *cells, *others) == [RESTORED] * 8
    done = ran(desk, name, first[0], "import pk.one, pk.two", *cells, *others)
    assert done[2:4] == [EXECUTED] * 2
    assert done[-2:] == [RESTORED] * 2
    (desk.folder / "kept.py").write_text("X = 20\n")
    assert ran(desk, name, first[0], "import pk.one, pk.two", *cells, *others)[4:6] == [EXECUTED] * 2


def test_p03_a_namespace_package_gets_another_portion(desk: Desk) -> None:
    for path, text in {"ns1/nsp/m1.py": "A = 1\n", "ns2/x.txt": "", "ns1/nsp/deep/m3.py": "A = 3\n"}.items():
        (desk.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (desk.folder / path).write_text(text)
    tried = "try:\n    {}\nexcept ImportError:\n    print('no')"
    looks = (
        tried.format("from nsp import m2\n    print(m2.A)"),
        tried.format("print(importlib.import_module('nsp.m2').A)"),
        tried.format("print(importlib.import_module('nsp.' + chr(109) + '2').A)"),
        "importlib.util.find_spec('nsp.m2') is None",
        tried.format("from nsp.deep import m4\n    print(m4.A)"),
    )
    kept = ("nsp.m1.A", "import nsp.deep.m3\nnsp.deep.m3.A")
    first = "import sys, importlib.util\nsys.path += ['ns1', 'ns2']\nimport nsp.m1"
    for look in looks:
        cells = (first, *kept, look)
        for path in ("ns2/nsp/m2.py", "ns2/nsp/deep/m4.py"):
            (desk.folder / path).unlink(missing_ok=True)
        for folder in ("ns2/nsp/deep", "ns2/nsp"):
            if (desk.folder / folder).exists():
                shutil.rmtree(desk.folder / folder)
        ran(desk, "portions", *cells)
        assert ran(desk, "portions", *cells) == [RESTORED] * 4, look
        (desk.folder / "ns2/nsp/deep").mkdir(parents=True)
        (desk.folder / "ns2/nsp/m2.py").write_text("A = 2\n")
        (desk.folder / "ns2/nsp/deep/m4.py").write_text("A = 4\n")
        assert ran(desk, "portions", *cells) == [RESTORED] * 3 + [EXECUTED], look
