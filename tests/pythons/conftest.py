"""A session goes from one Python to another. `make test` runs the suite on 3.11 before it installs Clew for 3.13: only there are both."""

from __future__ import annotations

import sys

#: The other environment of library versions is of one Python, too.
collect_ignore = (
    ["test_other_python.py", "test_states_alone.py", "test_three_pythons.py"]
    if sys.version_info < (3, 13)
    else ["test_library_versions.py"]
)
