"""The notebooks of `examples/distributed` in seven scenarios each, with the real `clew run`, compared with full runs without Clew.

The results are the executed cells and tasks, the seconds, and whether outputs and variables equal those of the full run.
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
#: All task results are cached. Otherwise the counts would depend on how long each task takes.
SETTINGS = {"CLEW_TASKS_CACHE": "true", "CLEW_TASKS_QUICK": "0", "DASK_NUM_WORKERS": "2"}
#: The file to which the last cell of the full run writes the variables.
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
    """Increases the temperatures of January 1980."""
    path.write_text(path.read_text().replace("\n1980-01,", "\n1980-01,1"))


def faster_muons(path: Path) -> None:
    """Increases the energy of all muons of a run by one percent."""
    import numpy

    with numpy.load(path) as run:
        arrays = dict(run)
    numpy.savez_compressed(path, **(arrays | {"pt": arrays["pt"] * numpy.float32(1.01)}))


def new_star(path: Path) -> None:
    """Adds a star to a tile."""
    import numpy

    pixels = numpy.load(path)
    pixels[100:104, 100:104] += 900
    numpy.save(path, pixels)


@dataclass(frozen=True)
class Study:
    """A notebook, and the changes of the scenarios."""

    name: str
    data: str
    """The kind of its data (`make_data.py`)."""
    step: tuple[str, str, str]
    """The id of a cell, a text in its function, and the replacement."""
    file: str
    change: Callable[[Path], None]
    parameter: tuple[str, str]
    values: tuple[str, ...]
    """Expressions that determine the results completely."""

    @property
    def digest(self) -> str:
        """An expression that is short even if the results are long."""
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
    """The results of one scenario."""

    scenario: str
    outcomes: dict[str, str]
    """The outcome of each code cell, by its id."""
    tasks: Counts
    seconds: float
    full: float
    """The seconds of the whole notebook without Clew."""
    differs: list[str]
    """Differences from the full run: ids of cells, `variables`."""

    @property
    def executed(self) -> list[str]:
        """Returns the executed cells, by their ids."""
        return [cell for cell, outcome in self.outcomes.items() if outcome == "executed"]

    def __str__(self) -> str:
        total, ran = len(self.outcomes), len(self.executed)
        said = f"{total} cells: {total - ran} restored, {ran} executed"
        return f"{said}; {self.tasks}" if self.tasks.total else f"{said}; no tasks asked for"


@dataclass
class Full:
    """The results of a notebook without Clew."""

    seconds: float
    outputs: dict[str, Any]
    digest: str


@dataclass
class Stage:
    """A study during its scenarios, which build on each other: an edited step stays edited."""

    study: Study
    desk: Desk
    share: float = 1.0
    """The share of the data that is used."""
    _full: Full | None = field(default=None, init=False)

    @property
    def notebook(self) -> Path:
        """The path of the notebook, in the folder of the desk."""
        return self.desk.folder / f"{self.study.name}.ipynb"

    def set_up(self) -> None:
        """Creates the notebook and its data, and matplotlib's font cache, which a user's home already contains."""
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
        """Runs all scenarios in their order."""
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
        """Copies the notebook and its data to another folder, and continues there."""
        copy = self.desk.folder.parent / "copy"
        shutil.copytree(self.desk.folder / "data", copy / "data")
        shutil.copy(self.notebook, copy)
        self.desk.folder = copy

    def run(self, scenario: str, *words: str) -> Played:
        """Runs the notebook, and all of it without Clew unless that was done since the last change."""
        # String hashes differ between these processes, as in real use.
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
        """Writes the notebook with an additional cell that prints the variables."""
        document = json.loads(self.notebook.read_text())
        asking: dict[str, Any] = {"cell_type": "code", "id": "asked", "metadata": {}, "outputs": []}
        asking |= {"source": f"print({self.study.digest})", "execution_count": None}
        document["cells"].append(asking)
        path.write_text(json.dumps(document))

    def full(self, *words: str) -> Full:
        """Runs all of the notebook without Clew, with the additional cell."""
        self.write_asking(self.desk.folder / "whole.ipynb")
        started = time.perf_counter()
        ran = self.desk.run("whole.ipynb", "full.ipynb", *words, env={"CLEW": "off", "DASK_NUM_WORKERS": "2"})
        seconds = time.perf_counter() - started
        assert ran.exit == 0, ran
        outputs = {cell["id"]: cell["outputs"] for cell in code_cells(self.desk.read("full.ipynb"))}
        digest = "".join(outputs.pop("asked")[0]["text"]).strip()
        return Full(seconds, outputs, digest)

    def differing(self, cells: dict[str, Any], *words: str) -> list[str]:
        """Returns the cells whose outputs differ from the full run, and `variables` if these differ."""
        full = self._full
        assert full is not None
        wrong = [name for name, cell in cells.items() if cell["outputs"] != full.outputs[name]]
        value = self.variables(*words)
        return wrong if value == full.digest else [*wrong, f"variables: {value}, not {full.digest}"]

    def variables(self, *words: str) -> str:
        """Returns the variables after the last run. If that run needed no kernel, they only exist in the store. A notebook of the same name
        with an additional cell restores and prints them."""
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
    """Runs all scenarios of a study, in a new folder and home, with all of its data or a share of it."""
    return Stage(study, Desk(folder), share).play()


def lines(played: Sequence[Played]) -> Iterator[str]:
    """Formats one line for each scenario."""
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
