"""The figures of pyplot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING, Root


def collect(shell: Any) -> Iterator[Root]:
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    managers = getattr(getattr(helpers, "Gcf", None), "figs", {})
    if managers:
        yield "figures", "pyplot", [(number, manager.canvas.figure) for number, manager in managers.items()]


def install(shell: Any, key: str, value: Any) -> None:
    """Makes exactly these the figures of pyplot, the last one the current one. Closes the windows of others."""
    from matplotlib._pylab_helpers import Gcf

    wanted = [] if value is MISSING else value
    kept = {
        number: manager for number, manager in Gcf.figs.items() if (number, manager.canvas.figure) in wanted
    }
    for number in [number for number in Gcf.figs if number not in kept]:
        Gcf.destroy(number)
    for number, figure in wanted:
        manager = kept.get(number)
        if manager is None:
            manager = _manager_of(number, figure)
        Gcf.figs.pop(number, None)
        Gcf.figs[number] = manager


def _manager_of(number: int, figure: Any) -> Any:
    """Creates pyplot's manager of a figure, as pyplot itself does: a click makes the figure the current one, and `close` releases it."""
    import matplotlib.pyplot as plt
    from matplotlib._pylab_helpers import Gcf

    manager: Any = plt._get_backend_mod().new_figure_manager_given_figure(number, figure)
    if not hasattr(manager, "_cidgcf"):
        manager._cidgcf = manager.canvas.mpl_connect("button_press_event", lambda _: Gcf.set_active(manager))
    return manager
