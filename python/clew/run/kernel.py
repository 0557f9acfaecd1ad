"""The notebook's kernel: started when the first cell needs it, and asked silently between cells."""

from __future__ import annotations

import ast
import asyncio
import json
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from logging import Logger
from queue import Empty
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import ensure_async, run_sync
from papermill import engines

from clew.counts import Counts
from clew.run.displays import Displays
from clew.run.environment import started_as
from clew.run.mistakes import notice
from clew.run.session import BATCH
from clew.run.sockets import look_again, own_sockets
from clew.shell.start import is_on

#: How often it is looked whether a silent kernel still lives (seconds).
BEAT = 1.0
#: How long a cell that took too long may take to end when it is interrupted (seconds).
PATIENCE = 5.0
#: How long a cell that was interrupted may go on before it is asked again (seconds): an interrupt that comes in a bad moment of
#: the kernel's is lost.
GRACE = 10.0
#: How long a cell may take to end, and to show its traceback, where Ctrl+C was pressed twice (seconds).
MOMENT = 1.0
#: nbclient's coroutine that takes what a cell shows; it ends when the kernel says that the cell did.
SHOWING = "_async_poll_output_msg"


class StartFailed(Exception):
    """The kernel could not be started. No cell was executed."""


class Kernel:
    """A kernel that may not be started yet; leaving the `with` ends it."""

    def __init__(
        self, nb_man: Any, options: Mapping[str, Any], environment: dict[str, str], is_in_place: bool
    ) -> None:
        self._nb_man = nb_man
        self._is_in_place = is_in_place
        #: Of the class that papermill's own engine would take, which programs replace by theirs.
        self._client: Any = engines.PapermillNotebookClient(nb_man, **options)
        self.displays = Displays(nb_man.nb)
        self._environment = environment
        self._stack = ExitStack()
        self._is_started = False
        self._is_recording = False
        #: Whether it has time for questions: not while a cell runs that nobody waits for.
        self._answers = True
        #: Whether Ctrl+C was pressed while a cell ran.
        self.is_interrupted = False

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)

    @property
    def is_recording(self) -> bool:
        """Whether Clew records in it, and can be asked."""
        return self._is_recording and self._answers and bool(run_sync(self._alive)())

    async def _alive(self) -> bool:
        return bool(await ensure_async(self._client.km.is_alive()))

    # -- its start -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts it, and Clew in it. Later calls do nothing."""
        if self._is_started:
            return
        client = self._client
        client.reset_execution_trackers()
        # What executed cells update may have been shown by cells that are not executed, and the other way round.
        client._display_id_map = self.displays.places
        self.displays.places = client._display_id_map
        try:
            # Not by starting it: jupyter_client prints a traceback of what is missing.
            KernelSpecManager().get_kernel_spec(started_as(client.kernel_name))
            self._stack.enter_context(own_sockets(client.create_kernel_manager()))
            with silenced(client.log):
                self._stack.enter_context(client.setup_kernel(env=self._environment))
        except (NoSuchKernel, RuntimeError, OSError) as error:
            raise StartFailed(f"The kernel {client.kernel_name} did not start: {error}") from error
        self._is_started = True
        look_again(client.kc.shell_channel)
        client.log.info(f"Executing notebook with kernel: {client.kernel_name}")
        info = client.wait_for_reply(client.kc.kernel_info())["content"]
        self._nb_man.nb.metadata["language_info"] = info["language_info"]
        self._stack.callback(client.set_widgets_metadata)
        self._record(info)

    def _record(self, info: dict[str, Any]) -> None:
        """Has Clew record in it, or says why it can't."""
        if not is_on():
            return
        name = self._client.kernel_name
        if info.get("implementation") != "ipython":
            notice(f"the kernel {name} is not IPython: Clew executes its cells without recording them")
            return
        found = self._evaluated(f"{BATCH}.begin({self._is_in_place})")
        self._is_recording = found.value is True
        said = (found.printed + found.beside).strip()
        if said:
            print(said, file=sys.stderr)
        if not self._is_recording and not said:
            hint = f"to record them, run `pip install clew` in the environment of the kernel {name}"
            notice(f"Clew executes the cells without recording them: {found.error}; {hint}")

    # -- questions -------------------------------------------------------------------------------------------

    def ask(self, expression: str) -> Any:
        """What an expression that gives JSON comes to. Nothing is printed for it: a notebook may have replaced `print` and `sys.stdout`.

        # Errors
        A `RuntimeError` with what the expression raised.
        """
        found = self._evaluated(expression)
        if found.error:
            raise RuntimeError(found.error)
        return found.value

    def recorded(self) -> tuple[str | None, Counts | None]:
        """Waits until the cell that ended is recorded; its run, and what became of its tasks where they are counted."""
        told = self._evaluated(f"{BATCH}.recorded()").value
        if not isinstance(told, dict):
            return None, None
        return told["run"], Counts.of(told["tasks"]) if told["tasks"] is not None else None

    def _evaluated(self, expression: str) -> Answer:
        """What an expression that gives JSON comes to. It leaves nothing in the namespace."""
        found: Answer = run_sync(self._asked)("", {"it": expression})
        return found

    async def _asked(self, code: str, expressions: dict[str, str]) -> Answer:
        kc = self._client.kc
        sent = kc.execute(
            code, silent=True, store_history=False, user_expressions=expressions, allow_stdin=False
        )
        found = Answer()
        while not found.is_idle:
            message = await self._next(kc.iopub_channel)
            if message["parent_header"].get("msg_id") == sent:
                found.take(message)
        while True:
            reply = await self._next(kc.shell_channel)
            if reply["parent_header"].get("msg_id") == sent:
                found.finish(reply["content"])
                return found

    async def _next(self, channel: Any) -> dict[str, Any]:
        while True:
            try:
                message: dict[str, Any] = await ensure_async(channel.get_msg(timeout=BEAT))
                return message
            except Empty:
                if not await self._alive():
                    raise DeadKernelError("Kernel died") from None

    # -- cells -----------------------------------------------------------------------------------------------

    def execute(self, cell: Any, index: int) -> None:
        """Executes a cell as nbclient does, with its id in the request, as front ends send it.

        # Errors
        nbclient's `CellExecutionError`, `CellTimeoutError` and `DeadKernelError`.
        """
        session = self._client.kc.session
        before, session.metadata = session.metadata, {"cellId": cell.get("id", "")}
        try:
            with self._interruptible():
                self._client.execute_cell(cell, index)
        except CellExecutionError:
            raise
        except CellTimeoutError:
            session.metadata = before
            self._answers = run_sync(self._break_off)()
            raise
        except KeyboardInterrupt:
            self._answers = False
            run_sync(self._hear_out)(0.0)
            raise
        except BaseException:
            self._answers = False
            raise
        finally:
            session.metadata = before

    def log(self, outputs: Iterable[Any]) -> None:
        """Logs outputs that are stored, as those of a cell that is executed are. It need not be started for that."""
        for output in outputs:
            self._client.log_output_message(output)

    async def _break_off(self) -> bool:
        """Interrupts a cell that takes too long; whether the kernel has time again soon."""
        await ensure_async(self._client.km.interrupt_kernel())
        await self._hear_out(PATIENCE)
        try:
            await asyncio.wait_for(self._asked("", {}), PATIENCE)
        except (TimeoutError, DeadKernelError):
            return False
        return True

    async def _hear_out(self, seconds: float) -> None:
        """Waits until an interrupted cell has shown its traceback, and ends what nbclient still does for it: that would take the messages of
        others."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        showing = [task for task in others if getattr(task.get_coro(), "__name__", "") == SHOWING]
        if showing:
            await asyncio.wait(showing, timeout=seconds)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Has the first Ctrl+C end the cell, as the stop button does, so that what it did is recorded; the second one ends
        everything if the cell does not end in a moment, the third one at once."""
        before = signal.getsignal(signal.SIGINT)
        is_heard = threading.current_thread() is threading.main_thread() and before != signal.SIG_IGN
        if not is_heard:
            yield
            return

        def pressed(*_: object) -> None:
            self.is_interrupted = True
            signal.signal(signal.SIGINT, pressed_again)
            loop.call_soon_threadsafe(lambda: asked.append(asyncio.ensure_future(interrupt())))

        def pressed_again(*_: object) -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            loop.call_soon_threadsafe(lambda: asked.append(asyncio.ensure_future(end())))

        async def interrupt() -> None:
            # Until it is cancelled, when the cell has ended.
            while True:
                await ensure_async(self._client.km.interrupt_kernel())
                await asyncio.sleep(GRACE)

        async def end() -> None:
            # To end the kernel interrupts it again, and a traceback that is being shown is lost then.
            await asyncio.sleep(MOMENT)
            raise KeyboardInterrupt

        asked: list[asyncio.Future[None]] = []
        loop = run_sync(running_loop)()
        signal.signal(signal.SIGINT, pressed)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            for one in asked:
                one.cancel()


