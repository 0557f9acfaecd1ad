"""A recorded session: connects the engine with the hooks in IPython and the kernel."""

from __future__ import annotations

import atexit
import linecache
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython

from clew import events, restored_source, secrets
from clew._engine import given_names, intent, left_out
from clew.adapters import handle_reach, spark_calls
from clew.analysis.bytecode import nested
from clew.analysis.names import IDENTIFIER
from clew.errors import NotRecordingError, RefusedError
from clew.native_commands import as_said, begin, carry, revision_in
from clew.roots import foresee
from clew.secrets import has_writing, masked, redacted, texts_of
from clew.shell import identity, rerun
from clew.shell.hooks import Hooks
from clew.shell.identity import notebook_of, told_path
from clew.shell.magic import Magic
from clew.shell.outputs import Outputs, Redact
from clew.shell.recorder import NOWHERE, Place, Recorder
from clew.shell.redaction import WHAT, without_values
from clew.shell.required_names import held_by_functions, needed
from clew.shell.run import Running
from clew.shell.shutdown import Ending
from clew.shell.start import is_heard, is_on, tell, tell_later
from clew.shell.warn import guarded, guarded_at_end, warn
from clew.shell.watch import watch_for

if TYPE_CHECKING:
    from clew import _engine
    from clew._engine import Through

EngineFactory = Callable[[Any], "_engine.Engine"]


