"""Long columns of short texts are packed: they come back as they were, and equal ones are equal wherever their texts lie."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from heap import copy, fingerprint

from clew._engine import are_items, items_of, pack_texts, put_items, unpack_texts
from clew.codecs import numpy as codec

MANY = 3 * codec.TEXTS


def of(texts: list[Any], dtype: Any = object) -> np.ndarray[Any, Any]:
    array = np.empty(len(texts), dtype)
    array[:] = texts
    return array


def distinct(number: int = MANY) -> list[str]:
    return [f"text {place}" for place in range(number)]


COLUMNS: dict[str, Callable[[], Any]] = {
    "distinct texts": lambda: of(distinct()),
    "few texts again and again": lambda: of([("Rome", "Oslo", "Ulm")[place % 3] for place in range(MANY)]),
    "no ASCII": lambda: of([("ß", "€", "𝄞", "é" * 20)[place % 4] + str(place) for place in range(MANY)]),
    "surrogates": lambda: of([f"\ud800{place}" for place in range(MANY)]),
    "empty texts": lambda: of(["" if place % 2 else "x" for place in range(MANY)]),
    "zeros in texts": lambda: of(["\0" * (place % 20) for place in range(MANY)]),
    "as long as is packed": lambda: of([f"{place:064}" for place in range(MANY)]),
    "15 and 16 bytes": lambda: of([f"{place:0{15 + place % 2}}" for place in range(MANY)]),
    "missing ones": lambda: of([(None, np.nan, pd.NA, "x")[place % 4] for place in range(MANY)]),
    "only missing ones": lambda: of([None] * MANY),
    "two axes": lambda: of(distinct()).reshape(-1, 3),
    "two axes of Fortran": lambda: np.asfortranarray(of(distinct()).reshape(-1, 3)),
    "every second one": lambda: of(distinct(2 * MANY))[::2],
    "backwards": lambda: of(distinct())[::-1],
    "read-only": lambda: _read_only(of(distinct())),
}
NOT_PACKED: dict[str, Callable[[], Any]] = {
    "a number": lambda: of([*distinct(), 1]),
    "a list": lambda: of([*distinct(), [1]]),
    "bytes": lambda: of([*distinct(), b"x"]),
    "another nan": lambda: of([*distinct(), float("nan")]),
    "a long text": lambda: of([*distinct(), "x" * 65]),
    "a text of a class of its own": lambda: of([*distinct(), np.str_("x")]),
    "few of them": lambda: of(distinct(codec.TEXTS - 1)),
}


def _read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


def is_packed(array: Any) -> bool:
    return codec.array_parts(array).args[0] == "texts"


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back(name: str) -> None:
    array = COLUMNS[name]()
    assert is_packed(array)
    back = copy(array)
    assert (
        back.dtype == array.dtype
        and back.shape == array.shape
        and back.flags.writeable == array.flags.writeable
    )
    pairs = list(zip(array.reshape(-1).tolist(), back.reshape(-1).tolist(), strict=True))
    assert all(type(one) is type(other) for one, other in pairs)
    assert all(one is other if not isinstance(one, str) else one == other for one, other in pairs)


@pytest.mark.parametrize("name", NOT_PACKED)
def test_what_is_not_packed_comes_back_too(name: str) -> None:
    array = NOT_PACKED[name]()
    assert not is_packed(array)
    assert repr(copy(array).tolist()) == repr(array.tolist())


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_frames_with_texts_come_back(storage: str) -> None:
    with pd.option_context("mode.string_storage", storage):
        frame = pd.DataFrame(
            {"n": range(MANY), "city": distinct(), "note": ["late", None, "on time"] * codec.TEXTS}
        )
        frame["object"] = frame["city"].astype(object)
        frame["kind"] = frame["note"].astype("category")
        frame = frame.set_index("city")
    pd.testing.assert_frame_equal(copy(frame), frame)
    # What pandas' own tools do with it works.
    assert copy(frame)["note"].str.upper().value_counts().to_dict() == {
        "LATE": codec.TEXTS,
        "ON TIME": codec.TEXTS,
    }


def test_equal_columns_are_equal_wherever_their_texts_lie() -> None:
    one = of(distinct())
    shared = of([text for text in one.tolist()])
    again = of([str(text.encode(), "utf-8") for text in distinct()])
    assert again[0] is not one[0]
    assert fingerprint(one) == fingerprint(shared) == fingerprint(again)
    few = of(["x", "x"] * codec.TEXTS)
    apart = of(["".join(["x", str(place)])[:1] for place in range(2 * codec.TEXTS)])
    assert fingerprint(few) == fingerprint(apart)


CHANGES: dict[str, Callable[[Any], object]] = {
    "a text": lambda array: array.__setitem__(5, "other"),
    "the last text": lambda array: array.__setitem__(-1, "other"),
    "a text for a missing one": lambda array: array.__setitem__(5, None),
    "two texts in turn": lambda array: array.__setitem__([5, 6], array[[6, 5]]),
    "sorted": lambda array: array.sort(),
    "something else than a text": lambda array: array.__setitem__(5, [1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_though_the_column_was_packed_before(change: str) -> None:
    array = of(distinct()[::-1])
    before = fingerprint(array)
    assert fingerprint(array) == before
    CHANGES[change](array)
    assert fingerprint(array) != before


def test_a_text_that_takes_the_place_of_another_in_memory_is_seen() -> None:
    """A text that an array lets go of frees its memory, and the next one may lie there: the address tells nothing."""
    array = of([f"{place:04}" for place in range(MANY)])
    met = {repr(fingerprint(array))}
    for place in range(200):
        array[7] = f"{place:03}x"
        met.add(repr(fingerprint(array)))
    assert len(met) == 201


def test_a_column_comes_back_with_the_texts_of_a_live_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same texts are not made once more, nor packed to be checked: it is known what these objects are."""
    array = of([None, *distinct()])
    fingerprint(array)
    monkeypatch.setattr(codec, "unpack_texts", lambda *_: pytest.fail("they were made again"))
    monkeypatch.setattr(codec, "pack_texts", lambda *_: pytest.fail("they were packed again"))
    back = copy(array)
    assert back is not array and all(one is other for one, other in zip(array, back, strict=True))
    assert fingerprint(back) == fingerprint(array)
    back[5] = "other"
    assert array[5] == "text 4"


