"""numpy: arrays as memory, scalars, dtypes and random generators.

An array is a dtype, a shape and a range of memory. An array over another one contains that one as a part, so that both share memory after a
load, too. If the memory belongs to another object (bytes, a bytearray, an Arrow buffer), the range itself is the part, and the overlap of
addresses preserves the sharing. Memory mapped from a file has no value: a copy would silently detach the array from its file, and recording
must never touch the file.
"""

from __future__ import annotations

import array as arrays
import ast
import importlib
import mmap
import sys
import weakref
from collections import deque
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from clew._engine import Buffer, are_items, items_of, pack_texts, put_items, unpack_texts

from . import Codec, NoValue, Parts, keyed

ndarray = np.ndarray


# --- dtypes -------------------------------------------------------------------------------------------------


def dtype_parts(dtype: Any) -> Any:
    """Describes a dtype as a new text, or as a tuple if it contains objects (metadata, the missing value of string dtypes).

    Fields are described as text, too, not as tuples of the dtype's own names: a dtype that two arrays share would make their parts share
    objects that are not shared after a load.
    """
    if dtype.isbuiltin == 1 and dtype.metadata is None and dtype.char != "T":
        return dtype.str
    if dtype.metadata:
        return ("metadata", dtype_parts(_without_metadata(dtype)), dict(dtype.metadata))
    if dtype.char == "T":
        options = {"na_object": dtype.na_object} if hasattr(dtype, "na_object") else {}
        return ("string", dtype.coerce, options)
    if dtype.names is not None or dtype.subdtype is not None:
        return repr(_nested(dtype))
    return dtype.str if dtype.type.__module__ == "numpy" else ("type", dtype.type)


def dtype_of(parts: Any) -> Any:
    """Returns the dtype that `dtype_parts` described."""
    match parts:
        case str():
            return _from_nested(ast.literal_eval(parts)) if parts.startswith("(") else np.dtype(parts)
        case ("metadata", inner, metadata):
            return np.dtype(dtype_of(inner), metadata=metadata)
        case ("string", coerce, options):
            return np.dtypes.StringDType(coerce=coerce, **options)
        case ("type", kind):
            return np.dtype(kind)
    raise ValueError(f"{parts!r} does not describe a dtype")


def _encode_dtype(dtype: Any) -> tuple[Any, ...]:
    """Encodes the description, and whether the dtype is a copy, not numpy's own object of its kind. numpy makes such copies on request."""
    parts = dtype_parts(dtype)
    is_copy = dtype.isbuiltin == 0 and isinstance(parts, str) and dtype_of(parts).isbuiltin == 1
    return (parts, "copy") if is_copy else (parts,)


def _decode_dtype(parts: tuple[Any, ...]) -> Any:
    return np.dtype(dtype_of(parts[0]), copy=True) if parts[1:] else dtype_of(parts[0])


def _nested(dtype: Any) -> Any:
    if dtype.subdtype is not None:
        return ("array", _nested(dtype.base), dtype.shape)
    if dtype.names is None:
        return dtype.str
    fields = [
        (name, _nested(field[0]), *field[1:]) for name, field in zip(dtype.names, _fields(dtype), strict=True)
    ]
    return ("fields", dtype.type is np.record, dtype.isalignedstruct, dtype.itemsize, fields)


def _fields(dtype: Any) -> list[Any]:
    return [dtype.fields[name] for name in dtype.names]


def _from_nested(parts: Any) -> Any:
    match parts:
        case ("array", base, shape):
            return np.dtype((_from_nested(base), shape))
        case ("fields", is_record, aligned, itemsize, fields):
            plan = {
                "names": [field[0] for field in fields],
                "formats": [_from_nested(field[1]) for field in fields],
                "offsets": [field[2] for field in fields],
                "titles": [field[3] if len(field) > 3 else None for field in fields],
                "itemsize": itemsize,
            }
            dtype = np.dtype(plan, align=aligned)
            return np.dtype((np.record, dtype)) if is_record else dtype
    return np.dtype(parts)


