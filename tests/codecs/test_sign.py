"""sign: the scale is the mean magnitude of each block, and of nothing else."""

import numpy as np
import skimp

from tests.comparing import square
from tests.tables import array


def delivered(x: np.ndarray, block: int = 32) -> np.ndarray:
    return skimp.decode(skimp.Sign(block=block).encode(x), like=x)


def test_scale_of_each_block():
    x = np.concatenate([np.full(32, -3), np.tile([1, -2], 16), np.zeros(32)]).astype(np.float32)
    expected = np.concatenate([np.full(32, -3), np.tile([1.5, -1.5], 16), np.zeros(32)])
    assert np.array_equal(delivered(x), expected)


def test_padding_of_the_last_block_does_not_count():
    x = np.full(33, 2, np.float32)
    assert np.array_equal(delivered(x), x)


def test_all_negative():
    x = np.full(100, -0.25, np.float32)
    assert np.array_equal(delivered(x), x)


def test_contracts_where_the_root_of_the_mean_square_would_not():
    """On mostly zero data the RMS scale has a relative error above 1."""
    x = array("mostly_zero", 2048, "float32")
    assert square(x - delivered(x, 2048)) < square(x)
    by_rms = np.copysign(np.sqrt(square(x) / len(x)), x)
    assert square(x - by_rms) > square(x)


def test_a_block_with_nan_spoils_no_other():
    x = np.ones(96, np.float32)
    x[40] = np.nan
    decoded = delivered(x)
    assert np.isnan(decoded[32:64]).all()
    assert np.array_equal(decoded[:32], x[:32]) and np.array_equal(decoded[64:], x[64:])


def test_residual_of_a_spoilt_block_is_zero():
    x = np.tile([1.0, 3.0], 48).astype(np.float32)
    x[40] = np.inf
    residual = skimp.Residual(96)
    skimp.Sign(block=32).encode(x, residual=residual)
    assert not residual.values[32:64].any()
    assert residual.values[:32].all() and residual.values[64:].all()
