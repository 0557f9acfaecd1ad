"""What runs inside the kernels of peers that dump everything: a dump after every run, as a hook, and the way back."""

from __future__ import annotations

import pickle
import types
from pathlib import Path
from typing import Any

#: What IPython puts among the user's names.
SHELLS = {"In", "Out", "get_ipython", "exit", "quit", "open"}


def user_names(namespace: dict[str, Any]) -> list[str]:
    """The names a user gave."""
    return [name for name in namespace if not name.startswith("_") and name not in SHELLS]


def dump_dill(namespace: dict[str, Any], path: Path) -> None:
    """Writes the whole of `__main__`."""
    import dill

    dill.dump_module(path)


def load_dill(namespace: dict[str, Any], path: Path) -> None:
    """Brings all of it back. Names made later go first: dill itself would leave them."""
    import dill

    for name in user_names(namespace):
        del namespace[name]
    dill.load_module(path)


def dump_pickle(namespace: dict[str, Any], path: Path) -> None:
    """Writes all names in one pickle, compressed as it is written; modules by name."""
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
        #: Whether the cell that runs is a way back, and no run.
        self.returning = False
        #: Why runs have no dump, by their number.
        self.failures: dict[int, str] = {}

    def begin(self) -> None:
        """Dumps what is there, and after every run from now on."""
        self.save()
        self.shell.events.register("post_run_cell", self.save)

    def save(self, *_: object) -> None:
        """Dumps once, if the cell was a run. A dump that fails leaves no file and is no error of the cell's."""
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
        """Goes to the state of a dump, in a cell."""
        self.returning = True
        self.bring(self.shell.user_ns, self.path(number))

    def path(self, number: int) -> Path:
        """Where a dump lies."""
        return self.folder / f"{number:05}"


def attach(shell: Any, way: str, folder: str) -> None:
    """Makes the dumps of a kernel, out of the way of the user's names."""
    shell._bench_dumps = Dumps(shell, way, folder)
