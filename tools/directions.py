"""Checks who may import whom, so that the house stays the one drawn in ARCHITECTURE.md.

Between crates, from `cargo metadata`; between the modules of the engine, from paths that begin with
`crate::`; and what belongs into one place only: unsafe code, Python, the terminal, environment and clock.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

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
    problems = [*crate_directions(), *module_directions(), *misplaced(), *unsafe_code()]
    return report("Directions of imports", problems)


if __name__ == "__main__":
    sys.exit(main())
