"""What a cell makes known to a library, to Python or to the shell: it is done again in each kernel in which somebody may use it."""

from __future__ import annotations

import os
import re

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
    "calendar.setfirstweekday(k)": "calendar.month(2024, 1).split()[2:4]",
    "csv.field_size_limit(1000 * k)": "csv.field_size_limit()",
    "lxml.etree.FunctionNamespace(None)['ten'] = lambda _: k": "lxml.etree.XML('<a/>').xpath('ten()')",
    "gettext.textdomain(f'domain{k}')": "gettext.textdomain()",
    "scipy.special.seterr(singular=('ignore', 'warn', 'raise')[k])": "scipy.special.geterr()['singular']",
}


IMPORTS_OF_SETTING = "import builtins, calendar, csv, gettext, json, logging.config, math\nimport pandas as pd\nimport lxml.etree, scipy.special"


@pytest.mark.few(1)
@pytest.mark.parametrize("is_literal", [False, True], ids=["from a variable", "literal"])
def test_p03_going_back_to_an_earlier_setting_brings_what_was_found_with_it(
    desk: Desk, is_literal: bool
) -> None:
    """Nothing has to be executed for that: each reader has a run that found the setting."""
    found: dict[int, list[str]] = {}
    for k in (1, 2, 1, 2):
        setters = [re.sub(r"\bk\b", str(k), setter) if is_literal else setter for setter in SET_TO]
        first = "one = 1" if is_literal else f"k = {k}"
        told, shown = ran(desk, f"set-to-{is_literal}", IMPORTS_OF_SETTING, first, *setters, *SET_TO.values())
        if k in found:
            assert shown == found[k] and EXECUTED not in told
        found[k] = shown
    differing = [one != two for one, two in zip(found[1], found[2], strict=True)]
    assert all(differing[-len(SET_TO) :])


#: A cell that sets something through a variable that stands for what a library holds, with one that finds it there.
THROUGH = {
    "types['.clew'] = 'text/1'": "mimetypes.guess_type('a.clew')",
    "Loader.yaml_constructors['!clew'] = lambda *_: 1": "yaml.load('!clew 3', yaml.SafeLoader)",
    "encoder.ensure_ascii = 1 > 1.5": "json.dumps('ü')",
    "mp.dps = 15 * 1": "str(mpmath.mpf(1) / 3)",
    "def prefers(to):\n    c = dask.config.config\n    c['clew'] = to\nprefers(1)": "dask.config.get('clew')",
    "root.handlers[:] = [logging.NullHandler()] * 1": "len(logging.getLogger().handlers)",
    "def put(table):\n    table['clew_put'] = 1\nput(dask.config.config)": "dask.config.get('clew_put')",
    "types |= {'.clewor': 'text/1'}": "mimetypes.guess_type('a.clewor')",
    "colors.get_named_colors_mapping().update({'clew': '#00000' + str(1)})": "colors.to_hex('clew')",
    "colors._colors_full_map.update({'clew3': '#00000' + str(1)})": "colors.to_hex('clew3')",
    "named['clew2'] = '#00000' + str(1)": "colors.to_hex('clew2')",
    "css['clew4'] = '#00000' + str(1)": "colors.CSS4_COLORS['clew4']",
}


