"""A killed session of two gigabytes with values of many kinds: the seconds until it is restored, compared with rerunning the notebook and
with dill."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from bench import limit
from bench.budgets.session import must
from bench.budgets.table import Row, alone, compared
from bench.peers.clew import Clew
from bench.peers.dill import Dill
from bench.peers.peer import Failed, Peer
from bench.peers.plain import Plain

BYTES = 2_000_000_000

#: The variable that the user reads first.
FIRST = "summary"


def cells(scale: float) -> list[str]:
    """A notebook: half of its bytes are arrays, the rest are frames, a forest, a dictionary and texts."""
    floats, rows = int(BYTES * scale / 2 / 8 / 4), int(BYTES * scale / 2 / 56)
    entries, texts, trained = int(200_000 * scale), int(500_000 * scale), max(200, int(20_000 * scale))
    return [
        "import numpy as np\nimport pandas as pd\nfrom sklearn.ensemble import RandomForestRegressor\nrng = np.random.default_rng(0)",
        f"signals = [rng.normal(size={floats}) for _ in range(4)]",
        f"frame = pd.DataFrame({{f'c{{k}}': rng.normal(size={rows}) for k in range(5)}})\n"
        f"frame['group'] = rng.integers(0, 1000, {rows})\nframe['when'] = pd.date_range('2020-01-01', periods={rows}, freq='s')",
        f"{FIRST} = frame.groupby('group').mean(numeric_only=True)",
        f"X, y = rng.normal(size=({trained}, 12)), rng.normal(size={trained})\nmodel = RandomForestRegressor(40, n_jobs=2, random_state=0).fit(X, y)",
        f"table = {{f'key {{n}}': (n, [n, str(n)]) for n in range({entries})}}",
        f"words = [f'word number {{n}}' for n in range({texts})]",
    ]


#: A checksum of the session in a few numbers. Two threads add up a forest's predictions in any order, so their last digits are ignored.
DIGEST = (
    "(sum(float(s.sum()) for s in signals), float(frame['c0'].sum()), len(frame), float(summary['c1'].sum()), "
    "round(float(model.predict(X[:50]).sum()), 6), len(table), table['key 7'], len(words), words[-1], y.shape)"
)


def digest(peer: Peer) -> object:
    """Returns the checksum of the session."""
    return peer.silently("", expression=DIGEST).value


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures each way in a new kernel, without the kernel's start and with a warm file cache."""
    limit.warm(int(BYTES * scale * 2))
    notebook = cells(scale)
    rerun, wanted = rerunning(folder, notebook)
    say(f"rerun: {rerun:.2f} s")
    whole, one, wrong = with_clew(folder, notebook, wanted)
    say(f"Clew: {whole:.2f} s, {one:.2f} s for one name")
    dilled, wrong_of_dill = with_dill(folder, notebook, wanted)
    say(f"dill: {dilled:.2f} s")
    gigabytes = BYTES * scale / 1e9
    of = f"a session of {gigabytes:.1f} GB after kill -9"
    return [
        alone(f"{of}: Clew, `%load_ext clew` and `resume`: first and all names", whole, None, "s"),
        alone("the same with `%clew restore @ -- NAME` for one small name", one, None, "s"),
        alone("rerunning all cells of the notebook", rerun, None, "s"),
        alone("`dill.load_module` of the same session", dilled, None, "s"),
        compared("all names: Clew beside rerunning", rerun, whole, None, "x"),
        compared("all names: Clew beside `dill.load_module`", dilled, whole, None, "x"),
        alone("values that are missing or wrong afterwards, of Clew", float(wrong), 0.0, ""),
        alone("values that are missing or wrong afterwards, of dill", float(wrong_of_dill), None, ""),
    ]


def rerunning(folder: Path, notebook: list[str]) -> tuple[float, object]:
    """Returns the seconds of all cells in a new kernel, and the checksum."""
    plain = Plain(folder / "plain")
    try:
        seconds = sum(must(plain, cell) for cell in notebook) / 1000
        return seconds, digest(plain)
    finally:
        plain.close(at_once=True)


def with_clew(folder: Path, notebook: list[str], wanted: object) -> tuple[float, float, bool]:
    """Returns the seconds until everything is restored, the seconds until one variable is restored in another new kernel, and a description
    of wrong values."""
    clew = Clew(folder / "clew")
    try:
        for cell in notebook:
            must(clew, cell)
        clew.begin(0)
        clew.finish()
        last = clew.runs[-1]
        whole = clew.restart()
        is_wrong = bool(whole.says) or digest(clew) != wanted
        clew.kernel.restart()
        one = clew.attach() + clew.typed(f"%clew restore {last} -- {FIRST}").total / 1000
        has_one = clew.silently("", expression=f"len({FIRST})").value
        if not has_one:
            raise Failed("one name did not come back")
        return whole.seconds, one, is_wrong
    finally:
        clew.close(at_once=True)


def with_dill(folder: Path, notebook: list[str], wanted: object) -> tuple[float, bool]:
    """Returns the seconds of `dill.load_module` in a new kernel, or no number if it fails, and a description of wrong values."""
    dill = Dill(folder / "dill")
    try:
        for cell in notebook:
            must(dill, cell)
        dill.begin(0)
        dill.finish()
        seconds = dill.restart().seconds
        return seconds, digest(dill) != wanted
    except Failed:
        return math.nan, True
    finally:
        dill.close(at_once=True)
