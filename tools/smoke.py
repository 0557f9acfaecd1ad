"""Checks an installed Clew with a real kernel: record, undo, switch, kill, resume, verify.

    python tools/smoke.py

Run it with the Python of the environment that has Clew. It needs only Clew, ipykernel and jupyter_client, and changes no file of the user.
The exit code is 1 if a step fails.
"""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

TIMEOUT = 240
#: Variables that share an object, a function, and a value that depends on the random generator.
CELLS = """
%load_ext clew
import random; random.seed(7)
rows = [{"n": n, "square": n * n} for n in range(1000)]; view = rows[10]; total = lambda: sum(row["square"] for row in rows)
drawn = random.random()
rows.clear()
"""
FACTS = "(len(rows), total(), view == {'n': 10, 'square': 100}, any(row is view for row in rows), drawn)"


class Kernel:
    """A kernel with a home of its own."""

    def __init__(self, home: Path) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("CLEW", "XDG"))
        }
        for name, folder in {
            "HOME": "",
            "CLEW_HOME": "store",
            "IPYTHONDIR": "ipython",
            "JUPYTER_RUNTIME_DIR": "run",
        }.items():
            (home / folder).mkdir(exist_ok=True)
            environment[name] = str(home / folder)
        self.environment = environment | {"JPY_SESSION_NAME": str(home / "smoke.ipynb")}
        self.manager = KernelManager()
        spec = self.manager.kernel_spec
        assert spec is not None
        spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager.start_kernel(env=self.environment, cwd=str(home))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)

    def run(self, code: str) -> str:
        """Runs a cell, and returns what it shows."""
        shown: list[str] = []

        def take(message: dict[str, Any]) -> None:
            content = message["content"]
            shown.append(content.get("text") or content.get("data", {}).get("text/plain", ""))

        reply = self.client.execute_interactive(code, output_hook=take, timeout=TIMEOUT)["content"]
        if reply["status"] != "ok":
            sys.exit(f"`{code}` failed: {reply['ename']}: {reply['evalue']}")
        return "\n".join(filter(None, shown))

    def value(self, expression: str) -> Any:
        """Returns the value of an expression, without a run."""
        reply = self.client.execute_interactive(
            "", silent=True, user_expressions={"it": expression}, timeout=TIMEOUT
        )
        found = reply["content"]["user_expressions"]["it"]
        return ast.literal_eval(found["data"]["text/plain"]) if found["status"] == "ok" else found["ename"]

    def kill(self) -> None:
        """Kills the process as a crash would."""
        os.kill(self.value("__import__('os').getpid()"), signal.SIGKILL)
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def close(self) -> None:
        """Shuts the kernel down."""
        self.client.stop_channels()
        self.manager.shutdown_kernel()


def check(step: str, found: object, expected: object) -> None:
    """Prints the step, and ends the program if the value is wrong."""
    if found != expected:
        sys.exit(f"{step}: failed. Expected {expected!r}, found {found!r}")
    print(f"{step}: ok", flush=True)


def type_command(kernel: Kernel, *words: str) -> str:
    """Runs `clew` as in a terminal, and returns its output."""
    command = [str(Path(sys.executable).parent / "clew"), *words]
    done = subprocess.run(
        command, env=kernel.environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    if done.returncode != 0:
        sys.exit(
            f"`clew {' '.join(words)}` failed with exit code {done.returncode}: {done.stdout}{done.stderr}"
        )
    return done.stdout


def main(home: Path) -> None:
    """Runs all steps."""
    kernel = Kernel(home)
    check("version", type_command(kernel, "--version").split()[1], version("clew"))
    for cell in CELLS.strip().splitlines()[:-1]:
        kernel.run(cell)
    before = kernel.value(FACTS)
    check("record", before[:4], (1000, 332833500, True, True))
    kernel.run(CELLS.strip().splitlines()[-1])
    check("the mistake", kernel.value("len(rows)"), 0)
    kernel.run("%clew undo")
    check("undo", kernel.value(FACTS), before)
    kernel.run("%clew switch 3")
    check("switch", kernel.value("(len(rows), 'drawn' in globals())"), (1000, False))
    check("random state", kernel.value("random.random()"), before[4])
    kernel.run("%clew switch 4")
    check("switch back", kernel.value(FACTS), before)
    kernel.kill()
    kernel = Kernel(home)
    kernel.run("%load_ext clew")
    check("a new kernel", kernel.value("rows"), "NameError")
    kernel.run("%clew resume")
    check("resume after kill -9", kernel.value(FACTS), before)
    kernel.close()
    type_command(kernel, "verify", "--read-data")
    print("verify: ok")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
