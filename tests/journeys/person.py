"""A user with a home, a store, a key, a terminal, and a folder of notebooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cases.story import Notebook
from harness import Kernel

from journeys.terminal import Terminal


class Person:
    """The files and kernels of one user on one machine. They are created when they are used first."""

    def __init__(self, home: Path, folder: Path, store: Path | None = None) -> None:
        self.home = home
        self.folder = folder
        #: The default folder of the store.
        self.store = store or home / ".local/share/clew"
        self.folders = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home / ".local/share"),
            "JUPYTER_RUNTIME_DIR": str(home / "jupyter/runtime"),
            "CLEW_HOME": str(self.store),
        }
        self.clew = Terminal(self.folders)
        self._open: list[Kernel] = []

    def opens(self, name: str, **options: Any) -> Notebook:
        """Opens a notebook in the folder: a new kernel, with Clew unless `load=False`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        env = {"CLEW_HOME": str(self.store), "PYTHONWARNINGS": "ignore"}
        kernel = Kernel(home=self.home, notebook=self.folder / name, cwd=self.folder, env=env, **options)
        self._open.append(kernel)
        return Notebook(kernel)

    def ask(self, *words: str) -> Any:
        """Runs `clew WORDS` in the terminal. Returns the JSON output."""
        return self.clew.ask(*words)

    def leaves(self) -> None:
        """Closes all open notebooks."""
        for kernel in self._open:
            kernel.end()


def told(notebook: Notebook, line: str) -> str:
    """Runs `%clew line`. Returns everything that the user sees, including error messages."""
    reply = notebook.kernel.clew(line)
    assert reply.ok or reply.ename == "UsageError", f"%clew {line} raised {reply.ename}\n{reply.traceback}"
    return f"{reply.text}\n{reply.stderr}".strip("\n")


def refused(notebook: Notebook, line: str) -> Any:
    """Runs `%clew line`, which must fail. Returns the JSON output."""
    word, _, rest = line.partition(" ")
    answer = json.loads(told(notebook, f"{word} --json {rest}"))
    assert answer["exit"] >= 2 and answer["error"]["message"], answer
    return answer


def runs_of(log: str) -> list[str]:
    """Returns the run numbers that a log lists, in its order."""
    lines = [line.replace("@", " ").split() for line in log.splitlines()]
    return [words[0] for words in lines if words and words[0][:1].isdigit() and words[1:2] != ["of"]]
