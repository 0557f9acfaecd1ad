"""The PEP 517 backend: maturin, with the native command `clew` packed as a script.

maturin packs one library target and has no hook for a second binary. Files in `data/scripts/` are installed into the environment's `bin`.

- On Linux, the extension module of a wheel also contains the command. The script is `native/launcher.c`, which loads it (decision 81).
- Elsewhere, and for editable installs, the script is the binary of `clew-cli`.

The command writes its own manual pages, which are installed into the folder where `man` searches.

Kernels preload a small library, `native/observer.c`. It is compiled here, too, and installed beside the extension module.

`third_party.py` writes the licence texts of all crates in the wheel, and its SBOM. `sdist.py` adds the crates to the sdist.

The Cargo profile is `release` for wheels and `dev` for editable installs; `CLEW_PROFILE` overrides both.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import maturin
import sdist
import third_party
from elftools.elf.elffile import ELFFile
from maturin import (  # noqa: F401
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
)

#: The minor versions of Python 3 whose objects the engine can read in memory (`crates/clew-python/src/raw`).
PYTHONS = range(11, 16)
#: The feature of `clew-python` with which the extension module contains the command.
PROGRAM = "program"
ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "data" / "scripts"
MANUAL = ROOT / "data" / "data" / "share" / "man" / "man1"
OBSERVER = ROOT / "python" / "clew" / "_observer.so"
# maturin needs its data folder even for metadata only, and Git does not store empty folders.
SCRIPTS.mkdir(parents=True, exist_ok=True)


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: dict[str, Any] | None = None
) -> str:
    """Writes the metadata, which name the file with the licences of the crates."""
    _check_platform()
    _list_third_party(config_settings)
    return str(maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings))


def prepare_metadata_for_build_editable(
    metadata_directory: str, config_settings: dict[str, Any] | None = None
) -> str:
    """Writes the same metadata as for a wheel."""
    _check_platform()
    _list_third_party(config_settings)
    return str(maturin.prepare_metadata_for_build_editable(metadata_directory, config_settings))


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Builds the sdist, with all crates in it."""
    _list_third_party(config_settings)
    with tempfile.TemporaryDirectory() as scratch:
        name = str(maturin.build_sdist(scratch, config_settings))
        sdist.complete(Path(scratch) / name, Path(sdist_directory) / name)
    return name


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Builds the command and the wheel."""
    _check_platform()
    _check_python()
    profile = _profile("release")
    shares_engine = sys.platform == "linux" and "CLEW_COMMAND" not in os.environ
    settings = _with_profile(config_settings, profile)
    if shares_engine:
        settings["build-args"] = [*_words(settings["build-args"]), f"--features={PROGRAM}"]
    _list_third_party(config_settings)
    _place_observer()
    if shares_engine:
        # The launcher needs the names in the extension module, so maturin packs twice. The second time, cargo has nothing to do.
        with tempfile.TemporaryDirectory() as scratch:
            first = maturin.build_wheel(scratch, settings, metadata_directory)
            _place_launcher(Path(scratch) / first)
    else:
        _place_command(profile)
    return str(maturin.build_wheel(wheel_directory, settings, metadata_directory))


def build_editable(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Builds the command, then a wheel that points to `python/`."""
    _check_platform()
    _check_python()
    profile = _profile("dev")
    _list_third_party(config_settings)
    _place_command(profile)
    _place_observer()
    return str(
        maturin.build_editable(wheel_directory, _with_profile(config_settings, profile), metadata_directory)
    )


def _check_platform() -> None:
    """Stops on Windows, where the store's promises are not known to hold (docs/guide/limits.md)."""
    if sys.platform == "win32":
        raise SystemExit(
            "Clew does not run on Windows. Install it in WSL, the Linux of Windows: `wsl --install`."
        )


def _check_python() -> None:
    """Stops before minutes of compiling if the engine cannot read the objects of this Python."""
    here = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
    known = f"CPython 3.{PYTHONS[0]} to 3.{PYTHONS[-1]}"
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in [(3, minor) for minor in PYTHONS]:
        raise SystemExit(f"Clew reads objects in memory and knows the layouts of {known}, not of {here}.")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise SystemExit(
            f"Clew needs {known} with the global interpreter lock; this is a free-threaded build."
        )


def _list_third_party(config_settings: dict[str, Any] | None) -> None:
    _check_cargo()
    third_party.write(config_settings)


def _check_cargo() -> None:
    if shutil.which("cargo") is None:
        raise SystemExit("Clew is built with Rust: `cargo` is not on PATH. See https://rustup.rs")


def _profile(default: str) -> str:
    return os.environ.get("CLEW_PROFILE") or default


def _with_profile(config_settings: dict[str, Any] | None, profile: str) -> dict[str, Any]:
    settings = dict(config_settings or {})
    settings.setdefault("build-args", f"--profile={profile}")
    return settings


