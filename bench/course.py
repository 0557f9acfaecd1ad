"""Measures one workload with one peer, from the first cell to the stored bytes, and with a plain kernel for comparison.

The two kernels take turns, batch by batch, so that other load of the machine affects both. The cost of the peer is the difference between
the two. If a peer fails or takes too long, this is a result: `failed` contains the stage and the reason.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import limit as limits
from bench.kernel import Request, Stopped, Timing, peak, timed
from bench.peers.peer import Failed, Move, Peer
from bench.peers.plain import Plain
from bench.progress import Say, tell_cells
from bench.raw import reference_name
from bench.reference import digests
from bench.workload import Workload


@dataclass(frozen=True)
class Rules:
    """The time limits, and the folder of the measurement."""

    folder: Path
    cell_seconds: float
    course_seconds: float
    paths: tuple[Path, ...] = ()


@dataclass
class Course:
    """The results so far."""

    workload: Workload
    reference: dict[str, Any]
    rules: Rules
    say: Say
    found: dict[str, Any] = field(default_factory=dict)

    def measure(self, kind: type[Peer]) -> dict[str, Any]:
        """Measures everything about a peer."""
        shutil.rmtree(self.rules.folder, ignore_errors=True)
        self.rules.folder.mkdir(parents=True)
        self.found = {"workload": self.workload.name, "peer": kind.name, "title": kind.title, "failed": {}}
        self.found["about"], self.found["machine"] = self.workload.about, limits.machine()
        limits.warm(min(3 * self.reference["bytes"] + 2**29, 12 * 2**30))
        self.found["limits"] = limits.measure(self.rules.folder).as_dict()
        try:
            self.with_kernels(kind)
        except (Stopped, Failed, RuntimeError, AssertionError, TimeoutError) as error:
            self.fail("start", error)
        finally:
            shutil.rmtree(self.rules.folder, ignore_errors=True)
        return self.found

    def with_kernels(self, kind: type[Peer]) -> None:
        """Starts both kernels and runs the stages. Later stages need the earlier ones."""
        arguments = (self.rules.cell_seconds, self.rules.paths)
        plain = Plain(self.rules.folder / "plain", *arguments)
        try:
            peer = kind(self.rules.folder / kind.name, *arguments)
            try:
                if self.stage("cells", lambda: self.cells(plain, peer)):
                    plain.close()
                    self.returns(peer)
            finally:
                peer.close(at_once=bool(self.found["failed"]))
            if "cells" not in self.found["failed"]:
                self.stage("gc", lambda: self.put("stored_after_gc", peer.gc()))
                self.stage("verify", lambda: self.put("verify", peer.verify()))
        finally:
            plain.close(at_once=True)

    def stage(self, name: str, work: Callable[[], None]) -> bool:
        """Runs one stage. Returns whether it succeeded."""
        try:
            work()
        except (Stopped, Failed, RuntimeError, AssertionError, TimeoutError, OSError, ValueError) as error:
            self.fail(name, error)
            return False
        return True

    def fail(self, stage: str, error: Exception) -> None:
        """Notes a failure."""
        self.say(f"{stage} failed: {error}")
        self.found["failed"][stage] = f"{error}"[:500] or type(error).__name__

    def put(self, key: str, value: Any) -> None:
        """Notes a result."""
        self.found[key] = value

    # -- the cells ------------------------------------------------------------------------------------------------------

    def cells(self, plain: Plain, peer: Peer) -> None:
        """Runs the setup and the timed cells in both kernels, and checks the values afterwards."""
        turns = Turns(plain, peer, self.rules, self.say)
        self.found["troubles"] = turns.troubles
        self.found["setup"] = turns.take_all([Request(code) for code in self.workload.setup])
        if broken := [error for error in turns.errors["peer"] if error]:
            raise Failed(f"the session could not be made: {broken[0]}")
        peer.begin(len(self.workload.cells))
        peaks = [peak(one.kernel, again=True) for one in (plain, peer)]
        turns.record = {"plain": [], "peer": []}
        turns.errors = {"plain": [], "peer": []}
        self.found["cells"], self.found["errors"] = turns.record, turns.errors
        for portion in self.workload.batches():
            turns.take([Request(self.workload.cells[number]) for number in portion])
            tell_cells(self.say, portion.start, portion.stop, len(self.workload.cells))
        self.found["peaks"] = {"setup": peaks, "cells": [peak(one.kernel) for one in (plain, peer)]}
        self.same_machine(plain)
        peer.finish()
        self.found["stored"] = peer.stored()
        self.found["right_at_end"] = self.right(peer, len(self.workload.cells))

    def same_machine(self, plain: Plain) -> None:
        """Fails if the plain kernel itself ends with other values. Another processor may round differently; then nothing can be
        compared."""
        if wrong := self.right(plain, len(self.workload.cells))["wrong"]:
            name = reference_name(self.workload.name)
            raise Failed(
                f"a plain kernel gives other values than {name}.json ({wrong[0]}): remove that, it is of elsewhere"
            )

    def right(self, peer: Peer, state: int) -> dict[str, Any]:
        """Counts the correct values, and lists the wrong ones."""
        wanted, there = self.reference["digests"][str(state)], digests(peer, self.workload)
        wrong = [name for name in sorted(wanted.keys() | there.keys()) if wanted.get(name) != there.get(name)]
        told = [name + what_is_there(there.get(name, "missing")) for name in wrong[:20]]
        return {"of": len(wanted.keys() | there.keys()), "wrong": told, "wrong_count": len(wrong)}

    # -- the way back ---------------------------------------------------------------------------------------------------

    def returns(self, peer: Peer) -> None:
        """Measures the restores: to each mark and back to the end, again for the parts that the peer reports, and the last state in a new
        kernel."""
        self.found["moves"] = {}
        if not peer.remembers:
            return
        peak(peer.kernel, again=True)
        left = ""
        for name, way, state in self.ways():
            # If going to a state failed, going back is not measured.
            if name != left and not self.stage(
                f"{name} {way}", lambda: self.move(f"{name} {way}", peer, state)
            ):
                left = name
        for name, way, state in self.ways():
            self.stage(f"parts of {name} {way}", lambda: self.parts(f"{name} {way}", peer, state))
        self.stage("memory", lambda: self.found["peaks"].update(moves=peak(peer.kernel)))
        self.stage("restart", lambda: self.restart(peer))

    def ways(self) -> Iterator[tuple[str, str, int]]:
        """Yields each mark's name, the way (there or back), and the state that it leads to."""
        for name, mark in self.workload.marks().items():
            yield name, "there", mark
            yield name, "back", len(self.workload.cells)

    def move(self, name: str, peer: Peer, state: int) -> None:
        """Measures one restore, and checks the values."""
        found = peer.go(state)
        self.found["moves"][name] = found.as_dict() | self.right(peer, state)
        self.say(f"{name}: {found.seconds:.3f} s")

    def parts(self, name: str, peer: Peer, state: int) -> None:
        """Repeats a restore, for the parts that the peer reports: the time for detecting changes, the time for restoring, and inexact
        values."""
        found = peer.told(state)
        if found is not None and name in self.found["moves"]:
            parts = found.as_dict()
            del parts["seconds"]
            self.found["moves"][name] |= parts

    def restart(self, peer: Peer) -> None:
        """Measures a restart with a new kernel."""
        found: Move = peer.restart()
        self.found["restart"] = found.as_dict() | self.right(peer, len(self.workload.cells))
        self.say(f"restart: {found.seconds:.3f} s")


