"""Environment variables that native code reads count as those that Python reads: in kernels of `clew run`, and in those that recorded live."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from harness import Kernel

from clew.observer import SLOTS, preload
from clew.observer_log import MORE_VARIABLES, MOST_VARIABLES

EXECUTED = "executed"

#: A library that asks for variables, and a program that does.
ASKING = """
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
char *ask(const char *name) { return getenv(name); }
char *ask_securely(const char *name) { return secure_getenv(name); }
char *ask_often(const char *name) {
    char *value = 0;
    for (int n = 0; n < TIMES; n++) { getenv("NATIVE_OTHER"); value = getenv(name); getenv("NATIVE_THIRD"); }
    return value;
}
static void *ask_there(void *name) { return getenv(name); }
char *ask_in_thread(char *name) {
    pthread_t thread;
    void *value = 0;
    pthread_create(&thread, 0, ask_there, name);
    pthread_join(thread, &value);
    return value;
}
char *ask_for_many(const char *name) {
    char other[200];
    for (int n = 0; n < MOST + 1; n++) { sprintf(other, "%s_%d", name, n); getenv(other); }
    return 0;
}
int main(int count, char **names) { (void)count; char *value = getenv(names[1]); puts(value ? value : "none"); }
"""

NATIVE = """def native(name, how='ask'):
    function = getattr(ctypes.CDLL('./libasking.so'), how)
    function.restype = ctypes.c_char_p
    return function(name.encode())"""

FIRST = ("import ctypes, os, subprocess, sys, time\nimport duckdb, polars as pl", NATIVE)


def prepare(desk: Desk, name: str, *cells: str, **options: Any) -> Path:
    """A folder with a notebook `it`, the library and the program."""
    folder = desk.folder / name
    folder.mkdir(exist_ok=True)
    (folder / "asking.c").write_text(ASKING)
    sizes = [f"-DTIMES={SLOTS}", f"-DMOST={MOST_VARIABLES}"]
    for how in (["-shared", "-fPIC", "-o", "libasking.so"], ["-o", "asking"]):
        subprocess.run(["cc", *sizes, *how, "asking.c", "-lpthread"], cwd=folder, check=True)
    desk.notebook(f"{name}/it", *FIRST, *cells, **options)
    return folder


def run(desk: Desk, folder: Path, *words: str, **variables: str) -> Any:
    typed = desk.run("it.ipynb", *(words or ("../out.ipynb",)), cwd=folder, env=variables)
    assert typed.exit == 0, typed
    return typed


def reasons(desk: Desk, folder: Path, **variables: str) -> dict[int, str]:
    """Why cells would run, by number from 0, without the first two."""
    planned = run(desk, folder, "--plan", "--json", **variables).json["cells"]
    return {one["number"] - 3: "; ".join(one["why"]) for one in planned if one["outcome"] == EXECUTED}


def shown(desk: Desk) -> list[str]:
    """What each cell of the last run shows, without the first two."""
    texts = [
        "".join(one.get("text") or one["data"]["text/plain"] for one in map(joined, cell["outputs"]))
        for cell in desk.read("out.ipynb")["cells"]
        if cell["metadata"].get("tags") != ["injected-parameters"]
    ]
    return texts[2:]


def joined(output: Any) -> dict[str, Any]:
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    return {"text": "".join(output.get("text", "")), "data": data}


def test_p03_a_variable_that_native_code_reads_counts(desk: Desk) -> None:
    folder = prepare(
        desk,
        "variables",
        "native('NATIVE_A')",
        "native('NATIVE_' + 'B', 'ask_securely')",
        "native('NATIVE_OFTEN', 'ask_often')",
        "native('NATIVE_THREAD', 'ask_in_thread')",
        "df = pl.DataFrame({'a': range(30)})",
        "print(df)",
        "duckdb.sql(\"select current_setting('TimeZone')\").fetchall()",
        "time.localtime(0).tm_hour",
        "n = 1",
    )
    first = {"NATIVE_A": "1", "NATIVE_THREAD": "1", "TZ": "UTC", "POLARS_FMT_MAX_ROWS": "4"}
    run(desk, folder, **first)
    assert reasons(desk, folder, **first) == {}
    before = shown(desk)
    assert "│ 2   │" not in before[5], before
    for changed, cells in (
        ({"NATIVE_A": "2"}, {0}),
        ({"NATIVE_B": ""}, {1}),
        ({"NATIVE_B": "2"}, {1}),
        ({"NATIVE_OFTEN": "2"}, {2}),
        ({"NATIVE_OTHER": "2"}, {2}),
        ({"NATIVE_THREAD": "2"}, {3}),
        # A query may go over frames of polars, which may have kept it.
        ({"POLARS_FMT_MAX_ROWS": "6"}, {5, 6}),
        ({"TZ": "Asia/Tokyo"}, {6, 7}),
        ({"NATIVE_UNKNOWN": "1"}, set()),
    ):
        (name,) = changed
        why = reasons(desk, folder, **first | changed)
        assert why.keys() == cells, (changed, why)
        assert all(f"environment variable {name}" in one for one in why.values()), why
    # One that is not set any more.
    assert reasons(
        desk, folder, **{name: value for name, value in first.items() if name != "NATIVE_A"}
    ).keys() == {0}
    second = first | {"NATIVE_A": "2", "TZ": "Asia/Tokyo", "POLARS_FMT_MAX_ROWS": "6"}
    run(desk, folder, **second)
    after = shown(desk)
    assert [at for at, text in enumerate(after) if text != before[at]] == [0, 5, 6, 7]
    assert (after[0], after[7]) == ("b'2'", "9") and "Tokyo" in after[6] and "│ 2   │" in after[5], after
    assert reasons(desk, folder, **second) == {}


def test_p03_a_variable_that_a_cell_sets_counts_for_native_code_as_it_was_set(desk: Desk) -> None:
    cells = ("os.environ['NATIVE_SET'] = '1'", "native('NATIVE_SET')", "n = 1")
    folder = prepare(desk, "set", *cells)
    run(desk, folder)
    assert shown(desk)[1] == "b'1'"
    assert reasons(desk, folder, NATIVE_SET="3") == reasons(desk, folder) == {}
    desk.notebook("set/it", *FIRST, cells[0].replace("1", "2"), *cells[1:])
    assert reasons(desk, folder).keys() == {0, 1}
    run(desk, folder)
    assert shown(desk)[1] == "b'2'"
    assert reasons(desk, folder) == {}


def test_p03_a_variable_that_a_child_process_reads_counts(desk: Desk) -> None:
    # A cell that starts programs is executed each time, but for one that its author calls repeatable.
    asked = "subprocess.run(['./asking', 'NATIVE_CHILD'], capture_output=True, text=True).stdout"
    folder = prepare(desk, "child", asked, "n = 1", tags={2: ["clew:pure"]})
    run(desk, folder)
    assert reasons(desk, folder) == {}
    assert reasons(desk, folder, NATIVE_CHILD="1").keys() == {0}
    run(desk, folder, NATIVE_CHILD="1")
    assert shown(desk)[0] == r"'1\n'"


OWN = "import ctypes\nfunction = ctypes.CDLL('./libasking.so').ask\nfunction.restype = ctypes.c_char_p\nVALUE = function(b'NATIVE_OWN')\n"


def test_p03_what_importing_a_library_reads_does_not_count_but_of_own_modules_it_does(desk: Desk) -> None:
    folder = prepare(
        desk,
        "imports",
        "import numpy as np",
        "import own",
        "own.VALUE",
        # OpenBLAS reads it when it is loaded.
        "import scipy.linalg\nnative('OPENBLAS_NUM_THREADS')",
        "n = 1",
    )
    (folder / "own.py").write_text(OWN)
    run(desk, folder, NATIVE_OWN="1", OPENBLAS_NUM_THREADS="1")
    assert shown(desk)[2] == "b'1'"
    assert reasons(desk, folder, NATIVE_OWN="1", OPENBLAS_NUM_THREADS="1") == {}
    changed = reasons(desk, folder, NATIVE_OWN="1", OPENBLAS_NUM_THREADS="2")
    assert changed.keys() == {3}, changed
    assert {1, 2} <= reasons(desk, folder, NATIVE_OWN="2", OPENBLAS_NUM_THREADS="1").keys()
    run(desk, folder, NATIVE_OWN="2", OPENBLAS_NUM_THREADS="1")
    assert shown(desk)[2] == "b'2'"


def test_p03_variables_of_the_kernel_itself_do_not_count(desk: Desk, tmp_path: Path) -> None:
    names = (
        "JPY_PARENT_PID",
        "JPY_SESSION_NAME",
        "CLEW_OBSERVER",
        "LD_PRELOAD",
        "PWD",
        "OLDPWD",
        "MPLBACKEND",
    )
    folder = prepare(desk, "kernels", f"for name in {names}:\n    native(name)", "n = 1")
    run(desk, folder)
    assert reasons(desk, folder) == {}
    assert reasons(desk, folder, PWD=str(tmp_path), OLDPWD=str(tmp_path), MPLBACKEND="agg") == {}


def test_p03_a_cell_that_reads_more_variables_than_are_recorded_is_not_repeatable(desk: Desk) -> None:
    folder = prepare(desk, "many", "native('NATIVE_MANY', 'ask_for_many')", "n = 1")
    run(desk, folder)
    assert reasons(desk, folder) == {0: f"it depends on {MORE_VARIABLES}"}


@pytest.mark.parametrize("way", ["loaded", "preloaded"])
def test_p03_a_variable_that_native_code_reads_in_a_live_kernel_counts(tmp_path: Path, way: str) -> None:
    desk = Desk(tmp_path)
    # What `ctypes` loads is observed from the next cell on in a kernel that was not started with the library.
    cells = ("native('NATIVE_B')", "native('NATIVE_A')", "print(pl.DataFrame({'a': range(30)}))", "n = 1")
    folder = prepare(desk, way, *cells)
    environment = desk.environment() | {"NATIVE_A": "1"}
    notebook = folder / "it.ipynb"
    environment = preload(environment) if way == "preloaded" else environment
    kernel = Kernel(home=desk.home, notebook=notebook, cwd=folder, env=environment)
    for cell in desk.read(f"{way}/it.ipynb")["cells"]:
        kernel.run("".join(cell["source"])).raised()
    kernel.settle()
    kernel.kill()
    assert reasons(desk, folder, NATIVE_A="1") == {}
    assert reasons(desk, folder, NATIVE_A="1", POLARS_FMT_MAX_ROWS="6").keys() == {2}
    assert reasons(desk, folder, NATIVE_A="2").keys() == {1}


#: What asks while the loader links it, and before the observer's own constructor.
EARLY = """
#include <stdio.h>
#include <stdlib.h>
static int nothing(void) { return 0; }
static int (*resolve(void))(void) { getenv("NATIVE_EARLY"); return nothing; }
static int resolved(void) __attribute__((ifunc("resolve")));
static char *found;
__attribute__((constructor)) static void begin(void) { found = getenv("NATIVE_EARLY"); }
int show(void) { puts(found ? found : "none"); return resolved(); }
"""


def test_p03_a_program_may_read_variables_before_the_observer_has_begun(tmp_path: Path) -> None:
    (tmp_path / "early.c").write_text(EARLY)
    (tmp_path / "main.c").write_text("int show(void); int main(void) { return show(); }")
    for built in (
        ["-shared", "-fPIC", "-o", "libearly.so", "early.c"],
        ["-o", "main", "main.c", "-L.", "-learly", "-Wl,-rpath,$ORIGIN"],
    ):
        subprocess.run(["cc", *built], cwd=tmp_path, check=True)
    environment = preload(dict(os.environ) | {"NATIVE_EARLY": "1"})
    done = subprocess.run(
        ["./main"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
