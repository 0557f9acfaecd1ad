"""A folder to run notebooks in, with `clew run` and papermill beside each other in one private home."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from typing import Any

import nbformat
from forking import KERNELS, Forking
from harness import COMMAND, NEVER, SOURCES, UNPROVED, Kernel, Typed, private_folders

PYTHON = sys.executable
#: The command that belongs to what is tested.
CLEW = str(COMMAND if COMMAND is not None else Path(PYTHON).parent / "clew")
#: Stands in the place of the Python that the native command starts, and says what that is handed.
INSTEAD = '#!/bin/sh\nshift 3\necho handed\nprintf %s "$@"\n'
HANDED = "handed\n"
PAPERMILL = [PYTHON, "-P", "-m", "papermill"]
SPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}


def hear_interrupts() -> None:
    """Takes back that a shell has what it starts in the background ignore Ctrl+C, as `clew run` then rightly does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Desk:
    """A folder of notebooks, in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.home = folder / "home"
        self.folder.mkdir(parents=True)
        self.home.mkdir()
        #: Where everything that is started here looks for modules.
        self.search = [*SOURCES]
        self._kernels: list[Kernel] = []

    def environment(self) -> dict[str, str]:
        """The variables of everything that is started here."""
        left_out = ("JUPYTER", "JPY", "IPYTHON", "CLEW")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        private = {
            **private_folders(self.home),
            "CLEW_PYTHON": PYTHON,
            "PYTHONPATH": os.pathsep.join(map(str, self.search)),
        }
        return kept | {name: str(value) for name, value in private.items()} | UNPROVED

    def notebook(
        self,
        name: str,
        *sources: str,
        tags: Mapping[int, Sequence[str]] | None = None,
        ids: Sequence[str] | None = None,
        spec: Mapping[str, str] = SPEC,
    ) -> Path:
        """Writes a notebook of code cells (`.ipynb` may be left out); `tags` go by the number of the cell, from 0. A cell `# text` is one of text.
        Ids are `NAME-0` and so on, without what may not stand in an id: two notebooks have none in common."""
        cells = []
        stem = re.sub(r"[^A-Za-z0-9-]", "-", name.removesuffix(".ipynb"))[-48:]
        for index, source in enumerate(sources):
            is_text = source.startswith("# text")
            new = nbformat.v4.new_markdown_cell if is_text else nbformat.v4.new_code_cell
            cell = new(source, metadata={"tags": list((tags or {}).get(index, ()))})
            cell["id"] = ids[index] if ids else f"{stem}-{index}"
            cells.append(cell)
        metadata = {"kernelspec": dict(spec), "language_info": {"name": "python"}}
        path = (self.folder / name).with_suffix(".ipynb")
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
        return path

    def library(self, name: str, source: str) -> None:
        """Installs a module of this source, where everything that is started here finds it."""
        site = self.folder.parent / "site-packages"
        if site not in self.search:
            site.mkdir()
            self.search.append(site)
        (site / f"{name}.py").write_text(source)

    def clew(self, *words: str, **options: Any) -> Typed:
        """Types `clew WORDS`."""
        return self._type([CLEW, *words], **options)

    def run(self, *words: str, **options: Any) -> Typed:
        """Types `clew run WORDS`."""
        return self._forked("clew", words, **options) or self.clew("run", *words, **options)

    def papermill(self, *words: str, **options: Any) -> Typed:
        """Types `papermill WORDS`, without the bar that `clew run` draws in terminals only."""
        words = ("--no-progress-bar", *words)
        command = [*PAPERMILL, *words]
        typed = self._forked("papermill", words, **options) or self._type(command, **options)
        if "Kernel died before replying to kernel_info" in typed.err:
            # jupyter_client looks for free ports and lets go of them before its kernel takes them: another test's kernel may be faster.
            typed = self._type(command, **options)
        return typed

    def python(self, code: str, *arguments: str, **options: Any) -> Typed:
        """Runs a script."""
        return self._type([PYTHON, "-P", "-c", code, *arguments], **options)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Types `clew run WORDS` without waiting for its end. Ctrl+C can be pressed, also where the tests run in the background of a shell."""
        return subprocess.Popen([CLEW, "run", *words], preexec_fn=hear_interrupts, **self._surroundings())

    def open(self, notebook: Path) -> Kernel:
        """A kernel in which the notebook is opened."""
        self._kernels.append(Kernel(home=self.home, notebook=notebook, cwd=notebook.parent))
        return self._kernels[-1]

    def end(self) -> None:
        """Ends the kernels that a failed test left."""
        for kernel in self._kernels:
            kernel.end()

    def _forked(
        self,
        program: str,
        words: Sequence[str],
        *,
        given: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Typed | None:
        """What a command leaves that runs in a fork; `None` where it has to start by itself."""
        surroundings = self.environment() | dict(env or {})
        if not Forking.takes(surroundings):
            return None
        return typed_in_fork(program, words, cwd=cwd or self.folder, env=surroundings, given=given)

    def _type(
        self,
        command: Sequence[str],
        *,
        given: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Typed:
        surroundings = self._surroundings()
        surroundings["env"] |= env or {}
        surroundings["cwd"] = cwd or self.folder
        if given is None:
            # Not a pipe: where one is, notebooks are read from it.
            surroundings["stdin"] = subprocess.DEVNULL
        done = subprocess.run(command, input=given, timeout=NEVER, **surroundings)
        return Typed(done.returncode, done.stdout, done.stderr)

    def _surroundings(self) -> dict[str, Any]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return {"cwd": self.folder, "env": self.environment(), **streams}

    def read(self, name: str) -> Any:
        """A notebook as JSON has it."""
        return json.loads((self.folder / name).read_text())


def typed_in_fork(
    program: str, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], given: str | None = None
) -> Typed:
    """What `papermill WORDS` or `clew run WORDS` leaves. Standard input is what is given, in a pipe, or nothing; output goes to files."""
    if program == "clew":
        handed = _handed(words, cwd, env)
        if handed.exit != 0 or not handed.out.startswith(HANDED):
            return handed
        words = [handed.out.removeprefix(HANDED)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        stream = _pipe_of(given) if given is not None else os.open(os.devnull, os.O_RDONLY)
        try:
            sources = tuple(SOURCES)
            kernels = [Forking.shared(kind, sources).socket.fileno() for kind in KERNELS]
            files = [stream, out.fileno(), err.fileno(), *kernels]
            driver = Forking.shared("driver", sources).start(program, words, cwd=cwd, env=env, files=files)
        finally:
            os.close(stream)
        code = driver.wait()
        return Typed(code, *(_text_of(one.fileno()) for one in (out, err)))


def _pipe_of(text: str) -> int:
    """A pipe that holds a text, to be read."""
    reading, writing = os.pipe()
    content = text.encode()
    # Or who writes would wait for who reads.
    fcntl(writing, F_SETPIPE_SZ, max(len(content), 1))
    os.write(writing, content)
    os.close(writing)
    return reading


def _text_of(file: int) -> str:
    return os.pread(file, os.fstat(file).st_size, 0).decode()


def _handed(words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Typed:
    """What the native command hands to Python for words, or its answer."""
    with tempfile.TemporaryDirectory() as folder:
        instead = Path(folder) / "instead"
        instead.write_text(INSTEAD)
        instead.chmod(0o755)
        done = subprocess.run(
            [CLEW, "run", *words],
            cwd=cwd,
            env={**env, "CLEW_PYTHON": str(instead)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    return Typed(done.returncode, done.stdout, done.stderr)


def code_cells(notebook: Any) -> list[Any]:
    """The code cells of a notebook."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def outcomes(notebook: Any) -> list[str]:
    """What became of each code cell, as Clew noted it. Why stands on standard output, which is shown where a test fails."""
    noted = [cell["metadata"].get("clew", {}) for cell in code_cells(notebook)]
    print(
        *(f"{number}  {one.get('outcome')}  {one.get('why')}" for number, one in enumerate(noted, 1)),
        sep="\n",
    )
    return [one.get("outcome") for one in noted]


def statuses(notebook: Any) -> list[str]:
    """What papermill's metadata says of each code cell."""
    return [cell["metadata"]["papermill"]["status"] for cell in code_cells(notebook)]
