"""What another process asks of this kernel, over Jupyter's protocol (`clew.relay`)."""

from __future__ import annotations

import json

from clew.errors import AS_JSON, REFUSED, as_json


def answer(payload: str) -> str:
    """Answers words that were typed elsewhere: JSON in, JSON out. Never raises, since the kernel would show it as its own."""
    from clew.shell.session import current
    from clew.shell.warn import describe

    asked = json.loads(payload)
    words = asked["words"]
    try:
        found = current().command(*words, through=asked["through"])
        told = {key: found.get(key) for key in ("exit", "text", "is_problem")}
    except Exception as error:
        why, hint = describe(error), asked.get("instead", "type it in the notebook")
        text = f"Error: {why}. Nothing was changed.\nNext: {hint}"
        is_json = AS_JSON in words
        told = {"exit": REFUSED, "text": as_json(words, REFUSED, why, hint) if is_json else text}
        told["is_problem"] = not is_json
    return json.dumps(told)
