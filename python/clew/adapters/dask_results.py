"""Stores the results on a Dask cluster that variables refer to, because futures are dead in the next process.

If the cache has the task of a result, only the key is stored. Otherwise a finished result is fetched, up to a size limit. For all others
the reason is reported. The client requests only results that the scheduler has, and every wait has a time limit.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from time import sleep
from typing import Any
from weakref import WeakKeyDictionary

from clew.adapters import handle_reach
from clew.adapters.dask_local_results import KNOWN, VALUE, Fetched, is_known
from clew.codecs import NoValue

#: Seconds to wait for an answer of the scheduler, and for the results to arrive.
ANSWER, FETCH = 2.0, 5.0
_unfinished = handle_reach.Patience(1.0, 15.0)
_fetching = handle_reach.Patience(FETCH, 60.0)

WORD = "distributed.client.Future: a result on a cluster"
SAID = {
    "pending": "not finished yet",
    "lost": "lost",
    "cancelled": "cancelled",
    "error": "an error: its task failed",
}


@dataclass(slots=True)
class Result:
    """The state of a future's result. Stored by future, not by key: a key may be reused for another task."""

    how: str | None = None
    value: Any = None
    size: int | None = None
    """Bytes, as reported by the scheduler."""
    refused: str | None = None
    """Why the result is not requested again."""
    is_awaited: bool = False
    """Whether the adapter already waited for it. It waits only once."""


_results: WeakKeyDictionary[Any, Result] = WeakKeyDictionary()


def encode_future(future: Any) -> tuple[Any, ...]:
    """Returns the stored parts of a future."""
    if isinstance(future, Fetched):
        return (future.own_key, *future.kept)
    keep([future])
    result = _results[future]
    return future.key, result.how, result.value


def decode_future(parts: tuple[Any, ...]) -> Any:
    """Returns a future that has its result."""
    key, how, value = parts
    if how == KNOWN and not is_known(value):
        raise LookupError("its result is no longer in the task cache")
    return Fetched(key, how, value)


def keep(futures: Iterable[Any]) -> None:
    """Fetches the results of futures. Raises `NoValue` if one cannot be stored."""
    by_client: dict[Any, dict[Any, Result]] = {}
    for future in futures:
        result = _results.setdefault(future, Result())
        if result.how is None:
            by_client.setdefault(future._client, {})[future] = result
    for client, wanted in by_client.items():
        # An asynchronous client's loop is the kernel's own: waiting for it in this thread would block it.
        if client is None or client.status != "running" or client._asynchronous:
            raise NoValue(f"{WORD} whose client is not connected")
        _await(wanted)
        for future, result in wanted.items():
            if result.refused is not None:
                raise NoValue(result.refused)
            if future.status != "finished":
                raise NoValue(f"{WORD} that is {SAID.get(future.status, future.status)}")
        missing = {future: result for future, result in wanted.items() if not _is_cached(client, future)}
        if missing:
            _fetch(client, missing)


def _await(wanted: dict[Any, Result]) -> None:
    """Waits a moment for results that were not awaited before."""
    fresh = [future for future, result in wanted.items() if not result.is_awaited]
    for result in wanted.values():
        result.is_awaited = True
    with _unfinished.used() as left:
        for _ in range(int(left / 0.01)):
            if not any(future.status == "pending" for future in fresh):
                return
            sleep(0.01)


def _is_cached(client: Any, future: Any) -> bool:
    """Returns whether the task cache has the result, so that its key is enough."""
    # Only the Dask adapter knows the task keys, and only if the task cache is on.
    adapter = sys.modules.get("clew.adapters.dask")
    content = adapter.given(client, future.key) if adapter is not None else None
    if content is None or not is_known(content):
        return False
    _results[future] = Result(KNOWN, content)
    return True


def _fetch(client: Any, wanted: dict[Any, Result]) -> None:
    """Fetches the results that fit into the size limit."""
    unknown = {future.key: result for future, result in wanted.items() if result.size is None}
    if unknown:
        try:
            sizes = _asked(client, client.scheduler.nbytes(keys=list(unknown), summary=False), ANSWER)
        except Exception as error:
            raise _refused(wanted, "whose size its scheduler did not report") from error
        for future, result in wanted.items():
            result.size = max(sizes.get(future.key, result.size or 0), 0)
    size = sum(result.size or 0 for result in wanted.values())
    held = sum(result.size or 0 for result in _results.values() if result.how == VALUE)
    if held + size > handle_reach.most_fetched:
        most = handle_reach.megabytes(handle_reach.most_fetched)
        raise NoValue(
            f"{WORD} of {handle_reach.megabytes(size)}; Clew fetches at most {most} in total (`tasks.fetch_mb`)"
        )
    if _fetching.left() < ANSWER / 2:
        raise NoValue(f"{WORD}; Clew retries at the next check, because fetching other results took too long")
    with _fetching.used() as left:
        try:
            values = _asked(client, client._gather(list(wanted)), left)
        except Exception as error:
            raise _refused(wanted, f"that could not be fetched within {FETCH:.0f} s") from error
    for result, value in zip(wanted.values(), values, strict=True):
        result.how, result.value = VALUE, value


def _refused(wanted: dict[Any, Result], why: str) -> NoValue:
    """Marks these results so that they are not requested again."""
    for result in wanted.values():
        result.refused = f"{WORD} {why}"
    return NoValue(f"{WORD} {why}")


def _asked(client: Any, question: Coroutine[Any, Any, Any], seconds: float) -> Any:
    """Returns the answer if it arrives in time. `Client.sync` would wait as long as the client's loop is busy."""
    answer = asyncio.run_coroutine_threadsafe(question, client.loop.asyncio_loop)
    try:
        return answer.result(seconds)
    finally:
        answer.cancel()
