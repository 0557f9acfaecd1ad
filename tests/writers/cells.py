"""What the kernels run: cells told by numbers, each of which prints what it left, so that anyone can hold it against that."""

from __future__ import annotations

import re

DIFFERENT = 12
"""So many contents there are: most are stored already, by another kernel, when they are made again."""

#: Whatever a move took away is made anew: a terminal may undo back to the beginning at any moment.
STEP = """
import numpy as np
if 'items' not in globals() or 'Tally' not in globals():
    items = []
    alias = items
    array = np.zeros(60_000)
    class Tally:
        count = 0
step = {step}
items.append([{step}])
array[{at}:{at} + 2000] = {step}
Tally.count += 1
shared = np.full(40_000, {content}) + np.arange(40_000) * {content}
scrap = np.full(30_000, {step} % 40 + 0.5)
print('LEFT', {read})
"""
#: `scrap` is not read: a terminal forgets it. Its bytes are those of other kernels' too.
READ = (
    "repr((step, len(items), items[-3:], alias is items, float(array.sum()), Tally.count, "
    "float(shared.sum()), shared.shape))"
)


def cell(step: int, content: int) -> str:
    """The cell of a step."""
    return STEP.format(step=step, at=step * 7919 % 58_000, content=content, read=READ).strip()


def left(printed: str) -> str | None:
    """What a cell said that it left."""
    found = re.search(r"^LEFT (.*)$", printed, re.MULTILINE)
    return found[1] if found else None


def step_of(source: str | None) -> int | None:
    """Which step a source is of."""
    found = re.search(r"^step = (\d+)$", source or "", re.MULTILINE)
    return int(found[1]) if found else None
