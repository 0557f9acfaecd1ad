"""Files that native code opens count as inputs, whatever way their paths were made: in kernels of `clew run`, and in those that recorded live."""

from __future__ import annotations

import mmap
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from desk import Desk, code_cells
from harness import Kernel, Reply

from clew.observer import HEADER, NEXT, RECORD, SIZE, SLOTS, Kind, Log, preload
from clew.observer_log import UNKNOWN

h5py = pytest.importorskip("h5py", reason="It has no wheel for this Python")
EXECUTED = "executed"

#: Modules and settings of the notebook's author.
HELPERS = {
    "places.py": "BASE = 'd/constant'\n\ndef place(n):\n    return 'd/' + n + '.csv'\n\nclass Layout:\n    part = 'attribute'\n",
    "settings.yaml": "input: {folder: d, name: yaml}\n",
    "settings.json": '{"folder": "d", "name": "json"}',
    "settings.ini": "[in]\nname = ini\n",
    "list.txt": "d/listed\n",
}

SETUP = """import argparse, base64, configparser, dataclasses, functools, glob, json, os, pathlib, re, subprocess, sys, sqlite3, yaml
import duckdb, h5py, numpy as np, pandas as pd, polars as pl
import pyarrow as pa, pyarrow.csv as pc, pyarrow.dataset as ds, pyarrow.feather as pf, pyarrow.parquet as pq
import places
def total(path):
    return pl.read_csv(path)['x'].sum()
end = '.c' + 'sv'"""

#: Ways to make a path, each with the file that it comes to, which polars reads.
WAYS = {
    "glob": "total(glob.glob('d/glo*')[0])",
    "dict": "cfg = {'in': {'name': 'dict'}}\ntotal('d/' + cfg['in']['name'] + end)",
    "constant": "total(places.BASE + end)",
    "function": "total(places.place('function'))",
    "argparse": "def parsed():\n    ap = argparse.ArgumentParser()\n    ap.add_argument('--name', default='argparse')\n    return ap.parse_args([]).name\ntotal('d/%s%s' % (parsed(), end))",
    "parts": "total('/'.join(['d', 'parts' + end]))",
    "yaml": "with open('settings.yaml') as f:\n    y = yaml.safe_load(f)['input']\ndel f\ntotal(f\"{y['folder']}/{y['name']}{end}\")",
    "json": "j = json.loads(pathlib.Path('settings.json').read_text())\ntotal(os.path.join(j['folder'], j['name'] + end))",
    "ini": "def from_ini():\n    ini = configparser.ConfigParser()\n    ini.read('settings.ini')\n    return ini['in']['name']\ntotal('d/' + from_ini() + end)",
    "variable": "total('d/' + os.environ['WHICH'] + end)",
    "slash": "total(pathlib.Path('d') / ('sla' + 'sh') .__add__(end))",
    "scandir": "total([e.path for e in os.scandir('d') if e.name.startswith('scan')][0])",
    "fstring": "n = 'fstr'\ntotal(f'd/{n}ing{end}')",
    "format": "total('{}/{}{}'.format('d', 'form' 'at', end))",
    "replace": "total('d/replXXX'.replace('XXX', 'ace') + end)",
    "attribute": "total('d/' + places.Layout.part + end)",
    "default": "def load(name='def' + 'ault'):\n    return total('d/' + name + end)\nload()",
    "closure": "def opener(folder):\n    return lambda name: total(folder + name + end)\nopener('d/')('clo' + 'sure')",
    "cell": "total('d/' + wanted[1] + end)",
    "base64": "total(base64.b64decode('ZC9iYXNlNjQuY3N2').decode())",
    "listed": "total(open('list.txt').read().strip() + end)",
    "link": "total('d/li' + 'nk' + end)",
    "reversed": "total('d/' + 'desrever'[::-1] + end)",
    "dataclass": "@dataclasses.dataclass\nclass Cfg:\n    name: str = 'dataclass'\ntotal('d/' + Cfg().name + end)",
    "rglob": "total(next(p for p in pathlib.Path('.').rglob('*') if p.stem == 'rgl' + 'ob'))",
    "partial": "functools.partial('{}/{}{}'.format, 'd')('part' 'ial', end)\ntotal(functools.partial('{}/{}{}'.format, 'd')('part' 'ial', end))",
    "regex": "total(re.sub('Z', 'x', 'd/regeZ') + end)",
    "bytes": "total(bytes([100, 47]).decode() + bytes.fromhex('6279746573').decode() + end)",
    "frame": "total('d/' + pd.DataFrame({'n': ['frame']})['n'].iloc[0] + end)",
}

