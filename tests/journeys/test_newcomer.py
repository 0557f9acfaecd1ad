"""A newcomer's first ten minutes: an empty home, the first undo, every mistake one makes, and a look from the terminal."""

from __future__ import annotations

import pytest

from journeys.person import Person, refused, runs_of, told
from journeys.terminal import files_of

TABLE = "import pandas as pd\ndf = pd.DataFrame({'a': range(3), 'b': range(3)})\nview = df['a']"

MISTAKES = {
    "undos": ["There is no command `undos`", "`%clew undo`"],
    "switch": ["needs REV", "`%clew switch <REV>`"],
    "switch 99": ["There is no run `99`", "%clew log --all"],
    "switch no-such-branch": ["There is no run `no-such-branch`", "%clew log --all"],
    "restore 2 df": ["does not expect `df`", "`%clew restore 2 -- df`"],
    "restore 2 -- nope": ["Run 2 has no nope", "%clew vars 2"],
    "undo 0": ["does not accept `0` for N"],
    "undo many": ["does not accept `many` for N"],
    "checkout 3": ["There is no command `checkout`", "`%clew switch REV`"],
    "commit": ["There is no command `commit`", "every run is recorded already"],
    "redo": ["nothing to redo", "`%clew log --all` lists all runs"],
    "undo 40": ["2 of 40 steps", "%clew undo 2"],
}
"""What a newcomer types wrong, and what the answer must hold: what was not understood, and what to type instead."""


def test_before_the_first_notebook_the_terminal_says_what_to_do(ada: Person) -> None:
    for word in ["log", "list", "status", "verify"]:
        said = ada.clew(word)
        assert (said.exit, said.out) == (2, "")
        assert "There is no store in" in said.err and "`%load_ext clew`" in said.err
    assert "all is well" in ada.clew("doctor").well()
    assert files_of(ada.home) == {}, "looking made something"


def test_the_first_ten_minutes(ada: Person) -> None:
    notebook = ada.opens("first.ipynb", load=False)
    forgot = notebook.kernel.clew("log")
    assert forgot.ename == "UsageError" and "%clew` not found" in forgot.stderr
    said = notebook.run("%load_ext clew").text
    assert said.startswith("Clew records your runs from here on, in the history first.ipynb. `%clew undo`")
    assert told(notebook, "status").startswith("You are at run 1 (start")
    assert "There is nothing to undo" in told(notebook, "undo")

    notebook.run(TABLE, "df = df.drop(columns='b')")
    log = told(notebook, "log").splitlines()
    assert log[0].startswith("@") and "df = df.drop(columns='b')" in log[0] and log[0].endswith("~df")
    assert log[1].endswith("+df +pd +view") and "(recording began)" in log[2]
    assert runs_of("\n".join(log)) == ["3", "2", "1"]

    view = notebook.identities(["view", "pd"])
    undone = told(notebook, "undo")
    assert undone.startswith("Undid run 3 in ") and "3 variables: 2 unchanged, 1 restored (df)" in undone
    assert notebook.read("list(df)") == ["['a', 'b']"]
    assert notebook.identities(["view", "pd"]) == view, "what did not change stays the very same object"
    assert told(notebook, "log").startswith("@  2")

    assert "3 variables: 2 unchanged, 1 restored (df)" in told(notebook, "switch 3")
    assert notebook.read("list(df)") == ["['a']"]
    differs = told(notebook, "diff 2 3")
    assert "From run 2 to run 3" in differs and "~df" in differs and "+df = df.drop(columns='b')" in differs
    assert "DataFrame 3 × 1" in told(notebook, "vars") and "DataFrame 3 × 2" in told(notebook, "vars 2")
    assert "df = pd.DataFrame" in told(notebook, "show 2")

    failed = notebook.run("df['b'].sum()", fails="KeyError")
    assert "KeyError" in failed.traceback
    assert told(notebook, "log --failed").rstrip().endswith("failed: KeyError")
    assert "no run to show" not in told(notebook, "log -v df") and runs_of(told(notebook, "log -v df")) == [
        "3",
        "2",
    ]