def _without_metadata(dtype: Any) -> Any:
    return _from_nested(_nested(dtype))


# --- memory -------------------------------------------------------------------------------------------------


def bounds(array: Any) -> tuple[int, int]:
    """Returns the address of the lowest byte of an array's elements, and the number of bytes up to the highest."""
    low = high = array.__array_interface__["data"][0]
    for length, stride in zip(array.shape, array.strides, strict=True):
        reach = (length - 1) * stride
        low, high = (low + reach, high) if reach < 0 else (low, high + reach)
    return low, high + array.itemsize - low


class _Stretch:
    """Memory between two addresses, exposed to numpy."""

    def __init__(self, address: int, length: int, writeable: bool, owner: Any) -> None:
        self.__array_interface__ = {
            "data": (address, not writeable),
            "shape": (length,),
            "typestr": "|u1",
            "version": 3,
        }
        self.owner = owner


def flat_bytes(array: Any) -> Any:
    """Returns all bytes between an array's lowest and highest element, as a contiguous array over the same memory."""
    if type(array) is not ndarray:
        array = array.view(ndarray)
    flags = array.flags
    if flags.c_contiguous:
        return array.reshape(-1).view(np.uint8)
    if flags.f_contiguous:
        return array.T.reshape(-1).view(np.uint8)
    address, length = bounds(array)
    return np.asarray(_Stretch(address, length, flags.writeable, array))


def layout_of(array: Any) -> Any:
    """Returns how elements are arranged in `flat_bytes`: "C", "F", or (offset, strides)."""
    if array.flags.c_contiguous:
        return "C"
    if array.flags.f_contiguous:
        return "F"
    return array.__array_interface__["data"][0] - bounds(array)[0], array.strides


def array_over(kind: type, dtype: Any, shape: tuple[int, ...], layout: Any, memory: Any) -> Any:
    """Creates an array of class `kind` over memory, without a copy."""
    if isinstance(layout, str):
        return ndarray.__new__(kind, shape, dtype, buffer=memory, order=layout)
    offset, strides = layout
    return ndarray.__new__(kind, shape, dtype, buffer=memory, offset=offset, strides=strides)


def memory_parts(array: Any, column: int = 0, copies_on_write: bool = False) -> tuple[Any, ...]:
    """Describes an array without objects in it, for any owner of its memory."""
    dtype, shape, flags = array.dtype, array.shape, array.flags
    if array.size == 0 or dtype.itemsize == 0:
        return ("empty", dtype_parts(dtype), shape, flags.writeable)
    if flags.c_contiguous:
        # An array that can be exposed directly needs no second array.
        shown = array if dtype.char in _SHOWN and len(shape) == 1 else flat_bytes(array)
        return (
            "memory",
            dtype_parts(dtype),
            shape,
            "C",
            flags.writeable,
            Buffer(shown, column, copies_on_write),
        )
    buffer = Buffer(flat_bytes(array), column, copies_on_write)
    return ("memory", dtype_parts(dtype), shape, layout_of(array), flags.writeable, buffer)


_SHOWN = frozenset("?bBhHiIlLqQfd")
"""Dtypes for which the buffer protocol has a letter, in native or swapped byte order."""


def array_parts(array: Any, column: int = 0, copies_on_write: bool = False) -> Parts:
    """Describes any array on its own, without its base."""
    dtype = array.dtype
    plain = array if type(array) is ndarray else array.view(ndarray)
    if dtype.names is not None and dtype.hasobject:
        fields = tuple(np.array(plain[name]) for name in dtype.names)
        return Parts(("fields", dtype_parts(dtype), array.shape), (array.flags.writeable, fields))
    if dtype.hasobject:
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        described, items = (
            (dtype_parts(dtype), array.shape, order),
            texts_or_items(plain.reshape(-1, order=order)),
        )
        if isinstance(items, list):
            return Parts(("items", *described), (array.flags.writeable, items))
        return Parts(("texts", *described, array.flags.writeable, *items), None)
    return Parts(memory_parts(plain, column, copies_on_write), None)


