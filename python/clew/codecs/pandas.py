"""pandas: frames and series as columns, axes and labels; indexes, arrays, dtypes, scalars and offsets.

A frame is written column by column. How pandas groups columns into blocks is not part of the value: reads may merge blocks, and `drop`
leaves one block per column, so the blocks would make equal frames unequal, and reads look like writes. The cost is one buffer per column
and, after a load, one block per column. More than a few dozen columns of one dtype are copied into one block, because pandas warns about
fragmented frames. Blocks are written whole only if their columns are strided across memory rows (a frame over a C-order array, a transposed
frame): each single column would span all of the memory. Caches (`_cache`, item caches, accessors, engines) are never stored.

Values that pandas copies before it writes to them (all since pandas 3, by option before) never join variables, so that two frames stay
independent after a load. They do join with plain arrays over the same memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from pandas._libs.internals import BlockPlacement
from pandas._libs.tslibs import offsets
from pandas.core.arrays import arrow as arrow_arrays
from pandas.core.generic import NDFrame
from pandas.core.indexes.frozen import FrozenList
from pandas.core.internals import managers
from pandas.core.internals.blocks import ensure_block_shape, new_block

from . import Codec, NoValue, Parts, keyed
from . import numpy as arrays

MODERN = int(pd.__version__.partition(".")[0]) >= 3
MANY_COLUMNS = 32
"""From this number of columns of one dtype, a loaded frame has them in one block."""


def copies_on_write() -> bool:
    """Returns whether pandas copies shared values before it writes to them."""
    return MODERN or pd.get_option("mode.copy_on_write") is True


# --- values -------------------------------------------------------------------------------------------------


def _flat_parts(values: Any, shared: bool) -> tuple[Any, ...]:
    """Describes one-dimensional numpy values."""
    if values.dtype.hasobject or values.dtype.char == "T":
        parts = arrays.array_parts(values)
        return ("objects", parts.args, parts.state)
    return arrays.memory_parts(values, 0, shared)


def _flat_of(parts: tuple[Any, ...]) -> Any:
    if parts[0] != "objects":
        return arrays.make_array(np.ndarray, parts)
    array = arrays.make_array(np.ndarray, parts[1])
    arrays.fill_array(array, parts[2])
    return array


def values_parts(values: Any, shared: bool) -> tuple[Any, ...]:
    """Describes a one-dimensional array of numpy, pandas or another library, by value. `shared`: its owner copies on write."""
    kind = type(values)
    if kind is np.ndarray:
        return ("numpy", _flat_parts(values, shared))
    if kind in (pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray):
        zone = zone_parts(getattr(values.dtype, "tz", None))
        return (
            "time",
            kind.__name__,
            _flat_parts(values._ndarray, shared),
            zone,
            offset_parts(_old_freq(values)),
        )
    if kind is pd.arrays.PeriodArray:
        return ("period", _flat_parts(values._ndarray, shared), offset_parts(values.freq))
    if kind is pd.Categorical:
        return ("category", _flat_parts(values._ndarray, shared), *_category_parts(values.dtype))
    if kind in (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray):
        return ("masked", kind.__name__, _flat_parts(values._data, shared), _flat_parts(values._mask, shared))
    if kind is pd.arrays.IntervalArray:
        left, right = (_bare(side) for side in (values._left, values._right))
        return ("interval", values_parts(left, shared), values_parts(right, shared), values.dtype.closed)
    if kind is pd.arrays.SparseArray:
        inner = values_parts(values._sparse_values, shared)
        return (
            "sparse",
            inner,
            _sparse_index_parts(values._sparse_index),
            *_sparse_dtype_parts(values.dtype),
        )
    if kind is pd.arrays.StringArray:
        return ("text", _flat_parts(values._ndarray, shared), dtype_parts(values.dtype))
    if kind in ARROW_ARRAYS:
        return ("arrow", kind.__name__, values._pa_array, dtype_parts(values.dtype))
    if kind is pd.arrays.NumpyExtensionArray:
        return ("extension", _flat_parts(values._ndarray, shared))
    return ("other", values)


_MASKED_ARRAYS = ("BooleanArray", "FloatingArray", "IntegerArray")


def values_of(parts: tuple[Any, ...]) -> Any:
    """Returns the array that `values_parts` described."""
    match parts:
        case ("numpy", flat):
            return _flat_of(flat)
        case ("time", "DatetimeArray", flat, zone, freq):
            array = _flat_of(flat)
            unit = np.datetime_data(array.dtype)[0]
            dtype = array.dtype if zone is None else pd.DatetimeTZDtype(unit, zone_of(zone))
            return _with_freq(pd.arrays.DatetimeArray._simple_new(array, dtype=dtype), freq)
        case ("time", "TimedeltaArray", flat, _, freq):
            array = _flat_of(flat)
            return _with_freq(pd.arrays.TimedeltaArray._simple_new(array, dtype=array.dtype), freq)
        case ("period", flat, freq):
            return pd.arrays.PeriodArray._simple_new(_flat_of(flat), dtype=pd.PeriodDtype(offset_of(freq)))
        case ("category", flat, categories, ordered):
            dtype = pd.CategoricalDtype._from_fastpath(_categories_of(categories), ordered)
            return pd.Categorical._simple_new(_flat_of(flat), dtype)
        case ("masked", name, data, mask) if name in _MASKED_ARRAYS:
            return getattr(pd.arrays, name)._simple_new(_flat_of(data), _flat_of(mask))
        case ("interval", left, right, closed):
            left, right = values_of(left), values_of(right)
            return pd.arrays.IntervalArray._simple_new(left, right, pd.IntervalDtype(left.dtype, closed))
        case ("sparse", inner, index, subtype, fill_value):
            dtype = pd.SparseDtype(arrays.dtype_of(subtype), fill_value)
            return pd.arrays.SparseArray._simple_new(values_of(inner), _sparse_index_of(index), dtype)
        case ("text", flat, dtype):
            return _bare_array(pd.arrays.StringArray, dtype_of(dtype), _ndarray=_flat_of(flat))
        case ("arrow", name, chunks, dtype):
            return _bare_array(_ARROW_BY_NAME[name], dtype_of(dtype), _pa_array=chunks)
        case ("extension", flat):
            return pd.arrays.NumpyExtensionArray(_flat_of(flat))
        case ("other", values):
            return values
    raise ValueError(f"{parts[:1]!r} does not describe values")


ARROW_ARRAYS = {
    kind
    for module in (arrow_arrays, pd.arrays, __import__("pandas.core.arrays.string_arrow", fromlist=["x"]))
    for name in ("ArrowExtensionArray", "ArrowStringArray", "ArrowStringArrayNumpySemantics")
    if (kind := getattr(module, name, None)) is not None
}
_ARROW_BY_NAME = {kind.__name__: kind for kind in ARROW_ARRAYS}


def _bare_array(kind: Any, dtype: Any, **memory: Any) -> Any:
    """Creates a pandas array around memory taken from another one, without the constructors, which convert and check."""
    made: Any = kind._simple_new(memory["_ndarray"], dtype) if "_ndarray" in memory else object.__new__(kind)
    if "_pa_array" in memory:
        made._pa_array, made._dtype = memory["_pa_array"], dtype
        if hasattr(kind, "_cache") or MODERN:
            made._cache = {}
    return made


def _bare(values: Any) -> Any:
    return values._data if isinstance(values, pd.Index) else values


def _old_freq(values: Any) -> Any:
    """Returns the frequency that arrays had before pandas 3.1 moved it to their index."""
    return values.__dict__.get("_freq") if hasattr(values, "__dict__") else getattr(values, "_freq", None)


def _with_freq(values: Any, freq: Any) -> Any:
    if freq is not None:
        values._freq = offset_of(freq)
    return values


def _category_parts(dtype: Any) -> tuple[Any, ...]:
    categories = None if dtype.categories is None else index_parts(dtype.categories)
    return categories, dtype.ordered


def _categories_of(parts: Any) -> Any:
    return None if parts is None else index_of(parts)


def _sparse_index_parts(index: Any) -> tuple[Any, ...]:
    _, args = index.__reduce__()[:2]
    return type(index).__name__, args[0], *(_flat_parts(part, True) for part in args[1:])


def _sparse_index_of(parts: tuple[Any, ...]) -> Any:
    from pandas._libs import sparse

    kinds = {"IntIndex": sparse.IntIndex, "BlockIndex": sparse.BlockIndex}
    return kinds[parts[0]](parts[1], *(_flat_of(part) for part in parts[2:]))


# --- dtypes and offsets -------------------------------------------------------------------------------------


def _sparse_dtype_parts(dtype: Any) -> tuple[Any, ...]:
    return arrays.dtype_parts(dtype.subtype), dtype.fill_value


def dtype_parts(dtype: Any) -> Any:
    """Describes a dtype of pandas or numpy, by value."""
    match type(dtype).__name__:
        case "CategoricalDtype":
            return ("category", *_category_parts(dtype))
        case "DatetimeTZDtype":
            return ("zone", dtype.unit, zone_parts(dtype.tz))
        case "PeriodDtype":
            return ("period", offset_parts(dtype.freq))
        case "IntervalDtype":
            subtype = None if dtype.subtype is None else dtype_parts(dtype.subtype)
            return ("interval", subtype, dtype.closed)
        case "SparseDtype":
            return ("sparse", *_sparse_dtype_parts(dtype))
        case "StringDtype":
            missing = getattr(dtype, "na_value", pd.NA)
            return ("text", dtype.storage, "NA" if missing is pd.NA else "nan")
        case "ArrowDtype":
            return ("arrow", dtype.pyarrow_dtype)
        case name if name in _MASKED_DTYPES:
            return ("named", name)
    return ("numpy", arrays.dtype_parts(dtype))


def dtype_of(parts: Any) -> Any:
    """Returns the dtype that `dtype_parts` described."""
    match parts:
        case ("category", categories, ordered):
            return pd.CategoricalDtype._from_fastpath(_categories_of(categories), ordered)
        case ("zone", unit, zone):
            return pd.DatetimeTZDtype(unit, zone_of(zone))
        case ("period", freq):
            return pd.PeriodDtype(offset_of(freq))
        case ("interval", subtype, closed):
            return pd.IntervalDtype(None if subtype is None else dtype_of(subtype), closed)
        case ("sparse", subtype, fill_value):
            return pd.SparseDtype(arrays.dtype_of(subtype), fill_value)
        case ("text", storage, "NA"):
            return pd.StringDtype(storage)
        case ("text", storage, "nan"):
            if not MODERN:
                raise ValueError(
                    f"pandas {pd.__version__} has no string dtype with NaN (`str`): `pip install 'pandas>=3'`"
                )
            return pd.StringDtype(storage, na_value=np.nan)
        case ("arrow", kind):
            return pd.ArrowDtype(kind)
        case ("named", name) if name in _MASKED_DTYPES:
            return getattr(pd, name)()
        case ("numpy", inner):
            return arrays.dtype_of(inner)
    raise ValueError(f"{parts!r} does not describe a dtype")


_MASKED_DTYPES = {
    f"{name}Dtype"
    for name in [
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float32",
        "Float64",
        "Boolean",
    ]
}


def zone_parts(zone: Any) -> Any:
    """Describes a time zone; one of pytz, each of which has its own class, by value."""
    if type(zone).__module__.partition(".")[0] != "pytz":
        return zone
    return ("pytz", *zone.__reduce__()[1])


def zone_of(parts: Any) -> Any:
    """Returns the time zone that `zone_parts` described."""
    if not isinstance(parts, tuple):
        return parts
    import pytz  # type: ignore[import-untyped, unused-ignore]

    return pytz._p(*parts[1:]) if len(parts) > 1 else pytz.UTC


def offset_parts(offset: Any) -> Any:
    """Describes a date offset or frequency by value, because unrelated objects share offsets."""
    if offset is None:
        return None
    if type(offset) is pd.DateOffset:
        return ("DateOffset", offset.n, offset.normalize, tuple(sorted(offset.kwds.items())))
    if getattr(offsets, type(offset).__name__, None) is not type(offset):
        return ("other", offset)
    return (type(offset).__name__, *offset.__reduce__()[1])


def offset_of(parts: Any) -> Any:
    """Returns the offset that `offset_parts` described."""
    match parts:
        case None:
            return None
        case ("DateOffset", n, normalize, keywords):
            return pd.DateOffset(n, normalize, **dict(keywords))
        case ("other", offset):
            return offset
    kind = getattr(offsets, parts[0])
    if not (isinstance(kind, type) and issubclass(kind, offsets.BaseOffset)):
        raise ValueError(f"pandas has no offset {parts[0]!r}")
    return kind(*parts[1:])


# --- indexes ------------------------------------------------------------------------------------------------

_INDEX_CACHES = {"_data", "_name", "_cache", "_id", "_references", "_freq", "_range", "_engine"}
_INDEX_CACHES |= {"_levels", "_codes", "_names", "sortorder", "str", "dt", "cat"}


def index_parts(index: Any) -> tuple[Any, ...]:
    """Describes an index by value, without its caches."""
    extras = {name: value for name, value in index.__dict__.items() if name not in _INDEX_CACHES} or None
    if type(index) is pd.RangeIndex:
        spread = index._range
        return ("RangeIndex", spread.start, spread.stop, spread.step, index._name, extras)
    if type(index) is pd.MultiIndex:
        levels = tuple(index_parts(level) for level in index._levels)
        codes = tuple(_flat_parts(np.asarray(code), True) for code in index._codes)
        return ("MultiIndex", levels, codes, tuple(index._names), index.sortorder, extras)
    if type(index) not in INDEXES:
        return ("other", index)
    freq = offset_parts(index.__dict__.get("_freq"))
    return (type(index).__name__, values_parts(index._data, True), index._name, freq, extras)


def index_of(parts: tuple[Any, ...]) -> Any:
    """Returns the index that `index_parts` described."""
    match parts:
        case ("other", index):
            return index
        case ("RangeIndex", start, stop, step, name, extras):
            made = pd.RangeIndex._simple_new(range(start, stop, step), name)
        case ("MultiIndex", levels, codes, names, sortorder, extras):
            made = _multi_index(levels, codes, names, sortorder)
        case (kind, values, name, freq, extras):
            made = _INDEX_BY_NAME[kind]._simple_new(values_of(values), name)
            if freq is not None:
                made._freq = offset_of(freq)
        case _:
            raise ValueError(f"{parts[:1]!r} does not describe an index")
    if extras:
        made.__dict__.update(extras)
    return made


def _multi_index(levels: Any, codes: Any, names: Any, sortorder: Any) -> Any:
    made: Any = object.__new__(pd.MultiIndex)
    made._cache = {}
    made._levels = FrozenList([index_of(level) for level in levels])
    made._codes = FrozenList([_flat_of(code) for code in codes])
    made._names = list(names)
    made.sortorder = sortorder
    made._reset_identity()
    made._references = None
    return made


INDEXES = {
    pd.Index,
    pd.RangeIndex,
    pd.MultiIndex,
    pd.DatetimeIndex,
    pd.TimedeltaIndex,
    pd.PeriodIndex,
    pd.IntervalIndex,
    pd.CategoricalIndex,
}
_INDEX_BY_NAME = {kind.__name__: kind for kind in INDEXES}


# --- columns and blocks -------------------------------------------------------------------------------------


def _column_parts(manager: Any, shared: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Describes the columns in order, and the blocks that are written whole. A column of such a block is described by its position
    there."""
    columns: list[Any] = [None] * len(manager.axes[0])
    wholes: list[tuple[Any, ...]] = []
    for block in manager.blocks:
        places = block.mgr_locs.as_array.tolist()
        if _lies_across(block.values):
            for row, place in enumerate(places):
                columns[place] = (len(wholes), row)
            wholes.append(arrays.memory_parts(block.values, 0, shared))
            continue
        for place, parts in zip(places, _rows_parts(block.values, shared), strict=True):
            columns[place] = parts
    return tuple(columns), tuple(wholes)


