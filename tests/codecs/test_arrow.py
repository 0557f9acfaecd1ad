"""Arrow arrays, tables, types and scalars come back as they were."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest
from heap import Stored, copy, fingerprint

ARRAYS = {
    "numbers": pa.array([1, None, 3]),
    "floats": pa.array([1.5, 2.5]),
    "bits": pa.array([True, None, False] * 5),
    "text": pa.array(["a", None, "bcd", ""]),
    "large text": pa.array(["a", None], pa.large_string()),
    "bytes": pa.array([b"a", b"bc"]),
    "fixed bytes": pa.array([b"ab", None], pa.binary(2)),
    "moments": pa.array([datetime.datetime(2020, 1, 1)], pa.timestamp("us", "UTC")),
    "days": pa.array([datetime.date(2020, 1, 1)]),
    "decimals": pa.array([decimal.Decimal("1.50")]),
    "dictionary": pa.array(["a", "b", "a", None]).dictionary_encode(),
    "lists": pa.array([[1, 2], None, [], [3]]),
    "large lists": pa.array([[1, 2], None], pa.large_list(pa.int8())),
    "fixed lists": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
    "structs": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}]),
    "maps": pa.array([[("a", 1)], None, [("b", 2), ("c", 3)]], pa.map_(pa.string(), pa.int64())),
    "nulls": pa.nulls(3),
    "nested": pa.array([[{"a": ["x"]}], None, [{"a": None}, {"a": ["y", "z"]}]]),
    "views": pa.array(["a", "b" * 30], pa.string_view()),
    "unions": pa.UnionArray.from_sparse(
        pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]
    ),
    "run ends": pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef"], pa.binary(16))),
    "empty": pa.array([], pa.string()),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_array_comes_back(name):
    array = ARRAYS[name]
    back = copy(array)
    assert back.type == array.type and back.equals(array) and back.to_pylist() == array.to_pylist()
    back.validate(full=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_slices_come_back_and_are_equal_to_what_they_show(name):
    array = ARRAYS[name]
    part = array.slice(1)
    back = copy(part)
    back.validate(full=True)
    assert back.to_pylist() == part.to_pylist()


def test_a_slice_is_as_long_as_what_it_shows():
    stored = Stored()
    stored.walk(pa.array(np.arange(10_000)).slice(5_000, 10))
    assert sum(buffer.view.nbytes for buffer in stored.buffers) == 80


def test_tables_batches_and_schemas():
    table = pa.table({"a": [1, 2, None], "b": ["x", "y", "z"]}, metadata={"k": "v"})
    table = pa.concat_tables([table, table.slice(1)])
    back = copy(table)
    assert back.equals(table, check_metadata=True) and back.column(0).num_chunks == 2
    batch = table.to_batches()[0]
    assert copy(batch).equals(batch)
    assert copy([table.schema])[0].equals(table.schema, check_metadata=True)
    assert copy([table.schema.field(0)])[0] == table.schema.field(0)
    for kind in [pa.int8(), pa.timestamp("ns", "UTC"), pa.struct([("a", pa.list_(pa.int8()))])]:
        assert copy([kind])[0] == kind


def test_scalars():
    for value in [pa.scalar(3), pa.scalar("a"), pa.scalar([1, None]), pa.scalar(None, pa.int8())]:
        assert copy([value])[0].equals(value)


def test_table_over_an_array_goes_on_sharing():
    array = np.arange(5.0)
    array2, table = copy([array, pa.table({"a": pa.array(array)})])
    array2[1] = 50
    assert table.column(0)[1].as_py() == 50


def test_tables_that_share_memory_stay_apart_in_the_walk():
    table = pa.table({"a": [1, 2, 3]})
    first, second = copy([table, table.slice(1)])
    assert first.equals(table) and second.equals(table.slice(1))
    assert fingerprint(table.slice(1)) == fingerprint(pa.table({"a": [2, 3]}))


def test_buffers():
    memory = bytearray(b"abcdef")
    back = copy(pa.py_buffer(memory))
    assert back.to_pybytes() == b"abcdef" and back.is_mutable
    assert not copy(pa.py_buffer(b"abc")).is_mutable
