"""Wrong inputs in a terminal: each is refused, says what was wrong, and what it says to type works as typed."""

from __future__ import annotations

import re
import shlex

import pytest

from journeys.person import Person

WRONG = """
statsu
checkout 3
commit -m work
undoo
undo
redo
switch
switch 99
switch two
resume 99
log -v zzz
log --since whenever
log -n many
log --branch
show yesterday
show 99
show 2 3
diff 1 99
diff 1 2 3
diff 1 2 -- zzz
vars 99
vars main
annotate
annotate zzz
extract
extract zzz
eval
eval 99 x
eval 2
eval 2 zzz
eval 2 x +
bisect
bisect zzz
tag 2x
branch -d nope
describe
describe 3 text
history nope
--history nope log
--store /no/such/folder status
--store first.ipynb log
log hints.ipynb
undo hints.ipynb
--kernel 1 status
config no.such 1
config gc.keep_days many
exclude
forget zzz
remote add
push nowhere
pull nowhere
clone nowhere
import nothing.clew
export
run
run missing.ipynb
op restore 99
completions klingon
man nope
trust add
package
gc --older
verify 99
help nope
lgo
log 5
log y
log -5
op log -5
status 2
bisect x==2 --from y
bisect x==2 --to 99
restore 3 -- y --dry-run
restore 3 -- y --keep x
diff 1 2 -- x --state
extract api_key
config log.limit many
extract y -o /no/such/folder/y.py
export /no/such/folder/y.clew
op undo
config set log.limit 20
config get log.limit
--history first.ipynb config set log.limit 20
--history first.ipynb describe it is fixed
show "1y ago"
show "10 parsecs ago"
run -p a
run -p a first.ipynb
run -f nope.yaml first.ipynb
gc --size abc
import .
import first.ipynb
package .
clone /no/such/folder
LOG
Log -n 2
show 1x
diff 1..2
diff 1...2
log -n 2 3
"""
"""What somebody types wrong: commands, revisions, variables, options, files and places that there are not, and too little or too much."""

CELLS = ("x = 1", "x = 2\ny = [x]", "y.append(3)", "api_key = 'sk-proj-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv'")

#: What stands for something that only the user knows, or that is left out.
PLACEHOLDER = re.compile(r"[A-Z]{2,}|<|…|\.\.\.|\[")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """Each wrong input with what came of it, and the commands that it said to type with theirs."""
    folder = tmp_path_factory.mktemp("mistyped")
    (folder / "ada").mkdir()
    ada = Person(folder / "ada", folder / "project")
    try:
        notebook = ada.opens("first.ipynb")
        notebook.run(*CELLS)
        notebook.kernel.clew("status").raised()
        notebook.kernel.close()
        return {line: _ask(ada, line) for line in WRONG.strip().splitlines()}
    finally:
        ada.leaves()


def _ask(ada: Person, line: str) -> tuple[int, str, str]:
    said = ada.clew(*shlex.split(line))
    return said.exit, said.out, said.err


def test_each_is_refused_in_words(answers: dict[str, tuple[int, str, str]]) -> None:
    odd = {
        line: answer
        for line, answer in answers.items()
        if answer[0] < 1 or answer[1] or "Traceback" in answer[2] or not answer[2].strip()
    }
    assert not odd, odd


def test_a_file_is_no_store(answers: dict[str, tuple[int, str, str]]) -> None:
    assert "There is no store in first.ipynb" in answers["--store first.ipynb log"][2]


def test_what_it_says_to_type_works_as_typed(answers: dict[str, tuple[int, str, str]], ada: Person) -> None:
    notebook = ada.opens("hints.ipynb")
    notebook.run(*CELLS)
    notebook.kernel.clew("status").raised()
    failed, typed = {}, set()
    for line, (_, _, said) in answers.items():
        for hint in re.findall(r"`(%?clew [^`]+)`", said.partition("Next:")[2]):
            if PLACEHOLDER.search(hint) or hint in typed:
                continue
            typed.add(hint)
            if hint.startswith("%"):
                told = notebook.kernel.clew(hint.removeprefix("%clew "))
                is_known, answer = told.ok, told.stderr
            else:
                told = ada.clew(*shlex.split(hint)[1:])
                # A command that moves a session may find nothing to do. It is not mistyped then.
                is_known, answer = (
                    told.exit != 2 or told.err.startswith("Error: There is nothing to"),
                    told.err,
                )
            if "history --new" in hint:
                ada.clew("history", "hints.ipynb")
            if not is_known:
                failed[line] = (hint, answer)
    assert len(typed) > 9 and not failed, failed
