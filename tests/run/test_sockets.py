"""Kernels that nobody can take a port from: they listen in a folder of their own where they can."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from queue import Empty

import pytest
import zmq.asyncio
from desk import Desk
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import Session

from clew.run.sockets import look_again

CONNECTED = "import json, ipykernel.connect\ninfo = json.loads(ipykernel.connect.get_connection_info())\n"
TOLD = CONNECTED + "print(info['transport'], info['ip'])"


def told(desk: Desk, name: str) -> list[str]:
    """How the kernel listened, and where."""
    [cell] = desk.read(name)["cells"]
    words: list[str] = "".join(cell["outputs"][0]["text"]).split()
    return words


def test_a_kernel_listens_in_a_folder_that_only_its_user_can_open_and_that_goes_with_it(desk: Desk) -> None:
    desk.notebook(
        "folder",
        CONNECTED
        + "import os\nmode = os.stat(os.path.dirname(info['ip'])).st_mode\nprint(info['ip'], oct(mode))",
    )
    ran = desk.run("folder.ipynb", "folder-out.ipynb")
    assert ran.exit == 0, ran
    sockets, mode = told(desk, "folder-out.ipynb")
    assert mode == "0o40700"
    assert not Path(sockets).parent.exists()


def test_where_paths_are_too_long_for_sockets_it_listens_at_ports(desk: Desk, tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    desk.notebook("ports", TOLD)
    ran = desk.run("ports.ipynb", "ports-out.ipynb", env={"TMPDIR": str(deep)})
    assert ran.exit == 0, ran
    assert told(desk, "ports-out.ipynb") == ["tcp", "127.0.0.1"]
    assert not list(deep.iterdir())


def test_a_message_that_came_while_another_was_sent_is_heard(tmp_path: Path) -> None:
    """nbclient answers widgets on the channel where it waits for the reply."""
    asyncio.run(_sent_while_waiting(f"ipc://{tmp_path}/s"))


async def _sent_while_waiting(address: str) -> None:
    session, contexts = Session(key=b"k"), (zmq.Context(), zmq.asyncio.Context())
    kernel, mine = contexts[0].socket(zmq.ROUTER), contexts[1].socket(zmq.DEALER)
    try:
        kernel.bind(address)
        mine.connect(address)
        channel = AsyncZMQSocketChannel(mine, session)
        look_again(channel)
        channel.send(session.msg("execute_request"))
        identity = kernel.recv_multipart()[0]
        with pytest.raises(Empty):
            await channel.get_msg(timeout=0.1)
        waiting = asyncio.create_task(channel.get_msg(timeout=None))
        await asyncio.sleep(0.05)
        session.send(kernel, "execute_reply", {"status": "ok"}, ident=identity)
        # It arrives, and the socket tells whoever sends.
        time.sleep(0.2)
        channel.send(session.msg("comm_msg"))
        message = await asyncio.wait_for(waiting, 20)
        assert message["msg_type"] == "execute_reply"
    finally:
        for context in contexts:
            context.destroy(linger=0)
