"""Files of another machine, found by a scratch process at the paths that they had there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from driver import Scratch
from harness import no_maps

#: A machine that refuses says so, with what helps: nothing else of these can be tried there.
pytestmark = pytest.mark.skipif(no_maps() is not None, reason=str(no_maps()))


@pytest.fixture
def mnt(tmp_path: Path) -> Path:
    mnt = tmp_path / "mnt"
    (mnt / "data").mkdir(parents=True)
    (mnt / "data/x.csv").write_text("a,b\n1,2\n")
    (mnt / "one.txt").write_text("one")
    return mnt


def value(scratch: Scratch, expression: str) -> str:
    answer = scratch.eval(expression)
    assert "text" in answer, answer
    return str(answer["text"])


def test_what_lies_elsewhere_is_found_at_its_old_path_from_any_language(tmp_path: Path, mnt: Path) -> None:
    before = sorted(os.listdir("/"))
    home = tmp_path / "home"
    home.mkdir()
    (home / "beside.txt").write_text("beside")
    maps = [
        # The longest counts, whatever the order.
        (f"{home}/ada/data", str(mnt / "data")),
        (f"{home}/ada", str(mnt)),
        ("/no-such-folder/deep/two.txt", str(mnt / "one.txt")),
        (f"{home}/ada/more", str(mnt / "data")),
    ]
    scratch = Scratch(tmp_path / "scratch", maps=maps)
    assert scratch.unmapped is None and scratch.gaps == []
    assert value(scratch, "open('/no-such-folder/deep/two.txt').read()") == "'one'"
    assert value(scratch, f"open('{home}/ada/one.txt').read()") == "'one'"
    assert value(scratch, f"open('{home}/ada/more/x.csv').read()") == "'a,b\\n1,2\\n'"
    assert value(scratch, f"__import__('os').listdir('{home}/ada/data')") == "['x.csv']"
    # Compiled code opens files past Python.
    read = f"__import__('pyarrow.csv').csv.read_csv('{home}/ada/data/x.csv').num_rows"
    assert value(scratch, read) == "1"
    # What lies beside is there as it was, and nothing is written anywhere.
    assert value(scratch, f"open('{home}/beside.txt').read()") == "'beside'"
    assert "PermissionError" in str(scratch.eval(f"open('{home}/ada/data/new', 'w')"))
    scratch.close()
    assert sorted(os.listdir("/")) == before and os.listdir(home) == ["beside.txt"]
    assert sorted(path.name for path in mnt.rglob("*")) == ["data", "one.txt", "x.csv"]


def test_where_something_else_lies_at_the_old_path_it_is_covered(tmp_path: Path, mnt: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    scratch = Scratch(tmp_path / "scratch", maps=[(f"{tmp_path}/x.csv", str(mnt / "data/x.csv"))])
    assert value(scratch, f"open('{tmp_path}/x.csv').read()") == "'a,b\\n1,2\\n'"
    scratch.close()
    assert (tmp_path / "x.csv").read_text() == "mine"


def test_what_can_not_be_mapped_says_why(tmp_path: Path, mnt: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    for number, (old, new, why) in enumerate(
        [
            (tmp_path / "x.csv", mnt, "a folder is mapped to a file"),
            (tmp_path / "y.csv", mnt / "none", "cannot be mapped"),
        ]
    ):
        scratch = Scratch(tmp_path / f"scratch{number}", maps=[(str(old), str(new))])
        assert scratch.unmapped is not None and why in scratch.unmapped, scratch.unmapped
        scratch.close()
