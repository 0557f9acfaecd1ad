"""Which files a task's function opens: by a path that stands in its code or is given to it, so that the key knows the file, or by another.

Read off the code. What is put together while the task runs, found in a folder or looked up in something is known to nobody before.
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
    mentions,
    texts_of,
)
from clew.analysis.generator_factories import own_argument
from clew.analysis.scope import Scope
from clew.codecs.libraries import ALL, union

#: What opens the file whose path it is given first, or by one of these names.
_OPENERS = union("opens_files") - {"load"} | {"open"}
_PATHS = ("file", "path", "filepath_or_buffer", "path_or_buf", "io", "fname", "filename", "source", "uri")
#: So much else is called `load` that it has to be of one of these.
_LOADERS = frozenset(one.name for one in ALL if "load" in one.opens_files.split())
#: What opens the path that it belongs to.
_OF_PATHS = frozenset(("open", "read_text", "read_bytes"))
_LISTS = frozenset(("glob", "iglob", "rglob", "iterdir", "listdir", "scandir", "walk"))
_JOINS = frozenset(("joinpath", "with_suffix", "with_name", "with_stem", "expanduser"))
_SAME = (Path, PurePath, str, os.fspath, io.StringIO, io.BytesIO)
_DEEPEST = 4
#: Stands before the name of an argument that has to be a path, and alone for code that puts texts together.
NEEDS_PATH = BUILDS = "/"

OPENS = "it opens a file whose name is known only at run time"


def needs_of(scope: Scope) -> set[str] | None:
    """Arguments that have to be paths, and `BUILDS`; `None` where the function opens what nobody can tell before."""
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
    """Whether a key knows the file that a value names, if it names any."""
    if isinstance(value, str | PurePath):
        return any(one in str(value) for one in "./")
    return not isinstance(value, bytes)


def _builds(scope: Scope) -> bool:
    """Whether texts that may be parts of paths are put together."""
    names = scope.code.co_names
    if not _JOINS.isdisjoint(names) or ("path" in names and "join" in names):
        return True
    if not any(map(is_known, texts_of(scope.code))):
        return False
    return "format" in names or any(one.opname in ("BUILD_STRING", "BINARY_OP") for one in scope.steps)


def _opened(scope: Scope, mention: Mention) -> bool | str:
    """Whether the key knows the file that is opened there, if any is; an argument's name where it is the path."""
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
    """The path that is told before the dot."""
    end = mention.place
    if mention.path[0]:
        return _path(scope, scope.steps[end - len(mention.path) + 1 : end])
    # What was called right before.
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
    """What is given to a call that makes the same of it."""
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
    """A function's own name: what a loop or `with` gives it, or what it is bound to once."""
    steps = scope.steps
    places = [at for at, one in enumerate(steps) if one.opname == "STORE_FAST" and one.argval == name]
    before = {steps[at - 1].opname for at in places}
    if any(one.opname == "LOAD_FAST_AND_CLEAR" and one.argval == name for one in steps):
        # What the name stood for before a comprehension is put back.
        before -= {"SWAP", "END_FOR", "POP_TOP"}
    if not places or before <= {"BEFORE_WITH"}:
        return bool(places)
    if before <= {"FOR_ITER", "BEFORE_WITH"}:
        return not _builds(scope)
    if len(places) > 1:
        return False
    begin = places[0] - 1
    while begin and steps[begin].begin[0] == steps[begin - 1].begin[0]:
        begin -= 1
    return _path(scope, steps[begin : places[0]], depth + 1)
