"""The budgets of the design, each measured by its own module: `python -m bench --only NAME`.

Times are measured in the kernel: from the timestamps of Jupyter's messages, and as processor time inside the cells. For comparisons, a
kernel with Clew and one without it run at the same time and take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import limit
from bench.budgets import (
    curve,
    edit,
    light,
    log,
    loops,
    memory,
    moving,
    recording,
    restart,
    resume,
    states,
    studies,
    text,
)
from bench.budgets.table import Row, render

Say = Callable[[str], None]
Budget = Callable[[Path, float, Say], list[Row]]

BUDGETS: dict[str, Budget] = {
    "light": light.measure,
    "loops": loops.measure,
    "edit": edit.measure,
    "states": states.measure,
    "restart": restart.measure,
    "resume": resume.measure,
    "moving": moving.measure,
    "memory": memory.measure,
    "curve": curve.measure,
    "log": log.measure,
    "recording": recording.measure,
    "studies": studies.measure,
    "text": text.measure,
}


def abouts() -> dict[str, str]:
    """The subject of each budget: the first line of its module."""
    modules = (
        light,
        loops,
        edit,
        states,
        restart,
        resume,
        moving,
        memory,
        curve,
        log,
        recording,
        studies,
        text,
    )
    firsts = [(module.__doc__ or "").splitlines()[0] for module in modules]
    return dict(zip(BUDGETS, firsts, strict=True))


def measure(name: str, folder: Path, scale: float, say: Say) -> dict[str, Any]:
    """Returns the rows of a budget for the raw data. A failure is a result, too."""
    found: dict[str, Any] = {"about": abouts()[name], "machine": limit.machine(), "rows": []}
    try:
        rows = BUDGETS[name](folder, scale, say)
    except Exception as error:
        say(f"failed: {error}")
        return found | {"failed": f"{type(error).__name__}: {error}"[:500]}
    say("\n" + render(rows))
    return found | {"rows": [row.as_dict() for row in rows]}
