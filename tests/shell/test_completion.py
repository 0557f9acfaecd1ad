"""Tab in a real shell: bash asks the native command, which reads the store."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from harness import NEVER, Kernel

PROMPT = "ready> "


#: Where the native command lies: beside the Python under test, unless it was built elsewhere (working on Clew).
COMMANDS = Path(os.environ.get("CLEW_TEST_COMMAND") or sys.executable).parent


class Bash:
    """An interactive bash in which completion of `clew` was asked for."""

    def __init__(self, home: Path, store: Path) -> None:
        environment = {
            "HOME": str(home),
            "CLEW_HOME": str(store),
            "PATH": f"{COMMANDS}:{os.environ['PATH']}",
            "PS1": PROMPT,
            "TERM": "dumb",
            "INPUTRC": "/dev/null",
        }
        options = ["--norc", "--noprofile", "-i"]
        self._shell = pexpect.spawn(
            "bash", options, env=environment, encoding="utf-8", timeout=NEVER, dimensions=(24, 400)
        )
        for line in [
            "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; bind 'set page-completions off'",
            "bind 'set show-all-if-ambiguous on'",
            "source <(clew completions bash)",
        ]:
            self._shell.sendline(line)
        self._shell.sendline("echo $((1 + 1)) done")
        self._shell.expect_exact(f"2 done\r\n{PROMPT}")

    def tab(self, line: str) -> str:
        """The line after one Tab, as bash would run it."""
        self._shell.send(f"{line}\t")
        # Instead of running it, bash prints the line that was made.
        self._shell.send("\x01printf '<%s>' \x05\n")
        self._shell.expect("\n(<.*>)" + PROMPT)
        return re.sub(r"><", " ", self._shell.match.group(1)).strip("<>")

    def close(self) -> None:
        """Ends it."""
        self._shell.close(force=True)


@pytest.fixture
def bash(kernels: Callable[..., Kernel], tmp_path: Path) -> Iterator[Bash]:
    """A shell beside a store with three runs, and a history called `my flights`."""
    kernel = kernels()
    kernel.run("temperature = 20").raised()
    kernel.run("temperature += 1").raised()
    kernel.clew("history --new 'my flights'").raised()
    kernel.run("other = [1]").raised()
    kernel.close()
    shell = Bash(tmp_path / "home", tmp_path / "home/clew")
    yield shell
    shell.close()


def test_bash_completes_words_options_runs_names_and_settings(bash: Bash) -> None:
    for line, expected in [
        ("clew swi", "clew switch"),
        ("clew op res", "clew op restore"),
        ("clew switch --dr", "clew switch --dry-run"),
        ("clew switch @", "clew switch @"),
        ("clew restore @ -- oth", "clew restore @ -- other"),
        ("clew op restore op:0", "clew op restore op:0"),
        ("clew config display.ht", "clew config display.html"),
        ("clew log --history=my", "clew log --history=my flights"),
        ("clew log --history my", "clew log --history my flights"),
        ("CLEW_LOG_LIMIT=3 clew lo", "CLEW_LOG_LIMIT=3 clew log"),
    ]:
        assert bash.tab(line) == expected