#: Readers of files whose names stand nowhere.
READERS = {
    "a.parquet": "pq.read_table(where('a.par', 'quet'))['x'].to_pylist()",
    "m.parquet": "pq.read_table(where('m.par', 'quet'), memory_map=True)['x'].to_pylist()",
    "p.parquet": "pd.read_parquet(where('p.par', 'quet'))['x'].tolist()",
    "s.parquet": "pl.scan_parquet(where('s.par', 'que*')).collect()['x'].to_list()",
    "t.csv": "pc.read_csv(where('t.c', 'sv'))['x'].to_pylist()",
    "d.csv": "duckdb.sql('select x from read_csv(' + repr(where('d.c', 'sv')) + ')').fetchall()",
    "f.feather": "pf.read_table(where('f.', 'feather'), memory_map=True)['x'].to_pylist()",
    "h.h5": "with h5py.File(where('h.h', '5')) as h5:\n    xs = h5['x'][:].tolist()\ndel h5\nxs",
    "n.npy": "np.load(where('n.np', 'y'), mmap_mode='r').sum().item()",
    "q.db": "def ask():\n    c = sqlite3.connect(where('q.d', 'b'))\n    got = c.execute('select x from t').fetchall()\n    c.close()\n    return got\nask()",
    "c.txt": "subprocess.run(['cat', where('c.t', 'xt')], capture_output=True, text=True).stdout",
    "k.txt": "subprocess.run([sys.executable, '-c', 'import sys; print(open(sys.argv[1]).read())', where('k.t', 'xt')], capture_output=True, text=True).stdout",
}
PROGRAMS = {"c.txt", "k.txt"}


def fill(folder: Path, add: int) -> None:
    """Writes every file that is read; with another number all are others, of the same length."""
    for name in WAYS:
        where = folder / ("linked" if name == "link" else "d") / f"{name}.csv"
        where.parent.mkdir(exist_ok=True)
        where.write_text(f"x\n{10 + add}\n")
    link = folder / "d/link.csv"
    if not link.is_symlink():
        link.symlink_to("../linked/link.csv")
    (folder / "d/reversed.csv").write_text(f"x\n{10 + add}\n")
    (folder / "r").mkdir(exist_ok=True)
    frame = pl.DataFrame({"x": [1 + add]})
    for name in READERS:
        write(folder / "r" / name, frame)


def write(path: Path, frame: pl.DataFrame) -> None:
    path.unlink(missing_ok=True)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".feather":
        frame.write_ipc(path)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["x"] = frame["x"].to_numpy()
    elif path.suffix == ".npy":
        np.save(path, frame["x"].to_numpy())
    elif path.suffix == ".db":
        with sqlite3.connect(path) as database:
            database.execute("create table t (x)")
            database.execute("insert into t values (?)", frame.row(0))
        database.close()
    else:
        frame.write_csv(path)


def prepare(folder: Path) -> list[str]:
    """The files and cells of a notebook that reads them all; it begins with the cells that read none."""
    folder.mkdir(exist_ok=True)
    for name, text in HELPERS.items():
        (folder / name).write_text(text)
    fill(folder, 0)
    first = [SETUP, "wanted = ['no', 'cell']\ndef where(*parts):\n    return 'r/' + ''.join(parts)"]
    return [
        *first,
        *WAYS.values(),
        *READERS.values(),
        "%cd -q r",
        "pl.read_csv('.'.join(['t', 'csv']))['x'].sum()",
    ]


