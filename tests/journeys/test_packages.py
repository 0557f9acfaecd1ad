"""A notebook goes to a colleague as a package: it opens without Clew, its values come back with it, other tools read it."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from cases.story import Notebook

from journeys.person import Person, told
from journeys.server import PYTHON

SECRET = "sk-proj-" + "Ab3" * 16
CELLS = {
    "load": "import numpy as np\nfrom pathlib import Path\nn = int(Path('data/rows of it.txt').read_text())",
    "make": "a = np.arange(float(n))\nd = {'k': a}",
    "write": "Path('result.txt').write_text(str(a.sum()))",
    "fail": "1 / 0",
    "last": f"token = {SECRET!r}\ntotal = a.sum()\ntotal",
}
SAME = "assert d['k'] is a and total == 44850.0 and len(a) == 300 and n == 300"


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Ada's recorded notebook, saved: its kernel has ended."""
    folder = tmp_path_factory.mktemp("ada")
    ada = Person(folder / "home", folder / "project")
    ada.home.mkdir()
    (ada.folder / "data").mkdir(parents=True)
    (ada.folder / "data/rows of it.txt").write_text("300")
    cells = []
    notebook = ada.opens("analysis.ipynb")
    for number, (cell, source) in enumerate(CELLS.items(), 1):
        reply = notebook.kernel.run(source, cell_id=cell)
        assert reply.ok or cell == "fail", reply
        printed = [nbformat.v4.new_output("stream", text=f"with {SECRET}\n")] if cell == "last" else []
        cells.append(nbformat.v4.new_code_cell(source, id=cell, execution_count=number, outputs=printed))
    notebook.kernel.settle()
    saved = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Rows", id="title"), *cells])
    saved.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(saved, ada.folder / "analysis.ipynb")
    ada.leaves()
    return ada


@pytest.fixture(scope="module")
def package(ada: Person) -> Path:
    said = ada.clew("package", str(ada.folder / "analysis.ipynb"), "--license", "CC-BY-4.0")
    assert said.exit == 1, said
    assert "  cell 6: an API key was left out of the copy" in said.out, said.out
    assert "With 1 file that its cells read (3 B)" in said.out, said.out
    return ada.folder / "analysis.crate.zip"


@pytest.fixture
def bob(people: Callable[..., Person]) -> Person:
    bob = people("bob")
    bob.folder = bob.home / "notebooks"
    bob.folder.mkdir()
    return bob


def key_of(person: Person) -> str:
    found = person.ask("trust")["keys"]
    return str(next(key["key"] for key in found if key["trust"] == "own"))


def goes_on(person: Person, history: str) -> Notebook:
    notebook = person.opens("mine.ipynb")
    notebook.kernel.clew(f"history {history}").raised()
    return notebook


