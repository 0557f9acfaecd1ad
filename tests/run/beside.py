"""papermill and `clew run` beside each other: the same words over the same files, each in a folder of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from desk import SPEC, Desk, typed_in_fork

PROGRAMS = ("papermill", "clew")
#: The line that sums up, which papermill has not.
SUMMARY = re.compile(r"\d+ of \d+ cells? restored|Next: in ")
#: Where what is said of a failure begins, and Python's warnings, of which `clew run` shows none.
FAILURE = re.compile(r"^(?:Traceback|Error:|Usage:|-{20,}$)", re.MULTILINE)
WARNING = re.compile(r"^\S+:\d+: \w*Warning: .*\n(?:  .*\n)?", re.MULTILINE)
#: What is said where somebody else takes the port of a kernel of papermill's heartbeat, which nobody listens to here, by libzmq where such a
#: kernel ends in a bad moment, by jupyter_client where its channels close while a message comes in, and by ipykernel 7.4 of a
#: kernel that listens at a port (those of `clew run` don't).
LIBRARIES = re.compile(
    r"^(?:\[IPKernelApp\] WARNING \| Kernel is running over TCP without encryption.*|"
    r"(?:Exception in thread Heartbeat:|ERROR:tornado\.general:Uncaught exception in ZMQStream callback)\n"
    r"Traceback .*\n(?:  .*\n)+\S.*|Assertion failed: pfd\.revents & POLLIN.*)\n",
    re.MULTILINE,
)
#: An id that is drawn anew each time.
DRAWN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Left:
    """What one of them left: its exit code, what it said, and its folder."""

    exit: int
    out: str
    err: str
    folder: Path

    def read(self, name: str = "out.ipynb") -> Any:
        """A notebook that it wrote, as JSON has it."""
        return json.loads((self.folder / name).read_text())

    @property
    def files(self) -> dict[str, str]:
        """All its files by name, but for notebooks."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".ipynb")
        return {str(path.relative_to(self.folder)): path.read_text() for path in found}

    @property
    def notebooks(self) -> dict[str, Any]:
        """Its notebooks by name, without what differs from run to run."""
        found = {
            str(path.relative_to(self.folder)): path.read_text() for path in self.folder.rglob("*.ipynb")
        }
        if self.out.startswith("{"):
            found["-"] = self.out
        return {name: comparable(json.loads(text)) for name, text in found.items() if text.startswith("{")}

    @property
    def said(self) -> list[str]:
        """The lines on standard error, down to a traceback of Python's or an error of Clew's."""
        without_warnings = LIBRARIES.sub("", WARNING.sub("", self.err))
        text = FAILURE.split(without_warnings, maxsplit=1)[0]
        told = (line for line in text.splitlines() if line.strip() and not SUMMARY.match(line))
        return [DRAWN.sub("ID", line.rstrip()) for line in told]


@dataclass(frozen=True)
class Pair:
    """What both left."""

    papermill: Left
    clew: Left

    def assert_same(self, exit: int = 0) -> None:
        """They agree on the exit code, on what is said before anything fails, on the files and on the notebooks."""
        assert (self.papermill.exit, self.clew.exit) == (exit, exit), (self.papermill, self.clew)
        # What is behind it is told by libraries, before papermill's traceback.
        told = self.papermill.said if exit == 0 else self.papermill.said[: len(self.clew.said)]
        assert self.clew.said == told, (self.clew.said, told)
        assert self.clew.files == self.papermill.files, (self.clew.files, self.papermill.files)
        ours, theirs = self.clew.notebooks, self.papermill.notebooks
        assert ours == theirs, (ours, theirs)
        if exit == 0 and not self.papermill.out.startswith("{"):
            assert self.clew.out == self.papermill.out
        assert "Traceback" not in self.clew.err or "-----" in self.clew.err, self.clew.err


class Beside:
    """Both commands, ready to be typed."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._counted = 0

    def type(
        self,
        *words: str,
        files: Mapping[str, str] | None = None,
        given: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Pair:
        """Types words after each command, in a new folder with these files."""
        self._counted += 1
        folders = {program: self.desk.folder / f"{program}-{self._counted}" for program in PROGRAMS}
        for folder in folders.values():
            for name, text in (files or {}).items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            folder.mkdir(exist_ok=True)
        return self.again(folders, *words, given=given, env=env)

    def again(
        self,
        folders: Mapping[str, Path],
        *words: str,
        given: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Pair:
        """Types words in these folders."""
        with ThreadPoolExecutor(len(PROGRAMS)) as threads:
            calls = [
                threads.submit(self.one, program, folders[program], words, given, env) for program in PROGRAMS
            ]
            return Pair(*(call.result() for call in calls))

    def one(
        self,
        program: str,
        folder: Path,
        words: tuple[str, ...] | list[str],
        given: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Left:
        """Types words after one of the commands."""
        # A history of its own: a notebook of the same name in another folder counts as a copy.
        own = {"CLEW_HOME": str(self.desk.home / f"clew-{folder.name}")}
        environment = self.desk.environment() | own | dict(env or {})
        typed = typed_in_fork(program, words, cwd=folder, env=environment, given=given)
        return Left(typed.exit, typed.out, typed.err, folder)


def notebook(*sources: str, tags: dict[int, list[str]] | None = None, **metadata: Any) -> str:
    """The text of a notebook. `metadata` stands in it besides, or instead; `None` takes a part out."""
    cells = []
    for index, source in enumerate(sources):
        new = nbformat.v4.new_markdown_cell if source.startswith("# text") else nbformat.v4.new_code_cell
        cell = new(source, metadata={"tags": (tags or {}).get(index, [])})
        cell["id"] = f"cell-{index}"
        cells.append(cell)
    told = {"kernelspec": SPEC, "language_info": {"name": "python"}} | metadata
    said = {name: value for name, value in told.items() if value is not None}
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=said)))


def comparable(notebook: Any) -> Any:
    """A notebook without times, drawn ids, and what only Clew notes."""
    has_ids = notebook["nbformat_minor"] >= 5
    notebook["metadata"].pop("clew", None)
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = joined(
                one for one in cell["outputs"] if "Clew recorded this run" not in "".join(one.get("text", ""))
            )
    for cell in notebook["cells"]:
        cell["metadata"].pop("clew", None)
        if "execution" in cell["metadata"]:
            cell["metadata"]["execution"] = sorted(cell["metadata"]["execution"])
        tags = set(cell["metadata"].get("tags", ()))
        if has_ids and tags & {"injected-parameters", "papermill-error-cell-tag"}:
            cell["id"] = "drawn"
        timeless(cell["metadata"].get("papermill", {}))
    timeless(notebook["metadata"].get("papermill", {}))
    return notebook


def joined(outputs: Iterable[Any]) -> list[Any]:
    """Outputs with the pieces of a stream in one: where a kernel that is busy cuts a stream is chance."""
    found: list[Any] = []
    for one in outputs:
        is_stream = one["output_type"] == "stream"
        text = "".join(one.get("text", ""))
        if is_stream and found and found[-1].get("name") == one["name"]:
            found[-1]["text"] += text
        else:
            found.append(one | {"text": text} if is_stream else one)
    return found


def timeless(notes: dict[str, Any]) -> None:
    """Leaves of times only that they are there."""
    for name in ("start_time", "end_time", "duration"):
        if notes.get(name) is not None:
            notes[name] = type(notes[name]).__name__
