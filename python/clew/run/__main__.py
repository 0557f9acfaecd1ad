"""`python -m clew.run DOCUMENT`: what the native command starts."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from clew.run.command import run


def main() -> int:
    """Runs what the document asks for; the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A letter that it has no code for is no reason to end, whoever prints it: outputs of cells are shown as they come.
        sys.stdout.reconfigure(errors="backslashreplace")
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
