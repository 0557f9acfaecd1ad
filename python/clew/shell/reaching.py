"""Names that a run may have read without a word in its code that Python would look up: in formulas, and from the user's own modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any

from clew.shell.ipython_calls import texts_for_shell
from clew.shell.names import IDENTIFIER, constants
from clew.shell.own_modules import of_own_modules

#: Code of a module that names one of these may find the notebook's names.
_BACK = frozenset(
    ("__main__", "f_globals", "f_locals", "f_back", "currentframe", "_getframe", "get_ipython", "user_ns")
)
#: Who looks up names that stand in a text.
_FORMULAS = frozenset(
    (
        "dmatrix",
        "dmatrices",
        "build_design_matrices",
        "from_formula",
        "model_matrix",
        "ols",
        "glm",
        "logit",
        "wls",
        "gls",
    )
    + ("mixedlm", "poisson", "probit", "rlm", "quantreg", "eval", "formula")
)
#: Longer texts are no formulas.
LONGEST = 1000


def reach_back(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Whether the user's own modules, as far as code may use them, may find any name of the notebook."""
    return any(not _BACK.isdisjoint(code.co_names) for code in of_own_modules(list(codes), namespace))


def in_texts(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> set[str]:
    """Names of the notebook in texts of the code: its functions, and, where something is called that takes formulas, all."""
    found = set[str]()
    for code in codes:
        is_formula = not _FORMULAS.isdisjoint(code.co_names)
        known = texts_for_shell(code)
        for text in constants(code):
            if type(text) is str and len(text) <= LONGEST and text not in known:
                there = [name for name in IDENTIFIER.findall(text) if name in namespace]
                found.update(name for name in there if is_formula or _is_own(namespace[name], namespace))
    return found


def _is_own(value: object, namespace: Mapping[str, Any]) -> bool:
    return type(value) is FunctionType and value.__globals__ is namespace
