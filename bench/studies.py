"""The notebooks of `examples/distributed` in seven scenarios each, through the real `clew run`, each beside a full run without Clew.

What comes out: which cells were executed, which tasks ran, seconds, and whether outputs and variables are those of the full run.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from run.desk import Desk, code_cells

from clew.counts import Counts

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "distributed"
#: All results are kept: how long a task took is chance, and counts must not be.
SETTINGS = {"CLEW_TASKS_CACHE": "true", "CLEW_TASKS_QUICK": "0", "DASK_NUM_WORKERS": "2"}
#: Where the full run's last cell writes what the variables are.
VALUES = "values.json"

FIRST, SAME, EDITED, FILE, PARAMETER, FOLDER, PROCESS = SCENARIOS = (
    "first run",
    "same run",
    "an edited step",
    "a changed input file",
    "a changed parameter",
    "another folder",
    "another process",
)


def first_word(path: Path) -> None:
    """Shortens a text."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))


def one_month(path: Path) -> None:
    """Makes January 1980 warmer."""
    path.write_text(path.read_text().replace("\n1980-01,", "\n1980-01,1"))


def faster_muons(path: Path) -> None:
    """Gives all muons of a run one percent more."""
    import numpy

    with numpy.load(path) as run:
        arrays = dict(run)
    numpy.savez_compressed(path, **(arrays | {"pt": arrays["pt"] * numpy.float32(1.01)}))


def new_star(path: Path) -> None:
    """Puts a star on a tile."""
    import numpy

    pixels = numpy.load(path)
    pixels[100:104, 100:104] += 900
    numpy.save(path, pixels)


@dataclass(frozen=True)
class Study:
    """A notebook, and what the scenarios change."""

    name: str
    data: str
    """The kind of data that it reads (`make_data.py`)."""
    step: tuple[str, str, str]
    """The id of a cell, what is written in its function, and what is to be written there."""
    file: str
    change: Callable[[Path], None]
    parameter: tuple[str, str]
    values: tuple[str, ...]
    """Expressions that tell the results to the last bit."""

    @property
    def digest(self) -> str:
        """An expression that is short however long the results are."""
        return f"__import__('hashlib').sha256(repr([{', '.join(self.values)}]).encode()).hexdigest()"


STUDIES = {
    study.name: study
    for study in (
        Study(
            "temperatures",
            "stations",
            ("trend", "[2.5, 97.5]", "[5, 95]"),
            "station-03.csv",
            one_month,
            ("baseline_from", "1971"),
            ("trends.to_csv()", "region.to_csv()"),
        ),
        Study(
            "collisions",
            "collisions",
            ("spectrum", "times=3_000", "times=2_000"),
            "run-2.npz",
            faster_muons,
            ("least_pt", "25.0"),
            ("counts.tolist()", "smeared.tolist()", "float(peak)"),
        ),
        Study(
            "map_reduce",
            "requests",
            ("combine", '"/checkout" in set(kinds)', '"/basket" in set(kinds)'),
            "server-5.log",
            first_word,
            ("gap_minutes", "20"),
            ("visits.to_csv()", "float(bought)"),
        ),
        Study(
            "convolution",
            "plates",
            ("find", "1.4826", "1.2"),
            "plate-0-0.npy",
            new_star,
            ("sigmas", "6.0"),
            ("stars.to_csv()", "small.tolist()", "plate.shape"),
        ),
        Study(
            "books",
            "books",
            ("stems", "len(word) - len(ending) > 2", "len(word) - len(ending) > 3"),
            "the-garden.txt",
            first_word,
            ("query", "a captain lost his way in the fog"),
            ("index.toarray().tolist()", "texts.to_csv()", "answer.to_csv()"),
        ),
    )
}


@dataclass(frozen=True)
class Played:
    """One scenario."""

    scenario: str
    outcomes: dict[str, str]
    """What became of each code cell, by its id."""
    tasks: Counts
    seconds: float
    full: float
    """The seconds that the whole notebook takes without Clew."""
    differs: list[str]
    """What is not as in the full run: ids of cells, `variables`."""

    @property
    def executed(self) -> list[str]:
        """The cells that were executed, by their ids."""
        return [cell for cell, outcome in self.outcomes.items() if outcome == "executed"]

    def __str__(self) -> str:
        total, ran = len(self.outcomes), len(self.executed)
        said = f"{total} cells: {total - ran} restored, {ran} executed"
        return f"{said}; {self.tasks}" if self.tasks.total else f"{said}; no tasks asked for"


@dataclass
class Full:
    """What a notebook comes to without Clew."""

    seconds: float
    outputs: dict[str, Any]
    digest: str


