"""Loaded modules that code accesses by a name in a text: through `sys.modules`, or through functions that resolve dotted names.

If the name is a constant, that module counts. If the name comes from elsewhere, or the code iterates over all modules, all of the user's
own loaded modules count, besides those that its texts name. The user's own modules also count if a text in the code, or in a variable,
names them: any library may look them up.
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

#: Enumerates all installed packages at its import.
_LISTING = "pkg_resources"
#: The class of a distribution's entry points, and its modules.
_ENTRY_POINT, _ENTRY_POINTS = "EntryPoint", ("importlib.metadata", "importlib_metadata")
#: Names of functions that look up a module, or an attribute of one, by name, in any namespace.
_BY_NAME = frozenset(
    (
        *("import_module", "__import__", "find_spec", "find_loader", "run_module", "importorskip"),
        *("resolve_name", "import_optional_dependency", _ENTRY_POINT, "entry_points", "load_entry_point"),
        *("loadTestsFromName", "loadTestsFromNames", "dictConfig", "fileConfig", "safeimport"),
        *("_importer", "_get_target", "_normalize_module", "_dot_lookup"),
    )
)
#: The same, for names that also have other meanings: these count only from the given modules.
_OF_LIBRARY = {
    "locate": ("pydoc",),
    "resolve": ("pydoc",),
    "render_doc": ("pydoc",),
    "patch": ("unittest.mock", "mock.mock"),
    "_patch_dict": ("unittest.mock", "mock.mock"),
    "_patch_multiple": ("unittest.mock", "mock.mock"),
}
#: Attributes of `patch`: those that patch by name, and the one that patches a given object.
_PATCHES, _PATCHES_OBJECT = frozenset(("dict", "multiple")), "object"
#: The possible names of that argument.
_ARGUMENTS = ("name", "path", "target", "mod_name", "modname", "in_dict", "thing")
#: Functions that run the code in a text.
_RUNS = frozenset(("eval", "exec", "timeit", "repeat", "Timer", "run_cell"))
_LIBRARIES_THAT_RUN = frozenset(("builtins", "timeit"))
#: Words in texts with which code accesses modules.
_IN_TEXTS = ("import", "modules", "resolve_name", "locate")
#: How deep code in texts is followed.
_DEEPEST = 3
#: The maximal number of items of a variable that are examined.
MOST_TEXTS = 1000


def within_texts(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> list[CodeType]:
    """Returns the code in texts that code runs: `timeit.timeit("mine.X", "import mine")`."""
    found, waiting = list[CodeType](), [(code, 0) for code in codes]
    while waiting:
        code, depth = waiting.pop()
        if depth < _DEEPEST and _runs_texts(code, namespace):
            inner = [one for text in _texts_of(code, namespace) for one in code_in(text)]
            found += inner
            waiting += [(one, depth + 1) for one in inner]
    return found


def by_text(codes: Iterable[CodeType], namespace: Mapping[str, Any], own: Iterable[OwnCode]) -> set[str]:
    """Returns loaded modules that code, or code of the user's own modules, may access by a text."""
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
    """Returns whether code, or code of the user's own modules, may use the list of installed packages that a library created at its
    import."""
    if _LISTING not in sys.modules:
        return False
    every = [*((code, namespace) for code in codes), *((one.code, one.namespace) for one in own)]
    return any(
        _LISTING in (*code.co_names, *code.co_consts, *(module_of(live.get(name)) for name in code.co_names))
        for code, live in every
    )


def _named(scope: Scope, *, has_sys: bool) -> set[str] | None:
    """Returns the texts with which some code accesses modules; `None` if it may use others."""
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
    """Returns whether the mentioned function looks up something by name."""
    meaning = scope.meaning(mention)
    if len(mention.path) > 1 and mention.name in _PATCHES and mention.path[-2] == "patch":
        return _is_resolver(scope.meaning(mention._replace(path=mention.path[:-1])))
    if not _is_resolver(meaning):
        return mention.name in _BY_NAME
    after = scope.steps[mention.place + 1 : mention.place + 2]
    is_of_patch = mention.name == "patch" and any(one.opname in ATTRIBUTES for one in after)
    return not (is_of_patch and after[0].argval in (_PATCHES_OBJECT, *_PATCHES))


def _given(scope: Scope, mention: Mention) -> Any:
    """Returns the name that the mentioned function is called with, if it is a constant."""
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
    """Returns whether a variable is an entry point, which loads what its value names, or contains entry points."""
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
    """Returns whether code builds the code that it runs, and that code may access modules."""
    if not _runs_texts(code, namespace):
        return False
    texts = (text for text in _texts_of(code, namespace) if any(word in text for word in _IN_TEXTS))
    return any(not list(code_in(text)) for text in texts)


def _texts_of(code: CodeType, namespace: Mapping[str, Any]) -> Iterator[str]:
    yield from (text for text in constants(code) if type(text) is str)
    yield from (text for text in map(namespace.get, code.co_names) if type(text) is str)


def _texts_in(value: object) -> Iterator[str]:
    """Yields the texts that a variable is or contains."""
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
#: Matches dotted names in a text, with the adjacent characters, and with the name after a colon.
_DOTTED = re.compile(r"(.?)\b([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?=(?::([A-Za-z_]\w*))?(.?))", re.DOTALL)
_IMPORTS = re.compile(r"\bimport\b")
_AROUND = frozenset("'\"[]")


def _told_in(text: str, own: Set[str]) -> Iterator[str]:
    """Yields those of the user's `own` modules that code may look up through a text. The text is the module's name, names something in it
    (`mine.X`, `mine:X`, also within a longer text), or is code that imports it or gets it from a table."""
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
    """Yields the module that a text names, or in which it names something: `mine`, `mine.X` or `mine:X`."""
    parts = text.partition(":")[0].strip().split(".") if len(text) < LONGEST_TEXT else []
    names = (".".join(parts[:many]) for many in range(len(parts), 0, -1))
    yield from islice((name for name in names if name in sys.modules), 1)
