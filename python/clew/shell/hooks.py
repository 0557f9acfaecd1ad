"""Hooks into IPython and, if there is one, its kernel.

IPython's events report the begin and end of cells, but before the reply is sent. So in a kernel, the handlers of all messages that may run
the user's code are counted at entry and exit, and the capture runs after the dispatcher: by then, the reply and the idle status are being
sent. Without a kernel, the capture runs at the end of the cell.
"""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import Any

from IPython.core import interactiveshell

from clew.library_draws import with_own_generator
from clew.secrets import note_typed
from clew.shell.outputs import Outputs, done_by
from clew.shell.recorder import LAST_WAIT, Recorder
from clew.shell.warn import guarded, guarded_at_end

#: Messages whose handlers may run the user's code.
RUNS_CODE = ("execute_request", "apply_request", "comm_open", "comm_msg", "comm_close")
#: The name of the dispatcher: ipykernel 7 looks it up for every message; in ipykernel 6, a method around it is.
DISPATCHERS = {7: "dispatch_shell", 6: "process_one"}
#: The maximal time in seconds to wait for a reply to be sent.
LONGEST_FLUSH = 0.2
#: The idle time in seconds before a session is checked for external changes.
REST = 0.5
#: The idle time in seconds before values are rebuilt in another process as a test.
LONG_REST = 10.0