def _lies_across(values: Any) -> bool:
    """Returns whether the columns of a block are strided across memory that they share."""
    if type(values) is not np.ndarray or values.dtype.hasobject or values.ndim != 2 or values.size == 0:
        return False
    return bool(values.shape[0] > 1 and values.shape[1] > 1 and values.strides[1] != values.itemsize)


def _rows_parts(values: Any, shared: bool) -> Iterator[tuple[Any, ...]]:
    """Yields the columns of a block."""
    if values.ndim == 1:
        return iter([values_parts(values, shared)])
    if type(values) is not np.ndarray:
        return (values_parts(values[row], shared) for row in range(values.shape[0]))
    if values.dtype.hasobject:
        return (("numpy", _flat_parts(row, shared)) for row in values)
    return (("numpy", arrays.memory_parts(row, 0, shared)) for row in values)


def _across(parts: tuple[Any, ...]) -> Any:
    """Builds a block with strided columns. pandas stores these rows as the transpose of an array, so the result is one, too: if a rerun
    cell uses the block's memory (a model keeps `frame.to_numpy()`), it then has the same array below as in the first run."""
    match parts:
        case ("memory", dtype, shape, "F", writeable, memory):
            array = arrays.make_array(np.ndarray, ("memory", dtype, shape[::-1], "C", writeable, memory))
            return array.T
    return arrays.make_array(np.ndarray, parts)


