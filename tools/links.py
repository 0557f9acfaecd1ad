"""Checks the links of all Markdown files: the linked file is in the repository, and a linked heading or anchor is in it.
A path in backticks that begins with a folder of the repository must be there, too; `NAME` and `*` stand for anything.

python tools/links.py              all files of the repository
python tools/links.py PAGE...      these only
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from workspace import ROOT, report

LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)|\b(?:src|srcset|href)=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"[a-z]+:")
CODE = re.compile(
    r"^ *```.*?^ *```$|(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)|<!--.*?-->", re.MULTILINE | re.DOTALL
)

PATH = re.compile(r"`([\w.-]+/[^`\s:]*)[^`\s]*`")
PLACEHOLDER = re.compile("[A-Z]{3,}|…")


def without_code(text: str) -> str:
    """Returns the text with code and comments blanked, so that line numbers stay the same."""
    return CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


@cache
def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page, by GitHub's rules for headings."""
    text = page.read_text()
    found = set(re.findall(r"<a id=\"([^\"]+)\"></a>", text))
    in_code = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            in_code = not in_code
        if in_code or not (heading := re.match(r"#{1,6} +(.+?) *#*$", line)):
            continue
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        again = sum(one == slug or bool(re.fullmatch(rf"{re.escape(slug)}-\d+", one)) for one in found)
        found.add(f"{slug}-{again}" if slug in found else slug)
    return found


def broken_links(page: Path) -> Iterator[str]:
    """Yields broken links of a page."""
    text = without_code(page.read_text())
    for link in LINK.finditer(text):
        target = link[1] or link[2]
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        line = text.count("\n", 0, link.start()) + 1
        if not linked.exists():
            yield f"{page}:{line}: there is no {target}"
        elif anchor and linked.suffix == ".md" and anchor not in anchors(linked):
            yield f"{page}:{line}: {path or 'this page'} has no heading or anchor #{anchor}"


def missing_paths(page: Path) -> Iterator[str]:
    """Yields paths in backticks that do not exist in the repository."""
    text = page.read_text()
    for named in PATH.finditer(text):
        folder, _, rest = named[1].partition("/")
        pattern = PLACEHOLDER.sub("*", rest.rstrip("/"))
        if folder in tracked_folders() and pattern and not any((ROOT / folder).glob(pattern)):
            yield f"{page}:{text.count(chr(10), 0, named.start()) + 1}: there is no {named[1]}"


@cache
def tracked(pattern: str) -> list[str]:
    """Returns the files of the repository whose paths match `pattern`, including untracked ones."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


@cache
def tracked_folders() -> set[str]:
    """Returns the folders at the top of the repository, without build outputs."""
    return {name.partition("/")[0] for name in tracked("*") if "/" in name}


def pages() -> list[Path]:
    """Returns the Markdown files of the repository."""
    return [ROOT / name for name in tracked("*.md")]


if __name__ == "__main__":
    chosen = [Path(name).resolve() for name in sys.argv[1:]] or pages()
    checks = (broken_links, missing_paths)
    sys.exit(report("links", (problem for page in chosen for check in checks for problem in check(page))))
