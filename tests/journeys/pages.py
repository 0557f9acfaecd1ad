"""The examples on the pages of the documentation: how they are found, run and compared.

What runs is decided by the page itself:

    ```ipython      cells `In [n]: …` in a real kernel; what stands below a cell is its output. `In [1]` restarts the kernel
    ```console      commands `$ …` in a shell in the notebook's folder; what stands below a command is its output
    ```python       one cell without output
    ```text         nothing that runs: a message, a drawing

A comment of the same form, `<!-- ipython`, `<!-- console` or `<!-- python` until `-->`, runs too, and readers do not see it: it
prepares an example. `<!-- notebook: NAME.ipynb -->` opens another notebook; a name with `examples/` is one of those in the
repository, and its cells that the page does not show run as well. `<!-- not run: WHY -->` above a block excludes it.

A line `…` in an output stands for any lines. Only durations, ages, sizes in bytes, ids, Clew's version, the home and the line that announces a slow rerun are not compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from harness import REPOSITORY, SOURCES, Kernel, Reply

from journeys.person import Person
from journeys.terminal import CLEW

RUN = ("ipython", "console", "python")
LANGUAGES = (*RUN, "text")
ANY_LINES = "…"

NOT_COMPARED = (
    (re.compile(r"under 1 ms|\b\d+(\.\d+)? (ms|s|min)( ago)?\b|\bjust now\b"), "TIME"),
    (re.compile(r"\b[0-9][0-9.,]* [kKMG]?B\b"), "SIZE"),
    (re.compile(r"(?<![\w.])[0-9a-f]{8,64}\b"), "ID"),
    (re.compile(r"\bClew \d+\.\d+\.\d+"), "Clew VERSION"),
    (re.compile(r"\s+"), " "),
    # What takes more than a second is announced.
    (re.compile(r"^Rerunning the cell of run \w+ in a sandbox process \.\.\.$"), ""),
)


@dataclass
class Example:
    """One input of a page, and the output below it."""

    line: int
    kind: str
    code: list[str]
    number: int | None = None
    output: list[str] = field(default_factory=list)
    is_hidden: bool = False


@dataclass(frozen=True)
class NotebookOpened:
    """From here on a page is about this notebook."""

    name: str


@dataclass
class Page:
    """What a page holds of each kind."""

    steps: list[Example | NotebookOpened] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Blocks in a language that says nothing about whether they run."""

    @property
    def shown(self) -> list[Example]:
        """The examples that a reader sees."""
        return [step for step in self.steps if isinstance(step, Example) and not step.is_hidden]

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many inputs run, how many outputs are compared, and how many blocks do not run."""
        return len(self.shown), sum(bool(one.output) for one in self.shown), len(self.not_run)


BLOCK = re.compile(
    r"^(?P<indent> *)(?:```(?P<fence>\S*)[^\n]*|<!-- (?P<comment>ipython|console|python))\n(?P<body>.*?)^ *(?(fence)```|-->)$"
    r"|^ *<!-- notebook: (?P<notebook>\S+) -->$"
    r"|^ *<!-- not run: (?P<reason>[^\n]+) -->$",
    re.MULTILINE | re.DOTALL,
)


def read_page(text: str) -> Page:
    """The examples of a page, in its order."""
    page, reason = Page(), None
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        if found["notebook"]:
            page.steps.append(NotebookOpened(found["notebook"]))
        elif found["reason"]:
            reason = found["reason"]
        else:
            kind, reason, excluded = found["fence"] or found["comment"], None, reason
            lines = [one.removeprefix(found["indent"]) for one in found["body"].splitlines()]
            if kind not in LANGUAGES:
                page.unknown.append(f"line {line}: a block in `{kind or 'no language'}`")
            elif excluded and kind in RUN:
                page.not_run.append(excluded)
            elif kind in RUN:
                examples = list(read_block(kind, lines, line))
                if not examples:
                    page.unknown.append(f"line {line}: a block in `{kind}` without an input")
                for example in examples:
                    example.is_hidden = found["comment"] is not None
                page.steps += examples
    return page


def read_block(kind: str, lines: list[str], first: int) -> Iterator[Example]:
    """The inputs of one block, with their outputs."""
    if kind == "python":
        yield Example(first, kind, lines)
        return
    begins = re.compile(r"In \[(\d+)\]: (.*)" if kind == "ipython" else r"(\$) (.*)")
    continues = "   ...: " if kind == "ipython" else "> "
    example = None
    for at, line in enumerate(lines, first + 1):
        if begun := begins.match(line):
            if example is not None:
                yield example
            number = int(begun[1]) if kind == "ipython" else None
            example = Example(at, kind, [begun[2]], number)
        elif example is not None and not example.output and (line + " ").startswith(continues):
            example.code.append(line.removeprefix(continues.rstrip()).removeprefix(" "))
        elif example is not None and line.strip():
            example.output.append(re.sub(r"^Out\[\d+\]: ", "", line))
    if example is not None:
        yield example


def comparable(text: str) -> list[str]:
    """The lines of an output, without what differs from run to run."""
    lines = []
    for line in text.splitlines():
        for pattern, instead in NOT_COMPARED:
            line = pattern.sub(instead, line)
        if line.strip():
            lines.append(line.strip())
    return lines


def agrees(expected: list[str], printed: list[str]) -> bool:
    """Whether an output is the expected one; both as `comparable` gives them."""
    if not expected:
        return not printed
    if expected[0] == ANY_LINES:
        return any(agrees(expected[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and expected[0] == printed[0] and agrees(expected[1:], printed[1:])


def with_outputs(text: str, printed: list[tuple[Example, str]]) -> str:
    """The text of a page with other outputs below these examples."""
    lines = text.split("\n")
    for example, output in sorted(printed, key=lambda one: -one[0].line):
        indent = re.match(" *", lines[example.line - 1]).group()  # type: ignore[union-attr]
        first = example.line - 1 + len(example.code)
        last = first
        for line in example.output:
            while line not in lines[last]:
                last += 1
            last += 1
        new = [(indent + line).rstrip() for line in output.splitlines() if line.strip()]
        if result := re.match(r" *Out\[\d+\]: ", lines[first]):
            new[0] = result.group() + new[0].strip()
        lines[first:last] = new
    return "\n".join(lines)


def changed_lines(expected: list[str]) -> Iterator[list[str]]:
    """The expected output with one line changed, lost or added, for each of its lines."""
    for at, line in enumerate(expected):
        if line != ANY_LINES:
            yield [*expected[:at], line + " CHANGED", *expected[at + 1 :]]
            yield [*expected[:at], *(["CHANGED"] if ANY_LINES in expected else []), *expected[at + 1 :]]
            yield [*expected[:at], "CHANGED", *expected[at:]]


def printed_text(reply: Reply) -> str:
    """Everything that a cell printed and displayed, in the order in which a front end shows it."""
    parts: list[str] = []
    displays: dict[str, int] = {}
    for kind, content in reply.messages:
        text = (
            content["text"]
            if kind == "stream"
            else "\n" + content.get("data", {}).get("text/plain", "") + "\n"
        )
        name = content.get("transient", {}).get("display_id")
        if kind == "update_display_data" and name in displays:
            parts[displays[name]] = text
        elif kind in ("stream", "display_data", "execute_result"):
            displays |= {name: len(parts)} if name else {}
            parts.append(text)
    return "".join(parts)


class Reader:
    """A person who types the examples of a page into notebooks and a terminal."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.folder = person.folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = "analysis.ipynb"
        self.kernel: Kernel | None = None
        self.cells: list[str] = []
        """The cells of an example notebook that were not run yet."""
        self.runs = 0

    def environment(self) -> dict[str, str]:
        """The variables of the terminal and of the kernels, besides the machine's own."""
        folders = [str(Path(CLEW).parent), str(Path(sys.executable).parent), os.environ["PATH"]]
        path = os.pathsep.join(folders)
        return {"CLEW_HOME": str(self.person.store), "PYTHONWARNINGS": "ignore", "PATH": path}

    def open(self, opened: NotebookOpened) -> None:
        """Goes on in another notebook."""
        self._end()
        self.cells = []
        path = self.person.folder / opened.name
        if opened.name.startswith("examples/"):
            cells = nbformat.read(REPOSITORY / opened.name, as_version=4).cells
            self.cells = [cell.source for cell in cells if cell.cell_type == "code"]
            path = self.person.folder / path.name
        self.folder, self.name = path.parent, path.name
        self.folder.mkdir(parents=True, exist_ok=True)

    def run(self, example: Example) -> str:
        """Runs one example; what it printed."""
        typed = "\n".join(example.code)
        if example.kind == "console":
            return self._printed(*self._run_command(typed), example)
        if example.number == 1 and self.runs:
            self._end()
        kernel = self._kernel()
        if self.cells:
            assert example.number is not None
            while self.runs < example.number - 1:
                self._run_cell(kernel, self.cells.pop(0)).raised()
            typed = self.cells.pop(0)
            assert "\n".join(example.code) in typed, f"In [{example.number}] of the notebook is:\n{typed}"
        reply = self._run_cell(kernel, typed)
        number = next(
            content["execution_count"] for kind, content in reply.messages if kind == "execute_input"
        )
        assert example.number in (None, number), f"it is In [{number}], and In [{example.number}] on the page"
        error = f"{reply.ename}: {reply.evalue}" if not reply.ok else ""
        has_failed = not reply.ok or bool(re.search(r"^Error:", reply.stderr, re.MULTILINE))
        return self._printed(has_failed, f"{printed_text(reply)}\n{error}", example)

    def _run_cell(self, kernel: Kernel, code: str) -> Reply:
        self.runs += 1
        return kernel.run(code)

    def _kernel(self) -> Kernel:
        if self.kernel is None:
            notebook = self.folder / self.name
            self.kernel = Kernel(
                home=self.person.home, notebook=notebook, cwd=self.folder, env=self.environment(), load=False
            )
        return self.kernel

    def _end(self) -> None:
        if self.kernel is not None:
            self._await_record()
            self.kernel.end()
        self.kernel, self.runs = None, 0

    def _await_record(self) -> None:
        """Waits until the runs of the notebook are recorded, which happens after their replies."""
        if self.kernel is not None:
            self.kernel.run("%clew status", silent=True)

    def _run_command(self, line: str) -> tuple[bool, str]:
        self._await_record()
        environment = os.environ | self.person.folders | self.environment()
        environment["PYTHONPATH"] = os.pathsep.join(str(path) for path in SOURCES)
        ran = subprocess.run(
            ["bash", "-c", line],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=self.folder,
            check=False,
            timeout=300,
        )
        return ran.returncode != 0, ran.stdout

    def _printed(self, has_failed: bool, text: str, example: Example) -> str:
        assert example.output or not has_failed, f"line {example.line}: {example.code} failed:\n{text}"
        return text.replace(str(self.person.home), "/home/ada")

    def leave(self) -> None:
        """Closes the notebook that is open."""
        self._end()
