"""Checks the direction of imports, as described in ARCHITECTURE.md.

It checks the dependencies between crates, the imports between the modules of the engine and between the folders of the Python package, and
circular imports everywhere. It also checks code that is only allowed in one place: unsafe code, Python, the terminal, the environment and
the clock.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from imports import Circle, Module, PythonPackage, python_circles, rust_circles
from workspace import ROOT, crates, report, sources

# For each crate: the crates of the workspace on which it may depend, without dev-dependencies.
CRATES = {
    "clew-core": set(),
    "clew-testing": {"clew-core", "clew-remote"},
    "clew-value": {"clew-core"},
    "clew-remote": {"clew-core"},
    "clew-cli": {"clew-core", "clew-remote", "clew-value"},
    "clew-python": {"clew-core", "clew-cli", "clew-value"},
    "crc-fast": set(),
    "clew-fuzz": {"clew-core", "clew-cli", "clew-remote", "clew-value", "clew-testing"},
}
DEV_ONLY = {"clew-testing"}

# For each module of clew-core: the modules that it may import. `format` may import `graph`, because a manifest contains the positions of a
# graph's buffers. `history` may, because it determines from a graph how a run changed a co-variable.
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
    "lib": None,  # declares all modules
}

# For each folder of python/clew: the folders that it may import at import time. The modules outside of these folders may be imported
# everywhere.
FOLDERS: dict[str, set[str]] = {
    "analysis": set(),
    "roots": {"analysis"},
    "adapters": {"analysis"},
    "codecs": {"roots", "adapters"},
    "shell": {"analysis", "roots", "codecs", "adapters"},
    "run": {"analysis", "shell"},
    "scratch": {"analysis", "roots", "codecs", "adapters", "shell"},
}
# The declarations for each library. They import none of the folders, so every folder may import them.
DECLARATIONS = {("codecs", "libraries"), ("codecs", "library")}
# Exceptions that still exist. Remove those that are no longer needed, and add none.
EXCEPTIONS = {
    ("adapters", "codecs"),
    ("adapters", "shell.warn"),
    ("roots", "codecs.handles"),
    ("roots", "shell.warn"),
}

# Circular imports that still exist, by crate or package. Remove those that are no longer needed, and add none.
CIRCLES: dict[str, list[set[str]]] = {
    # The types contain each other: a cell may hold values of a column, and a column consists of cells.
    "clew-value": [{"value::cell", "value::column", "value::element", "value::nested"}],
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

# A message that is written where it is used. The tables of messages in the tests would not contain it.
FREE_TEXT = (
    r"\b(failed|Failed|Refused|Err|notice|opaque)\((format!\()?"
    r"\"(\{[^}]*\}|[^\"{}a-zA-Z])*[a-zA-Z]{2,}[^\"]* "
)
NO_FREE_TEXT = "a sentence that people read is a variant of an enum, with a line in a table of the tests"

# Patterns that a crate's sources must not contain, with the reasons.
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

# Calls that not every system has, and the files that may contain them, also below a folder of the same name. Elsewhere the crates compile
# for macOS and Windows (`make platforms`), and behave in the same way.
SYSTEM_CALLS = r"\b(rustix|libc|landlock|seccompiler)::|\bstd::os::|\"/proc/|\bcfg\((unix|windows|target_os|not\(unix|not\(target_os)"
PLATFORM_MODULES = (
    "clew-core/src/store/disk/real",
    "clew-remote/src/directory/disk",
    "clew-cli/src/platform",
    "clew-python/src/platform",
    "clew-python/src/raw",
    "clew-python/src/sandbox",
)


def crate_directions() -> Iterator[str]:
    """Yields crates that depend on a crate that they must not use."""
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
    """Yields numbered lines, without comments and without the tests at the end of the file."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() in ("#[cfg(test)]", "#[cfg(all(test, unix))]"):
            return
        if not line.lstrip().startswith("//"):
            yield number, line.split(" // ")[0]


def module_directions() -> Iterator[str]:
    """Yields modules of the engine that import a higher one."""
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
    """Yields folders of the Python package that import a higher one, and exceptions that are no longer needed."""
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
    """Yields circular imports that CIRCLES does not list, and listed ones that are smaller now."""
    for package in crates():
        source = Path(package["manifest_path"]).parent / "src"
        yield from compare_circles(package["name"], "::", rust_circles(source))
    clew = ROOT / "python/clew"
    yield from compare_circles("python/clew", ".", python_circles(clew))
    yield from compare_circles(
        "python/clew, with imports inside functions", ".", python_circles(clew, with_late=True)
    )


def compare_circles(package: str, separator: str, found: Iterable[Circle]) -> Iterator[str]:
    """Yields the differences between the circular imports of a package and the listed ones."""
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
    """Yields code that belongs elsewhere."""
    for package in crates():
        rules = FORBIDDEN.get(package["name"], {})
        for path in sources(package, "src"):
            for number, line in code(path):
                for pattern, reason in rules.items():
                    if re.search(pattern, line):
                        yield f"{path.relative_to(ROOT)}:{number}: {reason}"


def unsafe_code() -> Iterator[str]:
    """Yields unsafe code outside of its folder, and crates that do not forbid it."""
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


def system_calls() -> Iterator[str]:
    """Yields calls of the system outside of the platform modules, and such modules without any."""
    needless = set(PLATFORM_MODULES)
    for package in crates():
        for path in sources(package, "src"):
            where = str(path.relative_to(ROOT)).removeprefix("crates/").removesuffix(".rs")
            homes = [home for home in PLATFORM_MODULES if f"{where}/".startswith(f"{home}/")]
            for number, line in code(path):
                if re.search(SYSTEM_CALLS, line):
                    needless.difference_update(homes)
                    if not homes:
                        yield f"{path.relative_to(ROOT)}:{number}: calls that not every system has are in the platform modules only"
    for home in sorted(needless):
        yield f"{home} calls no system: remove it from PLATFORM_MODULES in tools/directions.py"


def main() -> int:
    problems = [
        *crate_directions(),
        *module_directions(),
        *folder_directions(),
        *import_circles(),
        *misplaced(),
        *unsafe_code(),
        *system_calls(),
    ]
    return report("Directions of imports", problems)


if __name__ == "__main__":
    sys.exit(main())
