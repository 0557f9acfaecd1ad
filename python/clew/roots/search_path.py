"""The search path for modules, `sys.path`.

Entries of the interpreter and its environment are recorded with placeholders, not with their paths. In another environment, on another
machine or with another Python version, the state's own entries are restored between the entries of that environment.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING, Root

#: Placeholders for the folders of the environment and of its base interpreter, and for versions in names.
ENVIRONMENT = "{environment}"
PLACES = ((ENVIRONMENT, "prefix"), ("{interpreter}", "base_prefix"))
#: The names of folders with packages. Other folders belong to the interpreter's own library.
PACKAGES = {"site-packages", "dist-packages"}
VERSIONS = (("{python}", "python{0}.{1}"), ("{pythonzip}", "python{0}{1}.zip"))


#: Matches a folder that a Spark session or Dask worker creates for itself, and the parent folder in Dask. They come and go independently of
#: cells.
OF_SESSION = re.compile(
    r".*[/\\](spark-[0-9a-f-]{36}[/\\]userFiles-[0-9a-f-]{36}|dask-(scratch|worker)-space(-\d+)?([/\\](worker|scheduler|nanny)-\w+)?)"
)


def collect(shell: Any) -> Iterator[Root]:
    yield (
        "path",
        "sys.path",
        tuple([portable(entry) for entry in sys.path if type(entry) is str and not is_of_session(entry)]),
    )


def is_of_session(entry: str) -> bool:
    """Returns whether an entry belongs to something that does not outlive this process."""
    return OF_SESSION.fullmatch(entry) is not None


def install(shell: Any, key: str, value: Any) -> None:
    if value is not MISSING:
        of_session = [entry for entry in sys.path if type(entry) is str and is_of_session(entry)]
        entries = [here(entry) for entry in value]
        # At Spark's position: after the first entry.
        sys.path[:] = entries[:1] + of_session + entries[1:]


def portable(entry: str) -> str:
    """Returns an entry as it is recorded."""
    for word, attribute in PLACES:
        prefix: str = getattr(sys, attribute)
        if entry.startswith(prefix + os.sep):
            parts = entry[len(prefix) + 1 :].split(os.sep)  # noqa: PTH206 -- to the letter, `..` and all
            if word == ENVIRONMENT and sys.prefix == sys.base_prefix and not PACKAGES.intersection(parts):
                continue  # without a virtual environment, the library belongs to the interpreter
            words = {form.format(*sys.version_info): word for word, form in VERSIONS}
            return "/".join([word, *(words.get(part, part) for part in parts)])
    return entry


def here(entry: str) -> str:
    """Returns a recorded entry with the paths of this machine."""
    for word, attribute in PLACES:
        if entry.startswith(word + "/"):
            parts = entry[len(word) + 1 :].split("/")
            names = {word: form.format(*sys.version_info) for word, form in VERSIONS}
            return os.sep.join([getattr(sys, attribute), *(names.get(part, part) for part in parts)])  # noqa: PTH118
    return entry
