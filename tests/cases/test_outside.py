"""What changes state without a cell: threads, tasks, callbacks, silent requests. Recorded, never silently wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from harness import NEVER, wait_for

from cases.story import Notebook, plain


def settle(notebook: Notebook, read: str, expected: str) -> None:
    """Waits until something outside has made `read` be `expected`."""
    wait_for(lambda: notebook.read(read) == [expected], f"{read} never became {expected}")


def wait_for_look(notebook: Notebook, first: str) -> None:
    """Waits until a change behind the run `first` is recorded that no cell made: tests before this one left others in the log."""

    def is_recorded() -> bool:
        runs = json.loads(notebook.kernel.terminal("log", "--all", "--json").out)["runs"]
        return any(
            run["kind"] == "external_change" and int(run["run"].rstrip("abc")) > int(first) for run in runs
        )

    wait_for(is_recorded, "nobody looked")


def check_outside_change(notebook: Notebook, first: str) -> None:
    """`x` was [1] after the run `first`, then [1, 2] by something outside; both states can be reached."""
    settle(notebook, "x", "[1, 2]")
    # Where a look at everything takes long the one after the next cell may be at `y` alone: the one in idle time is at everything.
    wait_for_look(notebook, first)
    notebook.run("y = 1")
    alone = notebook.identities(["alone"])
    report = notebook.move("undo")
    assert notebook.read("x", "'y' in globals()") == ["[1, 2]", "False"], (
        "undo of y must not lose what came from outside"
    )
    assert report.word("y") == "removed"
    notebook.move("redo")
    assert notebook.read("x", "y") == ["[1, 2]", "1"]
    report = notebook.move(f"switch {first}")
    assert notebook.read("x") == ["[1]"]
    assert report.word("x") == "restored"
    assert notebook.identities(["alone"]) == alone
    assert "outside" in notebook.say("log --all")


LATER = "ThreadPoolExecutor(1).submit(open, {door!r}).add_done_callback(lambda _: x.append(2))"
"""A thread that waits in code of a library's, and changes `x` when the door is opened."""


def door(directory: Path) -> str:
    """A FIFO: who opens it to read waits until the test writes to it."""
    os.mkfifo(directory / "door")
    return str(directory / "door")


