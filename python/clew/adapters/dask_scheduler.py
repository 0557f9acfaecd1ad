"""Checks whether a Dask scheduler answers, and which one it is: in a separate thread, for at most about two seconds."""

from __future__ import annotations

import asyncio
import threading
from time import monotonic
from typing import Any

from distributed.core import rpc
from distributed.security import Security

#: Seconds within which a scheduler must answer.
PATIENCE = 2.0
#: Seconds for which a scheduler that did not answer is not asked again.
REMEMBERED = 20.0

_silent: dict[str, float] = {}


def identity(address: str) -> str | None:
    """Returns the id of the scheduler at an address; `None` if none answers in time."""
    if monotonic() - _silent.get(address, -REMEMBERED) < REMEMBERED:
        return None
    found: list[str] = []
    # A separate event loop, because the kernel's is running already. A thread that hangs is abandoned.
    asking = threading.Thread(target=lambda: found.extend(_asked(address)), daemon=True)
    asking.start()
    asking.join(PATIENCE + 0.5)
    if not found:
        _silent[address] = monotonic()
    return found[0] if found else None


def _asked(address: str) -> list[str]:
    try:
        return [str(asyncio.run(asyncio.wait_for(_ask(address), PATIENCE))["id"])]
    except Exception:
        # No server there, another protocol, or a server that requires a certificate: treated as no scheduler.
        return []


async def _ask(address: str) -> dict[str, Any]:
    scheduler = rpc(address, connection_args=Security().get_connection_args("client"), timeout=PATIENCE)
    try:
        told: dict[str, Any] = await scheduler.identity()
        return told
    finally:
        await scheduler.close_rpc()
