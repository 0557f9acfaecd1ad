"""Times are taken from the stamps on the kernel's messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from bench.kernel import Following, Request, Stamps

START = datetime(2026, 1, 1, tzinfo=UTC)


def message(request, kind, milliseconds, **content):
    stamp = START + timedelta(milliseconds=milliseconds)
    return {
        "parent_header": {"msg_id": request},
        "header": {"date": stamp},
        "msg_type": kind,
        "content": content,
    }


def followed(*messages, requests=("a", "b", "behind")):
    kernel = SimpleNamespace(client=None, is_alive=lambda: True)
    following = Following(kernel, {name: Stamps() for name in requests}, 1.0)
    for one in messages:
        following.take(one)
    return following


def state(request, milliseconds, state):
    return message(request, "status", milliseconds, execution_state=state)


def test_reply_and_next_are_told_apart():
    timings = followed(
        state("a", 0, "busy"),
        message("a", "execute_reply", 3, status="ok"),
        state("a", 4, "idle"),
        state("b", 10, "busy"),
        message("b", "execute_reply", 11, status="ok"),
        state("b", 11, "idle"),
        state("behind", 12, "busy"),
    ).timings()
    assert [(one.reply, one.next, one.total) for one in timings] == [(3.0, 7.0, 10.0), (1.0, 1.0, 2.0)]


def test_a_request_without_a_reply_has_no_times():
    assert followed(state("a", 0, "busy")).timings() == []


def test_an_error_is_kept_and_so_is_what_was_printed():
    (timing, *_) = followed(
        state("a", 0, "busy"),
        message("a", "stream", 1, text="hello"),
        message("a", "execute_reply", 2, status="error", ename="KeyError", evalue="'x'"),
        state("b", 3, "busy"),
    ).timings()
    assert (timing.error, timing.text) == ("KeyError: 'x'", "hello")


def test_an_error_that_a_hook_shows_is_not_the_cells():
    (timing, *_) = followed(
        state("a", 0, "busy"),
        message("a", "error", 1, ename="TypeError", evalue="cannot pickle"),
        message("a", "execute_reply", 2, status="ok"),
    ).timings()
    assert (timing.error, timing.trouble) == (None, "TypeError: cannot pickle")


def test_messages_of_others_are_left_alone():
    following = followed(message("somebody", "execute_reply", 2, status="ok"))
    assert all(course.replied is None for course in following.courses.values())


def test_the_value_of_an_expression_is_read_back():
    asked = {"it": {"status": "ok", "data": {"text/plain": repr(repr([1, "a"]))}}}
    (timing,) = followed(
        state("a", 0, "busy"),
        message("a", "execute_reply", 2, status="ok", user_expressions=asked),
        requests=("a", "behind"),
    ).timings()
    assert timing.value == [1, "a"]


def test_a_silent_request_is_no_cell():
    content = Request("x", silent=True, expression="x").content()
    assert content["silent"] and not content["store_history"]
    assert content["user_expressions"] == {"it": "repr((x))"}
