"""Commands that use the network (`remote`, `push`, `pull` and similar), executed by the native command of this package.

No network code runs in kernels. A child process does the work, and takes its memory, threads and certificates along when it ends.
The kernel shows its progress; Ctrl+C ends it.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from clew.errors import AS_JSON, NOTHING_DONE, REFUSED, RefusedError, printed
from clew.evidence import unwatched

if TYPE_CHECKING:
    from clew._engine import Answer

#: Requests that the command shows its progress although it does not write to a terminal.
PROGRESS = "CLEW_PROGRESS"
#: Informs the command that it was typed in a notebook or a program, so that its hints are commands for there.
CARRIED = "CLEW_CARRIED"
#: The prefix of each progress state: return to the first column and clear the line.
WIPE = "\r\x1b[2K"
#: The time in seconds that an interrupted command has to end.
PATIENCE = 5.0
#: Commands that take less time (seconds) show no progress.
MOMENT = 1.0
#: The interval in seconds at which progress is updated.
BEAT = 0.2
NAMES = ("clew", "clew.exe")


class Missing(Exception):
    """Raised if the command of this package is missing."""


def program() -> Path:
    """Returns the path of the command from the same wheel. One on PATH may be of another version, and is never used."""
    try:
        files = distribution("clew").files or []
    except PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.name in NAMES]
    found = [path for path in found if os.access(path, os.X_OK) and path.is_file()]
    if not found:
        raise Missing("The `clew` command of this package is not installed")
    return found[0].resolve()


#: The option for the state to send.
AT = "--at"


def revision_in(words: Sequence[str]) -> str:
    """Returns the revision that was typed; by default, the session's position."""
    found = "@"
    for number, word in enumerate(words):
        if word == AT and number + 1 < len(words):
            found = words[number + 1]
        elif word.startswith(f"{AT}="):
            found = word.removeprefix(f"{AT}=")
    return found


def _at_run(words: Sequence[str], run: str) -> list[str]:
    """Returns the words for this run: `@` may mean another run to the command, if several kernels record in one history."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == AT:
            next(rest, None)
        elif not word.startswith(f"{AT}="):
            kept.append(word)
    return [*kept, f"{AT}={run}"]


def as_said(refused: Answer, words: Sequence[str], *, is_program: bool) -> Answer:
    """Returns the engine's refusal of a command in the form in which the command would have printed it."""
    problem = (refused["json"] or {}).get("error") or {}
    asks_json = is_program or AS_JSON in words
    error = RefusedError(str(problem.get("message")), str(problem.get("unchanged")), problem.get("hint"))
    text = refused["text"] if asks_json else f"{printed(error, ())}\n"
    return answer(refused["exit"], text, asks_json)


def carry(
    words: Sequence[str], store: str, history: str | None, *, run: str | None = None, is_program: bool
) -> Answer:
    """Runs the command for the session's own store and history; if `run` is given, for that state. For a program, the answer is data."""
    words = [*words, AS_JSON] if is_program and AS_JSON not in words else list(words)
    if run is not None:
        words = _at_run(words, run)
    asks_json = AS_JSON in words
    try:
        command = [str(program()), *_at(store, history, words), *words]
    except Missing as error:
        hint = "`pip install --force-reinstall clew` restores it"
        refused = RefusedError(str(error), hint=hint)
        return answer(REFUSED, f"{printed(refused, words)}\n", asks_json)
    said = {PROGRESS: "0", CARRIED: "program"} if is_program else {PROGRESS: "1", CARRIED: "1"}
    with unwatched():
        code, out, error_text = _run(command, os.environ | said)
    return answer(code, out if out else error_text, asks_json)


def begin(words: Sequence[str], store: str, history: str | None) -> subprocess.Popen[bytes]:
    """Starts the command in the background. Its output is discarded."""
    quiet = subprocess.DEVNULL
    command = [str(program()), *_at(store, history, words), *words]
    with unwatched():
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


#: Commands that work on one history.
OF_HISTORY = ("push", "pull", "move")
#: Options that select a history, or all.
CHOICE = ("--history", "--all", "--help", "-h")


def _at(store: str, history: str | None, words: Sequence[str]) -> list[str]:
    """Returns options for the session's own store and history, unless others were given. The command does not repeat these options in its
    hints (`crates/clew-cli/src/typed_command.rs`)."""
    typed = {word.partition("=")[0] for word in words}
    at = [] if "--store" in typed else [f"--store={store}"]
    if history is not None and typed & set(OF_HISTORY) and not typed & {"--store", *CHOICE}:
        at.append(f"--history={history}")
    return at


def answer(code: int, text: str, asks_json: bool) -> Answer:
    """Returns the output of a command as an engine answer."""
    found = None
    if asks_json:
        try:
            found = json.loads(text)
        except ValueError:
            pass  # The command ended before it could print an answer: only the text remains.
    is_problem = code >= NOTHING_DONE and found is None
    return {"exit": code, "text": text, "html": None, "json": found, "is_problem": is_problem}


def _run(command: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, error = _heard(process, _shown)
        return process.returncode, out, error
    except BaseException:
        _end(process)
        raise
    finally:
        _shown("")


def _heard(process: subprocess.Popen[bytes], show: Callable[[str], None]) -> tuple[str, str]:
    """Returns all output of the process. If it takes longer than a moment, shows its progress."""
    assert process.stdout is not None and process.stderr is not None
    out, error = bytearray(), bytearray()
    began = time.monotonic()
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ, out)
        pipes.register(process.stderr, selectors.EVENT_READ, error)
        while pipes.get_map():
            for key, _ in pipes.select(BEAT):
                piece = os.read(key.fd, 1 << 16)
                if not piece:
                    pipes.unregister(key.fileobj)
                key.data.extend(piece)
            before, _, last = _text(error).rpartition(WIPE)
            if (before or last) and time.monotonic() - began > MOMENT:
                show(last)
    process.wait()
    return _text(out), _text(error).rpartition(WIPE)[2]


def _text(said: bytearray) -> str:
    return said.decode("utf-8", "replace")


_width = 0
"""The width in columns of the displayed progress."""


def _shown(what: str) -> None:
    """Replaces the displayed progress by a new state, in a notebook as in a terminal."""
    global _width
    if "\n" in what or not (what or _width):
        return  # The progress is over. The caller prints what follows.
    # On standard error, because a program may read the answer.
    sys.stderr.write("\r" + what.ljust(_width) + ("" if what else "\r"))
    sys.stderr.flush()
    _width = len(what)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupts the process like Ctrl+C, and kills it after a timeout."""
    deadline = time.monotonic() + PATIENCE
    try:
        process.send_signal(signal.SIGINT)
        process.wait(max(0.0, deadline - time.monotonic()))
    except BaseException:
        process.kill()
        process.wait()
