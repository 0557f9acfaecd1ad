"""`clew enable`: kernels that record from their start, in an environment of their own, and what keeps Clew out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import SOURCES, Kernel, Reply

from clew.shell.start import OFF

OFFER = "Clew has earlier states of this notebook: `%clew resume` restores the last one"
FIRST_OFFER = f"{OFFER}. With `%clew config resume.on_start always`, every new kernel does so automatically; with `never`, this message is not shown.\n"
#: What the tests' own environment has installed: a fresh environment sees it by its search path.
PACKAGES = [path for path in sys.path if path.endswith("site-packages")]
RECORDS = "'clew' in get_ipython().magics_manager.magics['line']"

Kernels = Callable[..., Kernel]


def make_environment(folder: Path) -> Path:
    """An environment with a Python of its own, and nothing enabled."""
    command = [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def starting(kernels: Kernels, environment: Path) -> Kernels:
    """Starts kernels of an environment, without loading Clew by hand."""

    def start(**options: Any) -> Kernel:
        return kernels(python=environment / "bin/python", load=False, paths=[*SOURCES, *PACKAGES], **options)

    return start


def typed(start: Kernels, words: str) -> str:
    """What a command says in a kernel of the environment, which is how one types it who has no terminal."""
    kernel = start()
    kernel.run("%load_ext clew")
    reply = kernel.clew(words).raised()
    assert not reply.stderr, reply.stderr
    kernel.close()
    return reply.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment for which `enable` was typed."""
    folder = tmp_path_factory.mktemp("environment")
    made = make_environment(folder / "venv")
    typed(starting(lambda **options: Kernel(home=folder / "home", **options), made), "enable")
    return made


@pytest.fixture
def start(kernels: Kernels, environment: Path) -> Kernels:
    """Starts kernels of that environment."""
    return starting(kernels, environment)


def test_an_enabled_environment_records_from_the_first_cell_without_a_word(start: Kernels) -> None:
    kernel = start()
    first = kernel.run("x = [1]").raised()
    assert (first.stdout, first.stderr, first.data) == ("", "", [])
    kernel.run("x.append(2)").raised()
    kernel.clew("undo").raised()
    assert kernel.value("x") == [1]
    log = json.loads(kernel.clew("log --json").stdout)
    assert [run["source"] for run in log["runs"]] == ["x = [1]", None]
    assert [root["key"] for root in log["runs"][-1]["added"] if root["kind"] == "name"] == []


def test_loading_it_by_hand_too_is_harmless(start: Kernels) -> None:
    kernel = start()
    kernel.run("%load_ext clew").raised()
    kernel.run("x = 1").raised()
    assert [run["source"] for run in json.loads(kernel.clew("log --json").stdout)["runs"]] == ["x = 1", None]


def test_disable_takes_it_back(kernels: Kernels, tmp_path: Path) -> None:
    environment = make_environment(tmp_path / "venv")
    start = starting(kernels, environment)
    before = sorted(environment.rglob("*"))
    said = typed(start, "enable")
    assert f"Enabled for {environment}" in said and "`%clew disable` undoes this" in said
    assert sorted(environment.rglob("*")) != before
    assert "Disabled" in typed(start, "disable")
    assert sorted(environment.rglob("*")) == before
    assert start().value(RECORDS) is False


def test_the_kernel_python_clew_records_and_the_users_own_settings_still_count(
    start: Kernels, kernels: Kernels, environment: Path, tmp_path: Path
) -> None:
    spec = json.loads((environment / "share/jupyter/kernels/clew/kernel.json").read_text())
    assert spec["display_name"] == "Python (Clew)"
    assert spec["argv"][0] == str(environment / "bin/python")
    profile = tmp_path / "home/ipython/profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_config.py").write_text("c.InteractiveShellApp.extensions = ['autoreload']\n")
    named = start(arguments=spec["argv"][5:])
    assert named.value(RECORDS) is True
    assert named.value("'autoreload' in get_ipython().magics_manager.magics['line']") is True
    assert start().value("'autoreload' in get_ipython().magics_manager.magics['line']") is True


def test_a_new_kernel_of_a_notebook_offers_its_earlier_states_with_the_first_cell(
    start: Kernels, tmp_path: Path
) -> None:
    notebook = tmp_path / "work.ipynb"
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    kernel = start(notebook=notebook)
    assert kernel.run("x = 1").raised().stdout == ""
    kernel.settle()
    kernel.kill()
    kernel = start(notebook=notebook)
    assert [kernel.run("y = 1").raised().stdout, kernel.run("y = 2").raised().stdout] == [FIRST_OFFER, ""]
    kernel.clew("resume").raised()
    assert start(notebook=notebook).run("z = 1").raised().stdout == f"{OFFER}.\n", "who did it once knows how"
    assert start(notebook=notebook, env={"CLEW_RESUME_ON_START": "never"}).run("z = 1").raised().stdout == ""


