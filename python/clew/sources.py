"""Recompiles code from another Python version, from the source of the cell that defines it.

Bytecode is only valid for one minor version. The record also has the source of every cell, and for each code object its file name (which
contains a hash of the cell), its qualified name and its position. Code that is found this way is compared with the stored code: arguments,
free variables, names, constants. If any of these differ, it is not used.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from clew.generated_methods import source

#: Flags that the source of a function determines; the last one may be added by a decorator.
FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x200
OF_DECORATOR = 0x100
#: Flags of `from __future__`, from any cell.
FUTURE = 0x1FE0000
#: Comprehensions are separate functions up to Python 3.11, and inlined since 3.12.
INLINED = re.compile(r"<(?:list|set|dict)comp>\.(?:<locals>\.)?")
#: File names of cells: with a hash of the typed source, or of the source that Python compiled.
BY_HASH = re.compile(r"[/\\](?:ipykernel|xpython)_\d+[/\\](\d+)\.py$")
BY_DIGEST = re.compile(r"^<ipython-input-\d+-([0-9a-f]{12})>$")
#: File names of cells, or of parts of them, that do not identify the cell.
UNNAMED = ("<timed exec>", "<clew replay>", "<ipython-input-")
#: The name of functions that create annotations; and their names by module, of the notebook ("") and those that generate methods.
ANNOTATE = "__annotate__"
ANNOTATING = {"": (ANNOTATE,), "dataclasses": (ANNOTATE,), "typing": (ANNOTATE, "annotate")}
#: Names that compilers insert themselves, differently in each version.
COMPILERS = frozenset(
    ["__class__", "__classcell__", "__classdict__", "__classdictcell__", "__firstlineno__", "__static_attributes__", ".0",
     "__module__", "__qualname__", "__annotations__", "__type_params__", ".type_params", ".generic_base", ".defaults"]
)  # fmt: skip


_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Wanted(NamedTuple):
    """The stored properties of a code object, except its bytecode."""

    name: str
    qualname: str
    arguments: tuple[int, int, int]
    flags: int
    names: tuple[str, ...]
    variables: tuple[str, ...]
    free: tuple[str, ...]
    cells: tuple[str, ...]
    constants: tuple[Any, ...]
    file: str
    line: int
    table: bytes
    #: The module of a library's function; empty for a function of the notebook.
    module: str
    #: Whether it is part of other code, and only compared together with it: a comprehension may have no code object in this version.
    is_part: bool

    @property
    def parameters(self) -> tuple[str, ...]:
        """Returns the names of its parameters."""
        return self.variables[: _count(self.arguments, self.flags)]


class Sources:
    """The cells of a history, for all code that one move builds."""

    def __init__(self, texts: Iterable[str]) -> None:
        """`texts` has an empty one for each cell whose source was not stored completely."""
        texts = list(texts)
        self._is_whole = "" not in texts
        self._texts = [part for text in texts for part in _parts(text)]
        self._compiled = functools.cache(_compiled)

    def find(self, wanted: Wanted) -> types.CodeType | str:
        """Returns the matching code, or why there is none: `none`, `several`, `other`, `library`."""
        found = self._found(wanted)
        return _stand_in(wanted) if wanted.is_part and isinstance(found, str) else found

    def _found(self, wanted: Wanted) -> types.CodeType | str:
        if text := source(wanted):
            return self._generated(text, wanted)
        if sys.version_info < (3, 14) and wanted.name in ANNOTATING.get(wanted.module, ()):
            return self._annotations(wanted)
        if wanted.module:
            return self._of_library(wanted)
        is_exact = is_cell(wanted.file)
        if not is_exact and not self._is_whole:
            return "none"
        texts = list(self._cells(wanted))
        found = [code for text in texts for code in self._within(text, wanted)]
        if not found:
            return "other" if texts and is_exact else "none"
        fits = _fits if is_exact else _fits_exactly
        fitting = _unlike(code for code in found if fits(code, wanted))
        if len(fitting) > 1:
            fitting = [code for code in fitting if _stands_there(code, wanted)] or fitting
        if len(fitting) != 1:
            return "several" if fitting else "other"
        return _as_decorated(fitting[0], wanted)

    def _annotations(self, wanted: Wanted) -> types.CodeType | str:
        """Returns code that only holds the texts of annotations, for a version that has no functions to create annotations. There are none for
        generated methods: their functions take the annotations from the class."""
        found = (
            {()}
            if wanted.module
            else {
                tuple(_annotation_texts(node))
                for text in self._cells(wanted)
                for name, node in _definitions(text)
                if wanted.line in _lines(node) and _may_annotate(wanted.qualname, name)
            }
        )
        if len(found) != 1:
            return "several" if found else "none"
        return _stand_in(wanted).replace(
            co_argcount=1,
            co_posonlyargcount=1,
            co_varnames=("format",),
            co_nlocals=1,
            co_freevars=wanted.free,
            co_consts=(found.pop(),),
        )

    def _cells(self, wanted: Wanted) -> Iterator[str]:
        """Yields cells that may define it; only the right one, if the file name identifies it."""
        is_it = _is_named(wanted.file)
        word = "lambda" if wanted.name == "<lambda>" else wanted.name.strip("<>")
        # The function that creates annotations has its name from the compiler (3.14).
        is_anonymous = wanted.name.startswith("<") or wanted.name == ANNOTATE
        return (text for text in self._texts if (is_anonymous or word in text) and is_it(text))

    def _within(self, text: str, wanted: Wanted) -> list[types.CodeType]:
        """Returns code in a cell with its name and position."""
        path = INLINED.sub("", wanted.qualname)
        known = self._compiled(text, wanted.flags & FUTURE, wanted.file)
        there = [code for code in known if (code.co_name, code.co_firstlineno) == (wanted.name, wanted.line)]
        found = [code for code in there if INLINED.sub("", code.co_qualname) == path]
        if found or wanted.name != ANNOTATE:
            return found
        return [
            code
            for code in there
            if _may_annotate(path, _parent(code.co_qualname))
            or _may_annotate(code.co_qualname, _parent(path))
        ]

    def _generated(self, text: str, wanted: Wanted) -> types.CodeType | str:
        """Returns a method that the standard library generated, by its name and parts, because the line numbers depend on the version."""
        for code in self._compiled(text, wanted.flags & FUTURE, wanted.file):
            if code.co_qualname == wanted.qualname and _fits(code, wanted):
                return code
        return "library"

    def _of_library(self, wanted: Wanted) -> types.CodeType | str:
        """Returns a library's function with the same name from the installed version of the library."""
        try:
            spec = importlib.util.find_spec(wanted.module)
            module = spec.loader.get_code(wanted.module) if spec and spec.loader else None  # type: ignore[attr-defined]
        except Exception:
            module = None
        if module is None:
            return "library"
        found = [
            code
            for code in _all_of(module)
            if code.co_qualname == wanted.qualname and _takes_the_same(code, wanted)
        ]
        return found[0] if len(found) == 1 else "library"


