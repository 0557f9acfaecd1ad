"""NumPy."""

from __future__ import annotations

from typing import Any

from clew.codecs.library import Library, Summary

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
    from clew.summary import members_size

    text = f"{value.dtype} array"
    if value.dtype.kind in "biufcMmSU" and 0 < value.size <= 8:
        text = f"{value.tolist()!r}"
    objects = members_size(value.reshape(-1)) if value.dtype.kind == "O" else 0
    return list(value.shape), int(value.nbytes) + objects, [], text


def _of_number(value: Any) -> Summary:
    return [], int(value.nbytes), [], repr(value.item())


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
        seeds={"numpy.random": {"numpy.random": "seed set_state"}},
        gives_state={"numpy.random": {"numpy.random": "get_state"}},
        takes_dates="datetime64 array asarray astype",
        unrepeatable=" ".join(
            [f"numpy.random.{name}" for name in _DRAWS.split()]
            + [f"numpy.random.{name}()" for name in _GENERATORS.split()]
        ),
        options="get_printoptions set_printoptions printoptions geterr seterr errstate",
        keeps_no_settings=True,
    ),
)
