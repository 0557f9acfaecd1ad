"""`eval` and `bisect` through the magic and the native command: nothing moves, nothing is written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from driver import Scratch
from harness import SOURCES, Kernel, wait_for

#: The native command beside the interpreter, or the one that is worked on.
COMMAND = os.environ.get("CLEW_COMMAND") or str(Path(sys.executable).parent / "clew")

STORY = [
    "import pandas as pd, sqlite3\nfrom pathlib import Path",
    """
class Hook:
    def __reduce__(self):
        return (int, ("7",))

class Bomb:
    def __reduce__(self):
        return (exec, ("open('touched', 'w')",))

class Mark:
    def __repr__(self):
        Path("touched").write_text("by a repr")

class Place:
    def __init__(self, name):
        self.name = name

def double(x):
    return 2 * x

def write(name):
    Path(name).write_text("harm")

def fill(named, nameless):
    import os, tempfile, time
    for number, size in enumerate([*named, *nameless]):
        path = os.path.join(tempfile.gettempdir(), str(number))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        if number >= len(named):
            os.unlink(path)
        os.posix_fallocate(descriptor, 0, size << 20)
    time.sleep(600)
""",
    """
df = pd.DataFrame({"a": range(5), "b": range(5)})
column = df["a"]
place, hook, bomb, mark, numbers, text = Place("Oslo"), Hook(), Bomb(), Mark(), [1, 2, 3], "kept"
connection = sqlite3.connect(":memory:")
""",
    "df = df.drop(columns='b')",
    "numbers.append(4)",
    "df = df.iloc[:2]",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel in which the story was told: runs 2 to 7."""
    with Kernel(home=tmp_path_factory.mktemp("told") / "home") as kernel:
        for cell in STORY:
            kernel.run(cell).raised()
        yield kernel


def asked(kernel: Kernel, words: str) -> dict[str, Any]:
    """The JSON that `%clew WORDS` answers."""
    word, rest = words.split(" ", 1)
    reply = kernel.clew(f"{word} --json {rest}").raised()
    answer = json.loads(reply.stdout or reply.stderr)
    assert isinstance(answer, dict)
    return answer


def native(kernel: Kernel, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What `clew WORDS` does in a terminal."""
    environment = kernel.environment() | {"PYTHONPATH": os.pathsep.join(str(path) for path in SOURCES)}
    return subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, cwd=kernel.cwd, env=environment | variables
    )


def said(kernel: Kernel, words: str) -> str:
    """All that `%clew WORDS` prints."""
    reply = kernel.clew(words).raised()
    return reply.stdout + reply.stderr


@pytest.fixture
def left(told: Kernel, tmp_path: Path) -> Path:
    """The store as it is, where no kernel writes to it."""
    return Path(shutil.copytree(told.home / "clew", tmp_path / "left"))


def digest(*folders: Path) -> dict[str, str]:
    """What lies in folders."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("3 double(21)", "42"),
        ("4 df['b'].sum()", "np.int64(10)"),
        ('4 df["b"].max() - 1', "np.int64(3)"),
        ("4 type(place) is Place and place.name", "'Oslo'"),
        ("4 column.to_list() == df['a'].to_list()", "True"),
        ("@ len(df), numbers", "(2, [1, 2, 3, 4])"),
        ("@-2 numbers", "[1, 2, 3]"),
        ("4 [n for n in numbers if n > numbers[0]]", "[2, 3]"),
        ("@ __name__", "'__main__'"),
        ("@ __import__('pickle').loads(__import__('pickle').dumps(place)).name", "'Oslo'"),
    ],
)
def test_an_expression_is_worked_out_in_the_state_of_its_run(
    told: Kernel, expression: str, value: str
) -> None:
    answer = asked(told, f"eval {expression}")
    assert (answer["value"], answer["exit"]) == (value, 0)
    assert answer["sandbox_gaps"] == []


def test_eval_leaves_the_session_its_store_and_files_alone(told: Kernel) -> None:
    runs = asked(told, "log --all")["total"]
    before = digest(told.cwd), told.value("(len(df), numbers, id(numbers))")
    assert asked(told, "eval 4 (numbers.clear(), df.drop(columns='a', inplace=True), globals().clear())")
    for attack in [
        "write('harm')",
        "mark",
        "__import__('shutil').rmtree(Path.cwd())",
        "Path.home().chmod(0)",
    ]:
        error = asked(told, f"eval 4 {attack}")["error"]
        assert "PermissionError" in error["message"]
        assert error["unchanged"] == "", "a command that only reads does not say that it changed nothing"
    assert (digest(told.cwd), told.value("(len(df), numbers, id(numbers))")) == before
    assert asked(told, "log --all")["total"] == runs
    assert asked(told, "show @")["run"] == "7"


