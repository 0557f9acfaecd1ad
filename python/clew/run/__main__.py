"""`python -m clew.run DOCUMENT`: the program that the native command starts."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from clew.run.command import run


def main() -> int:
    """Runs what the document specifies. Returns the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A character that the terminal cannot encode must not end the run: outputs of cells are printed as they arrive.
        sys.stdout.reconfigure(errors="backslashreplace")
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