def annotation_texts(annotate: Any) -> dict[str, str]:
    """Returns the texts in the code that `Sources` made for a function that creates annotations. Does not call the function."""
    if not isinstance(annotate, types.FunctionType):
        return {}
    held = annotate.__code__.co_consts
    found = {str(name): str(text) for name, text in (held[0] if held and type(held[0]) is tuple else ())}
    for cell in annotate.__closure__ or () if not found else ():
        try:
            inner = cell.cell_contents
        except ValueError:
            continue
        # That of a named tuple calls the one of its class.
        if getattr(inner, "__name__", "") == ANNOTATE:
            found |= annotation_texts(inner)
    return found


def _parent(qualname: str) -> str:
    """Returns the part before the last name: `a.b` of `a.b.c`."""
    return qualname.rpartition(".")[0]


def _may_annotate(qualname: str, definition: str) -> bool:
    """Returns whether a function that creates annotations may belong to a definition, by their qualified names. For a class it is named after
    the class, for a function after the function (3.15), or after the code around the function (3.14)."""
    return _parent(qualname) in (definition, _parent(definition), "")


def _definitions(text: str) -> Iterator[tuple[str, _Definition]]:
    """Yields the functions and classes in a cell with their qualified names."""
    try:
        waiting: list[tuple[str, ast.AST]] = [("", ast.parse(plain(text)))]
    except Exception:
        return
    while waiting:
        path, node = waiting.pop()
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, _Definition):
                name = path + inner.name
                yield name, inner
                waiting.append(
                    (f"{name}." if isinstance(inner, ast.ClassDef) else f"{name}.<locals>.", inner)
                )
            else:
                waiting.append((path, inner))


def _lines(node: _Definition) -> set[int]:
    """Returns the line of a definition, and that of its first decorator."""
    return {node.lineno, *(decorator.lineno for decorator in node.decorator_list[:1])}


