"""Code inside the kernels: digests to check states, and the bytes that differ between states.

It is independent of Clew and of every peer. It reads the given namespace, stores only hashes, and imports no library that the session has
not imported.
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

#: The hashes of the blocks of each state, by the label of the state.
kept: dict[str, dict[bytes, int]] = {}


def names(namespace: dict[str, Any]) -> list[str]:
    """Returns the user's names, except for modules."""
    mine = [name for name in namespace if not name.startswith("_") and name not in SHELLS]
    return sorted(name for name in mine if not isinstance(namespace[name], types.ModuleType))


def digests(namespace: dict[str, Any], checks: Iterable[str]) -> dict[str, str]:
    """Returns a digest for every expression (for all names if there are none), or the exception that it raises."""
    return {check: digest_of(namespace, check) for check in checks or names(namespace)}


def told(namespace: dict[str, Any]) -> dict[str, str]:
    """Returns a digest for every name of the user whose value can be compared. Figures, and arrays and lists of axes, have none."""
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
    """Returns the digest of an expression's value."""
    try:
        return digest(eval(check, namespace))
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]


def digest(value: Any) -> str:
    """Returns a hash of a value. Equal values of one type have equal hashes, in every process."""
    told = hashlib.blake2b(digest_size=12)
    Telling(told).tell(value)
    return told.hexdigest()


class Telling:
    """Hashes a value and its parts."""

    def __init__(self, into: hashlib.blake2b) -> None:
        self.into = into
        self.path: set[int] = set()

    def tell(self, value: Any) -> None:
        """Hashes a value and everything that it refers to."""
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
        """Hashes texts."""
        for word in words:
            self.into.update(word.encode("utf-8", "surrogatepass") + b"\0")

    def body(self, value: Any, kind: type) -> None:
        """Hashes the contents of a value that is not a scalar."""
        # Subclasses of frames and arrays are hashed like the library's classes, whose attributes include caches.
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
            self.say(os.fspath(value).replace(sys.prefix, ""))  # every peer has its own environment
        elif isinstance(value, (types.FunctionType, types.CodeType, types.ModuleType, type)):
            self.definition(value)
        elif library:
            getattr(self, f"of_{library}")(value)
        else:
            self.instance(value)

    def members(self, values: Any) -> None:
        """Hashes the items of a container. A container with only scalars is hashed through `repr`, at the speed of C."""
        self.say(str(len(values)))
        if SCALARS.issuperset(map(type, values)):
            self.say(repr(list(values)))
        else:
            for value in values:
                self.tell(value)

    def definition(self, it: Any) -> None:
        """Hashes code without its position, the contents of functions and of the notebook's classes, and the names of imported objects."""
        if isinstance(it, types.CodeType):
            self.say(it.co_name, it.co_code.hex(), *it.co_names, *it.co_varnames)
            self.members([one for one in it.co_consts if isinstance(one, (types.CodeType, *SCALARS))])
        elif isinstance(it, types.FunctionType):
            self.tell(it.__code__)
            self.members([it.__defaults__, it.__kwdefaults__])
            for cell in it.__closure__ or ():
                with suppress(ValueError):  # the cell is empty
                    self.tell(cell.cell_contents)
        else:
            self.say(it.__name__)
            if isinstance(it, type) and it.__module__ == "__main__":
                self.tell({name: it.__dict__[name] for name in sorted(vars(it)) if not name.startswith("_")})

    def instance(self, value: Any) -> None:
        """Hashes the attributes of an object, or the result of its reducer if it has no attributes."""
        attributes = getattr(value, "__dict__", None)
        if attributes is not None:
            self.members(dict(sorted(attributes.items())))
            self.members([attributes[name] for name in sorted(attributes)])
            # Data that is not in its attributes, such as the arguments of SymPy's expressions.
            if hasattr(value, "__getnewargs__"):
                self.members(list(value.__getnewargs__()))
            return
        try:
            told = value.__reduce_ex__(2)
        except Exception:
            return self.say("opaque")
        self.members(list(told[1:3]) if isinstance(told, tuple) else [str(told)])

    def of_networkx(self, value: Any) -> None:
        """Hashes the contents of a graph, without views that it caches after they were requested."""
        if not hasattr(value, "adjacency"):
            return self.instance(value)
        self.members(
            [value.graph, dict(value.nodes(data=True)), [list(one) for one in value.edges(data=True)]]
        )

    def of_numpy(self, value: Any) -> None:
        """Hashes an array's bytes, a generator's state, a scalar's value."""
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
        """Hashes the state of a random generator, which may contain an array."""
        self.members(list(state))
        self.members(list(state.values()))

    def of_pandas(self, value: Any) -> None:
        """Hashes columns by name, type and contents, and the index."""
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
        """Hashes the values of one column."""
        numpy, pandas = sys.modules["numpy"], sys.modules["pandas"]
        self.say(str(values.dtype), str(len(values)))
        if isinstance(values.dtype, numpy.dtype) and not values.dtype.hasobject:
            return self.tell(values.to_numpy())
        try:
            self.tell(pandas.util.hash_array(values.array))
        except TypeError:
            self.members(list(values))

    def of_torch(self, value: Any) -> None:
        """Hashes a tensor's bytes, and for modules and optimizers their saved state."""
        if hasattr(value, "state_dict"):
            self.tell(value.state_dict())
        elif hasattr(value, "detach"):
            self.tell(value.detach().cpu().numpy())
        else:
            self.say(str(value))

    def of_matplotlib(self, value: Any) -> None:
        """Hashes only the type: figures contain many registries with ids and times."""


# -- bytes ---------------------------------------------------------------------------------------------------------------


def keep(namespace: dict[str, Any], checks: Iterable[str], label: str, since: str | None) -> list[Any]:
    """Hashes a state in blocks and stores the hashes as `label`.

    Returns the bytes of the blocks that are not in the state stored as `since`, and the bytes of every expression.
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
    """Returns the bytes of `second` that are not in `first`, in whole blocks.

    Small pieces (items of a list) count as one block each, but together as no more blocks than they fill.
    """
    known, state = kept[first], kept[second]
    missing = [size for key, size in state.items() if key not in known]
    scattered = sum(1 for size in missing if size < BLOCK)
    filled = sum(size for size in state.values() if size < BLOCK) // BLOCK + 1
    return BLOCK * (len(missing) - scattered + min(scattered, filled))


def drop(label: str) -> None:
    """Removes a stored state."""
    kept.pop(label, None)


def pieces(value: Any) -> Iterator[tuple[bytes, int]]:
    """Yields hash and size of every block of a value: of its memory, if it has some, otherwise of its pickle."""
    for buffer in buffers(value):
        view = memoryview(buffer).cast("B")
        for start in range(0, len(view), BLOCK):
            part = view[start : start + BLOCK]
            yield hashlib.blake2b(part, digest_size=12).digest(), len(part)


def buffers(value: Any) -> Iterator[Any]:
    """Yields the memory of a value."""
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
    """Yields the memory of one item of a container: of an array or a named array, otherwise of its pickle."""
    held = member[1] if isinstance(member, tuple) and len(member) == 2 else member
    if type(held).__module__.partition(".")[0] in ("numpy", "pandas", "torch"):
        yield from buffers(held)
    else:
        yield pickle.dumps(member, 5)
