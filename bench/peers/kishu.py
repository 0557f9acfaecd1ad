"""Kishu: its instrumentation in the kernel, called like its own command calls it.

It gets two advantages over normal use. Its test mode is on: without a front end it would wait one to two seconds before every checkout for
a notebook to be saved. And the cells of the notebook are not changed on checkout.
"""

from __future__ import annotations

import json
from typing import ClassVar

from bench import environments
from bench.kernel import Kernel, folder_bytes
from bench.peers.peer import Failed, Move, Peer

EMPTY = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


class Kishu(Peer):
    """Commits every cell. In test mode commits are numbered, so the name of a state is its number."""

    name: ClassVar[str] = "kishu"
    title: ClassVar[str] = "Kishu 0.3.3"
    environment: ClassVar[str | None] = "kishu"

    def new_kernel(self) -> Kernel:
        self.notebook.parent.mkdir(parents=True, exist_ok=True)
        if not self.notebook.exists():
            self.notebook.write_text(json.dumps(EMPTY))
        kernel = Kernel(
            python=environments.python(self.environment),
            home=self.home,
            load=False,
            env={"OMP_NUM_THREADS": "2", "ENV_KISHU_TEST_MODE": "1", "KISHU_PATH_ROOT": str(self.home)},
            paths=self.paths,
        )
        return kernel

    def attach(self) -> float:
        code = f"from kishu import init_kishu\ninit_kishu({str(self.notebook)!r})"
        return self.silently(code).total / 1000

    def finish(self) -> None:
        ids = self.silently("", expression=COMMITS).value
        if not isinstance(ids, list) or len(ids) <= self.timed_cells:
            raise Failed(f"of {self.timed_cells} timed cells and those before it committed {ids!r}"[:300])
        self.states = ids[-self.timed_cells - 1 :]

    def go(self, state: int) -> Move:
        timing = self.silently("", expression=f"_kishu.checkout({self.states[state]!r}, skip_notebook=True)")
        return Move(timing.total / 1000)

    def stored(self) -> int:
        return folder_bytes(self.home / "work") - self.notebook.stat().st_size


#: Returns the ids of all commits, in the order of their creation.
COMMITS = (
    "[row[0] for row in __import__('sqlite3').connect(_kishu.database_path())"
    ".execute('select commit_id from commit_entry order by rowid')]"
)
