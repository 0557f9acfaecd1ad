"""Reads parameters as papermill does, and in its order: base64, files, YAML, typed, raw."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from clew.run.mistakes import FAILED, Mistake
from clew.run.options import Options


def parameters_of(options: Options) -> dict[str, Any]:
    """Returns the notebook's parameters, by name."""
    if options.given is None:
        options.given = gathered(options)
    return dict(options.given)


def gathered(options: Options) -> dict[str, Any]:
    """Reads the notebook's parameters."""
    from papermill.cli import _resolve_type
    from papermill.iorw import read_yaml_file

    given: dict[str, Any] = {}
    if options.inject_input_path or options.inject_paths:
        given["PAPERMILL_INPUT_PATH"] = options.input
    if options.inject_output_path or options.inject_paths:
        given["PAPERMILL_OUTPUT_PATH"] = options.output
    for text in options.parameters_base64:
        given |= named(from_yaml, decoded(text), "The value of `-b`")
    for path in options.parameters_file:
        given |= named(read_yaml_file, path, path)
    for text in options.parameters_yaml:
        given |= named(from_yaml, text, "The value of `-y`")
    given |= {name: _resolve_type(value) for name, value in pairs(options.parameters)}
    return given | dict(pairs(options.parameters_raw))


def pairs(flat: list[str]) -> Iterator[tuple[str, str]]:
    """Yields pairs from a flat list of alternating names and values."""
    return zip(flat[::2], flat[1::2], strict=True)


def decoded(text: str) -> bytes:
    """Decodes base64."""
    try:
        return base64.b64decode(text)
    except binascii.Error as error:
        raise Mistake(
            f"The value of `-b` is not base64: {error}", "`-b` takes YAML in base64", FAILED
        ) from None


def from_yaml(text: str | bytes) -> Any:
    """Parses YAML."""
    import yaml
    from papermill.iorw import NoDatesSafeLoader

    return yaml.load(text, Loader=NoDatesSafeLoader)


def named(read: Callable[[Any], Any], source: Any, what: str) -> dict[str, Any]:
    """Returns the names and values that `read` finds in `source`; `what` is the description of the source.

    # Errors
    A `Mistake` if it cannot be read. The exit code is 1, as in papermill.
    """
    import yaml

    try:
        return dict(read(source) or {})
    except OSError as error:
        raise Mistake(
            f"{what} cannot be read: {error.strerror or error}", "`-f FILE` takes a YAML file", FAILED
        ) from None
    except yaml.YAMLError as error:
        raise Mistake(
            f"{what} is not YAML: {' '.join(str(error).split())}",
            "write lines of the form `NAME: VALUE`",
            FAILED,
        ) from None
    except (TypeError, ValueError):
        raise Mistake(
            f"{what} does not map names to values", "write lines of the form `NAME: VALUE`", FAILED
        ) from None