@pytest.mark.parametrize(
    "files",
    ["[90] * 12, []", "[50] * 12, [500]"],
    ids=["many", "many, and an open one without a name"],
)
def test_p14_files_that_fill_the_disk_end_the_process_and_nothing_is_left(
    told: Kernel, left: Path, tmp_path: Path, files: str
) -> None:
    """Each is smaller than a file may be: limits of the system hold for one, the command adds up all (in MiB: 1,080 to 1,100)."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    answer = native(told, "eval", "--store", str(left), "4", f"fill({files})", TMPDIR=str(temporary))
    assert (answer.returncode, answer.stdout) == (3, ""), answer.stdout
    assert "The files of the sandbox process took more than 1.1 GB, so it was stopped" in answer.stderr
    assert list(temporary.iterdir()) == []


def lost_in(answer: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What a state lacked, by variable."""
    return {root["root"]["key"]: (root["outcome"], root["why"]) for root in answer["not_restored"]}


def test_a_variable_that_could_not_be_loaded_is_reported_where_it_is_read(told: Kernel) -> None:
    answer = asked(told, "eval 4 [globals(), len(numbers)][1]")  # which may read any
    lost = lost_in(answer)
    assert answer["value"] == "3"
    assert lost["connection"] == ("lost", "sqlite3.Connection: a live connection")
    assert lost["bomb"][0] == "lost"
    assert "touched" in lost["bomb"][1]
    assert lost["hook"][0] == "not_identical"  # its own `__reduce__` makes an int of it
    assert "connection (lost, sqlite3.Connection: a live connection)" in said(told, "eval 4 [vars(), 1][1]")
    answer = asked(told, "eval 4 hook")
    assert answer["value"] == "7"
    assert lost_in(answer).keys() == {"hook"}


def test_a_variable_that_the_expression_does_not_read_is_not_reported(told: Kernel) -> None:
    assert asked(told, "eval 4 len(numbers)")["not_restored"] == []
    assert said(told, "eval 4 1 + 1") == "2\n"
    assert asked(told, "bisect len(numbers) > 3")["not_restored"] == []


def test_what_is_not_stored_is_made_again_where_it_is_asked_for(told: Kernel) -> None:
    expression = "connection.execute('select 41 + 1').fetchone()"
    answer = asked(told, f"eval 4 {expression}")
    assert answer["value"] == "(42,)"
    assert {name: word for name, (word, _) in lost_in(answer).items()} == {"connection": "rerun"}
    assert "Rerun: connection" in said(told, f"eval 4 {expression}")


def test_a_stranger_s_cell_is_not_run_again(told: Kernel, tmp_path: Path) -> None:
    answer = native(told, "eval", "4", "connection", XDG_CONFIG_HOME=str(tmp_path))
    assert "raised NameError" in answer.stderr


def test_a_script_makes_in_a_fresh_process_what_was_recorded(
    told: Kernel, left: Path, tmp_path: Path
) -> None:
    config = str(told.home / ".config" / "clew")
    history = asked(told, "status ")["history_id"]
    run = asked(told, "show 7")["id"]
    groups = [["df"], ["numbers"], ["column"], ["connection"], ["nothing"]]
    loaded = Scratch(tmp_path / "restored")
    loaded.ask(do="load", run=run, store=str(left), config=config, history=history, expression="", whole=True)
    before = loaded.ask(do="fingerprints", groups=groups)["fingerprints"]
    made = Scratch(tmp_path / "made")
    assert made.ask(do="run", source="\n".join(STORY), is_ipython=False) == {"error": None}
    after = made.ask(do="fingerprints", groups=groups)["fingerprints"]
    assert before[:3] == after[:3]
    assert all(before[:3])
    assert after[3:] == [None, None]
    assert made.ask(do="run", source="numbers.append(5)\n1/0", is_ipython=True)["error"]["exception"] == (
        "ZeroDivisionError"
    )
    assert made.ask(do="fingerprints", groups=groups)["fingerprints"][1] not in (None, after[1])
    made.close()
    loaded.close()


def test_what_is_no_expression_or_raises_says_so(told: Kernel) -> None:
    assert "is not an expression" in said(told, "eval 4 x = 5")
    text = said(told, "eval 5 df['b']")
    assert "`df['b']` raised KeyError in the state of run 5: 'b'.\n" in text
    assert "`%clew vars 5` lists the variables" in text
    assert "Next:" in said(told, "eval 99 1")


