"""Sessions that go from one Python to another. `make test` installs Clew for the newest one last: only there are both.

A suite of the oldest Python alone has what depends on versions of libraries, since that environment is of this Python, too.
"""

from __future__ import annotations

import sys

collect_ignore = []
if sys.version_info < (3, 13):
    collect_ignore += ["test_other_python.py", "test_states_alone.py", "test_three_pythons.py"]
if sys.version_info >= (3, 12):
    collect_ignore += ["test_library_versions.py"]
