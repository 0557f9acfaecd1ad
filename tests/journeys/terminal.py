"""`clew` in a terminal, as the person at one home finds it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness import COMMAND

CLEW = str(COMMAND or Path(sys.executable).with_name("clew"))
"""The native command, built or installed."""

FOLDERS = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "CLEW_HOME", "JUPYTER_RUNTIME_DIR")


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    exit: int
    out: str
    err: str

    def well(self) -> str:
        """What it printed, once it ended well and complained of nothing."""
        assert (self.exit, self.err) == (0, ""), self
        return self.out


class Terminal:
    """Types `clew WORDS` with the folders of one home, and nothing else in reach but `more`: no PATH, so no Python by name."""

    def __init__(
        self, environment: Mapping[str, str], more: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._environment = {name: environment[name] for name in FOLDERS if name in environment} | dict(more)

    def typed(self, command: list[str]) -> list[str]:
        """What is started for a command."""
        return command

    def __call__(self, *words: str) -> Said:
        ran = subprocess.run(
            self.typed([CLEW, *words]),
            capture_output=True,
            text=True,
            env=self._environment,
            check=False,
            timeout=120,
        )
        assert "panicked" not in ran.stderr, ran.stderr
        return Said(ran.returncode, ran.stdout, ran.stderr)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Types what goes on until it is ended."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.typed([CLEW, *words]), stdout=pipe, stderr=pipe, text=True, env=self._environment
        )

    def ask(self, *words: str) -> Any:
        """The answer in JSON; its `exit` is the exit code."""
        said = self(*words, "--json")
        answer = json.loads(said.out)
        assert answer["exit"] == said.exit, said
        return answer


def files_of(folder: Path) -> dict[str, str]:
    """Every file below a folder with the digest of its bytes; folders end with a slash."""
    return {
        f"{path.relative_to(folder)}{'/' if path.is_dir() else ''}": ""
        if path.is_dir()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
    }


def on_another_machine(environment: Mapping[str, str], *words: str) -> str:
    """What `clew WORDS` prints on a machine of another name that has the same folders."""
    own = [] if os.geteuid() == 0 else ["--map-root-user"]
    renamed = 'hostname elsewhere && exec "$0" "$@"'
    ran = subprocess.run(
        ["unshare", *own, "--uts", "sh", "-c", renamed, CLEW, *words],
        capture_output=True,
        text=True,
        env={name: environment[name] for name in FOLDERS if name in environment}
        | {"PATH": os.environ["PATH"]},
        check=True,
    )
    return ran.stdout
