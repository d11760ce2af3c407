"""natural: the power of two that is nearest, or one of the two around, at random."""

import numpy as np
import pytest
import skimp

from tests.codecs import test_bytes
from tests.comparing import same_bits, square
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, array


def delivered(x: np.ndarray, **arguments) -> np.ndarray:
    return skimp.decode(skimp.Natural(**arguments).encode(x), like=x)


@parametrize(
    block=(32, 8192),
    rounding=("nearest", "stochastic"),
    data=tuple(DATA),
    dtype=DTYPES,
    count=(95, 5003),
)
def test_the_oracles_bytes(block, rounding, data, dtype, count):
    codec = f"natural(block={block},rounding={rounding},seed=18446744073709551615)"
    test_bytes.test_frame_and_values(codec, count, data, dtype)
    test_bytes.test_residual(codec, data, "heavy_tailed", dtype, count)


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
@pytest.mark.parametrize("top", [127, 60, 0, -60])
def test_powers_of_two_are_exact(rounding, top):
    x = np.ldexp(np.float32([1, -1] * 64), top - np.arange(128)).astype(np.float32)
    if top == 0:
        x[-2:] = 0, -0.0  # 2^−126 of the largest and below is as good as nothing
    assert same_bits(delivered(x, rounding=rounding, block=8192)[:126], x[:126])


def test_the_nearest_and_from_the_middle_up():
    x = np.float32([1, 1.25, 1.4999, 1.5, 1.75, -3, -2.9, 0, -0.0])
    assert same_bits(delivered(x), np.float32([1, 1, 1, 2, 2, -4, -2, 0, -0.0]))


def test_error_is_at_most_a_third():
    x = array("heavy_tailed", 20_000, "float32")
    assert (np.abs(delivered(x) - x) <= np.abs(x) / 3 * (1 + 1e-6)).all()


def test_stochastic_takes_one_of_the_two_around_and_its_variance_is_an_eighth():
    x = array("normal", 8192, "float32")
    decoded = delivered(x, rounding="stochastic", seed=5)
    below = np.copysign(np.exp2(np.floor(np.log2(np.abs(x)))), x)
    assert np.isin(decoded / below, [1, 2]).all()
    assert 0.05 < square(decoded - x) / square(x) <= 1 / 8


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_values_are_rounded_down(rounding, dtype):
    info = np.finfo(dtype)
    largest_power = np.ldexp(info.dtype.type(1), info.maxexp - 1)
    decoded = delivered(np.full(100, -info.max), rounding=rounding)
    assert (decoded == -largest_power).all()
