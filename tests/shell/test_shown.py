"""Limits on what is kept of a run's outputs hold for every order of messages, and nothing is lost uncounted."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from clew.shell import run_outputs
from clew.shell.run_outputs import Shown

GAP = re.compile(r"\n… ([\d,]+) characters left out …\n")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in {"PRINTED": 60, "TEXT": 30, "TEXTS": 90, "PICTURES": 50, "OUTPUTS": 12}.items():
        monkeypatch.setattr(run_outputs, name, limit)


def a_message(chance: random.Random, clears: bool) -> tuple[str, dict[str, Any]]:
    kind = chance.choice(["stream"] * 6 + ["display", "update", "error"] + ["clear_output"] * clears)
    if kind == "stream":
        words = " ".join("w" * chance.randint(1, 9) for _ in range(chance.randint(1, 12)))
        return "stream", {
            "name": chance.choice(["stdout", "stderr"]),
            "text": words + chance.choice(["", "\n"]),
        }
    if kind == "error":
        return "error", {
            "ename": "E",
            "evalue": "x" * chance.randint(0, 60),
            "traceback": ["t " * 9] * chance.randint(0, 9),
        }
    if kind == "clear_output":
        return kind, {"wait": chance.random() < 0.5}
    mimes = chance.sample(["image/png", "text/plain", "text/html", "application/json", "application/x"], 3)
    data: dict[str, Any] = {mime: "d" * chance.randint(0, 40) for mime in mimes}
    transient = {"display_id": chance.choice("abc")}
    return f"{'update_' * (kind == 'update')}display_data", {
        "data": data,
        "metadata": {},
        "transient": transient,
    }


def stored(messages: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    kept = Shown()
    for kind, content in messages:
        kept.note(kind, content)
    return kept.outputs(str)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(300))
def test_no_order_of_messages_breaks_a_limit(seed: int) -> None:
    chance = random.Random(seed)
    outputs = stored([a_message(chance, clears=True) for _ in range(chance.randint(1, 80))])
    assert len(outputs) <= 12 + 10 + 2 + 1
    for name in ("stdout", "stderr"):
        texts = [GAP.sub("", one["text"]) for one in outputs if one.get("name") == name]
        assert sum(map(len, texts)) <= 60
    bundles = [one["data"] for one in outputs if "data" in one]
    sizes = [(mime, len(text)) for data in bundles for mime, text in data.items()]
    assert sum(size for mime, size in sizes if mime == "image/png") <= 50
    assert sum(size for mime, size in sizes if mime != "image/png") <= 90
    assert all(mime != "application/x" for mime, _ in sizes)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(100))
def test_every_printed_character_is_kept_or_counted(seed: int) -> None:
    chance = random.Random(seed)
    messages = [a_message(chance, clears=False) for _ in range(chance.randint(1, 60))]
    outputs = stored(messages)
    for name in ("stdout", "stderr"):
        printed = sum(
            len(told["text"]) for kind, told in messages if kind == "stream" and told["name"] == name
        )
        texts = [one["text"] for one in outputs if one.get("name") == name]
        kept = sum(len(GAP.sub("", text)) for text in texts)
        counted = sum(int(size.replace(",", "")) for text in texts for size in GAP.findall(text))
        assert kept + counted == printed


def test_a_key_that_the_limit_cuts_leaves_no_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_outputs, "PRINTED", 40_000)
    key = "AKIAIOSFODNN7ABCDEFG"
    for filled in range(19_975, 20_000):
        text = "x " * (filled // 2) + key + " " + "y " * 40_000
        (output,) = stored([("stream", {"name": "stdout", "text": text})])
        assert key in output["text"] or "AKIA" not in output["text"]
        (output,) = stored([("stream", {"name": "stdout", "text": text[::-1].replace(key[::-1], key)})])
        assert key in output["text"] or "DEFG" not in output["text"]
