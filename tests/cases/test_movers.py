"""The words that move: what they say, what they refuse, what they leave alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cases.story import Notebook, counts


@pytest.fixture
def steps(notebook: Notebook) -> Notebook:
    """Five runs, each of which appends to `x`; `y` stays."""
    notebook.run("""
        x = [0]
        y = ['alone']
        """)
    for number in range(1, 5):
        notebook.run(f"x.append({number})")
    return notebook


def test_undo_n_goes_n_runs_back(steps: Notebook) -> None:
    identity = steps.identities(["y"])
    report = steps.move("undo 3")
    assert steps.read("x") == ["[0, 1]"]
    assert report.word("x") == "restored"
    assert report.word("y") == "unchanged"
    assert steps.identities(["y"]) == identity


def test_undo_after_undo_goes_one_run_further(steps: Notebook) -> None:
    for expected in ["[0, 1, 2, 3]", "[0, 1, 2]", "[0, 1]", "[0]"]:
        steps.move("undo")
        assert steps.read("x") == [expected]


def test_redo_goes_forth_until_a_new_run_starts_a_new_line(steps: Notebook) -> None:
    steps.move("undo 3")
    steps.move("redo")
    assert steps.read("x") == ["[0, 1, 2]"]
    steps.run("x.append('new')")
    reply = steps.kernel.clew("redo")
    assert steps.read("x") == ["[0, 1, 2, 'new']"]
    assert "Traceback" not in reply.text + reply.stderr
    assert "nothing to redo" in reply.text + reply.stderr


def test_switch_reaches_every_earlier_state_by_its_number(steps: Notebook) -> None:
    last = int(steps.at())
    for back in [3, 0, 4, 1, 2, 0]:
        steps.move(f"switch {last - back}")
        assert steps.read("x") == [str(list(range(5 - back)))]
        assert steps.at() == str(last - back)


def test_relative_revisions_count_parents(steps: Notebook) -> None:
    steps.move("switch @-")
    assert steps.read("x") == ["[0, 1, 2, 3]"]
    steps.move("switch @-2")
    assert steps.read("x") == ["[0, 1]"]


def test_the_line_that_undo_prints_counts_every_name_once(steps: Notebook) -> None:
    said = steps.say("undo").splitlines()[0]
    report = steps.move("redo")
    assert re.match(r"Undid .* variables?: ", said) or re.match(r"Undid ", said), said
    assert sum(counts(said).values()) == sum(root.isidentifier() for root in report.words), said
    assert len(report.words) == len(report.data["outcomes"]), "one Outcome for every root"


def test_the_line_that_switch_prints_says_where_you_are(steps: Notebook) -> None:
    target = int(steps.at()) - 2
    said = steps.say(f"switch {target}").splitlines()[0]
    assert re.match(rf"Switched to {target} in (?:under )?[\d.]+ m?s\. \d+ variables?: ", said), said


def test_a_dry_run_moves_nothing_and_says_what_would_be_done(steps: Notebook) -> None:
    here = steps.at()
    identities = steps.identities(["x", "y"])
    said = steps.say("undo 2 --dry-run")
    assert "x" in said
    assert steps.read("x") == ["[0, 1, 2, 3, 4]"]
    assert steps.identities(["x", "y"]) == identities
    assert steps.at() == here


def test_restore_brings_one_name_and_leaves_the_others(notebook: Notebook) -> None:
    notebook.run("""
        x = [1]
        y = [1]
        """)
    first = notebook.at()
    notebook.run("""
        x.append(2)
        y.append(2)
        """)
    identity = notebook.identities(["y"])
    report = notebook.move(f"restore {first} -- x")
    assert notebook.read("x", "y") == ["[1]", "[1, 2]"]
    assert report.word("x") == "restored"
    assert notebook.identities(["y"]) == identity
    notebook.move("undo")
    assert notebook.read("x", "y") == ["[1, 2]", "[1, 2]"], "undo takes back a restore"


def test_restore_of_part_of_a_co_variable_is_a_detached_copy_and_says_so(notebook: Notebook) -> None:
    notebook.run("""
        x = [1]
        box = [x]
        """)
    first = notebook.at()
    notebook.run("x.append(2)")
    said = notebook.say(f"restore {first} -- x")
    assert notebook.read("x", "box", "box[0] is x") == ["[1]", "[[1, 2]]", "False"]
    assert "detached copy" in said and "--with-shared" in said, said


def test_restore_with_shared_brings_all_of_the_co_variable(notebook: Notebook) -> None:
    notebook.run("""
        x = [1]
        box = [x]
        other = 1
        """)
    first = notebook.at()
    notebook.run("""
        x.append(2)
        other = 2
        """)
    notebook.move(f"restore {first} --with-shared -- x")
    assert notebook.read("x", "box", "box[0] is x", "other") == ["[1]", "[[1]]", "True", "2"]


UNKNOWN = {
    "a number never given": "99999",
    "a word": "nonsense",
    "an empty hash": "ffffffffffff",
    "too far back": "@-9999",
}


@pytest.mark.parametrize("revision", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_revision_is_an_error_in_words_and_nothing_moves(steps: Notebook, revision: str) -> None:
    here = steps.at()
    reply = steps.kernel.clew(f"switch {revision}")
    told = reply.text + reply.stderr
    assert "Traceback" not in told
    assert revision in told, told
    assert steps.at() == here
    assert steps.read("x") == ["[0, 1, 2, 3, 4]"]


def test_redo_with_nothing_to_redo_says_so(steps: Notebook) -> None:
    reply = steps.kernel.clew("redo")
    assert "redo" in (reply.text + reply.stderr).lower()
    assert steps.read("x") == ["[0, 1, 2, 3, 4]"]


def test_undo_past_the_first_run_says_so_and_stays_at_the_start(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run("x = 1", "y = 2")
    notebook.move("undo 2")
    assert not {"x", "y"} & notebook.names()
    reply = notebook.kernel.clew("undo")
    assert "Traceback" not in reply.text + reply.stderr
    notebook.move("redo")
    assert notebook.read("x") == ["1"]


def test_a_switch_is_undone_by_undo_and_redone_by_redo(steps: Notebook) -> None:
    last = int(steps.at())
    steps.move(f"switch {last - 3}")
    steps.move("undo")
    assert steps.read("x") == ["[0, 1, 2, 3, 4]"]
    steps.move("redo")
    assert steps.read("x") == ["[0, 1]"]


def test_p08_movers_never_touch_the_users_files(kernels: Callable[..., Notebook], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    notebook = kernels(cwd=folder)
    notebook.run(
        """
        open('a.txt', 'w').write('first');
        x = [1]
        """,
        """
        open('a.txt', 'w').write('second');
        x.append(2)
        """,
        """
        import os
        open('b.txt', 'w').close()
        """,
    )

    def files() -> dict[str, tuple[bytes, int]]:
        return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir() if p.is_file()}

    before = files()
    for line in ["undo", "undo", "redo", "switch @-", "undo", "redo --rerun", "undo --rerun"]:
        notebook.kernel.clew(line)
        assert files() == before, line


def test_a_mover_is_no_run_and_takes_no_run_number(steps: Notebook) -> None:
    here = int(steps.at())
    steps.move("undo")
    steps.move("redo")
    steps.say("status")
    steps.run("z = 1")
    assert int(steps.at()) == here + 1


def test_a_mover_inside_a_cell_seals_what_came_before_it(notebook: Notebook) -> None:
    notebook.run("x = [1]", "x.append(2)")
    notebook.run("""
        x.append(3)
        get_ipython().run_line_magic('clew', 'undo')
        seen = list(x)
        """)
    assert notebook.read("seen", "x") == ["[1, 2]", "[1, 2]"]
    notebook.run("y = 1")
    notebook.move("undo")
    assert notebook.read("x") == ["[1, 2]"]


def test_looking_never_moves(steps: Notebook) -> None:
    here = steps.at()
    identities = steps.identities(["x", "y"])
    for line in [
        "status",
        "log",
        "log --all -n 3",
        "show @",
        "diff",
        "diff @- @",
        "diff --state",
        "vars",
        f"vars {here}",
        "verify",
        "history",
    ]:
        reply = steps.kernel.clew(line)
        assert reply.ok, f"{line}: {reply.text}"
        assert reply.text.strip() or line == "diff", line
        assert steps.identities(["x", "y"]) == identities
        assert steps.at() == here


def test_excluded_names_are_left_alone(notebook: Notebook) -> None:
    notebook.say("exclude token")
    notebook.run("""
        token = ['s3cret-one']
        x = [1]
        """)
    identity = notebook.identities(["token"])
    notebook.run("""
        x.append(2)
        token.append('two')
        """)
    notebook.move("undo")
    assert notebook.read("x", "token") == ["[1]", "['s3cret-one', 'two']"]
    assert notebook.identities(["token"]) == identity


def test_p01_a_variable_that_is_recorded_again_stays_where_it_was_excluded(notebook: Notebook) -> None:
    notebook.run("t = [1]\nk = 1")
    notebook.say("exclude t")
    notebook.run("k = 2")
    excluded = notebook.at()
    notebook.say("exclude -d t")
    notebook.run("len(t)")
    identity = notebook.identities(["t"])
    for line in ("undo", f"switch {excluded}"):
        report = notebook.move(line)
        assert notebook.read("t") == ["[1]"] and notebook.identities(["t"]) == identity
        assert report.word("t") == "not_identical" and report.why("t").endswith(
            "it was excluded in that state"
        )
        notebook.move("undo")


@pytest.mark.parametrize(
    ("name", "line", "cell", "why"),
    [
        ("kept", "exclude kept", "kept['lr'] = 1", "it is excluded"),
        ("config", "status", "config['api_key'] = 'Abc12345!xyz'", "it looks like a credential"),
    ],
)
def test_p01_a_name_that_is_kept_out_since_is_left_alone(
    notebook: Notebook, name: str, line: str, cell: str, why: str
) -> None:
    notebook.run(f"{name} = {{'lr': 0.1}}")
    first = notebook.at()
    notebook.say(line)
    notebook.run(cell, "x = 2")
    last = notebook.at()
    now, identity = notebook.read(name), notebook.identities([name])
    for target in (first, last, first):
        report = notebook.move(f"switch {target}")
        assert notebook.read(name) == now and notebook.identities([name]) == identity
        if target == first:
            assert report.word(name) == "not_identical" and why in report.why(name)


def test_a_name_that_is_kept_out_and_those_beside_it_have_reasons_of_their_own(notebook: Notebook) -> None:
    notebook.run("z = [1]", "also = z; holder = [z]")
    first = notebook.at()
    notebook.run("holder.append(2)")
    notebook.say("exclude z")
    notebook.run("x = 1")
    report = notebook.move(f"switch {first}")
    assert report.why("z").endswith(": it is excluded")
    assert report.why("also").endswith(": another variable that refers to it is excluded from recording")
    assert report.why("holder").endswith(": it shared objects with also, which is not recorded")


def test_a_dry_run_looks_at_what_no_cell_changed(notebook: Notebook, tmp_path: Path) -> None:
    changed, may_go = tmp_path / "changed", tmp_path / "may_go"
    thread = f"""
        import threading, time
        def later(x=x):
            while not __import__('os').path.exists({str(may_go)!r}): time.sleep(0.01)
            x.append(9)
            open({str(changed)!r}, 'w').close()
        threading.Thread(target=later, daemon=True).start()
        """
    notebook.run("x = [1]\ny = [2]", thread, "z = 1")
    notebook.kernel.settle()
    may_go.touch()
    while not changed.exists():
        time.sleep(0.01)
    planned = notebook.move("undo --dry-run")
    assert (planned.word("x"), planned.word("y")) == ("restored", "unchanged")
    done = notebook.move("undo")
    assert done.words == planned.words
    assert notebook.read("x") == ["[1]"]
    # The move records the change, unless an idle look came before it; the dry run never does.
    assert done.data["external_change"] is not None or "outside" in notebook.say("log --all")


TOKEN = "ghp_" + "a1B2" * 9


def test_p01_a_state_tells_of_a_credential_that_it_does_not_hold(notebook: Notebook) -> None:
    notebook.run("x = 1", f"pass_token = '{TOKEN}'", "x = 2", "pass_token = None")
    after = notebook.at()
    report = notebook.move("undo")
    assert report.word("pass_token") == "lost"
    assert report.why("pass_token") == (
        "it was excluded from recording: it looks like a credential (a GitHub token); set it again"
    )
    assert notebook.read("'pass_token' in globals()", "x") == ["False", "2"]
    assert notebook.move(f"switch {after}").word("pass_token") == "restored"


def test_p01_a_credential_that_was_set_later_stays_and_the_report_says_so(notebook: Notebook) -> None:
    notebook.run("x = 1", f"pass_token = '{TOKEN}'")
    before = notebook.at()
    notebook.run("y = pass_token[:3]")
    report = notebook.move("undo")
    assert (report.word("pass_token"), report.at) == ("unchanged", before), "only reading it is no change"
    report = notebook.move("undo")
    assert report.word("pass_token") == "not_identical" and "keeps its current value" in report.why(
        "pass_token"
    )
    assert notebook.read("pass_token[:4]") == ["'ghp_'"]


def held(notebook: Notebook, text: str) -> bool:
    """Whether a text is anywhere in the store, which must not be compressed."""
    store = notebook.kernel.home / "clew"
    return any(text.encode() in path.read_bytes() for path in store.rglob("*") if path.is_file())


def test_p12_other_names_and_outputs_of_what_is_kept_out_stay_out_when_the_name_goes(
    notebook: Notebook,
) -> None:
    leak = "LEAK" + "frame" * 3
    notebook.say("exclude apart")
    notebook.run(f"apart = ['{leak[:4]}' + 'frame' * 3] * 4000", "also = apart\napart", "x = 1")
    assert "another variable that refers to it is excluded" in notebook.kernel.clew("vars").text
    notebook.run("apart = None", "y = 2", "also = [also[0][:1]]")
    variables = {one["key"]: one["stored"] for one in notebook.ask("vars")["variables"]}
    assert variables["also"] == "encoded" and not any(key.isdigit() for key in variables)
    assert leak not in notebook.kernel.clew("vars --all --json").text and not held(notebook, leak * 2)


def test_p03_what_changed_inside_of_a_name_that_is_kept_out_is_said_to_be_uncertain(
    notebook: Notebook,
) -> None:
    notebook.say("exclude inner")
    notebook.run("inner = [1]\nx = 1", "inner.append(2)\nx = 2")
    report = notebook.move("undo")
    assert report.word("inner") == "unchanged" and "inner" in report.unverified
    assert "Clew does not know whether its contents changed" in report.why("inner")
    said = notebook.say("redo")
    assert "inner: unchanged, it is excluded" in said and "Unverified" not in said


def test_p12_a_branch_can_not_be_called_like_a_live_credential(notebook: Notebook) -> None:
    notebook.run("client_secret = ''.join(['QwErTy1234', '5678uioPzz9'])")
    for word in ("branch", "tag"):
        refused = notebook.kernel.clew(f"{word} QwErTy12345678uioPzz9")
        assert "looks like a secret" in refused.stderr, refused


def test_p01_another_credential_under_the_same_name_is_another(notebook: Notebook) -> None:
    notebook.run(f"pass_token = '{TOKEN}'", f"pass_token = '{TOKEN[::-1][:-4]}'.join(['ghp_', ''])", "x = 1")
    report = notebook.move("undo 2")
    assert report.word("pass_token") == "not_identical"
    store = b"".join(
        path.read_bytes() for path in (notebook.kernel.home / "clew").rglob("*") if path.is_file()
    )
    assert TOKEN.encode() not in store


def test_p08_resume_names_the_credentials_that_are_to_be_set_again(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run(f"pass_token = '{TOKEN}'", "x = 1")
    first.kill()
    second = kernels()
    report = second.move("resume")
    assert report.word("pass_token") == "lost" and report.why("pass_token").endswith("set it again")
    assert report.word("x") == "restored"


@pytest.mark.parametrize("option", ["--history other.ipynb", "--kernel 1", "--store /nowhere"])
@pytest.mark.parametrize("word", ["undo", "switch 1", "tag best", "pause", "resume"])
def test_a_mover_that_names_another_notebook_moves_none(notebook: Notebook, word: str, option: str) -> None:
    notebook.run("x = 1", "x = 2")
    here = notebook.at()
    said = notebook.kernel.clew(f"{word} {option}")
    assert "the command names another one" in said.stderr and "Nothing was changed" in said.stderr, said
    assert notebook.read("x") == ["2"] and notebook.at() == here


def test_unload_lets_go_and_the_session_goes_on(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run("x = [1]", "x.append(2)")
    identities = notebook.identities(["x"])
    notebook.run("%unload_ext clew", "x.append(3)")
    assert notebook.read("x") == ["[1, 2, 3]"]
    assert notebook.identities(["x"]) == identities
    notebook.run("%load_ext clew", "x.append(4)")
    notebook.move("undo")
    assert notebook.read("x") == ["[1, 2, 3]"]


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_waits_for_what_comes_back_and_is_as_it_was(notebook: Notebook, is_on: bool) -> None:
    notebook.run(
        f"import gc; gc.{'enable' if is_on else 'disable'}(); rows = [[n] for n in range(100_000)]",
        "rows[5] = [-1]",
    )
    count = "sum(generation['collections'] for generation in gc.get_stats())"
    before = int(notebook.kernel.value(count))
    assert notebook.move("undo").word("rows") == "restored"
    # One for every 700 lists, else.
    assert int(notebook.kernel.value(count)) - before < 70
    assert notebook.read("gc.isenabled(), rows[5], len(rows)") == [f"({is_on}, [5], 100000)"]


def test_a_class_that_was_changed_in_place_is_told_by_its_name(notebook: Notebook) -> None:
    notebook.run("class A:\n    z = 1\n    def f(self): return 1\na = A()", "A.z = 2", "A.f = lambda self: 2")
    made = int(notebook.at()) - 2
    log = notebook.say("log -n 2")
    assert log.count("~A") == 2, log
    assert "~a" not in log, log
    diff = notebook.say(f"diff {made} {made + 1}")
    assert (
        "1 variable" in diff
        and "~A" in diff
        and "other root" not in diff
        and "the same class; its contents differ" in diff
    ), diff
    notebook.move("undo 2")
    assert notebook.read("A.z, a.f()") == ["(1, 1)"]


def test_a_restore_of_one_name_changes_that_name_alone(notebook: Notebook) -> None:
    notebook.run("a = [1]; b = a; c = [a]", "a.append(2)", "e = c")
    before = int(notebook.at()) - 2
    notebook.move(f"restore {before} -- b")
    [line] = [line for line in notebook.say("log --all -n 1").splitlines() if "~" in line]
    assert line.split("~")[1:] == ["b"], line
    assert notebook.read("a, b, c, e") == ["([1, 2], [1], [[1, 2]], [[1, 2]])"]


#: Values of which `max`, the next number or what a missing key gives differs, and no row or member does.
SET_UP = {
    "a series of ordered categories": (
        "x = pd.Series(['lo', 'hi'], dtype=pd.CategoricalDtype(['lo', 'hi'], ordered=True))",
        "x = x.cat.reorder_categories(['hi', 'lo'])",
    ),
    "a column of a frame": (
        "x = pd.DataFrame({'a': pd.Categorical(['lo', 'hi'], ['lo', 'hi'], ordered=True)})",
        "x['a'] = x['a'].cat.reorder_categories(['hi', 'lo'])",
    ),
    "categories that lose their order": (
        "x = pd.Categorical(['lo', 'hi'], ordered=True)",
        "x = x.as_unordered()",
    ),
    "a default": ("x = collections.defaultdict(int, a=1)", "x.default_factory = list"),
    "the length of a deque": ("x = collections.deque([1], 3)", "x = collections.deque([1], 4)"),
    "the frequency of an index": (
        "x = pd.date_range('2020', periods=3)",
        "x = pd.DatetimeIndex(x, freq=None); x.freq = None",
    ),
    "labels that may be twice": (
        "x = pd.Series([1])",
        "x = x.set_flags(allows_duplicate_labels=False)",
    ),
}


@pytest.mark.parametrize("case", SET_UP.values(), ids=SET_UP.keys())
def test_a_diff_says_equal_only_of_what_is_equal(notebook: Notebook, case: tuple[str, str]) -> None:
    notebook.run("import collections\nimport pandas as pd", *case)
    after = int(notebook.at())
    diff = notebook.say(f"diff {after - 1} {after}")
    assert "x" in diff and "equal in value" not in diff, diff
