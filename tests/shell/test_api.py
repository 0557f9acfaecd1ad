"""`clew.session()`: every word as a method, with typed answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import REPOSITORY, SOURCES, Kernel, private_folders, wait_for

SESSION = "__import__('clew').session()"


def test_a_mover_answers_with_a_report(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()\nx = [1]", "x.append(2)\ny = 1"])
    kernel.run("r = s.undo(); got_back = list(x)").raised()
    assert kernel.value("(r.action, r.source, r.at, r.is_exact, r.runs)") == ("undo", "3", "2", True, ("3",))
    assert kernel.value("(r['x'].outcome, r.names('removed'), r.names('lost'))") == ("restored", ("y",), ())
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
    assert kernel.value("hint") == "`clew.session().undo(2)` does all of them"


def test_a_command_without_a_method_says_how_it_is_typed(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()")
    reply = kernel.run("s.history()")
    assert reply.ename == "AttributeError" and "`clew.session().command('history')` runs" in reply.evalue
    kernel.run("clew.session().command('history')").raised()
    assert "command('op log')" in kernel.run("s.op_log").evalue
    assert kernel.value("hasattr(s, 'pull'), hasattr(s, 'undo')") == (False, True)


ERRORS = ("ClewError", "UsageError", "RefusedError", "NotRecordingError", "DamagedError")


def test_errors_are_caught_by_the_names_that_the_guide_has() -> None:
    script = (
        "import clew\n"
        f"for name in {ERRORS}: getattr(clew.errors, name)\n"
        "try: clew.session()\n"
        "except clew.errors.NotRecordingError: print('caught')"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, SOURCES))}
    typed = [sys.executable, "-c", script]
    ran = subprocess.run(typed, capture_output=True, text=True, env=environment, check=False)
    assert ran.stdout == "caught\n", ran
    guide = (REPOSITORY / "docs/guide/python.md").read_text()
    assert "`clew.errors`" in guide and all(f"`{name}`" in guide for name in ERRORS)


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
    assert "5 is not a string, and names are strings. Nothing was changed." in reply.evalue, reply.evalue
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
    assert kernel.value("[(len(s.list()), one.runs, one.is_corrupted) for one in s.list()]") == [
        (1, 3, False)
    ]
    assert kernel.value("(s.verify(read_data=True).is_sound, s.verify().findings, s.verify().runs)") == (
        True,
        (),
        3,
    )
    assert kernel.value("[check.group for check in s.doctor().checks if check.what == 'key']") == ["trust"]
    assert kernel.value("s.doctor().is_well == (s.doctor().data['exit'] == 0)") is True
    assert kernel.value("(s.gc(dry_run=True).dry_run, s.gc(dry_run=True).needed.pieces > 0)") == (True, True)
    assert kernel.run("s.list()").result.startswith("history ")


def test_p12_forget_needs_consent_from_a_program_too(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()\nx = [1]\nz = [2]", "x = [3]"])
    reply = kernel.run("s.forget('x')")
    assert reply.ename == "RefusedError" and "Nothing was changed." in reply.evalue, reply
    assert "`dry_run=True` shows what would be deleted, `yes=True` deletes it" in reply.evalue
    shown = kernel.value("(lambda f: (f.variables, f.is_done, f.values))(s.forget(['x', 'z'], dry_run=True))")
    assert shown == (("x", "z"), False, 3)
    assert "forgotten" not in kernel.clew("vars 2").text
    kernel.run("done = s.forget('x', yes=True)").raised()
    assert kernel.value("(done.variables, done.is_done, done.values, x)") == (("x",), True, 2, [3])
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
    kernel.run("f = clew.session().fork(3); said = f.report; there = f.run('x')").raised()
    assert kernel.value("there, x") == ("[1]", [1, 2])
    assert kernel.value("said").startswith("Resumed at 3 in ")
    kernel.run("f.run('x.append(5)'); after = f.run('x'); f.shutdown()").raised()
    assert kernel.value("after, x") == ("[1, 5]", [1, 2])
    assert kernel.value(f"'x.append(5)' in [run.source for run in {SESSION}.log(0, all=True)]") is True


def test_a_fork_is_not_where_the_session_was_left(kernels: Callable[..., Kernel], tmp_path: Path) -> None:
    kernel = kernels(notebook=tmp_path / "notebook.ipynb")
    kernel.queue(["import clew", "answer = 42"])
    kernel.run("f = clew.session().fork(3); f.run('answer = -1'); there = f.run('answer')").raised()
    assert kernel.value("there, answer") == ("-1", 42)
    kernel.clew("status").raised()
    kernel.restart()
    kernel.clew("resume").raised()
    assert kernel.value("answer") == 42
    assert "CLEW_HISTORY" not in kernel.clew("log --all").text


def test_a_fork_works_in_the_directory_of_its_run(kernels: Callable[..., Kernel], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    kernel = kernels(notebook=tmp_path / "notebook.ipynb", cwd=tmp_path)
    kernel.queue(["import clew, os", "os.chdir('data')"])
    kernel.run("f = clew.session().fork(2); there = f.run('os.getcwd()'); f.shutdown()").raised()
    assert kernel.value("there, os.getcwd()") == (repr(str(tmp_path)), str(tmp_path / "data"))


def test_a_fork_that_can_not_be_says_why_and_leaves_no_kernel(kernel: Kernel) -> None:
    kernel.run("import clew\nx = 1")
    assert kernel.run("clew.session().fork(99)").ename == "UsageError"


def test_what_an_exception_says_to_type_next_is_python_that_works(kernel: Kernel) -> None:
    kernel.queue(
        ["import clew\nfrom clew.errors import ClewError\ns = clew.session()\nx = [1]\ny = x", "z = 2"]
    )
    kernel.run(
        "def hint(call):\n"
        "    try: call()\n"
        "    except ClewError as error: return f'{error.message}\\n{error.hint}'\n"
        "    raise AssertionError('nothing was raised')"
    )
    calls = [
        "s.undo(9)",
        "s.redo()",
        "s.switch('nowhere')",
        "s.switch(99)",
        "s.switch('@-99')",
        "s.restore(2, 'no_such')",
        "s.undo('many')",
        "s.show('op:99')",
        "s.annotate('no_such')",
        "s.tag('a b')",
        "s.tag('none', delete=True)",
        "s.branch('none', delete=True)",
        "s.forget('no_such', dry_run=True)",
        "s.command('undos')",
        "s.command('checkout')",
        "s.command('op')",
        "s.command('log', '--foo')",
        "s.command('switch')",
        "s.command('push', 'nowhere')",
        "s.command('pull', 'nowhere')",
        "s.command('remote', 'remove', 'nowhere')",
        "s.command('import', 'no-such-file')",
        "s.command('op', 'restore', 'op:99')",
        "s.command('run', 'a.ipynb')",
        "s.command('trust', 'add', 'x')",
        "s.command('config', 'no.such')",
        "s.eval(99, 'x')",
        "s.extract('no_such')",
        "s.switch(2, keep='no_such')",
        "s.switch(2, keep='x')",
    ]
    told = {call: kernel.value(f"hint(lambda: {call})") for call in calls}
    assert not {call: text for call, text in told.items() if "%" in text}, told
    # Those without a placeholder are typed as they stand.
    for text in told.values():
        for call in text.partition("\n")[2].split("`")[1::2]:
            if call.startswith("clew.") and not any(word.isupper() for word in call.split('"')[1::2]):
                assert kernel.run(f"import clew\n{call}").ok, call


def test_every_call_that_is_told_has_a_method_with_these_arguments(kernel: Kernel) -> None:
    # What the commands declare of themselves: hints write calls of their methods with these keywords.
    sources = (REPOSITORY / "crates/clew-cli/src/commands").rglob("*.rs")
    declared = r'CommandInfo = CommandInfo \{\s+name: "([a-z-]+)",(.*?)\.\.CommandInfo::DEFAULT'
    infos = [found for source in sources for found in re.findall(declared, source.read_text(), re.DOTALL)]
    methods = {word: re.search(r"method: Some\(&\[(.*?)\]\)", info, re.DOTALL) for word, info in infos}
    told = {word: re.findall(r'"([a-z_]+)"', found[1]) for word, found in methods.items() if found}
    assert "undo" in told and "accept_end" in told["doctor"]
    kernel.run("import clew, inspect\ns = clew.session()")
    for word, keywords in told.items():
        has = kernel.value(f"list(inspect.signature(s.{word.replace('-', '_')}).parameters)")
        assert set(keywords) <= set(has), (word, keywords)


def test_switch_undo_and_restore_leave_names_as_they_are_that_are_kept(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()\nx = 1\nresults = []", "x = 2\nresults.append(2)"])
    kernel.run("r = s.switch(2, keep=['results'])").raised()
    assert kernel.value("x, results") == (1, [2])
    assert kernel.value("r.keep") == ("results",)
    assert "with results left as before" in kernel.value("r.text")
    kernel.queue(["x = 3\nresults.append(3)"])
    kernel.run("s.undo(keep='results')").raised()
    assert kernel.value("x, results") == (1, [2, 3])
    kernel.run("s.restore(3, 'x', 'results', keep='results')").raised()
    assert kernel.value("x, results") == (2, [2, 3])
    kernel.clew("switch 2 --keep results --keep x").raised()
    assert kernel.value("x, results") == (2, [2, 3])


def test_an_agent_keeps_what_it_found_in_a_cell(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nclass Found:\n    pass\nresults = {}\nmodel = None")
    kernel.run(
        "start = s.show().run.run\n"
        "for depth in range(3):\n"
        "    model = [depth]\n"
        "    results[depth] = Found()\n"
        "    s.switch(start, keep=['results', 'depth', 'start'])\n"
    ).raised()
    assert kernel.value("sorted(results), model, type(results[0]) is Found") == ([0, 1, 2], None, True)


def test_a_name_that_shares_objects_is_not_kept_alone_and_nothing_is_changed(kernel: Kernel) -> None:
    kernel.queue(["import clew\ns = clew.session()\nx = 1", "x = 2\nrows = []\nview = [rows]"])
    reply = kernel.run("s.switch(2, keep='rows')")
    assert reply.ename == "UsageError" and "`rows` shares objects with `view`" in reply.evalue, reply.evalue
    assert 'keep=["rows", "view"]' in reply.evalue, reply.evalue
    assert kernel.value("x, view[0] is rows") == (2, True)
    assert (
        "`%clew switch 2 --keep rows --keep view` keeps them all"
        in kernel.clew("switch 2 --keep rows").stderr
    )
    kernel.run('s.switch(2, keep=["rows", "view"])').raised()
    assert kernel.value("x, view[0] is rows") == (1, True)
    assert kernel.run("s.switch(2, keep='no_such')").ename == "UsageError"


def test_a_trial_is_rolled_back_but_for_what_it_keeps(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nrows = [1]")
    kernel.run(
        "before = 'in this cell'\n"
        "with s.trial() as t:\n"
        "    rows.append(2)\n"
        "    model = object()\n"
        "    score = len(rows)\n"
        "    t.keep('score')\n"
        "after = rows, score, 'model' in globals()\n"
    ).raised()
    assert kernel.value("after, before, rows") == (([1], 2, False), "in this cell", [1])
    assert kernel.value("t.report.action, t.report.names('removed')") == ("undo", ("model",))
    told = kernel.value("t.report.text")
    assert re.fullmatch(
        r"Undid run \d+ in [\d.]+ m?s\. \d+ variables: \d+ unchanged, (1 restored \(rows\), )?1 removed \(model\)\.",
        told,
    ), told
    kernel.run(
        "def nothing():\n    with s.trial() as inner:\n        pass\n    return inner.report.text"
    ).raised()
    kernel.run("told = nothing()").raised()
    told = kernel.value("told")
    assert re.fullmatch(r"The block changed nothing\. \d+ variables: \d+ unchanged\.", told), told


#: Ways to roll something back in a cell that did something before.
ROLLED_BACK = {
    "a trial": "with s.trial() as t:\n    other = 5\n    rows.append('in it')",
    "a trial in a loop": "for other in (1, 2):\n    with s.trial() as t:\n        rows.append(other)",
    "a trial in a function": "attempt()",
    "a switch": "s.switch('@')",
    "a switch that is shown": "print(s.switch('@').text)",
    "a switch that is assigned": "told = s.switch('@')",
    "a look at what undo would do": "plan = s.undo(dry_run=True)",
}
#: What stands before the cell's own lines; the lines before the roll-back; and what they stand in.
AROUND = {
    "": ("", "\n"),
    "a blank line": ("\n", "\n"),
    "blank lines": ("  \n\n\t\n\n", "\n"),
    "a magic": ("%%time\n", "\n"),
    "a magic behind a blank line": ("\n%%time\n", "\n"),
    "a line": ("", "; "),
    "a line behind a blank line": ("\n", "; "),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("around", AROUND)
def test_p03_what_a_cell_did_before_it_moved_stays_however_the_cell_begins(
    kernel: Kernel, around: str
) -> None:
    kernel.run(
        "import clew\ns = clew.session()\ndef attempt():\n    with s.trial():\n        rows.append(2)\n        other = 2"
    )
    lead, between = AROUND[around]
    for number, (name, moves) in enumerate(ROLLED_BACK.items()):
        if between == "; " and ":" in moves:
            continue
        for lines in ([], ["more = 1"], ["more = 1", "more = 2", "more = 3"]):
            kernel.run("rows = [1]\nx = 0\nmore = 0")
            before = between.join([f"rows.append({number}); x = 1", *lines])
            kernel.run(f"{lead}{before}{between}{moves}\nlast = {number}").raised()
            case = (name, lines)
            expected = [1, number], 1, len(lines), number
            assert kernel.value("rows, x, more, last") == expected, case
            runs = json.loads(kernel.clew("log --json -n 4").text)["runs"]
            assert not [run for run in runs if run["kind"] == "external_change"], (case, runs)


#: Lines beside a mover that are no Python as they stand, or are none of Python's lines.
BESIDE_A_LOOP = [
    "f = !echo a",
    "q = %time 5",
    "!true",
    "rows?",
    "%clew status \\\n--json",
    "%clew status \\\n",
    "# a\x0c# b\u2028# c",
]
MOVES_IN_A_LOOP = {
    "a switch": "s.switch('@')",
    "a switch that is assigned": "r = s.switch('@')",
    "a look at what undo would do": "plan = s.undo(dry_run=True)",
    "a trial": "with s.trial():\n        rows.append(99)",
    "a function": "attempt()",
}  # fmt: skip


@pytest.mark.few(2)
@pytest.mark.parametrize("beside", BESIDE_A_LOOP)
def test_p03_each_round_of_a_loop_stays_beside_lines_that_ipython_reads(kernel: Kernel, beside: str) -> None:
    kernel.run(
        "import clew\ns = clew.session()\ndef attempt():\n    with s.trial():\n        rows.append(99)"
    )
    for name, moves in MOVES_IN_A_LOOP.items():
        for is_before in (True, False):
            kernel.run("rows = [0]\nlast = model = 0")
            loop = f"for depth in (1, 2, 3):\n    {moves}\n    model = depth * 10\n    rows.append(model)"
            lines = [beside, loop] if is_before else [loop, "#", beside]
            kernel.run("\n".join([*lines, "last = 1"])).raised()
            assert kernel.value("rows, model, last") == ([0, 10, 20, 30], 30, 1), (name, is_before)
            runs = json.loads(kernel.clew("log --json -n 6").text)["runs"]
            assert not [run for run in runs if run["kind"] == "external_change"], (name, is_before, runs)


def test_p03_only_the_last_round_is_undone_beside_a_line_that_ipython_reads(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nrows = [0]")
    kernel.run(
        "f = !echo a\nfor n in (1, 2):\n    plan = s.undo(dry_run=True)\n    rows.append(n)\nr = s.undo()"
    )
    assert kernel.value("rows") == [0, 1]


BEFORE_A_MOVE = {
    "a form feed": "# Chapter 1 \x0c# x \x0c# y\nrows.append(1)",
    "a line that is a form feed": "# Chapter 1\n\x0c\nrows.append(1)",
    "a form feed at the beginning": "\x0c\n\x0c# x\nrows.append(1)",
    "separators in comments": "# pasted\u2028# more\u2029# more\x85\nrows.append(1)",
    "separators in texts": "z = '\x1c\x1d\x1e'; y = '''\x0b\u2028'''\nrows.append(1)",
    "carriage returns": "# a\r# b\rrows.append(1)",
    "both line ends": "# a\r\n# b\r\nrows.append(1)",
    "a magic of two lines": "%clew status \\\n\nrows.append(1)",
    "magics of several lines": "%clew status \\\n--json\n!true \\\n \\\n\nrows.append(1)",
    "a magic that ends at a form feed": "%clew status\x0crows.append(1)",
    "an import as": "import clew as c; rows.append(1)",
    "an import and more": "import clew ; rows.append(1)",
    "an import over two lines": "import clew;\\\nrows.append(1)",
    "more imports": "import clew, this_does_more",
}  # fmt: skip
MOVES = {
    "a switch": "s.switch('@')",
    "a switch that is assigned": "r = s.switch('@')",
    "a trial": "with s.trial():\n    rows.append(2)",
    "a command": "%clew switch @",
}


@pytest.mark.few(4)
@pytest.mark.parametrize("before", BEFORE_A_MOVE)
def test_p03_what_a_cell_did_before_it_moved_stays_however_its_lines_end(
    kernel: Kernel, tmp_path: Path, before: str
) -> None:
    kernel.run(f"import sys, clew\nsys.path.insert(0, {str(tmp_path)!r})\ns = clew.session()")
    (tmp_path / "this_does_more.py").write_text("import __main__\n__main__.rows.append(1)\n")
    for name, moves in MOVES.items():
        kernel.run("rows = [0]\nlast = 0\nsys.modules.pop('this_does_more', None)")
        reply = kernel.run(f"{BEFORE_A_MOVE[before]}\n{moves}\nlast = 1")
        if name == "a command" and reply.ename == "SyntaxError":
            continue  # IPython knows no magic behind some of these.
        reply.raised()
        assert kernel.value("rows, last") == ([0, 1], 1), name
        runs = json.loads(kernel.clew("log --json -n 4").text)["runs"]
        assert not [run for run in runs if run["kind"] == "external_change"], (name, runs)


@pytest.mark.parametrize("before", ["an import as", "an import and more", "a magic that ends at a form feed", "more imports"])  # fmt: skip
def test_p03_a_cell_that_does_more_than_a_command_is_undone_alone(
    kernel: Kernel, tmp_path: Path, before: str
) -> None:
    kernel.run(f"import sys, clew\nsys.path.insert(0, {str(tmp_path)!r})\nrows = [0]")
    (tmp_path / "this_does_more.py").write_text("import __main__\n__main__.rows.append(1)\n")
    kernel.run(BEFORE_A_MOVE[before]).raised()
    kernel.run("rows.append(2)").raised()
    kernel.clew("undo").raised()
    assert kernel.value("rows") == [0, 1]
    kernel.clew("undo").raised()
    assert kernel.value("rows") == [0]


@pytest.mark.parametrize(
    "moves",
    [
        "[s][rows.append(1) or 0].switch('@')",
        "r = [s][rows.append(1) or 0].switch('@')",
        "s.switch(*more())",
        "p.go.switch('@')",
        "helper.back(rows)",
        "min(more(), key=s.switch)",
    ],
)
def test_p03_what_the_statement_that_moves_did_before_stays(
    kernel: Kernel, tmp_path: Path, moves: str
) -> None:
    (tmp_path / "helper.py").write_text(
        "def back(rows):\n    rows.append(1)\n    get_ipython().run_line_magic('clew', 'switch @')\n"
    )
    kernel.run(
        f"import sys, clew\nsys.path.insert(0, {str(tmp_path)!r})\nimport helper\nhelper.get_ipython = get_ipython\n"
        "s = clew.session()\n"
        "def more():\n    rows.append(1)\n    yield '@'\n"
        "class P:\n    @property\n    def go(self):\n        rows.append(1)\n        return s\np = P()\nrows = [0]"
    )
    kernel.run(f"{moves}\nlast = 1").raised()
    assert kernel.value("rows, last") == ([0, 1], 1)


def test_p03_the_cell_that_loads_clew_is_parted_where_it_moves(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels(load=False)
    lead = "\n\n# a\x0c# b\n\n%load_ext clew\nimport clew; s = clew.session(); rows = [0]"
    kernel.run(f"{lead}\nrows.append(1)\ns.switch('@')\nlast = 1").raised()
    assert kernel.value("rows, last") == ([0, 1], 1)


BESIDE = {
    "two tasks": "async def job(n, first, length):\n    await asyncio.sleep(first)\n    with s.trial():\n        cfg['lr'] = n\n"
    "        await asyncio.sleep(length)\ndone = await asyncio.gather(job(1, 0, 0.2), job(2, 0.1, 0.3), return_exceptions=True)\nraise done[1]",
    "a task that the cell awaits": "async def job():\n    with s.trial():\n        cfg['lr'] = 1\n        await asyncio.sleep(0.1)\n"
    "task = asyncio.ensure_future(job())\nawait asyncio.sleep(0.05)\nmine = 5\nawait task",
    "a thread": "def job():\n    with s.trial():\n        cfg['lr'] = 1\nwith ThreadPoolExecutor(1) as pool:\n    pool.submit(job).result()",
}


@pytest.mark.parametrize("beside", BESIDE)
def test_p03_a_trial_beside_a_cell_is_refused_before_it_begins(kernel: Kernel, beside: str) -> None:
    kernel.run(
        "import asyncio, clew\nfrom concurrent.futures import ThreadPoolExecutor\ns = clew.session()\ncfg = {'lr': 0}"
    )
    reply = kernel.run(f"here = 1\n{BESIDE[beside]}")
    assert (reply.ename, "in a separate task or thread" in reply.evalue) == ("RefusedError", True), reply
    assert kernel.value("cfg, here") == ({"lr": 0}, 1)
    # One that the cell itself awaits is part of it.
    kernel.run(
        "async def job():\n    with s.trial():\n        cfg['lr'] = 1\n        await asyncio.sleep(0.01)\nhere = 2\nawait job()"
    ).raised()
    assert kernel.value("cfg, here") == ({"lr": 0}, 2)


MOVES_BESIDE = {
    "a task": "async def job():\n    await asyncio.sleep(0.05)\n    return {move}\ntask = asyncio.ensure_future(job())\n"
    "await asyncio.sleep(0.2)\nrows.append(1)\nawait task",
    "a callback": "def job():\n    try:\n        {move}\n    except Exception as error:\n        seen.append(error)\nseen = []\n"
    "asyncio.get_running_loop().call_later(0.05, job)\nawait asyncio.sleep(0.2)\nrows.append(1)\nraise seen[0]",
    "a thread": "rows.append(1)\nwith ThreadPoolExecutor(1) as pool:\n    pool.submit(lambda: {move}).result()",
}


@pytest.mark.few(4)
@pytest.mark.parametrize("beside", MOVES_BESIDE)
@pytest.mark.parametrize("move", ["s.undo()", "s.undo(dry_run=True)", "s.switch('@')", "s.forget('rows')"])
def test_p03_a_move_beside_a_cell_is_refused_and_the_cell_is_one_run(
    kernel: Kernel, beside: str, move: str
) -> None:
    kernel.run("import asyncio, clew\nfrom concurrent.futures import ThreadPoolExecutor\ns = clew.session()")
    kernel.run("rows = [0]")
    reply = kernel.run(MOVES_BESIDE[beside].format(move=move))
    assert (reply.ename, "in a separate task or thread" in reply.evalue) == ("RefusedError", True), reply
    assert kernel.value("rows") == [0, 1]
    kernel.run("rows.append(2)").raised()
    kernel.clew("undo").raised()
    assert kernel.value("rows") == [0, 1]
    kernel.clew("undo").raised()
    assert kernel.value("rows") == [0]


def test_a_thread_moves_between_cells(kernel: Kernel) -> None:
    kernel.run("import threading, clew\ns = clew.session()\ngo = threading.Event()\ndone = []")
    kernel.run(
        "def job():\n    go.wait()\n    done.append(s.undo().is_exact)\n"
        "thread = threading.Thread(target=job)\nthread.start()"
    ).raised()
    kernel.run("rows = [1]").raised()
    kernel.value("go.set()")
    wait_for(lambda: kernel.value("not thread.is_alive()"), "the thread never moved")
    assert kernel.value("'rows' in globals()") is False


def test_p03_a_trial_in_a_task_between_cells_is_refused(kernel: Kernel) -> None:
    """What comes meanwhile without a cell (a widget's callback, a command in a terminal) would be taken back with it."""
    kernel.run("import asyncio, clew\ns = clew.session()\ncfg = {'lr': 0}\nended = []")
    kernel.run(
        "async def job():\n    await asyncio.sleep(0.1)\n    try:\n        with s.trial():\n            cfg['lr'] = 1\n"
        "    except Exception as error:\n        ended.append(error)\ntask = asyncio.ensure_future(job())"
    ).raised()
    wait_for(lambda: kernel.value("task.done()"), "the task never ended")
    assert kernel.value("cfg, type(ended[0]).__name__") == ({"lr": 0}, "RefusedError")
    assert "in a separate task or thread" in kernel.value("str(ended[0])")


def test_a_trial_that_other_cells_ran_beside_takes_nothing_back(kernel: Kernel) -> None:
    if not kernel.has_subshells():
        pytest.skip("This ipykernel runs one cell at a time")
    kernel.run("import threading, clew\ns = clew.session()\ncfg = {'lr': 0}\ngo = threading.Event()")
    subshell = kernel.subshell()
    sent = kernel.send("with s.trial():\n    cfg['lr'] = 1\n    print('begun', flush=True)\n    go.wait()")
    # A trial that begins beside a cell would wait for it.
    kernel.until_printed(sent, "begun")
    kernel.run("mine = 77\ngo.set()", subshell_id=subshell).raised()
    (reply,) = kernel.collect([sent])
    assert (reply.ename, "Other cells ran" in reply.evalue) == ("RefusedError", True), reply
    assert kernel.value("mine, cfg") == (77, {"lr": 1})


def test_a_trial_in_which_clew_is_loaded_again_says_so(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nx = 1")
    reply = kernel.run("with s.trial():\n    x = 2\n    get_ipython().run_line_magic('reload_ext', 'clew')")
    assert (reply.ename, "was reloaded" in reply.evalue) == ("RefusedError", True), reply
    assert kernel.value("x") == 2


def test_a_trial_says_when_it_can_do_nothing(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nx = 1")
    kernel.run("with s.trial() as t:\n    x = 2").raised()
    assert "has ended" in kernel.run("t.keep('x')").evalue
    assert "has not started" in kernel.run("s.trial().__exit__(None, None, None)").evalue
    kernel.clew("pause").raised()
    refused = kernel.run("with s.trial():\n    x = 3")
    assert "Recording is paused" in refused.evalue and kernel.value("x") == 1, refused
    kernel.run("s.resume_recording()").raised()
    kernel.run("with s.trial():\n    x = 4").raised()
    assert kernel.value("x") == 1


def test_a_run_is_a_revision_and_a_line_is_a_command(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()")
    kernel.queue(["x = 1", "x = 2"])
    kernel.run("r = s.switch(s.log()[1]); got = x").raised()
    assert kernel.value("got, r.at") == (1, "3")
    assert kernel.value("s.show(s.status().at).run.run") == kernel.value("str(s.status().at)")
    assert kernel.value("s.command('log -n 2').text == s.command('log', '-n', '2').text")
    assert "quote is not closed" in kernel.run('s.command("log \'")').evalue


def test_a_report_is_no_credential_where_the_notebook_has_a_class(kernel: Kernel) -> None:
    kernel.run("import clew, json\ns = clew.session()\nclass A:\n    low = 1\nx = 1\nreports = []")
    kernel.run("with s.trial() as t:\n    x = 2").raised()
    kernel.run("reports.append(t.report)").raised()
    kernel.run("told = [json.loads(json.dumps(t.report.data))]").raised()
    assert "Nothing is excluded" in kernel.clew("exclude").text
    kernel.clew("undo 2").raised()
    assert kernel.value("reports, 'told' in globals()") == ([], False)
    # What only looks like a part of one is searched.
    kernel.run("mine = {'kind': 'definition', 'key': 'Zx81kQ0pLw93mB7cTTqq'}").raised()
    assert "mine" in kernel.clew("exclude").text


def test_undo_after_a_trial_takes_back_what_it_kept_and_then_what_came_before(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()")
    kernel.run("rows = [1]")
    kernel.run(
        "with s.trial() as t:\n    rows.append(2)\n    model = 1\n    score = len(rows)\n    t.keep('score')"
    ).raised()
    there = "rows, 'score' in globals(), 'model' in globals(), 't' in globals()"
    kernel.clew("undo").raised()
    assert kernel.value(there) == ([1], False, False, False)
    kernel.clew("redo").raised()
    assert kernel.value(f"score, {there}") == (2, [1], True, False, True)
    kernel.clew("undo 2").raised()
    assert kernel.value("'rows' in globals(), 'score' in globals(), 's' in globals()") == (False, False, True)


def test_a_trial_that_keeps_nothing_leaves_nothing_to_undo(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()")
    kernel.run("rows = [1]")
    kernel.run("with s.trial():\n    rows.append(2)\n    model = 1").raised()
    kernel.run("with s.trial():\n    print(rows)").raised()
    kernel.clew("undo").raised()
    assert kernel.value("'rows' in globals(), 'model' in globals()") == (False, False)


def test_a_trial_that_moved_by_itself_ends_where_it_began(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()")
    kernel.run("rows = [1]")
    kernel.run("more = [2]")
    kernel.run("with s.trial():\n    s.undo(2)\n    gone = 'rows' in globals()").raised()
    assert kernel.value("rows, more, 'gone' in globals()") == ([1], [2], False)
    kernel.run("with s.trial():\n    third = 3\n    s.switch('@-2')\n    fourth = 4").raised()
    assert kernel.value("rows, more, 'third' in globals(), 'fourth' in globals()") == ([1], [2], False, False)


SCRIPT = """
import clew
s = clew.session()
model = {"depth": 0}
with s.trial() as t:
    model["depth"] = 9
    score = 3
    t.keep("score")
print("after", model, score)
"""


def run_in_ipython(folder: Path, source: str, *how: str) -> subprocess.CompletedProcess[str]:
    """Runs a source as `script.py` (and `script.ipy`), by these words for IPython."""
    for name in ("script.py", "script.ipy"):
        (folder / name).write_text(source)
    environment = {**os.environ, "HOME": str(folder), "CLEW_HOME": str(folder / "store")}
    command = [sys.executable, "-m", "IPython", "--ext=clew", "--no-confirm-exit", *how]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("how", [["script.py"], ["-c", "%run -i script.py"]], ids=["script", "run -i"])
def test_a_trial_in_a_script_leaves_what_the_script_made(tmp_path: Path, how: list[str]) -> None:
    ran = run_in_ipython(tmp_path, SCRIPT, *how)
    assert "after {'depth': 0} 3" in ran.stdout, ran.stdout + ran.stderr


UNDONE = """
import clew
s = clew.session()
x = [1]
with s.trial() as t:
    x.append(2)
    y = 1
    kept = 2
    t.keep("kept")
def names():
    return sorted({"x", "y", "kept", "s"} & set(globals()))
print("trial", x, names())
s.undo(keep=["names"])
print("undo", x, names())
print("undo", [run.kind for run in s.log()], s.undo(keep=["names"]).is_exact, names())
"""
UNDONE_SAYS = """\
trial [1] ['kept', 's', 'x']
undo [1] ['s', 'x']
undo ['moved', 'cell', 'start'] True []
"""


@pytest.mark.parametrize(
    "how", ["script.py", "script.ipy", "%run -i script.py", "cell", "the cell that loads Clew"]
)
def test_undo_after_a_trial_is_the_same_in_a_script_and_in_a_cell(
    kernels: Callable[..., Kernel], tmp_path: Path, how: str
) -> None:
    if how.startswith("script"):
        said = run_in_ipython(tmp_path, UNDONE, how)
        assert said.stdout.endswith(UNDONE_SAYS), said
        return
    is_loading = how == "the cell that loads Clew"
    kernel = kernels(load=not is_loading)
    (tmp_path / "script.py").write_text(UNDONE)
    loading = "%load_ext clew" if is_loading else ""
    source = (
        how.replace("script.py", str(tmp_path / "script.py")) if how.startswith("%") else loading + UNDONE
    )
    reply = kernel.run(source).raised()
    assert reply.stdout.endswith(UNDONE_SAYS), reply.stdout


def test_undo_after_a_trial_in_a_module_takes_back_what_came_before(kernel: Kernel, tmp_path: Path) -> None:
    module = "def attempt(session, rows):\n    with session.trial():\n        rows.append(2)\n        return len(rows)\n"
    (tmp_path / "helper.py").write_text(module)
    kernel.run(f"import sys, clew\nsys.path.insert(0, {str(tmp_path)!r})\nimport helper\ns = clew.session()")
    kernel.run("rows = [1]")
    kernel.run("score = helper.attempt(s, rows)").raised()
    assert kernel.value("rows, score") == ([1], 2)
    kernel.clew("undo").raised()
    assert kernel.value("rows, 'score' in globals()") == ([1], False)
    kernel.clew("undo").raised()
    assert kernel.value("'rows' in globals(), 'helper' in globals()") == (False, True)


ATTEMPTS = """
import clew
s = clew.session()
model = None
def attempt(depth):
    global model
    with s.trial() as t:
        model = {"depth": depth}
        score = -abs(depth - 3)
    return score, t.report.source
best = max(attempt(depth) for depth in range(5))
print("tried", best[0], model)
s.switch(best[1], keep="best")
print("best", model)
x = 1
s.switch("@-", keep=["best", "x"])
print("kept", x, "model" in globals())
def undoing():
    global x
    x = 2
    s.undo()
try:
    undoing()
except clew.errors.RefusedError as error:
    print(x, error.message, "|", error.hint)
"""


def test_a_script_tries_in_a_function_and_goes_to_the_best(tmp_path: Path) -> None:
    ran = run_in_ipython(tmp_path, ATTEMPTS, "script.py")
    told = ran.stdout.splitlines()[-4:]
    assert told[:2] == ["tried 0 None", "best {'depth': 3}"], ran
    assert told[2] == "kept 1 True", ran
    assert told[3].startswith("2 `undoing` is running and would be removed"), ran
    assert "`with clew.session().trial():`" in told[3], ran


def test_a_file_with_variables_of_its_own_is_told_how_to_move(kernel: Kernel, tmp_path: Path) -> None:
    file = tmp_path / "moves.py"
    file.write_text("import clew\nq = 1\nclew.session().undo()\n")
    kernel.queue(["b = 1", "c = 2"])
    reply = kernel.run(f"%run {file}")
    assert "`%run -i FILE`" in str(reply.messages)
    assert kernel.value("b, c") == (1, 2)
    kernel.run("del q").raised()
    kernel.run(f"%run -i {file}").raised()
    assert kernel.value("b, c, 'q' in globals()") == (1, 2, False)


def test_a_trial_that_raises_is_rolled_back_too(kernel: Kernel) -> None:
    kernel.run("import clew\nrows = [1]")
    reply = kernel.run(
        "with clew.session().trial() as t:\n    t.keep('score')\n    rows.append(2)\n    1 / 0"
    )
    assert reply.ename == "ZeroDivisionError"
    assert kernel.value("rows") == [1]


KEPT_WRONGLY = {
    # What the trial keeps: the error, and what it says to type.
    "t.keep('nosuch')": ("There is no nosuch to keep", "`t.keep(...)`"),
    "t.keep('model_')": ("There is no model_ to keep", '`t.keep("model")`'),
    "t.keep('other', 'nn')": ("`nn` shares objects with `model`", '`t.keep("other", "nn", "model")`'),
}


def test_a_trial_that_can_not_keep_a_name_is_rolled_back_and_says_so(kernel: Kernel) -> None:
    start = "model = {'w': 1}\nnn = [model]\nother = 5"
    kernel.run(f"import clew\ns = clew.session()\n{start}")
    for keep, (wrong, hint) in KEPT_WRONGLY.items():
        reply = kernel.run(f"with s.trial() as t:\n    model['w'] = 99\n    other = 6\n    {keep}")
        assert reply.ename == "UsageError" and wrong in reply.evalue and hint in reply.evalue, reply.evalue
        assert "The block was rolled back without keeping any variable" in reply.evalue, reply.evalue
        assert kernel.value("model, nn[0] is model, other, t.report.is_exact") == ({"w": 1}, True, 5, True)
    typed = hint.strip("`")
    kernel.run(f"with s.trial() as t:\n    model['w'] = 99\n    other = 6\n    {typed}").raised()
    assert kernel.value("model, nn[0] is model, other") == ({"w": 99}, True, 6)
    # In a function the trial has the name that it has there, and what the block raised is told, too.
    kernel.run(
        f"{start}\n"
        "def attempt():\n"
        "    with s.trial() as inner:\n"
        "        inner.keep('nn')\n"
        "        model['w'] = 99\n"
        "        1 / 0\n"
        "try:\n"
        "    attempt()\n"
        "except Exception as error:\n"
        "    told = type(error).__name__, repr(error.__context__), error.hint\n"
    ).raised()
    assert kernel.value("told, model") == (
        (
            "UsageError",
            "ZeroDivisionError('division by zero')",
            '`inner.keep("nn", "model")` keeps them all',
        ),
        {"w": 1},
    )
    # What the trial is bound to may share objects with what the block made.
    kernel.run("with s.trial() as t:\n    model['w'] = 99\n    holder = [t]").raised()
    assert kernel.value("model, 'holder' in globals()") == ({"w": 1}, False)
    reply = kernel.run("with s.trial() as t:\n    model['w'] = 99\n    t.keep(5)\n    other = 6")
    assert reply.ename == "UsageError" and "5 is not a string" in reply.evalue, reply.evalue
    assert kernel.value("model, other, t.report.is_exact") == ({"w": 1}, 5, True)


def test_trials_stand_in_one_another_and_in_functions(kernel: Kernel) -> None:
    kernel.run("import clew\ns = clew.session()\nrows = [0]")
    kernel.run(
        "def attempt(depth):\n"
        "    with s.trial() as trial:\n"
        "        rows.append(depth)\n"
        "        return sum(rows)\n"
        "with s.trial() as outer:\n"
        "    rows.append(10)\n"
        "    with s.trial() as inner:\n"
        "        rows.append(100)\n"
        "        deep = list(rows)\n"
        "        inner.keep('deep')\n"
        "    between = list(rows)\n"
        "    tried = [attempt(depth) for depth in range(3)]\n"
        "    outer.keep('deep', 'between', 'tried')\n"
    ).raised()
    assert kernel.value("deep, between, tried, rows") == ([0, 10, 100], [0, 10], [10, 11, 12], [0])


def test_in_a_process_that_is_no_session_the_error_says_what_to_type(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import clew\nx = 1\ns = clew.session()\nprint(s.show().run.run)\n")
    environment = os.environ | {name: str(path) for name, path in private_folders(tmp_path).items()}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, SOURCES))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            check=False,
        )

    plain = run("script.py")
    last = plain.stderr.strip().splitlines()[-1]
    assert plain.returncode == 1 and "a plain Python process" in plain.stderr and "%" not in last
    typed = last.split("`")[1].replace("FILE.py", "script.py")
    done = run("-c", typed)
    assert done.returncode == 0 and done.stdout.strip().splitlines()[-1:] == ["1"], (done.stdout, done.stderr)
