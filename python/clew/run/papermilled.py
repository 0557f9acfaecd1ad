"""The part of the command that is papermill's: parameters, addresses, executing, error markers.

Only here and in `engine.py` papermill is imported.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from clew.run import mistakes
from clew.run.mistakes import FAILED, Mistake
from clew.run.options import STREAM, Options
from clew.run.parameters import parameters_of
from clew.run.source import as_notebook
from clew.run.walk import Walk

MISSING = "This needs the package papermill, which is not installed"


def execute(options: Options, walk: Walk) -> int:
    """Executes the notebook and writes it; the exit code."""
    with ready(options) as papermill, ExitStack() as files:
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill.exceptions import PapermillExecutionError

        from clew.run.engine import NAME, StartFailed

        streams = {
            name: files.enter_context(open(path, "w", encoding="utf-8")) if path else None
            for name, path in (("stdout_file", options.stdout_file), ("stderr_file", options.stderr_file))
        }
        try:
            papermill.execute_notebook(
                options.input,
                options.output,
                parameters_of(options),
                engine_name=NAME,
                request_save_on_cell_execute=not options.no_request_save_on_cell_execute,
                kernel_name=options.kernel,
                language=options.language,
                progress_bar=options.shows_progress,
                log_output=options.log_output,
                start_timeout=options.start_timeout,
                report_mode=options.report_mode,
                cwd=options.cwd,
                autosave_cell_every=options.autosave_cell_every,
                execution_timeout=options.execution_timeout,
                walk=walk,
                **streams,
            )
        except PapermillExecutionError as error:
            print(error, file=sys.stderr)
            return mistakes.INTERRUPTED if walk.is_interrupted else FAILED
        except DeadKernelError:
            return died(options, walk)
        except CellTimeoutError as error:
            print(f"{error}\n{written(options)}", file=sys.stderr)
            return FAILED
        except StartFailed as error:
            raise Mistake(
                str(error),
                f"`jupyter kernelspec list` shows kernels, `{sys.executable} -m pip install ipykernel` makes one",
                FAILED,
            ) from None
    return 0


def died(options: Options, walk: Walk) -> int:
    """Says that the kernel is gone."""
    last = next((told.number for told in walk.told.values() if told.outcome == "failed"), None)
    where = f" in code cell {last}" if last is not None else ""
    print(f"Error: The kernel died{where}. {written(options)}", file=sys.stderr)
    return mistakes.DEAD_KERNEL


def written(options: Options) -> str:
    """What is left of a run that broke off."""
    if options.output == STREAM:
        return "No notebook was written."
    return f"{options.output} holds what ran until then."


def prepare(options: Options) -> int:
    """Writes OUT with the parameters in it."""
    with ready(options) as papermill:
        prepared(options, papermill, options.output)
    return 0


def parameterized(options: Options) -> Any:
    """The notebook as it would be run."""
    with ready(options) as papermill:
        return prepared(options, papermill, None)


def prepared(options: Options, papermill: Any, output: str | None) -> Any:
    """The notebook with its parameters, written to `output` if there is one."""
    return papermill.execute_notebook(
        options.input,
        output,
        parameters_of(options),
        prepare_only=True,
        kernel_name=options.kernel,
        language=options.language,
        report_mode=options.report_mode,
        cwd=options.cwd,
    )


def help_notebook(options: Options) -> int:
    """Lists the notebook's parameters, in papermill's words."""
    with ready(options):
        import click
        from papermill.inspection import display_notebook_help

        usage = click.Command("run", params=[click.Argument(["in"]), click.Argument(["out"], required=False)])
        context = click.Context(usage, info_name="clew run")
        code: int = display_notebook_help(context, options.input, parameters_of(options))
        return code


@contextmanager
def ready(options: Options) -> Iterator[Any]:
    """papermill, reading IN through Clew; what it can't do is told as a mistake."""
    try:
        import papermill
        from papermill.exceptions import PapermillException
    except ImportError:
        hint = f'`{sys.executable} -m pip install "clew[run]"`'
        raise Mistake(MISSING, hint) from None
    logging.basicConfig(level=options.log_level, format="%(message)s")
    # papermill knows notebooks by two endings only.
    warnings.filterwarnings("ignore", message=".*does not end in one of", module="papermill.iorw")
    read_through_clew(options)
    try:
        yield papermill
    except PapermillException as error:
        if type(error).__name__ == "PapermillExecutionError":
            raise
        raise Mistake(str(error), None, FAILED) from None
    except (OSError, ValueError) as error:
        # What else papermill, nbformat and the libraries behind its addresses raise for what can't be read or written.
        raise Mistake(f"{type(error).__name__}: {error}", None, FAILED) from error


def read_through_clew(options: Options) -> None:
    """Has papermill read IN so that its cells have lasting ids, and percent scripts are notebooks."""
    from papermill.iorw import papermill_io

    assert options.input is not None
    papermill_io.register(options.input, Reading(papermill_io.get_handler(options.input)))


class Reading:
    """A handler of papermill's for one path: another one's, with Clew between."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self, path: str) -> str:
        """The notebook that lies there, as text."""
        text = self._inner.read(path)
        return as_notebook(text.decode("utf-8") if isinstance(text, bytes) else text, path)
