"""What a notebook shows for `%clew`: HTML, and the same as plain text beside it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from harness import Kernel


class Shown(HTMLParser):
    """The words of a piece of HTML, and the tags in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self._is_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._is_style = tag == "style"
        assert not any(name.startswith("on") or name in ("href", "src", "id") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        self.words += "" if self._is_style else data


@pytest.fixture
def kernel(kernels: Callable[..., Kernel]) -> Kernel:
    """A kernel that has recorded two runs."""
    kernel = kernels()
    kernel.run("rows = [1, 2, 3]").raised()
    kernel.run("rows = '<script>alert(1)</script>'  # oh no").raised()
    return kernel


@pytest.mark.parametrize("words", ["log", "log --all --graph", "show", "vars", "status", "list", "undo"])
def test_a_page_is_published_as_text_and_as_html(kernel: Kernel, words: str) -> None:
    reply = kernel.clew(words).raised()
    [bundle] = reply.data
    assert reply.stdout == "" and set(bundle) == {"text/plain", "text/html"}
    shown = Shown(bundle["text/html"])
    assert "script" not in shown.tags and {"div", "style"} <= shown.tags
    names = [word for word in bundle["text/plain"].split() if word.isidentifier()]
    # HTML is saved with the notebook, and says the time.
    names = [word for word in names if word not in {"just", "now"}]
    assert names and all(word in shown.words for word in names)


def test_log_and_undo_show_what_the_text_says(kernel: Kernel) -> None:
    [log] = kernel.clew("log").raised().data
    assert "<svg" in log["text/html"] and "&lt;script&gt;" in log["text/html"]
    assert "+rows" in log["text/plain"] and "+rows" in Shown(log["text/html"]).words
    [undo] = kernel.clew("undo").raised().data
    first = undo["text/plain"].splitlines()[0]
    assert first.startswith("Undid run 3 in ") and first in Shown(undo["text/html"]).words
    assert kernel.run("rows").raised().result == "[1, 2, 3]"


@pytest.mark.parametrize("words", ["undo", "redo", "status", "vars", "show", "diff @- @"])
def test_what_a_notebook_keeps_of_an_answer_is_small(kernel: Kernel, words: str) -> None:
    if words == "redo":
        kernel.clew("undo").raised()
    [bundle] = kernel.clew(words).raised().data
    assert len(bundle["text/html"]) < 3_000 and len(Shown(bundle["text/html"]).words) > 20


def test_what_a_notebook_keeps_of_an_answer_stays_true(kernel: Kernel) -> None:
    for words in ["log", "show", "status", "list"]:
        [bundle] = kernel.clew(words).raised().data
        shown = Shown(bundle["text/html"]).words
        assert "ago" not in shown.split() and "just now" not in shown
        assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d", shown), shown


def test_json_and_refusals_stay_text(kernel: Kernel) -> None:
    json, refused = kernel.clew("log --json").raised(), kernel.clew("switch 99").raised()
    assert json.stdout.startswith("{") and json.data == []
    assert refused.stderr.startswith("Error: ") and refused.data == []


def test_a_page_of_the_history_is_written_where_the_notebook_says(kernel: Kernel) -> None:
    reply = kernel.clew("log --html history.html").raised()
    assert reply.text.startswith("Wrote history.html: 3 runs, ")
    page = (kernel.cwd / "history.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "rows = [1, 2, 3]" in page and "<script" not in page
