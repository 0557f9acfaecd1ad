"""Types of the standard library that hide their state from a walk, or whose reducers lose information.

Types that the walk reads itself (dict, list, functions, partials, exceptions, iterators over sequences …) need no codec. Accessors come
from the base class, so that no override of a subclass is called.
"""

from __future__ import annotations

import array
import builtins
import collections
import contextvars
import datetime
import decimal
import fractions
import functools
import importlib
import io
import itertools
import pathlib
import random
import re
import struct
import sys
import types
import typing
import uuid
import warnings
import weakref
import zoneinfo
from typing import Any

from cloudpickle import cloudpickle

from clew._engine import Buffer
from clew.roots.generators import name_held

from . import Codec, NoValue, Parts, keyed, type_parameters


def own_dict(value: Any) -> dict[str, Any] | None:
    """Returns the instance's attribute dict, or `None` if it is empty."""
    return object.__getattribute__(value, "__dict__") or None


def restore_dict(value: Any, own: dict[str, Any] | None) -> None:
    if own:
        object.__getattribute__(value, "__dict__").update(own)


def flat(pairs: Any) -> list[Any]:
    """Returns keys and values alternately: one list instead of a tuple for each pair."""
    return [part for pair in pairs for part in pair]


def pairs_of(items: list[Any]) -> Any:
    """Returns the pairs of a `flat` list."""
    return zip(items[::2], items[1::2], strict=True)


# --- dates and numbers --------------------------------------------------------------------------------------

_DATE = [vars(datetime.date)[name] for name in ("year", "month", "day")]
_TIME = ["hour", "minute", "second", "microsecond", "tzinfo", "fold"]
_DATETIME = _DATE + [vars(datetime.datetime)[name] for name in _TIME]
_CLOCK = [vars(datetime.time)[name] for name in _TIME]
_SPAN = [vars(datetime.timedelta)[name] for name in ("days", "seconds", "microseconds")]


def _reading(getters: list[Any]) -> Any:
    return lambda value: tuple(getter.__get__(value) for getter in getters)


def _make_moment(base: type) -> Any:
    return lambda kind, args: base.__new__(kind, *args[:-1], fold=args[-1])


def _make(base: type) -> Any:
    return lambda kind, args: base.__new__(kind, *args)


def _encode_zone(value: Any) -> tuple[Any, ...]:
    offset, *name = value.__getinitargs__()
    return offset.days, offset.seconds, offset.microseconds, *name


def _decode_zone(parts: tuple[Any, ...]) -> Any:
    return datetime.timezone(datetime.timedelta(*parts[:3]), *parts[3:])


def _encode_zone_info(value: Any) -> tuple[Any, ...]:
    if value.key is None:
        raise NoValue("zoneinfo.ZoneInfo: read from a file, without a key")
    return (value.key,)


def _encode_decimal(value: Any) -> tuple[Any, ...]:
    sign, digits, exponent = decimal.Decimal.as_tuple(value)
    return sign, "".join(map(str, digits)), exponent


#: The predefined contexts of the module. The current context is one setting of the session, and their contents are another (`clew.roots`).
_CONTEXTS = ("DefaultContext", "BasicContext", "ExtendedContext")


def _encode_decimal_context(value: Any) -> tuple[Any, ...]:
    if value is decimal.getcontext():
        return ("current",)
    name = next((name for name in _CONTEXTS if getattr(decimal, name) is value), None)
    return (name,) if name is not None else value.__reduce__()[1]


def _decode_decimal_context(parts: tuple[Any, ...]) -> Any:
    if len(parts) > 1:
        return decimal.Context(*parts)
    return decimal.getcontext() if parts[0] == "current" else getattr(decimal, parts[0])


def _make_decimal(kind: type, args: tuple[Any, ...]) -> Any:
    sign, digits, exponent = args
    return decimal.Decimal.__new__(kind, (sign, tuple(map(int, digits)), exponent))


def _make_uuid(kind: type, args: tuple[Any, ...]) -> Any:
    made: Any = object.__new__(kind)
    object.__setattr__(made, "int", args[0])
    object.__setattr__(made, "is_safe", uuid.SafeUUID[args[1]])
    return made


def _make_path(kind: type, args: tuple[Any, ...]) -> Any:
    if sys.version_info < (3, 12):
        return pathlib.PurePath.__new__(kind, *args)
    made: Any = object.__new__(kind)
    pathlib.PurePath.__init__(made, *args)
    return made


