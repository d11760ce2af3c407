"""float: four formats, whose range is that of the block and not of the array's type."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.codecs import test_bytes
from tests.comparing import same_bits
from tests.oracle.floats import FORMATS
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES

# Bits of fraction, and how many binades below the largest value are held with all of them.
SHAPES = {"e4m3": (3, 14), "e5m2": (2, 29), "float16": (10, 29), "bfloat16": (7, 252)}


def delivered(x: np.ndarray, format: str, block: int = 32) -> np.ndarray:
    return skimp.decode(skimp.Float(format, block=block).encode(x), like=x)


@parametrize(
    format=tuple(FORMATS), block=(32, 96, 8192), data=tuple(DATA), dtype=DTYPES, count=(95, 5003)
)
def test_the_oracles_bytes(format, block, data, dtype, count):
    codec = f"float(format={format},block={block})"
    test_bytes.test_frame_and_values(codec, count, data, dtype)
    test_bytes.test_residual(codec, data, "heavy_tailed", dtype, count)


@pytest.mark.parametrize("format", FORMATS)
def test_every_number_of_the_format_comes_back(format):
    """Under any power of two: the largest of a block sets the scale."""
    codes = np.arange(2 ** (8 * FORMATS[format].itemsize)).astype(f"u{FORMATS[format].itemsize}")
    with np.errstate(invalid="ignore"):
        numbers = codes.view(FORMATS[format]).astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    largest = numbers.max()
    for scale in (1.0, 2.0**-30, 2.0**40):
        x = np.insert(numbers, range(0, numbers.size, 31), largest) * scale
        assert same_bits(delivered(x, format), x)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("magnitude", [1e-38, 1e-20, 1.0, 1e20, 1e38])
def test_precision_is_kept_at_any_scale(format, magnitude):
    """Neither loss-scaled nor tiny gradients overflow or vanish."""
    fraction_bits, _ = SHAPES[format]
    x = np.random.default_rng(0).uniform(0.01, 1, 500) * magnitude
    x = x.astype(np.float32)
    decoded = delivered(x, format)
    assert (np.abs(decoded - x) <= 2.0 ** -(fraction_bits + 1) * np.abs(x)).all()


@pytest.mark.parametrize(("format", "shape"), SHAPES.items())
def test_range_within_a_block(format, shape):
    fraction_bits, binades = shape
    x = np.exp2(-np.arange(binades + 1.0)) * 1.7
    decoded = delivered(x, format, block=8192)
    assert (np.abs(decoded - x) <= 2.0 ** -(fraction_bits + 1) * x).all()
    assert delivered(np.array([1.0, 2.0 ** -(binades + fraction_bits + 3)]), format)[1] == 0


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_values_stay_finite(format, dtype):
    """Rounding up would make them Inf."""
    info = np.finfo(dtype)
    x = np.array([info.max, -info.max, info.max / 2, 0], dtype)
    decoded = delivered(x, format)
    assert np.isfinite(decoded).all()
    fraction_bits, _ = SHAPES[format]
    assert (np.abs(decoded - x) <= 2.0 ** -(fraction_bits + 1) * np.abs(x)).all()


@pytest.mark.parametrize("format", FORMATS)
def test_blocks_of_denormals_keep_them(format):
    least = np.finfo(np.float32).smallest_subnormal
    x = np.arange(-7, 8).astype(np.float32) * least
    assert np.array_equal(delivered(x, format), x)


def test_a_scale_that_is_no_power_of_two_is_refused():
    header, payload = oracle.open_frame(bytes(skimp.Float().encode(np.ones(32, np.float32))))
    for scale in (0.0, 0.75, 4.2e-45):
        forged = np.float32(scale).tobytes() + payload[4:]
        with pytest.raises(skimp.CorruptPayload, match="power of two"):
            skimp.decode(oracle.seal(header, forged))
