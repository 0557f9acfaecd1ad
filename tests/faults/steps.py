"""Every step of a recorder, read from the code, and what becomes of those that no fault is put into."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from planting import steps_of

import clew

PACKAGE = Path(clew.__file__).parent

NETS = {
    "shell.warn:guarded": "what catches faults can't have them",
    "shell.warn:guarded_at_end": "the same",
    "shell.warn:warn": "what says them neither",
    "shell.warn:warn_failed": "the same",
    "shell.warn:describe": "the same",
    "shell.recorder:Recorder.hear": "the same",
    "shell.hooks:Hooks._noting.noting": "stands before a method of the shell's, and calls a net first",
    "shell.hooks:Hooks._wrap_handler.handler": "stands before a method of the kernel's, and calls a net first",
    "shell.hooks:Hooks._check_at_end.handler": "the same",
    "shell.hooks:Hooks._checking.checking": "stands before a method of the shell's, and calls a net first",
    "shell.hooks:Hooks._followed.followed": "stands before a method of the kernel's",
    "shell.hooks:Hooks._hearing_typed.asking": "stands before a method of the kernel's, and calls a net behind it",
    "shell.outputs:Outputs.hearing.send_multipart": "stands before a method of the kernel's",
    "shell.start:start": "is what the user called",
    "shell.start:stop": "the same",
    "shell.magic:Magic._make_magic.clew": "is what the user called",
    "shell.magic:Magic._make_matcher.clew_matcher": "is what IPython called, which catches and logs",
    "evidence:_hook": "is called by the native hook, which lets nothing out (`raw/audit.rs`)",
}
"""Functions without a step before them, and why a fault in their first line says nothing."""

ELSEWHERE = {
    "shell.kernel_requests:": "another process asks; tests/words/test_interfaces.py",
    "shell.health:": "`%clew doctor` asks; tests/shell/test_magic.py",
    "shell.session:recording": "the same",
    "shell.session:Session.hooks": "the same",
    "shell.hooks:Hooks.hung": "the same",
    "shell.session:Session.flush": "a program asks, and hears; tests/shell/test_api.py",
    "shell.session:Session.command": "the same",
    "shell.recorder:Recorder.sync": "the same",
    "engine:sync": "the same",
    "engine:cells": "a traceback wants the lines of restored code; tests/shell/test_restored_source.py",
    "shell.session:current": "the same",
    "shell.session:not_recording": "a program without a session asks; tests/shell/test_api.py",
    "shell.session:Session.history": "a batch ends; tests/run/test_resumed.py",
    "shell.magic:fail": "says that a command failed",
    "shell.session:masked_source": "says what is left out; tests/codecs/test_secrets.py",
    "shell.outputs:Outputs.keeping_": "a terminal; tests/shell/test_terminal.py",
    "shell.outputs:Outputs._keep": "the same",
    "shell.hooks:Hooks._sent_at": "only after a Ctrl+C that nobody heard; tests/shell/test_captures.py",
    "shell.hooks:Hooks._flush_replies.turn": "only with ipykernel 7",
    "shell.watch:awaits_in": "only where tasks run; tests/shell/test_watch.py",
    "shell.watch:Watch.": "each Python has a watch of its own",
    "shell.watch:MonitoringWatch": "the same",
    "shell.recorder:Recorder._wait_for_others": "a mover in a subshell; tests/shell/test_flow.py",
    "shell.start:tell": "what there is to say when a session begins, and the start of a kernel; tests/shell/test_enable.py",
    "shell.start:is_heard": "the same",
    "engine:store": "words that the native command does; tests/shell/test_carried.py",
    "engine:history": "the same",
    "shell.hooks:Hooks._checking": "a terminal; tests/shell/test_terminal.py",
    "shell.hooks:Hooks._check_in_loop": "only where a kernel ends; tests/shell/test_unverified.py",
    "shell.recorder:Recorder.check": "only where a kernel ends; tests/shell/test_unverified.py",
    "shell.hooks:Hooks.when_started": "only where a kernel resumes by itself; tests/journeys/test_deaths.py",
    "shell.session:Session._resume": "the same",
    "shell.session:Session._say": "the same",
    "shell.distributions:": "each way to install a module; tests/shell/test_distributions.py",
    "shell.session:Session._run_meant": "words that the native command does; tests/shell/test_carried.py",
    "shell.environment:Around.looks_for_distributions": "code that uses pkg_resources; tests/run/test_distributions_asked_for.py",
    "analysis.source_readers:": "read with what else code asks for; tests/analysis/test_dependencies.py",
    "shell.batch:": "whoever runs a notebook as a batch job asks, and hears; tests/run/test_cell_reuse.py",
    "shell.recorder:Recorder.reuse": "the same",
    "shell.recorder:Recorder.look": "the same",
    "engine:reuse": "the same",
    "engine:bring": "the same; tests/shell/test_needed.py",
    "engine:left": "the same",
    "shell.session:Session.bring": "the same",
    "shell.recorder:Recorder.bring": "the same",
    "shell.recorder:Recorder.stored_only": "the same",
    "shell.required_names:": "the same",
    "analysis.patches:": "each way to set something in a library; tests/analysis/test_patches.py",
    "analysis.indirect_patches:": "each way that no name leads to; tests/analysis/test_indirect_patches.py",
    "shell.shutdown:": "only a kernel that is told to end; tests/journeys/test_ended.py",
    "shell.session:Session._begin_push": "the same",
    "shell.session:Session._push": "the same",
    "shell.recorder:Recorder.has_saved": "the same",
    "shell.recorder:Recorder._record_uncelled": "only of a script; tests/shell/test_api.py",
    "shell.recorder:Recorder._script_at": "the same",
    "shell.recorder:Recorder.runs_cell": "the same",
    "shell.recorder:Recorder.is_beside": "only of a trial; tests/shell/test_api.py",
    "shell.recorder:Recorder.is_beside_cell": "only of a trial or a move; tests/shell/test_api.py",
    "shell.recorder:current_task": "the same",
    "shell.recorder:Recorder._keep": "only of what can't be recorded; tests/faults/test_limits.py",
    "shell.cell_parts:_kind": "only of a mover in a statement of a cell's own; tests/shell/test_magic.py",
    "shell.cell_parts:_is_one_call": "the same",
    "shell.cell_parts:_is_unloading": "the same",
    "shell.cell_parts:_is_still": "the same",
    "shell.cell_parts:_is_session": "the same",
    "shell.cell_parts:_methods": "the same",
    "shell.code:": "only of a cell that names Clew or moves; tests/shell/test_magic.py",
    "shell.session:Session._check_running": "the same",
    "shell.session:Session._source_of": "the same",
    "shell.session:functions_in": "the same",
    "shell.session:check_names": "it refuses, or does nothing; tests/shell/test_api.py",
    "shell.progress:": "only of what takes longer than a second",
    "engine:excluded": "only where a name is excluded; tests/shell/test_outputs_stored.py",
    "shell.redaction:": "the same",
    "shell.unrestorable:": "each kind of setting in tests/cases/test_process_settings.py",
    "shell.rerun:": "whoever runs stale cells again asks, and hears; tests/shell/test_rerun.py",
    "shell.recorder:Recorder.apart": "the same",
    "analysis.cell_effects:": "each kind of statement in tests/analysis/test_cell_effects.py",
    "analysis.names:Uses": "the same",
    "analysis.names:uses": "the same",
    "analysis.names:behind": "the same",
    "analysis.names:_parsed": "the same",
    "analysis.names:_follow": "the same",
    "analysis.names:_made": "the same",
    "analysis.dependencies:": "each way to ask in tests/analysis/test_dependencies.py",
    "analysis.ipython_calls:": "each magic in tests/shell/test_ipython_calls.py",
    "analysis.submodules:": "each way to find a module in tests/run/test_surroundings.py",
    "analysis.resolvers:": "each way to reach a module by its name in tests/run/test_modules_asked_for.py",
    "analysis.imports:": "each way to import in tests/analysis/test_imported_modules.py",
    "analysis.bytecode:": "what dis shows, in tests/analysis/test_bytecode.py",
    "analysis.own_modules:": "each way to ask in tests/analysis/test_dependencies_by_meaning.py",
    "analysis.scope:": "the same",
    "analysis.nondeterminism:": "the same",
    "analysis.text_literals:": "the same",
    "analysis.generator_factories:": "the same",
    "analysis.seeds:": "each way to seed in tests/run/test_draws.py",
    "analysis.paths:": "each way to name a file in tests/analysis/test_paths.py",
    "analysis.implicit_reads:": "what reaches back, and only of a query; tests/run/test_inputs.py and test_lookups.py",
    "shell.watch:Seen._is_seeded_first": "only of cells that ask for a generator's state; tests/run/test_asking.py",
    "shell.watch:_states_of": "the same",
    "shell.watch:Seen._unseen_readers": "only without the observer; tests/run/test_native_reads.py",
    "shell.background_work:": "only where threads go on; tests/run/test_effects.py",
    "shell.environment:Around._read": "the same; tests/run/test_cases.py",
    "shell.run_outputs:": "each kind of message in tests/shell/test_shown.py",
    "shell.identity:": "what front ends tell; tests/shell/test_identity.py",
    "evidence:": "each kind of event in tests/codecs/test_evidence.py",
    "events:": "the same",
    "files:": "the same",
    "installation:": "the same",
}
"""Steps (by how they begin) that need not be reached here, and where they are."""


def of_the_package() -> Iterator[str]:
    """Functions of the recorder and of what decides from code."""
    for folder in ("analysis", "shell"):
        for path in sorted((PACKAGE / folder).glob("*.py")):
            yield from steps_of(f"{folder}.{path.stem}", path.read_text())
    for name in ("evidence", "events", "files", "installation"):
        yield from steps_of(name, (PACKAGE / f"{name}.py").read_text())


def of_the_engine() -> Iterator[str]:
    """Methods of the engine."""
    stub = ast.parse((PACKAGE / "_engine.pyi").read_text())
    for node in stub.body:
        if isinstance(node, ast.ClassDef) and node.name == "Engine":
            methods = [one.name for one in node.body if isinstance(one, ast.FunctionDef)]
            yield from (f"engine:{name}" for name in methods if not name.startswith("_"))


def need_no_fault(step: str) -> bool:
    """Whether somebody said why a step has none here."""
    return step in NETS or step.startswith(tuple(ELSEWHERE))
