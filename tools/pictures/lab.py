"""A private JupyterLab server with one notebook, operated like a user would."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page
from story import CELLS

NOTEBOOK = "trips.ipynb"
#: The timeout in milliseconds for something that must happen.
NEVER = 120_000
#: Hides elements that do not belong to the notebook.
QUIET = ".jp-Notebook-footer, .jp-Toolbar, .jp-cell-toolbar, .Toastify {display: none !important}"


class Lab:
    """The server, with its directories below `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        work = home / "work"
        work.mkdir()
        (work / NOTEBOOK).write_text(json.dumps(notebook()))
        self.environment = environment(home)
        self.port = free_port()
        self.token = secrets.token_hex(16)
        words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={self.port}"]
        words += [f"--IdentityProvider.token={self.token}", "--LabApp.expose_app_in_browser=True"]
        words += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
        with (home / "lab.log").open("w") as log:
            self.process = subprocess.Popen(words, cwd=work, env=self.environment, stdout=log, stderr=log)

    def stop(self) -> None:
        """Ends the server and its kernels."""
        self.process.terminate()
        self.process.wait(timeout=30)

    def _ask(self, path: str, method: str = "GET") -> object:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def open(self, page: Page) -> None:
        """Opens the notebook and waits for its kernel."""
        for _ in range(240):
            try:
                self._ask("status")
                break
            except OSError:
                time.sleep(0.5)
        page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{NOTEBOOK}?token={self.token}", timeout=NEVER)
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=NEVER)
        page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'",
            timeout=NEVER,
        )
        page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
        page.add_style_tag(content=QUIET)

    def run(self, page: Page, index: int, source: str) -> None:
        """Types the source of a cell and runs it. Returns when its outputs are complete."""
        page.evaluate(
            """async ([index, source]) => {
                const panel = window.jupyterapp.shell.currentWidget;
                const cell = panel.content.widgets[index];
                if (cell.model.sharedModel.getSource() != source) cell.model.sharedModel.setSource(source);
                panel.content.activeCellIndex = index;
                await window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            [index, source],
        )

    def restart(self, page: Page) -> None:
        """Kills the kernel and starts a new one, as after a crash."""
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        page.evaluate(
            "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo()"
        )

    def use_theme(self, page: Page, theme: str) -> None:
        """Sets the light or dark theme."""
        name = "JupyterLab Light" if theme == "light" else "JupyterLab Dark"
        page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name
        )
        page.wait_for_selector(f"body[data-jp-theme-name='{name}']", state="attached", timeout=NEVER)
        page.wait_for_timeout(1500)

    def picture(self, page: Page, index: int) -> bytes:
        """Takes a picture of one cell with its outputs."""
        page.evaluate(
            """async index => {
                const content = window.jupyterapp.shell.currentWidget.content;
                content.activeCellIndex = index == 0 ? 1 : 0;
                content.mode = 'command';
                await content.scrollToItem(index, 'start');
            }""",
            index,
        )
        cell = page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{index}']")
        cell.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        return cell.screenshot()

    def shown(self, page: Page) -> list[str]:
        """Returns the plain texts below each cell."""
        outputs = page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell =>
                cell.model.outputs ? cell.model.outputs.toJSON() : [])"""
        )
        texts = []
        for cell in outputs:
            plain = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell]
            texts.append("\n".join("".join(text) for text in plain))
        return texts


def notebook() -> dict[str, object]:
    """Returns the notebook before any cell ran."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{n}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": cell.source,
        }
        for n, cell in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def environment(home: Path) -> dict[str, str]:
    """Returns the environment of the process, with private directories."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "JPY", "IPYTHON"))
    }
    private = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_DATA_HOME": home / "data",
        "JUPYTER_CONFIG_DIR": home / "jupyter",
        "JUPYTER_DATA_DIR": home / "jupyter-data",
        "JUPYTER_RUNTIME_DIR": home / "jupyter-runtime",
        "IPYTHONDIR": home / "ipython",
        "CLEW_HOME": home / "clew",
        "MPLCONFIGDIR": home / "matplotlib",
    }
    return kept | {name: str(path) for name, path in private.items()}


def free_port() -> int:
    """Returns an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