def test_p03_a_setting_through_a_variable_reaches_who_finds_it_in_the_library(desk: Desk) -> None:
    imports = (
        "import json, logging, mimetypes\nimport dask.config, mpmath, yaml\nfrom mpmath import mp\n"
        "types, Loader, encoder, root = mimetypes.types_map, yaml.SafeLoader, json._default_encoder, logging.root\n"
        "from matplotlib import colors\nnamed, css = colors.get_named_colors_mapping(), colors.CSS4_COLORS"
    )
    _, first = ran(desk, "through", imports, *THROUGH, *THROUGH.values())
    _, then = ran(
        desk, "through", imports, *(re.sub(r"\b1\b(?!\.)", "2", one) for one in THROUGH), *THROUGH.values()
    )
    many = len(THROUGH)
    added = ["{0}", "('text/{0}', None)", *["'#00000{0}'"] * 4]
    assert first[-many:] == [
        "('text/1', None)",
        "1",
        "'\"ü\"'",
        "'0.333333333333333'",
        "1",
        "1",
        *(one.format(1) for one in added),
    ]
    assert then[-many:] == [
        "('text/2', None)",
        "2",
        "'\"\\\\u00fc\"'",
        "'0." + "3" * 30 + "'",
        "2",
        "2",
        *(one.format(2) for one in added),
    ]


#: What one cell binds to what a library holds, what another sets there, and what a third finds. The first is restored while the second is edited.
HELD_STILL = (
    (
        "from dask.config import config as settings\nimport dask",
        "settings['clew_{n}'] = {n}",
        "dask.config.get('clew_{n}')",
    ),
    (
        "import mimetypes\ntypes = mimetypes.types_map",
        "types['.clewd'] = 'a/{n}'",
        "mimetypes.types_map['.clewd']",
    ),
    (
        "import sqlite3\nconverters, adapters = sqlite3.converters, sqlite3.adapters",
        "converters['CLEW'] = '{n}'",
        "sqlite3.converters['CLEW'], converters is sqlite3.converters, adapters is sqlite3.adapters",
    ),
    (
        "from matplotlib.colors import CSS4_COLORS\nimport matplotlib.colors as mcolors",
        "CSS4_COLORS['clew'] = '#00000{n}'",
        "mcolors.CSS4_COLORS['clew']",
    ),
    (
        "import scipy.constants as known\nconstants = known.physical_constants",
        "constants['clew'] = ({n}.0, '', 0.0)",
        "known.value('clew')",
    ),
    (
        "own = mimetypes.suffix_map\nown = dict(own)",
        "own['.clewo'] = '.{n}'",
        "'.clewo' in mimetypes.suffix_map, own['.clewo']",
    ),
)


def test_p03_a_variable_that_stands_for_what_a_library_holds_does_so_where_it_is_brought(desk: Desk) -> None:
    def cells(n: int) -> list[str]:
        return [one.format(n=n) for part in zip(*HELD_STILL, strict=True) for one in part]

    for n in (1, 2, 1):
        desk.notebook("still", *cells(n))
        assert desk.run("still.ipynb", "out.ipynb").exit == 0
        assert desk.papermill("still.ipynb", "plain.ipynb").exit == 0
        now, plain = (
            [
                cell["outputs"][0]["data"]["text/plain"]
                for cell in code_cells(desk.read(name))[-len(HELD_STILL) :]
            ]
            for name in ("out.ipynb", "plain.ipynb")
        )
        assert now == plain
    assert outcomes(desk.read("out.ipynb"))[:3] == [RESTORED] * 3


