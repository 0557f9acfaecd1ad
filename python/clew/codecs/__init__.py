"""What libraries' objects are made of, one file a library. What else is known of libraries stands in `clew.codecs.libraries`.

In comes an object of a type that the raw walk does not know by heart, out go *parts*: tuples of plain Python values,
live sub-objects and `Buffer`s over memory. The parts are part of the fingerprint and are what is stored; on the way
back `decode` gets the same tuple, in which each `Buffer` has become a writable `memoryview` over memory of its own
(several `Buffer`s over one extent see the same memory, at addresses that keep their alignment).

The parts cover the whole object, its attribute dict and the slots of a subclass included (`subclasses` sees to those):
whoever writes the parts down adds nothing of the object to them, and puts nothing into it after `decode` and `fill`.

A codec promises:

- `encode` runs no code of the user's, changes nothing, draws nothing, and gives the same parts after a mere read;
- `encode(decode(parts))` gives the same parts again, which is how a load is verified;
- no library is imported before the session has it: types are found by the module they name.

Objects without a value raise `NoValue`; the walk then treats them as opaque, with the text as the reason.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from clew.codecs import libraries
from clew.codecs.codec import Codec, NoValue, Parts, keyed, kinds_below

__all__ = ["LIBRARIES", "Codec", "NoValue", "Parts", "find", "keyed", "kinds_below", "named"]


LIBRARIES: Mapping[str, str] = {module: file for one in libraries.ALL for module, file in one.codecs.items()}
"""Which file knows the types of which package; every other module's types are looked for in `stdlib`."""

_FILES = {file.rpartition(".")[2]: file for file in (*LIBRARIES.values(), "stdlib", "errors", "closed")} | {
    "inherited": "subclasses"
}
"""The files with codecs, by the names that are stored. One within `libraries` is stored under its own name, too; the codecs of
`subclasses` are stored as `inherited`."""

RELOADED: Mapping[str, str] = dict.fromkeys(
    ("_csv", "bz2", "gzip", "lzma", "sqlite3", "tarfile", "zipfile"), "closed"
)
"""Which file learns more types when the session imports a module."""

HANDLES: Mapping[str, str] = {key: file for one in libraries.ALL for key, file in one.handles.items()}
REGISTERED: Mapping[str, str] = {key: file for one in libraries.ALL for key, file in one.registered.items()}
STAND_INS: Mapping[str, str] = {begin: file for one in libraries.ALL for begin, file in one.stand_ins.items()}


def find(kind: type) -> Codec | None:
    """The codec for exactly this type, if there is one. The answer for a type never changes."""
    codec = _exact(kind)
    return codec if codec is not None else _inherited(kind)


def named(name: str) -> Codec:
    """The codec that a stored name means.

    Raises `LookupError` if this version of Clew has none of that name, `ImportError` if its library is not installed.
    """
    file, _, key = name.partition(".")
    # What these codecs have in common is said by the name (crates/clew-core/src/format/manifest.rs).
    file = {"handle": HANDLES, "registered": REGISTERED}.get(file, {}).get(key, file)
    path = _FILES.get(file)
    codec = None if path is None else importlib.import_module(f"{__name__}.{path}").NAMED.get(key)
    if not isinstance(codec, Codec):
        raise LookupError(f"There is no codec named {name}")
    return codec


def _exact(kind: type) -> Codec | None:
    if kind is TracebackType:
        return named("errors.traceback")
    module = str(kind.__module__)
    for begins, name in STAND_INS.items():
        if module.startswith(begins):
            codec = importlib.import_module(f"{__name__}.{name}").CODECS.get(kind)
            return codec if isinstance(codec, Codec) else None
    file = _file(kind)
    if file is None:
        return None
    codec = file.CODECS.get(kind)
    if codec is None and hasattr(file, "codec_for"):
        codec = file.codec_for(kind)
    if codec is None and file is importlib.import_module(f"{__name__}.stdlib"):
        codec = importlib.import_module(f"{__name__}.closed").codec_for(kind)
    return codec if isinstance(codec, Codec) else None


def _inherited(kind: type) -> Codec | None:
    """The codec for a subclass that only adds attributes to a type with hidden state."""
    from . import errors, subclasses

    if issubclass(kind, BaseException):
        return errors.codec_for(kind)
    for base in kind.__mro__[1:-1]:
        codec = _exact(base)
        if codec is not None:
            return subclasses.codec_for(kind, base, codec)
    return None


def _file(kind: type) -> Any:
    """The file that may know this type; `None` while its library is not loaded."""
    module = kind.__module__
    if not isinstance(module, str):
        return None
    package = module.partition(".")[0]
    file = LIBRARIES.get(package, "stdlib")
    if file != "stdlib" and package not in sys.modules:
        return None
    try:
        return importlib.import_module(f"{__name__}.{file}")
    except ImportError:
        return None
