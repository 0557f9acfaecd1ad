"""dateutil: differences between dates, which unrelated objects share."""

from __future__ import annotations

from typing import Any

from dateutil.relativedelta import relativedelta  # type: ignore[import-untyped, unused-ignore]

from . import Codec, keyed


def _decode(parts: tuple[Any, ...]) -> Any:
    made = relativedelta()
    vars(made).update(parts[0])
    return made


_DIFFERENCE = Codec(
    "dateutil.relativedelta", lambda value: (tuple(sorted(vars(value).items())),), _decode, immutable=True
)
NAMED = keyed(_DIFFERENCE)
CODECS: dict[type, Codec] = {relativedelta: _DIFFERENCE}
