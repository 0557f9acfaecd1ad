"""`%clew`: words in, answers out, and movers between the steps of a cell."""

from __future__ import annotations

import json
import linecache

import pytest
from harness import Kernel
from IPython.core.inputtransformer2 import TransformerManager
from kernel_record import Recorded

from clew.shell.cell_parts import is_only_commands, is_only_comments, part
from clew.shell.code import made_by_ipython
from clew.shell.run import Running


def commands(recorded: Recorded) -> list[list[str]]:
    return [argument for kind, argument in recorded.calls if kind == "command"]


def test_words_are_split_as_a_shell_does_and_the_answer_is_printed(recorded: Recorded) -> None:
    reply = recorded.kernel.run("%clew restore '10m ago' -- x $x {y}")
    assert reply.stdout == "did restore 10m ago -- x $x {y}\n"
    assert commands(recorded) == [["restore", "10m ago", "--", "x", "$x", "{y}"]]


def test_the_magic_alone_tells_the_status(recorded: Recorded) -> None:
    assert recorded.kernel.run("%clew").stdout == "did status\n"


def test_a_table_is_displayed_with_its_text(recorded: Recorded) -> None:
    reply = recorded.kernel.run("%clew log")
    assert reply.data == [{"text/plain": "did log", "text/html": "<b>table</b>"}]


PROGRESS = """
from clew.shell import progress
progress.show(get_ipython(), "asked for by a program")
with progress.command(is_shown={is_shown}) as command:
    progress.show(get_ipython(), "Clew reads 1 MB")
    progress.show(get_ipython(), "Clew reads 2 MB")
    progress.show(get_ipython(), "")
    command.answer({answer})
"""


def test_an_answer_takes_the_place_of_the_progress_that_was_shown(kernel: Kernel) -> None:
    reply = kernel.run(PROGRESS.format(is_shown=True, answer={"text/plain": "Switched"}))
    shown = [(kind, content) for kind, content in reply.messages if "display_data" in kind]
    assert [content["data"]["text/plain"] for _, content in shown] == [
        "Clew reads 1 MB",
        "Clew reads 2 MB",
        "Switched",
    ]
    assert [kind for kind, _ in shown] == ["display_data", "update_display_data", "update_display_data"]
    assert len({content["transient"]["display_id"] for _, content in shown}) == 1
    assert (reply.text, reply.stderr) == ("Switched", "")


def test_no_progress_stays_where_the_answer_is_printed(kernel: Kernel) -> None:
    reply = kernel.run(PROGRESS.format(is_shown=True, answer=None))
    assert (reply.text, reply.stderr) == ("", "")
    assert len(reply.data) == 1
    assert kernel.run(PROGRESS.format(is_shown=False, answer=None)).data == []


def test_no_progress_stays_where_a_command_fails(kernel: Kernel) -> None:
    reply = kernel.run(PROGRESS.format(is_shown=True, answer="1 / 0"))
    assert (reply.ename, reply.text) == ("ZeroDivisionError", "")
    assert len(reply.data) == 1


def test_a_refusal_is_no_traceback(recorded: Recorded) -> None:
    reply = recorded.kernel.run("%clew refuse\nx = 1")
    assert (reply.status, reply.stderr, reply.traceback) == ("ok", "Refused: nothing was done\n", "")
    assert recorded.states[-1]["x"] == "1"


def test_bad_quotes_are_one_line(recorded: Recorded) -> None:
    reply = recorded.kernel.run("%clew log 'open")
    assert (
        reply.ok and reply.stderr == "Clew: A quote is not closed in `%clew log 'open`. Nothing was done.\n"
    )


