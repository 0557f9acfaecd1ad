"""The fresh process: runs the cells of a line again, and says the digest after each.

    python rerun.py     reads lines of JSON (a list of cells), answers each with a list of digests, one per cell

Every line of cells gets a process of its own, forked from one that has imported the libraries and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import types

from oracle_digest import digest


def run_line(cells: list[str]) -> list[dict[str, str]]:
    """Runs the cells in a new `__main__`; cells that raise go on to the next, as in a notebook."""
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = main
    digests = []
    for cell in cells:
        try:
            exec(compile(cell, "<cell>", "exec"), main.__dict__)
        except Exception:
            pass
        digests.append(digest(main.__dict__))
    return digests


def serve() -> None:
    import collections  # noqa: F401
    import random  # noqa: F401
    import warnings

    import numpy  # noqa: F401
    import pandas  # noqa: F401

    warnings.simplefilter("ignore")
    for line in sys.stdin:
        readable, writable = os.pipe()
        if os.fork() == 0:
            os.close(readable)
            with os.fdopen(writable, "w") as out:
                out.write(json.dumps(run_line(json.loads(line))))
            os._exit(0)
        os.close(writable)
        with os.fdopen(readable) as answer:
            print(answer.read(), flush=True)
        os.wait()


if __name__ == "__main__":
    serve()
