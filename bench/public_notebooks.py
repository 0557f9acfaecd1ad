"""Run other people's notebooks with `clew run` and in plain kernels, and compare.

    python -m bench.public_notebooks FOLDER… --count 60 --output .bench/public

FOLDER contains checkouts of repositories with notebooks. Notebooks are drawn from the repositories in turn. First, cells that fail here
(no network, a missing library) or take too long are removed. Then each notebook is run in five scenarios: a first run, the same run again,
one constant edited, a cell inserted, an input file changed. Each scenario is run with `clew run` and in a plain kernel. The outputs of all
cells and the digests of all variables at the end are compared. The first run is repeated in a second plain kernel, to find
nondeterministic differences. Plain kernels start with the repository's files. `clew run` continues in its own folder, as for a user, so
files that a cell wrote still exist. If the results differ, the scenario is run once more in a plain kernel with the files that `clew run`
found.

A cell must be executed if its source is new, or if a variable that its source names had another value before it than in all earlier runs
(by the digests of the plain kernels). This minimum is reported. Other executed cells are counted by the reason that Clew reports. Reasons
that mean that a cell is not repeatable (random numbers, the time, programs, the network) are counted separately. The results of each
notebook are stored in the output folder, so an interrupted run continues where it stopped.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

INSIDE = Path(__file__).resolve().parent / "inside"
#: The minimal and maximal number of code cells of a notebook.
FEWEST, MOST = 6, 80
#: The maximal seconds of a cell, and the maximal megabytes of a notebook's folder.
CELL_SECONDS, FOLDER_MB = 30, 60
#: A number that may be edited, and the number of edits that are tried until all cells succeed.
NUMBER, TRIES = re.compile(r"(?<![\w.\"'])\d{1,3}(?![\w.\"'])"), 8
#: Reasons that mean that a cell is not repeatable.
UNREPEATABLE = re.compile(
    r"draws? random numbers|depends on the time|started programs|used the network|random:"
)
#: Parts of displayed texts that differ between processes.
DRAWN = [
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "0x"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{20,}"), "UUID"),
    # scikit-learn numbers its displays within a process.
    (re.compile(r"\b(sk-(?:container|estimator)-id)-\d+"), r"\1"),
    # unittest and pytest print the duration of tests, scikit-learn that of a fit.
    (re.compile(r"\b(Ran \d+ tests?) in \d+\.\d+s"), r"\1"),
    (re.compile(r"\b(passed|failed|skipped|errors?|warnings?) in \d+\.\d+s"), r"\1"),
    (re.compile(r"\b(total time=) *\d+\.\d+(?:s|min)"), r"\1"),
    (re.compile(r"<ipython-input-\d+-[0-9a-f]+>|/tmp/ipykernel_\d+/\d+\.py|ipykernel_\d+"), "CELL"),
]
#: Extensions of data files.
DATA = {".csv", ".txt", ".json", ".tsv", ".dat"}
#: The cell appended to the notebook: digests of all variables. It is never restored from a recorded run.
LAST = "import time, bench_probe; (time.time(), bench_probe.digests(globals(), []))[1]"
#: Code that a plain kernel runs at its start, so that cells do not notice it: it stores digests before each cell.
FIRST = """
def register():
    import bench_probe, json
    shell = get_ipython()
    def before(*_):
        with open({path!r}, "a") as file:
            print(json.dumps(bench_probe.digests(shell.user_ns, [])), file=file)
    shell.events.register("pre_run_cell", before)