# --- containers ---------------------------------------------------------------------------------------------


def _encode_deque(value: Any) -> Parts:
    items = list(collections.deque.__iter__(value))
    return Parts((vars(collections.deque)["maxlen"].__get__(value),), items)


def _make_deque(kind: Any, args: tuple[Any, ...]) -> Any:
    made: Any = collections.deque.__new__(kind)
    collections.deque.__init__(made, (), *args)
    return made


def _encode_ordered(value: Any) -> Parts:
    return Parts((), (flat(collections.OrderedDict.items(value)), own_dict(value)))


def _fill_ordered(value: Any, state: Any) -> None:
    for key, item in pairs_of(state[0]):
        collections.OrderedDict.__setitem__(value, key, item)
    restore_dict(value, state[1])


def _encode_default(value: Any) -> Parts:
    factory = vars(collections.defaultdict)["default_factory"].__get__(value)
    return Parts((), (factory, flat(dict.items(value))))


def _fill_default(value: Any, state: Any) -> None:
    vars(collections.defaultdict)["default_factory"].__set__(value, state[0])
    for key, item in pairs_of(state[1]):
        dict.__setitem__(value, key, item)


def encode_items(value: Any) -> Parts:
    """Encodes a dict of a subclass: its items and its attributes."""
    return Parts((), (flat(dict.items(value)), own_dict(value)))


def fill_items(value: Any, state: Any) -> None:
    """Fills in the items and attributes from `encode_items`."""
    for key, item in pairs_of(state[0]):
        dict.__setitem__(value, key, item)
    restore_dict(value, state[1])


def _encode_cached_property(value: Any) -> Parts:
    """Leaves out the lock that it has on Python 3.11, which is not part of the value."""
    return Parts((), {name: part for name, part in vars(value).items() if name != "lock"})


def _fill_cached_property(value: Any, state: Any) -> None:
    value.__init__(state["func"])
    vars(value).update(state)


def _encode_weak_values(value: Any) -> Parts:
    live = [(key, reference()) for key, reference in list(value.data.items())]
    return Parts((), flat(pair for pair in live if pair[1] is not None))


def _encode_weak_keys(value: Any) -> Parts:
    live = [(reference(), item) for reference, item in list(value.data.items())]
    return Parts((), flat(pair for pair in live if pair[0] is not None))


def _encode_weak_set(value: Any) -> Parts:
    return Parts((), {item for reference in list(value.data) if (item := reference()) is not None})


def _fill_mapping(value: Any, items: list[Any]) -> None:
    for key, item in pairs_of(items):
        value[key] = item


def _fill_set(value: Any, items: set[Any]) -> None:
    for item in items:
        value.add(item)


class _Gone:
    """The class for restored dead weak methods: no reference keeps its instances alive."""

    def gone(self) -> None:
        """Does nothing: the method that they refer to."""


def _encode_weak_method(value: Any) -> tuple[Any, ...]:
    """Encodes the inputs of a weak method. Its own callback is a closure over a weak reference to it; the user's callback is in a cell of
    that closure."""
    referent, function = weakref.ref.__call__(value), value._func_ref()
    own: Any = value.__callback__
    if own is None or referent is None or function is None:
        return None, None, None, None
    cells = dict(zip(own.__code__.co_freevars, own.__closure__, strict=True))
    callback = cells["callback"].cell_contents if "callback" in cells else None
    return referent, function, value._meth_type, callback


def _make_weak_method(kind: Any, args: tuple[Any, ...]) -> Any:
    referent, function, method, callback = args
    if method is None:
        return weakref.WeakMethod.__new__(kind, _Gone().gone)
    return weakref.WeakMethod.__new__(kind, method(function, referent), callback)


# --- memory and text ----------------------------------------------------------------------------------------


def _encode_array(value: Any) -> tuple[Any, ...]:
    return value.typecode, Buffer(value, 0, False) if value else None


def _make_array(kind: Any, args: tuple[Any, ...]) -> Any:
    made: Any = array.array.__new__(kind, args[0])
    if args[1] is not None:
        array.array.frombytes(made, args[1])
    return made


def _encode_stream(value: Any) -> Parts:
    if value.closed:
        return Parts((), (None, own_dict(value)))
    *content, own = value.__getstate__()
    # An access to a missing attribute leaves an empty dict behind.
    return Parts((), (tuple(content), own or None))


def _fill_stream(value: Any, state: Any) -> None:
    content, own = state
    if content is None:
        value.close()
        restore_dict(value, own)
    else:
        value.__setstate__((*content, own))


