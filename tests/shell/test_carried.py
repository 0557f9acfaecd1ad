"""Words that go to other places: the native command of the same wheel does them, for a notebook and for a program."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from harness import Kernel, wait_for

from clew import _engine


def script(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def put_first(kernel: Kernel, folder: Path) -> None:
    """Has programs in a folder found first, by whatever the kernel starts."""
    kernel.run(f"import os; os.environ['PATH'] = {str(folder)!r} + os.pathsep + os.environ['PATH']")


def test_a_notebook_adds_a_remote_that_the_terminal_knows(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("x = 1")
    place = tmp_path / "shared"
    said = kernel.clew(f"remote add nas {place}")
    assert (
        said.ok
        and said.stdout == f"Added nas, {place} (a new folder): several machines can push, tested just now.\n"
    ), said
    assert (place / ".clew-remote").exists()
    listed = json.loads(kernel.clew("remote --json").stdout)
    assert [remote["url"] for remote in listed["remotes"]] == [str(place)]
    assert kernel.terminal("remote", "list", "--json").json["remotes"] == listed["remotes"]


def test_a_refusal_is_one_line_and_no_traceback(kernel: Kernel) -> None:
    said = kernel.clew("remote add lab ftp://host/x")
    assert said.ok and said.stdout == "", said
    assert said.stderr.startswith("Error: Clew does not support remotes of the kind `ftp://`"), said
    told = json.loads(kernel.clew("remote remove lab --json").stdout)
    assert (told["exit"], told["error"]["message"]) == (2, "There is no remote `lab`"), told


def test_what_to_type_next_is_said_in_the_words_of_where_one_is(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("x = 1")
    place = tmp_path / "empty"
    kernel.clew(f"remote add nas {place}").raised()
    kernel.clew("remote remove nas").raised()
    said = {
        "remote": "`%clew remote add NAME URL` adds one",
        "remote remove lab": "`%clew remote add NAME URL` adds one",
        "push": "`%clew remote add NAME URL` adds one",
        f"clone {place} {tmp_path / 'into'}": "`%clew push` sends one there",
        "push --budget 1MB": "`%clew push --plan`",
    }
    for words, expected in said.items():
        typed = kernel.clew(words)
        assert expected in typed.stdout + typed.stderr, (words, typed)
        assert "`clew " not in typed.stdout + typed.stderr, (words, typed)
        answer = kernel.terminal(*words.split())
        assert expected.replace("%", "") in answer.out + answer.err, (words, answer)
    kernel.run("import clew; s = clew.session()")
    assert (
        '`clew.session().command("remote", "add", "NAME", "URL")` adds one'
        in kernel.run("s.command('push')").evalue
    )


def test_a_program_gets_data_and_errors(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("import clew; s = clew.session()")
    place = tmp_path / "shared"
    heads = f"s.command('remote', 'add', 'nas', {str(place)!r}).data['remote']['writers']"
    assert kernel.value(heads) == "shared"
    said = kernel.run("s.command('remote', 'remove', 'lab')")
    assert said.ename == "UsageError" and "There is no remote `lab`" in said.evalue, said


def test_a_move_takes_what_the_cell_did_before_it(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("y = 1")
    place = tmp_path / "shared"
    kernel.clew(f"remote add nas {place}").raised()
    said = kernel.run("y = 2\n%clew move nas --rate 1MB")
    assert said.ok and said.stdout.startswith("Moved run 3 to nas: "), said
    moved = json.loads(kernel.clew("move nas --json --at @- --rate 1MB").stdout)
    assert (moved["run"], moved["target"], moved["done"]["corruption"]) == ("2", "nas", []), moved


def test_a_move_that_is_refused_says_so_at_each_door(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("import clew; s = clew.session()")
    for line in ("move nas", "move nas --at 99", "push --plan"):
        said = kernel.clew(line)
        assert said.ok and said.stdout == "" and said.stderr.startswith("Error: "), said
        told = json.loads(kernel.clew(f"{line} --json").stdout)
        assert told["exit"] == 2 and told["error"]["hint"], told
    said = kernel.run("s.command('move', 'nas', '--at', '99')")
    assert said.ename == "UsageError" and "99" in said.evalue, said
    kernel.clew(f"remote add nas {tmp_path / 'shared'}").raised()
    assert kernel.value("s.command('push', '--plan', '--rate', '1MB').data['done']['corruption']") == []


def test_another_command_on_the_path_is_not_taken(kernel: Kernel, tmp_path: Path) -> None:
    script(tmp_path / "bin", "clew", "echo something else")
    put_first(kernel, tmp_path / "bin")
    assert "no remotes" in kernel.clew("remote").stdout


def test_ctrl_c_ends_what_takes_too_long(kernel: Kernel, tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    script(tmp_path / "bin", "ssh", f"echo $$ > {noted}; exec sleep 1000")
    put_first(kernel, tmp_path / "bin")
    request = kernel.send("%clew remote add far ssh://far/data")
    wait_for(lambda: noted.exists() and noted.read_text().endswith("\n"), "ssh was not started")
    kernel.interrupt()
    said = kernel.collect([request])[0]
    assert said.ename == "KeyboardInterrupt", said
    pid = int(noted.read_text())
    wait_for(lambda: not Path(f"/proc/{pid}/exe").exists(), "it goes on")
    assert kernel.clew("remote").ok and "no remotes" in kernel.clew("remote").stdout


def test_a_folder_behind_ssh_is_served_by_the_command(kernel: Kernel, tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    script(
        tmp_path / "bin",
        "ssh",
        f'cd {far}; PATH={Path(kernel.command).parent}:$PATH; for last; do :; done; exec sh -c "$last"',
    )
    put_first(kernel, tmp_path / "bin")
    said = kernel.clew("remote add far me@far:data")
    assert said.stdout == "Added far, ssh://me@far/~/data: several machines can push, tested just now.\n", (
        said
    )
    assert (far / "data" / ".clew-remote").exists()


def test_what_is_carried_is_no_evidence_of_the_cell(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(f"%clew remote add nas {tmp_path / 'shared'}\ny = 2")
    shown = json.loads(kernel.clew("show --json").stdout)
    assert "clew" not in json.dumps(shown.get("evidence", {}).get("processes", [])), shown


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the module's file is looked at as it lies on Unix")
def test_nothing_that_speaks_to_networks_is_in_the_module() -> None:
    built = Path(_engine.__file__).read_bytes()
    for crate in (b"object_store", b"reqwest", b"rustls", b"/tokio-"):
        assert crate not in built, crate
