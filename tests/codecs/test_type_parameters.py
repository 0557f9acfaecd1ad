"""Type parameters with parts that nobody read yet."""

from __future__ import annotations

import sys

import pytest

from clew.codecs.type_parameters import made


@pytest.mark.skipif(sys.version_info < (3, 13), reason="type parameters have defaults since Python 3.13")
def test_a_default_of_none_that_was_read_stays_beside_a_bound_that_was_not() -> None:
    options = {"covariant": False, "infer_variance": True, "constraints": ()}
    parameter = made("TypeVar", "T", ["bound"], {**options, "default": None})
    assert parameter.has_default() and parameter.__default__ is None
    assert not made("TypeVar", "T", ["bound"], options).has_default()
