"""Arrow: arrays as the memory windows that they show, tables as their schema and columns.

An array is written from its first element, whatever it is a slice of. Bitmaps that do not start at a byte, and offsets that do not start at
zero, are normalized (a small copy); values are never copied. So equal slices are equal, and a thousand slices of a gigabyte take a
gigabyte. Arrow memory is immutable by contract: two arrays over it need not share it after a load. An array over numpy's memory does share
it, because the windows of both overlap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from clew._engine import Buffer

from . import Codec, NoValue, keyed

# --- types --------------------------------------------------------------------------------------------------


def type_parts(kind: Any) -> Any:
    """Describes a type by its alias, or by the bytes of a schema with one field of that type."""
    alias = str(kind)
    try:
        if pa.type_for_alias(alias) == kind:
            return alias
    except ValueError:
        pass
    return schema_parts(pa.schema([pa.field("", kind)]))


def type_of(parts: Any) -> Any:
    """Returns the type that `type_parts` described."""
    return pa.type_for_alias(parts) if isinstance(parts, str) else schema_of(parts).field(0).type


def schema_parts(schema: Any) -> bytes:
    """Returns a schema in Arrow's own serialization."""
    return bytes(schema.serialize())


def schema_of(parts: bytes) -> Any:
    """Reads a serialized schema."""
    return ipc.read_schema(pa.py_buffer(parts))


# --- arrays -------------------------------------------------------------------------------------------------


def array_parts(array: Any) -> tuple[Any, ...]:
    """Describes an array without its type."""
    kind, length = array.type, len(array)
    if isinstance(kind, pa.BaseExtensionType):
        return ("extension", array_parts(array.storage))
    if pa.types.is_null(kind):
        return ("null", length)
    if pa.types.is_dictionary(kind):
        return ("dictionary", array_parts(array.indices), array_parts(array.dictionary))
    if pa.types.is_struct(kind):
        fields = tuple(array_parts(array.field(index)) for index in range(kind.num_fields))
        return ("struct", length, _validity(array), fields)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        offsets, first, last = _offsets(array)
        return (
            "list",
            length,
            _validity(array),
            offsets,
            array_parts(array.values.slice(first, last - first)),
        )
    if pa.types.is_fixed_size_list(kind):
        inner = array.values.slice(array.offset * kind.list_size, length * kind.list_size)
        return ("fixed list", length, _validity(array), array_parts(inner))
    if _is_text(kind):
        offsets, first, last = _offsets(array)
        return ("text", length, _validity(array), offsets, _window(array.buffers()[2], first, last))
    if pa.types.is_boolean(kind):
        return ("bits", length, _validity(array), _bits(array.buffers()[1], array.offset, length))
    width = _width(kind)
    if width == 0:
        return ("message", _message(array))
    start = array.offset * width
    return ("fixed", length, _validity(array), _window(array.buffers()[1], start, start + length * width))


def array_of(kind: Any, parts: tuple[Any, ...]) -> Any:
    """Returns the array of that type which `array_parts` described."""
    match parts:
        case ("extension", inner):
            return pa.ExtensionArray.from_storage(kind, array_of(kind.storage_type, inner))
        case ("null", length):
            return pa.nulls(length)
        case ("dictionary", indices, dictionary):
            inner = array_of(kind.index_type, indices)
            values = array_of(kind.value_type, dictionary)
            return pa.DictionaryArray.from_arrays(inner, values, ordered=kind.ordered, safe=False)
        case ("struct", length, validity, fields):
            inner = [array_of(kind.field(index).type, field) for index, field in enumerate(fields)]
            return _array(kind, length, [validity], inner)
        case ("list", length, validity, offsets, inner):
            field = kind.field(0) if pa.types.is_map(kind) else kind.value_field
            return _array(kind, length, [validity, offsets], [array_of(field.type, inner)])
        case ("fixed list", length, validity, inner):
            return _array(kind, length, [validity], [array_of(kind.value_type, inner)])
        case ("text", length, validity, offsets, data):
            return _array(kind, length, [validity, offsets, b"" if data is None else data])
        case ("bits" | "fixed", length, validity, data):
            return _array(kind, length, [validity, b"" if data is None else data])
        case ("message", message):
            return ipc.open_stream(pa.py_buffer(message)).read_next_batch().column(0)
    raise ValueError(f"{parts[:1]!r} does not describe an array")


def _array(kind: Any, length: int, buffers: list[Any], children: list[Any] | None = None) -> Any:
    shown = [None if buffer is None else pa.py_buffer(buffer) for buffer in buffers]
    return pa.Array.from_buffers(kind, length, shown, children=children)


def _is_text(kind: Any) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def _width(kind: Any) -> int:
    """Returns the bytes of an element; 0 if the array has more than one buffer of plain elements."""
    if kind.num_fields or kind.num_buffers != 2:
        return 0
    try:
        return int(kind.bit_width) // 8
    except ValueError:
        return 0


def _window(buffer: Any, start: int, end: int) -> Any:
    if buffer is None or start == end:
        return None
    if not buffer.is_cpu:
        raise NoValue("pyarrow: memory on a device")
    return Buffer(buffer.slice(start, end - start), 0, True)


def _validity(array: Any) -> Any:
    if array.null_count == 0:
        return None
    return _bits(array.buffers()[0], array.offset, len(array))


