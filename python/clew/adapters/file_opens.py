"""Determines which files a task's function opens: with a path in its code or arguments, which its key covers, or with another path.

Reads the code only. A path that is built at run time, found in a folder or looked up elsewhere cannot be determined in advance.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from types import ModuleType

from clew.analysis.bytecode import (
    Call,
    Mention,
    Step,
    called,
    constant,
    dotted,
    is_bound_by_with,
    mentions,
    texts_of,
)
from clew.analysis.generator_factories import own_argument
from clew.analysis.scope import Scope
from clew.codecs.libraries import ALL, union

#: Functions that open a file. The path is the first argument, or one with these names.
_OPENERS = union("opens_files") - {"load"} | {"open"}
_PATHS = ("file", "path", "filepath_or_buffer", "path_or_buf", "io", "fname", "filename", "source", "uri")
#: `load` is a frequent name, so it counts only in these libraries.
_LOADERS = frozenset(one.name for one in ALL if "load" in one.opens_files.split())
#: Methods that open the path that they belong to.
_OF_PATHS = frozenset(("open", "read_text", "read_bytes"))
_LISTS = frozenset(("glob", "iglob", "rglob", "iterdir", "listdir", "scandir", "walk"))
_JOINS = frozenset(("joinpath", "with_suffix", "with_name", "with_stem", "expanduser"))
_SAME = (Path, PurePath, str, os.fspath, io.StringIO, io.BytesIO)
_DEEPEST = 4
#: The prefix of an argument that must be a path. Alone, it marks code that builds texts.
NEEDS_PATH = BUILDS = "/"

OPENS = "it opens a file whose name is known only at run time"


def needs_of(scope: Scope) -> set[str] | None:
    """Returns the arguments that must be paths, and `BUILDS`; `None` if the function opens a file that cannot be determined in advance."""
    names = frozenset(scope.code.co_names)
    found = {BUILDS} if _builds(scope) else set[str]()
    if not _LISTS.isdisjoint(names):
        return None
    if _OPENERS.isdisjoint(names) and _OF_PATHS.isdisjoint(names) and "load" not in names:
        return found
    for mention in mentions(scope.steps):
        told = _opened(scope, mention)
        if told is False:
            return None
        if isinstance(told, str):
            found.add(NEEDS_PATH + told)
    return found


def is_known(value: object) -> bool:
    """Returns whether the key covers the file that a value names, if it names one."""
    if isinstance(value, str | PurePath):
        return any(one in str(value) for one in "./")
    return not isinstance(value, bytes)


def _builds(scope: Scope) -> bool:
    """Returns whether the code builds texts that may be parts of paths."""
    names = scope.code.co_names
    if not _JOINS.isdisjoint(names) or ("path" in names and "join" in names):
        return True
    if not any(map(is_known, texts_of(scope.code))):
        return False
    return "format" in names or any(one.opname in ("BUILD_STRING", "BINARY_OP") for one in scope.steps)


def _opened(scope: Scope, mention: Mention) -> bool | str:
    """Returns whether the key covers the file that is opened at a mention, if any; or the name of the argument that is the path."""
    name = mention.name
    if name not in _OPENERS and name not in _OF_PATHS and name != "load":
        return True
    holder: object = NotImplemented
    if len(mention.path) > 1 and mention.path[0]:
        holder = scope.meaning(Mention(mention.path[:-1], mention.place, mention.is_local))
    if name == "load" and not (type(holder) is ModuleType and holder.__name__.partition(".")[0] in _LOADERS):
        return True
    if len(mention.path) > 1 and name in _OF_PATHS and not isinstance(holder, ModuleType | type):
        return _holder(scope, mention)
    call = called(scope.steps, mention.place)
    return call is not None and (_only_writes(name, call) or _path(scope, call.given(0, *_PATHS)))


def _only_writes(name: str, call: Call) -> bool:
    mode = constant(call.given(1, "mode"))
    return name == "open" and isinstance(mode, str) and mode[:1] in ("w", "a", "x") and "+" not in mode


def _holder(scope: Scope, mention: Mention) -> bool | str:
    """Checks the path before the dot."""
    end = mention.place
    if mention.path[0]:
        return _path(scope, scope.steps[end - len(mention.path) + 1 : end])
    # The object is the result of the call right before.
    for one in mentions(scope.steps[:end]):
        call = called(scope.steps[:end], one.place)
        if (
            call is not None
            and scope.meaning(one) in _SAME[:2]
            and _length(call.arguments) >= end - one.place - 4
        ):
            return _path(scope, call.given(0))
    return False


def _length(parts: list[Sequence[Step]]) -> int:
    return sum(map(len, parts))


def _path(scope: Scope, given: Sequence[Step] | None, depth: int = 0) -> bool | str:
    if not given or depth > _DEEPEST:
        return False
    value = constant(given)
    if value is not NotImplemented:
        return is_known(value)
    mention = dotted(given)
    if mention is None:
        return any(_path(scope, inner, depth + 1) for inner in _same_as(scope, given))
    if own := own_argument(scope, given[:1]):
        return own
    meaning = scope.meaning(mention)
    if meaning is not NotImplemented:
        return is_known(meaning)
    return _stored(scope, mention.path[0], depth)


def _same_as(scope: Scope, given: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Yields the arguments of calls that return the same path in another form."""
    for one in mentions(given):
        call = called(given, one.place)
        if call is not None:
            meaning = scope.meaning(one)
            if (
                any(meaning is same for same in _SAME)
                and len(call.arguments) == 1
                and len(given) - len(call.arguments[0]) < 6
            ):
                yield call.arguments[0]
            return


def _stored(scope: Scope, name: str, depth: int) -> bool | str:
    """Checks a local variable: bound by a loop or `with`, or bound once."""
    steps = scope.steps
    places = [at for at, one in enumerate(steps) if one.opname == "STORE_FAST" and one.argval == name]
    before = {"with" if is_bound_by_with(steps, at) else steps[at - 1].opname for at in places}
    if any(one.opname == "LOAD_FAST_AND_CLEAR" and one.argval == name for one in steps):
        # After a comprehension, the previous value of the name is put back.
        before -= {"SWAP", "END_FOR", "POP_TOP"}
    if not places or before <= {"with"}:
        return bool(places)
    if before <= {"FOR_ITER", "with"}:
        return not _builds(scope)
    if len(places) > 1:
        return False
    begin = places[0] - 1
    while begin and steps[begin].begin[0] == steps[begin - 1].begin[0]:
        begin -= 1
    return _path(scope, steps[begin : places[0]], depth + 1)