@contextmanager
def silenced(log: Logger) -> Iterator[None]:
    """Keeps nbclient from logging a traceback of what it raises."""
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = False


async def running_loop() -> asyncio.AbstractEventLoop:
    """The loop that nbclient's calls run in."""
    return asyncio.get_running_loop()


class Answer:
    """What a silent request brought."""

    def __init__(self) -> None:
        self.printed = ""
        #: What stood on standard error: how far a long move is, for example, which is no part of an answer.
        self.beside = ""
        self.value: Any = None
        self.error = ""
        self.is_idle = False

    def take(self, message: dict[str, Any]) -> None:
        """Takes what was published for it."""
        content = message["content"]
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            self.printed += content["text"]
        elif message["msg_type"] == "stream":
            self.beside += content["text"]
        elif message["msg_type"] == "status":
            self.is_idle = content["execution_state"] == "idle"

    def finish(self, reply: dict[str, Any]) -> None:
        """Takes its reply."""
        found = reply.get("user_expressions", {}).get("it", {})
        failed = next((part for part in (reply, found) if part.get("status") == "error"), None)
        if failed is not None:
            self.error = f"{failed['ename']}: {failed['evalue']}"
        elif found.get("status") == "ok":
            self.value = json.loads(ast.literal_eval(found["data"]["text/plain"]))
