"""A session comes to a machine where the files that its cells read lie elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cases.story import Notebook
from harness import no_maps

from journeys.person import Person, refused, told

#: A machine that refuses says so, with what helps: nothing else of these can be tried there.
pytestmark = pytest.mark.skipif(no_maps() is not None, reason=str(no_maps()))

CELLS = [
    "import pandas as pd\nimport pyarrow.csv as csv",
    "words = open('data/in.txt').read().split() * 20_000",
    "table = pd.read_csv('{data}/rows.csv')",
    "columns = csv.read_csv('{data}/rows.csv')",
]
SAME = """
assert len(words) == 40_000 and words[1] == 'words'
assert int(table.n.sum()) == sum(range(3_000)) and columns.num_rows == 3_000
"""


def outcomes(notebook: Notebook, line: str) -> dict[str, Any]:
    word, _, rest = line.partition(" ")
    page = json.loads(notebook.kernel.clew(f"{word} --json {rest}").stdout)
    assert "outcomes" in page, page
    return {one["root"]["key"]: one for one in page["outcomes"] if one["root"]["kind"] == "name"}


def test_p03_cells_that_read_files_are_replayed_where_these_lie_elsewhere(
    people: Callable[..., Person], tmp_path: Path
) -> None:
    here, there = people("here"), people("there")
    here.folder, there.folder = tmp_path / "one", tmp_path / "two"
    data = here.folder / "data"
    data.mkdir(parents=True)
    (data / "in.txt").write_text("two words")
    (data / "rows.csv").write_text("n,m\n" + "".join(f"{n},{n % 7}\n" for n in range(3_000)))
    notebook = here.opens("work.ipynb")
    notebook.run(*(cell.replace("{data}", str(data)) for cell in CELLS))
    (there.home / ".config").mkdir()
    shutil.copytree(here.home / ".config/clew", there.home / ".config/clew")
    there.folder.mkdir()
    there.clew("init", str(there.folder)).well()
    there.store = there.folder / ".clew"
    told(notebook, "export all.clew --all")
    said = told(notebook, f"move {there.store} --rate 1KB")
    assert said.startswith("Moved run 5") and "4 runs to rerun there" in said, said
    here.leaves()
    # The other machine has the files, in another place.
    moved = tmp_path / "mnt/one"
    moved.parent.mkdir()
    here.folder.rename(moved)
    mapped = f"--map {here.folder}={moved}"
    bundle = str(moved / "all.clew")
    shown = there.ask("import", bundle, "--preview", "--map", f"{data}={moved}/data")["files"]
    assert {(file["name"], file["here"], file["mapped"]) for file in shown} == {
        ("data/in.txt", "same", str(moved / "data/in.txt")),
        ("data/rows.csv", "same", str(moved / "data/rows.csv")),
    }
    assert there.clew("import", bundle, "--preview", "--map", f"/none={moved}").exit == 2

    history = there.ask("list", "--store", str(there.store))["histories"][0]["id"]
    new = there.opens("work.ipynb")
    new.kernel.clew(f"history {history}").raised()
    lost = outcomes(new, "resume 5")
    for name, file in [("words", "in.txt"), ("table", "rows.csv"), ("columns", "rows.csv")]:
        assert lost[name]["outcome"] == "lost", lost
        assert (
            f"its cell read {data / file}, which does not exist here; `--map OLD=NEW`" in lost[name]["why"]
        ), lost
    # What is typed wrong says what to type.
    wrong = refused(new, f"resume 5 --map {tmp_path}/none={moved}")
    assert f"No cell read {tmp_path}/none" in wrong["error"]["message"]
    assert str(data / "in.txt") in wrong["error"]["hint"]
    wrong = refused(new, f"resume 5 --map {here.folder}={tmp_path}/none")
    assert f"There is no {tmp_path}/none here" in wrong["error"]["message"]
    for text in [str(moved), f"data={moved}"]:
        assert "OLD" in refused(new, f"resume 5 --map {text}")["error"]["hint"]
    # Another file lies there.
    kept = (moved / "data/rows.csv").read_text()
    (moved / "data/rows.csv").write_text(kept.replace("2999,3", "2999,4"))
    ask = f"clew.session().resume(5, maps={{{str(here.folder)!r}: {str(moved)!r}}}, dry_run=True)"
    new.run(f"import clew\nfound = {ask}\nassert found['words'].outcome == 'rerun', found\ndel found, clew")
    found = outcomes(new, f"resume 5 {mapped} --dry-run")
    assert found["words"]["outcome"] == "rerun" and found["table"]["outcome"] == "lost", found
    found = outcomes(new, f"resume 5 {mapped}")
    assert found["words"]["outcome"] == "rerun", found
    why = found["table"]["why"]
    assert found["table"]["outcome"] == "lost" and f"{data}/rows.csv (" in why, found
    assert f"{moved}/data/rows.csv here is another file (" in why, why
    # The right one, found through Python and past it.
    (moved / "data/rows.csv").write_text(kept)
    found = outcomes(new, f"resume 5 {mapped}")
    assert {found[name]["outcome"] for name in ("table", "columns")} == {"rerun"}, found
    new.run(SAME)
    assert not here.folder.exists()
