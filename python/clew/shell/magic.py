"""The line magic `%clew`: splits the line into words, runs the command, and displays its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core import completer
from IPython.core.magic import no_var_expand

from clew._engine import intent, read_line
from clew.errors import AS_JSON, NOTHING_DONE, REFUSED, ClewError, printed
from clew.shell import display, progress
from clew.shell.warn import describe, guarded, warn

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from clew._engine import Answer
    from clew.shell.session import Session

#: The beginning of the lines that are completed here.
PREFIX = "%clew "


def fail(line: str, exit_code: int, message: str, unchanged: str, hint: str | None = None) -> None:
    """Reports a line that could not be executed, in the same place as a refused command."""
    if AS_JSON in line.split():
        error = ClewError(message, hint=hint)
        print(printed(error, line.split(), exit_code), flush=True)
    else:
        warn(f"{message}. {unchanged}; {hint}." if hint else f"{message}. {unchanged}.")


class Magic:
    """The line magic, and tab completion for it."""

    def __init__(self, shell: Any, session: Session) -> None:
        self._shell = shell
        self._session = session
        self._matcher = self._make_matcher()

    def attach(self) -> None:
        """Registers `%clew`."""
        self._shell.register_magic_function(self._make_magic(), "line", "clew")
        if self._matcher is not None:
            self._shell.Completer.custom_matchers.append(self._matcher)

    def detach(self) -> None:
        """Unregisters `%clew`."""
        self._shell.magics_manager.magics["line"].pop("clew", None)
        if self._matcher is not None and self._matcher in self._shell.Completer.custom_matchers:
            self._shell.Completer.custom_matchers.remove(self._matcher)

    def _make_magic(self) -> Callable[[str], None]:
        session = self._session

        def show(answer: Answer, command: progress.Command) -> None:
            with session.outputs.muted():
                display.show(answer, command)

        def clew(line: str) -> None:
            """Inspect and restore earlier states of this session. `%clew help` lists the commands."""
            try:
                try:
                    meant = read_line(line)
                except ValueError as error:
                    fail(line, NOTHING_DONE, f"{error} in `%clew {line}`", "Nothing was done")
                    return
                with progress.command(is_shown=AS_JSON not in meant["words"]) as command:
                    answer = session.perform(meant if meant["words"] else intent(["status"]))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # Includes a panic of the engine.
                hint = "run `%clew doctor` to find the cause"
                fail(
                    line,
                    REFUSED,
                    f"`%clew {line}` failed: {describe(error)}",
                    "Your session is unchanged",
                    hint,
                )
                return
            guarded("show the report", show, answer, command)
            if answer.get("interrupted"):
                # The command is already done and reported. Ctrl+C is also meant for the code that follows it.
                raise KeyboardInterrupt

        marked: Callable[[str], None] = no_var_expand(clew)
        return marked

    def _make_matcher(self) -> Callable[[CompletionContext], SimpleMatcherResult] | None:
        """Returns the function that completes `%clew`; `None` in IPython 7, which has no such functions."""
        if not hasattr(completer, "context_matcher"):
            return None
        session = self._session

        def clew_matcher(context: CompletionContext) -> SimpleMatcherResult:
            line = context.line_with_cursor[: context.cursor_position].lstrip()
            if not line.startswith(PREFIX):
                return {"completions": []}
            try:
                # IPython splits words at `@`, `-` and `:`. The engine returns the part of the line that it completes.
                fragment, found = session.complete(line.removeprefix(PREFIX))
            except BaseException:
                # The Tab key must not print a traceback.
                return {"completions": []}
            return {
                "completions": [completer.SimpleCompletion(text=text, type="magic") for text in found],
                "matched_fragment": fragment,
                "ordered": True,
                "suppress": True,
            }

        marked: Callable[[CompletionContext], SimpleMatcherResult] = completer.context_matcher()(clew_matcher)
        return marked
