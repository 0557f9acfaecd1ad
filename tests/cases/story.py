"""The format of a test case: cells before, one change, expressions to evaluate before and after it, and the expected outcome for each
variable.

`play` runs a case in a real kernel: undo, redo, then a switch to the state before the change and back. Each time the values must equal the
live ones, variables that the change did not affect must be the same objects, and each variable must have the expected outcome.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

from harness import Kernel, Reply

BYSTANDER = "bystander"
"""A variable that no case uses. Every restore must report it as *unchanged*, and it must stay the same object."""

FORTH = {"removed": "restored"}
"""The outcome of a variable when the change is restored, by its outcome when the change is undone. A case can override it."""

SHELL_NAMES = re.compile(r"_(i*|_*|i?\d+|ih|oh|dh)$|In$|Out$|__file__$")


@dataclass(frozen=True)
class Case:
    """One change of a session, and the expected result of undoing it."""

    name: str
    given: str
    change: str
    reads: Sequence[str]
    words: Mapping[str, str] = field(default_factory=dict)
    """The outcome of each variable that undo does not leave unchanged. Alternatives are separated by a bar."""
    again: Mapping[str, str] = field(default_factory=dict)
    """The outcomes for redo, if they do not follow from `words`."""
    kept: Sequence[str] = ()
    """Variables that must stay the same objects, besides the bystander."""
    probe: tuple[str, str] | None = None
    """An expression with a side effect, evaluated last on the restored state, and its expected `repr`."""
    fails: str | None = None
    """The exception with which the change ends."""
    unverified: Sequence[str] = ()
    """Variables that may be unverified."""
    fresh: bool = True
    """Whether the state after the change can also be restored exactly in a new kernel."""

    @property
    def back(self) -> dict[str, str]:
        return dict(self.words)

    @property
    def forth(self) -> dict[str, str]:
        turned = {
            name: "|".join(FORTH.get(word, word) for word in words.split("|"))
            for name, words in self.words.items()
        }
        return turned | dict(self.again)


@dataclass(frozen=True)
class Report:
    """The report of a restore."""

    data: dict[str, Any]

    @property
    def at(self) -> str:
        return str(self.data["at"])

    def word(self, root: str) -> str:
        return self.words[root]

    @property
    def words(self) -> dict[str, str]:
        return {title(outcome["root"]): outcome["outcome"] for outcome in self.data["outcomes"]}

    @property
    def unverified(self) -> set[str]:
        return {title(outcome["root"]) for outcome in self.data["outcomes"] if outcome["unverified"]}

    def why(self, root: str) -> str:
        return next(
            str(outcome["why"]) for outcome in self.data["outcomes"] if title(outcome["root"]) == root
        )

    @property
    def names(self) -> dict[str, str]:
        """The outcomes of the user's variables. Cases bind `_` to suppress an output, so it is left out."""
        return {root: word for root, word in self.words.items() if root.isidentifier() and root != "_"}


def title(root: dict[str, str] | str) -> str:
    """Formats a root: `x`, `Out[3]`, `option:pandas display.max_rows`."""
    if isinstance(root, str):
        return root
    kind, key = root["kind"], root["key"]
    return {"name": key, "out": f"Out[{key}]"}.get(kind, f"{kind}:{key}")