TEXTS = 1_000
"""Columns with at least this many texts are packed."""


class PackedTexts(NamedTuple):
    """The packed texts of an array, with what identifies the array's contents at that time."""

    owner: weakref.ref[Any]
    """The array that owns the memory."""
    items: list[Any]
    """Its texts at that time. The references keep the texts alive, so an equal address means the same text."""
    parts: tuple[bytes, bytes, bytes]


packed: dict[int, PackedTexts] = {}
"""By the address at which the array's memory begins."""


def missing_texts(pandas: Any) -> tuple[Any, ...]:
    """Returns the values for a missing text. Their positions in this order are stored, so new ones may only be added at the end. pandas, if
    it is loaded, has its own."""
    return (None, np.nan, *([] if pandas is None else [pandas.NA]))


def texts_or_items(flat: Any) -> tuple[Buffer, Buffer, Buffer] | list[Any]:
    """Returns a one-dimensional object array as packed texts, if it is long and contains only short texts and missing values; else its
    items.

    An array that refers to the same objects as before, or as another array, is not packed again.
    """
    if flat.size < TEXTS or flat.dtype.char != "O":
        return flat.tolist()  # type: ignore[no-any-return]
    if not flat.flags.c_contiguous:
        flat = flat.copy()
    place = flat.__array_interface__["data"][0]
    known = packed.get(place)
    if known is None or known.owner() is None or not are_items(flat, known.items):
        known = next((other for other in packed.values() if _has_items(flat, other)), None)
        if known is not None:
            _, items, parts = known
        else:
            items = items_of(flat)
            found = pack_texts(items, missing_texts(sys.modules.get("pandas")))
            if found is None:
                packed.pop(place, None)
                return items
            parts = found
        owner = flat
        while isinstance(owner.base, ndarray):
            owner = owner.base
        known = PackedTexts(weakref.ref(owner), items, parts)
        # A copy would be gone at the next look, so it is not cached.
        if owner is not flat:
            packed[place] = known
    # Arrays may share the buffers: the texts are immutable, and nothing writes to the buffers.
    codes, offsets, data = (Buffer(part, 0, True) for part in known.parts)
    return codes, offsets, data


def _has_items(flat: Any, known: PackedTexts) -> bool:
    """Returns whether an array refers to the objects that were packed. The first item distinguishes most columns quickly."""
    return len(known.items) == flat.size and known.items[0] is flat[0] and are_items(flat, known.items)


def texts_of(codes: Any, offsets: Any, data: Any) -> list[Any]:
    """Returns the texts that were packed. If a live array has the same texts, returns its objects: texts are immutable, so arrays may share
    them.

    Imports pandas if its missing value is among them.
    """
    parts = [memoryview(part) for part in (codes, offsets, data)]
    lengths = [part.nbytes for part in parts]
    for known in packed.values():
        # Lengths first: all columns of a frame have equally many codes. As bytes: comparing views takes longer than copying them.
        if lengths == [len(part) for part in known.parts] and all(
            bytes(part) == other for part, other in zip(parts, known.parts, strict=True)
        ):
            return known.items
    lowest = np.frombuffer(codes, np.int32).min(initial=0)
    pandas = importlib.import_module("pandas") if lowest < -len(missing_texts(None)) else None
    return unpack_texts(codes, offsets, data, missing_texts(pandas))


def release_texts() -> None:
    """Releases texts whose arrays are gone."""
    for place in [place for place, known in packed.items() if known.owner() is None]:
        del packed[place]


