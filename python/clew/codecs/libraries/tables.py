"""Libraries for tables and arrays beside NumPy and pandas, and for files and databases that hold them."""

from __future__ import annotations

from typing import Any

from clew.codecs.library import Library, Summary
from clew.codecs.summaries import MOST_COLUMNS, count


def _of_arrow(value: Any) -> Summary:
    columns = [str(column) for column in value.schema.names[:MOST_COLUMNS]]
    return [value.num_rows, value.num_columns], int(value.nbytes), columns, count(value.num_rows, "row")


def _of_polars(value: Any) -> Summary:
    columns = [str(column) for column in value.columns[:MOST_COLUMNS]]
    return list(value.shape), int(value.estimated_size()), columns, count(value.shape[0], "row")


LIBRARIES = (
    Library(
        "pyarrow",
        codecs={"pyarrow": "arrow"},
        no_value={
            "an open file": "pyarrow.lib.NativeFile pyarrow._parquet.ParquetReader pyarrow.parquet.core.ParquetFile",
            "a stream that can be read only once": "pyarrow.lib.RecordBatchReader",
        },
        summaries={"pyarrow.Table": _of_arrow, "pyarrow.RecordBatch": _of_arrow},
        reads_folders="dataset ParquetDataset read_table read_feather",
    ),
    Library(
        "polars",
        summaries={"polars.DataFrame": _of_polars},
        opens_files="scan_csv scan_parquet",
        reads_folders="scan_parquet scan_csv scan_ipc scan_ndjson scan_delta read_delta",
    ),
    Library(
        "duckdb",
        no_value={
            "a live connection": "_duckdb.DuckDBPyConnection duckdb.DuckDBPyConnection duckdb.duckdb.DuckDBPyConnection",
            "a query on a live connection": "_duckdb.DuckDBPyRelation duckdb.DuckDBPyRelation duckdb.duckdb.DuckDBPyRelation",
        },
        reads_folders="sql execute",
        looks_up={"duckdb": "execute executemany from_query query query_df sql view"},
        queries_variables=True,
    ),
    Library("chdb", looks_up={"chdb": "query sql"}, queries_variables=True),
    Library("numexpr", looks_up={"numexpr": "evaluate re_evaluate validate"}),
    Library(
        "xarray",
        codecs={"xarray": "xarray"},
        opens_files="open_dataset load",
        reads_folders="open_dataset open_mfdataset",
    ),
    Library("zarr", opens_files="open_zarr", reads_folders="open_zarr"),
    Library("datasets", reads_folders="load_from_disk"),
    Library(
        "h5py",
        no_value={"part of an open file": "h5py._hl.base.HLObject h5py.h5g.GroupID"},
    ),
    Library("netCDF4", no_value={"an open file": "netCDF4._netCDF4.Dataset"}),
    Library("psycopg", no_value={"a live connection": "psycopg.Connection"}),
    Library(
        "psycopg2",
        no_value={
            "a live connection": "psycopg2.extensions.connection",
            "a cursor on a live connection": "psycopg2.extensions.cursor",
        },
    ),
    Library(
        "sqlalchemy",
        codecs={"sqlalchemy": "sqlalchemy", "sqlalchemy.orm": "sqlalchemy_orm"},
        registered=dict.fromkeys(("mapper", "manager", "attribute"), "sqlalchemy_orm"),
        no_value={
            "a connection pool": "sqlalchemy.engine.base.Engine",
            "a live connection": "sqlalchemy.engine.base.Connection sqlalchemy.orm.session.Session",
            "an alias of a mapped class": "sqlalchemy.orm.util.AliasedClass sqlalchemy.orm.util.AliasedInsp",
            "a loader option for mapped classes": "sqlalchemy.orm.strategy_options._AbstractLoad",
        },
        # A listener belongs to the object that it listens to, whose value does not contain it.
        setters="listen listens_for compiles",
    ),
)
