"""Nothing is lost: Σ inputs = P · Σ means + Σ residuals, over any number of calls."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.collectives.methods import METHODS
from tests.pairwise import parametrize
from tests.tables import array

STEPS = 6
ROUNDING = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8, "float64": 2.0**-53}


@parametrize(
    method=METHODS,
    data=("normal", "heavy_tailed", "mostly_zero", "ties", "all_negative", "tiny"),
    count=(17, 257, 3000),
    world_size=(2, 3, 5, 8),
    dtype=tuple(ROUNDING),
    op=("mean", "sum"),
)
def test_with_feedback(method, data, count, world_size, dtype, op):
    if method.refuses(count, world_size):
        return
    inputs = [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(world_size)]
        for step in range(STEPS)
    ]

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.codec(method.codec))
        options = {"codec": feedback, "op": op, **method.options()}
        outputs = [comm.allreduce(inputs[step][comm.rank], **options) for step in range(STEPS)]
        return outputs, feedback.residual().copy()

    ranks = skimp.run_threads(world_size, worker)
    wide = oracle.accumulator(inputs[0][0].dtype)
    put_in = sum_in_float64(x for step in inputs for x in step)
    came_out = sum_in_float64(ranks[0][0]) * (world_size if op == "mean" else 1)
    left = sum_in_float64(residual for _, residual in ranks)
    # Every step rounds the result once to its type, and sums of P values in V.
    size = sum(np.abs(x.astype(np.float64)) for step in inputs for x in step)
    size += sum(np.abs(y.astype(np.float64)) for y in ranks[0][0]) * world_size
    size = np.maximum(size, max(size.max(), float(oracle.finfo(wide).tiny)))
    allowed = size * (ROUNDING[dtype] + 4 * world_size * STEPS * ROUNDING[wide.name])
    allowed += STEPS * world_size * float(oracle.finfo(inputs[0][0].dtype).smallest_subnormal)
    assert (np.abs(put_in - came_out - left) <= allowed).all()


def sum_in_float64(arrays) -> np.ndarray:
    return sum(x.astype(np.float64) for x in arrays)


@pytest.mark.parametrize("algorithm", ["dense_direct", "dense_ring"])
def test_dense_delivers_what_compressed_steps_left(algorithm):
    """A feedback may end with a dense call: it empties the residuals."""

    def worker(comm):
        x = array("normal", 1000, "float32", seed=comm.rank)
        feedback = skimp.ErrorFeedback(skimp.Sign())
        first = comm.allreduce(x, codec=feedback)
        emptied = skimp.ErrorFeedback(skimp.Identity())
        emptied.load_state_dict(feedback.state_dict())
        second = comm.allreduce(x, codec=emptied, algorithm=algorithm)
        assert not emptied.residual().any()
        return x, first + second

    ranks = skimp.run_threads(4, worker)
    mean = np.mean([x.astype(np.float64) for x, _ in ranks], axis=0)
    assert np.allclose(ranks[0][1], 2 * mean, rtol=0, atol=1e-5)
