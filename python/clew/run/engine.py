"""papermill's engine `clew`, for `papermill --engine clew IN OUT`.

papermill loads every engine that is installed while it is itself being imported, whoever wants which. So nothing of it is
imported here, and hardly anything else.
"""

from __future__ import annotations

from typing import Any


class ClewEngine:
    """What papermill asks of an engine."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Walks a notebook from top to bottom and executes what has to be."""
        from clew.run.execution import Executing

        return Executing.execute_notebook(nb, kernel_name, **options)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """The kernel that a notebook names."""
        from papermill.engines import Engine

        found: str = Engine.nb_kernel_name(nb, name)
        return found

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """The language that a notebook names."""
        from papermill.engines import Engine

        found: str = Engine.nb_language(nb, language)
        return found
