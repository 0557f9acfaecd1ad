"""State that is no name is read without side effects and put back as it was."""

from __future__ import annotations

import builtins
import decimal
import os
import random
import subprocess
import sys
import types
import warnings

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from clew import roots


@pytest.fixture
def shell(monkeypatch):
    # IPython leaves `_` to whoever made it a built-in name, as doctest does.
    monkeypatch.delattr(builtins, "_", raising=False)
    made = InteractiveShell()
    yield made
    made.history_manager.enabled = False
    InteractiveShell.clear_instance()


def of_kind(shell, kind):
    return {key: value for found, key, value in roots.collect(shell) if found == kind}


def test_names_of_the_shell_are_not_the_users(shell):
    shell.run_cell("x = 1\n_y = 2\nimport os as system")
    shell.run_cell("x + 1")
    assert roots.user_names(shell, shell.user_ns) == ["x", "_y", "system"]
    shell.run_cell("exit = 5\n_ = 'mine'")
    assert set(roots.user_names(shell, shell.user_ns)) == {"x", "_y", "system", "exit", "_"}


def test_outputs_come_and_go_with_the_names_beside_them(shell):
    for number, source in enumerate(["[1]", "[2]", "[3]", "[4]"], 1):
        shell.run_cell(source, store_history=True)
    before = of_kind(shell, "out")
    assert list(before) == ["1", "2", "3", "4"]
    roots.install(shell, "out", "4", roots.MISSING)
    roots.install(shell, "out", "3", roots.MISSING)
    namespace = shell.user_ns
    assert sorted(namespace["Out"]) == [1, 2] and "_4" not in namespace
    assert namespace["_"] == [2] and namespace["__"] == [1] and namespace["___"] == ""
    roots.install(shell, "out", "3", before["3"])
    assert (
        namespace["_"] is before["3"]
        and namespace["_3"] is before["3"]
        and namespace["Out"][3] is before["3"]
    )
    assert roots.user_names(shell, shell.user_ns) == []


def test_a_taken_underscore_is_left_to_the_user(shell):
    shell.run_cell("[1]", store_history=True)
    shell.user_ns["_"] = "mine"
    roots.install(shell, "out", "1", roots.MISSING)
    assert shell.user_ns["_"] == "mine"


def test_a_shown_secret_is_no_output(shell):
    shell.run_cell("'gh' + 'p_' + 'a1B2' * 9", store_history=True)
    assert of_kind(shell, "out") == {}


def test_random_states_are_read_without_drawing_and_put_back(shell):
    state, numpy_state = random.getstate(), np.random.get_state()[1].tobytes()
    kept = of_kind(shell, "random")
    assert random.getstate() == state and np.random.get_state()[1].tobytes() == numpy_state
    drawn = random.random(), np.random.random()
    np.random.standard_normal()
    for key, value in kept.items():
        roots.install(shell, "random", key, value)
    assert (random.random(), np.random.random()) == drawn


def test_numpy_leaves_nothing_over_when_going_back_to_before_its_import():
    program = """
import sys, types
from clew import roots
shell = types.SimpleNamespace(user_ns={})
before = {key[:2] for key in roots.collect(shell)}
import numpy as np
def new():
    return {key[:2] for key in roots.collect(shell)} - before
assert new() == {("random", "numpy.random")}
first = np.random.get_state()[1].tobytes()
np.random.seed(0)
np.seterr(all="raise")
np.set_printoptions(precision=3)
added = new()
assert len(added) == 3, added
for kind, key in added:
    roots.install(shell, kind, key, roots.MISSING)
assert not new(), new()
assert np.geterr()["divide"] == "warn" and np.get_printoptions()["precision"] == 8
assert np.random.get_state()[1].tobytes() == first
np.random.random()
assert len(new()) == 1
"""
    setup = "import sys, types; clew = sys.modules['clew'] = types.ModuleType('clew');"
    setup += f"clew.__path__ = {list(sys.modules['clew'].__path__)!r}\n"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", setup + program], check=True, env=environment)


