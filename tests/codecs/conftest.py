"""Gives the codecs a stand-in for the engine's `Buffer`, so that they can be judged on their own, also before a build."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
try:
    importlib.import_module("clew._engine")
except ImportError:
    package = sys.modules["clew"] = types.ModuleType("clew")
    package.__path__ = [str(HERE.parents[1] / "python" / "clew")]
    engine = sys.modules["clew._engine"] = types.ModuleType("clew._engine")
    engine.Buffer = None  # type: ignore[attr-defined]

WITH_BUFFERS = ("numpy", "arrow", "stdlib", "reduce")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    from heap import Buffer

    for name in WITH_BUFFERS:
        monkeypatch.setattr(importlib.import_module(f"clew.codecs.{name}"), "Buffer", Buffer)
