"""Values that are hard to put back: one that refuses keeps no other from coming back, and what comes back in part is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cases.story import Notebook


def test_p04_a_directory_that_is_gone_keeps_no_other_value_from_coming_back(
    notebook: Notebook, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    notebook.run(f"import os\nhome = os.getcwd()\nos.chdir({str(gone)!r})\nx = [1]")
    notebook.run("os.chdir(home)\nx = [2]")
    gone.rmdir()
    said = notebook.say("undo")
    assert notebook.read("x", "os.getcwd() == home") == ["[1]", "True"]
    assert "working directory" in said and "gone" in said
    assert notebook.say("redo") and notebook.read("x") == ["[2]"]


def test_p04_an_attribute_of_a_module_that_refuses_keeps_no_other_value_from_coming_back(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    before = kernels("patched")
    before.run("import statistics\nx = [1]")
    before.run("statistics.mean = max\nx = [2]\nimport signal\n_ = signal.signal(signal.SIGUSR1, print)")
    at = before.at()
    before.kill()
    after = kernels("patched")
    # As where a signal handler is to be set from another thread.
    after.run("""
        import signal
        def refuses(*_):
            raise ValueError("not now")
        vars(signal)['signal'] = refuses
        """)
    said = after.say(f"resume {at}")
    assert after.read("x", "statistics.mean is max") == ["[2]", "True"]
    assert "signal" in said


METACLASS = """
def made():
    calls = []
    class Meta(type):
        @property
        def __doc__(self):
            return 'of the metaclass'
    class Lazy(metaclass=Meta):
        @property
        def __doc__(self):
            return calls
        def use(self):
            calls.append(1)
    return Lazy
Lazy = made()
x = 1
"""


def test_a_class_whose_metaclass_has_a_property_takes_its_attributes_back(notebook: Notebook) -> None:
    notebook.run(METACLASS)
    notebook.run("Lazy().use()\nx = 2")
    said = notebook.say("undo")
    assert notebook.read("x", "Lazy().__doc__", "Lazy.__doc__") == ["1", "[]", "'of the metaclass'"], said
    notebook.say("redo")
    assert notebook.read("x", "Lazy().__doc__") == ["2", "[1]"]


def test_everything_from_sympy_comes_back(notebook: Notebook) -> None:
    notebook.run("from sympy import *\nx = symbols('x')\nlisted = [1]")
    notebook.run("listed.append(2)\ny = integrate(sin(x), x)\nz = list(primerange(10))")
    said = notebook.say("undo")
    assert notebook.read("listed", "'y' in globals()") == ["[1]", "False"], said
    said = notebook.say("redo")
    assert notebook.read("listed", "str(y)", "z") == ["[1, 2]", "'-cos(x)'", "[2, 3, 5, 7]"], said


ARRAYS = [
    "np.ma.array(base[:, 0])",
    "np.ma.array(base)[:, 1]",
    "base[:, 0].view(np.recarray)",
    "np.ma.array(base, mask=[[0, 1], [1, 0]]).T",
]


@pytest.mark.parametrize("made", ARRAYS)
def test_a_view_of_objects_keeps_its_class(made: str, notebook: Notebook) -> None:
    notebook.run(
        f"import numpy as np\nbase = np.array([[1, 'a'], [None, 2.5]], dtype=object)\nview = {made}\nn = 1"
    )
    reads = ["type(view)", "view", "view.shape", "np.shares_memory(view, base)"]
    before = notebook.read(*reads)
    notebook.run("base[0, 0] = 'changed'\nn = 2")
    changed = notebook.read(*reads)
    said = notebook.say("undo")
    assert notebook.read(*reads) == before, said
    said = notebook.say("redo")
    assert notebook.read(*reads) == changed, said


def test_a_new_type_is_told_by_what_it_is_made_of(notebook: Notebook) -> None:
    notebook.run("from typing import NewType\nUser = NewType('User', int)")
    notebook.run("User = NewType('User', str)")
    assert notebook.move("undo").word("User") == "restored"
    assert notebook.read("User.__supertype__", "User(3)", "User.__name__") == ["<class 'int'>", "3", "'User'"]
    notebook.move("redo")
    assert notebook.read("User.__supertype__") == ["<class 'str'>"]


def test_a_traceback_that_lost_the_variables_of_its_frames_is_said(notebook: Notebook) -> None:
    notebook.run("""
        kept = []
        def fails(secret):
            raise ValueError(secret)
        try:
            fails(3)
        except ValueError as error:
            kept.append(error)
        """)
    notebook.run("kept.append(1)")
    said = notebook.say("undo")
    assert notebook.read("len(kept)", "kept[0].__traceback__.tb_next.tb_frame.f_code.co_name") == [
        "1",
        "'fails'",
    ]
    assert "without the variables of its frames" in said


def test_a_name_of_the_shell_is_the_shell_s_again(notebook: Notebook) -> None:
    notebook.run("globals()['exit'] = 1")
    notebook.move("undo")
    assert notebook.read("type(exit).__name__") == ["'ZMQExitAutocall'"]
    notebook.move("redo")
    assert notebook.read("exit") == ["1"]


def test_a_class_whose_module_is_not_loaded_is_found_in_its_package(kernels: Callable[..., Notebook]) -> None:
    """NumPy has `recarray` of `numpy.rec`, a module that it loads when it is first used."""
    notebook = kernels()
    notebook.run("import sys, numpy as np\ndata = np.zeros(2, [('a', int)])\nview = data.view(np.recarray)")
    assert notebook.read("'numpy.rec' in sys.modules") == ["False"]
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert report.word("view") == report.word("data") == "restored", report.data
    assert again.read("type(view) is np.recarray, np.shares_memory(view, data), view.a.tolist()") == [
        "(True, True, [0, 0])"
    ]