def _encode_match(value: Any) -> tuple[Any, ...]:
    if not isinstance(value.string, str | bytes):
        raise NoValue("re.Match: a match in text that can change")
    return value.re, value.string, value.pos, value.endpos, repr(value.regs)


def _decode_match(parts: tuple[Any, ...]) -> Any:
    pattern, string, pos, endpos, regs = parts
    for find in (pattern.match, pattern.fullmatch, pattern.search):
        found = find(string, pos, endpos)
        if found is not None and repr(found.regs) == regs:
            return found
    for found in pattern.finditer(string, pos, endpos):
        if repr(found.regs) == regs:
            return found
    raise ValueError(f"{pattern.pattern!r} no longer matches there")


# --- memory of ctypes ---------------------------------------------------------------------------------------

_POINTERS = frozenset("zZPOX")
"""Codes of simple types that contain an address or an object."""


def _memory_types() -> tuple[type, ...]:
    ctypes: Any = sys.modules["ctypes"]
    return (ctypes.Array, ctypes.Structure, ctypes.Union, ctypes._SimpleCData)


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for objects of ctypes classes without addresses in them: they are memory, which arrays may share."""
    if "ctypes" not in sys.modules or not issubclass(kind, _memory_types()):
        return None
    from . import subclasses

    base = next(one for one in kind.__mro__ if one.__module__ == "_ctypes")
    return None if _has_addresses(kind) or subclasses.defines_pickling(kind, base) else _MEMORY


def _has_addresses(kind: Any) -> bool:
    ctypes: Any = sys.modules["ctypes"]
    if not issubclass(kind, _memory_types()):
        return True
    if issubclass(kind, ctypes._SimpleCData):
        return kind._type_ in _POINTERS
    if issubclass(kind, ctypes.Array):
        return _has_addresses(kind._type_)
    fields = [field for one in kind.__mro__ for field in vars(one).get("_fields_", ())]
    return any(_has_addresses(field[1]) for field in fields)


def _memory_type_parts(kind: Any) -> Any:
    """Returns a class; for an array class that ctypes creates from another class and a length, returns these."""
    if issubclass(kind, sys.modules["ctypes"].Array) and kind._type_ * kind._length_ is kind:
        return _memory_type_parts(kind._type_), kind._length_
    return kind


def _memory_type_of(parts: Any) -> Any:
    return _memory_type_of(parts[0]) * parts[1] if isinstance(parts, tuple) else parts


def _encode_memory(value: Any) -> tuple[Any, ...]:
    from . import subclasses

    ctypes: Any = sys.modules["ctypes"]
    kind = type(value)
    size = ctypes.sizeof(value)
    if size != ctypes.sizeof(kind):
        raise NoValue(f"ctypes.{kind.__name__}: it was resized")
    shown = memoryview((ctypes.c_char * size).from_buffer(value)).cast("B") if size else None
    own = subclasses.attributes(value, ctypes.Structure.__base__)
    return _memory_type_parts(kind), None if shown is None else Buffer(shown, 0, False), *own


def _decode_memory(parts: tuple[Any, ...]) -> Any:
    from . import subclasses

    importlib.import_module("ctypes")
    kind = _memory_type_of(parts[0])
    if not issubclass(kind, _memory_types()) or _has_addresses(kind):
        raise TypeError(f"{kind.__qualname__} is not a ctypes data type")
    base: Any = next(one for one in kind.__mro__ if one.__module__ == "_ctypes")
    made = base.__new__(kind) if parts[1] is None else kind.from_buffer(parts[1])
    subclasses.restore_attributes(made, *parts[2:])
    return made


# --- random numbers and contexts ----------------------------------------------------------------------------

_GLOBAL_RANDOM = random.random.__self__  # type: ignore[attr-defined]


def _encode_random(value: Any) -> Parts:
    if value is _GLOBAL_RANDOM:
        return Parts(("global",), None)
    held = name_held(value)
    if held is not None:
        module, _, name = held.rpartition(".")
        return Parts((sys.modules[module], name), None)
    version, words, gauss = random.Random.getstate(value)
    own = {name: item for name, item in (own_dict(value) or {}).items() if name != "gauss_next"}
    return Parts((), (version, struct.pack(f"<{len(words)}I", *words), gauss, own or None))


def _make_random(kind: type, args: tuple[Any, ...]) -> Any:
    if not args:
        return random.Random.__new__(kind)
    if args == ("global",):
        return _GLOBAL_RANDOM
    module, name = args
    held = vars(module)[name]
    if not isinstance(held, random.Random):
        raise TypeError(f"{module.__name__}.{name} is not a generator")
    return held


def _fill_random(value: Any, state: Any) -> None:
    if state is not None:
        version, words, gauss, own = state
        random.Random.setstate(value, (version, struct.unpack(f"<{len(words) // 4}I", words), gauss))
        restore_dict(value, own)


_NOTHING = object()


def _encode_context_variable(value: Any) -> Parts:
    current = value.get(_NOTHING)
    try:
        default = contextvars.Context().run(value.get)
    except LookupError:
        return Parts((value.name,), () if current is _NOTHING else (current,))
    return Parts((value.name, default), () if current is default or current is _NOTHING else (current,))


def _decode_context_variable(args: tuple[Any, ...]) -> Any:
    name, *default = args
    return contextvars.ContextVar(name, default=default[0]) if default else contextvars.ContextVar(name)


def _fill_context_variable(value: Any, current: tuple[Any, ...]) -> None:
    if current:
        value.set(current[0])


# --- itertools ----------------------------------------------------------------------------------------------


def reducers_are_silent() -> bool:
    """Returns whether itertools' reducers can be called silently: since Python 3.12 they warn, and the user's filters may show or raise the
    warning."""
    if sys.version_info < (3, 12):
        return True
    for action, message, category, module, line in warnings.filters:
        applies = issubclass(DeprecationWarning, category) and message is None and line == 0
        if applies and (module is None or re.match(module, __name__)):
            return action == "ignore"
    return False


def _encode_iterator(value: Any) -> Parts:
    if sys.version_info >= (3, 14) or not reducers_are_silent():
        raise NoValue(f"itertools.{type(value).__name__}: cannot be read without consuming it")
    reduced = value.__reduce__()
    return Parts((reduced[0], *reduced[1]), reduced[2] if len(reduced) > 2 else None)


def _decode_iterator(args: tuple[Any, ...]) -> Any:
    if not reducers_are_silent() or args[0].__module__ != "itertools":
        raise NoValue("itertools: iterators cannot be created here")
    return args[0](*args[1:])


def _fill_iterator(value: Any, state: Any) -> None:
    if state is not None:
        value.__setstate__(state)
    elif type(value) is itertools.chain:
        # Only an exhausted one has no state.
        next(value, None)


def _encode_count(value: Any) -> tuple[Any, ...]:
    """Reads the numbers from the `repr` of `count`, so that no reducer causes a warning."""
    found = re.fullmatch(r"count\((-?[\d.e+-]+)(?:, (-?[\d.e+-]+))?\)", repr(value))
    if found is None:
        raise NoValue("itertools.count: counts something other than numbers")
    return (*(text for text in found.groups() if text is not None),)


def _decode_count(parts: tuple[Any, ...]) -> Any:
    return itertools.count(*(float(text) if re.search(r"[.en]", text) else int(text) for text in parts))


def _encode_repeat(value: Any) -> tuple[Any, ...]:
    import gc

    item = gc.get_referents(value)[-1]
    try:
        return item, value.__length_hint__()
    except TypeError:
        return (item,)


# --- the list -----------------------------------------------------------------------------------------------


def _codec(
    base: type,
    encode: Any,
    make: Any,
    fill: Any = None,
    immutable: bool = False,
    inherit: bool = True,
    native: bool = True,
) -> tuple[type, Codec]:
    """Returns a type and its codec. `make(kind, args)` also creates instances of subclasses."""
    codec = Codec(
        f"stdlib.{base.__name__}",
        encode,
        lambda args: make(base, args),
        fill,
        decode_as=make if inherit else None,
        immutable=immutable,
        native=native,
    )
    return base, codec


def _plain(kind: Any, args: tuple[Any, ...]) -> Any:
    return kind.__new__(kind)


def _empty(kind: type, args: tuple[Any, ...]) -> Any:
    return kind()


def _encode_new_type(value: Any) -> tuple[Any, ...]:
    own = {name: one for name, one in value.__dict__.items() if name not in _NEW_TYPE}
    return (*[getattr(value, name) for name in _NEW_TYPE], own or None)


_NEW: Any = typing.NewType
_NEW_TYPE = ("__module__", "__qualname__", "__name__", "__supertype__")


def _decode_new_type(parts: tuple[Any, ...]) -> Any:
    """A library's new type is restored by name. One of the notebook is restored from its parts: its name may have another value by now."""
    module, qualname, name, supertype, own = parts
    if module != "__main__":
        found: Any = sys.modules.get(module)
        for part in qualname.split("."):
            found = getattr(found, part, None)
        if type(found) is _NEW:
            return found
    made = _NEW(name, supertype)
    made.__dict__.update({"__module__": module, "__qualname__": qualname, **(own or {})})
    return made


