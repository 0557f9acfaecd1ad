"""Decides whether two texts of a cell are the same code: comments, blank lines and layout are ignored."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import lru_cache

from clew.sources import plain

#: Tokens that IPython ignores when it looks for a semicolon at the end.
_SILENT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)


def same_code(one: str, other: str) -> bool:
    """Returns whether two texts mean the same to IPython. If that cannot be determined, they must be identical."""
    return one == other or ((found := _meaning(one)) is not None and found == _meaning(other))


#: Names for results, besides numbered ones.
_RESULTS, _LAST = frozenset(("Out", "_oh")), frozenset(("_", "__", "___"))
_NUMBERED = re.compile(r"_\d+")


def reads_results(text: str) -> bool:
    """Returns whether code reads the results of cells (`Out[3]`, `_3`, `_`). True if that cannot be determined."""
    if not any(name in text for name in ("Out", "_")):
        return False
    try:
        names = [node for node in ast.walk(ast.parse(_plain(text))) if isinstance(node, ast.Name)]
    except (SyntaxError, ValueError, RecursionError):
        return True
    loaded = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return bool(loaded & _RESULTS or loaded & (_LAST - bound) or any(map(_NUMBERED.fullmatch, loaded)))


@lru_cache(maxsize=1024)
def _meaning(text: str) -> tuple[str, bool] | None:
    """Returns the syntax tree, and whether a semicolon suppresses the last value; `None` if it is not Python."""
    try:
        tree = ast.parse(_plain(text))
    except (SyntaxError, ValueError, RecursionError):
        return None
    return ast.dump(tree), _is_quiet(text)


def _plain(text: str) -> str:
    """Returns the cell as Python sees it. Importing IPython's own transformer takes longer than most cells are worth."""
    lines = (line.lstrip() for line in text.splitlines())
    if not any(line.startswith(("%", "!", "?")) or "?" in line or "!" in line for line in lines):
        return text
    return plain(text)


def _is_quiet(text: str) -> bool:
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in _SILENT:
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        return text.rstrip().endswith(";")
    return last == ";"


def imported(sources: Iterable[str]) -> list[str]:
    """Returns the names of all imports in cells. A name after `from … import` may be a module, too."""
    found = dict[str, None]()
    for one in imports(sources):
        if isinstance(one, ast.Import):
            found.update((alias.name, None) for alias in one.names)
        elif one.module and not one.level:
            found.update((f"{one.module}.{alias.name}".removesuffix(".*"), None) for alias in one.names)
    return list(found)


def taken(sources: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Returns the variables that the cells, run one after another, bind to attributes of modules. For each: what leads to the module (the
    name of an imported one, with a leading dot; else a dotted name of the notebook), and the attribute's name."""
    found: dict[str, tuple[str, str]] = {}
    for source in sources:
        for bound, taken_here in _takings(source):
            for name in bound:
                found.pop(name, None)
            found.update(taken_here)
    return found


@lru_cache(maxsize=1024)
def _takings(source: str) -> list[tuple[set[str], dict[str, tuple[str, str]]]]:
    """Returns for each statement of a cell the names that it binds, and what it takes from modules. Cached, because each later cell needs
    it again."""
    tree = _tree(source)
    statements = tree.body if tree is not None else []
    return [(set(_bound_by(one)), dict(_taken_by(one))) for one in statements]


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    """Yields names that a statement may bind or delete, not those whose values it only changes."""
    for one in ast.walk(statement):
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
            if not isinstance(statement, ast.AugAssign):
                yield one.id
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield one.name
        elif isinstance(one, ast.alias):
            yield one.asname or one.name.partition(".")[0]


def _taken_by(statement: ast.stmt) -> Iterator[tuple[str, tuple[str, str]]]:
    if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
        yield from (
            (alias.asname or alias.name, (f".{statement.module}", alias.name)) for alias in statement.names
        )
    if not isinstance(statement, ast.Assign):
        return
    value = statement.value
    for target in statement.targets:
        is_row = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        pairs = zip(target.elts, value.elts, strict=False) if is_row else ((target, value),)  # type: ignore[attr-defined]
        for name, given in pairs:
            if isinstance(name, ast.Name) and isinstance(given, ast.Attribute):
                holder = ast.unparse(given.value)
                if all(part.isidentifier() for part in holder.split(".")):
                    yield name.id, (holder, given.attr)


def imports(sources: Iterable[str]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yields the statements with which cells import something."""
    for source in sources:
        yield from _imports(source)


@lru_cache(maxsize=1024)
def _imports(source: str) -> list[ast.Import | ast.ImportFrom]:
    if "import" not in source:
        return []
    tree = _tree(source)
    nodes = ast.walk(tree) if tree is not None else ()
    return [one for one in nodes if isinstance(one, ast.Import | ast.ImportFrom)]


def reads_annotations(source: str) -> bool:
    """Returns whether a cell may read the annotations of variables in earlier cells."""
    return _ANNOTATIONS.search(source) is not None


_ANNOTATIONS = re.compile(r"(?<![\w.])__annotations__")


def annotates(source: str) -> bool:
    """Returns whether a cell annotates variables."""
    tree = _tree(source) if ":" in source else None
    waiting: list[ast.AST] = [] if tree is None else [*tree.body]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.AnnAssign) and one.simple:
            return True
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(one)
    return False


def _tree(source: str) -> ast.Module | None:
    """Parses a cell without its magics and commands; if that fails, with them, as IPython calls them."""
    lines = (line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        pass
    try:
        return ast.parse(_plain(source))
    except (SyntaxError, ValueError, RecursionError):
        return None