def _annotation_texts(node: _Definition) -> Iterator[tuple[str, str]]:
    """Yields the annotated names of a function or class with their annotations as texts, in Python's order."""
    if isinstance(node, ast.ClassDef):
        waiting: list[ast.AST] = list(reversed(node.body))
        while waiting:
            one = waiting.pop()
            if isinstance(one, ast.AnnAssign) and one.simple and isinstance(one.target, ast.Name):
                yield one.target.id, ast.unparse(one.annotation)
            elif not isinstance(one, _Definition):
                waiting += reversed(list(ast.iter_child_nodes(one)))
        return
    given = node.args
    all_of_them = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    yield from ((one.arg, ast.unparse(one.annotation)) for one in all_of_them if one and one.annotation)
    if node.returns is not None:
        yield "return", ast.unparse(node.returns)


def _stand_in(wanted: Wanted) -> types.CodeType:
    """Returns a placeholder for code that is only compared and never runs."""
    return compile("", "<clew>", "exec").replace(
        co_name=wanted.name, co_names=wanted.names, co_consts=wanted.constants
    )


def _parts(text: str) -> Iterator[str]:
    """Yields the texts that Python sees as a cell: all of it, and the body of a magic that runs its body."""
    yield text
    head, _, body = text.partition("\n")
    if head.startswith("%%") and body:
        yield from _parts(body)
        if not body.endswith("\n"):
            # IPython ends the body of a magic with a line break, and hashes that.
            yield from _parts(body + "\n")


def plain(text: str) -> str:
    """Returns a cell as plain Python, as IPython transforms it."""
    from IPython.core.inputtransformer2 import TransformerManager

    code: str = TransformerManager().transform_cell(text)
    return code


def is_transformed(shell: Any) -> bool:
    """Returns whether functions of the notebook or of an extension change the code of cells before it runs, so that a cell's source does not
    tell what its functions do."""
    if shell is None:
        return False
    added = shell.ast_transformers or shell.input_transformers_post
    return bool(added) or _transformers(shell.input_transformer_manager) != _usual_transformers()


@functools.cache
def _usual_transformers() -> list[list[tuple[str, str]]]:
    from IPython.core.inputtransformer2 import TransformerManager

    return _transformers(TransformerManager())


def _transformers(manager: Any) -> list[list[tuple[str, str]]]:
    kinds = ("cleanup_transforms", "line_transforms", "token_transformers")
    return [[_called(each) for each in getattr(manager, kind)] for kind in kinds]


def _called(transformer: Any) -> tuple[str, str]:
    named = transformer if hasattr(transformer, "__qualname__") else type(transformer)
    return str(named.__module__), str(named.__qualname__)


def _compiled(text: str, future: int, file: str) -> list[types.CodeType]:
    """Returns all code objects in a cell; none if this Python version cannot compile it."""
    try:
        flags = future | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return list(_all_of(compile(plain(text), file, "exec", flags, dont_inherit=True)))
    except Exception:
        return []


def _all_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yields nested code objects, at any depth."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _all_of(constant)


def is_cell(file: str) -> bool:
    """Returns whether the file name of a code object identifies a cell."""
    return bool(BY_HASH.search(file) or BY_DIGEST.match(file))


def compiled_text(text: str, file: str) -> str | None:
    """Returns the text that Python compiled for a cell with this source, if the file name identifies this cell."""
    is_it, is_hashed = _is_named(file), BY_HASH.search(file) is not None
    found = (part for part in _parts(text) if part and is_it(part))
    return next((plain(part) for part in found if not is_hashed or _hash(part) is not None), None)


def _is_named(file: str) -> Callable[[str], bool]:
    """Returns a function that checks whether a text is the cell that a file name identifies, as far as it does."""
    if found := BY_DIGEST.match(file):
        digest = found[1]
        return lambda text: (
            hashlib.sha1(plain(text).encode("utf-8", "surrogateescape")).hexdigest()[:12] == digest
        )
    if found := BY_HASH.search(file):
        number = int(found[1])
        return lambda text: _hash(text) in (number, None)
    return lambda text: file.startswith(UNNAMED)


@functools.lru_cache(maxsize=4096)
def _hash(text: str) -> int | None:
    """Returns the hash with which a kernel names a cell; `None` if it cannot be computed."""
    try:
        from ipykernel.compiler import get_tmp_hash_seed, murmur2_x86
    except ImportError:
        return None
    hashed: int = murmur2_x86(text, get_tmp_hash_seed())
    return hashed