def test_help_is_there_before_one_knows_a_word(ada: Person) -> None:
    notebook = ada.opens("help.ipynb")
    words = ["status", "log", "undo", "redo", "switch", "restore", "resume", "doctor"]
    for helped in [
        told(notebook, "help"),
        told(notebook, "--help"),
        ada.clew("help").well(),
        ada.clew("--help").well(),
    ]:
        assert [word for word in words if f"\n  {word} " not in helped] == []
    for helped in [told(notebook, "undo --help"), ada.clew("undo", "--help").well()]:
        assert "--dry-run" in helped and "Undo the last run" in helped
    assert ada.clew().exit == 2, "without a word it shows the same, but nothing was done"


def test_every_mistake_says_what_was_wrong_and_what_to_type_and_changes_nothing(ada: Person) -> None:
    notebook = ada.opens("mistakes.ipynb")
    notebook.run(TABLE, "df = df.drop(columns='b')")
    at, identities = notebook.at(), notebook.identities(["df", "view", "pd"])
    for line, parts in MISTAKES.items():
        said = told(notebook, line)
        assert [part for part in [*parts, "Nothing was changed."] if part not in said] == [], (
            f"%clew {line}: {said}"
        )
        assert "Traceback" not in said
        assert refused(notebook, line)["exit"] == 2, line
    assert (notebook.at(), notebook.identities(["df", "view", "pd"])) == (at, identities)
    assert runs_of(told(notebook, "log --all")) == ["3", "2", "1"], "a mistake is no run"


def test_a_plan_is_shown_without_moving(ada: Person) -> None:
    notebook = ada.opens("plan.ipynb")
    notebook.run("x = [1]", "x.append(2)")
    planned = told(notebook, "switch 2 --dry-run")
    assert planned.startswith("Would switch to 2") and "Nothing was changed." in planned
    assert notebook.read("x") == ["[1, 2]"]
    assert "nothing to redo" in told(notebook, "redo"), "a plan is no move"


def test_a_new_run_after_an_undo_starts_a_new_line_and_the_old_one_stays(ada: Person) -> None:
    notebook = ada.opens("lines.ipynb")
    notebook.run("x = [1]", "x.append(2)")
    told(notebook, "undo")
    notebook.run("x.append(3)")
    assert "nothing to redo" in told(notebook, "redo")
    assert runs_of(told(notebook, "log")) == ["4", "2", "1"]
    assert runs_of(told(notebook, "log --all")) == ["4", "3", "2", "1"]
    told(notebook, "switch 3")
    assert notebook.read("x") == ["[1, 2]"]


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_the_terminal_looks_while_the_kernel_runs_and_after_it(ada: Person, how: str) -> None:
    notebook = ada.opens("looked_at.ipynb")
    notebook.run(TABLE, "df = df.drop(columns='b')", "1 / 0", fails="ZeroDivisionError")
    assert "Everything is saved" in told(notebook, "status"), "runs are recorded after their reply"
    for is_over in [False, True]:
        assert runs_of(ada.clew("log").well()) == ["4", "3", "2", "1"]
        assert "looked_at.ipynb" in ada.clew("list").well()
        assert "DataFrame 3 × 2" in ada.clew("vars", "2").well()
        assert "df.drop" in ada.clew("show", "3").well()
        assert "is intact" in ada.clew("verify", "--read-data").well()
        assert "at run 4" in ada.clew("status").well()
        if not is_over:
            notebook.kill() if how == "killed" else notebook.kernel.close()
    again = ada.opens("looked_at.ipynb", load=False)
    assert "`%clew resume`" in again.run("%load_ext clew").text, "the next kernel says what can be had back"


def test_exit_codes_in_the_terminal_tell_a_script_what_happened(ada: Person) -> None:
    notebook = ada.opens("codes.ipynb")
    notebook.run("x = 1", "x = 2")
    assert "Everything is saved" in told(notebook, "status")
    assert ada.ask("log")["runs"][0]["run"] == "3"
    for words, part in {
        ("show", "99"): "There is no run `99`",
        ("frobnicate",): "There is no command `frobnicate`",
        ("--history", "nope", "log"): "There is no history `nope`",
        ("diff", "1", "2", "3"): "does not expect `3`",
    }.items():
        said = ada.clew(*words)
        assert (said.exit, said.out) == (2, "") and part in said.err
        is_unknown = words[0] == "frobnicate"
        assert ("Nothing was changed." in said.err) == is_unknown, "no news after a command that only reads"
        assert ada.ask(*words)["error"]["message"]
