"""Loads Clew inside the kernel under test so that each of its functions can fail on demand.

Every function of the package gets a first statement that asks whether it is to fail now, and what is native (the engine's
methods, the functions and classes that the shell imports from it) is hidden behind wrappers that ask the same. The request
that is being answered says what fails: its cell id is `STEP!KIND`, where a step is `shell.recorder:Recorder.left` or
`engine:capture`. So a fault begins with its request, ends with it, and strikes once.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

__file__ = "planting"
"""Else it would be a module of the user's, which moves put back."""

PACKAGE = "clew."
ASKS = "__fails_here__"
UNWRAPPED = ("clew.codecs", "clew.references")
"""What codecs take from the engine are classes, which they also ask for; of what is not found of references nothing is said."""
WATCHED = "watched"
"""A request with this cell id has the steps written down that it comes to."""


class State:
    """What happened so far. An object of a class without a value, so that no undo takes it back."""

    def __init__(self) -> None:
        self.kernel: Any = None
        #: The request that something failed in last.
        self.last = ""
        #: Steps that watched requests came to, in order.
        self.reached: dict[str, None] = {}
        #: What the engine was told of the last run.
        self.told: dict[str, Any] = {}
        self.last_told: list[dict[str, Any]] = []
        self.lock = threading.Lock()


state = State()

STRUCK = Path(os.environ.get("CLEW_HOME", "."), "..", "struck")
"""Has a line for every step that failed: the test, and the parent of a fork, can read it."""


class Panic(BaseException):
    """What a panic of native code looks like to Python."""


KINDS: dict[str, Callable[[], BaseException]] = {
    "error": lambda: ValueError("planted"),
    "system": lambda: OSError(5, "planted"),
    "memory": MemoryError,
    "interrupt": KeyboardInterrupt,
    "exit": lambda: SystemExit(3),
    "panic": lambda: Panic("planted"),
}


def asked(step: str) -> None:
    """Raises if this step is to fail now."""
    wanted = _wanted()
    if wanted is None:
        return
    request, cell = wanted
    if cell == WATCHED:
        state.reached[step] = None
        return
    name, _, kind = cell.rpartition("!")
    if name == step and state.last != request and not (kind == "interrupt" and _is_the_cells()):
        state.last = request
        with STRUCK.open("a") as file:
            file.write(cell + "\n")
        raise KINDS[kind]()


CELLS_TIME = ("send_multipart", "_hook", "_keep")
"""Functions of ours below which a cell goes on to run: a Ctrl+C there is meant for it, and reaches it."""


def _is_the_cells() -> bool:
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name in CELLS_TIME and "clew" in frame.f_code.co_filename:
            return True
    return False


def _wanted() -> tuple[str, str] | None:
    """The request that is being answered, or was answered last, and its cell id."""
    if state.kernel is None:
        return None
    try:
        parent = state.kernel.get_parent("shell")
        return parent["header"]["msg_id"], parent["metadata"]["cellId"]
    except LookupError:
        return None


# -- functions of the package ---------------------------------------------------------------------------------------------


class _Asking(ast.NodeTransformer):
    """Has every function ask first."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._path: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._within(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._asking(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._asking(node)

    def _within(self, node: Any) -> Any:
        self._path.append(node.name)
        self.generic_visit(node)
        self._path.pop()
        return node

    def _asking(self, node: Any) -> Any:
        self._within(node)
        step = f"{self._module}:{'.'.join([*self._path, node.name])}"
        call = ast.parse(f"{ASKS}({step!r})").body[0]
        for inner in ast.walk(call):
            ast.copy_location(inner, node.body[0])
        has_words = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        node.body.insert(1 if has_words else 0, call)
        return node


def steps_of(module: str, source: str) -> list[str]:
    """The steps of a source: its functions, the inner ones too."""
    tree = _Asking(module).visit(ast.parse(source))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        str(call.args[0].value)  # type: ignore[attr-defined]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == ASKS
    ]


class _Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:
        tree = _Asking(self.name.removeprefix(PACKAGE)).visit(ast.parse(data))
        code: CodeType = compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)
        return code

    def get_code(self, fullname: str) -> CodeType:
        # Not from a `__pycache__` of the untouched sources, and none is written.
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__[ASKS] = asked
        super().exec_module(module)
        if not self.name.startswith(UNWRAPPED):
            wrap_native(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if not name.startswith(PACKAGE):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


# -- what is native -------------------------------------------------------------------------------------------------------


class Native:
    """The module `clew._engine` as the package sees it: what it calls asks first."""

    def __init__(self, engine: ModuleType) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return wrapped(name, getattr(self._engine, name))


def wrapped(name: str, native: Any) -> Any:
    """A native function, or class that is only called, which asks first."""
    if not callable(native):
        return native

    def calls(*arguments: Any, **options: Any) -> Any:
        asked(f"native:{name}")
        return native(*arguments, **options)

    return calls


def wrap_native(module: ModuleType) -> None:
    """Puts wrappers where a module of the package holds something of `clew._engine`."""
    engine = sys.modules.get("clew._engine")
    if engine is None:
        return
    for name, value in list(vars(module).items()):
        if value is engine:
            setattr(module, name, Native(engine))
        elif getattr(value, "__module__", None) == engine.__name__ and vars(engine).get(name) is value:
            setattr(module, name, wrapped(name, value))


class Engine:
    """The real engine; each method of it asks first."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._engine, name)

        def calls(*arguments: Any, **options: Any) -> Any:
            asked(f"engine:{name}")
            if name == "capture":
                state.told = arguments[0]
                state.last_told = [*state.last_told[-3:], arguments[0]]
            return method(*arguments, **options)

        return calls


def load(shell: Any) -> None:
    """Starts recording with a Clew that can fail. It must not have been imported before."""
    assert not [name for name in sys.modules if name.startswith(PACKAGE)]
    sys.meta_path.insert(0, _Finder())
    from clew.shell import hooks, outputs, session

    rest(False)
    # Nobody waits long for what failed to say that it is done.
    hooks.LONGEST_FLUSH = outputs.LONGEST_DRAIN = 1.0
    make = session.new_engine
    session.new_engine = lambda shell: Engine(make(shell))  # type: ignore[assignment,return-value]
    shell.run_line_magic("load_ext", "clew")
    state.kernel = shell.kernel


def rest(is_soon: bool) -> None:
    """Has the session looked at soon once nobody asks for anything, or never."""
    from clew.shell import hooks

    hooks.REST = hooks.LONG_REST = 0.02 if is_soon else 1e6
