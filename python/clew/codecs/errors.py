"""Exceptions with everything that users may inspect, and tracebacks with what they print.

A reducer stores only an exception's arguments. This codec adds cause, context, notes, attributes, and the fields hidden in C types. Of a
traceback it stores the file, function and line of each frame, but not the variables.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from clew._engine import lacks_frames

from . import Codec, Parts, keyed
from .subclasses import HEAP_TYPE, attributes, defines_pickling, restore_attributes

FIELDS: tuple[tuple[type[BaseException], tuple[str, ...]], ...] = (
    (OSError, ("errno", "strerror", "filename", "filename2")),
    (ImportError, ("msg", "name", "path")),
    (
        SyntaxError,
        ("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset", "print_file_and_line"),
    ),
    (UnicodeDecodeError, ("encoding", "object", "start", "end", "reason")),
    (UnicodeEncodeError, ("encoding", "object", "start", "end", "reason")),
    (UnicodeTranslateError, ("object", "start", "end", "reason")),
    (StopIteration, ("value",)),
    (SystemExit, ("code",)),
    (AttributeError, ("name", "obj")),
    (NameError, ("name",)),
)
"""Fields in the C part of an exception, by the type that has them."""


def codec_for(kind: type[BaseException]) -> Codec | None:
    """Returns the codec for exceptions of this class; `None` if the class defines its own pickling."""
    base = next(part for part in kind.__mro__ if not part.__flags__ & HEAP_TYPE)
    return None if defines_pickling(kind, base) else _EXCEPTION


def _encode(error: BaseException) -> Parts:
    base = next(part for part in type(error).__mro__ if not part.__flags__ & HEAP_TYPE)
    own, slots = attributes(error, object)
    state = {
        "own": own,
        "slots": slots,
        "fields": _fields(error),
        "cause": error.__cause__,
        "context": error.__context__,
        "suppress": error.__suppress_context__,
        "traceback": error.__traceback__,
    }
    group = (error.message, error.exceptions) if isinstance(error, BaseExceptionGroup) else None
    return Parts((type(error), base, group), (error.args, state))


def _fields(error: BaseException) -> dict[str, Any]:
    names = next((names for kind, names in FIELDS if isinstance(error, kind)), ())
    found = {name: getattr(error, name) for name in names}
    if isinstance(error, UnicodeError) and found.get("object") is None:
        return {}
    return found


def _decode(parts: tuple[Any, ...]) -> BaseException:
    kind, base, group = parts
    arguments = group if group is not None else ()
    made: BaseException = base.__new__(kind, *arguments)
    return made


def _fill(error: BaseException, state: Any) -> None:
    error.args, parts = state
    if parts:
        _complete(error, parts)
    else:
        # It is part of a group that is its own cause or context: the group is built from it, and the dict is filled after the group.
        error.__dict__[_LEFT] = parts


_LEFT = "clew: left open"


def _finish(error: BaseException) -> None:
    if parts := error.__dict__.pop(_LEFT, None):
        _complete(error, parts)


def _complete(error: BaseException, parts: dict[str, Any]) -> None:
    for name, value in parts["fields"].items():
        if value is not None:  # a field that was never set is displayed differently from one set to None
            setattr(error, name, value)
    restore_attributes(error, parts["own"], parts["slots"])
    error.__cause__ = parts["cause"]
    error.__context__ = parts["context"]
    error.__suppress_context__ = parts["suppress"]
    error.__traceback__ = parts["traceback"]


def _encode_traceback(traceback: types.TracebackType) -> tuple[Any, ...]:
    frames = []
    step: types.TracebackType | None = traceback
    while step is not None:
        code = step.tb_frame.f_code
        module = step.tb_frame.f_globals.get("__name__")
        line = step.tb_lineno or 0
        frames.append((code.co_filename, code.co_name, code.co_qualname, line, str(module)))
        step = step.tb_next
    return tuple(frames)


def _decode_traceback(parts: tuple[Any, ...]) -> types.TracebackType:
    lacks_frames()
    made: types.TracebackType | None = None
    for frame in reversed(parts):
        stand_in = _frame(*frame)
        made = types.TracebackType(made, stand_in, -1, frame[3])
    assert made is not None
    return made


def _frame(filename: str, name: str, qualname: str, line: int, module: str) -> types.FrameType:
    """Creates a frame that names the given function: the frame of an unstarted generator, the only kind without a caller."""
    code = _stand_in.__code__.replace(
        co_filename=filename, co_name=name, co_qualname=qualname, co_firstlineno=max(line, 1)
    )
    generator = types.FunctionType(code, {"__name__": module, "__file__": filename})()
    frame: types.FrameType = generator.gi_frame
    return frame


def _stand_in() -> Iterator[None]:
    yield


_EXCEPTION = Codec("errors.exception", _encode, _decode, _fill, _finish, native=False)
_TRACEBACK = Codec("errors.traceback", _encode_traceback, _decode_traceback, native=False)
NAMED = keyed(_EXCEPTION, _TRACEBACK)
CODECS: dict[type, Codec] = {types.TracebackType: _TRACEBACK}
