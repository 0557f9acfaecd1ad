"""Another machine that is reached by ssh: the system's `ssh`, a real sshd, and on the far side the command `clew`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from journeys.terminal import CLEW

PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/bin"


def program(name: str) -> str:
    found = shutil.which(name, path=PLACES)
    assert found, f"{name} is missing: tools/system_packages.sh installs it"
    return found


class Far:
    """A machine called `far`. ssh starts its sshd for each call, as OpenSSH's own tests do: no port, and nothing is left running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        #: The folder that is the remote.
        self.shelf = folder / "shelf"
        for key in ("host", "user"):
            words = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
            subprocess.run(words, check=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(parents=True, exist_ok=True)
        self._put("authorized", (folder / "user.pub").read_text())
        self._put("known", f"far {(folder / 'host.pub').read_text()}")
        settings = self._put(
            "sshd_config",
            f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel ERROR\n",
        )
        config = self._put(
            "ssh_config",
            f"Host far\n  ProxyCommand {program('sshd')} -i -f {settings}\n  IdentityFile {folder}/user\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {folder}/known\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n",
        )
        # Where people have their settings is read from the list of users, not from HOME: so they are named.
        ssh = self._put(
            "ssh",
            f'#!/bin/sh\n[ -e {folder}/away ] && {{ echo "ssh: connect to host far: No route to host" >&2; exit 255; }}\n'
            f'echo $$ >> {folder}/pids\nexec {program("ssh")} -F {config} "$@"\n',
        )
        ssh.chmod(0o755)

    def _put(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    @property
    def url(self) -> str:
        return f"ssh://far{self.shelf}?clew={CLEW}"

    @property
    def path(self) -> str:
        """Where programs are looked for by whoever reaches it."""
        return f"{self.folder}:{PLACES}"

    def calls(self) -> list[int]:
        """The process of each ssh that was started."""
        noted = self.folder / "pids"
        return [int(line) for line in noted.read_text().split()] if noted.exists() else []

    def cuts(self) -> None:
        """Kills the ssh that was started last."""
        os.kill(self.calls()[-1], signal.SIGKILL)

    def goes_away(self) -> None:
        """The network is gone: what runs is cut, and nothing new comes through."""
        (self.folder / "away").touch()
        self.cuts()

    def comes_back(self) -> None:
        (self.folder / "away").unlink()

    def arrived(self) -> int:
        """Bytes of bundles that lie there, whole or in parts."""
        return size_of(self.shelf)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, while others write there."""
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            pass  # It got its name, or was taken in.
    return sizes
