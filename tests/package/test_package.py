"""What `pip install .` gives: the extension module, the thin package, the native command."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from harness import REPOSITORY

import clew

BIN = Path(sys.executable).parent
HEAVY = ("numpy", "pandas", "pyarrow", "matplotlib", "IPython", "clew._engine")


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_native_command_is_installed_and_has_the_packages_version():
    assert run(str(BIN / "clew"), "--version") == f"clew {metadata.version('clew')}\n"
    assert clew.__version__ == metadata.version("clew")


def test_the_native_command_starts_no_python():
    first = (BIN / "clew").read_bytes()[:4]
    assert first == b"\x7fELF" or not sys.platform.startswith("linux"), "a Python entry point took its place"


def test_what_enable_writes_is_not_the_wheels_so_an_upgrade_leaves_it_alone():
    files = [str(path) for path in metadata.files("clew") or []]
    written = [path for path in files if not path.startswith("clew/")]
    assert written
    assert not [path for path in written if "ipython" in path.lower() or "kernels" in path]


def test_the_manual_pages_are_installed():
    pages = BIN.parent / "share/man/man1"
    assert ".TH clew 1" in (pages / "clew.1").read_text()
    assert "clew restore 14" in (pages / "clew-restore.1").read_text()


def test_importing_clew_imports_nothing_heavy():
    code = f"import clew, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run(sys.executable, "-c", code) == "[]\n"


def test_only_ipython_and_cloudpickle_are_required():
    required = [line for line in metadata.requires("clew") or [] if "extra ==" not in line]
    assert sorted(line.split(">")[0] for line in required) == ["cloudpickle", "ipython"]


def test_the_licence_is_packed_and_named():
    assert metadata.metadata("clew")["License-Expression"] == "Apache-2.0"
    files = [str(path) for path in metadata.files("clew") or []]
    assert any(path.endswith("licenses/LICENSE") for path in files), files


def test_the_command_and_the_package_look_at_the_same_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLEW_HOME", str(tmp_path / "store"))
    doctor = json.loads(run(str(BIN / "clew"), "doctor", "--json"))
    assert doctor["store"] == str(tmp_path / "store")
    assert not (tmp_path / "store").exists(), "looking made a store"


def test_a_build_on_windows_stops_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "build_backend"))
    backend = importlib.import_module("clew_build")
    monkeypatch.setattr(backend, "_list_third_party", lambda settings: pytest.fail("it asks cargo"))
    monkeypatch.setattr(sys, "platform", "win32")
    for hook in (
        "prepare_metadata_for_build_wheel",
        "prepare_metadata_for_build_editable",
        "build_wheel",
        "build_editable",
    ):
        with pytest.raises(SystemExit, match=r"^Clew does not run on Windows\. Install it in WSL"):
            getattr(backend, hook)("unused")


def test_a_build_for_an_unknown_python_stops_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "build_backend"))
    backend = importlib.import_module("clew_build")
    backend._check_python()
    monkeypatch.setattr(backend, "_place_command", lambda profile: pytest.fail("it compiles"))
    with monkeypatch.context() as patch:
        patch.setattr(backend, "PYTHONS", range(3, 5))
        with pytest.raises(SystemExit, match=r"knows the layouts of CPython 3\.3 to 3\.4, not of cpython 3"):
            backend.build_wheel("unused")
    with monkeypatch.context() as patch:
        patch.setattr(backend.sysconfig, "get_config_var", lambda name: 1)
        with pytest.raises(SystemExit, match="this is a free-threaded build"):
            backend.build_editable("unused")


def test_the_launcher_loads_the_package_of_its_own_installation_or_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "build_backend"))
    backend = importlib.import_module("clew_build")
    engine = Path(importlib.import_module("clew._engine").__file__)
    python = f"python3.{sys.version_info.minor}"
    launcher = tmp_path / "bin" / "clew"
    launcher.parent.mkdir()
    backend._compile_launcher(engine, launcher)

    def message() -> str:
        done = subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr

    assert message() == (
        f"Error: The package clew for {python} is not in {tmp_path}/lib. "
        "Next: reinstall it (`pip install --force-reinstall clew`)\n"
    )

    # The engine of this installation contains no command: it is loaded with all symbols of Python, and then the entry point is missing.
    package = tmp_path / "lib64" / python / "site-packages" / "clew"
    package.mkdir(parents=True)
    (package / engine.name).symlink_to(engine)
    assert "undefined symbol: clew_main. Next: reinstall the package" in message()
