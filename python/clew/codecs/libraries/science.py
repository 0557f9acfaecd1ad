"""Libraries for mathematics, statistics, models and graphs."""

from __future__ import annotations

import sys
from typing import Any

from clew.codecs.library import Generator, Library


def _read_state() -> bytes | None:
    torch: Any = sys.modules.get("torch")
    return _bytes_of(torch.default_generator) if hasattr(torch, "default_generator") else None


def _bytes_of(generator: Any) -> bytes:
    state: bytes = generator.get_state().numpy().tobytes()
    return state


def _write_state(state: bytes) -> None:
    import torch

    torch.default_generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))


LIBRARIES = (
    Library(
        "scipy",
        codecs={"scipy": "scipy", "scipy.sparse": "scipy_sparse"},
        opens_files="loadmat",
        opens_through_python=True,
        opens_below_python="mmread mminfo",
        generators_by_name={
            "scipy.stats.qmc": "Sobol Halton LatinHypercube PoissonDisk MultinomialQMC MultivariateNormalQMC"
        },
        setters="seterr",
    ),
    Library(
        "torch",
        codecs={"torch": "torch"},
        opens_files="load",
        process_generators={
            # The generator of the CPU.
            "torch": Generator(
                _read_state,
                _write_state,
                lambda state: state == _bytes_of(sys.modules["torch"].Generator()),
                seeds={"torch": "manual_seed set_rng_state", "torch.random": "manual_seed set_rng_state"},
            )
        },
        draws_nothing="manual_seed_all use_deterministic_algorithms is_available",
    ),
    Library(
        "statsmodels",
        codecs={"statsmodels": "statsmodels"},
        opens_through_python=True,
        takes_formulas="from_formula ols glm logit wls gls mixedlm poisson probit rlm quantreg formula",
        keeps_no_settings=True,
    ),
    Library(
        "patsy",
        codecs={"patsy": "patsy"},
        opens_through_python=True,
        takes_formulas="dmatrix dmatrices build_design_matrices",
    ),
    Library("formulaic", takes_formulas="model_matrix"),
    Library(
        "sklearn",
        package="scikit-learn",
        codecs={"sklearn": "sklearn"},
        opens_through_python=True,
        restored_setters="set_config",
    ),
    Library("skimage", package="scikit-image", generators_by_name={"skimage.util": "random_noise"}),
    Library("catboost", codecs={"catboost": "catboost"}),
    Library("sympy", codecs={"sympy": "sympy"}, opens_through_python=True, draws_tests=True),
    Library(
        "astropy",
        codecs={
            "astropy": "astropy",
            "astropy.coordinates": "astropy_frames",
            "astropy.units": "astropy_units",
        },
    ),
    Library("networkx", codecs={"networkx": "networkx"}, opens_through_python=True, keeps_no_settings=True),
    Library("igraph", keeps_no_settings=True),
    Library("numba", codecs={"numba": "numba"}, goes_over_environment=True),
    Library("tensorflow", draws_nothing="set_random_seed"),
    Library("transformers", draws_nothing="set_seed"),
    Library("Bio", package="biopython"),
    Library("cv2", package="opencv-python", opens_files="imread"),
    Library("osgeo", package="gdal"),
)
