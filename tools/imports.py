"""Finds the imports between modules in a Rust crate and in a Python package, and circular imports.

A circle is a set of modules that import each other. Two rules define which imports do not count:

- A module and a module inside it may import each other: a parent declares and re-exports its children.
- A path that leads through a re-export counts as an import of the module that defines the item.

In Rust, folders are compared, too: at each level, a module stands for everything inside it. So two folders are a circle if a
file of each imports a file of the other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Module = tuple[str, ...]


@dataclass(frozen=True)
class Circle:
    """Modules that import each other, and a shortest circle through one of them."""

    modules: frozenset[Module]
    way: list[Module]


# Comments, strings and characters, which contain no imports.
NO_CODE = re.compile(
    r"//[^\n]*|/\*.*?\*/|b?r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|'(?:\\[^']+|[^'\\])'", re.DOTALL
)
TESTS = re.compile(r"^#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))? )?mod \w+ \{", re.MULTILINE)
USE = re.compile(r"\buse\s+([^;]+);")
DEFINITION = re.compile(r"\b(?:struct|enum|trait|fn|type|const|static|union|macro_rules!)\s+(?:mut\s+)?(\w+)")
PATH = re.compile(r"(?<![\w:])((?:\w+::)+\w+)")


def use_paths(tree: str) -> Iterator[tuple[list[str], str]]:
    """Parses a `use`. Returns its paths with the names that they bind."""
    tree = tree.strip()
    if tree.startswith("{"):
        depth, part = 0, ""
        for character in tree[1:-1] + ",":
            depth += (character == "{") - (character == "}")
            if character == "," and depth == 0:
                if part.strip():
                    yield from use_paths(part)
                part = ""
            else:
                part += character
        return
    found = re.match(r"(?:r#)?(\w+|\*)\s*(::)?\s*(.*)$", tree, re.DOTALL)
    if not found:
        return
    head, has_rest, rest = found.groups()
    if not has_rest:
        renamed = re.match(r"as\s+(\w+)", rest)
        yield [head], renamed.group(1) if renamed else head
        return
    for path, name in use_paths(rest):
        if path == ["self"]:
            yield [head], head if name == "self" else name
        else:
            yield [head, *path], name


class RustCrate:
    """The modules of a crate, one for each file, without their tests."""

    def __init__(self, source: Path) -> None:
        self.files: dict[Module, Path] = {}
        self.text: dict[Module, str] = {}
        # For each module: the paths that it uses, with the names that they bind.
        self.uses: dict[Module, list[tuple[list[str], str]]] = {}
        self.definitions: dict[Module, set[str]] = {}
        for file in sorted(source.rglob("*.rs")):
            parts = file.relative_to(source).with_suffix("").parts
            if parts[0] in {"bin", "main"}:
                continue
            module = () if parts == ("lib",) else parts[:-1] if parts[-1] == "mod" else parts
            self.files[module] = file
            self.read(module, file.read_text())

    def read(self, module: Module, text: str) -> None:
        """Collects the definitions and uses of a file."""
        text = NO_CODE.sub(lambda found: " " if found.group().startswith("/") else '""', text)
        text = TESTS.split(text)[0]
        self.uses[module] = [use for tree in USE.findall(text) for use in use_paths(tree)]
        self.text[module] = USE.sub("", text)
        self.definitions[module] = set(DEFINITION.findall(self.text[module]))

    def bound(self, module: Module, name: str) -> list[str] | None:
        """Returns the path that a `use` of the module binds to a name."""
        return next((path for path, bound in self.uses[module] if bound == name), None)

    def home(
        self, module: Module, path: list[str], passed: frozenset[tuple[Module, str]] = frozenset()
    ) -> Module | None:
        """Returns the module that defines the item of a path; `None` for other crates, and for paths of modules."""
        rest = list(path)
        at = module
        if rest[0] in {"crate", "self", "super"}:
            at = () if rest[0] == "crate" else module
            while rest and rest[0] in {"crate", "self", "super"}:
                at = at[:-1] if rest.pop(0) == "super" else at
        elif (*module, rest[0]) not in self.files:
            use = self.bound(module, rest[0])
            if use is None or use[0] == rest[0] or (module, rest[0]) in passed:
                return None
            return self.home(module, use + rest[1:], passed | {(module, rest[0])})
        while rest:
            name = rest.pop(0)
            if (*at, name) in self.files:
                at = (*at, name)
                continue
            use = None if name in self.definitions[at] else self.bound(at, name)
            if use is not None and (at, name) not in passed:
                return self.home(at, use + rest, passed | {(at, name)})
            globs = [path[:-1] for path, bound in self.uses[at] if bound == "*"]
            homes = (
                self.home(at, [*glob, name], passed | {(at, name)})
                for glob in globs
                if name not in self.definitions[at]
            )
            return next((home for home in homes if home and name in self.definitions[home]), at)
        return None

    def imports(self) -> Iterator[tuple[Module, Module]]:
        """Returns the imports of each module."""
        for module in self.files:
            paths = [path for path, _ in self.uses[module]]
            paths += [path.split("::") for path in PATH.findall(self.text[module])]
            for path in paths:
                home = self.home(module, path)
                if home is not None and home != module:
                    yield module, home


def rust_circles(source: Path) -> Iterator[Circle]:
    """Yields the circular imports of a crate, level by level."""
    levels: dict[Module, list[tuple[Module, Module]]] = {}
    for one, other in RustCrate(source).imports():
        same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
        if same is not None:
            levels.setdefault(one[:same], []).append((one[: same + 1], other[: same + 1]))
    for level in levels.values():
        yield from circles(level)


class PythonPackage:
    """Returns the modules of a package."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[Module, Path] = {}
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder.parent).with_suffix("").parts
            self.files[parts[:-1] if parts[-1] == "__init__" else parts] = file

    def imports(self, *, is_late: bool = False) -> Iterator[tuple[Module, Module]]:
        """Returns the imports of each module at import time, or the later ones inside functions. Imports for type checkers are left out."""
        for module, file in self.files.items():
            package = module if file.name == "__init__.py" else module[:-1]
            for found in imports_of(ast.parse(file.read_text()), is_late=is_late):
                if isinstance(found, ast.Import):
                    named = [tuple(alias.name.split(".")) for alias in found.names]
                else:
                    base = package[: len(package) - found.level + 1] if found.level else ()
                    base += tuple(found.module.split(".")) if found.module else ()
                    named = [(*base, alias.name) for alias in found.names]
                for name in named:
                    home = name if name in self.files else name[:-1]
                    if home in self.files and home != module:
                        yield module, home


