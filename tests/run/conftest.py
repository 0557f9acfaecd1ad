"""A desk for each module: notebooks lie beside each other, and every run of one is in the same store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A folder with `clew run` and papermill."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.end()