class Notebook:
    """A kernel with Clew, with methods for the cases."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel

    def run(self, *cells: str, fails: str | None = None) -> Reply:
        """Runs cells. Each must succeed; if `fails` is given, the last one must raise this exception."""
        reply = None
        for number, cell in enumerate(map(plain, cells)):
            reply = self.kernel.run(cell)
            expected = fails if number == len(cells) - 1 else None
            ended = reply.ename or None
            assert ended == expected, (
                f"{cell!r} ended with {ended}, not {expected}\n{reply.text}\n{reply.traceback}"
            )
        assert reply is not None
        return reply

    def read(self, *expressions: str) -> list[str]:
        """Returns the `repr` of each expression, evaluated without recording a run."""
        return list(
            self.kernel.value("[" + ", ".join(f"repr(({expression}))" for expression in expressions) + "]")
        )

    def identities(self, names: Sequence[str]) -> dict[str, int]:
        return dict(
            zip(names, self.kernel.value("[" + ", ".join(f"id({name})" for name in names) + "]"), strict=True)
        )

    def names(self) -> set[str]:
        """Returns the user's variables."""
        listed: list[str] = self.kernel.value("list(globals())")
        return {name for name in listed if not SHELL_NAMES.match(name)}

    def say(self, line: str) -> str:
        """Returns the text that `%clew line` prints."""
        return self.run(f"%clew {line}").text

    def ask(self, line: str) -> Any:
        """Returns the output of `%clew line --json`."""
        word, _, rest = line.partition(" ")
        said = self.say(f"{word} --json {rest}")
        start = re.search(r"^[{[]", said, re.MULTILINE)
        assert start, f"%clew {line} --json said: {said}"
        # A `__del__` of the user's classes may print text before or after it.
        return json.JSONDecoder().raw_decode(said, start.start())[0]

    def move(self, line: str) -> Report:
        """Runs a command that restores a state, and returns the report."""
        data = self.ask(line)
        assert "outcomes" in data, f"%clew {line} said: {data}"
        return Report(data)

    def at(self) -> str:
        """Returns the current run."""
        return str(self.ask("status")["at"]["run"])

    def kill(self) -> None:
        """Kills the kernel like a crash (`kill -9`). Before, it runs `status`: after that, Clew has saved the last run."""
        assert self.ask("status")["is_recording"]
        self.kernel.kill()


def counts(line: str) -> dict[str, int]:
    """Parses `38 unchanged, 3 restored, 1 lost: conn (...)` from the first line of a report."""
    return {
        word.replace(" ", "_"): int(number)
        for number, word in re.findall(r"(\d+) (unchanged|restored|rerun|not identical|removed|lost)", line)
    }


def check_words(
    report: Report, expected: Mapping[str, str], case_name: str, unverified: Sequence[str] = ()
) -> None:
    """Checks that each variable has the expected outcome. Variables that the case does not list must be unchanged."""
    names = report.names
    wrong = {
        root: f"{word}, not {expected.get(root, 'unchanged')} ({report.why(root)})"
        for root, word in names.items()
        if word not in expected.get(root, "unchanged").split("|")
    }
    assert not wrong, f"{case_name}: {wrong}"
    unspoken = {
        root for root, words in expected.items() if root not in names and "absent" not in words.split("|")
    }
    assert not unspoken, f"{case_name}: the report does not speak of {unspoken}; it has {sorted(names)}"
    unsure = report.unverified - set(unverified)
    assert not unsure, f"{case_name}: unverified without reason: {unsure}"


def plain(cell: str) -> str:
    """Returns a cell as typed, from the indented text of a case."""
    return dedent(cell).strip("\n")


def differs(expected: Sequence[str], got: Sequence[str], reads: Sequence[str]) -> dict[str, str]:
    """Returns the expressions with different values, and both values."""
    return {
        read: f"expected {want[:300]}, got {have[:300]}"
        for read, want, have in zip(reads, expected, got, strict=True)
        if want != have
    }


def play(notebook: Notebook, case: Case) -> tuple[str, list[str]]:
    """Runs a case back and forth. Returns the revision after the change, and the values of the expressions there."""
    notebook.run(case.given)
    still = [BYSTANDER, *case.kept]
    identities = notebook.identities(still)
    before, start = notebook.read(*case.reads), notebook.at()
    notebook.run(case.change, fails=case.fails)
    after, revision = notebook.read(*case.reads), notebook.at()
    assert before != after, f"The change of {case.name!r} can't be read: {before}"

    def landed(where: str, expected: list[str]) -> None:
        wrong = differs(expected, notebook.read(*case.reads), case.reads)
        assert not wrong, f"After {where}: {wrong}"
        assert notebook.identities(still) == identities, f"After {where}: a kept name is another object"

    said = next(iter(line for line in notebook.say("undo").splitlines() if line.startswith("Undid ")), "")
    assert said, "undo did not say what it undid"
    assert counts(said), said
    landed("undo", before)
    redone = notebook.move("redo")
    landed("redo", after)
    check_words(redone, case.forth, f"{case.name}, redo", case.unverified)
    back = notebook.move(f"switch {start}")
    landed("switch back", before)
    check_words(back, case.back, f"{case.name}, switch back", case.unverified)
    notebook.move(f"switch {revision}")
    landed("switch forth", after)
    if case.probe:
        notebook.move(f"switch {start}")
        expression, expected = case.probe
        assert notebook.read(expression) == [expected]
    return revision, after
