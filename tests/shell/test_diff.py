"""`%clew diff` on what a real kernel recorded: values told apart without running anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from harness import Kernel

MADE = """
import numpy as np, pandas as pd
df = pd.DataFrame({'price': np.arange(1000) / 4, 'dep_delay': 1.0, 'carrier': ['AA', 'UA'] * 500})
weights = np.zeros((1000, 1000))
corner = weights[:2, :2]
config = {'lr': 0.1, 'layers': [64, 32]}
"""
EDITED = """
df = pd.concat([df.drop(columns='dep_delay'), df.drop(columns='dep_delay').iloc[:120]], ignore_index=True)
df.loc[[17, 20], 'price'] = [99.5, np.nan]
weights[17, 3] = 0.5
config['lr'] = 0.01
"""

POISON = """
calls = []
def note(name):
    def poison(self, *rest, **named):
        calls.append(name)
        return object.__getattribute__(self, '__dict__').get('x') if name == '__getattribute__' else NotImplemented
    return poison
class Poisoned:
    def __init__(self, kept): self.kept = kept
value = [Poisoned(1), {'inside': Poisoned([2])}]
"""
ARM = """
for name in ['__repr__', '__str__', '__eq__', '__hash__', '__setstate__', '__format__', '__len__', '__iter__']:
    setattr(Poisoned, name, note(name))
Poisoned.__reduce__ = lambda self: calls.append('__reduce__') or (Poisoned, (self.__dict__['kept'],))
"""


def details(kernel: Kernel, words: str) -> dict[str, Any]:
    said = json.loads(kernel.clew(f"diff --json {words}").text)
    return {found["after"]["key"]: found["detail"] for found in said["state"] if found["after"]}


def test_values_of_a_session_are_told_apart(kernel: Kernel) -> None:
    kernel.run(MADE).raised()
    kernel.run(EDITED).raised()
    found = details(kernel, "2 3")
    assert set(found) == {"df", "weights", "corner", "config"}
    assert found["df"]["columns_removed"] == [{"name": "dep_delay", "dtype": "float64"}]
    assert (found["df"]["rows_added"]["count"], found["df"]["columns_changed"][0]["differ"]) == (120, 2)
    assert found["weights"]["examples"] == [{"at": [17, 3], "before": "0.0", "after": "0.5"}]
    assert found["corner"]["kind"] == "same"
    assert found["config"]["changes"][0]["path"] == "['lr']"
    text = kernel.clew("diff 2 3").text
    assert "config['lr']: 0.1 → 0.01" in text
    assert "1 of 1,000,000 elements differs, by 0.5: [17, 3] 0.0 → 0.5" in text
    assert "- column: dep_delay (float64)" in text and "+ 120 rows: 1000, 1001, 1002 … 1119" in text


def test_what_is_large_is_told_in_blocks_unless_all_is_asked_for(kernel: Kernel) -> None:
    kernel.run("import numpy as np\nx = np.zeros(10_000_000)").raised()
    kernel.run("x += 1").raised()
    assert details(kernel, "2 3")["x"]["unread"]["blocks"] == 1221
    assert details(kernel, "2 3 --deep")["x"]["differ"] == 10_000_000


def test_p10_a_diff_runs_no_code_of_the_values(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels()
    kernel.run(POISON).raised()
    kernel.run("value[0].kept = 3; value[1]['inside'].kept.append(4)").raised()
    kernel.run(ARM).raised()
    kernel.run("calls.clear()").raised()
    before = kernel.value("len(calls)")
    changes = details(kernel, "2 3 -- value")["value"]["changes"]
    assert [(one["path"], one["before"], one["after"]) for one in changes] == [
        ("[0].kept", "1", "3"),
        ("[1]['inside'].kept[1]", None, "4"),
    ]
    assert kernel.value("len(calls)") == before