def validated(package: Path, kind: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """What an independent validator finds wrong, and how many checks it made."""
    program = Path(__file__).with_name("crate_validation.py")
    ran = subprocess.run(
        [PYTHON, program, package, kind], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    *issues, verdict = map(json.loads, ran.stdout.splitlines())
    return issues, verdict


def test_a_package_opens_as_a_notebook_without_clew(ada: Person, package: Path) -> None:
    with zipfile.ZipFile(package) as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == [
            "ro-crate-metadata.json",
            "analysis.ipynb",
            "README.md",
            "requirements.txt",
            "clew/history.clew",
            "inputs/data/rows of it.txt",
        ]
        packed = nbformat.reads(zipped.read("analysis.ipynb").decode(), as_version=4)
        readme = zipped.read("README.md").decode()
        assert "numpy==" in zipped.read("requirements.txt").decode()
        assert zipped.read("inputs/data/rows of it.txt") == b"300"
    nbformat.validate(packed)
    before = nbformat.read(ada.folder / "analysis.ipynb", as_version=4)
    assert [cell.id for cell in packed.cells] == [cell.id for cell in before.cells]
    assert [cell.source for cell in packed.cells[:5]] == [cell.source for cell in before.cells[:5]]
    assert set(packed.metadata["clew"]) == {"schema", "history", "run", "version"}
    outcomes = [cell.metadata.get("clew", {}).get("outcome") for cell in packed.cells]
    assert outcomes == [None, "completed", "completed", "completed", "failed", "completed"]
    assert "pip install clew" in readme and "CC-BY-4.0" in readme


def test_p12_a_package_has_no_credential_and_its_notes_no_path_of_the_machine(
    ada: Person, package: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(package) as zipped:
        zipped.extractall(tmp_path)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET in (ada.folder / "analysis.ipynb").read_text(), "the search is of what was there"
    for name in ("analysis.ipynb", "README.md", "requirements.txt"):
        assert str(ada.home) not in (tmp_path / name).read_text()
    # A state tells no path at all.
    file = ada.folder / "state.zip"
    ada.clew("package", str(ada.folder / "analysis.ipynb"), "--at", "@", "-o", str(file))
    with zipfile.ZipFile(file) as zipped:
        for name in zipped.namelist():
            assert str(ada.folder).encode() not in zipped.read(name), name


@pytest.mark.parametrize("has_ids", [True, False])
def test_p12_a_package_has_no_value_of_an_excluded_name(
    people: Callable[..., Person], tmp_path: Path, has_ids: bool
) -> None:
    ada = people("ada")
    notebook = ada.opens("patients.ipynb")
    told(notebook, "exclude patients")
    sources = ["patients = dict(a='JaneRoe')\nn = 2", "print(patients)"]
    for number, source in enumerate(sources):
        notebook.kernel.run(source, cell_id=f"cell-{number}" if has_ids else None)
    notebook.kernel.settle()
    printed = nbformat.v4.new_output("stream", text="{'a': 'JaneRoe'}\n")
    cells = [
        nbformat.v4.new_code_cell(source, outputs=[printed] if at == 1 else [])
        for at, source in enumerate(sources)
    ]
    saved = nbformat.v4.new_notebook(cells=cells[: 2 if has_ids else 1])
    for at, cell in enumerate(cells):
        cell["id"] = f"cell-{at}"
    if not has_ids:
        saved.nbformat_minor = 4
        for cell in cells:
            del cell["id"]
    nbformat.write(saved, ada.folder / "patients.ipynb")
    ada.leaves()
    said = ada.clew("package", str(ada.folder / "patients.ipynb"))
    assert "cell 1: an excluded value was left out of the copy" in said.out, said
    with zipfile.ZipFile(ada.folder / "patients.crate.zip") as zipped:
        for name in zipped.namelist():
            assert b"JaneRoe" not in zipped.read(name), name
        packed = nbformat.reads(zipped.read("patients.ipynb").decode(), as_version=4)
    assert packed.cells[0].source == "patients = dict(a='[not kept: an excluded value]')\nn = 2"
    assert packed.cells[0].metadata["clew"]["outcome"] == "completed"
    assert "JaneRoe" in (ada.folder / "patients.ipynb").read_text(), "the notebook itself stays as it is"


def test_a_package_keeps_to_the_specification_of_ro_crate(ada: Person, package: Path) -> None:
    issues, verdict = validated(package, "all")
    assert issues == [] and verdict["passed"] and verdict["checks"] > 40, (issues, verdict)
    # What it finds wrong it says.
    with zipfile.ZipFile(package) as zipped, zipfile.ZipFile(ada.folder / "wrong.zip", "w") as wrong:
        for name in zipped.namelist():
            told = zipped.read(name)
            wrong.writestr(
                name, told.replace(b"programmingLanguage", b"language") if name[0] == "r" else told
            )
    issues, verdict = validated(ada.folder / "wrong.zip", "all")
    assert not verdict["passed"] and "programmingLanguage" in issues[0]["message"], issues
    file = ada.folder / "only.zip"
    ada.clew("package", str(ada.folder / "analysis.ipynb"), "--at", "2", "-o", str(file))
    issues, verdict = validated(file, "state")
    assert issues == [] and verdict["passed"], (issues, verdict)


def test_the_crate_tells_what_ran_when_and_what_it_read_and_wrote(package: Path) -> None:
    with zipfile.ZipFile(package) as zipped:
        graph = json.loads(zipped.read("ro-crate-metadata.json"))["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph), "no two are called alike"
    root = entities["./"]
    assert root["mainEntity"]["@id"] == "analysis.ipynb"
    assert root["license"]["@id"] == "https://spdx.org/licenses/CC-BY-4.0"
    actions = {name: entity for name, entity in entities.items() if entity["@type"] == "CreateAction"}
    assert len(actions) == 6, "five cells, and all of them together"
    reading = next(action for action in actions.values() if "cell 2" in action["description"])
    assert reading["object"]["@id"] == "inputs/data/rows%20of%20it.txt"
    writing = next(action for action in actions.values() if "cell 4" in action["description"])
    assert entities[writing["result"]["@id"]]["name"] == "result.txt"
    failing = next(action for action in actions.values() if "cell 5" in action["description"])
    assert failing["error"] == "ZeroDivisionError" and failing["actionStatus"].endswith("FailedActionStatus")


def test_a_colleague_looks_first_and_gets_equal_values(ada: Person, bob: Person, package: Path) -> None:
    preview = bob.ask("import", str(package), "--preview")
    assert not bob.store.exists(), "looking made a store"
    assert preview["trust"] == "untrusted" and preview["notebook"]["name"] == "analysis.ipynb"
    assert {"a", "d", "n", "total"} <= {name["key"] for name in preview["variables"]}
    imported = bob.ask("import", str(package), "--files", str(bob.folder))
    bob.clew("trust", "add", key_of(ada), "--yes").well()
    assert imported["new_runs"] >= 5 and imported["files"][0]["is_included"]
    assert (bob.folder / "data/rows of it.txt").read_text() == "300"
    nbformat.validate(nbformat.read(bob.folder / "analysis.ipynb", as_version=4))
    again = bob.ask("import", str(package), "--files", str(bob.folder))
    assert again["new_runs"] == 0 and again["notebook"]["why"] is None
    (bob.folder / "analysis.ipynb").write_text("{}")
    again = bob.ask("import", str(package), "--files", str(bob.folder))
    assert again["notebook"]["why"] == "another file exists there, and stays"
    assert "numpy" in bob.clew("doctor", "--for", str(package)).out
    mine = goes_on(bob, imported["id"])
    mine.kernel.clew("resume").raised()
    mine.run(SAME)
    assert not (bob.folder / "result.txt").exists(), "a cell ran"


def test_a_notebook_carries_its_own_history(ada: Person, bob: Person) -> None:
    notebook = ada.folder / "analysis.ipynb"
    before = notebook.read_bytes()
    out = ada.folder / "one.ipynb"
    assert "Packed" in ada.clew("package", str(notebook), "--embed", "-o", str(out)).out
    nbformat.validate(nbformat.read(out, as_version=4))
    refused = ada.clew("package", str(notebook), "--embed", "-o", str(notebook))
    assert (refused.exit, notebook.read_bytes()) == (3, before), refused
    small = ada.clew(
        "package", str(notebook), "--embed", "--max-size", "1kB", "-o", str(ada.folder / "no.ipynb")
    )
    assert small.exit == 3 and "are allowed" in small.err and not (ada.folder / "no.ipynb").exists()
    imported = bob.ask("import", str(out))
    assert imported["new_runs"] >= 5 and imported["notebook"]["name"] == "one.ipynb"
    none = bob.clew("import", str(notebook))
    assert none.exit == 2 and "without a package in it" in none.err, none


def test_a_package_that_was_unpacked_is_taken_in_from_its_folder_and_one_that_was_zipped_anew_is_not(
    bob: Person, package: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "unpacked"
    shutil.unpack_archive(package, folder, "zip")
    said = bob.clew("import", str(folder), "--files", str(bob.folder / "files"))
    assert "Imported" in said.out, said
    assert (bob.folder / "files/data/rows of it.txt").read_text() == "300"
    anew = shutil.make_archive(str(tmp_path / "anew"), "zip", folder)
    refused = bob.clew("import", anew)
    assert refused.exit == 2 and "unpack it, and import the folder" in refused.err, refused


def test_p11_a_package_in_which_anything_signed_was_changed_is_refused(
    bob: Person, package: Path, tmp_path: Path
) -> None:
    changed = bytearray(package.read_bytes())
    with zipfile.ZipFile(package) as zipped:
        start = zipped.getinfo("clew/history.clew").header_offset
    changed[start + 12_000] ^= 1
    (tmp_path / "changed.zip").write_bytes(changed)
    said = bob.clew("import", str(tmp_path / "changed.zip"))
    assert (said.exit, said.out) == (3, ""), said
    assert not bob.ask("list").get("histories")
    # An input that is not what was signed is not written.
    with zipfile.ZipFile(package) as zipped, zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        for entry in zipped.infolist():
            content = zipped.read(entry)
            stored = zipfile.ZIP_STORED if entry.filename.endswith(".clew") else zipfile.ZIP_DEFLATED
            other.writestr(
                entry.filename,
                b"301" if entry.filename.startswith("inputs") else content,
                compress_type=stored,
            )
    said = bob.clew("import", str(tmp_path / "other.zip"), "--files", str(bob.folder))
    assert said.exit == 1 and "do not match its signature" in said.out, said
    assert not (bob.folder / "data/rows of it.txt").exists()


def test_nothing_is_written_by_a_dry_run_and_one_that_is_there_stays(ada: Person, package: Path) -> None:
    before = {path: path.read_bytes() for path in ada.folder.rglob("*") if path.is_file()}
    said = ada.clew("package", str(ada.folder / "analysis.ipynb"), "--dry-run")
    assert "Nothing was written" in said.out and "Would pack" in said.out, said
    refused = ada.clew("package", str(ada.folder / "analysis.ipynb"))
    assert refused.exit == 3 and "already exists" in refused.err
    assert {path: path.read_bytes() for path in ada.folder.rglob("*") if path.is_file()} == before
    assert ada.clew("package", str(ada.folder / "other.ipynb")).exit == 2
