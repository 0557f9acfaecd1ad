"""The case studies of `examples/distributed` in seven scenarios: what is executed, which tasks run, and that what comes out is what
executing everything gives.

Scenarios go on from each other. All counts are exact: where one is more than a change needs, a comment says so.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench.studies import (  # noqa: E402 (its folder is no package that is installed)
    EDITED,
    FILE,
    FIRST,
    FOLDER,
    PARAMETER,
    PROCESS,
    SAME,
    STUDIES,
    play,
)

#: The cells that each scenario executes, by their ids (`...`: all), and its tasks: total, known, run.
EXPECTED = {
    "temperatures": {
        FIRST: (..., (38, 0, 38)),
        SAME: ([], (0, 0, 0)),
        # Trends of 12 stations and their table.
        EDITED: (["trend", "stations", "table", "result"], (38, 25, 13)),
        FILE: (["stations", "table", "figure", "result"], (38, 33, 5)),
        PARAMETER: (["injected-parameters", "stations", "table", "figure", "result"], (38, 12, 26)),
        FOLDER: ([], (0, 0, 0)),
        PROCESS: (..., (38, 38, 0)),
    },
    "collisions": {
        FIRST: (..., (19, 0, 19)),
        SAME: ([], (0, 0, 0)),
        EDITED: (["spectrum", "runs", "figure"], (19, 12, 7)),
        FILE: (["runs", "figure", "peak"], (19, 15, 4)),
        # Everything hangs on how fast a muon is.
        PARAMETER: (["injected-parameters", "runs", "figure", "peak"], (19, 0, 19)),
        FOLDER: ([], (0, 0, 0)),
        PROCESS: (..., (19, 19, 0)),
    },
    "map_reduce": {
        FIRST: (..., (21, 0, 21)),
        SAME: ([], (0, 0, 0)),
        EDITED: (["combine", "graph", "result"], (21, 16, 5)),
        FILE: (["graph", "result"], (21, 17, 4)),
        PARAMETER: (["injected-parameters", "graph", "result"], (21, 16, 5)),
        FOLDER: ([], (0, 0, 0)),
        PROCESS: (..., (21, 21, 0)),
    },
    "convolution": {
        FIRST: (..., (209, 0, 209)),
        SAME: ([], (0, 0, 0)),
        EDITED: (["find", "stars", "figure", "result"], (209, 193, 16)),
        # The tile in the corner, and the edges that its three neighbours take from it.
        # The cell that only plans names the files, in pieces, so it counts as reading them; none of its tasks run.
        FILE: (["plate", "stars", "figure", "result"], (209, 185, 24)),
        PARAMETER: (["injected-parameters", "stars", "figure", "result"], (209, 193, 16)),
        FOLDER: ([], (0, 0, 0)),
        PROCESS: (..., (209, 209, 0)),
    },
    "books": {
        FIRST: (..., (13, 0, 13)),
        SAME: ([], (0, 0, 0)),
        EDITED: (["stems", "index", "search"], (13, 4, 9)),
        # The book's chunks and words; then how rare a word is, and so all weights.
        FILE: (["index", "search", "by-book"], (13, 6, 7)),
        PARAMETER: (["injected-parameters", "search", "by-book"], (0, 0, 0)),
        FOLDER: ([], (0, 0, 0)),
        PROCESS: (..., (13, 13, 0)),
    },
}
#: How much of a study is run.
SHARE = {"map_reduce": 0.2}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", STUDIES)
def test_p03_what_a_change_reaches_runs_again_down_to_single_tasks_and_all_is_what_a_full_run_gives(
    name: str, tmp_path: Path
) -> None:
    seen = {played.scenario: played for played in play(STUDIES[name], tmp_path, SHARE.get(name, 1.0))}
    assert {scenario: played.differs for scenario, played in seen.items() if played.differs} == {}
    told = {}
    for scenario, played in seen.items():
        executed = played.executed
        is_all = len(executed) == len(played.outcomes)
        tasks = played.tasks
        told[scenario] = (... if is_all else executed, (tasks.total, tasks.hit, tasks.run))
    assert told == EXPECTED[name]