def _blocks_of(columns: tuple[Any, ...], wholes: tuple[Any, ...]) -> Iterator[Any]:
    made = [_across(whole) for whole in wholes]
    places: dict[int, dict[int, int]] = {}
    singles: dict[str, list[tuple[int, Any]]] = {}
    for place, parts in enumerate(columns):
        if isinstance(parts[0], int):
            places.setdefault(parts[0], {})[parts[1]] = place
            continue
        values = values_of(parts)
        if type(values) is np.ndarray:
            singles.setdefault(str(values.dtype), []).append((place, values))
        else:
            yield new_block(
                ensure_block_shape(values, ndim=2), BlockPlacement(slice(place, place + 1)), ndim=2
            )
    for index, rows in places.items():
        yield new_block(made[index], BlockPlacement([rows[row] for row in sorted(rows)]), ndim=2)
    for group in singles.values():
        yield from _numpy_blocks(group)


def _numpy_blocks(group: list[tuple[int, Any]]) -> Iterator[Any]:
    """Yields one block per column, or one for all if there are many and no other object can refer to their memory."""
    if len(group) > MANY_COLUMNS and all(_owns_all(values) for _, values in group):
        together = np.empty((len(group), len(group[0][1])), group[0][1].dtype)
        for row, (_, values) in enumerate(group):
            together[row] = values
        yield new_block(together, BlockPlacement([place for place, _ in group]), ndim=2)
        return
    for place, values in group:
        yield new_block(values.reshape(1, -1), BlockPlacement(slice(place, place + 1)), ndim=2)


