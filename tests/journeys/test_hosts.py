"""Each front end and host starts kernels and sends cells in its own way. These tests imitate what its public source or an environment
listing shows; docs/guide/hosts.md has the results."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from harness import Kernel

from clew.shell.identity import cell_of, hosted_id, told_path

Kernels = Callable[..., Kernel]

SOURCES = [
    "frame = {'carrier': ['UA', 'AA'], 'delay': [3, 5]}",
    "delays = sum(frame['delay'])",
    "worst = max(frame['delay'])",
]
UNNAMED = "Clew does not know the notebook's file: `%clew history --new NAME` names this history"
SESSION = "0b1c8a52-9d0e-4a55-8f3b-1234567890ab"
COLAB = {"COLAB_RELEASE_TAG": "release-colab_20260819-060114_RC00", "COLAB_GPU": ""}
DRIVE_FILE = "1NCaPOoxqmAEWb8c8V0kEHVunbW1yHVkL"


def write(path: Path, sources: list[str]) -> None:
    """A notebook with cells that have ids, as VS Code and JupyterLab write it."""
    cells = [
        nbformat.v4.new_code_cell(source, id=f"{place}-{path.stem}") for place, source in enumerate(sources)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def loaded(kernel: Kernel) -> str:
    """What Clew prints when it is loaded."""
    return kernel.run("%load_ext clew").raised().text


def history(kernel: Kernel) -> tuple[str, str]:
    """The name and the id of a kernel's history."""
    found = json.loads(kernel.clew("status --json").stdout)
    return found["history"], found["history_id"]


# -- VS Code ----------------------------------------------------------------------------------------------------------


def in_vs_code(kernels: Kernels, path: Path, **options: object) -> Kernel:
    """VS Code sets no session variable. It runs a start-up cell silently, which binds the path."""
    kernel = kernels(cwd=options.pop("cwd", path.parent), load=False, **options)
    kernel.run(f'__vsc_ipynb_file__ = "{path}"', silent=True).raised()
    return kernel


def cell(path: Path, handle: int) -> str:
    """VS Code's id of a cell: the cells of a notebook are counted from zero each time that it is opened."""
    return f"vscode-notebook-cell:{path}#W{handle}sZmlsZQ%3D%3D"


def worked_on(kernels: Kernels, path: Path) -> str:
    """Runs a notebook in VS Code; the id of its history."""
    write(path, SOURCES)
    kernel = in_vs_code(kernels, path)
    assert f"in the history {path.name}" in loaded(kernel)
    for place, source in enumerate(SOURCES):
        kernel.run(source, cell_id=cell(path, place)).raised()
    found = history(kernel)[1]
    kernel.close()
    return found


def test_vs_code_continues_in_the_history_of_the_file(kernels: Kernels, tmp_path: Path) -> None:
    path = tmp_path / "flights.ipynb"
    before = worked_on(kernels, path)
    kernel = in_vs_code(kernels, path)
    assert "`%clew resume` restores the last one" in loaded(kernel)
    assert history(kernel) == ("flights.ipynb", before)
    kernel.clew("resume").raised()
    assert kernel.value("delays") == 8


def test_vs_code_does_not_get_back_the_path_of_another_place(kernels: Kernels, tmp_path: Path) -> None:
    path = tmp_path / "flights.ipynb"
    before = worked_on(kernels, path)
    moved = path.rename(tmp_path / "renamed.ipynb")
    kernel = in_vs_code(kernels, moved)
    loaded(kernel)
    assert history(kernel)[1] == before
    said = kernel.clew("resume").raised().text
    assert "3 variables: 3 restored (delays, frame, worst)" in said
    assert kernel.value("__vsc_ipynb_file__") == str(moved)


def test_a_handle_of_vs_code_is_another_cell_after_the_notebook_was_opened_again(
    kernels: Kernels, tmp_path: Path
) -> None:
    path = tmp_path / "flights.ipynb"
    worked_on(kernels, path)
    kernel = in_vs_code(kernels, path)
    loaded(kernel)
    kernel.clew("resume").raised()
    # A cell was inserted above the others, so it has the handle that the first one had.
    kernel.run("title = 'flights of the year'", cell_id=cell(path, 0)).raised()
    assert "the 4 cells would find the same inputs" in kernel.clew("stale").text
    kernel.run("title = 'flights of a month'", cell_id=cell(path, 0)).raised()
    assert "the 4 cells would find the same inputs" in kernel.clew("stale").text, "one cell that ran twice"


