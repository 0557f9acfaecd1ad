"""Every way in which a kernel ends: a new one takes up where it was, and says which cell the old one died in."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cases.story import Notebook
from harness import Kernel, wait_for

from journeys.memory import little_memory
from journeys.person import Person, told
from journeys.server import Served, Server
from journeys.terminal import on_another_machine

CELLS = (
    "import numpy as np\nrng = np.random.default_rng(7)\ntable = rng.normal(size=(500, 40))\nwindow = table[10:20]",
    "class Trial:\n    count = 0\n    def run(self):\n        Trial.count += 1\n        return float(table.sum())",
    "trials = [Trial(), Trial()]\nbest = trials[0]\ndone = best.run()",
    "window[:] = 1\nwords = {str(n): [n] for n in range(300)}",
)
FACTS = (
    "float(table.sum()), table.shape, window.base is table",
    "Trial.count, best is trials[0], isinstance(best, Trial), done",
    "len(words), words['17'], rng.bit_generator.state['state']['state']",
)
DIES_BEHIND = """
import os
# IPython calls it behind Clew, and before the reply leaves.
get_ipython().events.register('post_run_cell', lambda result: result.error_in_exec and os.kill(os.getpid(), 9))
"""
HALF = "half = 'done'\nprint('begun', flush=True)\nimport time\ntime.sleep(600)"


def worked(kernel: Kernel) -> list[str]:
    """Works for a while; gives what is there then, which Clew says is saved."""
    notebook = Notebook(kernel)
    notebook.run(*CELLS)
    assert notebook.ask("status")["is_recording"]
    return notebook.read(*FACTS)


def begins(kernel: Kernel, source: str = HALF) -> None:
    """Begins a cell that does not end."""
    kernel.until_printed(kernel.send(source), "begun")


def taken_up(kernel: Kernel, facts: list[str], died_in: str | None) -> Notebook:
    """Resumes in a new kernel: everything is there, and the report says what is known of the cell that the old one ran."""
    notebook = Notebook(kernel)
    said = notebook.run("%clew resume").text
    assert notebook.read(*FACTS) == facts
    assert "half" not in notebook.names()
    runs = notebook.ask("log --all")["runs"]
    dead = [run for run in runs if run["crash"] is not None]
    if died_in is None:
        assert not dead and "kernel death" not in said
        return notebook
    assert len(dead) == 1 and "was interrupted by kernel death" in said
    assert f"Its changes are not recorded; it is run {dead[0]['run']}." in said
    assert dead[0]["source"] == died_in
    assert (dead[0]["ending"], dead[0]["added"], dead[0]["changed"]) == ("interrupted", [], [])
    assert dead[0]["parent"] == next(run["run"] for run in runs if run["source"] == CELLS[-1])
    return notebook


@pytest.fixture
def serving(ada: Person) -> Iterator[Callable[..., Server]]:
    """Starts Jupyter servers; they end with the test."""
    started: list[Server] = []

    def start(*settings: str) -> Server:
        started.append(Server(ada, *settings))
        return started[-1]

    yield start
    for server in started:
        server.close()


def test_a_kernel_killed_in_a_cell_is_shown_with_what_is_known(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    facts = worked(notebook.kernel)
    begins(notebook.kernel)
    running = ada.ask("status")["in_flight"]
    assert [(cell["state"], cell["source"]) for cell in running] == [("running", HALF)]
    wait_for(
        lambda: ada.ask("status")["in_flight"][0]["seconds"] >= 1,
        "the note did not say that the cell goes on",
    )
    notebook.kernel.kill()

    for words in ("status", "log", "show"):
        assert "was interrupted by kernel death, at least" in ada.clew(words).out, words
    found = ada.ask("log")["in_flight"][0]
    assert (found["state"], found["source"], found["execution_count"]) == ("crashed", HALF, 7)

    new = ada.opens("n.ipynb", load=False)
    first = new.run("%load_ext clew").text
    assert "In [7] (half = 'done') was interrupted by kernel death, at least" in first
    taken = taken_up(new.kernel, facts, HALF)
    assert ada.ask("log")["in_flight"] == [], "it is a run now, and said once"
    run = next(run for run in taken.ask("log")["runs"] if run["crash"])
    assert run["seconds"] >= 1 and run["execution_count"] == 7
    shown = told(taken, f"show {run['run']}")
    assert "interrupted by kernel death" in shown and "Its changes are not recorded" in shown
    assert "interrupted by kernel death" in told(taken, "log")
    assert "is intact" in ada.clew("verify", "--read-data").well()


def test_a_kernel_killed_behind_a_cell_is_not_said_to_have_died_in_it(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    facts = worked(notebook.kernel)
    notebook.run(DIES_BEHIND)
    notebook.kernel.send("half = 1 / 0")
    assert notebook.kernel.await_end() == signal.SIGKILL
    for words in ("status", "log", "show"):
        said = ada.clew(words).out
        assert "In [8] (half = 1 / 0), started" in said and "had finished when its kernel died" in said, words

    new = Notebook(ada.opens("n.ipynb").kernel)
    assert "interrupted" not in new.run("%clew resume").text
    assert new.read(*FACTS) == facts
    dead = [run for run in new.ask("log --all")["runs"] if run["crash"]]
    assert [(run["ending"], run["exception"], run["crash"]["cell_had_ended"]) for run in dead] == [
        ("failed", "ZeroDivisionError", True)
    ]


def test_p12_of_a_cell_that_names_what_is_excluded_no_source_is_noted(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    notebook.run("%clew exclude pin")
    begins(notebook.kernel, "pin = 'plum-4711-tree'\n" + HALF)
    notes = list((ada.store / "live").glob("*.begun"))
    assert len(notes) == 1
    notebook.kernel.kill()
    second = ada.opens("n.ipynb")
    begins(second.kernel, "api_key = 'sk-proj-abcdefghijklmnopqrstuvwxyz012345'\n" + HALF)
    second.kernel.kill()
    third = ada.opens("n.ipynb")
    sources = [run["source"] for run in third.ask("log --all")["runs"] if run["crash"]]
    assert None in sources and any(source and source.startswith("api_key = ") for source in sources)
    stored = b"".join(path.read_bytes() for path in ada.store.rglob("*") if path.is_file())
    assert b"plum-4711-tree" not in stored and b"abcdefghijklmnopqrstuvwxyz012345" not in stored


def test_a_cell_that_ends_leaves_no_note_and_neither_does_one_that_is_only_commands(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    notes = ada.store / "live"
    notebook.run("x = 1", "1 / 1")
    assert notebook.ask("status")["is_recording"] and not list(notes.glob("*.begun"))
    notebook.run("1 / 0", fails="ZeroDivisionError")
    assert notebook.ask("status")["is_recording"] and not list(notes.glob("*.begun"))
    notebook.kernel.run(
        "import os, time\nbefore = os.getpid()\nif os.fork() == 0:\n    os._exit(0)\nos.wait()"
    ).raised()
    assert notebook.ask("status")["is_recording"] and not list(notes.glob("*.begun"))
    notebook.kernel.kill()
    assert ada.ask("log")["in_flight"] == []


def test_after_a_mover_inside_a_cell_only_the_rest_is_noted(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    notebook.run("x = 1")
    begins(notebook.kernel, "x = 2\n%clew undo\n" + HALF)
    notebook.kernel.kill()
    found = ada.ask("log")["in_flight"]
    assert [cell["source"] for cell in found] == [HALF]


def test_a_cell_on_another_machine_is_never_called_dead(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    notebook.run("x = 1")
    begins(notebook.kernel)
    for _ in range(2):
        said = on_another_machine(ada.folders, "log")
        assert "was running on" in said and "kernel death" not in said
        if notebook.kernel.is_alive():
            notebook.kernel.kill()
    assert "kernel death" in ada.clew("log").out, "here it can be told"


def test_out_of_memory(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    facts = worked(notebook.kernel)
    greedy = "print('begun', flush=True)\nheld = []\nwhile True:\n    held.append(bytearray(10_000_000))"
    with little_memory(notebook.kernel.pid) as killer:
        notebook.kernel.send(greedy)
        wait_for(lambda: not notebook.kernel.is_alive(), f"the {killer} did not kill the kernel")
    print(f"killed by the {killer}")
    notebook.kernel.end()
    taken_up(ada.opens("n.ipynb").kernel, facts, greedy)


def test_restart_from_the_menu(serving: Callable[..., Server]) -> None:
    server = serving()
    identifier, kernel = server.opens("n.ipynb")
    facts = worked(kernel)
    kernel = server.restarts(identifier)
    taken_up(kernel, facts, None)


def test_restart_from_the_menu_in_the_middle_of_a_cell(serving: Callable[..., Server]) -> None:
    server = serving()
    identifier, kernel = server.opens("n.ipynb")
    facts = worked(kernel)
    begins(kernel, HALF.replace("time.sleep(600)", "while True: time.sleep(1)"))
    kernel = server.restarts(identifier)
    notebook = Notebook(kernel)
    notebook.run("%clew resume")
    if "half" in notebook.names():
        # The server interrupts before it kills: then the cell ended, and is a run like any other.
        run = next(run for run in notebook.ask("log")["runs"] if "half" in (run["source"] or ""))
        assert run["ending"] == "interrupted" and run["crash"] is None
        assert notebook.read(*FACTS) == facts
    else:
        taken_up(kernel, facts, HALF.replace("time.sleep(600)", "while True: time.sleep(1)"))


def test_culling_spares_what_is_busy_and_what_it_takes_is_taken_up(serving: Callable[..., Server]) -> None:
    manager = "--MappingKernelManager"
    server = serving(
        f"{manager}.cull_idle_timeout=3", f"{manager}.cull_interval=1", f"{manager}.cull_connected=True"
    )
    identifier, kernel = server.opens("n.ipynb")
    facts = worked(kernel)
    long = kernel.run("import time\ntime.sleep(7)\nafter = 'all of it'")
    assert long.ok, "a busy kernel is not culled"
    kernel.until_gone()
    wait_for(
        lambda: identifier not in [found["id"] for found in server.ask("GET", "/api/kernels")],
        "the server did not cull the kernel",
    )
    _, kernel = server.opens("n.ipynb")
    notebook = taken_up_after(kernel, facts)
    assert notebook.read("after") == ["'all of it'"]


def taken_up_after(kernel: Served, facts: list[str]) -> Notebook:
    """Resumes where nothing died in a cell."""
    notebook = Notebook(kernel)
    said = notebook.run("%clew resume").text
    assert notebook.read(*FACTS) == facts and "kernel death" not in said
    return notebook


def test_the_server_is_killed_and_started_again(serving: Callable[..., Server]) -> None:
    server = serving()
    _, kernel = server.opens("n.ipynb")
    facts = worked(kernel)
    begins(kernel)
    server.kill()
    # Without its server a kernel ends by itself.
    kernel.until_gone()
    server.start()
    _, kernel = server.opens("n.ipynb")
    taken_up(kernel, facts, HALF)


def test_with_the_setting_a_new_kernel_brings_the_last_state_back_before_the_first_cell(
    ada: Person, serving: Callable[..., Server]
) -> None:
    server = serving()
    identifier, kernel = server.opens("n.ipynb")
    facts = worked(kernel)
    begins(kernel)
    assert "resume.on_start = always" in ada.clew("config", "resume.on_start", "always").well()
    server.kill()
    kernel.until_gone()
    server.start()
    identifier, kernel = server.opens("n.ipynb")
    # Sent at once: it waits until all is there.
    first = kernel.run(
        "seen = sorted(name for name in ('table', 'Trial', 'trials', 'words') if name in globals())"
    )
    assert "Resumed at " in first.stdout and "was interrupted by kernel death" in first.stdout
    notebook = Notebook(kernel)
    assert notebook.read(*FACTS, "len(seen)") == [*facts, "4"]
    assert notebook.read("half" + " if 'half' in globals() else None") == ["None"]
    run = next(run for run in notebook.ask("log")["runs"] if (run["source"] or "").startswith("seen"))
    assert "Resumed at" not in json.dumps(notebook.ask(f"show {run['run']}")["outputs"]), (
        "no output of the cell's"
    )
    assert "Resumed" not in notebook.run("pass").stdout, "once"

    # Beside a kernel that records the same notebook nothing is done unasked.
    beside = ada.opens("n.ipynb", load=False)
    said = beside.run("%load_ext clew").text
    assert "Another kernel records this notebook" in said and "table" not in beside.names()
    beside.kernel.kill()
    kernel = server.restarts(identifier)
    # No cell is run: it is done when the kernel rests, and told with the first cell.
    wait_for(lambda: "table" in Notebook(kernel).names(), "nothing was brought back", 60)
    assert Notebook(kernel).read(*FACTS) == facts
    assert kernel.run("pass").stdout.startswith("Resumed at ")


def test_the_setting_says_nothing_or_brings_back_what_is_loaded_by_hand(ada: Person, tmp_path: Path) -> None:
    notebook = ada.opens("n.ipynb")
    facts = worked(notebook.kernel)
    notebook.kernel.kill()
    ada.clew("config", "resume.on_start", "never").well()
    silent = ada.opens("n.ipynb", load=False)
    assert silent.run("%load_ext clew").text == ""
    silent.kernel.kill()
    ada.clew("config", "resume.on_start", "always").well()
    loaded = ada.opens("n.ipynb", load=False)
    assert "Resumed at" in loaded.run("%load_ext clew\nmine = 1").text
    assert loaded.read(*FACTS, "mine") == [*facts, "1"]
    refused = ada.clew("config", "resume.on_start", "sometimes")
    assert refused.exit == 2 and "ask, always or never" in refused.err
