"""The story of Clew, told on a real notebook in a real kernel: `make demo`.

Everything shown is what the kernel really printed. After each move the script looks for itself whether the values are
the right ones, and ends with an error if they are not.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import nbformat
from kernel import Answer, Kernel
from tell import Teller

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE / "flights.ipynb"
PLAYGROUND = Path(sys.argv[1]) if sys.argv[1:] else HERE.parent.parent / ".demo"

FOREST = """\
from sklearn.ensemble import RandomForestRegressor

model = RandomForestRegressor(10, max_depth=9, random_state=13).fit(train[columns], train.arr_delay)
error = error_of(model)
error"""


class Story:
    """One kernel on one notebook, and the person who types into it."""

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self.kernel = Kernel(PLAYGROUND, NOTEBOOK)
        self.cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}

    def cell(self, name: str) -> Answer:
        """Runs a cell of the notebook."""
        return self.type(self.cells[name])

    def type(self, code: str) -> Answer:
        """Types code and runs it, in front of the reader."""
        answer = self.kernel.run(code)
        self.teller.cell(answer.number, code, answer)
        return answer

    def check(self, expression: str, expected: object, claim: str) -> None:
        """Looks into the kernel, and stops the story if the claim does not hold."""
        found = self.kernel.value(expression)
        if found != expected:
            sys.exit(f"The demo went wrong: {claim}: expected {expected!r}, found {found!r}")
        self.teller.fact(claim)

    def pause(self) -> None:
        """A person looks at the result for a moment; Clew uses the time to look around."""
        time.sleep(2)

    def at(self) -> str:
        """The revision where the session is."""
        return str(self.kernel.status()["at"]["run"])


def begin(story: Story) -> None:
    story.teller.act(
        "A notebook", "One line at the top of an ordinary notebook, and every run is kept from here on."
    )
    for name in ["clew", "load", "late", "weather", "split"]:
        answer = story.cell(name)
        if answer.error:
            sys.exit(f"The demo went wrong: {answer.error}")


def undrop_a_column(story: Story) -> None:
    story.teller.act(
        "The slip", "You meant to drop another column. There is no copy, and reloading takes a while."
    )
    sums = "[round(float(flights[c].sum()), 3) for c in columns]"
    before = story.kernel.value(sums)
    other = story.kernel.value("id(weather)")
    story.type('del flights["dep_delay"]')
    story.type("flights.dep_delay.mean()")
    story.teller.say("Gone. So:")
    story.type("%clew undo")
    story.check(sums, before, "The column is back, with the same numbers in it.")
    story.check("id(weather)", other, "What you had not touched is the very same object as before.")
    story.type("flights.dep_delay.mean()")
    story.pause()


def two_lines(story: Story) -> tuple[str, str]:
    story.teller.act(
        "Two ideas", "Train a model; then go back to before it and train another under the same name."
    )
    story.cell("linear")
    linear = story.at()
    linear_error = story.kernel.value("error")
    story.pause()
    story.type("%clew undo")
    story.check("'model' in globals()", False, "As if it had never been trained.")
    story.type(FOREST)
    forest = story.at()
    forest_error = story.kernel.value("error")
    story.pause()
    story.teller.say("Nothing was overwritten. Both lines are there:")
    story.type("%clew log --all --graph -n 8")
    story.type(f"%clew switch {linear}")
    story.check(
        "(type(model).__name__, error)", ("LinearRegression", linear_error), "The linear model, fitted."
    )
    story.type(f"%clew switch {forest}")
    name = ("RandomForestRegressor", forest_error)
    story.check("(type(model).__name__, error)", name, "And the forest, without growing it again.")
    return linear, forest


def kill_and_resume(story: Story, linear: str) -> None:
    story.teller.act("The crash", "The kernel is killed (kill -9). Everything in its memory is gone.")
    facts = "(len(flights), error, error_of(model), late.round(3).to_dict())"
    before = story.kernel.value(facts)
    story.kernel.kill()
    story.teller.say("Killed. A new kernel, empty:")
    started = time.monotonic()
    story.kernel = Kernel(PLAYGROUND, NOTEBOOK)
    story.cell("clew")
    story.check("'flights' in globals()", False, "Nothing is here yet.")
    story.type("%clew resume")
    story.check(
        facts,
        before,
        f"Back at work {time.monotonic() - started:.1f} s after starting the kernel, nothing re-run.",
    )
    story.type(f"%clew switch {linear}")
    story.check("type(model).__name__", "LinearRegression", "The other line came along, too.")
    story.type("print(error_of(model))")


def goodbye(story: Story) -> None:
    story.kernel.close()
    clew = Path(sys.executable).with_name("clew")
    home = f"CLEW_HOME={story.kernel.store}"
    story.teller.act("Your turn", "All that was seen here is still on the disk. Things to try:")
    story.teller.suggest(
        (f"{home} {clew} list", "the histories this demo left"),
        (f"{home} {clew} log --all --graph", "every run, on both lines"),
        (f"{home} {clew} vars", "what the last run left, without starting Python"),
        ("%load_ext clew", "in any notebook of yours, then %clew undo"),
    )


def main() -> None:
    shutil.rmtree(PLAYGROUND, ignore_errors=True)
    teller = Teller(sys.stdout)
    teller.title("Clew: every state your notebook ever had")
    story = Story(teller)
    try:
        begin(story)
        undrop_a_column(story)
        linear, _ = two_lines(story)
        kill_and_resume(story, linear)
        goodbye(story)
    finally:
        story.kernel.close()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore::FutureWarning")
    main()
