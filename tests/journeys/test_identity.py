"""A notebook keeps its history: renamed, moved, copied, cloned, checked out, saved under another name."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from harness import Kernel

Opens = Callable[[Path], Kernel]


@pytest.fixture
def opens(kernels: Callable[..., Kernel]) -> Opens:
    """Opens a notebook in a kernel of its own; what loading Clew said is its `said`."""

    def start(path: Path, load: bool = True) -> Kernel:
        kernel = kernels(notebook=path, cwd=path.parent, load=False)
        reply = kernel.run("%load_ext clew")
        kernel.said = f"{reply.text}\n{reply.stderr}"  # type: ignore[attr-defined]
        return kernel

    return start


SOURCES = [
    "frame = {'carrier': ['UA', 'AA'], 'delay': [3, 5]}",
    "delays = sum(frame['delay'])",
    "worst = max(frame['delay'])",
]


def write(path: Path, sources: list[str] = SOURCES, ids: str | None = "cell") -> None:
    """A notebook with these cells; with ids that begin so, or in a format that has none."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    for place, cell in enumerate(notebook.cells):
        if ids is None:
            del cell["id"]
        else:
            cell["id"] = f"{ids}-{place}"
    notebook.nbformat_minor = 4 if ids is None else 5
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def work(opens: Opens, path: Path, ids: str | None = "cell", sources: list[str] = SOURCES) -> str:
    """Runs all cells of a notebook; the id of its history."""
    write(path, sources, ids)
    kernel = opens(path)
    run_all(kernel, ids or f"unsaved-{path.stem}", sources)
    found = history(kernel)
    kernel.close()
    return found


def run_all(kernel: Kernel, ids: str = "cell", sources: list[str] = SOURCES) -> None:
    for place, source in enumerate(sources):
        kernel.run(source, cell_id=f"{ids}-{place}").raised()


def restarts(kernel: Kernel) -> None:
    """As a front end does it: the kernel keeps its id, and is told the path of its first start."""
    kernel.restart(load=False)
    kernel.run("%load_ext clew").raised()


def untitled_and_sales(opens: Opens, folder: Path) -> tuple[Kernel, str, Path, Path]:
    """A notebook whose kernel began where it was `Untitled.ipynb`, and that is `sales.ipynb` now: kernel, history, both paths."""
    path = folder / "Untitled.ipynb"
    write(path, [])
    kernel = opens(path)
    run_all(kernel)
    write(path)
    return kernel, history(kernel), path, path.rename(folder / "sales.ipynb")


def history(kernel: Kernel) -> str:
    return str(asked(kernel, "status")["history_id"])


def asked(kernel: Kernel, words: str) -> dict[str, Any]:
    reply = kernel.clew(f"{words} --json")
    return dict(json.loads(reply.stdout or reply.stderr))


def resumes(kernel: Kernel) -> bool:
    """Whether the variables of the notebook come back."""
    kernel.clew("resume")
    return kernel.value("globals().get('delays')") == 8


def renamed(path: Path) -> Path:
    return path.rename(path.with_name("renamed.ipynb"))


def moved_with_its_folder(path: Path) -> Path:
    path.parent.rename(path.parent.with_name("other project"))
    return path.parent.with_name("other project") / path.name


def downloaded_and_uploaded(path: Path) -> Path:
    """Saved elsewhere by a browser, taken away here, and put back under the name that the browser gave it."""
    text = path.read_text()
    path.unlink()
    found = path.with_name("flights (1).ipynb")
    found.write_text(text)
    return found


def replaced(path: Path) -> Path:
    """Renamed, and another notebook begun under the old name."""
    found = renamed(path)
    write(path, ["something_else_entirely = [1, 2, 3]"], "other")
    return found


def grown_and_renamed(path: Path) -> Path:
    found = renamed(path)
    notebook = nbformat.read(found, as_version=4)
    for place in range(2):
        cell = nbformat.v4.new_code_cell(f"more_of_it_{place} = {place}")
        if notebook.nbformat_minor < 5:
            del cell["id"]
        notebook.cells.append(cell)
    nbformat.write(notebook, found)
    return found


FOLLOWED = [renamed, moved_with_its_folder, downloaded_and_uploaded, replaced, grown_and_renamed]


@pytest.mark.few(4)
@pytest.mark.parametrize("ids", ["cell", None])
@pytest.mark.parametrize("change", FOLLOWED)
def test_a_notebook_that_went_elsewhere_is_followed_without_a_question(
    opens: Opens, tmp_path: Path, change: Callable[[Path], Path], ids: str | None
) -> None:
    path = tmp_path / "project" / "flights.ipynb"
    before = work(opens, path, ids)
    kernel = opens(change(path))
    assert history(kernel) == before, kernel.said
    assert f", recorded as {path}: `%clew resume` restores the last one" in kernel.said, kernel.said
    assert resumes(kernel)