def test_a_failure_as_data_is_on_stdout_as_in_a_terminal(kernel: Kernel) -> None:
    for words, code in [("switch 99 --json", 2), ("forget y --json", 2), ("frobnicate --json", 2)]:
        reply, typed = kernel.clew(words), kernel.terminal(*words.split())
        found = json.loads(reply.stdout)
        assert reply.ok and reply.stderr == "" and found["exit"] == code, reply
        assert (typed.exit, typed.err, typed.json["exit"]) == (code, "", code), typed
        for answer in (found, typed.json):
            assert set(answer["error"]) == {"message", "unchanged", "hint"}
    said = kernel.clew("log --json 'open")
    assert said.stderr == "" and "A quote is not closed" in json.loads(said.stdout)["error"]["message"], said


def test_commands_alone_are_never_runs(recorded: Recorded) -> None:
    recorded.kernel.run("%clew undo")
    recorded.kernel.run("# back\n%clew undo\n\n%clew status")
    assert recorded.sources == []


def test_a_mover_in_a_cell_seals_what_came_before_and_begins_a_new_run(recorded: Recorded) -> None:
    recorded.kernel.run("x = 1\n%clew undo\nx = 2\nx = 3").raised()
    assert [call for call in recorded.calls if call[0] in ("capture", "command")] == [
        ("capture", "x = 1\n"),
        ("command", ["undo"]),
        ("capture", "x = 2\nx = 3"),
    ]
    assert [state["x"] for state in recorded.states] == ["1", "3"]
    assert [run["execution_count"] for run in recorded.captures] == [1, 1]


@pytest.mark.parametrize("line", ["--history x undo", "--store=/x --json switch 3", "op restore op:3"])
def test_a_mover_is_known_wherever_its_word_stands(recorded: Recorded, line: str) -> None:
    recorded.kernel.run(f"x = 1\n%clew {line}\nx = 2").raised()
    assert recorded.sources == ["x = 1\n", "x = 2"]


@pytest.mark.parametrize("line", ["--history undo log", "undo --help", "undo five", "branch undo"])
def test_a_line_that_only_names_a_mover_seals_nothing(recorded: Recorded, line: str) -> None:
    recorded.kernel.run(f"x = 1\n%clew {line}\nx = 2").raised()
    assert recorded.sources == [f"x = 1\n%clew {line}\nx = 2"]


def test_a_program_moves_through_the_session(recorded: Recorded) -> None:
    reply = recorded.kernel.run("import clew\nx = 1\nanswer = clew.session().undo()\ny = 2\nanswer").raised()
    assert reply.result == "did undo 1"
    assert recorded.sources == ["import clew\nx = 1\n", "answer = clew.session().undo()\ny = 2\nanswer"]
    assert "answer" not in recorded.states[0]


def test_a_move_that_a_cell_starts_with_seals_nothing(recorded: Recorded) -> None:
    recorded.kernel.run("import clew\nclew.session().undo()").raised()
    assert recorded.sources == []
    assert commands(recorded) == [["undo", "1"]]


def test_a_move_in_a_function_splits_the_cell_where_it_is_called(recorded: Recorded) -> None:
    recorded.kernel.run("import clew\ndef back():\n    a = 1\n    clew.session().undo()").raised()
    recorded.kernel.run("x = 1\nback()\nx = 2").raised()
    assert recorded.sources[1:] == ["x = 1\nback()\n", "back()\nx = 2"]
    assert [run["optional"] for run in recorded.captures[1:]] == [False, True]


def test_looking_seals_nothing(recorded: Recorded) -> None:
    recorded.kernel.run("x = 1\n%clew status\nx = 2")
    assert recorded.sources == ["x = 1\n%clew status\nx = 2"]


def completed(kernel: Kernel, line: str) -> list[str]:
    """The lines that Tab makes of this one."""
    sent = kernel.message("complete_request", {"code": line, "cursor_pos": len(line)})
    content = kernel.collect([sent])[0].content
    return [line[: content["cursor_start"]] + match for match in content["matches"]]


def test_the_engine_completes_lines_of_the_magic_and_no_others(recorded: Recorded) -> None:
    assert completed(recorded.kernel, "  %clew un") == ["  %clew undo"]
    assert ("complete", "un") in recorded.calls
    recorded.kernel.run("undone = 1")
    assert completed(recorded.kernel, "clew un") != ["clew undo"]
    assert completed(recorded.kernel, "%clewun") == []