def _owns_all(values: Any) -> bool:
    if not values.flags.writeable:
        return False
    if values.base is None:
        return True
    try:
        return bool(memoryview(values.base).nbytes == values.nbytes)
    except (TypeError, ValueError):
        return False


# --- frames and series --------------------------------------------------------------------------------------

_CACHED = {"_mgr", "_attrs", "_flags", "_item_cache", "_cache", "_cacher", "_is_copy", "_name", "_references"}


def _extras(value: Any) -> tuple[Any, ...]:
    """Returns what a frame or series has besides its values: attrs, flags, attributes of the user."""
    own = object.__getattribute__(value, "__dict__")
    accessors = getattr(type(value), "_accessors", ())
    extras = {name: item for name, item in own.items() if name not in _CACHED and name not in accessors}
    # Unpickling sets it on the instance, with the value of the class.
    if extras.get("_typ") == type(value)._typ:
        del extras["_typ"]
    return own.get("_attrs") or None, value._flags.allows_duplicate_labels, extras or None


def _restore_extras(value: Any, extras: tuple[Any, ...]) -> None:
    attrs, duplicates, own = extras
    if attrs is not None:
        object.__setattr__(value, "_attrs", attrs)
    if not duplicates:
        value._flags._allows_duplicate_labels = False
    if own:
        object.__getattribute__(value, "__dict__").update(own)