def make_array(kind: type, args: tuple[Any, ...]) -> Any:
    """Creates an array of class `kind` from the `args` of `array_parts` or `_view_parts`; objects in it are still None."""
    match args:
        case ("memory", dtype, shape, layout, writeable, memory):
            array = array_over(kind, dtype_of(dtype), tuple(shape), layout, memory)
        case ("empty", dtype, shape, writeable):
            array = ndarray.__new__(kind, tuple(shape), dtype_of(dtype))
        case ("items", dtype, shape, order):
            return ndarray.__new__(kind, tuple(shape), dtype_of(dtype), order=order)
        case ("texts", dtype, shape, order, writeable, codes, offsets, data):
            array = ndarray.__new__(kind, tuple(shape), dtype_of(dtype), order=order)
            put_items(array.view(ndarray).reshape(-1, order=order), texts_of(codes, offsets, data))
        case ("fields", dtype, shape):
            return ndarray.__new__(kind, tuple(shape), dtype_of(dtype))
        case ("view", dtype, shape, offset, strides, writeable, base):
            array = _view_over(kind, dtype_of(dtype), tuple(shape), offset, tuple(strides), base)
        case _:
            raise ValueError(f"{args[:1]!r} does not describe an array")
    if not writeable:
        array.flags.writeable = False
    return array


def fill_array(array: Any, state: Any) -> None:
    """Fills objects into an array from `make_array`."""
    if state is None:
        return
    writeable, items = state
    plain = array.view(ndarray)
    if array.dtype.names is not None:
        for name, field in zip(array.dtype.names, items, strict=True):
            plain[name] = field
    elif array.size:
        flat = (
            plain.T.reshape(-1)
            if plain.flags.f_contiguous and not plain.flags.c_contiguous
            else plain.reshape(-1)
        )
        for index, item in enumerate(items):
            flat[index] = item
    if not writeable:
        array.flags.writeable = False


# --- arrays -------------------------------------------------------------------------------------------------


def base_of(array: Any) -> Any:
    """Returns the array whose memory this one shows, if it is an ordinary array that covers it."""
    base = array.base
    if base is None:
        return None
    _refuse_mapped(base)
    while (lower := _owner(base)) is not None:
        base = lower
    if not _may_own(base) or array.size == 0 or base.size == 0 or array.itemsize == 0:
        return None
    if array.flags.writeable and not base.flags.writeable:
        return None
    if array.dtype.hasobject != base.dtype.hasobject or array.dtype.char == "T":
        return None
    low, length = bounds(array)
    base_low, base_length = bounds(base)
    return base if base_low <= low and low + length <= base_low + base_length else None


def _owner(base: Any) -> Any:
    """Returns the array below an intermediate view, as in a matrix over a view of an array."""
    if type(base).__name__ == "DummyArray":  # created by as_strided and sliding windows
        return base.base
    if not _may_own(base) or base.flags.owndata:
        return None
    lower = base.base
    return lower if _may_own(lower) or type(lower).__name__ == "DummyArray" else None


def _may_own(base: Any) -> bool:
    """Returns whether a view can be stored as a view of this array. Memory with objects cannot be shared in another way, so its owner may
    be of any class."""
    return type(base) is ndarray or (isinstance(base, ndarray) and base.dtype.hasobject)


def _refuse_mapped(owner: Any) -> None:
    for _ in range(64):
        if isinstance(owner, np.memmap | mmap.mmap):
            raise NoValue("numpy.ndarray: memory mapped from a file")
        if isinstance(owner, memoryview):
            owner = owner.obj
        elif isinstance(owner, ndarray) and owner.base is not None:
            owner = owner.base
        else:
            return


def _exporter(array: Any) -> Any:
    """Returns the bytes, bytearray or `array.array` that owns the array's memory."""
    exporter = array.base.obj if isinstance(array.base, memoryview) else array.base
    known = type(exporter) in (bytes, bytearray, arrays.array) and array.size and array.itemsize
    return exporter if known and not array.dtype.hasobject else None


def _view_parts(array: Any, base: Any) -> tuple[Any, ...]:
    whole = base if isinstance(base, ndarray) else np.frombuffer(base, np.uint8)
    offset = array.__array_interface__["data"][0] - bounds(whole)[0]
    dtype = dtype_parts(array.dtype)
    return ("view", dtype, array.shape, offset, array.strides, array.flags.writeable, base)