class Session:
    """Records one IPython shell until it is closed."""

    def __init__(self, shell: Any, engine: _engine.Engine) -> None:
        self._shell = shell
        self._engine = engine
        self._process = os.getpid()
        self._watch = watch_for(shell.user_ns)
        #: Records the outputs of runs.
        self.outputs = Outputs(shell, self._redacting)
        #: Records the runs.
        self.recorder = Recorder(engine, self._watch, self.outputs, self._before_work)
        self.recorder.masked = self._masked
        self.recorder.kept_before = self._kept_before
        self.recorder.source_of = self._source_of
        self._caches_tasks = False
        #: Cells, each with what was removed from its recorded source, that the user was already warned about.
        self._said_masked: set[tuple[str | None, str]] = set()
        self._hooks = Hooks(shell, self.recorder, self.outputs)
        self._ending = Ending(self._hooks.loop, self.recorder.has_saved, self._begin_push, self._push)
        self._magic = Magic(shell, self)
        self._path = told_path(shell.user_ns)
        #: The history that began because the front end has not reported the notebook yet.
        self._provisional: str | None = None
        self._has_recorded = False
        #: The last recorded run. The code that uses it resets it to `None`.
        self.last_run: str | None = None
        self.recorder.listeners.append(self._note_recorded)
        self.recorder.before_run = self._before_run
        self.recorder.foresee = self._foresee
        #: The code of the statement that is running.
        self._foreseen: CodeType | None = None
        self.recorder.as_for_cells = self._as_for_cells
        #: Whether the last state must still be restored before the first cell runs.
        self._is_to_resume = False
        #: The function that prints the report of this restore.
        self._tell = tell

    def open(self) -> None:
        """Records what exists as the starting state, then installs the hooks.

        If nothing can be recorded, for example without a usable store, prints one warning. `%clew` works anyway.
        """
        self._magic.attach()
        secrets.begin()
        atexit.register(self.close)
        try:
            opened = self._engine.attach(notebook_of(self._shell))
        except Exception as error:
            why = f"this session is not recorded: {error}. "
            tell(self._shell, warn, why + "Your session is unchanged; `%reload_ext clew` tries again.")
            return
        if self._path is None and opened.get("belonging") == "new":
            self._provisional = opened["id"]
        self._configure()
        restored_source.use(self._engine.cells, self._shell.compile)
        for text in opened.get("warnings", []):
            tell(self._shell, warn, text)
        self._say_first(opened)
        self._hooks.attach()
        events.about_to_run.append(self._foresee_file)
        self._resume_first()

    def close(self) -> bool:
        """Finishes pending work, removes the hooks and closes the history. Returns whether all hooks were removed."""
        if os.getpid() != self._process:
            return True
        atexit.unregister(self.close)
        guarded_at_end("stop listening to signals", self._ending.listen, False)
        guarded_at_end("remove its hooks from the task engines", self._cache_tasks, False)
        is_detached = guarded_at_end("stop listening to cells", self._hooks.detach)
        guarded_at_end("stop listening to code", events.about_to_run.clear)
        namespace = self._shell.user_ns
        place = guarded_at_end("find the current line of the cell", place_in_cell, sys._getframe(), namespace)
        guarded_at_end("stop reading sources of cells", restored_source.use, None, None)
        guarded_at_end("close the history", self.recorder.close, place or NOWHERE)
        # After the last capture: restoring a state without `%clew` would remove `%clew` there.
        guarded_at_end("remove `%clew`", self._magic.detach)
        guarded_at_end("stop observing what cells use", self._watch.close)
        secrets.end()
        return bool(is_detached)

    def abandon(self) -> None:
        """Stops recording silently, in the child of a fork."""
        self.recorder.abandon()

    # -- commands --------------------------------------------------------------------------------------------

    def command(self, *words: str, through: Through | None = None) -> _engine.Answer:
        """Executes a command, as `%clew WORDS` does. `through` is the interface that it was given to, if not the notebook."""
        return self.perform(intent(words), through)

    def perform(self, meant: _engine.Intent, through: Through | None = None) -> _engine.Answer:
        """Executes a command whose effects were determined already (`intent`)."""
        words = meant["words"]
        if rerun.is_asked(words):
            place = place_in_cell(sys._getframe(1), self._shell.user_ns)
            return rerun.Rerun(self, self._shell).answer(words, place)
        is_called = through is not None and through["interface"] == "python"
        place = NOWHERE
        if meant["seals"]:
            place = place_in_cell(sys._getframe(1), self._shell.user_ns, is_called=is_called)
        if meant["seals"] and is_called:
            if self.recorder.is_beside_cell():
                raise RefusedError(
                    "This command, called in a separate task or thread, would interfere with the running cell",
                    hint="call it in the cell itself, or in the next cell",
                )
            check_names(sys._getframe(1), self._shell.user_ns)
            if meant["moves"] and place.is_inside:
                self._check_running(words, meant, place, sys._getframe(1))
        if meant["carries"]:
            at = self._run_meant(words, meant, place) if meant["seals"] else None
            if at is not None and at["exit"]:
                return as_said(at, words, is_program=is_called)
            # Only runs that are recorded by now are sent.
            self.flush()
            run = at["json"]["id"] if at is not None else None
            where = (self._engine.store(), self._engine.history())
            return carry(words, *where, run=run, is_program=is_called)
        answer = self.recorder.command(words, meant, place=place, through=through)
        if meant["moves"]:
            self._watch.moved()
        if meant["sets"]:
            self._configure()
        return answer

    def _check_running(
        self, words: Sequence[str], meant: _engine.Intent, place: Place, frame: FrameType | None
    ) -> None:
        """Refuses a command in a script if it would remove a function that is running. A script has no earlier cell that could define
        it."""
        running = functions_in(frame, self._shell.user_ns)
        if not running or "--dry-run" in words:
            return
        asked = (words[0], "--dry-run", *words[1:])
        planned = (
            self.recorder.command(asked, meant, place=place, through={"interface": "python"})["json"] or {}
        )
        removed = {
            found["root"]["key"] for found in planned.get("outcomes", []) if found["outcome"] == "removed"
        }
        taken = [name for name in running if name in removed]
        if taken:
            raise RefusedError(
                f"`{taken[0]}` is running and would be removed: everything that a script did before its first restore is one run",
                hint="`with clew.session().trial():` in the function rolls back only what the function does",
            )

    def _source_of(self, file: str) -> str | None:
        """Returns the source of a file that does not run in a cell. If IPython counts it as a cell, returns the source as typed."""
        number = getattr(self._shell.compile, "_filename_map", {}).get(file)
        typed = self._shell.history_manager.input_hist_raw
        if isinstance(number, int) and number < len(typed):
            return str(typed[number])
        return "".join(linecache.getlines(file))

    def _run_meant(self, words: Sequence[str], meant: _engine.Intent, place: Place) -> _engine.Answer:
        """Resolves the revision in a command that sends a state, after recording what the cell did so far."""
        return self.recorder.command(("show", "--json", revision_in(words)), meant, place=place)

    def bring(self, run: str | None, source: str | None, at_least: int) -> list[tuple[str, str]]:
        """Switches to a run, or stays at the current one, and loads the variables that a cell with this source may use. Also loads all that
        are smaller than `at_least` bytes; larger ones may stay in the store. Without a source, all may stay there. Returns what cannot be
        restored exactly, and why."""
        names = set[str]() if source is None else needed(source, self._shell, self._watch)
        wrong = self.recorder.bring(run, names, at_least) if run is not None else []
        self._watch.moved()
        while source is not None and (left := self.recorder.stored_only()):
            # Loaded functions may need more variables.
            names = needed(source, self._shell, self._watch)
            if names is not None:
                names |= held_by_functions(self._shell.user_ns)
                if names.isdisjoint(left):
                    break
            wrong += self.recorder.bring(None, names, at_least)
            self._watch.moved()
        return wrong

    def complete(self, line: str) -> tuple[str, list[str]]:
        """Completes a line after `%clew `: returns the part to replace, and the candidates."""
        return self._engine.complete(line)

    def history(self) -> str | None:
        """Returns the id of the recorded history, if there is one."""
        return self._engine.history()

    def hooks(self) -> list[tuple[str, bool]]:
        """Returns the hooks in IPython and the kernel, each with whether it is still installed."""
        return self._hooks.hung()

    def flush(self) -> None:
        """Waits until everything recorded would survive a power failure."""
        self.recorder.sync()

    def _begin_push(self) -> subprocess.Popen[bytes]:
        """Starts to push the runs recorded so far to the store's remote, in another process."""
        return begin(["push"], self._engine.store(), self._engine.history())

    def _push(self) -> str:
        """Pushes the remaining runs. Returns a message with the result."""
        self.flush()
        answer = carry(["push"], self._engine.store(), self._engine.history(), is_program=True)
        found = answer["json"] or {}
        why = found.get("error", {}).get("message") if answer["exit"] > 1 else None
        return f"Clew: not everything was pushed: {why}." if why else "Clew: all recorded runs are pushed."

    def _configure(self) -> None:
        """Applies the settings that the Python side implements."""
        self.outputs.is_wanted = self._engine.setting("record.outputs") is not False
        self._ending.listen(self._engine.setting("push.when_ended") == "always")
        guarded("read the limits for fetching from clusters", self._configure_reaching)
        guarded("cache tasks", self._cache_tasks, self._engine.setting("tasks.cache") is True)

    def _configure_reaching(self) -> None:
        """Sets the store's folder and the size limit for fetching results from clusters, for code that has no access to the engine."""
        handle_reach.store = self._engine.store()
        most = self._engine.setting("tasks.fetch_mb")
        handle_reach.most_fetched = (most if isinstance(most, int) else 0) * 1_000_000
        spark_calls.watch()

    def _cache_tasks(self, is_wanted: bool) -> None:
        """Turns the cache for tasks of distributed engines on or off. Imports no engine before the user does."""
        if is_wanted == self._caches_tasks:
            return
        from ..adapters import every

        every.enable(self._engine.store()) if is_wanted else every.disable()
        self._caches_tasks = is_wanted

    # -- around captures -------------------------------------------------------------------------------------

    def _foresee(self, code: CodeType) -> None:
        self._foreseen = code
        foresee(self._shell, list(nested(code)))

    def _foresee_file(self, code: CodeType) -> None:
        """Does the same for the code of a module or script. The code of a cell was handled before (`_foresee`)."""
        if code is not self._foreseen:
            guarded("determine what this code may set", foresee, self._shell, list(nested(code)))

    def _before_work(self) -> None:
        self._hooks.flush()

    def _redacting(self, run: Running) -> Redact | None:
        """Returns a function that removes secrets from a run's outputs. Returns `None` if the run names an excluded variable: then no
        output may be stored."""
        words = IDENTIFIER.findall(run.source) + (run.seen.touched() or [])
        hidden = self._engine.hidden(words)
        if hidden["named"]:
            return None
        return partial(redacted, known=self._texts(hidden["names"]))

    def _masked(self, run: Running) -> tuple[str, list[str]]:
        """Returns a run's source without secrets, and descriptions of what was removed. Warns about each cell once."""
        self._remember_given(run.source)
        source = run.source
        excluded = self._engine.excluded(IDENTIFIER.findall(source)) if self._engine.excludes() else []
        if excluded:
            source = without_values(source, set(excluded), self._shell.user_ns)
        taken = [WHAT] if source != run.source else []
        # A source without strings, comments and magics contains no secret. Checking all names is the most expensive step here.
        names = self._engine.hidden([], run.seen.touched())["names"] if has_writing(source) else []
        source, others = masked(source, self._texts(names))
        taken += others
        told = (run.cell, ", ".join(taken))
        if taken and told not in self._said_masked:
            self._said_masked.add(told)
            warn(masked_source(taken))
        return source, taken

    def _remember_given(self, source: str) -> None:
        """Remembers values that a cell fetched as credentials, so that they are recognized under any name."""
        names = given_names(source)
        secrets.remember_given(self._shell.user_ns[name] for name in names if name in self._shell.user_ns)

    def _kept_before(self, run: Running) -> tuple[str | None, list[str]]:
        """Returns the same as `_masked`, before the run. The values of its variables are not known yet. So returns no source if it names an
        excluded variable, or may exclude one."""
        if not has_writing(run.source):
            return run.source, []
        words = IDENTIFIER.findall(run.source)
        hidden = self._engine.hidden(words, [])
        if hidden["named"] or "exclude" in words:
            return None, []
        return masked(run.source, self._texts(hidden["names"]))

    def _texts(self, names: Sequence[str]) -> set[str]:
        """Returns the texts in the values of names that must not be recorded."""
        namespace = self._shell.user_ns
        return texts_of(map(namespace.get, names))

    def _note_recorded(self, captured: _engine.Captured) -> None:
        self._has_recorded = True
        self.last_run = captured["run"]
        arrays = sys.modules.get("clew.codecs.numpy")
        if arrays is not None:
            arrays.release_texts()

    def _say_first(self, opened: dict[str, Any]) -> None:
        """Reports crashed kernels and offers to restore the last state, or notes that it must be restored."""
        self._is_to_resume = bool(opened.get("resumes"))
        # The report of the restore also lists crashed runs.
        deaths = [] if self._is_to_resume else [f"Clew: {text}." for text in opened.get("deaths", [])]
        offer = opened.get("offer")
        for text in [*deaths, offer] if offer else deaths:
            tell(self._shell, self._say, text)
        # A user who typed `%load_ext clew` wants to see that it worked. A kernel that loads Clew automatically prints nothing.
        has_said = deaths or offer or opened.get("warnings") or opened.get("can_resume")
        recording = None if has_said or identity.in_batch else opened.get("recording")
        if recording and is_heard(self._shell):
            self._say(f"{recording}.")

    def _resume_first(self) -> None:
        """Restores the last state: at once if printed text reaches a front end. Otherwise when the new kernel is first idle, and in any
        case before the first cell runs."""
        if self._is_to_resume and is_heard(self._shell):
            self._resume()
        elif self._is_to_resume:
            self._hooks.when_started(self._resume_at_rest)

    def _resume_at_rest(self) -> None:
        """Restores the last state while no request is handled. The report is printed with the next cell, because no cell could show it
        now."""
        self._tell = tell_later
        try:
            self.recorder.barrier()
        finally:
            self._tell = tell

    def _resume(self) -> None:
        """Restores the last state, as the user's setting requires for every new kernel."""
        self._is_to_resume = False
        answer = guarded("restore the last state", self.command, "resume")
        if answer is not None:
            self._tell(self._shell, self._say, answer["text"].rstrip())

    def _say(self, text: str) -> None:
        """Prints a message that is not recorded as an output of a cell."""
        with self.outputs.muted():
            print(text, flush=True)

    @contextmanager
    def _as_for_cells(self) -> Iterator[None]:
        """Restores values in the environment of a cell: with IPython's builtins, and figures are displayed as if a cell had created
        them."""
        with self._shell.builtin_trap:
            yield
            figures = sys.modules.get("clew.codecs.matplotlib")
            if figures is not None:
                figures.show_as_made()

    def _before_run(self) -> None:
        self._adopt_path()
        # Once a cell has run, restoring would remove its variables without being requested.
        if self._is_to_resume and not self._has_recorded:
            self._resume()

    def _adopt_path(self) -> None:
        """Attaches to the notebook's own history if the front end sends the path only after the session started."""
        path = told_path(self._shell.user_ns)
        if path is not None and path != self._path and not self._has_recorded:
            self._path = path
            opened = self._engine.attach(notebook_of(self._shell))
            self._say_first(opened)
            provisional, self._provisional = self._provisional, None
            if provisional not in (None, opened["id"]):
                guarded("delete the empty history", self.command, "history", "delete", provisional, "--yes")


