"""Variables that a cell reads though no code names them: by texts, and by functions that other cells put into variables."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from run.desk import Desk, code_cells
from run.test_unneeded import EXECUTED, RESTORED, ran


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("lookups"))


FRAME = "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2, 3], 'b': [1.0, 2.0, 4.0]})"
#: What one cell makes, and what another reads `low` with, though neither names it so that Python would look it up. `{k}` makes names unique.
HELD = (
    # A method by its name, in the cell itself and in variables.
    ("import operator", "len(operator.methodcaller('query', 'a > @low')(frame))"),
    ("above{k} = operator.methodcaller('query', 'a > @low')", "len(above{k}(frame))"),
    ("above{k} = operator.methodcaller('query', expr='a > @low')", "len(above{k}(frame))"),
    ("from operator import methodcaller as by_name", "len(by_name('query', 'a > @low')(frame))"),
    # A function of a library, held in whatever way.
    ("from functools import partial\nabove{k} = partial(frame.query, 'a > @low')", "len(above{k}())"),
    ("above{k} = frame.query", "len(above{k}('a > @low'))"),
    ("held{k} = [{{'above': frame.query}}]", "len(held{k}[0]['above']('a > @low'))"),
    (
        "class Holder:\n    def __init__(self, held):\n        self.held = held\nholder{k} = Holder(frame.query)",
        "len(holder{k}.held('a > @low'))",
    ),
    # A function of Python's.
    ("run{k} = eval", "run{k}('low + 0')"),
    ("run{k} = eval\ndef later{k}(text):\n    return run{k}(text)", "later{k}('low + 0')"),
    # All variables at once.
    ("everything{k} = globals()", "everything{k}['low'] + 0"),
    (
        "from types import SimpleNamespace\nholder{k} = SimpleNamespace(all=globals())",
        "holder{k}.all['low'] + 0",
    ),
    ("import __main__ as notebook", "notebook.low + 0"),
    ("import __main__\nheld{k} = [__main__]", "held{k}[0].low + 0"),
    ("import sys\nloaded{k} = sys.modules", "loaded{k}['__main__'].low + 0"),
    ("def plain{k}():\n    return 0", "plain{k}.__globals__['low'] + 0"),
    # The shell.
    ("shell{k} = get_ipython()", "shell{k}.ev('low + 0')"),
    ("of_shell{k} = get_ipython", "of_shell{k}().ev('low + 0')"),
    ("spaces{k} = get_ipython().user_ns", "spaces{k}['low'] + 0"),
    # Methods that nobody calls by a name of the notebook's.
    (
        "class Reader{k}:\n    def read(self):\n        import __main__\n        return __main__.low + 0",
        "Reader{k}().read()",
    ),
    (
        "class Reader{k}:\n    def read(self):\n        import __main__\n        return __main__.low + 0\nreader{k} = Reader{k}()",
        "reader{k}.read()",
    ),
    (
        "class Reader{k}:\n    @property\n    def low(self):\n        return sys.modules['__main__'].low + 0\nreader{k} = Reader{k}()",
        "reader{k}.low",
    ),
    (
        "from timeit import Timer",
        "out{k} = []\nTimer('out{k}.append(low + 0)', globals=globals()).timeit(1)\nout{k}[0]",
    ),
)
#: The same by functions that ask an object for what it has, where that leads to the notebook's variables, and by what a module or class has.
ATTRIBUTES = (
    ("def plain{k}():\n    return 0", "getattr(plain{k}, '__globals__')['low'] + 0"),
    ("def plain{k}():\n    return 0\nwanted{k} = '__globals__'", "getattr(plain{k}, wanted{k})['low'] + 0"),
    (
        "def plain{k}():\n    return 0\nwanted{k} = ['__name__', '__globals__']",
        "[getattr(plain{k}, name) for name in wanted{k}][1]['low'] + 0",
    ),
    (
        "def plain{k}():\n    return 0",
        "[getattr(plain{k}, name) for name in dir(plain{k}) if name.startswith('__glo')][0]['low'] + 0",
    ),
    ("import __main__ as notebook{k}", "getattr(notebook{k}, 'low') + 0"),
    ("import __main__ as notebook{k}\nwanted{k} = 'low'", "getattr(notebook{k}, wanted{k}) + 0"),
    ("import __main__ as notebook{k}", "vars(notebook{k})['low'] + 0"),
    (
        "import __main__ as notebook{k}\ndef of{k}(what):\n    return vars(what)",
        "of{k}(notebook{k})['low'] + 0",
    ),
    ("import builtins", "getattr(builtins, 'vars')()['low'] + 0"),
    ("every{k} = vars", "every{k}()['low'] + 0"),
    (
        "from builtins import vars as all{k}\nfrom itertools import starmap",
        "list(starmap(all{k}, [()]))[0]['low'] + 0",
    ),
    ("k{k} = 1", "len(frame.query('a > @low'))"),
    ("text{k} = 'a > @low'", "len(frame.query(text{k}))"),
    ("text{k} = 'a > @' + 'low'", "len(frame[frame.a > 0].query(expr=text{k}, engine='python'))"),
    ("text{k} = 'a > @low'\ndef at{k}(text):\n    return len(frame.query(text))", "at{k}(text{k})"),
    ("k{k} = 1", "text{k} = 'a > @low'\nn{k} = len(frame.query(text{k}))\ntext{k} = 'a > 1'\nn{k}"),
    (
        "texts{k} = {{'first': 'a > @low', 'last': 'a > 1'}}",
        "[len(frame.query(text{k})) for text{k} in texts{k}.values()]",
    ),
    (
        "def texts{k}():\n    yield from ('a > @low', 'a > 1')",
        "sizes{k} = []\nfor text{k} in texts{k}():\n    sizes{k}.append(len(frame.query(text{k})))\nsizes{k}",
    ),
    (
        "class Text{k}:\n    of = 'a > 1'",
        "Text{k}.of = 'a > @low'\nn{k} = len(frame.query(Text{k}.of))\nText{k}.of = ''\nn{k}",
    ),
    ("text{k} = 'a > @{{}}'", "len(frame.query(text{k}.format('low')))"),
    ("k{k} = 1", "frame.eval('a + @low').sum()"),
    ("def more{k}(value):\n    return value + low", "frame.eval('@more{k}(a)').sum()"),
    ("class Held{k}:\n    eval = eval", "Held{k}.eval('low') + 0"),
    ("class Model{k}:\n    def eval(self):\n        return low", "Model{k}().eval()"),
    ("wanted{k} = 'query'", "len(getattr(frame, wanted{k})('a > @low'))"),
    ("how{k} = {{'op': 'query'}}", "len(getattr(frame, how{k}['op'])('a > @low'))"),
    ("class How{k}:\n    op = 'query'", "len(getattr(frame, How{k}.op)('a > @low'))"),
    ("hows{k} = [['query']]", "[len(getattr(frame, name)('a > @low')) for name in hows{k}[0]]"),
    ("ways{k} = ['que' + 'ry']", "[len(way('a > @low')) for way in map(getattr, [frame], ways{k})]"),
    ("import builtins as c{k}", "vars(builtins)['eval']('low') + 0"),
    ("import builtins as b{k}", "len(builtins.getattr(frame, 'query')('a > @low'))"),
    ("k{k} = 1", "getattr(get_ipython(), 'user_ns')['low'] + 0"),
    ("class Has{k}:\n    n = low", "getattr(Has{k}, 'n') + vars(Has{k})['n']"),
    ("import calling\ncalling.n{k} = low", "getattr(calling, 'n{k}') + 0"),
    ("calling.m{k} = low", "vars(calling)['m{k}'] + 0"),
    ("calling.o{k} = low\nwanted{k} = 'o{k}'", "getattr(calling, wanted{k}) + 0"),
    ("import fractions\nfractions.mine = low", "vars(fractions)['mine'] + 0"),
    ("fractions.yours = low", "getattr(fractions, 'yours') + 0"),
)
#: The same where no name in the code says that something is looked up: what evaluates a text, or takes the frame of the cell, is found by a text.
LED_TO = (
    ("import builtins\nhow = 'eval'", "builtins.__dict__['eval']('low') + 0"),
    ("k{k} = 1", "vars(builtins)[how]('low') + 0"),
    ("k{k} = 1", "[one for name, one in vars(builtins).items() if name == how][0]('low') + 0"),
    ("k{k} = 1", "builtins.__dict__['ex' + 'ec']('n{k} = low')\nn{k}"),
    ("def of{k}():\n    return low", "vars(builtins)[how]('of{k}()') + 0"),
    (
        "import inspect, operator, pydoc, types\nword, end = 'query', 'ow'",
        "len(pd.DataFrame.query(frame, 'a > @l' + end))",
    ),
    ("k{k} = 1", "len(type(frame).query(frame, 'a > @l' + end))"),
    (
        "text{k} = 'a > @low'",
        "text{k} = 'a > @l' + end\nn{k} = len(type(frame).query(frame, text{k}))\ntext{k} = ''\nn{k}",
    ),
    ("k{k} = 1", "len(frame.__getattribute__('query')('a > @l' + end))"),
    ("k{k} = 1", "len(object.__getattribute__(frame, word)('a > @l' + end))"),
    ("k{k} = 1", "len(operator.attrgetter(word)(frame)('a > @l' + end))"),
    ("asked{k} = operator.attrgetter", "len(asked{k}(word)(frame)('a > @l' + end))"),
    ("k{k} = 1", "len(operator.methodcaller(word, 'a > @l' + end)(frame))"),
    ("k{k} = 1", "len(dict(inspect.getmembers(frame))[word]('a > @l' + end))"),
    ("k{k} = 1", "[len(one('a > @l' + end)) for name, one in inspect.getmembers(frame) if name == word]"),
    ("k{k} = 1", "len(inspect.getattr_static(frame, word)(frame, 'a > @l' + end))"),
    ("k{k} = 1", "len(type(frame).__dict__[word](frame, 'a > @l' + end))"),
    (
        "k{k} = 1",
        "[len(one(frame, 'a > @l' + end)) for name, one in vars(type(frame)).items() if name == word]",
    ),
    ("k{k} = 1", "len(pydoc.locate('pandas.DataFrame.' + word)(frame, 'a > @l' + end))"),
    ("k{k} = 1", "len(types.MethodType(vars(pd.DataFrame)[word], frame)('a > @l' + end))"),
    (
        "class Asking{k}:\n    def __getitem__(self, text):\n        return len(frame.query(text))",
        "Asking{k}()['a > @l' + end]",
    ),
    ("k{k} = 1", "vars(pd)['ev' + 'al']('l' + end + ' + 0')"),
    (
        "from formulaic import Formula, model_matrix\nheld{k} = Formula('0 + I(a * l' + end + ')')",
        "float(model_matrix(held{k}, frame, output='pandas').iloc[0, 0])",
    ),
    (
        "import duckdb\nrows = pd.DataFrame({{'n': [low]}})",
        "vars(duckdb)['que' + 'ry']('select n from ro' + end[1:] + 's').fetchall()",
    ),
)
#: The same by what gives all variables at once, found by a text: `globals`, a function's `__globals__`, the notebook's module, the shell, the
#: collector.
GIVEN_ALL = (
    (
        "import builtins, functools, gc, importlib, inspect, operator, pickle, pkgutil, pydoc, string\n"
        "g, v, of, nb = 'glo' + 'bals', 'va' + 'rs', '__glo' + 'bals__', '__ma' + 'in__'",
        "builtins.__dict__['globals']()['low'] + 0",
    ),
    ("k{k} = 1", "vars(builtins)[g]()['low'] + 0"),
    ("k{k} = 1", "vars(builtins)[v]()['low'] + 0"),
    ("held{k} = builtins", "held{k}.__dict__[g[:]]()['low'] + 0"),
    ("def of{k}(what):\n    import builtins\n    return vars(builtins)[what]()", "of{k}(g)['low'] + 0"),
    ("k{k} = 1", "[one for name, one in builtins.__dict__.items() if name == g][0]()['low'] + 0"),
    ("k{k} = 1", "dict(inspect.getmembers(builtins))[g]()['low'] + 0"),
    ("k{k} = 1", "builtins.__getattribute__(g)()['low'] + 0"),
    ("k{k} = 1", "__builtins__.__dict__[g]()['low'] + 0"),
    ("k{k} = 1", "len.__self__.__dict__[g]()['low'] + 0"),
    ("k{k} = 1", "functools.reduce(getattr, [g], builtins)()['low'] + 0"),
    ("k{k} = 1", "pydoc.locate('builtins.' + g)()['low'] + 0"),
    ("k{k} = 1", "pkgutil.resolve_name('builtins:' + g)()['low'] + 0"),
    ("k{k} = 1", "importlib.import_module('built' + 'ins').__dict__[g]()['low'] + 0"),
    ("k{k} = 1", "pickle.loads(b'cbuil' + b'tins\\nglobals\\n.')()['low'] + 0"),
    ("def plain():\n    return 0", "operator.attrgetter(of)(plain)['low'] + 0"),
    ("k{k} = 1", "object.__getattribute__(plain, of)['low'] + 0"),
    ("k{k} = 1", "plain.__getattribute__(of)['low'] + 0"),
    ("k{k} = 1", "dict(inspect.getmembers(plain))[of]['low'] + 0"),
    ("k{k} = 1", "type(plain).__dict__[of].__get__(plain)['low'] + 0"),
    ("k{k} = 1", "inspect.getattr_static(plain, of).__get__(plain)['low'] + 0"),
    ("k{k} = 1", "string.Formatter().get_field('0.' + of + '[low]', (plain,), {{}})[0] + 0"),
    ("k{k} = 1", "int(('{{0.' + of + '[low]}}').format(plain)) + 0"),
    ("k{k} = 1", "importlib.import_module(nb).low + 0"),
    ("k{k} = 1", "__import__(nb).low + 0"),
    ("k{k} = 1", "pydoc.locate(nb + '.low') + 0"),
    ("k{k} = 1", "pkgutil.resolve_name(nb + ':low') + 0"),
    ("import sys as modular", "vars(modular)['mod' + 'ules'][nb].low + 0"),
    ("k{k} = 1", "inspect.getmodule(plain).low + 0"),
    (
        "k{k} = 1",
        "[one for one in vars(gc)['get_' + 'referents'](plain) if type(one) is dict and 'low' in one][0]['low'] + 0",
    ),
    (
        "k{k} = 1",
        "try:\n    1 / 0\nexcept Exception as failure:\n"
        "    n{k} = operator.attrgetter('tb_fr' + 'ame.f_glo' + 'bals')(failure.__traceback__)['low']\nn{k} + 0",
    ),
    ("k{k} = 1", "inspect.stack()[0][0].__getattribute__('f_' + 'globals')['low'] + 0"),
    ("from IPython import get_ipython as given", "given().__getattribute__('user' + '_ns')['low'] + 0"),
    ("from ipykernel.zmqshell import ZMQInteractiveShell as Shell", "Shell.instance().ev('lo' + 'w') + 0"),
)
#: The same with a table `rows` or a number `off`, which a formula or a query names.
TEXTS = (
    ("import duckdb", "duckdb.execute('select n from rows').fetchone()[0]"),
    ("from duckdb import execute as asked", "asked('select n from rows').fetchone()[0]"),
    ("text{k} = 'select n from rows'", "duckdb.execute(text{k}).fetchone()[0]"),
    ("def ask{k}(text):\n    return duckdb.execute(text).fetchone()[0]", "ask{k}('select n from ' + 'rows')"),
    ("connection{k} = duckdb.connect()", "connection{k}.execute('select n from rows').fetchone()[0]"),
    (
        "import polars as pl",
        "pl.SQLContext(register_globals=True).execute('select n from polar').collect().item()",
    ),
    ("import patsy", "patsy.dmatrix('0 + I(a * off)', frame)[0, 0]"),
    ("from patsy import dmatrix as matrix", "matrix('~ 0 + I(a * off)', frame)[0, 0]"),
    ("text{k} = '0 + I(a * off)'", "patsy.dmatrix(text{k}, frame)[0, 0]"),
    ("parts{k} = ['0', 'I(a * off)']", "patsy.dmatrix(' + '.join(parts{k}), frame)[0, 0]"),
    ("def fitted{k}(data):\n    return patsy.dmatrix('0 + I(a * off)', data)[0, 0]", "fitted{k}(frame)"),
    (
        "import statsmodels.formula.api as smf",
        "round(smf.ols('b ~ I(a * off)', frame).fit().params.iloc[1], 3)",
    ),
    (
        "model{k} = smf.ols\ntext{k} = 'b ~ I(a * off)'",
        "round(model{k}(text{k}, frame).fit().params.iloc[1], 3)",
    ),
    ("from formulaic import model_matrix", "float(model_matrix('0 + {{a * off}}', frame).iloc[0, 0])"),
    # The cell binds it only after it was looked up.
    ("off_before = off", "seen{k} = patsy.dmatrix('0 + I(a * off)', frame)[0, 0]\noff = off_before\nseen{k}"),
)
#: Functions and instances of the notebook's that lie where the collector does not see them.
CONTAINED = (
    (
        "import weakref\nimport numpy as np\ndef read():\n    return low\nclass Reader:\n    def read(self):\n        return low",
        "read() + Reader().read()",
    ),
    ("array{k} = np.array([read, None], dtype=object)", "array{k}[0]()"),
    ("array{k} = np.array([[1, 'a', None, read]] * 2, dtype=object).T", "array{k}[3, 1]()"),
    ("array{k} = np.array([read, 1, 2, read, 3], dtype=object)[::-2]", "array{k}[2]()"),
    ("array{k} = np.array(read, dtype=object)", "array{k}.item()()"),
    (
        "array{k} = np.empty(2, dtype=object)\narray{k}[1] = np.array([[read]], dtype=object)",
        "array{k}[1][0, 0]()",
    ),
    ("array{k} = np.array([(1, read)], dtype=[('O', 'i4'), ('f', 'O')])", "array{k}[0]['f']()"),
    ("array{k} = np.array([[1, {{'f': read}}]], dtype=object)", "array{k}[0, 1]['f']()"),
    ("array{k} = np.array(['text'] * 100_000 + [Reader()], dtype=object)", "array{k}[-1].read()"),
    ("masked{k} = np.ma.array([read], mask=[False], dtype=object)", "masked{k}[0]()"),
    ("column{k} = pd.Series([read])", "column{k}[0]()"),
    ("column{k} = pd.Series([1, 'a', read], index=['a', 'b', 'c'])", "column{k}['c']()"),
    ("table{k} = pd.DataFrame({{'n': [1], 'm': [Reader()]}})", "[one.read() for one in table{k}['m']]"),
    ("table{k} = pd.DataFrame({{'m': [[Reader()]] * 3}})", "table{k}['m'].map(lambda x: x[0].read()).sum()"),
    ("index{k} = pd.Index([read, read])", "index{k}[1]()"),
    ("kinds{k} = pd.Categorical([read, read])", "kinds{k}[1]()"),
    ("reference{k} = weakref.ref(read)", "reference{k}()()"),
    ("reader{k} = Reader()\nreference{k} = weakref.proxy(reader{k})", "reference{k}.read()"),
    ("reader{k} = Reader()\nreference{k} = weakref.WeakMethod(reader{k}.read)", "reference{k}()()"),
    ("weak{k} = weakref.WeakValueDictionary(f=read)", "weak{k}['f']()"),
    ("weak{k} = weakref.WeakSet([read])", "list(weak{k})[0]()"),
    ("called{k} = np.vectorize(read)", "int(called{k}())"),
    ("called{k} = np.frompyfunc(lambda x: x + low, 1, 1)", "called{k}(1)"),
    (
        "class Bare{k}:\n    __slots__ = ()\n    def read(self):\n        return low\nbare{k} = [Bare{k}()]",
        "bare{k}[0].read()",
    ),
)
#: Classes that are the notebook's, whatever module they say that they are from. `making.py` lies beside the notebook.
MADE = (
    (
        "import dataclasses, functools, json, types\nimport attrs\nimport making",
        "json.dumps(making.ONE + low)",
    ),
    (
        "C{k} = dataclasses.make_dataclass('C{k}', ['x'], namespace={{'f': lambda self: self.x * low}})\nc{k} = C{k}(3)",
        "c{k}.f()",
    ),
    (
        "C{k} = dataclasses.make_dataclass('C{k}', [('x', int, dataclasses.field(default_factory=lambda: low))])",
        "C{k}().x",
    ),
    (
        "C{k} = types.new_class('C{k}', (), {{}}, lambda names: names.update(f=lambda self: low))\nc{k} = C{k}()",
        "c{k}.f()",
    ),
    ("C{k} = attrs.make_class('C{k}', {{'x': attrs.field(factory=lambda: low)}})", "C{k}().x"),
    ("C{k} = making.make(lambda self: low)\nc{k} = [C{k}()]", "c{k}[0].f()"),
    ("C{k} = making.make(property(lambda self: low))\nc{k} = C{k}()", "c{k}.f"),
    ("C{k} = making.make(staticmethod(lambda: low))", "C{k}.f()"),
    ("C{k} = making.make(functools.cached_property(lambda self: low))\nc{k} = C{k}", "c{k}().f"),
    ("C{k} = making.make([lambda: low])\nc{k} = C{k}()", "c{k}.f[0]()"),
    ("C{k} = making.make(making.wrapped(lambda self: low))\nc{k} = C{k}()", "c{k}.f()"),
    ("class C{k}(making.make(lambda self: low)): pass\nC{k}.__module__ = 'json'\nc{k} = C{k}()", "c{k}.f()"),
    (
        "class C{k}:\n    def f(self):\n        return low\nC{k}.__module__ = 'no.module'\nc{k} = C{k}()",
        "c{k}.f()",
    ),
    ("class C{k}:\n    __module__ = 'json'\n    def f(self):\n        return low\nc{k} = C{k}()", "c{k}.f()"),
    (
        "__name__ = 'other'\nclass C{k}:\n    def f(self):\n        return low\n__name__ = '__main__'\nc{k} = C{k}()",
        "c{k}.f()",
    ),
    (
        "class Meta{k}(type):\n    __module__ = 'json'\n    def f(cls):\n        return low\n"
        "class C{k}(metaclass=Meta{k}):\n    __module__ = 'json'\nc{k} = C{k}",
        "c{k}.f()",
    ),
    (
        "class Part{k}(pd.Series):\n    __module__ = 'pandas'\n    def f(self):\n        return low\npart{k} = Part{k}([1])",
        "part{k}.f()",
    ),
)
#: Functions of the notebook's that modules of the user's own hold and call. `calling.py` lies beside the notebook.
CALLED = (
    (
        "import calling\nfrom calling import REGISTER\ndef helper():\n    return low + 0",
        "calling.ONE + len(REGISTER) + low",
    ),
    ("@calling.named('a{k}')\ndef f{k}():\n    return low", "calling.call('a{k}')"),
    ("@calling.named('b{k}')\ndef f{k}():\n    return helper()", "calling.call('b{k}')"),
    ("calling.set_hook(lambda: low)", "calling.fire()"),
    ("calling.set_hook(helper)", "calling.fire_later()"),
    ("from calling import fire as shoot\ncalling.HOOK = helper", "shoot()"),
    ("@calling.app.on\ndef f{k}():\n    return low", "calling.app.go()"),
    ("from calling import App\nApp.shared.append(helper)", "App.all()"),
    ("App.shared.append(helper)", "calling.app.of_class()"),
    ("calling.add(helper)", "calling.total()"),
    ("calling.note(helper)", "calling.noted()"),
    ("REGISTER['c{k}'] = helper", "calling.call('c{k}')"),
    ("def go{k}():\n    return calling.call('a1')", "go{k}()"),
    (
        "class Go{k}:\n    def go(self):\n        return calling.call('a1')\ngo{k} = [Go{k}()]",
        "go{k}[0].go()",
    ),
    ("import calling_more\ncalling_more.register(helper)", "calling_more.go()"),
)
CALLING = """import functools
ONE = 1
TEXTS = [str(n) for n in range(2000)]
REGISTER = {}
HOOK = None
def named(name):
    def register(function):
        REGISTER[name] = function
        return function
    return register
