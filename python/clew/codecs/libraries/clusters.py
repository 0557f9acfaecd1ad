"""Libraries that run tasks: on clusters, in other processes, on other threads."""

from __future__ import annotations

from clew.codecs.library import Library

_SESSION, _QUERY, _PART = "a cluster session", "a query on a cluster", "part of a query on a cluster"
_RESULT, _OBJECT, _VALUE = "a result on a cluster", "an object on a cluster", "a value on a cluster"

LIBRARIES = (
    Library(
        "dask",
        codecs={"dask": "dask"},
        stand_ins={"clew.adapters.dask_": "distributed"},
        has_task_keys=True,
        generators={"dask.array.random": "default_rng RandomState"},
        draws="dask.array.random",
        housekeeping_draws={"dask.sizeof": "distributed.sizeof"},
        unrepeatable="dask.distributed",
        options_modules="dask.config",
        goes_over_environment=True,
    ),
    Library(
        "distributed",
        codecs={"distributed": "distributed"},
        handles=dict.fromkeys(("client", "cluster", "future"), "distributed"),
        no_value={
            "distributed.client.as_completed": "pending results on a cluster",
            "distributed.client.Client": "a client of a cluster",
            "distributed.client.Future": "a pending result on a cluster",
            "distributed.deploy.cluster.Cluster": "a cluster",
            "distributed.actor.Actor": _OBJECT,
        },
        has_task_keys=True,
        housekeeping_draws=dict.fromkeys(
            ("distributed.comm.core", "distributed.scheduler", "distributed.utils_comm")
        ),
        unrepeatable="distributed",
        goes_over_environment=True,
    ),
    Library(
        "pyspark",
        codecs={"pyspark": "spark"},
        handles=dict.fromkeys(("spark_context", "spark_session", "spark_frame"), "spark"),
        stand_ins={"clew.adapters.spark_": "spark"},
        no_value={
            "pyspark.sql.session.SparkSession": _SESSION,
            "pyspark.sql.classic.column.Column": _PART,
            "pyspark.sql.connect.column.Column": _PART,
            "pyspark.sql.group.GroupedData": _QUERY,
            "pyspark.sql.connect.group.GroupedData": _QUERY,
            "pyspark.sql.connect.session.SparkSession": _SESSION,
            "pyspark.sql.dataframe.DataFrame": _QUERY,
            "pyspark.sql.classic.dataframe.DataFrame": _QUERY,
            "pyspark.sql.connect.dataframe.DataFrame": _QUERY,
            "pyspark.context.SparkContext": _SESSION,
            "pyspark.core.context.SparkContext": _SESSION,
            "pyspark.accumulators.Accumulator": _VALUE,
            "pyspark.broadcast.Broadcast": _VALUE,
            "pyspark.core.broadcast.Broadcast": _VALUE,
            "pyspark.rdd.RDD": _QUERY,
            "pyspark.core.rdd.RDD": _QUERY,
        },
        has_task_keys=True,
    ),
    Library(
        "py4j",
        no_value={
            "py4j.java_gateway.JavaObject": "an object in a Java virtual machine",
            "py4j.java_gateway.JavaGateway": "a connection to a Java virtual machine",
        },
        has_task_keys=True,
    ),
    Library(
        "ray",
        no_value={
            "ray._raylet.ObjectRef": _RESULT,
            "ray._raylet.ObjectRefGenerator": "results on a cluster",
            "ray.ObjectRef": _RESULT,
            "ray.ObjectRefGenerator": "results on a cluster",
            "ray.actor.ActorHandle": _OBJECT,
            "ray.util.placement_group.PlacementGroup": "reserved resources on a cluster",
            "ray.remote_function.RemoteFunction": "a function on a cluster",
        },
    ),
    Library(
        "parsl",
        no_value={
            "parsl.dataflow.futures.AppFuture": "a pending result",
            "parsl.dataflow.dflow.DataFlowKernel": _SESSION,
            "parsl.config.Config": "the configuration of a cluster session",
        },
        housekeeping_draws={"parsl.dataflow.dflow": None},
    ),
    Library(
        "ndcctools",
        no_value={
            "ndcctools.taskvine.manager.Manager": _SESSION,
            "ndcctools.taskvine.task.Task": "a cluster task",
            "ndcctools.taskvine.file.File": "a cluster file",
        },
    ),
    Library(
        "joblib",
        no_value={"joblib.parallel.Parallel": "a worker pool"},
        opens_files="load",
        opens_through_python=True,
    ),
    Library("threadpoolctl", opens_through_python=True),
    Library("cloudpickle", opens_through_python=True),
    Library("psutil", opens_through_python=True, unrepeatable="psutil", tells_machine=True),
)
