"""TaskVine: Python tasks with known results return at once, as finished tasks; results of the others are stored when they arrive.

The hooks are `Manager.submit` and the methods that return tasks (`wait`, `wait_for_tag`, `wait_for_task_id`, `empty`). A manager pickles a
function once, at the first submission of a task with it, with its globals at that time; the key is made from the same. DaskVine's graphs
are cut like Dask's, and its own tasks are not cached.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from .. import tasks
from ..shell.warn import warn
from ..tasks import Place, never, tried
from .calls import Asked, Calls, function_key
from .hooks import Hooks

__all__ = ["disable", "enable", "never"]

_OTHERWISE = (
    "add_output add_environment add_execution_context add_poncho_package add_starch_package set_command set_env_var "
    "enable_temp_output disable_output_serialization set_library_required"
)
"""Methods that must not have been called on a task: otherwise its result is not its only effect, or its arguments are not its only
input."""


@dataclass(slots=True)
class Managed:
    """The state of a manager's tasks."""

    calls: Calls = field(default_factory=Calls)
    #: Tasks with known results that were not waited for yet.
    done: list[Any] = field(default_factory=list)
    functions: dict[Any, bytes | str] = field(default_factory=dict)


_managed: WeakKeyDictionary[Any, Managed] = WeakKeyDictionary()


def _hook() -> None:
    manager: Any = sys.modules["ndcctools.taskvine.manager"]
    task: Any = sys.modules["ndcctools.taskvine.task"]
    Manager, PythonTask = manager.Manager, task.PythonTask
    names = ("submit", "wait_for_tag", "wait_for_task_id", "empty")
    if not all(hasattr(Manager, name) for name in names) or not hasattr(PythonTask, "_fn_buffer"):
        warn("Clew does not support this version of TaskVine: its tasks run without the task cache.")
        return
    own: dict[str, Any] = {
        "submit": _submit(Manager.submit, PythonTask, _known_of(PythonTask)),
        "wait_for_tag": _waiting(Manager.wait_for_tag, lambda task, tag: tag is None or task.tag == tag),
        "wait_for_task_id": _waiting(Manager.wait_for_task_id, lambda task, number: task.id == number),
        "empty": _empty(Manager.empty),
    }
    for name, method in own.items():
        _hooks.replace(Manager, name, method)
    _hooks.replace(PythonTask, "add_input", _noting(PythonTask.add_input))
    for name in _OTHERWISE.split():
        _hooks.replace(PythonTask, name, _otherwise(getattr(PythonTask, name)))


def _hook_dask() -> None:
    """Converts the graphs of newer versions of Dask, which are expressions, into dicts, which DaskVine supports."""
    DaskVine: Any = sys.modules["ndcctools.taskvine.dask_executor"].DaskVine
    before = DaskVine.get

    @wraps(before)
    def get(self: Any, dsk: Any, keys: Any, **options: Any) -> Any:
        plain = dict(dsk.__dask_graph__()) if hasattr(dsk, "__dask_graph__") else dsk
        return before(self, plain, keys, **options)

    _hooks.replace(DaskVine, "get", get)


_hooks = Hooks({"ndcctools.taskvine.manager": _hook, "ndcctools.taskvine.dask_executor": _hook_dask})
enable, begin, disable = _hooks.enable, _hooks.begin, _hooks.disable


def _submit(before: Any, PythonTask: Any, Known: Any) -> Any:
    @wraps(before)
    def submit(self: Any, task: Any) -> Any:
        place = _hooks.place
        if place is None or type(task) is not PythonTask or task.__dict__.get("_clew_otherwise"):
            return before(self, task)
        managed = _managed.setdefault(self, Managed())
        asked = tried(lambda: _asked(place, self, managed, task))
        if asked is None or asked.found is None:
            task._clew_key = None if asked is None else asked.key
            return before(self, task)
        task.__class__ = Known
        task._output, task._output_loaded = asked.found.value, True
        managed.done.append(task)
        return task.id

    return submit


def _asked(place: Place, manager: Any, managed: Managed, task: Any) -> Asked:
    function, args, kwargs = task._fn_def
    known_as, inputs = _known_function(manager, managed, task, function), _inputs(task)
    why = known_as if isinstance(known_as, str) else inputs if isinstance(inputs, str) else None
    return managed.calls.ask(place, known_as, (args, kwargs), {"inputs": inputs}, why=why)


def _known_function(manager: Any, managed: Managed, task: Any, function: Any) -> bytes | str:
    """Returns the key of a function as it was when its manager pickled it."""
    if function not in managed.functions:
        if function in manager._function_buffers:
            managed.functions[function] = "it was pickled before Clew could check it"
        else:
            managed.functions[function] = function_key(function)
            # Pickled now: a task with a known result would delay that.
            task._fn_buffer(manager, function)
    return managed.functions[function]


def _inputs(task: Any) -> list[Any] | str:
    """Returns the input files of a task, by their names on the worker, with their contents or paths; a text if one cannot be hashed."""
    cvine: Any = sys.modules["ndcctools.taskvine.cvine"]
    found: list[Any] = []
    for file, name in task.__dict__.get("_clew_inputs", ()):
        if file.type() == cvine.VINE_BUFFER:
            found.append((name, file.contents()))
        elif file.type() == cvine.VINE_FILE and Path(file.source()).is_file():
            # The key covers the contents of a file whose path contains a slash.
            found.append((name, file.source() if "/" in file.source() else f"./{file.source()}"))
        else:
            return "it reads input that Clew cannot check from here"
    return sorted(found)


def _waiting(before: Any, is_meant: Callable[[Any, Any], bool]) -> Any:
    @wraps(before)
    def wait(self: Any, which: Any, timeout: Any = "wait_forever") -> Any:
        managed = _managed.get(self)
        for task in managed.done if managed else ():
            if is_meant(task, which):
                managed.done.remove(task)  # type: ignore[union-attr]
                return task
        task = before(self, which, timeout)
        made, place = task.__dict__.get("_clew_key") if task is not None else None, _hooks.place
        if made is not None and place is not None:
            tried(lambda: _keep(place, made, task))
        return task

    return wait


def _keep(place: Place, made: bytes, task: Any) -> None:
    if not task.successful():
        return
    result = task.output
    took = task.get_metric("time_workers_execute_last") / 1e6
    # A result that could not be read is an exception object.
    if not isinstance(result, Exception):
        tasks.keep(place, made, result, took)


def _empty(before: Any) -> Any:
    return wraps(before)(lambda self: before(self) and not (self in _managed and _managed[self].done))


def _noting(before: Any) -> Any:
    @wraps(before)
    def add_input(self: Any, file: Any, remote_name: Any, *given: Any, **options: Any) -> Any:
        self.__dict__.setdefault("_clew_inputs", []).append((file, remote_name))
        return before(self, file, remote_name, *given, **options)

    return add_input


def _otherwise(before: Any) -> Any:
    @wraps(before)
    def told(self: Any, *given: Any, **options: Any) -> Any:
        self._clew_otherwise = True
        return before(self, *given, **options)

    return told


def _known_of(PythonTask: Any) -> type:
    """Creates the class of tasks that are finished without having been sent."""
    return type(
        "PythonTask",
        (PythonTask,),
        {
            "id": property(lambda self: 2**40 + id(self) % 2**40),
            "result": property(lambda self: "success"),
            "exit_code": property(lambda self: 0),
            "std_output": property(lambda self: ""),
        },
    )
