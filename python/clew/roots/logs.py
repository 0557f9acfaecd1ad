"""The configuration of logging: the loggers, and their levels, handlers and filters."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from clew.roots.root import MISSING
from clew.roots.setting import Held, NotHere, Setting, words_like

_held = Held()


def _loggers() -> Iterator[tuple[str, logging.Logger]]:
    yield "", logging.root
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger):
            yield name, logger


class _Configured:
    """A property of all loggers, stored for those in which it differs from the initial one."""

    def __init__(self, describe: Callable[[logging.Logger], Any], plain: Any) -> None:
        self._describe, self._plain = describe, plain
        #: The initial values, from when code first named something that sets them.
        self._usual: dict[str, Any] = {}
        #: The values that libraries set at their import. Libraries are not imported again, so undoing an import keeps these.
        self._brought: dict[str, Any] = {}
        self._seen = set[str]()

    def begin(self) -> None:
        self._usual = {name: self._describe(logger) for name, logger in _loggers()}
        self._seen.update(self._usual)

    def read(self) -> tuple[Any, ...]:
        found = []
        for name, logger in _loggers():
            now = self._describe(logger)
            if name not in self._seen:
                self._seen.add(name)
                if now != self._plain and _is_of_library(name):
                    self._brought[name] = now
            if now != self._usual.get(name, self._plain):
                found.append((name, now))
        return tuple(found)

    def wanted(self, value: Iterable[tuple[str, Any]]) -> Iterator[tuple[logging.Logger, Any]]:
        """Yields every logger with its target value. Loggers in `value` that do not exist are created."""
        told = dict(value)
        for name in self._brought:
            if name in told:
                self._usual.pop(name, None)
            else:
                self._usual[name] = self._brought[name]
        for name in sorted(told.keys() | {name for name, _ in _loggers()}):
            logger = logging.getLogger(name) if name else logging.root
            yield logger, told.get(name, self._usual.get(name, self._plain))


def _is_of_library(name: str) -> bool:
    return name.partition(".")[0] in sys.modules and not name.startswith("__main__")


# -- the loggers -----------------------------------------------------------------------------------------

#: The loggers that existed when code first named something that creates loggers.
_first = set[str]()


def _first_loggers(shell: Any) -> Any:
    _first.update(name for name, _ in _loggers())
    return ()


def _read_loggers(shell: Any) -> Any:
    made = (name for name, _ in _loggers() if name not in _first and not _is_of_library(name))
    return tuple(sorted(made)) or MISSING


def _write_loggers(shell: Any, value: tuple[str, ...]) -> None:
    for name in value:
        logging.getLogger(name)
    now = _read_loggers(shell)
    for name in () if now is MISSING else set(now).difference(value):
        _remove(name)


def _remove(name: str) -> None:
    """Removes a logger. This reverses `logging.Manager.getLogger`: its children get the next logger above as parent."""
    manager: Any = logging.root.manager
    logger = manager.loggerDict.pop(name)
    for one in [one for _, one in _loggers() if one.parent is logger]:
        place = manager.loggerDict.setdefault(name, logging.PlaceHolder(one))
        place.append(one)
        one.parent = logger.parent
    manager._clear_cache()


# -- levels ----------------------------------------------------------------------------------------------

_levels = _Configured(
    lambda logger: (logger.level, logger.propagate, logger.disabled), (logging.NOTSET, True, False)
)
_usual_names: dict[int, str] = {}


def _usual_levels(shell: Any) -> Any:
    _levels.begin()
    _usual_names.update(logging._levelToName)
    return _read_levels(shell)


def _read_levels(shell: Any) -> Any:
    captures = logging._warnings_showwarning is not None  # type: ignore[attr-defined]
    names = [(level, name) for level, name in logging._levelToName.items() if _usual_names.get(level) != name]
    return logging.root.manager.disable, captures, _levels.read(), tuple(names)


def _write_levels(shell: Any, value: Any) -> None:
    off, captures, loggers, names = value
    logging.disable(off)
    logging.captureWarnings(captures)
    for logger, (level, propagate, disabled) in _levels.wanted(loggers):
        if logger.level != level:
            logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled
    for level in logging._levelToName.keys() - _usual_names.keys():
        logging._nameToLevel.pop(logging._levelToName.pop(level), None)
    for level, name in [*_usual_names.items(), *names]:
        logging.addLevelName(level, name)


# -- handlers and filters --------------------------------------------------------------------------------


def _handlers_of(logger: logging.Logger) -> Any:
    handlers = tuple([_described(one) for one in logger.handlers])
    return handlers, tuple([_held.word(one) for one in logger.filters])


_handlers = _Configured(_handlers_of, ((), ()))


def _usual_handlers(shell: Any) -> Any:
    _handlers.begin()
    return ()


def _read_handlers(shell: Any) -> Any:
    return _handlers.read() or MISSING


def _described(handler: logging.Handler) -> Any:
    """Describes a handler in a form that can be stored: its identity, its settings, and how another process creates a similar one."""
    formatter = handler.formatter
    if type(formatter) is logging.Formatter:
        style: Any = type(formatter._style)
        letter = next((key for key, (kind, _) in logging._STYLES.items() if kind is style), "%")
        told: Any = (formatter._fmt, formatter.datefmt, letter)
    else:
        told = None if formatter is None else _held.word(formatter)
    filters = tuple([_held.word(one) for one in handler.filters])
    return _held.word(handler), _made_by(handler), handler.level, told, filters


def _made_by(handler: Any) -> Any:
    """Returns the class of a handler and its arguments, if these are complete. A restored handler never truncates its file."""
    kind = type(handler)
    if kind is logging.StreamHandler:
        for name in ("stderr", "stdout"):
            if handler.stream in (getattr(sys, name), getattr(sys, f"__{name}__")):
                return "logging", "StreamHandler", (("stream", name),)
    if kind is logging.FileHandler:
        file = handler.baseFilename, handler.encoding
        return "logging", "FileHandler", (("filename", file[0]), ("encoding", file[1]), ("delay", True))
    if kind is logging.NullHandler:
        return "logging", "NullHandler", ()
    if (kind.__module__, kind.__qualname__) == ("logging.handlers", "RotatingFileHandler"):
        names = ("maxBytes", "backupCount", "encoding")
        told = tuple([(name, getattr(handler, name)) for name in names])
        return (
            kind.__module__,
            kind.__qualname__,
            (("filename", handler.baseFilename), *told, ("delay", True)),
        )
    if (kind.__module__, kind.__qualname__) == ("rich.logging", "RichHandler"):
        return kind.__module__, kind.__qualname__, ()
    return ()


def _handler(told: Any) -> Any:
    """Returns the described handler; a similar new one if this process never had it."""
    word, made_by, level, formatter, filters = told
    handler = _held.get(word)
    if handler is MISSING:
        if not made_by:
            return MISSING
        module, name, arguments = made_by
        given = {name: getattr(sys, value) if name == "stream" else value for name, value in arguments}
        handler = _held.keep(word, getattr(importlib.import_module(module), name)(**given))
    if handler.level != level:
        handler.setLevel(level)
    if _described(handler)[3] != formatter:
        handler.setFormatter(_formatter(formatter))
    handler.filters[:] = _known(filters)
    return handler


def _formatter(told: Any) -> logging.Formatter | None:
    if told is None:
        return None
    if type(told) is not str:
        return logging.Formatter(*told)
    [formatter] = _known([told])
    return formatter  # type: ignore[no-any-return]


def _known(held: Any) -> list[Any]:
    found = [(word, _held.get(word)) for word in held]
    if gone := {word.partition(" ")[0] for word, one in found if one is MISSING}:
        raise NotHere(gone)
    return [one for _, one in found]


def _write_handlers(shell: Any, value: Any) -> None:
    gone = set[str]()
    for logger, (handlers, filters) in _handlers.wanted(value):
        made = [(told, _handler(told)) for told in handlers]
        gone |= {told[0].partition(" ")[0] for told, one in made if one is MISSING}
        logger.handlers[:] = [one for _, one in made if one is not MISSING]
        logger.filters[:] = _known(filters)
    if gone:
        raise NotHere(gone)


# -- factories of records and loggers --------------------------------------------------------------------


def _read_makers(shell: Any) -> Any:
    return logging.getLogRecordFactory(), logging.getLoggerClass()


def _write_makers(shell: Any, value: Any) -> None:
    factory, kind = value
    logging.setLogRecordFactory(factory)
    logging.setLoggerClass(kind)


_NAMES = words_like("log|verbos|captureWarnings")

SETTINGS = (
    Setting("logging makers", _read_makers, _write_makers, None, _NAMES),
    Setting("logging loggers", _read_loggers, _write_loggers, None, _NAMES, _first_loggers),
    Setting("logging levels", _read_levels, _write_levels, None, _NAMES, _usual_levels),
    Setting("logging handlers", _read_handlers, _write_handlers, None, _NAMES, _usual_handlers),
)
