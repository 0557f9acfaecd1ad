"""A plug-in of pytest's: Clew is the engine of `papermill.execute_notebook` where nobody names another, for `test_papermill_suite.py`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from papermill.engines import papermill_engines

from clew.run.engine import ClewEngine

#: Tests that have the same cells executed several times, to see what is written meanwhile: each call has a record of its own there.
ANEW = "test_autosave"


class Default(ClewEngine):
    """Clew's engine."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Executes a notebook."""
        if ANEW in os.environ["PYTEST_CURRENT_TEST"]:
            os.environ["CLEW_HOME"] = tempfile.mkdtemp(dir=os.environ["HOME"])
        return super().execute_notebook(nb, kernel_name, **options)


def pytest_configure() -> None:
    """Puts it in the place of papermill's own."""
    if os.environ["ENGINE"] == "clew":
        papermill_engines.register(None, Default)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Writes down what became of a test."""
    if report.when == "call":
        with Path(os.environ["OUTCOMES"]).open("a") as file:
            _, _, within = report.nodeid.partition("::")
            file.write(f"{report.outcome} {Path(report.fspath).name}::{within}\n")