def _view_over(kind: type, dtype: Any, shape: tuple[int, ...], offset: int, strides: Any, base: Any) -> Any:
    if not isinstance(base, ndarray):
        return ndarray.__new__(kind, shape, dtype, buffer=base, offset=offset, strides=strides)
    if not dtype.hasobject:
        return ndarray.__new__(kind, shape, dtype, buffer=flat_bytes(base), offset=offset, strides=strides)
    base = base.view(ndarray)
    start = (offset - (base.__array_interface__["data"][0] - bounds(base)[0])) // base.itemsize
    flat = base.reshape(-1, order="A")
    is_plain = base.strides and base.strides[-1] == base.itemsize and base.ndim == 1 and start >= 0
    strided = np.lib.stride_tricks.as_strided((base if is_plain else flat)[start:], shape, strides)
    # numpy cannot create an array of another class over memory with objects, so a view is taken.
    return strided if kind is ndarray else strided.view(kind)


def encode_array(array: Any) -> Parts:
    """Encodes an ordinary array, or one of a class that adds only methods."""
    if (
        array.base is None
        and not array.dtype.hasobject
        and array.dtype.char != "T"
        and type(array) is ndarray
    ):
        return Parts(memory_parts(array), None)
    base = base_of(array)
    if base is not None:
        return Parts(_view_parts(array, base), None)
    exporter = _exporter(array)
    if exporter is not None:
        return Parts(_view_parts(array, exporter), None)
    return array_parts(array)


def _encode_with_dict(array: Any) -> Parts:
    parts = encode_array(array)
    return Parts(parts.args, (parts.state, array.__dict__ or None))


def _fill_with_dict(array: Any, state: Any) -> None:
    fill_array(array, state[0])
    array.__dict__.update(state[1] or {})


_MASKED = ("_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass")


def _encode_masked(array: Any) -> Parts:
    data = encode_array(array)
    own = array.__dict__
    mask = None if array._mask is np.ma.nomask else array._mask
    flags = (own["_hardmask"], own["_sharedmask"], own["_isfield"])
    extras = {name: value for name, value in own.items() if name not in _MASKED}
    return Parts(data.args, (data.state, mask, _chosen_fill_value(array), flags, own["_baseclass"], extras))


def _chosen_fill_value(array: Any) -> Any:
    """Returns the fill value unless it is the default, which printing sets."""
    chosen = array._fill_value
    if chosen is None:
        return None
    default = np.array(np.ma.default_fill_value(array.dtype), array.dtype)
    if array.dtype.hasobject:
        return None if chosen.tolist() == default.tolist() else chosen
    return None if chosen.dtype == default.dtype and chosen.tobytes() == default.tobytes() else chosen


def _fill_masked(array: Any, state: Any) -> None:
    data, mask, fill_value, flags, baseclass, extras = state
    own = array.__dict__
    own["_mask"] = np.ma.nomask
    fill_array(array, data)
    own["_mask"] = np.ma.nomask if mask is None else mask
    own["_hardmask"], own["_sharedmask"], own["_isfield"] = flags
    own.update(extras, _fill_value=fill_value, _baseclass=baseclass)


def _encode_memmap(array: Any) -> Parts:
    raise NoValue("numpy.memmap: memory mapped from a file")


# --- scalars ------------------------------------------------------------------------------------------------


def _encode_scalar(value: Any) -> tuple[Any, ...]:
    return dtype_parts(value.dtype), value.tobytes()


def _decode_scalar(parts: tuple[Any, ...]) -> Any:
    dtype, data = parts
    return np.frombuffer(data, dtype_of(dtype), 1)[0]