@pytest.mark.parametrize("is_copied", [False, True])
def test_a_notebook_of_vs_code_is_recognised_by_its_sources(
    kernels: Kernels, tmp_path: Path, is_copied: bool
) -> None:
    """VS Code sends no id that is in the file."""
    path = tmp_path / "project" / "flights.ipynb"
    before = worked_on(kernels, path)
    new = tmp_path / "far" / "away" / "flights.ipynb"
    new.parent.mkdir(parents=True)
    # A file of its own, as `git clone` writes it.
    new.write_text(path.read_text())
    if not is_copied:
        path.unlink()
    kernel = in_vs_code(kernels, new)
    said = loaded(kernel)
    assert (history(kernel)[1] == before) is not is_copied, said
    assert f"`%clew history {before[:8]}`" in said if is_copied else "restores the last one" in said


@pytest.mark.parametrize("name", [f"flights-{SESSION}.ipynb", f"flights-jvsc-{SESSION}{SESSION}.ipynb"])
def test_the_name_that_vs_code_gives_a_session_of_a_jupyter_server_is_no_path(
    kernels: Kernels, tmp_path: Path, name: str
) -> None:
    """It leaves out the folder: it would be the same for two notebooks, or that of a third one on the server."""
    server = tmp_path / "server"
    write(server / "flights.ipynb", ["something_else = [1, 2, 3]"])
    other = kernels(notebook=server / "flights.ipynb", cwd=server)
    other.run("something_else = [1, 2, 3]").raised()
    found = {history(other)[1]}
    for folder in ("one", "two"):
        kernel = in_vs_code(kernels, tmp_path / folder / "flights.ipynb", notebook=server / name, cwd=server)
        loaded(kernel)
        assert history(kernel)[0] == "flights.ipynb"
        found.add(history(kernel)[1])
    assert len(found) == 3
    kernel = kernels(notebook=server / name, cwd=server, load=False)
    assert UNNAMED in loaded(kernel)


def test_a_kernel_of_vs_code_that_records_from_its_start_leaves_no_other_history(
    kernels: Kernels, tmp_path: Path
) -> None:
    """After `clew enable` it records before VS Code reports the path."""
    path = tmp_path / "flights.ipynb"
    write(path, SOURCES)
    for _ in range(2):
        kernel = in_vs_code(kernels, path, arguments=["--IPKernelApp.extra_extensions=clew"])
        kernel.run(SOURCES[0], cell_id=cell(path, 0)).raised()
        assert history(kernel)[0] == "flights.ipynb"
        kernel.close()
    listed = json.loads(kernel.terminal("list", "--json").out)["histories"]
    assert [entry["history"] for entry in listed] == ["flights.ipynb"]


def test_a_notebook_with_such_a_name_is_a_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / f"flights-{SESSION}.ipynb"
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert told_path({}) is None
    write(path, SOURCES)
    assert told_path({}) == str(path)


# -- Jupyter servers --------------------------------------------------------------------------------------------------


def test_a_path_below_the_folder_of_a_server_is_completed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server reports such a path if the front end gave the session no name. It starts the kernel in the notebook's folder."""
    path = tmp_path / "server" / "sub" / "flights.ipynb"
    write(path, SOURCES)
    monkeypatch.chdir(path.parent)
    for told in ("flights.ipynb", "sub/flights.ipynb", "server/sub/flights.ipynb"):
        monkeypatch.setenv("JPY_SESSION_NAME", told)
        assert told_path({}) == str(path)


@pytest.mark.parametrize("name", ["Console 1", "script.py", ""])
def test_a_session_without_a_notebook_gets_a_line_and_a_name(
    kernels: Kernels, tmp_path: Path, name: str
) -> None:
    """A console of JupyterLab, a file in Spyder or Zed, Jupyter Console."""
    environment = {"JPY_SESSION_NAME": str(tmp_path / name)} if name else {}
    found = set()
    for _ in range(2):
        kernel = kernels(env=environment, load=False)
        assert UNNAMED in loaded(kernel)
        kernel.run("x = 1").raised()
        found.add(history(kernel)[1])
    assert len(found) == 2, "two sessions that nothing identifies share no history"
    kernel.clew("history --new lab").raised()
    kernel.close()
    kernel = kernels(env=environment, load=False)
    loaded(kernel)
    kernel.clew("history lab").raised()
    kernel.clew("resume").raised()
    assert kernel.value("x") == 1


# -- Colab and Kaggle -------------------------------------------------------------------------------------------------


