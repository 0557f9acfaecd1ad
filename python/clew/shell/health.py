"""Facts for `%clew doctor` that only a running kernel has: versions, hooks, and other extensions that observe cells."""

from __future__ import annotations

import sys
from typing import Any

from clew.installation import version_of

#: The distributions that Clew depends on, and its own.
DISTRIBUTIONS = ("clew", "ipython", "ipykernel")
#: Extensions that rewrite cells, or replace the dict of the namespace.
RIVALS = ("ipyflow", "kishu", "elastic_notebook")


def facts() -> dict[str, Any]:
    """Returns the facts that the engine adds to the answer."""
    from clew.shell import session

    live = session.recording()
    return {
        "versions": [(name, found) for name in DISTRIBUTIONS if (found := version_of(name)) is not None],
        "hooks": live.hooks() if live is not None else [],
        "rivals": [name for name in RIVALS if name in sys.modules],
    }