@pytest.fixture(scope="module")
def recorded(desk: Desk) -> tuple[Desk, Path]:
    """A notebook that was run."""
    folder = desk.folder / "native"
    desk.notebook("native/it", *prepare(folder))
    typed = run(desk, folder)
    assert typed.exit == 0, typed
    return desk, folder


def run(desk: Desk, folder: Path, *words: str) -> Any:
    return desk.run("it.ipynb", *(words or ("../out.ipynb",)), cwd=folder, env={"WHICH": "variable"})


def reasons(desk: Desk, folder: Path) -> dict[int, str]:
    """Why cells would run, by number from 0."""
    planned = run(desk, folder, "--plan", "--json").json["cells"]
    return {one["number"] - 1: "; ".join(one["why"]) for one in planned if one["outcome"] == EXECUTED}


def names() -> list[str]:
    """The file of each cell that reads one."""
    return ["", "", *(f"d/{name}.csv" for name in WAYS), *(f"r/{name}" for name in READERS), "", "t.csv"]


def test_p03_files_that_native_code_opens_count_whatever_way_their_paths_were_made(
    recorded: tuple[Desk, Path],
) -> None:
    desk, folder = recorded
    programs = {at for at, name in enumerate(names()) if name[2:] in PROGRAMS}
    assert reasons(desk, folder).keys() == programs, "nothing changed"
    fill(folder, 5)
    why = reasons(desk, folder)
    missed = {name: why.get(at) for at, name in enumerate(names()) if name and name not in why.get(at, "")}
    assert missed == {}
    # Cells that read none of them are left alone.
    assert not {at: why[at] for at in (0, 1) if at in why}
    assert run(desk, folder).exit == 0
    cells = code_cells(desk.read("out.ipynb"))
    shown = {
        name: "".join(cell["outputs"][0]["data"]["text/plain"])
        for name, cell in zip(names(), cells, strict=True)
        if name
    }
    for name, text in shown.items():
        wanted = "15" if name.startswith("d/") else "6"
        assert wanted in text, (name, text)
    assert reasons(desk, folder).keys() == programs


def test_p03_what_came_and_went_counts_where_only_native_code_looked(desk: Desk) -> None:
    folder = desk.folder / "looked"
    (folder / "d").mkdir(parents=True)
    for name in "ab":
        (folder / f"d/{name}.csv").write_text("x\n1\n")
    cells = [
        "import polars as pl, pyarrow.dataset as ds, os",
        "folder = ['d', 'no.csv', 'lat' + 'er.csv']",
        "pl.scan_csv(folder[0] + '/*.c' + 'sv').collect()['x'].sum()",
        "ds.dataset(folder[0], format='csv').to_table().num_rows",
        "try:\n    n = pl.read_csv(folder[2])['x'].sum()\nexcept OSError:\n    n = None\nn",
        "os.path.exists(folder[2][:]), os.path.isdir('/'.join(folder[:1]))",
        "1 + 1",
    ]
    desk.notebook("looked/it", *cells)
    assert run(desk, folder).exit == 0
    assert reasons(desk, folder) == {}
    (folder / "d/c.csv").write_text("x\n7\n")
    assert reasons(desk, folder).keys() == {2, 3}
    (folder / "d/c.csv").unlink()
    assert reasons(desk, folder) == {}
    (folder / "later.csv").write_text("x\n9\n")
    assert reasons(desk, folder).keys() == {4, 5}
    (folder / "later.csv").unlink()
    (folder / "d").rename(folder / "e")
    assert reasons(desk, folder).keys() == {2, 3, 5}


def test_p03_a_look_counts_though_what_the_same_cell_imported_looked_there_first(desk: Desk) -> None:
    folder = desk.folder / "looked-twice"
    folder.mkdir()
    (folder / "looks_first.py").write_text("import os\nos.path.exists(''.join(['lat', 'er']))\n")
    desk.notebook(
        "looked-twice/it", "import looks_first, os\nos.path.exists(''.join(['lat', 'er']))", "1 + 1"
    )
    assert run(desk, folder).exit == 0
    assert reasons(desk, folder) == {}
    (folder / "later").write_text("")
    assert reasons(desk, folder).keys() == {0}


