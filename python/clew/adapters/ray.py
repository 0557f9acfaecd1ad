"""Ray: remote functions whose code and arguments are known take their results from the store; workers keep the rest.

The seam is `RemoteFunction._remote`, by which every `.remote()` of a function goes. Ray pickles a function once a session, when it is
first called: what its globals are then is what it keeps, and what its key is made of. Actors are left alone, and what they come to
has no key.
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

#: So many references are remembered.
_REMEMBERED = 200_000


@dataclass(slots=True)
class Session:
    """What is known of one connection to a cluster: references name nothing beyond it."""

    name: Any
    calls: Calls = field(default_factory=Calls)
    references: OrderedDict[bytes, bytes | None] = field(default_factory=OrderedDict)
    #: Functions that keep what they come to, by Ray's own ids of theirs, with the keys of the functions.
    keeping: dict[Any, tuple[Any, bytes | str]] = field(default_factory=dict)

    def note(self, reference: Any, key: bytes | None) -> None:
        self.references[reference.binary()] = key
        if len(self.references) > _REMEMBERED:
            self.references.popitem(last=False)

    def key_of(self, argument: Any) -> bytes | None:
        """The key of what a reference stands for."""
        if not isinstance(argument, sys.modules["ray"].ObjectRef):
            raise LookupError
        return self.references.get(argument.binary())


_session = Session(None)
#: Ray's own `put`.
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
            # As the call itself would have it.
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
    """Values that are put by hand are told by what they are. `ray.put` is this module's."""
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
    """Whether a call is none that comes to one value, of a Python function in this driver's own session."""
    ray: Any = sys.modules["ray"]
    is_other = function._is_generator or function._is_cross_language or function._decorator
    is_elsewhere = ray._private.worker.global_worker.mode != ray.SCRIPT_MODE
    return bool(is_other or is_elsewhere or options.get("num_returns") not in (None, 1))


def _asked(
    place: Place, function: Any, args: Any, kwargs: Any, options: dict[str, Any]
) -> tuple[Asked | None, Any]:
    """What is known of a call, and the function that keeps what it comes to."""
    if _is_left(function, options):
        return None, None
    session = _of_now()
    keeping, known_as = _keeping(session, place, function)
    why = known_as if isinstance(known_as, str) else None
    if options.get("runtime_env") or sys.modules["ray"].get_runtime_context().runtime_env:
        why = "it has its own runtime environment"
    return session.calls.ask(place, known_as, args, kwargs, session.key_of, why), keeping


def _keeping(session: Session, place: Place, function: Any) -> tuple[Any, bytes | str]:
    """A remote function that keeps what the user's comes to, with the key of that."""
    if function._uuid not in session.keeping:
        called = function._function
        # Ray pickles a function once a session. Here and now: a call that is known would leave it for later.
        known_as, pickled = function_key(called), cloudpickle.dumps(called)

        where = astuple(place)

        def kept(known: tuple[Any, ...], *args: Any, **kwargs: Any) -> Any:
            try:
                from clew.tasks import Kept, Place, unpickled
            except ImportError:
                # A worker without Clew.
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
