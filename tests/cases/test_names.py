"""Names however they are bound: deleted, declared global, written from strings, imported, edited in modules."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

CASES = [
    Case(
        "`del x`",
        """
        x = [1]
        y = x
        """,
        "del x",
        ["'x' in globals()", "y", "globals().get('x', y) is y"],
        {"x": "restored|unchanged", "y": "restored|unchanged"},
        {"x": "removed", "y": "restored|unchanged"},
        probe=("(x.append(2), y)[1]", "[1, 2]"),
    ),
    Case(
        "`del x` of a name bound alone",
        "x = {'a': 1}",
        "del x",
        ["globals().get('x', 'gone')"],
        {"x": "restored"},
        {"x": "removed"},
    ),
    Case(
        "`global` written in a function",
        """
        total = 0
        other = [1]
        def add(n):
            global total
            total += n
        """,
        "add(5)",
        ["total", "add.__globals__ is globals()"],
        {"total": "restored"},
        kept=["add", "other"],
    ),
    Case(
        "A global list mutated two calls deep",
        """
        log = []
        def inner(x):
            log.append(x)
        def outer(x):
            inner(x)
        """,
        "outer(1)",
        ["log"],
        {"log": "restored"},
        kept=["inner", "outer"],
    ),
    Case(
        "`exec`",
        "x = 1",
        "exec('x = 2; made = [3]')",
        ["x", "'made' in globals()"],
        {"x": "restored", "made": "removed"},
    ),
    Case(
        "`globals().update`",
        "x = 1",
        "globals().update(x=2, made=3)",
        ["x", "'made' in globals()"],
        {"x": "restored", "made": "removed"},
    ),
    Case(
        "`setattr(__main__, ...)`",
        """
        import __main__
        x = 1
        """,
        "setattr(__main__, 'x', 2); __main__.made = 3",
        ["x", "'made' in globals()"],
        {"x": "restored", "made": "removed"},
        kept=["__main__"],
    ),
    Case(
        "`from m import *`",
        "sep = 'mine'",
        "from os.path import *",
        [
            "sep",
            "'basename' in globals()",
            "len([n for n in globals() if n in __import__('os').path.__all__])",
        ],
        dict.fromkeys(__import__("os").path.__all__, "removed|kept|absent") | {"sep": "restored|unchanged"},
    ),
    Case(
        "Names with underscores",
        """
        _private = [1]
        __hidden = [2]
        name_ = [3]
        _x9 = [4]
        """,
        "_private.append(1); __hidden.append(2); name_.append(3); _x9.append(4)",
        ["_private", "__hidden", "name_", "_x9"],
        dict.fromkeys(["_private", "__hidden", "name_", "_x9"], "restored"),
    ),
    Case(
        "Names in other alphabets",
        """
        größe = [1]
        数 = [2]
        """,
        "größe.append(1); 数 = 3",
        ["größe", "数"],
        {"größe": "restored", "数": "restored"},
    ),
    Case(
        "Builtins shadowed and given back",
        "n = len([1, 2])",
        "len = lambda x: 'shadowed'; n = len([])",
        ["n", "len([1])"],
        {"n": "restored", "len": "removed"},
    ),
    Case(
        "Walrus, loops, unpacking, `with ... as` and swaps",
        "a, b = [1], [2]",
        """
        a, b = b, a
        for i in range(3):
            pass
        if (w := i * 2):
            *rest, last = 'xyz'
        """,
        ["a", "b", "[n for n in ('i', 'w', 'rest', 'last') if n in globals()]"],
        {
            "a": "restored|unchanged",
            "b": "restored|unchanged",
            "i": "removed",
            "w": "removed",
            "rest": "removed",
            "last": "removed",
        },
    ),
    Case(
        "A name bound by `except ... as` and one by `import ... as`",
        "x = 1",
        """
        import json as js
        try:
            1 / 0
        except ZeroDivisionError as e:
            x = e.args
        """,
        ["x", "'js' in globals()", "'e' in globals()"],
        {"x": "restored", "js": "removed"},
    ),
    Case(
        "Augmented assignment that mutates",
        """
        xs = [1]
        same = xs
        """,
        "xs += [2]",
        ["xs", "same", "same is xs"],
        {"xs": "restored", "same": "restored"},
    ),
    Case(
        "A type annotation and `__annotations__`",
        "x: int = 1",
        "y: str = 'a'; x: float = 2.0",
        ["x", "'y' in globals()"],
        {
            "x": "restored",
            "y": "removed",
            "__annotations__": "loaded|absent|removed|kept",
            "__annotate__": "absent|loaded|removed",
        },
    ),
    Case(
        "A name that is bound to a library's object",
        """
        import numpy as np
        import math
        sine = math.sin
        kind = np.float64
        """,
        "sine = math.cos; kind = np.int8; np = None",
        ["sine(0)", "kind.__name__", "np is None or np.__name__"],
        {"sine": "restored|unchanged", "kind": "restored|unchanged", "np": "restored|unchanged"},
    ),
]


def test_the_namespace_stays_the_exact_dict_of_main_through_all_moves(notebook: Notebook) -> None:
    facts = [
        "globals() is get_ipython().user_ns",
        "globals() is __import__('sys').modules['__main__'].__dict__",
        "type(globals()) is dict",
        "__name__",
    ]
    identity = notebook.read("id(globals())")
    notebook.run("x = 1", "x = 2")
    for line in ["undo", "undo", "redo", "redo"]:
        notebook.move(line)
        assert notebook.read(*facts) == ["True", "True", "True", "'__main__'"]
    assert notebook.read("id(globals())") == identity


@pytest.fixture
def geo(tmp_path: Path) -> Callable[[str], None]:
    """Writes the user's own module `geo`."""
    (tmp_path / "modules").mkdir()

    def write(text: str) -> None:
        (tmp_path / "modules" / "geo.py").write_text(text)

    return write