def test_words_options_runs_names_and_settings_complete(kernel: Kernel) -> None:
    kernel.run("temperature = 20").raised()
    kernel.run("temporary = temperature + 1").raised()
    kernel.clew("history --new flights").raised()
    for line, expected in [
        ("%clew swi", ["%clew switch"]),
        ("%clew op res", ["%clew op restore"]),
        ("%clew switch --dr", ["%clew switch --dry-run"]),
        ("%clew switch @", ["%clew switch @"]),
        ("%clew restore 2 -- temper", ["%clew restore 2 -- temperature"]),
        ("%clew annotate temp", ["%clew annotate temperature", "%clew annotate temporary"]),
        (
            "%clew config record.",
            ["%clew config record.outputs", "%clew config record.exclude", "%clew config record.prove"],
        ),
        ("%clew config display.html f", ["%clew config display.html false"]),
        ("%clew log --history=fl", ["%clew log --history=flights"]),
        ("%clew op restore op:0", ["%clew op restore op:0"]),
    ]:
        assert completed(kernel, line) == expected, line


def test_runs_complete_newest_first_and_from_where_one_is(kernel: Kernel) -> None:
    for number in range(3):
        kernel.run(f"x = {number}").raised()
    assert completed(kernel, "%clew switch ") == [f"%clew switch {run}" for run in ["@", "@-", 4, 3, 2, 1]]
    assert completed(kernel, "%clew switch @-") == ["%clew switch @-"]


def test_only_lines_of_their_own_are_commands() -> None:
    assert is_only_commands("%clew undo\n# text\n\n%load_ext clew")
    assert not is_only_commands("x = 1; %clew undo")
    assert not is_only_commands("%clewless")
    assert is_only_commands("")
    assert is_only_comments("# text\n\n  # more")
    assert not is_only_comments("\n")
    assert not is_only_comments("# text\n%clew undo")


@pytest.mark.parametrize(
    "source",
    [
        "import clew as c; rows.append(1)",
        "import clew; rows.append(1)",
        "import clew ; rows.append(1)",
        "import clew, rows",
        "import clew.errors",
        "import clew \\\n, rows",
        "import clew;\\\nrows.append(1)",
        "import clew; import rows",
        "import clew if x else y",
        "%clew status\x0crows.append(1)",
        "%clew status\rrows.append(1)",
        "%clew status \\\n--json\nrows.append(1)",
        "%load_ext clew autoreload",
        "%load_ext clewless",
        "%%clew\nrows.append(1)",
        "%time %clew undo",
        "f'''\n%clew status\n{rows.append(1)}'''",
        "get_ipython().run_line_magic('clew', rows.pop())",
        "get_ipython().run_line_magic('time', 'clew')",
        "# text\rrows.append(1)",
        "clew.session().status()",
    ],
)
def test_what_does_more_than_a_command_is_recorded(source: str) -> None:
    assert not is_only_commands(source) and not is_only_comments(source)
    assert Running(source).is_recorded


@pytest.mark.parametrize(
    "source",
    [
        "%clew undo",
        "\n\x0c\n%clew log\n%clew undo",
        "    %clew log\n    %clew undo",
        ">>> %clew log\n>>> %clew undo",
        "%clew status \\\n--json",
        "%reload_ext clew\r\n%unload_ext  clew",
        "# text\u2028rows.append(1)\n%clew undo",
    ],
)
def test_commands_are_known_however_they_are_typed(source: str) -> None:
    assert is_only_commands(source) and not Running(source).is_recorded


