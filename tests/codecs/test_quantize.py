"""quantize: levels, exact values, and random numbers that belong to elements."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.tables import array

BITS = (8, 4, 3, 2)


def delivered(x: np.ndarray, bits: int, **arguments) -> np.ndarray:
    text = ",".join(f"{key}={value}" for key, value in {"bits": bits, **arguments}.items())
    return skimp.decode(skimp.codec(f"quantize({text})").encode(x), like=x)


@pytest.mark.parametrize("bits", BITS)
def test_zero_and_the_largest_are_exact(bits):
    x = array("normal", 32, "float32")
    x[5:9] = 0
    largest = np.abs(x).argmax()
    decoded = delivered(x, bits, block=32)
    assert (decoded[5:9] == 0).all() and decoded[largest] == x[largest]


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_error_is_within_a_level(bits, rounding):
    x = array("heavy_tailed", 5000, "float32")
    level = np.abs(x).max() / (2 ** (bits - 1) - 1)
    bound = level / 2 if rounding == "nearest" else level
    error = np.abs(delivered(x, bits, block=8192, rounding=rounding) - x)
    assert error.max() <= bound * (1 + 1e-5)


@pytest.mark.parametrize("bits", BITS)
def test_all_levels_are_used(bits):
    levels = 2 ** (bits - 1) - 1
    x = np.tile(np.arange(-levels, levels + 1, dtype=np.float32), 3)
    assert np.allclose(delivered(x, bits, block=8192), x, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bits", BITS)
def test_blocks_of_one_magnitude_are_exact(bits):
    """All negative, all zero, denormal; with a last block that is not full."""
    for value in (-0.3, 0, 1e-45, -3e38):
        x = np.full(100, value, np.float32)
        assert np.array_equal(delivered(x, bits, block=32), x)


def test_stochastic_rounding_differs_by_seed_and_step():
    x = array("normal", 1000, "float32")
    codec = skimp.codec("quantize(bits=2,rounding=stochastic,seed=1)")
    assert codec.encode(x) == codec.encode(x)
    other = skimp.codec("quantize(bits=2,rounding=stochastic,seed=2)")
    assert codec.encode(x) != other.encode(x)
    residual = skimp.Residual(1000)
    first = codec.encode(x, residual=residual)
    residual.load(np.zeros(1000, np.float32), step=1)
    assert first == codec.encode(x) != codec.encode(x, residual=residual)


def test_stochastic_rounding_is_the_same_in_the_whole_and_in_parts():
    """Random numbers belong to the element's place in the whole array. A property of the oracle,
    which the two-phase reductions are compared with."""
    x = array("normal", 1000, "float32")
    codec = oracle.Quantize(4, 32, "stochastic", seed=3)
    whole = codec.decode(codec.payload(x, x.dtype, oracle.Draws(5, 6)), 1000, x.dtype)
    for begin, end in ((0, 32), (320, 1000)):
        draws = oracle.Draws(5, 6, first=begin)
        payload = codec.payload(x[begin:end], x.dtype, draws)
        assert np.array_equal(codec.decode(payload, end - begin, x.dtype), whole[begin:end])
