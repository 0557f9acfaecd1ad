"""The virtual environments of the peers, with pinned packages from PyPI. Each is created once, and again when a version changes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
VERSION = "3.11"

#: The environment in which Clew is installed. Plain kernels use it, too.
OWN = ROOT / f".venv-{VERSION}"
#: Libraries are distinguished from the user's own modules by this name in their path.
PACKAGES = "site-packages"

Say = Callable[[str], None]


def python(name: str | None, say: Say = print) -> Path:
    """Returns the interpreter of a peer's environment, which is created if necessary; `None` is Clew's environment."""
    if name is None:
        return OWN / "bin" / "python" if OWN.exists() else Path(sys.executable)
    venv = ROOT / f".venv-bench-{name}"
    make(venv, name, lambda: install(venv, name, say))
    return venv / "bin" / "python"


def torch(say: Say = print) -> Path:
    """Returns the folder with PyTorch for every peer's search path.

    PyPI's wheels for Linux on x86-64 are built for CUDA and cannot be imported without its libraries, so these are installed, too. The
    tensors stay on the CPU.
    """
    return beside("torch", "PyTorch: 2.1 GB, 4.3 GB unpacked", say)


def spark(say: Say = print) -> Path:
    """Returns the folder with Spark for a kernel's search path. Spark also needs Java."""
    return beside("spark", "Spark: 467 MB", say)


def ray(say: Say = print) -> Path:
    """Returns the folder with Ray for a program's search path, with the dependencies that Clew's environment lacks."""
    return beside("ray", "Ray: 240 MB", say)


def beside(name: str, what: str, say: Say) -> Path:
    """Creates a folder with a library, and with nothing that the environments contain."""
    folder = ROOT / f".venv-bench-{name}"
    make(folder, name, lambda: install_beside(folder / PACKAGES, name, what, say))
    return folder / PACKAGES


def make(folder: Path, name: str, how: Callable[[], None]) -> None:
    """Creates a folder, unless it was created from exactly the same requirements."""
    mark, wanted = folder / ".installed", fingerprint(name)
    if mark.exists() and mark.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    how()
    mark.write_text(wanted)


def fingerprint(name: str) -> str:
    """Returns a hash of all pinned versions of an environment."""
    told = hashlib.sha256()
    for path in requirement_files(name):
        told.update(path.read_bytes())
    return told.hexdigest()


def requirement_files(name: str) -> list[Path]:
    """Returns the requirements file of an environment, and the files that it includes."""
    path = REQUIREMENTS / f"bench-{name}.txt"
    named = [line[3:].strip() for line in path.read_text().splitlines() if line.startswith("-r ")]
    return [path, *(REQUIREMENTS / other for other in named)]


def install(venv: Path, name: str, say: Say) -> None:
    """Creates an environment."""
    say(f"Making {venv.name} from requirements/bench-{name}.txt")
    interpreter = subprocess.run(
        [ROOT / "tools" / "find_python.sh", VERSION], check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run([interpreter, "-m", "venv", venv], check=True)
    pip(venv / "bin" / "python", ["-r", str(REQUIREMENTS / f"bench-{name}.txt")])


def install_beside(packages: Path, name: str, what: str, say: Say) -> None:
    """Installs a library into its folder, with the interpreter of Clew's environment."""
    say(f"Fetching {what}")
    wanted = ["--no-deps", "--target", str(packages), "-r", str(REQUIREMENTS / f"bench-{name}.txt")]
    pip(python(None), wanted)


def pip(interpreter: Path, arguments: list[str]) -> None:
    """Installs packages."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-cache-dir"]
    subprocess.run([interpreter, "-m", "pip", "install", *quiet, *arguments], check=True)
