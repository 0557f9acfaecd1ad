"""Methods that the standard library writes for a class, as the source that it wrote them in.

`dataclass` and `namedtuple` compile what no file holds. Names and constants of what is stored tell which fields it has, in order;
what is written here is held against what is stored like any other source.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.sources import Wanted

#: What such a method's code is called, and where it says that it comes from.
OF_DATACLASS = "__create_fn__.<locals>."
FILE = "<string>"
#: How versions call a field's factory, and what stands for an argument that was not given.
FACTORIES = ("__dataclass_dflt_{}__", "_dflt_{}")
NOT_GIVEN = ("__dataclass_HAS_DEFAULT_FACTORY__", "_HAS_DEFAULT_FACTORY")
#: By which methods compare.
COMPARISONS = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}
#: What a method names besides fields.
NO_FIELDS = ("__class__", "__qualname__", "NotImplemented", "hash")

#: What makes the `repr` of dataclasses up to Python 3.12, where later ones take `reprlib`'s.
RECURSIVE_REPR = """
def _recursive_repr(user_function):
    repr_running = set()
    def wrapper(self):
        import _thread
        key = id(self), _thread.get_ident()
        if key in repr_running:
            return "..."
        repr_running.add(key)
        try:
            result = user_function(self)
        finally:
            repr_running.discard(key)
        return result
