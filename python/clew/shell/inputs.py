"""The text of cells that did not run, where IPython keeps that of those that did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def know_inputs(shell: Any, texts: Sequence[str]) -> None:
    """Has `In` and `_i` find what stood in the first cells of a notebook, those that were not executed among them."""
    known = len(shell.history_manager.input_hist_parsed)
    for number, text in enumerate(texts[known - 1 :], known):
        shell.history_manager.store_inputs(number, shell.transform_cell(text), text)