def masked_source(taken: Sequence[str]) -> str:
    """Returns the warning for a source that is not recorded completely."""
    return f"{left_out(list(taken))} of the recorded source of this cell. The cell itself is unchanged."


def place_in_cell(frame: FrameType | None, namespace: dict[str, Any], *, is_called: bool = False) -> Place:
    """Returns the position of the running cell: the line and file of its outermost frame, and whether other code than its own statement
    runs there. Such code is a function of the notebook or a file run by `%run -i`. If the command `is_called` by a program, any code except
    Clew's counts."""
    line, file, is_inside, is_met = None, None, False, False
    while frame is not None:
        if frame.f_globals is namespace:
            is_module = frame.f_code.co_name == "<module>"
            is_inside = is_inside or is_met or not is_module
            is_met = True
            if is_module:
                line, file = frame.f_lineno, frame.f_code.co_filename
        elif is_called and not is_met:
            is_inside = is_inside or not str(frame.f_globals.get("__name__")).startswith("clew.")
        frame = frame.f_back
    return Place(line, is_inside, file)


def functions_in(frame: FrameType | None, namespace: dict[str, Any]) -> list[str]:
    """Returns the names of the functions of a script that are running."""
    found = []
    while frame is not None:
        code = frame.f_code
        value = namespace.get(code.co_name) if frame.f_globals is namespace else None
        if type(value) is FunctionType and value.__code__ is code and Path(code.co_filename).is_file():
            found.append(code.co_name)
        frame = frame.f_back
    return found


