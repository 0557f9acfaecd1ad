"""Results that lie on a cluster of Dask and that variables refer to: kept with the variables, since futures are dead in the next process.

Of a result whose task is known to the cache only the key is kept; a finished one below a size is fetched; of the rest it is said why not.
Nothing is asked for that the scheduler does not have, and every wait has an end.
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

#: Seconds for an answer of the scheduler, for the results to come, and for those that are not finished yet.
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
    """What is known of a future's result. By future, not by key: a key may be given to another task."""

    how: str | None = None
    value: Any = None
    size: int | None = None
    """Bytes, as the scheduler says."""
    refused: str | None = None
    """Why it is not asked for again."""
    is_awaited: bool = False
    """Whether it was waited for: that is done once."""


_results: WeakKeyDictionary[Any, Result] = WeakKeyDictionary()


def encode_future(future: Any) -> tuple[Any, ...]:
    """What is kept of a future."""
    if isinstance(future, Fetched):
        return (future.own_key, *future.kept)
    keep([future])
    result = _results[future]
    return future.key, result.how, result.value


def decode_future(parts: tuple[Any, ...]) -> Any:
    """A future that has its result."""
    key, how, value = parts
    if how == KNOWN and not is_known(value):
        raise LookupError("its result is no longer in the task cache")
    return Fetched(key, how, value)


def keep(futures: Iterable[Any]) -> None:
    """Takes what futures came to, at once. Raises `NoValue` where that can't be kept."""
    by_client: dict[Any, dict[Any, Result]] = {}
    for future in futures:
        result = _results.setdefault(future, Result())
        if result.how is None:
            by_client.setdefault(future._client, {})[future] = result
    for client, wanted in by_client.items():
        # One whose loop is the kernel's own answers nobody in its thread.
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
    """Gives what was only just asked for a moment to finish."""
    fresh = [future for future, result in wanted.items() if not result.is_awaited]
    for result in wanted.values():
        result.is_awaited = True
    with _unfinished.used() as left:
        for _ in range(int(left / 0.01)):
            if not any(future.status == "pending" for future in fresh):
                return
            sleep(0.01)


def _is_cached(client: Any, future: Any) -> bool:
    """Whether the cache of tasks has the result, so that its key is enough."""
    # Only who was asked to look for known tasks has their keys.
    adapter = sys.modules.get("clew.adapters.dask")
    content = adapter.given(client, future.key) if adapter is not None else None
    if content is None or not is_known(content):
        return False
    _results[future] = Result(KNOWN, content)
    return True


def _fetch(client: Any, wanted: dict[Any, Result]) -> None:
    """Has results sent that fit."""
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
    """Takes note that these are not asked for again."""
    for result in wanted.values():
        result.refused = f"{WORD} {why}"
    return NoValue(f"{WORD} {why}")


def _asked(client: Any, question: Coroutine[Any, Any, Any], seconds: float) -> Any:
    """What is answered in time. Not by `Client.sync`, which waits as long as the client's loop is busy."""
    answer = asyncio.run_coroutine_threadsafe(question, client.loop.asyncio_loop)
    try:
        return answer.result(seconds)
    finally:
        answer.cancel()
