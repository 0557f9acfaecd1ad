"""A digest of a namespace, written apart from Clew: types, values, aliasing, shared memory, what functions read.

Two namespaces have the same digest if no cell of the generated programs could tell them apart. Objects are numbered in
the order in which a walk over the sorted names meets them, so an alias is a number that was there before. Imported in
kernels and in reference processes alike; it imports nothing that they did not.
"""

from __future__ import annotations

import hashlib
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

SHELL_NAMES = {"In", "Out", "get_ipython", "exit", "quit", "open"}
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), range, slice)


def digest(namespace: dict[str, Any]) -> dict[str, str]:
    """A short digest for every name of the user's, for the memory they share, and for the random states."""
    names = sorted(name for name in namespace if not name.startswith("_") and name not in SHELL_NAMES)
    walk = Walk(namespace)
    told = {name: walk.describe(namespace[name]) for name in names}
    told[" memory"] = walk.memory()
    told[" random"] = random_states()
    return {
        name: f"{text[:60]} {hashlib.sha256(text.encode()).hexdigest()[:12]}" for name, text in told.items()
    }


def random_states() -> str:
    """The states of the process-wide generators, where somebody imported them."""
    told = ""
    if "random" in sys.modules:
        told += repr(hash(sys.modules["random"].getstate()[1]))
    if "numpy" in sys.modules:
        kind, keys, position, *rest = sys.modules["numpy"].random.get_state()
        told += f" {kind} {keys.sum()} {position} {rest}"
    return told


