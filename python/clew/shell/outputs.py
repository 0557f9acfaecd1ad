"""Hears what the kernel publishes, and tells which run it belongs to.

Everything that reaches a front end goes through one method of the kernel's IOPub thread, already as bytes: what was
printed (gathered, not print by print), displays, results, errors. There a copy is taken for the run whose request
is the message's parent. So a run's outputs are what the front end was sent for it, whoever sent it and from which
thread; what somebody caught before (`%%capture`, hooks) is not among them, and no object of the user's is touched.
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

#: What stands before the parts of a message.
DELIMITER = b"<IDS|MSG>"
#: Messages that change what a cell shows; `comm_msg` tells which of them go to an Output widget.
KINDS = frozenset(
    ["stream", "display_data", "update_display_data", "execute_result", "error", "clear_output", "comm_msg"]
)
#: Stands for the request where there are none.
NO_KERNEL = "no kernel"
#: How long a program's output may take from the pipe to the kernel (seconds).
LONGEST_PIPE = 0.05
#: How long the thread that publishes may take to come to what was printed (seconds): as long as a stream's own flush waits.
LONGEST_DRAIN = 10.0

Redact = Callable[[str], str]


class Outputs:
    """The outputs of the runs of one shell."""

    def __init__(self, shell: Any, redacting: Callable[[Running], Redact | None]) -> None:
        self._kernel: Any = getattr(shell, "kernel", None)
        #: What takes secrets out of a run's outputs; `None` if they must not be kept at all.
        self._redacting = redacting
        #: Whether outputs are recorded (the setting `record.outputs`).
        self.is_wanted = True
        self._process = os.getpid()
        #: The runs whose outputs are gathered, by the id of their request.
        self._open: dict[str, Shown] = {}
        self._muted: Counter[str] = Counter()
        #: Messages not yet looked at. Threads publish beside each other and finalizers anywhere, so nobody waits for
        #: the lock: who finds it taken leaves his message to its holder.
        self._heard: deque[tuple[Shown, Sequence[Any]]] = deque()
        self._taking = threading.Lock()
        #: What went wrong. Then nothing more is gathered of this run.
        self._trouble: BaseException | None = None
        self._streams: list[Any] = [
            stream for stream in (sys.stdout, sys.stderr) if hasattr(stream, "pub_thread")
        ]

    # -- the runs --------------------------------------------------------------------------------------------

    def begin(self) -> Shown | None:
        """Gathers, from here on, what is published for the request that is being answered."""
        request = self._request()
        if request is None or not self.is_wanted:
            return None
        return self._open.setdefault(request, Shown())

    def end(self, ended: Sequence[Shown | None]) -> None:
        """What comes from here on belongs to no run, or to the next part of this one."""
        for request, shown in list(self._open.items()):
            if any(shown is one for one in ended):
                self._open.pop(request, None)

    def rest(self) -> None:
        """Nothing runs: what is published now belongs to no run."""
        self._open.clear()

    def close(self) -> None:
        """Gathers what was printed, and nothing more."""
        if self._open:
            self.drain()
        self.is_wanted = False
        self._open.clear()

    def text(self, run: Running) -> str | None:
        """The record of what a run showed, which has ended; `None` if there is nothing to keep."""
        try:
            text = self._text([shown for shown in run.shown if shown is not None], run)
        except BaseException as error:
            self._trouble = self._trouble or error
        return text if self._trouble is None else None

    def take_trouble(self) -> BaseException | None:
        """What went wrong since it was asked last: then what a run showed is not known."""
        trouble, self._trouble = self._trouble, None
        return trouble

    def _text(self, shown: list[Shown], run: Running) -> str | None:
        if not self._taking.acquire(timeout=1.0):
            # Ctrl+C can come between taking a lock and being ready to give it back.
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
        # Half a surrogate pair is text in Python only.
        return text.encode("utf-8", "replace").decode()

    def _request(self) -> str | None:
        """The id of the request that this thread answers, if it answers one."""
        if self._kernel is None:
            return NO_KERNEL
        request: str | None = self._kernel.get_parent("shell").get("header", {}).get("msg_id")
        return request

    # -- Clew's own words ------------------------------------------------------------------------------------

    @contextmanager
    def muted(self) -> Iterator[None]:
        """What is shown meanwhile is no output of the run."""
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
        """The method by which the kernel publishes, followed by listening."""

        def send_multipart(message: Any, *arguments: Any, **options: Any) -> Any:
            result = send(message, *arguments, **options)
            if self._open:
                try:
                    self._hear(message)
                except BaseException as error:
                    self._trouble = self._trouble or error
                    if isinstance(error, KeyboardInterrupt):
                        raise  # The cell's, which shows something just now.
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
        """An Output widget begins or ends to show what its run publishes."""
        state = content["data"].get("state", {})
        if "msg_id" not in state:
            return
        if content["comm_id"] in shown.widgets:
            shown.widgets.remove(content["comm_id"])
        if state["msg_id"]:
            shown.widgets.append(content["comm_id"])

    def drain(self) -> None:
        """Waits until what was printed is published, and so heard."""
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
        # A stream's own flush would go to that thread and back, for each of them.
        work = partial(guarded, "wait for printed output", self.send_printed)
        done_by(publisher, work).wait(LONGEST_DRAIN)

    def await_programs(self) -> None:
        """Waits until what programs wrote to the standard streams has been read from their pipes."""
        until = time.monotonic() + LONGEST_PIPE
        while any(_has_unread(stream) for stream in self._streams) and time.monotonic() < until:
            time.sleep(0.001)

    def send_printed(self) -> None:
        """Publishes the rest of what was printed. For the thread that does that in the kernel."""
        for stream in self._streams:
            stream._flush()

    # -- a shell without a kernel ----------------------------------------------------------------------------

    def keeping_result(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """A terminal's way to show a result, followed by keeping it."""

        def write_format_data(data: dict[str, Any], *arguments: Any, **options: Any) -> Any:
            written = write(data, *arguments, **options)
            plain = data.get("text/plain")
            if isinstance(plain, str):
                self._keep("execute_result", {"data": {"text/plain": plain}})
            return written

        return write_format_data

    def keeping_error(self, show: Callable[..., Any]) -> Callable[..., Any]:
        """A terminal's way to show an error, followed by keeping it."""

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
    """Has the kernel's thread that publishes do work; set behind it, and so behind a warning that it failed.

    Nothing of ours stands around the work there: a Ctrl+C or a panic between would be nobody's to catch.
    """
    done = threading.Event()
    publisher.schedule(work)
    publisher.schedule(done.set)
    return done


def _has_unread(stream: Any) -> bool:
    """Whether a program has written what the kernel's thread has not read yet."""
    pipe = getattr(stream, "_fid", None)
    if not isinstance(pipe, int) or not getattr(stream, "_should_watch", False):
        return False
    import fcntl  # Only where the kernel watches such pipes, and it does so only where this exists.
    import termios

    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0] > 0