_TYPE_VARIABLES: dict[str, Any] = {
    name: getattr(typing, name) for name in ("TypeVar", "ParamSpec", "TypeVarTuple") if hasattr(typing, name)
}
_VARIANCE = ("__bound__", "__covariant__", "__contravariant__", "__infer_variance__", "__default__")
_NO_DEFAULT = getattr(typing, "NoDefault", None)
_OF_TYPE_VARIABLE = {*_VARIANCE, "__name__", "__module__", "__constraints__"}


def _encode_type_variable(value: Any) -> Parts:
    """Encodes a library's type variable by name. Others are identified by cloudpickle's tracker, which recognizes a type variable while it
    lives."""
    module, name = value.__module__, value.__name__
    if module != "__main__" and getattr(sys.modules.get(module), name, None) is value:
        return Parts((module, name), None)
    kind = type(value).__name__
    later = type_parameters.unevaluated(value)
    read = [option for option in _VARIANCE if option[2:-2] not in later]
    options = {option[2:-2]: getattr(value, option) for option in read if hasattr(value, option)}
    if options.get("default", _NO_DEFAULT) is _NO_DEFAULT:
        options.pop("default", None)
    # These are properties, not attributes, since Python 3.12.
    own = {one: part for one, part in getattr(value, "__dict__", {}).items() if one not in _OF_TYPE_VARIABLE}
    known_by = cloudpickle._get_or_create_tracker_id(value)
    constraints = () if "constraints" in later else getattr(value, "__constraints__", ())
    parts = (
        module,
        name,
        kind,
        known_by,
        constraints,
        options,
        own or None,
        *([tuple(later)] if later else []),
    )
    return Parts(parts, later or None)


