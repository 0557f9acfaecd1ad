"""Whom one trusts: a colleague's key is given, counts from the next kernel on, and is taken back; one's own key is replaced."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeys.person import Person, refused, told
from journeys.terminal import files_of

CELLS = [
    "def half(x):\n    return x / 2",
    "plain = [1, 2, 3]",
    "stream = (x for x in range(3))",
]


@pytest.fixture
def ada(people: Callable[..., Person]) -> Person:
    """Has worked in a notebook whose folder is gone."""
    ada = people("ada")
    notebook = ada.opens("analysis.ipynb")
    notebook.run(*CELLS)
    notebook.kill()
    return ada


@pytest.fixture
def bob(people: Callable[..., Person], ada: Person, tmp_path: Path) -> Person:
    """Has a copy of Ada's store, and a key of his own."""
    shutil.copytree(ada.store, tmp_path / "shared")
    bob = people("bob", store=tmp_path / "shared")
    bob.opens("own.ipynb").run("mine = 1")
    return bob


def key_of(person: Person) -> str:
    return str(next(key["key"] for key in person.ask("trust")["keys"] if key["trust"] == "own"))


def settings_of(person: Person) -> dict[str, str]:
    """The files of the settings, but for what was last seen of stores: a kernel that is killed leaves that to whoever looks next."""
    return {
        path: digest
        for path, digest in files_of(person.home / ".config").items()
        if not path.startswith("clew/last-seen/")
    }


def standing(person: Person, key: str) -> Any:
    return next(one["trust"] for one in person.ask("trust", "list")["keys"] if one["key"] == key)


def words_after_resume(person: Person) -> dict[str, str]:
    notebook = person.opens("analysis.ipynb")
    notebook.run("pass")
    words: dict[str, str] = notebook.move("resume 4").names
    notebook.kill()
    return words


def test_p11_code_of_a_colleague_comes_once_her_key_is_trusted_and_no_longer_when_that_is_taken_back(
    ada: Person, bob: Person
) -> None:
    hers = key_of(ada)
    assert standing(bob, hers) == "untrusted"
    assert words_after_resume(bob)["half"] == "lost"

    before = settings_of(bob)
    said = bob.clew("trust", "add", hers[:16], "--label", "Ada")
    assert said.exit == 3, "it waits for --yes"
    shown = said.out + said.err
    assert "Would trust Ada" in shown and "in analysis.ipynb" in shown and "can then run code as you" in shown
    assert f"clew trust add {hers} --label Ada --yes" in shown
    assert settings_of(bob) == before, "only --yes does it"

    running = bob.opens("analysis.ipynb")
    running.run("pass")
    assert bob.clew("trust", "add", hers, "--label", "Ada", "--yes").well().startswith("Now trusted: Ada")
    assert running.move("resume 4").names["half"] == "lost", "what a kernel trusts is settled when it starts"
    running.kill()

    assert words_after_resume(bob)["half"] == "restored"
    assert "Ada" in bob.clew("trust").well()
    assert bob.clew("trust", "remove", "Ada").well().startswith("No longer trusted: Ada")
    assert standing(bob, hers) == "removed"
    assert words_after_resume(bob)["half"] == "lost"


def test_p11_trust_is_given_in_a_terminal_only_and_to_whole_keys(ada: Person, bob: Person) -> None:
    hers, his = key_of(ada), key_of(bob)
    notebook = bob.opens("own.ipynb")
    for words in (f"add {hers} --yes", f"remove {hers}", "rotate"):
        why = refused(notebook, f"trust {words}")["error"]
        assert "changed only in a terminal" in why["message"]
    assert his in told(notebook, "trust").replace(" ", ""), "to look is free"

    def wrong(*words: str) -> str:
        said = bob.clew("trust", *words)
        assert said.exit in (2, 3) and "Nothing was changed" in said.err, said
        return said.err

    assert "too few for a key" in wrong("add", hers[:8], "--yes")
    assert "is not a key" in wrong("add", "somebody", "--yes")
    assert "No known key starts with" in wrong("add", "0123456789abcdef", "--yes")
    assert "That is your own key" in wrong("add", his, "--yes")
    assert "That key is not trusted" in wrong("remove", hers)
    assert "`clew trust rotate` creates a new one" in wrong("remove", his)
    assert standing(bob, hers) == "untrusted"

    bob.clew("trust", "add", hers, "--label", "Ada", "--yes").well()
    assert "already trusted" in wrong("add", hers, "--yes")
    assert "Ada has another key in your list" in wrong("add", "ab" * 32, "--label", "Ada", "--yes")


def test_p11_a_new_key_of_ones_own_keeps_what_the_old_one_signed(ada: Person) -> None:
    old = key_of(ada)
    said = ada.clew("trust", "rotate").well()
    new = key_of(ada)
    assert new != old and new[:16] in said and f"clew trust remove {old[:16]}" in said
    assert standing(ada, old) == "former"
    assert words_after_resume(ada)["half"] == "restored"
    assert ada.ask("show", "2")["is_untrusted"] is False

    ada.clew("trust", "remove", old).well()
    assert words_after_resume(ada)["half"] == "lost", (
        "the key may be in other hands: what it signed is a stranger's"
    )
    assert ada.ask("show", "2")["is_untrusted"] is True


def test_p11_a_list_of_keys_that_others_may_write_to_is_said_and_counts_for_nothing(
    ada: Person, bob: Person
) -> None:
    bob.clew("trust", "add", key_of(ada), "--yes").well()
    path = bob.home / ".config/clew/trusted.keys"
    path.chmod(0o666)
    assert words_after_resume(bob)["half"] == "lost"
    notebook = bob.opens("analysis.ipynb", load=False)
    assert "other users can read or write it" in notebook.kernel.run("%load_ext clew").stderr
    assert "other users can read or write it" in bob.clew("trust").err
    assert "chmod 600" in bob.clew("doctor").out


def test_p11_a_project_a_store_and_a_cell_can_not_widen_trust(ada: Person, bob: Person) -> None:
    line = f"{key_of(ada)} trusted 0 Ada\n"
    project = bob.folder / ".clew"
    bob.folder.mkdir(exist_ok=True)
    for folder in (bob.store, bob.folder, project):
        folder.mkdir(exist_ok=True)
        (folder / "trusted.keys").write_text(line)
        (folder / "trusted.keys").chmod(0o600)
    assert standing(bob, key_of(ada)) == "untrusted"
    notebook = bob.opens("analysis.ipynb")
    notebook.run(
        f"import os, pathlib\np = pathlib.Path({str(bob.home)!r}) / '.config/clew/trusted.keys'\n"
        f"p.touch(0o600)\np.write_text({line!r})"
    )
    assert notebook.move("resume 4").names.get("half") in (None, "lost"), "it was read before any cell ran"
