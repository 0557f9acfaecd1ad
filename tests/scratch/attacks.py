"""What code in a scratch process may try. Each function does harm where nothing stops it, and raises where something does."""

from __future__ import annotations

import asyncio
import ctypes
import mmap
import multiprocessing
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import urllib.request
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
X32 = 0x40000000


def checked(result: int) -> int:
    """Raises what C code only returns."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def system_call(number: int, *arguments: Any) -> int:
    """A system call by its number, past everything that Python does."""
    return checked(LIBC.syscall(number, *arguments))


# -- files: `there` is a file, `folder` the one it lies in -------------------------------------------------------------


def write(there: str) -> None:
    Path(there).write_text("changed")


def append(there: str) -> None:
    with Path(there).open("a") as file:
        file.write("more")


def write_in_place(there: str) -> None:
    with Path(there).open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[0:1] = b"X"


def map_shared_what_was_opened_to_read(there: str) -> None:
    with Path(there).open("rb") as file:
        memory = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        memory[0:1] = b"X"


def empty_on_opening_to_read(there: str) -> None:
    os.open(there, os.O_RDONLY | os.O_TRUNC)


def truncate(there: str) -> None:
    os.truncate(there, 0)


def remove(there: str) -> None:
    os.unlink(there)


def rename(there: str) -> None:
    os.rename(there, there + ".renamed")


def replace_by_own(there: str) -> None:
    own = Path(os.environ["TMPDIR"], "own")
    own.write_text("changed")
    os.replace(own, there)


def link_into_own(there: str) -> None:
    """A second name of the file, in the folder that can be written, would let it be written."""
    second = Path(os.environ["TMPDIR"], "second")
    os.link(there, second)
    second.write_text("changed")


def write_through_a_link(there: str) -> None:
    link = Path(os.environ["TMPDIR"], "link")
    link.symlink_to(there)
    link.write_text("changed")


def change_rights(there: str) -> None:
    os.chmod(there, 0o777)


def change_rights_through_a_descriptor(there: str) -> None:
    os.fchmod(os.open(there, os.O_RDONLY), 0o777)


def change_owner(there: str) -> None:
    os.chown(there, os.getuid(), os.getgid())


def change_times(there: str) -> None:
    os.utime(there, (0, 0))


def set_attribute(there: str) -> None:
    os.setxattr(there, "user.clew", b"x")


def set_flags(there: str) -> None:
    """What `chattr` does, which needs a descriptor to read only."""
    flags = ctypes.c_long(0)
    checked(LIBC.ioctl(os.open(there, os.O_RDONLY), 0x40086602, ctypes.byref(flags)))


def lock(there: str) -> None:
    import fcntl

    fcntl.flock(os.open(there, os.O_RDONLY), fcntl.LOCK_EX)


def make(there: str) -> None:
    Path(there + ".made").write_text("new")


def make_folder(there: str) -> None:
    os.mkdir(there + ".folder")


def make_pipe(there: str) -> None:
    os.mkfifo(there + ".pipe")


def remove_everything(there: str) -> None:
    shutil.rmtree(Path(there).parent)


def write_from_c(there: str) -> None:
    checked(LIBC.open(there.encode(), os.O_WRONLY | os.O_TRUNC))


def write_by_the_second_numbers(there: str) -> None:
    """x32: every system call once more, under another number."""
    system_call(X32 + 2, there.encode(), os.O_WRONLY | os.O_TRUNC, 0)


def change_rights_by_the_second_numbers(there: str) -> None:
    system_call(X32 + 90, there.encode(), 0o777)


def sqlite(there: str) -> None:
    with sqlite3.connect(there + ".db") as connection:
        connection.execute("create table t (a)")


def write_csv(there: str) -> None:
    import pandas as pd

    pd.DataFrame({"a": [1]}).to_csv(there)


def write_parquet(there: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1]}), there)


def write_array(there: str) -> None:
    import numpy as np

    np.save(there + ".npy", np.arange(3))


def map_array(there: str) -> None:
    import numpy as np

    array = np.memmap(there, dtype="u1", mode="r+")
    array[0] = 88


def figure(there: str) -> None:
    from matplotlib.figure import Figure

    Figure().savefig(there + ".png")


def ring(there: str) -> None:
    """io_uring makes its calls where no filter sees them."""
    system_call(425, 8, ctypes.create_string_buffer(256))


def mount(there: str) -> None:
    checked(LIBC.mount(b"none", str(Path(there).parent).encode(), b"tmpfs", 0, None))


def new_namespace(there: str) -> None:
    checked(LIBC.unshare(0x10000000 | 0x00020000))


# -- the network: `port` is one that listens on this machine -----------------------------------------------------------


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5)


def send_datagram(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        it.sendto(b"x", ("127.0.0.1", port))


def listen(port: int) -> None:
    socket.create_server(("127.0.0.1", 0))


def ask_for_a_name(port: int) -> None:
    socket.getaddrinfo("example.com", 80)


def fetch(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)


def connect_asynchronously(port: int) -> None:
    asyncio.run(asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 5))


def pair_of_datagram_sockets(port: int) -> None:
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


def reuse_a_pair(port: int) -> None:
    one, _ = socket.socketpair()
    one.connect("/run/whatever")


def raw(port: int) -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


# -- other processes: `process` is one of the user's -------------------------------------------------------------------


def end(process: int) -> None:
    os.kill(process, 9)


def end_its_group(process: int) -> None:
    os.killpg(os.getpgid(process), 9)


def end_everything(process: int) -> None:
    os.kill(-1, 9)


def end_by_descriptor(process: int) -> None:
    import signal

    signal.pidfd_send_signal(os.pidfd_open(process), 9)


def run(process: int) -> None:
    subprocess.run(["true"], check=True)


def spawn(process: int) -> None:
    os.posix_spawn("/bin/true", ["true"], {})


def fork(process: int) -> None:
    if os.fork() == 0:
        os._exit(0)


def multiply(process: int) -> None:
    worker = multiprocessing.get_context("fork").Process(target=print)
    worker.start()


def become_another(process: int) -> None:
    os.execv("/bin/true", ["true"])


def trace(process: int) -> None:
    checked(LIBC.ptrace(16, process, None, None))


def read_memory(process: int) -> None:
    Path(f"/proc/{process}/mem").open("rb").close()


def write_memory(process: int) -> None:
    Path(f"/proc/{process}/mem").open("r+b").close()


def write_memory_by_call(process: int) -> None:
    system_call(311, process, None, 0, None, 0, 0)


def take_a_descriptor(process: int) -> None:
    system_call(438, os.pidfd_open(process), 1, 0)


def slow_it_down(process: int) -> None:
    os.setpriority(os.PRIO_PROCESS, process, 19)


def limit_it(process: int) -> None:
    import resource

    resource.prlimit(process, resource.RLIMIT_CPU, (1, 1))


def lift_own_limits() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def clone_with_flags_out_of_sight(process: int) -> None:
    system_call(435, ctypes.create_string_buffer(88), 88)


# -- what a computation may do -----------------------------------------------------------------------------------------


def threads() -> int:
    found: list[int] = []
    workers = [threading.Thread(target=found.append, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(found)


def event_loop() -> int:
    async def later() -> int:
        await asyncio.sleep(0)
        return await asyncio.to_thread(lambda: 7)

    return asyncio.run(later())


def own_files() -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "note")
        path.write_text("mine")
        return path.read_text()


def forever() -> None:
    while True:
        pass


def hoard() -> int:
    kept = []
    while True:
        kept.append(bytearray(1 << 26))
