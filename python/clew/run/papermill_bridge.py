"""The parts of the command that use papermill: parameters, addresses, metadata, error markers.

The steps are those of `papermill.execute.execute_notebook`, with its own functions. They are separate here for two reasons. `--plan` needs
only the first steps. And a failing cell tagged `raises-exception` does not fail the run, as in nbclient, whereas papermill fails the
notebook for it at the end.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from typing import Any

from clew.run import mistakes
from clew.run.mistakes import FAILED, Mistake, missing
from clew.run.options import STREAM, Options
from clew.run.parameters import parameters_of
from clew.run.source import as_notebook
from clew.run.walk import Walk

#: The tag of the cell with parameters, and its id: papermill would draw a new one each time.
INJECTED = "injected-parameters"
#: The module that papermill imports for addresses with this prefix.
PYARROW, HADOOP = "pyarrow.fs", "hdfs://"


def execute(options: Options, walk: Walk) -> int:
    """Executes the notebook and writes it. Returns the exit code."""
    with ready(options), ExitStack() as files:
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from papermill.exceptions import PapermillExecutionError

        from clew.run.kernel import StartFailed

        try:
            perform(options, walk, files)
        except PapermillExecutionError as error:
            print(error, file=sys.stderr)
            return mistakes.INTERRUPTED if walk.is_interrupted else FAILED
        except DeadKernelError:
            return died(options, walk)
        except CellTimeoutError as error:
            print(f"{str(error).rstrip()}\n{written(options)}", file=sys.stderr)
            return FAILED
        except StartFailed as error:
            raise Mistake(str(error), "`jupyter kernelspec list` lists the kernels", FAILED) from None
    return 0


def perform(options: Options, walk: Walk, files: ExitStack) -> None:
    """Executes the cells that must be executed, and writes OUT."""
    import click
    from papermill.execute import raise_for_execution_errors
    from papermill.iorw import write_ipynb
    from papermill.utils import chdir

    from clew.run.execution import Executing

    notebook = prepared(options)
    paths = notebook.metadata.papermill
    command = files.enter_context(click.Context(click.Command("run")))
    kernel_name = kernel_of(notebook, options)
    with chdir(options.cwd):
        notebook = Executing.execute_notebook(
            notebook,
            kernel_name,
            output_path=None if options.no_request_save_on_cell_execute else paths["output_path"],
            progress_bar=options.shows_progress,
            log_output=options.log_output,
            autosave_cell_every=options.autosave_cell_every,
            input_path=paths["input_path"],
            start_timeout=options.start_timeout,
            execution_timeout=options.execution_timeout,
            stdout_file=opened(options.stdout_file, command),
            stderr_file=opened(options.stderr_file, command),
            walk=walk,
        )
    if walk.has_failed:
        raise_for_execution_errors(notebook, paths["output_path"])
    write_ipynb(notebook, paths["output_path"])


def opened(path: str | None, command: Any) -> Any:
    """Returns a file that is written while the notebook runs. It is created at the first output, in the notebook's folder; `-` is standard
    output. This is the behaviour of click, and so of papermill."""
    import click

    return click.File("w", encoding="utf-8").convert(path, None, command) if path else None


def died(options: Options, walk: Walk) -> int:
    """Reports that the kernel died."""
    last = next((told.number for told in walk.told.values() if told.outcome == "failed"), None)
    where = f" in code cell {last}" if last is not None else ""
    print(f"Error: The kernel died{where}. {written(options)}", file=sys.stderr)
    return mistakes.DEAD_KERNEL


def written(options: Options) -> str:
    """Describes the result of a run that was interrupted."""
    if options.output == STREAM:
        return "No notebook was written."
    return f"{options.output} contains the results up to that point."


def prepare(options: Options) -> int:
    """Writes OUT with the parameters in it."""
    with ready(options):
        from papermill.iorw import write_ipynb

        notebook = prepared(options)
        write_ipynb(notebook, notebook.metadata.papermill["output_path"])
    return 0


def parameterized(options: Options) -> Any:
    """Returns the notebook as it would be run."""
    with ready(options):
        return prepared(options)


def prepared(options: Options) -> Any:
    """Returns the notebook with its parameters and papermill's metadata, before anything is executed."""
    from papermill.execute import prepare_notebook_metadata, remove_error_markers
    from papermill.iorw import get_pretty_path, load_notebook_node
    from papermill.log import logger

    parameters = parameters_of(options)
    input_path, output_path = options.input, options.output
    assert input_path is not None
    read_through_clew(input_path)
    logger.info(f"Input Notebook:  {get_pretty_path(input_path)}")
    logger.info(f"Output Notebook: {get_pretty_path(output_path)}")
    if options.cwd is not None:
        logger.info(f"Working directory: {get_pretty_path(options.cwd)}")
    notebook = load_notebook_node(input_path)
    if parameters:
        notebook = with_parameters(notebook, parameters, options)
    return remove_error_markers(
        prepare_notebook_metadata(notebook, input_path, output_path, options.report_mode)
    )


def fill_in_paths(options: Options) -> None:
    """Replaces names of parameters in braces in IN and OUT, as in `out-{alpha}.ipynb`."""
    from papermill.exceptions import PapermillMissingParameterException
    from papermill.parameterize import add_builtin_parameters, parameterize_path

    with ready(options):
        given = add_builtin_parameters(parameters_of(options))
        try:
            options.input = parameterize_path(options.input, given)
            options.output = parameterize_path(options.output, given)
        except PapermillMissingParameterException as error:
            name = str(error.__cause__ or error.__context__).strip("'\"")
            raise Mistake(
                f"A path contains `{{{name}}}`, but there is no parameter with this name",
                f"`-p {name} VALUE` sets it",
                FAILED,
            ) from None
        except (LookupError, AttributeError) as error:
            raise Mistake(f"A path contains braces that name no parameter: {error}", None, FAILED) from None


