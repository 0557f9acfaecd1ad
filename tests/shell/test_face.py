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
    assert kernel.value(f"{SESSION}.status().undo") == 2
    assert kernel.value(f"({SESSION}.flush(), {SESSION}.status().is_synced)[1]") is True


def test_what_could_not_be_done_is_raised_with_what_to_type(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nx = 1")
    reply = kernel.run("s.switch(99)")
    assert reply.ename == "UsageError" and "There is no run `99`. Nothing was changed." in reply.evalue
    kernel.run(
        "from clew.errors import ClewError\ntry: s.undo(9)\nexcept ClewError as e: hint = e.hint"
    ).raised()
    assert kernel.value("hint") == "`%clew undo 2` takes all there are"


def test_names_may_be_given_in_a_list_and_what_is_no_name_is_said(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()\nx = y = 1", "x = y = 2"])
    kernel.run("s.restore(2, ['x'], ('y',))").raised()
    assert kernel.value("x, y") == (1, 1)
    kernel.run("s.restore(3, {'x': 0}.keys())").raised()
    assert kernel.value("x, y") == (2, 1)
    assert kernel.value("[change.name for change in s.diff(2, 3, ['x']).changes]") == ["x"]
    assert kernel.value("s.extract(['x', 'y'], at=3).runs") == ("3",)
    reply = kernel.run("s.restore(2, 'x', 5)")
    assert reply.ename == "UsageError" and kernel.value("x") == 2
    assert "5 is no text, and names are texts. Nothing was changed." in reply.evalue, reply.evalue
    assert 's.restore(14, ["x", "y"])' in reply.evalue
    assert kernel.run("s.annotate(['x'])").ename == kernel.run("s.log(name=5)").ename == "UsageError"


def test_nothing_that_a_program_gives_is_taken_for_an_option(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nx = 1")
    kernel.run("s.tag('best')")
    for call in (
        "s.extract('--output=made.py', 'x')",
        "s.tag('-d', 'best')",
        "s.show('--help')",
        "s.annotate('--help')",
        "s.vars('--json')",
        "s.stale('--help')",
        "s.switch('--fresh')",
        "s.branch('--help')",
        "s.describe(None)",
        "s.forget('\\ud800', dry_run=True)",
    ):
        reply = kernel.run(call)
        assert reply.ename in ("UsageError", "RefusedError"), (call, reply)
    assert not (kernel.cwd / "made.py").exists()
    assert kernel.value("len(s.tag().data['names'])") == 1


def test_care_answers_with_objects(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()\nx = [1]", "y = 2"])
    assert kernel.value("[(len(s.list()), one.runs, one.is_damaged) for one in s.list()]") == [(1, 3, False)]
    assert kernel.value("(s.verify(read_data=True).is_sound, s.verify().findings, s.verify().runs)") == (
        True,
        (),
        3,
    )
    assert kernel.value("[check.group for check in s.doctor().checks if check.what == 'key']") == ["trust"]
    assert kernel.value("s.doctor().is_well == (s.doctor().data['exit'] == 0)") is True
    assert kernel.value("(s.gc(dry_run=True).dry_run, s.gc(dry_run=True).alive.pieces > 0)") == (True, True)
    assert kernel.run("s.list()").result.startswith("history ")


def test_p12_forget_needs_consent_from_a_program_too(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()\nx = [1]\nz = [2]", "x = [3]"])
    reply = kernel.run("s.forget('x')")
    assert reply.ename == "RefusedError" and "Nothing was changed." in reply.evalue, reply
    assert "`dry_run=True` shows what would go, `yes=True` does it" in reply.evalue
    shown = kernel.value("(lambda f: (f.names, f.is_done, f.values))(s.forget(['x', 'z'], dry_run=True))")
    assert shown == (("x", "z"), False, 3)
    assert "forgotten" not in kernel.clew("vars 2").text
    kernel.run("done = s.forget('x', yes=True)").raised()
    assert kernel.value("(done.names, done.is_done, done.values, x)") == (("x",), True, 2, [3])
    assert "forgotten on" in kernel.clew("vars 2").text
    assert kernel.value("s.verify().forgotten") == 2
    assert kernel.run("s.forget('no_such', dry_run=True)").ename == "UsageError"


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
