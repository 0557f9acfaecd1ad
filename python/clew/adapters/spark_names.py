"""Names of what Spark is asked for that decides whether a cell need not run again, as Java's methods are called, and words in SQL."""

import re
from functools import partial

#: Reads files where it gives a frame, writes them where it gives nothing.
FILES = frozenset(["csv", "json", "load", "orc", "parquet", "save", "text", "xml"])
#: Reads from elsewhere, or in a way that does not tell the files.
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
#: Asks for what a session has of its own.
ASKS = frozenset(["sql", "table", "call_function", "callUDF", "call_udf"])
#: Changes that: nobody knows what a later cell finds there.
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
#: Gives something else each time, and what does so where it is given nothing.
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
#: What takes texts in SQL; lists are filled one by one.
SQL = frozenset(["add", "agg", "expr", "filter", "selectExpr", "sql", "where"])
# These are compiled when they are first needed: every kernel imports this.
asks_in_sql = partial(re.search, r"(?i)\bselect\b|\b(java_method|reflect|try_reflect|input_file_\w+)\s*\(")
anew_in_sql = partial(
    re.search, rf"(?i)\b({'|'.join(sorted(ANEW | ANEW_BARE))})\s*\(|\b(current_\w+|localtimestamp)\b"
)
reads = partial(re.match, r"(?i)\s*[(\s]*(select|with|values|from|show|describe|desc|explain)\b")
