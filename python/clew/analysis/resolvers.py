"""Modules that are loaded and that code gets at by a name in a text: out of `sys.modules`, or by what looks something up by its dotted name.

Where the name stands in the code, that module counts; where the code has the name from elsewhere, or goes over all modules, all of the
user's own modules count that are loaded, beside those that its texts name. Of the user's own modules those count, too, that a text names
which stands in the code, or in a variable: any library may look them up.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import partial
from itertools import islice
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

from clew.analysis.bytecode import (
    ATTRIBUTES,
    LONGEST_TEXT,
    Mention,
    called,
    code_in,
    constant,
    constants,
    mentions,
)
from clew.analysis.own_modules import OwnCode, module_of, own_modules
from clew.analysis.scope import Scope
from clew.analysis.submodules import goes_over_all, looked_for, may_have_sys

#: What goes over all that is installed when it is imported.
_LISTING = "pkg_resources"
#: What a distribution offers by names, and where it comes from.
_ENTRY_POINT, _ENTRY_POINTS = "EntryPoint", ("importlib.metadata", "importlib_metadata")
#: What looks a module, or something in one, up by its name, whatever it is an attribute of.
_BY_NAME = frozenset(
    (
        *("import_module", "__import__", "find_spec", "find_loader", "run_module", "importorskip"),
        *("resolve_name", "import_optional_dependency", _ENTRY_POINT, "entry_points", "load_entry_point"),
        *("loadTestsFromName", "loadTestsFromNames", "dictConfig", "fileConfig", "safeimport"),
        *("_importer", "_get_target", "_normalize_module", "_dot_lookup"),
    )
)
#: The same, by names that others use for other things: these count by where they come from.
_OF_LIBRARY = {
    "locate": ("pydoc",),
    "resolve": ("pydoc",),
    "render_doc": ("pydoc",),
    "patch": ("unittest.mock", "mock.mock"),
    "_patch_dict": ("unittest.mock", "mock.mock"),
    "_patch_multiple": ("unittest.mock", "mock.mock"),
}
#: Ways to patch: by a name, and an object that is there.
_PATCHES, _PATCHES_OBJECT = frozenset(("dict", "multiple")), "object"
#: How that argument may be called.
_ARGUMENTS = ("name", "path", "target", "mod_name", "modname", "in_dict", "thing")
#: What runs the code in a text.
_RUNS = frozenset(("eval", "exec", "timeit", "repeat", "Timer", "run_cell"))
_LIBRARIES_THAT_RUN = frozenset(("builtins", "timeit"))
#: What stands in texts by which code gets at modules.
_IN_TEXTS = ("import", "modules", "resolve_name", "locate")
#: Texts within texts are followed so deep.
_DEEPEST = 3
#: So many members of a variable are looked at.
MOST_TEXTS = 1000


def within_texts(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> list[CodeType]:
    """The code in texts that code has run: `timeit.timeit("mine.X", "import mine")`."""
    found, waiting = list[CodeType](), [(code, 0) for code in codes]
    while waiting:
        code, depth = waiting.pop()
        if depth < _DEEPEST and _runs_texts(code, namespace):
            inner = [one for text in _texts_of(code, namespace) for one in code_in(text)]
            found += inner
            waiting += [(one, depth + 1) for one in inner]
    return found


def by_text(codes: Iterable[CodeType], namespace: Mapping[str, Any], own: Iterable[OwnCode]) -> set[str]:
    """Modules that are loaded and that code, or code of the user's own modules, may get at by a text."""
    scopes = [Scope(code, namespace) for code in codes]
    every = [*scopes, *(Scope(one.code, one.namespace) for one in own)]
    has_sys = any(may_have_sys(one.code, namespace) for one in scopes)
    found, is_any = set[str](), False
    for scope in every:
        is_of_cell = scope.namespace is namespace
        named = _named(scope, has_sys=has_sys if is_of_cell else may_have_sys(scope.code, scope.namespace))
        is_any |= named is None
        found |= named or set()
    owned = own_modules()
    texts = set[str]()
    if is_any or owned:
        texts.update(text for one in every for text in constants(one.code) if type(text) is str)
        held = (one.namespace[name] for one in scopes for name in one.code.co_names if name in one.namespace)
        texts.update(text for value in held for text in _texts_in(value))
    loaded = {module for text in (found | texts if is_any else found) for module in _loaded(text)}
    firsts = {name.partition(".")[0] for name in owned}
    told = (text for text in texts if len(text) < LONGEST_TEXT and not firsts.isdisjoint(_WORD.findall(text)))
    return loaded | (owned if is_any else {module for text in told for module in _told_in(text, owned)})


def lists_installed(codes: Iterable[CodeType], namespace: Mapping[str, Any], own: Iterable[OwnCode]) -> bool:
    """Whether code, or code of the user's own modules, may use the list of what is installed that a library made when it was imported."""
    if _LISTING not in sys.modules:
        return False
    every = [*((code, namespace) for code in codes), *((one.code, one.namespace) for one in own)]
    return any(
        _LISTING in (*code.co_names, *code.co_consts, *(module_of(live.get(name)) for name in code.co_names))
        for code, live in every
    )


