"""Frames of a store, written by the letter of docs/format.md: what another version of Clew would leave."""

from __future__ import annotations

import struct

FILE = 1
"""The kind of the first frame of every file."""

MASK = (1 << 64) - 1

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)


def frame(kind: int, payload: bytes) -> bytes:
    """A raw frame without a meta section, whose payload nothing refers to by an id."""
    lengths = struct.pack("<IIQQ", 0, 0, len(payload), len(payload))
    header = b"\xc1clw" + bytes([1, kind, 0, 0]) + lengths + bytes(32)
    header += struct.pack("<QQ", xxh3(b""), xxh3(payload))
    return header + struct.pack("<Q", xxh3(header)) + payload


def store_description(format: int) -> bytes:
    """The record `{"store": {"format": n}}` in MessagePack, for numbers below 128."""
    return b"\x81\xa5store\x81\xa6format" + bytes([format])


def xxh3(data: bytes) -> int:
    """XXH3-64 of nothing, or of 9 to 128 bytes."""
    length = len(data)
    if length == 0:
        return avalanche64(word(SECRET, 56) ^ word(SECRET, 64))
    assert 9 <= length <= 128
    if length <= 16:
        low = word(data, 0) ^ word(SECRET, 24) ^ word(SECRET, 32)
        high = word(data, length - 8) ^ word(SECRET, 40) ^ word(SECRET, 48)
        turned = int.from_bytes(low.to_bytes(8, "little"), "big")
        return avalanche(length + turned + high + folded(low, high))
    total = length * 0x9E3779B185EBCA87
    for nth in range((length - 1) // 32 + 1):
        total += mixed(data, 16 * nth, 32 * nth) + mixed(data, length - 16 * (nth + 1), 32 * nth + 16)
    return avalanche(total)


def mixed(data: bytes, at: int, secret: int) -> int:
    return folded(word(data, at) ^ word(SECRET, secret), word(data, at + 8) ^ word(SECRET, secret + 8))


def folded(one: int, other: int) -> int:
    product = one * other
    return (product & MASK) ^ (product >> 64)


def avalanche(value: int) -> int:
    value &= MASK
    value = (value ^ value >> 37) * 0x165667919E3779F9 & MASK
    return value ^ value >> 32


def avalanche64(value: int) -> int:
    value = (value ^ value >> 33) * 0xC2B2AE3D27D4EB4F & MASK
    value = (value ^ value >> 29) * 0x165667B19E3779F9 & MASK
    return value ^ value >> 32


def word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")
