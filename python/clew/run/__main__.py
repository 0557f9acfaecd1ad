"""`python -m clew.run DOCUMENT`: what the native command starts."""

from __future__ import annotations

import sys

from clew.run.command import run


def main() -> int:
    """Runs what the document asks for; the exit code."""
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