def _decode_type_variable(parts: tuple[Any, ...]) -> Any:
    module, name, *more = parts
    if not more:
        found = getattr(importlib.import_module(module), name)
        if type(found) not in _TYPE_VARIABLES.values():
            raise TypeError(f"{module}.{name} is not a type variable")
        return found
    kind, known_by, constraints, options, own, *later = more
    make = _TYPE_VARIABLES[kind]
    # Inferred variance was added in Python 3.12, defaults in 3.13.
    taken = {"infer_variance": (3, 12), "default": (3, 13)}
    known = {one: option for one, option in options.items() if sys.version_info >= taken.get(one, ())}
    if later:
        made = type_parameters.made(kind, name, list(later[0]), {**known, "constraints": constraints})
    else:
        made = make(name, *constraints, **known)
    made.__module__ = module
    found = cloudpickle._lookup_class_or_track(known_by, made)
    # A live one keeps its attributes, because classes refer to it. If they differ, the value is reported as not identical.
    if found is made and own:
        made.__dict__.update(own)
    return found


def _fill_type_variable(variable: Any, later: dict[str, Any] | None) -> None:
    if later:
        type_parameters.set_evaluators(variable, later)


def _encode_sentinel(value: Any) -> tuple[Any, ...]:
    return value.__name__, value.__module__


def _decode_sentinel(parts: tuple[Any, ...]) -> Any:
    made = _SENTINEL(parts[0])
    made.__module__ = parts[1]
    return made


#: Since Python 3.15. Those that a library's module holds are found by name.
_SENTINEL: Any = getattr(builtins, "sentinel", None)
_SENTINELS = (
    {} if _SENTINEL is None else {_SENTINEL: Codec("stdlib.sentinel", _encode_sentinel, _decode_sentinel)}
)
_WEAK = (
    (weakref.WeakValueDictionary, _encode_weak_values, _fill_mapping),
    (weakref.WeakKeyDictionary, _encode_weak_keys, _fill_mapping),
    (weakref.WeakSet, _encode_weak_set, _fill_set),
)
_ITERATORS = [
    "accumulate",
    "chain",
    "combinations",
    "combinations_with_replacement",
    "compress",
    "cycle",
    "dropwhile",
    "filterfalse",
    "groupby",
    "islice",
    "permutations",
    "product",
    "starmap",
    "takewhile",
    "zip_longest",
]

