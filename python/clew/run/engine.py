"""papermill's engine `clew`, for `papermill --engine clew IN OUT`.

papermill loads every installed engine at its own import, even if it is not used. So this module imports nothing of papermill, and hardly
anything else.
"""

from __future__ import annotations

from typing import Any


class ClewEngine:
    """The interface of an engine for papermill."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Goes through a notebook from top to bottom, and executes the cells that must be executed."""
        from clew.run.execution import Executing

        return Executing.execute_notebook(nb, kernel_name, **options)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Returns the kernel that a notebook names."""
        from papermill.engines import Engine

        found: str = Engine.nb_kernel_name(nb, name)
        return found

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Returns the language that a notebook names."""
        from papermill.engines import Engine

        found: str = Engine.nb_language(nb, language)
        return found
