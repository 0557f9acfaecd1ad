"""People for the journeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journeys.person import Person


@pytest.fixture
def people(tmp_path: Path) -> Iterator[Callable[..., Person]]:
    """Brings people, each with a fresh home; their notebooks are closed after the journey."""
    brought: list[Person] = []

    def bring(name: str, store: Path | None = None) -> Person:
        brought.append(Person(tmp_path / name, tmp_path / "project", store))
        brought[-1].home.mkdir()
        return brought[-1]

    yield bring
    for person in brought:
        person.leaves()


@pytest.fixture
def ada(people: Callable[..., Person]) -> Person:
    """One person with a fresh home."""
    return people("ada")
