"""Reconstructs the source of methods that the standard library generates for a class.

`dataclass` and `namedtuple` compile code that is in no file. The names and constants of stored code show which fields it has, in order. The
reconstructed source is compared with the stored code, like any other source.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.sources import Wanted

#: The qualified name of such a method's code, and its file name.
OF_DATACLASS = "__create_fn__.<locals>."
FILE = "<string>"
#: The names of a field's factory, and of the marker for a missing argument, in several versions.
FACTORIES = ("__dataclass_dflt_{}__", "_dflt_{}")
NOT_GIVEN = ("__dataclass_HAS_DEFAULT_FACTORY__", "_HAS_DEFAULT_FACTORY")
#: The operators of comparison methods.
COMPARISONS = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}
#: Names in a method that are not fields.
NO_FIELDS = ("__class__", "__qualname__", "NotImplemented", "hash")

#: The source of the function that creates the `repr` of dataclasses up to Python 3.12. Later versions use `reprlib`.
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
    """Returns the source that such a method was compiled from, inside functions that bind its closure; `None` for other methods."""
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
    """Returns its parameter list. Keyword-only parameters are last, as in dataclasses."""
    by_place = wanted.arguments[0]
    by_keyword = ["*", *wanted.parameters[by_place:]] if wanted.arguments[2] else []
    return ", ".join([*wanted.parameters[:by_place], *by_keyword])


def _fields(wanted: Wanted) -> list[str]:
    return [name for name in wanted.names if name not in NO_FIELDS]


def _init(wanted: Wanted) -> list[str]:
    """Sets the fields; in a frozen class, through `object`."""
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
    """Returns the expression that a field is set to."""
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
    """Raises for every attribute of instances of the class itself, and for the fields in subclasses."""
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
    """Returns a replacement for a name that another version of a library has, but this one has in another form, or not at all. Each call
    returns a new object: sharing one would join two classes."""
    if (module, path) == ("dataclasses", "_replace") and not hasattr(dataclasses, "_replace"):
        return types.FunctionType(_replace.__code__, globals(), "_replace")
    if (module, path) == ("dataclasses", "_auto_docstring") and not hasattr(dataclasses, "_auto_docstring"):
        return _Docstring("_auto_docstring", (), {})
    if module == "enum" and path.endswith("._generate_next_value_") and sys.version_info >= (3, 12):
        # Since this version, classes contain a static method instead of a function.
        found = getattr(enum, path.partition(".")[0])._generate_next_value_
        return types.FunctionType(found.__code__, found.__globals__, found.__name__)
    return None


class _Docstring(type):
    """The docstring of a dataclass, which Python 3.15 makes when it is first read. It is a type, since only classes and functions can be
    recorded under another name."""

    def __get__(cls, instance: object, owner: type) -> str:
        try:
            text = str(inspect.signature(owner)).replace(" -> None", "")
        except (TypeError, ValueError):
            text = ""
        return owner.__name__ + text


def _replace(self: Any, /, **changes: Any) -> Any:
    return dataclasses.replace(self, **changes)


def wide(kind: type, slots: list[str]) -> type | None:
    """Returns a class for the parameters of dataclasses with the slots of another version."""
    if kind is not dataclasses._DataclassParams:  # type: ignore[attr-defined]  # not in the stubs
        return None
    return type(
        kind.__name__, (), {"__slots__": tuple(slots), "__module__": kind.__module__, "__repr__": _shown}
    )


def _shown(self: Any) -> str:
    shown = ",".join(f"{slot}={getattr(self, slot, None)!r}" for slot in type(self).__slots__)
    return f"{type(self).__name__}({shown})"
