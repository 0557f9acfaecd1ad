"""Results from a cluster of Dask that were restored without one: finished futures in variables, nodes in graphs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dask._task_spec import DataNode, Task
from distributed.client import Future, _get_global_client
from distributed.utils import in_async_call

from clew import _engine
from clew.adapters import handle_reach

if TYPE_CHECKING:
    from clew import tasks

#: How a result is stored: as the value itself, or as the key of its task in the cache.
VALUE, KNOWN = "value", "known"


class Fetched(Future):  # type: ignore[misc]
    """A finished future without a cluster. The first client that uses it receives its result."""

    _client: Any
    _laid: Any

    def __init__(self, key: Any, how: str, value: Any) -> None:
        self.own_key = key
        self._client = self._input_state = self._laid = None
        self._id = (Future._uid, next(Future._counter))
        self._cleared = False
        self.kept = (how, value)

    @property
    def value(self) -> Any:
        """Returns the result."""
        how, value = self.kept
        return Known(value, _place())() if how == KNOWN else value

    @property
    def key(self) -> Any:
        """Returns the key. The caller may pass it to the cluster, so the result is sent there first."""
        self._lay_down()
        return self.own_key

    @property
    def client(self) -> Any:
        """Returns the client that it belongs to: the current one, from the first use on."""
        self._lay_down()
        return self._client

    @property
    def _state(self) -> Any:
        """Returns the state that clients wait for."""
        self._lay_down()
        return self._laid

    @_state.setter
    def _state(self, state: Any) -> None:
        self._laid = state

    def _lay_down(self) -> None:
        """Sends the result to the cluster of the current client, if there is one."""
        client = _get_global_client() if self._client is None else None
        if client is None or client.status != "running":
            return
        self._client = client
        super()._bind_late()
        if in_async_call(client.loop):
            client.loop.add_callback(self._scatter)
        else:
            client.sync(self._scatter)

    async def _scatter(self) -> None:
        try:
            await self._client._scatter({self.own_key: self.value}, hash=False)
        except Exception as error:
            # Report the error to the clients that wait for the result.
            self._laid.set_error(error, None)

    def _bind_late(self) -> None:
        if self._client is not None:
            super()._bind_late()

    @property
    def status(self) -> Any:
        return "finished" if self._laid is None else super().status

    @property
    def type(self) -> Any:
        return type(self.value) if self._laid is None else super().type

    def done(self) -> bool:
        return self._laid is None or super().done()

    def cancelled(self) -> bool:
        return self._laid is not None and super().cancelled()

    def result(self, timeout: Any = None) -> Any:
        return self.value

    def exception(self, timeout: Any = None, **_: Any) -> None:
        return None

    def traceback(self, timeout: Any = None, **_: Any) -> None:
        return None

    def release(self) -> None:
        if self._client is not None:
            super().release()

    def __repr__(self) -> str:
        return f"<Future: finished, key: {self.own_key}>"

    def __await__(self) -> Any:
        async def at_once() -> Any:
            return self.value

        return at_once().__await__()

    def __reduce__(self) -> Any:
        return Fetched, (self.own_key, *self.kept)


class Known:
    """A task's function that returns the cached result."""

    def __init__(self, key: bytes, place: tasks.Place) -> None:
        self.key, self.place = key, place

    def __call__(self) -> Any:
        from clew import tasks

        found = tasks.known(self.place, self.key)
        if found is None:
            raise LookupError(
                "The result of this task is no longer cached (`tasks.keep_days`): rerun its cell"
            )
        return found.value


class KeptNode(DataNode):  # type: ignore[misc]
    """A result in a graph, in place of a future of a cluster."""

    __slots__ = ("future",)

    def __init__(self, key: Any, future: Fetched) -> None:
        super().__init__(key, future.value)
        self.future = future

    def __reduce__(self) -> Any:
        return DataNode, (self.key, self.value)


class KnownTask(Task):  # type: ignore[misc]
    """A cached result in a graph."""

    __slots__ = ("future",)

    def __init__(self, key: Any, future: Fetched) -> None:
        super().__init__(key, Known(future.kept[1], _place()))
        self.future = future

    def __reduce__(self) -> Any:
        return Task, (self.key, self.func)


def node_of(future: Fetched) -> Any:
    """Returns the graph node that replaces a future."""
    kind = KnownTask if future.kept[0] == KNOWN else KeptNode
    return kind(future.own_key, future)


def is_known(key: bytes) -> bool:
    """Returns whether the cache has the result of a task."""
    place = _place()
    return _engine.has_task(place.store, place.config, key)


@cache
def _place_in(store: str | None) -> tasks.Place:
    from clew import tasks

    return tasks.Place.here(store)


def _place() -> tasks.Place:
    """Returns the location of the cache."""
    return _place_in(handle_reach.store)