register()
del register
"""


@dataclass
class Scenario:
    """The results of one scenario of a notebook."""

    name: str
    cells: int = 0
    executed: int = 0
    least: int = 0
    #: Cells that were executed although their source is not new and the variables that it names are the same, with the reported reasons.
    reasons: dict[str, list[str]] = field(default_factory=dict)
    #: Cells whose outputs, and variables whose final values, differ from a plain run.
    wrong: list[str] = field(default_factory=list)
    #: The number of those that also differ between plain runs.
    unstable: int = 0
    seconds: float = 0.0


@dataclass
class Result:
    """The results of a notebook."""

    notebook: str
    cells: int = 0
    dropped: int = 0
    scenarios: list[Scenario] = field(default_factory=list)
    failed: str | None = None


@dataclass
class Plain:
    """The results of a run in a plain kernel."""

    outputs: list[str]
    final: dict[str, str]
    before: list[dict[str, str]]


class Place:
    """A folder with the notebook and its data, at the same path for all runs, and a private home."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.origin = source.parent
        self.folder = folder / "work"
        # The place of the `clew run` folder while plain kernels run at its path, and its state before the last run.
        self.aside, self.found = folder / "aside", folder / "found"
        self.home = folder / "home"
        self.log = folder / "before.jsonl"
        self.startup = self.home / "ipython" / "profile_default" / "startup" / "first.py"
        shutil.rmtree(folder, ignore_errors=True)
        self.startup.parent.mkdir(parents=True)
        self.changes: dict[str, bytes] = {}
        self.restore()

    def restore(self) -> None:
        """Creates the folder again, as in the repository and with the changes of this scenario."""
        shutil.rmtree(self.folder, ignore_errors=True)
        # Copies keep their modification times, so an unchanged file looks unchanged.
        shutil.copytree(self.origin, self.folder, ignore=shutil.ignore_patterns("*.ipynb", ".git"))
        self.change()

    def change(self) -> None:
        """Makes the changes of this scenario."""
        for name, content in self.changes.items():
            (self.folder / name).write_bytes(content)
            os.utime(self.folder / name, (1.7e9, 1.7e9))

    def environment(self) -> dict[str, str]:
        """Returns the environment of all started programs."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "CLEW"))}
        home = {"HOME": self.home, "IPYTHONDIR": self.home / "ipython", "CLEW_HOME": self.home / "clew"}
        jupyter = {f"JUPYTER_{kind}_DIR": self.home / kind for kind in ("CONFIG", "DATA", "RUNTIME")}
        paths = {name: str(path) for name, path in {**home, **jupyter}.items()}
        settings = {"PYTHONPATH": str(INSIDE), "PYTHONHASHSEED": "0"}
        return mine | paths | settings | {"MPLCONFIGDIR": str(self.home / "matplotlib")}

    def plain(
        self, cells: list[Any], *, keep_going: bool = False, as_clew: bool = False
    ) -> tuple[Any, Plain]:
        """Runs the cells in a plain kernel; `as_clew` uses the files that the last `clew run` found."""
        self.restore()
        if as_clew:
            shutil.rmtree(self.folder)
            shutil.copytree(self.found, self.folder)
        self.log.unlink(missing_ok=True)
        self.startup.write_text(FIRST.format(path=str(self.log)))
        book = notebook(cells)
        # Cells that list the folder find the same files as in `clew run`.
        for name in ("in.ipynb", "out.ipynb"):
            nbformat.write(book, self.folder / name)
        # Jupyter passes the path of the open notebook to its kernels, and so does `clew run`.
        old, own = dict(os.environ), self.environment() | {"JPY_SESSION_NAME": str(self.folder / "in.ipynb")}
        os.environ.clear()
        os.environ.update(own)
        try:
            client = NotebookClient(
                book,
                timeout=CELL_SECONDS,
                kernel_name="python3",
                allow_errors=keep_going,
                interrupt_on_timeout=keep_going,
                resources={"metadata": {"path": str(self.folder)}},
            )
            client.execute()
        finally:
            os.environ.clear()
            os.environ.update(old)
            self.startup.unlink()
        before = [json.loads(line) for line in self.log.read_text().splitlines()]
        outputs = [self.shown(cell) for cell in book.cells]
        return book.cells, Plain(outputs[:-1], finals(book.cells[-1]), before)

    def clew(self, cells: list[Any]) -> tuple[list[dict[str, Any]], list[str], dict[str, str], float]:
        """Runs the cells with `clew run`. Returns the outcome of each cell, the outputs, the final values and the seconds."""
        if self.aside.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.aside.rename(self.folder)
            self.change()
        else:
            self.restore()
        shutil.rmtree(self.found, ignore_errors=True)
        shutil.copytree(self.folder, self.found)
        nbformat.write(notebook(cells), self.folder / "in.ipynb")
        command = [str(Path(sys.executable).parent / "clew"), "run", "in.ipynb", "out.ipynb", "--json"]
        begun = os.times().elapsed
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=900
        )
        seconds = os.times().elapsed - begun
        if done.returncode != 0:
            raise RuntimeError(f"clew run: exit {done.returncode}: {done.stderr[-2000:]}")
        told = json.loads(done.stdout)["cells"]
        book = nbformat.read(self.folder / "out.ipynb", as_version=4)
        outputs = [self.shown(cell) for cell in book.cells]
        self.folder.rename(self.aside)
        return told, outputs[:-1], finals(book.cells[-1]), seconds

    def shown(self, cell: Any) -> str:
        """Returns the displayed text of a cell, without parts that differ between processes."""
        texts: list[str] = []
        was_printed = False
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and output.name == "stderr":
                continue  # warnings are shown once per process
            is_printed = output.output_type == "stream"
            if is_printed and was_printed:
                # The outputs were separated by a warning.
                texts[-1] += output.text
                continue
            was_printed = is_printed
            data = output.get("data") or {"text": output.get("text", output.get("evalue", ""))}
            texts += [f"{kind}: {data[kind]}" for kind in sorted(data)]
        text = "\n".join(texts).replace(str(self.folder), "FOLDER")
        for pattern, instead in DRAWN:
            text = pattern.sub(instead, text)
        return text


def notebook(cells: list[Any]) -> Any:
    """Creates a notebook with these cells."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    copies = [nbformat.from_dict({**cell, "outputs": [], "execution_count": None}) for cell in cells]
    return nbformat.v4.new_notebook(
        cells=copies, metadata={"kernelspec": spec, "language_info": {"name": "python"}}
    )


