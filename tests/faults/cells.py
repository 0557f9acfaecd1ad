"""The cells that faults are put around, and what a person and a program see of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from harness import Kernel, Reply

CELLS = {
    "a value": "import time\nnumbers = [time.time_ns()]\nlen(numbers)",
    "an exception": (
        "import os, sys, time\nsys.modules[f'made_{time.time_ns()}'] = sys\nos.listdir('.')\n"
        "print('before')\n{}['missing']"
    ),
    "output and display": """
import os, sys
from IPython.display import HTML, display
from comm import create_comm
_ = open('notes.txt', 'w').write('notes')
os.environ['NOTES'] = str(os.urandom(4))
def shows():
    display(HTML('<b>one</b>'), display_id='shown').update(HTML('<b>two</b>'))
print('out')
print('err', file=sys.stderr)
shows()
widget = create_comm(target_name='output', comm_id='widget')
widget.send({'state': {'msg_id': 'somebody'}})
widget.close()
'result'""",
    # The signal that the stop button sends, at a place that is always the same.
    "an interrupt": "import signal\nprint('begun')\nsignal.raise_signal(signal.SIGINT)\nprint('not reached')",
}

SOON = 20.0
"""Seconds after which a kernel that does not answer counts as hung."""

OURS = re.compile(r"^Clew: .*\n", re.MULTILINE)
UNLIKE = ("execution_count", "started", "engine_info")
"""What is another in each kernel, or in each run."""


@dataclass(frozen=True)
class Seen:
    """What a request showed and how it ended; and what Clew said beside it."""

    cell: list[tuple[str, Any]]
    said: str


def run(kernel: Kernel, code: str, **options: Any) -> Reply:
    """Runs one of the cells."""
    return kernel.run(code, SOON, **options)


def seen(reply: Reply) -> Seen:
    """What there is to see of a reply, as far as it can be compared."""
    printed = {"stdout": "", "stderr": ""}
    found: list[tuple[str, Any]] = []
    for kind, content in reply.messages:
        if kind == "stream":
            printed[content["name"]] += content["text"]
        else:
            found.append((kind, alike(content)))
    said = "".join(OURS.findall(printed["stderr"]))
    printed["stderr"] = OURS.sub("", printed["stderr"])
    return Seen([*found, ("printed", alike(printed)), ("reply", alike(reply.content))], said)


def alike(content: Any) -> Any:
    """A message without what differs from kernel to kernel: counts, and the names of files that cells are compiled as."""
    if isinstance(content, dict):
        return {key: alike(value) for key, value in content.items() if key not in UNLIKE}
    if isinstance(content, list):
        return [alike(one) for one in content]
    if isinstance(content, str):
        return re.sub(r"\x1b\[[\d;]*m|ipykernel_\d+/\d+|pid=\d+|In\[?\x1b?[^\]]*?\d+\]", "", content)
    return content
