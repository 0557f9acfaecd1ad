"""pandas."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from clew.codecs.library import Library, Summary

if TYPE_CHECKING:
    from clew.roots.setting import Setting

_MOST_COLUMNS = 50


def _of_frame(value: Any) -> Summary:
    from clew.summary import count, members_size

    columns = [str(column) for column in value.columns[:_MOST_COLUMNS]]
    size = int(value.memory_usage(index=True, deep=False).sum())
    size += sum(
        members_size(value.iloc[:, column].array)
        for column, dtype in enumerate(value.dtypes)
        if _has_objects(dtype)
    )
    text = f"{count(value.shape[0], 'row')}, {count(value.shape[1], 'column')}"
    return list(value.shape), size, columns, text


def _of_column(value: Any) -> Summary:
    from clew.summary import count, members_size

    size = int(value.nbytes) + (members_size(value.array) if _has_objects(value.dtype) else 0)
    return list(value.shape), size, [], f"{value.dtype}, {count(len(value), 'value')}"


def _has_objects(dtype: Any) -> bool:
    """Whether pandas keeps values of this dtype as Python objects."""
    return str(dtype) == "object" or getattr(dtype, "storage", None) == "python"


def _changed_options() -> Iterator[tuple[str, Any]]:
    from clew.roots.options import differs

    config: Any = sys.modules.get("pandas._config.config")
    for name, option in list(getattr(config, "_registered_options", {}).items()):
        value: Any = config._global_config
        for part in name.split("."):
            value = value[part]
        if differs(value, option.defval):
            yield name, value


def _set_option(shell: Any, name: str, value: Any) -> None:
    import pandas as pd
    from pandas._config import config

    from clew.roots.root import MISSING

    pd.set_option(name, config._registered_options[name].defval if value is MISSING else value)


def _formatters() -> Iterable[Any]:
    config: Any = getattr(sys.modules.get("pandas._config.config"), "_global_config", {})
    return (config.get("display", {}).get("float_format"),)


def _settings() -> tuple[Setting, ...]:
    from clew.roots.interpreter import entries
    from clew.roots.setting import Setting, nothing, words_like

    return (
        entries(
            "pandas dtypes",
            lambda shell: sys.modules["pandas.core.dtypes.base"]._registry.dtypes,
            "register_extension_dtype",
            module="pandas.core.dtypes.base",
        ),
        Setting(
            "pandas accessors",
            _accessors,
            _write_accessors,
            "pandas.core.accessor",
            words_like("accessor"),
            nothing,
        ),
    )


def _accessors(shell: Any) -> Any:
    """Accessors of the notebook's, by the class of pandas and their name."""
    from clew.roots.root import MISSING
    from clew.roots.setting import is_users

    found = []
    for kind in ("DataFrame", "Series", "Index"):
        for name, one in list(vars(getattr(sys.modules["pandas"], kind)).items()):
            made = getattr(one, "_accessor", None) if type(one).__module__ == "pandas.core.accessor" else None
            if made is not None and is_users(made):
                found.append((kind, name, made))
    return tuple(found) or MISSING


def _write_accessors(shell: Any, value: Any) -> None:
    import pandas as pd
    from pandas.core import accessor

    from clew.roots.root import MISSING

    wrapped: Any = getattr(accessor, "Accessor", None) or accessor.CachedAccessor
    for kind, name, _ in () if (now := _accessors(shell)) is MISSING else now:
        delattr(getattr(pd, kind), name)
        getattr(pd, kind)._accessors.discard(name)
    for kind, name, made in value:
        setattr(getattr(pd, kind), name, wrapped(name, made))
        getattr(pd, kind)._accessors.add(name)


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
        settings=_settings,
        changed_options=_changed_options,
        set_option=_set_option,
        formatters=_formatters,
        keeps_no_settings=True,
        restored_setters="register_",
    ),
)
