"""Settings of Spark: what is kept of them, and what never is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pyspark import SparkConf

from clew.codecs import NoValue
from clew.secrets import is_secret, redacted

Settings = tuple[tuple[str, str], ...]


class Recipe(NamedTuple):
    """How a context or a session is made."""

    settings: Settings
    #: Names of settings that look like credentials, which are not kept.
    left_out: tuple[str, ...]


#: What Spark sets itself, another way each time or from what else is there.
ITS_OWN = re.compile(
    r"spark\.(app\.(id|startTime|submitTime|initial.*|attempt.*)|driver\.(host|port|appUIAddress)|executor\.id|ui\.port"
    r"|blockManager\.port|serializer\.objectStreamReset|rdd\.compress|submit\..*|hadoop\.fs\.s3a\.vectored.*"
    r"|repl\..*|python\.unix\.domain.*|redaction\..*)"
)
#: Names of settings that open something, as Spark's own `spark.redaction.regex` and the clouds' libraries call them.
TELLING = re.compile(
    r"(?i)secret|passw|token|credential|(access|account|api|private|encryption)[._-]?key|sas\.|keytab"
)
HARMLESS = re.compile(r"(?i)true|false|")

recipes: WeakKeyDictionary[Any, Recipe] = WeakKeyDictionary()
"""How each context, session and conf was made, as far as it was looked at."""


def encode_conf(conf: Any) -> tuple[Any, ...]:
    """What is kept of settings that nothing was made of yet."""
    now, known = kept(asked(conf.getAll)), recipes.get(conf)
    is_known = known is not None and known.settings == now.settings and not now.left_out
    return tuple(known if is_known and known is not None else now)


def decode_conf(parts: tuple[Any, ...]) -> Any:
    """The settings."""
    conf = SparkConf(loadDefaults=False).setAll(parts[0])
    recipes[conf] = Recipe(*parts)
    return conf


def given(context: Any) -> Iterator[tuple[str, str]]:
    """Settings of a context as they were given: Spark puts options of its own before those for Java."""
    own = str(context._jvm.org.apache.spark.launcher.JavaModuleOptions.defaultModuleOptions())
    for name, value in context._conf.getAll():
        given = (
            value.partition(own)[2].strip() if name.endswith(".extraJavaOptions") and own in value else value
        )
        if given or not value:
            yield name, given


def kept(settings: Iterable[tuple[str, str]]) -> Recipe:
    """Settings without what Spark sets itself, and without credentials."""
    found = sorted(
        (str(name), str(value)) for name, value in settings if not _is_its_own(str(name), str(value))
    )
    hidden = {name for name, value in found if _is_hidden(name, value)}
    return Recipe(tuple(one for one in found if one[0] not in hidden), tuple(sorted(hidden)))


def _is_its_own(name: str, value: str) -> bool:
    is_usual = (
        name == "spark.sql.warehouse.dir" and value.startswith("file:") and value.endswith("/spark-warehouse")
    )
    return is_usual or ITS_OWN.fullmatch(name) is not None


def _is_hidden(name: str, value: str) -> bool:
    if HARMLESS.fullmatch(value):
        return False
    shown = f"{name}={value}"
    return bool(TELLING.search(name) or is_secret(name, value) or redacted(shown) != shown)


def asked(question: Callable[[], Any]) -> Any:
    """What Java answers."""
    try:
        return question()
    except Exception as error:
        raise NoValue("pyspark.sql.SparkSession: a cluster session whose Java process has ended") from error
