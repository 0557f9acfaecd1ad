"""Completes the sdist that maturin writes, so that it builds on Linux and macOS without a network.

maturin leaves out the crates that no wheel needs, so the lock file of the sdist has fewer crates than that of the repository.
`cargo vendor` adds the crates in `vendor/`. Cargo also resolves crates that only tests or other systems use. They become stubs: their
manifest and an empty library. `.cargo/config.toml`, in the sdist only, makes cargo use this folder.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = [
    f"{machine}-{system}"
    for machine in ("x86_64", "aarch64")
    for system in ("unknown-linux-gnu", "unknown-linux-musl", "apple-darwin")
]
CONFIG = """\
# All crates are in vendor/. Those that only tests or Windows use are stubs: remove this file to run the tests.
[source.crates-io]
replace-with = "vendored-sources"

[source.vendored-sources]
directory = "vendor"

[net]
offline = true
"""


def complete(sdist: Path, target: Path) -> None:
    """Writes the sdist with all crates to the target."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(sdist) as archive:
            archive.extractall(scratch, filter="data")
        source = Path(scratch) / sdist.name.removesuffix(".tar.gz")
        shorten_lock(source)
        stubs, crates = vendor(source)
        pack(source, target)
    sizes = f"{sdist.stat().st_size / 1e6:.1f} MB, with its crates {target.stat().st_size / 1e6:.1f} MB"
    print(f"{target.name}: {sizes} ({crates} crates, {stubs} of them stubs)")


def shorten_lock(source: Path) -> None:
    """Removes crates that the sdist does not need from its lock file. All others keep their versions."""

    def crates() -> set[tuple[str, str, str | None]]:
        lock = tomllib.loads((source / "Cargo.lock").read_text("utf-8"))
        return {(crate["name"], crate["version"], crate.get("checksum")) for crate in lock["package"]}

    before = crates()
    command = ["cargo", "metadata", "--format-version", "1", "--offline"]
    if subprocess.run(command, cwd=source, check=False, stdout=subprocess.DEVNULL).returncode != 0:
        # The crates are not all on this machine yet.
        subprocess.run(command[:-1], cwd=source, check=True, stdout=subprocess.DEVNULL)
    if new := crates() - before:
        raise SystemExit(f"The lock file of the sdist would have other crates: {sorted(new)}")


def vendor(source: Path) -> tuple[int, int]:
    """Adds the crates to the unpacked sdist. Returns the number of stubs and of crates."""
    command = ["cargo", "vendor", "--locked", "--versioned-dirs", "--quiet", "vendor"]
    subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL)
    needed = {crate for target in TARGETS for crate in compiled(source, target)}
    crates = sorted((source / "vendor").iterdir())
    unneeded = [crate for crate in crates if crate.name not in needed]
    for crate in unneeded:
        make_stub(crate)
    (source / ".cargo").mkdir()
    (source / ".cargo" / "config.toml").write_text(CONFIG)
    return len(unneeded), len(crates)


def compiled(source: Path, target: str) -> set[str]:
    """Returns the crates that cargo compiles for the wheel, as names of folders."""
    command = [
        "cargo",
        "tree",
        "--locked",
        "--package",
        "clew-cli",
        "--package",
        "clew-python",
        "--target",
        target,
    ]
    command += ["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]
    done = subprocess.run(command, cwd=source, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    lines = [line.split() for line in done.stdout.splitlines() if line]
    return {f"{name}-{version.removeprefix('v')}" for name, version, *_ in lines}


def make_stub(crate: Path) -> None:
    """Removes everything but the manifest, and what cargo requires to read it."""
    sums = json.loads((crate / ".cargo-checksum.json").read_text())
    manifest = tomllib.loads((crate / "Cargo.toml").read_text())
    text = (crate / "Cargo.toml").read_bytes()
    shutil.rmtree(crate)
    library = crate / manifest.get("lib", {}).get("path", "src/lib.rs")
    library.parent.mkdir(parents=True)
    library.touch()
    (crate / "Cargo.toml").write_bytes(text)
    (crate / ".cargo-checksum.json").write_text(json.dumps({"files": {}, "package": sums["package"]}))


def pack(source: Path, target: Path) -> None:
    """Packs a folder in a fixed order, without owners, with the time of the last commit (or SOURCE_DATE_EPOCH)."""
    time = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.check_output(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True
    )

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = int(time)
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, int(time)) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(source.rglob("*")):
            name = f"{source.name}/{path.relative_to(source)}"
            archive.add(path, name, recursive=False, filter=plain)