#: What sets something for others, with one that finds it there: each time from `k`, in a cell or in a file.
ELSEWHERE = {
    "import pandas as pd\npd.set_option('display.precision', k)": "import pandas as pd\npd.Series([1 / 3])",
    "import decimal\ndecimal.getcontext().prec = k": "import decimal\ndecimal.Decimal(1) / 3",
    "import logging\nlogging.getLogger('clew.own').setLevel(10 * k)": "import logging\nlogging.getLogger('clew.own').level",
    "import pandas as pd\npd.Series.own = lambda self: k": "import pandas as pd\npd.Series([1]).own()",
    "import builtins\nbuiltins.clewcase_own = k": "clewcase_own",
    "import csv\ncsv.field_size_limit(1000 * k)": "import csv\ncsv.field_size_limit()",
    "import json\njson.JSONEncoder.default = lambda self, o: k": "import json\njson.dumps(object())",
}
SETTER = "def go(k):\n    "
WAYS = {
    "cell": ("{setter}", ""),
    "module": ("import own_set_{nth}", "{setter}"),
    "function": ("from own_set_{nth} import go\ngo(k)", "{function}"),
    "run": ("%run own_set_{nth}.py", "{setter}"),
    "exec": ("exec(open('own_set_{nth}.py').read())", "{setter}"),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("way", WAYS)
def test_p03_what_is_set_anywhere_counts_for_who_uses_the_library(desk: Desk, way: str) -> None:
    """By a cell, or by a file of the user's; and for who imports the library again."""
    cell, content = WAYS[way]
    found: dict[int, list[str]] = {}
    for k in (3, 4, 3):
        cells = [f"k = {k}"]
        for nth, setter in enumerate(ELSEWHERE):
            literal = re.sub(r"\bk\b", str(k), setter)
            parts = {"nth": nth, "setter": literal, "function": SETTER + setter.replace("\n", "\n    ")}
            (desk.folder / f"own_set_{nth}.py").write_text(content.format(**parts))
            cells += [cell.format(**parts), list(ELSEWHERE.values())[nth]]
        _, shown = ran(desk, f"anywhere-{way}", *cells)
        assert found.setdefault(k, shown) == shown
        assert f"0.{'3' * k}" in shown[2] and shown[6] == str(10 * k)
    differing = [one != two for one, two in zip(found[3], found[4], strict=True)]
    assert all(differing[2::2])


def test_p03_a_function_for_a_signal_counts_for_who_sends_it(desk: Desk) -> None:
    cells = [
        "import signal",
        "signal.signal(signal.SIGUSR1, lambda *_: hits.append(k))",
        "hits = []",
        "k = 1",
    ]
    for k in (1, 2, 1):
        cells[3] = f"k = {k}"
        assert ran(desk, "signal", *cells, "signal.raise_signal(signal.SIGUSR1)", "hits")[1][-1] == f"[{k}]"


def test_p03_figures_that_stay_from_cell_to_cell_count_for_who_asks_pyplot(desk: Desk) -> None:
    cells = [
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt",
        "fig = plt.figure()",
    ]
    drawn = {
        "plt.plot([1, 2])": "1",
        "plt.plot([1, 2])\nplt.plot([2])": "2",
        "plt.plot([1, 2]) and None": "1",
    }
    for drawing, lines in drawn.items():
        shown = ran(desk, "figures", *cells, f"{drawing};", "len(plt.gca().lines)")[1]
        assert shown[-1] == lines


def test_p03_an_attribute_of_a_file_is_asked_for_each_time(desk: Desk) -> None:
    file = desk.folder / "attributed"
    file.touch()
    try:
        os.setxattr(file, "user.clew", b"0")
    except OSError:
        pytest.skip("this file system has no attributes")
    for value in ("1", "2", "1"):
        setter = f"os.setxattr('attributed', 'user.clew', b'{value}')"
        shown = ran(desk, "attributes", "import os", setter, "os.getxattr('attributed', 'user.clew')")[1]
        assert shown[-1] == f"b'{value}'"


STATEFUL = """
class Config:
    _one = None
    def __new__(cls):
        if cls._one is None:
            cls._one = super().__new__(cls)
            cls._one.held = {}
        return cls._one
def set(value):
    Config().held["a"] = value
def get():
    return Config().held["a"]
def count():
    count.n = getattr(count, "n", 0) + 1
    return count.n
"""


def test_p03_state_that_an_own_module_keeps_in_classes_and_functions_counts(desk: Desk) -> None:
    (desk.folder / "stateful_own.py").write_text(STATEFUL)
    cells = [
        "import stateful_own as own",
        "own.set(1)",
        "own.get()",
        "own.count()",
        "own.set(5)",
        "own.get()",
        "own.count()",
    ]
    for value in (1, 2, 1):
        cells[1] = f"own.set({value})"
        shown = ran(desk, "stateful", *cells)[1]
        assert [shown[2], shown[3], shown[5], shown[6]] == [str(value), "1", "5", "2"]


HOLDING = """
import functools
def counter():
    n = 0
    def count():
        nonlocal n
        n += 1
        return n
    return count
count = counter()
def store(cache):
    def keep(value): cache.append(value)
    def kept(): return cache
    return keep, kept
keep, kept = store([])
def bound():
    held = []
    return held.append, functools.partial(held.append), lambda: held
also, again, both = bound()
def memo(function):
    seen = {}
    @functools.wraps(function)
    def known(key, value=None):
        return seen.setdefault(key, value)
    return known
@memo
def seen(key, value=None): ...
def put(value, into=[]):
    into.append(value)
    return into
def put_named(value, *, into={}):
    into[value] = 1
    return list(into)
class Kit:
    @staticmethod
    def add(value, to=[]):
        to.append(value)
        return to
    @memo
    def known(key, value=None): ...
    @property
    def grown(self, to=[]):
        to.append(1)
        return len(to)
"""
#: What functions of an own module hold, set and asked for.
HELD = {
    "own.count() and None": ("own.count()", "2"),
    "own.keep(k)": ("own.kept()", "[k]"),
    "own.also(k); own.again(k)": ("own.both()", "[k, k]"),
    "own.seen('a', k) and None": ("own.seen('a')", "k"),
    "own.put(k) and None": ("own.put(0)", "[k, 0]"),
    "own.put_named(k) and None": ("own.put_named(9)", "[k, 9]"),
    "own.Kit.add(k) and None": ("own.Kit.add(0)", "[k, 0]"),
    "own.Kit.known('b', k) and None": ("own.Kit.known('b')", "k"),
    "own.Kit().grown and None": ("own.Kit().grown", "2"),
}


def test_p03_what_functions_of_an_own_module_hold_counts(desk: Desk) -> None:
    (desk.folder / "holding_own.py").write_text(HOLDING)
    readers = [reader for reader, _ in HELD.values()]
    for value in ("3", "4", "3"):
        setters = [setter.replace("k)", f"{value})") for setter in HELD]
        shown = ran(desk, "holding", "import holding_own as own", *setters, *readers)[1]
        assert shown[-len(readers) :] == [said.replace("k", value) for _, said in HELD.values()]
    # The last reader alone is executed: what it goes by is set as the cells before left it.
    shown = ran(desk, "holding", "import holding_own as own", *setters, *readers[:-1], f"[{readers[-1]}]")[1]
    assert shown[-1] == "[2]"


#: Settings of one library with what goes by them and names another.
BEHIND_ANOTHER = {
    "plt.rcParams['figure.figsize'] = (k, 3)": "df.plot();",
    "np.set_printoptions(precision=k)": "own.numbers()",
    "decimal.getcontext().prec = k": "own.third()",
    "decimal.getcontext().rounding = ('', '', '', decimal.ROUND_UP, decimal.ROUND_DOWN)[k]": "third()",
    "pd.set_option('display.precision', k)": "frames.made()",
    "warnings.simplefilter(('', '', '', 'default', 'ignore')[k])": "own.warn()",
}
OWN_READERS = """
import decimal, numpy, pandas, types, warnings
def numbers(): return str(numpy.array([1 / 3]))
def third():
    from decimal import Decimal
    return Decimal(1) / 3
def warn(): warnings.warn("odd")
"""


def test_p03_a_setting_counts_for_who_goes_by_it_and_names_another_library(desk: Desk) -> None:
    (desk.folder / "readers_own.py").write_text(OWN_READERS)
    imports = "import decimal, types, warnings\nimport numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nimport readers_own as own"
    made = (
        "df = pd.DataFrame({'a': [1 / 3]})\nframes = types.SimpleNamespace(made=df.copy)\n"
        "def third():\n    import decimal as d\n    return d.Decimal(2) / 3"
    )
    found: dict[int, list[object]] = {}
    for k in (3, 4, 3):
        setters = [re.sub(r"\bk\b", str(k), setter) for setter in BEHIND_ANOTHER]
        ran(desk, "behind", imports, made, *setters, *BEHIND_ANOTHER.values())
        outputs = [cell["outputs"] for cell in code_cells(desk.read("out.ipynb"))]
        shown = [
            [one.get("text") or sorted(one["data"].items()) for one in shown]
            for shown in outputs[-len(BEHIND_ANOTHER) :]
        ]
        # A warning is shown where there is one, and the file that it names differs.
        assert bool(shown.pop()) == (k == 3)
        assert found.setdefault(k, shown) == shown
    assert all(one != two for one, two in zip(found[3], found[4], strict=True))


def test_p03_the_context_of_decimals_that_a_variable_holds_is_the_one_that_counts(desk: Desk) -> None:
    """It is set through the variable by a cell that is executed, in a kernel to which the variable was brought."""
    held = "from decimal import Decimal, ROUND_DOWN, ROUND_UP, getcontext\nctx = getcontext()\nclass Money:\n    ctx = getcontext()"
    readers = ("Decimal(1) / 7", "round(Decimal('1.26'), 1)", "ctx is getcontext() is Money.ctx")
    for digits, way in ((6, "UP"), (4, "DOWN"), (6, "UP")):
        cells = (held, f"ctx.prec = {digits}", f"Money.ctx.rounding = ROUND_{way}", *readers)
        desk.notebook("context", *cells)
        assert desk.run("context.ipynb", "out.ipynb").exit == 0
        assert desk.papermill("context.ipynb", "plain.ipynb").exit == 0
        now, plain = (
            [cell["outputs"][0]["data"] for cell in code_cells(desk.read(name))[-len(readers) :]]
            for name in ("out.ipynb", "plain.ipynb")
        )
        assert now == plain


#: Lines without which cells behind warn, or raise. In the last, a library goes by numpy's setting.
CONSTANT = "stats.pearsonr([1.0] * 3, [1.0, 2, 3])"
ZEROS = "distance.cosine([0.0, 0], [1, 1])"
HIDING = {
    "warnings.filterwarnings('ignore')": "1 / np.array([0.0])",
    "warnings.simplefilter('ignore', RuntimeWarning)": CONSTANT,
    "warnings.filterwarnings('ignore', module='__main__')": CONSTANT,
    "warnings.filterwarnings('once')": f"[{CONSTANT} for _ in range(2)][1]",
    "np.seterr(invalid='ignore')": ZEROS,
    "np.seterr(all='raise')": f"try: found = {ZEROS}\nexcept FloatingPointError: found = 'raised'\nfound",
}


def test_p03_a_line_that_hides_warnings_counts_for_cells_that_show_none(desk: Desk) -> None:
    imports = (
        "import warnings\nimport numpy as np\nfrom scipy import stats\nfrom scipy.spatial import distance"
    )
    as_before = "warnings.resetwarnings()\nwarnings.simplefilter('always')\nbefore = np.seterr(all='warn')"
    found: list[list[str]] = []
    for is_hidden in (True, False, True, False):
        lines = [
            text for line, cell in HIDING.items() for text in (as_before, line if is_hidden else "pass", cell)
        ]
        ran(desk, "hiding", imports, *lines)
        # On a busy machine one stream may come in several pieces.
        shown = [
            "".join("".join(one.get("text") or one["data"]["text/plain"]) for one in cell["outputs"])
            for cell in code_cells(desk.read("out.ipynb"))[3::3]
        ]
        found.append([re.sub(r"ipykernel_\d+/\d+", "", str(one)) for one in shown])
    assert found[0] == found[2] and found[1] == found[3]
    assert [line for line, one, other in zip(HIDING, found[0], found[1], strict=True) if one == other] == []
