"""The report: summaries of the raw data, and tables and plots based on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.raw import Raw
from bench.report import page, plots
from bench.report.summary import Summary, summarise


def write(raw: Raw, output: Path) -> None:
    """Writes `results.md`, its plots, and the data that they are based on."""
    summaries, budgets = summarise(raw), raw.all("budget-")
    pictures = output / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    drawn = plots.draw(summaries, budgets, pictures)
    (output / "results.md").write_text(page.render(summaries, budgets, drawn))
    keep(output / "raw", summaries, budgets)


def keep(folder: Path, summaries: list[Summary], budgets: dict[str, dict[str, Any]]) -> None:
    """Writes the summaries, one file per workload, and the rows of the budgets."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for workload in dict.fromkeys(one.workload for one in summaries):
        told = [one.as_dict() for one in summaries if one.workload == workload]
        write_json(folder / f"{workload}.json", told)
    for name, found in budgets.items():
        write_json(folder / f"budget-{name}.json", found)


def write_json(path: Path, told: Any) -> None:
    """Writes a file if its values differ from the existing ones."""
    path.write_text(json.dumps(told, indent=1) + "\n")