def _words(arguments: str | list[str]) -> list[str]:
    return shlex.split(arguments) if isinstance(arguments, str) else list(arguments)


def _place_command(profile: str) -> None:
    """Compiles `clew`, and copies it and its manual pages into maturin's data folder.

    CLEW_COMMAND is the path of a command that is already built. The test suites use the one of the Rust tests, because an optimized build
    with all network code takes minutes.
    """
    given = os.environ.get("CLEW_COMMAND")
    built = Path(given) if given else _cargo_build(profile)
    target = SCRIPTS / "clew"
    target.unlink(missing_ok=True)  # a running `clew` keeps its file
    shutil.copy2(built, target)
    target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    _write_manual(target)


def _place_launcher(wheel: Path) -> None:
    """Compiles the launcher for the extension module in a wheel, and writes the manual pages."""
    target = SCRIPTS / "clew"
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if re.fullmatch(r"clew/_engine\.\S+\.so", name)]
        library = Path(archive.extract(name, Path(scratch) / "lib" / _python_of(name) / "site-packages"))
        launcher = Path(scratch) / "bin" / "clew"
        launcher.parent.mkdir()
        _compile_launcher(library, launcher)
        target.unlink(missing_ok=True)  # a running `clew` keeps its file
        shutil.copy2(launcher, target)
        _write_manual(launcher)


def _python_of(library: str) -> str:
    """Returns the name of an extension module's interpreter, such as `python3.11`."""
    return re.sub(r".*cpython-3(\d+).*", r"python3.\1", library)


def _compile_launcher(library: Path, target: Path) -> None:
    """Compiles the launcher for an extension module."""
    with tempfile.TemporaryDirectory() as scratch:
        symbols = Path(scratch) / "symbols.h"
        symbols.write_text("".join(f"SYMBOL({symbol})\n" for symbol in _symbols_of_python(library)))
        names = [
            f'-DPYTHON="{_python_of(library.name)}"',
            f'-DLIBRARY="{library.name}"',
            f'-DSYMBOLS="{symbols}"',
        ]
        # Exported, so that the library finds the symbols here.
        flags = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-fPIE", "-pie", "-s", "-Wl,--export-dynamic"]
        _compile("launcher.c", target, [*names, *flags])


def _symbols_of_python(library: Path) -> list[str]:
    """Returns the symbols that the interpreter must have."""
    with library.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".dynsym")
        return sorted(
            symbol.name
            for symbol in table.iter_symbols()
            if symbol["st_shndx"] == "SHN_UNDEF" and re.match("_?Py", symbol.name)
        )


def _write_manual(command: Path) -> None:
    """Writes the manual pages. A command for another machine cannot run here: the pages of an earlier build stay then."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            subprocess.run([command, "man", "--to", scratch], check=True, stdout=subprocess.DEVNULL)
        except OSError:
            return
        shutil.rmtree(MANUAL, ignore_errors=True)
        shutil.copytree(scratch, MANUAL)


def _place_observer() -> None:
    """Compiles the library that records which files native code opens and which variables it reads, if the platform supports it."""
    if sys.platform != "linux":
        return
    flags = [
        "-std=gnu11",
        "-O2",
        "-fPIC",
        "-shared",
        "-fvisibility=hidden",
        "-s",
        "-fno-delete-null-pointer-checks",
    ]
    # Within the library, `&open` is the wrapper, even if another library defines a function of this name.
    flags.append("-Wl,-Bsymbolic")
    checks = [
        "-Wno-nonnull-compare",
        "-Wno-tautological-pointer-compare",
        "-Wno-unknown-warning-option",
        "-U_FORTIFY_SOURCE",
    ]
    # A running kernel has the old library mapped, so replace the file instead of overwriting it.
    target = OBSERVER.with_suffix(f".{os.getpid()}")
    _compile("observer.c", target, [*flags, *checks])
    target.replace(OBSERVER)


def _compile(source: str, target: Path, flags: list[str]) -> None:
    """Compiles a file of `native/`."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    command = [
        *compiler,
        *flags,
        "-Wall",
        "-Wextra",
        "-o",
        str(target),
        str(ROOT / "native" / source),
        "-ldl",
    ]
    if shutil.which(compiler[0]) is None or subprocess.run(command, check=False).returncode != 0:
        raise SystemExit(f"native/{source} was not compiled: Clew needs a C compiler (`{compiler[0]}`)")


def _cargo_build(profile: str) -> Path:
    """Returns the path of the binary, as reported by cargo (the target folder may be anywhere)."""
    command = ["cargo", "build", "--locked", "--package", "clew-cli", "--bin", "clew", "--profile", profile]
    command.append("--message-format=json-render-diagnostics")
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(f"`{' '.join(command)}` failed with exit code {done.returncode}")
    for line in reversed(done.stdout.splitlines()):
        message = json.loads(line)
        if message.get("executable"):
            return Path(message["executable"])
    raise SystemExit("cargo built no executable named `clew`")
