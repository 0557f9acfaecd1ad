"""Tasks of which nobody can tell whether they come to the same again run each time, whatever names they go by."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import Programs

pytest.importorskip("dask")

FIRST = """
import datetime, decimal, functools, importlib, random, threading, time
import numpy as np, pandas as pd
from datetime import datetime as moment
from decimal import getcontext
from pathlib import Path
own = importlib.import_module("own")
clock, begin, options, numpy_draws = time, np.random.default_rng, pd.options, np.random.mtrand
NOTHING, SEED, WHICH = None, 7, "rand"
class Later(datetime.datetime):
    pass
class Holder:
    def __init__(self, seed):
        self.seed = seed
    def drawn(self):
        return np.random.RandomState(self.seed).rand()
def optional(seed=None): return np.random.default_rng(seed).random()
def given(*seeds): return np.random.default_rng(*seeds).random()
def helped(seed): return optional(seed)
def by_clock(m): return lambda: m.time()
def closed(seed): return lambda x: x + np.random.default_rng(seed).random()
def second(x): return impl(x)
def impl(x): return x
FILE = "d/a.txt"
def loaded(path):
    with open(path) as file:
        return [line.strip() for line in file]
def through_path(path):
    p = Path(path)
    return p.read_text() + Path(path).read_text()
def handed_on(path): return loaded(path)
def logged(path):
    print(f"reading {path}", file=sys.stderr)
    return ", ".join(loaded(path))
def tabled(path):
    with open(path) as file:
        return len(pd.read_csv(file)) + len(pd.read_csv(path, index_col="a"))
def every(paths):
    return [loaded(path) for path in paths] + [open(path).read() for path in paths]
def joined(folder, name): return loaded(os.path.join(folder, name))
class Rooted:
    def __init__(self, root):
        self.root = root
    def read(self, name):
        return open(os.path.join(self.root, name)).read()
def named_variable():
    from dask.distributed import get_client
    return str(get_client)
def imported():
    import random as r
    return r._inst.random()
def bound_before():
    rng = np.random.default_rng
    return rng().random()
"""

#: What a task may be, by what there is to doubt.
DOUBTED = {
    "a generator without a seed": """
dask.delayed(optional)()
dask.delayed(optional)(None)
dask.delayed(optional)(seed=NOTHING)
dask.delayed(optional)(dask.delayed(impl)(None))
dask.delayed(given)()
dask.delayed(helped)(None)
dask.delayed(np.random.default_rng)()
dask.delayed(np.random.default_rng)(None)
dask.delayed(begin)(None)
dask.delayed(random.Random)()
dask.delayed(functools.partial(np.random.default_rng, None))()
dask.delayed(lambda: np.random.default_rng(None).random())()
dask.delayed(lambda: np.random.default_rng(NOTHING).random())()
dask.delayed(lambda: begin(None).random())()
dask.delayed(lambda: random.Random(None).random())()
dask.delayed(lambda: np.random.RandomState(seed=None).rand())()
dask.delayed(lambda: np.random.Generator(np.random.PCG64(None)).random())()
dask.delayed(Holder.drawn)(Holder(None))
dask.delayed(closed(None))(1)
dask.delayed(bound_before)()
""",
    "a generator that a process has one of": """
dask.delayed(lambda: np.random.mtrand.rand())()
dask.delayed(lambda: numpy_draws.random_sample())()
dask.delayed(lambda: np.random.mtrand._rand.rand())()
dask.delayed(lambda: random._inst.random())()
dask.delayed(imported)()
dask.delayed(lambda: getattr(np.random, WHICH)())()
dask.delayed(lambda n: getattr(np.random, n)())("rand")
dask.delayed(lambda: __import__("numpy").random.rand())()
""",
    "the time": """
dask.delayed(lambda: clock.time())()
dask.delayed(by_clock(time))()
dask.delayed(time.time)()
dask.delayed(moment.now)()
dask.delayed(lambda: str(Later.now()))()
dask.delayed(lambda: str(np.datetime64("now")))()
dask.delayed(lambda: str(pd.Timestamp.now()))()
dask.delayed(lambda: str(pd.Timestamp("now")))()
dask.delayed(lambda: time.strftime("%H"))()
dask.delayed(lambda: importlib.import_module("time").time())()
""",
    "its process, its machine": """
dask.delayed(os.getpid)()
dask.delayed(threading.get_ident)()
dask.delayed(lambda: threading.get_ident())()
dask.delayed(lambda: open("/dev/urandom", "rb").read(4))()
dask.delayed(lambda: __import__("tempfile").mkdtemp())()
dask.delayed(lambda x: id(x))("a")
dask.delayed(lambda x: hash(x))("a")
dask.delayed(lambda: __import__("posix").environ[b"HOME"])()
dask.delayed(lambda: os.environ._data)()
dask.delayed(lambda: os.path.expandvars("$HOME"))()
dask.delayed(os.getenv)("HOME")
""",
    "code that is found by a text": """
