"""ternary: five elements a byte, and a scale that makes the error small."""

import numpy as np
import pytest
import skimp

from tests.codecs import test_bytes
from tests.comparing import square
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, array


def delivered(x: np.ndarray, block: int = 2048) -> np.ndarray:
    return skimp.decode(skimp.Ternary(block=block).encode(x), like=x)


@parametrize(block=(32, 224, 288, 8192), data=tuple(DATA), dtype=DTYPES, count=(4, 95, 5003, 9000))
def test_the_oracles_bytes(block, data, dtype, count):
    """Runs of 256 and of every other length that a block may leave."""
    codec = f"ternary(block={block})"
    test_bytes.test_frame_and_values(codec, count, data, dtype)
    test_bytes.test_residual(codec, data, "heavy_tailed", dtype, count)


def test_the_scale_is_the_mean_of_the_large():
    x = np.float32([4, -5, 0, 1, -1, 6, 0, 0] * 4)  # the mean is 2.125
    assert np.array_equal(delivered(x), np.float32([5, -5, 0, 0, 0, 5, 0, 0] * 4))


@pytest.mark.parametrize("value", [-0.25, 0.0, 1e-45, 2.0**120])
def test_blocks_of_one_magnitude_come_back(value):
    """Up to rounding in the sum, of which these have none."""
    x = np.full(100, value, np.float32)
    assert np.array_equal(delivered(x), x)


def test_values_of_three_levels_come_back():
    x = np.random.default_rng(0).choice(np.float32([-0.75, 0, 0.75]), 5003)
    assert np.array_equal(delivered(x), x)


@pytest.mark.parametrize("data", ["normal", "heavy_tailed", "mostly_zero", "denormal", "ties"])
def test_no_error_exceeds_its_value(data):
    x = array(data, 5003, "float32")
    assert (np.abs(delivered(x) - x) <= np.abs(x)).all()


def test_loses_a_fifth_of_normal_values():
    """Sign loses 0.36, and quantize(bits=2) more."""
    x = array("normal", 100_000, "float32")
    assert square(delivered(x) - x) / square(x) == pytest.approx(0.19, abs=0.003)
    two_bits = skimp.decode(skimp.Quantize(2).encode(x), like=x)
    assert square(two_bits - x) > 2 * square(delivered(x) - x)


def test_ratio():
    assert skimp.Ternary().encode(array("normal", 2**20, "float32")).ratio > 19.4
