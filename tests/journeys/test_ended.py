"""A job that is told to end, and left a while to do so: what is recorded is pushed by then."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from cases.story import Notebook
from harness import Kernel, wait_for

from journeys.person import Person, told
from journeys.terminal import CLEW

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"

LONG = """
words.append('on its way')
print('begun', flush=True)
while True:
    pass
"""
POOL = """
import multiprocessing, time
child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(600,))
child.start()
child.terminate()
child.join()
child.exitcode
"""


@pytest.fixture
def lab(ada: Person, tmp_path: Path) -> Notebook:
    """A notebook whose store has a remote, and whose kernels push when they are told to end."""
    ada.clew("config", "push.when_ended", "always").well()
    notebook = ada.opens("n.ipynb")
    notebook.run("words = ['one']")
    told(notebook, f"remote add lab {tmp_path / 'lab'}")
    return notebook


@pytest.fixture
def begun() -> Iterator[list[subprocess.Popen[str]]]:
    """Commands that go on until they are ended: at the latest with the test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def ended_by_scheduler(kernel: Kernel) -> int:
    """Tells a kernel to end; the signal that ended it."""
    os.kill(kernel.pid, signal.SIGTERM)
    return kernel.await_end()


def last_of(person: Person) -> Any:
    assert person.clew("push", "lab").well() == "lab already has all of n.ipynb.\n"
    return person.ask("log", "-n", "1")["runs"][0]


def test_a_cell_that_runs_is_interrupted_recorded_and_pushed(ada: Person, lab: Notebook) -> None:
    assert lab.kernel.run(POOL).raised().text == "-15", "a child ends at once, as without Clew"
    lab.kernel.until_printed(lab.kernel.send(LONG), "begun")
    assert ended_by_scheduler(lab.kernel) == signal.SIGTERM
    last = last_of(ada)
    assert (last["source"].strip(), last["ending"], last["crash"]) == (LONG.strip(), "interrupted", None)
    assert [root["key"] for root in last["changed"]] == ["words"]


def test_a_kernel_that_rests_pushes_and_ends_and_without_the_setting_it_just_ends(
    ada: Person, lab: Notebook
) -> None:
    lab.run("words.append('two')")
    assert ended_by_scheduler(lab.kernel) == signal.SIGTERM
    assert last_of(ada)["source"] == "words.append('two')"
    ada.clew("config", "push.when_ended", "never").well()
    other = ada.opens("n.ipynb")
    other.run("import signal")
    assert other.read("signal.getsignal(signal.SIGTERM) is signal.SIG_DFL") == ["True"]
    assert ended_by_scheduler(other.kernel) == signal.SIGTERM
    assert "Pushed" in ada.clew("push", "lab").well()


def test_p09_what_is_recorded_beside_a_watch_is_pushed_as_it_comes_and_at_the_end(
    ada: Person, tmp_path: Path, begun: list[subprocess.Popen[str]]
) -> None:
    place = tmp_path / "lab"
    notebook = ada.opens("n.ipynb")
    notebook.run("words = ['one']")
    told(notebook, f"remote add lab {place}")
    assert "would block the notebook" in told(notebook, "watch")
    watch = ada.clew.begin("watch", "--every", "3", "--minutes", "1000")
    begun.append(watch)
    wait_for(lambda: head_of(place) is not None, "it did not push what was there")
    first = head_of(place)
    notebook.run("words.append('two')", "words.append('three')")
    assert head_of(place) == first, "two of three runs"
    notebook.run("words.append('four')")
    wait_for(lambda: head_of(place) != first, "it did not push the third run")
    notebook.run("words.append('five')")
    assert notebook.ask("status")["is_recording"]
    watch.send_signal(signal.SIGTERM)
    out, error = watch.communicate(timeout=60)
    assert (watch.returncode, error) == (0, "")
    assert out.startswith("Received 4 runs; ") and out.endswith("in 3 pushes.\nEverything is sent.\n"), out
    # The kernel may since have noted that it looked at the session and found nothing.
    assert re.fullmatch(
        r"lab already has all of n\.ipynb\.\n|Pushed n\.ipynb to lab: 0 B new there, .* sent\.\n",
        ada.clew("push").well(),
    )


