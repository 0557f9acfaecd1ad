"""Attacks on the sandbox, each through a real scratch process: nothing outside it may notice."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attacks
import pytest
from driver import GIBIBYTE, Scratch
from harness import SOURCES, no_maps, wait_for

ON_FILES = """write append write_in_place map_shared_what_was_opened_to_read empty_on_opening_to_read truncate remove rename
replace_by_own link_into_own write_through_a_link change_rights change_rights_through_a_descriptor change_owner
change_times set_attribute set_flags lock make make_folder make_pipe remove_everything write_from_c
write_by_the_second_numbers change_rights_by_the_second_numbers sqlite write_csv write_parquet write_array map_array figure
ring mount new_namespace""".split()
ON_THE_NETWORK = """connect send_datagram listen ask_for_a_name fetch connect_asynchronously pair_of_datagram_sockets
reuse_a_pair raw""".split()
ON_PROCESSES = """end end_its_group end_everything end_by_descriptor run spawn fork multiply become_another trace read_memory
write_memory write_memory_by_call take_a_descriptor slow_it_down limit_it
clone_with_flags_out_of_sight""".split()


@pytest.fixture(scope="module", params=["as it is", "mapped"])
def scratch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """One for all attacks: each leaves it as able to answer as before. The second has a root of its own, with one more folder."""
    maps = [("/no-such-folder/data", str(tmp_path_factory.mktemp("mapped")))]
    process = Scratch(tmp_path_factory.mktemp("scratch"), maps=maps if request.param == "mapped" else [])
    if request.param == "mapped" and (why := no_maps()) is not None:
        process.close()
        pytest.skip(why)
    assert process.unmapped is None
    yield process
    process.close()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the user's."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def digest(folder: Path) -> dict[str, tuple[str, int, int, int]]:
    """Content, rights and times of everything in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (content, stat.st_mode, stat.st_mtime_ns, stat.st_ctime_ns)
    return found


#: How libraries say that something was refused.
REFUSED = {"PermissionError", "OSError", "OperationalError", "URLError", "gaierror"}


def raised(scratch: Scratch, expression: str) -> str:
    """The type of the exception that an expression raises."""
    value = scratch.eval(expression)
    assert "error" in value, f"{expression} got through: {value}"
    return str(value["error"]["exception"])


def test_the_sandbox_holds_on_this_machine(scratch: Scratch) -> None:
    assert scratch.gaps == []
    assert sorted(path.name for path in scratch.outside.iterdir()) == ["there"]
    assert (scratch.outside / "there").read_bytes() == b"as it was"


def test_every_attack_is_made() -> None:
    made = {name for name, thing in vars(attacks).items() if getattr(thing, "__module__", "") == "attacks"}
    told = {*ON_FILES, *ON_THE_NETWORK, *ON_PROCESSES}
    assert made - told == {
        "checked",
        "system_call",
        "threads",
        "event_loop",
        "own_files",
        "lift_own_limits",
        "forever",
        "hoard",
    }


@pytest.mark.parametrize("attack", ON_FILES)
def test_files_stay_as_they_are(scratch: Scratch, tmp_path: Path, attack: str) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"as it was")
    before = digest(tmp_path)
    assert raised(scratch, f"__import__('attacks').{attack}({str(there)!r})") in REFUSED
    assert digest(tmp_path) == before


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "~", "."])
def test_nothing_is_written_anywhere_else(scratch: Scratch, place: str) -> None:
    there = Path(place).expanduser() / "clew-attack"
    assert raised(scratch, f"__import__('attacks').write({str(there)!r})") in ("PermissionError", "OSError")
    assert not there.exists()


@pytest.mark.parametrize("attack", ON_THE_NETWORK)
def test_nobody_hears_of_it(scratch: Scratch, attack: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        assert raised(scratch, f"__import__('attacks').{attack}({port})") in REFUSED
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_socket_of_this_machine_is_not_reached(scratch: Scratch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        expression = f"__import__('socket').socket(1).connect({str(tmp_path / 's')!r})"
        assert raised(scratch, expression) == "PermissionError"


@pytest.mark.parametrize("attack", ON_PROCESSES)
def test_other_processes_live_on(scratch: Scratch, bystander: subprocess.Popen[bytes], attack: str) -> None:
    assert raised(scratch, f"__import__('attacks').{attack}({bystander.pid})") in REFUSED
    assert bystander.poll() is None
    assert os.getpriority(os.PRIO_PROCESS, bystander.pid) == os.getpriority(os.PRIO_PROCESS, 0)


def test_a_shell_does_nothing(scratch: Scratch, tmp_path: Path) -> None:
    there = tmp_path / "made"
    assert scratch.eval(f"__import__('os').system('touch {there}')")["text"] != "0"
    assert not there.exists()


def test_threads_loops_and_own_files_work(scratch: Scratch) -> None:
    assert scratch.eval("__import__('attacks').threads()")["text"] == "6"
    assert scratch.eval("__import__('attacks').event_loop()")["text"] == "7"
    assert scratch.eval("__import__('attacks').own_files()")["text"] == "'mine'"


def test_what_is_read_and_printed_goes_nowhere(scratch: Scratch) -> None:
    assert raised(scratch, "input()") == "EOFError"
    flood = "[print('x' * 1000) for _ in range(10000)] and __import__('os').write(2, b'y' * 1000) and 5"
    assert scratch.eval(flood)["text"] == "5"


def test_a_long_text_is_cut(scratch: Scratch) -> None:
    value = scratch.eval("'x' * 10_000_000")
    assert len(value["text"]) == 20_000
    assert value["is_cut"] is True


def test_leaving_is_no_way_out(scratch: Scratch) -> None:
    assert raised(scratch, "exit()") == "SystemExit"
    assert scratch.eval("1 + 1")["text"] == "2"


def test_a_loop_without_end_is_ended_even_if_nobody_waits(tmp_path: Path) -> None:
    process = Scratch(tmp_path, seconds=1)
    with pytest.raises(EOFError):
        process.eval("__import__('attacks').forever()")
    assert -process.process.wait() in (signal.SIGXCPU, signal.SIGKILL)
    process.close()


def test_who_hoards_memory_gets_no_more(tmp_path: Path) -> None:
    process = Scratch(tmp_path, memory=GIBIBYTE)
    assert raised(process, "__import__('attacks').hoard()") == "MemoryError"
    assert process.eval("1 + 1")["text"] == "2"
    assert raised(process, "__import__('attacks').lift_own_limits()") == "ValueError"
    process.close()


def test_it_dies_with_whoever_started_it(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path[:0] = {sys.path!r}\n"
            "from pathlib import Path; from driver import Scratch; import json, struct, time\n"
            f"it = Scratch(Path({str(tmp_path)!r})); print(it.process.pid, flush=True)\n"
            "it.ask(do='eval', expression='__import__(\"attacks\").forever()', truth=False)",
        ],
        stdout=subprocess.PIPE,
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.kill()
    starter.communicate()
    wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    def is_gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    wait_for(is_gone, "the scratch process outlived its parent", 30)


def test_nothing_is_answered_before_the_sandbox_is_shut(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-B", "-m", "clew.scratch"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(path) for path in SOURCES)},
    )
    request = b'{"do": "eval", "expression": "1", "truth": false}'
    out, _ = process.communicate(len(request).to_bytes(4, "little") + request)
    assert b"not sandboxed yet" in out
