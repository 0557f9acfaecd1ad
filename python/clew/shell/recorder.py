"""Determines when a capture happens.

Input: the events from the hooks (a request arrived, a run began or ended). Output: `Engine.capture`, once for all runs that ended, when
nothing is running.

    request ─ entered ─┬─ pre_execute: barrier ─ run_began ─ … cell … ─ run_ended ─┐
                       │                                                           ├─ left ─ settle: capture
    another (subshell, comm inside an awaiting cell) ─ entered ─ … ─ left ─────────┘

The reply is sent before `settle` is called. Overlapping runs share the capture, which is made when the last of them ends. `barrier`
completes pending captures before the next code of the user starts; so does the end of the process.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from clew._engine import Held
from clew.errors import NotRecordingError
from clew.shell.cell_parts import is_only_comments
from clew.shell.identity import cell_of
from clew.shell.run import Running, joined
from clew.shell.warn import guarded, guarded_at_end, warn, warn_failed
from clew.shell.watch import EVERYTHING

if TYPE_CHECKING:
    from types import CodeType

    from clew import _engine
    from clew._engine import ReusedRun
    from clew.shell.outputs import Outputs
    from clew.shell.watch import Watch

P = ParamSpec("P")
T = TypeVar("T")


class Place(NamedTuple):
    """The position of a cell that is running."""

    #: The line, counted from 1; `None` if there is no frame of a cell.
    line: int | None
    #: Whether a function of the notebook is running there.
    is_inside: bool
    #: The file of that line, as in its code object.
    file: str | None = None


NOWHERE = Place(None, False)
#: Failures of a capture that may succeed later: the runs are kept until then. Other exceptions are defects of Clew.
LEAVE_IT = (RuntimeError, MemoryError)
#: The time in seconds that an ending kernel waits for a thread that records.
LAST_WAIT = 1.0


class Recorder:
    """Counts what runs, and lets the engine capture when nothing does."""

    def __init__(
        self, engine: _engine.Engine, watch: Watch, outputs: Outputs, before_work: Callable[[], None]
    ) -> None:
        self._engine: _engine.Engine | None = engine
        self._process = os.getpid()
        self._abandoned: _engine.Engine | None = None
        self._watch = watch
        self._outputs = outputs
        #: Sends what the front end waits for (the reply) before the engine takes the interpreter lock.
        self._before_work = before_work
        #: Held while the engine works, and while the counts change. A cell that starts in another thread waits for it.
        self._lock = threading.RLock()
        #: The number of cells that began.
        self.cells_begun = 0
        #: Requests that may run the user's code, and the thread that handles each. The code that adds an entry also removes it.
        self.requests: dict[object, int] = {}
        self._running: dict[int, Running] = {}
        #: Threads whose command waits for the cells of other threads.
        self._waiting: set[int] = set()
        self._ended: list[Running] = []
        self._may_have_changed = False
        #: Whether an event of a run was missed, so that what the run touched cannot be determined.
        self._has_missed = False
        #: Whether the outputs of the last run could not be recorded.
        self._lacks_outputs = False
        #: When Ctrl+C last arrived during a capture, in seconds since the epoch.
        self.interrupted_at: float | None = None
        #: Removes credentials from a run's source, and returns descriptions of the removed ones.
        self.masked: Callable[[Running], tuple[str, list[str]]] = lambda run: (run.source, [])
        #: Returns the part of a run's source that may be stored before it runs, if any, and descriptions of what was removed.
        self.kept_before: Callable[[Running], tuple[str | None, list[str]]] = lambda run: (None, [])
        #: Provides the surroundings of cells, for a library that is imported by a move and checks where it runs.
        self.as_for_cells: Callable[[], AbstractContextManager[Any]] = nullcontext
        #: Called with code that is about to run, and that may set something unobserved otherwise.
        self.foresee: Callable[[CodeType], None] = lambda code: None
        #: Called before each run, when nothing else is running.
        self.before_run: Callable[[], None] = lambda: None
        #: File descriptors that are readable when a request waits.
        self.descriptors: Sequence[int] = ()
        #: Returns whether a request waits that has already been read from them.
        self.is_awaited: Callable[[], bool] = lambda: False
        #: Schedules a check for when the session is idle.
        self.look_later: Callable[[], None] = lambda: None
        #: Schedules a test build of values for when the session has been idle for a while.
        self.prove_later: Callable[[], None] = lambda: None
        #: When the session began, and a script may have started: in nanoseconds since the epoch, and on the clock that measures runs.
        self._opened = (time.time_ns(), time.perf_counter_ns())
        #: The file of a script that runs outside of cells and has moved the session, and its part that is not recorded yet.
        self._script: tuple[str, Running] | None = None
        #: Returns the source of a file that runs outside of cells, if it can be read.
        self.source_of: Callable[[str], str | None] = lambda file: None
        #: Code that ran and could not be recorded, as one run. The next record that succeeds includes it.
        self._unrecorded: Running | None = None
        task = current_task()
        #: The task in which Clew was loaded, if any.
        self._loading = None if task is None else weakref.ref(task)
        #: Called after each capture (by tests, and by displays of the front end).
        self.listeners: list[Callable[[_engine.Captured], None]] = []

    # -- events from the hooks -------------------------------------------------------------------------------

    def hear(self, what: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Runs the handler of an event without raising. Returns `None` if it failed.

        A Ctrl+C during the handler is kept for the cell that it is meant for.
        """
        if os.getpid() != self._process:
            return None  # Only the parent of a fork records.
        held = None
        try:
            with Held() as held:
                return work(*args, **kwargs)
        except BaseException as error:
            self._has_missed = True
            warn_failed(what, error)
            return None
        finally:
            if held is not None:
                self.interrupted_at = held.at or self.interrupted_at

    def entered(self, request: object) -> None:
        """Notes that a request arrived that may run the user's code."""
        with self._lock:
            self.requests[request] = threading.get_ident()

    def left(self, request: object) -> None:
        """Notes that the request is done. A run of this thread whose end was missed ended with it."""
        with self._lock:
            self.requests.pop(request, None)
            self._may_have_changed = True
            if threading.get_ident() in self.requests.values():
                return
            if self._has_missed:
                # Its end may have been missed. How it ended is unknown, and the next look finds its effects.
                self._running.pop(threading.get_ident(), None)
            self._close(None)

    def run_began(self, info: Any, execution_count: int | None) -> None:
        """Begins a run. A cell inside another one in the same thread is part of that."""
        with self._lock:
            outer = self._running.get(threading.get_ident())
            if outer is not None:
                outer.nested.append(info)
                return
            run = Running(info.raw_cell, cell_of(info), info, execution_count)
            run.task = current_task()
            self.cells_begun += 1
            run.shown = [self._outputs.begin()]
            self._watch.begin()
            self._running[threading.get_ident()] = run
            guarded("record which cell runs", self._note)

    def begins(self, code: CodeType, sent_at: Callable[[], float | None]) -> bool:
        """Notes that code of a cell is about to run. Returns whether an undelivered Ctrl+C was meant for it."""
        self._watch.note(code)
        guarded("determine what this cell may set", self.foresee, code)
        return self.owes_interrupt(sent_at)

    def run_ended(self, result: Any) -> None:
        """Ends a run. In a kernel, its reply is not sent yet."""
        with self._lock:
            run = self._running.get(threading.get_ident())
            if run is None:
                self._load_cell_ended(result)
            elif result is None or not any(result.info is inner for inner in run.nested):
                self._close(result)
                guarded("record the end of the cell", self._note_end)
            if not self.requests:
                self.settle()

    def barrier(self) -> None:
        """Completes pending captures before code of the user starts, unless something is still running."""
        with self._lock:
            if len(self.requests) > 1 or self._running or self._engine is None:
                return
            if self._ended:
                self.finish()
            guarded("determine which notebook this is", self.before_run)

    def settle(self) -> None:
        """Captures after the reply was sent, if nothing is running."""
        with self._lock:
            if not self.requests:
                self.finish()

    def idle(self) -> None:
        """Looks for external changes, if nothing is running. Stops if a request arrives, and schedules another look."""
        with self._lock:
            if self._engine is not None and self._rests() and self._has_made_up():
                with Held():
                    has_seen_all = guarded(
                        "look for changes", self._engine.idle, self.descriptors, self.is_awaited()
                    )
                self._tell_untold()
                if has_seen_all is False:
                    self.look_later()
                elif has_seen_all:
                    self.prove_later()

    def look(self) -> None:
        """Looks at everything now, for callers between cells that leave no idle time: a variable that was not checked before a cell ran may
        have had any value."""
        with self._lock:
            if self._engine is not None and not (self._running or self._ended) and self._has_made_up():
                guarded("look for changes", self._engine.idle)

    def check(self) -> None:
        """Looks at everything before the kernel ends, if nothing is running. The engine limits the time."""
        if not self._lock.acquire(timeout=LAST_WAIT):
            return
        try:
            if self._engine is not None and self._rests() and self._has_made_up():
                with Held():
                    guarded("check the session before its kernel ends", self._engine.idle, is_ending=True)
        finally:
            self._lock.release()

    def prove(self) -> None:
        """Rebuilds values in another process as a test, if nothing is running."""
        with self._lock:
            if self._engine is not None and self._rests():
                guarded("verify that values can be restored", self._engine.prove)

    def has_saved(self) -> bool:
        """Records what is pending. Returns whether nothing is running any more."""
        self.settle()
        self.idle()
        return self._rests()

    def _rests(self) -> bool:
        """Returns whether nothing is running, and no run is still to be captured."""
        return not (self.requests or self._running or self._ended)

    def owes_interrupt(self, sent_at: Callable[[], float | None]) -> bool:
        """Returns whether a Ctrl+C during a capture was meant for the cell that starts now.

        It was if that cell was already waiting at that time.
        """
        if self.interrupted_at is None:
            return False
        sent, at = sent_at(), self.interrupted_at
        self.interrupted_at = None
        return sent is not None and sent < at

    # -- commands --------------------------------------------------------------------------------------------

    def command(
        self,
        argv: Sequence[str],
        meant: _engine.Intent,
        *,
        place: Place = NOWHERE,
        through: _engine.Through | None = None,
    ) -> _engine.Answer:
        """Passes a command to the engine.

        A command inside a cell that moves the session, or `forget`, first records what the cell did before as a separate run; `place` is
        the cell's position. What the cell does afterwards is the next run. If another cell is running, a command in a subshell waits for
        it, or is refused with `--no-wait`. A command in a thread or task that a cell may be waiting for is refused: what the cell did so
        far would be mixed with other code.
        """
        if meant["asks"] and self._engine is not None:
            # A sandbox process answers, which may take a minute; other threads can record meanwhile.
            return self._engine.command(list(argv), False, through)
        is_busy = meant["moves"] and self._others_run()
        if is_busy and meant["waits"]:
            self._wait_for_others()
            is_busy = False
        is_busy |= meant["seals"] and self.is_beside_cell()
        with self._lock:
            if self._engine is None:
                raise NotRecordingError(
                    "Clew does not record here: this is a forked child process, or the extension was unloaded",
                    hint="`import clew; clew.load_ipython_extension(get_ipython())` starts recording",
                )
            if is_busy:
                return self._engine.command(list(argv), True, through)
            if meant["seals"] and self._seal(place):
                raise KeyboardInterrupt
            if meant["seals"] and through is not None and through["interface"] == "python":
                self._record_uncelled(place)
            with self.as_for_cells():
                answer = self._engine.command(list(argv), False, through)
            self._tell_untold()
            return answer

    @contextmanager
    def apart(self, place: Place) -> Iterator[int | None]:
        """Makes cells that run during the block, inside the calling cell at `place`, separate runs. What the calling cell does afterwards
        is the next run. Yields the `In [n]` of the calling cell.

        # Errors
        `KeyboardInterrupt` if Ctrl+C arrived while the cell's first part was recorded.
        """
        me = threading.get_ident()
        with self._lock:
            if self._seal(place):
                raise KeyboardInterrupt
            outer = self._running.pop(me, None)
        try:
            yield outer.execution_count if outer is not None else None
        finally:
            with self._lock:
                self.finish()
                if outer is not None:
                    outer.shown = [self._outputs.begin()]
                    self._watch.begin(is_within=outer.is_within)
                    self._running[me] = outer

    def reuse(self, runs: Sequence[ReusedRun]) -> str | None:
        """Reuses recorded runs for cells. Returns the last of the new runs."""
        with self._lock:
            return self._engine.reuse(runs) if runs and self._engine is not None else None

    def bring(self, run: str | None, names: Collection[str] | None, at_least: int) -> list[tuple[str, str]]:
        """Switches to a run, or stays, and loads what is needed (`Engine.bring`). Returns what cannot be restored exactly, and why."""
        with self._lock:
            if self._engine is None:
                return []
            self.finish()
            with self.as_for_cells():
                return self._engine.bring(run, None if names is None else sorted(names), at_least)

    def stored_only(self) -> list[str]:
        """Returns the names of variables that are only in the store, not loaded."""
        with self._lock:
            return self._engine.left() if self._engine is not None else []

    def sync(self) -> None:
        """Flushes all recorded data to disk."""
        with self._lock:
            if self._engine is not None:
                self._engine.sync()

    def _others_run(self) -> bool:
        """Returns whether another cell is running besides the calling one. A thread outside of cells may call while a cell is running."""
        me = threading.get_ident()
        with self._lock:
            return me in self._running and bool(self._running.keys() - self._waiting - {me})

    def _wait_for_others(self) -> None:
        warn("waiting for the running cell. With `--no-wait`, the command fails instead.")
        me = threading.get_ident()
        self._waiting.add(me)
        try:
            while self._others_run():
                time.sleep(0.02)
        finally:
            self._waiting.discard(me)

    def _seal(self, place: Place) -> bool:
        """Captures what ran before a command. Returns whether Ctrl+C arrived meanwhile."""
        run = self._running.get(threading.get_ident())
        rest = run.split(place.line, is_inside=place.is_inside, file=place.file) if run is not None else None
        if run is not None and rest is not None:
            guarded("wait for printed output", self._outputs.drain)
            self._outputs.end(run.shown)
            rest.shown = [self._outputs.begin()]
            run.seen = self._watch.end(is_told=run.is_recorded)
            self._running[threading.get_ident()] = rest
            self._ended.append(run)
            self._watch.begin(is_within=rest.is_within)
        unrecorded = self._unrecorded
        is_interrupted = self._capture_ended()
        if self._unrecorded is unrecorded:
            # No run ended with which it could be recorded.
            self._has_made_up()
        if rest is not None:
            guarded("record which cell runs", self._note)
        return is_interrupted

    def is_beside(self) -> bool:
        """Returns whether the calling code runs beside cells, in its own thread or task."""
        if self.runs_cell():
            return self.is_beside_cell()
        if threading.get_ident() in self.requests.values():
            return False
        # There was no request event for the cell that loads Clew.
        is_own_task = current_task() not in (None, self._loading and self._loading())
        return is_own_task or threading.current_thread() is not threading.main_thread()

    def is_beside_cell(self) -> bool:
        """Returns whether a cell is running that the calling code is not part of: that runs in its own thread or task."""
        run = self._running.get(threading.get_ident())
        if run is None:
            return bool(self._running)
        return run.task is not None and run.task is not current_task()

    def runs_cell(self) -> bool:
        """Returns whether a cell is running in the calling thread."""
        return threading.get_ident() in self._running

    def _record_uncelled(self, place: Place) -> None:
        """Records what a program did outside of recorded cells, such as a script at the start of IPython. Its moves begin from there.

        # Errors
        `KeyboardInterrupt` if Ctrl+C arrived meanwhile.
        """
        if self._engine is None or any(run.is_recorded for run in self._running.values()):
            return
        script = None if self.runs_cell() else self._script_at(place)
        if script is None:
            guarded("record what the script did", self._engine.idle)
            return
        rest = script.split(place.line, is_inside=place.is_inside, file=place.file)
        assert place.file is not None
        self._script = (place.file, rest or script)
        if rest is not None:
            # No event announced it.
            self._ended.append(script)
            if self._capture_ended():
                raise KeyboardInterrupt

    def _script_at(self, place: Place) -> Running | None:
        """Returns code that runs outside of cells and is not recorded yet, as a run."""
        if place.file is None:
            return None
        if self._script is not None and self._script[0] == place.file:
            return self._script[1]
        source = guarded("read the script", self.source_of, place.file)
        if not source:
            return None
        started, ticks = self._opened
        return Running(source, started=started, ticks=ticks)

    def _note(self) -> None:
        """Notes which cells are running, so that this is known if the kernel is killed."""
        runs = [run for run in self._running.values() if run.is_recorded]
        if not runs or self._engine is None:
            return
        run = joined(runs)
        source, masked = self.kept_before(run)
        self._engine.begins(run.begun(source, masked))

    def _note_end(self) -> None:
        """Notes that the cells have ended: a kernel that is killed before the capture was not killed in them."""
        runs = [run for run in self._ended if run.is_recorded]
        if runs and not self._running and self._engine is not None:
            run = joined(runs)
            self._engine.ends(run.duration, run.ending)

    # -- the capture -----------------------------------------------------------------------------------------

    def _load_cell_ended(self, result: Any) -> None:
        """Handles the end of the cell that loaded Clew. It began before the hooks existed; everything since belongs to it."""
        if result is not None and result.info.raw_cell and not result.info.raw_cell.isspace():
            count = result.execution_count if result.info.store_history else None
            run = Running(result.info.raw_cell, cell_of(result.info), result.info, count)
            if self._script is not None:
                # It contained a command that moved the session.
                run.source, run.is_split = self._script[1].source, True
                run.skipped, run.is_optional = self._script[1].skipped, self._script[1].is_optional
                run.code = self._script[1].code
                self._script = None
            run.shown = [self._outputs.begin()]
            run.end(result)
            self._ended.append(run)

    def _close(self, result: Any) -> None:
        run = self._running.pop(threading.get_ident(), None)
        if run is not None:
            run.end(result)
            run.seen = self._watch.end(is_empty=is_only_comments(run.source), is_told=run.is_recorded)
            self._ended.append(run)

    def finish(self) -> None:
        """Captures the runs that ended, if nothing is running."""
        with self._lock:
            if self._running or self._engine is None:
                return
            if self._ended:
                # For a cell with only commands nothing is captured, so there is no reason to wait.
                if any(run.is_recorded for run in self._ended):
                    guarded("show the cell's results first", self._before_work)
                self._capture_ended()
            elif self._may_have_changed:
                guarded("show the cell's results first", self._before_work)
                self.idle()
            self._may_have_changed = False
            self._outputs.rest()

    def _capture_ended(self) -> bool:
        """Records the runs that ended. Returns whether Ctrl+C arrived meanwhile."""
        ended, self._ended = self._ended, []
        for run in ended:
            self._outputs.end(run.shown)
        runs = [run for run in ended if run.is_recorded]
        if not runs or self._engine is None:
            return False
        with Held() as held:
            captured = guarded("record this run", self._capture, runs)
        self.interrupted_at = held.at or self.interrupted_at
        self._has_missed = captured is None
        trouble = self._outputs.take_trouble()
        if captured is not None:
            # A failure that repeats in every run is reported once.
            if trouble is not None and not self._lacks_outputs:
                warn_failed("record the outputs of this run", trouble)
            self._lacks_outputs = trouble is not None
            self._tell(captured)
        return held.at is not None

    def _has_made_up(self) -> bool:
        """Records a run that could not be recorded before, if any. Returns false if that fails again; the first failure was reported."""
        if self._unrecorded is None:
            return True
        with Held(), suppress(*LEAVE_IT):
            self._tell(self._capture([]))
            self._has_missed = False
        return self._unrecorded is None

    def _tell(self, captured: _engine.Captured) -> None:
        for text in captured["warnings"]:
            warn(text)
        for listener in self.listeners:
            guarded("report this run to the front end", listener, captured)

    def _tell_untold(self) -> None:
        """Reports findings of background checks: lost memory, values that cannot be rebuilt."""
        assert self._engine is not None
        for text in guarded("report what it found", self._engine.untold) or []:
            warn(text)

    def _capture(self, ended: list[Running]) -> _engine.Captured:
        """Records the runs that ended, together with an earlier one that could not be recorded."""
        # A defect must not repeat with every later run.
        earlier, self._unrecorded = self._unrecorded, None
        whole = joined(ended if earlier is None else [earlier, *ended])
        try:
            return self._capture_one(whole)
        except LEAVE_IT:
            if earlier is None or not ended:
                self._keep(whole)
                raise
        try:
            # Perhaps only the earlier run cannot be recorded.
            return self._capture_one(joined(ended))
        except LEAVE_IT:
            self._keep(whole)
            raise

    def _keep(self, run: Running) -> None:
        """Keeps a run that could not be recorded, without its outputs: they may be large, and with a full disk this may continue for
        hours."""
        run.shown = []
        self._unrecorded = run

    def _capture_one(self, run: Running) -> _engine.Captured:
        assert self._engine is not None
        if self._has_missed:
            run.seen = EVERYTHING
        output = self._outputs.text(run)
        source, masked = self.masked(run)
        captured: _engine.Captured = self._engine.capture(run.described(source, masked, output))
        return captured

    # -- the end ---------------------------------------------------------------------------------------------

    def close(self, place: Place = NOWHERE) -> None:
        """Records pending runs and closes the engine. Nothing is recorded afterwards.

        `place` is the position of the calling cell: what the cell did before becomes a run.
        """
        with self._lock:
            if self._engine is None:
                return
            self._seal(place)
            self._running.clear()
            guarded_at_end("close the history", self._engine.close)
            self._engine = None

    def abandon(self) -> None:
        """Stops in the child of a fork: nothing is written, and locks of other threads, which do not exist here, are replaced."""
        self._lock = threading.RLock()
        # Kept forever, because its destructor may write.
        self._abandoned, self._engine = self._engine, None
        if self._abandoned is not None:
            self._abandoned.abandon()


def current_task() -> object:
    """Returns the task that runs the calling code, if any."""
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio.current_task() if asyncio is not None else None
    except RuntimeError:  # no event loop is running here
        return None