def _encode_frame(frame: Any) -> Parts:
    columns, wholes = _column_parts(frame._mgr, copies_on_write())
    return Parts((), (*frame._mgr.axes, columns, wholes, _extras(frame)))


def _fill_frame(frame: Any, state: Any) -> None:
    labels, index, columns, wholes, extras = state
    blocks = tuple(_blocks_of(columns, wholes))
    NDFrame.__init__(frame, managers.BlockManager(blocks, [labels, index], verify_integrity=False))
    _restore_extras(frame, extras)


def _encode_series(series: Any) -> Parts:
    block = series._mgr.blocks[0]
    values = values_parts(block.values, copies_on_write())
    return Parts((), (series._mgr.axes[0], values, series._name, _extras(series)))


def _fill_series(series: Any, state: Any) -> None:
    index, values, name, extras = state
    array = values_of(values)
    block = new_block(array, BlockPlacement(slice(0, len(array))), ndim=1)
    NDFrame.__init__(series, managers.SingleBlockManager(block, index))
    object.__setattr__(series, "_name", name)
    _restore_extras(series, extras)


def _bare_object(kind: type, args: tuple[Any, ...]) -> Any:
    return object.__new__(kind)


# --- scalars ------------------------------------------------------------------------------------------------


def _encode_timestamp(value: Any) -> tuple[Any, ...]:
    return *value.__reduce__()[1], value.fold


