"""What runs inside the kernels: digests that tell a right state from a wrong one, and bytes that differ between states.

Written apart from Clew and from every peer. It is given the namespace, reads it, keeps hashes only, and imports no library
that the session has not imported.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import types
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

BLOCK = 64 * 1024
SCALARS = {type(None), bool, int, float, complex, str, bytes}
TELLING = {"numpy", "pandas", "torch", "matplotlib", "networkx"}
SHELLS = {"In", "Out", "get_ipython", "exit", "quit", "open", "init_kishu", "kishu"}

#: Hashes of the blocks that a state consists of, by the label under which it was kept.
kept: dict[str, dict[bytes, int]] = {}


def names(namespace: dict[str, Any]) -> list[str]:
    """The user's own names, modules left out."""
    mine = [name for name in namespace if not name.startswith("_") and name not in SHELLS]
    return sorted(name for name in mine if not isinstance(namespace[name], types.ModuleType))


def digests(namespace: dict[str, Any], checks: Iterable[str]) -> dict[str, str]:
    """A digest for every expression (for all names when there are none), or the exception that it raises."""
    return {check: digest_of(namespace, check) for check in checks or names(namespace)}


def told(namespace: dict[str, Any]) -> dict[str, str]:
    """A digest for every name of the user's whose value it can tell from another: figures, and arrays and lists of axes, have none."""
    shell = namespace["get_ipython"]()
    hidden = shell.user_ns_hidden
    found = {}
    for name in names(namespace):
        value = namespace[name]
        kinds = [
            type(value),
            *(map(type, value.flat) if hasattr(type(value), "flat") and value.dtype.hasobject else []),
            *(map(type, value) if type(value) in (list, tuple, set) else []),
            *(map(type, value.values()) if type(value) is dict else []),
        ]
        if any((kind.__module__ or "").partition(".")[0] in {"matplotlib", "mpl_toolkits"} for kind in kinds):
            continue
        if hidden.get(name, hidden) is value:
            continue
        with suppress(Exception):
            found[name] = digest(value)
    return found


def digest_of(namespace: dict[str, Any], check: str) -> str:
    """The digest of what an expression is."""
    try:
        return digest(eval(check, namespace))
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]


def digest(value: Any) -> str:
    """A hash of a value: equal values of one type have equal ones, in every process."""
    told = hashlib.blake2b(digest_size=12)
    Telling(told).tell(value)
    return told.hexdigest()


class Telling:
    """Feeds a value to a hash."""

    def __init__(self, into: hashlib.blake2b) -> None:
        self.into = into
        self.path: set[int] = set()

    def tell(self, value: Any) -> None:
        """Feeds one value and all it reaches."""
        kind = type(value)
        if kind in SCALARS:
            self.say(kind.__name__, repr(value))
        elif id(value) in self.path:
            self.say("again")
        else:
            self.path.add(id(value))
            self.say(f"{kind.__module__}.{kind.__qualname__}")
            self.body(value, kind)
            self.path.discard(id(value))

    def say(self, *words: str) -> None:
        """Feeds words."""
        for word in words:
            self.into.update(word.encode("utf-8", "surrogatepass") + b"\0")

    def body(self, value: Any, kind: type) -> None:
        """Feeds what is in a value that is no scalar."""
        # The user's own frames and arrays are what their libraries' are: these keep caches among their attributes.
        libraries = [(base.__module__ or "").partition(".")[0] for base in kind.__mro__]
        library = next((name for name in libraries if name in TELLING), "")
        if isinstance(value, (list, tuple)):
            self.members(value)
        elif isinstance(value, dict):
            self.members(value)
            self.members(value.values())
        elif isinstance(value, (set, frozenset)):
            self.say(*sorted(map(digest, value)))
        elif isinstance(value, os.PathLike):
            self.say(os.fspath(value).replace(sys.prefix, ""))  # every peer has an environment of its own
        elif isinstance(value, (types.FunctionType, types.CodeType, types.ModuleType, type)):
            self.definition(value)
        elif library:
            getattr(self, f"of_{library}")(value)
        else:
            self.instance(value)

    def members(self, values: Any) -> None:
        """Feeds what a container holds; one that holds scalars only at the speed of C."""
        self.say(str(len(values)))
        if SCALARS.issuperset(map(type, values)):
            self.say(repr(list(values)))
        else:
            for value in values:
                self.tell(value)

    def definition(self, it: Any) -> None:
        """Feeds code without where it was written, what functions and the notebook's classes hold, and the names of what is imported."""
        if isinstance(it, types.CodeType):
            self.say(it.co_name, it.co_code.hex(), *it.co_names, *it.co_varnames)
            self.members([one for one in it.co_consts if isinstance(one, (types.CodeType, *SCALARS))])
        elif isinstance(it, types.FunctionType):
            self.tell(it.__code__)
            self.members([it.__defaults__, it.__kwdefaults__])
            for cell in it.__closure__ or ():
                with suppress(ValueError):  # nothing is in it yet
                    self.tell(cell.cell_contents)
        else:
            self.say(it.__name__)
            if isinstance(it, type) and it.__module__ == "__main__":
                self.tell({name: it.__dict__[name] for name in sorted(vars(it)) if not name.startswith("_")})

    def instance(self, value: Any) -> None:
        """Feeds the attributes of an object, or what its reducer says where it has none."""
        attributes = getattr(value, "__dict__", None)
        if attributes is not None:
            self.members(dict(sorted(attributes.items())))
            self.members([attributes[name] for name in sorted(attributes)])
            # What is not among its attributes, such as the arguments of SymPy's expressions.
            if hasattr(value, "__getnewargs__"):
                self.members(list(value.__getnewargs__()))
            return
        try:
            told = value.__reduce_ex__(2)
        except Exception:
            return self.say("opaque")
        self.members(list(told[1:3]) if isinstance(told, tuple) else [str(told)])

    def of_networkx(self, value: Any) -> None:
        """Feeds what a graph holds, and not the views of it that it keeps once they were asked for."""
        if not hasattr(value, "adjacency"):
            return self.instance(value)
        self.members(
            [value.graph, dict(value.nodes(data=True)), [list(one) for one in value.edges(data=True)]]
        )

    def of_numpy(self, value: Any) -> None:
        """Feeds an array's bytes, a generator's state, a scalar's value."""
        numpy = sys.modules["numpy"]
        if isinstance(value, numpy.ndarray):
            self.say(str(value.dtype), str(value.shape))
            if value.dtype.hasobject:
                return self.members(value.ravel().tolist())
            return self.into.update(numpy.ascontiguousarray(value).reshape(-1).view(numpy.uint8).data)
        generator = getattr(value, "bit_generator", None)
        if generator is not None:
            return self.state(generator.state)
        self.say(repr(value))

    def state(self, state: dict[str, Any]) -> None:
        """Feeds a random generator's state, which may hold an array."""
        self.members(list(state))
        self.members(list(state.values()))

    def of_pandas(self, value: Any) -> None:
        """Feeds columns by name, type and content, and the index."""
        pandas = sys.modules["pandas"]
        if isinstance(value, pandas.DataFrame):
            self.tell(list(value.columns))
            self.tell(value.index)
            for position in range(value.shape[1]):
                self.column(value.iloc[:, position])
        elif isinstance(value, (pandas.Series, pandas.Index)):
            if isinstance(value, pandas.Series):
                self.tell(value.index)
            self.say(str(value.name))
            self.column(value)
        else:
            self.say(repr(value))

    def column(self, values: Any) -> None:
        """Feeds the values of one column."""
        numpy, pandas = sys.modules["numpy"], sys.modules["pandas"]
        self.say(str(values.dtype), str(len(values)))
        if isinstance(values.dtype, numpy.dtype) and not values.dtype.hasobject:
            return self.tell(values.to_numpy())
        try:
            self.tell(pandas.util.hash_array(values.array))
        except TypeError:
            self.members(list(values))

    def of_torch(self, value: Any) -> None:
        """Feeds a tensor's bytes, and of modules and optimizers what they would save."""
        if hasattr(value, "state_dict"):
            self.tell(value.state_dict())
        elif hasattr(value, "detach"):
            self.tell(value.detach().cpu().numpy())
        else:
            self.say(str(value))

    def of_matplotlib(self, value: Any) -> None:
        """Feeds nothing but the type: figures are full of registries by id and times."""


