"""Which notebook this is, as far as the front end tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Kernel
from kernel_record import HERE, Recorded

from clew.shell.identity import identifier, read, told_path


def test_the_session_variable_tells_the_path(kernels: Callable[..., Kernel], tmp_path: Path) -> None:
    notebook = tmp_path / "work.ipynb"
    notebook.write_text(json.dumps({"metadata": {"clew": {"id": "n1"}}, "cells": []}))
    before = notebook.read_bytes()
    recorded = Recorded(kernels(load=False, paths=[HERE], notebook=notebook))
    told = recorded.calls[0][1]
    assert (told["path"], told["id"], told["name"]) == (str(notebook), "n1", None)
    assert told["kernel"]["pid"] == recorded.kernel.pid
    assert notebook.read_bytes() == before


def test_a_kernel_that_is_not_told_is_anonymous_until_it_is(recorded: Recorded) -> None:
    assert recorded.calls[0][1]["path"] is None
    recorded.kernel.run("__vsc_ipynb_file__ = '/somewhere/else.ipynb'", silent=True)
    recorded.kernel.run("x = 1")
    recorded.kernel.run("__vsc_ipynb_file__ = '/too/late.ipynb'")
    recorded.kernel.run("x = 2")
    assert [call[0] for call in recorded.calls if call[0] != "idle"] == ["attach", "attach", *["capture"] * 3]
    assert [call[1]["path"] for call in recorded.calls if call[0] == "attach"] == [
        None,
        "/somewhere/else.ipynb",
    ]


def test_a_session_name_that_is_no_notebook_is_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "console-1")
    assert told_path({}) is None
    assert told_path({"__vsc_ipynb_file__": "/a/b.ipynb"}) == "/a/b.ipynb"


@pytest.mark.parametrize("text", ["", "[]", "{", "[[[[", "nothing", '{"metadata": 3, "cells": 4}'])
def test_a_broken_notebook_tells_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(text)
    assert identifier(read(str(file))) is None
    assert read(str(tmp_path / "missing.ipynb")) == {}
