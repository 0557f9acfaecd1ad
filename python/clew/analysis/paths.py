"""Files that a run may have used without Python noticing: those that its texts and paths name, completely or in parts.

Libraries open files in native code. So a text in the code counts if a file of that name exists now. The name may be part of a query, a
pattern, a folder, or composed of parts. A false positive only causes an unnecessary re-execution.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator, Set
from itertools import islice
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import NamedTuple
from urllib.parse import unquote

from clew import evidence
from clew.codecs.libraries import ALL, union
from clew.files import CHANGE, KIND, LINKS, LONGEST, NOT_FILES, USE, WHICH, WRITTEN, Given, given
from clew.installation import environment

PATHS = (str, PosixPath, PurePosixPath, WindowsPath, PureWindowsPath)
"""The types that may be paths. Objects of other types might run code when they are converted."""

MOST = 1000
"""The maximal number of files of each kind: named directly, by a pattern, in a folder."""

MOST_FOLDERS, MOST_WORDS, MOST_PIECES = 8, 32, 64

LONGEST_QUERY = 100_000
"""Longer texts are not searched for quoted paths."""

TAKE_FOLDERS = union("reads_folders")
"""Functions that read the files in a folder."""

# fmt: off
CHECKING = frozenset((
    "exists", "lexists", "is_file", "is_dir", "isfile", "isdir", "stat", "lstat", "access", "getsize",
))
"""Functions that check whether a path exists. For these, missing files count, too."""
# fmt: on

# fmt: off
LOOKING = {
    **dict.fromkeys(("realpath", "resolve", "readlink", "islink", "is_symlink", "lexists", "follow_symlinks"), LINKS),
    **dict.fromkeys(("access", "st_mode", "st_uid", "st_gid", "owner", "group", "ismount", "is_mount", "filemode", "which"), KIND),
    **dict.fromkeys(("getmtime", "getsize", "st_size", "st_mtime", "st_mtime_ns"), WRITTEN),
    **dict.fromkeys(("getctime", "st_ctime", "st_ctime_ns"), CHANGE),
    **dict.fromkeys(("getatime", "st_atime", "st_atime_ns"), USE),
    **dict.fromkeys(("samefile", "sameopenfile", "samestat", "st_ino", "st_dev", "st_nlink"), LINKS + WHICH),
    **dict.fromkeys(("stat", "lstat", "fstat"), KIND + WRITTEN),
}
"""Functions that read other properties of a file than its contents, and these properties."""
# fmt: on

REMOVING = {
    **dict.fromkeys(("rmtree", "removedirs", "remove_tree"), "the removal of folders"),
    **dict.fromkeys(("setxattr", "removexattr"), "changes of extended attributes"),
}
"""Functions with effects that no description of files covers: removing folders with their contents, or setting extended attributes. Each
has a description of its effect."""

EXPANDING = frozenset(("glob", "iglob", "rglob", "fnmatch"))
"""Functions that expand patterns visibly to Python."""

JOINING = CHECKING | {"join", "joinpath", "Path", "PurePath"}
"""Code that uses these names may name folders by plain words."""

_QUOTED = re.compile(r"""'([^'\n]{2,1024})'|"([^"\n]{2,1024})"|`([^`\n]{2,1024})`""")
_FIELD = re.compile(r"%[-+ #0-9.]*[a-z]|\{[^{}]*\}")
_WORD = re.compile(r"[\w-]{1,64}\Z")
_ENDING = re.compile(r"\.[\w.]{1,12}\Z")
_MAGIC = re.compile(r"[*?[]")
#: Matches patterns of file names, but hardly any pattern of texts.
_PATTERN = re.compile(r"[^\s\\^$+(){}|]*(/[^\s\\^$+(){}|]*|\.\w{1,12})\Z")


class Named(NamedTuple):
    """Files that a run may have used, and the folders among them that count by their contents."""

    files: list[Given]
    listings: Set[Given]
    #: Whether it may check which files exist.
    is_checking: bool = False


