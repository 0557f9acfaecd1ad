"""Whole notebooks with and without Clew end in equal states, and print the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from harness import Kernel

from oracle.notebooks import notebooks
from oracle.reference import difference

FACTS = {
    "warnings filters": "[str(f[:3:2]) for f in __import__('warnings').filters]",
    "environment": "{k: v for k, v in __import__('os').environ.items() if k not in ('CLEW_HOME', 'JPY_SESSION_NAME', 'JPY_PARENT_PID', 'CLICOLOR_FORCE') and '/' not in v}",
    "directory": "__import__('os').getcwd().rsplit('/', 1)[-1]",
    "handlers": "[str(__import__('signal').getsignal(s)).split(' at ')[0] for s in (2, 10, 15)]",
    "limits": "(__import__('sys').getrecursionlimit(), __import__('gc').get_threshold(), __import__('sys').getswitchinterval())",
    "decimal": "str(__import__('decimal').getcontext())",
    "outputs": "sorted(Out)",
    "pandas options": "{k: str(v) for k, v in __import__('pandas')._config.config._global_config.items()} if 'pandas' in __import__('sys').modules else None",
    "numpy options": "str(__import__('numpy').get_printoptions()) if 'numpy' in __import__('sys').modules else None",
    "rcParams": "__import__('hashlib').sha256(str(__import__('matplotlib').rcParams).encode()).hexdigest() if 'matplotlib' in __import__('sys').modules else None",
    "figures": "__import__('matplotlib.pyplot').pyplot.get_fignums() if 'matplotlib.pyplot' in __import__('sys').modules else None",
}
"""State that is no name, as expressions that change nothing."""

SEED = "__import__('random').seed(0); __import__('numpy').random.seed(0)"

ADDRESS = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)? ?[mnµμ]?s\b.*|/[^ ]*/(ipykernel_\d+/)?")


def end_of(cells: list[str], home: Path, load: bool) -> dict[str, Any]:
    """Runs the cells, and gives all that can be told of the end: names, facts, what was printed."""
    env = {"PYTHONHASHSEED": "3", "PYTHONWARNINGS": "ignore"}
    kernel = Kernel(home=home, load=load, paths=[Path(__file__).parent], env=env, cwd=home / "same")
    try:
        if not load:
            kernel.run(
                "pass"
            )  # in place of the cell that loads Clew, so that all have their In and Out numbers
        replies = [kernel.run(cell, timeout=240) for cell in [SEED, *cells]]
        found = {fact: kernel.value(expression) for fact, expression in FACTS.items()}
        found |= kernel.value("__import__('oracle_digest').digest(globals())")
        found |= {f"output of cell {n}": shown(reply) for n, reply in enumerate(replies)}
        return found
    finally:
        kernel.end()


def shown(reply: Any) -> str:
    """What a cell printed and how it ended, without addresses and times."""
    return ADDRESS.sub("", f"{reply.ename} {reply.evalue} {reply.text} {reply.stderr}")


@pytest.mark.few(2)
@pytest.mark.parametrize("name", notebooks())
def test_p07_a_whole_notebook_ends_in_the_same_state_with_and_without_clew(name: str, tmp_path: Path) -> None:
    cells = notebooks()[name]
    without = end_of(cells, tmp_path / "without", load=False)
    recorded = end_of(cells, tmp_path / "with", load=True)
    assert not difference(without, recorded)
