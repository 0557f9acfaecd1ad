"""How notebooks and scripts are read."""

from __future__ import annotations

import json
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from desk import Desk, code_cells

from clew.run.mistakes import Mistake
from clew.run.options import Options
from clew.run.papermill_bridge import prepare
from clew.run.source import as_notebook

OLD = {
    "nbformat": 4,
    "nbformat_minor": 4,
    "metadata": {},
    "cells": [
        {
            "cell_type": "code",
            "source": ["x = 1\n", "x"],
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        },
        {"cell_type": "code", "source": "x = 1\nx", "metadata": {}, "outputs": [], "execution_count": None},
    ],
}


def ids(text: str, path: str) -> list[str]:
    return [cell["id"] for cell in json.loads(as_notebook(text, path))["cells"]]


def test_cells_without_ids_get_the_same_ones_every_time_and_no_two_the_same() -> None:
    first = ids(json.dumps(OLD), "old.ipynb")
    assert first == ids(json.dumps(OLD), "old.ipynb") and len(set(first)) == 2
    again = json.loads(as_notebook(json.dumps(OLD), "old.ipynb"))
    assert again["nbformat_minor"] == 5
    # Ids that are there stay.
    assert as_notebook(json.dumps(again), "new.ipynb") == json.dumps(again)
    # An edit of one cell leaves the other's alone.
    again["cells"].insert(0, OLD["cells"][0] | {"source": "y = 0"})
    assert ids(json.dumps(again), "new.ipynb")[1:] == first


def test_a_percent_script_is_run_as_a_notebook(desk: Desk) -> None:
    script = '# %% tags=["parameters"]\nalpha = 1\n\n# %% [markdown]\n# text\n\n# %%\nprint(alpha + 1)\n'
    (desk.folder / "script.py").write_text(script)
    found = desk.run("script.py", "script-out.ipynb", "-p", "alpha", "5")
    assert found.exit == 0 and "does not end in" not in found.err, found
    cells = code_cells(desk.read("script-out.ipynb"))
    assert [cell["source"][-1].strip() for cell in cells] == ["alpha = 1", "alpha = 5", "print(alpha + 1)"]
    assert cells[2]["outputs"][0]["text"] == ["6\n"]
    assert (desk.folder / "script.py").read_text() == script
    recorded = desk.clew("log", "--all", "-n", "0", "--json", "--history", "script.ipynb").json["runs"]
    assert [run["cell"] for run in recorded[:3]] == [cell["id"] for cell in cells][::-1]


def test_an_address_that_papermill_knows_is_read(desk: Desk) -> None:
    desk.notebook("afar.ipynb", "alpha = 1", tags={0: ["parameters"]})
    handler = partial(Quiet, directory=str(desk.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/afar.ipynb"
        direct = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        found = desk.run(address, "near.ipynb", "--prepare-only", "-p", "alpha", "2", env=direct)
        server.shutdown()
    assert found.exit == 0, found
    near = desk.read("near.ipynb")
    assert near["metadata"]["papermill"]["input_path"] == address and len(near["cells"]) == 2


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize("first", ["engine", "execution", "kernel"])
def test_papermill_finds_the_engine_whatever_is_imported_first(desk: Desk, first: str) -> None:
    find = "from papermill.engines import papermill_engines; print(papermill_engines.get_engine('clew').__name__)"
    assert desk.python(f"import clew.run.{first}; {find}").out == "ClewEngine\n"


def test_papermill_imports_pyarrow_for_addresses_that_need_it_only(desk: Desk) -> None:
    pytest.importorskip("pyarrow")
    desk.notebook("plain", "1 + 1")
    # Every import is told; that takes a process of its own.
    told = {"PYTHONPROFILEIMPORTTIME": "1"}
    done = desk.run("plain.ipynb", "out.ipynb", env=told)
    assert done.exit == 0 and "papermill.iorw" in done.err and "pyarrow.lib" not in done.err
    address = desk.run("hdfs://nowhere/in.ipynb", "out.ipynb", env=told)
    assert address.exit == 1 and "pyarrow.lib" in address.err and "Error: " in address.err


def test_without_jupytext_a_script_is_refused_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jupytext", None)
    with pytest.raises(Mistake, match="jupytext, which is not installed") as raised:
        as_notebook("# %%\n1", "script.py")
    assert raised.value.hint is not None and "-m pip install jupytext" in raised.value.hint


def test_without_papermill_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "papermill", None)
    monkeypatch.setitem(sys.modules, "papermill.exceptions", None)
    with pytest.raises(Mistake, match="needs the package papermill") as raised:
        prepare(Options(input="a.ipynb", output="b.ipynb"))
    assert raised.value.hint is not None and '"clew[run]"' in raised.value.hint


def test_a_document_in_pieces_is_read_as_one() -> None:
    text = json.dumps({"input": "ä.ipynb", "from": "3", "parameters": ["a", "1"], "of a later version": 1})
    options = Options.of([text[:9], text[9:]])
    assert (options.input, options.from_cell, options.parameters) == ("ä.ipynb", "3", ["a", "1"])
