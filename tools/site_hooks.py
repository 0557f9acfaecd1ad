"""Hooks for mkdocs (`make docs`): the repository and the site use the same Markdown files.

Links in the files point to other files of the repository. The pages of the site are the files of docs/, and all files outside of it that
pages link to. README.md is the first page. The hooks add these files and rewrite the links.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files  # type: ignore[import-not-found]

sys.path.insert(0, str(Path(__file__).parent))
from links import ELSEWHERE, LINK, without_code

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def site_path(path: Path) -> str:
    """Returns the path of a repository file in the site."""
    if path == ROOT / "README.md":
        return "index.md"
    return path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT).as_posix()


def linked_file(page: Path, target: str) -> Path | None:
    """Returns the file to which a link points; for a folder, its README. `None` for a heading of the same page or another site."""
    path = target.partition("#")[0]
    if not path or ELSEWHERE.match(target):
        return None
    linked = (page.parent / path).resolve()
    return linked / "README.md" if linked.is_dir() and (linked / "README.md").exists() else linked


def on_files(files: Files, config: Any) -> Files:
    """Adds the files outside of docs/ that pages link to, and the files that these link to."""
    waiting = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"]
    waiting += [Path(file.abs_src_path) for file in files.documentation_pages() if file.abs_src_path]
    seen = set()
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        if not path.is_relative_to(DOCS):
            files.append(File.generated(config, site_path(path), abs_src_path=str(path)))
        if path.suffix == ".md":
            for link in LINK.finditer(without_code(path.read_text())):
                linked = linked_file(path, link[1] or link[2])
                waiting += [linked] if linked else []
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrites the links of a page for its place in the site, and text that mkdocs interprets differently than GitHub."""
    source = Path(page.file.abs_src_path)
    folder = Path(page.file.src_uri).parent
    changed, end = [], 0
    for link in LINK.finditer(without_code(markdown)):
        group = 1 if link[1] else 2
        target = link[group]
        linked = linked_file(source, target)
        if linked is None:
            continue
        if linked.is_dir():
            # The site has no page for a folder, so only the text of the link stays.
            text = markdown.rindex("[", end, link.start())
            changed += [markdown[end:text], markdown[text + 1 : link.start()]]
            end = link.end()
            continue
        moved = os.path.relpath(site_path(linked), folder)
        anchor = re.sub(r"^[^#]*", "", target)
        changed += [markdown[end : link.start(group)], moved + anchor]
        end = link.end(group)
    rewritten = "".join([*changed, markdown[end:]])
    return "".join(part if at % 2 else adapt(part) for at, part in enumerate(FENCED.split(rewritten)))


FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


def adapt(text: str) -> str:
    """Converts text outside of code blocks: removes comments, which prepare examples for the tests, and indents lists for mkdocs."""
    text = re.sub(r"^ *<!--.*?-->\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^ {2,3}(?=- )", "    ", text, flags=re.MULTILINE)


def on_page_content(html: str, **_: Any) -> str:
    r"""In a table, GitHub reads `\|` in code as `|`."""
    return re.sub(r"<td>.*?</td>", lambda cell: cell.group().replace("\\|", "|"), html, flags=re.DOTALL)
