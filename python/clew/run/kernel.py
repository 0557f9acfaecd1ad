"""The notebook's kernel: it is started when the first cell needs it, and queried silently between cells."""

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

#: The interval in seconds at which a silent kernel is checked for being alive.
BEAT = 1.0
#: The time in seconds that a cell has to end after its timeout and an interrupt.
PATIENCE = 5.0
#: The time in seconds after which an interrupted cell is interrupted again: the kernel may miss an interrupt at a bad moment.
GRACE = 10.0
#: The time in seconds that a cell has to end and show its traceback after Ctrl+C was pressed twice.
MOMENT = 1.0
#: nbclient's coroutine that handles a cell's outputs. It ends when the kernel reports that the cell ended.
SHOWING = "_async_poll_output_msg"


class StartFailed(Exception):
    """Raised if the kernel could not be started. No cell was executed."""


class Kernel:
    """A kernel, which may not be started yet. Leaving the `with` block ends it."""

    def __init__(
        self, nb_man: Any, options: Mapping[str, Any], environment: dict[str, str], is_in_place: bool
    ) -> None:
        self._nb_man = nb_man
        self._is_in_place = is_in_place
        #: Of the class that papermill's own engine would use. Programs may replace that class.
        self._client: Any = engines.PapermillNotebookClient(nb_man, **options)
        self.displays = Displays(nb_man.nb)
        self._environment = environment
        self._stack = ExitStack()
        self._is_started = False
        self._is_recording = False
        #: Whether it can answer queries: not while an abandoned cell is running.
        self._answers = True
        #: Whether Ctrl+C was pressed while a cell ran.
        self.is_interrupted = False

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)

    @property
    def is_recording(self) -> bool:
        """Returns whether Clew records in it and can be queried."""
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
        # Executed cells may update displays of cells that are not executed, and vice versa.
        client._display_id_map = self.displays.places
        self.displays.places = client._display_id_map
        try:
            # Checked before the start: jupyter_client prints a traceback if the kernel specification is missing.
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
        """Starts recording in it, or reports why that is not possible."""
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

    # -- queries ---------------------------------------------------------------------------------------------

    def ask(self, expression: str) -> Any:
        """Returns the value of an expression that returns JSON. Does not use `print`: a notebook may have replaced `print` and
        `sys.stdout`.

        # Errors
        A `RuntimeError` with the exception that the expression raised.
        """
        found = self._evaluated(expression)
        if found.error:
            raise RuntimeError(found.error)
        return found.value

    def recorded(self) -> tuple[str | None, Counts | None]:
        """Waits until the cell that ended is recorded. Returns its run, and the counts of its tasks if there were any."""
        told = self._evaluated(f"{BATCH}.recorded()").value
        if not isinstance(told, dict):
            return None, None
        return told["run"], Counts.of(told["tasks"]) if told["tasks"] is not None else None

    def _evaluated(self, expression: str) -> Answer:
        """Evaluates an expression that returns JSON. It leaves nothing in the namespace."""
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
        """Logs stored outputs like those of an executed cell. The kernel need not be started."""
        for output in outputs:
            self._client.log_output_message(output)

    async def _break_off(self) -> bool:
        """Interrupts a cell after its timeout. Returns whether the kernel can answer again."""
        await ensure_async(self._client.km.interrupt_kernel())
        await self._hear_out(PATIENCE)
        try:
            await asyncio.wait_for(self._asked("", {}), PATIENCE)
        except (TimeoutError, DeadKernelError):
            return False
        return True

    async def _hear_out(self, seconds: float) -> None:
        """Waits until an interrupted cell has shown its traceback, and cancels nbclient's tasks for it: they would consume messages for
        other requests."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        showing = [task for task in others if getattr(task.get_coro(), "__name__", "") == SHOWING]
        if showing:
            await asyncio.wait(showing, timeout=seconds)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Handles Ctrl+C while a cell runs. The first one interrupts the cell, like the stop button, so that its effects are recorded. The
        second one ends the run if the cell does not end within a moment. The third one ends the run at once."""
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
            # Repeats until it is cancelled when the cell has ended.
            while True:
                await ensure_async(self._client.km.interrupt_kernel())
                await asyncio.sleep(GRACE)

        async def end() -> None:
            # Ending the kernel interrupts it again, which would suppress a traceback that is being shown.
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
    """Prevents nbclient from logging a traceback of its exceptions."""
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = False


async def running_loop() -> asyncio.AbstractEventLoop:
    """Returns the event loop of nbclient's calls."""
    return asyncio.get_running_loop()


class Answer:
    """The result of a silent request."""

    def __init__(self) -> None:
        self.printed = ""
        #: The text on standard error, such as the progress of a long move, which is not part of an answer.
        self.beside = ""
        self.value: Any = None
        self.error = ""
        self.is_idle = False

    def take(self, message: dict[str, Any]) -> None:
        """Handles a message that was published for the request."""
        content = message["content"]
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            self.printed += content["text"]
        elif message["msg_type"] == "stream":
            self.beside += content["text"]
        elif message["msg_type"] == "status":
            self.is_idle = content["execution_state"] == "idle"

    def finish(self, reply: dict[str, Any]) -> None:
        """Handles the reply to the request."""
        found = reply.get("user_expressions", {}).get("it", {})
        failed = next((part for part in (reply, found) if part.get("status") == "error"), None)
        if failed is not None:
            self.error = f"{failed['ename']}: {failed['evalue']}"
        elif found.get("status") == "ok":
            self.value = json.loads(ast.literal_eval(found["data"]["text/plain"]))
