"""papermill and `clew run`, each in a process that is forked from one that has imported what takes long to import (`forked.py`)."""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import COMMAND, SOURCES, Typed

PYTHON = sys.executable
#: The command that belongs to what is tested.
CLEW = str(COMMAND if COMMAND is not None else Path(PYTHON).parent / "clew")
#: Stands in the place of the Python that the native command starts, and says what that is handed.
INSTEAD = '#!/bin/sh\nshift 3\necho handed\nprintf %s "$@"\n'
HANDED = "handed\n"
#: More than a pipe that nobody reads takes would stop who writes.
LARGEST = 60_000
#: Variables that Python, the dynamic linker or libraries read when a process starts: a fork would not notice them.
READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "OMP_", "MKL_", "OPENBLAS_")


class Forking:
    """A process that is forked for each command."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="clew-forking-")
        self._instead = Path(self._folder.name) / "instead"
        self._instead.write_text(INSTEAD)
        self._instead.chmod(0o755)
        left_out = ("JUPYTER", "JPY", "IPYTHON", "CLEW")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        # A home without packages of a user's.
        own = {"HOME": self._folder.name, "PYTHONPATH": os.pathsep.join(map(str, SOURCES))}
        program = [PYTHON, "-P", str(Path(__file__).with_name("forked.py"))]
        self._process = subprocess.Popen(
            program, text=True, env=kept | own, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    @classmethod
    @functools.cache
    def shared(cls) -> Forking:
        """The one of this process."""
        forking = cls()
        atexit.register(forking.end)
        return forking

    @staticmethod
    def takes(given: str | None, env: Mapping[str, str], more: Mapping[str, str]) -> bool:
        """Whether a command in these surroundings does in a fork what it does in a process of its own. `more` is set for it besides what the
        machine has set."""
        is_as_before = env["PYTHONPATH"] == os.pathsep.join(map(str, SOURCES))
        has_packages = (Path(env["HOME"]) / ".local").exists()
        is_noticed = not any(name.startswith(READ_AT_START) for name in more)
        return is_as_before and not has_packages and is_noticed and (given is None or len(given) < LARGEST)

    def end(self) -> None:
        """Ends the process."""
        self._process.communicate()
        self._folder.cleanup()

    def type(
        self,
        program: str,
        words: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        given: str | None = None,
    ) -> Typed:
        """Types `papermill WORDS` or `clew run WORDS`. Standard input is what is given, in a pipe, or nothing; output goes to files."""
        assert given is None or len(given) < LARGEST
        if program == "clew":
            handed = self._handed(words, cwd, env)
            if handed.exit != 0 or not handed.out.startswith(HANDED):
                return handed
            words = [handed.out.removeprefix(HANDED)]
        out, err = (Path(self._folder.name) / name for name in ("out", "err"))
        order = {
            "program": program,
            "words": list(words),
            "cwd": str(cwd),
            "env": dict(env),
            "given": given,
            "out": str(out),
            "err": str(err),
        }
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return Typed(int(stdout.readline()), out.read_text(), err.read_text())

    def _handed(self, words: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Typed:
        """What the native command hands to Python for words, or its answer."""
        done = subprocess.run(
            [CLEW, "run", *words],
            cwd=cwd,
            env={**env, "CLEW_PYTHON": str(self._instead)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Typed(done.returncode, done.stdout, done.stderr)
