"""The desk of a file of cases: one kernel that serves many, and a new one that finds their states again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import Kernel

from cases.story import BYSTANDER, Case, Notebook, Report, differs, play

BEGIN = f"{BYSTANDER} = [object(), {{'left': 'alone'}}]\n{BYSTANDER}.append({BYSTANDER})"

CLEAN = """
for _left in [n for n in globals() if n not in {keep!r} and not __import__('re').match(r'_(i*|_*|i?\\d+|ih|oh|dh)$|In$|Out$', n)]:
    del globals()[_left]
globals().pop('_left', None)
"""


@dataclass(frozen=True)
class Left:
    """The state that a case left, to be found again in a new kernel."""

    path: Path
    revision: str
    values: list[str]


class Desk:
    """One kernel that serves many cases: names are cleared between them, and a failed case gets it replaced."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kernels = 0
        self.notebook: Notebook | None = None
        self.path: Path | None = None
        self.resumed = False
        self.keep: set[str] = set()
        self.left: dict[str, Left] = {}

    def open(self, path: Path) -> Notebook:
        self.close()
        self.path = path
        self.notebook = Notebook(Kernel(home=self.directory / "home", notebook=path))
        return self.notebook

    def fresh(self) -> Notebook:
        """A new kernel on a new notebook, with nothing in it but the bystander."""
        self.kernels += 1
        notebook = self.open(self.directory / f"notebook{self.kernels}.ipynb")
        notebook.run(BEGIN)
        self.keep = notebook.names()
        self.resumed = False
        return notebook

    def cleared(self) -> Notebook:
        """The kernel in use, or a new one, with nothing in it but the bystander."""
        if self.notebook is None or self.resumed:
            return self.fresh()
        self.notebook.run(CLEAN.format(keep=self.keep))
        return self.notebook

    def play(self, case: Case) -> None:
        """Walks the case back and forth, and remembers the state it left."""
        notebook = self.cleared()
        revision, values = play(notebook, case)
        self.leave(case.name, values, revision)

    def leave(self, name: str, values: list[str], revision: str | None = None) -> None:
        """Remembers the state that a case left: the one in which the kernel is, unless another is given."""
        assert self.path is not None and self.notebook is not None
        self.left[name] = Left(self.path, revision or self.notebook.at(), values)

    def find(self, name: str, play: Callable[[], None]) -> tuple[Notebook, Report]:
        """Goes to the state that a case left, in a new kernel, after the old one was killed; plays the case before, where its first half
        failed or ran in another process."""
        if name not in self.left:
            play()
        left = self.left[name]
        if self.resumed and self.path == left.path and self.notebook is not None:
            return self.notebook, self.notebook.move(f"switch {left.revision}")
        if self.notebook is not None:
            self.notebook.kill()
        notebook = self.open(left.path)
        self.resumed = True
        return notebook, notebook.move(f"resume {left.revision}")

    def find_again(self, case: Case) -> None:
        """Finds what the state that the case left held."""
        notebook, _ = self.find(case.name, lambda: self.play(case))
        wrong = differs(self.left[case.name].values, notebook.read(*case.reads), case.reads)
        assert not wrong, f"In a new kernel: {wrong}"

    def close(self) -> None:
        if self.notebook is not None:
            self.notebook.kernel.end()
            self.notebook = None
