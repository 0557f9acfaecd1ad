"""Arrays and frames go from numpy 1 and pandas 2 to numpy 2 and pandas 3, and back: each name comes as it was, or says why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import REPOSITORY, Kernel

import clew

NOTEBOOK = "/work/flights.ipynb"
NEWER, OLDER = sys.executable, str(REPOSITORY / ".venv-older/bin/python")

SETUP = "import datetime, numpy as np, pandas as pd, pyarrow as pa"
#: Expressions that make a value, by name; none of them depends on a version.
VALUES = {
    "floats": "np.arange(6.0).reshape(2, 3)",
    "strided": "np.arange(20)[::3]",
    "fortran": "np.asfortranarray(np.arange(6).reshape(2, 3))",
    "structured": "np.array([(1, 2.5, b'x')], dtype=[('a', 'i4'), ('b', '>f8'), ('c', 'S3')])",
    "records": "np.rec.array([(1, 'a')], dtype=[('n', 'i8'), ('s', 'U2')])",
    "moments": "np.array(['2026-01-01', 'NaT'], dtype='datetime64[s]')",
    "spans": "np.array([1, 2], dtype='timedelta64[ms]')",
    "objects": "np.array([None, 'x', 3, [1]], dtype=object)",
    "texts": "np.array(['a', 'bcd'])",
    "masked": "np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])",
    "scalar": "np.float32(1.5)",
    "moment": "np.datetime64('2026-01-02T03:04:05')",
    "kinds": "(np.dtype('f4'), np.dtype([('a', 'i4')]), np.int16)",
    "generator": "np.random.default_rng(5)",
    "legacy": "np.random.RandomState(5)",
    "seeds": "np.random.SeedSequence(7)",
    "vectorized": "np.polynomial.Polynomial([1, 2, 3])",
    "numbers": "pd.DataFrame({'a': [1, 2], 'b': [0.5, None]})",
    "words": "pd.DataFrame({'s': pd.array(['x', None], dtype='string')})",
    "plain_words": "pd.Series(['x', 'y'], dtype=object)",
    "category": "pd.Series(pd.Categorical(['a', 'b', 'a'], categories=['b', 'a'], ordered=True))",
    "dates": "pd.Series(pd.to_datetime(['2026-01-01', None]).astype('datetime64[ns]'))",
    "zoned": "pd.Series(pd.to_datetime(['2026-01-01', '2026-07-01']).astype('datetime64[ns]').tz_localize('Europe/Berlin'))",
    "periods": "pd.Series(pd.period_range('2026-01', periods=2, freq='M'))",
    "intervals": "pd.Series(pd.interval_range(0, 2))",
    "levels": "pd.DataFrame({'x': [1, 2]}, index=pd.MultiIndex.from_tuples([(1, 2.5), (2, 3.5)], names=['k', 'v']))",
    "nullable": "pd.DataFrame({'i': pd.array([1, None], dtype='Int64'), 'b': pd.array([True, None], dtype='boolean')})",
    "arrow": "pd.DataFrame({'i': pd.array([1, None], dtype='int64[pyarrow]')})",
    "sparse": "pd.Series(pd.arrays.SparseArray([0, 0, 3]))",
    "stamp": "pd.Timestamp('2026-01-02 03:04:05', tz='UTC')",
    "delta": "pd.Timedelta('2h')",
    "range_index": "pd.RangeIndex(2, 10, 2)",
    "table": "pa.table({'a': [1, 2, None], 's': ['x', 'y', None]})",
    "grouped": "pd.DataFrame({'a': [1, 1], 'b': [2, 3]}).groupby('a').sum()",
}
#: What shows that a value is what it was, the same words in all versions. Of frames, what their columns are like besides.
SHOWN = {
    "generator": "generator.bit_generator.state['state']['state'], int(np.random.Generator(type(generator.bit_generator)(5)).integers(99))",
    "legacy": "legacy.get_state()[1][:3].tolist()",
    "seeds": "seeds.entropy, seeds.generate_state(2).tolist()",
    "kinds": "[str(each) for each in kinds[:2]], kinds[2].__name__",
    "scalar": "float(scalar), str(scalar.dtype)",
    "moment": "str(moment), str(moment.dtype)",
    "masked": "masked.tolist(), masked.mask.tolist()",
    "vectorized": "vectorized.coef.tolist(), float(vectorized(2.0))",
    "table": "table.to_pydict()",
    "range_index": "(range_index.start, range_index.stop, range_index.step)",
}


def shown(name: str) -> str:
    """An expression that shows a value."""
    return SHOWN.get(name, f"_v({name})")


#: What a kernel shows of a value, bound outside of what is recorded.
VIEW = """
def _v(v):
    import numpy, pandas
    if isinstance(v, pandas.DataFrame):
        return [repr((c, str(v[c].dtype), v[c].astype(object).tolist())) for c in v.columns], repr(v.index.tolist())
    if isinstance(v, pandas.Series):
        return str(v.dtype), repr(v.astype(object).tolist()), repr(v.index.tolist())
    if isinstance(v, numpy.ndarray):
        return str(v.dtype.descr), v.shape, v.strides, repr(v.tolist()), type(v).__name__
    return repr(v)
