"""Every example of `clew help COMMAND` is typed, in one session: it must be understood and done.

The reference in docs/guide/commands.md has the same examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from journeys.pages import Example, NotebookOpened, Reader
from journeys.person import Person
from nbformat.v4 import new_code_cell, new_notebook

NOT_RUN = {
    'switch "10m ago"': "no run is that old",
    "resume --map /home/ada/data=/mnt/data": "the files are on another machine",
    "import all.clew --preview --map /home/ada/data=/mnt/data": "the files are on another machine",
    "remote add lab s3://bucket/clew": "needs a network",
    "remote add nas ssh://nas/data/clew": "needs another machine",
    "watch lab --all": "continues until it is ended",
    "watch --every 1": "continues until it is ended",
    "clone ssh://host/data/flights": "needs another machine",
    "serve --stdio /data/clew": "continues until it is ended",
    "enable": "changes the environment of the tests",
    "disable": "changes the environment of the tests",
    "trust add 9f86d081884c7d65 --label Ada": "needs a store of the owner of this key",
}

CELLS = [
    "import pandas as pd",
    "df = pd.read_csv('data.csv')",
    "token = ['blue', 'green']",
    "df['late'] = df.delay > 10",
    "df.loc[1, 'delay'] = None",
    "model = df.delay.mean()",
    *(f"step = {number}" for number in range(10)),
]

BEFORE = {
    "import nb.crate.zip --preview": "clew package nb.ipynb",
    "export state.clew --with-files": "rm state.clew",
    "package nb.ipynb": "rm nb.crate.zip",
    "package nb.ipynb --embed -o out.ipynb": "rm out.ipynb",
    "history delete delays": "%clew history nb.ipynb",
    "push lab": "clew remote add lab ../remote",
}
"""What is typed before an example."""

TERMINAL_ONLY = ("run ",)
"""How examples begin that `%clew` refuses: help in a notebook shows them all the same."""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A person with two notebooks and their histories; the second is open, and has sixteen runs."""
    reader = Reader(Person(tmp_path, tmp_path / "project"))
    (reader.folder / "data.csv").write_text("carrier,delay\nUA,12\nB6,30\nUA,4\n")
    parameters = new_code_cell("month = 1", metadata={"tags": ["parameters"]})
    write_notebook(reader.folder / "flights.ipynb", [parameters, new_code_cell("print(month)")])
    write_notebook(reader.folder / "nb.ipynb", [new_code_cell(cell) for cell in CELLS])
    play(reader, "other.ipynb", ["%clew history --new flights", "x = 1"])
    play(reader, "nb.ipynb", CELLS)
    play(reader, "nb.ipynb", ["%clew resume"])
    yield reader
    reader.leave()


def write_notebook(path: Path, cells: list[Any]) -> None:
    """Writes a notebook for a kernel of this Python."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)


def play(reader: Reader, notebook: str, cells: list[str]) -> None:
    """Opens a notebook and runs cells in it."""
    reader.open(NotebookOpened(notebook))
    for cell in ["%load_ext clew", *cells]:
        reader.run(Example(0, "ipython", [cell]))


def examples(reader: Reader) -> dict[str, str]:
    """What help shows as examples: the interface of each, by what is typed behind `clew`."""
    help_page = reader.run(Example(0, "ipython", ["%clew help"]))
    found = {}
    for word in re.findall(r"^  ([a-z-]+)  +[A-Z]", help_page, re.MULTILINE):
        page = reader.run(Example(0, "ipython", [f"%clew help {word}"]))
        for mark, typed in re.findall(
            r"^  (%?)clew (\S.*?)   .*$",
            re.split(r"^Examples.*:$", page, flags=re.MULTILINE)[-1],
            re.MULTILINE,
        ):
            found[typed] = "ipython" if mark and not typed.startswith(TERMINAL_ONLY) else "console"
    return found


def test_every_example_of_help_can_be_typed(reader: Reader) -> None:
    found = examples(reader)
    assert len(found) > 75, found
    with pytest.raises(AssertionError, match="There is no run"):
        reader.run(Example(0, "ipython", ["%clew show 99"]))
    assert set(NOT_RUN) | set(BEFORE) <= set(found), "an example is no longer there"
    failed = []
    for typed, kind in found.items():
        if typed in NOT_RUN:
            continue
        try:
            if typed in BEFORE:
                is_magic = BEFORE[typed].startswith("%")
                reader.run(Example(0, "ipython" if is_magic else "console", [BEFORE[typed]]))
            reader.run(Example(0, kind, [f"%clew {typed}" if kind == "ipython" else f"clew {typed}"]))
        except AssertionError as error:
            failed.append(str(error))
    assert not failed, "\n".join(failed)
