"""Spark: settings, and the handles of sessions and of frames whose rows were kept (`clew/adapters/spark_sessions.py`, `spark_frames.py`)."""

from __future__ import annotations

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.classic.dataframe import DataFrame

from ..adapters import spark_frames, spark_sessions, spark_settings
from . import Codec

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
    "handle.spark_frame",
    spark_frames.encode_frame,
    spark_frames.decode_frame,
    native=False,
    kind=DataFrame,
)

CODECS: dict[type, Codec] = {
    SparkConf: CONF,
    SparkContext: CONTEXT,
    spark_sessions.SleepingContext: CONTEXT,
    SparkSession: SESSION,
    spark_sessions.SleepingSession: SESSION,
    DataFrame: FRAME,
    spark_frames.SleepingFrame: FRAME,
}
NAMED = {"conf": CONF, "spark_context": CONTEXT, "spark_session": SESSION, "spark_frame": FRAME}
