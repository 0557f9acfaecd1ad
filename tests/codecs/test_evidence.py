"""What a run touches outside is seen, cheaply, and nothing is seen between runs."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys

from clew import evidence


def names(files):
    return {os.path.basename(file["path"]) for file in files}


def test_files_processes_sockets_and_random_numbers(tmp_path):
    (tmp_path / "in.csv").write_text("a")
    evidence.begin()
    (tmp_path / "in.csv").read_text()
    (tmp_path / "out.csv").write_text("bcd")
    (tmp_path / "out.csv").rename(tmp_path / "moved.csv")
    subprocess.run([sys.executable, "-c", ""], check=True)
    with socket.socket() as connection:
        connection.settimeout(0.01)
        connection.connect_ex(("127.0.0.1", 9))
    random.random()
    seen = evidence.end()
    assert "in.csv" in names(seen["files_read"])
    assert {"out.csv", "moved.csv"} <= names(seen["files_written"])
    moved = next(file for file in seen["files_written"] if file["path"].endswith("moved.csv"))
    assert moved["size"] == 3 and moved["modified"] > 0
    assert next(file for file in seen["files_written"] if file["path"].endswith("out.csv"))["size"] is None
    assert seen["sockets"] == ["127.0.0.1:9"] and sys.executable in seen["processes"]
    before, after = seen["random"]["random"]
    assert before != after


def test_nothing_is_seen_between_runs(tmp_path):
    (tmp_path / "a").write_text("a")
    assert evidence.end() == {}
    evidence.begin()
    evidence.stop()
    assert evidence.end() == {}


def test_modules_and_devices_are_no_files():
    evidence.begin()
    with open(os.devnull, "w"), open(os.__file__):
        pass
    seen = evidence.end()
    assert not seen["files_written"] and "os.py" not in names(seen["files_read"])


def test_what_goes_wrong_in_the_hook_stays_there():
    evidence.begin()
    sys.audit("open", object(), "w", 0)
    sys.audit("os.rename")
    assert evidence.end()["files_written"] == []


def test_files_that_strings_name_count_and_their_time_tells_whether_they_were_written(tmp_path):
    old, new = tmp_path / "old.parquet", tmp_path / "new.parquet"
    old.write_text("a")
    os.utime(old, ns=(1, 1))
    evidence.begin()
    new.write_text("b")
    seen = evidence.take()
    seen.read.clear()
    seen.written.clear()
    found = seen.described(evidence.named_files([str(old), new, 3, "no.such.file", "a\0b.c", "text"]))
    assert names(found["files_read"]) == {"old.parquet"}
    assert names(found["files_written"]) == {"new.parquet"}
