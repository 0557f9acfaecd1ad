"""Settings of the process: warnings, recursion limit, decimals, locale, and those of numpy."""

from __future__ import annotations

import decimal
import locale
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING, Root


def collect(shell: Any) -> Iterator[Root]:
    """Yields settings that every session has, and settings of numpy if they differ from the defaults: a state from before the import must
    be complete, too."""
    yield "setting", "warnings.filters", list(warnings.filters)
    if hidden := _hidden():
        yield "setting", WARNINGS_HIDDEN, hidden
    yield "setting", "recursion limit", sys.getrecursionlimit()
    yield "setting", "decimal context", decimal_context(decimal.getcontext())
    yield "setting", "locale", locale.setlocale(locale.LC_ALL)
    numpy: Any = sys.modules.get("numpy")
    if hasattr(numpy, "get_printoptions"):
        for key, now, usual in (
            ("numpy errors", numpy.geterr(), NUMPY_ERRORS),
            ("numpy printing", numpy.get_printoptions(), NUMPY_PRINTING),
        ):
            if any(now.get(name) != value for name, value in usual.items()):
                yield "setting", key, dict(now)


#: The key for filters that hide warnings, as texts. They are restored with the filters. A hidden warning leaves no trace, so they count for
#: each run.
WARNINGS_HIDDEN = "warnings hidden"
_FIRST_FILTERS = frozenset(warnings.filters)


def _hidden() -> list[str]:
    """Returns the filters that hide warnings regardless of their messages, up to one that applies to all warnings. Filters of libraries
    only apply to certain messages."""
    found = []
    for filtered in warnings.filters:
        action, message, category, module, _ = filtered
        is_blunt = message is None and filtered not in _FIRST_FILTERS
        if is_blunt and action not in ("always", "all", "error"):
            where = getattr(module, "pattern", module)
            found.append(f"{action} {category} {where}")
        if is_blunt and category is Warning and module is None:
            break
    return found


NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
NUMPY_PRINTING = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "legacy": False,
}


def decimal_context(context: decimal.Context) -> tuple[Any, ...]:
    """Describes the parameters of a context."""
    signals = [
        tuple([signal.__name__ for signal, on in kept.items() if on])
        for kept in (context.flags, context.traps)
    ]
    numbers = (context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp)
    return (*numbers, *signals)


def install(shell: Any, key: str, value: Any) -> None:
    if key.startswith("numpy"):
        _install_numpy(key, value)
    elif value is MISSING or key == WARNINGS_HIDDEN:
        return
    elif key == "warnings.filters":
        warnings.filters[:] = value  # type: ignore[index]
        warnings._filters_mutated()  # type: ignore[attr-defined]
    elif key == "recursion limit":
        sys.setrecursionlimit(value)
    elif key == "decimal context":
        set_decimal_context(decimal.getcontext(), value)
    elif key == "locale":
        locale.setlocale(locale.LC_ALL, value)


def _install_numpy(key: str, value: Any) -> None:
    if value is MISSING and "numpy" not in sys.modules:
        return
    import numpy as np

    if key == "numpy errors":
        np.seterr(**(NUMPY_ERRORS if value is MISSING else value))
    else:
        options = NUMPY_PRINTING if value is MISSING else value
        np.set_printoptions(**{name: option for name, option in options.items() if name in NUMPY_PRINTING})


def set_decimal_context(context: decimal.Context, value: tuple[Any, ...]) -> None:
    """Sets the parameters of a context."""
    names = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    for name, number in zip(names, value, strict=False):
        setattr(context, name, number)
    for kept, names in ((context.flags, value[6]), (context.traps, value[7])):
        for signal in kept:
            kept[signal] = signal.__name__ in names