def test_clew_off_loads_nothing_and_says_nothing(start: Kernels) -> None:
    kernel = start(env={"CLEW": "off"})
    reply = kernel.run("x = 1\n%unload_ext clew\n%load_ext clew").raised()
    assert (reply.stdout, reply.stderr) == ("", "")
    assert kernel.value(RECORDS) is False
    assert kernel.value("'clew._engine' in __import__('sys').modules") is False
    assert "CLEW=off" in kernel.run("import clew; clew.session()").evalue


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"CLEW_HOME": "/proc/no/store"}, "this session is not recorded"),
        ({"XDG_CONFIG_HOME": "/proc/no/config"}, "this session is not recorded"),
    ],
)
def test_whatever_is_wrong_the_kernel_starts_and_one_line_says_so(
    start: Kernels, variables: dict[str, str], why: str
) -> None:
    kernel = start(env=variables)
    first = kernel.run("x = 1").raised()
    assert first.stderr.count("\n") == 1 and why in first.stderr, first.stderr
    assert first.stdout == "" and kernel.run("x += 1; x").raised().stderr == ""
    assert kernel.value("x") == 2


def without(start: Kernels, tmp_path: Path, module: str) -> tuple[Kernel, Reply]:
    """A kernel that can't import a module, and what it says to its first cell, which runs all the same."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/sitecustomize.py").write_text(f"import sys; sys.modules['{module}'] = None\n")
    searched = [str(tmp_path / "broken"), start().environment()["PYTHONPATH"]]
    kernel = start(env={"PYTHONPATH": os.pathsep.join(searched)})
    first = kernel.run("x = 1; x").raised()
    assert first.result == "1" and first.stderr.count("\n") == 1, first.stderr
    return kernel, first


def test_an_engine_that_can_not_be_loaded_is_one_line_too(start: Kernels, tmp_path: Path) -> None:
    _, first = without(start, tmp_path, "clew._engine")
    assert "`clew doctor`" in first.stderr


def test_where_a_package_that_clew_needs_is_missing_nothing_is_recorded_and_that_is_said(
    start: Kernels, tmp_path: Path
) -> None:
    kernel, first = without(start, tmp_path, "cloudpickle")
    assert "cloudpickle" in first.stderr and "`pip install --force-reinstall clew`" in first.stderr
    assert "installation is incomplete" in kernel.clew("status").stderr


def test_a_broken_file_of_settings_is_said_once_and_recording_goes_on(start: Kernels, tmp_path: Path) -> None:
    config = tmp_path / "home/.config/clew/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("[log]\nlimit = 'many'\n")
    kernel = start()
    first = kernel.run("x = 1").raised()
    assert "config.toml, line 2" in first.stderr and first.stderr.count("\n") == 1
    assert "saved" in kernel.clew("status").raised().text


def test_settings_typed_in_the_notebook_act_at_once(kernel: Kernel, tmp_path: Path) -> None:
    kernel.clew("config record.exclude token,*_key").raised()
    kernel.run("token = 'abc'; my_key = 1; other = 2").raised()
    variables = json.loads(kernel.clew("vars --json").stdout)["variables"]
    stored = {variable["key"]: variable["stored"] for variable in variables}
    assert stored == {"my_key": "withheld", "other": "encoded", "token": "withheld"}
    kernel.clew("config log.limit 1").raised()
    kernel.run("other = 3").raised()
    assert len(json.loads(kernel.clew("log --json").stdout)["runs"]) == 1
    kernel.clew("config record.outputs no").raised()
    kernel.run("print('not kept')").raised()
    assert json.loads(kernel.clew("show --json").stdout)["outputs"] == []
    kernel.clew("config record.outputs --unset").raised()
    kernel.run("print('kept')").raised()
    assert json.loads(kernel.clew("show --json").stdout)["outputs"] != []
    kernel.clew("config record.exclude --unset").raised()
    kernel.run("more = 1").raised()
    names = [variable["key"] for variable in json.loads(kernel.clew("vars --json").stdout)["variables"]]
    assert "my_key" in names


def test_a_notebook_in_a_project_records_in_its_store(kernels: Kernels, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "notebooks").mkdir(parents=True)
    notebook = project / "notebooks/work.ipynb"
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    options = {"notebook": notebook, "env": {"CLEW_HOME": ""}, "cwd": tmp_path}
    first = kernels(**options)
    first.clew(f"init {project}").raised()
    assert json.loads(first.clew("status --json").stdout)["store"] != str(project / ".clew")
    second = kernels(**options)
    status = json.loads(second.clew("status --json").stdout)
    assert (status["store"], status["store_from"]) == (str(project / ".clew"), "project")
    assert f"Store {project / '.clew'} (this project's)" in second.clew("status").text


def test_doctor_in_a_kernel_finds_hooks_that_are_gone(kernel: Kernel) -> None:
    checks = json.loads(kernel.clew("doctor --json").stdout)["checks"]
    hooks = [check for check in checks if check["group"] == "hooks"]
    assert [check["is_fine"] for check in hooks] == [True], hooks
    assert any("ipykernel" in check["found"] for check in checks if check["what"] == "versions"), checks
    kernel.run("get_ipython().events.callbacks['post_run_cell'].clear()", silent=True).raised()
    found = kernel.clew("doctor")
    assert "something else replaced post_run_cell" in found.stdout + found.stderr


def test_the_command_and_the_kernel_know_the_same_words_for_off(kernel: Kernel) -> None:
    words = [*OFF, " Off ", "on", "yes", "1", ""]
    kernel.run("import os")
    said = {}
    for word in words:
        kernel.run(f"os.environ['CLEW'] = {word!r}")
        said[word] = "kernels started from here do not record" in kernel.clew("doctor").text
    kept_out = {word: word.strip().lower() in OFF for word in words}
    assert said == kept_out and sum(kept_out.values()) == len(OFF) + 1
