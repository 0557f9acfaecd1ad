"""Reports how plain the project's language is: a help for writers, not a gate.

    make prose                     counts, and the worst of each kind
    python tools/prose.py --all    every finding, as FILE:LINE

Four reports: sentences over 30 words and the Flesch-Kincaid grade of each page; phrases that have a standard term; modules named
by a participle, pronoun or adverb; type names that stand for two things in the product's code.
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import textstat
from workspace import ROOT

LONGEST = 30
"""Words of the longest sentence that is not reported."""

PHRASES = {
    r"whoever|whatever it|who(?:so)?ever": "name the person or the part",
    r"nobody|somebody": "name the person or the part",
    r"can't be had": "cannot be restored",
    r"looked at everything|nobody looked": "unverified",
    r"uncertain": "unverified",
    r"left alone|kept out|leaves? out of the record": "excluded",
    r"made again|makes? again|made anew": "rerun",
    r"far side": "server side",
    r"strangers?\b": "untrusted",
    r"takes? (?:it |them )?away": "remove",
    r"parked": "set aside",
    r"movers?\b": "the command's name",
    r"what (?:is|was|lies|stands|comes|came) (?:in|there|known|said|told)\b": "a noun",
    r"tells? (?:what|which|whether|how|that)": "prints, reports, reads or returns",
    r"(?:is|are|was|were) told\b": "prints, reports or receives",
    r"\bsays? (?:what|which|whether|how|that|so)\b": "prints or reports",
    r"lies? in (?:it|the store)\b": "is stored in",
    r"as it (?:is|was) typed": "as typed",
    r"\bdoors?\b": "interface",
    r"borne?\b": "handles",
    r"counts more than": "overrides",
    r"\bof its own accord\b|\bby itself\b": "automatically",
}
"""Phrases of the old private language, as patterns, and what to write instead."""

PRONOUNS_AND_ADVERBS = {
    "all",
    "another",
    "any",
    "anew",
    "apart",
    "before",
    "beside",
    "besides",
    "beyond",
    "both",
    "each",
    "elsewhere",
    "far",
    "here",
    "home",
    "near",
    "next",
    "once",
    "other",
    "others",
    "own",
    "same",
    "several",
    "so",
    "some",
    "such",
    "then",
    "there",
    "they",
    "together",
    "what",
    "whole",
    "why",
}
NOUNS = {
    "attached",
    "bed",
    "bindings",
    "building",
    "dead",
    "encoding",
    "feed",
    "head",
    "heading",
    "hundred",
    "increased",
    "keyed",
    "listing",
    "mapping",
    "naming",
    "padding",
    "reading",
    "red",
    "ring",
    "seed",
    "setting",
    "settings",
    "shared",
    "speed",
    "spelling",
    "string",
    "testing",
    "thing",
    "timing",
    "typed",
}
"""Words that end like participles, but name a thing."""


@dataclass(frozen=True)
class Finding:
    """One place that could be simplified."""

    where: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.what}"


def pages() -> list[Path]:
    """The pages that users and contributors read."""
    top = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md"))]


def sources() -> list[Path]:
    """The code that is shipped: crates without their tests, and the Python package."""
    rust = [
        path
        for path in (ROOT / "crates").rglob("*.rs")
        if "src" in path.parts and "clew-testing" not in path.parts
    ]
    return sorted([*rust, *(ROOT / "python").rglob("*.py")])


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """Returns the paragraphs and list items of a page as plain text, with their line numbers. Code, comments, tables and headings are left
    out."""
    text = re.sub(r"<!--.*?-->", lambda comment: "\n" * comment.group().count("\n"), text, flags=re.DOTALL)
    block: list[str] = []
    start, in_code = 1, False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
            line = ""
        elif in_code:
            continue
        is_item = re.match(r"\s*(?:[-*]|\d+\.)\s", line)
        if not line.strip() or is_item or line.startswith(("#", "|")):
            if block:
                yield start, plain(" ".join(block))
            block = []
        if line.strip() and not line.startswith(("#", "|", "    ")) and not line.lstrip().startswith("<"):
            start = start if block else number
            block.append(line.strip())


def plain(text: str) -> str:
    """Returns text without Markdown's marks. Code counts as one word."""
    text = re.sub(r"^(?:[-*]|\d+\.)\s+|^>\s*", "", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"[*_]{1,2}", "", re.sub(r"`[^`]*`", "code", text))