"""


@pytest.fixture(scope="module")
def older() -> str:
    """An environment with numpy 1 and pandas 2."""
    if not Path(OLDER).exists():
        folder = Path(OLDER).parent.parent
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        requirements = REPOSITORY / "requirements/py311-older.txt"
        subprocess.run([OLDER, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    return OLDER


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Clew alone, as it is installed here, for an environment of the same Python."""
    folder = tmp_path / "clew-alone"
    folder.mkdir()
    os.symlink(Path(clew.__file__).parent, folder / "clew")
    return folder


def seen(kernel: Kernel) -> dict[str, Any]:
    """What is shown of each name that is there."""
    kernel.run(VIEW, silent=True, store_history=False)
    names = kernel.value(f"[name for name in {list(VALUES)!r} if name in globals()]")
    return {name: kernel.value(shown(name)) for name in names}


def moved(kernel: Kernel) -> dict[str, tuple[str, str]]:
    told = json.loads(kernel.clew("resume --json").raised().stdout)["outcomes"]
    return {each["root"]["key"]: (each["outcome"], each["why"] or "") for each in told}


#: Whether the owner of memory copies on write is a part of what is stored, and another one in pandas 3: the values are the same.
COPIES = {
    "category",
    "dates",
    "grouped",
    "intervals",
    "levels",
    "nullable",
    "numbers",
    "periods",
    "sparse",
    "words",
    "zoned",
}
#: What is lost, and why.
LOST = {"zoned": "it needs pytz", "": "has no string dtype with NaN"}


@pytest.mark.long
@pytest.mark.parametrize("way", ["older to newer", "newer to older"])
def test_p03_values_go_between_versions_of_numpy_and_pandas(
    way: str, older: str, installed: Path, kernels: Callable[..., Kernel]
) -> None:
    first, then = (older, NEWER) if way == "older to newer" else (NEWER, older)
    kernel = kernels(python=first, notebook=NOTEBOOK, paths=[installed])
    kernel.run(SETUP).raised()
    for name, words in VALUES.items():
        kernel.run(f"{name} = {words}").raised()
    before = seen(kernel)
    kernel.close()
    for python in (then, first):
        kernel = kernels(python=python, notebook=NOTEBOOK, paths=[installed])
        told, now = moved(kernel), seen(kernel)
        for name in now:
            word, why = told[name]
            assert now[name] == before[name], (name, word, why)
            assert word in ("unchanged", "restored") or (word == "not_identical" and name in COPIES), (
                name,
                word,
                why,
            )
        for name in set(before) - set(now):
            word, why = told[name]
            assert word == "lost" and (LOST.get(name, LOST[""]) in why or LOST[""] in why), (name, why)
            del before[name]
        kernel.close()
