"""The guide tells the truth: every command and option is in it, every link leads somewhere, every line can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from journeys.terminal import CLEW

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGES = [DOCS / "guide.md", *sorted((DOCS / "guide").glob("*.md"))]
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


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"(?:\]\(|src(?:set)?=\")([^)\"]+)[)\"]", page.read_text()):
            path, _, anchor = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), f"{page.name} links to {target}"
            if anchor:
                titles = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
                anchors = {title.lower().replace(" ", "-") for title in titles}
                anchors.update(re.findall(r'<a id="([a-z-]+)"></a>', linked.read_text()))
                assert anchor in anchors, f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_the_guide_can_be_typed(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    quoted = re.findall(r"`%?clew ([^`\n]+)`", text) + re.findall(
        r"^(?:In \[\d+\]: )?%clew (.+)$", text, re.MULTILINE
    )
    for line in dict.fromkeys(quoted):
        typed = shlex.split(re.split(r"  +|…| \\?\|", line)[0], comments=True)
        if typed[:1] in (["WORD"], ["WORDS"], []) or any(
            word.isupper() for word in typed if word not in ("REV", "NAME")
        ):
            continue
        answer = said(*typed, home=tmp_path)
        assert not any(part in answer for part in NOT_UNDERSTOOD), f"{page.name}: `clew {line}` says {answer}"