class Walk:
    """One walk over all names: the numbers that objects got, and the memory of the arrays met."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.numbers: dict[int, int] = {}
        self.alive: list[Any] = []
        self.buffers: list[tuple[int, int, int]] = []

    def describe(self, value: Any) -> str:
        """The text that stands for a value."""
        if isinstance(value, PLAIN) and type(value) in PLAIN:
            return f"{type(value).__name__}:{value!r}"
        if isinstance(value, types.ModuleType):
            return f"module:{value.__name__}"
        if type(value) is tuple:
            return "(" + ", ".join(map(self.describe, value)) + ")"
        if id(value) in self.numbers:
            return f"#{self.numbers[id(value)]}"
        self.numbers[id(value)] = number = len(self.numbers)
        self.alive.append(value)
        return f"{number}={self.body(value)}"

    def body(self, value: Any) -> str:
        for kind, way in self.ways().items():
            if isinstance(value, kind):
                return way(value)
        module = type(value).__module__
        if module.startswith("numpy"):
            return self.of_numpy(value)
        if module.startswith("pandas"):
            return self.of_pandas(value)
        if module.startswith("matplotlib"):
            return type(value).__qualname__  # full of registries by id and times
        return self.of_instance(value)

    def ways(self) -> dict[type, Callable[[Any], str]]:
        return {
            type: self.of_class,
            types.FunctionType: self.of_function,
            types.MethodType: lambda m: f"method {m.__name__} of {self.describe(m.__self__)}",
            types.BuiltinFunctionType: lambda f: f"builtin {f.__qualname__}",
            types.CellType: self.of_cell,
            bytearray: lambda b: f"bytearray {bytes(b)!r}",
            list: lambda x: (
                f"{type(x).__name__}[" + ", ".join(map(self.describe, x)) + "]" + self.attributes(x)
            ),
            deque: lambda x: f"deque {x.maxlen} [" + ", ".join(map(self.describe, x)) + "]",
            OrderedDict: lambda x: "ordered" + self.of_items(x),
            dict: lambda x: type(x).__name__ + self.of_items(x) + self.attributes(x),
            set: lambda x: f"set {sorted(map(repr, x))}",
            frozenset: lambda x: f"frozenset {sorted(map(repr, x))}",
            memoryview: self.of_memoryview,
        }

    def of_items(self, value: dict[Any, Any]) -> str:
        return "{" + ", ".join(f"{self.describe(k)}: {self.describe(v)}" for k, v in value.items()) + "}"

    def attributes(self, value: Any) -> str:
        return self.of_items(vars(value)) if hasattr(value, "__dict__") else ""

    def of_cell(self, cell: types.CellType) -> str:
        try:
            return f"cell {self.describe(cell.cell_contents)}"
        except ValueError:
            return "cell empty"

    def of_class(self, kind: type) -> str:
        if kind.__module__ != "__main__":
            return f"class {kind.__module__}.{kind.__qualname__}"
        hidden = {
            "__dict__",
            "__weakref__",
            "__module__",
            "__doc__",
            "__firstlineno__",
            "__static_attributes__",
        }
        held = {name: value for name, value in vars(kind).items() if name not in hidden}
        named = [name for name, value in self.namespace.items() if value is kind and not name.startswith("_")]
        bases = ", ".join(map(self.describe, kind.__bases__))
        return f"class {kind.__qualname__}({bases}) named {sorted(named)} {self.of_items(dict(sorted(held.items())))}"

    def of_function(self, f: types.FunctionType) -> str:
        told = f"def {f.__qualname__} {code(f.__code__)} {self.describe(f.__defaults__)} {self.describe(f.__kwdefaults__)}"
        told += (
            f" {self.describe(f.__closure__)} {self.of_items(vars(f))} live={f.__globals__ is self.namespace}"
        )
        if f.__name__.startswith("read_"):
            told += f" reads {self.reading(f)}"
        return told

    def reading(self, f: types.FunctionType) -> str:
        """What the function returns; functions named `read_...` change nothing."""
        try:
            return self.describe(f())
        except Exception as error:
            return f"{type(error).__name__}"

    def of_memoryview(self, view: memoryview) -> str:
        return f"memoryview {bytes(view)!r} of {self.describe(view.obj)}"

    def of_numpy(self, value: Any) -> str:
        numpy = sys.modules["numpy"]
        if not isinstance(value, numpy.ndarray):
            state = getattr(getattr(value, "bit_generator", None), "state", None)
            return f"{type(value).__name__} {value!r}" if state is None else f"generator {state}"
        low, high = numpy.lib.array_utils.byte_bounds(value)
        if value.size:
            self.buffers.append((self.numbers[id(value)], low, high))
        held = self.describe(value.tolist()) if value.dtype == object else short(value.tolist())
        return f"array {value.dtype} {value.shape} {value.strides} {value.flags.writeable} {held}"

    def of_pandas(self, value: Any) -> str:
        if type(value).__name__ == "DataFrame":
            columns = [f"{name!r}: {column.dtype} {short(column.tolist())}" for name, column in value.items()]
            return f"frame {short(value.index.tolist())} {columns} {value.columns.dtype} {value.attrs}"
        if not hasattr(value, "tolist"):
            return f"{type(value).__name__} {value!r}"
        return f"{type(value).__name__} {value.dtype} {short(value.tolist())} {getattr(value, 'name', '')!r}"

    def of_instance(self, value: Any) -> str:
        kind = type(value)
        bound = self.namespace.get(kind.__name__)
        told = f"instance of {self.describe(kind)} isinstance={isinstance(bound, type) and isinstance(value, bound)}"
        if hasattr(kind, "__setstate__") and hasattr(value, "__dict__"):
            # One that takes its state apart itself forgets in which order its attributes came.
            return told + self.of_items(dict(sorted(vars(value).items())))
        return told + self.attributes(value)

    def memory(self) -> str:
        """Which arrays overlap, and by how many bytes they lie apart."""
        pairs = []
        for position, (first, low, high) in enumerate(self.buffers):
            for second, other_low, other_high in self.buffers[position + 1 :]:
                if low < other_high and other_low < high:
                    pairs.append((first, second, other_low - low))
        return repr(pairs)


def short(values: Any) -> str:
    """The values, or a hash of them where they are many."""
    text = repr(values)
    return text if len(text) < 2_000 else hashlib.sha256(text.encode()).hexdigest()


def code(it: types.CodeType) -> str:
    """A function's code without where it was written."""
    constants = [
        code(constant) if isinstance(constant, types.CodeType) else repr(constant)
        for constant in it.co_consts
    ]
    return f"<{it.co_name} {it.co_code.hex()} {constants} {it.co_names} {it.co_varnames} {it.co_freevars}>"