def _decode_timestamp(parts: tuple[Any, ...]) -> Any:
    from pandas._libs.tslibs.timestamps import _unpickle_timestamp

    made = _unpickle_timestamp(*parts[:-1])
    return made if made.fold == parts[-1] else made.replace(fold=parts[-1])


def _decode_timedelta(parts: tuple[Any, ...]) -> Any:
    from pandas._libs.tslibs.timedeltas import _timedelta_unpickle

    return _timedelta_unpickle(*parts)


def _encode_period(value: Any) -> tuple[Any, ...]:
    return value.ordinal, offset_parts(value.freq)


def _decode_period(parts: tuple[Any, ...]) -> Any:
    return pd.Period(ordinal=parts[0], freq=offset_of(parts[1]))


# --- group-by and rolling objects ---------------------------------------------------------------------------


def _encode_uncached(value: Any) -> Parts:
    own = object.__getattribute__(value, "__dict__")
    return Parts((type(value),), {name: item for name, item in own.items() if name != "_cache"})


def _fill_uncached(value: Any, own: dict[str, Any]) -> None:
    object.__getattribute__(value, "__dict__").update(own)


def _decode_uncached(args: tuple[Any, ...]) -> Any:
    if not args[0].__module__.startswith("pandas."):
        raise NoValue(f"{args[0].__qualname__} is not a class of pandas")
    return object.__new__(args[0])


def _uncached_types() -> Iterator[type]:
    from pandas.core.groupby import generic, groupby, grouper, ops
    from pandas.core.window import ewm, expanding, rolling

    names = "DataFrameGroupBy SeriesGroupBy GroupBy Grouping BaseGrouper BinGrouper Rolling RollingGroupby "
    names += "Window Expanding ExpandingGroupby ExponentialMovingWindow"
    for name in names.split():
        for module in (generic, groupby, grouper, ops, rolling, expanding, ewm):
            if isinstance(kind := getattr(module, name, None), type):
                yield kind


# --- the list -----------------------------------------------------------------------------------------------


