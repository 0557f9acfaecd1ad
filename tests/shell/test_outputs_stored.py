"""Outputs in a real store: shown again by `%clew show`, and without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import SOURCES, Kernel


def outputs(kernel: Kernel, revision: str) -> list[dict[str, Any]]:
    """What a run showed, by `%clew show --json`."""
    return json.loads(kernel.clew(f"show {revision} --json").raised().stdout)["outputs"]


def test_show_tells_what_a_run_showed(kernel: Kernel) -> None:
    kernel.run(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint('drawn')\n42"
    ).raised()
    text = kernel.clew("show").raised().text
    printed, result, shown = (
        text.index("Printed:\n    drawn\n"),
        text.index("Result:\n    42\n"),
        text.index("Shown:\n"),
    )
    assert printed < result < shown
    assert "[picture image/png, " in text[shown:] and " \u00d7 " in text[shown:]
    picture = outputs(kernel, "@")[-1]
    assert picture["pictures"][0]["width"] > 100 and picture["data"]["image/png"].startswith("iVBORw0KGgo")
    kernel.run("print('about to fail')\n{}['key']")
    assert "Failed with:\n    KeyError: 'key'" in kernel.clew("show").raised().text
    kernel.run("quiet = 1")
    assert outputs(kernel, "@") == []


def test_outputs_survive_the_kernel(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels(notebook="/work/a.ipynb")
    kernel.run("print('kept \\udc80 for ever')\nx = 1")
    kernel.clew("status")
    kernel.restart()
    assert outputs(kernel, "2")[0]["text"].startswith("kept ")


def test_p12_a_secret_that_was_shown_is_not_in_the_store(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels(env={"SERVICE_TOKEN": "q8Wz7-plonk-33"})
    # Put together when they run, so that no source holds them. Each is shown beside a word that is to be found.
    kernel.run("import os, sys\nkey = 'AKIAIOSF' + 'ODNN7ABCDEFG'\nprint('marker-1', key)")
    kernel.run("print('marker-2', os.environ['SERVICE_TOKEN'], file=sys.stderr)")
    kernel.run("password = 'hun' + 'ter2!Xy'\nprint('marker-3', [password]); password")
    kernel.run("from IPython.display import HTML\ndisplay(HTML('marker-4 <b>' + password + '</b>'))")
    kernel.run("raise ValueError('marker-5 ' + password)")
    kernel.run("for part in key[:7], key[7:]: print(part, end='', flush=True)\nprint(' marker-6')")
    kernel.run("print('marker-7', {'api' + '_key': 'a8f5f167f44f4964' + 'e6c998dee827110c'})")
    stored = everything_stored(kernel)
    for number in range(1, 8):
        assert f"marker-{number}".encode() in stored, number
    for secret in (b"IOSFODNN7", b"plonk-33", b"hunter2", b"f44f4964e6c9"):
        assert secret not in stored, secret
    assert "[not kept: a secret]" in kernel.clew("show 2").text


def test_p12_a_secret_that_is_written_in_a_cell_is_not_in_the_store(kernel: Kernel) -> None:
    key = "sk-" + "a1B2" * 10
    sent = kernel.send(f"client = ['marker-1', '{key}'[:2]]")
    kernel.collect([sent])
    kernel.clew("status").raised()
    kernel.run("password = 'hunter2!Xy'; made = iter([1])  # marker-2")
    kernel.run(f"%env SERVICE_KEY_9={key}\nwords = 'marker-3'")
    kernel.run("conf" + "ig = {'n': 3}  # marker-4")
    stored = everything_stored(kernel)
    for number in range(1, 5):
        assert f"marker-{number}".encode() in stored, number
    for secret in (key.encode(), b"hunter2"):
        assert secret not in stored, secret
    assert "client = ['marker-1', '[not kept: an API key]'[:2]]" in kernel.clew("show 2").text
    assert "Left out of its source: an API key; Clew never reruns it" in kernel.clew("show 2").text
    told = kernel.collect([sent])[0].stderr
    said = (
        "Clew: an API key was left out of the recorded source of this cell. The cell itself is unchanged.\n"
    )
    assert told == said
    assert kernel.value("client, password") == (["marker-1", "sk"], "hunter2!Xy")


def test_p12_several_secrets_in_a_cell_are_said_in_one_sentence(kernel: Kernel) -> None:
    sent = kernel.send(f"password = 'hunter2!Xy'; made = '{'sk-' + 'a1B2' * 10}'[:2]")
    kernel.collect([sent])
    kernel.clew("status").raised()
    said = "Clew: a credential and an API key were left out of the recorded source of this cell."
    assert said in kernel.collect([sent])[0].stderr


def test_p12_a_secret_that_is_typed_about_a_run_is_not_in_the_store(kernel: Kernel) -> None:
    kernel.run("password = 'hunter' + '2!Xy'")
    kernel.clew("exclude patient")
    kernel.run("patient = 'Jane' + 'Roe'")
    token = "ghp_" + "a1B2" * 9
    said = kernel.clew(f"describe 2 -m 'with {token} of JaneRoe, marker-1'").raised()
    assert "a GitHub token and a secret were left out" in said.stdout, said
    assert "Run 2: with [not kept: a GitHub token] of [not kept: a secret], marker-1." in said.stdout, said
    kernel.run("s = __import__('clew').session().describe('it is hunter2!Xy, marker-2', '@')").raised()
    assert kernel.value("s.data['removed_credentials']") == ["a secret"]
    said = kernel.terminal("describe", "2", "-m", f"the {token} again, marker-3")
    assert "a GitHub token was left out" in said.out, said
    for typed in (kernel.clew(f"tag {token}").stderr, kernel.terminal("tag", token).err):
        assert "this one looks like a GitHub token. Nothing was changed." in typed
    stored = everything_stored(kernel)
    assert b"marker-1" in stored and b"marker-3" in stored
    assert token.encode()[:20] not in stored and b"JaneRoe" not in stored and b"hunter2!Xy" not in stored


def test_p12_a_secret_inside_a_small_value_keeps_the_value_out(kernel: Kernel) -> None:
    kernel.run("key = 's' + 'k-' + 'a1B2' * 10\nplain = ['marker-1', 'some words of mine']")
    kernel.run("keys = ['a', key]; pair = (1, [key]); config = {'db': {'login': ('me', key)}}; del key")
    kernel.run("again = keys; keys.append('marker-2')")
    kernel.run("plain.append('marker-3')")
    stored = everything_stored(kernel)
    assert b"marker-1" in stored and b"marker-3" in stored
    assert b"a1B2a1B2" not in stored
    status = kernel.clew("status").text
    assert "keys (an API key (at [1]))" in status and "config (an API key (at ['db']['login'][1]))" in status
    kernel.clew("undo").raised()
    assert kernel.value("len(keys), len(plain), pair[0]") == (3, 2, 1)


HOLDERS = {
    "client": "Client(sent=[], api_key=key)",
    "slotted": "Slotted(key)",
    "space": "types.SimpleNamespace(host='db', login=types.SimpleNamespace(token=key))",
    "session": "Session(key)",
    "call": "make_call(key)",
    "named": "make_named(key)",
    "written": "make_written()",
    "Config": "make_class(key)",
    "config": "make_class(key)()",
}
"""Names, and what they are bound to: each holds a key in another place."""

HOLDING = """
import types, dataclasses
@dataclasses.dataclass
class Client:
    sent: list
    api_key: str