def test_colab_continues_on_a_new_machine_from_a_drive(kernels: Kernels, tmp_path: Path) -> None:
    """The machine goes. The store, the key and the settings stay on the mounted drive."""
    drive = tmp_path / "drive"
    kept = {"CLEW_HOME": str(drive / "store"), "XDG_CONFIG_HOME": str(drive / "config")}
    address = f"/drive/{DRIVE_FILE}"
    environment = COLAB | kept | {"COLAB_NOTEBOOK_ID": address, "JPY_SESSION_NAME": address}
    for folder in ("store", "config"):
        (drive / folder).mkdir(parents=True)
    kernel = kernels(home=tmp_path / "first", env=environment, cwd=tmp_path, load=False)
    assert f"in the history colab-{DRIVE_FILE}" in loaded(kernel)
    kernel.run("def twice(x): return 2 * x\nvalue = twice(21)").raised()
    before = history(kernel)[1]
    kernel.clew("status").raised()
    kernel.kill()
    shutil.rmtree(tmp_path / "first")
    kernel = kernels(home=tmp_path / "second", env=environment, cwd=tmp_path, load=False)
    assert "`%clew resume` restores the last one" in loaded(kernel)
    assert history(kernel)[1] == before
    said = kernel.clew("resume").raised().text
    assert "2 restored (twice, value)" in said and "untrusted" not in said, said
    assert kernel.value("twice(value)") == 84


@pytest.mark.parametrize("address", ["/v2/external/notebooks/empty.ipynb", ""])
def test_a_page_of_colab_that_everybody_can_open_identifies_no_notebook(
    kernels: Kernels, address: str
) -> None:
    found = set()
    for _ in range(2):
        kernel = kernels(env=COLAB | {"COLAB_NOTEBOOK_ID": address, "JPY_SESSION_NAME": address}, load=False)
        assert UNNAMED in loaded(kernel)
        found.add(history(kernel)[1])
    assert len(found) == 2


def test_two_notebooks_on_one_machine_of_colab_share_no_history(kernels: Kernels) -> None:
    found = set()
    for notebook in ("a", "b"):
        kernel = kernels(env=COLAB | {"COLAB_NOTEBOOK_ID": notebook * 33}, load=False)
        loaded(kernel)
        found.add(history(kernel)[1])
    assert len(found) == 2


def test_a_session_without_a_path_is_offered_to_a_notebook_with_its_cells_and_not_taken(
    kernels: Kernels, tmp_path: Path
) -> None:
    """A notebook that was downloaded from Colab; or one whose cells were typed into a console, too."""
    kernel = kernels(env=COLAB | {"COLAB_NOTEBOOK_ID": f"/drive/{DRIVE_FILE}"})
    for source in SOURCES:
        kernel.run(source).raised()
    before = history(kernel)[1]
    kernel.close()
    write(tmp_path / "flights.ipynb", SOURCES)
    kernel = kernels(notebook=tmp_path / "flights.ipynb", load=False)
    assert f"`%clew history {before[:8]}`" in loaded(kernel)
    assert history(kernel)[1] != before


def test_kaggle_is_told_from_colab_on_whose_image_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (COLAB | {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}).items():
        monkeypatch.setenv(name, value)
    assert str(hosted_id()).startswith("kaggle-")


def test_ipython_7_of_colab_has_no_ids_of_cells() -> None:
    assert cell_of(object()) is None


# -- Other programs ---------------------------------------------------------------------------------------------------


def test_a_process_without_ipython_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """marimo runs cells without IPython."""
    from clew import load_ipython_extension

    load_ipython_extension(None)
    said = capsys.readouterr().err
    assert "this session is not recorded" in said and "this process has no IPython" in said


SHELL_OF_ITS_OWN = """
from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell

class Shell(ZMQInteractiveShell):
    def init_events(self):
        super().init_events()
        self.events.register("pre_execute", lambda: None)
        self.events.register("post_execute", lambda: None)

    def run_cell(self, *arguments, **options):
        return super().run_cell(*arguments, **options)

    def _showtraceback(self, kind, value, lines):
        super()._showtraceback(kind, value, lines)

class Kernel(IPythonKernel):
    def _shell_class_default(self):
        return Shell
"""


def test_a_kernel_with_a_shell_of_its_own_records_and_undoes(kernels: Kernels, tmp_path: Path) -> None:
    """Colab and Spyder derive theirs from IPython's."""
    (tmp_path / "host_kernel.py").write_text(SHELL_OF_ITS_OWN)
    kernel = kernels(
        python=Path(sys.executable),
        arguments=["--IPKernelApp.kernel_class=host_kernel.Kernel"],
        paths=[tmp_path],
        load=False,
    )
    assert kernel.value("type(get_ipython()).__module__") == "host_kernel"
    loaded(kernel)
    kernel.run("x = [1]").raised()
    kernel.run("x.append(2)").raised()
    assert not kernel.run("1 / 0").ok
    kernel.clew("undo").raised()
    assert kernel.value("x") == [1]
