"""The example notebooks, without cells that use Clew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from bench.workload import Maker, Workload

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
TALKS_TO_CLEW = re.compile(r"^%(load_ext )?clew\b", re.MULTILINE)


def makers() -> dict[str, Maker]:
    """Creates a workload for every notebook. Their size does not depend on the scale."""
    return {f"example_{path.stem}": maker(path) for path in sorted(EXAMPLES.glob("*.ipynb"))}


def maker(path: Path) -> Callable[[float], Workload]:
    """Returns the function that creates the workload of a notebook."""
    return lambda scale: make(path)


def make(path: Path) -> Workload:
    """The first cell, which imports modules and loads data, creates the session. The others are timed."""
    first, *others = cells(path)
    about = f"the notebook examples/{path.name}"
    return Workload(f"example_{path.stem}", about, (first,), tuple(others), batch=2)


def cells(path: Path) -> list[str]:
    """Returns the code cells that do not use Clew."""
    notebook = json.loads(path.read_text())
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [source for source in sources if not TALKS_TO_CLEW.search(source)]
