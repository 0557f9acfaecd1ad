"""Where modules are looked for: `sys.path`.

What belongs to the interpreter and its environment is written as such, not by where it happens to lie: in another environment,
on another machine or under another Python the state's own entries come back between those of that place.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING, Root

#: What stands for the folders of the environment and of the interpreter that it was made from, and for the version in names.
ENVIRONMENT = "{environment}"
PLACES = ((ENVIRONMENT, "prefix"), ("{interpreter}", "base_prefix"))
#: What folders are called that hold packages; all else is the interpreter's own library.
PACKAGES = {"site-packages", "dist-packages"}
VERSIONS = (("{python}", "python{0}.{1}"), ("{pythonzip}", "python{0}{1}.zip"))


#: A folder that a session of Spark, or a worker of Dask, makes for itself, or the one that Dask makes these in: they come and go beside the cells.
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
    """Whether an entry belongs to something that lives no longer than this process."""
    return OF_SESSION.fullmatch(entry) is not None


def install(shell: Any, key: str, value: Any) -> None:
    if value is not MISSING:
        of_session = [entry for entry in sys.path if type(entry) is str and is_of_session(entry)]
        entries = [here(entry) for entry in value]
        # Where Spark put it: behind the first.
        sys.path[:] = entries[:1] + of_session + entries[1:]


def portable(entry: str) -> str:
    """An entry as it is recorded."""
    for word, attribute in PLACES:
        prefix: str = getattr(sys, attribute)
        if entry.startswith(prefix + os.sep):
            parts = entry[len(prefix) + 1 :].split(os.sep)  # noqa: PTH206 -- to the letter, `..` and all
            if word == ENVIRONMENT and sys.prefix == sys.base_prefix and not PACKAGES.intersection(parts):
                continue  # an interpreter without an environment around it: its library is the interpreter's
            words = {form.format(*sys.version_info): word for word, form in VERSIONS}
            return "/".join([word, *(words.get(part, part) for part in parts)])
    return entry


def here(entry: str) -> str:
    """A recorded entry as it is here."""
    for word, attribute in PLACES:
        if entry.startswith(word + "/"):
            parts = entry[len(word) + 1 :].split("/")
            names = {word: form.format(*sys.version_info) for word, form in VERSIONS}
            return os.sep.join([getattr(sys, attribute), *(names.get(part, part) for part in parts)])  # noqa: PTH118
    return entry