def call(name):
    return REGISTER[name]()
def set_hook(function):
    global HOOK
    HOOK = function
def fire():
    return HOOK()
def fire_later():
    return list(map(lambda n: fire(), [1]))
class App:
    shared = []
    def __init__(self):
        self.held = []
    def on(self, function):
        self.held.append(function)
        return function
    def go(self):
        return [function() for function in self.held]
    def of_class(self):
        return [function() for function in self.shared]
    @classmethod
    def all(cls):
        return [function() for function in cls.shared]
app = App()
def closed():
    held = []
    return held.append, lambda: sum(function() for function in held)
add, total = closed()
def note(function):
    note.held = function
def noted():
    return note.held()
def double(x):
    return 2 * x
def size(x):
    return len(TEXTS) + x
"""
MORE = """import calling
def register(function):
    calling.REGISTER['more'] = function
def go():
    return calling.call('more')
"""
MAKING = """ONE = 1
def make(given):
    class Made:
        f = given
    return Made
def wrapped(function):
    def inner(*given):
        return function(*given)
    return inner
"""
#: What looks nothing up that changes.
PLAIN = (
    "len(frame)",
    "words = ['query', 'from here to there', 'a ~ b']\nlen(words)",
    "import operator\noperator.methodcaller('upper')('a')",
    "def doubled(x):\n    return x * 2\ndoubled(3)",
    "import builtins\nbuiltins.len([1]) + builtins.max(1, 2)",
)


def cells(cases: tuple[tuple[str, str], ...], first: str) -> list[str]:
    """A notebook of these cases."""
    both = [text.format(k=k) for k, case in enumerate(cases) for text in case]
    return [first, FRAME, *both, *PLAIN]


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("cases", "first"),
    [
        pytest.param(HELD, "low = {n}\nother = 7", id="held"),
        pytest.param(ATTRIBUTES, "low = {n}\nother = 7", id="attributes"),
        pytest.param(LED_TO, "low = {n}\nother = 7", id="led to"),
        pytest.param(GIVEN_ALL, "low = {n}\nother = 7", id="given all"),
        pytest.param(
            TEXTS,
            "import pandas as pd\nrows = pd.DataFrame({{'n': [{n}]}})\noff = {n}\nimport polars as pl\npolar = pl.DataFrame({{'n': [{n}]}})",
            id="texts",
        ),
        pytest.param(CONTAINED, "low = {n}\nother = 7", id="contained"),
        pytest.param(CALLED, "low = {n}\nother = 7", id="called"),
        pytest.param(MADE, "low = {n}\nother = 7", id="made"),
    ],
)
def test_p03_what_is_read_without_being_named_is_read(
    desk: Desk, cases: tuple[tuple[str, str], ...], first: str, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id
    for module, text in {"making": MAKING, "calling": CALLING, "calling_more": MORE}.items():
        (desk.folder / f"{module}.py").write_text(text)
    assert set(ran(desk, name, *cells(cases, first.format(n=1)))) == {EXECUTED}
    again = cells(cases, first.format(n=2))
    done = ran(desk, name, *again)
    uses = {again[2 + 2 * k + 1]: done[2 + 2 * k + 1] for k in range(len(cases))}
    assert {use for use, outcome in uses.items() if outcome != EXECUTED} == set()
    told = [shown_by(cell) for cell in code_cells(desk.read("out.ipynb"))]
    assert told == shown_without(desk, *again)
    assert done[-len(PLAIN) :] == [RESTORED] * len(PLAIN)


def shown_by(cell: dict[str, Any]) -> list[str]:
    """What a cell shows."""
    return ["".join(output["data"]["text/plain"]) for output in cell["outputs"] if "data" in output]


def shown_without(desk: Desk, *cells: str) -> list[list[str]]:
    """What each of these cells shows where all are executed, without Clew."""
    desk.notebook("without", *cells)
    done = desk.papermill("without.ipynb", "without.ipynb")
    assert done.exit == 0, done
    return [shown_by(cell) for cell in code_cells(desk.read("without.ipynb"))]


def test_p03_a_magic_reads_the_variable_that_it_is_given(desk: Desk) -> None:
    given = ("digits = {n}", "%precision $digits", "1 / 3", "%precision {{digits + 1}}", "1 / 3")
    for n in (2, 3):
        ran(desk, "precision", *(cell.format(n=n) for cell in given))
        told = [shown_by(cell) for cell in code_cells(desk.read("out.ipynb"))]
        assert told[2] == [f"{1 / 3:.{n}f}"]
        assert told[4] == [f"{1 / 3:.{n + 1}f}"]


#: What is read of the class `Shape`, or of the function `plain` that reads `off`, where a pickle alone names it.
FIRST = (
    "import io, pickle, shelve\nimport cloudpickle, joblib, numpy as np, pandas as pd",
    "class Shape:\n    def sides(self):\n        return {n}",
    "off = {n}\ndef plain():\n    return off",
)
UNPICKLED = (
    ("_ = joblib.dump(Shape(), 'shape.jl')", "joblib.load('shape.jl').sides()"),
    ("_ = joblib.dump(Shape(), 'shape.gz')", "joblib.load('shape.gz').sides()"),
    (
        "with open('shape.pkl', 'wb') as file:\n    pickle.dump(Shape(), file)",
        "pickle.load(open('shape.pkl', 'rb')).sides()",
    ),
    ("text{k} = pickle.dumps(Shape())", "pickle.loads(text{k}).sides()"),
    (
        "text{k} = pickle.dumps([{{'a': Shape()}}])",
        "pickle._Unpickler(io.BytesIO(text{k})).load()[0]['a'].sides()",
    ),
    ("pd.Series([Shape()]).to_pickle('shape.series')", "pd.read_pickle('shape.series')[0].sides()"),
    ("np.save('shape.npy', np.array([Shape()]))", "np.load('shape.npy', allow_pickle=True)[0].sides()"),
    (
        "with shelve.open('shapes') as shelf:\n    shelf['a'] = Shape()",
        "with shelve.open('shapes') as shelf:\n    found{k} = shelf['a'].sides()\nfound{k}",
    ),
    ("def load{k}(name):\n    return joblib.load(name)", "load{k}('shape.jl').sides()"),
    ("text{k} = cloudpickle.dumps(plain)", "cloudpickle.loads(text{k})()"),
    ("text{k} = b'c__main__\\nplain\\n.'", "pickle.loads(text{k})()"),
    ("k{k} = 1", "pickle.loads(b'c__main__\\nplain\\n.')()"),
    # In another thread.
    (
        "from concurrent.futures import ThreadPoolExecutor",
        "with ThreadPoolExecutor(1) as pool:\n    [shape{k}] = pool.map(joblib.load, ['shape.jl'])\nshape{k}.sides()",
    ),
    # From here on, Python's own pickler does as dill does.
    ("import dill\ntext{k} = dill.dumps(Shape(), byref=True)", "dill.loads(text{k}).sides()"),
    # dill 0.4.1 cannot write code on Python 3.15.
    *([("text{k} = dill.dumps(lambda: plain())", "dill.loads(text{k})()")] if sys.version_info < (3, 15) else []),
)
#: What unpickles nothing of the notebook.
NOT_UNPICKLED = (
    "pickle.loads(pickle.dumps([1, 2]))",
    "float(np.load('ones.npy')[0])",
    "joblib.load('three.jl')",
)


def test_p03_what_a_pickle_names_is_read(desk: Desk) -> None:
    def cells(n: int) -> list[str]:
        first = [FIRST[0], *(text.format(n=n) for text in FIRST[1:])]
        last = ["_ = np.save('ones.npy', np.ones(1)), joblib.dump(3, 'three.jl')", *NOT_UNPICKLED]
        return [*first, *(text.format(k=k) for k, case in enumerate(UNPICKLED) for text in case), *last]

    assert set(ran(desk, "unpickled", *cells(1))) == {EXECUTED}
    done = ran(desk, "unpickled", *cells(2))
    told = [shown_by(cell) for cell in code_cells(desk.read("out.ipynb"))]
    assert told == shown_without(desk, *cells(2))
    assert done[-len(NOT_UNPICKLED) - 1 :] == [RESTORED] * (len(NOT_UNPICKLED) + 1)


def test_p03_what_a_pickle_names_in_vain_is_read_when_it_is_there(desk: Desk) -> None:
    cells = (
        "import pickle",
        "try:\n    found = pickle.loads(b'c__main__\\nplain\\n.')()\nexcept AttributeError:\n    found = 0\nfound",
    )
    assert ran(desk, "in-vain", *cells) == [EXECUTED] * 2
    assert ran(desk, "in-vain", cells[0], "def plain():\n    return 1", cells[1])[-1] == EXECUTED
    assert shown_by(code_cells(desk.read("out.ipynb"))[-1]) == ["1"]


PLUGIN = "class Plugin:\n    def name(self):\n        return type(self).__name__"
LISTED = "sorted(one().name() for one in Plugin.__subclasses__())"
OF_OWN = "def names(base):\n    return sorted(one().name() for one in base.__subclasses__())"
#: Cells, and the same edited; each time with what the last one shows.
REACHED = {
    "a subclass that is edited": (
        (PLUGIN, "class A(Plugin):\n    pass", LISTED),
        (PLUGIN, "class A(Plugin):\n    def name(self):\n        return 'other'", LISTED),
        ("['A']", "['other']"),
    ),
    "a subclass that comes": (
        (PLUGIN, "class A(Plugin):\n    pass", LISTED),
        (PLUGIN, "class A(Plugin):\n    pass", "class B(Plugin):\n    pass", LISTED),
        ("['A']", "['A', 'B']"),
    ),
    "a subclass that goes": (
        (PLUGIN, "class A(Plugin):\n    pass", "class B(Plugin):\n    pass", LISTED),
        (PLUGIN, "class A(Plugin):\n    pass", LISTED),
        ("['A', 'B']", "['A']"),
    ),
    "subclasses in a function": (
        (PLUGIN, OF_OWN, "names(Plugin)"),
        (PLUGIN, OF_OWN, "class A(Plugin):\n    pass", "names(Plugin)"),
        ("[]", "['A']"),
    ),
    "subclasses in an own module": (
        (PLUGIN, "import listing", "listing.names(Plugin)"),
        (PLUGIN, "import listing", "class A(Plugin):\n    pass", "listing.names(Plugin)"),
        ("[]", "['A']"),
    ),
    "subclasses by a method in a variable": (
        (PLUGIN, "listed = Plugin.__subclasses__", "len(listed())"),
        (PLUGIN, "class A(Plugin):\n    pass", "listed = Plugin.__subclasses__", "len(listed())"),
        ("0", "1"),
    ),
    "the notebook's module by a text": (
        ("1", "hasattr(__import__('__main__'), 'low')"),
        ("low = 1", "hasattr(__import__('__main__'), 'low')"),
        ("False", "True"),
    ),
    "the notebook's module by a text and another name": (
        ("from importlib import import_module as load", "low = 1", "load('__main__').low"),
        ("from importlib import import_module as load", "low = 2", "load('__main__').low"),
        ("1", "2"),
    ),
    "the interpreter": (
        (
            "import ctypes",
            "low = 1",
            "ctypes.pythonapi.PyRun_SimpleString(b'import __main__; __main__.seen = __main__.low')\nseen",
        ),
        (
            "import ctypes",
            "low = 2",
            "ctypes.pythonapi.PyRun_SimpleString(b'import __main__; __main__.seen = __main__.low')\nseen",
        ),
        ("1", "2"),
    ),
}


@pytest.mark.few(4)
@pytest.mark.parametrize("name", REACHED)
def test_p03_what_is_reached_in_another_way_than_by_its_name_is_read(desk: Desk, name: str) -> None:
    (desk.folder / "listing.py").write_text(OF_OWN)
    *versions, told = REACHED[name]
    for cells, text in zip(versions, told, strict=True):
        ran(desk, name.replace(" ", "-").replace("'", ""), *cells)
        assert shown_by(code_cells(desk.read("out.ipynb"))[-1]) == [text]


PLUGINS = {
    "__init__": """
