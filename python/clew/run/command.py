"""The command, from its options to its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clew.run import mistakes
from clew.run.cached_run import light_notebook, write_unexecuted
from clew.run.mistakes import Mistake, tell
from clew.run.options import Options
from clew.run.recorded_runs import decider_for
from clew.run.report import Report
from clew.run.source import named_kernel
from clew.run.walk import Walk, code_cells


def run(pieces: Sequence[str]) -> int:
    """Runs a notebook with the options in the native command's document."""
    options = Options.of(pieces)
    try:
        options.settle_paths()
        if options.said:
            print(f"{options.said}.", file=sys.stderr)
        if options.store is not None:
            os.environ["CLEW_HOME"] = str(Path(options.store).absolute())
        return dispatch(options)
    except Mistake as mistake:
        return tell(mistake, as_json=options.json)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return mistakes.INTERRUPTED


def dispatch(options: Options) -> int:
    """Chooses what to do from the options."""
    if options.has_names_in_paths and not options.help_notebook:
        from clew.run import papermill_bridge

        papermill_bridge.fill_in_paths(options)
    if options.help_notebook or options.prepare_only:
        from clew.run import papermill_bridge

        return (
            papermill_bridge.help_notebook(options)
            if options.help_notebook
            else papermill_bridge.prepare(options)
        )
    walk = Walk(decider_for(options, str(Path.cwd())))
    report = Report(options, walk)
    try:
        if options.is_looking:
            return look(options, walk, report)
        return execute(options, walk, report)
    except Mistake as mistake:
        if walk.ran:
            mistake.unchanged = f"{walk.ran} {'cell' if walk.ran == 1 else 'cells'} had run by then"
        raise
    finally:
        walk.end(None)


def look(options: Options, walk: Walk, report: Report) -> int:
    """Reports what would be executed. Executes and writes nothing."""
    notebook = light_notebook(options)
    if notebook is None:
        from clew.run import papermill_bridge

        notebook = papermill_bridge.parameterized(options)
    walk.begin(notebook, folder(options))
    for index, _ in code_cells(notebook):
        walk.decide(index)
    would_run = any(told.outcome == "executed" for told in walk.told.values())
    if would_run and not (options.kernel or named_kernel(notebook)):
        raise mistakes.no_kernel()
    code = mistakes.WOULD_RUN if options.check and would_run else 0
    report.planned(code)
    return code


def execute(options: Options, walk: Walk, report: Report) -> int:
    """Runs the notebook. No kernel and no papermill are used unless a cell must be executed."""
    notebook = light_notebook(options)
    if notebook is not None and needs_no_kernel(options, walk, notebook):
        write_unexecuted(notebook, walk, options)
        code = 0
    else:
        from clew.run import papermill_bridge

        code = papermill_bridge.execute(options, walk)
    if options.verify and not report.verified():
        code = code or mistakes.FAILED
    report.ended(code)
    return code


def needs_no_kernel(options: Options, walk: Walk, notebook: Any) -> bool:
    """Returns whether no cell must be executed. Stops at the first one that must."""
    walk.begin(notebook, folder(options))
    decisions = (walk.decide(index) for index, _ in code_cells(notebook))
    return all(decision is None or decision.outcome == "restored" for decision in decisions)


def folder(options: Options) -> str:
    """Returns the folder in which the notebook runs."""
    return str(Path(options.cwd or Path.cwd()).absolute())
