"""What a cell makes known to a library, to Python or to the shell: it is done again in each kernel in which somebody may use it."""

from __future__ import annotations

import pytest
from run.desk import Desk, code_cells, outcomes

RESTORED, EXECUTED = "restored", "executed"
IMPORTS = "import abc, atexit, codecs, collections.abc, copyreg, functools, json\nimport pandas as pd"
#: Cells that make something known, each with a class or function of its own and one that finds it there.
REGISTERING = {
    "@pd.api.extensions.register_dataframe_accessor('geo')\n"
    "class Geo:\n    def __init__(self, df):\n        self.df = df\n    def total(self):\n        return len(self.df)": (
        "df = pd.DataFrame({'a': [1, 2, 3]})\nint(df.geo.total())"
    ),
    "from pandas.api.extensions import register_series_accessor as reg\n"
    "@reg('half')\nclass Half:\n    def __init__(self, s):\n        self.n = len(s) // 2": (
        "pd.Series([1, 2, 3, 4]).half.n"
    ),
    "class Shape(abc.ABC):\n    pass\nclass Round:\n    pass\nShape.register(Round)": "isinstance(Round(), Shape)",
    "class Many:\n    pass\ncollections.abc.Sequence.register(Many)": "issubclass(Many, collections.abc.Sequence)",
    "@functools.singledispatch\ndef kind(x):\n    return 'any'": "kind(1.0)",
    "@kind.register\ndef of_int(x: int):\n    return 'int'": "kind(1)",
    "def find(name):\n    if name == 'clewcase':\n        return codecs.CodecInfo(\n"
    "            name='clewcase', encode=lambda s, e='strict': (b'clew', len(s)), decode=lambda b, e='strict': ('clew', len(b)))\n"
    "codecs.register(find)": "'x'.encode('clewcase')",
    "class Point:\n    def __init__(self, x):\n        self.x = x\ncopyreg.pickle(Point, lambda p: (Point, (p.x + 1,)))": (
        "import copy\ncopy.copy(Point(1)).x"
    ),
    "import registered_own as own\nown.kind.register(float, lambda x: 'float')": "own.kind(1.0)",
    "own.Base.register(int)": "isinstance(3, own.Base)",
    "json.JSONEncoder.default = lambda self, o: 'some'": "json.dumps(object())",
}


def ran(desk: Desk, name: str, *cells: str) -> tuple[list[str], list[str]]:
    """Runs a notebook of these cells; what became of each, and what each shows."""
    desk.notebook(name, *cells)
    typed = desk.run(f"{name}.ipynb", "out.ipynb")
    assert typed.exit == 0, typed
    cells_then = code_cells(desk.read("out.ipynb"))
    shown = [
        "".join("".join(one["data"]["text/plain"]) for one in cell["outputs"] if "data" in one)
        for cell in cells_then
    ]
    return outcomes(desk.read("out.ipynb")), shown


def test_p03_what_is_registered_is_there_for_who_uses_it_in_another_kernel(desk: Desk) -> None:
    module = "import abc, functools\nclass Base(abc.ABC): pass\n@functools.singledispatch\ndef kind(x): return 'any'\n"
    (desk.folder / "registered_own.py").write_text(module)
    cells = [IMPORTS, *REGISTERING]
    ran(desk, "registered", *cells)
    finding = list(REGISTERING.values())
    _, shown = ran(desk, "registered", *cells, *finding)
    expected = ["3", "2", "True", "True", "'any'", "'int'", "b'clew'", "2", "'float'", "True", "'\"some\"'"]
    assert shown[-len(finding) :] == expected
    # Where nothing is executed nobody needs it.
    planned = desk.run("registered.ipynb", "--plan", "--json").json["cells"]
    assert [cell["number"] for cell in planned if cell["outcome"] == EXECUTED] == []


SHELL = (
    "import ast, re\nfrom IPython.core.magic import register_line_magic",
    "class Twice(ast.NodeTransformer):\n    def visit_Constant(self, node):\n"
    "        return ast.Constant(node.value * 2) if node.value == 21 else node\n"
    "get_ipython().ast_transformers.append(Twice())",
    "ip = get_ipython()",
    "ip.input_transformers_post.append(lambda lines: [line.replace('ONE', '1') for line in lines])",
    "ip.input_transformers_cleanup.append(lambda lines: [line.replace('TWO', '2') for line in lines])",
    "@register_line_magic\ndef clewcase(line):\n    return line * 2",
)
FINDING = ("21 + 0", "ONE + 1", "TWO + 1", "%clewcase ab")


def test_p03_what_the_shell_was_told_counts_for_every_cell_behind_it(desk: Desk) -> None:
    ran(desk, "shell", *SHELL)
    _, shown = ran(desk, "shell", *SHELL, *FINDING)
    assert shown[-4:] == ["42", "2", "3", "'abab'"]
    other = (SHELL[0], SHELL[1].replace("* 2", "* 3"), *SHELL[2:])
    told, shown = ran(desk, "shell", *other, *FINDING)
    assert shown[-4:] == ["63", "2", "3", "'abab'"]
    assert told[-4] == EXECUTED


#: A cell that sets something in a library, with one that finds it there.
SET_TO = {
    "math.own = k": "math.own",
    "logging.getLogger('clewcase').setLevel(10 * k)": "logging.getLogger('clewcase').isEnabledFor(10)",
    "json.JSONEncoder.default = lambda s, o: k": "json.dumps(object())",
    "pd.Series.times = lambda s: s * k": "int(pd.Series([1]).times()[0])",
    "builtins.say = lambda: k": "say()",
    "pd.set_option('display.max_rows', 10 * k)": "pd.get_option('display.max_rows')",
    "logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False, 'loggers': {'clewcase.two': {'level': 10 * k}}})": (
        "logging.getLogger('clewcase.two').level"
    ),
}


IMPORTS_OF_SETTING = "import builtins, json, logging.config, math\nimport pandas as pd"


@pytest.mark.parametrize("is_literal", [False, True], ids=["from a variable", "literal"])
def test_p03_going_back_to_an_earlier_setting_brings_what_was_found_with_it(
    desk: Desk, is_literal: bool
) -> None:
    """Nothing has to be executed for that: each reader has a run that found the setting."""
    found: dict[int, list[str]] = {}
    for k in (1, 2, 1, 2):
        setters = [setter.replace("k", str(k)) if is_literal else setter for setter in SET_TO]
        first = "one = 1" if is_literal else f"k = {k}"
        told, shown = ran(desk, f"set-to-{is_literal}", IMPORTS_OF_SETTING, first, *setters, *SET_TO.values())
        if k in found:
            assert shown == found[k] and EXECUTED not in told
        found[k] = shown
    differing = [one != two for one, two in zip(found[1], found[2], strict=True)]
    assert all(differing[-len(SET_TO) :])
