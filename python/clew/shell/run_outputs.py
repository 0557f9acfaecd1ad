"""The outputs of one run, as a front end would store them: nbformat outputs, within limits.

The input is the messages that the kernel published for the run, in order. The result is a list of outputs. Their metadata (`clew: {...}`)
contain what was not stored (`left_out: [{what, count, size}]`), the id with which a display can be updated (`display`), and which displays
of earlier cells show this now (`updates`): such an output records what the run did to them.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

#: The maximal number of characters stored of a run's stdout, and of its stderr: half from the start, half from the end.
PRINTED = 256_000
#: The maximal number of characters of one displayed text: a figure of Plotly or Altair is one, with its data.
TEXT = 2_000_000
#: The maximal number of characters of all displayed texts of a run together.
TEXTS = 8_000_000
#: The maximal size of all pictures of a run together, in bytes of base64.
PICTURES = 8_000_000
#: The maximal number of outputs of a run.
OUTPUTS = 500
#: The maximal nesting depth of stored JSON.
DEPTH = 50

TEXT_TYPES = frozenset(["text/plain", "text/markdown", "text/latex", "text/html", "application/javascript"])
#: Suffixes of types that libraries display as JSON (`application/vnd.plotly.v1+json`), and the one type that depends on the live kernel.
JSON_TYPES, LIVE = ("/json", "+json"), "application/vnd.jupyter.widget-view+json"
PICTURE_TYPES = frozenset(["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"])
STREAMS = ("stdout", "stderr")

#: Texts are cut between words, so that no half of a secret remains. Words are shorter than this.
LONGEST_WORD = 4_096

COLOURS = re.compile(r"\x1b\[[0-9;]*m")

#: Keys for the id of an output's display, and for the display of earlier cells that an output updates.
DISPLAY, UPDATES = "display", "updates"

#: The position of an output: in the cell (`None`), or in an Output widget, by its comm id.
Place = str | None


class Printed:
    """Text of one stream between two other outputs."""

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        self.place = place
        self.head: list[str] = []
        #: The number of characters left out between head and tail.
        self.gap = 0
        self.tail: deque[str] = deque()

    def output(self, redacted: Callable[[str], str]) -> dict[str, Any]:
        """Returns the output as it is stored."""
        head, tail = "".join(self.head), "".join(self.tail)
        if not self.gap:
            return {"output_type": "stream", "name": self.name, "text": redacted(head + tail)}
        kept_head, kept_tail = _whole_words(head), _whole_words(tail[::-1])[::-1]
        size = self.gap + len(head) - len(kept_head) + len(tail) - len(kept_tail)
        text = f"{redacted(kept_head)}\n… {size:,} characters left out …\n{redacted(kept_tail)}"
        output = {"output_type": "stream", "name": self.name, "text": text}
        return output | {"metadata": _with_notes(_left_out([_note("text", size)]))}


class Displayed:
    """A display, a result or an error."""

    def __init__(
        self, output: dict[str, Any], place: Place, name: str | None, notes: list[dict[str, Any]]
    ) -> None:
        self.content = output
        self.place = place
        #: Its id in `update_display`.
        self.name = name
        #: Whether this is shown in displays of other cells with that id, not in this run's.
        self.is_elsewhere = False
        self.notes = notes
        #: The numbers of stored characters in texts (`False`) and pictures (`True`).
        self.sizes: Counter[bool] = Counter()
        self._measure()

    def replace(self, data: dict[str, Any], notes: list[dict[str, Any]]) -> None:
        """Replaces the displayed content."""
        self.content["data"], self.notes = data, notes
        self._measure()

    def _measure(self) -> None:
        self.sizes.clear()
        for mime, content in self.content.get("data", {}).items():
            self.sizes[mime in PICTURE_TYPES] += _size(content)

    def output(self, redacted: Callable[[str], str]) -> dict[str, Any]:
        """Returns the output as it is stored."""
        notes = list(self.notes)
        output = dict(self.content)
        if "data" in output:
            output["data"] = dict(_clean_bundle(output["data"], redacted, notes))
            return output | {"metadata": _with_notes(self._named(redacted) | _left_out(notes))}
        return {key: _clean_error(value, redacted) for key, value in output.items()}

    def _named(self, redacted: Callable[[str], str]) -> dict[str, Any]:
        if self.name is None or redacted(self.name) != self.name:
            return {}
        return {UPDATES if self.is_elsewhere else DISPLAY: self.name}


class Shown:
    """The outputs of one run, while it runs and until it is recorded."""

    def __init__(self) -> None:
        self._outputs: list[Printed | Displayed] = []
        #: The updated contents of other cells' displays, by id.
        self._elsewhere: dict[str, Displayed] = {}
        #: Positions that are cleared before the next output there.
        self._clears_next: set[Place] = set()
        #: The ends of both streams: the output that each piece belongs to.
        self._tails: dict[str, deque[Printed]] = {name: deque() for name in STREAMS}
        self._head_left = dict.fromkeys(STREAMS, PRINTED // 2)
        self._tail_sizes = dict.fromkeys(STREAMS, 0)
        #: The numbers of stored characters in all displayed texts (`False`) and pictures (`True`).
        self._taken: Counter[bool] = Counter()
        self._too_many = 0
        #: Output widgets that capture this run's output, innermost last.
        self.widgets: list[str] = []

    def note(self, kind: str, content: dict[str, Any]) -> None:
        """Handles one message that was published for the run."""
        place = self.widgets[-1] if self.widgets else None
        if kind == "clear_output":
            self._clear(place, waits=bool(content.get("wait")))
            return
        if kind == "update_display_data":
            self._update(content)
            return
        if place in self._clears_next:
            self._clear(place, waits=False)
        if kind == "stream":
            if content["name"] in STREAMS:
                self._print(content["name"], content["text"], place)
        elif kind == "error":
            self._append({"output_type": "error", **_failure(content)}, place)
        elif kind in ("display_data", "execute_result"):
            self._show(kind, content, place)

    def outputs(self, redacted: Callable[[str], str]) -> list[dict[str, Any]]:
        """Returns all outputs as they are stored; `redacted` removes secrets from a text."""
        outputs = [one.output(redacted) for one in (*self._outputs, *self._elsewhere.values())]
        if self._too_many:
            outputs.append(left_out("outputs", self._too_many))
        return outputs

    def is_empty(self) -> bool:
        """Returns whether nothing was shown."""
        return not self._outputs and not self._elsewhere

    # -- streams ---------------------------------------------------------------------------------------------

    def _print(self, name: str, text: str, place: Place) -> None:
        printed = self._printing(name, place)
        room = self._head_left[name]
        if room:
            printed.head.append(text[:room])
            self._head_left[name] -= min(room, len(text))
            text = text[room:]
        if not text:
            return
        most = PRINTED // 2
        printed.tail.append(text)
        self._tails[name].append(printed)
        self._tail_sizes[name] += len(text)
        while (excess := self._tail_sizes[name] - most) > 0:
            oldest = self._tails[name][0]
            piece = oldest.tail.popleft()
            dropped = min(excess, len(piece))
            oldest.gap += dropped
            self._tail_sizes[name] -= dropped
            if dropped < len(piece):
                oldest.tail.appendleft(piece[dropped:])
            else:
                self._tails[name].popleft()

    def _printing(self, name: str, place: Place) -> Printed:
        """Returns the output for the next text of this stream: the last one, if it is of this stream."""
        is_full = len(self._outputs) >= OUTPUTS
        for one in reversed(self._outputs):
            if isinstance(one, Printed) and one.name == name and one.place == place:
                return one
            if not is_full:
                break
        printed = Printed(name, place)
        self._outputs.append(printed)
        return printed

    # -- displays --------------------------------------------------------------------------------------------

    def _show(self, kind: str, content: dict[str, Any], place: Place) -> None:
        if len(self._outputs) >= OUTPUTS:
            self._too_many += 1
            return
        data, notes = self._kept(content["data"])
        output: dict[str, Any] = {"output_type": kind, "data": data}
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        self._append(output, place, (content.get("transient") or {}).get("display_id"), notes)

    def _append(
        self,
        output: dict[str, Any],
        place: Place,
        name: str | None = None,
        notes: Sequence[dict[str, Any]] = (),
    ) -> None:
        # The error that ends a cell comes last, and always has room.
        if len(self._outputs) < OUTPUTS + 10:
            displayed = Displayed(output, place, name, list(notes))
            self._taken.update(displayed.sizes)
            self._outputs.append(displayed)
        else:
            self._too_many += 1

    def _update(self, content: dict[str, Any]) -> None:
        """Replaces the content of every display with that id in this run. If there is none, another cell's is meant."""
        name = (content.get("transient") or {}).get("display_id")
        if name is None:
            return
        named = [one for one in self._outputs if isinstance(one, Displayed) and one.name == name]
        for one in named or self._of_others(str(name)):
            self._taken.subtract(one.sizes)
            one.replace(*self._kept(content["data"]))
            self._taken.update(one.sizes)

    def _of_others(self, name: str) -> list[Displayed]:
        """Returns the output that stands for other cells' displays with that id."""
        if name not in self._elsewhere and len(self._elsewhere) < OUTPUTS:
            shown = Displayed({"output_type": "display_data", "data": {}}, None, name, [])
            shown.is_elsewhere = True
            self._elsewhere[name] = shown
        return [self._elsewhere[name]] if name in self._elsewhere else []

    def _kept(self, bundle: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Returns the part of a mime bundle that is stored, and notes on the rest."""
        kept: dict[str, Any] = {}
        notes: list[dict[str, Any]] = []
        taken = self._taken.copy()
        for mime, content in bundle.items():
            is_picture, size = mime in PICTURE_TYPES, _size(content)
            room = PICTURES - taken[True] if is_picture else min(TEXT, TEXTS - taken[False])
            if _may_be_kept(mime, content) and size <= room:
                kept[mime] = content
                taken[is_picture] += size
            else:
                notes.append(_note(mime[:200], size))
        return kept, notes

    # -- clearing --------------------------------------------------------------------------------------------

    def _clear(self, place: Place, *, waits: bool) -> None:
        if waits:
            self._clears_next.add(place)
            return
        self._clears_next.discard(place)
        self._outputs = [one for one in self._outputs if one.place != place]
        if place is None:
            self._too_many = 0
        self._taken.clear()
        for one in (*self._outputs, *self._elsewhere.values()):
            if isinstance(one, Displayed):
                self._taken.update(one.sizes)
        for name in STREAMS:
            stays = [one for one in self._outputs if isinstance(one, Printed) and one.name == name]
            self._head_left[name] = PRINTED // 2 - sum(len(piece) for one in stays for piece in one.head)
            self._tails[name] = deque(one for one in self._tails[name] if one.place != place)
            self._tail_sizes[name] = sum(len(piece) for one in stays for piece in one.tail)


def left_out(what: str, count: int) -> dict[str, Any]:
    """Returns an output that only notes what was not stored."""
    return {
        "output_type": "display_data",
        "data": {},
        "metadata": _with_notes(_left_out([_note(what, 0, count)])),
    }


def _size(content: Any) -> int:
    return len(content) if isinstance(content, str) else len(json.dumps(content))


def _may_be_kept(mime: str, content: Any) -> bool:
    if mime.endswith(JSON_TYPES):
        return mime != LIVE and _is_shallow(content)
    return isinstance(content, str) and (mime in PICTURE_TYPES or mime in TEXT_TYPES)


def _is_shallow(content: Any, depth: int = DEPTH) -> bool:
    if isinstance(content, dict):
        content = list(content.values())
    if not isinstance(content, list):
        return True
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in content)


def _failure(content: dict[str, Any]) -> dict[str, Any]:
    """Returns an error with its traceback, within limits and without colours: colour codes may split a secret."""
    lines = [COLOURS.sub("", line) for line in content["traceback"]]
    while len(lines) > 1 and sum(map(len, lines)) > TEXT:
        lines.pop(len(lines) // 2)
    texts = {"ename": content["ename"], "evalue": content["evalue"]}
    return {key: _cut(text) for key, text in texts.items()} | {"traceback": [_cut(line) for line in lines]}


def _cut(text: str) -> str:
    if len(text) <= TEXT:
        return text
    kept = _whole_words(text[:TEXT])
    return f"{kept}\n… {len(text) - len(kept):,} characters left out"


def _whole_words(text: str) -> str:
    """Returns a text whose end was cut off, without the last word, which may be incomplete."""
    at = (
        max(text.rfind(space, len(text) - LONGEST_WORD) for space in "\n ")
        if len(text) > LONGEST_WORD
        else -1
    )
    if at >= 0:
        return text[:at]
    return text[:-LONGEST_WORD] if len(text) > LONGEST_WORD else text.rpartition("\n")[0]


def _clean_bundle(
    data: dict[str, Any], redacted: Callable[[str], str], notes: list[dict[str, Any]]
) -> Iterator[tuple[str, Any]]:
    for mime, content in data.items():
        if isinstance(content, str):
            is_picture = mime in PICTURE_TYPES and mime != "image/svg+xml"
            yield mime, content if is_picture else redacted(content)
        elif redacted(text := json.dumps(content, ensure_ascii=False)) == text:
            yield mime, content
        else:
            notes.append(_note(mime, len(text)))


def _clean_error(value: Any, redacted: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [redacted(line) for line in value]
    return redacted(value)


def _note(what: str, size: int, count: int = 1) -> dict[str, Any]:
    return {"what": what, "count": count, "size": size}


def _left_out(notes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"left_out": notes} if notes else {}


def _with_notes(notes: dict[str, Any]) -> dict[str, Any]:
    return {"clew": notes} if notes else {}
