"""Arrays, scalars, dtypes and generators come back as they were."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
from heap import Stored, copy, fingerprint

STRUCTURED = np.dtype([("a", "i4"), ("b", "f8", (2,)), ("c", "U3")])
WITH_OBJECTS = np.array([(1, [1]), (2, "x")], dtype=[("a", "i4"), ("b", "O")])


def read_only(array):
    array.flags.writeable = False
    return array


def long_doubles() -> np.ndarray:
    """Nobody sets the last six of their sixteen bytes: they are 0 here, so that what is found out does not depend on them."""
    array = np.array([1, 2], "g")
    array.view("u1").reshape(2, -1)[:, 10:] = 0
    return array


ARRAYS = {
    "floats": np.arange(6.0).reshape(2, 3).copy(),
    "fortran order": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "three axes moved": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "backwards": np.arange(10)[::-2],
    "zero dimensions": np.array(5.5),
    "nothing in it": np.empty((0, 3), "i2"),
    "nothing wide": np.empty((3,), "V0"),
    "big endian": np.arange(3, dtype=">i4"),
    "dates": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "spans": np.array([1, 2], "m8[ns]"),
    "text": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "bools": np.array([True, False]),
    "halves": np.array([1, 2], "f2"),
    "complex": np.array([1j, 2]),
    "long doubles": long_doubles(),
    "structured": np.zeros(2, STRUCTURED),
    "aligned": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "structured with objects": WITH_OBJECTS,
    "objects": np.array([1, "a", None, [1, 2]], dtype=object),
    "objects in two axes": np.array([[1, "a"], [None, 2.5]], dtype=object, order="F"),
    "objects that are arrays": np.fromiter([np.array(5), np.arange(2)], object, count=2),
    "read-only": read_only(np.arange(3)),
    "broadcast": np.broadcast_to(np.arange(3), (2, 3)),
    "matrix": np.matrix([[1, 2], [3, 4]]),
    "record": np.rec.array([(1, 2.0), (3, 4.0)], dtype=[("x", "i4"), ("y", "f8")]),
    "over bytes": np.frombuffer(b"abcdefgh", "i4"),
    "arena of strings": np.array(["a", "b" * 100], dtype=np.dtypes.StringDType()),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_array_comes_back(name):
    array = ARRAYS[name]
    back = copy(array)
    assert type(back) is type(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.flags.writeable == array.flags.writeable
    assert back.tolist() == array.tolist() if array.dtype.kind not in "MmOV" else str(back) == str(array)
    if array.size and not array.dtype.hasobject:
        assert back.strides == array.strides


def test_views_share_and_know_their_base():
    a = np.arange(10)
    b, c, d = copy([a, a[2:5], a[::-2]])
    b[4] = 99
    assert c.tolist() == [2, 3, 99]
    assert c.base is b and d.base is b


def test_hidden_base_comes_along():
    a, b = (np.arange(10).reshape(2, 5),) * 2
    x, y = copy([a[0], b[0, 1:]])
    x[1] = 77
    assert y[0] == 77


def test_views_of_objects_share():
    a = np.array([1, "a", None, 4], dtype=object)
    x, y, z = copy([a, a[1:3], a.reshape(2, 2).T])
    x[2] = "new"
    assert y.tolist() == ["a", "new"] and z[0, 1] == "new"


def test_array_over_a_bytearray_shares_with_another():
    memory = bytearray(16)
    x, y = copy([np.frombuffer(memory, "i4"), np.frombuffer(memory, "i8")])
    x[0] = 5
    assert y[0] == 5


def test_an_iterator_over_an_array_goes_on_over_the_same_array():
    a = np.arange(6).reshape(2, 3).copy()
    flat, items, used = a.flat, np.ndenumerate(a), a.flat
    next(flat), next(items), list(used)
    b, x, y, z = copy([a, flat, items, used])
    assert x.base is b and x.index == 1 and z.index == 6
    b[0, 1] = 99
    assert next(x) == 99 and next(y) == ((0, 1), 99) and list(z) == []


def test_arrays_that_are_broadcast_together_are_the_same_arrays():
    a, ones = np.arange(3), np.ones((2, 1))
    both = np.broadcast(a, ones)
    next(both)
    b, x = copy([a, both])
    b[1] = 99
    assert x.index == 1 and x.shape == (2, 3) and next(x) == (99, 1.0)


def test_the_address_of_an_array_is_that_of_the_same_array():
    a = np.arange(3)
    b, x = copy([a, a.ctypes])
    assert x.data == b.ctypes.data


def test_array_in_itself():
    a = np.empty(2, object)
    a[0] = a
    back = copy(a)
    assert back[0] is back


def test_windows_over_strides():
    a = np.arange(6)
    x, y = copy([a, np.lib.stride_tricks.sliding_window_view(a, 3)])
    x[3] = 50
    assert y[1, 2] == 50 and y.shape == (4, 3)


def test_masked_array_keeps_mask_and_hardness():
    a = np.ma.array([1, 2, 3], mask=[0, 1, 0], hard_mask=True, fill_value=9)
    back = copy(a)
    assert back.mask.tolist() == [False, True, False] and back.hardmask and back.fill_value == 9
    back[1] = 5
    assert back[1] is np.ma.masked


def test_printing_a_masked_array_changes_nothing():
    a = np.ma.array([1.5, 2], mask=[0, 1])
    before = fingerprint(a)
    repr(a), a.fill_value
    assert fingerprint(a) == before
    assert copy([np.ma.masked])[0] is np.ma.masked


def test_masked_array_shares_its_data():
    a = np.arange(3)
    x, y = copy([a, np.ma.array(a, copy=False, mask=[1, 0, 0])])
    x[1] = 9
    assert y[1] == 9


class Tagged(np.ndarray):
    def __array_finalize__(self, other):
        self.tag = getattr(other, "tag", None)


def test_subclass_keeps_its_attributes():
    a = np.arange(3).view(Tagged)
    a.tag = ["x"]
    back = copy(a)
    assert type(back) is Tagged and back.tag == ["x"] and back.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "scalar",
    [
        np.float64(1.5),
        np.float32(0.1),
        np.int8(-3),
        np.bool_(True),
        np.str_("ab"),
        np.bytes_(b"ab"),
        np.complex64(1j),
    ]
    + [np.datetime64("2020-01-01T01"), np.timedelta64(3, "h"), np.longdouble(1) / 3, np.uint64(2**63)],
    ids=lambda scalar: type(scalar).__name__,
)
def test_scalar_comes_back(scalar):
    back = copy([scalar])[0]
    assert type(back) is type(scalar) and back == scalar and back.dtype == scalar.dtype


def test_row_of_a_structured_array_is_a_view():
    a = np.zeros(2, STRUCTURED)
    rows, row = copy([a, a[1]])
    row["a"] = 7
    assert rows[1]["a"] == 7


DTYPES = [
    "f8",
    ">i2",
    "M8[3h]",
    "U5",
    "O",
    STRUCTURED,
    np.dtype(("i4", (2, 3))),
    np.dtype("f8", metadata={"a": [1]}),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtype_comes_back(dtype):
    dtype = np.dtype(dtype)
    back = copy([dtype])[0]
    assert back == dtype and back.metadata == dtype.metadata and back.alignment == dtype.alignment


def test_generators_go_on_where_they_were():
    made = [np.random.default_rng(1), np.random.Generator(np.random.MT19937(3)), np.random.RandomState(5)]
    for generator in made:
        generator.standard_normal(3)
        back = copy(generator)
        assert back.standard_normal(4).tolist() == generator.standard_normal(4).tolist()


def test_generators_spawn_the_same_children():
    generator = np.random.default_rng(1)
    generator.spawn(2)
    back = copy(generator)
    assert back.spawn(1)[0].random() == generator.spawn(1)[0].random()


def test_two_generators_over_one_stream():
    bits = np.random.PCG64(1)
    x, y = copy([np.random.Generator(bits), np.random.Generator(bits)])
    assert x.bit_generator is y.bit_generator


def test_the_global_generator_is_itself():
    state = np.random.mtrand._rand
    assert copy([state])[0] is state
    assert copy([np.random.rand])[0].__self__ is state


def test_ufuncs_are_themselves():
    import scipy.special

    assert copy([np.sin, scipy.special.expit]) == [np.sin, scipy.special.expit]


def test_small_things_come_back():
    poly = copy(np.polynomial.Polynomial([1, 2, 3]))
    assert poly(2) == 17
    assert copy(np.poly1d([1, 2]))(3) == 5
    assert copy(np.vectorize(len))(["ab", "c"]).tolist() == [2, 1]


def test_mapped_files_have_no_value(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(4096))
    mapped = np.memmap(path, "i4", "r+")
    for value in (mapped, np.asarray(mapped), mapped[2:]):
        with pytest.raises(Exception, match="mapped from a file"):
            fingerprint(value)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        array = np.frombuffer(mapping, "i4")
        with pytest.raises(Exception, match="mapped from a file"):
            fingerprint(array)
        del array


def test_plain_arrays_need_no_code():
    stored = Stored()
    stored.walk([np.arange(3), np.zeros(2, STRUCTURED)])
    assert stored.native
