"""What Clew writes is for its owner only, whatever the process lets others do with new files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SESSION = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def run(cell):
    assert shell.run_cell(cell, store_history=True).success
run('%load_ext clew')
run('import numpy as np; large = np.arange(500_000.0); small = {"a": [1, 2]}')
run('large[7] = 1; small["b"] = 3')
run('%clew undo')
run('%clew config log.limit 5')
run('%clew log --html page.html')
run('%clew gc')
run('%clew eval @ 1+1')
"""


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_p12_nobody_else_may_read_anything_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        folder.mkdir(mode=0o700)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"}
    ran = subprocess.run(
        [sys.executable, "-c", SESSION],
        env=environment,
        cwd=work,
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    ours = [path for path in home.rglob("*") if "clew" in str(path.relative_to(home))]
    assert len([path for path in ours if path.suffix in (".pack", ".log", ".key")]) >= 3, ours
    open_to_others = [f"{path} {path.stat().st_mode:o}" for path in ours if path.stat().st_mode & 0o077]
    assert open_to_others == []
