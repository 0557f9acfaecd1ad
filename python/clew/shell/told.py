"""What another process asks of this kernel, over Jupyter's protocol (`clew.door`)."""

from __future__ import annotations

import json

from clew.errors import REFUSED


def answer(payload: str) -> str:
    """Answers words that were typed elsewhere: JSON in, JSON out. Never raises, since the kernel would show it as its own."""
    from clew.shell.session import current
    from clew.shell.warn import describe

    asked = json.loads(payload)
    words = asked["words"]
    try:
        found = current().command(*words, through=asked["through"])
        told = {"exit": found["exit"], "text": found["text"]}
    except Exception as error:
        text = f"Error: {describe(error)}. Nothing was changed.\nNext: type it in the notebook as `%clew …`"
        told = {"exit": REFUSED, "text": text}
    return json.dumps(told | {"is_json": "--json" in words})