@pytest.mark.parametrize(
    "source",
    [
        "import clew",
        "import clew as c  # text",
        "import clew;",
        "import clew; import clew as c",
        "\n\x0c\nimport clew\n%clew log",
        "    import clew\n    %clew log",
        ">>> import clew\n>>> %clew log",
    ],
)
def test_a_cell_that_imports_clew_binds_a_name_and_is_recorded_as_a_whole(source: str) -> None:
    assert is_only_commands(source) and Running(source).is_recorded
    assert not Running(source, skipped=1).is_recorded


@pytest.mark.parametrize(
    "statement",
    [
        "[s][rows.append(1) or 0].switch('@')",
        "s.switch([s][rows.append(1) or 0])",
        "p.go.switch('@')",
        "table[0].switch('@')",
        "session(rows.append(1)).switch('@')",
        "lab.session(rows).switch('@')",
        "__import__('lab').session().switch('@')",
        "s.switch(*runs)",
        "s.switch(**options)",
        "s.switch(f'{rows.append(1)}@')",
        "s.switch(a + b)",
        "s.switch(-a)",
        "s.restore({*runs})",
        "helper.back(rows)",
        "back(rows)",
        "min(runs, key=s.switch)",
        "get_ipython().run_line_magic('time', 's.switch(1)')",
        "%time s.switch('@')",
        "%run -i script.py",
        "q = %time s.switch('@')",
        "r = [s][rows.append(1) or 0].switch('@')",
        "import clew as c; rows.append(1); s.switch('@')",
    ],
)
def test_what_a_statement_may_do_before_it_moves_is_looked_for(statement: str) -> None:
    parted = part(f"{statement}\nlast = 1", 1, is_inside=False)
    assert (parted.is_before_optional, parted.is_first) == (True, False)
    assert (parted.before, parted.after) == (f"{statement}\n", f"{statement}\nlast = 1")


@pytest.mark.parametrize(
    "statement",
    [
        "s.switch(runs[-1])",
        "s.switch(best.run, keep=['a', name])",
        "clew.session().undo(2)",
        "session().undo()",
        "__import__('clew').session().undo()",
        "r = s.restore('@', 'x')",
        "r: object = s.undo()",
        "%clew undo",
        "r = %clew undo",
    ],
)
def test_before_a_mover_that_stands_alone_nothing_is_sealed(statement: str) -> None:
    assert part(f"import clew\n{statement}\nlast = 1", 2, is_inside=False).is_first


def test_a_whole_cell_of_comments_is_recorded_and_what_is_left_beside_commands_is_not() -> None:
    assert Running("# text").is_recorded
    assert not Running("%clew undo\n# text").is_recorded
    assert not Running("").is_recorded
    run = Running("%clew undo\n# text")
    assert run.split(1) is None and not run.is_recorded


def test_a_split_without_a_line_takes_all_before() -> None:
    run = Running("x = 1\nmove()")
    rest = run.split(None)
    assert rest is not None and (run.source, rest.source) == ("x = 1\nmove()", "")
    assert Running("").split(3) is None