GEO = "SCALE = 1\nCACHE = {}\ndef area(x):\n    return x * SCALE\nclass Shape:\n    def size(self):\n        return 'small'\n"


def test_an_attribute_set_on_a_user_module_is_undone_in_place(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo(GEO)
    notebook = kernels(paths=[tmp_path / "modules"])
    notebook.run(
        """
        import geo
        from geo import area
        here = [1]
        """,
        "geo.SCALE = 5; geo.CACHE['k'] = [1]; geo.new = 1",
    )
    identities = notebook.identities(["geo", "area", "here"])
    report = notebook.move("undo")
    assert notebook.read("geo.SCALE", "geo.CACHE", "area(2)", "hasattr(geo, 'new')") == [
        "1",
        "{}",
        "2",
        "False",
    ]
    assert report.word("module_attribute:geo.SCALE") == "restored"
    assert report.word("module_attribute:geo.new") == "removed"
    assert report.word("geo") == "unchanged"
    assert notebook.identities(["geo", "area", "here"]) == identities
    notebook.move("redo")
    assert notebook.read("geo.SCALE", "geo.CACHE", "area(2)", "geo.new") == ["5", "{'k': [1]}", "10", "1"]


@pytest.mark.parametrize("first", ["import colorsys", "colorsys = 'no module'"])
def test_an_attribute_of_a_user_module_that_took_the_place_of_a_library_is_undone(
    kernels: Callable[..., Notebook], tmp_path: Path, first: str
) -> None:
    (tmp_path / "colorsys.py").write_text("SCALE = 1\nCACHE = {}\n")
    notebook = kernels()
    notebook.run(
        first,
        f"""
        import sys
        sys.modules.pop('colorsys', None)
        sys.path.insert(0, {str(tmp_path)!r})
        import colorsys
        """,
        "colorsys.SCALE = 5; colorsys.CACHE['k'] = 1",
    )
    notebook.move("undo")
    assert notebook.read("colorsys.SCALE", "colorsys.CACHE") == ["1", "{}"]
    notebook.move("redo")
    assert notebook.read("colorsys.SCALE", "colorsys.CACHE") == ["5", "{'k': 1}"]


@pytest.mark.parametrize(
    "anew",
    [
        "importlib.reload(geo)",
        "import sys; del sys.modules['geo']; import geo",
        "import sys; sys.modules.pop('geo'); geo = importlib.import_module('geo')",
    ],
    ids=["reload", "del", "pop"],
)
def test_undo_and_redo_cross_the_reload_of_an_edited_module(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path, anew: str
) -> None:
    geo(GEO)
    notebook = kernels(paths=[tmp_path / "modules"])
    notebook.run("""
        import geo, importlib
        shape = geo.Shape()
        before = geo.area(3)
        """)
    geo(GEO.replace("x * SCALE", "x * SCALE + 100").replace("small", "large"))
    notebook.run(f"importlib.invalidate_caches(); {anew}; shape = geo.Shape(); after = geo.area(3)")
    assert notebook.read("before", "after", "shape.size()") == ["3", "103", "'large'"]
    state = ["shape.size()", "isinstance(shape, geo.Shape)", "geo.area(3)"]
    report = notebook.move("undo")
    assert notebook.read("before", "'after' in globals()") == ["3", "False"]
    assert report.word("after") == "removed"
    assert report.word("shape") == "restored"
    assert notebook.read(*state) == ["'small'", "True", "3"]
    assert notebook.move("redo").word("shape") == "restored"
    assert notebook.read(*state) == ["'large'", "True", "103"]


def test_what_an_edited_module_made_before_differs_in_a_new_kernel_and_says_so(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo(GEO)
    first = kernels(paths=[tmp_path / "modules"])
    first.run("""
        import geo
        shape, other = geo.Shape(), [1]
        measure = geo.area
        """)
    first.ask("status")
    first.kernel.kill()
    geo(GEO.replace("x * SCALE", "x * SCALE + 100").replace("small", "large"))
    second = kernels(paths=[tmp_path / "modules"])
    report = second.move("resume")
    assert report.word("other") == "restored"
    for name in ["shape", "measure"]:
        assert (report.word(name), report.why(name)) == ("not_identical", "geo.py changed")


#: Cells that import a module in a package `p`, and what finds it there.
WITHIN = [
    (["import p.inner"], "p.inner.half(1)"),
    (["import p", "import p.inner"], "p.inner.half(1)"),
    (["import p", "from p.inner import half as half_of_p"], "p.inner.half(1)"),
    (["import p", "if p:\n    import p.inner; import p.deep.part"], "p.deep.part.half(1)"),
    (["import p", "def use_p():\n    import p.deep.part\nuse_p()"], "p.deep.part.half(1)"),
    (["import p.inner as inner_of_p, p"], "inner_of_p.half(1) + (p.inner is not inner_of_p)"),
    (["import p.inner\nheld_of_p = [p]"], "held_of_p[0].inner.half(1)"),
    (["%precision 3\nimport p.deep.part"], "p.deep.part.half(1)"),
    (
        ["import p", "try:\n    import p.none\nexcept ImportError:\n    import p.deep.part"],
        "p.deep.part.half(1)",
    ),
    (["import p", "%time import p.inner"], "p.inner.half(1)"),
    (["import p", "exec('import p.deep.part')"], "p.deep.part.half(1)"),
    (["import p", "def use_p():\n    from p import inner\nuse_p()"], "p.inner.half(1)"),
    (["import importlib, p\nimportlib.import_module('p.inner')\nimportlib = 1"], "p.inner.half(1)"),
    (["from p import inner\nimport p\ninner = 1"], "p.inner.half(1)"),
]


@pytest.mark.parametrize("way", ["resume", "switch {at}", "restore {at} -- {names}"])
def test_modules_in_packages_are_there_in_a_new_kernel(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path, way: str
) -> None:
    geo(GEO)
    first = kernels(paths=[tmp_path / "modules"])
    calls, names = [], set[str]()
    for number, (setup, call) in enumerate(WITHIN):
        package = f"p{number}"
        for name in ["inner", "deep/part"]:
            path = tmp_path / "modules" / package / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(HELPER)
        named = [re.sub(r"\bp\b|(?<=_)p\b", package, text) for text in [call, *setup]]
        calls.append(named[0])
        names |= set(re.findall(rf"\w*{package}\b", named[0]))
        first.run("import geo", *named[1:])
    assert first.read(*calls) == ["0.5"] * len(calls)
    at = first.at()
    first.kill()
    second = kernels(paths=[tmp_path / "modules"])
    second.move(way.format(at=at, names=" ".join(sorted(names))))
    assert second.read(*calls) == ["0.5"] * len(calls)


FAST = "import p\np.f = lambda: 'fast'\np.made.append('fast')\n"


@pytest.fixture
def fast(tmp_path: Path) -> Path:
    """A package whose module `fast` sets a function of it, and adds to a list."""
    for name, source in {
        "__init__": "def f(): return 'slow'\nmade = []\n",
        "fast": FAST,
        "ends": "import sys\nsys.exit(3)\n",
    }.items():
        path = tmp_path / "modules" / "p" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path / "modules"


P_READS = ["p.f()", "p.made", "hasattr(p, 'fast')"]
SLOW, QUICK = ["'slow'", "[]", "False"], ["'fast'", "['fast']", "True"]


@pytest.mark.few(6)
@pytest.mark.parametrize(
    "cells",
    [
        ["import p", "def g():\n    import p.fast"],
        ["import p", "if not p:\n    import p.fast"],
        ["import p", "try:\n    1 / 0\n    import p.fast\nexcept ZeroDivisionError: pass"],
        ["import p", "import p.fast", "%clew undo", "after = p.f()"],
        ["import p", "text = 'import p.fast'"],
        ["import p", "try:\n    import p.ends\nexcept SystemExit: pass"],
    ],
    ids=["function", "guard", "error", "left-branch", "text", "ends"],
)
@pytest.mark.parametrize("way", ["resume", "switch {at}", "restore {at} -- p"])
def test_p03_no_move_imports_what_the_state_did_not_have(
    kernels: Callable[..., Notebook], fast: Path, cells: list[str], way: str
) -> None:
    first = kernels(paths=[fast])
    for cell in cells:
        if cell.startswith("%clew"):
            first.move(cell.removeprefix("%clew "))
        else:
            first.run(cell)
    assert first.read(*P_READS[:2]) == SLOW[:2]
    at = first.at()
    first.kill()
    second = kernels(paths=[fast])
    second.move(way.format(at=at))
    assert second.read(*P_READS) == SLOW


@pytest.mark.few(1)
@pytest.mark.parametrize("here", [[], ["import p"], ["import p", "x = 1"]], ids=["new", "there", "used"])
def test_p03_each_state_has_what_modules_in_packages_set_by_then(
    kernels: Callable[..., Notebook], fast: Path, here: list[str]
) -> None:
    first = kernels(paths=[fast])
    labels = []
    for cell in ("import p", "import p.fast", "x = 1"):
        first.run(cell)
        labels.append(first.at())
    first.kill()
    second = kernels(paths=[fast])
    for cell in here:
        second.run(cell)
    second.move("resume")
    assert second.read(*P_READS) == QUICK
    for label, right in ((labels[0], SLOW), (labels[1], QUICK), (labels[0], SLOW), (labels[2], QUICK)):
        second.move(f"switch {label}")
        assert second.read(*P_READS[:2]) == right[:2]
    second.kill()
    third = kernels(paths=[fast])
    third.move(f"switch {labels[0]}")
    assert third.read(*P_READS) == SLOW
    third.move(f"switch {labels[2]}")
    assert third.read(*P_READS) == QUICK


@pytest.mark.parametrize(("name", "right"), [("y", SLOW), ("held", QUICK)])
def test_p03_restoring_a_variable_imports_only_what_it_needs(
    kernels: Callable[..., Notebook], fast: Path, name: str, right: list[str]
) -> None:
    first = kernels(paths=[fast])
    first.run("import p", "import p.fast", "y = [1]\nheld = [p]")
    at = first.at()
    first.kill()
    second = kernels(paths=[fast])
    second.run("import p")
    second.move(f"restore {at} -- {name}")
    assert second.read("p.f()", "hasattr(p, 'fast')") == [right[0], right[2]]


def test_p03_redo_imports_nothing_that_another_kernel_imported(
    kernels: Callable[..., Notebook], fast: Path
) -> None:
    first = kernels(paths=[fast])
    first.run("x = [1]")
    at = first.at()
    first.run("import p.fast")
    first.kill()
    second = kernels(paths=[fast])
    second.move(f"resume {at}")
    second.run("import p\nr = p.f()")
    second.move("undo")
    second.move("redo")
    assert second.read("r", *P_READS) == ["'slow'", *SLOW]


HELPER = "def half(x): return x / 2\n"


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("setup", "edited", "call", "value"),
    [
        ("import geo\ndef use(x): return geo.area(x)", "geo.py", "use(1)", "1"),
        ("def use(x):\n    from geo import area\n    return area(x)\nuse(1)", "geo.py", "use(1)", "1"),
        (
            "import geo\nclass Use:\n    def size(self): return geo.area(1)\nuse = Use()",
            "geo.py",
            "use.size()",
            "1",
        ),
        (
            "import importlib\nuse = lambda x: importlib.import_module('geo').area(x)\nuse(1)",
            "geo.py",
            "use(1)",
            "1",
        ),
        ("import outer\ndef use(x): return outer.twice(x)", "helper.py", "use(1)", "2.0"),
        ("from outer import twice", "helper.py", "twice(1)", "2.0"),
        ("import box.inner\ndef use(x): return box.inner.half(x)", "inner.py", "use(1)", "0.5"),
        ("import box.inner as inner\ndef use(x): return inner.half(x)", "inner.py", "use(1)", "0.5"),
        ("from box import inner\ndef use(x): return inner.half(x)", "inner.py", "use(1)", "0.5"),
    ],
    ids=[
        "module",
        "inside",
        "method",
        "by-name",
        "behind",
        "behind-a-function",
        "in-a-package",
        "in-a-package-as",
        "from-a-package",
    ],
)
def test_resume_names_the_modules_that_were_edited_since(
    kernels: Callable[..., Notebook],
    geo: Callable[[str], None],
    tmp_path: Path,
    setup: str,
    edited: str,
    call: str,
    value: str,
) -> None:
    geo(GEO)
    modules = tmp_path / "modules"
    (modules / "box").mkdir()
    (modules / "box" / "__init__.py").write_text("")
    for name in ["helper.py", "box/inner.py"]:
        (modules / name).write_text(HELPER)
    (modules / "outer.py").write_text("import helper\ndef twice(x): return 4 * helper.half(x)\n")
    first = kernels(paths=[modules])
    first.run(setup, "other = [1]")
    first.ask("status")
    first.kernel.kill()
    again = kernels(paths=[modules])
    assert again.move("resume").data["edited_files"] == []
    assert again.read(call) == [value]
    again.run("more = [2]")
    again.ask("status")
    again.kernel.kill()
    path = next(modules.rglob(edited))
    path.write_text(path.read_text() + "# A comment.\n")
    last = kernels(paths=[modules])
    report = last.move("resume")
    assert report.data["edited_files"] == [edited]
    assert report.word("other") == "restored"
    assert f"{edited} was edited since" in last.say("resume")


def test_stale_sees_an_edited_module_where_the_session_was_resumed(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo(GEO)
    first = kernels(paths=[tmp_path / "modules"])
    first.run("import geo", "x = 2")
    first.kill()
    second = kernels(paths=[tmp_path / "modules"])
    second.move("resume")
    second.run("a = geo.area(x)")
    assert second.ask("stale")["stale"] == []
    geo(GEO.replace("x * SCALE", "x * SCALE + 100"))
    stale = {one["run"]: {why["kind"] for why in one["reasons"]} for one in second.ask("stale")["stale"]}
    assert "code" in stale[second.at()], stale


RELOADED = pytest.mark.parametrize(
    ("before", "reload"),
    [
        ("", "importlib.invalidate_caches(); importlib.reload(geo); after = use(1)"),
        ("%load_ext autoreload\n%autoreload 1\n%aimport geo", "after = use(1)"),
        ("%load_ext autoreload\n%autoreload 2", "after = use(1)"),
        ("", "import sys; del sys.modules['geo']; import geo; after = use(1)"),
        ("", "import sys; del sys.modules['geo']; geo = importlib.import_module('geo'); after = use(1)"),
        (
            "",
            "import sys\nname = 'g' + 'eo'; del sys.modules[name]; geo = importlib.import_module(name); after = use(1)",
        ),
    ],
)


def reloads(first: Notebook, geo: Callable[[str], None], before: str, reload: str) -> None:
    """The module is edited and reloaded, and all of it is recorded."""
    geo(GEO)
    first.run(before, "import geo, importlib\ndef use(x): return geo.area(x)")
    first.ask("status")
    geo(GEO.replace("x * SCALE", "x * SCALE + 100"))
    first.run(reload)
    first.ask("status")
    assert first.read("after") == ["101"]


@pytest.mark.few(2)
@RELOADED
def test_a_module_that_was_reloaded_after_an_edit_is_not_named(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path, before: str, reload: str
) -> None:
    first = kernels(paths=[tmp_path / "modules"])
    reloads(first, geo, before, reload)
    first.kernel.kill()
    second = kernels(paths=[tmp_path / "modules"])
    report = second.move("resume")
    assert (report.data["edited_files"], report.word("after")) == ([], "restored")


@pytest.mark.few(2)
@RELOADED
def test_a_module_that_was_edited_back_after_a_reload_is_named(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path, before: str, reload: str
) -> None:
    first = kernels(paths=[tmp_path / "modules"])
    reloads(first, geo, before, reload)
    geo(GEO)
    first.kernel.kill()
    assert kernels(paths=[tmp_path / "modules"]).move("resume").data["edited_files"] == ["geo.py"]


def test_a_module_that_autoreload_could_not_read_is_what_it_was(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo(GEO)
    first = kernels(paths=[tmp_path / "modules"])
    first.run(
        "%load_ext autoreload\n%autoreload 2", "import geo\ndef use(x): return geo.area(x)", "x = use(1)"
    )
    geo(GEO + "def broken(:\n")
    first.run("y = use(1)")
    first.ask("status")
    first.kernel.kill()
    assert kernels(paths=[tmp_path / "modules"]).move("resume").data["edited_files"] == ["geo.py"]


@pytest.mark.parametrize(
    "reads", ["open('d.csv').read()", "pd.read_csv('d.csv')", "Path('d.' + 'csv').read_text()"]
)
def test_what_is_edited_between_the_end_of_a_cell_and_its_capture_makes_it_stale(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path, reads: str
) -> None:
    geo(GEO)
    kernel = kernels(paths=[tmp_path / "modules"])
    kernel.kernel.cwd.joinpath("d.csv").write_text("a,b\n1,2\n")
    kernel.run(
        "import pandas as pd\nfrom pathlib import Path",
        f"""
        def edit(result):
            if not result.info.raw_cell.startswith('import geo'):
                return
            Path('d.csv').write_text('a,b\\n1,3\\n4,5\\n')
            Path({str(tmp_path / "modules" / "geo.py")!r}).write_text({GEO!r} + '# Another.')
        get_ipython().events.register('post_run_cell', edit)
        """,
        f"import geo; rows = {reads}",
        "get_ipython().events.unregister('post_run_cell', edit)",
    )
    stale = {one["run"]: one["reasons"] for one in kernel.ask("stale")["stale"]}
    found = {(reason["kind"], Path(reason["path"]).name) for reason in stale["4"]}
    assert found == {("file", "d.csv"), ("code", "geo.py")}


@pytest.mark.parametrize("again", ["newlib", "geo"])
def test_a_reload_that_failed_is_none(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path, again: str
) -> None:
    geo(GEO)
    first = kernels(paths=[tmp_path / "modules"])
    first.run("import geo, importlib\ndef use(x): return geo.area(x)", "a = use(1)")
    geo("import newlib\n" + GEO.replace("x * SCALE", "x * SCALE + 100"))
    assert first.kernel.run("importlib.reload(geo)").status == "error"
    first.run("b = use(1)")
    assert first.read("b") == ["1"]
    first.ask("status")
    if again == "geo":
        geo(GEO)
    else:
        (tmp_path / "modules" / "newlib.py").write_text("")
    first.kernel.kill()
    second = kernels(paths=[tmp_path / "modules"])
    assert second.move("resume").data["edited_files"] == ([] if again == "geo" else ["geo.py"])


def test_a_switch_to_a_run_of_another_kernel_names_what_was_edited_since(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo(GEO)
    first = kernels(paths=[tmp_path / "modules"])
    first.run("import geo", "a = geo.area(1)")
    run = first.at()
    first.ask("status")
    first.kernel.kill()
    geo(GEO.replace("x * SCALE", "x * SCALE + 100"))
    second = kernels(paths=[tmp_path / "modules"])
    assert "geo.py was edited since" in second.say(f"switch {run}")
    second.run("b = 1", "b = 2")
    assert "was edited since" not in second.say(f"switch {second.at()}~1")


def test_redo_executes_no_module_in_a_package_again(kernels: Callable[..., Notebook], tmp_path: Path) -> None:
    package = tmp_path / "modules" / "parcel"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("seen = []\n")
    text = "import parcel\nparcel.seen.append(1)\nv = 1\ndef get(): return 'old'\n"
    (package / "inner.py").write_text(text)
    kernel = kernels(paths=[tmp_path / "modules"])
    kernel.run("import parcel", "import parcel.inner", "k = 1")
    (package / "inner.py").write_text(text.replace("old", "new"))
    kernel.move("undo 2")
    kernel.move("redo 2")
    assert kernel.read("parcel.inner.get()", "parcel.seen", "parcel.inner.v") == ["'old'", "[1]", "1"]


@pytest.mark.parametrize(
    "cell", ["helping.load()", "%run loading_here.py", "import loading_here; del loading_here"]
)
def test_what_own_code_imports_within_a_package_is_there_in_a_new_kernel(
    kernels: Callable[..., Notebook], tmp_path: Path, cell: str
) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "loading_here.py").write_text("import xml.dom.minidom\n")
    (modules / "helping.py").write_text("def load():\n    import xml.dom.minidom\n")
    first = kernels(paths=[modules])
    cell = cell if not cell.startswith("%run") else f"%run {modules / 'loading_here.py'}"
    first.run("import xml, helping\ndef kind(): return hasattr(xml, 'dom')", cell, "a = kind()")
    assert first.read("a") == ["True"]
    first.ask("status")
    first.kernel.kill()
    second = kernels(paths=[modules])
    second.move("resume")
    assert second.read("a", "kind()") == ["True", "True"]


def test_reloading_a_module_that_did_not_change_changes_nothing_for_a_new_kernel(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo(GEO)
    first = kernels(paths=[tmp_path / "modules"])
    first.run(
        """
        import geo, importlib
        old = geo.Shape()
        """,
        "importlib.reload(geo); new = geo.Shape()",
    )
    assert first.read("isinstance(old, geo.Shape)") == ["False"]
    first.move("undo")
    assert first.read("isinstance(old, geo.Shape)", "'new' in globals()") == ["True", "False"]
    first.move("redo")
    assert first.read("isinstance(old, geo.Shape)", "isinstance(new, geo.Shape)") == ["False", "True"]
    first.run("del old")
    first.ask("status")
    first.kernel.kill()
    second = kernels(paths=[tmp_path / "modules"])
    assert second.move("resume").word("new") == "restored"
    assert second.read("isinstance(new, geo.Shape)") == ["True"]


def test_an_instance_of_a_user_module_comes_back_in_a_new_kernel(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo(GEO)
    first = kernels(paths=[tmp_path / "modules"])
    first.run("""
        import geo
        shape = geo.Shape()
        shape.note = [1]
        """)
    first.kill()
    second = kernels(paths=[tmp_path / "modules"])
    report = second.move("resume")
    assert report.word("shape") == "restored"
    assert second.read("shape.note", "type(shape) is geo.Shape", "shape.size()") == ["[1]", "True", "'small'"]


MAGICS = {
    "`%time`": "%time x.append(2)",
    "`%%time`": "%%time\nx.append(2)",
    "`%%capture`": "%%capture caught\nprint('hid'); x.append(2)",
    "`%run` of a script with `-i`": "%run -i {script}",
    "`%timeit` once": "%timeit -n1 -r1 x.append(2)",
    "`!` with its output kept": "out = !echo hi\nx.append(len(out))",
    "Top-level `await`": "import asyncio\nawait asyncio.sleep(0)\nx.append(2)",
    "`%%script`-free shell line and a change": "!true\nx.append(2)",
    "`run_cell` inside a cell": "get_ipython().run_cell('x.append(2)');",
}


@pytest.mark.parametrize("cell", MAGICS.values(), ids=MAGICS.keys())
def test_cells_with_magics_are_undone_in_one_step(notebook: Notebook, cell: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("x.append(2)\nfrom_script = 1\n")
    notebook.run("""
        x = [1]
        alone = [2]
        """)
    identities = notebook.identities(["alone"])
    names = notebook.names()
    notebook.run(cell.format(script=script))
    assert notebook.read("x") != ["[1]"]
    report = notebook.move("undo")
    assert notebook.read("x") == ["[1]"]
    assert notebook.names() == names
    assert report.word("x") == "restored"
    assert notebook.identities(["alone"]) == identities
    notebook.move("redo")
    assert notebook.read("x") != ["[1]"]


def test_what_a_class_of_a_user_module_counts_is_undone_in_place(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo("class Shape:\n    count = 0\n    made = []\n    def size(self):\n        return 'small'\n")
    first = kernels(paths=[tmp_path / "modules"])
    first.run(
        """
        import geo
        shape = geo.Shape()
        """,
        "geo.Shape.count += 1; geo.Shape.made.append(shape); geo.Shape.size = lambda self: 'patched'",
    )
    reads = ["geo.Shape.count", "[s is shape for s in geo.Shape.made]", "shape.size()"]
    before, after = ["0", "[]", "'small'"], ["1", "[True]", "'patched'"]
    assert first.read(*reads) == after
    first.move("undo")
    assert first.read(*reads) == before
    assert first.read("isinstance(shape, geo.Shape)") == ["True"]
    first.move("redo")
    assert first.read(*reads) == after
    first.kill()
    second = kernels(paths=[tmp_path / "modules"])
    second.move("resume")
    assert second.read(*reads) == after
    second.move("undo")
    second.move("redo")
    assert second.read(*reads) == after


def test_redo_of_the_import_of_a_user_module_brings_back_the_very_classes(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo(GEO)
    notebook = kernels(paths=[tmp_path / "modules"])
    notebook.run(
        "q = 1",
        """
        import geo
        from geo import Shape
        shape = geo.Shape()
        """,
    )
    notebook.move("undo")
    assert not {"geo", "Shape", "shape"} & notebook.names()
    notebook.move("redo")
    assert notebook.read("isinstance(shape, geo.Shape)", "Shape is __import__('geo').Shape") == [
        "True",
        "True",
    ]


def test_what_a_class_holds_comes_back_though_no_name_refers_to_its_module(
    kernels: Callable[..., Notebook], geo: Callable[[str], None], tmp_path: Path
) -> None:
    geo("class Shape:\n    count = 0\n")
    first = kernels(paths=[tmp_path / "modules"])
    first.run(
        """
        def shape():
            import geo
            return geo.Shape
        """,
        "shape().count += 5",
    )
    first.kill()
    second = kernels(paths=[tmp_path / "modules"])
    assert second.move("resume").word("shape") == "restored"
    assert second.read("shape().count") == ["5"]