def test_a_watch_outlives_a_store_that_cannot_be_read_for_a_moment(
    ada: Person, tmp_path: Path, begun: list[subprocess.Popen[str]]
) -> None:
    notebook = ada.opens("n.ipynb")
    notebook.run("words = ['one']")
    told(notebook, f"remote add lab {tmp_path / 'lab'}")
    watch = subprocess.Popen(
        [CLEW, "watch", "--every", "1"],
        env=ada.folders | {"CLEW_PROGRESS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    begun.append(watch)
    wait_for(lambda: head_of(tmp_path / "lab") is not None, "it did not push what was there")
    said = ada.store / "format"
    said.rename(said.with_suffix(".away"))
    said.mkdir()
    notebook.run("words.append('two')")
    assert watch.stderr is not None
    while "retrying in" not in (line := watch.stderr.readline()):
        assert line, "it ended"
    said.rmdir()
    said.with_suffix(".away").rename(said)
    watch.send_signal(signal.SIGTERM)
    out, _ = watch.communicate(timeout=60)
    assert watch.returncode == 0 and out.endswith("Everything is sent, after 1 attempt that failed.\n"), out
    assert last_of(ada)["source"] == "words.append('two')"


def head_of(place: Path) -> bytes | None:
    """What a push that came to its end leaves at a place, and the next one replaces."""
    found = list(place.glob("heads/*"))
    return found[0].read_bytes() if found else None


def test_the_job_of_the_examples_is_pushed_when_its_time_is_over(
    ada: Person, tmp_path: Path, begun: list[subprocess.Popen[str]]
) -> None:
    place = tmp_path / "lab"
    ada.clew("remote", "add", "lab", str(place)).well()
    cells = ["%load_ext clew\nwords = ['one']", f"words.append('two')\n{LONG}"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    ada.folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, ada.folder / "n.ipynb")
    script = EXAMPLES / "batch/job.sh"
    places = [Path(sys.executable).parent, Path(CLEW).parent]
    environment = ada.folders | {"PATH": os.pathsep.join([*map(str, places), os.environ["PATH"]])}
    job = subprocess.Popen(
        ["bash", str(script), "n.ipynb", "lab"],
        cwd=ada.folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    begun.append(job)
    wait_for(lambda: runs_long(ada), "the job's second cell did not begin")
    job.send_signal(signal.SIGTERM)
    said, _ = job.communicate(timeout=120)
    assert job.returncode != 0 and "Everything is sent." in said, said
    last = ada.ask("log", "-n", "1")["runs"][0]
    assert (last["ending"], last["crash"], [root["key"] for root in last["changed"]]) == (
        "interrupted",
        None,
        ["words"],
    )
    assert ada.clew("push").well().startswith("lab already has all of ")


def runs_long(person: Person) -> bool:
    if not list(person.store.glob("histories/*")):
        return False
    flying = person.ask("status")["in_flight"]
    return any("on its way" in (cell["source"] or "") for cell in flying)


def test_what_a_hub_runs_before_a_pod_stops_pushes_beside_kernels_that_run(
    ada: Person, lab: Notebook
) -> None:
    lab.kernel.until_printed(lab.kernel.send(LONG), "begun")
    settings = SimpleNamespace(KubeSpawner=SimpleNamespace())
    exec((EXAMPLES / "hub/jupyterhub_config.py").read_text(), {"get_config": lambda: settings})
    word, *words = settings.KubeSpawner.lifecycle_hooks["preStop"]["exec"]["command"]
    assert word == "clew"
    assert "Pushed n.ipynb to lab" in ada.clew(*words).well()
    lab.kernel.kill()
    assert ada.clew("push").well() == "lab already has all of n.ipynb.\n"
