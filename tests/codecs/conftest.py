"""Lets the codecs be judged on their own where the engine is not built."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
try:
    importlib.import_module("clew._engine")
except ImportError:
    package = sys.modules["clew"] = types.ModuleType("clew")
    package.__path__ = [str(HERE.parents[1] / "python" / "clew")]
    engine = sys.modules["clew._engine"] = types.ModuleType("clew._engine")
    engine.Buffer = engine.notice = None  # type: ignore[attr-defined]