class Slotted:
    __slots__ = ('count', 'login')
    def __init__(self, key):
        self.count, self.login = 3, ('me', key)
class Session:
    def __init__(self, key):
        self.headers = {'Authorization': 'Bearer ' + key}
def make_call(key):
    def call(path, token=key):
        return path
    return call
def make_named(key):
    def named(path, *, token=key):
        return path
    return named
def make_written():
    space = {}
    exec("def written():\\n    return len('" + 'sk' + "-" + 'a1B2' * 10 + "')", space)
    return space['written']
def make_class(key):
    class Config:
        login = key
        def host(self):
            return 'db'
    return Config
"""


def test_p12_a_secret_inside_an_instance_a_class_or_a_function_keeps_it_out(kernel: Kernel) -> None:
    kernel.run(HOLDING).raised()
    kernel.run("key = 's' + 'k-' + 'a1B2' * 10")
    for name, maker in HOLDERS.items():
        kernel.run(f"{name} = {maker}").raised()
    kernel.run("del key; plain = Client(sent=['marker-1'], api_key='none')").raised()
    stored = everything_stored(kernel)
    assert b"marker-1" in stored
    assert b"a1B2a1B2" not in stored
    kept_out = json.loads(kernel.clew("status --json").raised().stdout)["excluded"]
    for at in (".api_key", ".login[1]", ".token", ".login.token", ".__code__[0]"):
        assert any(one.endswith(f" (an API key (at {at}))") for one in kept_out), (at, kept_out)
    # The compiler has put the key together in what makes `written`.
    assert {one.split(" ")[0] for one in kept_out} == {*HOLDERS, "make_written"}, kept_out


COUNT_LOOKS = """
import clew.roots
clew.roots.looks, asked = [], clew.roots.user_names
clew.roots.user_names = lambda shell, names, asked=asked: (clew.roots.looks.append(1), asked(shell, names))[1]
"""
"""Counts how often all names are looked at, out of sight of the session."""


def test_a_cell_with_a_text_looks_at_all_names_no_oftener_than_one_without(kernel: Kernel) -> None:
    kernel.run(COUNT_LOOKS).raised()
    counts = []
    for cell in ("first = 1", "second = 2", "third = 'three'", "fourth = third + ' four'"):
        before = kernel.value("len(clew.roots.looks)")
        kernel.run(cell).raised()
        counts.append(kernel.value("len(clew.roots.looks)") - before)
    assert counts[0] > 0 and len(set(counts)) == 1, counts


def test_p12_what_names_hold_is_not_kept_where_a_later_cell_writes_it_out(kernel: Kernel) -> None:
    kernel.clew("exclude patients")
    # Put together when they run, so that neither the source that makes them nor a function's constants hold them.
    kernel.run("password = 'hun' + 'ter2!Xy'\npatients = 'Jane' + 'Roe42'")
    kernel.run("quiet = 1")
    kernel.run("first = 'marker-1 hunter2!Xy'[:8]; second = 'JaneRoe42'[:0]")
    kernel.run("def make():\n    global secret_key\n    secret_key = ''.join(['Zx9!', 'plonk-33'])")
    kernel.run("make(); third = 'marker-2 Zx9!plonk-33'[:8]")
    kernel.run(
        "globals()['pass' + 'phrase'] = 'correct-' + '7Horse!'; fourth = 'marker-3 correct-7Horse!'[:8]"
    )
    stored = everything_stored(kernel)
    for number in range(1, 4):
        assert f"marker-{number}".encode() in stored, number
    for secret in (b"hunter2", b"JaneRoe42", b"Zx9!plonk", b"correct-7Horse"):
        assert secret not in stored, secret


def test_p12_a_cell_whose_source_is_not_whole_is_not_run_again(kernel: Kernel) -> None:
    kernel.run("password = 'hunter2!Xy'; made = (c for c in password)")
    kernel.run("next(made)")
    refused = kernel.clew("extract made")
    assert "its source is incomplete" in refused.stderr
    # A generator that is alive stays bound.
    kernel.run("del made")
    report = kernel.clew("switch 2 --rerun").text
    assert "the source of run 2 is incomplete: a credential was left out" in report


def test_p12_what_a_run_shows_of_an_excluded_name_is_not_kept(kernel: Kernel) -> None:
    kernel.clew("exclude patients")
    kernel.run("patients = ['Jane' + 'Roe']\nprint(patients)\npatients")
    kernel.run("def show(): print('via', patients)")
    kernel.run("show()")
    kernel.run("print('marker')")
    stored = everything_stored(kernel)
    assert b"marker" in stored and b"JaneRoe" not in stored
    assert outputs(kernel, "2")[0]["left_out"] == [{"what": "outputs", "count": 2, "size": 0}]
    assert "[not kept: 2 outputs]" in kernel.clew("show 2").text


def test_p12_values_that_a_cell_gives_to_an_excluded_name_are_in_no_source(kernel: Kernel) -> None:
    kernel.clew("exclude pin *_list")
    kernel.run("pin = 471147; marker_1 = 1")
    kernel.run("pin = {'a': 'JaneRoe'}\npin['b'] = 471147\npin.update(c='RichardRoe')")
    kernel.run("a_list = list(('JohnDoe',)); a_list.append('JackDoe')")
    kernel.run("%time pin = ['JaneRoe']")
    kernel.run("pin = 'JaneRoe' +")
    kernel.run("marker_2 = len(pin)")
    stored = everything_stored(kernel)
    for secret in (b"471147", b"JaneRoe", b"RichardRoe", b"JohnDoe", b"JackDoe"):
        assert secret not in stored, secret
    assert "marker_1 = 1" in kernel.clew("show 2").text
    assert "a_list.append('[not kept: an excluded value]')" in kernel.clew("show 4").text
    shown = kernel.clew("show 3").text
    assert "Left out of its source: an excluded value" in shown, shown
    assert kernel.value("pin, a_list") == (["JaneRoe"], ["JohnDoe", "JackDoe"])


def test_p12_where_values_of_an_excluded_name_cant_be_taken_out_nothing_of_the_run_is_kept(
    kernel: Kernel,
) -> None:
    kernel.clew("exclude pin")
    kernel.run(
        "def fail(*_):\n    raise ValueError('planted')\nimport clew.shell.redaction\nclew.shell.redaction._tree = fail"
    )
    reply = kernel.run("pin = 'JaneRoe'; marker_1 = 1").raised()
    assert reply.ok and kernel.value("pin") == "JaneRoe"
    assert b"JaneRoe" not in everything_stored(kernel)


def test_a_shell_without_a_kernel_keeps_results_and_errors(tmp_path: Path) -> None:
    cells = ["print('printed'); 6 * 7", "{}['key']", "x = 1"]
    program = (
        "import json\nfrom IPython.terminal.interactiveshell import TerminalInteractiveShell as Shell\n"
        "shell = Shell.instance()\nshell.run_line_magic('load_ext', 'clew')\n"
        f"for cell in {cells!r}: shell.run_cell(cell, store_history=True)\n"
        "import clew\n"
        "for run in '234': print('JSON', json.dumps(clew.session().command('show', run, '--json').data['outputs']))\n"
    )
    private = {name: str(tmp_path) for name in ("HOME", "IPYTHONDIR", "CLEW_HOME")}
    environment = os.environ | private | {"PYTHONPATH": os.pathsep.join(map(str, SOURCES))}
    python = os.environ.get("CLEW_TEST_PYTHON") or sys.executable
    done = subprocess.run(
        [python, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    result, error, nothing = (
        json.loads(line.removeprefix("JSON "))
        for line in done.stdout.splitlines()
        if line.startswith("JSON ")
    )
    assert [(one["kind"], one["text"]) for one in result] == [("execute_result", "42")]
    assert [(one["kind"], one["text"]) for one in error] == [("error", "KeyError: 'key'")]
    assert nothing == []


def everything_stored(kernel: Kernel) -> bytes:
    """The raw bytes of the store. Frames this short are not compressed: the markers of the tests show it."""
    kernel.clew("status").raised()
    return b"".join(path.read_bytes() for path in (kernel.home / "clew").rglob("*") if path.is_file())
