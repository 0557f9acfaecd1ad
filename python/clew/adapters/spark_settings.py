"""Settings of Spark: which ones are stored, and which never are."""

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
    """The settings of a context or session."""

    settings: Settings
    #: Names of settings that look like credentials. Their values are not stored.
    left_out: tuple[str, ...]


#: Settings that Spark sets itself, with values that differ each time or depend on the environment.
ITS_OWN = re.compile(
    r"spark\.(app\.(id|startTime|submitTime|initial.*|attempt.*)|driver\.(host|port|appUIAddress)|executor\.id|ui\.port"
    r"|blockManager\.port|serializer\.objectStreamReset|rdd\.compress|submit\..*|hadoop\.fs\.s3a\.vectored.*"
    r"|repl\..*|python\.unix\.domain.*|redaction\..*)"
)
#: Names of settings with credentials, as in Spark's own `spark.redaction.regex` and the libraries of cloud providers.
TELLING = re.compile(
    r"(?i)secret|passw|token|credential|(access|account|api|private|encryption)[._-]?key|sas\.|keytab"
)
HARMLESS = re.compile(r"(?i)true|false|")

recipes: WeakKeyDictionary[Any, Recipe] = WeakKeyDictionary()
"""The settings of each context, session and conf that was examined."""


def encode_conf(conf: Any) -> tuple[Any, ...]:
    """Returns the stored parts of a `SparkConf`."""
    now, known = kept(asked(conf.getAll)), recipes.get(conf)
    is_known = known is not None and known.settings == now.settings and not now.left_out
    return tuple(known if is_known and known is not None else now)


def decode_conf(parts: tuple[Any, ...]) -> Any:
    """Returns a `SparkConf` with the stored settings."""
    conf = SparkConf(loadDefaults=False).setAll(parts[0])
    recipes[conf] = Recipe(*parts)
    return conf


def given(context: Any) -> Iterator[tuple[str, str]]:
    """Yields the settings of a context as the user gave them, without the Java options that Spark prepends."""
    own = str(context._jvm.org.apache.spark.launcher.JavaModuleOptions.defaultModuleOptions())
    for name, value in context._conf.getAll():
        given = (
            value.partition(own)[2].strip() if name.endswith(".extraJavaOptions") and own in value else value
        )
        if given or not value:
            yield name, given


def kept(settings: Iterable[tuple[str, str]]) -> Recipe:
    """Returns the settings without those that Spark sets itself, and without credentials."""
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
    """Returns the answer of a call to Java. Raises `NoValue` if Java has ended."""
    try:
        return question()
    except Exception as error:
        raise NoValue("pyspark.sql.SparkSession: a cluster session whose Java process has ended") from error
