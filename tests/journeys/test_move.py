"""A session goes to another machine of the same person: what is dear to make is sent, what is dear to send is made again there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from journeys.person import Person, told

CELLS = [
    "import time\nimport numpy as np",
    "class Found:\n    pass\nbig = np.random.default_rng(7).random(200_000)\nview = big[10:20]",
    "time.sleep(1.5)\nsmall = {'answer': 42}\nfound = Found()\nfound.of = small",
    "table = {'k': big, 'v': view}\nn, m = 5, 5",
    # What importing reads belongs to the environment, and is there.
    "import pandas as pd\nframe = pd.DataFrame({'n': big[:100_000], 'm': big[100_000:]})",
    # The other machine has no such file, and nobody asked for another line in this one.
    "words = open('in.txt').read().split() * 9_000",
    "line = open('log.txt', 'a').write('once\\n' * 20_000)\nlines = ['once'] * line",
]
SAME = """
assert view.base is big and table['k'] is big and table['v'] is view
assert abs(big.sum() - np.random.default_rng(7).random(200_000).sum()) == 0
assert small == {'answer': 42} and found.of is small and type(found) is Found and n is m
assert list(frame.columns) == ['n', 'm'] and frame['m'][0] == big[100_000]
assert len(words) == 18_000 and len(lines) == 100_000
"""


def test_p03_a_session_moves_and_what_was_left_out_is_replayed_there(
    people: Callable[..., Person], tmp_path: Path
) -> None:
    here, there = people("here"), people("there")
    here.folder, there.folder = tmp_path / "one", tmp_path / "two"
    place = tmp_path / "lab"
    here.folder.mkdir()
    (here.folder / "in.txt").write_text("two words")
    notebook = here.opens("work.ipynb")
    notebook.run(*CELLS)
    told(notebook, f"remote add lab {place}")
    said = told(notebook, "push --plan --rate 100KB")
    assert said.startswith("Moved run 8 to lab: ") and "to rerun there" in said, said
    page = here.ask("push", "--plan", "--rate", "100KB", "--dry-run", "--history", "work.ipynb")
    names = {root["key"] for made in page["rerun"] for root in made["roots"]}
    assert {"big", "table", "view", "frame"} <= names and not names & {"small", "found", "words", "lines"}, (
        page
    )
    sent = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    assert sent < 800_000, "the numbers alone take twice that"
    # The other machine is the same person's: it has their key.
    (there.home / ".config").mkdir()
    shutil.copytree(here.home / ".config/clew", there.home / ".config/clew")
    there.clew("clone", str(place), str(there.folder)).well()
    there.store = there.folder / ".clew"
    at = ["--store", str(there.store)]
    checked = there.clew("verify", "--read-data", *at).well()
    assert "is intact" in checked and "Left out by a planned push: " in checked, checked
    values = next(check for check in there.ask("doctor", *at)["checks"] if check["what"] == "values")
    assert "that a planned push left out" in values["found"], values
    history = there.ask("list", *at)["histories"][0]["id"]
    new = there.opens("work.ipynb")
    new.kernel.clew(f"history {history}").raised()
    report = told(new, "resume")
    assert "rerun" in report and "not_identical" not in report and "lost" not in report, report
    new.run(SAME)
    assert not (there.folder / "log.txt").exists()
    assert (here.folder / "log.txt").read_text().count("once") == 20_000
    # A plain push brings the rest; then nothing has to run.
    assert "Pushed" in told(notebook, "push lab")
    assert "Pulled" in told(new, "pull")
    checked = there.clew("verify", "--read-data", *at).well()
    assert "is intact" in checked and "Left out" not in checked, checked
