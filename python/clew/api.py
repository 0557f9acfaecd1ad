"""The Python API: `clew.session()`.

    import clew
    s = clew.session()
    s.undo()                      # as %clew undo, also in the middle of a cell
    report = s.switch("forest")   # a Report: report.at, report["df"].outcome, report.names("lost")
    s.log()[0].source             # the newest run
    s.vars(14)["df"].shape        # described, not loaded

Each method does the same as the command of that name. It returns the answer as a typed object (`clew.results`), which
displays as the answer of the command does. A method that fails raises an exception of `clew.errors`, and changes nothing.

In a running cell, a restore first records what the cell did so far as a run of its own. It never removes objects that the
running frame holds (docs/guide/python.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, TypeVar

from clew import results
from clew._engine import read_line
from clew.errors import BY_EXIT, NOTHING_DONE, ClewError, RefusedError, UsageError
from clew.result_builder import read
from clew.shell.session import current

if TYPE_CHECKING:
    from clew import _engine
    from clew.fork import Fork
    from clew.trial import Trial

R = TypeVar("R", bound=results.Result)

Revision = str | int
"""A run: a number, `"@-2"`, `"14a"`, a branch, a tag, the beginning of an id, `"op:7"`, `"10m ago"`."""

Names = str | Iterable[str]
"""One variable or several: `s.restore(14, "x", "y")` and `s.restore(14, ["x", "y"])` are the same."""


class Session:
    """The session that records this kernel."""

    def __reduce__(self) -> tuple[Callable[[], Session], tuple[()]]:
        # A variable that holds this object refers, when it is restored, to the session that records there.
        return Session, ()

    def __repr__(self) -> str:
        return "<clew.session(): the session that records this kernel>"

    def __getattr__(self, name: str) -> NoReturn:
        # Python only calls this for attributes that do not exist.
        words = name.replace("_", " ")
        said = f"clew.session() has no {name!r}; `clew.session().command({words!r})` runs the command of this name"
        raise AttributeError(said, name=name, obj=self)

    # -- restore ---------------------------------------------------------------------------------------------

    def undo(
        self, steps: int = 1, *, keep: Names = (), rerun: bool = False, dry_run: bool = False
    ) -> results.Report:
        """Undo the last run, switch or restore, or the last `steps` of them.

        Variables in `keep` stay as they are. Raise a UsageError if one of them does not exist, or shares objects with a variable
        that is not in `keep`.
        """
        return self._move("undo", str(steps), keep=keep, rerun=rerun, dry_run=dry_run)

    def redo(
        self, steps: int = 1, *, keep: Names = (), rerun: bool = False, dry_run: bool = False
    ) -> results.Report:
        """Redo the last step that was undone, or the last `steps` of them. `keep` is as for `undo`."""
        return self._move("redo", str(steps), keep=keep, rerun=rerun, dry_run=dry_run)

    def switch(
        self, revision: Revision, *, keep: Names = (), rerun: bool = False, dry_run: bool = False
    ) -> results.Report:
        """Restore the state after any run; files stay as they are. `keep` is as for `undo`."""
        return self._move("switch", keep=keep, typed=[str(revision)], rerun=rerun, dry_run=dry_run)

    def restore(
        self,
        revision: Revision,
        *names: Names,
        with_shared: bool = False,
        keep: Names = (),
        rerun: bool = False,
        dry_run: bool = False,
    ) -> results.Report:
        """Restore only `names`, as they were after a run; with `with_shared` also everything that shares objects with them."""
        words = [str(revision), *options(with_shared=with_shared)]
        return self._move("restore", *words, keep=keep, rerun=rerun, dry_run=dry_run, typed=flat(names))

    def resume(
        self,
        revision: Revision | None = None,
        *,
        fresh: bool = False,
        maps: Mapping[str, str] | None = None,
        keep: Names = (),
        rerun: bool = False,
        dry_run: bool = False,
    ) -> results.Report:
        """Restore the last state, or the state after a run, in a new kernel; `fresh` starts empty.

        `maps` gives the paths on this machine of files and folders that cells read on another one.
        """
        words = [str(revision)] if revision is not None else []
        words += options(fresh=fresh)
        words += [f"--map={old}={new}" for old, new in (maps or {}).items()]
        return self._move("resume", *words, keep=keep, rerun=rerun, dry_run=dry_run)

    # -- inspect ---------------------------------------------------------------------------------------------

    def status(self) -> results.Status:
        """Show the current run, and what is not saved or is set aside."""
        return self._ask(results.Status, "status")

    def log(
        self, limit: int = 20, *, name: str | None = None, failed: bool = False, all: bool = False
    ) -> results.Log:
        """Show the runs that led to the current state, newest first; with `all`, all runs of the history.

        With `name`, show only runs that created, changed or removed this variable; with `failed`, only runs that failed or were
        interrupted. A `limit` of 0 shows every run.
        """
        named = [] if name is None else [name]
        check_texts(named)
        named = [f"--variable={one}" for one in named]
        return self._ask(results.Log, "log", "-n", str(limit), *options(failed=failed, all=all), *named)

    def show(self, revision: Revision = "@") -> results.Shown:
        """Show one run: its source, changes, outputs and external effects."""
        return self._ask(results.Shown, "show", typed=[str(revision)])

    def diff(self, before: Revision = "@-", after: Revision = "@", *names: Names) -> results.Diff:
        """Show the differences between two runs: variables, and cells whose code differs."""
        return self._ask(results.Diff, "diff", str(before), str(after), typed=flat(names))

    def vars(self, revision: Revision = "@") -> results.Vars:
        """List the variables after a run, without loading them."""
        return self._ask(results.Vars, "vars", typed=[str(revision)])

    def annotate(self, name: str, revision: Revision = "@") -> results.Log:
        """Show the runs that a variable's value depends on, oldest first."""
        return self._ask(results.Log, "annotate", typed=[name, str(revision)])

    def extract(self, *names: Names, at: Revision = "@", check: bool = False) -> results.Script:
        """Create a script with only the cells that made these variables; with `check`, run it in a sandbox process and compare."""
        return self._ask(results.Script, "extract", f"--at={at}", *options(check=check), typed=flat(names))

    def stale(self, revision: Revision = "@") -> results.Stale:
        """List cells whose inputs changed since they ran, and why."""
        return self._ask(results.Stale, "stale", typed=[str(revision)])

    def plan_move(self, rate: int, *, budget: int | None = None, at: Revision = "@") -> results.Carried:
        """Plan a move to a machine that has nothing, at `rate` bytes per second: what to send, and which runs to rerun there."""
        limit = [f"--budget={budget}"] if budget is not None else []
        return self._ask(results.Carried, "move", "--dry-run", f"--rate={rate}", *limit, f"--at={at}")

    # -- other states ----------------------------------------------------------------------------------------

    def eval(self, revision: Revision, expression: str) -> results.Evaluated:
        """Evaluate an expression in the state after a run, in a sandbox process. The session does not change."""
        return self._ask(results.Evaluated, "eval", str(revision), typed=[expression])

    def bisect(
        self, expression: str, *, first: Revision | None = None, last: Revision = "@"
    ) -> results.Bisected:
        """Find the first run after which an expression is true, by binary search. The session does not change."""
        begin = [f"--from={first}"] if first is not None else []
        return self._ask(results.Bisected, "bisect", *begin, f"--to={last}", typed=[expression])

    # -- label -----------------------------------------------------------------------------------------------

    def branch(
        self,
        name: str | None = None,
        revision: Revision | None = None,
        *,
        delete: bool = False,
        rename: str | None = None,
    ) -> results.Named:
        """Create a branch at the current run or at `revision`; without a name, list all branches.

        With `rename`, rename the branch; without a `name`, the one that the session is on.
        """
        if rename is not None:
            return self._ask(
                results.Named, "branch", "-m", typed=[*([name] if name is not None else []), rename]
            )
        return self._name("branch", name, revision, delete)

    def tag(
        self, name: str | None = None, revision: Revision | None = None, *, delete: bool = False
    ) -> results.Named:
        """Create a tag at a run; without a name, list all tags."""
        return self._name("tag", name, revision, delete)

    def describe(self, text: str, revision: Revision = "@") -> results.Named:
        """Describe a run in your words; an empty text removes the description."""
        check_texts([text])
        return self._ask(results.Named, "describe", f"--message={text}", typed=[str(revision)])

    # -- trials and forks ------------------------------------------------------------------------------------

    def trial(self) -> Trial:
        """Start a `with` block that is rolled back at its end, whether it raises or not.

        Variables that `keep` of the trial lists stay: `with s.trial() as t: ...; t.keep("score")`. `t.report` is the Report of the
        rollback.
        """
        from clew.trial import Trial

        return Trial()

    def fork(self, revision: Revision = "@") -> Fork:
        """Start a second kernel at a revision, with runs of its own in this history. This session does not change."""
        from clew import fork

        target = self.show(revision).run.id
        return fork.fork(self.status().data["history_id"], target)

    # -- manage ----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until everything recorded would survive a power failure (*synced*).

        What the running cell did so far is recorded when it ends, or at the next restore.
        """
        current().flush()

    def pause(self) -> results.Result:
        """Stop recording until `resume_recording`."""
        return self._ask(results.Result, "pause")

    def resume_recording(self) -> results.Result:
        """Start recording again; all changes made meanwhile become one run, marked *outside*."""
        return self._ask(results.Result, "resume-recording")

    def exclude(self, *patterns: Names, delete: bool = False) -> results.Result:
        """Never record these variables, or patterns with `*`; without any, list what is excluded. `delete` records them again."""
        return self._ask(results.Result, "exclude", *(["-d"] if delete else []), typed=flat(patterns))

    def list(self) -> results.Histories:
        """List all histories in the store, most recently used first."""
        return self._ask(results.Histories, "list")

    def verify(self, *, read_data: bool = False) -> results.Verified:
        """Check that everything saved is there and unchanged; with `read_data`, also read the data of every stored value."""
        return self._ask(results.Verified, "verify", *options(read_data=read_data))

    def doctor(self, *, rebuild: bool = False, accept_end: bool = False) -> results.Examined:
        """Check the installation, settings, store and keys, and suggest fixes."""
        return self._ask(results.Examined, "doctor", *options(rebuild=rebuild, accept_end=accept_end))

    def gc(self, *, dry_run: bool = False) -> results.Garbage:
        """Delete data that no run needs, in two steps: mark it now, delete it with a later `gc`."""
        return self._ask(results.Garbage, "gc", *options(dry_run=dry_run))

    def forget(
        self, *names: Names, yes: bool = False, everywhere: bool = False, dry_run: bool = False
    ) -> results.Forgotten:
        """Delete all stored values of variables for good, with their descriptions.

        This cannot be undone, so the method only does it with `yes=True`; `dry_run` shows what would be deleted.
        """
        flags = options(yes=yes, everywhere=everywhere, dry_run=dry_run)
        forgotten = self._ask(results.Forgotten, "forget", *flags, typed=flat(names))
        if not (yes or dry_run):
            raise RefusedError(
                f"Forgetting {', '.join(forgotten.variables)} cannot be undone",
                hint="`dry_run=True` shows what would be deleted, `yes=True` deletes it",
            )
        return forgotten

    def command(self, *words: str) -> results.Result:
        """Run any command of `%clew`, typed as there: `command("log", "--graph")`, or `command("log --graph")`."""
        if len(words) == 1 and isinstance(words[0], str):
            try:
                words = tuple(read_line(words[0])["words"])
            except ValueError as error:
                raise UsageError(
                    f"{error} in {words[0]!r}",
                    hint='pass the words one by one: `command("log", "--graph")`',
                ) from None
        return self._ask(results.Result, *words)

    # -- calls -----------------------------------------------------------------------------------------------

    def _name(self, word: str, name: str | None, revision: Revision | None, delete: bool) -> results.Named:
        words = [] if name is None else [name] if revision is None else [name, str(revision)]
        return self._ask(results.Named, word, *(["-d"] if delete else []), typed=words)

    def _move(
        self, word: str, *words: str, keep: Names, rerun: bool, dry_run: bool, typed: Iterable[str] = ()
    ) -> results.Report:
        kept = list(flat([keep]))
        check_texts(kept)
        flags = [*options(rerun=rerun, dry_run=dry_run), *(f"--keep={name}" for name in kept)]
        return self._ask(results.Report, word, *words, *flags, typed=typed)

    def _ask(self, kind: type[R], *words: str, typed: Iterable[str] = ()) -> R:
        """Run a command. Words in `typed` follow `--`, so that none of them is read as an option."""
        behind = list(typed)
        words = (*words, "--", *behind) if behind else words
        check_texts(words)
        answer = current().command(*words, through={"interface": "python"})
        if answer.get("interrupted"):
            # The command is already done. Ctrl+C is also meant for the code that follows it.
            raise KeyboardInterrupt
        return given(kind, answer)


def options(**switches: bool) -> list[str]:
    """The options of a command that are switched on."""
    return [f"--{name.replace('_', '-')}" for name, is_on in switches.items() if is_on]


def flat(names: Iterable[Names]) -> Iterator[str]:
    """The variables, given one by one or in lists."""
    for name in names:
        if isinstance(name, str) or not isinstance(name, Iterable):
            yield name
        else:
            yield from flat(name)


def check_texts(words: Sequence[object]) -> None:
    """Refuse words that are not valid text, before the engine gets them."""
    for word in words:
        if not isinstance(word, str):
            hint = (
                'give names as in `s.restore(14, "x", "y")`, `s.restore(14, ["x", "y"])` or `s.annotate("x")`'
            )
            raise UsageError(f"{word!r} is not a string, and names are strings", hint=hint)
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError(
                f"{word!r} contains characters that cannot be encoded",
                hint="leave out the lone surrogate characters",
            )


def given(kind: type[R], answer: _engine.Answer) -> R:
    """Return the engine's answer as an object, or raise its error."""
    data = answer["json"] if isinstance(answer["json"], dict) else {}
    if answer["exit"] >= NOTHING_DONE and "error" in data:
        error = data["error"]
        raise BY_EXIT.get(answer["exit"], ClewError)(error["message"], error["unchanged"], error["hint"])
    return read(kind, answer["text"].rstrip("\n"), answer["html"], data)
