"""How IPython runs code and displays results: its switches, and hooks that the notebook added."""

from __future__ import annotations
import __future__

import sys
from collections.abc import Iterator
from typing import Any

from clew.roots.interpreter import entries
from clew.roots.root import MISSING
from clew.roots.setting import Held, NotHere, Setting, is_users, nothing, words, words_like

_held = Held()


# -- switches --------------------------------------------------------------------------------------------


def _plain_text(shell: Any) -> Any:
    return shell.display_formatter.formatters["text/plain"]


def _read_switches(shell: Any) -> Any:
    text = _plain_text(shell)
    switches = {name: getattr(shell, name, None) for name in _SWITCHES}
    switches |= {"pprint": text.pprint, "xmode": shell.InteractiveTB.mode}
    return switches | {name: getattr(text, name) for name in _NUMBERS}


_SWITCHES = ("ast_node_interactivity", "colors", "automagic", "autocall", "autoawait", "show_rewritten_input")
_NUMBERS = ("float_precision", "float_format", "max_seq_length")


def _write_switches(shell: Any, value: Any) -> None:
    text = _plain_text(shell)
    for name in _SWITCHES:
        if name in value and getattr(shell, name, None) != value[name]:
            setattr(shell, name, value[name])
    for name in _NUMBERS:
        if getattr(text, name) != value[name]:
            # Set without notifications: an observer of the precision would set numpy's, which is restored on its own.
            text._trait_values[name] = value[name]
    text.pprint = value["pprint"]
    if shell.InteractiveTB.mode.casefold() != value["xmode"].casefold():
        shell.InteractiveTB.set_mode(mode=value["xmode"])


# -- how cells are compiled ------------------------------------------------------------------------------


def _read_future(shell: Any) -> Any:
    """Returns the features that cells imported from `__future__`: they apply to all later cells."""
    compiler = getattr(shell, "compile", None)
    flags = getattr(compiler, "flags", 0)
    return tuple([name for name, flag in _FUTURE.items() if flags & flag]) or MISSING


def _features() -> Iterator[tuple[str, int]]:
    """Yields the features that have an effect in this version of Python, with their flags."""
    for name in __future__.all_feature_names:
        feature = getattr(__future__, name)
        always = feature.getMandatoryRelease()
        if always is None or always > sys.version_info:
            yield name, feature.compiler_flag


_FUTURE = dict(_features())


def _write_future(shell: Any, value: Any) -> None:
    for name, flag in _FUTURE.items():
        shell.compile.flags = shell.compile.flags | flag if name in value else shell.compile.flags & ~flag


# -- magics ----------------------------------------------------------------------------------------------

_first_magics: dict[tuple[str, str], Any] = {}


def _magics(shell: Any) -> dict[tuple[str, str], Any]:
    tables = shell.magics_manager.magics
    return {(kind, name): one for kind in tables for name, one in list(dict.items(tables[kind]))}


def _usual_magics(shell: Any) -> Any:
    _first_magics.update(_magics(shell))
    return ()


def _read_magics(shell: Any) -> Any:
    now = _magics(shell)
    found = [
        (*key, _told(one))
        for key, one in now.items()
        if _first_magics.get(key) is not one and (is_users(one) or type(one).__name__ in _ALIASES)
    ]
    found += [(*key, None) for key in _first_magics if key not in now]
    return tuple(found) or MISSING


#: Aliases, by the attributes from which they are restored.
_ALIASES = {"Alias": ("name", "cmd"), "MagicAlias": ("magic_name", "magic_kind", "magic_params")}


def _told(one: Any) -> Any:
    """Returns a magic in a form that can be stored: an alias by its target, a method of an object that holds the shell by a key."""
    kind = type(one).__name__
    if kind in _ALIASES:
        return (kind, *[getattr(one, name) for name in _ALIASES[kind]])
    return (_held.word(one),) if hasattr(one, "__self__") else one


def _write_magics(shell: Any, value: Any) -> None:
    tables = shell.magics_manager.magics
    wanted = {(kind, name): told for kind, name, told in value}
    for kind, name, _ in () if (now := _read_magics(shell)) is MISSING else now:
        if (kind, name) not in wanted:
            tables[kind].pop(name, None)
            if (kind, name) in _first_magics:
                tables[kind][name] = _first_magics[kind, name]
    gone = set[str]()
    for (kind, name), told in wanted.items():
        if told is None:
            tables[kind].pop(name, None)
        elif (made := _made(shell, told)) is MISSING:
            gone.add(f"%{name}")
        else:
            tables[kind][name] = made
    if gone:
        raise NotHere(gone)


def _made(shell: Any, told: Any) -> Any:
    from IPython.core.alias import Alias
    from IPython.core.magic import MagicAlias

    if type(told) is not tuple:
        return told
    if told[0] in _ALIASES:
        return {"Alias": Alias, "MagicAlias": MagicAlias}[told[0]](shell, *told[1:])
    return _held.get(told[0])


# -- callbacks and printers ------------------------------------------------------------------------------


def _read_callbacks(shell: Any) -> Any:
    found = [
        (event, called)
        for event, callbacks in shell.events.callbacks.items()
        for called in callbacks
        if is_users(called)
    ]
    return tuple(found) or MISSING


def _write_callbacks(shell: Any, value: Any) -> None:
    for callbacks in shell.events.callbacks.values():
        callbacks[:] = [one for one in callbacks if not is_users(one)]
    for event, called in value:
        shell.events.callbacks[event].append(called)


def _read_printers(shell: Any) -> Any:
    found = []
    for mime, formatter in shell.display_formatter.formatters.items():
        for table in ("type_printers", "deferred_printers"):
            printers = getattr(formatter, table).items()
            found += [(mime, table, key, one) for key, one in printers if is_users(key) or is_users(one)]
    return tuple(found) or MISSING


def _write_printers(shell: Any, value: Any) -> None:
    for formatter in shell.display_formatter.formatters.values():
        for table in ("type_printers", "deferred_printers"):
            printers = getattr(formatter, table)
            for key in [key for key, one in printers.items() if is_users(key) or is_users(one)]:
                del printers[key]
    for mime, table, key, one in value:
        getattr(shell.display_formatter.formatters[mime], table)[key] = one


SETTINGS = (
    Setting("future statements", _read_future, _write_future, usual=nothing),
    Setting(
        "IPython switches",
        _read_switches,
        _write_switches,
        None,
        words_like(
            "precision|mode|colors|pprint|autocall|magic|await|config|interactiv|float_|formatters|max_seq"
        ),
    ),
    Setting("IPython magics", _read_magics, _write_magics, None, words_like("magic|alias"), _usual_magics),
    Setting("IPython callbacks", _read_callbacks, _write_callbacks, None, words("events"), nothing),
    Setting(
        "IPython printers", _read_printers, _write_printers, None, words_like("for_type|_printers"), nothing
    ),
    entries("IPython AST transformers", lambda shell: shell.ast_transformers, "ast_transformers"),
    entries(
        "IPython input transformers",
        lambda shell: shell.input_transformers_post,
        "input_transformers_post",
        "input_transformer_manager",
    ),
)
