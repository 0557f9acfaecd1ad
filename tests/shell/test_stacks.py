"""What the other threads are at is found out without harm to them, or to the process."""

from __future__ import annotations

import subprocess
import sys
import threading

from harness import NEVER

from clew._engine import locals_elsewhere, runs_elsewhere

#: Threads that go in and out of functions of different sizes all the time, while finalizers let them go on in the middle of
#: whatever makes an object. A chain of frames that Python code goes along then ends in an object that is no frame, or in a
#: crash: on 3.11 after a hundred looks.
BUSY = """
import gc, random, sys, threading
from clew._engine import locals_elsewhere, runs_elsewhere

sys.setswitchinterval(1e-5)
functions = []
for size in range(1, 36, 3):
    local = "; ".join(f"v{number} = {number}.5" for number in range(size))
    exec(f"def f(n):\\n    {local}\\n    return random.choice(functions)(n - 1) if n else sum(range(30))")
    functions.append(f)

class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        sum(range(3))
        Cycle()

def work():
    while True:
        random.choice(functions)(12)

for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
gc.set_threshold(10, 1000, 2)
for _ in range(1_000):
    Cycle()
    assert not runs_elsewhere({})
    locals_elsewhere()
assert runs_elsewhere(globals()) and gc.isenabled()
"""


def test_threads_that_go_on_meanwhile_do_no_harm() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", BUSY], capture_output=True, text=True, timeout=NEVER)
    assert done.returncode == 0, done.stderr


def test_frames_of_other_threads_are_told_apart_and_no_code_of_the_users_runs() -> None:
    class Names(dict[str, object]):
        def values(self) -> object:  # type: ignore[override]
            raise AssertionError("asked for")

    begun, ended, held = threading.Event(), threading.Event(), object()
    space = {"begun": begun, "ended": ended}

    def wait(mine: object) -> None:
        exec("begun.set(); ended.wait()", space, Names(mine=mine))

    thread = threading.Thread(target=wait, args=(held,))
    thread.start()
    try:
        begun.wait()
        assert runs_elsewhere(space) and runs_elsewhere(globals()) and not runs_elsewhere({})
        frames = locals_elsewhere()
        assert threading.get_ident() not in frames
        ((_, addresses),) = [(named, ids) for named, ids in frames[thread.ident or 0] if named is globals()]
        assert id(held) in addresses
        assert [ids for named, ids in frames[thread.ident or 0] if named is space] == [set()]
    finally:
        ended.set()
        thread.join()
    assert not runs_elsewhere(space)
