"""Listens to the messages that the kernel publishes, and assigns them to runs.

Everything that reaches a front end passes through one method of the kernel's IOPub thread, already as bytes: printed text (collected, not
print by print), displays, results, errors. There, messages are copied for the run whose request is the message's parent. So a run's outputs
are what the front end received for it, whichever thread sent it. Outputs that were captured before (`%%capture`, hooks) are not included,
and no object of the user is accessed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from clew.shell.run import Running
from clew.shell.run_outputs import COLOURS, Shown, left_out
from clew.shell.warn import guarded

#: The delimiter before the parts of a message.
DELIMITER = b"<IDS|MSG>"
#: Messages that change the output of a cell. Only some `comm_msg` do: those to an Output widget.
KINDS = frozenset(
    ["stream", "display_data", "update_display_data", "execute_result", "error", "clear_output", "comm_msg"]
)
#: The request id if there are no requests.
NO_KERNEL = "no kernel"
#: The maximal time in seconds for a program's output to get from the pipe to the kernel.
LONGEST_PIPE = 0.05
#: The maximal time in seconds to wait for the publishing thread to process printed text: as long as a stream's own flush waits.
LONGEST_DRAIN = 10.0

Redact = Callable[[str], str]


class Outputs:
    """The outputs of the runs of one shell."""

    def __init__(self, shell: Any, redacting: Callable[[Running], Redact | None]) -> None:
        self._kernel: Any = getattr(shell, "kernel", None)
        #: Returns the function that redacts a run's outputs; `None` if they must not be stored at all.
        self._redacting = redacting
        #: Whether outputs are recorded (the setting `record.outputs`).
        self.is_wanted = True
        self._process = os.getpid()
        #: The runs whose outputs are being collected, by the id of their request.
        self._open: dict[str, Shown] = {}
        self._muted: Counter[str] = Counter()
        #: Messages that are not processed yet. Threads publish in parallel and finalizers at any time, so nothing waits for the lock: if it
        #: is taken, the message is left to the lock's holder.
        self._heard: deque[tuple[Shown, Sequence[Any]]] = deque()
        self._taking = threading.Lock()
        #: The exception that occurred. Then nothing more is collected for this run.
        self._trouble: BaseException | None = None
        self._streams: list[Any] = [
            stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "pub_thread")
        ]

    # -- the runs --------------------------------------------------------------------------------------------

    def begin(self) -> Shown | None:
        """Begins to collect what is published for the current request."""
        request = self._request()
        if request is None or not self.is_wanted:
            return None
        return self._open.setdefault(request, Shown())

    def end(self, ended: Sequence[Shown | None]) -> None:
        """Stops collecting for these runs. Later messages belong to no run, or to the next part of a split one."""
        for request, shown in list(self._open.items()):
            if any(shown is one for one in ended):
                self._open.pop(request, None)

    def rest(self) -> None:
        """Stops collecting because nothing runs: later messages belong to no run."""
        self._open.clear()

    def close(self) -> None:
        """Waits for printed text, then stops collecting."""
        if self._open:
            self.drain()
        self.is_wanted = False
        self._open.clear()

    def text(self, run: Running) -> str | None:
        """Returns the recorded outputs of a run that has ended; `None` if there are none to store."""
        try:
            text = self._text([shown for shown in run.shown if shown is not None], run)
        except BaseException as error:
            self._trouble = self._trouble or error
        return text if self._trouble is None else None

    def take_trouble(self) -> BaseException | None:
        """Returns the exception since the last call, if any: then the outputs of a run are unknown."""
        trouble, self._trouble = self._trouble, None
        return trouble

    def _text(self, shown: list[Shown], run: Running) -> str | None:
        if not self._taking.acquire(timeout=1.0):
            # Ctrl+C can arrive between acquiring a lock and being ready to release it.
            self._taking = threading.Lock()
            self._taking.acquire()
        try:
            self._take()
            if all(one.is_empty() for one in shown):
                return None
            redacted = self._redacting(run)
            outputs = [output for one in shown for output in one.outputs(redacted or str)]
        finally:
            self._taking.release()
        if redacted is None:
            outputs = [left_out("outputs", len(outputs))]
        text = json.dumps(outputs, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        # A lone surrogate is valid text only in Python.
        return text.encode("utf-8", "replace").decode()

    def _request(self) -> str | None:
        """Returns the id of the request that this thread handles, if any."""
        if self._kernel is None:
            return NO_KERNEL
        request: str | None = self._kernel.get_parent("shell").get("header", {}).get("msg_id")
        return request

    # -- Clew's own output -----------------------------------------------------------------------------------

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Excludes what is shown during the block from the run's outputs."""
        request = guarded("exclude a report from the outputs", self._request)
        if request is None or request not in self._open:
            yield
            return
        guarded("wait for printed output", self.drain)
        self._muted[request] += 1
        try:
            yield
            guarded("wait for printed output", self.drain)
        finally:
            self._muted -= Counter([request])

    # -- a kernel --------------------------------------------------------------------------------------------

    def hearing(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps the method with which the kernel publishes, to listen to its messages."""

        def send_multipart(message: Any, *arguments: Any, **options: Any) -> Any:
            result = send(message, *arguments, **options)
            if self._open:
                try:
                    self._hear(message)
                except BaseException as error:
                    self._trouble = self._trouble or error
                    if isinstance(error, KeyboardInterrupt):
                        raise  # Meant for the cell, which is showing something.
            return result

        return send_multipart

    def _hear(self, message: Sequence[Any]) -> None:
        if self._trouble is not None or os.getpid() != self._process:
            return
        at = message.index(DELIMITER)
        request = self._kernel.session.unpack(message[at + 3]).get("msg_id")
        shown = self._open.get(request)
        if shown is None or request in self._muted:
            return
        self._heard.append((shown, message[at + 2 : at + 6]))
        if self._taking.acquire(blocking=False):
            try:
                self._take()
            finally:
                self._taking.release()

    def _take(self) -> None:
        while self._heard:
            unpack = self._kernel.session.unpack
            shown, (header, _, _, content) = self._heard.popleft()
            kind = unpack(header)["msg_type"]
            if kind == "comm_msg":
                if b'"msg_id"' in bytes(content):
                    self._route(shown, unpack(content))
            elif kind in KINDS:
                shown.note(kind, unpack(content))

    def _route(self, shown: Shown, content: dict[str, Any]) -> None:
        """Handles an Output widget that begins or ends to capture the output of its run."""
        state = content["data"].get("state", {})
        if "msg_id" not in state:
            return
        if content["comm_id"] in shown.widgets:
            shown.widgets.remove(content["comm_id"])
        if state["msg_id"]:
            shown.widgets.append(content["comm_id"])

    def drain(self) -> None:
        """Waits until printed text is published, and so collected."""
        self.await_programs()
        publisher = getattr(self._streams[0], "pub_thread", None) if self._streams else None
        thread = getattr(publisher, "thread", None)
        if (
            publisher is None
            or thread is None
            or not thread.is_alive()
            or thread is threading.current_thread()
        ):
            for stream in self._streams:
                stream.flush()
            return
        # Each stream's own flush would make a round trip to that thread.
        work = partial(guarded, "wait for printed output", self.send_printed)
        done_by(publisher, work).wait(LONGEST_DRAIN)

    def await_programs(self) -> None:
        """Waits until the output of programs to the standard streams has been read from their pipes."""
        until = time.monotonic() + LONGEST_PIPE
        while any(_has_unread(stream) for stream in self._streams) and time.monotonic() < until:
            time.sleep(0.001)

    def send_printed(self) -> None:
        """Publishes the rest of the printed text. Must be called in the kernel's publishing thread."""
        for stream in self._streams:
            stream._flush()

    # -- a shell without a kernel ----------------------------------------------------------------------------

    def keeping_result(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps a terminal's method for showing a result, to store the result."""

        def write_format_data(data: dict[str, Any], *arguments: Any, **options: Any) -> Any:
            written = write(data, *arguments, **options)
            plain = data.get("text/plain")
            if isinstance(plain, str):
                self._keep("execute_result", {"data": {"text/plain": plain}})
            return written

        return write_format_data

    def keeping_error(self, show: Callable[..., Any]) -> Callable[..., Any]:
        """Wraps a terminal's method for showing an error, to store the error."""

        def showtraceback(etype: type, evalue: BaseException, lines: Sequence[str]) -> Any:
            shown = show(etype, evalue, lines)
            said = COLOURS.sub("", lines[-1]).partition(": ")[2] if lines else ""
            self._keep("error", {"ename": etype.__name__, "evalue": said, "traceback": list(lines)})
            return shown

        return showtraceback

    def _keep(self, kind: str, content: dict[str, Any]) -> None:
        shown = self._open.get(NO_KERNEL)
        if shown is not None:
            try:
                shown.note(kind, content)
            except Exception as error:
                self._trouble = self._trouble or error


def done_by(publisher: Any, work: Callable[[], object]) -> threading.Event:
    """Lets the kernel's publishing thread do work. The returned event is set after the work, and so after a warning that it failed.

    No code of Clew surrounds the work there: a Ctrl+C or a panic in between could not be caught.
    """
    done = threading.Event()
    publisher.schedule(work)
    publisher.schedule(done.set)
    return done


def _has_unread(stream: Any) -> bool:
    """Returns whether a program has written output that the kernel's thread has not read yet."""
    if sys.platform == "win32":
        return False  # the kernel watches no pipes there
    pipe = getattr(stream, "_fid", None)
    if not isinstance(pipe, int) or not getattr(stream, "_should_watch", False):
        return False
    import fcntl
    import termios

    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0] > 0
