"""Exit codes of `clew run` (papermill's), and failures in the format of Clew's messages."""

from __future__ import annotations

import shlex
import sys

from clew.console import say
from clew.errors import AS_JSON, ClewError, printed

#: A cell failed, or the notebook could not be read, started or written.
FAILED = 1
#: The typed command cannot be executed.
USAGE = 2
#: `--check`: something would be executed.
WOULD_RUN = 3
INTERRUPTED = 130
#: The kernel died; papermill's code for it.
DEAD_KERNEL = 138


class Mistake(ClewError):
    """A reason why the notebook cannot be run, with a hint."""

    def __init__(self, message: str, hint: str | None = None, exit_code: int = USAGE) -> None:
        super().__init__(message, "Nothing was run", hint)
        self.exit_code = exit_code


def no_kernel() -> Mistake:
    """Returns the error if neither the notebook nor an option names a kernel."""
    return Mistake("The notebook names no kernel", "add `-k python3`", FAILED)


def missing(error: ImportError) -> Mistake:
    """Returns the error if a package for running notebooks is not installed."""
    hint = f'`{shlex.quote(sys.executable)} -m pip install "clew[run]"`'
    return Mistake(f"This needs the package {error.name}, which is not installed", hint)


def tell(mistake: Mistake, *, as_json: bool) -> int:
    """Prints an error as the native command would. Returns its exit code."""
    words = ["run", *([AS_JSON] if as_json else [])]
    say(printed(mistake, words, mistake.exit_code), sys.stdout if as_json else sys.stderr)
    return mistake.exit_code


def notice(text: str) -> None:
    """Prints a notice that does not stop the run."""
    print(f"Clew: {text}.", file=sys.stderr)