def named_files(
    values: Iterable[object],
    constants: Iterable[object] = (),
    checked: Iterable[str] = (),
    names: Set[str] = frozenset(),
) -> Named:
    """Returns the existing files that are named by `values` (of variables) and by the code's `constants`, and all possible paths in
    `checked`, whether they exist or not. `names` are the names in the code."""
    held = list(dict.fromkeys(filter(None, map(_text, values))))
    texts = list(dict.fromkeys([*held, *filter(None, map(_text, constants))]))
    search = _Search(
        frozenset(checked),
        is_checking=not CHECKING.isdisjoint(names),
        is_expanding=EXPANDING.isdisjoint(names),
    )
    search.name(texts)
    takes_folders = not TAKE_FOLDERS.isdisjoint(names)
    has_words = takes_folders or not JOINING.isdisjoint(names)
    search.know_folders(texts if has_words else held)
    joined = search.join(texts)
    for folder in search.folders if takes_folders else ():
        if folder not in joined:
            search.take(folder)
    return search.named()


def settings_files(libraries: Iterable[str]) -> list[Given]:
    """Returns the user's files in which these libraries look for settings at their import."""
    looking = {_SETTINGS_FILES[name] for name in _SETTINGS_FILES.keys() & set(libraries)}
    return [given(path) for find in looking for path in find()]


_SETTINGS_FILES = {one.name: one.settings_files for one in ALL if one.settings_files is not None}


def looked_at(values: Iterable[object]) -> set[str]:
    """Returns the texts and paths that exist, including broken links."""
    texts = (text for text in map(_text, values) if text is not None)
    return {text for text in texts if 0 < len(text) < LONGEST and "\n" not in text and os.path.lexists(text)}


def programs(texts: Iterable[str]) -> Iterator[str]:
    """Yields the paths of programs with these names, in the folders of the search path that do not belong to the system."""
    folders = [folder for folder in os.get_exec_path() if os.path.isabs(folder) and _is_own(folder)]  # noqa: PTH117
    for word in islice(filter(_WORD.match, texts), MOST_WORDS):
        yield from (os.path.join(folder, word) for folder in folders)  # noqa: PTH118


def _text(value: object) -> str | None:
    if not isinstance(value, str | PurePath) or type(value) not in PATHS:
        return None
    # A path caches its text at the first conversion. The user's own object is left unchanged.
    text = value if isinstance(value, str) else str(PurePath(value))
    return text if "\0" not in text else None


