"""Functions that `clew run` calls in its kernel: to start recording, and to query it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from IPython.core.getipython import get_ipython

from clew.analysis.ipython_calls import start_files
from clew.analysis.patches import hold_again
from clew.analysis.submodules import note_imported
from clew.library_draws import follow
from clew.roots.generators import leave_undecided, none_comes
from clew.shell import identity
from clew.shell.start import VARIABLE, start


def begin(is_in_place: bool = False) -> str:
    """Starts recording, which the environment had disabled. Returns whether that succeeded, as JSON. For a notebook that is run in place,
    this run is the one that it resumes later."""
    from clew.shell import session

    os.environ.pop(VARIABLE, None)
    identity.in_batch = True
    identity.in_place = is_in_place
    if not _has_start_files(get_ipython()):
        leave_undecided()
    follow()
    start(get_ipython())
    return json.dumps(session.recording() is not None)


def _has_start_files(shell: Any) -> bool:
    """Returns whether the user's code ran when the kernel started: it may have seeded random generators."""
    application = getattr(shell, "parent", None)
    application = getattr(application, "parent", None) or application
    settings = ("exec_lines", "exec_files", "extensions", "code_to_run", "file_to_run", "module_to_run")
    return (
        any(getattr(application, name, None) for name in settings)
        or not {"clew", "storemagic"}.issuperset(getattr(application, "extra_extensions", ()))
        or bool(start_files(shell))
        or any(name in sys.modules for name in ("sitecustomize", "usercustomize"))
    )


def recorded() -> str:
    """Returns the run of the cell that ended last and the counts of its tasks, as JSON: `null` if there is none (a cell with only
    commands).

    The request is separate from the cell's, so the kernel handles it only when the capture for the cell is done.
    """
    from clew.shell import session

    current = session.recording()
    if current is None:
        return json.dumps(None)
    run, current.last_run = current.last_run, None
    # A batch does not pause between cells, and the next cell may rely on anything.
    current.recorder.look()
    return json.dumps(None if run is None else {"run": run, "tasks": _tasks_of(current, run)})


def _tasks_of(current: Any, run: str) -> dict[str, Any] | None:
    """Returns the counts of the tasks of a run, if tasks are counted."""
    if "clew.tasks" not in sys.modules:
        return None
    answer = current.command("show", run, "--json", through={"interface": "python"})
    told: dict[str, Any] | None = answer["json"]["evidence"].get("tasks")
    return told


#: Smaller values are restored whether a cell needs them or not (bytes).
SMALL = 1 << 20


def bring(
    reused: str,
    source: str | None,
    execution_count: int | None,
    texts: str = "[]",
    imported: str = "[]",
    taken: str = "{}",
) -> str:
    """Restores the results of cells that did not run: loads everything that a cell with this source may touch, and gives that cell this `In
    [n]`. Returns what could not be restored and why, and whether anything remains only in the store, as JSON.

    `texts` are the earlier cells, if they may be read (`In[3]`), as JSON. `imported` are all modules that these import, as JSON. `taken`
    lists the variables that they bound to attributes of modules (`clew.run.code.taken`). `reused` are runs in the form of `Engine.reuse`,
    as JSON. Without a `source`, no more cells run, and everything is restored for a later `resume`.
    """
    from clew.shell import session

    current = session.current()
    with none_comes():
        last = current.recorder.reuse([tuple(each) for each in json.loads(reused)])
        try:
            wrong = current.bring(last, source, SMALL if source is not None else 0)
        except RuntimeError as error:
            wrong = [("The results of skipped cells", str(error))]
        note_imported(json.loads(imported))
        hold_again(json.loads(taken), source or "", get_ipython().user_ns)
    if execution_count is not None:
        get_ipython().execution_count = execution_count
        _know_inputs(get_ipython(), json.loads(texts))
    return json.dumps({"lost": wrong, "left": bool(current.recorder.stored_only())})


def _know_inputs(shell: Any, texts: Sequence[str]) -> None:
    """Fills `In` and `_i` with the texts of a notebook's first cells, including those that were not executed."""
    known = len(shell.history_manager.input_hist_parsed)
    for number, text in enumerate(texts[known - 1 :], known):
        shell.history_manager.store_inputs(number, shell.transform_cell(text), text)


def end() -> str:
    """Returns the session's position by the ids of its history and run, as JSON, for the note in OUT (`clew.shell.identity`)."""
    from clew.shell import session

    current = session.current()
    answer = current.command("show", "@", "--json", through={"interface": "python"})
    return json.dumps({"history": current.history(), "run": answer["json"]["id"]})


def standing() -> str:
    """Returns the session's current run, and the working directory, as JSON."""
    from clew.shell import session
    from clew.shell.environment import directory

    answer = session.current().command("show", "@", "--json", through={"interface": "python"})
    return json.dumps([answer["json"]["id"], directory()])
