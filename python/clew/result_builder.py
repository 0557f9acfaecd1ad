"""Builds objects (`clew.results`) from the data of an answer (docs/json.md).

Each field of a class is read from the data by its name, or by the key in its metadata (`clew.results.KEY`), and converted to its type. Only
fields that are computed from several others, or are optional in the answer, have a function here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from clew.results import (
    KEY,
    Carried,
    Change,
    Forgotten,
    Garbage,
    Log,
    Named,
    Report,
    Result,
    Script,
    Stale,
    Verified,
)

R = TypeVar("R", bound=Result)


def display_name(root: Mapping[str, str]) -> str:
    """Returns the printed name of a root."""
    kind, key = root["kind"], root["key"]
    return key if kind == "name" else f"Out[{key}]" if kind == "out" else f"{kind}:{key}"


def _names(roots: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(display_name(root) for root in roots)


def _report(data: dict[str, Any]) -> dict[str, Any]:
    return {"seconds": data["restore_nanoseconds"] / 1e9}


def _log(data: dict[str, Any]) -> dict[str, Any]:
    return {"history": data.get("history", ""), "total": data.get("total", len(data["runs"]))}


def _script(data: dict[str, Any]) -> dict[str, Any]:
    checked = data["checked"]
    return {"script": data["script"] or "", "is_proven": checked["is_same"] if checked else None}


def _stale(data: dict[str, Any]) -> dict[str, Any]:
    return {"reasons": {run["run"]: tuple(run["reasons"]) for run in data["stale"]}}


def _carried(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "is_optimal": data["proof"]["kind"] == "optimal",
        "sent": tuple(_names(sent["roots"]) for sent in data["sent"]),
        "rerun": tuple(made["run"] for made in data["rerun"]),
        "lost": {
            display_name(root): f"{one['not_sent']}; {one['not_rerun']}"
            for one in data["lost"]
            for root in one["roots"]
        },
    }


def _change(data: dict[str, Any]) -> dict[str, Any]:
    known = data["after"] or data["before"]
    return {"name": display_name(known) if known else ""}


def _named(data: dict[str, Any]) -> dict[str, Any]:
    entries = data.get("names", [])
    names = {entry["name"]: entry["run"]["run"] for entry in entries if entry["run"]}
    return {"names": names, "branch": data.get("branch")}


def _verified(data: dict[str, Any]) -> dict[str, Any]:
    return {"is_sound": not data["findings"] and not data["rolled_back"]}


def _garbage(data: dict[str, Any]) -> dict[str, Any]:
    return {"unreadable": tuple(f"{one['place']}: {one['what']}" for one in data["unreadable"])}


def _forgotten(data: dict[str, Any]) -> dict[str, Any]:
    return {"values": sum(history["values"] for history in data["histories"])}


_COMPUTED: dict[type, Callable[[dict[str, Any]], dict[str, Any]]] = {
    Report: _report,
    Log: _log,
    Script: _script,
    Stale: _stale,
    Carried: _carried,
    Change: _change,
    Named: _named,
    Verified: _verified,
    Garbage: _garbage,
    Forgotten: _forgotten,
}


def read(kind: type[R], text: str, html: str | None, data: dict[str, Any]) -> R:
    """Builds an object of `kind` from an answer."""
    found: R = _built(kind, data, {"text": text, "html": html, "data": data})
    return found


def _built(kind: Any, data: dict[str, Any], known: dict[str, Any]) -> Any:
    if kind in _COMPUTED:
        known = known | _COMPUTED[kind](data)
    for name, key, hint in _fields(kind):
        if name not in known:
            known[name] = _converted(hint, _found(data, key))
    return kind(**known)


@cache
def _fields(kind: Any) -> list[tuple[str, str, Any]]:
    """Returns the fields of a class: the name, the key in the data, the type."""
    hints = get_type_hints(kind)
    return [(one.name, one.metadata.get(KEY, one.name), hints[one.name]) for one in fields(kind)]


def _found(data: Any, key: str) -> Any:
    for part in key.split(".") if key else ():
        data = data[part]
    return data


def _converted(hint: Any, value: Any) -> Any:
    """Converts a JSON value to the declared type of a field. A root becomes its name if that type is text."""
    if get_origin(hint) is UnionType:
        if value is None:
            return None
        hint = get_args(hint)[0]
    if get_origin(hint) is tuple:
        return tuple(_converted(get_args(hint)[0], one) for one in value or ())
    if is_dataclass(hint):
        return _built(hint, value, {})
    if hint is datetime:
        return datetime.fromisoformat(value)
    return display_name(value) if hint is str and isinstance(value, dict) else value
