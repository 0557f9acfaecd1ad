"""Code inside the kernels of peers that dump the whole session: a hook that dumps after every run, and loading a dump."""

from __future__ import annotations

import pickle
import types
from pathlib import Path
from typing import Any

#: Names that IPython adds to the user's namespace.
SHELLS = {"In", "Out", "get_ipython", "exit", "quit", "open"}


def user_names(namespace: dict[str, Any]) -> list[str]:
    """Returns the user's names."""
    return [name for name in namespace if not name.startswith("_") and name not in SHELLS]


def dump_dill(namespace: dict[str, Any], path: Path) -> None:
    """Dumps the whole of `__main__`."""
    import dill

    dill.dump_module(path)


def load_dill(namespace: dict[str, Any], path: Path) -> None:
    """Loads the whole of `__main__`. First deletes names that were bound later, because dill would keep them."""
    import dill

    for name in user_names(namespace):
        del namespace[name]
    dill.load_module(path)


def dump_pickle(namespace: dict[str, Any], path: Path) -> None:
    """Dumps all names in one pickle, compressed while it is written; modules by name."""
    import zstandard

    held = {name: namespace[name] for name in user_names(namespace)}
    modules = {name: it.__name__ for name, it in held.items() if isinstance(it, types.ModuleType)}
    values = {name: it for name, it in held.items() if name not in modules}
    with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as stream:
        pickle.dump((modules, values), stream, 5)


def load_pickle(namespace: dict[str, Any], path: Path) -> None:
    """Imports the modules and binds the values."""
    import importlib

    import zstandard

    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        modules, values = pickle.load(stream)
    for name in user_names(namespace):
        del namespace[name]
    namespace.update({name: importlib.import_module(module) for name, module in modules.items()} | values)


WAYS = {"dill": (dump_dill, load_dill), "pickle": (dump_pickle, load_pickle)}


class Dumps:
    """A folder with a dump for every run."""

    def __init__(self, shell: Any, way: str, folder: str) -> None:
        self.shell = shell
        self.dump, self.bring = WAYS[way]
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.count = 0
        #: Whether the running cell loads a dump, so that it is not a run.
        self.returning = False
        #: The reasons why runs have no dump, by run number.
        self.failures: dict[int, str] = {}

    def begin(self) -> None:
        """Dumps the current state, and from now on the state after every run."""
        self.save()
        self.shell.events.register("post_run_cell", self.save)

    def save(self, *_: object) -> None:
        """Dumps once, if the cell was a run. If a dump fails, it leaves no file, and the cell does not fail."""
        if self.returning:
            self.returning = False
            return
        path = self.path(self.count)
        try:
            self.dump(self.shell.user_ns, path)
        except Exception as error:
            self.failures[self.count] = f"{type(error).__name__}: {error}"[:300]
            path.unlink(missing_ok=True)
        self.count += 1

    def load(self, number: int) -> None:
        """Loads a dump, in a cell."""
        self.returning = True
        self.bring(self.shell.user_ns, self.path(number))

    def path(self, number: int) -> Path:
        """Returns the path of a dump."""
        return self.folder / f"{number:05}"


def attach(shell: Any, way: str, folder: str) -> None:
    """Creates the dumps of a kernel, in a place outside of the user's namespace."""
    shell._bench_dumps = Dumps(shell, way, folder)