def imports_of(
    node: ast.AST, *, is_late: bool, is_inside: bool = False
) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yields the imports in a syntax tree: those outside of functions, or those inside (`late`)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            if is_inside == is_late:
                yield child
        elif not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(child, is_late=is_late, is_inside=is_inside or is_function)


def python_circles(folder: Path, *, with_late: bool = False) -> Iterator[Circle]:
    """Yields the circular imports of a package: at import time, or including those inside functions."""
    package = PythonPackage(folder)
    pairs = [*package.imports(), *(package.imports(is_late=True) if with_late else ())]
    return circles(
        (one, other) for one, other in pairs if one != other[: len(one)] and other != one[: len(other)]
    )


def circles(pairs: Iterable[tuple[Module, Module]]) -> Iterator[Circle]:
    """Returns the largest sets of modules that all reach each other."""
    imported: dict[Module, set[Module]] = {}
    for one, other in pairs:
        imported.setdefault(one, set()).add(other)
    reached = {module: reachable(imported, module) for module in imported}
    done: set[Module] = set()
    for module in sorted(imported):
        if module in reached[module] and module not in done:
            circle = {other for other in reached[module] if module in reached.get(other, ())}
            done |= circle
            yield Circle(frozenset(circle), way_around(imported, module))


def reachable(imported: dict[Module, set[Module]], start: Module) -> set[Module]:
    """Returns all direct and indirect imports of a module."""
    found: set[Module] = set()
    ahead = [start]
    while ahead:
        new = imported.get(ahead.pop(), set()) - found
        found |= new
        ahead += new
    return found


def way_around(imported: dict[Module, set[Module]], start: Module) -> list[Module]:
    """Returns a shortest path from a module of a circle back to it."""
    ways = [[start]]
    passed: set[Module] = set()
    for way in ways:
        for other in sorted(imported.get(way[-1], ())):
            if other == start:
                return [*way, other]
            if other not in passed:
                passed.add(other)
                ways.append([*way, other])
    return []