@pytest.mark.parametrize(
    ("question", "run"),
    [
        ("'b' not in df.columns", "5"),
        ("len(numbers) > 3", "6"),
        ("--from 4 len(df) < 5", "7"),
        ("--from 4 --to 6 len(numbers) == 4", "6"),
        ("double", "3"),
    ],
)
def test_bisect_finds_the_first_run_after_which_it_is_true(told: Kernel, question: str, run: str) -> None:
    answer = asked(told, f"bisect {question}")
    assert (answer["run"], answer["verdict"], answer["exit"]) == (run, "found", 0)
    tried = {step["run"]: step["is_true"] for step in answer["tried"]}
    assert tried[run] is True
    assert all(is_true == (int(number) >= int(run)) for number, is_true in tried.items())
    assert len(answer["tried"]) <= 5


@pytest.fixture(scope="module")
def long_told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A line of twenty runs of which few change what is asked for."""
    home = tmp_path_factory.mktemp("long")
    with Kernel(home=home, notebook=home / "long.ipynb") as kernel:
        kernel.queue(["x = [1]", "def size():\n    return len(x) + few", "few = 0"])
        kernel.queue([f"y{n} = {n}" for n in range(6)])
        kernel.queue(["x.append(2)", *[f"z{n} = {n}" for n in range(6)]])
        kernel.queue(
            ["few = 5", "class Pair:\n    low = 1", "pair = Pair()", "a = 1", "Pair.low = 7", "a = 2"]
        )
        yield kernel


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("question", "run", "most"),
    [
        ("len(x) > 1", "11", 4),
        ("size() > 1", "11", 4),
        ("size() > 5", "18", 5),
        ("pair.low == 7", "22", 6),
        ("a == 2", "23", 6),
        # What these need may be anything.
        ("'y3' in globals()", "8", 7),
        ("'a' in vars() and vars()['a'] == 2", "23", 7),
    ],
)
def test_bisect_asks_one_of_the_states_that_are_the_same_for_the_expression(
    long_told: Kernel, question: str, run: str, most: int
) -> None:
    answer = asked(long_told, f"bisect {question}")
    assert (answer["run"], answer["verdict"]) == (run, "found"), answer
    asked_of = [step for step in answer["tried"] if step["same_as"] is None]
    assert len(asked_of) <= most, answer["tried"]
    tried = {step["run"]: step["is_true"] for step in answer["tried"]}
    assert all(is_true == (int(number) >= int(run)) for number, is_true in tried.items())
    if most == 4:
        assert "as after run 6: nothing that it needs changed between" in said(
            long_told, f"bisect {question}"
        )


def test_bisect_says_where_there_is_nothing_to_find(told: Kernel) -> None:
    assert asked(told, "bisect False")["verdict"] == "never"
    assert asked(told, "bisect True")["verdict"] == "always"
    text = said(told, "bisect numbers.nothing")
    assert "is not true after run 1, nor after run 7" in text
    assert "AttributeError" in text


def test_a_program_that_asks_for_what_its_cell_just_made_is_told_why_that_is_not_there(
    kernels: Callable[..., Kernel],
) -> None:
    kernel = kernels()
    for asked in ("eval('@', 'new')", "bisect('new == 1')"):
        answer = kernel.run(f"import clew\nnew = 1\nclew.session().{asked}")
        assert "; what the running cell did is recorded when it ends" in answer.evalue, answer
        kernel.run("del new")


def test_bisect_refuses_what_no_state_knows(told: Kernel) -> None:
    text = said(told, "bisect nmubers == 4")
    assert "No checked state has what the expression names (NameError: name 'nmubers' is not defined" in text
    assert "`%clew vars` lists the variables" in text


def test_the_native_command_answers_the_same_and_writes_nothing(told: Kernel, left: Path) -> None:
    store = {"CLEW_HOME": str(left)}
    before = digest(left, told.cwd)
    answer = native(told, "eval", "4", 'df["b"].sum()', **store)
    assert answer.stdout.splitlines()[0] == "np.int64(10)", answer.stderr
    assert answer.returncode == 0
    answer = native(told, "bisect", "len(numbers) > 3", "--json", **store)
    assert json.loads(answer.stdout)["run"] == "6"
    for attack in [
        "write('harm')",
        f"__import__('shutil').rmtree({str(left)!r})",
        f"write({str(left / 'x')!r})",
    ]:
        answer = native(told, "eval", "4", attack, **store)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert "raised PermissionError" in answer.stderr
    assert digest(left, told.cwd) == before


def test_a_stranger_s_values_are_loaded_only_if_they_name_no_code(told: Kernel, tmp_path: Path) -> None:
    stranger = {"XDG_CONFIG_HOME": str(tmp_path)}
    answer = json.loads(native(told, "eval", "4", "numbers, text", "--json", **stranger).stdout)
    assert answer["value"] == "([1, 2, 3], 'kept')"
    assert {lost["root"]["kind"] for lost in answer["not_restored"]}.isdisjoint(["name", "out", "definition"])
    answer = json.loads(native(told, "eval", "4", "[globals(), text][1]", "--json", **stranger).stdout)
    why = {name: why for name, (_, why) in lost_in(answer).items()}
    assert "untrusted" in why["double"]
    assert "untrusted" in why["hook"]
    assert why["place"].startswith("its class cannot be restored: untrusted")
    answer = native(told, "eval", "4", "hook", **stranger)
    assert "raised NameError" in answer.stderr
    assert not any(tmp_path.iterdir())


def test_an_interpreter_that_is_gone_or_lacks_clew_is_named(told: Kernel, tmp_path: Path) -> None:
    answer = native(told, "eval", "4", "1", PYTHONPATH=str(tmp_path))
    if SOURCES:  # the interpreter has no Clew of its own, or an older one
        assert answer.returncode == 3
        assert "did not start" in answer.stderr
        assert "-m pip install clew` installs Clew for this interpreter" in answer.stderr


def test_ctrl_c_ends_the_question_and_nothing_else(told: Kernel) -> None:
    sent = told.send("%clew eval 4 [print() for _ in iter(int, 1)]")
    import time

    time.sleep(2)
    told.interrupt()
    [reply] = told.collect([sent])
    assert reply.ename == "KeyboardInterrupt"
    assert "Interrupted; the sandbox process was stopped.\n" in reply.stderr
    assert told.value("numbers") == [1, 2, 3, 4]


def test_ctrl_c_in_a_terminal_leaves_nothing_behind(told: Kernel, left: Path, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    paths = os.pathsep.join(str(path) for path in SOURCES)
    process = subprocess.Popen(
        [COMMAND, "eval", "4", "[print() for _ in iter(int, 1)]"],
        env=told.environment() | {"PYTHONPATH": paths, "TMPDIR": str(place), "CLEW_HOME": str(left)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(place.iterdir()), "no scratch process was started")
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate()
    assert process.returncode == 3
    assert "Interrupted; the sandbox process was stopped.\n" in printed
    assert not any(place.iterdir())


def test_others_can_ask_the_session_while_a_question_waits(told: Kernel) -> None:
    told.run(
        """
