"""Golden stores as they lie: copied, opened, and what of their bytes is the same for the same session.

`python tests/golden/stores.py NAME`, with a Clew that is installed, writes `tests/golden/NAME` anew; `NAME --pieces` with another Python adds
what that one writes the session as. That is done once for
each format that is released, before the release; the folder of a released format is never written again. The environment's
path is recorded: through a link (`ln -s .venv-3.11 /tmp/golden; /tmp/golden/bin/python ...`) it says nothing of the machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import Kernel

from golden import session

HERE = Path(__file__).resolve().parent
KEY = ".config/clew/signing.key"
HEADER = 88
VERSION = "{}.{}".format(*sys.version_info)


def all_of_them() -> list[Path]:
    """The folders of all golden stores."""
    return sorted(path.parent for path in HERE.glob("*/expected.json"))


def unpack(golden: Path, home: Path) -> dict[str, Any]:
    """Lays a golden store into a home, with the key that its history is sealed with; what is expected of it."""
    expected: dict[str, Any] = json.loads((golden / "expected.json").read_text())
    shutil.copytree(golden / "store", home / "clew")
    key = home / KEY
    key.parent.mkdir(parents=True)
    key.write_bytes(bytes.fromhex(expected["key"]))
    # Git keeps no such rights.
    for path in [home, *home.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return expected


def frames(file: Path) -> Iterator[tuple[int, bytes]]:
    """Kind and meta section of each frame of a file, as `docs/format.md` has them."""
    data, at = file.read_bytes(), 0
    while at < len(data):
        head = data[at : at + HEADER]
        assert head[:4] == b"\xc1clw", f"{file} at {at}"
        meta_length = int.from_bytes(head[12:16], "little")
        yield head[5], data[at + HEADER : at + HEADER + meta_length]
        at += HEADER + meta_length
        if head[8] & 1:
            at += -at % 4096
        at += int.from_bytes(head[16:24], "little")


def pieces(store: Path) -> set[str]:
    """Ids of all blocks and segments of a store."""
    tables = (
        meta for pack in (store / "packs").glob("*.pack") for kind, meta in frames(pack) if kind in (2, 3)
    )
    return {table[at : at + 32].hex() for table in tables for at in range(0, len(table), 44)}


def looked(kernel: Kernel) -> dict[str, str]:
    """What each of the looking commands says, without what depends on the machine."""
    return {" ".join(words): bare(kernel.terminal(*words).out, kernel.home) for words in session.LOOKS}


def as_then(said: str, before: str) -> str:
    """An answer without the fields that its JSON did not have before: fields are added, never renamed or taken away."""
    try:
        now, then = json.loads(said), json.loads(before)
    except ValueError:
        return said
    return before if without_added(now, then) == then else said


def without_added(now: Any, then: Any) -> Any:
    """Data without the fields that `then` does not have in the same place."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {key: without_added(value, then[key]) for key, value in now.items() if key in then}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [without_added(one, other) for one, other in zip(now, then, strict=True)]
    return now


def bare(text: str, home: Path) -> str:
    text = text.replace(str(home), "~")
    # How long ago something was changes while it is looked at.
    return re.sub(r'"(ago|now)": "[^"]*"', r'"\1": ""', text)


def make(name: str) -> None:
    """Writes a golden store."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "one")
        with session.begin(Kernel, home) as kernel:
            session.tell(kernel)
        with Kernel(home=home, load=False) as kernel:
            said = looked(kernel)
        golden = HERE / name
        shutil.rmtree(golden, ignore_errors=True)
        shutil.copytree(
            home / "clew", golden / "store", ignore=shutil.ignore_patterns("live", "*.lease", "gc")
        )
        expected = {
            "key": (home / KEY).read_bytes().hex(),
            "python": VERSION,
            "pieces": {},
            "looks": said,
        }
        write(name, expected)


def add_pieces(name: str) -> None:
    """Adds what this Python writes the same session as: a library of another version may write otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder, "one"), Path(folder, "other")]
        # Through another path, so that what depends on it is not among what is the same everywhere.
        pythons = [Path(sys.executable), Path(sys.prefix).resolve() / "bin/python"]
        for home, python in zip(homes, pythons, strict=True):
            with Kernel(home=home, notebook=session.NOTEBOOK, python=python) as kernel:
                session.plain(kernel)
        one, other = (pieces(home / "clew") for home in homes)
        expected = json.loads((HERE / name / "expected.json").read_text())
        expected["pieces"][VERSION] = sorted(one & other)
        write(name, expected)


def write(name: str, expected: dict[str, Any]) -> None:
    """Writes what is expected of a golden store."""
    (HERE / name / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("TZ", "UTC")
    make(sys.argv[1]) if "--pieces" not in sys.argv else None
    add_pieces(sys.argv[1])