def _readonly(values: Any) -> bool:
    return bool(getattr(values, "_readonly", False))


def _encode_values(values: Any) -> tuple[Any, ...]:
    parts = values_parts(values, False)
    if parts[0] == "other" or values.ndim != 1:
        raise NoValue(f"{type(values).__qualname__}: its memory layout is unknown")
    return parts, _readonly(values)


def _decode_values(parts: tuple[Any, ...]) -> Any:
    made = values_of(parts[0])
    if _readonly(made) != parts[1]:
        made._readonly = parts[1]
    return made


_INDEX = Codec("pandas.Index", index_parts, index_of, immutable=True, has_attributes=True)
_VALUES = Codec("pandas.array", _encode_values, _decode_values)
_DTYPE = Codec(
    "pandas.dtype", lambda value: (dtype_parts(value),), lambda parts: dtype_of(parts[0]), immutable=True
)
_OFFSET = Codec(
    "pandas.offset", lambda value: (offset_parts(value),), lambda parts: offset_of(parts[0]), immutable=True
)
NAMED = keyed(
    Codec(
        "pandas.DataFrame",
        _encode_frame,
        lambda args: object.__new__(pd.DataFrame),
        _fill_frame,
        decode_as=_bare_object,
    ),
    Codec(
        "pandas.Series",
        _encode_series,
        lambda args: object.__new__(pd.Series),
        _fill_series,
        decode_as=_bare_object,
    ),
    _INDEX,
    _VALUES,
    _DTYPE,
    _OFFSET,
    Codec("pandas.Timestamp", _encode_timestamp, _decode_timestamp, immutable=True),
    Codec("pandas.Timedelta", lambda value: tuple(value.__reduce__()[1]), _decode_timedelta, immutable=True),
    Codec("pandas.NaT", lambda value: (), lambda parts: pd.NaT, immutable=True),
    Codec("pandas.NA", lambda value: (), lambda parts: pd.NA, immutable=True),
    Codec("pandas.Period", _encode_period, _decode_period, immutable=True),
    Codec(
        "pandas.Interval",
        lambda value: (value.left, value.right, value.closed),
        lambda parts: pd.Interval(*parts),
        immutable=True,
    ),
    Codec("pandas.uncached", _encode_uncached, _decode_uncached, _fill_uncached, native=False),
)
_ARRAY_TYPES = "BooleanArray Categorical DatetimeArray FloatingArray IntegerArray IntervalArray PeriodArray "
_ARRAY_TYPES += "SparseArray StringArray TimedeltaArray NumpyExtensionArray"
_DTYPE_TYPES = [
    "CategoricalDtype",
    "DatetimeTZDtype",
    "PeriodDtype",
    "IntervalDtype",
    "SparseDtype",
    "StringDtype",
    "ArrowDtype",
]

CODECS: dict[type, Codec] = {
    pd.DataFrame: NAMED["DataFrame"],
    pd.Series: NAMED["Series"],
    pd.Timestamp: NAMED["Timestamp"],
    pd.Timedelta: NAMED["Timedelta"],
    type(pd.NaT): NAMED["NaT"],
    type(pd.NA): NAMED["NA"],
    pd.Period: NAMED["Period"],
    pd.Interval: NAMED["Interval"],
    **dict.fromkeys(INDEXES, _INDEX),
    **{
        kind: _VALUES for name in _ARRAY_TYPES.split() if (kind := getattr(pd.arrays, name, None)) is not None
    },
    **dict.fromkeys(ARROW_ARRAYS, _VALUES),
    **{getattr(pd, name): _DTYPE for name in [*_DTYPE_TYPES, *_MASKED_DTYPES]},
    **{
        kind: _OFFSET
        for kind in vars(offsets).values()
        if isinstance(kind, type)
        and issubclass(kind, offsets.BaseOffset)
        and kind.__module__.startswith("pandas")
    },
    pd.DateOffset: _OFFSET,
    **dict.fromkeys(_uncached_types(), NAMED["uncached"]),
}