dask.delayed(lambda: second.__globals__["impl"](1))()
dask.delayed(lambda: getattr(sys.modules["__main__"], "impl")(1))()
dask.delayed(lambda: globals()["impl"](1))()
dask.delayed(lambda: eval("impl(1)"))()
dask.delayed(lambda: sys._getframe().f_globals["impl"](1))()
dask.delayed(lambda: len(Holder.__subclasses__()))()
dask.delayed(lambda: getattr(own, "f")(1))()
dask.delayed(lambda: own.__dict__["f"](1))()
dask.delayed(lambda: vars(own)["f"](1))()
dask.delayed(lambda: importlib.import_module("own").f(1))()
dask.delayed(lambda d: len(d.query("a > @SEED")))(pd.DataFrame({"a": [1]}))
""",
    "files by paths that are put together": """
dask.delayed(lambda: open(os.path.join("d", "a.txt")).read())()
dask.delayed(lambda i: open(f"d/{i}.txt").read())("a")
dask.delayed(lambda i: open("d/%s.txt" % i).read())("a")
dask.delayed(lambda i: open(i + ".txt").read())("d/a")
dask.delayed(lambda: (Path("d") / "a.txt").read_text())()
dask.delayed(lambda: Path("d", "a.txt").with_suffix(".txt").read_text())()
dask.delayed(lambda: open(b"d/a.txt").read())()
dask.delayed(lambda c: open(c["root"] + "/" + c["name"]).read())({"root": "d", "name": "a.txt"})
dask.delayed(lambda c: open(os.path.join(*c)).read())(["d", "a.txt"])
dask.delayed(lambda: [p.read_text() for p in Path("d").glob("*.txt")])()
dask.delayed(loaded)(dask.delayed(impl)("d/a.txt"))
dask.delayed(joined)("d", "a.txt")
dask.delayed(lambda name: loaded("d/" + name))("a.txt")
dask.delayed(Rooted.read)(Rooted("d"), "a.txt")
""",
    "what a cluster has": """
dask.delayed(lambda: __import__("distributed").get_worker().name)()
dask.delayed(named_variable)()
""",
    "options of libraries": """
dask.delayed(lambda: pd.options.display.precision)()
dask.delayed(lambda: options.display.precision)()
dask.delayed(lambda: pd.get_option("display.precision"))()
dask.delayed(lambda: np.get_printoptions()["precision"])()
dask.delayed(lambda: decimal.getcontext().prec)()
dask.delayed(lambda: getcontext().prec)()
dask.delayed(lambda: dask.config.get("my.k", 1))()
""",
}

KEPT = """
dask.delayed(optional)(3)
dask.delayed(optional)(seed=3)
dask.delayed(lambda: np.random.default_rng(7).random())()
dask.delayed(lambda i: np.random.default_rng([SEED, i]).random())(1)
dask.delayed(lambda i: np.random.default_rng(SEED + i).random())(1)
dask.delayed(lambda i: random.Random(int(i)).random())(1)
dask.delayed(lambda: np.random.Generator(np.random.PCG64(SEED)).random())()
dask.delayed(closed(3))(1)
dask.delayed(lambda: float(np.stack([np.ones(2)]).sum()))()
dask.delayed(lambda x: getattr(x, "real"))(1)
dask.delayed(lambda x: moment(2020, 1, x).isoformat())(1)
dask.delayed(lambda x: str(pd.Timestamp(x)))("2020-01-01")
dask.delayed(lambda x: own.f(x))(1)
dask.delayed(lambda x: time.sleep(0) or x)(1)
dask.delayed(loaded)("d/a.txt")
dask.delayed(loaded)(path="d/a.txt")
dask.delayed(through_path)("d/a.txt")
dask.delayed(handed_on)(Path("d/a.txt"))
dask.delayed(lambda: open("d/a.txt").read())()
dask.delayed(lambda: open(FILE).read())()
dask.delayed(tabled)("d/b.csv")
dask.delayed(logged)("d/a.txt")
dask.delayed(every)(["d/a.txt", "d/b.csv"])
"""


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def known(folder: Path, tasks: list[str]) -> list[str]:
    """Those of the tasks that did not run when they were asked for a second time."""
    (folder / "d").mkdir()
    (folder / "d/a.txt").write_text("one")
    (folder / "d/b.csv").write_text("a,b\n1,2\n")
    (folder / "own.py").write_text("def f(x):\n    return x\n")
    asked = "".join(
        f"tasks_of = {line}\nfor _ in range(2):\n    try:\n        tasks_of.compute(scheduler='sync')\n"
        "    except ValueError:\n        pass\n"
        "told.append(tasks.counts()[-1].run)\n"
        for line in tasks
    )
    return [line for line, run in zip(tasks, Programs(folder).run(FIRST + asked), strict=True) if not run]


@pytest.mark.few(3)
@pytest.mark.parametrize("what", DOUBTED, ids=lambda what: what.replace(" ", "-"))
def test_p12_what_nobody_can_tell_runs_each_time(what: str, tmp_path: Path) -> None:
    assert known(tmp_path, lines(DOUBTED[what])) == []


def test_p12_what_is_seeded_and_named_is_known(tmp_path: Path) -> None:
    asked = lines(KEPT)
    assert "\n".join(sorted(set(asked) - set(known(tmp_path, asked)))) == ""
