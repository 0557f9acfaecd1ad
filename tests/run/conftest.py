"""A desk for each module: notebooks lie beside each other, and every run of one is in the same store."""

from __future__ import annotations

import pytest
from desk import Desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A folder with `clew run` and papermill."""
    return Desk(tmp_path_factory.mktemp("desk"))