def _bits(buffer: Any, offset: int, length: int) -> Any:
    if buffer is None or length == 0:
        return None
    if offset % 8 == 0:
        return _window(buffer, offset // 8, (offset + length + 7) // 8)
    data = np.frombuffer(buffer, np.uint8)[offset // 8 : (offset + length + 7) // 8]
    bits = np.unpackbits(data, bitorder="little")[offset % 8 : offset % 8 + length]
    return Buffer(np.packbits(bits, bitorder="little"), 0, True)


def _offsets(array: Any) -> tuple[Any, int, int]:
    """Returns the offsets, shifted to begin at zero, and their original first and last values."""
    large = pa.types.is_large_list(array.type) or str(array.type).startswith("large")
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return bytes(8 if large else 4), 0, 0
    width = 8 if large else 4
    found = np.frombuffer(buffer, np.int64 if large else np.int32)[
        array.offset : array.offset + len(array) + 1
    ]
    first, last = int(found[0]), int(found[-1])
    if first:
        return Buffer(found - found.dtype.type(first), 0, True), first, last
    return _window(buffer, array.offset * width, (array.offset + len(array) + 1) * width), first, last


def _message(array: Any) -> Any:
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([pa.concat_arrays([array])], names=[""])
    with ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return Buffer(sink.getvalue(), 0, True)


# --- tables and the rest ------------------------------------------------------------------------------------


def chunks_parts(chunked: Any) -> tuple[Any, ...]:
    """Describes a chunked array without its type."""
    return tuple(array_parts(chunk) for chunk in chunked.chunks)


def chunks_of(kind: Any, parts: tuple[Any, ...]) -> Any:
    """Returns the chunked array of that type which `chunks_parts` described."""
    return pa.chunked_array([array_of(kind, chunk) for chunk in parts], kind)


def _encode_array(array: Any) -> tuple[Any, ...]:
    return type_parts(array.type), array_parts(array)


def _decode_array(parts: tuple[Any, ...]) -> Any:
    return array_of(type_of(parts[0]), parts[1])


def _encode_chunked(chunked: Any) -> tuple[Any, ...]:
    return type_parts(chunked.type), chunks_parts(chunked)


def _decode_chunked(parts: tuple[Any, ...]) -> Any:
    return chunks_of(type_of(parts[0]), parts[1])


def _encode_table(table: Any) -> tuple[Any, ...]:
    return schema_parts(table.schema), tuple(chunks_parts(column) for column in table.columns)


def _decode_table(parts: tuple[Any, ...]) -> Any:
    schema = schema_of(parts[0])
    columns = [chunks_of(field.type, column) for field, column in zip(schema, parts[1], strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def _encode_batch(batch: Any) -> tuple[Any, ...]:
    return schema_parts(batch.schema), tuple(array_parts(column) for column in batch.columns)


def _decode_batch(parts: tuple[Any, ...]) -> Any:
    schema = schema_of(parts[0])
    columns = [array_of(field.type, column) for field, column in zip(schema, parts[1], strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _encode_buffer(buffer: Any) -> tuple[Any, ...]:
    if not buffer.is_cpu:
        raise NoValue("pyarrow.Buffer: memory on a device")
    return buffer.is_mutable, Buffer(buffer, 0, not buffer.is_mutable) if buffer.size else None


def _decode_buffer(parts: tuple[Any, ...]) -> Any:
    mutable, memory = parts
    if memory is None:
        return pa.py_buffer(bytearray() if mutable else b"")
    return pa.py_buffer(memory if mutable else memory.toreadonly())


def _encode_scalar(value: Any) -> tuple[Any, ...]:
    return _encode_array(pa.array([value], value.type))


def _decode_scalar(parts: tuple[Any, ...]) -> Any:
    return _decode_array(parts)[0]


_ARRAY = Codec("arrow.Array", _encode_array, _decode_array, immutable=True)
_SCALAR = Codec("arrow.Scalar", _encode_scalar, _decode_scalar, immutable=True)
_TYPE = Codec(
    "arrow.DataType", lambda value: (type_parts(value),), lambda parts: type_of(parts[0]), immutable=True
)
NAMED = keyed(
    _ARRAY,
    _SCALAR,
    _TYPE,
    Codec("arrow.ChunkedArray", _encode_chunked, _decode_chunked, immutable=True),
    Codec("arrow.Table", _encode_table, _decode_table, immutable=True),
    Codec("arrow.RecordBatch", _encode_batch, _decode_batch, immutable=True),
    Codec("arrow.Buffer", _encode_buffer, _decode_buffer),
    Codec(
        "arrow.Schema",
        lambda value: (schema_parts(value),),
        lambda parts: schema_of(parts[0]),
        immutable=True,
    ),
    Codec(
        "arrow.Field",
        lambda value: (schema_parts(pa.schema([value])),),
        lambda parts: schema_of(parts[0]).field(0),
        immutable=True,
    ),
)


def _kinds(base: type) -> list[type]:
    return [kind for kind in vars(pa.lib).values() if isinstance(kind, type) and issubclass(kind, base)]


CODECS: dict[type, Codec] = {
    **dict.fromkeys(_kinds(pa.Array), _ARRAY),
    **dict.fromkeys(_kinds(pa.Scalar), _SCALAR),
    **dict.fromkeys(_kinds(pa.DataType), _TYPE),
    **{
        getattr(pa, name): NAMED[name] for name in ("ChunkedArray", "Table", "RecordBatch", "Schema", "Field")
    },
    **dict.fromkeys(_kinds(pa.Buffer), NAMED["Buffer"]),
}
