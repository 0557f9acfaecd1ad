"""Kernels that nobody can take a port from: they listen in a folder of their own where they can."""

from __future__ import annotations

from pathlib import Path

from desk import Desk

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
