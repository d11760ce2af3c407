"""block_topk: every block keeps its own largest, whatever the others hold."""

import numpy as np
import pytest
import skimp

from tests.codecs import test_bytes
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, array


def kept(x: np.ndarray, **arguments) -> np.ndarray:
    decoded = skimp.decode(skimp.BlockTopK(**arguments).encode(x), like=x)
    indices = np.flatnonzero(decoded)
    assert np.array_equal(decoded[indices], x[indices])
    return indices


@parametrize(
    keep=("k=1", "k=5", "k=32", "density=0.1", "density=1"),
    block=(32, 96, 1024, 8192),
    values=("float32", "float16", "bfloat16"),
    data=tuple(DATA),
    dtype=DTYPES,
    count=(1, 95, 5003, 20_000),
)
def test_the_oracles_bytes(keep, block, values, data, dtype, count):
    codec = f"block_topk({keep},block={block},values={values})"
    test_bytes.test_frame_and_values(codec, count, data, dtype)
    test_bytes.test_residual(codec, data, "heavy_tailed", dtype, count)


def test_the_largest_of_each_block():
    x = np.arange(1.0, 97.0, dtype=np.float32)
    x[40] = -1000
    assert kept(x, k=2, block=32).tolist() == [30, 31, 40, 63, 94, 95]


def test_ties_go_to_the_lower_index():
    assert kept(np.ones(64, np.float32), k=3, block=32).tolist() == [0, 1, 2, 32, 33, 34]


@pytest.mark.parametrize(("count", "last"), [(32, 8), (33, 1), (37, 1), (38, 2), (63, 8)])
def test_the_last_block_keeps_its_share_and_at_least_one(count, last):
    x = np.arange(1.0, count + 1.0, dtype=np.float32)
    assert (kept(x, density=0.25, block=32) >= (count - 1) // 32 * 32).sum() == last


def test_density_is_that_of_a_block():
    assert skimp.BlockTopK(0.01) == skimp.BlockTopK(k=10, block=1024)


def test_k_that_exceeds_a_block():
    with pytest.raises(skimp.InvalidArgument, match="k = 33 exceeds block = 32"):
        skimp.BlockTopK(k=33, block=32)


def test_a_block_with_nan_spoils_no_other():
    x = array("normal", 96, "float32")
    x[[33, 60]] = np.nan, np.inf
    residual = skimp.Residual(96)
    payload = skimp.BlockTopK(k=3, block=32, values="float16").encode(x, residual=residual)
    decoded = skimp.decode(payload, like=x)
    assert np.isnan(decoded[33]) and decoded[60] == np.inf
    assert np.isfinite(decoded).sum() == 94 and np.isfinite(residual.values).all()
