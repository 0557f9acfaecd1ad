"""Checks that every crate in the lock file has a licence that is compatible with Apache-2.0."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from workspace import metadata, report

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",  # data: Mozilla's list of certificates, compiled in for systems without one
    "ISC",
    "MIT",
    "MIT-0",
    "NCSA",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}


def is_allowed(expression: str) -> bool:
    """Whether one side of every OR is allowed, for every part of an AND. Old crates write `/` for OR."""
    expression = expression.replace("/", " OR ").strip()
    while True:
        inner = re.search(r"\(([^()]*)\)", expression)
        if inner is None:
            break
        word = "MIT" if is_allowed(inner[1]) else "forbidden"
        expression = expression[: inner.start()] + word + expression[inner.end() :]
    parts = re.split(r"\s+AND\s+", expression)
    return all(any(choice.strip() in ALLOWED for choice in re.split(r"\s+OR\s+", part)) for part in parts)


def problems() -> Iterator[str]:
    for package in metadata()["packages"]:
        licence = package["license"]
        if not licence or not is_allowed(licence):
            name = f"{package['name']} {package['version']}"
            yield f"{name}: licence {licence or 'not stated'} is not on the list"


if __name__ == "__main__":
    sys.exit(report(f"Licences of {len(metadata()['packages'])} crates", problems()))