@pytest.mark.parametrize(
    ("source", "line", "is_inside", "before", "after", "optional"),
    [
        ("a = 1\nundo()\nb = 2", 2, False, "a = 1\nundo()\n", "b = 2", False),
        ("a = 1\nundo(\n  n=2,\n)\nb = 2", 2, False, "a = 1\nundo(\n  n=2,\n)\n", "b = 2", False),
        # What it gives is assigned after it.
        ("a = 1\nr = undo()\nb = 2", 2, False, "a = 1\n", "r = undo()\nb = 2", False),
        ("a = 1\nr = s.switch(\n  x[0], keep='k')\nb = 2", 3, False, "a = 1\n", "r = s.switch(\n  x[0], keep='k')\nb = 2", False),
        # More is done in its statement, or in its line.
        ("a = 1; undo()\nb = 2", 1, False, "a = 1; undo()\n", "a = 1; undo()\nb = 2", True),
        ("a = 1; r = undo()", 1, False, "a = 1; r = undo()", "a = 1; r = undo()", True),
        ("b = 2\nx.append(undo())", 2, False, "b = 2\nx.append(undo())", "x.append(undo())", False),
        ("undo(x.pop())\nb = 2", 1, False, "undo(x.pop())\n", "undo(x.pop())\nb = 2", True),
        ("x.pop().undo()\nb = 2", 1, False, "x.pop().undo()\n", "x.pop().undo()\nb = 2", True),
        ("x += undo()\nb = 2", 1, False, "x += undo()\n", "x += undo()\nb = 2", True),
        ("%time x = undo()\nb = 2", 1, False, "%time x = undo()\n", "%time x = undo()\nb = 2", True),
        ("%%time\na = 1\nundo()", 1, False, "%%time\na = 1\nundo()", "%%time\na = 1\nundo()", True),
        ("a = 1\nfor i in x:\n    f(i)\n    undo()\nb", 4, False, "a = 1\nfor i in x:\n    f(i)\n    undo()\n", "for i in x:\n    f(i)\n    undo()\nb", False),
        ("for i in x:\n    f(i)\n    undo()\nb", 3, False, "for i in x:\n    f(i)\n    undo()\n", "for i in x:\n    f(i)\n    undo()\nb", True),
        ("best = max(attempt(i) for i in x)", 1, True, "best = max(attempt(i) for i in x)", "best = max(attempt(i) for i in x)", True),
        ("if x:\n    %clew undo\nb", 2, False, "if x:\n    %clew undo\n", "if x:\n    %clew undo\nb", True),
        ("a = 1\n%clew undo\nb", 2, False, "a = 1\n", "b", False),
        ("a = 1\n!ls | x\nundo()\nb = 2", 3, False, "a = 1\n!ls | x\nundo()\n", "b = 2", False),
        ("f = !ls\nfor i in x:\n    r = undo()\n    f(i)\nb", 3, False, "f = !ls\nfor i in x:\n    r = undo()\n", "for i in x:\n    r = undo()\n    f(i)\nb", False),
        ("q = %time 5\nif x:\n    undo()\nb", 3, False, "q = %time 5\nif x:\n    undo()\n", "if x:\n    undo()\nb", False),
        ("for i in x:\n    undo()\n    f(i)\nx?", 2, False, "for i in x:\n    undo()\n", "for i in x:\n    undo()\n    f(i)\nx?", True),
        ("a = 1\n@f(undo())\ndef g():\n    pass\nb", 2, False, "a = 1\n@f(undo())\n", "@f(undo())\ndef g():\n    pass\nb", False),
        # Lines that IPython joins.
        ("%clew status \\\n--json\na = 1\nundo()\nb", 3, False, "%clew status \\\n--json\na = 1\nundo()\n", "b", False),
        ("a = 1\n%clew switch \\\n@\nb", 2, False, "a = 1\n", "b", False),
        ("a = 1\nr = %clew switch @\nb", 2, False, "a = 1\n", "r = %clew switch @\nb", False),
    ],
)  # fmt: skip
def test_a_statement_that_a_mover_interrupts_belongs_to_both_parts(
    source: str, line: int, is_inside: bool, before: str, after: str, optional: bool
) -> None:
    parted = part(source, line, is_inside=is_inside)
    assert (parted.before, parted.after, parted.is_before_optional) == (before, after, optional)


#: Separators that `str.splitlines` breaks at, and Python does not.
NO_LINE_ENDS = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("separator", NO_LINE_ENDS)
def test_lines_are_counted_as_python_counts_them(separator: str, end: str) -> None:
    lines = [f"# one{separator}# two{separator}", "a = 1", f"b = '{separator}'", "s.undo()", "c = 3"]
    run = Running(end.join(lines))
    rest = run.split(4)
    assert rest is not None
    assert run.source == "".join(line + end for line in lines[:4])
    assert rest.source == lines[4]


