"""Puts a stand-in for the engine in place, so that the codecs can be judged on their own: run this folder by itself."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
try:
    importlib.import_module("clew.codecs")
except ImportError:
    sys.path.insert(0, str(HERE.parents[1] / "python"))
    package = types.ModuleType("clew")
    package.__path__ = [str(HERE.parents[1] / "python" / "clew")]
    sys.modules["clew"] = package

engine = types.ModuleType("clew._engine")
engine.Buffer = None  # type: ignore[attr-defined]
sys.modules["clew._engine"] = engine
import heap  # noqa: E402

engine.Buffer = heap.Buffer  # type: ignore[attr-defined]
