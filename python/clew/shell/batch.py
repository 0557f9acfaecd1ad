"""What `clew run` asks of the kernel it started: to record, and whether it has."""

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
    """Starts recording, which the environment held back; whether that came about, as JSON. A notebook that is run in place shows what the
    run left, so that is what is resumed in it."""
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
    """Whether code of the user's ran when the kernel started: it may have seeded what draws."""
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
    """The run of the cell that ended last and what became of its tasks, as JSON: `null` if it is none (a cell of commands only).

    It is asked by a request of its own, which the kernel takes up only when the capture of the one before is done.
    """
    from clew.shell import session

    current = session.recording()
    if current is None:
        return json.dumps(None)
    run, current.last_run = current.last_run, None
    # No batch rests between cells, and the next may rely on anything.
    current.recorder.look()
    return json.dumps(None if run is None else {"run": run, "tasks": _tasks_of(current, run)})


def _tasks_of(current: Any, run: str) -> dict[str, Any] | None:
    """What became of the tasks of a run, where tasks are counted."""
    if "clew.tasks" not in sys.modules:
        return None
    answer = current.command("show", run, "--json", through={"interface": "python"})
    told: dict[str, Any] | None = answer["json"]["evidence"].get("tasks")
    return told


#: Values that are smaller are brought whether a cell needs them or not (bytes).
SMALL = 1 << 20


def bring(
    reused: str,
    source: str | None,
    execution_count: int | None,
    texts: str = "[]",
    imported: str = "[]",
    taken: str = "{}",
) -> str:
    """Has the session hold what cells left that did not run, with all live that a cell of this source may touch, and that cell have that
    `In [n]`. What could not be brought back and why, and whether something stays in the store, as JSON.

    `texts` are the cells before it, where one may read them (`In[3]`), as JSON. `imported` are all modules that these import, as JSON, and `taken`
    tells which variables they bound to what a module has (`clew.run.code.taken`). `reused` are runs as `Engine.reuse` takes them, as JSON. Without a `source` nothing more runs: whoever resumes the session finds it.
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
    """Has `In` and `_i` find what stood in the first cells of a notebook, those that were not executed among them."""
    known = len(shell.history_manager.input_hist_parsed)
    for number, text in enumerate(texts[known - 1 :], known):
        shell.history_manager.store_inputs(number, shell.transform_cell(text), text)


def end() -> str:
    """Where the session is, by the ids of its history and of the run, as JSON: that is noted in OUT (`clew.shell.identity`)."""
    from clew.shell import session

    current = session.current()
    answer = current.command("show", "@", "--json", through={"interface": "python"})
    return json.dumps({"history": current.history(), "run": answer["json"]["id"]})


def standing() -> str:
    """The run that the session is at, and the working directory, as JSON."""
    from clew.shell import session
    from clew.shell.environment import directory

    answer = session.current().command("show", "@", "--json", through={"interface": "python"})
    return json.dumps([answer["json"]["id"], directory()])
