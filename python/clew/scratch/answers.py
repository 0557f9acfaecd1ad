"""Answers the requests to a sandbox process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clew._engine import enter_sandbox, map_paths
from clew.adapters import handle_reach
from clew.roots import process_settings
from clew.scratch import probe
from clew.scratch.channel import silence
from clew.scratch.shell import Shell
from clew.scratch.state_loader import Loading
from clew.scratch.values import evaluate, execute, run_cell

if TYPE_CHECKING:
    from clew._engine import Visit


class Answers:
    """The state of a sandbox process: whether it is sandboxed, and the loaded state."""

    def __init__(self) -> None:
        self._shell: Shell | None = None
        self._visit: Visit | None = None
        self._gaps: list[str] = []
        #: Settings inherited from the kernel that could not be reset to their values from the beginning of recording: keys and reasons.
        self._inherited: list[tuple[str, str]] = []
        self._loading: Loading | None = None
        self._requests: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "enter": self._enter,
            "load": self._load,
            "prove": self._prove,
            "eval": self._eval,
            "run": self._run,
            "fingerprints": self._fingerprints,
            "again": self._again,
            "hand_over": self._hand_over,
        }

    def to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answers one request. Errors are returned as answers."""
        answer = self._requests.get(request.get("do", ""))
        if answer is None:
            return {"refused": "The sandbox process runs another version of Clew than the command"}
        if self._shell is None and answer != self._enter:
            return {"refused": "The sandbox process is not sandboxed yet"}
        try:
            return answer(request)
        except BaseException as error:  # the user's code runs here, and may raise anything
            return {"refused": f"{type(error).__name__}: {error}"}

    def _enter(self, request: dict[str, Any]) -> dict[str, Any]:
        self._inherited = process_settings.restore()
        # Before the sandbox is entered, because it forbids mounting.
        maps = [(old, new) for old, new in request["maps"]]
        unmapped = map_paths(maps, request["folder"])
        # Detach from the terminal: Ctrl+C there is meant for the parent process.
        if hasattr(os, "setsid"):
            os.setsid()
        # The sandbox reports which layers the machine lacks. The probe additionally tries forbidden operations in `outside`, a folder for
        # that.
        gaps = enter_sandbox(request["folder"], request["memory"], request["seconds"])
        self._gaps = [*gaps, *probe.gaps(request["outside"])]
        silence()
        handle_reach.is_allowed = False
        self._shell = Shell()
        return {"gaps": self._gaps, "unmapped": unmapped}

    def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        loading = Loading(
            self._visits(request),
            request["run"],
            self._loaded(),
            may_rerun=not self._gaps,
            inherited=self._inherited,
        )
        inexact = loading.load(request["expression"], whole=request["whole"])
        self._loading = loading
        return {"inexact": told(inexact), "needs": loading.needs}

    def _prove(self, request: dict[str, Any]) -> dict[str, Any]:
        """Builds values of a run and compares them with their fingerprints."""
        roots = [(kind, key) for kind, key in request["roots"]]
        return {"inexact": told(self._visits(request).prove(request["run"], roots))}

    def _again(self, request: dict[str, Any]) -> dict[str, Any]:
        """Reruns the cell of a run over the state of the run before it, using results of cells that ran in this process before."""
        visit = self._visit or self._visits(request)
        source, number = visit.prepare(request["run"])
        error = run_cell(source, number, self._loaded())
        if error is None:
            visit.ran(request["run"])
        return {"error": error}

    def _hand_over(self, request: dict[str, Any]) -> dict[str, Any]:
        """Writes the results of a cell to a file for the parent process."""
        assert self._visit is not None
        roots = [(kind, key) for kind, key in request["roots"]]
        return {"why": self._visit.hand_over(request["run"], roots, request["file"], request["key"])}

    def _visits(self, request: dict[str, Any]) -> Visit:
        from clew._engine import Visit

        shell = self._loaded()
        self._visit = Visit(
            shell.user_ns, shell.main, shell, request["store"], request["config"], request["history"]
        )
        return self._visit

    def _eval(self, request: dict[str, Any]) -> dict[str, Any]:
        namespace = self._loaded().user_ns
        value, error = evaluate(request["expression"], namespace, truth=request["truth"])
        lacks = self._loading is not None and self._loading.lacks(error)
        return {"value": value | {"lacks": lacks}}

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        shell = self._loaded()
        source: str = request["source"]
        if request["is_ipython"]:
            source = shell.transform_cell(source)
        return {"error": execute(source, shell.user_ns)}

    def _fingerprints(self, request: dict[str, Any]) -> dict[str, Any]:
        from clew._engine import fingerprint

        shell = self._loaded()
        return {
            "fingerprints": [fingerprint(shell.user_ns, shell.main, names) for names in request["groups"]]
        }

    def _loaded(self) -> Shell:
        assert self._shell is not None
        return self._shell


def told(inexact: list[tuple[str, str, str, str]]) -> list[dict[str, str]]:
    """Describes roots that were not simply loaded, for the answer."""
    fields = ("kind", "key", "outcome", "why")
    return [dict(zip(fields, root, strict=True)) for root in inexact]
