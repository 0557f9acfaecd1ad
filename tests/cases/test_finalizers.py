"""`weakref.finalize`: what is to be called when an object goes is state, and a move that replaces the object calls nothing."""

from __future__ import annotations

from collections.abc import Callable

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

GIVEN = """
import weakref
class Held(list): pass
called = []
obj = Held([1])
"""
NAMED = GIVEN + "fin = weakref.finalize(obj, called.append, 'gone')\n"
READS = ["fin.alive", "fin.peek() is not None and fin.peek()[0] is obj", "list(obj)", "called"]

CASES = [
    Case(
        "The object of a finalizer changed",
        NAMED,
        "obj.append(2)",
        READS,
        {"obj": "restored", "fin": "restored", "called": "restored", "Held": "unchanged|restored"},
        probe=("(fin(), fin.alive, called)[1:]", "(False, ['gone'])"),
    ),
    Case(
        "A finalizer that was made",
        GIVEN,
        "fin = weakref.finalize(obj, called.append, 'gone')",
        [
            "'fin' in globals()",
            "len(weakref.finalize._registry) > 0 and any(i.func == called.append for i in weakref.finalize._registry.values())",
            "called",
        ],
        {
            "fin": "removed",
            "obj": "unchanged|restored",
            "called": "unchanged|restored",
            "Held": "unchanged|restored",
        },
        again={"obj": "unchanged|restored", "called": "unchanged|restored"},
    ),
    Case(
        "A finalizer that was called",
        NAMED,
        "fin()",
        READS,
        {"obj": "restored", "fin": "restored", "called": "restored", "Held": "unchanged|restored"},
    ),
    Case(
        "A finalizer that was detached, and one that is not called at the end",
        NAMED + "fin.atexit = False",
        "_ = fin.detach()",
        [*READS, "fin.atexit"],
        {"obj": "restored", "fin": "restored", "called": "restored|unchanged", "Held": "unchanged|restored"},
    ),
    Case(
        "A function of the notebook's and names for its arguments",
        GIVEN + "def tell(*args, to): to.append(args)\nfin = weakref.finalize(obj, tell, 1, [2], to=called)",
        "obj.append(2)",
        [*READS, "fin.peek()[2:]", "fin.peek()[3]['to'] is called"],
        {
            "obj": "restored",
            "fin": "restored",
            "called": "restored",
            "Held": "unchanged|restored",
            "tell": "unchanged|restored",
        },
        probe=("(fin(), called)[1]", "[(1, [2])]"),
    ),
]


def test_a_finalizer_without_a_name_is_called_once_when_the_object_goes_that_a_move_put_there(
    notebook: Notebook,
) -> None:
    notebook.run(GIVEN, "weakref.finalize(obj, called.append, 'gone'); _ = None", "obj.append(2)")
    notebook.move("undo")
    notebook.move("redo")
    notebook.move("undo")
    assert notebook.read("called", "list(obj)") == ["[]", "[1]"]
    notebook.run("import gc\ndel obj\n_ = gc.collect()")
    assert notebook.read("called") == ["['gone']"]
    notebook.move("undo")
    assert notebook.read("called", "list(obj)") == ["[]", "[1]"]


def test_an_object_that_a_move_removes_is_not_finalized(notebook: Notebook) -> None:
    notebook.run("import weakref, gc\nclass Held(list): pass\ncalled = []")
    notebook.run("obj = Held([1]); _ = weakref.finalize(obj, called.append, 'gone')")
    notebook.move("undo")
    notebook.run("_ = gc.collect()")
    assert notebook.read("called") == ["[]"]


def test_a_finalizer_is_called_at_the_end_of_the_kernel_that_took_it_up(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    path = first.kernel.home / "ended"
    first.run(GIVEN + f"fin = weakref.finalize(obj, open, {str(path)!r}, 'w')")
    first.kill()
    assert not path.exists()
    second = kernels()
    second.move("resume")
    assert second.read("fin.alive, fin.peek()[0] is obj") == ["(True, True)"]
    second.kernel.close()
    assert path.exists()


def test_what_a_library_cleans_up_after_its_own_object_is_left_to_it(notebook: Notebook) -> None:
    notebook.run(
        "import tempfile, weakref, os\nwords = 'finalize'", "folder = tempfile.TemporaryDirectory()", "x = 1"
    )
    there = notebook.identities(["folder"])
    notebook.run("weakref.finalize(folder, print, 'bye') and None", "x = 2")
    notebook.move("undo")
    assert notebook.identities(["folder"]) == there
    assert notebook.read("os.path.isdir(folder.name)") == ["True"]
    notebook.run("folder.cleanup()")
