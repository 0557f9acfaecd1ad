"""Detects changes of a run in the process that cannot be restored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from clew.analysis.patches import ENTERED
from clew.codecs.libraries import ALL
from clew.roots import library_patches
from clew.shell.background_work import THREADS

#: Calls and magics whose effects are part of the state (`clew.roots`), besides those of libraries.
_RESTORED = (
    r"logging\.|logging$|gc\.(enable|disable|set_threshold|set_debug)|socket\.setdefaulttimeout|signal\.signal$|time\.tzset|os\.umask"
    r"|sys\.(set_int_max_str_digits|setswitchinterval|setrecursionlimit|argv|meta_path|path_hooks)|faulthandler\.(enable|disable)$"
    r"|threading\.stack_size|resource\.setrlimit|asyncio\..*set_event_loop_policy"
    r"|IPython\.(register_|ast_node_interactivity|ast_transformers|input_transformers_post"
    r"|colors|display_formatter|define_alias|register)"
    r"|%(alias|alias_magic|autocall|automagic|autoawait|colors|pprint|precision|xmode)\b"
)


@cache
def _is_restored() -> Callable[[str], re.Match[str] | None]:
    """Returns the function that matches full names of such calls. Compiled at first use, because few sessions need it."""
    of_libraries = (rf"|{one.name}\..*{one.restored_setters}" for one in ALL if one.restored_setters)
    return re.compile("".join([_RESTORED, *of_libraries])).match


def unrestored(names: Iterable[str]) -> list[str]:
    """Returns those of the library changes in `patches` that cannot be restored."""
    return list(dict.fromkeys(_told(names)))


def _told(names: Iterable[str]) -> Iterator[str]:
    for entry in names:
        name = entry.partition(" = ")[0]
        if name == ENTERED:
            yield "a context entered without `with`"
        elif name != THREADS and not library_patches.knows(name) and not _is_restored()(name):
            yield name
