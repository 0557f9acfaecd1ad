"""Words that go to other places (`remote`, and what sends and fetches), done by the native command that came with this package.

Nothing that speaks to a network is loaded into kernels: a child process does it, which takes its own memory, threads and
certificates along when it ends. What is shown of its progress is shown here; Ctrl+C ends it.
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

#: Tells the command to show its progress though it writes into no terminal.
PROGRESS = "CLEW_PROGRESS"
#: Tells the command that it was typed in a notebook, or in a program there: what it says to type next is typed there too.
CARRIED = "CLEW_CARRIED"
#: What it begins each state of its progress with: to the first column, and wipe the line.
WIPE = "\r\x1b[2K"
#: How long a command that was told to end may take for it (seconds).
PATIENCE = 5.0
#: What takes no longer is not talked about (seconds).
MOMENT = 1.0
#: How often it is looked whether something is to be shown (seconds).
BEAT = 0.2
NAMES = ("clew", "clew.exe")


class Missing(Exception):
    """The command that came with this package is not there."""


def program() -> Path:
    """The command of the same wheel. Another one on PATH may be of another version, and is never taken."""
    try:
        files = distribution("clew").files or []
    except PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.name in NAMES]
    found = [path for path in found if os.access(path, os.X_OK) and path.is_file()]
    if not found:
        raise Missing("The `clew` command of this package is not installed")
    return found[0].resolve()


#: Which state is carried.
AT = "--at"


def revision_in(words: Sequence[str]) -> str:
    """The revision that was typed, else where the session is."""
    found = "@"
    for number, word in enumerate(words):
        if word == AT and number + 1 < len(words):
            found = words[number + 1]
        elif word.startswith(f"{AT}="):
            found = word.removeprefix(f"{AT}=")
    return found


def _at_run(words: Sequence[str], run: str) -> list[str]:
    """The words for this run: `@` is somewhere else for a command, where several kernels record in one history."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == AT:
            next(rest, None)
        elif not word.startswith(f"{AT}="):
            kept.append(word)
    return [*kept, f"{AT}={run}"]


def as_said(refused: Answer, words: Sequence[str], *, is_program: bool) -> Answer:
    """What the engine refused before the command was asked, as that would have said it."""
    problem = (refused["json"] or {}).get("error") or {}
    asks_json = is_program or AS_JSON in words
    error = RefusedError(str(problem.get("message")), str(problem.get("unchanged")), problem.get("hint"))
    text = refused["text"] if asks_json else f"{printed(error, ())}\n"
    return answer(refused["exit"], text, asks_json)


def carry(
    words: Sequence[str], store: str, history: str | None, *, run: str | None = None, is_program: bool
) -> Answer:
    """Has the command do it, for the session's own store and history, and of a state for `run`. Of a program the answer is data too."""
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
    """Begins it, and waits for nothing: what it says nobody hears."""
    quiet = subprocess.DEVNULL
    command = [str(program()), *_at(store, history, words), *words]
    with unwatched():
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)


#: Words that are about one history.
OF_HISTORY = ("push", "pull", "move")
#: What says which, or that all are meant.
CHOICE = ("--history", "--all", "--help", "-h")


def _at(store: str, history: str | None, words: Sequence[str]) -> list[str]:
    """The session's own store and history, unless others were named; as words that the command does not repeat (`typed.rs`)."""
    typed = {word.partition("=")[0] for word in words}
    at = [] if "--store" in typed else [f"--store={store}"]
    if history is not None and typed & set(OF_HISTORY) and not typed & {"--store", *CHOICE}:
        at.append(f"--history={history}")
    return at


def answer(code: int, text: str, asks_json: bool) -> Answer:
    """What a command said, as the engine would have said it."""
    found = None
    if asks_json:
        try:
            found = json.loads(text)
        except ValueError:
            pass  # It ended before it could say anything: the text is all there is.
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
    """All that it says. Where it takes longer than a moment, what it is at is shown as it comes."""
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
"""Columns of the progress that is shown."""


def _shown(what: str) -> None:
    """Shows a state of progress in the place of the one before, in a notebook as in a terminal."""
    global _width
    if "\n" in what or not (what or _width):
        return  # The progress is over, and what comes is said by whoever asked.
    # Beside the answer, which may be read by a program.
    sys.stderr.write("\r" + what.ljust(_width) + ("" if what else "\r"))
    sys.stderr.flush()
    _width = len(what)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it as Ctrl+C would; a moment later by force."""
    deadline = time.monotonic() + PATIENCE
    try:
        process.send_signal(signal.SIGINT)
        process.wait(max(0.0, deadline - time.monotonic()))
    except BaseException:
        process.kill()
        process.wait()