def _encode_void(value: Any) -> tuple[Any, ...]:
    """Encodes a row of a structured array, which is a view: writing to it writes to the array."""
    if value.dtype.hasobject:
        return dtype_parts(value.dtype), value.item()
    if value.dtype.itemsize == 0:
        return dtype_parts(value.dtype), ()
    return dtype_parts(value.dtype), Buffer(np.frombuffer(value, np.uint8), 0, False)


def _decode_void(parts: tuple[Any, ...]) -> Any:
    dtype, memory = dtype_of(parts[0]), parts[1]
    if isinstance(memory, tuple):
        return np.array(memory, dtype)[()]
    return ndarray.__new__(ndarray, (), dtype, buffer=memory)[()]


# --- random generators --------------------------------------------------------------------------------------


def _global_random_state() -> Any:
    return sys.modules["numpy.random.mtrand"]._rand


def _encode_random_state(value: Any) -> tuple[Any, ...]:
    if value is _global_random_state():
        return ("global",)
    state = value.get_state(legacy=False)
    return value._bit_generator, state.get("has_gauss", 0), state.get("gauss", 0.0)


def _decode_random_state(parts: tuple[Any, ...]) -> Any:
    if parts == ("global",):
        return _global_random_state()
    bits, has_gauss, gauss = parts
    made = np.random.RandomState(bits)
    made.set_state(made.get_state(legacy=False) | {"has_gauss": has_gauss, "gauss": gauss})
    return made


_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def _encode_bits(value: Any) -> tuple[Any, ...]:
    if value is _global_random_state()._bit_generator:
        return ("global",)
    return type(value).__name__, value.state, getattr(value, "seed_seq", getattr(value, "_seed_seq", None))


def _decode_bits(parts: tuple[Any, ...]) -> Any:
    if parts == ("global",):
        return _global_random_state()._bit_generator
    name, state, seed = parts
    if name not in _BIT_GENERATORS:
        raise ValueError(f"numpy.random has no bit generator {name}")
    made = getattr(np.random, name)(0 if seed is None else seed)
    if seed is None and name == "MT19937":
        made._legacy_seeding(0)  # discards the seed sequence, as RandomState(5) does
    made.state = state
    return made


def _encode_seed(value: Any) -> tuple[Any, ...]:
    return value.entropy, value.spawn_key, value.pool_size, value.n_children_spawned


def _decode_seed(parts: tuple[Any, ...]) -> Any:
    entropy, spawn_key, pool_size, spawned = parts
    return np.random.SeedSequence(
        entropy, spawn_key=tuple(spawn_key), pool_size=pool_size, n_children_spawned=spawned
    )


# --- iterators ----------------------------------------------------------------------------------------------

_FARTHEST = 10_000_000
"""An iterator can only be advanced step by step. One that has advanced further than this stays a live object."""


def _moved(iterator: Any, index: int) -> Any:
    deque(islice(iterator, index), maxlen=0)
    return iterator


def _index_of(iterator: Any) -> int:
    if iterator.index > _FARTHEST:
        raise NoValue(f"numpy.{type(iterator).__name__}: an iterator that has advanced too far")
    return int(iterator.index)


def _encode_flat(value: Any) -> tuple[Any, ...]:
    return value.base, _index_of(value)


def _decode_flat(parts: tuple[Any, ...]) -> Any:
    return _moved(parts[0].flat, parts[1])


def _encode_broadcast(value: Any) -> tuple[Any, ...]:
    return _index_of(value), *(iterator.base for iterator in value.iters)


def _decode_broadcast(parts: tuple[Any, ...]) -> Any:
    index, *arrays = parts
    return _moved(np.broadcast(*arrays), index)


# --- the rest -----------------------------------------------------------------------------------------------


_UFUNC_MODULES = ("numpy", "numpy.char", "scipy.special", "numpy.linalg._umath_linalg", "numpy._core.umath")


def _encode_ufunc(value: Any) -> tuple[Any, ...]:
    for module in _UFUNC_MODULES:
        if vars(sys.modules.get(module, np)).get(value.__name__) is value:
            return module, value.__name__
    raise NoValue(f"numpy.ufunc: {value.__name__} wraps a function that cannot be read")


