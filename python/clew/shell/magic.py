"""`%clew WORDS`: splits the line, hands it to the session, shows the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.magic import no_var_expand

from clew._engine import intent, read_line
from clew.errors import AS_JSON, NOTHING_DONE, REFUSED, ClewError, printed
from clew.shell import display, progress
from clew.shell.warn import describe, guarded, warn

if TYPE_CHECKING:
    from clew._engine import Answer
    from clew.shell.session import Session

#: What a line begins with that is completed here.
PREFIX = "%clew "


def fail(line: str, exit_code: int, message: str, unchanged: str, hint: str | None = None) -> None:
    """Says that a line could not be answered at all, where a refusal would be said."""
    if AS_JSON in line.split():
        error = ClewError(message, hint=hint)
        print(printed(error, line.split(), exit_code), flush=True)
    else:
        warn(f"{message}. {unchanged}; {hint}." if hint else f"{message}. {unchanged}.")


class Magic:
    """The line magic, and the completion of its words."""

    def __init__(self, shell: Any, session: Session) -> None:
        self._shell = shell
        self._session = session
        self._matcher = self._make_matcher()

    def attach(self) -> None:
        """Registers `%clew`."""
        self._shell.register_magic_function(self._make_magic(), "line", "clew")
        self._shell.Completer.custom_matchers.append(self._matcher)

    def detach(self) -> None:
        """Takes it away again."""
        self._shell.magics_manager.magics["line"].pop("clew", None)
        if self._matcher in self._shell.Completer.custom_matchers:
            self._shell.Completer.custom_matchers.remove(self._matcher)

    def _make_magic(self) -> Callable[[str], None]:
        session = self._session

        def show(answer: Answer, command: progress.Command) -> None:
            with session.outputs.muted():
                display.show(answer, command)

        def clew(line: str) -> None:
            """Undo, switch, restore, and look at every state this session ever had (`%clew status`)."""
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
            except BaseException as error:  # A panic of the engine is one, too.
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
                # The move is done, and said; who pressed Ctrl+C means what comes after it too.
                raise KeyboardInterrupt

        marked: Callable[[str], None] = no_var_expand(clew)
        return marked

    def _make_matcher(self) -> Callable[[CompletionContext], SimpleMatcherResult]:
        session = self._session

        def clew_matcher(context: CompletionContext) -> SimpleMatcherResult:
            line = context.line_with_cursor[: context.cursor_position].lstrip()
            if not line.startswith(PREFIX):
                return {"completions": []}
            try:
                # IPython parts words at `@`, `-` and `:`; the engine tells which piece of the line it means.
                fragment, found = session.complete(line.removeprefix(PREFIX))
            except BaseException:
                # Whoever presses Tab wants no traceback.
                return {"completions": []}
            return {
                "completions": [SimpleCompletion(text=text, type="magic") for text in found],
                "matched_fragment": fragment,
                "ordered": True,
                "suppress": True,
            }

        marked: Callable[[CompletionContext], SimpleMatcherResult] = context_matcher()(clew_matcher)
        return marked
