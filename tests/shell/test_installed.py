"""What counts as installed, wherever the search path has it, and what stays the user's own beside it."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from harness import Kernel

from clew.installation import LARGEST_UNLISTED, code, environment, marked, packages


def installs(folder: Path, package: str, metadata: str, listed: str | None, names: tuple[str, ...]) -> None:
    """What an installer leaves in a folder."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    (folder / metadata).mkdir(parents=True)
    if listed is not None:
        (folder / metadata / listed).write_text("\n".join([*names, f"{metadata}/METADATA,,", "../bin/x,,"]))


def is_library(file: Path) -> bool:
    return str(file).startswith(code())


def test_a_site_packages_folder_of_another_prefix_holds_libraries(tmp_path, monkeypatch):
    folder = tmp_path / "other/lib/python3.11/site-packages"
    folder.mkdir(parents=True)
    assert not is_library(folder / "tool/__init__.py")
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    assert is_library(folder / "tool/__init__.py")
    assert str(folder / "tool/__init__.py").startswith(packages())
    assert str(folder / "tool/data.csv").startswith(environment())


def test_what_pip_puts_into_a_folder_is_a_library_and_a_module_of_the_user_beside_it_is_not(
    tmp_path, monkeypatch
):
    installs(tmp_path, "tool", "tool-1.0.dist-info", "RECORD", ("tool/__init__.py,,", "single.py,,"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert is_library(tmp_path / "tool/within/a.py")
    assert is_library(tmp_path / "single.py")
    # Who reads one of its files reads a file of the user's.
    assert not str(tmp_path / "tool/data.csv").startswith(environment())
    assert not is_library(tmp_path / "tools/__init__.py")
    assert not is_library(tmp_path / "mine.py")
    assert not is_library(tmp_path / "data.csv")


def test_a_package_whose_own_list_of_files_lacks_it_is_the_users(tmp_path, monkeypatch):
    installs(tmp_path, "tool", "tool-1.0.dist-info", "RECORD", ("tool/a.py",))
    (tmp_path / "tool/__init__.py").write_text("")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert not is_library(tmp_path / "tool/a.py")


def test_what_a_package_does_not_list_counts_in_what_it_is_known_by(tmp_path):
    installs(tmp_path, "tool", "tool-1.0.dist-info", "RECORD", ("tool/__init__.py", "single.py"))
    record, seen = str(tmp_path / "tool-1.0.dist-info/RECORD"), set[str]()
    for name in ("tool/__init__.py", "tool/new.py", "tool/deep/data.bin", "single.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("another")
        seen.add(marked(record))
        assert marked(record) in seen
    (tmp_path / "tool/__pycache__").mkdir()
    (tmp_path / "tool/__pycache__/new.pyc").write_text("")
    (tmp_path / "mine.py").write_text("")
    assert len(seen) == 4
    assert marked(record) in seen
    (tmp_path / "single.py").unlink()
    (tmp_path / "tool/new.py").write_bytes(bytes(LARGEST_UNLISTED + 1))
    assert marked(record) not in seen


def test_sources_that_are_being_worked_on_are_the_users_though_metadata_lie_beside_them(
    tmp_path, monkeypatch
):
    installs(tmp_path, "tool", "tool.egg-info", None, ("tool/__init__.py",))
    (tmp_path / "tool.egg-info/top_level.txt").write_text("tool\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert not is_library(tmp_path / "tool/__init__.py")


def test_packages_that_an_environment_reaches_through_a_pth_file_are_libraries(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    here = environment / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    (here / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    options = {"python": environment / "bin/python", "notebook": tmp_path / "n.ipynb"}
    first = kernels(**options)
    imported = first.run("import numpy as np; from sklearn.linear_model import LogisticRegression")
    made = first.run("a = np.arange(3); m = LogisticRegression()")
    assert [one.stderr for one in (imported.raised(), made.raised())] == ["", ""]
    first.clew("status")
    first.kill()
    second = kernels(**options)
    report = second.clew("resume").text
    assert "4 restored" in report, report
    assert "lost" not in report
    assert "not_identical" not in report