def _decode_ufunc(parts: tuple[Any, ...]) -> Any:
    import importlib

    if parts[0] not in _UFUNC_MODULES:
        raise TypeError(f"{parts[0]} has no ufuncs")
    found = getattr(importlib.import_module(parts[0]), parts[1])
    if not isinstance(found, np.ufunc):
        raise TypeError(f"{parts[0]}.{parts[1]} is not a ufunc")
    return found


def _make_plain(args: tuple[Any, ...]) -> Any:
    return make_array(ndarray, args)


def _class_codec(name: str, kind: type) -> Codec:
    def make(args: tuple[Any, ...]) -> Any:
        return make_array(kind, args)

    return Codec(f"numpy.{name}", _encode_with_dict, make, _fill_with_dict, decode_as=make_array)


_ARRAY = Codec("numpy.ndarray", encode_array, _make_plain, fill_array, decode_as=make_array)
_SCALAR = Codec("numpy.scalar", _encode_scalar, _decode_scalar, immutable=True)
_DTYPE = Codec("numpy.dtype", _encode_dtype, _decode_dtype, immutable=True)
_BITS = Codec("numpy.bit_generator", _encode_bits, _decode_bits)

NAMED = keyed(
    _ARRAY,
    _class_codec("recarray", np.recarray),
    _class_codec("matrix", np.matrix),
    Codec("numpy.memmap", _encode_memmap, lambda parts: None),
    Codec("numpy.masked", _encode_masked, lambda args: make_array(np.ma.MaskedArray, args), _fill_masked),
    Codec("numpy.nomask", lambda value: (), lambda parts: np.ma.masked, immutable=True),
    _SCALAR,
    Codec("numpy.void", _encode_void, _decode_void),
    _DTYPE,
    Codec(
        "numpy.finfo",
        lambda value: (dtype_parts(value.dtype),),
        lambda parts: np.finfo(dtype_of(parts[0])),
        immutable=True,
    ),
    Codec(
        "numpy.generator",
        lambda value: (value.bit_generator,),
        lambda parts: np.random.Generator(parts[0]),
    ),
    Codec("numpy.random_state", _encode_random_state, _decode_random_state),
    _BITS,
    Codec("numpy.seed", _encode_seed, _decode_seed),
    Codec("numpy.flatiter", _encode_flat, _decode_flat),
    Codec("numpy.broadcast", _encode_broadcast, _decode_broadcast),
    Codec("numpy.ctypes", lambda value: (value._arr,), lambda parts: parts[0].ctypes),
    Codec("numpy.ufunc", _encode_ufunc, _decode_ufunc, immutable=True),
)
CODECS: dict[type, Codec] = {
    ndarray: _ARRAY,
    np.recarray: NAMED["recarray"],
    np.matrix: NAMED["matrix"],
    np.memmap: NAMED["memmap"],
    np.ma.MaskedArray: NAMED["masked"],
    type(np.ma.masked): NAMED["nomask"],
    np.void: NAMED["void"],
    np.record: NAMED["void"],
    np.random.Generator: NAMED["generator"],
    np.random.RandomState: NAMED["random_state"],
    np.random.SeedSequence: NAMED["seed"],
    np.ufunc: NAMED["ufunc"],
    np.flatiter: NAMED["flatiter"],
    np.broadcast: NAMED["broadcast"],
    type(np.empty(0).ctypes): NAMED["ctypes"],
    np.finfo: NAMED["finfo"],
    **{getattr(np.random, name): _BITS for name in _BIT_GENERATORS},
    **{type(np.dtype(kind)): _DTYPE for kind in [*np.sctypeDict.values(), "M8[s]", "m8[s]"]},
    **{kind: _SCALAR for kind in np.sctypeDict.values() if kind not in (np.void, np.object_)},
}
if hasattr(np.dtypes, "StringDType"):
    CODECS[np.dtypes.StringDType] = _DTYPE