def finals(cell: Any) -> dict[str, str]:
    """Parses the digests that the last cell displays."""
    found = [output["data"]["text/plain"] for output in cell.outputs if "data" in output]
    told: dict[str, str] = ast.literal_eval(found[-1])
    return {name: digest for name, digest in told.items() if name not in ("time", "bench_probe")}


# -- scenarios -----------------------------------------------------------------------------------------------------------


def edited(place: Place, cells: list[Any], dice: random.Random) -> tuple[list[Any], Plain] | None:
    """Increments one small integer in the cells so that all cells still succeed. Returns the cells and their results."""
    for at in dice.sample(range(len(cells)), len(cells))[:TRIES]:
        source = cells[at]["source"]
        found = list(NUMBER.finditer(source))
        if not found or not is_plain(source):
            continue
        match = dice.choice(found)
        other = source[: match.start()] + str(int(match.group()) + 1) + source[match.end() :]
        those = [*cells[:at], {**cells[at], "source": other}, *cells[at + 1 :]]
        with suppress(CellExecutionError):
            return those, place.plain([*those, last()])[1]
    return None


def inserted(cells: list[Any], dice: random.Random) -> list[Any]:
    """Inserts a new cell into the cells."""
    place = dice.randrange(1, len(cells))
    new = nbformat.v4.new_code_cell("inserted_by_bench = 6 * 7\ninserted_by_bench")
    new["id"] = "inserted"
    return [*cells[:place], new, *cells[place:]]


def changed_file(place: Place, cells: list[Any]) -> dict[str, bytes]:
    """Duplicates the last line of a data file that the notebook names."""
    sources = "\n".join(cell["source"] for cell in cells)
    for path in sorted(place.origin.rglob("*")):
        if (
            path.suffix in DATA
            and path.is_file()
            and path.name in sources
            and path.stat().st_size < 10_000_000
        ):
            content = path.read_bytes()
            lines = content.rstrip(b"\n").split(b"\n")
            if len(lines) > 2 and path.suffix != ".json":
                return {str(path.relative_to(place.origin)): b"\n".join([*lines, lines[-1], b""])}
    return {}


def last() -> Any:
    """Creates the cell that computes all digests."""
    cell = nbformat.v4.new_code_cell(LAST)
    cell["id"] = "last"
    return cell


def is_plain(source: str) -> bool:
    """Whether a cell is Python without magics."""
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


# -- what has to be executed ---------------------------------------------------------------------------------------------


class Needs:
    """Remembers the values that cells found when they were executed, to determine which cells must be executed again."""

    def __init__(self) -> None:
        self.known: set[tuple[Any, ...]] = set()

    def needed(self, cells: list[Any], before: list[dict[str, str]], changed: set[str]) -> set[int]:
        """Returns the positions of the cells that find values that they never found before."""
        places = set()
        readers: dict[str, set[str]] = {}
        for place, (cell, digests) in enumerate(zip(cells, before, strict=False)):
            names = named(cell["source"], readers)
            files = {name for name in changed if Path(name).name in cell["source"]}
            found = (cell["source"], tuple((name, digests.get(name)) for name in sorted(names)), tuple(files))
            if found not in self.known:
                self.known.add(found)
                places.add(place)
        return places


