"""Handles requests of another process to this kernel, over Jupyter's protocol (`clew.relay`)."""

from __future__ import annotations

import json

from clew.errors import AS_JSON, REFUSED, RefusedError, printed


def answer(payload: str) -> str:
    """Executes a command typed elsewhere: JSON in, JSON out. Never raises, because the kernel would show the exception as its own."""
    from clew.shell.session import current
    from clew.shell.warn import describe

    asked = json.loads(payload)
    words = asked["words"]
    try:
        found = current().command(*words, through=asked["through"])
        told = {key: found.get(key) for key in ("exit", "text", "is_problem")}
    except Exception as error:
        hint = asked.get("instead", "type it in the notebook")
        refused = RefusedError(describe(error), hint=hint)
        told = {"exit": REFUSED, "text": printed(refused, words), "is_problem": AS_JSON not in words}
    return json.dumps(told)
