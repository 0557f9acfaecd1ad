"""A kernel in which any step of Clew can fail, and what must hold after one did."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import cells
from cells import SOON
from harness import NEVER, Kernel, Reply, wait_for
from planting import WATCHED

HERE = Path(__file__).resolve().parent
Scenario = Callable[[Kernel, str], Reply]
"""Something that a session goes through: done for a cell id, which says what fails."""
#: How long a session is left alone to rest (seconds).
REST = 0.3


class Planted:
    """The kernel, and how many faults there were."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.faults = 0
        self._start()

    def _start(self) -> None:
        self.kernel = Kernel(home=self.home, load=False, paths=[HERE])
        self.tell("load(get_ipython())")
        self.kernel.run("mark = 0").raised()

    def tell(self, statement: str) -> None:
        """Does something with the module that plants, which no run records."""
        self.kernel.run(f"__import__('planting').{statement}", silent=True).raised()

    def again(self) -> None:
        """A new kernel in place of one that died or hangs."""
        self.kernel.kill()
        self._start()

    def struck(self) -> list[str]:
        """What failed so far."""
        file = self.home / "struck"
        return file.read_text().splitlines() if file.exists() else []

    def said(self) -> list[str]:
        """Every line on standard error so far, in the order of the requests that it was said for."""
        self.kernel.settle()
        replies = [reply for _, reply in self.kernel._collected.values()]
        return [line for reply in replies for line in reply.stderr.splitlines() if line]

    def watch(self, scenario: Scenario, last: str = "") -> list[str]:
        """The steps that a scenario comes to; it is over when it came to `last`."""
        reached = "list(__import__('planting').state.reached)"
        scenario(self.kernel, WATCHED)
        steps: list[str] = []

        def is_over() -> bool:
            # Asking is a request of its own, which is not watched.
            steps[:] = self.kernel.value(reached)
            if last and last not in steps:
                scenario(self.kernel, WATCHED)
                # Whoever asks at once keeps the session from resting.
                time.sleep(REST)
                return False
            return True

        wait_for(is_over, f"{last} was not reached", NEVER)
        self.tell("state.reached.clear()")
        return steps

    def fail(
        self, scenario: Scenario, step: str, kind: str, *, is_last: bool = False
    ) -> tuple[Reply | None, list[str]]:
        """Goes through a scenario with a fault in it; the reply, and what is wrong with the session then."""
        self.faults += 1
        number, planted = self.faults, f"{step}!{kind}"
        before = len(self.struck())
        try:
            reply = scenario(self.kernel, planted)
            if is_last:
                # The step comes when the session rests.
                wait_for(lambda: len(self.struck()) > before, f"{planted} did not come", SOON)
            wrong = self._goes_on(number)
        except (TimeoutError, RuntimeError, AssertionError) as error:
            self.again()
            return None, [f"{type(error).__name__}: {error}"]
        if len(self.struck()) == before:
            # In this state of the session the step is not come to; another scenario may.
            return None, wrong
        return reply, wrong

    def _goes_on(self, number: int) -> list[str]:
        """Whether the next run is recorded, is in the log, and is undone; what is wrong, in words. One that could not be recorded before is
        recorded with it."""
        codes = [f"mark = {number}", "%clew log -n 1 --json\n%clew undo --json"]
        ran, asked = self.kernel.collect([self.kernel.send(code) for code in codes], SOON)
        wrong = []
        if not ran.ok or ran.stderr or not asked.ok or asked.stderr:
            wrong.append(f"the next run said {ran.stderr}{ran.evalue}{asked.stderr}{asked.evalue}")
        log, at = json.JSONDecoder().raw_decode(asked.stdout)
        newest = log["runs"][0]["source"] if log.get("runs") else None
        if (newest or "").rpartition("\n\n")[2] != f"mark = {number}":
            wrong.append(f"the newest run in the log is {newest!r}")
        undone = json.loads(asked.stdout[at:])
        if "outcomes" not in undone or self.kernel.value("mark", SOON) == number:
            wrong.append(f"the next run is not undone: {undone}")
        return wrong


def difference(got: cells.Seen, expected: cells.Seen, lines: tuple[int, ...] = (1,)) -> list[str]:
    """What a request shows that it would not show without Clew, and whether Clew said as many lines as it should."""
    wrong = []
    if got.cell != expected.cell:
        unlike = [(one, other) for one, other in zip(got.cell, expected.cell, strict=False) if one != other]
        wrong.append(f"is not as without Clew: {unlike or (got.cell, expected.cell)}")
    if got.said.count("\n") not in lines:
        wrong.append(f"Clew said {got.said!r}")
    return wrong
