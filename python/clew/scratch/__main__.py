"""`python -m clew.scratch`: answers requests until the pipe closes."""

from __future__ import annotations

from clew.scratch.answers import Answers
from clew.scratch.channel import Channel


def main() -> None:
    """Takes over the pipe, and answers requests."""
    channel = Channel.take_over()
    answers = Answers()
    while (request := channel.read()) is not None:
        channel.write(answers.to(request))


main()
