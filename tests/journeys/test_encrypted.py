"""A store that is encrypted: everything works as in any other, and whoever has the disk and not the key finds nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cases.story import Notebook

from journeys.person import Person, told
from journeys.terminal import CLEW, Said, files_of

PATIENT = "Zacharias Quellenhain takes twenty milligrams each evening"
ARRAY = b"planted in the middle of a large array "

CELLS = [
    "import numpy as np",
    f"note = {PATIENT!r}\nnotes = [note, note.upper()] * 3\nprint(note)",
    # Noise around it, so that it lies as it is: what compresses would not be found in any store.
    f"""
    bits = np.random.default_rng(3).integers(0, 256, 1_000_000, dtype='u1')
    bits[500_000 : 500_000 + {len(ARRAY)}] = np.frombuffer({ARRAY!r}, dtype='u1')
    """,
    "bits[7] ^= 1\ntable = {'weight': 81.5, 'name': note}",
    "passing = notes[:2]",
]

PLANTED = [
    PATIENT.encode(),
    PATIENT.upper().encode(),
    PATIENT[:20].encode("utf-16-le"),
    ARRAY,
    b"analysis.ipynb",
]


def holding(folder: Path, planted: bytes, *, without: str = "ipython") -> list[str]:
    """Files below a folder that hold these bytes. IPython's own history is none of Clew's."""
    files = [path for path in folder.rglob("*") if path.is_file() and without not in path.parts]
    return [str(path.relative_to(folder)) for path in files if planted in path.read_bytes()]


FACTS = ["notes", "int(bits.sum()), int(bits[7]), bytes(bits[500_000:500_039])", "table"]


def works(person: Person) -> Notebook:
    """A morning with everything in it that writes: runs, moves, a kill, a resume, care, cells run apart."""
    notebook = person.opens("analysis.ipynb")
    notebook.run(*CELLS)
    live = notebook.read(*FACTS)
    notebook.move("undo 2")
    notebook.move("redo 2")
    assert "6" in told(notebook, "eval @~1 len(notes)")
    notebook.say("describe @ the evening of Zacharias Quellenhain")
    notebook.kill()
    notebook = person.opens("analysis.ipynb")
    assert set(notebook.move("resume").names.values()) <= {"unchanged", "restored"}
    assert notebook.read(*FACTS) == live
    notebook.ask("forget passing --yes")
    notebook.ask("gc --yes")
    assert notebook.ask("verify --read-data")["exit"] == 0
    return notebook


@pytest.fixture
def ada(people: Callable[..., Person]) -> Person:
    """Wants all of her stores encrypted."""
    ada = people("ada")
    ada.clew("config", "store.encrypt", "true").well()
    return ada


def key_of(person: Person) -> Path:
    (key,) = (person.home / ".config/clew/store-keys").iterdir()
    return key


def test_p12_what_is_recorded_encrypted_is_found_nowhere_on_the_disk(ada: Person) -> None:
    notebook = works(ada)
    key = key_of(ada)
    assert key.stat().st_mode & 0o777 == 0o600 and key.parent.stat().st_mode & 0o777 == 0o700
    assert "encrypted" in told(notebook, "status")
    notebook.kill()
    for planted in [*PLANTED, key.read_bytes()]:
        assert set(holding(ada.home, planted)) <= {str(key.relative_to(ada.home))}, planted
    # What was searched for is there for whoever has the key.
    assert PATIENT in ada.clew("show", "3").well()
    log = ada.clew("log").well()
    assert "Zacharias" in log
    assert not list((ada.home / ".cache").rglob("*.sqlite"))
    for command in ["verify --read-data", "doctor", "list", "vars", "diff 2 4", "gc --dry-run"]:
        said = ada.clew(*command.split())
        assert said.exit in (0, 1) and "damage" not in said.out.replace("No damage", "").lower(), said


def test_p12_a_kernel_that_makes_an_encrypted_store_says_once_where_its_key_lies(ada: Person) -> None:
    loading = ada.opens("analysis.ipynb", load=False).kernel.run("%load_ext clew").raised()
    said = loading.text + loading.stderr
    assert str(key_of(ada)) in said and "keep a copy" in said, said
    again = ada.opens("other.ipynb", load=False).kernel.run("%load_ext clew").raised()
    assert "store-keys" not in again.text + again.stderr


def test_p12_the_search_would_find_it_in_a_plain_store(people: Callable[..., Person]) -> None:
    bob = people("bob")
    works(bob).kill()
    found = [planted for planted in PLANTED if holding(bob.home, planted)]
    assert ARRAY in found and PATIENT.encode() in found, found


def without_key(person: Person) -> tuple[Path, Path]:
    """Moves the key away: from where, to where."""
    place, aside = key_of(person), person.home / "aside.key"
    shutil.move(place, aside)
    return place, aside


def test_p12_without_the_key_a_command_says_what_is_wrong_and_touches_nothing(ada: Person) -> None:
    works(ada).kill()
    _, aside = without_key(ada)
    before = files_of(ada.store)
    for command in ["log", "list", "show 3", "verify", "gc", "status", "vars"]:
        said: Said = ada.clew(*command.split())
        assert said.exit >= 2, command
        assert "is encrypted, and its key" in said.err and "CLEW_STORE_KEY" in said.err, said
    doctor = ada.clew("doctor")
    assert doctor.exit == 1 and "is encrypted, and its key" in doctor.out, doctor
    assert files_of(ada.store) == before
    environment = {**ada.folders, "CLEW_STORE_KEY": str(aside)}
    assert "Zacharias" in typed(environment, "log").out


def typed(environment: dict[str, str], *words: str) -> Said:
    ran = subprocess.run(
        [CLEW, *words], capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    return Said(ran.returncode, ran.stdout, ran.stderr)


def test_p07_p12_a_kernel_without_the_key_warns_once_and_goes_on_without_recording(ada: Person) -> None:
    works(ada).kill()
    place, aside = without_key(ada)
    before = files_of(ada.store)
    notebook = ada.opens("analysis.ipynb", load=False)
    loading = notebook.kernel.run("%load_ext clew")
    assert loading.ok, loading
    replies = [notebook.kernel.run(cell).raised() for cell in ["x = 1", "x += 1", "x"]]
    said = "\n".join([loading.text + loading.stderr] + [reply.text + reply.stderr for reply in replies])
    assert said.count("is encrypted, and its key") == 1 and "CLEW_STORE_KEY" in said, said
    assert replies[-1].result == "2"
    assert files_of(ada.store) == before
    notebook.kernel.kill()
    shutil.move(aside, place)
    assert "restored" in set(ada.opens("analysis.ipynb").move("resume").names.values())


def test_p12_a_project_is_made_encrypted_and_a_plain_store_is_left_as_it_is(
    ada: Person, tmp_path: Path
) -> None:
    ada.clew("config", "store.encrypt", "false").well()
    project = tmp_path / "cohort"
    project.mkdir()
    said = ada.clew("init", str(project), "--encrypt").well()
    assert "store-keys" in said and "keep a copy" in said
    again = ada.clew("init", str(project), "--encrypt").well()
    assert "already" in again and "encrypted" in again
    plain = tmp_path / "plain"
    plain.mkdir()
    ada.clew("init", str(plain)).well()
    before = files_of(plain)
    refused = ada.clew("init", str(plain), "--encrypt")
    assert refused.exit == 3 and "is not encrypted" in refused.err, refused
    assert files_of(plain) == before
