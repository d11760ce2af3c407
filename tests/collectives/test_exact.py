"""Inputs that compression does not hurt come through exactly, so any other answer is a fault.

All ranks share a pattern and differ by powers of two, whose sums are such powers again, so that
the sum is as easy for the codec as the inputs are.
"""

import numpy as np
import skimp

from tests import oracle
from tests.collectives.methods import METHODS
from tests.oracle.collectives import finish
from tests.pairwise import parametrize

COUNTS = (3, 64, 1000, 2500)


def pattern(codec: str, count: int) -> np.ndarray:
    """Of one magnitude above all thresholds; for codecs that keep k, k elements, dealt evenly."""
    x = np.where(np.arange(count) * 7 % 5 < 2, -2.0, 2.0)
    shares = np.arange(count + 1) * oracle.codec(codec).kept(count) // count
    return np.where(np.diff(shares) > 0, x, 0)


# Cosines round, and few elements are not few coefficients.
EXACT = tuple(
    method
    for method in METHODS
    if not method.keeps_at_random and not method.codec.startswith("dct")
)


@parametrize(
    method=EXACT,
    count=COUNTS,
    world_size=range(1, 10),
    dtype=("float32", "bfloat16", "float64"),
    op=("mean", "sum"),
)
def test_exact(method, count, world_size, dtype, op):
    if method.refuses(count, world_size):
        return
    codecs = (method.codec, method.back or method.codec)
    sparsest = min(codecs, key=lambda text: oracle.codec(text).kept(count))
    x, dtype = pattern(sparsest, count), oracle.dtype(dtype)
    scale = 2.0 ** np.maximum(np.arange(world_size) - 1, 0)  # 1, 1, 2, 4, …

    def worker(comm):
        mine = oracle.narrow(x * scale[comm.rank], dtype)
        feedback = skimp.ErrorFeedback(skimp.codec(method.codec))
        output = comm.allreduce(mine, codec=feedback, op=op, **method.options())
        return output, feedback.residual().copy()

    total = (x * scale.sum()).astype(oracle.accumulator(dtype))
    expected = finish(total, op, world_size, dtype)
    for output, residual in skimp.run_threads(world_size, worker):
        assert np.array_equal(output, expected)  # 0 = −0
        assert not residual.any()