def test_p03_what_native_code_writes_is_no_input_but_read_and_changed_is_not_repeatable(desk: Desk) -> None:
    folder = desk.folder / "written"
    folder.mkdir()
    (folder / "in.csv").write_text("x\n1\n")
    cells = [
        "import polars as pl\nn = ['in', 'out', 'both']",
        "pl.read_csv(n[0] + '.csv').write_csv(n[1] + '.csv')",
        "pl.read_csv(n[1] + '.csv')['x'].sum()",
        "pl.DataFrame({'x': [1]}).write_csv(n[2] + '.csv')\npl.read_csv(n[2] + '.csv')['x'].sum()",
        "f = pl.read_csv(n[1] + '.csv')\n(f * 2).write_csv(n[1] + '.csv')",
    ]
    desk.notebook("written/it", *cells[:4])
    assert run(desk, folder).exit == 0
    assert reasons(desk, folder) == {}
    (folder / "out.csv").unlink()
    assert reasons(desk, folder).keys() == {1, 2}, "an output that is gone is written again"
    desk.notebook("written/it", *cells)
    assert run(desk, folder).exit == 0
    assert "changed after reading it" in reasons(desk, folder)[4]


def test_p03_ordinary_cells_have_no_inputs_that_are_none(desk: Desk) -> None:
    folder = desk.folder / "ordinary"
    cells = [
        "import numpy as np, pandas as pd, polars as pl, sklearn.linear_model as lm, duckdb",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        "print('text')\npd.DataFrame({'a': [1]})",
        "lm.LinearRegression().fit([[1], [2]], [1, 2])",
        "duckdb.sql('select 1').fetchall()",
        "pd.Timestamp('2020-01-01', tz='Europe/Berlin')",
        "pl.DataFrame({'a': [1, 2]}).lazy().select(pl.col('a').sum()).collect()",
    ]
    desk.notebook("ordinary/it", *cells) if folder.exists() else (
        folder.mkdir(),
        desk.notebook("ordinary/it", *cells),
    )
    # The first makes what libraries keep beside, lists of fonts for example.
    assert run(desk, folder).exit == 0
    assert run(desk, folder).exit == 0
    assert reasons(desk, folder) == {}
    listed = desk.clew("log", "--all", "-n", "0", "--json", "--history", "ordinary/it.ipynb").json["runs"]
    for one in listed:
        told = desk.clew("show", one["id"], "--json").json["evidence"]
        inputs = [file["path"] for file in told["files_read"] if not file["of_environment"]]
        # Where matplotlib looks for settings counts.
        inputs = [path for path in inputs if Path(path).name != "matplotlibrc"]
        assert not [path for path in inputs if path.startswith(str(folder))], (one["source"], inputs)
        assert not told["nondeterministic"] and not told["processes"], one["source"]


def test_p03_what_clew_opens_beside_a_cell_is_no_input_of_it(desk: Desk, tmp_path: Path) -> None:
    # Clew proves between two cells that a value can be built again, and may clear up when the next one runs.
    folder = desk.folder / "beside"
    folder.mkdir()
    of_clew = Path(tempfile.gettempdir(), f"clew-scratch-{tmp_path.name}")
    of_clew.mkdir()
    files = [folder / "data", of_clew / "own"]
    for file in files:
        file.write_text("1")
    opened = "[ctypes.CDLL(None).open(path, 0) > 0 for path in paths]"
    desk.notebook("beside/it", f"import ctypes\npaths = {list(map(os.fsencode, files))}", opened)
    assert run(desk, folder).exit == 0
    shutil.rmtree(of_clew)
    run_id = desk.clew("log", "--json", "-n", "1", "--history", "beside/it.ipynb").json["runs"][0]["id"]
    inputs = desk.clew("show", run_id, "--json").json["evidence"]["files_read"]
    assert [file["path"] for file in inputs if Path(file["path"]) in files] == [str(folder / "data")]


