"""Every algorithm gives the oracle's bits, on every rank, and leaves the oracle's residuals."""

from itertools import product

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.collectives.methods import METHODS, Method
from tests.comparing import same_bits
from tests.pairwise import parametrize
from tests.tables import DATA, DTYPES, SOME_DATA, array

STEPS = 2
COUNTS = (0, 1, 5, 33, 257, 1000, 2049, 5003)  # below the number of ranks, and past blocks


@parametrize(
    method=METHODS,
    data=SOME_DATA,
    count=COUNTS,
    world_size=range(1, 10),
    dtype=DTYPES,
    op=("mean", "sum"),
    feedback=(True, False),
)
def test_same_bits_as_the_oracle(method, data, count, world_size, dtype, op, feedback):
    compare(method, data, count, world_size, dtype, op, feedback)


@parametrize(
    method=[method for method in METHODS if "block" not in str(method)],
    count=(40_000, 70_001),
    dtype=DTYPES[:2],
)
def test_large_arrays(method, count, dtype):
    compare(method, "heavy_tailed", count, 3, dtype, "mean", feedback=True)


@parametrize(
    method=(
        Method("topk(density=0.01,values=float16)", "two_phase"),
        Method("topk(k=7)", "two_phase"),
        Method("topk(density=0.04)", "two_phase", "topk(density=0.1,values=bfloat16)"),
    ),
    data=tuple(DATA),
    world_size=(2, 3, 5),
    dtype=("float32", "float64"),
    in_place=(False, True),
)
def test_entries_that_meet_in_the_encoder_of_their_sum(method, data, world_size, dtype, in_place):
    """Owners of so much that the encoder guesses, which must hold for sums too."""
    compare(method, data, 90_001, world_size, dtype, "mean", feedback=True, in_place=in_place)


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_in_full(method):
    for case in product(("normal", "ties"), (1, 33, 1000, 5003), range(1, 10), DTYPES):
        compare(method, *case, "mean", feedback=True)


def compare(method, data, count, world_size, dtype, op, feedback, in_place=False):
    """Two calls, each against the oracle, on every rank."""
    inputs = [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(world_size)]
        for step in range(STEPS)
    ]

    def worker(comm):
        codec = skimp.codec(method.codec)
        codec = skimp.ErrorFeedback(codec, in_place=in_place) if feedback else codec
        results = []
        for step in range(STEPS):
            x = inputs[step][comm.rank]
            output = comm.allreduce(x, codec=codec, op=op, **method.options())
            results.append((output, codec.residual().copy() if feedback else None, comm.report))
        return results

    if method.refuses(count, world_size):
        with pytest.raises(skimp.InvalidArgument):
            skimp.run_threads(world_size, worker)
        return
    ranks = skimp.run_threads(world_size, worker)
    wide = oracle.accumulator(inputs[0][0].dtype)
    residuals = [np.zeros(count, wide)] * world_size if feedback else None
    for step in range(STEPS):
        expected = method.expected(inputs[step], residuals=residuals, op=op, call=step)
        residuals = expected.residuals if feedback else None
        for rank in range(world_size):
            output, residual, report = ranks[rank][step]
            assert same_bits(output, expected.outputs[rank])
            assert not feedback or same_bits(residual, residuals[rank])
            if method.is_bounded:
                assert report.bytes_sent <= report.predicted_bytes
            else:
                assert report.bytes_sent == report.predicted_bytes
            if expected.bytes_sent is not None:
                assert report.bytes_sent == expected.bytes_sent[rank]
            assert report.algorithm == method.algorithm or world_size == 1
