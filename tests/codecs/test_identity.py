"""identity: bit for bit, but for NaN, which becomes the canonical one."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, array


@parametrize(dtype=DTYPES, data=tuple(DATA))
def test_bit_for_bit(dtype, data):
    x = array(data, 1000, dtype)
    assert same_bits(skimp.decode(skimp.Identity().encode(x), like=x), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_residual_takes_what_rounding_to_a_half_loses(dtype):
    x = array("normal", 100, dtype)
    residual = skimp.Residual(100, dtype)
    residual.load(array("normal", 100, "float32", seed=1), step=0)
    wanted = oracle.widen(x) + residual.values
    decoded = skimp.decode(skimp.Identity().encode(x, residual=residual), like=x)
    assert same_bits(oracle.widen(decoded) + residual.values, wanted)
    assert residual.values.any()


def test_payloads_of_nan_become_canonical():
    x = np.array([0x7FC00123, 0xFFC00000, 0x7F800001], np.uint32).view(np.float32)
    decoded = skimp.decode(skimp.Identity().encode(x), like=x)
    assert (oracle.bits(decoded) == 0x7FC00000).all()
