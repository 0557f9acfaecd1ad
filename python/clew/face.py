"""What a program talks to: `clew.session()`.

    import clew
    s = clew.session()
    s.undo()                      # as %clew undo, also in the middle of a cell
    report = s.switch("forest")   # a Report: report.at, report["df"].outcome, report.names("lost")
    s.log()[0].source             # the newest run
    s.vars(14)["df"].shape        # described, not loaded

Every method does what the word of the same name does and returns its answer as a typed object (`clew.results`) that shows
itself like the word's. What could not be done raises one of `clew.errors`, and nothing was changed.

In a running cell a mover first seals what the cell did so far as a run of its own, and never takes away objects that the
running frame holds (docs/guide.md, *For programs and agents*).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeVar

from clew._engine import split_line
from clew.errors import BY_EXIT, NOTHING_DONE, ClewError, RefusedError, UsageError
from clew.result_builder import read
from clew.results import (
    Bisected,
    Carried,
    Diff,
    Evaluated,
    Examined,
    Forgotten,
    Garbage,
    Histories,
    Log,
    Named,
    Report,
    Result,
    Script,
    Shown,
    Stale,
    Status,
    Vars,
    Verified,
)
from clew.shell.session import current

if TYPE_CHECKING:
    from clew import _engine
    from clew.fork import Fork
    from clew.trial import Trial

R = TypeVar("R", bound=Result)

Revision = str | int
"""How a run is named: a number, `"@-2"`, `"14a"`, a branch, a tag, the beginning of an id, `"op:7"`, `"10m ago"`."""

Names = str | Iterable[str]
"""A name, or several: `s.restore(14, "x", "y")` and `s.restore(14, ["x", "y"])` are the same."""


class Session:
    """The session that records this kernel, as a program sees it."""

    def __reduce__(self) -> tuple[Callable[[], Session], tuple[()]]:
        # A name bound to the session means whichever session records where it is loaded.
        return Session, ()

    def __repr__(self) -> str:
        return "<clew.session(): the session that records this kernel>"

    def __getattr__(self, name: str) -> NoReturn:
        # Only what is not there is asked for here.
        words = name.replace("_", " ")
        said = f"clew.session() has no {name!r}; `clew.session().command({words!r})` types the command of this name"
        raise AttributeError(said, name=name, obj=self)

    # -- moving ----------------------------------------------------------------------------------------------

    def undo(self, steps: int = 1, *, keep: Names = (), rerun: bool = False, dry_run: bool = False) -> Report:
        """Takes back the last run, switch or restore, or the last `steps` of them. Names in `keep` have the values afterwards that they
        have now; a UsageError where one is not there, or shares objects with a name that is not kept."""
        return self._move("undo", str(steps), keep=keep, rerun=rerun, dry_run=dry_run)

    def redo(self, steps: int = 1, *, keep: Names = (), rerun: bool = False, dry_run: bool = False) -> Report:
        """Takes again what was undone last."""
        return self._move("redo", str(steps), keep=keep, rerun=rerun, dry_run=dry_run)

    def switch(
        self, revision: Revision, *, keep: Names = (), rerun: bool = False, dry_run: bool = False
    ) -> Report:
        """Goes to the state that a run left. Files stay as they are. `keep` is as for `undo`."""
        return self._move("switch", keep=keep, typed=[str(revision)], rerun=rerun, dry_run=dry_run)

    def restore(
        self,
        revision: Revision,
        *names: Names,
        with_shared: bool = False,
        keep: Names = (),
        rerun: bool = False,
        dry_run: bool = False,
    ) -> Report:
        """Brings back only `names`, as a run left them; with `with_shared` also what shares objects with them."""
        shared = ["--with-shared"] if with_shared else []
        return self._move(
            "restore",
            str(revision),
            *shared,
            keep=keep,
            rerun=rerun,
            dry_run=dry_run,
            typed=flat(names),
        )

    def resume(
        self,
        revision: Revision | None = None,
        *,
        fresh: bool = False,
        maps: Mapping[str, str] | None = None,
        keep: Names = (),
        rerun: bool = False,
        dry_run: bool = False,
    ) -> Report:
        """Takes up the history in a new kernel, where it was left or at a run; `fresh` starts empty.

        `maps` says of files and folders of another machine where they lie on this one.
        """
        words = [str(revision)] if revision is not None else []
        words += ["--fresh"] if fresh else []
        words += [f"--map={old}={new}" for old, new in (maps or {}).items()]
        return self._move("resume", *words, keep=keep, rerun=rerun, dry_run=dry_run)

    # -- looking ---------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Where the session is and whether it is saved."""
        return self._ask(Status, "status")

    def log(
        self, limit: int = 20, *, name: str | None = None, failed: bool = False, all: bool = False
    ) -> Log:
        """The runs, newest first: of this line, or of `all`; only those that touched `name`, or that `failed`.

        A `limit` of 0 gives every run.
        """
        flags = [flag for flag, is_on in (("--failed", failed), ("--all", all)) if is_on]
        named = [] if name is None else [name]
        check_texts(named)
        named = [f"--variable={one}" for one in named]
        return self._ask(Log, "log", "-n", str(limit), *flags, *named)

    def show(self, revision: Revision = "@") -> Shown:
        """One run in full."""
        return self._ask(Shown, "show", typed=[str(revision)])

    def diff(self, before: Revision = "@-", after: Revision = "@", *names: Names) -> Diff:
        """What lies between two runs: names, and cells whose code differs."""
        return self._ask(Diff, "diff", str(before), str(after), typed=flat(names))

    def vars(self, revision: Revision = "@") -> Vars:
        """The names a run left, described without loading them."""
        return self._ask(Vars, "vars", typed=[str(revision)])

    def annotate(self, name: str, revision: Revision = "@") -> Log:
        """The runs that made a name what it is, oldest first."""
        return self._ask(Log, "annotate", typed=[name, str(revision)])

    def extract(self, *names: Names, at: Revision = "@", check: bool = False) -> Script:
        """The cells that made these names, and no others, as a script; with `check` proven by running it."""
        return self._ask(Script, "extract", f"--at={at}", *(["--check"] if check else []), typed=flat(names))

    def stale(self, revision: Revision = "@") -> Stale:
        """Cells whose inputs changed since they ran."""
        return self._ask(Stale, "stale", typed=[str(revision)])

    def plan_move(self, rate: int, *, budget: int | None = None, at: Revision = "@") -> Carried:
        """What a move to a place that has nothing would send at so many bytes a second, and which runs it would replay there."""
        limit = [f"--budget={budget}"] if budget is not None else []
        return self._ask(Carried, "move", "--dry-run", f"--rate={rate}", *limit, f"--at={at}")

    # -- asking other states ---------------------------------------------------------------------------------

    def eval(self, revision: Revision, expression: str) -> Evaluated:
        """What an expression is in the state that a run left, worked out in a scratch process. Nothing moves."""
        return self._ask(Evaluated, "eval", str(revision), typed=[expression])

    def bisect(self, expression: str, *, first: Revision | None = None, last: Revision = "@") -> Bisected:
        """The first run after which an expression is true, found by halves. Nothing moves."""
        begin = [f"--from={first}"] if first is not None else []
        return self._ask(Bisected, "bisect", *begin, f"--to={last}", typed=[expression])

    # -- naming ----------------------------------------------------------------------------------------------

    def branch(
        self,
        name: str | None = None,
        revision: Revision | None = None,
        *,
        delete: bool = False,
        rename: str | None = None,
    ) -> Named:
        """Begins a branch here (it follows your runs) or at a run; without a name lists all branches.

        With `rename` it gets that name; without a `name` the branch that the session is on does.
        """
        if rename is not None:
            return self._ask(Named, "branch", "-m", typed=[*([name] if name is not None else []), rename])
        return self._name("branch", name, revision, delete)

    def tag(
        self, name: str | None = None, revision: Revision | None = None, *, delete: bool = False
    ) -> Named:
        """Gives a run a tag; without a name lists all tags."""
        return self._name("tag", name, revision, delete)

    def describe(self, text: str, revision: Revision = "@") -> Named:
        """Says in your words what a run did; an empty text takes them away."""
        check_texts([text])
        return self._ask(Named, "describe", f"--message={text}", typed=[str(revision)])

    # -- beside ----------------------------------------------------------------------------------------------

    def trial(self) -> Trial:
        """A `with` block that is rolled back at its end, whether it raises or not.

        What `keep` names on the trial stays: `with s.trial() as t: ...; t.keep("score")`. `t.report` is the Report of the way back.
        """
        from clew.trial import Trial

        return Trial()

    def fork(self, revision: Revision = "@") -> Fork:
        """Starts a second kernel at a revision, on a line of its own in this history. This session is not touched."""
        from clew import fork

        target = self.show(revision).run.id
        return fork.fork(self.status().data["history_id"], target)

    # -- care ------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Waits until everything recorded would survive a power cut (*synced*).

        What the running cell did so far is recorded when it ends, or at the next mover.
        """
        current().flush()

    def pause(self) -> Result:
        """Stops recording until `resume_recording`."""
        return self._ask(Result, "pause")

    def resume_recording(self) -> Result:
        """Records again; what changed meanwhile becomes one run, marked *outside*."""
        return self._ask(Result, "resume-recording")

    def exclude(self, *patterns: Names, delete: bool = False) -> Result:
        """Never records these names, or patterns with `*`; without any, lists what is kept out. With `delete` they are recorded again."""
        return self._ask(Result, "exclude", *(["-d"] if delete else []), typed=flat(patterns))

    def list(self) -> Histories:
        """All histories in the store, the one used last first."""
        return self._ask(Histories, "list")

    def verify(self, *, read_data: bool = False) -> Verified:
        """Whether everything saved is there and as it was written; with `read_data` all of it is read."""
        return self._ask(Verified, "verify", *(["--read-data"] if read_data else []))

    def doctor(self, *, rebuild: bool = False, accept_end: bool = False) -> Examined:
        """What is wrong with environment, settings, store and keys, and what mends it."""
        options = (("--rebuild", rebuild), ("--accept-end", accept_end))
        return self._ask(Examined, "doctor", *(flag for flag, is_on in options if is_on))

    def gc(self, *, dry_run: bool = False) -> Garbage:
        """Removes what no run needs any more, in two steps: what it finds is noted, and goes with a later one."""
        return self._ask(Garbage, "gc", *(["--dry-run"] if dry_run else []))

    def forget(
        self, *names: Names, yes: bool = False, everywhere: bool = False, dry_run: bool = False
    ) -> Forgotten:
        """Takes every value that names had out of the store for good, and the words about it.

        It can't be undone, so it is done with `yes=True` only; `dry_run` shows what would go.
        """
        options = (("--yes", yes), ("--everywhere", everywhere), ("--dry-run", dry_run))
        flags = [flag for flag, is_on in options if is_on]
        forgotten = self._ask(Forgotten, "forget", *flags, typed=flat(names))
        if not (yes or dry_run):
            raise RefusedError(
                f"Nothing can bring {', '.join(forgotten.names)} back once it is forgotten",
                "Nothing was changed",
                "`dry_run=True` shows what would go, `yes=True` does it",
            )
        return forgotten

    def command(self, *words: str) -> Result:
        """Any word of `%clew`, typed as there: `command("log", "--graph")`, or `command("log --graph")`."""
        if len(words) == 1 and isinstance(words[0], str):
            try:
                words = tuple(split_line(words[0]))
            except ValueError as error:
                raise UsageError(
                    f"{error} in {words[0]!r}",
                    "Nothing was changed",
                    '`command("log", "--graph")` gives words one by one',
                ) from None
        return self._ask(Result, *words)

    # -- how -------------------------------------------------------------------------------------------------

    def _name(self, word: str, name: str | None, revision: Revision | None, delete: bool) -> Named:
        words = [] if name is None else [name] if revision is None else [name, str(revision)]
        return self._ask(Named, word, *(["-d"] if delete else []), typed=words)

    def _move(
        self, word: str, *words: str, keep: Names, rerun: bool, dry_run: bool, typed: Iterable[str] = ()
    ) -> Report:
        flags = [flag for flag, is_on in (("--rerun", rerun), ("--dry-run", dry_run)) if is_on]
        kept = list(flat([keep]))
        check_texts(kept)
        flags += [f"--keep={name}" for name in kept]
        return self._ask(Report, word, *words, *flags, typed=typed)

    def _ask(self, kind: type[R], *words: str, typed: Iterable[str] = ()) -> R:
        """Types words, and behind `--` those that are `typed` by a program: none of these is an option, however it begins."""
        behind = list(typed)
        words = (*words, "--", *behind) if behind else words
        check_texts(words)
        answer = current().command(*words, through={"door": "program"})
        if answer.get("interrupted"):
            # The move is done; who pressed Ctrl+C means what comes after it too.
            raise KeyboardInterrupt
        return given(kind, answer)


def flat(names: Iterable[Names]) -> Iterator[str]:
    """Names as they are typed, one by one or in lists."""
    for name in names:
        if isinstance(name, str) or not isinstance(name, Iterable):
            yield name
        else:
            yield from flat(name)


def check_texts(words: Sequence[object]) -> None:
    """Refuses what can't be typed, before the engine is asked."""
    for word in words:
        if not isinstance(word, str):
            hint = '`s.restore(14, "x", "y")`, `s.restore(14, ["x", "y"])`, `s.annotate("x")` are how names are given'
            raise UsageError(f"{word!r} is no text, and names are texts", "Nothing was changed", hint)
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError(
                f"{word!r} has letters that can't be written down",
                "Nothing was changed",
                "texts of whole letters can",
            )


def given(kind: type[R], answer: _engine.Answer) -> R:
    """The engine's answer as an object, or as what it raises."""
    data = answer["json"] if isinstance(answer["json"], dict) else {}
    if answer["exit"] >= NOTHING_DONE and "error" in data:
        error = data["error"]
        raise BY_EXIT.get(answer["exit"], ClewError)(error["message"], error["untouched"], error["hint"])
    return read(kind, answer["text"].rstrip("\n"), answer["html"], data)