class Hooks:
    """All hooks in IPython and the kernel, and how to remove them."""

    def __init__(self, shell: Any, recorder: Recorder, outputs: Outputs) -> None:
        self._shell = shell
        self._kernel: Any = getattr(shell, "kernel", None)
        self._recorder = recorder
        self._outputs = outputs
        self._undo: list[Callable[[], None]] = []
        #: Each hook with a function that returns whether it is still in place.
        self._hung: list[tuple[str, Callable[[], bool]]] = []
        #: Whether the capture can also wait for the idle status.
        self._follows_dispatch = False
        #: Work that is scheduled for when the session is idle, by name: the loop's handle.
        self._resting: dict[str, Any] = {}
        #: The context in which the last run was recorded.
        self._context = contextvars.copy_context()

    def attach(self) -> None:
        """Installs the hooks."""
        for event, callback in (
            ("pre_execute", self._recorder.barrier),
            ("pre_run_cell", self._began),
            ("post_run_cell", self._recorder.run_ended),
        ):
            self._listen(event, callback)
        self._replace(self._shell, "run_code", self._noting(self._shell.run_code))
        self._attach_outputs()
        if hasattr(self._kernel, "shell_handlers"):
            self._attach_kernel()
        elif callable(end := getattr(self._shell, "_atexit_once", None)):
            self._replace(self._shell, "_atexit_once", self._checking(end))

    def detach(self) -> bool:
        """Removes the hooks. A hook that other code has wrapped stays there, and has no effect any more."""
        self._hung.clear()
        while self._undo:
            guarded_at_end("stop listening to cells", self._undo.pop())
        return True

    def hung(self) -> list[tuple[str, bool]]:
        """Returns all hooks, and whether each is still in place. Other code may have wrapped one."""
        return [(name, is_there()) for name, is_there in self._hung]

    # -- IPython ---------------------------------------------------------------------------------------------

    def _began(self, info: Any) -> None:
        # The shell has counted this cell already.
        count = self._shell.execution_count - 1 if info.store_history else None
        self._recorder.run_began(info, count)

    def _listen(self, event: str, heard: Callable[..., None]) -> None:
        # IPython would show an exception raised here as a traceback.
        callback = partial(self._recorder.hear, "record the start of this cell", heard)
        self._shell.events.register(event, callback)
        self._undo.append(lambda: self._shell.events.unregister(event, callback))
        self._hung.append((event, lambda: callback in self._shell.events.callbacks[event]))

    def _replace(self, holder: Any, name: str, ours: Any) -> None:
        """Sets `ours` as an attribute of one object, which hides the method of its class."""
        had = name in vars(holder)
        before = getattr(holder, name)
        setattr(holder, name, ours)
        self._hung.append((name, lambda: vars(holder).get(name) is ours))

        def undo() -> None:
            if vars(holder).get(name) is not ours:
                return
            if had:
                setattr(holder, name, before)
            else:
                delattr(holder, name)

        self._undo.append(undo)

    def _noting(self, run_code: Callable[..., Any]) -> Callable[..., Any]:
        def noting(code_obj: CodeType, *arguments: Any, **options: Any) -> Any:
            # No frame of Clew stays on the stack: IPython awaits the original.
            recorder = self._recorder
            if recorder.hear("observe what this cell uses", recorder.begins, code_obj, self._sent_at):
                raise KeyboardInterrupt
            return run_code(code_obj, *arguments, **options)

        return noting

    def _attach_outputs(self) -> None:
        publisher = getattr(self._kernel, "iopub_thread", None)
        if publisher is not None:
            self._replace(publisher, "send_multipart", self._outputs.hearing(publisher.send_multipart))
        elif self._kernel is None:
            display = self._shell.displayhook
            self._replace(
                display, "write_format_data", self._outputs.keeping_result(display.write_format_data)
            )
            show = self._shell._showtraceback
            self._replace(self._shell, "_showtraceback", self._outputs.keeping_error(show))
        self._undo.append(self._outputs.close)
        # The cell that loads Clew is running already.
        self._outputs.begin()

    def _sent_at(self) -> float | None:
        """Returns when the front end sent the current request, in seconds since the epoch."""
        if self._kernel is None:
            return None
        date = self._kernel.get_parent("shell").get("header", {}).get("date")
        return date.timestamp() if date is not None else None

    # -- the kernel ------------------------------------------------------------------------------------------

    def _attach_kernel(self) -> None:
        for kind in RUNS_CODE:
            if kind in self._kernel.shell_handlers:
                self._wrap_handler(kind)
        for handlers in (self._kernel.control_handlers, self._kernel.shell_handlers):
            if "shutdown_request" in handlers:
                self._check_at_end(handlers)
        if callable(ask := getattr(self._kernel, "_input_request", None)):
            self._replace(self._kernel, "_input_request", self._hearing_typed(ask))
        if callable(pick := getattr(interactiveshell, "pick_tip", None)):
            self._replace(interactiveshell, "pick_tip", with_own_generator(pick))
        dispatcher = DISPATCHERS[7 if getattr(self._kernel, "shell_channel_thread", None) else 6]
        if inspect.iscoroutinefunction(getattr(self._kernel, dispatcher, None)):
            self._replace(self._kernel, dispatcher, self._followed(getattr(self._kernel, dispatcher)))
            self._follows_dispatch = True
        self._recorder.descriptors = self._descriptors()
        self._recorder.is_awaited = self._is_awaited
        self._recorder.listeners.append(lambda _: self._look_later())
        self._recorder.look_later = self._look_later
        self._recorder.prove_later = self._prove_later

    def _hearing_typed(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps the request for input: remembers the input as a credential if it was hidden, or if the prompt asked for one."""

        def asking(prompt: Any, *arguments: Any, **options: Any) -> Any:
            typed = ask(prompt, *arguments, **options)
            guarded(
                "check the typed input for credentials",
                note_typed,
                prompt,
                typed,
                is_hidden=bool(options.get("password")),
            )
            return typed

        return asking

    def _descriptors(self) -> list[int]:
        """Returns file descriptors that show arriving requests before any thread of this process has read them.

        In ipykernel 7, another thread reads the requests and passes them to the thread that runs cells.
        """
        sockets = [getattr(getattr(self._kernel, "shell_stream", None), "socket", None)]
        manager = getattr(getattr(self._kernel, "shell_channel_thread", None), "manager", None)
        sockets.append(getattr(getattr(manager, "_shell_channel_to_main", None), "to_socket", None))
        return [socket.fileno() for socket in sockets if socket is not None]

    def _is_awaited(self) -> bool:
        """Returns whether ipykernel 6 has queued a request that it has not begun to handle."""
        queue = getattr(self._kernel, "msg_queue", None)
        return queue is not None and not queue.empty()

    def _wrap_handler(self, kind: str) -> None:
        handlers = self._kernel.shell_handlers
        before = handlers[kind]
        recorder = self._recorder

        async def handler(stream: Any, ident: Any, parent: Any) -> None:
            request = object()
            recorder.hear("process this kernel request", recorder.entered, request)
            try:
                result = before(stream, ident, parent)
                if inspect.isawaitable(result):
                    await result
            finally:
                recorder.hear("process this kernel request", recorder.left, request)
                # An entry that stays would prevent all later recording.
                recorder.requests.pop(request, None)
                if not self._follows_dispatch:
                    recorder.hear("record this run", recorder.settle)

        self._hang(handlers, kind, handler)

    def _check_at_end(self, handlers: dict[str, Any]) -> None:
        """Checks the session before its kernel shuts down. Otherwise, changes between two runs would be unverified in the next kernel."""
        before = handlers["shutdown_request"]

        async def handler(stream: Any, ident: Any, parent: Any) -> None:
            self._check_in_loop()
            result = before(stream, ident, parent)
            if inspect.isawaitable(result):
                await result

        self._hang(handlers, "shutdown_request", handler)

    def _check_in_loop(self) -> None:
        """Runs the check in the thread and context of cells. Shutdown requests are handled in another thread, where context-dependent state
        (`np.seterr`) differs."""
        checked = threading.Event()

        def check() -> None:
            try:
                self._recorder.hear("check the session before its kernel ends", self._recorder.check)
            finally:
                checked.set()

        def in_context() -> None:
            self._context.copy().run(check)

        loop = self.loop()
        if loop is None or threading.current_thread() is threading.main_thread():
            in_context()
        else:
            guarded("schedule a check", loop.add_callback, in_context)
            # Does not wait longer for a running cell: its results are not recorded either.
            checked.wait(3 * LAST_WAIT)

    def _checking(self, end: Callable[[], object]) -> Callable[[], object]:
        """Does the same in a terminal, where the namespace is cleared before exit handlers run."""

        def checking() -> object:
            self._recorder.hear("check the session before it ends", self._recorder.check)
            return end()

        return checking

    def _hang(self, handlers: dict[str, Any], kind: str, ours: Any) -> None:
        """Replaces the handler of a kind of message."""
        before = handlers[kind]
        handlers[kind] = ours
        self._hung.append((kind, lambda: handlers.get(kind) is ours))

        def undo() -> None:
            if handlers.get(kind) is ours:
                handlers[kind] = before

        self._undo.append(undo)

    def _followed(self, dispatch: Callable[..., Any]) -> Callable[..., Any]:
        async def followed(*arguments: Any, **options: Any) -> Any:
            try:
                return await dispatch(*arguments, **options)
            finally:
                # Nothing is awaited from here on, so no other request or task runs before the capture is done.
                self._recorder.hear("record this run", self._recorder.settle)

        return followed

    def when_started(self, work: Callable[[], None]) -> None:
        """Schedules work for after a starting kernel has answered the first requests."""
        self._later(REST, "finish starting", work)

    def _look_later(self) -> None:
        """Schedules a check for when the session is idle."""
        self._later(REST, "look for changes", self._recorder.idle)

    def _prove_later(self) -> None:
        """Schedules a test build of values for when the session has been idle for a while."""
        self._later(LONG_REST, "verify that values can be restored", self._recorder.prove)

    def _later(self, seconds: float, what: str, work: Callable[[], None]) -> None:
        """Schedules work after a delay, which begins again with every call."""
        loop = self.loop()
        self._context = contextvars.copy_context()
        if loop is None:
            return

        def schedule() -> None:
            before = self._resting.pop(what, None)
            if before is not None:
                loop.remove_timeout(before)
            self._resting[what] = loop.call_later(seconds, self._recorder.hear, what, work)

        loop.add_callback(guarded, what, schedule)

    def loop(self) -> Any:
        """Returns the event loop of cells. A kernel that is starting has none of its own yet: it will use its thread's."""
        if self._kernel is None:
            return None
        loop = getattr(self._kernel, "io_loop", None)
        if loop is not None:
            return loop
        from tornado.ioloop import IOLoop  # Always imported already in a kernel.

        return guarded("find the kernel's event loop", IOLoop.current)

    def flush(self) -> None:
        """Waits until the reply and the output are sent, before the engine holds the interpreter lock for long.

        In ipykernel 7, other threads send them, and would have to wait for the lock.
        """
        if self._kernel is None:
            return
        sent = [event for event in (self._flush_output(), self._flush_replies()) if event is not None]
        for event in sent:
            event.wait(LONGEST_FLUSH)

    def _flush_output(self) -> threading.Event | None:
        output = getattr(self._kernel, "iopub_thread", None)
        if output is None:
            return None
        self._outputs.await_programs()
        return done_by(output, partial(guarded, "show the cell's results first", self._outputs.send_printed))

    def _flush_replies(self) -> threading.Event | None:
        import zmq  # Always imported already in a kernel, and not needed elsewhere.

        channel = getattr(self._kernel, "shell_channel_thread", None)
        stream: Any = getattr(self._kernel, "shell_stream", None)
        if channel is None:
            if stream is not None:
                stream.flush(zmq.POLLOUT)
            return None
        done = threading.Event()

        def turn(left: int) -> None:
            # The reply needs one iteration of that loop to be received, and another one to be sent.
            if left:
                later(left - 1)
                return
            stream.flush(zmq.POLLOUT)
            done.set()

        later = partial(channel.io_loop.add_callback, guarded, "show the cell's results first", turn)
        later(3)
        return done
