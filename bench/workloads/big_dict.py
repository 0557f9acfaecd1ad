"""A dict of a million small objects; each run changes one key."""

from __future__ import annotations

from bench.workload import Workload, scaled

EDITS = 10


def make(scale: float) -> Workload:
    """Small lists with string keys. An existing key gets another value each time."""
    count = scaled(1_000_000, scale)
    cells = [f"table['key {(edit * 104_729) % count}'] = [{edit}, 'edited']" for edit in range(EDITS)]
    return Workload(
        "big_dict",
        f"a dict of {count:,} small objects, one key changed a run",
        (f"table = {{f'key {{n}}': [n, n / 7] for n in range({count})}}",),
        tuple(cells),
        ("table",),
    )
