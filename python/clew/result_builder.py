"""Makes objects (`clew.results`) of the fields that an answer has as data (docs/json.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from clew.results import (
    Carried,
    Change,
    Check,
    Diff,
    Examined,
    Finding,
    Forgotten,
    Garbage,
    Histories,
    History,
    Log,
    Named,
    Outcome,
    Pieces,
    Report,
    Result,
    Run,
    Script,
    Shown,
    Stale,
    Status,
    Variable,
    Vars,
    Verified,
)


def display_name(root: Mapping[str, str]) -> str:
    """What a root is called in print."""
    kind, key = root["kind"], root["key"]
    return key if kind == "name" else f"Out[{key}]" if kind == "out" else f"{kind}:{key}"


def _names(roots: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(display_name(root) for root in roots)


def run_of(data: dict[str, Any]) -> Run:
    """A run, from the fields that docs/json.md gives one."""
    plain = [
        "run",
        "id",
        "parent",
        "kind",
        "execution_count",
        "cell",
        "seconds",
        "ending",
        "exception",
        "source",
        "description",
        "is_current",
    ]
    return Run(
        **{name: data[name] for name in plain},
        started=datetime.fromisoformat(data["started"]),
        added=_names(data["added"]),
        changed=_names(data["changed"]),
        shared=_names(data["shared"]),
        removed=_names(data["removed"]),
        names=tuple(data["names"]),
    )


def variable_of(data: dict[str, Any]) -> Variable:
    """A variable, from its fields."""
    plain = ["type_name", "size", "value", "changed_by", "last_checked", "stored", "is_proved"]
    return Variable(
        **{name: data[name] for name in plain},
        name=display_name(data),
        shape=tuple(data["shape"]),
        data=data,
    )


def _report(data: dict[str, Any]) -> dict[str, Any]:
    outcomes = [
        Outcome(
            display_name(found["root"]),
            found["root"]["kind"],
            found["outcome"],
            found["unverified"],
            found["why"],
        )
        for found in data["outcomes"]
    ]
    return {
        "action": data["action"],
        "source": data["from"],
        "target": data["to"],
        "at": data["at"],
        "branch": data["branch"],
        "runs": tuple(data["runs"]),
        "keep": _names(data["keep"]),
        "other_kernels": tuple(data["other_kernels"]),
        "batch_run": data["batch_run"],
        "unreachable": data["unreachable"],
        "left_run": data["left_run"],
        "external_change": data["external_change"],
        "included_changes": tuple(data["included_changes"]),
        "dry_run": data["dry_run"],
        "is_exact": data["is_exact"],
        "outcomes": tuple(outcomes),
        "seconds": data["restore_nanoseconds"] / 1e9,
    }


def _log(data: dict[str, Any]) -> dict[str, Any]:
    runs = tuple(run_of(run) for run in data["runs"])
    return {"history": data.get("history", ""), "total": data.get("total", len(runs)), "runs": runs}


def _script(data: dict[str, Any]) -> dict[str, Any]:
    checked = data["checked"]
    return {
        "script": data["script"] or "",
        "runs": tuple(data["runs"]),
        "may_differ": data["may_differ"],
        "is_proven": checked["is_same"] if checked else None,
    }


def _stale(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "runs": tuple(run_of(run) for run in data["stale"]),
        "reasons": {run["run"]: tuple(run["reasons"]) for run in data["stale"]},
    }


def _carried(data: dict[str, Any]) -> dict[str, Any]:
    lost = data["lost"]
    return {name: data[name] for name in ("run", "seconds", "bytes")} | {
        "is_optimal": data["proof"]["kind"] == "optimal",
        "sent": tuple(_names(sent["roots"]) for sent in data["sent"]),
        "rerun": tuple(made["run"] for made in data["rerun"]),
        "lost": {
            display_name(root): f"{one['not_sent']}; {one['not_rerun']}"
            for one in lost
            for root in one["roots"]
        },
    }


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    return {"run": run_of(data), "values": tuple(variable_of(value) for value in data["values"])}


def _vars(data: dict[str, Any]) -> dict[str, Any]:
    return {"run": data["run"], "variables": tuple(variable_of(value) for value in data["variables"])}


def _change(data: dict[str, Any]) -> Change:
    before, after = (variable_of(data[side]) if data[side] else None for side in ("before", "after"))
    known = after or before
    return Change(known.name if known else "", data["change"], before, after, data)


def _diff(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "before": data["from"],
        "after": data["to"],
        "changes": tuple(_change(change) for change in data["state"] or ()),
        "cells": tuple(data["code"] or ()),
    }


def _status(data: dict[str, Any]) -> dict[str, Any]:
    plain = ["history", "branch", "is_recording", "is_synced", "unsaved", "undo", "redo", "runs"]
    plain += ["store_bytes", "budget_bytes", "free_bytes"]
    lists = ["not_stored", "set_aside", "excluded"]
    return {
        **{name: data[name] for name in plain},
        **{name: tuple(data[name]) for name in lists},
        "at": run_of(data["at"]) if data["at"] else None,
    }


def _named(data: dict[str, Any]) -> dict[str, Any]:
    entries = data.get("names", [])
    names = {entry["name"]: entry["run"]["run"] for entry in entries if entry["run"]}
    return {"names": names, "branch": data.get("branch")}


def _histories(data: dict[str, Any]) -> dict[str, Any]:
    histories = (
        History(**entry | {"last_used": datetime.fromisoformat(entry["last_used"])})
        for entry in data["histories"]
    )
    return {"store": data["store"], "is_encrypted": data["is_encrypted"], "histories": tuple(histories)}


def _verified(data: dict[str, Any]) -> dict[str, Any]:
    plain = ["history", "runs", "values", "forgotten", "bytes_read"]
    findings = (Finding(**finding | {"affects": tuple(finding["affects"])}) for finding in data["findings"])
    found = tuple(findings)
    gone = tuple(data["rolled_back"])
    told: dict[str, Any] = {"findings": found, "rolled_back": gone, "is_sound": not found and not gone}
    told["unreachable"] = tuple(data["unreachable"])
    return {name: data[name] for name in plain} | told


def _examined(data: dict[str, Any]) -> dict[str, Any]:
    plain = {name: data[name] for name in ("version", "store")}
    return plain | {"checks": tuple(Check(**check) for check in data["checks"])}


def _pieces(data: dict[str, Any], *names: str) -> dict[str, Pieces]:
    return {name: Pieces(**data[name]) for name in names}


def _garbage(data: dict[str, Any]) -> dict[str, Any]:
    unreadable = tuple(f"{one['place']}: {one['what']}" for one in data["unreadable"])
    plain: dict[str, Any] = {name: data[name] for name in ("dry_run", "freed_bytes")}
    plain["unreadable"] = unreadable
    return plain | _pieces(data, "needed", "removed", "marked", "waiting")


def _forgotten(data: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {name: data[name] for name in ("is_done", "dry_run", "everywhere")}
    histories = tuple(data["histories"])
    values = sum(history["values"] for history in histories)
    names = tuple(data["variables"])
    return (
        plain
        | {"variables": names, "values": values, "histories": histories}
        | _pieces(data, "removed", "remaining")
    )


_READERS: dict[type[Result], Any] = {
    Report: _report,
    Log: _log,
    Shown: _shown,
    Vars: _vars,
    Diff: _diff,
    Status: _status,
    Named: _named,
    Script: _script,
    Stale: _stale,
    Carried: _carried,
    Histories: _histories,
    Verified: _verified,
    Examined: _examined,
    Garbage: _garbage,
    Forgotten: _forgotten,
}


R = TypeVar("R", bound=Result)


def read(kind: type[R], text: str, html: str | None, data: dict[str, Any]) -> R:
    """The answer as an object of `kind`. Without a reader, the fields of the class are those of the answer."""
    reader = _READERS.get(kind)
    found = reader(data) if reader else _plain(kind, data)
    return kind(text=text, html=html, data=data, **found)


def _plain(kind: type[Result], data: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)} - {field.name for field in fields(Result)}
    return {name: tuple(data[name]) if isinstance(data[name], list) else data[name] for name in names}
