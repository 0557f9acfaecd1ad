"""The guide tells the truth: every command and option is in it, and every line can be typed. `make check` checks its links."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from journeys.terminal import CLEW

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DOCS = REPOSITORY / "docs"
LINKS_TOOL = REPOSITORY / "tools" / "links.py"
PAGES = [REPOSITORY / "README.md", DOCS / "guide.md", *sorted((DOCS / "guide").glob("*.md"))]
COMMANDS = (DOCS / "guide" / "commands.md").read_text()


EVERYWHERE = {"--json", "--store", "--history", "--help", "--version"}
NOT_UNDERSTOOD = (
    "There is no command",
    "has no command",
    "Next: usage: `",
    "Next: did you mean `",
    "explains the arguments",
)


def said(*words: str, home: Path | None = None) -> str:
    env = {"HOME": str(home or "/nowhere"), "CLEW_HOME": str((home or Path("/nowhere")) / "store")}
    # What sets something up does it where nobody minds.
    away = (
        ["--prefix", str(home)] if words[:1] in (("enable",), ("disable",)) and "--user" not in words else []
    )
    ran = subprocess.run(
        [CLEW, *words, *away], capture_output=True, text=True, env=env, cwd=home, check=False
    )
    return ran.stdout + ran.stderr


def words() -> list[str]:
    """The words that the command knows."""
    found = re.findall(r"^  ([a-z-]+)  +[A-Z]", said("--help"), re.MULTILINE)
    assert "undo" in found, found
    return found


@pytest.mark.parametrize("word", words())
def test_every_word_and_option_is_on_the_page_of_commands(word: str) -> None:
    lines = [line for line in COMMANDS.splitlines() if re.search(rf"`{word}[ `\]…]|`{word}$", line)]
    assert lines, f"docs/guide/commands.md does not tell of `clew {word}`"
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said("help", word))) - EVERYWHERE
    assert {option for option in options if option not in COMMANDS} == set()


def test_the_page_of_the_tests_has_every_folder() -> None:
    tests = REPOSITORY / "tests"
    folders = {path.name for path in tests.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    missing = {name for name in folders if f"`{name}`" not in (tests / "README.md").read_text()}
    assert not missing, f"tests/README.md lacks {missing}"


LINKS = """# Some `clew` words, twice
## Twice
## Twice
<a id="kept"></a>
[here](#some-clew-words-twice) [second](#twice-1) [anchor](#kept) [page](other.md#one) [file](other.md) [web](https://x.example)
`[no](link.md)`
"""


def steps_of_the_walks() -> list[tuple[str, str]]:
    """`file: function` of each step of the walks in ARCHITECTURE."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    section = text.partition("\n## Three walks\n")[2].partition("\n## ")[0]
    return [
        (file, name.rpartition("::")[2])
        for file, name in re.findall(r"`([\w/-]+\.(?:py|rs)): ([\w:]+)`", section)
    ]


def test_every_step_of_the_walks_is_in_the_code() -> None:
    sources = [*(REPOSITORY / "crates").glob("*/src/**/*.rs"), *(REPOSITORY / "python").rglob("*.py")]
    steps = steps_of_the_walks()
    assert len(steps) > 30
    for file, name in steps:
        meant = [path for path in sources if path.as_posix().endswith(f"/{file}")]
        is_there = (re.search(rf"\b(fn|def) {name}\b", path.read_text()) for path in meant)
        assert any(is_there), f"{file}: {name}"


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# One\n")

    def check(text: str) -> tuple[int, str]:
        page.write_text(LINKS + text)
        ran = subprocess.run([sys.executable, LINKS_TOOL, page], capture_output=True, text=True, check=False)
        return ran.returncode, ran.stderr

    assert check("") == (0, "")
    for broken in ("(missing.md)", "(#twice-2)", "(other.md#two)", "(#one)"):
        code, told = check(f"[x]{broken}\n")
        assert code == 1 and "page.md:7" in told and len(told.splitlines()) == 1, told
    assert check('<img src="no.png">\n')[0] == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_guide_can_be_typed(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    quoted = re.findall(r"`%?clew ([^`\n]+)`", text) + re.findall(
        r"^(?:In \[\d+\]: |   \.\.\.: |)%clew (.+)$", text, re.MULTILINE
    )
    for line in dict.fromkeys(quoted):
        typed = shlex.split(re.split(r"  +|…| \\?\|", line)[0], comments=True)
        if typed[:1] in (["WORD"], ["WORDS"], []) or any(
            word.isupper() for word in typed if word not in ("REV", "NAME")
        ):
            continue
        answer = said(*typed, home=tmp_path)
        assert not any(part in answer for part in NOT_UNDERSTOOD), f"{page.name}: `clew {line}` says {answer}"
