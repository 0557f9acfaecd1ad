"""Every example of README and guide is typed as it stands there, and its output is compared with the page.

`journeys/pages.py` explains which blocks of a page run. `CLEW_WRITE_EXAMPLES=1` writes the outputs that differ into the pages, and
the test fails: review the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from harness import REPOSITORY

from journeys.pages import (
    ANY_LINES,
    Example,
    NotebookOpened,
    Reader,
    agrees,
    changed_lines,
    comparable,
    read_page,
    with_outputs,
)
from journeys.person import Person

DOCS = REPOSITORY / "docs"
GENERATED = ("docs/guide/commands.md", "docs/json.md", "docs/format.md")
"""Pages of the reference that are made from the code, and tested where they are made."""

PAGES = {
    str(path.relative_to(REPOSITORY)): path
    for path in [REPOSITORY / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("guide/*.md"))]
    if str(path.relative_to(REPOSITORY)) not in GENERATED
}

EXAMPLES = {
    "README.md": (10, 8, 1),
    "docs/guide.md": (12, 12, 1),
    "docs/guide/distributed.md": (6, 3, 1),
    "docs/guide/hosts.md": (0, 0, 1),
    "docs/guide/identity.md": (5, 5, 0),
    "docs/guide/install.md": (2, 1, 2),
    "docs/guide/packages.md": (6, 6, 0),
    "docs/guide/python.md": (15, 10, 0),
    "docs/guide/repeat.md": (12, 8, 0),
    "docs/guide/start.md": (17, 12, 1),
    "docs/guide/stories.md": (15, 14, 0),
    "docs/guide/tour.md": (16, 12, 0),
}
"""For each page with examples: inputs that run, outputs that are compared, blocks that do not run."""


@pytest.mark.parametrize("name", PAGES)
def test_no_page_loses_an_example_unnoticed(name: str) -> None:
    page = read_page(PAGES[name].read_text())
    assert page.unknown == [], f"{name}: a block is `ipython`, `console`, `python` or `text`"
    assert page.counts == EXAMPLES.get(name, (0, 0, 0)), f"{name} has other examples; change EXAMPLES, too"


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_prints_what_its_page_shows(name: str, tmp_path: Path) -> None:
    home = tmp_path / "ada"
    home.mkdir()
    reader = Reader(Person(home, home / "project"))
    differing: list[tuple[Example, str]] = []
    text = PAGES[name].read_text()
    try:
        for step in read_page(text).steps:
            if isinstance(step, NotebookOpened):
                reader.open(step)
                continue
            printed = reader.run(step)
            if step.output and not is_as_shown(step, printed):
                differing.append((step, printed))
    finally:
        reader.leave()
    if differing and os.environ.get("CLEW_WRITE_EXAMPLES"):
        PAGES[name].write_text(with_outputs(text, differing))
    shown = [
        "\n".join([f"{name}, line {example.line}: {example.code}", *example.output, "-- printed:", printed])
        for example, printed in differing
    ]
    assert not differing, "\n\n".join(shown)


def is_as_shown(example: Example, printed: str) -> bool:
    """Whether the output of an example is the one on its page, and a change of any of its lines would be noticed."""
    expected, found = comparable("\n".join(example.output)), comparable(printed)
    if not agrees(expected, found):
        return False
    for changed in changed_lines(expected):
        assert not agrees(changed, found), f"line {example.line}: a changed line is not noticed: {changed}"
    return True


PAGE = """
```ipython
In [1]: x = 1
   ...: x
Out[1]: 1

In [2]: %clew undo
Undid run 2 in 0.01 s. 1 variable: 1 removed (x).
…
You are at 0123abcd.
```

<!-- not run: it needs a network -->
```console
$ clew push
```

<!-- console
$ ls
-->
"""


def test_a_page_is_read_as_it_stands_there() -> None:
    page = read_page(PAGE)
    assert [
        (one.kind, one.number, one.code, one.is_hidden) for one in page.steps if isinstance(one, Example)
    ] == [
        ("ipython", 1, ["x = 1", "x"], False),
        ("ipython", 2, ["%clew undo"], False),
        ("console", None, ["ls"], True),
    ]
    assert (
        page.shown[0].output == ["1"] and page.not_run == ["it needs a network"] and page.counts == (2, 2, 1)
    )


def test_a_changed_line_is_noticed() -> None:
    expected = comparable("\n".join(read_page(PAGE).shown[1].output))
    printed = comparable("Undid run 2 in 3.2 s. 1 variable: 1 removed (x).\nand\nmore\nYou are at fedcba98.")
    assert agrees(expected, printed)
    assert not agrees(expected, [*printed, "more"]) and not agrees(expected, printed[:-1])
    assert not agrees(expected, [printed[0].replace("1 removed", "1 lost"), *printed[1:]])
    assert sum(not agrees(changed, printed) for changed in changed_lines(expected)) == 6
    assert agrees([ANY_LINES], []) and not agrees([], ["more"])


def test_a_block_without_a_known_language_is_noticed() -> None:
    assert read_page("```\n%clew undo\n```\n").unknown and read_page("```ipython\n%clew undo\n```\n").unknown
