"""Which environment variables code reads."""

from __future__ import annotations

from collections.abc import Sequence

from clew.analysis import nondeterminism as objects
from clew.analysis.bytecode import ATTRIBUTES, Call, Mention, Step, bound_to, called, constant
from clew.analysis.effect_types import Asked
from clew.analysis.nondeterminism import Known, known
from clew.analysis.scope import Scope

#: What holds the environment's variables.
VARIABLES = frozenset(("environ", "environb"))


def known_variable(
    scope: Scope, found: Asked, told: Known, mention: Mention, call: Call | None, *, is_itself: bool
) -> None:
    """The environment is mentioned, or what reads a variable of it."""
    steps, place = scope.steps, mention.place
    if not is_itself:
        found.words.add(objects.ENVIRONMENT)
    elif told.kind == objects.GETTER:
        # What is looked up of the environment was told where the environment itself was loaded.
        if len(mention.path) < 2 or mention.path[-2] not in VARIABLES:
            found.reads_variable(constant(call.given(0, "key") if call is not None else None))
    elif not _is_bound_getter(scope, steps, place):
        found.reads_variable(read_of(steps, place))


def _is_bound_getter(scope: Scope, steps: Sequence[Step], place: int) -> bool:
    """Whether `os.environ.get` is only given a name that it still has."""
    bound = bound_to(steps, place + 1)
    now = known(scope.namespace.get(bound)) if bound is not None else None
    return now is not None and now.kind == objects.GETTER and steps[place + 1].argval in objects.OF_ONE


def read_of(steps: Sequence[Step], place: int) -> object:
    """The variable that is read of the environment loaded at `place`; `...` if none is, `NotImplemented` if that can't be told."""
    first, second = [*steps[place + 1 : place + 4], None, None][:2]
    if first is None:
        return NotImplemented
    if first.opname in ATTRIBUTES:
        call = called(steps, place + 1) if first.argval in objects.OF_ONE else None
        return constant(call.given(0, "key") if call is not None else None)
    before = _before(steps, place)
    if first.opname == "CONTAINS_OP":
        return constant([before] if before is not None else None)
    if second is None:
        return NotImplemented
    if second.opname == "STORE_SUBSCR":
        return Ellipsis
    if second.loads_element or second.opname == "DELETE_SUBSCR":
        return constant([first])
    return NotImplemented


def _before(steps: Sequence[Step], place: int) -> Step | None:
    """What was loaded before the dotted name that ends at `place`."""
    while place and steps[place].opname in ATTRIBUTES:
        place -= 1
    return steps[place - 1] if place else None
