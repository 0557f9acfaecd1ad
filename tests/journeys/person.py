"""A person with a home, a store, a key, a terminal, and notebooks in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cases.story import Notebook
from harness import Kernel

from journeys.terminal import Terminal


class Person:
    """Everything that one person has on a machine. Nothing of it is there before it is used."""

    def __init__(self, home: Path, folder: Path, store: Path | None = None) -> None:
        self.home = home
        self.folder = folder
        #: Where Clew keeps things if nobody says otherwise.
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
        """Opens a notebook of the folder: a new kernel, in which Clew is loaded unless `load=False`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        env = {"CLEW_HOME": str(self.store), "PYTHONWARNINGS": "ignore"}
        kernel = Kernel(home=self.home, notebook=self.folder / name, cwd=self.folder, env=env, **options)
        self._open.append(kernel)
        return Notebook(kernel)

    def ask(self, *words: str) -> Any:
        """The answer in JSON of `clew WORDS` in the terminal."""
        return self.clew.ask(*words)

    def leaves(self) -> None:
        """Closes every notebook that is still open."""
        for kernel in self._open:
            kernel.end()


def told(notebook: Notebook, line: str) -> str:
    """Everything that a person reads under `%clew line`, complaints too."""
    reply = notebook.kernel.clew(line)
    assert reply.ok or reply.ename == "UsageError", f"%clew {line} raised {reply.ename}\n{reply.traceback}"
    return f"{reply.text}\n{reply.stderr}".strip("\n")


def refused(notebook: Notebook, line: str) -> Any:
    """The answer in JSON of `%clew line`, which must not have been done."""
    word, _, rest = line.partition(" ")
    answer = json.loads(told(notebook, f"{word} --json {rest}"))
    assert answer["exit"] >= 2 and answer["error"]["message"], answer
    return answer


def runs_of(log: str) -> list[str]:
    """The run numbers that a log lists, from its top to its bottom."""
    lines = [line.replace("@", " ").split() for line in log.splitlines()]
    return [words[0] for words in lines if words and words[0][:1].isdigit() and words[1:2] != ["of"]]
