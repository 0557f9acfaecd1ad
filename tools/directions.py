"""Checks who may import whom, as ARCHITECTURE.md describes it.

It checks the dependencies between crates, the imports between the modules of the engine and between the folders of the
Python package, and circles of imports everywhere. It also checks what belongs into one place only: unsafe code,
Python, the terminal, the environment and the clock.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from imports import Circle, Module, PythonPackage, python_circles, rust_circles
from workspace import ROOT, crates, report, sources

# crate: the workspace's crates it may depend on (dev-dependencies apart).
CRATES = {
    "clew-core": set(),
    "clew-testing": {"clew-core", "clew-remote"},
    "clew-value": {"clew-core"},
    "clew-remote": {"clew-core"},
    "clew-cli": {"clew-core", "clew-remote", "clew-value"},
    "clew-python": {"clew-core", "clew-cli", "clew-value"},
    "clew-fuzz": {"clew-core", "clew-cli", "clew-remote", "clew-value", "clew-testing"},
}
DEV_ONLY = {"clew-testing"}

# module of clew-core: the modules it may import.
# A manifest says where a graph's buffers lie, so `format` knows `graph`; what a run changed of a co-variable is read off
# its graph, so `history` does.
MODULES = {
    "id": set(),
    "limits": set(),
    "cause": set(),
    "cores": set(),
    "graph": {"limits", "id", "cause", "cores"},
    "format": {"limits", "id", "graph"},
    "store": {"limits", "id", "cores", "graph", "format"},
    "history": {"limits", "id", "graph", "format", "store"},
    "clock": {"format"},
    "kernel": {"limits", "id", "cause", "graph", "format"},
    "plan": {"limits", "id", "cause", "graph", "format", "history"},
    "record": {"limits", "id", "cause", "graph", "format", "store", "history", "clock", "kernel", "plan"},
    "restore": {
        "limits",
        "id",
        "cause",
        "cores",
        "graph",
        "format",
        "store",
        "history",
        "kernel",
        "plan",
        "record",
    },
    "session": {
        "limits",
        "id",
        "cause",
        "graph",
        "format",
        "store",
        "history",
        "clock",
        "kernel",
        "plan",
        "record",
        "restore",
    },
    "lib": None,  # declares them all
}

# folder of python/clew: the folders it may import when it is imported. The modules beside them may be imported everywhere.
FOLDERS: dict[str, set[str]] = {
    "analysis": set(),
    "roots": {"analysis"},
    "adapters": {"analysis"},
    "codecs": {"roots", "adapters"},
    "shell": {"analysis", "roots", "codecs", "adapters"},
    "run": {"analysis", "shell"},
    "scratch": {"analysis", "roots", "codecs", "adapters", "shell"},
}
# What is declared of each library. It imports none of the folders, so all of them may import it.
DECLARATIONS = {("codecs", "libraries"), ("codecs", "library")}
# What a folder imports all the same. Remove what is mended, and add nothing.
EXCEPTIONS = {
    ("adapters", "codecs"),
    ("adapters", "shell.warn"),
    ("roots", "codecs.handles"),
    ("roots", "shell.warn"),
}

# Circles of imports that are left, by crate or package. Remove what is mended, and add nothing.
CIRCLES: dict[str, list[set[str]]] = {
    "python/clew, with imports inside functions": [
        {
            "clew.api",
            "clew.shell.cell_parts",
            "clew.shell.hooks",
            "clew.shell.magic",
            "clew.shell.outputs",
            "clew.shell.progress",
            "clew.shell.recorder",
            "clew.shell.run",
            "clew.shell.session",
            "clew.shell.start",
            "clew.trial",
        },
    ],
}

# A reason written as text where it is given: no table of the tests would show it.
FREE_TEXT = (
    r"\b(failed|Failed|Refused|Err|notice|opaque)\((format!\()?"
    r"\"(\{[^}]*\}|[^\"{}a-zA-Z])*[a-zA-Z]{2,}[^\"]* "
)
NO_FREE_TEXT = "a sentence that people read is a variant of an enum, with a line in a table of the tests"

# What must not be found in a crate's sources, and why.
FORBIDDEN = {
    "clew-core": {
        r"\bstd::env\b": "the engine reads no environment: its callers hand in what it needs",
        r"\b(e?print(ln)?|dbg)!": "the engine has no terminal",
        r"\bSystemTime::now\b": "the engine has no clock of its own",
        r"\bpyo3\b": "the engine knows no Python",
        FREE_TEXT: NO_FREE_TEXT,
    },
    "clew-value": {r"\bpyo3\b": "stored values are read without Python"},
    "clew-remote": {
        r"\b(e?print(ln)?|dbg)!": "remotes have no terminal",
        r"\bpyo3\b": "remotes know no Python",
    },
    "clew-cli": {r"\bpyo3\b": "the command knows no Python"},
    "clew-python": {FREE_TEXT: NO_FREE_TEXT},
}
UNSAFE_HOME = "crates/clew-python/src/raw"


def crate_directions() -> Iterator[str]:
    """A crate that depends on one it must not know."""
    ours = {package["name"] for package in crates()}
    for package in crates():
        name = package["name"]
        if name not in CRATES:
            yield f"{name}: not in tools/directions.py; say there what it may depend on"
            continue
        for dependency in package["dependencies"]:
            is_dev = dependency["kind"] == "dev"
            allowed = CRATES[name] | (DEV_ONLY if is_dev else set())
            if dependency["name"] in ours and dependency["name"] not in allowed:
                yield f"{name} must not depend on {dependency['name']}"


def code(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without comments and without the tests at the file's end."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() == "#[cfg(test)]":
            return
        if not line.lstrip().startswith("//"):
            yield number, line.split(" // ")[0]


def module_directions() -> Iterator[str]:
    """A module of the engine that imports one above it."""
    core = ROOT / "crates/clew-core/src"
    for path in sorted(core.rglob("*.rs")):
        module = path.relative_to(core).parts[0].removesuffix(".rs")
        allowed = MODULES.get(module, set())
        if allowed is None:
            continue
        if module not in MODULES:
            yield f"{path.relative_to(ROOT)}: module `{module}` is not in tools/directions.py"
        for number, line in code(path):
            for used in re.findall(r"\bcrate::(\w+)", line):
                if used in MODULES and used != module and used not in allowed:
                    yield f"{path.relative_to(ROOT)}:{number}: `{module}` must not import `{used}`"


def folder_directions() -> Iterator[str]:
    """A folder of the Python package that imports one above it, or an exception that is not needed any more."""
    package = PythonPackage(ROOT / "python/clew")
    needed = set()
    for one, other in package.imports():
        folder, imported = (path[1] if len(path) > 1 else "" for path in (one, other))
        if folder not in FOLDERS or imported not in FOLDERS or imported in FOLDERS[folder] | {folder}:
            continue
        if other[1:3] in DECLARATIONS:
            continue
        exception = (folder, ".".join(other[1:]))
        needed.add(exception)
        if exception not in EXCEPTIONS:
            yield f"{package.files[one].relative_to(ROOT)}: `{folder}` must not import `{'.'.join(other)}`"
    for folder, module in EXCEPTIONS - needed:
        yield f"`{folder}` does not import `{module}` any more: remove it from EXCEPTIONS in tools/directions.py"


def import_circles() -> Iterator[str]:
    """A circle that CIRCLES does not list, or a listed one that is smaller by now."""
    for package in crates():
        source = Path(package["manifest_path"]).parent / "src"
        yield from compare_circles(package["name"], "::", rust_circles(source))
    clew = ROOT / "python/clew"
    yield from compare_circles("python/clew", ".", python_circles(clew))
    yield from compare_circles(
        "python/clew, with imports inside functions", ".", python_circles(clew, with_late=True)
    )


def compare_circles(package: str, separator: str, found: Iterable[Circle]) -> Iterator[str]:
    """The differences between the circles of a package and those that are listed."""
    listed = CIRCLES.get(package, [])

    def names(path: Iterable[Module]) -> list[str]:
        return [separator.join(module) for module in path]

    left: set[str] = set()
    for circle in found:
        members = set(names(circle.modules))
        left |= members
        if not any(members <= known for known in listed):
            yield f"{package}: a circle of imports: {' → '.join(names(circle.way))}"
    for name in sorted(set().union(*listed) - left):
        yield f"{package}: `{name}` is in no circle any more: remove it from CIRCLES in tools/directions.py"


def misplaced() -> Iterator[str]:
    """Code that belongs elsewhere."""
    for package in crates():
        rules = FORBIDDEN.get(package["name"], {})
        for path in sources(package, "src"):
            for number, line in code(path):
                for pattern, reason in rules.items():
                    if re.search(pattern, line):
                        yield f"{path.relative_to(ROOT)}:{number}: {reason}"


def unsafe_code() -> Iterator[str]:
    """Unsafe outside its one folder, or a crate that does not forbid it."""
    for package in crates():
        for path in sources(package):
            where = path.relative_to(ROOT)
            if str(where).startswith(UNSAFE_HOME):
                continue
            for number, line in code(path):
                if re.search(r"\bunsafe\s*(\{|fn|impl|trait|extern)", line):
                    yield f"{where}:{number}: unsafe code lives in {UNSAFE_HOME} only"
        entry = Path(package["manifest_path"]).parent / "src/lib.rs"
        if package["name"] != "clew-python" and "#![forbid(unsafe_code)]" not in entry.read_text():
            yield f"{entry.relative_to(ROOT)}: must say #![forbid(unsafe_code)]"


def main() -> int:
    problems = [
        *crate_directions(),
        *module_directions(),
        *folder_directions(),
        *import_circles(),
        *misplaced(),
        *unsafe_code(),
    ]
    return report("Directions of imports", problems)


if __name__ == "__main__":
    sys.exit(main())