def _count(arguments: tuple[int, int, int], flags: int) -> int:
    return arguments[0] + arguments[2] + bool(flags & 0x04) + bool(flags & 0x08)


def _takes_the_same(code: types.CodeType, wanted: Wanted) -> bool:
    """Returns whether it has the same parameters, flags and free variables."""
    arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    flags = code.co_flags & FLAGS
    parameters = code.co_varnames[: _count(arguments, flags)]
    return (
        _without_format(arguments, parameters) == _without_format(wanted.arguments, wanted.parameters)
        and flags == wanted.flags & FLAGS
        and code.co_freevars == wanted.free
    )


def _without_format(
    arguments: tuple[int, int, int], parameters: tuple[str, ...]
) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """Leaves out the parameter that compilers give evaluators of type parameters since 3.14: the format of annotations."""
    if parameters != (".format",):
        return arguments, parameters
    return (0, 0, 0), ()


def _fits(code: types.CodeType, wanted: Wanted) -> bool:
    """Returns whether it comes from the same source, as far as two compilers agree: one may leave out what the other keeps, but neither has
    something else instead."""
    return (
        _takes_the_same(code, wanted)
        and _agree(_names(code.co_names, code.co_consts), _names(wanted.names, wanted.constants))
        and _agree(_leaves(code.co_consts), _leaves(wanted.constants))
    )


def _fits_exactly(code: types.CodeType, wanted: Wanted) -> bool:
    """Returns the same, more strictly, if the cell is not identified: it may be one with almost the same source."""
    return (
        _takes_the_same(code, wanted)
        and _names(code.co_names, code.co_consts) == _names(wanted.names, wanted.constants)
        and _leaves(code.co_consts) == _leaves(wanted.constants)
        and _span(code) == _span(_placed(code, wanted))
    )


def _names(names: tuple[str, ...], constants: tuple[Any, ...]) -> set[str]:
    inner = (_names(each.co_names, each.co_consts) for each in constants if isinstance(each, types.CodeType))
    return set(names).difference(COMPILERS).union(*inner)


def _agree(one: set[str], other: set[str]) -> bool:
    return one <= other or other <= one


def _leaves(constants: Iterable[Any]) -> set[str]:
    """Returns constants at any depth, as texts: `1`, `'1'` and `1.0` are different. Texts are compared without indentation."""
    found: set[str] = set()
    for each in constants:
        if isinstance(each, tuple | frozenset):
            found |= _leaves(each)
        elif isinstance(each, types.CodeType):
            found |= _leaves(each.co_consts)
        elif isinstance(each, str):
            found.add(repr(" ".join(each.split())))
        elif each is not None and not isinstance(each, bool):
            found.add(repr(each))
    return found


def _unlike(codes: Iterable[types.CodeType]) -> list[types.CodeType]:
    """Returns the distinct ones: the same function in two identical cells counts once."""
    found: list[types.CodeType] = []
    for code in codes:
        if code not in found:
            found.append(code)
    return found


def _stands_there(code: types.CodeType, wanted: Wanted) -> bool:
    """Returns whether it overlaps the position of the stored code: there may be several on one line."""
    here, there = _span(code), _span(_placed(code, wanted))
    return here is not None and there is not None and here[0] <= there[1] and there[0] <= here[1]


def _placed(code: types.CodeType, wanted: Wanted) -> types.CodeType:
    """Returns code with the position table of the stored code, for use with `_span` only."""
    units = sum(1 + (byte & 7) for byte in wanted.table if byte & 0x80)
    return code.replace(
        co_linetable=wanted.table, co_firstlineno=wanted.line, co_code=bytes(2 * units), co_exceptiontable=b""
    )


def _span(code: types.CodeType) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Returns where it begins and ends, from the positions of its instructions."""
    places = [
        ((line, column), (last_line, last))
        for line, last_line, column, last in code.co_positions()
        if line is not None and last_line is not None and column is not None and last is not None
        and (line, column) != (last_line, last)
    ]  # fmt: skip
    return (min(place[0] for place in places), max(place[1] for place in places)) if places else None


def _as_decorated(code: types.CodeType, wanted: Wanted) -> types.CodeType:
    """Adds the flag with which `types.coroutine` marks the code of a decorated function."""
    return code.replace(co_flags=code.co_flags | wanted.flags & OF_DECORATOR)