@pytest.mark.parametrize("place", [0, 5, MANY - 1])
def test_a_column_that_differs_in_one_text_comes_back_as_it_was(place: int) -> None:
    array = of(distinct())
    stream = fingerprint(array)
    other = array.copy()
    other[place] = "other"
    assert fingerprint(other) != stream
    assert copy(other).tolist() == other.tolist() and copy(array).tolist() == distinct()


def test_a_copy_is_not_packed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    array = of(distinct())
    first = fingerprint(array)
    monkeypatch.setattr(codec, "pack_texts", lambda *_: pytest.fail("it was packed again"))
    assert fingerprint(array.copy()) == first


def test_texts_of_a_copy_are_let_go_of_with_the_last_array() -> None:
    array = of(distinct())
    kept = array.copy()
    item = array[11]
    fingerprint((array, kept))
    held = sys.getrefcount(item)
    del array
    gc.collect()
    codec.release_texts()
    assert sys.getrefcount(item) == held - 1, "the copy still counts on them"
    del kept
    gc.collect()
    codec.release_texts()
    assert sys.getrefcount(item) == held - 3


def test_texts_are_let_go_of_with_their_array() -> None:
    array = of(distinct())
    fingerprint(array)
    held = [known for known in codec.packed.values() if known.owner() is array]
    assert len(held) == 1
    before = sys.getrefcount(array[11])
    item = array[11]
    del array, held
    gc.collect()
    codec.release_texts()
    assert sys.getrefcount(item) < before
    assert all(known.owner() is not None for known in codec.packed.values())


def test_an_array_that_is_as_it_was_is_not_packed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    array = of(distinct())
    first = fingerprint(array)
    monkeypatch.setattr(codec, "pack_texts", lambda *_: pytest.fail("it was packed again"))
    assert fingerprint(array) == first
    assert fingerprint(array.reshape(-1, 3)) != first


