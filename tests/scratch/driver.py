"""Speaks to a real scratch process over its pipe, as the command does."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness import SOURCES

HERE = Path(__file__).resolve().parent
GIBIBYTE = 1 << 30


class Scratch:
    """A scratch process that is locked in. `gaps` is what the sandbox lacks, `unmapped` why it finds no files at other paths."""

    def __init__(
        self,
        folder: Path,
        *,
        memory: int = 4 * GIBIBYTE,
        seconds: int = 60,
        home: Path | None = None,
        maps: list[tuple[str, str]] | None = None,
    ) -> None:
        self.own, self.outside = folder / "own", folder / "outside"
        for part in (self.own, self.outside):
            part.mkdir(parents=True, exist_ok=True)
        (self.outside / "there").write_bytes(b"as it was")
        paths = os.pathsep.join(str(path) for path in [*SOURCES, HERE])
        environment = os.environ | {"PYTHONPATH": paths, "TMPDIR": str(self.own)}
        if home is not None:
            environment["HOME"] = str(home)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", "clew.scratch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
        )
        entered = self.ask(
            do="enter",
            folder=str(self.own),
            outside=str(self.outside),
            memory=memory,
            seconds=seconds,
            maps=maps or [],
        )
        self.gaps: list[str] = entered["gaps"]
        self.unmapped: str | None = entered["unmapped"]

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request and its answer; EOFError if the process ended instead."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        body = json.dumps(request).encode()
        self.process.stdin.write(struct.pack("<I", len(body)) + body)
        self.process.stdin.flush()
        length = self.process.stdout.read(4)
        if len(length) < 4:
            raise EOFError(f"it ended: {self.process.wait()}")
        answer = json.loads(self.process.stdout.read(struct.unpack("<I", length)[0]))
        assert isinstance(answer, dict)
        return answer

    def eval(self, expression: str) -> dict[str, Any]:
        """What an expression came to."""
        answer = self.ask(do="eval", expression=expression, truth=False)
        assert "value" in answer, answer
        value: dict[str, Any] = answer["value"]
        return value

    def close(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.communicate()