def sentences(text: str) -> list[str]:
    """Returns the sentences of a paragraph."""
    return [one for one in re.split(r"(?<=[.!?:;])\s+(?=[A-Z\"'(]|code\b)", text) if one.strip()]


def words(sentence: str) -> int:
    """Returns the number of words in a sentence."""
    return len(re.findall(r"\w[\w'\u2019./-]*", sentence))


def long_sentences(path: Path) -> Iterator[Finding]:
    """Yields sentences of a page with too many words."""
    for line, block in blocks(path.read_text("utf-8")):
        for sentence in sentences(block):
            if (count := words(sentence)) > LONGEST:
                yield Finding(str(path.relative_to(ROOT)), line, f"{count} words: {sentence[:90]}")


def phrases(path: Path) -> Iterator[Finding]:
    """Yields phrases of the old private language, in a page or in the comments and texts of code."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if path.suffix != ".md" and not re.search(r"//|\"|#|^\s*[A-Z].*\.$", line):
            continue
        for pattern, instead in PHRASES.items():
            if found := re.search(rf"\b(?:{pattern})", line, re.IGNORECASE):
                yield Finding(str(path.relative_to(ROOT)), number, f"`{found[0]}`: {instead}")


def odd_modules() -> Iterator[Finding]:
    """Yields modules whose name is not a noun."""
    for path in sources():
        name = path.parent.name if path.stem in ("mod", "__init__") else path.stem
        last = name.split("_")[-1]
        is_participle = re.fullmatch(
            r"\w{2,}(?:ed|ing)|told|said|met|held|seen|known|kept|made|begun|done|gone|lost|left", last
        )
        if (is_participle and last not in NOUNS) or name in PRONOUNS_AND_ADVERBS:
            yield Finding(str(path.relative_to(ROOT)), 1, name)


def repeated_types() -> Iterator[Finding]:
    """Yields names that two types of the shipped code have."""
    places: dict[str, list[tuple[Path, int]]] = defaultdict(list)
    for path in sources():
        text = path.read_text("utf-8").split("#[cfg(test)]")[0]
        kind = r"(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union)" if path.suffix == ".rs" else r"class"
        for number, line in enumerate(text.splitlines(), 1):
            if (found := re.match(rf"{kind} (\w+)", line)) and not found[1].startswith("_"):
                places[found[1]].append((path, number))
    for name, where in sorted(places.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(where) > 1:
            others = ", ".join(str(path.relative_to(ROOT)) for path, _ in where[1:])
            yield Finding(str(where[0][0].relative_to(ROOT)), where[0][1], f"{name} also in {others}")


def grade(path: Path) -> float | None:
    """Returns the Flesch-Kincaid grade of a page: the years of school that a reader needs. `None` for a page of tables."""
    text = "\n".join(f"{block.rstrip('.')}." for _, block in blocks(path.read_text("utf-8")))
    return float(textstat.flesch_kincaid_grade(text)) if words(text) > 100 else None


def show(title: str, found: list[Finding], most: int | None) -> None:
    """Prints a report."""
    print(f"\n{title}: {len(found)}")
    for finding in found[:most]:
        print(f"  {finding}")


def main() -> None:
    """Prints all reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--all", action="store_true", help="show every finding, not the first ten of each kind"
    )
    most = None if parser.parse_args().all else 10
    long = [found for path in pages() for found in long_sentences(path)]
    long.sort(key=lambda finding: -int(finding.what.split()[0]))
    show(f"Sentences over {LONGEST} words in {len(pages())} pages", long, most)
    show(
        "Phrases with a standard term, in pages", [found for path in pages() for found in phrases(path)], most
    )
    show(
        "Phrases with a standard term, in code",
        [found for path in sources() for found in phrases(path)],
        most,
    )
    show(f"Modules named by no noun, of {len(sources())}", list(odd_modules()), most)
    show("Type names that stand for two things", list(repeated_types()), most)
    grades = {path.relative_to(ROOT): found for path in pages() if (found := grade(path)) is not None}
    print(
        f"\nFlesch-Kincaid grade: {sum(grades.values()) / len(grades):.1f} on average of {len(grades)} pages"
    )
    for path, found in sorted(grades.items(), key=lambda item: -item[1])[:most]:
        print(f"  {found:5.1f}  {path}")


if __name__ == "__main__":
    main()
