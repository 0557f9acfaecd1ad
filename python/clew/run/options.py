"""The options of `clew run`, and the files that they name."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from stat import S_ISFIFO
from typing import Any

from clew.run.mistakes import Mistake

#: Standard input or output, as in papermill.
STREAM = "-"
#: Log levels at which papermill prints the paths of the notebooks.
TELLING = ("NOTSET", "DEBUG", "INFO")


@dataclass
class Options:
    """The options, named as in papermill's command. Parameters are flat lists of alternating names and values."""

    input: str | None = None
    output: str | None = None
    parameters: list[str] = field(default_factory=list)
    parameters_raw: list[str] = field(default_factory=list)
    parameters_file: list[str] = field(default_factory=list)
    parameters_yaml: list[str] = field(default_factory=list)
    parameters_base64: list[str] = field(default_factory=list)
    inject_input_path: bool = False
    inject_output_path: bool = False
    inject_paths: bool = False
    help_notebook: bool = False
    prepare_only: bool = False
    kernel: str | None = None
    language: str | None = None
    cwd: str | None = None
    start_timeout: int = 60
    execution_timeout: int | None = None
    progress_bar: bool = False
    no_progress_bar: bool = False
    log_output: bool = False
    log_level: str = "INFO"
    stdout_file: str | None = None
    stderr_file: str | None = None
    report_mode: bool = False
    autosave_cell_every: int = 30
    no_request_save_on_cell_execute: bool = False
    explain: bool = False
    plan: bool = False
    check: bool = False
    force: bool = False
    from_cell: str | None = None
    stale: bool = False
    verify: bool = False
    json: bool = False
    store: str | None = None
    #: A message about the package that is run, in one line.
    said: str | None = None
    #: The notebook's parameters, once they have been read: one source may be standard input.
    given: dict[str, Any] | None = None

    @classmethod
    def of(cls, pieces: Sequence[str]) -> Options:
        """Reads the options from the native command's document, which may be split into several arguments."""
        told: dict[str, Any] = json.loads("".join(pieces))
        told["from_cell"] = told.pop("from", None)
        known = {option.name for option in fields(cls)}
        return cls(**{name: value for name, value in told.items() if name in known})

    @property
    def is_looking(self) -> bool:
        """Returns whether nothing is executed or written."""
        return self.plan or self.check

    @property
    def has_parameters(self) -> bool:
        """Returns whether the notebook gets any parameters."""
        given = self.parameters, self.parameters_raw, self.parameters_file, self.parameters_yaml
        injected = self.inject_input_path or self.inject_output_path or self.inject_paths
        return any(given) or bool(self.parameters_base64) or injected

    @property
    def logs_output(self) -> bool:
        """Returns whether output of cells is also logged."""
        return self.log_output or self.stdout_file is not None or self.stderr_file is not None

    @property
    def has_names_in_paths(self) -> bool:
        """Returns whether a path contains braces, which papermill would replace."""
        return any(brace in path for path in (self.input, self.output) if path for brace in "{}")

    @property
    def shows_progress(self) -> bool:
        """Returns whether a progress bar is shown: on a terminal, if no output is logged in between."""
        if self.progress_bar or self.no_progress_bar:
            return self.progress_bar
        return self.output != STREAM and not self.log_output and sys.stderr.isatty()

    def settle_paths(self) -> None:
        """Sets omitted paths, by papermill's rules for pipes.

        # Errors
        A `Mistake` if a notebook would be printed to a terminal, or one stream would be used twice.
        """
        is_piped = S_ISFIFO(os.fstat(0).st_mode)
        if self.input is None and not is_piped:
            # `-p NAME VALUE` takes two words: without the value, it takes the notebook's path.
            taken = next(
                (value for value in self.parameters + self.parameters_raw if value.endswith(".ipynb")), None
            )
            why = f": `{taken}` was read as the value of a parameter" if taken else ""
            raise Mistake(f"No notebook was given{why}", "`clew run IN.ipynb OUT.ipynb -p NAME VALUE`")
        reads_only = self.is_looking or self.help_notebook
        if self.input is not None and self.output is None and is_piped and not reads_only:
            self.input, self.output = STREAM, self.input
        if self.output is None and not reads_only and not is_piped and sys.stdout.isatty():
            hint = f"`clew run {shlex.quote(str(self.input))} OUT.ipynb`, or `-` as OUT for standard output"
            raise Mistake("No output notebook was given", hint)
        self.input = self.input or STREAM
        self.output = self.output or STREAM
        if self.json and self.output == STREAM and not reads_only:
            hint = f"`clew run {shlex.quote(self.input)} OUT.ipynb --json`"
            raise Mistake("Standard output cannot hold both the notebook and the `--json` report", hint)
        if self.output == STREAM:
            self.no_request_save_on_cell_execute = True
            self.log_level = "ERROR" if self.log_level == "INFO" else self.log_level