def record_live(desk: Desk, folder: Path, cells: list[str], environment: dict[str, str]) -> list[Reply]:
    """Runs the cells of a notebook `it` in a kernel that somebody works in, and ends it when all is recorded."""
    kernel = Kernel(
        home=desk.home, notebook=desk.notebook(f"{folder.name}/it", *cells), cwd=folder, env=environment
    )
    said = [kernel.run(source).raised() for source in cells]
    kernel.settle()
    kernel.kill()
    return said


@pytest.mark.parametrize("way", ["loaded", "preloaded"])
def test_p03_what_a_live_kernel_recorded_counts_the_same(tmp_path: Path, way: str) -> None:
    # Not beside others: the record of a notebook of the same name would be taken up.
    desk = Desk(tmp_path)
    folder = desk.folder / way
    cells = prepare(folder)
    environment = desk.environment() | {"WHICH": "variable"}
    record_live(desk, folder, cells, preload(environment) if way == "preloaded" else environment)
    programs = {at for at, name in enumerate(names()) if name[2:] in PROGRAMS}
    why = reasons(desk, folder)
    assert why.keys() == programs, {at: why[at] for at in why.keys() - programs}
    fill(folder, 5)
    why = reasons(desk, folder)
    # Of children of a kernel that was not started with the library it is only known that they ran.
    seen = [name for name in names() if name and (way == "preloaded" or name[2:] not in PROGRAMS)]
    assert {
        name: why.get(at) for at, name in enumerate(names()) if name in seen and name not in why.get(at, "")
    } == {}


def test_p03_what_is_loaded_after_others_were_unloaded_is_observed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    folder = desk.folder / "unloaded"
    folder.mkdir()
    pl.DataFrame({"x": [1]}).write_csv(folder / "t.csv")
    cells = [
        "import ctypes, _ctypes, shutil\n"
        "made = [ctypes.CDLL(shutil.copy(_ctypes.__file__, f'./{n}.so')) for n in range(40)]",
        "import _zoneinfo",
        "for one in made:\n    _ctypes.dlclose(one._handle)\ndel made, one",
        "import polars as pl",
        "pl.read_csv('.'.join(['t', 'csv']))['x'].sum()",
    ]
    record_live(desk, folder, cells, desk.environment())
    (folder / "t.csv").write_text("x\n2\n")
    assert "t.csv" in reasons(desk, folder).get(4, ""), reasons(desk, folder)


#: A library that reads a file, and one that makes the loader wait while it fills the reader's slots in: `slow` is looked up then, before
#: what the reader calls.
READER = """
#include <fcntl.h>
#include <unistd.h>
extern void slow(void);
void (*first)(void) = slow;
int read_one(const char *path) { char one = 0; int fd = open(path, O_RDONLY); return fd < 0 || read(fd, &one, 1) < 1 || close(fd) != 0 ? -1 : one; }
"""
SLOW = """
#include <fcntl.h>
#include <unistd.h>
static void nothing(void) {}
static void (*wait_a_while(void))(void) { close(open("loading", O_CREAT | O_WRONLY, 0600)); usleep(900000); return nothing; }
void slow(void) __attribute__((ifunc("wait_a_while")));
"""
LOADER = """
#include <dlfcn.h>
#include <pthread.h>
static pthread_t thread;
static void *load(void *how) { return dlopen("./libreader.so", *(int *)how); }
int begin(int *how) { return pthread_create(&thread, 0, load, how); }
int end(void) { void *library = 0; pthread_join(thread, &library); return library != 0; }
"""


