"""Calls of IPython in compiled code (`!command`, `%magic`, `%%magic`), and the variables that each may read.

IPython expands `$name` and `{expression}` in commands and in the lines of magics. The texts are constants of the code. IPython passes the
body of a cell magic unchanged. The tables in this module describe what each magic does beyond that. If a magic is unknown, or its text is
not a constant, the code may read every variable.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

from clew.analysis.bytecode import ATTRIBUTES, GLOBAL_LOADS, Step, called, constant, steps_of

SHELL = "get_ipython"
#: Methods of the shell, with the number of texts that each takes.
_METHODS = {"system": 1, "getoutput": 1, "run_line_magic": 2, "run_cell_magic": 3}
COMMANDS = frozenset(("system", "getoutput"))
"""The methods that start a program at once."""
NAMES = frozenset((SHELL, "run_line_magic", "run_cell_magic"))
"""Names in code that show a use of the shell."""
#: The variable in which the shell stores the exit code of a command.
EXIT_CODE = "_exit_code"
PLACED = frozenset(("cd", "pwd"))
"""Magics that depend on the working directory without opening a file or starting a program."""


class _Reads(Enum):
    """Which variables a magic reads."""

    #: The variables that its line names.
    LINE = 1
    #: The variables in its line, which is expanded twice where it becomes a command: the value of a variable may name others.
    LINE_TWICE = 2
    #: The variables that its line names, and those in the value that it assigns.
    ASSIGNED = 3
    #: The variables that its body names. The magic takes no options.
    BODY = 4


_LINE_MAGICS = {
    **dict.fromkeys(
        ("matplotlib", "load_ext", "reload_ext", "unload_ext", "clew", "pinfo", "pinfo2", "cd", "pwd", "env", "set_env", "quickref")
        + ("lsmagic", "autoreload", "colors", "xmode", "precision", "pprint", "automagic", "autocall", "autoawait", "autoindent"),
        _Reads.LINE,
    ),
    **dict.fromkeys(("pip", "conda", "mamba", "micromamba", "uv", "sx", "system", "man", "clear"), _Reads.LINE_TWICE),
    "config": _Reads.ASSIGNED,
}  # fmt: skip
_CELL_MAGICS = {
    **dict.fromkeys(
        ("script", "bash", "sh", "perl", "ruby", "pypy", "python", "python2", "python3", "writefile", "file")
        + ("html", "HTML", "svg", "SVG", "javascript", "js", "latex", "markdown"),
        _Reads.LINE,
    ),
    **dict.fromkeys(("sx", "system", "!"), _Reads.BODY),
}
#: Lines for which a magic does something else: `%cd -` depends on earlier directories, `%autoreload` alone changes objects at once, and
#: options of `%%script` bind variables.
_EXCEPT = {
    "cd": re.compile(r"\s*-(?!q\s)"),
    "autoreload": re.compile(r"\s*(now\b|-|$)"),
    **dict.fromkeys(
        ("script", "bash", "sh", "perl", "ruby", "pypy", "python", "python2", "python3"), re.compile(".*--")
    ),
}
#: Magics that show the object with a given name.
_NAMING = frozenset(("pinfo", "pinfo2"))
#: Magics that bind variables, and mark them as the shell's own.
_HIDING = frozenset(("pylab",))
#: Magics that load a module as an extension.
_LOADING = frozenset(("load_ext", "reload_ext"))
#: The packages whose magics the tables describe.
_KNOWN_PACKAGES = frozenset(("IPython", "ipykernel", "clew"))


class ShellCall(NamedTuple):
    """A call of the shell whose arguments are constants."""

    method: str
    texts: tuple[str, ...]


def shell_calls(code: CodeType) -> list[ShellCall] | None:
    """Returns the calls of the shell in one code object; `None` if it uses the shell in any other way."""
    if SHELL not in code.co_names:
        return []
    steps = steps_of(code)
    found, places = list[ShellCall](), set[int]()
    for place, one in enumerate(steps):
        if one.opname in GLOBAL_LOADS and one.argval == SHELL:
            call, at = _call_at(steps, place)
            if call is None:
                return None
            found.append(call)
            places |= {place, at}
    is_used_else = any(
        type(one.argval) is str and one.argval in NAMES
        for place, one in enumerate(steps)
        if place not in places
    )
    return None if is_used_else else found


def _call_at(steps: Sequence[Step], place: int) -> tuple[ShellCall | None, int]:
    """Returns the call of the shell that is loaded at `place`, and the index of the step that loads its method."""
    shell = called(steps, place)
    if shell is None or shell.arguments:
        return None, place
    at = shell.place + 1
    if at >= len(steps) or steps[at].opname not in ATTRIBUTES or steps[at].argval not in _METHODS:
        return None, place
    method = steps[at].argval
    call = called(steps, at)
    if call is None or call.keywords or len(call.arguments) != _METHODS[method]:
        return None, place
    texts = tuple(constant(argument) for argument in call.arguments)
    return (ShellCall(method, texts), at) if all(type(text) is str for text in texts) else (None, place)


def read_by_shell(code: CodeType) -> list[CodeType] | None:
    """Returns the expressions that calls of the shell in one code object evaluate; `None` if they may read any variable."""
    calls = shell_calls(code)
    found = list[CodeType]()
    for call in calls or ():
        read = _read_by(call)
        if read is None:
            return None
        found += read
    return None if calls is None else found


def texts_for_shell(code: CodeType) -> set[str]:
    """Returns the texts that one code object passes only to the shell, if `read_by_shell` finds every variable in them."""
    if SHELL not in code.co_names or read_by_shell(code) is None:
        return set()
    calls = [call for call in shell_calls(code) or () if call.texts[0] not in _NAMING]
    handed = Counter(text for call in calls for text in call.texts)
    loaded = Counter(step.argval for step in steps_of(code) if type(step.argval) is str)
    return {text for text, times in handed.items() if loaded[text] == times}


def _read_by(call: ShellCall) -> list[CodeType] | None:
    if call.method in COMMANDS:
        return _filled_in(call.texts[0]) if _is_known(_shell_method(call.method)) else None
    magic, line, *body = call.texts
    kind = "cell" if body else "line"
    how = _how(kind, magic)
    exception = _EXCEPT.get(magic)
    if how is None or (exception is not None and exception.match(line)):
        return None
    if how is _Reads.LINE_TWICE:
        return None if _may_be_filled_in(line) else []
    if how is _Reads.ASSIGNED:
        return _assigned(line)
    if how is _Reads.BODY:
        return None if line.strip() else _filled_in(body[0])
    return _filled_in(line)


def _how(kind: str, name: str) -> _Reads | None:
    """Determines which variables a magic reads, from the function that is registered under its name."""
    table = _LINE_MAGICS if kind == "line" else _CELL_MAGICS
    shell = running_shell()
    if shell is None:
        return table.get(name)
    try:
        from IPython.core.alias import Alias
        from IPython.core.magic import MagicAlias

        magic = shell.magics_manager.magics[kind].get(name)
    except (ImportError, AttributeError, KeyError):
        return None
    if type(magic) is Alias:
        return None if _may_be_filled_in(magic.cmd) else _Reads.LINE_TWICE
    if type(magic) is not MagicAlias:
        return table.get(name) if _is_known(magic) else None
    # An alias passes its line to another magic, which expands it again.
    is_plain = not magic.magic_params and magic.magic_name != name and magic.magic_name not in _EXCEPT
    how = _how(kind, magic.magic_name) if is_plain else None
    return _Reads.LINE_TWICE if how is _Reads.LINE else None


def _is_known(called: object) -> bool:
    """Returns whether a function belongs to IPython, and was not replaced by the user or a library. True if there is no shell."""
    if type(called) is MethodType:
        called = called.__func__
    module = called.__globals__.get("__name__") if type(called) is FunctionType else type(called).__module__
    return called is None or (type(module) is str and module.partition(".")[0] in _KNOWN_PACKAGES)


def _magics(codes: Iterable[CodeType]) -> Iterator[ShellCall]:
    return (call for code in codes for call in shell_calls(code) or () if call.method not in COMMANDS)


def hiding(codes: Iterable[CodeType]) -> list[str]:
    """Returns the magics in code that bind variables and mark them as the shell's own. Such variables are not part of the cell's
    results."""
    return [f"%{name}" for name in dict.fromkeys(call.texts[0] for call in _magics(codes)) if name in _HIDING]


def modules_of_magics(codes: Iterable[CodeType]) -> set[str]:
    """Returns the modules that define the magics in code, and those that it loads as extensions."""
    found = set[str]()
    for call in _magics(codes):
        name, line, *body = call.texts
        if name in _LOADING:
            found.add(line.strip())
            continue
        try:
            magic = running_shell().magics_manager.magics["cell" if body else "line"].get(name)
        except (AttributeError, KeyError):
            continue
        module = getattr(magic.__func__ if type(magic) is MethodType else magic, "__module__", None)
        if type(module) is str and module.partition(".")[0] not in _KNOWN_PACKAGES:
            found.add(module)
    return found


def _shell_method(name: str) -> object:
    return getattr(running_shell(), name, None)


def running_shell() -> Any:
    """Returns the shell of this process; `None` if there is none."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def start_files(shell: Any) -> list[str]:
    """Returns the user's files that IPython runs at its start."""
    if getattr(shell, "profile_dir", None) is None:
        return []
    files = Path(shell.profile_dir.startup_dir).iterdir()
    return sorted(str(one) for one in files if one.suffix in (".py", ".ipy"))


