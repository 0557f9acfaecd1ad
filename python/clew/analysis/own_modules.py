"""The user's own modules, and the code of theirs that names in other code lead to.

A module is read as the statements of its file: code that runs at the import, and code that runs when a name is used that a statement binds
(decorated functions, properties, lambdas in a table). Names are matched by spelling only, so the result is an over-approximation.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from inspect import CO_OPTIMIZED
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from clew import evidence
from clew.analysis.bytecode import (
    ATTRIBUTES,
    GLOBAL_LOADS,
    GLOBAL_STORES,
    nested,
    steps_of,
    texts_of,
)
from clew.analysis.names import IDENTIFIER
from clew.installation import code as code_of_others
from clew.installation import environment, is_standard, packages

#: Larger files are not parsed, in bytes.
_LONGEST = 1 << 20


class Statement(NamedTuple):
    """One statement of a module's file."""

    #: Names that lead to it.
    names: frozenset[str]
    #: Code that runs with the statement, including class bodies; and code that runs later.
    at_once: list[CodeType]
    later: list[CodeType]


class OwnCode(NamedTuple):
    """Code of a module; of a cell if the module is empty."""

    module: str
    code: CodeType

    @property
    def namespace(self) -> Mapping[str, Any]:
        """Returns the namespace of its module."""
        return _dictionary(self.module)

    @property
    def is_function(self) -> bool:
        """Returns whether it is the code of a function."""
        return bool(self.code.co_flags & CO_OPTIMIZED)


def of_own_modules(codes: list[CodeType], namespace: Mapping[str, Any]) -> Iterator[CodeType]:
    """Yields code of the user's own modules that the names in `codes`, and the names in that code, may lead to."""
    return (one.code for one in reached(codes, namespace))