@pytest.mark.parametrize(
    "parts",
    [
        (b"\x01\0\0\0", b"\0\0\0\0\x01\0\0\0", b"a"),
        (b"\0\0\0\0", b"\0\0\0\0\x02\0\0\0", b"a"),
        (b"\0\0\0\0", b"\x01\0\0\0\0\0\0\0", b"a"),
        (b"\0\0\0\0", b"\xff\xff\xff\xff\0\0\0\0", b"a"),
        (b"\xf0\xff\xff\xff", b"\0\0\0\0", b""),
        (b"\0\0\0\x80", b"\0\0\0\0", b""),
        (b"\0\0\0\0", b"", b""),
        (b"\0\0\0\0", b"\0\0\0\0\x01\0\0\0", b"\xff"),
    ],
)
def test_p14_parts_that_do_not_fit_together_are_refused(parts: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises(ValueError):
        unpack_texts(*parts, (None,))


def long_columns() -> dict[str, list[Any]]:
    """Columns that are read by several threads. In most of them texts are taken for distinct from some place on."""
    many = 300_000
    return {
        "distinct": [f"text {place}" for place in range(many)],
        "with missing ones": [None if place % 3 == 0 else f"text {place}" for place in range(many)],
        "distinct, then few": [f"text {place}" if place < 70_000 else "few" for place in range(many)],
        "few, then distinct": ["few" if place < 70_000 else f"text {place}" for place in range(many)],
        "few, later many": [f"text {min(place, place % 1000 + place // 4)}" for place in range(many)],
        "no ASCII": [f"é{place}" if place % 2 else f"€{place}" for place in range(many)],
        "just as long as the beginning": [f"text {place}" for place in range(1 << 16)],
        "one more": [f"text {place}" for place in range((1 << 16) + 1)],
        "few": [f"text {place % 1000}" for place in range(many)],
        "few, and missing ones": [
            None if place % 7 == 0 else f"text {place % 1000}" for place in range(many)
        ],
        "few, and long ones": [f"a text of more than a key {place % 500}" for place in range(many)],
        "as many as are listed": [f"text {place % (1 << 15)}" for place in range(many)],
        "one more than are listed": [f"text {place * 7 % ((1 << 15) + 1)}" for place in range(many)],
        "sorted": [f"text {place // 9:06}" for place in range(many)],
        "sorted, too many at the end": [
            f"text {place // 9 + 40 * (place // 298_000):06}" for place in range(many)
        ],
        "sorted, too many in the middle": [f"text {place // 5:06}" for place in range(many)],
        "others in the second half": [
            f"text {place % 20_000 + 20_000 * (place // (many // 2))}" for place in range(many)
        ],
        "more than are listed, but few in each half": [
            f"text {place * 3 % 16_500 + 16_500 * (place // 182_768)}" for place in range(many)
        ],
    }


@pytest.mark.few(5)
@pytest.mark.parametrize("name", long_columns())
def test_long_columns_are_packed_alike_by_any_number_of_threads(name: str) -> None:
    items = long_columns()[name]
    packed = pack_texts(items, (None,))
    assert packed is not None and unpack_texts(*packed, (None,)) == items
    mask = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mask)})
    try:
        assert pack_texts(items, (None,)) == packed
    finally:
        os.sched_setaffinity(0, mask)
    assert expected(items) == packed


def expected(items: list[Any]) -> tuple[bytes, bytes, bytes]:
    """What the documentation says, in Python."""
    known: dict[str, int] = {}
    texts: list[bytes] = []
    codes: list[int] = []
    for place, item in enumerate(items):
        is_listed = place < 1 << 16 or len(known) <= 1 << 15
        if item is None:
            codes.append(-1)
        elif is_listed and item in known:
            codes.append(known[item])
        else:
            if is_listed:
                known[item] = len(texts)
            codes.append(len(texts))
            texts.append(item.encode())
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    return np.array(codes, np.int32).tobytes(), ends.tobytes(), b"".join(texts)


def test_a_long_column_with_anything_else_in_it_is_not_packed() -> None:
    items: list[Any] = [f"text {place}" for place in range(300_000)]
    for place in (5, 70_000, 299_999):
        assert pack_texts([*items[:place], 1, *items[place:]], (None,)) is None


def test_what_was_packed_is_unpacked() -> None:
    items = ["a", "ab", None, "a", ""]
    packed = pack_texts(items, (None,))
    assert packed is not None and unpack_texts(*packed, (None,)) == items
    assert are_items(of(items), items)
    assert not are_items(of(items), items[::-1]) and not are_items(of(items), items[:-1])


def test_objects_are_taken_from_an_array_and_put_into_one() -> None:
    text = "".join(["a ", "text"])
    before = sys.getrefcount(text)
    items = items_of(of([text, None, text]))
    assert sys.getrefcount(text) == before + 2
    assert items == [text, None, text]
    old = "".join(["an old ", "one"])
    array = of([old] * 3)
    held = sys.getrefcount(old)
    put_items(array, items)
    assert (sys.getrefcount(text), sys.getrefcount(old)) == (before + 4, held - 3)
    assert array.tolist() == items
    del array, items
    assert sys.getrefcount(text) == before
    assert items_of(np.empty(0, object)) == [] and items_of(np.empty(2, object)) == [None, None]


@pytest.mark.parametrize(
    "array",
    [
        np.empty(2, object),
        np.empty(6, object)[::2],
        _read_only(np.empty(3, object)),
        np.empty(3, np.int64),
        np.empty(3, "O,O"),
    ],
)
def test_objects_are_put_where_they_fit(array: Any) -> None:
    with pytest.raises(ValueError):
        put_items(array, ["a", "b", "c"])


def test_the_collector_does_not_look_at_texts_that_are_held() -> None:
    array = of(distinct())
    fingerprint(array)
    held = next(known for known in codec.packed.values() if known.owner() is array)
    assert not gc.is_tracked(held.items)
    assert copy(array).tolist() == distinct()


def test_views_of_one_array_come_back_as_views() -> None:
    base = of(distinct())
    one, other = copy((base, base[10:]))
    assert other[0] == base[10]
    one[10] = "new"
    assert other[0] == "new"
