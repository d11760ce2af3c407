"""The other collectives than allreduce give the oracle's bits and leave its residuals."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits, sent_as_predicted
from tests.oracle import collectives as model
from tests.pairwise import parametrize
from tests.tables import CODECS, DTYPES, SOME_DATA, array, exceeds

STEPS = 2
WORLDS = range(1, 10)
SLICEABLE = tuple(text for text in CODECS if oracle.codec(text).sliceable)


def compare(call, expected, codec, data, count, dtype, world_size, feedback):
    """Runs `call(comm, x, codec)` on all ranks and `expected(inputs, residuals, step)` beside."""
    inputs = [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(world_size)]
        for step in range(STEPS)
    ]

    def worker(comm):
        used = skimp.codec(codec)
        used = skimp.ErrorFeedback(used) if feedback else used
        results = []
        for step in range(STEPS):
            output = call(comm, inputs[step][comm.rank], used)
            assert sent_as_predicted(codec, comm.report)
            results.append((output, used.residual().copy() if feedback else None))
        return results

    if exceeds(codec, count):
        with pytest.raises(skimp.InvalidArgument):
            skimp.run_threads(world_size, worker)
        return
    ranks = skimp.run_threads(world_size, worker)
    zeros = np.zeros(count, oracle.accumulator(inputs[0][0].dtype))
    residuals = [zeros] * world_size if feedback else None
    for step in range(STEPS):
        result = expected(inputs[step], residuals, step)
        residuals = result.residuals if feedback else None
        for rank in range(world_size):
            output, residual = ranks[rank][step]
            assert same_bits(output, result.outputs[rank])
            assert not feedback or same_bits(residual, residuals[rank])


@parametrize(
    codec=SLICEABLE,
    data=SOME_DATA,
    share=(0, 1, 3, 32, 257, 700),
    world_size=WORLDS,
    dtype=DTYPES,
    op=("mean", "sum"),
    feedback=(True, False),
)
def test_reduce_scatter(codec, data, share, world_size, dtype, op, feedback):
    compare(
        lambda comm, x, used: comm.reduce_scatter(x, codec=used, op=op),
        lambda inputs, residuals, step: model.reduce_scatter(
            inputs, oracle.codec(codec), residuals=residuals, op=op, call=step
        ),
        *(codec, data, share * world_size, dtype, world_size, feedback),
    )


@parametrize(
    codec=SLICEABLE,
    data=SOME_DATA,
    share=(0, 1, 3, 32, 257, 700),
    world_size=WORLDS,
    dtype=DTYPES,
    feedback=(True, False),
    in_place=(True, False),
)
def test_alltoall(codec, data, share, world_size, dtype, feedback, in_place):
    def call(comm, x, used):
        out = x.copy() if in_place else None
        return comm.alltoall(x if out is None else out, codec=used, out=out)

    compare(
        call,
        lambda inputs, residuals, step: model.alltoall(
            inputs, oracle.codec(codec), residuals=residuals, call=step
        ),
        *(codec, data, share * world_size, dtype, world_size, feedback),
    )


@parametrize(
    codec=CODECS,
    data=SOME_DATA,
    count=(0, 1, 5, 33, 257, 2049),
    world_size=WORLDS,
    dtype=DTYPES,
    feedback=(True, False),
)
def test_allgather(codec, data, count, world_size, dtype, feedback):
    compare(
        lambda comm, x, used: comm.allgather(x, codec=used),
        lambda inputs, residuals, step: model.allgather(
            inputs, oracle.codec(codec), residuals=residuals, call=step
        ),
        *(codec, data, count, dtype, world_size, feedback),
    )


@parametrize(
    codec=CODECS,
    data=SOME_DATA,
    count=(0, 1, 5, 33, 257, 2049),
    world_size=WORLDS,
    dtype=DTYPES,
    feedback=(True, False),
    root=(0, 1, -1),
)
def test_broadcast(codec, data, count, world_size, dtype, feedback, root):
    root = root % world_size
    compare(
        lambda comm, x, used: comm.broadcast(x, root=root, codec=used),
        lambda inputs, residuals, step: model.broadcast(
            inputs, oracle.codec(codec), root=root, residuals=residuals, call=step
        ),
        *(codec, data, count, dtype, world_size, feedback),
    )


@pytest.mark.parametrize("codec", ["sign(block=32)", "topk(density=0.1)", "identity"])
@pytest.mark.parametrize("threads", [1, 3])
def test_alltoall_in_segments_and_by_threads(codec, threads):
    def worker(comm, cut):
        if cut:
            comm.set_pipeline(segment=100, window=2)
            comm.set_threads(threads)
        feedback = skimp.ErrorFeedback(skimp.codec(codec))
        x = array("normal", 3003, "float32", seed=comm.rank)
        result = [comm.alltoall(x, codec=feedback) for _ in range(STEPS)][-1]
        assert comm.report.bytes_sent == comm.report.predicted_bytes
        return np.concatenate([result, feedback.residual()])

    whole, cut = (skimp.run_threads(3, worker, cut) for cut in (False, True))
    assert all(same_bits(a, b) for a, b in zip(whole, cut, strict=True))


def test_shapes():
    def worker(comm):
        x = np.full((6, 5), comm.rank, np.float32)
        return (
            comm.reduce_scatter(x).shape,
            comm.allgather(x).shape,
            comm.broadcast(x).shape,
            comm.allreduce(x).shape,
            comm.alltoall(x).shape,
        )

    assert skimp.run_threads(3, worker)[0] == ((2, 5), (3, 6, 5), *[(6, 5)] * 3)


@pytest.mark.parametrize("root", [-1, 3])
def test_root_that_is_not_there(root):
    with pytest.raises(skimp.InvalidArgument):
        skimp.run_threads(3, lambda comm: comm.broadcast(np.ones(4, np.float32), root=root))


@pytest.mark.parametrize("name", ["reduce_scatter", "alltoall"])
def test_uneven_parts_are_refused(name):
    with pytest.raises(skimp.InvalidArgument, match=f"{name}: the first axis"):
        skimp.run_threads(3, lambda comm: getattr(comm, name)(np.ones(4, np.float32)))