def test_a_thread_that_changes_a_list_between_runs(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(
        """
        from concurrent.futures import ThreadPoolExecutor
        x = [1]
        alone = [0]
        """,
        LATER.format(door=door(tmp_path)),
    )
    first = notebook.at()
    (tmp_path / "door").write_text("")
    check_outside_change(notebook, first)


def test_an_asyncio_task_that_changes_a_list_between_runs(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(
        f"""
        import asyncio, os
        x = [1]
        alone = [0]
        async def later():
            while not os.path.exists({str(tmp_path / "go")!r}):
                await asyncio.sleep(0.01)
            x.append(2)
        """,
        "_ = asyncio.ensure_future(later())",
    )
    first = notebook.at()
    (tmp_path / "go").touch()
    check_outside_change(notebook, first)


def test_a_widget_callback_that_changes_a_list_between_runs(notebook: Notebook) -> None:
    notebook.run(
        """
        import ipywidgets
        x = [1]
        alone = [0]
        slider = ipywidgets.IntSlider(value=0)
        slider.observe(lambda change: x.append(change['new']), 'value')
        """
    )
    first = notebook.at()
    comm = notebook.kernel.value("slider.comm.comm_id")
    update = {"method": "update", "state": {"value": 2}, "buffer_paths": []}
    notebook.kernel.collect([notebook.kernel.message("comm_msg", {"comm_id": comm, "data": update})])
    check_outside_change(notebook, first)


def test_a_silent_request_that_changes_a_list(notebook: Notebook) -> None:
    notebook.run("""
        x = [1]
        alone = [0]
        """)
    first = notebook.at()
    notebook.kernel.run("x.append(2)", silent=True)
    check_outside_change(notebook, first)


def test_user_expressions_that_change_a_list(notebook: Notebook) -> None:
    notebook.run("""
        x = [1]
        alone = [0]
        """)
    first = notebook.at()
    notebook.kernel.collect([notebook.kernel.send("", silent=True, user_expressions={"e": "x.append(2)"})])
    check_outside_change(notebook, first)


def test_what_a_thread_changed_before_undo_goes_with_it_and_is_named(
    notebook: Notebook, tmp_path: Path
) -> None:
    notebook.run(
        """
        from concurrent.futures import ThreadPoolExecutor
        x = [1]
        z = [1]
        """,
        "z.append(2)\n" + LATER.format(door=door(tmp_path)),
    )
    (tmp_path / "door").write_text("")
    settle(notebook, "x", "[1, 2]")
    report = notebook.move("undo")
    assert notebook.read("z", "x") == ["[1]", "[1]"]
    assert report.word("x") == "restored"
    notebook.move("redo")
    assert notebook.read("z", "x") == ["[1, 2]", "[1, 2]"], "moving never loses anything"


def test_p04_undo_and_redo_name_what_changed_outside_any_cell_and_goes_with_the_step(
    notebook: Notebook,
) -> None:
    notebook.run("rows = [0]", "b = 2")
    first = notebook.at()
    notebook.kernel.run("rows.append(70)", silent=True).raised()
    wait_for_look(notebook, first)
    outside = notebook.at()
    told = f"undone: run {outside} (changes outside any cell)"
    assert f"Would also be {told}" in notebook.say("undo --dry-run")
    assert f"Also {told}" in notebook.say("undo")
    assert notebook.read("rows", "'b' in globals()") == ["[0]", "False"]
    report = notebook.move("redo")
    assert report.data["included_changes"] == [outside]
    assert notebook.read("rows", "b") == ["[0, 70]", "2"]
    # What nobody had looked at yet is recorded first.
    notebook.kernel.run("rows.append(71)", silent=True).raised()
    said = notebook.say("undo")
    assert "Also undone: run" in said and notebook.read("rows") == ["[0]"]
    # It may have been looked at meanwhile.
    assert "and undone as well" in said or "Also undone: runs" in said, said
    # A step that takes nothing along says nothing of it.
    notebook.run("c = 3")
    assert "outside" not in notebook.say("undo")


def test_p04_a_redo_does_not_claim_what_it_leaves_behind(notebook: Notebook) -> None:
    """What changed since the undo lies on a line of its own: a redo goes back over it, and the undo of that brings it again."""
    notebook.run("rows = [0]; other = 0", "rows.append(1)", "%clew undo")
    notebook.kernel.run("other = 5", silent=True).raised()
    report = notebook.move("redo")
    assert (report.data["included_changes"], notebook.read("rows", "other")) == ([], ["[0, 1]", "0"])
    report = notebook.move("undo")
    assert (report.data["included_changes"], notebook.read("rows", "other")) == ([], ["[0]", "5"])


def test_a_thread_that_still_holds_the_old_list_is_named_in_the_report(notebook: Notebook) -> None:
    notebook.run(
        """
        import threading, time
        x = [1]
        stop = False
        held = threading.Event()
        def hold():
            mine = x
            held.set()
            while not stop:
                time.sleep(0.02)
        """,
        "_ = threading.Thread(target=hold, name='holder', daemon=True).start(); held.wait();",
        "x.append(2)",
    )
    report = notebook.move("undo")
    assert notebook.read("x") == ["[1]"]
    assert report.word("x") == "restored"
    assert "still held" in report.why("x"), report.why("x")
    notebook.run("stop = True")


STOP = """
    stop = True
    for _thread in threading.enumerate():
        if _thread.name == 'spinner':
            _thread.join()
    _thread = None
    """


def test_a_thread_that_writes_all_the_time_leaves_no_torn_value(notebook: Notebook) -> None:
    """Both halves of the pair are written one after the other: what comes back was there at one moment, or is not handed over."""
    notebook.run(
        """
        import threading, time
        pair = [0, 0]
        stop = False
        def spin():
            n = 0
            while not stop:
                n += 1
                pair[:] = [n, n]
                time.sleep(0.001)
        """,
        "threading.Thread(target=spin, name='spinner', daemon=True).start()",
    )
    for number in range(5):
        notebook.run(f"mark = {number}")
    notebook.run(STOP)
    for _ in range(5):
        report = notebook.move("undo")
        if "pair" in report.words and report.word("pair") in {"unchanged", "restored"}:
            assert notebook.read("pair[0] == pair[1]") == ["True"]
        notebook.run(STOP)
        notebook.move("undo")


def test_a_fork_in_user_code_records_in_the_parent_only(notebook: Notebook) -> None:
    notebook.run("""
        import os
        x = [1]
        """)
    notebook.run(
        """
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            x.append('child')
            os.write(w, repr(x).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        heard = os.read(r, 100)
        os.close(r); os.close(w)
        x.append('parent')
        """
    )
    assert notebook.read("heard", "x") == ["b\"[1, 'child']\"", "[1, 'parent']"]
    notebook.move("undo")
    assert notebook.read("x", "'heard' in globals()") == ["[1]", "False"]
    notebook.run("x.append('on')")
    notebook.move("undo")
    assert notebook.read("x") == ["[1]"]
    assert notebook.ask("verify")


def test_a_subshell_that_changes_a_list_while_a_cell_runs(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    shell = notebook.kernel.subshell()
    if shell is None:
        return
    notebook.run("""
        import time
        x = [1]
        y = [1]
        """)
    first = notebook.at()
    main = notebook.kernel.send("while len(x) == 1: time.sleep(0.01)\ny.append(2)")
    side = notebook.kernel.send("x.append(2)", subshell_id=shell)
    notebook.kernel.collect([main, side])
    notebook.kernel.settle_subshell(shell)
    assert notebook.read("x", "y") == ["[1, 2]", "[1, 2]"]
    notebook.run("z = 1")
    notebook.move("undo")
    assert notebook.read("x", "y", "'z' in globals()") == ["[1, 2]", "[1, 2]", "False"]
    notebook.move(f"switch {first}")
    assert notebook.read("x", "y") == ["[1]", "[1]"]


def test_a_mover_in_a_subshell_waits_for_the_cell_that_runs_or_is_refused(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    notebook = kernels()
    shell = notebook.kernel.subshell()
    if shell is None:
        return
    go, begun = tmp_path / "go", tmp_path / "begun"
    notebook.run("x = [1]", "x.append(2)")
    busy = f"""
        import pathlib, time
        x.append(3)
        pathlib.Path({str(begun)!r}).touch()
        while not pathlib.Path({str(go)!r}).exists():
            time.sleep(0.01)
        x.append(4)
        """
    main = notebook.kernel.send(plain(busy))
    wait_for(begun.exists, "The cell never began")
    refused = notebook.kernel.run("%clew undo --no-wait", subshell_id=shell)
    assert "A cell is running. Nothing was changed." in refused.stderr
    waiting = notebook.kernel.send("%clew undo", subshell_id=shell)
    notebook.kernel.until_printed(waiting, "waiting for the running cell")
    go.touch()
    said = notebook.kernel.collect([main, waiting])[1]
    notebook.kernel.settle_subshell(shell)
    assert said.text.startswith("Undid "), said.text + said.stderr
    assert notebook.read("x") == ["[1, 2]"]
    notebook.move("redo")
    assert notebook.read("x") == ["[1, 2, 3, 4]"]


def ask_for_the_banner(notebook: Notebook) -> None:
    """What a front end does when its page is loaded: IPython draws a tip for the banner."""
    client = notebook.kernel.client
    asked = client.kernel_info()
    wait_for(lambda: client.get_shell_msg(timeout=NEVER)["parent_header"]["msg_id"] == asked, "no banner")


def test_the_tip_that_ipython_draws_is_no_change_from_outside(notebook: Notebook) -> None:
    notebook.run("import random; random.seed(1)", "x = [random.random()]")
    state = notebook.read("random.getstate()")
    ask_for_the_banner(notebook)
    assert notebook.read("random.getstate()") == state
    assert notebook.move("undo").data["external_change"] is None
    assert "outside" not in notebook.say("log --all")
    # What the user's own code draws outside any cell counts.
    notebook.kernel.run("random.random()", silent=True)
    ask_for_the_banner(notebook)
    wait_for(lambda: "outside" in notebook.kernel.terminal("log", "--all").out, "nobody looked")