def what_is_there(digest: str) -> str:
    """Describes what exists instead of a value."""
    return f": {digest}" if " " in digest or digest == "missing" else ""


class Turns:
    """Two kernels that run the same cells in turns."""

    def __init__(self, plain: Plain, peer: Peer, rules: Rules, say: Say) -> None:
        self.each: dict[str, Peer] = {"plain": plain, "peer": peer}
        self.order = list(self.each)
        self.rules = rules
        self.say = say
        #: For each cell: milliseconds to the reply, and from there to the start of the next cell.
        self.record: dict[str, list[list[float]]] = {"plain": [], "peer": []}
        self.errors: dict[str, list[str | None]] = {"plain": [], "peer": []}
        #: Errors that were not raised by the cell, but for example by the hooks of a recorder.
        self.troubles: dict[str, list[str]] = {"plain": [], "peer": []}
        self.spent = 0.0

    def take_all(self, requests: list[Request]) -> dict[str, list[list[float]]]:
        """Runs the cells one by one."""
        for request in requests:
            self.take([request])
        return self.record

    def take(self, requests: list[Request]) -> None:
        """Queues a batch at once in one kernel, and then in the other. The order alternates."""
        self.order.reverse()
        for name in self.order:
            peer = self.each[name]
            try:
                self.write(name, timed(peer.kernel, requests, self.rules.cell_seconds))
            except Stopped as stopped:
                self.write(name, stopped.timings)
                raise

    def write(self, name: str, timings: list[Timing]) -> None:
        """Notes the times, and stops a peer that exceeds its time limit."""
        self.record[name] += [[round(one.reply, 4), round(one.next, 4)] for one in timings]
        self.errors[name] += [one.error for one in timings]
        self.troubles[name] += [one.trouble for one in timings if one.trouble and not one.error]
        if name == "peer":
            self.spent += sum(timing.total for timing in timings) / 1000
        if self.spent > self.rules.course_seconds:
            raise Stopped(f"its cells took longer than {self.rules.course_seconds:.0f} s", [])
