"""Ray: remote functions whose code and arguments are known take their results from the store; workers store the rest.

The hook is `RemoteFunction._remote`, which every `.remote()` of a function calls. Ray pickles a function once per session, at its first
call, with its globals at that time; the key is made from the same. Actors are not cached, and their results have no keys.
"""

from __future__ import annotations

import inspect
import sys
from collections import OrderedDict
from dataclasses import astuple, dataclass, field
from functools import wraps
from typing import Any

import cloudpickle

from ..shell.warn import warn
from ..tasks import Place, never, tried
from .calls import Asked, Calls, function_key, value_key
from .hooks import Hooks

__all__ = ["disable", "enable", "never"]

#: The maximal number of remembered references.
_REMEMBERED = 200_000


@dataclass(slots=True)
class Session:
    """The state of one connection to a cluster. References are valid only within it."""

    name: Any
    calls: Calls = field(default_factory=Calls)
    references: OrderedDict[bytes, bytes | None] = field(default_factory=OrderedDict)
    #: Functions that store their results, with the keys of the user's functions, by Ray's function ids.
    keeping: dict[Any, tuple[Any, bytes | str]] = field(default_factory=dict)

    def note(self, reference: Any, key: bytes | None) -> None:
        self.references[reference.binary()] = key
        if len(self.references) > _REMEMBERED:
            self.references.popitem(last=False)

    def key_of(self, argument: Any) -> bytes | None:
        """Returns the key of the result that a reference stands for."""
        if not isinstance(argument, sys.modules["ray"].ObjectRef):
            raise LookupError
        return self.references.get(argument.binary())


_session = Session(None)
#: The original `ray.put`.
_put: list[Any] = []


def _hook() -> None:
    RemoteFunction: Any = sys.modules["ray.remote_function"].RemoteFunction
    before = getattr(RemoteFunction, "_remote", None)
    expected = ["self", "args", "kwargs", "serialized_runtime_env_info", "task_options"]
    if before is None or list(inspect.signature(before).parameters) != expected:
        warn("Clew does not support this version of Ray: its tasks run without the task cache.")
        return

    @wraps(before)
    def remote(self: Any, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        given, named = tuple(args or ()), dict(kwargs or {})
        place = _hooks.place
        if place is None:
            return before(self, args=given, kwargs=named, **options)
        if not sys.modules["ray"].is_initialized():
            # The call itself would do the same.
            _put[0](None)
        asked, keeping = tried(lambda: _asked(place, self, given, named, options)) or (None, None)
        if asked is not None and asked.found is not None:
            reference = _put[0](asked.found.value)
        elif asked is not None and asked.key is not None:
            reference = before(
                keeping, args=((asked.key, True, asked.files, asked.inputs), *given), kwargs=named, **options
            )
        else:
            return before(self, args=given, kwargs=named, **options)
        _session.note(reference, asked.key)
        return reference

    _hooks.replace(RemoteFunction, "_remote", remote)


def _hook_put() -> None:
    """Gives values that the user puts by hand keys from their contents. `ray.put` is this module's function."""
    worker: Any = sys.modules["ray._private.worker"]
    before = worker.put
    _put[:] = [before]

    @wraps(before)
    def put(value: Any, *given: Any, **options: Any) -> Any:
        reference = before(value, *given, **options)
        if _hooks.place is not None:
            tried(lambda: _note_value(reference, value))
        return reference

    for module in (worker, sys.modules["ray"]):
        if hasattr(module, "put"):
            _hooks.replace(module, "put", put)


_hooks = Hooks({"ray._private.worker": _hook_put, "ray.remote_function": _hook})
enable, begin, disable = _hooks.enable, _hooks.begin, _hooks.disable


def _note_value(reference: Any, value: Any) -> None:
    made = value_key(value)
    _of_now().note(reference, made if isinstance(made, bytes) else None)


def _of_now() -> Session:
    global _session
    worker = sys.modules["ray"]._private.worker.global_worker
    name = (id(worker.core_worker), worker.current_cluster_and_job)
    if _session.name != name:
        _session = Session(name)
    return _session


def _is_left(function: Any, options: dict[str, Any]) -> bool:
    """Returns whether a call is not cached: only calls of Python functions with one result, in this driver's own session, are."""
    ray: Any = sys.modules["ray"]
    is_other = function._is_generator or function._is_cross_language or function._decorator
    is_elsewhere = ray._private.worker.global_worker.mode != ray.SCRIPT_MODE
    return bool(is_other or is_elsewhere or options.get("num_returns") not in (None, 1))


def _asked(
    place: Place, function: Any, args: Any, kwargs: Any, options: dict[str, Any]
) -> tuple[Asked | None, Any]:
    """Looks up a call. Also returns the function that stores the result."""
    if _is_left(function, options):
        return None, None
    session = _of_now()
    keeping, known_as = _keeping(session, place, function)
    why = known_as if isinstance(known_as, str) else None
    if options.get("runtime_env") or sys.modules["ray"].get_runtime_context().runtime_env:
        why = "it has its own runtime environment"
    return session.calls.ask(place, known_as, args, kwargs, session.key_of, why), keeping


def _keeping(session: Session, place: Place, function: Any) -> tuple[Any, bytes | str]:
    """Returns a remote function that stores the result of the user's, and the key of the user's function."""
    if function._uuid not in session.keeping:
        called = function._function
        # Ray pickles a function once per session, at its first call. It is pickled here because a cache hit would delay that.
        known_as, pickled = function_key(called), cloudpickle.dumps(called)

        where = astuple(place)

        def kept(known: tuple[Any, ...], *args: Any, **kwargs: Any) -> Any:
            try:
                from clew.tasks import Kept, Place, unpickled
            except ImportError:
                # The worker does not have Clew.
                import pickle

                return pickle.loads(pickled)(*args, **kwargs)
            return Kept(unpickled(pickled), Place(*where), *known)(*args, **kwargs)

        kept.__module__, kept.__name__, kept.__qualname__ = (
            called.__module__,
            called.__name__,
            called.__qualname__,
        )
        made = sys.modules["ray"].remote(kept)
        made._max_calls = function._max_calls
        session.keeping[function._uuid] = (made, known_as)
    return session.keeping[function._uuid]
