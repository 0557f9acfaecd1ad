"""Files that a run may have used without Python's seeing it: those that its strings and paths name, whole or in parts.

Libraries open files below Python. So what stands in the code counts if there is a file of that name now: also within the text of a query, as
a pattern, as a folder, or put together from pieces. Who is wrong runs again what need not run.
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
"""Exactly these may be paths of files; what only looks like one may run code when asked."""

MOST = 1000
"""So many files are looked for of each kind: named as they are, by a pattern, in a folder."""

MOST_FOLDERS, MOST_WORDS, MOST_PIECES = 8, 32, 64

LONGEST_QUERY = 100_000
"""Longer texts are not searched for quoted paths."""

TAKE_FOLDERS = union("reads_folders")
"""Who is given a folder and reads what lies in it."""

# fmt: off
CHECKING = frozenset((
    "exists", "lexists", "is_file", "is_dir", "isfile", "isdir", "stat", "lstat", "access", "getsize",
))
"""Who is told a path and says whether something is there: what is not there counts, too."""
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
"""Who asks for more of a file than what it holds, and for what."""
# fmt: on

REMOVING = {
    **dict.fromkeys(("rmtree", "removedirs", "remove_tree"), "the removal of folders"),
    **dict.fromkeys(("setxattr", "removexattr"), "changes of extended attributes"),
}
"""Who changes what the description of no file tells of: removes folders with what lay in them, or sets attributes beside what files hold.
Behind each, what it asked for in words."""

EXPANDING = frozenset(("glob", "iglob", "rglob", "fnmatch"))
"""Who expands patterns where Python sees it."""

JOINING = CHECKING | {"join", "joinpath", "Path", "PurePath"}
"""Code with these may name folders by plain words."""

_QUOTED = re.compile(r"""'([^'\n]{2,1024})'|"([^"\n]{2,1024})"|`([^`\n]{2,1024})`""")
_FIELD = re.compile(r"%[-+ #0-9.]*[a-z]|\{[^{}]*\}")
_WORD = re.compile(r"[\w-]{1,64}\Z")
_ENDING = re.compile(r"\.[\w.]{1,12}\Z")
_MAGIC = re.compile(r"[*?[]")
#: A pattern of files, and hardly one of texts.
_PATTERN = re.compile(r"[^\s\\^$+(){}|]*(/[^\s\\^$+(){}|]*|\.\w{1,12})\Z")


class Named(NamedTuple):
    """Files that a run may have used, and those folders among them that count by what they hold."""

    files: list[Given]
    listings: Set[Given]
    #: Whether it may ask what is there.
    is_checking: bool = False


def named_files(
    values: Iterable[object],
    constants: Iterable[object] = (),
    checked: Iterable[str] = (),
    names: Set[str] = frozenset(),
) -> Named:
    """Those of `values`, what names are bound to, and of the code's `constants` that name files that are there now, and all in `checked` that
    may be paths, of what is there or may come. `names` are those in the code."""
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
    """The files of the user's in which these libraries look for their settings while they are imported."""
    looking = {_SETTINGS_FILES[name] for name in _SETTINGS_FILES.keys() & set(libraries)}
    return [given(path) for find in looking for path in find()]


_SETTINGS_FILES = {one.name: one.settings_files for one in ALL if one.settings_files is not None}


def looked_at(values: Iterable[object]) -> set[str]:
    """Those of the texts and paths that lead to something, links that lead nowhere among it."""
    texts = (text for text in map(_text, values) if text is not None)
    return {text for text in texts if 0 < len(text) < LONGEST and "\n" not in text and os.path.lexists(text)}


def programs(texts: Iterable[str]) -> Iterator[str]:
    """Where programs of these names would lie, of the folders in which they are looked for that are not the system's."""
    folders = [folder for folder in os.get_exec_path() if os.path.isabs(folder) and _is_own(folder)]  # noqa: PTH117
    for word in islice(filter(_WORD.match, texts), MOST_WORDS):
        yield from (os.path.join(folder, word) for folder in folders)  # noqa: PTH118


def _text(value: object) -> str | None:
    if not isinstance(value, str | PurePath) or type(value) not in PATHS:
        return None
    # A path keeps its text once it was asked for it; the user's is not asked.
    text = value if isinstance(value, str) else str(PurePath(value))
    return text if "\0" not in text else None


class _Search:
    """Looks for what texts name."""

    def __init__(self, checked: Set[str], *, is_checking: bool, is_expanding: bool) -> None:
        self._checked, self._is_checking, self._is_expanding = checked, is_checking, is_expanding
        #: Texts that may be whole paths.
        self._whole: list[str] = []
        self._found: dict[str, None] = {}
        self._listed: dict[str, None] = {}
        self.folders: list[str] = []

    def name(self, texts: Iterable[str]) -> None:
        """Looks for what texts, and what is quoted in them, name as they are."""
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
        """Looks for what a text with fields may become: how it ends, or what else stands in the code, tells."""
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
        """Looks for what folders and pieces of the code's make together; the folders that some began with."""
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
        """Whether a folder and a piece make a file."""
        path = f"{folder.rstrip('/')}/{piece.lstrip('/')}"
        if self._expand(path):
            return True
        if piece in self._checked or (_is_likely(piece) and (self._is_checking or stat.S_ISREG(_mode(path)))):
            self._found[path] = None
            return True
        return bool("/" in piece and endings and self._match(path, endings))

    def _match(self, start: str, endings: tuple[str, ...]) -> bool:
        """Adds files whose paths begin and end so; whether there are any."""
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
        """Adds what a pattern means now, and the folders in which that is looked for; whether it is one."""
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
        """Adds what lies in a folder, and in those below it."""
        with evidence.unwatched():
            for place, _, names in islice(os.walk(folder), MOST):
                self._listed[place] = None
                self._found |= dict.fromkeys(f"{place.rstrip('/')}/{name}" for name in names)
                if len(self._found) > MOST:
                    return

    def named(self) -> Named:
        """All that was found."""
        paths = [*self._found, *self._listed, *sorted(self._checked)[:MOST]]
        kept = dict.fromkeys(given(path) for path in paths if _may_come(path))
        return Named(list(kept), {given(path) for path in self._listed}, self._is_checking)


def _of_address(text: str) -> str:
    """The path of a file's address (`file:a.db?mode=ro`)."""
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
    """What is there; 0 for nothing."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116 (a path object costs more than the call)
    except (OSError, ValueError):
        return 0


def _is_own(folder: str) -> bool:
    """Whether a folder may be the user's: neither the system's nor of what is installed."""
    whole = os.path.abspath(folder)  # noqa: PTH100
    return whole != os.sep and not f"{whole}{os.sep}".startswith((*environment(), *NOT_FILES))