def named(source: str, readers: dict[str, set[str]]) -> set[str]:
    """Returns the names that a cell reads, including those that functions of earlier cells read."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set(re.findall(r"[A-Za-z_]\w*", source))
    loads = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in list(loads):
        loads |= readers.get(name, set())
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            inside = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            readers[node.name] = inside.union(*(readers.get(name, set()) for name in inside))
    return loads


# -- a notebook ----------------------------------------------------------------------------------------------------------


def play(source: Path, folder: Path, seed: int) -> Result:
    """Runs a notebook in all scenarios."""
    result = Result(str(source))
    place = Place(folder, source)
    cells, plain = clean(place, source, result)
    if plain is None:
        result.failed = f"only {len(cells)} cells run here"
        return result
    result.cells = len(cells)
    needs, dice = Needs(), random.Random(seed)
    again = place.plain([*cells, last()])[1]
    unstable = set(differing(cells, plain, again.outputs, again.final))
    for name, those, once in scenarios(place, cells, [plain, again], dice):
        result.scenarios.append(scenario(place, name, those, once, unstable, needs))
    return result


def clean(place: Place, source: Path, result: Result) -> tuple[list[Any], Plain | None]:
    """Returns the code cells that succeed here, and their results; nothing if there are too few."""
    book = nbformat.read(source, as_version=4)
    cells = [cell for cell in book.cells if cell.cell_type == "code" and cell.source.strip()]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}
    for _ in range(4):
        if not FEWEST <= len(cells) <= MOST:
            break
        ran, plain = place.plain([*cells, last()], keep_going=True)
        good = [
            cell
            for cell, done in zip(cells, ran, strict=False)
            if not any(output.output_type == "error" for output in done.outputs)
        ]
        result.dropped += len(cells) - len(good)
        if len(good) == len(cells):
            return good, plain
        cells = good
    return cells, None


def scenarios(
    place: Place, cells: list[Any], plain: list[Plain], dice: random.Random
) -> Iterator[tuple[str, list[Any], Plain]]:
    """Yields the scenarios with the results of a plain kernel. The last one changes the folder."""
    yield "first run", cells, plain[0]
    yield "same run", cells, plain[1]
    other = edited(place, cells, dice)
    if other is not None:
        yield "edited constant", *other
    more = inserted(cells, dice)
    yield "inserted cell", more, place.plain([*more, last()])[1]
    place.changes = changed_file(place, cells)
    if place.changes:
        yield "changed file", cells, place.plain([*cells, last()])[1]


def scenario(
    place: Place, name: str, cells: list[Any], plain: Plain, unstable: set[str], needs: Needs
) -> Scenario:
    """Runs a notebook with Clew and compares the results. `unstable` contains the differences that also occur between plain runs; new ones
    are added."""
    told, outputs, final, seconds = place.clew([*cells, last()])
    needed = needs.needed(cells, plain.before, set(place.changes))
    done = Scenario(name, cells=len(cells), least=len(needed), seconds=seconds)
    for at, (cell, became) in enumerate(zip(cells, told, strict=False)):
        if became["outcome"] == "executed":
            done.executed += 1
            if at not in needed:
                why = "; ".join(became["why"])
                done.reasons.setdefault(reason(why), []).append(f"{why[:400]}: {cell['source'][:200]}")
    differ = differing(cells, plain, outputs, final)
    if differ.keys() - unstable:
        again = place.plain([*cells, last()], as_clew=True)[1]
        unstable |= differing(cells, plain, again.outputs, again.final).keys()
    done.unstable = len(unstable)
    done.wrong = [
        f"{what} ({told[at]['outcome']}): {cells[at]['source'][:200]}" if at is not None else what
        for what, at in differ.items()
        if what not in unstable
    ]
    return done


def differing(
    cells: list[Any], plain: Plain, outputs: list[str], final: dict[str, str]
) -> dict[str, int | None]:
    """Returns the outputs (with the position of the cell) and the variables that differ from the plain run."""
    shown = {
        f"output of {cell['id']}": at for at, cell in enumerate(cells) if outputs[at] != plain.outputs[at]
    }
    names = sorted(plain.final.keys() | final.keys())
    return {
        **shown,
        **{f"variable {name}": None for name in names if plain.final.get(name) != final.get(name)},
    }


def reason(why: str) -> str:
    """Returns a reason without the names in it."""
    return re.sub(r"`[^`]*`|'[^']*'|\b\S*[/.]\S+|\d+", "…", why) or "no reason given"


# -- all of them ---------------------------------------------------------------------------------------------------------


def chosen(folders: list[Path], count: int, seed: int) -> list[Path]:
    """Yields notebooks from all repositories in turn."""
    dice = random.Random(seed)
    queues = []
    for folder in folders:
        found = [path for path in sorted(folder.rglob("*.ipynb")) if is_suitable(path)]
        dice.shuffle(found)
        queues.append(found)
    picked: list[Path] = []
    while any(queues) and len(picked) < count:
        for queue in queues:
            if queue and len(picked) < count:
                picked.append(queue.pop())
    return picked


def is_suitable(path: Path) -> bool:
    """Whether a notebook is a Python notebook of suitable size, in a folder that is small enough to be copied."""
    try:
        book = nbformat.read(path, as_version=4)
    except Exception:
        return False
    codes = sum(1 for cell in book.cells if cell.cell_type == "code" and cell.source.strip())
    language = book.metadata.get("kernelspec", {}).get("language", "python")
    size = sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file())
    return FEWEST <= codes <= MOST and language == "python" and size < FOLDER_MB << 20


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.public_notebooks", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("folders", type=Path, nargs="+", help="checkouts of repositories with notebooks")
    parser.add_argument("--count", type=int, default=60, help="how many notebooks to draw")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--output", type=Path, default=Path(".bench/public"), help="where results are kept")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(chosen(options.folders, options.count, options.seed)):
        kept = options.output / f"{number:03}.json"
        if not kept.exists():
            try:
                result = play(source.resolve(), (options.output / "work").resolve(), options.seed + number)
            except Exception:
                result = Result(str(source), failed=traceback.format_exc(limit=-2))
            kept.write_text(json.dumps(asdict(result), indent=1))
        print(line(json.loads(kept.read_text())), flush=True)
    print(summary([json.loads(path.read_text()) for path in sorted(options.output.glob("[0-9]*.json"))]))


def line(result: dict[str, Any]) -> str:
    """Formats a notebook in one line."""
    if result["failed"]:
        return f"{result['notebook']}: left out: {result['failed'].strip().splitlines()[-1][:150]}"
    counts = ", ".join(f"{one['executed']}/{one['least']}" for one in result["scenarios"])
    wrong = sum(len(one["wrong"]) for one in result["scenarios"])
    return f"{result['notebook']}: {result['cells']} cells; executed/least {counts}; wrong {wrong}"


def summary(results: list[dict[str, Any]]) -> str:
    """Formats the totals of all notebooks: one line for each scenario, then the reasons."""
    ran = [result for result in results if not result["failed"]]
    lines = [f"{len(ran)} notebooks of {len(results)} ran"]
    reasons: Counter[str] = Counter()

    def total(name: str, key: str) -> int:
        return sum(one[key] for result in ran for one in result["scenarios"] if one["name"] == name)

    for name in ("first run", "same run", "edited constant", "inserted cell", "changed file"):
        wrong = sum(len(one["wrong"]) for result in ran for one in result["scenarios"] if one["name"] == name)
        counts = f"{total(name, 'executed')} of {total(name, 'cells')} cells executed, {total(name, 'least')} had to be"
        lines.append(f"{name}: {counts}; wrong {wrong}; unstable in plain runs {total(name, 'unstable')}")
    unchanged, excused = 0, 0
    for result in ran:
        for one in result["scenarios"]:
            if one["name"] != "first run":
                unchanged += one["cells"] - one["least"]
                reasons.update({why: len(cells) for why, cells in one["reasons"].items()})
                told = [why for cells in one["reasons"].values() for why in cells]
                excused += sum(1 for why in told if UNREPEATABLE.search(why))
    needless = reasons.total() - excused
    lines.append(
        f"unchanged cells: {unchanged}; executed because they are not repeatable {excused}, otherwise {needless} "
        f"({needless / max(unchanged, 1):.1%})"
    )
    lines += [f"{count:5}  {why}" for why, count in reasons.most_common()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
