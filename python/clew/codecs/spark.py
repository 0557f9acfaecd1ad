"""Spark: settings, the handles of sessions and of frames with stored rows (`python/clew/adapters/spark_sessions.py`,
`python/clew/adapters/spark_frames.py`), and functions of the user that queries call.

Once such a function was used, it has an object in Java, with the function as pickled then. Spark creates a new one where there is none. The
result is the same if nothing that the function reads can have changed since; then the object is left out. Otherwise it is a member that
cannot be stored.
"""

from __future__ import annotations

import builtins
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.classic.dataframe import DataFrame
from pyspark.sql.udf import UserDefinedFunction

from ..adapters import spark_frames, spark_sessions, spark_settings
from . import Codec, Parts, keyed
from .stdlib import own_dict, restore_dict

#: The attribute with the object in Java.
IN_JAVA = "_judf_placeholder"
ATOMS = (int, float, complex, str, bytes, bool, type(None))


def _encode_function(function: Any) -> Parts:
    state = dict(own_dict(function) or {})
    if state.get(IN_JAVA) is not None and _is_fixed(state["func"], set()):
        state[IN_JAVA] = None
    return Parts((), state)


def _is_fixed(function: Any, met: set[FunctionType]) -> bool:
    """Returns whether pickling a function always has the same result: it reads no variables, and nothing that can be changed in place."""
    if type(function) is not FunctionType:
        return False
    if function in met:
        return True
    met.add(function)
    given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if function.__closure__ or function.__dict__ or any(type(one) not in ATOMS for one in given):
        return False
    # Imported here because most processes have no such function.
    from clew.analysis.bytecode import nested

    space = function.__globals__
    names = (name for code in nested(function.__code__) for name in code.co_names)
    read = (space[name] for name in names if name in space)
    return all(
        isinstance(one, ModuleType | BuiltinFunctionType)
        or one is getattr(builtins, getattr(one, "__name__", ""), None)
        or _is_fixed(one, met)
        for one in read
    )


CONF = Codec("spark.conf", spark_settings.encode_conf, spark_settings.decode_conf, native=False)
CONTEXT = Codec(
    "handle.spark_context",
    spark_sessions.encode_context,
    spark_sessions.decode_context,
    native=False,
    kind=SparkContext,
    immutable=True,
)
SESSION = Codec(
    "handle.spark_session",
    spark_sessions.encode_session,
    spark_sessions.decode_session,
    native=False,
    kind=SparkSession,
    immutable=True,
)
FRAME = Codec(
    "handle.spark_frame", spark_frames.encode_frame, spark_frames.decode_frame, native=False, kind=DataFrame
)
FUNCTION = Codec(
    "spark.function",
    _encode_function,
    lambda args: UserDefinedFunction.__new__(UserDefinedFunction),
    restore_dict,
    native=False,
)
CODECS: dict[type, Codec] = {
    UserDefinedFunction: FUNCTION,
    SparkConf: CONF,
    SparkContext: CONTEXT,
    spark_sessions.SleepingContext: CONTEXT,
    SparkSession: SESSION,
    spark_sessions.SleepingSession: SESSION,
    DataFrame: FRAME,
    spark_frames.SleepingFrame: FRAME,
}
NAMED = keyed(CONF, FUNCTION, CONTEXT, SESSION, FRAME)
