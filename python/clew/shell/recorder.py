"""When a capture happens.

In: what the hooks hear (a request came, a run began, ended). Out: `Engine.capture`, once for what ran, when
nothing runs.

    request ─ entered ─┬─ pre_execute: barrier ─ run_began ─ … cell … ─ run_ended ─┐
                       │                                                           ├─ left ─ settle: capture
    another (subshell, comm inside an awaiting cell) ─ entered ─ … ─ left ─────────┘

The reply leaves before `settle` is called. Runs that overlap share the capture that the last of them takes.
`barrier` finishes what is left before the next user code starts, and so does the end of the process.
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
    """Where a cell stands while it runs."""

    #: The line, counted from 1; `None` where no frame of a cell is.
    line: int | None
    #: Whether a function of the notebook is what runs there.
    is_inside: bool
    #: The file whose code that line is, as its code names it.
    file: str | None = None


NOWHERE = Place(None, False)
#: How a capture fails that may succeed later, so that what ran is kept until then. Anything else is a defect of ours.
LEAVE_IT = (RuntimeError, MemoryError)
#: How long a kernel that ends waits for a thread that records (seconds).
LAST_WAIT = 1.0


class Recorder:
    """Counts what runs and asks the engine for a capture when nothing does."""

    def __init__(
        self, engine: _engine.Engine, watch: Watch, outputs: Outputs, before_work: Callable[[], None]
    ) -> None:
        self._engine: _engine.Engine | None = engine
        self._process = os.getpid()
        self._abandoned: _engine.Engine | None = None
        self._watch = watch
        self._outputs = outputs
        #: Sends away what the front end waits for (the reply), before the engine takes the interpreter.
        self._before_work = before_work
        #: Held while the engine works and while the counts change; a cell that starts in another thread waits
        #: here.
        self._lock = threading.RLock()
        #: How many cells began.
        self.cells_begun = 0
        #: Requests that may run user code, and the thread that answers each. Who made an entry takes it out again.
        self.requests: dict[object, int] = {}
        self._running: dict[int, Running] = {}
        #: Threads whose mover waits for the cells of the others.
        self._waiting: set[int] = set()
        self._ended: list[Running] = []
        self._may_have_changed = False
        #: Whether something of a run was not seen, so that nobody can tell what it touched.
        self._has_missed = False
        #: Whether it could not be recorded what the last run showed.
        self._lacks_outputs = False
        #: When Ctrl+C last came during a capture, in seconds since the epoch.
        self.interrupted_at: float | None = None
        #: Takes secrets out of a run's source, and says what they were.
        self.masked: Callable[[Running], tuple[str, list[str]]] = lambda run: (run.source, [])
        #: What may be kept of a run's source before it ran, if anything may, and what was taken out.
        self.kept_before: Callable[[Running], tuple[str | None, list[str]]] = lambda run: (None, [])
        #: What cells find around them: a library that a move imports asks it what it runs in.
        self.as_for_cells: Callable[[], AbstractContextManager[Any]] = nullcontext
        #: Told of code that is about to run, which may set something that nobody would see else.
        self.foresee: Callable[[CodeType], None] = lambda code: None
        #: Called before each run, when nothing else runs.
        self.before_run: Callable[[], None] = lambda: None
        #: File descriptors that can be read when a request waits.
        self.descriptors: Sequence[int] = ()
        #: Whether a request waits that has come through one of them.
        self.is_awaited: Callable[[], bool] = lambda: False
        #: Asks for a look once the session rests.
        self.look_later: Callable[[], None] = lambda: None
        #: Has values proved once the session has rested for a while.
        self.prove_later: Callable[[], None] = lambda: None
        #: When the session began, which a script may run from: in nanoseconds since the epoch, and on the clock that measures runs.
        self._opened = (time.time_ns(), time.perf_counter_ns())
        #: The file of a script that runs in no cell and has moved, and what of it is not recorded yet.
        self._script: tuple[str, Running] | None = None
        #: The source of a file that runs in no cell, where it can be read.
        self.source_of: Callable[[str], str | None] = lambda file: None
        #: What ran and could not be recorded, as one run: what it did is recorded with it, by the next record that succeeds.
        self._unrecorded: Running | None = None
        task = current_task()
        #: The task in which Clew was loaded, where it was in one.
        self._loading = None if task is None else weakref.ref(task)
        #: Told after each capture (tests, chips of the front end).
        self.listeners: list[Callable[[_engine.Captured], None]] = []

    # -- what the hooks hear ---------------------------------------------------------------------------------

    def hear(self, what: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Does what something heard asks for, where nothing may be raised; `None` where it could not be done.

        A Ctrl+C that comes meanwhile is kept for the cell that it is meant for.
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
        """A request that may run user code has come."""
        with self._lock:
            self.requests[request] = threading.get_ident()

    def left(self, request: object) -> None:
        """That request is done. A run of this thread that never said so ended with it."""
        with self._lock:
            self.requests.pop(request, None)
            self._may_have_changed = True
            if threading.get_ident() in self.requests.values():
                return
            if self._has_missed:
                # It may have said so to nobody. How it ended is not known, and what it did the next look finds.
                self._running.pop(threading.get_ident(), None)
            self._close(None)

    def run_began(self, info: Any, execution_count: int | None) -> None:
        """A cell starts. One inside another in the same thread is part of it."""
        with self._lock:
            outer = self._running.get(threading.get_ident())
            if outer is not None:
                outer.nested.append(info)
                return
            run = Running(info.raw_cell, info.cell_id, info, execution_count)
            run.task = current_task()
            self.cells_begun += 1
            run.shown = [self._outputs.begin()]
            self._watch.begin()
            self._running[threading.get_ident()] = run
            guarded("record which cell runs", self._note)

    def begins(self, code: CodeType, sent_at: Callable[[], float | None]) -> bool:
        """Some code of a cell is about to run. Whether a Ctrl+C that nobody heard was meant for it."""
        self._watch.note(code)
        guarded("determine what this cell may set", self.foresee, code)
        return self.owes_interrupt(sent_at)

    def run_ended(self, result: Any) -> None:
        """A cell is over; in a kernel its reply has not left yet."""
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
        """User code is about to start: finishes what is left, unless something still runs."""
        with self._lock:
            if len(self.requests) > 1 or self._running or self._engine is None:
                return
            if self._ended:
                self.finish()
            guarded("determine which notebook this is", self.before_run)

    def settle(self) -> None:
        """The reply is out: takes the capture, if nothing runs."""
        with self._lock:
            if not self.requests:
                self.finish()

    def idle(self) -> None:
        """Looks for changes from outside, if nothing runs. Gives up where a request comes, and looks again later."""
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
        """Looks at everything now, for one that asks between cells and leaves no time to rest: what nobody looked at before a cell ran
        may have been anything."""
        with self._lock:
            if self._engine is not None and not (self._running or self._ended) and self._has_made_up():
                guarded("look for changes", self._engine.idle)

    def check(self) -> None:
        """Looks at everything before the kernel ends, if nothing runs; takes no longer than the engine allows there."""
        if not self._lock.acquire(timeout=LAST_WAIT):
            return
        try:
            if self._engine is not None and self._rests() and self._has_made_up():
                with Held():
                    guarded("check the session before its kernel ends", self._engine.idle, is_ending=True)
        finally:
            self._lock.release()

    def prove(self) -> None:
        """Has values built again in another process, if nothing runs."""
        with self._lock:
            if self._engine is not None and self._rests():
                guarded("verify that values can be restored", self._engine.prove)

    def has_saved(self) -> bool:
        """Takes what is left to record; whether nothing runs any more."""
        self.settle()
        self.idle()
        return self._rests()

    def _rests(self) -> bool:
        """Whether nothing runs, and nothing that ran is still to be captured."""
        return not (self.requests or self._running or self._ended)

    def owes_interrupt(self, sent_at: Callable[[], float | None]) -> bool:
        """Whether a Ctrl+C that came during a capture was meant for the cell that starts now.

        It was if that cell already waited then.
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
        """Hands a command to the engine.

        A mover inside a cell, and `forget`, first seals what the cell did before it, as a run of its own; `place` is
        where the cell stands. What the cell does afterwards is the next run. A mover in a
        subshell waits for the cell that runs beside it, or is refused with `--no-wait`. One in a thread or task that a cell may be
        waiting for is refused: what the cell did so far is not its own.
        """
        if meant["asks"] and self._engine is not None:
            # A scratch process answers, which may take a minute; other threads record meanwhile.
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
        """Cells that run meanwhile, inside the one that asks and stands at `place`, are runs of their own; what it does afterwards is
        the next. Gives the `In [n]` of the one that asks.

        # Errors
        `KeyboardInterrupt` where Ctrl+C came while what it did before was recorded.
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
        """Takes what recorded runs left for what their cells would leave; the last of the runs that say so."""
        with self._lock:
            return self._engine.reuse(runs) if runs and self._engine is not None else None

    def bring(self, run: str | None, names: Collection[str] | None, at_least: int) -> list[tuple[str, str]]:
        """Goes to a run, or stays, and brings what is needed (`Engine.bring`); what can't be had as it was, and why."""
        with self._lock:
            if self._engine is None:
                return []
            self.finish()
            with self.as_for_cells():
                return self._engine.bring(run, None if names is None else sorted(names), at_least)

    def stored_only(self) -> list[str]:
        """Names of what the session has and only the store holds."""
        with self._lock:
            return self._engine.left() if self._engine is not None else []

    def sync(self) -> None:
        """Has everything recorded flushed to the disk."""
        with self._lock:
            if self._engine is not None:
                self._engine.sync()

    def _others_run(self) -> bool:
        """Whether a cell runs beside the one that asks. A thread that no cell is may ask in the middle of one."""
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
        """Captures what came before a mover; whether Ctrl+C came meanwhile."""
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
            # Nothing ended that it was tried with.
            self._has_made_up()
        if rest is not None:
            guarded("record which cell runs", self._note)
        return is_interrupted

    def is_beside(self) -> bool:
        """Whether code that asks goes on beside cells, in a thread or task of its own."""
        if self.runs_cell():
            return self.is_beside_cell()
        if threading.get_ident() in self.requests.values():
            return False
        # The cell that loads Clew is no request that it heard of.
        is_own_task = current_task() not in (None, self._loading and self._loading())
        return is_own_task or threading.current_thread() is not threading.main_thread()

    def is_beside_cell(self) -> bool:
        """Whether a cell runs that the code which asks is no part of: it goes on in a thread or task of its own."""
        run = self._running.get(threading.get_ident())
        if run is None:
            return bool(self._running)
        return run.task is not None and run.task is not current_task()

    def runs_cell(self) -> bool:
        """Whether a cell runs in the thread that asks."""
        return threading.get_ident() in self._running

    def _record_uncelled(self, place: Place) -> None:
        """Records what a program did that runs in no recorded cell, such as a script at the start of IPython: what it moves counts from
        there.

        # Errors
        `KeyboardInterrupt` where Ctrl+C came meanwhile.
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
            # Nobody saw it run.
            self._ended.append(script)
            if self._capture_ended():
                raise KeyboardInterrupt

    def _script_at(self, place: Place) -> Running | None:
        """What runs in no cell and is not recorded yet, as a run."""
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
        """Has what runs noted, so that it is known what a kernel ran that was killed."""
        runs = [run for run in self._running.values() if run.is_recorded]
        if not runs or self._engine is None:
            return
        run = joined(runs)
        source, masked = self.kept_before(run)
        self._engine.begins(run.begun(source, masked))

    def _note_end(self) -> None:
        """Has it noted that what ran has ended: a kernel that is killed before the capture was not killed in it."""
        runs = [run for run in self._ended if run.is_recorded]
        if runs and not self._running and self._engine is not None:
            run = joined(runs)
            self._engine.ends(run.duration, run.ending)

    # -- the capture -----------------------------------------------------------------------------------------

    def _load_cell_ended(self, result: Any) -> None:
        """The cell that loaded Clew began before anybody listened; all it did since belongs to it."""
        if result is not None and result.info.raw_cell and not result.info.raw_cell.isspace():
            count = result.execution_count if result.info.store_history else None
            run = Running(result.info.raw_cell, result.info.cell_id, result.info, count)
            if self._script is not None:
                # It moved.
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
        """Takes the capture of what ended, if nothing runs."""
        with self._lock:
            if self._running or self._engine is None:
                return
            if self._ended:
                # Of a cell that was only commands nothing is captured: nobody has to wait for anything.
                if any(run.is_recorded for run in self._ended):
                    guarded("show the cell's results first", self._before_work)
                self._capture_ended()
            elif self._may_have_changed:
                guarded("show the cell's results first", self._before_work)
                self.idle()
            self._may_have_changed = False
            self._outputs.rest()

    def _capture_ended(self) -> bool:
        """Records what has ended; whether Ctrl+C came meanwhile."""
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
            # What fails run after run is said once.
            if trouble is not None and not self._lacks_outputs:
                warn_failed("record the outputs of this run", trouble)
            self._lacks_outputs = trouble is not None
            self._tell(captured)
        return held.at is not None

    def _has_made_up(self) -> bool:
        """Records what could not be recorded when it ran, if anything; false if that fails again, which was said the first time."""
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
        """Tells what was found beside runs: memory that was lost, values that can't be built again."""
        assert self._engine is not None
        for text in guarded("report what it found", self._engine.untold) or []:
            warn(text)

    def _capture(self, ended: list[Running]) -> _engine.Captured:
        """Records what ended, and with it what could not be recorded before."""
        # A defect on the way must not come again with every run that follows.
        earlier, self._unrecorded = self._unrecorded, None
        whole = joined(ended if earlier is None else [earlier, *ended])
        try:
            return self._capture_one(whole)
        except LEAVE_IT:
            if earlier is None or not ended:
                self._keep(whole)
                raise
        try:
            # It may be the earlier one that can't be recorded.
            return self._capture_one(joined(ended))
        except LEAVE_IT:
            self._keep(whole)
            raise

    def _keep(self, run: Running) -> None:
        """Keeps what could not be recorded. What it showed may be large, and where a disk is full this may go on for hours."""
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
        """Finishes what is left and closes the engine. Nothing is recorded afterwards.

        `place` is where the cell that asks for it stands: what the cell did before is a run.
        """
        with self._lock:
            if self._engine is None:
                return
            self._seal(place)
            self._running.clear()
            guarded_at_end("close the history", self._engine.close)
            self._engine = None

    def abandon(self) -> None:
        """In the child of a fork: nothing is written, and locks of threads that are gone are forgotten."""
        self._lock = threading.RLock()
        # Kept for ever: letting go of it may write.
        self._abandoned, self._engine = self._engine, None
        if self._abandoned is not None:
            self._abandoned.abandon()


def current_task() -> object:
    """The task that runs the code that asks, if one does."""
    asyncio = sys.modules.get("asyncio")
    try:
        return asyncio.current_task() if asyncio is not None else None
    except RuntimeError:  # no loop runs here
        return None
