"""Hears which random generators are made without a seed, and which are seeded, by whatever library: those of Python's kind, and numpy's.

What reads a cell's code sees `random.Random()` and `numpy.random.default_rng()` where the cell or a function of the user's calls them. Many
libraries make one by themselves, for an environment of Gymnasium or a study of Optuna. No event tells of that.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

#: So many numbers that numpy took from the system are kept before those are left out that nobody holds any more.
_MOST = 1000


class Unseeded:
    """The generators that a run made without a seed."""

    def __init__(self) -> None:
        #: Those of Python's kind of which nothing was drawn as far as anybody knows, by their ids.
        self._fresh = set[int]()
        #: What numpy took from the system for generators that may have got a seed after it, while they were made.
        self._taken: list[int] = []
        self._are_some = False

    def seed(self, generator: random.Random, seed: object) -> None:
        """A generator of Python's kind is about to be seeded. Many are made without a seed, and get theirs next."""
        key = id(generator)
        if seed is not None:
            if key in self._fresh and is_undrawn(random.Random.getstate(generator)[1][0]):
                self._fresh.discard(key)
            return
        # Where there was another, of which nobody knows what became of it.
        self._are_some |= key in self._fresh
        self._fresh.add(key)

    def take(self, number: int, *, may_be_seeded: bool) -> None:
        """numpy took a number from the system for a generator. `RandomState(5)` does so, and then drops it."""
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
        # By the list, the loop and the call that counts.
        return any(sys.getrefcount(number) > 3 for number in self._taken)


def is_undrawn(word: int) -> bool:
    """Whether the first word of a Mersenne twister's state says that it was seeded and that nothing was drawn since.

    `init_by_array` and numpy's seed sequences set one bit of it, so that not all are zero. It is lost with the first number that is drawn, but
    for once in 2**32.
    """
    return word == 1 << 31


def hear_seeds(told: Callable[[tuple[random.Random, object]], None]) -> None:
    """Has `told` called with each generator of Python's kind that is about to be seeded, as it is when it is made, or set to a state, and with
    the seed or state."""
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
    """Has `told` called with each number that numpy takes from the system for a generator, once numpy is there. May be called again."""
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