def namespace_of(code: CodeType, others: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the namespace of the module whose file the code comes from; `others` if there is none."""
    held = (_dictionary(key) for key in own_modules())
    return next((one for one in held if one.get("__file__") == code.co_filename), others)


def reached(codes: list[CodeType], namespace: Mapping[str, Any]) -> Iterator[OwnCode]:
    """Yields code of the user's own modules that the names in `codes`, and the names in that code, may lead to, each with its module.

    An import runs all statements of a module. Those that bind no name count for all code that uses the module.
    """
    own = own_modules()
    names = set[str]().union(*(_names(OwnCode("", code), namespace, own) for code in codes)) if own else set()
    of_module = _modules_behind(names, namespace, own) if own else {}
    if not of_module:
        return
    leads = _leads(of_module)
    waiting: list[OwnCode] = [OwnCode(key, code) for key, code in _unbound(of_module)]
    waiting += [OwnCode("", code) for code in codes]
    met, told = set[str](), set[int]()
    while waiting:
        one = waiting.pop()
        if id(one.code) in told:
            continue
        told.add(id(one.code))
        found = _names(one, namespace, own)
        if one.module:
            yield one
        for key in _imported(one, own) & of_module.keys():
            waiting += [OwnCode(key, code) for part in of_module[key] for code in part.at_once]
        waiting += [reached for name in found - met for reached in leads.get(name, ())]
        met |= found


def objects_used(codes: list[CodeType], namespace: Mapping[str, Any]) -> list[object]:
    """Returns objects in the user's own modules that `codes`, and code of these modules that their names lead to, may use. Objects that
    were registered there are among them, or contained in one. A class is represented by its attributes with such names."""
    if not own_modules():
        return []
    used = [(one.namespace, one.code.co_names) for one in reached(codes, namespace)]
    names = set[str]().union(*(code.co_names for code in codes), *(names for _, names in used))
    found = dict[int, object]()
    for held in (dictionary[name] for dictionary, names in used for name in names if name in dictionary):
        if isinstance(held, type):
            attributes = [held.__dict__[name] for name in names & held.__dict__.keys()]
            found |= {id(one): one for one in attributes}
        elif type(held) is not ModuleType:
            found[id(held)] = held
    return list(found.values())


def _names(one: OwnCode, namespace: Mapping[str, Any], own: frozenset[str]) -> set[str]:
    """Returns names that lead from some code to other code."""
    names = set(one.code.co_names)
    found = set(_leading(one.code)) if one.module else names | _of_objects(one.code, namespace, own)
    if not _BY_TEXT.isdisjoint(names):
        found |= {name for text in texts_of(one.code) for name in IDENTIFIER.findall(text)}
    return found


@lru_cache(maxsize=1 << 16)
def _leading(code: CodeType) -> frozenset[str]:
    """Returns the names that some code loads as variables or attributes, or imports. Cached, because parsing the code is the most expensive
    step here."""
    return frozenset(step.argval for step in steps_of(code) if step.opname in _LEADING)


def _leads(of_module: Mapping[str, list[Statement]]) -> dict[str, list[OwnCode]]:
    """Returns the code that each name leads to."""
    leads: dict[str, list[OwnCode]] = {}
    for key, statements in of_module.items():
        for part in statements:
            for name in part.names:
                leads.setdefault(name, []).extend(OwnCode(key, code) for code in (*part.at_once, *part.later))
            for code in part.later:
                leads.setdefault(code.co_name, []).append(OwnCode(key, code))
    return leads


def _unbound(of_module: Mapping[str, list[Statement]]) -> Iterator[tuple[str, CodeType]]:
    """Yields code that runs at an import and binds no name, so that no name leads to it."""
    for key, statements in of_module.items():
        for part in statements:
            if not part.names:
                yield from ((key, code) for code in part.at_once)


def _dictionary(key: str) -> Mapping[str, Any]:
    return sys.modules[key].__dict__ if key in sys.modules else {}


def _imported(one: OwnCode, own: frozenset[str]) -> set[str]:
    """Returns the user's own modules that some code imports, and their parent packages."""
    names = set(one.code.co_names)
    found = set[str]() if _BY_TEXT.isdisjoint(names) else set(own & texts_of(one.code))
    package = _dictionary(one.module).get("__package__")
    inside = f"{package}." if isinstance(package, str) and package else ""
    if not any(name in own or inside + name in own for name in names):
        return found
    for step in steps_of(one.code):
        if step.opname in ("IMPORT_NAME", "IMPORT_FROM"):
            parts = step.argval.split(".")
            ends = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
            found |= {*ends, *(inside + end for end in ends)}
    return found & own


#: Code that uses one of these names may look up a name in a text.
_BY_TEXT = frozenset(
    ("import_module", "__import__", "getattr", "eval", "exec", "run_line_magic", "run_cell_magic")
)
_LEADING = GLOBAL_LOADS | ATTRIBUTES | {"IMPORT_FROM", "IMPORT_NAME"}


def _modules_behind(
    names: Iterable[str], namespace: Mapping[str, Any], own: frozenset[str]
) -> dict[str, list[Statement]]:
    """Returns the user's own modules that names lead to: modules that are values of the names, or that the values come from. Continues in
    these modules and in those that they import."""
    values = [*(namespace[name] for name in names if name in namespace), *map(sys.modules.get, names)]
    behind: dict[str, list[Statement]] = {}
    read = 0
    while values:
        value = values.pop()
        key = module_of(value)
        if key in own and key not in behind and type(module := sys.modules.get(key)) is ModuleType:
            statements, size = _statements(key) if read < _LONGEST else (None, 0)
            read += size
            behind[key] = _live(key) if statements is None else statements
            values += module.__dict__.values()
            codes = (code for part in behind[key] for code in (*part.at_once, *part.later))
            imported = set[str]().union(*(_imported(OwnCode(key, code), own) for code in codes))
            values += map(sys.modules.get, imported)
    return behind


def _of_objects(code: CodeType, namespace: Mapping[str, Any], own: frozenset[str]) -> set[str]:
    """Returns names that Python itself may call on the user's objects (to print, compare, call or index them), and the original names of
    functions and classes."""
    found = set[str]()
    for name in code.co_names:
        value: Any = namespace.get(name)
        kind = type(value)
        if (isinstance(value, type) or kind is FunctionType) and module_of(value) in own:
            found.add(value.__name__)
        if kind.__module__ in own:
            methods = {method for one in type.mro(kind) if one.__module__ in own for method in one.__dict__}
            found |= {method for method in methods if method.startswith("__") and method not in _MADE_BY}
    return found


#: Methods that ran when an object was created.
_MADE_BY = frozenset(("__init__", "__new__", "__post_init__", "__module__", "__doc__", "__init_subclass__"))


def module_of(value: object) -> str:
    """Returns the name of the module that a value is, or that a function, class or object comes from. Reads it without running other
    code."""
    name: object
    if type(value) is ModuleType:
        name = ModuleType.__getattribute__(value, "__dict__").get("__name__")
    else:
        is_named = isinstance(value, type) or type(value) in (FunctionType, BuiltinFunctionType)
        name = (value if is_named else type(value)).__module__
    return name if type(name) is str else ""


def is_users_module(name: object) -> bool:
    """Returns whether a name is that of the notebook's module, or of one of the user's own modules."""
    return name == "__main__" or (isinstance(name, str) and name in own_modules())


def own_modules() -> frozenset[str]:
    """Returns the names of the user's own modules that are imported."""
    return _own_modules(imported_now())


def imported_now() -> tuple[int, str]:
    """Returns a key that changes when modules are imported, even if as many were removed."""
    return len(sys.modules), next(reversed(sys.modules))


@lru_cache(maxsize=1)
def _own_modules(_: tuple[int, str]) -> frozenset[str]:
    """Cached, because thousands of other modules must be checked after each import."""
    return frozenset(key for key, module in list(sys.modules.items()) if is_own(key, module))


def is_own(key: str, module: object) -> bool:
    """Returns whether a module of that name is the user's own."""
    first = key.partition(".")[0]
    if type(module) is not ModuleType or is_standard(first) or first in ("__main__", "clew"):
        return False
    file = module.__dict__.get("__file__")
    return type(file) is str and file.endswith(".py") and not file.startswith(code_of_others())


@lru_cache(maxsize=1)
def _packages_of_users(_: tuple[int, str]) -> frozenset[str]:
    """Returns the names of imported packages and modules that are installed in the user's folders. Like own modules, they count by their
    files."""
    modules = [(key, module) for key, module in list(sys.modules.items()) if type(module) is ModuleType]
    files = ((key, module.__dict__.get("__file__")) for key, module in modules)
    others = (
        key
        for key, file in files
        if type(file) is str and file.startswith(packages()) and not file.startswith(environment())
    )
    return frozenset(key.partition(".")[0] for key in others)


def _statements(key: str) -> tuple[list[Statement] | None, int]:
    """Returns the statements of a module's file, and its size in bytes; no statements if it cannot be parsed."""
    file = _dictionary(key).get("__file__")
    with evidence.unwatched():
        try:
            found = os.stat(file)  # type: ignore[arg-type]  # noqa: PTH116 (a path object costs more than the call)
            if found.st_size > _LONGEST:
                return None, 0
            return _of_file(str(file), found.st_mtime_ns, found.st_size), found.st_size
        except (OSError, TypeError, ValueError, SyntaxError, RecursionError):
            return None, 0


@lru_cache(maxsize=1000)
def _of_file(path: str, _modified: int, _size: int) -> list[Statement]:
    with open(path, "rb") as file:  # noqa: PTH123
        tree = ast.parse(file.read())
    return [_statement(one) for one in tree.body if not _is_for_scripts(one)]


def others_of(key: str) -> set[str] | None:
    """Returns the top-level names of the user's own modules that the code of a module names, in imports or in texts. `None` if it may reach
    any: if it finds modules by texts that it builds, or if its import does more than define and compute."""
    statements, _ = _statements(key)
    file = _dictionary(key).get("__file__")
    if statements is None or not _only_defines(str(file)):
        return None
    firsts = {own.partition(".")[0] for own in own_modules()} | _packages_of_users(imported_now())
    found = set[str]()
    for code in (code for part in statements for code in (*part.at_once, *part.later)):
        if not _REACHING.isdisjoint(code.co_names):
            return None
        words = {text.partition(".")[0] for text in texts_of(code)} | set(code.co_names)
        found |= words & firsts
        found |= {one.partition(".")[0] for one in code.co_names if "." in one} & firsts
    return found


#: Code that uses one of these names may reach modules that it does not name.
_REACHING = frozenset((
    "import_module", "__import__", "eval", "exec", "modules", "iter_modules", "walk_packages", "entry_points", "__main__",
))  # fmt: skip
#: Decorators without effects outside the decorated object.
_PLAIN = frozenset(
    [
        "dataclass",
        "lru_cache",
        "cache",
        "cached_property",
        "property",
        "staticmethod",
        "classmethod",
        "abstractmethod",
        "contextmanager",
        "wraps",
        "total_ordering",
        "overload",
        "final",
        "unique",
        "define",
        "frozen",
        "njit",
        "jit",
        "vectorize",
        "setter",
        "getter",
        "deleter",
    ]
)
#: Prefixes of function names that may set something elsewhere when a module calls them.
_SETTING = (
    "set", "reg", "add", "config", "enable", "install", "patch", "init", "use", "load", "connect", "basic", "seed", "filter", "simple",
)  # fmt: skip


def _only_defines(path: str) -> bool:
    """Returns whether importing a file only defines functions, classes and values, without visible effects elsewhere."""
    with evidence.unwatched(), open(path, "rb") as file:  # noqa: PTH123
        body = ast.parse(file.read()).body
    return all(_defines(one) for one in body)


def _defines(one: ast.stmt) -> bool:
    if isinstance(one, ast.Import | ast.ImportFrom | ast.Pass) or _is_for_scripts(one):
        return True
    if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return all(_called(decorator) in _PLAIN for decorator in one.decorator_list) and (
            not isinstance(one, ast.ClassDef) or all(_defines(inner) for inner in one.body)
        )
    if isinstance(one, ast.Expr):
        return isinstance(one.value, ast.Constant)
    if isinstance(one, ast.If | ast.Try):
        handlers = [inner for handler in getattr(one, "handlers", ()) for inner in handler.body]
        return all(
            _defines(inner) for inner in (*one.body, *one.orelse, *handlers, *getattr(one, "finalbody", ()))
        )
    if isinstance(one, ast.Assign | ast.AnnAssign):
        targets = one.targets if isinstance(one, ast.Assign) else [one.target]
        calls = (_called(inner.func) for inner in ast.walk(one) if isinstance(inner, ast.Call))
        return all(isinstance(target, ast.Name | ast.Tuple) for target in targets) and not any(
            name.lower().lstrip("_").startswith(_SETTING) for name in calls
        )
    return False


def _called(node: ast.expr) -> str:
    """Returns the last part of the name of a called function or a decorator."""
    while isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_for_scripts(one: ast.stmt) -> bool:
    """Returns whether it is `if __name__ == "__main__":`, which does not run at an import."""
    return isinstance(one, ast.If) and any(
        isinstance(inner, ast.Name) and inner.id == "__name__" for inner in ast.walk(one.test)
    )


def _statement(one: ast.stmt) -> Statement:
    code = compile(ast.Module([one], []), "<module>", "exec", dont_inherit=True)
    at_once, later, waiting = list[CodeType](), list[CodeType](), [code]
    while waiting:
        outer = waiting.pop()
        at_once.append(outer)
        for inner in (constant for constant in outer.co_consts if isinstance(constant, CodeType)):
            runs_at_once = not inner.co_flags & CO_OPTIMIZED or inner.co_name.endswith("comp>")
            if runs_at_once or inner.co_name == "<genexpr>":
                waiting.append(inner)
            else:
                later += nested(inner)
    stored = {step.argval for step in steps_of(code) if step.opname in GLOBAL_STORES}
    return Statement(frozenset(stored), at_once, later)


def _live(key: str) -> list[Statement]:
    """Returns the live functions of a module whose file cannot be read."""
    found = []
    for name, value in list(_dictionary(key).items()):
        is_class = isinstance(value, type) and value.__module__ == key
        for one in list(value.__dict__.values()) if is_class else [value]:
            function = getattr(one, "__func__", one) if isinstance(one, classmethod | staticmethod) else one
            if type(function) is FunctionType and function.__module__ == key:
                found.append(Statement(frozenset((name,)), [], list(nested(function.__code__))))
    return found
