"""NumPy."""

from __future__ import annotations

import struct
import sys
from importlib import import_module
from typing import Any

from clew.codecs.library import Generator, Library, Summary, is_being_imported
from clew.codecs.summaries import members_size
from clew.generator_events import is_undrawn

_DRAWS = (
    "beta binomial bytes chisquare choice dirichlet exponential f gamma geometric gumbel hypergeometric laplace logistic "
    "lognormal logseries multinomial multivariate_normal negative_binomial noncentral_chisquare noncentral_f normal pareto "
    "permutation poisson power rand randint randn random random_integers random_sample ranf rayleigh sample seed set_state "
    "shuffle standard_cauchy standard_exponential standard_gamma standard_normal standard_t triangular uniform vonmises "
    "wald weibull zipf"
)
_GENERATORS = "default_rng RandomState SeedSequence PCG64 PCG64DXSM MT19937 Philox SFC64"
_NUMBERS = "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128"


def _of_array(value: Any) -> Summary:
    text = f"{value.dtype} array"
    if value.dtype.kind in "biufcMmSU" and 0 < value.size <= 8:
        text = f"{value.tolist()!r}"
    objects = members_size(value.reshape(-1)) if value.dtype.kind == "O" else 0
    return list(value.shape), int(value.nbytes) + objects, [], text


def _of_number(value: Any) -> Summary:
    return [], int(value.nbytes), [], repr(value.item())


def _read_state() -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None or is_being_imported(numpy):
        return None
    # numpy imports this module at first use. By then the first number may have been drawn, and the state before it could not be restored.
    # So Clew imports the module together with numpy.
    module: Any = sys.modules.get("numpy.random.mtrand") or import_module("numpy.random.mtrand")
    if not hasattr(module, "_rand"):
        return None
    state = module._rand.get_state(legacy=False)
    inner = state["state"]
    if state["bit_generator"] != "MT19937":
        return ("other", state)
    return ("MT19937", inner["key"].tobytes(), inner["pos"], state["has_gauss"], state["gauss"])


def _write_state(value: Any) -> None:
    import numpy as np

    if value[0] == "other":
        np.random.mtrand._rand.set_state(value[1])
    else:
        name, words, pos, has_gauss, gauss = value
        np.random.set_state((name, np.frombuffer(words, np.uint32), pos, has_gauss, gauss))


LIBRARIES = (
    Library(
        "numpy",
        moved={"numpy.core": "numpy._core", "numpy._core": "numpy.core"},
        codecs={"numpy": "numpy"},
        summaries={"numpy.ndarray": _of_array} | {f"numpy.{name}": _of_number for name in _NUMBERS.split()},
        references={
            "numpy.flatiter": "base",
            "numpy.ndenumerate": "iter",
            "numpy.nditer": "operands",
            "numpy.broadcast": "iters",
            "numpy.ndarray": "base",
        },
        opens_files="loadtxt genfromtxt fromfile memmap load",
        opens_through_python=True,
        generators={"numpy.random": f"{_GENERATORS} seed"},
        process_generators={
            "numpy.random": Generator(
                _read_state,
                _write_state,
                lambda state: state[0] != "other" and is_undrawn(struct.unpack_from("=I", state[1])[0]),
                seeds={"numpy.random": "seed set_state"},
                states={"numpy.random": "get_state"},
            )
        },
        takes_dates="datetime64 array asarray astype",
        unrepeatable=" ".join(
            [f"numpy.random.{name}" for name in _DRAWS.split()]
            + [f"numpy.random.{name}()" for name in _GENERATORS.split()]
        ),
        options="get_printoptions set_printoptions printoptions geterr seterr errstate",
        keeps_no_settings=True,
    ),
)