CODECS: dict[type, Codec] = {
    datetime.timezone: Codec("stdlib.timezone", _encode_zone, _decode_zone, immutable=True),
    zoneinfo.ZoneInfo: Codec(
        "stdlib.ZoneInfo", _encode_zone_info, lambda parts: zoneinfo.ZoneInfo(parts[0]), immutable=True
    ),
    decimal.Context: Codec("stdlib.DecimalContext", _encode_decimal_context, _decode_decimal_context),
    re.Pattern: Codec(
        "stdlib.Pattern",
        lambda value: (value.pattern, value.flags),
        lambda parts: re.compile(*parts),
        immutable=True,
    ),
    re.Match: Codec("stdlib.Match", _encode_match, _decode_match, immutable=True, native=False),
    struct.Struct: Codec(
        "stdlib.Struct", lambda value: (value.format,), lambda parts: struct.Struct(parts[0]), immutable=True
    ),
    **_SENTINELS,
    **dict.fromkeys(
        _TYPE_VARIABLES.values(),
        Codec(
            "stdlib.TypeVariable",
            _encode_type_variable,
            _decode_type_variable,
            _fill_type_variable,
            immutable=True,
        ),
    ),
    _NEW: Codec("stdlib.NewType", _encode_new_type, _decode_new_type, immutable=True),
    random.SystemRandom: Codec(
        "stdlib.SystemRandom", lambda value: (), lambda parts: random.SystemRandom(), immutable=True
    ),
    contextvars.ContextVar: Codec(
        "stdlib.ContextVar", _encode_context_variable, _decode_context_variable, _fill_context_variable
    ),
    itertools.count: Codec("stdlib.count", _encode_count, _decode_count),
    itertools.repeat: Codec("stdlib.repeat", _encode_repeat, lambda parts: itertools.repeat(*parts)),
    **dict(
        (
            _codec(datetime.date, _reading(_DATE), _make(datetime.date), immutable=True),
            _codec(datetime.datetime, _reading(_DATETIME), _make_moment(datetime.datetime), immutable=True),
            _codec(datetime.time, _reading(_CLOCK), _make_moment(datetime.time), immutable=True),
            _codec(datetime.timedelta, _reading(_SPAN), _make(datetime.timedelta), immutable=True),
            _codec(decimal.Decimal, _encode_decimal, _make_decimal, immutable=True),
            _codec(
                fractions.Fraction,
                lambda value: (value._numerator, value._denominator),
                _make(fractions.Fraction),
                immutable=True,
            ),
            _codec(uuid.UUID, lambda value: (value.int, value.is_safe.name), _make_uuid, immutable=True),
            _codec(collections.deque, _encode_deque, _make_deque, collections.deque.extend),
            _codec(collections.OrderedDict, _encode_ordered, _plain, _fill_ordered),
            _codec(collections.defaultdict, _encode_default, _plain, _fill_default),
            _codec(collections.Counter, encode_items, _plain, fill_items),
            _codec(
                types.SimpleNamespace, lambda value: Parts((), own_dict(value) or {}), _plain, restore_dict
            ),
            _codec(
                functools.cached_property,
                _encode_cached_property,
                _plain,
                _fill_cached_property,
                native=False,
            ),
            _codec(array.array, _encode_array, _make_array),
            _codec(io.StringIO, _encode_stream, _empty, _fill_stream, inherit=False),
            _codec(io.BytesIO, _encode_stream, _empty, _fill_stream, inherit=False),
            _codec(random.Random, _encode_random, _make_random, _fill_random),
            _codec(weakref.WeakMethod, _encode_weak_method, _make_weak_method, native=False),
            *(
                _codec(kind, encode, _empty, fill, inherit=False, native=False)
                for kind, encode, fill in _WEAK
            ),
            *(
                _codec(kind, lambda value: (str(value),), _make_path, immutable=True)
                for kind in (
                    pathlib.PosixPath,
                    pathlib.WindowsPath,
                    pathlib.PurePosixPath,
                    pathlib.PureWindowsPath,
                )
            ),
        )
    ),
}
_ITERATOR = Codec("stdlib.iterator", _encode_iterator, _decode_iterator, _fill_iterator, native=False)
_MEMORY = Codec("stdlib.ctypes", _encode_memory, _decode_memory, native=False)
NAMED = keyed(*CODECS.values(), _ITERATOR, _MEMORY)
CODECS.update({getattr(itertools, name): _ITERATOR for name in _ITERATORS})
