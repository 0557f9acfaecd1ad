"""Parts of type parameters (`def f[T: Number]`, Python 3.12) that are evaluated when they are first read, and were not read yet.

The compiler makes a function for each: `evaluator` below. Reading the attribute calls it and keeps the result, which would run the user's
code, and fix what a later cell may still change. So the functions are stored instead. Only the syntax creates a parameter that is evaluated
later, so a restored one comes from a small template, whose evaluators call the stored ones.
"""

from __future__ import annotations

import dis
import gc
import keyword
import sys
from types import FunctionType
from typing import Any

_FILE = "<clew type parameter>"
#: In the template, by kind: the parameter with its bound or constraints, and with its default (3.13).
_STARS = {"TypeVar": "", "ParamSpec": "**", "TypeVarTuple": "*"}
_OPTIONS = {
    "bound": ": _bound()",
    "constraints": ": (*_constraints(),)",
    "default": " = _default()",
}


class Evaluator:
    """What the template calls."""

    def __init__(self, option: str) -> None:
        self.option = option
        self.function: FunctionType | None = None

    def __call__(self) -> Any:
        assert self.function is not None
        # Since 3.14 it takes the format of annotations; 1 is the value itself.
        return self.function(*[1] * self.function.__code__.co_argcount)


def unevaluated(value: Any) -> dict[str, FunctionType]:
    """Returns the evaluators of the parts that were not read yet: `bound` or `constraints`, and `default`."""
    held = gc.get_referents(value) if sys.version_info >= (3, 12) else []
    evaluators = _evaluators(value, held)
    before = (type(value), value.__name__, *evaluators.values())
    # A part that was read stands before its evaluator.
    places = {
        name: next(at for at, one in enumerate(held) if one is found) for name, found in evaluators.items()
    }
    return {
        name: _stored(evaluators[name])
        for name, at in places.items()
        if any(held[at - 1] is one for one in before)
    }


def _evaluators(value: Any, referents: list[Any]) -> dict[str, FunctionType]:
    if sys.version_info >= (3, 14):
        found = {name: getattr(value, f"evaluate_{name}", None) for name in _OPTIONS}
        return {name: one for name, one in found.items() if type(one) is FunctionType}
    functions = [
        one for one in referents if type(one) is FunctionType and one.__code__.co_name == value.__name__
    ]
    named = {}
    if functions and hasattr(value, "has_default") and value.has_default():
        named["default"] = functions.pop()
    if functions:
        held = _held(functions[0])
        is_tuple = held.option == "constraints" if held is not None else _makes_tuple(functions[0])
        named["constraints" if is_tuple else "bound"] = functions[0]
    return named


def _makes_tuple(function: FunctionType) -> bool:
    """Returns whether it is the evaluator of constraints, which are written as a tuple."""
    steps = [step for step in dis.get_instructions(function) if step.opname != "RETURN_VALUE"]
    return steps[-1].opname == "BUILD_TUPLE" or type(steps[-1].argval) is tuple


def _stored(function: FunctionType) -> FunctionType:
    held = _held(function)
    return function if held is None or held.function is None else held.function


def _held(function: FunctionType) -> Evaluator | None:
    if function.__code__.co_filename != _FILE or not function.__closure__:
        return None
    found = function.__closure__[0].cell_contents
    return found if type(found) is Evaluator else None


def made(kind: str, name: str, later: list[str], options: dict[str, Any]) -> Any:
    """Creates a type parameter that evaluates the parts in `later` with functions that `set_evaluators` gives it, and has the other
    `options` as values."""
    # The parts may come from a stranger, and become code.
    if not name.isidentifier() or keyword.iskeyword(name) or not set(later) <= _OPTIONS.keys():
        raise ValueError(f"{name!r} is not a type parameter")
    # A default may be None; without one there is no such option.
    given = {
        name: part for name, part in options.items() if name in _OPTIONS and (part or name == "default")
    } | dict.fromkeys(later)
    parts = "".join(_OPTIONS[option] for option in _OPTIONS if option in given)
    names = [f"_{option}" for option in given]
    text = f"def make({', '.join(names)}):\n    def made[{_STARS[kind]}{name}{parts}](): ...\n    return made.__type_params__[0]"
    space: dict[str, Any] = {}
    exec(compile(text, _FILE, "exec", dont_inherit=True), space)
    calls = [
        Evaluator(option) if option in later else lambda part=part: part for option, part in given.items()
    ]
    parameter = space["make"](*calls)
    for option in given.keys() - set(later):
        getattr(parameter, f"__{option}__")
    return parameter


def set_evaluators(parameter: Any, functions: dict[str, FunctionType]) -> None:
    """Gives a parameter from `made` its functions. One that was alive keeps what it has."""
    for option, found in _evaluators(parameter, gc.get_referents(parameter)).items():
        held = _held(found)
        if held is not None and held.function is None and option in functions:
            held.function = functions[option]
