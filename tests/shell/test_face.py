"""`clew.session()`: every word as a method, with typed answers."""

from __future__ import annotations

from harness import Kernel

SESSION = "__import__('clew').session()"


def test_a_mover_answers_with_a_report(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()\nx = [1]", "x.append(2)\ny = 1"])
    kernel.run("r = s.undo(); got_back = list(x)").raised()
    assert kernel.value("(r.action, r.source, r.at, r.is_exact, r.runs)") == ("undo", "3", "2", True, ("3",))
    assert kernel.value("(r['x'].word, r.names('removed'), r.names('lost'))") == ("loaded", ("y",), ())
    assert kernel.run("r").result.startswith("Undid run 3 in ")
    assert kernel.value("got_back, s.undo(dry_run=True).dry_run, x") == ([1], True, [1])


def test_looking_answers_with_runs_variables_and_changes(kernel: Kernel) -> None:
    kernel.queue(["x = [1]", "import math\nx.append(2)", "1 / 0"])
    assert kernel.value(f"[run.source for run in {SESSION}.log(2)]") == ["1 / 0", "import math\nx.append(2)"]
    assert kernel.value(f"[run.exception for run in {SESSION}.log(failed=True)]") == ["ZeroDivisionError"]
    assert kernel.value(f"{SESSION}.vars(2)['x'].shape, list({SESSION}.vars(2))") == ((1,), ["x"])
    assert kernel.value(f"{SESSION}.diff(2, 3)['x'].change") == "changed"
    assert kernel.value(f"{SESSION}.show('@-').run.added") == ("math",)
    assert kernel.value(f"{SESSION}.status().undo") == 3
    assert kernel.value(f"({SESSION}.flush(), {SESSION}.status().is_synced)[1]") is True


def test_what_could_not_be_done_is_raised_with_what_to_type(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nx = 1")
    reply = kernel.run("s.switch(99)")
    assert reply.ename == "UsageError" and "There is no run `99`. Nothing was changed." in reply.evalue
    kernel.run(
        "from clew.errors import ClewError\ntry: s.undo(9)\nexcept ClewError as e: hint = e.hint"
    ).raised()
    assert kernel.value("hint") == "`%clew undo 2` takes all there are"


def test_an_agent_tries_and_rolls_back_within_one_cell(kernel: Kernel) -> None:
    kernel.run("import clew\nmodel = None\nnotes = ['start']")
    kernel.run(
        "def attempt(depth):\n"
        "    global model\n"
        "    model = {'depth': depth, 'score': -abs(depth - 3)}\n"
        "    notes.append(depth)\n"
        "    score = model['score']\n"
        "    report = clew.session().undo()\n"
        "    return score, report.source\n"
    )
    kernel.run("tried = sorted(attempt(depth) for depth in range(5))").raised()
    assert kernel.value("model, notes, [score for score, _ in tried]") == (
        None,
        ["start"],
        [-3, -2, -1, -1, 0],
    )
    kernel.run("report = clew.session().switch(tried[-1][1]); best = dict(model)").raised()
    assert kernel.value("best, notes") == ({"depth": 3, "score": 0}, ["start", 3])


def test_the_session_bound_to_a_name_is_the_one_that_records(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()", "x = 1", "x = 2"])
    kernel.clew("undo 2").raised()
    kernel.clew("redo 2").raised()
    assert kernel.value("s.status().at.run") == "4"


def test_a_fork_is_a_kernel_at_a_revision_on_a_line_of_its_own(kernel: Kernel) -> None:
    kernel.queue(["import clew", "x = [1]", "x.append(2)"])
    kernel.run("f = clew.session().fork(2); said = f.report; there = f.run('x')").raised()
    assert kernel.value("there, x") == ("[1]", [1, 2])
    assert kernel.value("said").startswith("Resumed at 2 in ")
    kernel.run("f.run('x.append(5)'); after = f.run('x'); f.shutdown()").raised()
    assert kernel.value("after, x") == ("[1, 5]", [1, 2])
    assert kernel.value(f"'x.append(5)' in [run.source for run in {SESSION}.log(0, all=True)]") is True


def test_a_fork_that_can_not_be_says_why_and_leaves_no_kernel(kernel: Kernel) -> None:
    kernel.run("import clew\nx = 1")
    assert kernel.run("clew.session().fork(99)").ename == "UsageError"
