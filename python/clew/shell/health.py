"""What only a running kernel can tell `%clew doctor`: its versions, its hooks, and who else follows its cells."""

from __future__ import annotations

import sys
from typing import Any

from clew.installation import version_of

#: Distributions that Clew hangs on, and its own package.
DISTRIBUTIONS = ("clew", "ipython", "ipykernel")
#: Extensions that rewrite cells, or put another dict under the session.
RIVALS = ("ipyflow", "kishu", "elastic_notebook")


def facts() -> dict[str, Any]:
    """What the engine puts into the answer."""
    from clew.shell import session

    live = session.recording()
    return {
        "versions": [(name, found) for name in DISTRIBUTIONS if (found := version_of(name)) is not None],
        "hooks": live.hooks() if live is not None else [],
        "rivals": [name for name in RIVALS if name in sys.modules],
    }
