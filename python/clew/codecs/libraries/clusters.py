"""Libraries that run tasks: on clusters, in other processes, on other threads."""

from __future__ import annotations

from clew.codecs.library import Library

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
            "pending results on a cluster": "distributed.client.as_completed",
            "a client of a cluster": "distributed.client.Client",
            "a pending result on a cluster": "distributed.client.Future",
            "a cluster": "distributed.deploy.cluster.Cluster",
            "an object on a cluster": "distributed.actor.Actor",
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
            "a cluster session": "pyspark.sql.session.SparkSession pyspark.sql.connect.session.SparkSession "
            "pyspark.context.SparkContext pyspark.core.context.SparkContext",
            "part of a query on a cluster": "pyspark.sql.classic.column.Column pyspark.sql.connect.column.Column",
            "a query on a cluster": "pyspark.sql.group.GroupedData pyspark.sql.connect.group.GroupedData "
            "pyspark.sql.dataframe.DataFrame pyspark.sql.classic.dataframe.DataFrame pyspark.sql.connect.dataframe.DataFrame "
            "pyspark.rdd.RDD pyspark.core.rdd.RDD",
            "a value on a cluster": "pyspark.accumulators.Accumulator pyspark.broadcast.Broadcast pyspark.core.broadcast.Broadcast",
        },
        has_task_keys=True,
    ),
    Library(
        "py4j",
        no_value={
            "an object in a Java virtual machine": "py4j.java_gateway.JavaObject",
            "a connection to a Java virtual machine": "py4j.java_gateway.JavaGateway",
        },
        has_task_keys=True,
    ),
    Library(
        "ray",
        no_value={
            "a result on a cluster": "ray._raylet.ObjectRef ray.ObjectRef",
            "results on a cluster": "ray._raylet.ObjectRefGenerator ray.ObjectRefGenerator",
            "an object on a cluster": "ray.actor.ActorHandle",
            "reserved resources on a cluster": "ray.util.placement_group.PlacementGroup",
            "a function on a cluster": "ray.remote_function.RemoteFunction",
        },
    ),
    Library(
        "parsl",
        no_value={
            "a pending result": "parsl.dataflow.futures.AppFuture",
            "a cluster session": "parsl.dataflow.dflow.DataFlowKernel",
            "the configuration of a cluster session": "parsl.config.Config",
        },
        housekeeping_draws={"parsl.dataflow.dflow": None},
    ),
    Library(
        "ndcctools",
        no_value={
            "a cluster session": "ndcctools.taskvine.manager.Manager",
            "a cluster task": "ndcctools.taskvine.task.Task",
            "a cluster file": "ndcctools.taskvine.file.File",
        },
    ),
    Library(
        "joblib",
        no_value={"a worker pool": "joblib.parallel.Parallel"},
        opens_files="load",
        opens_through_python=True,
    ),
    Library("psutil", opens_through_python=True, unrepeatable="psutil", tells_machine=True),
)
