"""Goes through the cells, for `clew run` and papermill's engine `clew`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionError
from papermill.engines import Engine
from papermill.iorw import papermill_io
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from clew.run.cell_metadata import mark, note_duration, note_end, put_outputs, say_how_to_resume
from clew.run.decider import Decision, Lost
from clew.run.kernel import Kernel
from clew.run.options import Options
from clew.run.recorded_runs import decider_for
from clew.run.session import BATCH, notebook_path, variables
from clew.run.walk import Walk


class Executing(Engine):  # type: ignore[misc] # papermill has no types
    """Goes through a notebook from top to bottom, and executes the cells that must be executed, in a kernel that starts when needed."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        input_path: str | None = None,
        walk: Walk | None = None,
        **others: Any,
    ) -> None:
        """Called by papermill between `notebook_start` and `notebook_complete`. `others` are nbclient's own options, which only callers of
        `papermill.execute_notebook` can set."""
        walk = walk or Walk(
            decider_for(Options(input=input_path, output=nb_man.output_path, kernel=kernel_name), base())
        )
        walk.begin(nb_man.nb, str(Path.cwd()))
        options = merge_kwargs(
            remove_args(["timeout", "startup_timeout"], **others),
            kernel_name=kernel_name,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
            startup_timeout=start_timeout,
            timeout=execution_timeout or others.get("timeout"),
        )
        environment = variables(input_path, nb_man.output_path, base())
        is_through = False
        try:
            while not is_through:
                with Kernel(nb_man, options, environment, is_in_place(nb_man, input_path)) as kernel:
                    is_through = went_through(nb_man, walk, kernel)
        finally:
            note(nb_man, walk, input_path)
        if walk.is_interrupted and not walk.has_failed:
            raise KeyboardInterrupt


def note(nb_man: Any, walk: Walk, input_path: str | None) -> None:
    """Notes in OUT where the run ended and, if a cell failed, how to restore that state. A notebook that is run in place has the history
    anyway."""
    note_end(nb_man.nb, None if is_in_place(nb_man, input_path) else walk.ended_at)
    failed = walk.failed
    if failed is not None and walk.ended_at is not None and not left_by_itself(nb_man.nb.cells[failed.index]):
        say_how_to_resume(nb_man.nb.cells[failed.index])


def is_in_place(nb_man: Any, input_path: str | None) -> bool:
    """Returns whether the output of a notebook is written to its input file."""
    notebook = notebook_path(input_path, base())
    return notebook is not None and notebook == notebook_path(nb_man.output_path, base())


def left_by_itself(cell: Any) -> bool:
    """Returns whether a cell ended the notebook with a successful exit, in papermill's sense."""
    errors = (output for output in cell.outputs if output.output_type == "error")
    return any(error.ename == "SystemExit" and error.evalue in ("", "0") for error in errors)


def base() -> str:
    """Returns the folder for papermill's local paths. The process may be in the notebook's own folder by now."""
    local = papermill_io.get_handler("local")
    folder = local.cwd(None)
    local.cwd(folder)
    return folder or str(Path.cwd())


def went_through(nb_man: Any, walk: Walk, kernel: Kernel) -> bool:
    """Goes through the notebook to its end, or to the failure. Returns false if it must be repeated with a new kernel."""
    is_through = True
    try:
        go(nb_man, walk, kernel)
    except Lost as lost:
        walk.begin_again(lost)
        is_through = False
        if nb_man.pbar:
            nb_man.pbar.reset()
    finally:
        walk.is_interrupted = kernel.is_interrupted
        if is_through:
            walk.end(kernel.ask if kernel.is_recording else None)
            walk.ended_at = kernel.ask(f"{BATCH}.end()") if kernel.is_recording else walk.ended_at
    return is_through


def go(nb_man: Any, walk: Walk, kernel: Kernel) -> None:
    """Goes through the cells, up to the first that fails."""
    for index, cell in enumerate(nb_man.nb.cells):
        decision = walk.decide(index) if cell.cell_type == "code" else None
        if decision is None or decision.outcome == "restored":
            leave(nb_man, index, decision, walk, kernel)
            continue
        # A failure from here to the execution is not the cell's. Then the cell was not reached.
        walk.told[index].outcome = "not reached"
        kernel.start()
        walk.bring(kernel.ask if kernel.is_recording else None)
        if not attempt(nb_man, index, walk, kernel):
            return


def attempt(nb_man: Any, index: int, walk: Walk, kernel: Kernel) -> bool:
    """Executes a cell, with papermill's notes about it. Returns whether the run continues."""
    cell = nb_man.nb.cells[index]
    try:
        nb_man.cell_start(cell, index)
        execute(cell, index, walk, kernel)
    except CellExecutionError as error:
        nb_man.cell_exception(cell, cell_index=index, exception=error)
        return False
    except BaseException:
        # The kernel died, or the time is over. papermill would mark such a cell as completed.
        nb_man.cell_exception(cell, cell_index=index)
        raise
    finally:
        nb_man.cell_complete(cell, cell_index=index)
        # At the end, because recording is not part of the cell's time.
        record(cell, index, walk, kernel)
    # A cell that ignored Ctrl+C is complete, but the user wanted to stop.
    return not kernel.is_interrupted


def leave(nb_man: Any, index: int, decision: Decision | None, walk: Walk, kernel: Kernel) -> None:
    """Gives a cell that is not executed its stored outputs.

    This takes no time that could be lost, so OUT is only written before the next executed cell, and at the end. Otherwise a large notebook
    would be written once for each of its cells.
    """
    cell = nb_man.nb.cells[index]
    output_path, nb_man.output_path = nb_man.output_path, None
    try:
        nb_man.cell_start(cell, index)
        if cell.cell_type == "code":
            put_outputs(cell, index, decision, kernel.displays)
            mark(cell, walk.told[index])
            kernel.log(cell.outputs)
        nb_man.cell_complete(cell, cell_index=index)
        note_duration(cell, decision)
    finally:
        nb_man.output_path = output_path
    if decision is not None:
        walk.ended_at = decision.end
        walk.restored()


def execute(cell: Any, index: int, walk: Walk, kernel: Kernel) -> None:
    """Executes a cell and notes its outcome."""
    told = walk.told[index]
    is_done = False
    walk.ran += 1
    try:
        kernel.execute(cell, index)
        is_done = True
    finally:
        broken = "interrupted" if kernel.is_interrupted else "failed"
        told.outcome = "executed" if is_done else broken
        mark(cell, told)


def record(cell: Any, index: int, walk: Walk, kernel: Kernel) -> None:
    """Waits until the run of a cell is recorded, and informs the decider."""
    if not kernel.is_recording:
        return
    told = walk.told[index]
    told.run, told.tasks = kernel.recorded()
    # Noted now, because the kernel may die in the next cell.
    walk.ended_at = kernel.ask(f"{BATCH}.end()")
    walk.executed(index)
    mark(cell, told)
