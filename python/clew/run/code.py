"""Whether two texts of a cell are the same code: comments, blank lines and layout make no difference."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import lru_cache

from clew.sources import plain

#: Tokens that mean nothing to IPython where it looks for the semicolon at the end.
_SILENT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)


def same_code(one: str, other: str) -> bool:
    """Whether two texts mean the same to IPython. Where nobody can tell, they do only if they are the same text."""
    return one == other or ((found := _meaning(one)) is not None and found == _meaning(other))


#: Names under which results are found, beside their numbers.
_RESULTS, _LAST = frozenset(("Out", "_oh")), frozenset(("_", "__", "___"))
_NUMBERED = re.compile(r"_\d+")


def reads_results(text: str) -> bool:
    """Whether code reads what cells showed (`Out[3]`, `_3`, `_`); where nobody can tell, it may."""
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
    """The syntax tree, and whether a semicolon keeps the last value from being shown; `None` where it is no Python."""
    try:
        tree = ast.parse(_plain(text))
    except (SyntaxError, ValueError, RecursionError):
        return None
    return ast.dump(tree), _is_quiet(text)


def _plain(text: str) -> str:
    """The cell as Python sees it; importing IPython's own reader takes longer than most cells are worth."""
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
    """All that statements of cells import; what one takes from a module may be a module in it."""
    found = dict[str, None]()
    for one in imports(sources):
        if isinstance(one, ast.Import):
            found.update((alias.name, None) for alias in one.names)
        elif one.module and not one.level:
            found.update((f"{one.module}.{alias.name}".removesuffix(".*"), None) for alias in one.names)
    return list(found)


def taken(sources: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Variables that the cells, run one after another, bind to what a module has, by name: each with what leads to the module (the name of
    an imported one, with a leading dot; else a dotted name of the notebook's) and the name there."""
    found: dict[str, tuple[str, str]] = {}
    for source in sources:
        for bound, taken_here in _takings(source):
            for name in bound:
                found.pop(name, None)
            found.update(taken_here)
    return found


@lru_cache(maxsize=1024)
def _takings(source: str) -> list[tuple[set[str], dict[str, tuple[str, str]]]]:
    """For each statement of a cell the names that it binds, and what it takes from modules: each cell is asked for again at every later one."""
    tree = _tree(source)
    statements = tree.body if tree is not None else []
    return [(set(_bound_by(one)), dict(_taken_by(one))) for one in statements]


def _bound_by(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement may bind or delete, and not only change what they hold."""
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
    """The statements by which cells import something."""
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
    """Whether a cell may read what types the cells before gave their variables."""
    return _ANNOTATIONS.search(source) is not None


_ANNOTATIONS = re.compile(r"(?<![\w.])__annotations__")


def annotates(source: str) -> bool:
    """Whether a cell says of variables which type they have."""
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
    """A cell without its magics and commands; with them, as IPython calls them, where it can't be read else."""
    lines = (line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError):
        pass
    try:
        return ast.parse(_plain(source))
    except (SyntaxError, ValueError, RecursionError):
        return None