def test_directory_environment_and_path(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = of_kind(shell, "directory")
    os.chdir("/")
    roots.install(shell, "directory", "cwd", before["cwd"])
    assert os.getcwd() == str(tmp_path)
    monkeypatch.setenv("CLEW_A", "1")
    monkeypatch.setenv("MY_API_KEY", "sk-proj-abcdefghij0123456789")
    assert of_kind(shell, "environment").get("CLEW_A") == "1"
    assert "MY_API_KEY" not in of_kind(shell, "environment")
    roots.install(shell, "environment", "CLEW_A", roots.MISSING)
    assert "CLEW_A" not in os.environ
    path = of_kind(shell, "path")["sys.path"]
    sys.path.append("/nowhere")
    roots.install(shell, "path", "sys.path", path)
    assert "/nowhere" not in sys.path


def test_options_are_roots_only_while_they_differ(shell):
    import matplotlib as mpl

    before = of_kind(shell, "option")
    pd.set_option("display.max_rows", 7)
    mpl.rcParams["figure.dpi"] = 33
    found = of_kind(shell, "option")
    assert found["pandas: display.max_rows"] == 7 and found["matplotlib: figure.dpi"] == 33
    for key in found.keys() - before.keys():
        roots.install(shell, "option", key, roots.MISSING)
    assert of_kind(shell, "option") == before and pd.get_option("display.max_rows") == 60


def test_settings_are_put_back(shell):
    before = of_kind(shell, "setting")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decimal.getcontext().prec = 5
        np.seterr(divide="raise")
        np.set_printoptions(precision=2)
        for key in of_kind(shell, "setting"):
            roots.install(shell, "setting", key, before.get(key, roots.MISSING))
        assert of_kind(shell, "setting") == before
        warnings.warn("not an error", UserWarning, stacklevel=1)


def test_attributes_of_the_users_modules(shell, tmp_path, monkeypatch):
    (tmp_path / "geo.py").write_text(
        "SCALE = [1]\nimport os\n_lock = __import__('threading').Lock()\ndef f(): return 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import geo

    def ours():
        found = of_kind(shell, "module_attribute").items()
        return {key: value for key, value in found if key.startswith("geo.")}

    original = geo.f
    assert ours() == {"geo.SCALE": [1]}
    geo.f, geo.EXTRA = len, 5
    assert ours() == {"geo.SCALE": [1], "geo.f": len, "geo.EXTRA": 5}
    for key in ("geo.f", "geo.EXTRA"):
        roots.install(shell, "module_attribute", key, roots.MISSING)
    assert geo.f is original and not hasattr(geo, "EXTRA") and sys.modules["geo"] is geo
    kept = ours()
    roots.install(shell, "module_attribute", "geo.SCALE", roots.MISSING)
    assert "geo" not in sys.modules and ours() == {}, "going back to before the import takes the module away"
    roots.install(shell, "module_attribute", "geo.SCALE", kept["geo.SCALE"])
    assert sys.modules["geo"] is geo, "going forth brings the same one back"
    assert not any(key.startswith(("clew", "numpy", "os")) for key in of_kind(shell, "module_attribute"))
    del sys.modules["geo"]


def test_figures_are_put_back_under_their_numbers(shell):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    assert of_kind(shell, "figures") == {}
    first, second = plt.figure(3), plt.figure(7)
    kept = of_kind(shell, "figures")["pyplot"]
    assert kept == [(3, first), (7, second)]
    plt.close(first)
    plt.figure(9)
    roots.install(shell, "figures", "pyplot", kept)
    assert plt.get_fignums() == [3, 7] and plt.gcf() is second and plt.figure(3) is first
    # One that pyplot does not know is closed like all others.
    plt.close(second)
    roots.install(shell, "figures", "pyplot", kept)
    plt.close("all")
    assert plt.get_fignums() == []
    roots.install(shell, "figures", "pyplot", kept)
    roots.install(shell, "figures", "pyplot", roots.MISSING)
    assert plt.get_fignums() == []


def test_reading_changes_no_filter_and_imports_nothing(shell):
    roots.collect(shell)
    modules, filters = set(sys.modules), list(warnings.filters)
    roots.collect(shell)
    assert set(sys.modules) == modules and warnings.filters == filters


def test_a_shell_without_outputs_is_no_error():
    assert roots.collect(types.SimpleNamespace(user_ns={}))