def check_names(frame: FrameType | None, namespace: dict[str, Any]) -> None:
    """Refuses a command in a file run by `%run`: its variables are not variables of the session before it ends, so Clew cannot restore
    them."""
    while frame is not None and frame.f_globals is not namespace:
        if frame.f_globals.get("__name__") == "__main__":
            raise RefusedError(
                "This file runs with its own variables, which Clew cannot restore",
                hint="`%run -i FILE` runs it with the variables of the session",
            )
        frame = frame.f_back


# -- the one session of this process -------------------------------------------------------------------------

_current: Session | None = None
_follows_forks = False


def load(shell: Any, engine: EngineFactory | None = None) -> Session:
    """Starts a session on `shell`. If a session records already, returns that one."""
    global _current
    if _current is not None:
        return _current
    session = Session(shell, (engine or new_engine)(shell))
    try:
        session.open()
    except BaseException:
        session.close()
        raise
    _current = session
    follow_forks()
    return session


def unload() -> None:
    """Ends the session, if there is one."""
    global _current
    session, _current = _current, None
    # Remaining hooks would record in parallel to the next session, so try again.
    if session is not None and not guarded_at_end("end the session", session.close):
        session.close()


def current() -> Session:
    """Returns the session that records this process. Raises `NotRecordingError` if there is none."""
    if _current is None:
        raise not_recording()
    return _current


