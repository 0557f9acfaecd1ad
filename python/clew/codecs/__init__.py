"""Codecs for objects of libraries, one file for each library. Other facts about libraries are in `clew.codecs.libraries`.

The input is an object of a type that the raw walk does not handle itself. The output is its *parts*: tuples of plain Python values, live
sub-objects and `Buffer`s over memory. The parts are part of the fingerprint, and are stored. To restore, `decode` gets the same tuple, in
which each `Buffer` is a writable `memoryview` over new memory. Several `Buffer`s over one extent share the new memory, with the same
alignment.

The parts cover the whole object, including its attribute dict and the slots of a subclass (see `subclasses`). The engine stores nothing
else of the object, and adds nothing to it after `decode` and `fill`.

Each codec guarantees:

- `encode` runs none of the user's code, changes nothing, draws no random numbers, and gives the same parts after a mere read;
- `encode(decode(parts))` gives the same parts again: this is how a load is verified;
- it imports no library before the session does: types are recognized by the name of their module.

For objects without a value, `encode` raises `NoValue`. The walk then treats them as opaque, with the text as the reason.
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
"""The file for the types of each package. The types of all other modules are looked up in `stdlib`."""

_FILES = {file.rpartition(".")[2]: file for file in (*LIBRARIES.values(), "stdlib", "errors", "closed")} | {
    "inherited": "subclasses"
}
"""The files with codecs, by stored name. A file within `libraries` is stored under its own name, too; the codecs of `subclasses` are stored
as `inherited`."""

RELOADED: Mapping[str, str] = dict.fromkeys(
    ("_csv", "bz2", "gzip", "lzma", "sqlite3", "tarfile", "zipfile"), "closed"
)
"""The file that gets more codecs when the session imports a module."""

HANDLES: Mapping[str, str] = {key: file for one in libraries.ALL for key, file in one.handles.items()}
REGISTERED: Mapping[str, str] = {key: file for one in libraries.ALL for key, file in one.registered.items()}
STAND_INS: Mapping[str, str] = {begin: file for one in libraries.ALL for begin, file in one.stand_ins.items()}


def find(kind: type) -> Codec | None:
    """Returns the codec for exactly this type, if there is one. The result for a type never changes."""
    codec = _exact(kind)
    return codec if codec is not None else _inherited(kind)


def named(name: str) -> Codec:
    """Returns the codec for a stored name.

    Raises `LookupError` if this version of Clew has no such codec, `ImportError` if its library is not installed.
    """
    file, _, key = name.partition(".")
    # The prefix of the name states what these codecs have in common (crates/clew-core/src/format/manifest.rs).
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
    """Returns the codec for a subclass that only adds attributes to a type with hidden state."""
    from . import errors, subclasses

    if issubclass(kind, BaseException):
        return errors.codec_for(kind)
    for base in kind.__mro__[1:-1]:
        codec = _exact(base)
        if codec is not None:
            return subclasses.codec_for(kind, base, codec)
    return None


def _file(kind: type) -> Any:
    """Returns the file that may have a codec for this type; `None` while its library is not loaded."""
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
