"""The allreduce of low-rank factors: the oracle's bits, nothing lost, and a memory that is saved."""

import pickle

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.oracle import lowrank as model
from tests.oracle.collectives import SHARED, finish
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

STEPS = 3
SHAPES = ("0", "5", "3x2+1", "31x33", "7+20x40+0+9x70+1x5+6", "130x20")


@parametrize(
    shapes=SHAPES,
    rank=(1, 2, 4),
    world_size=tuple(range(2, 10)),
    dtype=DTYPES,
    data=SOME_DATA,
    warm=("yes", "no"),
    op=("mean", "sum"),
)
def test_the_oracles_bits(shapes, rank, world_size, dtype, data, warm, op):
    text = f"lowrank(rank={rank},warm_start={warm},shapes={shapes})"
    codec = oracle.codec(text)
    count = codec.pieces()[-1].end
    inputs = [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(world_size)]
        for step in range(STEPS)
    ]

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.codec(text))
        results = []
        for step in range(STEPS):
            result = comm.allreduce(inputs[step][comm.rank], codec=feedback, op=op)
            results.append((result, feedback.residual().copy()))
        return results

    ranks = skimp.run_threads(world_size, worker)
    v = oracle.accumulator(inputs[0][0].dtype)
    left, memory = [np.zeros(count, v)] * world_size, None
    for step in range(STEPS):
        with np.errstate(all="ignore"):
            values = [oracle.widen(x) + r for x, r in zip(inputs[step], left, strict=True)]
        total, left, memory = model.allreduce(values, codec, oracle.Draws(step, SHARED), memory)
        expected = finish(total, op, world_size, inputs[0][0].dtype)
        for rank in range(world_size):
            result, residual = ranks[rank][step]
            assert same_bits(result, expected)
            assert same_bits(residual, left[rank])