def _may_be_filled_in(text: str) -> bool:
    return not {"$", "{", "}"}.isdisjoint(text)


def _filled_in(text: str) -> list[CodeType] | None:
    """Returns the expressions that IPython evaluates to expand a text. If one does not compile, IPython leaves the text unchanged."""
    if not _may_be_filled_in(text):
        return []
    try:
        from IPython.utils.text import DollarFormatter
    except ImportError:
        return None
    return [code for field in _fields(DollarFormatter(), text) for code in _compiled(field)]


def _fields(formatter: Any, text: str) -> Iterator[str]:
    try:
        for _, field, specification, _ in formatter.parse(text):
            if field is not None:
                yield f"{field}:{specification}" if specification else field
    except ValueError:
        return


def _assigned(line: str) -> list[CodeType] | None:
    """Returns the expressions in `%config Class.trait = expression`."""
    if _may_be_filled_in(line) and (filled := _filled_in(line)) != []:
        return None if filled is None or "=" in line else filled
    try:
        [statement] = ast.parse(f"_.{line.strip()}").body
    except (SyntaxError, ValueError):
        return []
    value = statement.value if isinstance(statement, ast.Assign) else None
    if value is None:
        return None if "=" in line else []
    return [compile(ast.Expression(value), "<text>", "eval")]


def _compiled(expression: str) -> list[CodeType]:
    try:
        return [compile(expression.lstrip(" \t"), "<text>", "eval", dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
