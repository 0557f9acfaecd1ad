"""Loading, unloading, forking and ending."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness import SOURCES, Kernel
from kernel_record import HERE, LOAD, Recorded

UNLOAD = "__import__('clew').unload_ipython_extension(get_ipython())"

HUNG = """
def hung():
    ip = get_ipython()
    callbacks = [c for event in ip.events.callbacks.values() for c in event]
    return repr(([f for f in callbacks if 'clew' in str(getattr(f, '__module__', ''))],
                 'run_code' in vars(ip), 'process_one' in vars(ip.kernel), 'dispatch_shell' in vars(ip.kernel),
                 [f for f in ip.kernel.shell_handlers.values() if 'clew' in f.__module__],
                 'clew' in ip.magics_manager.magics['line'], ip.Completer.custom_matchers,
                 [__import__('sys').monitoring.get_tool(n) for n in range(6)] if hasattr(__import__('sys'), 'monitoring') else None))
"""


def test_unloading_lets_go_of_everything(plain_kernel: Kernel, kernels: Callable[..., Kernel]) -> None:
    kernel = kernels(load=False, paths=[HERE])
    kernel.run(HUNG).raised()
    before = kernel.value("hung()")
    kernel.run(LOAD, silent=True).raised()
    assert kernel.value("hung()") != before
    kernel.run("def f(): return 1\nx = f()")
    kernel.run(UNLOAD).raised()
    assert kernel.value("hung()") == before
    kernel.run("x = 2")
    assert kernel.value("__import__('recording_engine').engine.calls[-1]") == ("close", None)
    assert kernel.value("__import__('recording_engine').engine.sources()") == ["def f(): return 1\nx = f()"]


def test_what_the_unloading_cell_did_before_is_not_lost_in_silence(recorded: Recorded) -> None:
    recorded.kernel.run("x = 1")
    recorded.kernel.run(f"y = 1\n{UNLOAD}\nz = 1").raised()
    assert recorded.sources == ["x = 1", f"y = 1\n{UNLOAD}\n"]


def test_a_state_from_which_clew_was_unloaded_does_not_take_it_away(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    first = kernels(notebook=tmp_path / "n.ipynb")
    first.run("x = [9]\n%unload_ext clew").raised()
    first.close()
    again = kernels(notebook=tmp_path / "n.ipynb")
    again.clew("resume").raised()
    assert again.value("x") == [9]
    assert "You are at run" in again.clew("status").raised().text


def test_loading_twice_is_harmless_and_loading_again_works(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run("__import__('clew').load_ipython_extension(get_ipython())").raised()
    kernel.run("x = 1")
    assert recorded.sources[-1] == "x = 1"
    for _ in range(3):
        kernel.run(f"{UNLOAD}\n{LOAD}").raised()
        kernel.run("x = 2").raised()
        assert recorded.sources[-1] == "x = 2"
        assert recorded.sources.count("x = 2") == 1


def test_extensions_that_hang_over_ours_keep_working_when_we_go(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run("""
handlers = get_ipython().kernel.shell_handlers
ours, seen = handlers['execute_request'], []
async def theirs(*arguments):
    seen.append(1)
    await ours(*arguments)
handlers['execute_request'] = theirs
""").raised()
    kernel.run("x = 1")
    kernel.run(UNLOAD).raised()
    assert kernel.run("x = 2; x").result == "2"
    assert kernel.value("handlers['execute_request'] is theirs and len(seen) > 2") is True


FORK = """
import os, sys
pid = os.fork()
if pid == 0:
    status = 1
    try:
        import clew
        try: clew.session()
        except RuntimeError: status = 0
        get_ipython().run_cell('x = 5')
        if __import__('recording_engine').engine.calls[-1] != ('abandon', None): status = 2
    finally:
        os._exit(status)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


def test_the_child_of_a_fork_drops_recording_and_the_parent_goes_on(recorded: Recorded) -> None:
    recorded.kernel.run(FORK).raised()
    assert recorded.kernel.value("status") == 0
    recorded.kernel.run("x = 1")
    assert recorded.sources == [FORK, "x = 1"]
    assert ("abandon", None) not in recorded.calls


def test_processes_of_the_notebook_work_while_recording(recorded: Recorded) -> None:
    code = """
import multiprocessing
def double(n): return 2 * n
with multiprocessing.get_context('fork').Pool(2) as pool:
    doubled = pool.map(double, range(5))
"""
    recorded.kernel.run(code).raised()
    assert recorded.kernel.value("doubled") == [0, 2, 4, 6, 8]


def test_the_end_of_the_process_finishes_what_is_left(recorded: Recorded, tmp_path: Path) -> None:
    """The process is asked to end while the capture of its last cell has only begun."""
    log = tmp_path / "closed"
    recorded.kernel.run(f"CLOSE_LOG = {str(log)!r}")
    gate = recorded.gate()
    recorded.kernel.run("x = 'last'")
    gate.wait()
    recorded.kernel.manager.request_shutdown()
    gate.open()
    recorded.kernel.close()
    text = log.read_text()
    assert "('capture', \"x = 'last'\")" in text and text.endswith("('close', None)]")


TERMINAL = f"""
import sys
sys.path[:0] = [*{[str(path) for path in SOURCES]!r}, {str(HERE)!r}]
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import recording_engine
recording_engine.load(shell)
shell.run_cell("x = [1]", store_history=True)
shell.run_cell("x.append(2)", store_history=True)
shell.run_cell("%%capture\\nx.append(3)")
shell.run_cell("1 / 0")
shell.run_cell("import asyncio; await asyncio.sleep(0); x.append(4)")
shell.run_cell("%clew undo")
print(recording_engine.engine.sources())
print([state["x"] for state in recording_engine.engine.states])
"""


def test_a_shell_without_a_kernel_is_recorded_at_the_end_of_each_cell(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TERMINAL],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path), "PATH": ""},
    )
    lines = ran.stdout.splitlines()
    assert lines[-1:] == ["['[1]', '[1, 2]', '[1, 2, 3]', '[1, 2, 3]', '[1, 2, 3, 4]']"], (
        ran.stdout + ran.stderr
    )
    assert "did undo" in lines