def kernel_of(notebook: Any, options: Options) -> str:
    """Returns the name of the kernel for the notebook."""
    from papermill.utils import nb_kernel_name

    try:
        name: str = nb_kernel_name(notebook, options.kernel)
    except ValueError:
        raise mistakes.no_kernel() from None
    return name


def language_of(notebook: Any, kernel: str, options: Options) -> str:
    """Returns the language in which parameters are written: the notebook's, else its kernel's."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from papermill.utils import nb_language

    try:
        language: str = nb_language(notebook, options.language)
    except ValueError:
        try:
            language = KernelSpecManager().get_kernel_spec(kernel).language
        except NoSuchKernel:
            language = ""
    if not language:
        why = f"Neither the notebook nor the kernel {kernel} specifies the language of the cells"
        raise Mistake(why, "add `--language python`", FAILED)
    return language


def with_parameters(notebook: Any, parameters: dict[str, Any], options: Options) -> Any:
    """Returns the notebook with a cell that sets the parameters. Warns about parameters that the notebook does not have."""
    from papermill.exceptions import PapermillException
    from papermill.inspection import _infer_parameters
    from papermill.log import logger
    from papermill.parameterize import parameterize_notebook

    kernel = kernel_of(notebook, options)
    language = language_of(notebook, kernel, options)
    known = {one.name for one in _infer_parameters(notebook, name=kernel, language=language)}
    for name in parameters:
        if name not in known:
            alike = get_close_matches(name, known, 1)
            meant = f". Did you mean `{alike[0]}`?" if alike else ""
            logger.warning(f"Passed unknown parameter: {name}{meant}")
    try:
        notebook = parameterize_notebook(
            notebook,
            parameters,
            options.report_mode,
            kernel_name=kernel,
            language=language,
        )
    except PapermillException:
        why = f"Clew cannot write parameters in the language {language}"
        raise Mistake(why, "add `--language python` if the cells are in Python", FAILED) from None
    taken = {cell.get("id") for cell in notebook.cells}
    for cell in notebook.cells:
        if INJECTED in cell.metadata.get("tags", ()) and INJECTED not in taken:
            cell["id"] = INJECTED
            break
    return notebook


def help_notebook(options: Options) -> int:
    """Lists the notebook's parameters, in papermill's format."""
    with ready(options):
        import click
        from papermill.inspection import display_notebook_help

        read_through_clew(options.input or STREAM)
        arguments: list[click.Parameter] = [
            click.Argument(["input"], metavar="IN"),
            click.Argument(["output"], metavar="[OUT]"),
        ]
        context = click.Context(click.Command("run", params=arguments), info_name="clew run")
        code: int = display_notebook_help(context, options.input, parameters_of(options))
        return code


@contextmanager
def ready(options: Options) -> Iterator[None]:
    """Prepares papermill, and converts its errors to a `Mistake`."""
    try:
        with without_hadoop(options):
            from papermill.exceptions import PapermillException, PapermillExecutionError
            from papermill.iorw import local_file_io_cwd
    except ImportError as error:
        raise missing(error) from None
    import click

    logging.basicConfig(level=options.log_level, format="%(message)s")
    # papermill only knows two suffixes of notebooks, and `-` has none.
    warnings.filterwarnings("ignore", module="papermill.iorw")
    try:
        # Local paths are relative to this folder, also while the notebook runs in another one.
        with local_file_io_cwd():
            yield
    except PapermillExecutionError:
        raise
    except PapermillException as error:
        raise Mistake(str(error), None, FAILED) from None
    except click.ClickException as error:
        # A file for the output of cells cannot be opened.
        raise Mistake(error.format_message().rstrip("."), None, FAILED) from None
    except (OSError, ValueError) as error:
        # Errors from papermill, nbformat and libraries for addresses, for files that cannot be read or written.
        if options.log_level == "DEBUG":
            traceback.print_exc()
        raise Mistake(described(error), None, FAILED) from error


@contextmanager
def without_hadoop(options: Options) -> Iterator[None]:
    """Prevents papermill from importing pyarrow if no address needs it: that import takes longer than all others together."""
    paths = (options.input, options.output, *options.parameters_file)
    is_needed = any(path.startswith(HADOOP) for path in paths if path)
    if is_needed or PYARROW in sys.modules or "papermill.iorw" in sys.modules:
        yield
        return
    # Python treats this as a module that cannot be imported.
    sys.modules[PYARROW] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[PYARROW]


def described(error: OSError | ValueError) -> str:
    """Describes in one line what failed."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error).rstrip(".") or type(error).__name__


def read_through_clew(path: str) -> None:
    """Lets papermill read IN through Clew, so that its cells have stable ids, and percent scripts are converted to notebooks."""
    from papermill.iorw import papermill_io

    papermill_io.register(path, Reading(papermill_io.get_handler(path)))


class Reading:
    """A handler of papermill for one path, which passes the text through Clew."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self, path: str) -> str:
        """Reads the notebook as text."""
        text = self._inner.read(path)
        return as_notebook(text.decode("utf-8") if isinstance(text, bytes) else text, path)
