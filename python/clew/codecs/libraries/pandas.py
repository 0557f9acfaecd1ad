"""pandas."""

from __future__ import annotations

from typing import Any

from clew.codecs.library import Library, Summary
from clew.codecs.summaries import MOST_COLUMNS, count, members_size


def _of_frame(value: Any) -> Summary:
    columns = [str(column) for column in value.columns[:MOST_COLUMNS]]
    size = int(value.memory_usage(index=True, deep=False).sum())
    size += sum(
        members_size(value.iloc[:, column].array)
        for column, dtype in enumerate(value.dtypes)
        if _has_objects(dtype)
    )
    text = f"{count(value.shape[0], 'row')}, {count(value.shape[1], 'column')}"
    return list(value.shape), size, columns, text


def _of_column(value: Any) -> Summary:
    size = int(value.nbytes) + (members_size(value.array) if _has_objects(value.dtype) else 0)
    return list(value.shape), size, [], f"{value.dtype}, {count(len(value), 'value')}"


def _has_objects(dtype: Any) -> bool:
    """Returns whether pandas stores values of this dtype as Python objects."""
    return str(dtype) == "object" or getattr(dtype, "storage", None) == "python"


LIBRARIES = (
    Library(
        "pandas",
        codecs={"pandas": "pandas"},
        no_value={
            "an open file": "pandas.io.pytables.HDFStore pandas.io.excel._base.ExcelWriter pandas.io.excel._base.ExcelFile pandas.io.parsers.readers.TextFileReader"
        },
        summaries={
            "pandas.DataFrame": _of_frame,
            "pandas.Series": _of_column,
            "pandas.Index": _of_column,
            "pandas.RangeIndex": _of_column,
        },
        opens_files="read_csv read_table read_parquet read_json read_excel read_pickle read_feather read_hdf read_fwf read_orc "
        "read_xml read_stata read_sas",
        reads_folders="read_parquet read_table read_feather read_orc",
        opens_through_python=True,
        opens_below_python="read_parquet read_feather read_orc read_hdf HDFStore read_xml read_sql read_sql_query read_sql_table",
        takes_dates="Timestamp to_datetime date_range bdate_range period_range Period DatetimeIndex Series",
        unrepeatable="pandas.Timestamp.now pandas.Timestamp.today pandas.Timestamp.utcnow",
        options="options option_context get_option set_option",
        options_modules="pandas._config.config",
        looks_up={"pandas": "eval"},
        takes_formulas="eval query",
        takes_frames="core/common.py",
        keeps_no_settings=True,
        restored_setters="register_",
    ),
)
