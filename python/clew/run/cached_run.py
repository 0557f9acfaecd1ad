"""A run in which no cell is executed: the notebook is read and written without papermill, whose import alone takes longer than all of this.
The output has papermill's metadata keys (`tests/run/test_papermill_running.py` compares).
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from clew.installation import version_of
from clew.run.cell_metadata import mark, note_duration, note_end, put_outputs
from clew.run.displays import Displays
from clew.run.mistakes import FAILED, Mistake, missing
from clew.run.options import STREAM, TELLING, Options
from clew.run.source import as_notebook, without_markers
from clew.run.walk import Walk


def light_notebook(options: Options) -> Any | None:
    """Returns the notebook, if papermill is not needed to read and write it: local files, no parameters, no changes to it, no logs. Else
    returns `None`."""
    assert options.input is not None and options.output is not None
    is_told = options.logs_output or options.progress_bar
    if options.has_parameters or options.report_mode or is_told or not is_plain(options.input):
        return None
    if options.output != STREAM and not is_plain(options.output):
        return None
    try:
        import nbformat
    except ImportError as error:
        raise missing(error) from None
    text = read(options.input)
    notebook = nbformat.v4.upgrade(nbformat.reads(as_notebook(text, options.input), as_version=4))
    notebook.cells = without_markers(notebook.cells)
    return notebook


def is_plain(path: str) -> bool:
    """Returns whether a path names a local file."""
    return path != STREAM and "://" not in path and not path.lstrip().startswith("{")


def read(path: str) -> str:
    """Reads the text of a notebook."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        folder, name = Path(path).parent, Path(path).name
        near = get_close_matches(name, [one.name for one in folder.glob("*.ipynb")], 1)
        hint = f"did you mean {folder / near[0]}?" if near else "`ls` lists the files"
        raise Mistake(f"There is no {path}", hint, FAILED) from None
    except IsADirectoryError:
        raise Mistake(f"{path} is a folder", "give the path of a notebook in it", FAILED) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{path} cannot be read: {error}", None, FAILED) from None


def write_unexecuted(notebook: Any, walk: Walk, options: Options) -> None:
    """Writes OUT with the stored outputs of every cell."""
    began = datetime.now(UTC)
    name_paths(options)
    note_notebook(notebook, options, began)
    displays = Displays(notebook)
    end: dict[str, str] | None = None
    for index, cell in enumerate(notebook.cells):
        note_cell(cell, began)
        decision = walk.decide(index) if cell.cell_type == "code" else None
        if cell.cell_type == "code":
            put_outputs(cell, index, decision, displays)
            note_duration(cell, decision)
            mark(cell, walk.told[index])
        if decision is not None:
            end = decision.end
    note_end(notebook, None if same_file(options) else end)
    write(notebook, options)


def same_file(options: Options) -> bool:
    """Returns whether the notebook is run in place: then it has the history anyway."""
    assert options.input is not None and options.output is not None
    return options.output != STREAM and Path(options.input).absolute() == Path(options.output).absolute()


def name_paths(options: Options) -> None:
    """Logs the paths of the notebooks and the folder, as papermill does."""
    named = {
        "Input Notebook:  ": options.input,
        "Output Notebook: ": options.output,
        "Working directory: ": options.cwd,
    }
    if options.log_level in TELLING:
        for what, path in named.items():
            if path is not None:
                print(f"{what}{path}", file=sys.stderr)


def note_notebook(notebook: Any, options: Options, began: datetime) -> None:
    """Adds papermill's metadata to the notebook."""
    ended = datetime.now(UTC)
    first = {
        "default_parameters": {},
        "parameters": {},
        "environment_variables": {},
        "version": version_of("papermill") or "",
    }
    notes = notebook.metadata.setdefault("papermill", first)
    notes.update(
        input_path=options.input,
        output_path=options.output,
        start_time=began.isoformat(),
        end_time=ended.isoformat(),
        duration=(ended - began).total_seconds(),
        exception=None,
    )


def note_cell(cell: Any, at: datetime) -> None:
    """Adds papermill's metadata to a cell."""
    cell.metadata.setdefault("tags", [])
    cell.metadata["papermill"] = {
        "exception": False,
        "start_time": at.isoformat(),
        "end_time": at.isoformat(),
        "duration": 0.0,
        "status": "completed",
    }


def write(notebook: Any, options: Options) -> None:
    """Writes the notebook to OUT, as papermill does."""
    import nbformat

    text = nbformat.writes(notebook)
    if options.output == STREAM:
        sys.stdout.write(text)
        return
    assert options.output is not None
    folder = Path(options.output).parent
    if not folder.exists():
        raise Mistake(f"The folder {folder} does not exist", f"`mkdir -p {folder}`", FAILED)
    try:
        Path(options.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Mistake(f"{options.output} cannot be written: {error}", None, FAILED) from None