def test_a_copy_has_a_history_of_its_own_and_one_line_offers_the_original(
    opens: Opens, tmp_path: Path
) -> None:
    path = tmp_path / "flights.ipynb"
    before = work(opens, path)
    copy = Path(shutil.copy(path, tmp_path / "copy.ipynb"))
    kernel = opens(copy)
    own = history(kernel)
    assert own != before
    assert "This notebook looks like a copy of another one, so it has a new history." in kernel.said
    assert "flights.ipynb (4 runs, " in kernel.said and f"`%clew history {before[:8]}`" in kernel.said
    kernel.clew(f"history {before[:8]}").raised()
    assert history(kernel) == before and resumes(kernel)
    kernel.run("delays = 80", cell_id="cell-1").raised()
    kernel.close()
    # It stays there, and the original is where it was.
    kernel = opens(copy)
    assert history(kernel) == before
    kernel.close()
    assert history(opens(path)) == before


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_notebook_that_was_moved_works_in_the_folder_where_it_is(
    opens: Opens, tmp_path: Path, is_gone: bool
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, text in ((old, "1"), (new, "2")):
        folder.mkdir()
        (folder / "data.txt").write_text(text)
    work(opens, old / "flights.ipynb")
    moved = (old / "flights.ipynb").rename(new / "flights.ipynb")
    if is_gone:
        shutil.rmtree(old)
    kernel = opens(moved)
    assert resumes(kernel)
    read = "(__import__('os').getcwd(), open('data.txt').read())"
    assert kernel.value(read) == (str(new), "2")
    kernel.run("worst = 0", cell_id="cell-2").raised()
    for words in ("undo", "redo", "switch 3", "undo"):
        kernel.clew(words).raised()
        assert kernel.value(read) == (str(new), "2"), words
    kernel.run("import os; os.chdir(os.path.expanduser('~'))").raised()
    kernel.clew("undo").raised()
    assert kernel.value("__import__('os').getcwd()") == str(new)


@pytest.mark.few(2)
@pytest.mark.parametrize("is_live", [True, False])
@pytest.mark.parametrize("begun", ["empty", "saved"])
def test_a_notebook_begun_under_the_old_name_of_one_that_was_renamed_is_another(
    opens: Opens, tmp_path: Path, is_live: bool, begun: str
) -> None:
    """What File > New and then Save As in JupyterLab come to: both notebooks were `Untitled.ipynb` where their kernels began."""
    sales, first, path, saved = untitled_and_sales(opens, tmp_path)
    if not is_live:
        sales.close()
    write(path, [] if begun == "empty" else ["budget = 1"], "other")
    budget = opens(path)
    second = history(budget)
    assert second != first and "earlier states" not in budget.said, budget.said
    budget.run("budget = 1", cell_id="other-0").raised()
    budget.run("rest = 2", cell_id="other-1").raised()
    for kernel in (sales, budget):
        kernel.close()
    write(path, ["budget = 1", "rest = 2"], "other")
    other = path.rename(tmp_path / "budget.ipynb")
    kernel = opens(saved)
    assert history(kernel) == first and resumes(kernel)
    kernel.close()
    kernel = opens(other)
    assert history(kernel) == second
    kernel.clew("resume").raised()
    assert kernel.value("(budget, rest, 'delays' in globals())") == (1, 2, False)


@pytest.mark.parametrize("is_live", [True, False])
def test_a_notebook_begun_where_another_was_that_went_far_away_is_offered_its_history(
    opens: Opens, tmp_path: Path, is_live: bool
) -> None:
    path = tmp_path / "one" / "two" / "flights.ipynb"
    write(path)
    first = opens(path)
    first.run(SOURCES[0], cell_id="cell-0").raised()
    before = history(first)
    if not is_live:
        first.close()
    path.rename(tmp_path / "flights.ipynb")
    write(path, ["something_else = 1"], "other")
    kernel = opens(path)
    assert history(kernel) != before
    assert f"`%clew history {before[:8]}`" in kernel.said, kernel.said
    kernel.close()
    assert history(opens(tmp_path / "flights.ipynb")) == before


@pytest.mark.few(2)
@pytest.mark.parametrize("change", ["ids made anew", "little is left"])
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_copy_beside_it_takes_no_history_from_a_notebook_that_was_written_anew(
    opens: Opens, tmp_path: Path, change: str, is_replaced: bool
) -> None:
    """By git, jupytext or another program, into the file or in its place."""
    path = tmp_path / "project" / "flights.ipynb"
    before = work(opens, path)
    shutil.copy(path, path.with_name("flights-backup.ipynb"))
    if is_replaced:
        path.unlink()
    if change == "ids made anew":
        write(path, SOURCES, "anew")
    else:
        write(path, [*SOURCES[:1], *(f"more_{place} = {place}" for place in range(9))])
    kernel = opens(path)
    assert history(kernel) == before, kernel.said
    assert resumes(kernel)


@pytest.mark.parametrize("saved", [[], SOURCES])
def test_a_kernel_that_restarts_after_save_as_goes_on_in_its_history(
    opens: Opens, tmp_path: Path, saved: list[str]
) -> None:
    path = tmp_path / "Untitled.ipynb"
    write(path, [])
    kernel = opens(path)
    run_all(kernel)
    before = history(kernel)
    write(path, saved or [""], "cell" if saved else "empty")
    write(tmp_path / "sales.ipynb")
    restarts(kernel)
    assert history(kernel) == before and resumes(kernel)


def test_a_kernel_that_restarts_keeps_its_history_where_another_notebook_has_its_path(
    opens: Opens, tmp_path: Path
) -> None:
    sales, first, path, saved = untitled_and_sales(opens, tmp_path)
    write(path, ["budget = 1"], "other")
    budget = opens(path)
    budget.run("budget = 1", cell_id="other-0").raised()
    second = history(budget)
    restarts(sales)
    assert history(sales) == first and resumes(sales)
    sales.clew("history --new lab").raised()
    lab = history(sales)
    for kernel in (sales, budget):
        kernel.close()
    kernel = opens(path)
    assert history(kernel) == second, "what the other kernel was put into is not this one's"
    kernel.close()
    kernel = opens(saved)
    assert history(kernel) == lab, "a history that was begun by name is kept, too"


@pytest.mark.parametrize("is_new", [False, True])
def test_a_notebook_that_was_put_into_another_history_comes_back_after_a_restart(
    opens: Opens, tmp_path: Path, is_new: bool
) -> None:
    other = work(opens, tmp_path / "lab.ipynb", ids="lab", sources=["lab_value = 'of the laboratory'"])
    path = tmp_path / "flights.ipynb"
    own = work(opens, path)
    kernel = opens(path)
    kernel.clew("history --new trial" if is_new else f"history {other[:8]}").raised()
    there = history(kernel)
    restarts(kernel)
    assert history(kernel) == there != own
    kernel.clew(f"history {own[:8]}").raised()
    restarts(kernel)
    assert history(kernel) == own and resumes(kernel)
    kernel.close()
    for opened, belongs in ((path, own), (tmp_path / "lab.ipynb", other)):
        kernel = opens(opened)
        assert history(kernel) == belongs
        kernel.close()


ANEW = {
    "one cell": (["total = sum(range(1000))"], ["total = sum(range(1000))"], None),
    "short cells, ids made anew": (["x = 1", "y = 2"], ["x = 1", "y = 2"], "anew"),
    "imports and a cell that was edited": (
        ["import json", "total = sum(range(1000))"],
        ["import json", "total = sum(range(2000))"],
        None,
    ),
    "two cells were edited": (SOURCES, [SOURCES[0], "delays = max(frame['delay'])", "worst = 3"], "anew"),
}


@pytest.mark.parametrize("what", ANEW)
def test_a_small_notebook_that_a_program_puts_in_place_keeps_its_history(
    opens: Opens, tmp_path: Path, what: str
) -> None:
    before, after, ids = ANEW[what]
    path = tmp_path / "small.ipynb"
    found = work(opens, path, ids and "cell", before)
    path.unlink()
    write(path, after, ids)
    assert history(opens(path)) == found


@pytest.mark.parametrize("first", ["today", "day1"])
def test_a_copy_under_the_old_name_takes_no_history_from_the_notebook_that_was_renamed(
    opens: Opens, tmp_path: Path, first: str
) -> None:
    """Each day's notebook is begun as a copy of the template, under the name that yesterday's had."""
    path = tmp_path / "today.ipynb"
    before = work(opens, path)
    shutil.copy(path.rename(tmp_path / "day1.ipynb"), path)
    found = {}
    for name in (first, *{"today", "day1"} - {first}):
        kernel = opens(tmp_path / f"{name}.ipynb")
        found[name] = (history(kernel), kernel.said)
        kernel.close()
    assert found["day1"][0] == before and found["today"][0] != before
    assert f"`%clew history {before[:8]}`" in found["today"][1], found


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_copy_of_a_notebook_that_was_renamed_under_its_kernel_is_a_copy(
    opens: Opens, tmp_path: Path, is_restarted: bool
) -> None:
    """Its history knows the old path until a kernel that is told the new one begins. The terminal finds it by the new one, too."""
    kernel, before, _, new = untitled_and_sales(opens, tmp_path)
    assert json.loads(kernel.terminal("status", "--json", "--history", str(new)).out)["history_id"] == before
    if is_restarted:
        restarts(kernel)
        assert history(kernel) == before and resumes(kernel)
        assert str(new) in kernel.terminal("list").out
    copy = opens(Path(shutil.copy(new, tmp_path / "sales-Copy1.ipynb")))
    assert history(copy) != before and f"`%clew history {before[:8]}`" in copy.said, copy.said
    kernel.close()
    copy.close()
    (tmp_path / "sub").mkdir()
    kernel = opens(new.rename(tmp_path / "sub" / "sales.ipynb"))
    assert history(kernel) == before and resumes(kernel)


def test_a_kernel_that_begins_above_the_notebook_stays_in_a_tree_that_was_moved(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    path = tmp_path / "old" / "notebooks" / "flights.ipynb"
    write(path, ["read = lambda: open('f').read()"])
    (tmp_path / "old" / "f").write_text("OLD")
    kernel = kernels(notebook=path, cwd=tmp_path / "old")
    kernel.run("read = lambda: open('f').read()", cell_id="cell-0").raised()
    kernel.clew("status").raised()
    kernel.close()
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    moved = path.rename(tmp_path / "new" / "notebooks" / "flights.ipynb")
    (tmp_path / "new" / "f").write_text("NEW")
    kernel = kernels(notebook=moved, cwd=tmp_path / "new")
    kernel.clew("resume").raised()
    assert kernel.value("read()") == "NEW"


def test_a_file_that_moved_along_with_its_folder_makes_no_cell_stale(opens: Opens, tmp_path: Path) -> None:
    path = tmp_path / "lab/flights.ipynb"
    sources = ["rows = open('data/x.csv').read()", "size = len(rows)"]
    write(path, sources)
    (tmp_path / "lab/data").mkdir()
    (tmp_path / "lab/data/x.csv").write_text("a,b\n1,2\n")
    kernel = opens(path)
    run_all(kernel, sources=sources)
    kernel.close()
    (tmp_path / "lab").rename(tmp_path / "laboratory")
    kernel = opens(tmp_path / "laboratory/flights.ipynb")
    kernel.clew("resume").raised()
    assert asked(kernel, "stale")["stale"] == []
    (tmp_path / "laboratory/data/x.csv").write_text("a,b\n1,2,3\n")
    assert len(asked(kernel, "stale")["stale"]) == 2, "a file that was changed still does"


def test_a_terminal_in_a_folder_that_was_renamed_speaks_of_its_notebooks(
    kernels: Callable[..., Kernel], opens: Opens, tmp_path: Path
) -> None:
    work(opens, tmp_path / "lab/one.ipynb", "one", ["of_one = 'a value of the first'"])
    work(opens, tmp_path / "lab/two.ipynb", "two", ["of_two = 'a value of the second'"])
    work(opens, tmp_path / "other/used_last.ipynb", "last", ["of_other = 'a value of another'"])
    (tmp_path / "lab").rename(tmp_path / "laboratory")
    terminal = kernels(cwd=tmp_path / "laboratory", load=False)
    told = terminal.terminal("vars")
    assert "of_two" in told.out, told
    assert "two.ipynb, the notebook used last here. Others: one.ipynb" in told.err + told.out


def test_a_folder_that_is_renamed_under_a_live_kernel_is_the_notebooks_folder_still(
    opens: Opens, tmp_path: Path
) -> None:
    path = tmp_path / "project" / "flights.ipynb"
    write(path)
    (path.parent / "data").mkdir()
    kernel = opens(path)
    kernel.run("import os; os.chdir('data')").raised()
    kernel.run("y = 1").raised()
    path.parent.rename(tmp_path / "moved")
    kernel.run("z = 2").raised()
    assert "cwd" not in kernel.clew("diff 3 4").text
    # A copy where the folder was is another folder.
    shutil.copytree(tmp_path / "moved", tmp_path / "project")
    for words, found in [("undo 3", "moved"), ("redo 3", "moved/data"), ("switch 3", "moved/data")]:
        kernel.clew(words).raised()
        assert kernel.value("__import__('os').getcwd()") == str(tmp_path / found), words


def test_a_notebook_in_the_history_of_another_works_in_its_own_folder(opens: Opens, tmp_path: Path) -> None:
    for folder in ("lab", "project"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "f").write_text(f"of {folder}")
    lab = work(opens, tmp_path / "lab" / "lab.ipynb", ids="lab", sources=["lab_value = 'of the laboratory'"])
    kernel = opens_written(
        opens, tmp_path / "project" / "own.ipynb", ["read = lambda: open('f').read()"], "own"
    )
    kernel.clew(f"history {lab[:8]}").raised()
    kernel.run("read = lambda: open('f').read()", cell_id="own-0").raised()
    kernel.run("z = read()", cell_id="own-1").raised()
    assert "of project" in kernel.clew("eval @ 'read()'").text
    kernel.close()
    kernel = opens(tmp_path / "lab" / "lab.ipynb")
    kernel.clew("resume").raised()
    assert kernel.value("lab_value") == "of the laboratory", (
        "its own state, not that of the notebook that works beside it"
    )
    of_project = [
        run["run"] for run in asked(kernel, "log --all")["runs"] if "z = read()" in (run["source"] or "")
    ]
    kernel.clew(f"switch {of_project[0]}").raised()
    assert kernel.value("(z, read())") == ("of project", "of project")


def test_one_kernel_that_is_told_several_notebooks_has_a_history_for_each(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    kernel = kernels(load=False)
    found = set()
    for name in "abc":
        path = tmp_path / f"{name}.ipynb"
        write(path, [f"value_of_{name} = 'of the notebook {name}'"], name)
        kernel.run(f"import os; os.environ['JPY_SESSION_NAME'] = {str(path)!r}").raised()
        kernel.run("%load_ext clew").raised()
        found.add(history(kernel))
        kernel.run("%unload_ext clew").raised()
    assert len(found) == 3


@pytest.mark.parametrize("where", ["renamed.ipynb", "reports/renamed.ipynb"])
def test_a_notebook_that_was_renamed_and_not_saved_since_keeps_its_history(
    opens: Opens, tmp_path: Path, where: str
) -> None:
    path = tmp_path / "project" / "flights.ipynb"
    write(path)
    os.utime(path, (time.time() - 3600,) * 2)
    kernel = opens(path)
    run_all(kernel)
    before = history(kernel)
    kernel.close()
    (path.parent / where).parent.mkdir(exist_ok=True)
    new = path.rename(path.parent / where)
    write(path, ["something_else_entirely = [1, 2, 3]"], "other")
    kernel = opens(path)
    assert history(kernel) != before and "earlier states" not in kernel.said
    kernel.run("something_else_entirely = [1, 2, 3]", cell_id="other-0").raised()
    kernel.close()
    kernel = opens(new)
    assert history(kernel) == before and resumes(kernel)


def test_two_notebooks_whose_names_were_swapped_keep_their_histories(opens: Opens, tmp_path: Path) -> None:
    one, other, between = (tmp_path / f"{name}.ipynb" for name in ("one", "other", "between"))
    first = work(opens, one, sources=["aa_value = 'A'", "aa_2 = aa_value"])
    second = work(opens, other, ids="other", sources=["bb_value = 'B'", "bb_2 = bb_value"])
    one.rename(between)
    other.rename(one)
    between.rename(other)
    kernel = opens(other)
    assert history(kernel) == first
    kernel.close()
    assert history(opens(one)) == second


@pytest.mark.parametrize("sources", [["total_of_all = sum(range(1000))"], ["x = 1", "y = 2"]])
def test_two_kernels_of_a_notebook_without_ids_have_one_history(
    opens: Opens, tmp_path: Path, sources: list[str]
) -> None:
    path = tmp_path / "old.ipynb"
    write(path, sources, None)
    first = opens(path)
    for source in sources:
        first.run(source, cell_id="unsaved").raised()
    write(path, ["nothing_of_it_is_left = 'in this cell'"], None)
    assert history(opens(path)) == history(first)


def test_a_notebook_that_is_opened_through_a_link_is_no_copy(opens: Opens, tmp_path: Path) -> None:
    path = tmp_path / "project" / "flights.ipynb"
    before = work(opens, path)
    (tmp_path / "link").symlink_to(path.parent)
    for opened in (tmp_path / "link" / "flights.ipynb", path):
        kernel = opens(opened)
        assert history(kernel) == before and "copy" not in kernel.said
        kernel.close()


def test_the_working_directory_of_a_run_is_one_whatever_was_done_before(
    kernels: Callable[..., Kernel], opens: Opens, tmp_path: Path
) -> None:
    """In the notebook's folder where that lies now; in a kernel that began elsewhere, and in one that left it."""
    path = tmp_path / "project" / "flights.ipynb"
    cells = ["import os", "os.chdir('data')", "here = os.getcwd()"]
    write(path, cells)
    (path.parent / "data").mkdir()
    kernel = opens(path)
    for place, source in enumerate(cells):
        kernel.run(source, cell_id=f"cell-{place}").raised()
    kernel.close()
    moved = tmp_path / "moved"
    shutil.copytree(path.parent, moved)
    path = path.rename(moved / "renamed.ipynb")
    (tmp_path / "elsewhere").mkdir()
    for folder in (moved, tmp_path / "elsewhere"):
        kernel = kernels(notebook=path, cwd=folder)
        for words, found in [
            ("resume 4", moved / "data"),
            ("switch 2", moved),
            ("switch 3", moved / "data"),
            ("undo", moved),
            ("resume 4", moved / "data"),
            ("resume 2", moved),
        ]:
            kernel.clew(words).raised()
            assert kernel.value("__import__('os').getcwd()") == str(found), (folder, words)
        kernel.close()


def test_a_notebook_that_was_never_saved_is_found_again_by_its_path(opens: Opens, tmp_path: Path) -> None:
    path = tmp_path / "Untitled.ipynb"
    write(path, [])
    write(tmp_path / "beside.ipynb", ["something_else = 1"], "other")
    kernel = opens(path)
    run_all(kernel)
    before = history(kernel)
    kernel.close()
    kernel = opens(path)
    assert history(kernel) == before and resumes(kernel)


def test_a_copy_that_was_left_alone_keeps_a_history_of_its_own(opens: Opens, tmp_path: Path) -> None:
    path = tmp_path / "flights.ipynb"
    before = work(opens, path)
    copy = Path(shutil.copy(path, tmp_path / "copy.ipynb"))
    kernel = opens(copy)
    own = history(kernel)
    kernel.run("delays = 'of the copy'", cell_id="cell-1").raised()
    write(copy, [SOURCES[0], "delays = 'of the copy'", SOURCES[2]])
    kernel.close()
    kernel = opens(copy)
    assert history(kernel) == own != before and "looks like a copy" not in kernel.said
    # The copy moves, and takes its own history along, not that of the original.
    kernel.close()
    kernel = opens(copy.rename(tmp_path / "moved copy.ipynb"))
    assert history(kernel) == own
    kernel.clew("resume")
    assert kernel.value("delays") == "of the copy"


def test_a_copy_with_added_cells_takes_its_history_along_when_it_moves(opens: Opens, tmp_path: Path) -> None:
    path = tmp_path / "flights.ipynb"
    before = work(opens, path)
    copy = Path(shutil.copy(path, tmp_path / "copy.ipynb"))
    write(copy, [*SOURCES, "of_the_copy = max(frame['delay'])"])
    kernel = opens(copy)
    for place, source in enumerate([*SOURCES, "of_the_copy = max(frame['delay'])"]):
        kernel.run(source, cell_id=f"cell-{place}").raised()
    own = history(kernel)
    kernel.close()
    kernel = opens(copy.rename(tmp_path / "moved copy.ipynb"))
    assert history(kernel) == own != before, kernel.said
    assert "`%clew resume` restores the last one" in kernel.said


def test_an_older_state_of_the_file_belongs_to_the_same_history(opens: Opens, tmp_path: Path) -> None:
    path = tmp_path / "flights.ipynb"
    before = work(opens, path)
    write(path, SOURCES[:1], "from-an-older-commit")
    kernel = opens(path)
    assert history(kernel) == before and resumes(kernel)


def test_two_notebooks_of_one_name_are_told_apart(opens: Opens, tmp_path: Path) -> None:
    one = work(opens, tmp_path / "a" / "flights.ipynb", "one")
    two = work(opens, tmp_path / "b" / "flights.ipynb", "two")
    assert one != two
    kernel = opens(tmp_path / "a" / "flights.ipynb")
    assert history(kernel) == one
    refused = kernel.clew("history flights").stderr
    assert one[:8] in refused and two[:8] in refused and str(tmp_path / "b" / "flights.ipynb") in refused
    kernel.clew(f"history {tmp_path / 'b' / 'flights.ipynb'}").raised()
    assert history(kernel) == two


def test_notebooks_that_only_begin_alike_are_two(opens: Opens, tmp_path: Path) -> None:
    begin = ["import json", "import math", "import os"]
    one = work(opens, tmp_path / "one.ipynb", None, [*begin, "flights_of_the_year = [1, 2, 3, 4, 5]"])
    (tmp_path / "one.ipynb").unlink()
    kernel = opens_written(
        opens, tmp_path / "two.ipynb", [*begin, "ships_of_the_year = [5, 6, 7, 8, 9]"], None
    )
    assert history(kernel) != one and "has a new history" not in kernel.said


def test_notebooks_of_one_template_are_two(opens: Opens, tmp_path: Path) -> None:
    filled = ["answer = 6 * 7  # mine", "second_answer = 'because of that'", SOURCES[2]]
    one = work(opens, tmp_path / "mine.ipynb", "task", filled[:2] + ["worst = max([1, 2])"])
    (tmp_path / "mine.ipynb").unlink()
    kernel = opens_written(
        opens, tmp_path / "yours.ipynb", ["# your answer", "# and why", SOURCES[2]], "task"
    )
    assert history(kernel) != one and f"`%clew history {one[:8]}`" in kernel.said


def opens_written(opens: Opens, path: Path, sources: list[str], ids: str | None) -> Kernel:
    write(path, sources, ids)
    return opens(path)


def test_of_several_that_may_be_meant_none_is_taken_and_all_are_offered(opens: Opens, tmp_path: Path) -> None:
    one = work(opens, tmp_path / "a.ipynb")
    shutil.copy(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    kernel = opens(tmp_path / "b.ipynb")
    kernel.run(SOURCES[0], cell_id="cell-0").raised()
    kernel.run(SOURCES[1], cell_id="cell-1").raised()
    two = history(kernel)
    kernel.close()
    (tmp_path / "c.ipynb").write_text((tmp_path / "a.ipynb").read_text())
    for gone in "ab":
        (tmp_path / f"{gone}.ipynb").unlink()
    kernel = opens(tmp_path / "c.ipynb")
    assert history(kernel) not in {one, two}
    assert f"`%clew history {one[:8]}`" in kernel.said and f"`%clew history {two[:8]}`" in kernel.said
    kernel.clew(f"history {one[:8]}").raised()
    assert resumes(kernel)


def test_a_history_is_joined_by_what_people_call_it_and_begun_only_if_they_say_so(
    opens: Opens, tmp_path: Path
) -> None:
    before = work(opens, tmp_path / "flights.ipynb")
    kernel = opens_written(opens, tmp_path / "new.ipynb", ["unrelated = 'to anything'"], "new")
    own = history(kernel)
    for called in ["flights.ipynb", "flights", str(tmp_path / "flights.ipynb"), before[:6], before]:
        kernel.clew(f"history '{called}'").raised()
        assert history(kernel) == before, called
        kernel.clew(f"history {own}").raised()
        assert history(kernel) == own
    refused = kernel.clew("history flihgts").stderr
    assert "There is no history `flihgts`" in refused and "`%clew history --new flihgts`" in refused
    assert "did you mean `flights.ipynb`?" in refused
    assert history(kernel) == own
    kernel.clew("history --new lab").raised()
    assert history(kernel) not in {own, before}
    assert "There is already a history `lab`" in kernel.clew("history --new lab").stderr
    kernel.clew("history flights").raised()
    assert resumes(kernel)


def two_in_one(opens: Opens, folder: Path) -> tuple[Kernel, Kernel]:
    """A notebook, and a copy of it whose user put it into the history of the original. Both worked on: `v` is 6 and 105."""
    path = folder / "flights.ipynb"
    work(opens, path)
    kernel = opens(path)
    kernel.clew("resume").raised()
    kernel.run("v = 5").raised()
    copy = opens(Path(shutil.copy(path, folder / "copy.ipynb")))
    copy.clew(f"history {history(kernel)}").raised()
    copy.clew("resume").raised()
    assert copy.value("v") == 5, "a notebook that did nothing there yet takes up what was done last"
    copy.run("v += 100").raised()
    kernel.run("v += 1").raised()
    return kernel, copy


def reopened(opens: Opens, kernel: Kernel) -> Kernel:
    kernel.close()
    assert kernel.notebook is not None
    return opens(Path(kernel.notebook))


def restarted(_: Opens, kernel: Kernel) -> Kernel:
    kernel.clew("status").raised()  # a kernel that is killed right behind a run may not have recorded it
    restarts(kernel)
    return kernel


@pytest.mark.parametrize("again", [restarted, reopened])
def test_notebooks_in_one_history_go_on_each_from_its_own_state(
    opens: Opens, tmp_path: Path, again: Callable[[Opens, Kernel], Kernel]
) -> None:
    kernel, copy = two_in_one(opens, tmp_path)
    for step in (1, 2):
        copy = again(opens, copy)
        copy.clew("resume").raised()
        assert copy.value("v") == 104 + step
        kernel = again(opens, kernel)
        kernel.clew("resume").raised()
        assert kernel.value("v") == 5 + step
        for one in (kernel, copy):
            one.run("v += 1").raised()
    assert history(kernel) == history(copy)
    shown = kernel.terminal("log", "--history", "copy.ipynb", "--all").out
    assert "v += 100" in shown, "a notebook is asked about where it works"
    own = next(one["id"] for one in asked(kernel, "list")["histories"] if one["history"] == "copy.ipynb")
    assert "v += 100" not in kernel.terminal("log", "--history", own, "--all").out


def test_what_a_batch_did_in_a_notebook_that_was_put_into_another_history_is_taken_up(
    opens: Opens, tmp_path: Path
) -> None:
    kernel, copy = two_in_one(opens, tmp_path)
    copy.close()
    path = str(copy.notebook)
    write(Path(path), [*SOURCES, "v = 1000"])
    told = kernel.terminal("run", "-k", "python3", path, path)
    assert told.exit == 0, told
    copy = opens(Path(path))
    copy.clew("resume").raised()
    assert copy.value("v") == 1000
    kernel = reopened(opens, kernel)
    kernel.clew("resume").raised()
    assert kernel.value("v") == 6


def test_another_notebook_that_went_on_from_the_last_state_is_followed(opens: Opens, tmp_path: Path) -> None:
    """The session was moved to another machine, into a notebook there, and back."""
    path = tmp_path / "flights.ipynb"
    before = work(opens, path)
    other = opens_written(opens, tmp_path / "there/elsewhere.ipynb", ["unrelated = 'to anything'"], "new")
    other.clew(f"history {before}").raised()
    other.clew("resume").raised()
    other.run("delays += 1").raised()
    other.close()
    kernel = opens(path)
    kernel.clew("resume").raised()
    assert kernel.value("delays") == 9


def test_a_notebook_that_was_renamed_under_its_kernel_is_called_by_its_new_name(
    opens: Opens, tmp_path: Path
) -> None:
    kernel, id, _, path = untitled_and_sales(opens, tmp_path)
    assert "sales.ipynb" in kernel.clew("history").text and "sales.ipynb" in kernel.clew("status").text
    [entry] = asked(kernel, "list")["histories"]
    assert (entry["history"], entry["notebook"]) == ("sales.ipynb", str(path))
    assert "History sales.ipynb" in kernel.terminal("status", "--history", id).out
    copy = opens(Path(shutil.copy(path, tmp_path / "copy.ipynb")))
    assert "sales.ipynb (4 runs" in copy.said  # type: ignore[attr-defined]
    kernel.clew("status").raised()
    kernel.close()
    tmp_path.joinpath("lab").mkdir()
    path.rename(tmp_path / "lab/sales.ipynb")
    listed = copy.terminal("list").out
    assert "sales.ipynb" in listed and "Untitled.ipynb" not in listed, "a kernel that ends notes the name"


def test_a_working_directory_that_stays_is_named_as_the_reason(opens: Opens, tmp_path: Path) -> None:
    path = tmp_path / "flights.ipynb"
    write(path)
    kernel = opens(path)
    run_all(kernel)
    (tmp_path / "sub").mkdir()
    path.rename(tmp_path / "sub/flights.ipynb")
    kernel.run("delays").raised()
    restarts(kernel)
    said = kernel.clew("resume").text
    assert kernel.value("delays") == 8
    assert "as far as it could be reached" not in said, said


def test_a_front_end_that_names_no_notebook_is_told_how_to_name_the_session(
    kernels: Callable[..., Kernel],
) -> None:
    kernel = kernels(load=False)
    said = kernel.run("%load_ext clew").text
    assert "Clew records your runs from here on" in said and "`%clew history --new NAME`" in said
    kernel.clew("history --new lab").raised()
    kernel.run("x = 1").raised()
    kernel.close()
    kernel = kernels()
    kernel.clew("history lab").raised()
    kernel.clew("resume").raised()
    assert kernel.value("x") == 1


def test_a_kernel_that_restarts_after_its_notebook_was_renamed_goes_on_in_its_history(
    opens: Opens, tmp_path: Path
) -> None:
    """Jupyter renames the file and keeps the kernel; a restart gets the environment of the first start."""
    path = tmp_path / "flights.ipynb"
    before = work(opens, path)
    new = renamed(path)
    kernel = opens(path)
    assert history(kernel) == before and resumes(kernel)
    kernel.run("delays = 81", cell_id="cell-1").raised()
    kernel.close()
    # The next kernel is told the new name.
    kernel = opens(new)
    assert history(kernel) == before, kernel.said
    kernel.clew("resume").raised()
    assert kernel.value("delays") == 81


def test_a_history_that_came_from_another_machine_is_found_by_its_cells(
    kernels: Callable[..., Kernel], opens: Opens, tmp_path: Path
) -> None:
    there = tmp_path / "there" / "flights.ipynb"
    before = work(opens, there)
    bundle = tmp_path / "flights.clew"
    kernel = opens(there)
    sent = kernel.terminal("export", str(bundle), "--all")
    assert sent.exit == 0, sent
    kernel.close()
    here = tmp_path / "here" / "delays.ipynb"
    here.parent.mkdir()
    there.rename(here)
    other = kernels(home=tmp_path / "other home", load=False, notebook=here, cwd=here.parent)
    taken = other.terminal("import", str(bundle))
    assert taken.exit == 0, taken
    other.run("%load_ext clew").raised()
    assert history(other) == before


@pytest.mark.parametrize("is_copied", [True, False], ids=["a copy", "itself"])
@pytest.mark.parametrize("ids", ["cell", None])
def test_a_history_whose_description_is_damaged_is_offered_and_none_is_taken(
    opens: Opens, tmp_path: Path, ids: str | None, is_copied: bool
) -> None:
    path = tmp_path / "flights.ipynb"
    before = work(opens, path, ids)
    histories = tmp_path / "home" / "clew" / "histories"
    for file in (histories / before).glob("*.description"):
        file.write_bytes(b"damaged")
    (histories / ("ab" * 16)).write_bytes(b"no folder")
    kernel = opens(Path(shutil.copy(path, tmp_path / "copy.ipynb")) if is_copied else path)
    assert history(kernel) != before and f"`%clew history {before[:8]}`" in kernel.said
    assert "looks like a copy" not in kernel.said, "nobody knows whose it is"
    refused = kernel.clew("resume").stderr
    assert "There is nothing to resume" in refused and f"`%clew history {before[:8]}`" in refused, refused
    listed = kernel.terminal("list")
    assert listed.exit == 0 and before[:8] in listed.out, listed
    kernel.clew(f"history {before[:8]}").raised()
    assert history(kernel) == before and resumes(kernel)


@pytest.mark.parametrize(
    "environment",
    [
        {
            "COLAB_RELEASE_TAG": "release-colab_20261101",
            "COLAB_NOTEBOOK_ID": "/drive/1NCaPOoxqmAEWb8c8V0kEHVunbW1yHVkL",
        },
        {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"},
    ],
    ids=["Colab", "Kaggle"],
)
def test_a_kernel_of_a_service_that_gives_no_path_finds_its_history_again(
    kernels: Callable[..., Kernel], environment: dict[str, str]
) -> None:
    def start() -> tuple[Kernel, str]:
        kernel = kernels(env=environment, load=False)
        return kernel, kernel.run("%load_ext clew").text

    kernel, said = start()
    assert "in the history colab-" in said or "in the history kaggle-" in said
    kernel.run("x = 1").raised()
    before = history(kernel)
    kernel.close()
    kernel, _ = start()
    assert history(kernel) == before
    kernel.clew("resume").raised()
    assert kernel.value("x") == 1
    # It stays in a history that it was put into.
    kernel.clew("history --new lab").raised()
    lab = history(kernel)
    kernel.close()
    kernel, _ = start()
    kernel.clew("history lab").raised()
    kernel.close()
    kernel, _ = start()
    assert history(kernel) == lab


def test_vs_code_names_the_notebook_after_the_kernel_has_begun(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    path = tmp_path / "flights.ipynb"
    write(path)
    found = set()
    for _ in range(2):
        kernel = kernels()
        kernel.run(f"__vsc_ipynb_file__ = {str(path)!r}", silent=True)
        kernel.run(SOURCES[0], cell_id="cell-0").raised()
        found.add(history(kernel))
        assert asked(kernel, "status")["history"] == "flights.ipynb"
        kernel.close()
    assert len(found) == 1


def test_who_loads_it_is_told_that_it_records_and_a_kernel_that_begins_by_itself_says_nothing(
    opens: Opens, kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    kernel = opens_written(opens, tmp_path / "n.ipynb", ["first_cell_of_all = 1"], "a")
    assert "Clew records your runs from here on, in the history n.ipynb. `%clew undo`" in kernel.said
    assert asked(kernel, "show @")["outputs"] == []
    kernel.run("x = 1").raised()
    assert "x = 1" in kernel.clew("log").text