class _Search:
    """Searches for the files that texts name."""

    def __init__(self, checked: Set[str], *, is_checking: bool, is_expanding: bool) -> None:
        self._checked, self._is_checking, self._is_expanding = checked, is_checking, is_expanding
        #: Texts that may be complete paths.
        self._whole: list[str] = []
        self._found: dict[str, None] = {}
        self._listed: dict[str, None] = {}
        self.folders: list[str] = []

    def name(self, texts: Iterable[str]) -> None:
        """Searches for files named by texts, and by quoted parts of texts."""
        for text in texts:
            if len(text) < LONGEST and "\n" not in text and _is_likely(text):
                if _FIELD.search(text):
                    self._fill_in(text)
                else:
                    self._whole.append(_of_address(text))
            if len(text) < LONGEST_QUERY and " " in text:
                quoted = (next(filter(None, groups)) for groups in _QUOTED.findall(text))
                self._whole += filter(_is_likely, quoted)
        for path in self._whole[:MOST]:
            mode = 0 if _MAGIC.search(path) else _mode(path)
            if stat.S_ISREG(mode) or (self._is_checking and not mode and " " not in path):
                self._found[path] = None
            elif stat.S_ISDIR(mode):
                self.folders.append(path)
            else:
                self._expand(path)

    def _fill_in(self, text: str) -> None:
        """Searches for files that a text with format fields may name, by its end or by other texts in the code."""
        first, *_, last = _FIELD.split(text)
        if "." in last:
            self._match(first, (last,))
        elif "/" in first and stat.S_ISDIR(_mode(folder := first.rpartition("/")[0])):
            self.folders.append(folder)

    def know_folders(self, texts: Iterable[str]) -> None:
        """Adds folders that plain words name."""
        words = islice(filter(_WORD.match, texts), MOST_WORDS)
        there = [word for word in words if stat.S_ISDIR(_mode(word))]
        self.folders = [path for path in dict.fromkeys([*self.folders, *there]) if _is_own(path)][
            :MOST_FOLDERS
        ]

    def join(self, texts: Iterable[str]) -> set[str]:
        """Searches for files that a folder and a part from the code name together. Returns the folders of those that exist."""
        pieces = [text for text in texts if len(text) < LONGEST and "\n" not in text and " " not in text]
        pieces = [piece for piece in pieces[:MOST_PIECES] if piece.strip("/.")]
        endings = tuple(piece for piece in pieces if _ENDING.match(piece))
        used = set[str]()
        for folder in self.folders:
            for place in [folder, *self._below(folder, pieces)]:
                if sum(self._put_together(place, piece, endings) for piece in pieces):
                    used.add(folder)
            if endings and self._match(f"{folder}/", endings):
                used.add(folder)
        for path in self._whole[:MOST_PIECES] if endings else ():
            if path not in self._found:
                self._match(path, endings)
        return used

    def _below(self, folder: str, pieces: list[str]) -> list[str]:
        words = islice((piece.strip("/") for piece in pieces if _WORD.match(piece.strip("/"))), MOST_WORDS)
        paths = [f"{folder}/{word}" for word in words]
        return [path for path in paths if stat.S_ISDIR(_mode(path))][:MOST_FOLDERS]

    def _put_together(self, folder: str, piece: str, endings: tuple[str, ...]) -> bool:
        """Adds the file that a folder and a part name together. Returns whether there is one."""
        path = f"{folder.rstrip('/')}/{piece.lstrip('/')}"
        if self._expand(path):
            return True
        if piece in self._checked or (_is_likely(piece) and (self._is_checking or stat.S_ISREG(_mode(path)))):
            self._found[path] = None
            return True
        return bool("/" in piece and endings and self._match(path, endings))

    def _match(self, start: str, endings: tuple[str, ...]) -> bool:
        """Adds files whose paths begin and end like this. Returns whether there are any."""
        folder, _, begins = start.rpartition("/")
        if not folder or not stat.S_ISDIR(_mode(folder)) or not _is_own(folder):
            return False
        with evidence.unwatched():
            try:
                with os.scandir(folder) as entries:
                    names = [entry.name for entry in islice(entries, MOST)]
            except OSError:
                return False
        matching = [name for name in names if name.startswith(begins) and name.endswith(endings)]
        self._found |= dict.fromkeys(f"{folder}/{name}" for name in matching)
        return bool(matching)

    def _expand(self, pattern: str) -> bool:
        """Adds the files that a pattern matches now, and the folders that it searches. Returns whether it is a pattern."""
        if not (self._is_expanding and _MAGIC.search(pattern) and _PATTERN.match(pattern)):
            return False
        folder = _MAGIC.split(pattern)[0].rpartition("/")[0] or "."
        if not _is_own(folder) or not stat.S_ISDIR(_mode(folder)):
            return False
        with evidence.unwatched():
            meant = islice(glob.iglob(pattern, recursive=True), MOST)  # noqa: PTH207 (as it is given)
            paths = [path for path in meant if stat.S_ISREG(_mode(path))]
        if not paths and folder == ".":
            return False
        self._found |= dict.fromkeys(paths)
        self._listed |= dict.fromkeys([folder, *(path.rpartition("/")[0] or "." for path in paths)])
        return True

    def take(self, folder: str) -> None:
        """Adds the files in a folder and below."""
        with evidence.unwatched():
            for place, _, names in islice(os.walk(folder), MOST):
                self._listed[place] = None
                self._found |= dict.fromkeys(f"{place.rstrip('/')}/{name}" for name in names)
                if len(self._found) > MOST:
                    return

    def named(self) -> Named:
        """Returns all that was found."""
        paths = [*self._found, *self._listed, *sorted(self._checked)[:MOST]]
        kept = dict.fromkeys(given(path) for path in paths if _may_come(path))
        return Named(list(kept), {given(path) for path in self._listed}, self._is_checking)


def _of_address(text: str) -> str:
    """Returns the path in a file URL (`file:a.db?mode=ro`)."""
    if not text.startswith("file:"):
        return text
    path = unquote(text[len("file:") :].partition("?")[0].partition("#")[0])
    return path[2:] if path.startswith("//") else path


def _is_likely(path: str) -> bool:
    return "." in path or "/" in path


def _may_come(path: str) -> bool:
    is_likely = 0 < len(path) < LONGEST and "://" not in path
    return is_likely and path.isprintable() and not path.startswith(NOT_FILES)


def _mode(path: str) -> int:
    """Returns the mode of a file or folder; 0 if it does not exist."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116 (a path object costs more than the call)
    except (OSError, ValueError):
        return 0


def _is_own(folder: str) -> bool:
    """Returns whether a folder may be the user's: it belongs neither to the system nor to installed packages."""
    whole = os.path.abspath(folder)  # noqa: PTH100
    return whole != os.sep and not f"{whole}{os.sep}".startswith((*environment(), *NOT_FILES))
