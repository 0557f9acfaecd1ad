"""Checks that the sources of each crate use every dependency that it declares."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from workspace import crates, report, sources

FOLDERS = {None: ("src",), "dev": ("src", "tests", "benches", "examples"), "build": (".",)}


def is_used(package: dict[str, Any], dependency: dict[str, Any]) -> bool:
    """Whether a source uses the dependency, by path or in a derive attribute."""
    name = (dependency["rename"] or dependency["name"]).replace("-", "_")
    pattern = re.compile(rf"\b{name}\b\s*(::|!|;|,|\}}| as )|\#\[{name}\b")
    return any(pattern.search(path.read_text()) for path in sources(package, *FOLDERS[dependency["kind"]]))


def problems() -> Iterator[str]:
    for package in crates():
        for dependency in package["dependencies"]:
            if not is_used(package, dependency):
                yield f"{package['name']} declares {dependency['name']} and never names it"


if __name__ == "__main__":
    sys.exit(report("Unused dependencies", problems()))