#: Cells; for each line of the code that IPython makes of it the line of the cell where that stands.
PLACES = {
    "": [1],
    "x = 1": [1],
    "\n\nx = 1\n\ny = 2": [3, 4, 5],
    "  \n\t\n\nx = 1": [4],
    "\x0c\nx = 1": [2],
    "\x0c# a\nx = 1": [1, 2],
    "\n\x0c\n\x0c\nx = 1": [4],
    "    x = 1\n    y = 2": [1, 2],
    ">>> x = 1\n>>> y = 2": [1, 2],
    "%clew status \\\n--json\nx = 1": [1, 3],
    "a = 1\n\n!ls \\\n  -l \\\n  -a\nf = !ls \\\n -l\nq = %time \\\n 5\nx = 1": [1, 2, 3, 6, 8, 10],
    "f(\n1) \\\n+ 2\nx = 1": [1, 2, 3, 4],
    "%time a = 1\x0cb = 2\nx = 1": [1, 1, 2],
    "a = '''\n%clew status\n'''\nx = 1": [1, 2, 3, 4],
    "a = '''\n\\\n\x0c'''\nx?\ny??": [1, 2, 3, 4, 5],
}


@pytest.mark.parametrize("source", PLACES)
def test_each_line_that_runs_stands_somewhere_in_the_cell(source: str) -> None:
    code = made_by_ipython(source)
    assert code.text == TransformerManager().transform_cell(source)
    assert [code.line(number + 1) for number in range(len(PLACES[source]))] == PLACES[source]
    assert code.line(len(PLACES[source]) + 1) == code.line(0) == 0


@pytest.mark.parametrize(
    "source",
    ["%%time\na = 1\ns.undo()", "\n\n%%capture x\na = 1\ns.undo()", ">>> %%time\n>>> a = 1\n>>> s.undo()", "a = = 1\na = 1\ns.undo()"],
)  # fmt: skip
def test_a_cell_whose_lines_nobody_knows_belongs_to_both_parts(source: str) -> None:
    run = Running(source)
    for line in (1, 2, 3, 9):
        rest = run.split(line)
        assert rest is not None and run.is_optional
        assert run.source == rest.source == source
        run = rest


def test_code_that_somebody_else_made_of_a_cell_is_not_taken_for_ipythons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = "\na = 1\ns.undo()\nb = 2"

    def parted(ran: str, line: int) -> tuple[str, str]:
        kept = (len(ran), None, ran.splitlines(keepends=True), "cell-7")
        monkeypatch.setitem(linecache.cache, "cell-7", kept)
        run = Running(source)
        rest = run.split(line, file="cell-7")
        assert rest is not None
        return run.source, rest.source

    assert parted("a = 1\ns.undo()\nb = 2\n", 2) == ("\na = 1\ns.undo()\n", "b = 2")
    # A script, from which nothing is left out.
    assert parted(source, 3) == ("\na = 1\ns.undo()\n", "b = 2")
    assert parted("import more\na = 1\ns.undo()\nb = 2\n", 3) == (source, source)


def test_the_second_mover_of_a_loop_parts_it_at_the_same_place() -> None:
    run = Running("a = 1\nfor i in x:\n    f(i)\n    undo()\nb = 2")
    rest = run.split(4)
    assert rest is not None and not run.is_optional
    last = rest.split(4)
    assert last is not None and rest.is_optional
    assert (rest.source, last.source) == (
        "for i in x:\n    f(i)\n    undo()\n",
        "for i in x:\n    f(i)\n    undo()\nb = 2",
    )


def test_answers_fit_below_a_cell(kernel: Kernel) -> None:
    long = "x" * 90
    for source in [
        f"rows = [1]  # {long}",
        f"rows.append('{long}')",
        f"count = len(rows)  # {long}",
        "rows = [2]",
    ]:
        kernel.run(source).raised()
    for words in ["vars", "stale", "annotate rows", "log", "log --graph --all", "op log"]:
        lines = kernel.clew(words).raised().text.splitlines()
        assert lines and max(map(len, lines)) <= 100, (words, lines)