import clew, threading, time
moments = []
def ask():
    moments.append(time.time())
    clew.session().status()
    moments.append(time.time())
beside = threading.Timer(2.0, ask)
beside.start()
"""
    ).raised()
    answer = asked(told, "eval 4 [__import__('time').sleep(6), __import__('time').time()][1]")
    told.run("beside.join()").raised()
    assert told.value("moments")[1] < float(answer["value"])


def test_p03_a_state_is_asked_with_its_own_environment_and_not_that_of_now(tmp_path: Path) -> None:
    """What later cells set or removed is not there yet, and what they changed is as it was when the kernel began."""
    with Kernel(home=tmp_path / "home", env={"BEFORE": "began"}) as kernel:
        kernel.run("import os")
        kernel.run("os.environ['Q'] = '1'; os.environ['BEFORE'] = 'changed'; os.environ['TZ'] = 'Asia/Tokyo'")
        kernel.run("del os.environ['Q']; del os.environ['BEFORE']")
        kernel.run("os.environ['Q'] = '3'")
        there = "[os.environ.get(name) for name in ('Q', 'BEFORE', 'TZ')]"
        expected = {
            2: [None, "began", None],
            3: ["1", "changed", "Asia/Tokyo"],
            4: [None, None, "Asia/Tokyo"],
        }
        for run, values in expected.items():
            answer = json.loads(kernel.clew(f"eval --json {run} {there}").raised().stdout)
            assert answer["value"] == str(values), (run, answer)
        found = json.loads(kernel.clew("bisect --json os.environ.get('Q')=='3'").raised().stdout)
        assert found["run"] == "5", found


@dataclass(frozen=True)
class Inherited:
    """A setting that a process hands down to its children: how a cell changes it, and how it is read."""

    name: str
    change: str
    read: str
    first: str
    changed: str
    #: Its key in a state, where the sandbox lets no process restore it.
    refused: str = ""


INHERITED = [
    Inherited(
        "umask",
        "os.umask(0o77)",
        "(lambda mask: (os.umask(mask), oct(mask))[1])(os.umask(0))",
        "'0o22'",
        "'0o77'",
    ),
    Inherited(
        "ignored signal",
        "_ = signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
        "signal.getsignal(signal.SIGUSR1).name",
        "'SIG_DFL'",
        "'SIG_IGN'",
    ),
    Inherited(
        "signal no longer ignored",
        "_ = signal.signal(signal.SIGUSR2, signal.SIG_DFL)",
        "signal.getsignal(signal.SIGUSR2).name",
        "'SIG_IGN'",
        "'SIG_DFL'",
    ),
    Inherited(
        "limit",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (333, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0]",
        "500",
        "333",
        "resource limits",
    ),
    Inherited("priority", "_ = os.nice(3)", "os.getpriority(os.PRIO_PROCESS, 0)", "0", "3", "os.nice"),
]

BEFORE_RECORDING = """
import os, resource, signal
_ = os.umask(0o22), signal.signal(signal.SIGUSR2, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_NOFILE, (500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
"""


@pytest.fixture(scope="module", params=["live", "resumed"])
def changed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that has all settings as cells changed them: in runs 3 to 7. Run 2 has none of them."""
    home = tmp_path_factory.mktemp("changed")

    def begun() -> Kernel:
        kernel = Kernel(home=home / "home", notebook=home / "a.ipynb", load=False)
        kernel.run(BEFORE_RECORDING).raised()
        kernel.run("%load_ext clew").raised()
        return kernel

    with begun() as kernel:
        kernel.run("ready = 1").raised()
        for setting in INHERITED:
            kernel.run(setting.change).raised()
        if request.param == "live":
            yield kernel
            return
        kernel.settle()
    with begun() as kernel:
        kernel.clew("resume 7").raised()
        yield kernel


def may_lower_niceness() -> bool:
    lower = (
        "import os; os.nice(1); os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) - 1)"
    )
    return subprocess.run([sys.executable, "-c", lower], stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.few(4)
@pytest.mark.parametrize("setting", INHERITED, ids=lambda setting: setting.name)
def test_p03_a_state_from_before_a_setting_was_changed_has_that_of_the_beginning(
    changed: Kernel, setting: Inherited
) -> None:
    assert repr(changed.value(setting.read)) == setting.changed
    answer = asked(changed, f"eval 2 {setting.read}")
    if setting.name == "priority" and not may_lower_niceness():
        assert "os.nice" in lost_in(answer), answer
        return
    assert (answer["value"], answer["not_restored"]) == (setting.first, [])
    run = 3 + INHERITED.index(setting)
    assert asked(changed, f"eval {run - 1} {setting.read}")["value"] == setting.first
    answer = asked(changed, f"eval {run} {setting.read}")
    if setting.refused:
        assert setting.refused in lost_in(answer), answer
        return
    assert answer["value"] == setting.changed
    found = asked(changed, f"bisect {setting.read} == {setting.changed}")
    assert (found["run"], found["verdict"]) == (str(run), "found"), found


def test_a_setting_that_the_system_does_not_restore_is_reported(tmp_path: Path) -> None:
    with Kernel(home=tmp_path / "home") as kernel:
        kernel.run("import os, resource, subprocess").raised()
        most = kernel.value("resource.getrlimit(resource.RLIMIT_NOFILE)")
        kernel.run("resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))").raised()
        answer = asked(kernel, "eval 2 resource.getrlimit(resource.RLIMIT_NOFILE)")
        if answer["value"] == str(most):  # who may raise it again
            assert answer["not_restored"] == []
            return
        assert answer["value"] == "(400, 400)"
        word, why = lost_in(answer)["resource limits"]
        assert word == "lost"
        assert "RLIMIT_NOFILE" in why


def test_the_sandbox_keeps_a_lower_limit_of_its_own_that_a_cell_set(tmp_path: Path) -> None:
    with Kernel(home=tmp_path / "home") as kernel:
        kernel.run("import resource").raised()
        kernel.run("resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))").raised()
        assert asked(kernel, "eval 2 resource.getrlimit(resource.RLIMIT_FSIZE)[0]")["value"] == str(2 << 20)
