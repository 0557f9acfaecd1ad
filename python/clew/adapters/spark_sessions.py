"""Sessions of Spark as handles: their settings are stored, but no credentials.

```text
   SparkSession ─► the live session, if this process has one with the same settings
               └► a sleeping session: its first use, or the first use of anything of Spark, starts Java and creates the session
```

A sleeping session *is* the later session object: at its first use, its class changes and `__init__` runs. Nothing waits for Java before
that.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, ref

from pyspark import SparkContext
from pyspark.sql import SparkSession

from clew import evidence
from clew._engine import notice
from clew.adapters import handle_reach
from clew.codecs import NoValue

from ..shell.warn import warn
from .spark_settings import Recipe, Settings, asked, decode_conf, given, kept, recipes

_primary: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""The first sleeping session of a context."""
_texts: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""The settings of a session when they were read last, as text."""

LIVES = "another Spark session is active in this kernel, and Java allows only one: stop it, then rerun the cell that creates this one"


def asks(name: str) -> bool:
    """Returns whether access to this attribute is a use of Spark. Python and IPython probe for special methods, which is not."""
    return not name.startswith(("__", "_ipython"))


class SleepingContext(SparkContext):  # type: ignore[misc]
    """A context before its first use."""

    def __getattribute__(self, name: str) -> Any:
        if not asks(name):
            return object.__getattribute__(self, name)
        wake_context(self)
        return getattr(self, name)

    def __repr__(self) -> str:
        told = dict(recipes[self].settings)
        return f"<SparkContext master={told.get('spark.master')} appName={told.get('spark.app.name')}>"


class SleepingSession(SparkSession):  # type: ignore[misc]
    """A session before its first use."""

    def __getattribute__(self, name: str) -> Any:
        if not asks(name):
            return object.__getattribute__(self, name)
        wake_session(self)
        return getattr(self, name)


def wake_context(context: Any) -> None:
    """Starts Java, and turns a sleeping context into the real one, with its session."""
    with SparkContext._lock:
        if type(context) is not SleepingContext:
            return
        handle_reach.ask()
        if SparkContext._active_spark_context not in (context, None):
            raise ConnectionError(f"This Spark session was not started: {LIVES}")
        SparkContext._active_spark_context = None
        recipe = recipes[context]
        context.__class__ = SparkContext
        try:
            with evidence.unwatched():
                SparkContext.__init__(context, conf=decode_conf(recipe))
        except BaseException:
            context.__dict__.clear()
            context.__class__ = SleepingContext
            SparkContext._active_spark_context = context
            raise
    session = _primary[context]() if context in _primary else None
    if session is not None:
        wake_session(session)
    if recipe.left_out:
        names = ", ".join(recipe.left_out)
        warn(f"Spark was started without settings that look like credentials ({names}): set them again.")


def wake_session(session: Any) -> None:
    """Turns a sleeping session into the real one."""
    if type(session) is not SleepingSession:
        return
    context = object.__getattribute__(session, "__dict__")["_sc"]
    wake_context(context)
    if type(session) is not SleepingSession:
        return
    with SparkContext._lock, evidence.unwatched():
        first = SparkSession._instantiatedSession
        is_second = first is not None and first._sc is context
        session.__class__ = SparkSession
        SparkSession.__init__(session, context, first._jsparkSession.newSession() if is_second else None)
        _apply(session, recipes[session].settings)


def encode_context(context: Any) -> tuple[Any, ...]:
    """Returns the stored parts of a context: its settings, and whether it was stopped."""
    is_stopped = type(context) is not SleepingContext and context._jsc is None
    if context not in recipes:
        if is_stopped:
            raise NoValue("pyspark.SparkContext: a cluster session that was stopped")
        recipes[context] = asked(lambda: kept(given(context)))
    return (*recipes[context], is_stopped)


def decode_context(parts: tuple[Any, ...]) -> Any:
    """Returns the live context of this process if it has the same settings, else a sleeping one."""
    *recipe, is_stopped = parts
    made = Recipe(*recipe)
    live = SparkContext._active_spark_context
    if is_stopped:
        context = object.__new__(SparkContext)
        context.__dict__.update(_jsc=None, _conf=None)
    elif live is not None and encode_context(live) == parts:
        return live
    else:
        if live is not None and not handle_reach.stands_in:
            raise handle_reach.Unreachable(LIVES)
        context = object.__new__(SleepingContext)
        if live is None:
            # Functions of Spark look up the active context, and so wake this one.
            SparkContext._active_spark_context = context
            notice("Spark restarts at first use")
    recipes[context] = made
    return context


def encode_session(session: Any) -> tuple[Any, ...]:
    """Returns the stored parts of a session: its context, and the settings that differ from the context's."""
    context = object.__getattribute__(session, "__dict__")["_sc"]
    if type(session) is not SleepingSession and context._jsc is not None:
        try:
            _look_at(session, context)
        except NoValue:
            # Java may have ended before the kernel. The settings are known from an earlier look.
            if session not in recipes:
                raise
    if session not in recipes:
        raise NoValue("pyspark.sql.SparkSession: a cluster session that was stopped")
    return (context, *recipes[session])


def _look_at(session: Any, context: Any) -> None:
    """Notes a session's settings if they have changed since the last look."""
    text = asked(lambda: str(session._jsparkSession.conf().getAll().toString()))
    if _texts.get(session) == text:
        return
    of_context = {*Recipe(*encode_context(context)[:2]).settings}
    settings, left_out = kept(asked(lambda: session.conf.getAll.items()))
    recipes[session] = Recipe(tuple(one for one in settings if one not in of_context), left_out)
    _texts[session] = text


def decode_session(parts: tuple[Any, ...]) -> Any:
    """Returns the session of a context."""
    context, *recipe = parts
    made = Recipe(*recipe)
    if type(context) is SleepingContext:
        known = _primary[context]() if context in _primary else None
        if known is not None and recipes[known] == made:
            return known
        session = object.__new__(SleepingSession)
        _primary.setdefault(context, ref(session))
    elif context._jsc is None:
        session = object.__new__(SparkSession)
        session.__dict__.update(_jsc=None, _jvm=None, _jsparkSession=None)
    else:
        first = SparkSession._instantiatedSession
        session = first if first is not None and first._sc is context else SparkSession(context)
        _apply(session, made.settings)
        return session
    session.__dict__["_sc"] = context
    recipes[session] = made
    return session


def _apply(session: Any, settings: Settings) -> None:
    """Gives a session its recorded settings, besides those of its context."""
    wanted = dict(Recipe(*encode_context(session._sc)[:2]).settings) | dict(settings)
    found = dict(kept(session.conf.getAll.items()).settings)
    for name in found.keys() - wanted.keys():
        if session.conf.isModifiable(name):
            session.conf.unset(name)
    for name, value in wanted.items():
        if found.get(name) != value and session.conf.isModifiable(name):
            session.conf.set(name, value)
