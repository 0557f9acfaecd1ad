"""What could never be built again is found when it is written: nothing else is called saved."""

from __future__ import annotations

import pytest
from cycles import COME_BACK, IMPORTS, REFUSED
from notebooks import Notebook

#: Where the class lives its members are the live ones, with what they have (docs/guide/limits.md, *State of the process*).
OF_A_NEW_KERNEL = {
    "members that hold what holds them",
    "members whose values are instances that refer to members",
}


@pytest.mark.parametrize(
    ("name", "new_kernel"),
    [(name, new) for name in COME_BACK for new in (False, True) if new or name not in OF_A_NEW_KERNEL],
)
def test_cycles_through_what_is_made_come_back(name: str, new_kernel: bool) -> None:
    cell, checks = COME_BACK[name]
    notebook = Notebook(IMPORTS + cell)
    stored = notebook.look()
    assert [found.refusal for found in stored if found.refusal] == []
    assert [word for found in stored for word in found.opaque] == []
    assert notebook.load(stored, new_kernel=new_kernel) == {}
    assert [check for check in checks if not notebook.value(check)] == []


@pytest.mark.parametrize(("cell", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_no_builder_takes_is_known_when_it_is_written(cell: str, why: str) -> None:
    notebook = Notebook(IMPORTS + cell)
    stored = notebook.look()
    refused = [found for found in stored if found.refusal]
    assert len(refused) == 1
    assert why in refused[0].refusal
    with pytest.raises(RuntimeError, match=why):
        notebook.load(stored, new_kernel=True)