@pytest.mark.parametrize("how", ["RTLD_NOW", "RTLD_LAZY"])
def test_p03_what_another_thread_loads_while_a_run_begins_is_observed(tmp_path: Path, how: str) -> None:
    desk = Desk(tmp_path)
    folder = desk.folder / "threads"
    folder.mkdir()
    for name, source, others in (
        ("slow", SLOW, []),
        ("reader", READER, ["-L.", "-lslow", "-Wl,-rpath,$ORIGIN"]),
        ("loader", LOADER, ["-lpthread"]),
    ):
        (folder / f"{name}.c").write_text(source)
        built = ["cc", "-shared", "-fPIC", "-Wl,-z,lazy", "-o", f"lib{name}.so", f"{name}.c", *others]
        subprocess.run(built, cwd=folder, check=True)
    (folder / "t.txt").write_text("1")
    cells = [
        "import ctypes, os, time\nloader = ctypes.CDLL('./libloader.so')",
        f"how = ctypes.c_int(os.{how})\nloader.begin(ctypes.byref(how))\n"
        "while not os.path.exists('loading'):\n    time.sleep(0.001)",
        "loader.end()",
        "reader = ctypes.CDLL('./libreader.so')",
        "reader.read_one(b'.'.join([b't', b'txt']))",
    ]
    said = record_live(desk, folder, cells, desk.environment())
    assert said[2].result == "1" and said[4].result == str(ord("1")), said
    (folder / "t.txt").write_text("2")
    assert "t.txt" in reasons(desk, folder).get(4, ""), reasons(desk, folder)


def test_p03_a_run_with_more_accesses_than_the_log_holds_is_not_repeatable(desk: Desk) -> None:
    folder = desk.folder / "many"
    folder.mkdir()
    look = f"for n in range({SLOTS + 1000}):\n    os.path.exists(f'no/{{n}}')"
    desk.notebook("many/it", "import os", look, "os.path.exists('no/1')")
    assert run(desk, folder).exit == 0
    assert reasons(desk, folder) == {1: f"it depends on {UNKNOWN}"}


def test_a_log_in_which_a_record_is_half_written_is_not_whole() -> None:
    memory = mmap.mmap(-1, SIZE)
    log = Log(memory)
    path = b"/data/a.csv"
    record = RECORD.pack(1, 7, 7, 1, 0, Kind.OPENED, len(path), 0, 0) + path
    memory[HEADER : HEADER + len(record)] = record
    memoryview(memory).cast("Q")[NEXT] = 1
    accesses, is_whole = log.between(0, 1)
    assert ([one.path for _, one in accesses], is_whole) == (["/data/a.csv"], True)
    # Its writer took the next place and was killed.
    memoryview(memory).cast("Q")[NEXT] = 2
    accesses, is_whole = log.between(0, 2)
    assert ([one.path for _, one in accesses], is_whole) == (["/data/a.csv"], False)
    # And what was written over is not there.
    memoryview(memory).cast("Q")[NEXT] = SLOTS + 1
    assert log.between(0, 1) == ([], False)


#: What opens files through Python, or none: nothing stands against taking these.
QUIET = {
    "numpy": "np.ones(3).sum()",
    "pandas": "frame = pd.DataFrame({'a': [1, 2]})\nframe['a'].sum()",
    "plain": "[n for n in range(3)]",
    "a file": "open('settings.ini').read()",
    "a definition": "def later(name):\n    return pl.read_csv(name)",
}


def test_p03_what_native_code_may_have_read_unobserved_is_not_repeatable(desk: Desk) -> None:
    folder = desk.folder / "unobserved"
    cells = [*prepare(folder), "%cd -q ..", *QUIET.values()]
    desk.notebook("unobserved/it", *cells)
    off = {"WHICH": "variable", "CLEW_OBSERVER": "off"}

    def planned() -> dict[int, str]:
        typed = desk.run("it.ipynb", "--plan", "--json", cwd=folder, env=off)
        return {one["number"] - 1: "; ".join(one["why"]) for one in typed.json["cells"] if one["why"]}

    assert desk.run("it.ipynb", "../out.ipynb", cwd=folder, env=off).exit == 0
    doubted = planned()
    fill(folder, 5)
    why = planned()
    known = {at for at in why if at in doubted or names_in(at, why[at])}
    missed = [name for at, name in enumerate(names()) if name and at not in known]
    assert missed == []
    first = len(cells) - len(QUIET)
    quiet = {name: why.get(first + at) for at, name in enumerate(QUIET) if first + at in why}
    assert (quiet, 0 in why, 1 in why) == ({}, False, False)
    assert "files that polars may open unobserved" in doubted[2]


def names_in(at: int, why: str) -> bool:
    """Whether the reason names the file of a cell."""
    return bool(names()[at:] and names()[at] and names()[at] in why)
