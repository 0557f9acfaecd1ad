"""Parameters as papermill reads them, and in its order: base64, files, YAML, typed, raw."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from clew.run.mistakes import Mistake
from clew.run.options import Options


def parameters_of(options: Options) -> dict[str, Any]:
    """What the notebook is given, by name."""
    from papermill.cli import _resolve_type
    from papermill.iorw import read_yaml_file

    given: dict[str, Any] = {}
    if options.inject_input_path or options.inject_paths:
        given["PAPERMILL_INPUT_PATH"] = options.input
    if options.inject_output_path or options.inject_paths:
        given["PAPERMILL_OUTPUT_PATH"] = options.output
    for text in options.parameters_base64:
        given |= from_yaml(decoded(text), "-b")
    for path in options.parameters_file:
        given |= read_yaml_file(path) or {}
    for text in options.parameters_yaml:
        given |= from_yaml(text, "-y")
    given |= {name: _resolve_type(value) for name, value in pairs(options.parameters)}
    return given | dict(pairs(options.parameters_raw))


def pairs(flat: list[str]) -> Iterator[tuple[str, str]]:
    """Names and values that lie one behind the other."""
    return zip(flat[::2], flat[1::2], strict=True)


def decoded(text: str) -> bytes:
    """What stands in base64."""
    try:
        return base64.b64decode(text)
    except binascii.Error as error:
        raise Mistake(f"What `-b` was given is no base64: {error}") from None


def from_yaml(text: str | bytes, option: str) -> dict[str, Any]:
    """The names and values in YAML."""
    import yaml
    from papermill.iorw import NoDatesSafeLoader

    try:
        found = yaml.load(text, Loader=NoDatesSafeLoader) or {}
    except yaml.YAMLError as error:
        raise Mistake(f"What `{option}` was given is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise Mistake(f"What `{option}` was given has no names", f"`{option} 'NAME: VALUE'`")
    return found
