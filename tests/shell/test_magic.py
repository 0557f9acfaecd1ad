"""`%clew`: words in, answers out, and movers between the steps of a cell."""

from __future__ import annotations

import json

import pytest
from harness import Kernel
from IPython.core.inputtransformer2 import leading_empty_lines
from kernel_record import Recorded

from clew.shell.part import is_only_commands, is_only_comments, left_out_by_ipython, part
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
            assert set(answer["error"]) == {"message", "untouched", "hint"}
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
        ("a = 1\n!ls | x\nundo()\nb = = 2", 3, False, "a = 1\n!ls | x\nundo()\n", "b = = 2", False),
    ],
)  # fmt: skip
def test_a_statement_that_a_mover_interrupts_belongs_to_both_parts(
    source: str, line: int, is_inside: bool, before: str, after: str, optional: bool
) -> None:
    parted = part(source, line, is_inside=is_inside)
    assert (parted.before, parted.after, parted.is_before_optional) == (before, after, optional)


@pytest.mark.parametrize("source", ["\n\nx = 1", "  \n\t\n\nx = 1", "x = 1\n\n", "\n\n", ""])
def test_ipython_leaves_out_lines_that_are_empty(source: str) -> None:
    empty = left_out_by_ipython(source)
    assert leading_empty_lines(source.splitlines(keepends=True)) == source.splitlines(keepends=True)[empty:]


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