# -- bytes ---------------------------------------------------------------------------------------------------------------


def keep(namespace: dict[str, Any], checks: Iterable[str], label: str, since: str | None) -> list[Any]:
    """Hashes a state by blocks and keeps the hashes as `label`.

    Gives the bytes of the blocks that are not in the state kept as `since`, and the bytes of every expression.
    """
    blocks: dict[bytes, int] = {}
    sizes = {}
    for check in checks or names(namespace):
        try:
            found = list(pieces(eval(check, namespace)))
        except Exception:
            found = []
        sizes[check] = sum(size for _, size in found)
        blocks.update(found)
    kept[label] = blocks
    return [0 if since is None else differing(since, label), sizes]


def differing(first: str, second: str) -> int:
    """Bytes of `second` that are not in `first`, in whole blocks.

    A small piece (a member of a list) takes a block of its own, but all of them together no more blocks than they fill.
    """
    known, state = kept[first], kept[second]
    missing = [size for key, size in state.items() if key not in known]
    scattered = sum(1 for size in missing if size < BLOCK)
    filled = sum(size for size in state.values() if size < BLOCK) // BLOCK + 1
    return BLOCK * (len(missing) - scattered + min(scattered, filled))


def drop(label: str) -> None:
    """Forgets a kept state."""
    kept.pop(label, None)


def pieces(value: Any) -> Iterator[tuple[bytes, int]]:
    """Hash and size of every block of a value: of its memory where it has some, else of what it pickles to."""
    for buffer in buffers(value):
        view = memoryview(buffer).cast("B")
        for start in range(0, len(view), BLOCK):
            part = view[start : start + BLOCK]
            yield hashlib.blake2b(part, digest_size=12).digest(), len(part)


def buffers(value: Any) -> Iterator[Any]:
    """The memory that a value consists of."""
    library = type(value).__module__.partition(".")[0]
    if library == "numpy" and hasattr(value, "dtype") and not value.dtype.hasobject:
        yield sys.modules["numpy"].ascontiguousarray(value).reshape(-1).view("uint8").data
    elif library == "pandas" and hasattr(value, "columns"):
        for position in range(value.shape[1]):
            yield from buffers(value.iloc[:, position].array.to_numpy())
    elif library == "torch" and hasattr(value, "detach"):
        yield from buffers(value.detach().cpu().numpy())
    elif library == "torch" and hasattr(value, "state_dict"):
        yield from buffers(value.state_dict())
    elif isinstance(value, (list, dict)):
        for member in value.items() if isinstance(value, dict) else value:
            yield from member_buffers(member)
    elif not callable(value):
        yield pickle.dumps(value, 5)


def member_buffers(member: Any) -> Iterator[Any]:
    """The memory of one member of a container: of the array that it is, or names; else of its pickle."""
    held = member[1] if isinstance(member, tuple) and len(member) == 2 else member
    if type(held).__module__.partition(".")[0] in ("numpy", "pandas", "torch"):
        yield from buffers(held)
    else:
        yield pickle.dumps(member, 5)