@dataclass
class Stage:
    """A study on its way through the scenarios, which go on from each other: an edited step stays edited."""

    study: Study
    desk: Desk
    share: float = 1.0
    """Of the data."""
    _full: Full | None = field(default=None, init=False)

    @property
    def notebook(self) -> Path:
        """The notebook that is run, in the folder of the desk."""
        return self.desk.folder / f"{self.study.name}.ipynb"

    def set_up(self) -> None:
        """Puts the notebook and its data there, as a user has them: with fonts that matplotlib has found before."""
        done = self.desk.python(
            "import sys; sys.path.insert(0, sys.argv[1]); from make_data import make; from pathlib import Path;"
            "make(Path('data'), sys.argv[2], share=float(sys.argv[3])); import matplotlib.pyplot",
            str(EXAMPLES),
            self.study.data,
            str(self.share),
        )
        assert done.exit == 0, done
        shutil.copy(EXAMPLES / self.notebook.name, self.notebook)

    def play(self) -> Iterator[Played]:
        """All scenarios, in their order."""
        self.set_up()
        yield self.run(FIRST)
        yield self.run(SAME)
        self.edit()
        yield self.run(EDITED)
        self._full = None
        self.study.change(self.desk.folder / "data" / self.study.data / self.study.file)
        yield self.run(FILE)
        self._full = None
        yield self.run(PARAMETER, "-p", *self.study.parameter)
        self._full = None
        self.move()
        yield self.run(FOLDER)
        yield self.run(PROCESS, "--force")

    def edit(self) -> None:
        """Edits the step."""
        self._full = None
        cell_id, before, after = self.study.step
        document = json.loads(self.notebook.read_text())
        cell = next(cell for cell in document["cells"] if cell["id"] == cell_id)
        source = "".join(cell["source"])
        assert before in source, cell_id
        cell["source"] = source.replace(before, after)
        self.notebook.write_text(json.dumps(document))

    def move(self) -> None:
        """Copies the notebook and its data to another folder, and goes on there."""
        copy = self.desk.folder.parent / "copy"
        shutil.copytree(self.desk.folder / "data", copy / "data")
        shutil.copy(self.notebook, copy)
        self.desk.folder = copy

    def run(self, scenario: str, *words: str) -> Played:
        """Runs the notebook, and all of it without Clew unless that was done since something was changed."""
        # Hashes of texts differ from process to process, as they do without a test.
        started = time.perf_counter()
        ran = self.desk.run(self.notebook.name, "out.ipynb", *words, env=SETTINGS)
        seconds = time.perf_counter() - started
        assert ran.exit == 0, ran
        parameters = [word for word in words if word != "--force"]
        self._full = self._full or self.full(*parameters)
        cells = {cell["id"]: cell for cell in code_cells(self.desk.read("out.ipynb"))}
        told = [
            Counts.of(cell["metadata"]["clew"]["tasks"])
            for cell in cells.values()
            if "tasks" in cell["metadata"]["clew"]
        ]
        tasks = Counts()
        for one in told:
            tasks.add(one)
        outcomes = {name: cell["metadata"]["clew"]["outcome"] for name, cell in cells.items()}
        return Played(
            scenario, outcomes, tasks, seconds, self._full.seconds, self.differing(cells, *parameters)
        )

    def write_asking(self, path: Path) -> None:
        """Writes the notebook with one more cell, which says what the variables are."""
        document = json.loads(self.notebook.read_text())
        asking: dict[str, Any] = {"cell_type": "code", "id": "asked", "metadata": {}, "outputs": []}
        asking |= {"source": f"print({self.study.digest})", "execution_count": None}
        document["cells"].append(asking)
        path.write_text(json.dumps(document))

    def full(self, *words: str) -> Full:
        """Runs all of the notebook without Clew, and asks at its end what the variables are."""
        self.write_asking(self.desk.folder / "whole.ipynb")
        started = time.perf_counter()
        ran = self.desk.run("whole.ipynb", "full.ipynb", *words, env={"CLEW": "off", "DASK_NUM_WORKERS": "2"})
        seconds = time.perf_counter() - started
        assert ran.exit == 0, ran
        outputs = {cell["id"]: cell["outputs"] for cell in code_cells(self.desk.read("full.ipynb"))}
        digest = "".join(outputs.pop("asked")[0]["text"]).strip()
        return Full(seconds, outputs, digest)

    def differing(self, cells: dict[str, Any], *words: str) -> list[str]:
        """The cells whose outputs are not those of the full run, and `variables` if these are not."""
        full = self._full
        assert full is not None
        wrong = [name for name, cell in cells.items() if cell["outputs"] != full.outputs[name]]
        value = self.variables(*words)
        return wrong if value == full.digest else [*wrong, f"variables: {value}, not {full.digest}"]

    def variables(self, *words: str) -> str:
        """What the variables are that the last run left, or would have left if a kernel had been needed: a notebook of the same name with
        one more cell has them brought there."""
        folder = self.desk.folder / "asked"
        folder.mkdir(exist_ok=True)
        self.write_asking(folder / self.notebook.name)
        place = ["--cwd", str(self.desk.folder)]
        ran = self.desk.run(f"asked/{self.notebook.name}", "asked/out.ipynb", *place, *words, env=SETTINGS)
        assert ran.exit == 0, ran
        cells = {cell["id"]: cell for cell in code_cells(self.desk.read("asked/out.ipynb"))}
        rest = [cell for name, cell in cells.items() if name != "asked"]
        assert all(cell["metadata"]["clew"]["outcome"] == "restored" for cell in rest), ran
        return "".join(cells["asked"]["outputs"][0]["text"]).strip()


def play(study: Study, folder: Path, share: float = 1.0) -> Iterator[Played]:
    """All scenarios of a study, in a folder and a home of their own, with all of its data or a share of it."""
    return Stage(study, Desk(folder), share).play()


def lines(played: Sequence[Played]) -> Iterator[str]:
    """A line each, for people."""
    for one in played:
        same = "" if not one.differs else f"  DIFFERS: {one.differs}"
        yield f"{one.scenario:22} {one.seconds:6.2f} s {one.seconds / one.full:6.2f}  {one}{same}"


if __name__ == "__main__":
    import tempfile

    for name in sys.argv[1:] or STUDIES:
        print(name)
        with tempfile.TemporaryDirectory() as folder:
            for one in play(STUDIES[name], Path(folder)):
                print("  ", *lines([one]), flush=True)
