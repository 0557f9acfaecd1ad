"""Parsl: apps whose code and arguments are known take their results from the store.

The hook is Parsl's own interface for memoization (`parsl.dataflow.memoization.Memoizer`). A data-flow kernel calls it when all inputs of a
call are available. Parsl's own memoizer identifies a function by its name alone: after an edit it returns results of the old body.
"""

from __future__ import annotations

import sys
from concurrent.futures import Future
from typing import Any
from weakref import WeakKeyDictionary

from .. import tasks
from ..shell.warn import warn
from ..tasks import Place, tried
from .ahead import import_ahead
from .calls import Asked, Calls, KeyOf, key, value_key
from .hooks import Hooks

__all__ = ["Memoizer", "disable", "enable", "never"]

_ASKED = frozenset({"start", "check_memo", "update_memo_result", "update_memo_exception", "close"})
"""The methods of a memoizer in the supported versions."""

_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})
"""Types whose values are the same wherever they come from. Values of other types may share objects, and lose that when they come from the
store."""


def never(app: Any) -> Any:
    """Keeps calls of an app, or of the function below it, out of the cache: they run every time."""
    tasks.never(_function(getattr(app, "func", app)))
    return app


def _hook() -> None:
    dflow: Any = sys.modules["parsl.dataflow.dflow"]
    memoization: Any = sys.modules["parsl.dataflow.memoization"]
    asked = getattr(getattr(memoization, "Memoizer", None), "__abstractmethods__", None)
    before = getattr(dflow, "BasicMemoizer", None)
    if asked != _ASKED or before is None:
        warn("Clew does not support this version of Parsl: its apps run without the task cache.")
        return
    memoization.Memoizer.register(Memoizer)
    _hooks.replace(dflow, "BasicMemoizer", lambda: Memoizer(before()))
    loaded = dflow.DataFlowKernelLoader._dfk
    if type(getattr(loaded, "memoizer", None)) is before:
        stock: Any = loaded.memoizer
        if stock.checkpoint_mode is None and stock.checkpoint_files is None:
            loaded.memoizer = Memoizer(stock)


_hooks = Hooks({"parsl.dataflow.dflow": _hook})
enable, begin, disable = _hooks.enable, _hooks.begin, _hooks.disable


class Memoizer:
    """The memoizer of a data-flow kernel. While the task cache is off, it delegates to Parsl's own."""

    def __init__(self, stock: Any) -> None:
        self.stock, self.calls = stock, Calls()
        #: The keys of calls, and the keys of their results.
        self._results: WeakKeyDictionary[Future[Any], tuple[bytes, bytes | str]] = WeakKeyDictionary()

    def start(self, *, run_dir: str, config_run_dir: str) -> None:
        self.stock.start(run_dir=run_dir, config_run_dir=config_run_dir)

    def close(self) -> None:
        self.stock.close()

    def check_memo(self, task: Any) -> Future[Any] | None:
        place = _hooks.place
        if place is None:
            answer: Future[Any] | None = self.stock.check_memo(task)
            return answer
        # A retry was counted already, and staging of files is internal to Parsl.
        if task["fail_count"] or task["executor"] == "_parsl_internal":
            return None
        asked = tried(lambda: self._ask(place, task))
        if asked is None or asked.found is None:
            return None
        done: Future[Any] = Future()
        done.set_result(asked.found.value)
        return done

    def _ask(self, place: Place, task: Any) -> Asked:
        given = _given(task)
        if _runs_here(task):
            import_ahead(given[0])
        asked = self.calls.ask(place, *given, self._made_by(task), why=_left(task, given[0]))
        task["hashsum"] = None if asked.key is None else asked.key.hex()
        return asked

    def update_memo_result(self, task: Any, r: Any) -> None:
        place = _hooks.place
        if place is None:
            self.stock.update_memo_result(task, r)
        elif task["hashsum"]:
            tried(lambda: self._note(place, task, r))

    def update_memo_exception(self, task: Any, e: BaseException) -> None:
        if _hooks.place is None:
            self.stock.update_memo_exception(task, e)

    def _note(self, place: Place, task: Any, result: Any) -> None:
        made = bytes.fromhex(task["hashsum"])
        if not task["from_memo"]:
            # In this process, a call may have seen changes that cells made since it was submitted, or may have changed its arguments.
            if _runs_here(task) and key(*_given(task), self._made_by(task)) != made:
                return
            took = task["try_time_returned"] - task["try_time_launched"]
            tasks.keep(place, made, result, took.total_seconds())
        if type(result) not in _PLAIN:
            self._results[task["app_fu"]] = (made, value_key(result))

    def _made_by(self, task: Any) -> KeyOf:
        """Represents results of other calls by the keys of these calls. Parsl has replaced the futures by their results, and other code
        that holds a result may have changed it since."""
        made = {id(one.result()): self._results[one] for one in task["depends"] if one in self._results}

        def key_of(argument: Any) -> bytes | None:
            known, value = made[id(argument)]
            if value != value_key(argument):
                raise LookupError
            return known

        return key_of


def _given(task: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Returns a task's function and its arguments, without those that the user excluded from memoization."""
    ignored = task["ignore_for_cache"]
    named = {name: value for name, value in task["kwargs"].items() if name not in ignored}
    return _function(task["func"]), task["args"], named


def _function(func: Any) -> Any:
    """Returns the user's function. Parsl wraps it in functions of the same name."""
    while hasattr(func, "__wrapped__") and func.__globals__["__name__"].startswith("parsl."):
        func = func.__wrapped__
    return func


def _left(task: Any, function: Any) -> str | None:
    """Returns why a call is not looked up: it has effects besides its result."""
    files = any(task["kwargs"].get(name) for name in ("outputs", "stdout", "stderr"))
    is_command = getattr(getattr(function, "func", None), "__module__", None) == "parsl.app.bash"
    return "it writes files" if files or is_command else None


def _runs_here(task: Any) -> bool:
    executor = task["dfk"].executors.get(task["executor"])
    return type(executor).__name__ == "ThreadPoolExecutor"
