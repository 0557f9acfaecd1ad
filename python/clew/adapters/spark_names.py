"""Names of Spark's Java methods, and words in SQL, that decide whether a cell's run can be reused."""

import re
from functools import partial

#: Methods that read files if they return a frame, and write files if they return nothing.
FILES = frozenset(["csv", "json", "load", "orc", "parquet", "save", "text", "xml"])
#: Methods that read from other sources, or without reporting the files.
ELSEWHERE = frozenset(
    [
        "addFile",
        "addJar",
        "addArtifact",
        "binaryFiles",
        "binaryRecords",
        "hadoopFile",
        "hadoopRDD",
        "jdbc",
        "newAPIHadoopFile",
        "newAPIHadoopRDD",
        "objectFile",
        "readStream",
        "sequenceFile",
        "setCheckpointDir",
        "textFile",
        "wholeTextFiles",
        "writeStream",
    ]
)
#: Methods that read a session's tables, views or functions.
ASKS = frozenset(["sql", "table", "call_function", "callUDF", "call_udf"])
#: Methods that change these. What a later cell then finds cannot be determined.
CHANGES = frozenset(
    [
        "catalog",
        "createGlobalTempView",
        "createOrReplaceGlobalTempView",
        "createOrReplaceTempView",
        "createTempView",
        "insertInto",
        "registerJava",
        "registerJavaFunction",
        "registerJavaUDAF",
        "registerPython",
        "registerPythonUDTF",
        "saveAsTable",
        "udf",
        "udtf",
        "writeTo",
    ]
)
#: Functions whose results differ each time; the second set, only if they are called without arguments.
ANEW = frozenset(
    [
        "curdate",
        "current_catalog",
        "current_database",
        "current_date",
        "current_time",
        "current_timestamp",
        "current_user",
        "localtimestamp",
        "now",
        "randstr",
        "session_user",
        "shuffle",
        "uniform",
        "user",
        "uuid",
    ]
)
ANEW_BARE = frozenset(["rand", "randn", "random", "unix_timestamp"])
#: Methods that take SQL texts; lists of texts are filled with `add`, one by one.
SQL = frozenset(["add", "agg", "expr", "filter", "selectExpr", "sql", "where"])
# Compiled at first use, because every kernel imports this module.
asks_in_sql = partial(re.search, r"(?i)\bselect\b|\b(java_method|reflect|try_reflect|input_file_\w+)\s*\(")
anew_in_sql = partial(
    re.search, rf"(?i)\b({'|'.join(sorted(ANEW | ANEW_BARE))})\s*\(|\b(current_\w+|localtimestamp)\b"
)
reads = partial(re.match, r"(?i)\s*[(\s]*(select|with|values|from|show|describe|desc|explain)\b")