def not_recording() -> NotRecordingError:
    """Returns the error that explains why nothing is recorded in this process, and what to type."""
    shell = get_ipython()
    if not is_on():
        return NotRecordingError(
            "Clew does not record here: `CLEW=off` is set in the environment",
            hint="restart Python without `CLEW=off`",
        )
    if shell is None:
        return NotRecordingError(
            "Clew does not record here: it records IPython sessions, but this is a plain Python process",
            hint='`from IPython import start_ipython; start_ipython(["--ext=clew", "FILE.py"])` runs FILE.py in one',
        )
    hint = "`import clew; clew.load_ipython_extension(get_ipython())` starts recording"
    return NotRecordingError("Clew does not record here yet", hint=hint)


def recording() -> Session | None:
    """Returns the session that records this process, if there is one."""
    return _current


def new_engine(shell: Any) -> _engine.Engine:
    """Creates an engine for a shell's namespace."""
    from clew._engine import Engine

    return Engine(shell.user_ns, None, None, {"shell": shell})


def follow_forks() -> None:
    """Makes the child of every fork stop recording.

    Python cannot remove such a hook, so it is installed once and does nothing without a session.
    """
    global _follows_forks
    if not _follows_forks and sys.platform != "win32":
        _follows_forks = True
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    global _current
    session, _current = _current, None
    if session is not None:
        # Kept forever: the child must not write anything, not even in a destructor.
        _abandoned.append(session)
        guarded_at_end("stop recording in the child process", session.abandon)


_abandoned: list[Session] = []