def _named(scope: Scope, *, has_sys: bool) -> set[str] | None:
    """The texts by which some code gets at modules; `None` where it may have others."""
    code, namespace = scope.code, scope.namespace
    if goes_over_all(code, namespace, has_sys) or _runs_unknown(code, namespace):
        return None
    found = looked_for(code, namespace, has_sys)
    names = code.co_names
    held = [namespace[name] for name in names if name in namespace]
    if any(map(_has_entry_points, held)) or any(
        type(one) is str and one in _BY_NAME for one in code.co_consts
    ):
        return None
    if _BY_NAME.union(_OF_LIBRARY).isdisjoint(names) and not any(map(_is_resolver, held)):
        return found
    for mention in mentions(scope.steps):
        if not _resolves(scope, mention):
            continue
        text = _given(scope, mention)
        if type(text) is not str:
            return None
        found.add(text)
    return found


def _resolves(scope: Scope, mention: Mention) -> bool:
    """Whether what is mentioned looks something up by a name."""
    meaning = scope.meaning(mention)
    if len(mention.path) > 1 and mention.name in _PATCHES and mention.path[-2] == "patch":
        return _is_resolver(scope.meaning(mention._replace(path=mention.path[:-1])))
    if not _is_resolver(meaning):
        return mention.name in _BY_NAME
    after = scope.steps[mention.place + 1 : mention.place + 2]
    is_of_patch = mention.name == "patch" and any(one.opname in ATTRIBUTES for one in after)
    return not (is_of_patch and after[0].argval in (_PATCHES_OBJECT, *_PATCHES))


def _given(scope: Scope, mention: Mention) -> Any:
    """The name that what is mentioned is given, if it stands there."""
    call, meaning = called(scope.steps, mention.place), scope.meaning(mention)
    if call is None:
        return None
    if mention.name == _ENTRY_POINT or (isinstance(meaning, type) and meaning.__name__ == _ENTRY_POINT):
        return constant(call.given(1, "value"))
    return constant(call.given(0, *_ARGUMENTS))


def _is_resolver(value: object) -> bool:
    value = value.func if type(value) is partial else value
    if isinstance(value, type):
        return value.__name__ == _ENTRY_POINT and value.__module__.startswith(_ENTRY_POINTS)
    if not isinstance(value, FunctionType | BuiltinFunctionType):
        return False
    return value.__name__ in _BY_NAME or value.__module__ in _OF_LIBRARY.get(value.__name__, ())


def _has_entry_points(value: object) -> bool:
    """Whether a variable is an entry point, which loads what its value names, or holds some."""
    value = next(iter(value), None) if type(value) in (list, tuple) else value  # type: ignore[call-overload]
    kind = type(value)
    return kind.__name__ in ("EntryPoint", "EntryPoints") and kind.__module__.startswith(_ENTRY_POINTS)


def _runs_texts(code: CodeType, namespace: Mapping[str, Any]) -> bool:
    if not _RUNS.isdisjoint(code.co_names):
        return True
    held = (namespace.get(name) for name in code.co_names)
    functions = (one for one in held if isinstance(one, FunctionType | BuiltinFunctionType))
    return any(one.__name__ in _RUNS and one.__module__ in _LIBRARIES_THAT_RUN for one in functions)


def _runs_unknown(code: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Whether code makes the code that it runs, and that may get at modules."""
    if not _runs_texts(code, namespace):
        return False
    texts = (text for text in _texts_of(code, namespace) if any(word in text for word in _IN_TEXTS))
    return any(not list(code_in(text)) for text in texts)


def _texts_of(code: CodeType, namespace: Mapping[str, Any]) -> Iterator[str]:
    yield from (text for text in constants(code) if type(text) is str)
    yield from (text for text in map(namespace.get, code.co_names) if type(text) is str)


def _texts_in(value: object) -> Iterator[str]:
    """The texts that a variable is or holds."""
    waiting, met = [value], 0
    while waiting and met < MOST_TEXTS:
        one: Any = waiting.pop()
        met += 1
        if type(one) is str:
            yield one
        elif type(one) in (list, tuple, set, frozenset, dict):
            waiting += islice(one, MOST_TEXTS)
            waiting += islice(one.values(), MOST_TEXTS) if type(one) is dict else ()


_WORD = re.compile(r"[A-Za-z_]\w*")
#: Names with dots in a text, each with the letters around it, and what stands behind a colon.
_DOTTED = re.compile(r"(.?)\b([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?=(?::([A-Za-z_]\w*))?(.?))", re.DOTALL)
_IMPORTS = re.compile(r"\bimport\b")
_AROUND = frozenset("'\"[]")


def _told_in(text: str, own: Set[str]) -> Iterator[str]:
    """Those of the user's `own` modules that a text may have somebody look up, whoever that is: it is the module's name, names something in it
    (`mine.X`, `mine:X`, also within a longer text), or is code that imports it or takes it out of a table."""
    is_code = _IMPORTS.search(text) is not None
    for before, dotted, behind, after in _DOTTED.findall(text):
        parts = dotted.split(".")
        many = next((many for many in range(len(parts), 0, -1) if ".".join(parts[:many]) in own), 0)
        if not many:
            continue
        name, then = ".".join(parts[:many]), (*parts[many:], *filter(None, [behind]))
        is_name = not then and (text.strip() == name or (before in _AROUND and after in _AROUND))
        if is_code or is_name or (then and then[0] in vars(sys.modules[name])):
            yield name


def _loaded(text: str) -> Iterator[str]:
    """The module that a text names, or names something in: `mine`, `mine.X` or `mine:X`."""
    parts = text.partition(":")[0].strip().split(".") if len(text) < LONGEST_TEXT else []
    names = (".".join(parts[:many]) for many in range(len(parts), 0, -1))
    yield from islice((name for name in names if name in sys.modules), 1)