import sys

class Base:
    pass

def names():
    return sorted(one.__name__ for one in Base.__subclasses__())

def loaded():
    return sorted(name for name in list(sys.modules) if name.startswith("plugins."))
""",
    "x": "import logging\nfrom plugins import Base\n\nclass X(Base):\n    pass\n\nlog = logging.getLogger(__name__)\n",
    "y": "import logging\nfrom plugins import Base\n\nclass Y(Base):\n    pass\n\nlog = logging.getLogger(__name__)\n",
}
#: Ways to go over what all modules made.
GOING_OVER = {
    "a function of the package": "plugins.names()",
    "the modules, in the package": "plugins.loaded()",
    "the classes": "sorted(one.__name__ for one in plugins.Base.__subclasses__())",
    "the classes, in a function": "def names():\n    return len(plugins.Base.__subclasses__())\nnames()",
    "the loggers": "import logging\nsorted(name for name in logging.root.manager.loggerDict if name.startswith('plugins'))",
    "the modules": "import sys\nsorted(name for name in sys.modules if name.startswith('plugins.'))",
}
#: How a notebook imports these plug-ins before and after.
IMPORTING = {
    "goes": ("import plugins.x, plugins.y", "import plugins.y"),
    "comes": ("import plugins.x", "import plugins.x, plugins.y"),
    "goes, out of two cells": ("import plugins.x; k = 1", "k = 1"),
    "comes without a name": ("k = 1", "from plugins.x import X; del X"),
    "goes without a name": ("from plugins.x import X; del X", "k = 1"),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("way", IMPORTING)
def test_p03_what_modules_of_others_made_is_read_where_code_goes_over_them(desk: Desk, way: str) -> None:
    folder = desk.folder / "plugins"
    folder.mkdir(exist_ok=True)
    for name, text in PLUGINS.items():
        (folder / f"{name}.py").write_text(text)
    before, after = IMPORTING[way]
    name = way.replace(" ", "-").replace(",", "")
    ran(desk, name, "import plugins", before, *GOING_OVER.values(), "1 + 1")
    unchanged = ran(desk, name, "import plugins", before, *GOING_OVER.values(), "1 + 1")
    assert unchanged == [RESTORED] * len(unchanged)
    done = ran(desk, name, "import plugins", after, *GOING_OVER.values(), "1 + 1")
    out = code_cells(desk.read("out.ipynb"))
    assert "it reads all modules or classes" in out[2]["metadata"]["clew"]["why"][0]
    told = [shown_by(cell) for cell in out]
    assert told == shown_without(desk, "import plugins", after, *GOING_OVER.values(), "1 + 1")
    assert done[-1] == RESTORED


#: How cells make loggers before and after, and ways to go over all of them.
LOGGERS = {
    "comes": ("k = 1", "logging.getLogger('ours.one')"),
    "goes": ("logging.getLogger('ours.one')", "k = 1"),
    "another": ("log = logging.getLogger('ours.one')", "log = logging.getLogger('ours.two')"),
    "below": ("x = logging.getLogger('ours')", "x = logging.getLogger('ours').getChild('low')"),
}
ALL_LOGGERS = (
    "sorted(name for name in logging.root.manager.loggerDict if name.startswith('ours'))",
    "sorted(name for name in logging.Logger.manager.loggerDict if name.startswith('ours'))",
    "def names():\n    return len([n for n in logging.getLogger().manager.loggerDict if 'ours' in n])\nnames()",
    "table = logging.root.manager.__dict__['loggerDict']\n'ours.one' in table",
    "import loggers_own\nloggers_own.names()",
)


@pytest.mark.few(1)
@pytest.mark.parametrize("way", LOGGERS)
def test_p03_loggers_of_other_cells_are_there_for_who_goes_over_them(desk: Desk, way: str) -> None:
    own = "import logging\ndef names():\n    return sorted(n for n in logging.root.manager.loggerDict if n.startswith('ours'))\n"
    (desk.folder / "loggers_own.py").write_text(own)
    before, after = LOGGERS[way]
    ran(desk, f"loggers-{way}", "import logging", before, *ALL_LOGGERS, "1 + 1")
    unchanged = ran(desk, f"loggers-{way}", "import logging", before, *ALL_LOGGERS, "1 + 1")
    assert unchanged == [RESTORED] * len(unchanged)
    # One that is read anew finds those of cells that are not executed.
    for cells in ((before, *ALL_LOGGERS, ALL_LOGGERS[0] + "  # again"), (after, *ALL_LOGGERS)):
        done = ran(desk, f"loggers-{way}", "import logging", *cells, "1 + 1")
        told = [shown_by(cell) for cell in code_cells(desk.read("out.ipynb"))]
        assert told == shown_without(desk, "import logging", *cells, "1 + 1")
        assert done[-1] == RESTORED


def test_what_only_compares_the_name_of_the_module_reads_nothing(desk: Desk) -> None:
    cells = ("low = {}", "if __name__ == '__main__':\n    print('main')", "str.__module__ == '__main__'")
    assert ran(desk, "compared", *(cell.format(1) for cell in cells)) == [EXECUTED] * 3
    assert ran(desk, "compared", *(cell.format(2) for cell in cells)) == [EXECUTED, RESTORED, RESTORED]


#: Cells that ask an object for what it has, which leads to none of the notebook's variables.
OF_OBJECTS = (
    "getattr(args, 'n')",
    "getattr(args, wanted), getattr(args, 'none', 0), hasattr(args, 'n')",
    "setattr(args, 'm', 1)\ndelattr(args, 'm')",
    "vars(args), len(dir(args)), len(dir(math))",
    "def of(what):\n    return getattr(what, 'n')\nof(args)",
    "class Shown:\n    def __init__(self):\n        self.a = 1\n"
    "    def __repr__(self):\n        return ', '.join(f'{k} {v}' for k, v in vars(self).items())\nShown()",
    "getattr(math, 'pi'), vars(math)['pi']",
    "frame.query('a > 1')",
    "text = 'b > 1 and a < 3'",
    "frame.query(text, engine='python')",
    "frame[frame.a > 1].query(expr=text)",
    "frame.eval('a + b')",
    "class Model:\n    def eval(self):\n        return 1\nmodel = Model()\nmodel.eval()",
    "class Session:\n    def query(self, kind):\n        return kind.__name__\nSession().query(Model)",
    # Who makes a class takes the frame, and asks for the name of the module.
    "from collections import namedtuple\nPair = namedtuple('Pair', 'a b')\nPair(1, 2)",
    "import enum, typing\nColors = enum.Enum('Colors', 'RED GREEN')\nKey = typing.NewType('Key', int)\nItem = typing.TypeVar('Item')\nlist(Colors)",
    "frame['c'] = frame['a'] * 2\nframe.loc[0, 'b'] = 5\nframe",
    "pd.DataFrame.query(frame, 'a > 1')",
    "import warnings, logging\nwarnings.warn('once', stacklevel=1)\nlogging.getLogger('a').warning('once')",
)


def test_what_asks_an_object_for_what_it_has_reads_that_object(desk: Desk) -> None:
    first = (
        "low = {n}",
        f"import argparse, math\n{FRAME}\nargs = argparse.Namespace(n=1, k=2)\nwanted = 'k'",
    )
    assert set(ran(desk, "objects", *(cell.replace("{n}", "1") for cell in first), *OF_OBJECTS)) == {EXECUTED}
    done = ran(desk, "objects", *(cell.replace("{n}", "2") for cell in first), *OF_OBJECTS)
    assert done == [EXECUTED, *[RESTORED] * (1 + len(OF_OBJECTS))]


#: Classes with something of the name of a variable, and those that read the variable.
NAMED_ALIKE = (
    "class A:\n    low = 3\nA.low",
    "from dataclasses import dataclass\n@dataclass\nclass B:\n    low: int = 3\nB()",
    "class C:\n    def low(self):\n        return 1\n    def of(self):\n        return self.low()\nC().of()",
    "class D:\n    @property\n    def low(self):\n        return self.n\n    @low.setter\n    def low(self, n):\n        self.n = n\n"
    "d = D()\nd.low = 5\nd.low",
    "class E:\n    class Low:\n        low = 4\n    low = Low.low + 1\n    higher = low + 1\nE.higher",
)
READING = (
    "class F:\n    own = low\nF.own",
    "class G:\n    if False:\n        low = 3\n    own = low\nG.own",
    "class H:\n    low = 3\n    def of(self):\n        return low\nH().of()",
    "class I:\n    low = 3\n    own = [low for _ in range(1)]\nI.own",
    "class J:\n    low = low + 1\nJ.low",
    "class K:\n    def of(self, n=low):\n        return n\nK().of()",
)


def test_p03_what_a_class_binds_is_its_own_and_what_it_reads_counts(desk: Desk) -> None:
    assert set(ran(desk, "classes", "low = 1", *NAMED_ALIKE, *READING)) == {EXECUTED}
    done = ran(desk, "classes", "low = 2", *NAMED_ALIKE, *READING)
    assert done == [EXECUTED, *[RESTORED] * len(NAMED_ALIKE), *[EXECUTED] * len(READING)]
    told = [shown_by(cell) for cell in code_cells(desk.read("out.ipynb"))]
    assert told == shown_without(desk, "low = 2", *NAMED_ALIKE, *READING)
    # A cell that binds the variable before it makes the class does not read it.
    binding = "low = 7\nclass L:\n    low = 3\n    def of(self):\n        return low\nL().of()"
    assert ran(desk, "bound", "low = 1", binding) == [EXECUTED] * 2
    assert ran(desk, "bound", "low = 2", binding) == [EXECUTED, RESTORED]


def test_p03_importing_all_that_a_module_has_reads_no_variable_and_binds_what_it_has_now(desk: Desk) -> None:
    consts = desk.folder / "consts.py"
    consts.write_text("A = 1\ndef f():\n    return A\n")
    cells = (
        "low = {n}",
        "from consts import *",
        "A",
        "f()",
        "from math import *\nlow + 0",
        "sqrt(4)",
        "A = low",
    )
    assert set(ran(desk, "all", *(cell.format(n=1) for cell in cells))) == {EXECUTED}
    done = ran(desk, "all", *(cell.format(n=2) for cell in cells))
    assert [cell for cell, outcome in zip(cells, done, strict=True) if outcome == EXECUTED] == [
        cells[0],
        cells[4],
        cells[6],
    ]
    # Now it binds the variable, too.
    consts.write_text("A = 5\nlow = 9\ndef f():\n    return A\n")
    ran(desk, "all", *(cell.format(n=2) for cell in cells))
    told = [shown_by(cell) for cell in code_cells(desk.read("out.ipynb"))]
    assert told == [[], [], ["5"], ["5"], ["9"], ["2.0"], []]


#: Cells that use modules and containers in which functions lie, but none of these.
APART = (
    "calling.double(3)",
    "calling.size(1)",
    "calling.TEXTS[:2], calling.ONE",
    "words = np.array(['a'] * 2000 + [None, 2.5], dtype=object)\nlen(words)",
    "days = pd.Series([datetime.date(2020, 1, 1)] * 2000)\nlen(days)",
    "rows = pd.DataFrame({'a': [[n, str(n)] for n in range(6000)], 'b': [np.zeros(2)] * 6000})\nlen(rows)",
    "texts = [str(n) for n in range(6000)]\nlen(texts)",
    "len(rows) + len(texts) + len(words)",
)


def test_what_uses_nothing_that_was_registered_is_restored(desk: Desk) -> None:
    (desk.folder / "calling.py").write_text(CALLING)
    first = (
        "import datetime\nimport calling\nimport numpy as np\nimport pandas as pd",
        "low = {n}",
        "@calling.named('a')\ndef f():\n    return low",
    )
    ran(desk, "apart", *(cell.format(n=1) for cell in first), *APART)
    done = ran(desk, "apart", *(cell.format(n=2) for cell in first), *APART)
    assert done[-len(APART) :] == [RESTORED] * len(APART)


def test_p03_a_module_that_a_cell_made_counts_by_what_that_cell_put_into_it(desk: Desk) -> None:
    made = "made = types.ModuleType('zed')\nexec('n = {n}\\ndef f():\\n    return n', made.__dict__)\nsys.modules['zed'] = made"
    cells = ("import sys, types", made, "import zed", "zed.f()", "1 + 1")
    assert ran(desk, "made-module", *(cell.format(n=1) for cell in cells)) == [EXECUTED] * 5
    assert ran(desk, "made-module", *(cell.format(n=1) for cell in cells)) == [RESTORED] * 5
    done = ran(desk, "made-module", *(cell.format(n=2) for cell in cells))
    assert done == [RESTORED, EXECUTED, EXECUTED, EXECUTED, RESTORED]
    assert shown_by(code_cells(desk.read("out.ipynb"))[3]) == ["2"]
    # A kernel that is new makes it again for who uses it.
    ran(desk, "made-module", *(cell.format(n=2) for cell in cells), "zed.f() * 10")
    assert shown_by(code_cells(desk.read("out.ipynb"))[-1]) == ["20"]
