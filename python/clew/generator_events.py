"""Detects random generators that are created without a seed, or seeded, by any library: those of Python's `random` and numpy's.

The analysis of a cell's code sees `random.Random()` and `numpy.random.default_rng()` if the cell or a function of the user calls them. Many
libraries create a generator internally, such as an environment of Gymnasium or a study of Optuna. No audit event reports that.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from clew.reference_counts import HELD_ONCE, counts

#: The number of numbers taken from the system that numpy may have kept, before unreferenced ones are dropped from the list.
_MOST = 1000


class Unseeded:
    """The generators that a run created without a seed."""

    def __init__(self) -> None:
        #: The ids of generators of `random` that nothing was drawn from, as far as known.
        self._fresh = set[int]()
        #: Numbers that numpy took from the system for generators that may have been seeded afterwards, during their creation.
        self._taken: list[int] = []
        self._are_some = False

    def seed(self, generator: random.Random, seed: object) -> None:
        """Notes that a generator of `random` is about to be seeded. Many are created without a seed, and seeded right afterwards."""
        key = id(generator)
        if seed is not None:
            if key in self._fresh and is_undrawn(random.Random.getstate(generator)[1][0]):
                self._fresh.discard(key)
            return
        # An earlier generator had the same id. Whether it was used is unknown.
        self._are_some |= key in self._fresh
        self._fresh.add(key)

    def take(self, number: int, *, may_be_seeded: bool) -> None:
        """Notes that numpy took a number from the system for a generator. `RandomState(5)` takes one, too, and then drops it."""
        if not may_be_seeded:
            self._are_some = True
        elif not self._are_some:
            self._taken.append(number)
            if len(self._taken) > _MOST:
                self._are_some = self._is_any_held()
                self._taken = []

    def __bool__(self) -> bool:
        return self._are_some or bool(self._fresh) or self._is_any_held()

    def _is_any_held(self) -> bool:
        return any(count > HELD_ONCE for count in counts(self._taken))


def is_undrawn(word: int) -> bool:
    """Returns whether the first word of a Mersenne twister's state shows that it was seeded, and that nothing was drawn since.

    `init_by_array` and numpy's seed sequences set one bit of that word, so that not all are zero. The bit is lost at the first draw, except
    once in 2**32.
    """
    return word == 1 << 31


def hear_seeds(told: Callable[[tuple[random.Random, object]], None]) -> None:
    """Calls `told` with each generator of `random` before it is seeded (also at its creation) or its state is set, and with the seed or
    state."""
    seed, setstate = random.Random.seed, random.Random.setstate

    @wraps(seed)
    def hear_seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        told((self, a))
        seed(self, a, version)

    @wraps(setstate)
    def hear_state(self: random.Random, state: Any) -> None:
        told((self, state))
        setstate(self, state)

    random.Random.seed, random.Random.setstate = hear_seed, hear_state  # type: ignore[method-assign]


def hear_numpy(told: Callable[[tuple[int]], None]) -> None:
    """Calls `told` with each number that numpy takes from the system for a generator, once numpy is loaded. May be called again."""
    module: Any = sys.modules.get("numpy.random.bit_generator")
    take = getattr(module, "randbits", None)
    if take is None or hasattr(take, "__wrapped__"):
        return

    @wraps(take)
    def randbits(bits: int) -> int:
        number: int = take(bits)
        told((number,))
        return number

    module.randbits = randbits
