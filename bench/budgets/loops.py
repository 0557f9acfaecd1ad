"""Hot loops in user code: the same loops in both kernels, as ratios of processor time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.session import must, pair, usual
from bench.budgets.table import Row, compared
from bench.peers.peer import Peer

TIMES = 9

DEFINE = "def once(x):\n    return x\ndef deep(n):\n    return n if n == 0 else deep(n - 1)\nbox = [0]\nclass Dot:\n    x = 1\ndot = Dot()"

LOOPS = {
    "calls of a global function": "for _i in range(400_000):\n    once(_i)",
    "builtins": "for _i in range(400_000):\n    len(box)",
    "`id()` of a global": "for _i in range(400_000):\n    id(box)",
    "globals written": "for _i in range(400_000):\n    total = _i",
    "attributes": "for _i in range(400_000):\n    dot.x = dot.x",
    "a loop inside a function": "def work():\n    s = 0\n    for i in range(800_000):\n        s += once(i)\n    return s\nwork()",
    "recursion": "for _i in range(1_500):\n    deep(200)",
    "lines printed": "for _i in range(50_000):\n    print(_i)\n__import__('sys').stdout.flush()",
    "small arrays": "for _i in range(40_000):\n    array_0[:10].sum()",
}

TIMED = "import time as _time\n_start = _time.process_time()\n{loop}\n_took = _time.process_time() - _start"


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures the best of several for each loop; the kernels take turns."""
    rows = []
    with pair(folder, usual(scale)) as kernels:
        for peer in kernels.each():
            must(peer, DEFINE)
        for what, loop in LOOPS.items():
            best = [float("inf"), float("inf")]
            for _ in range(TIMES):
                for position, peer in enumerate(kernels.each()):
                    best[position] = min(best[position], time_loop(peer, loop))
            rows.append(compared(f"hot loop: {what}", best[0] * 1000, best[1] * 1000, 1.02, "x"))
            say(rows[-1].what)
    return rows


def time_loop(peer: Peer, loop: str) -> float:
    """Returns the processor seconds of a loop, measured in the kernel."""
    must(peer, TIMED.format(loop=loop))
    return float(peer.silently("", expression="_took").value)