"""


def source(wanted: Wanted) -> str | None:
    """The source that such a method was compiled from, below functions that bind what it is closed over; `None` for others."""
    if wanted.module == "dataclasses" and wanted.qualname.startswith("_recursive_repr."):
        return None if hasattr(dataclasses, "_recursive_repr") else RECURSIVE_REPR
    if wanted.file != FILE:
        return None
    if wanted.qualname == "<lambda>" and wanted.names == ("_tuple_new",):
        values = ", ".join(wanted.parameters[1:])
        return f"lambda {', '.join(wanted.parameters)}: _tuple_new(_cls, ({values}{',' * (wanted.arguments[0] == 2)}))"
    if wanted.qualname == OF_DATACLASS + wanted.name and wanted.name in WAYS:
        return _closed(wanted, WAYS[wanted.name](wanted))
    return None


def _closed(wanted: Wanted, body: list[str]) -> str:
    lines = [f" def {wanted.name}({_signature(wanted)}):", *(f"  {line}" for line in body)]
    return "\n".join([f"def __create_fn__({', '.join(wanted.free)}):", *lines])


def _signature(wanted: Wanted) -> str:
    """Its arguments; those by keyword only come last in dataclasses too."""
    by_place = wanted.arguments[0]
    by_keyword = ["*", *wanted.parameters[by_place:]] if wanted.arguments[2] else []
    return ", ".join([*wanted.parameters[:by_place], *by_keyword])


def _fields(wanted: Wanted) -> list[str]:
    return [name for name in wanted.names if name not in NO_FIELDS]


def _init(wanted: Wanted) -> list[str]:
    """Sets the fields, in a frozen class through `object`."""
    is_frozen = "__dataclass_builtins_object__" in wanted.free
    fields = [each for each in wanted.constants if isinstance(each, str)] if is_frozen else _fields(wanted)
    fields = [field for field in fields if field != "__post_init__"]
    me = wanted.parameters[0]
    put = (
        f"__dataclass_builtins_object__.__setattr__({me}, {{0!r}}, {{1}})"
        if is_frozen
        else f"{me}.{{0}} = {{1}}"
    )
    lines = [put.format(field, _value(wanted, field)) for field in fields]
    if "__post_init__" in wanted.names:
        given = [name for name in wanted.parameters[1:] if name not in fields]
        lines.append(f"{me}.__post_init__({', '.join(given)})")
    return lines or ["pass"]


def _value(wanted: Wanted, field: str) -> str:
    """What a field is set to."""
    factories = [form.format(field) for form in FACTORIES]
    factory = next((name for name in factories if name in wanted.free), None)
    if factory is None:
        return field
    mark = next((name for name in NOT_GIVEN if name in wanted.free), None)
    if field not in wanted.parameters:
        return f"{factory}()"
    return f"{factory}() if {field} is {mark} else {field}"


def _repr(wanted: Wanted) -> list[str]:
    shown = ", ".join(f"{field}={{self.{field}!r}}" for field in _fields(wanted))
    return [f'return self.__class__.__qualname__ + f"({shown})"']


def _eq(wanted: Wanted) -> list[str]:
    fields = _fields(wanted)
    if True in wanted.constants:
        compared = " and ".join(f"self.{field}==other.{field}" for field in fields) or "True"
        return ["if self is other:", " return True", *_of_one_class(compared)]
    return _of_one_class(f"{_tuple('self', fields)}=={_tuple('other', fields)}")


def _of_one_class(compared: str) -> list[str]:
    return ["if other.__class__ is self.__class__:", f" return {compared}", "return NotImplemented"]


def _compared(wanted: Wanted) -> list[str]:
    fields = _fields(wanted)
    return _of_one_class(f"{_tuple('self', fields)}{COMPARISONS[wanted.name]}{_tuple('other', fields)}")


def _hash(wanted: Wanted) -> list[str]:
    return [f"return hash({_tuple('self', _fields(wanted))})"]


def _tuple(of: str, fields: list[str]) -> str:
    return "(" + "".join(f"{of}.{field}," for field in fields) + ")"


def _frozen(wanted: Wanted) -> list[str]:
    """Refuses: every attribute of an instance of the class itself, the fields of any."""
    fields = next((each for each in wanted.constants if isinstance(each, tuple | frozenset)), ())
    names = "".join(f"{name!r}," for name in sorted(map(str, fields)))
    test = f" or name in {_gathered(fields, names)}" if names else ""
    says = next(each for each in wanted.constants if isinstance(each, str) and "field" in each)
    rest = "name, value" if wanted.name == "__setattr__" else "name"
    return [
        f"if type(self) is cls{test}:",
        f' raise FrozenInstanceError(f"{says}{{name!r}}")',
        f"super(cls, self).{wanted.name}({rest})",
    ]


def _gathered(fields: object, names: str) -> str:
    return f"{{{names}}}" if isinstance(fields, frozenset) else f"({names})"


WAYS: dict[str, Callable[[Wanted], list[str]]] = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _frozen,
    "__delattr__": _frozen,
    **dict.fromkeys(COMPARISONS, _compared),
}


def stand_in(module: str, path: str) -> object:
    """What stands for a name that a library of another version has and the one here has otherwise, or not at all. Of its own
    each time: what two classes share would tie them to each other."""
    if (module, path) == ("dataclasses", "_replace") and not hasattr(dataclasses, "_replace"):
        return types.FunctionType(_replace.__code__, globals(), "_replace")
    if module == "enum" and path.endswith("._generate_next_value_") and sys.version_info >= (3, 12):
        # A static method from then on, which a class found as a function before.
        found = getattr(enum, path.partition(".")[0])._generate_next_value_
        return types.FunctionType(found.__code__, found.__globals__, found.__name__)
    return None


def _replace(self: Any, /, **changes: Any) -> Any:
    return dataclasses.replace(self, **changes)


def wide(kind: type, slots: list[str]) -> type | None:
    """A class for the parameters of dataclasses with the slots that another version of it has."""
    if kind is not dataclasses._DataclassParams:  # type: ignore[attr-defined]  # not in the stubs
        return None
    return type(
        kind.__name__, (), {"__slots__": tuple(slots), "__module__": kind.__module__, "__repr__": _shown}
    )


def _shown(self: Any) -> str:
    shown = ",".join(f"{slot}={getattr(self, slot, None)!r}" for slot in type(self).__slots__)
    return f"{type(self).__name__}({shown})"
