"""quantize: levels, exact values, and random numbers that belong to elements."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.oracle import bitstring
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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_three_levels_round_at_half_the_scale(dtype):
    """2 bits: as division rounds, also next to the half, of any scale."""
    dtype = np.dtype(dtype)
    smallest = np.finfo(dtype).smallest_subnormal
    codec = "quantize(bits=2,block=32)"
    for scale in (1.7, 3.0, 1e-37, 3e38, 3 * smallest, 7 * smallest, 8 * smallest):
        half = dtype.type(scale) / dtype.type(2)
        near = [half, np.nextafter(half, dtype.type(0)), np.nextafter(half, dtype.type(scale))]
        x = np.array([scale, 0, -0.0, *near, *np.negative(near)] * 11, dtype)
        frame, rest = oracle.encode_frame(oracle.codec(codec), x, np.zeros_like(x), 0)
        residual = skimp.Residual(x.size, dtype.name)
        assert skimp.codec(codec).encode(x, residual=residual) == frame
        assert same_bits(residual.values, rest)


@pytest.mark.parametrize("bits", BITS)
def test_the_code_that_is_left_over_is_refused(bits):
    """Wherever it stands: in a whole group, or in the last one."""
    x = array("normal", 256 + 45, "float32")
    header, payload = oracle.open_frame(skimp.codec(f"quantize(bits={bits})").encode(x))
    for element in range(0, x.size, 3):
        forged = bytearray(payload)
        at = 2 * x.itemsize  # behind the scales
        for width in (2, 1) if bits == 3 else (bits,):
            ones = ((1 << width) - 1) << element * width % 8
            forged[at + element * width // 8] |= ones
            at += bitstring.bytes_for(width * x.size)
        with pytest.raises(skimp.CorruptPayload, match=f"code {2**bits - 1} exceeds"):
            skimp.decode(oracle.seal(header, bytes(forged)), like=x)


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
