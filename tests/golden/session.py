"""The session that golden stores hold: every kind of record, values of every kind that is stored in its own way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness import Kernel

#: Where the front end says that the notebook is. It need not be there, and every machine has the same.
NOTEBOOK = "/golden/flights.ipynb"

#: Cells whose values are the same bytes wherever they run ...
PLAIN = [
    "counts = {'a': 1, 'b': [1, 2.5, None], 't': (True, 'x', b'y'), 's': {3, 4}}\nalias = counts['b']",
    "import numpy as np\ngrid = np.arange(9000, dtype='f8').reshape(90, 100)\ncorner = grid[:2, :3]",
    "import pandas as pd\nframe = pd.DataFrame({'n': [1, 2, 3], 'city': ['Ulm', 'Bonn', None],\n"
    "                      'day': pd.to_datetime(['2026-01-01', '2026-01-02', '2026-01-03'])}, index=[5, 6, 7])",
]
#: ... and those that hold code, or change, show and break something.
OTHERS = [
    "step = 2\ndef double(x, by=2):\n    return x * by + step - 2",
    "class Point:\n    def __init__(self, x, y):\n        self.x, self.y = x, y\n"
    "    def far(self):\n        return self.x ** 2 + self.y ** 2\npoint = Point(3, 4)",
    "counts['a'] = 2\ngrid[0, 0] = -1.0\nprint('changed')",
    "gone = 'a value that is forgotten'",
    "raise ValueError('no such flight')",
]

#: What each state holds: the run's label, an expression, its value.
VALUES: list[tuple[str, str, object]] = [
    ("@", "counts", {"a": 2, "b": [1, 2.5, None], "t": (True, "x", b"y"), "s": {3, 4}}),
    ("@", "alias is counts['b']", True),
    (
        "@",
        "grid.shape, grid.dtype.str, float(grid[0, 0]), float(grid.sum())",
        ((90, 100), "<f8", -1.0, 40495499.0),
    ),
    (
        "@",
        "corner.tolist(), corner.base is grid.base or corner.base is grid",
        ([[-1.0, 1.0, 2.0], [100.0, 101.0, 102.0]], True),
    ),
    (
        "@",
        "frame.to_dict('list')['n'], list(frame.index), [str(d.date()) for d in frame.day]",
        ([1, 2, 3], [5, 6, 7], ["2026-01-01", "2026-01-02", "2026-01-03"]),
    ),
    (
        "@",
        "frame.city.isna().tolist(), frame.city.dropna().tolist()",
        ([False, False, True], ["Ulm", "Bonn"]),
    ),
    ("@", "double(21), double.__defaults__, double.__globals__ is globals()", (42, (2,), True)),
    ("@", "point.far(), type(point) is Point, Point.__name__", (25, True, "Point")),
    ("before", "counts['a'], alias", (1, [1, 2.5, None])),
    ("before", "float(grid[0, 0])", 0.0),
    ("before", "point.far()", 25),
]

#: What is typed to look; none of it depends on when or where that is.
LOOKS = [
    ["log", "--all", "--json"],
    ["show", "best", "--json"],
    ["show", "@", "--json"],
    ["diff", "before", "best", "--json"],
    ["diff", "--code", "before", "best"],
    ["vars", "best", "--json"],
    ["annotate", "counts", "--json"],
    ["op", "log", "--json"],
    ["branch", "--json"],
    ["tag", "--json"],
]


def tell(kernel: Kernel) -> None:
    """Works through the whole session."""
    plain(kernel)
    for cell in OTHERS[:2]:
        kernel.run(cell).raised()
    said(kernel, "tag before")
    kernel.run(OTHERS[2]).raised()
    said(kernel, "tag best")
    said(kernel, "describe -m 'counts and grid changed'")
    kernel.run(OTHERS[3]).raised()
    said(kernel, "undo")
    said(kernel, "branch try")
    said(kernel, "forget gone --yes")
    kernel.run(OTHERS[4])
    said(kernel, "gc")


def plain(kernel: Kernel) -> None:
    """The part whose values are the same bytes everywhere."""
    for cell in PLAIN:
        kernel.run(cell).raised()


def said(kernel: Kernel, words: str) -> str:
    """What `%clew WORDS` says."""
    return kernel.clew(words).raised().text


def begin(start: Callable[..., Kernel], home: Path) -> Kernel:
    """A kernel that records in `home/clew`."""
    return start(home=home, notebook=NOTEBOOK)
