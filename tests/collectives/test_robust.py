"""median, trimmed_mean and vote: the oracle's bits, and that garbage from few ranks is survived."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.oracle import collectives as model
from tests.oracle.robust import ROBUST
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array

DENSE_CODECS = ("identity", "sign(block=32)", "quantize(bits=8)", "quantize(bits=3,block=96)")
REDUCTIONS = ("median", "vote", "trimmed_mean", "trimmed_mean 1")
STEPS = 2


def options_of(reduction):
    op, _, trim = reduction.partition(" ")
    return {"op": op, "trim": int(trim) if trim else None}


@parametrize(
    codec=DENSE_CODECS,
    reduction=REDUCTIONS,
    data=SOME_DATA,
    count=(0, 1, 5, 33, 257, 1000, 5003),
    world_size=(1, 2, 3, 4, 5, 6, 7, 8, 9, 17),
    dtype=DTYPES,
    feedback=(True, False),
    segment=(0, 512),
    threads=(1, 3),
)
def test_same_bits_as_the_oracle(
    codec, reduction, data, count, world_size, dtype, feedback, segment, threads
):
    options = options_of(reduction)
    if options["trim"] == 1 and world_size < 3:
        options["trim"] = None
    inputs = [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(world_size)]
        for step in range(STEPS)
    ]

    def worker(comm):
        comm.set_pipeline(segment=segment)
        comm.set_threads(threads)
        made = skimp.codec(codec)
        made = skimp.ErrorFeedback(made) if feedback else made
        results = []
        for step in range(STEPS):
            output = comm.allreduce(inputs[step][comm.rank], codec=made, **options)
            results.append((output, made.residual().copy() if feedback else None))
            assert comm.report.bytes_sent == comm.report.predicted_bytes
        return results

    ranks = skimp.run_threads(world_size, worker)
    wide = oracle.accumulator(inputs[0][0].dtype)
    residuals = [np.zeros(count, wide)] * world_size if feedback else None
    for step in range(STEPS):
        expected = model.allreduce(
            "two_phase",
            inputs[step],
            oracle.codec(codec),
            residuals=residuals,
            call=step,
            **options,
        )
        residuals = expected.residuals if feedback else None
        for rank in range(world_size):
            output, residual = ranks[rank][step]
            assert same_bits(output, expected.outputs[rank])
            assert not feedback or same_bits(residual, residuals[rank])


@parametrize(codec=DENSE_CODECS, reduction=REDUCTIONS, world_size=(1, 3, 4, 7), dtype=DTYPES)
def test_reduce_scatter(codec, reduction, world_size, dtype):
    options = options_of(reduction)
    if world_size == 1:
        options["trim"] = None
    inputs = [array("heavy_tailed", 84 * 5, dtype, seed=rank) for rank in range(world_size)]
    # As an allreduce may have left it: on every shard, the rank's own too.
    wide = oracle.accumulator(inputs[0].dtype)
    residuals = [array("normal", 420, wide.name, seed=9 + rank) for rank in range(world_size)]

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.codec(codec))
        state = {"residual": residuals[comm.rank], "step": np.array(3, np.uint64)}
        feedback.load_state_dict(state)
        output = comm.reduce_scatter(inputs[comm.rank], codec=feedback, **options)
        return output, feedback.residual().copy()

    expected = model.reduce_scatter(
        inputs, oracle.codec(codec), residuals=residuals, call=3, **options
    )
    for rank, (output, residual) in enumerate(skimp.run_threads(world_size, worker)):
        assert same_bits(output, expected.outputs[rank])
        assert same_bits(residual, expected.residuals[rank])


GARBAGE = {
    "nan": lambda x: np.full_like(x, np.nan),
    "negative nan": lambda x: np.copysign(np.full_like(x, np.nan), -1),
    "inf": lambda x: np.full_like(x, -np.inf),
    "huge": lambda x: np.full_like(x, 3e38),
    "opposite": lambda x: -1000 * x,
}


@parametrize(
    codec=DENSE_CODECS, op=ROBUST, garbage=tuple(GARBAGE), world_size=(3, 5, 8), seed=(1, 2)
)
def test_garbage_of_a_minority_is_survived(codec, op, garbage, world_size, seed):
    """Between the least and the greatest of what honest ranks deliver, whatever the others send."""
    bad = (world_size - 1) // 2
    trim = bad if op == "trimmed_mean" else None
    rng = np.random.default_rng(seed)
    liars = rng.choice(world_size, bad, replace=False)
    truth = rng.standard_normal(1000)
    honest = [np.float32(truth + 0.01 * rng.standard_normal(1000)) for _ in range(world_size)]

    def worker(comm):
        x = honest[comm.rank]
        if comm.rank in liars:
            x = GARBAGE[garbage](x)
        return comm.allreduce(
            x, codec=skimp.codec(codec), op=op, trim=trim, broadcast_codec=skimp.Identity()
        )

    with np.errstate(all="ignore"):
        result = skimp.run_threads(world_size, worker)[0]
    assert np.isfinite(result).all()
    if op == "vote":
        clear = np.abs(truth) > 0.7  # all honest ranks agree, and no codec makes zeros of it
        assert np.array_equal(result[clear], np.sign(truth[clear]))
        return
    # An owner's own values are exact, the others' are as their codec delivers them.
    honest = [x for rank, x in enumerate(honest) if rank not in liars]
    values = np.stack([*honest, *(skimp.decode(skimp.codec(codec).encode(x)) for x in honest)])
    assert (result >= values.min(0) - 1e-6).all()
    assert (result <= values.max(0) + 1e-6).all()


def test_a_mean_is_spoilt_by_one_rank():
    """What the test above would say if it could not fail."""

    def worker(comm):
        return comm.allreduce(np.full(8, np.nan if comm.rank == 1 else 1, np.float32))

    assert np.isnan(skimp.run_threads(3, worker)[0]).all()


def test_nothing_of_the_results_is_lost():
    """What the second phase leaves out of a result comes with the next."""
    inputs = [array("normal", 3000, "float32", seed=rank) for rank in range(4)]

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Identity())
        options = {"op": "median", "broadcast_codec": skimp.Quantize(2)}
        x = inputs[comm.rank]
        return sum(comm.allreduce(x, codec=feedback, **options) for _ in range(50)) / 50

    results = skimp.run_threads(4, worker)
    assert np.allclose(results[0], np.median(np.stack(inputs), axis=0), atol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"op": "median", "codec": skimp.TopK(0.1)}, "leaves values out"),
        ({"op": "vote", "codec": skimp.RandomK(0.1)}, "leaves values out"),
        ({"op": "median", "algorithm": "dense_direct"}, "op=median is for two_phase"),
        ({"op": "vote", "codec": skimp.Sign(), "algorithm": "gather"}, "op=vote is for two_phase"),
        ({"op": "trimmed_mean", "trim": 2}, "trim = 2 values at each end of 4.* at most 1"),
        ({"op": "trimmed_mean", "trim": -3}, "trim = -3 is not 0, nor"),
        ({"op": "mean", "trim": 1}, "trim = 1 is not 0, nor"),
        ({"op": "mode"}, "'mean', 'sum', 'median', 'trimmed_mean', 'vote'"),
    ],
)
def test_refused(options, message):
    def worker(comm):
        x = np.ones(1000, np.float32)
        with pytest.raises(skimp.InvalidArgument, match=message):
            comm.allreduce(x, **options)
        with pytest.raises(skimp.InvalidArgument, match=message):
            comm.plan_allreduce(x, **options)
        assert comm.allreduce(x)[0] == 1

    skimp.run_threads(4, worker)


def test_ranks_with_another_trim_are_told():
    def worker(comm):
        with pytest.raises(skimp.MismatchError, match="trim=2"):
            comm.allreduce(np.ones(9, np.float32), op="trimmed_mean", trim=1 + (comm.rank == 4))

    skimp.run_threads(5, worker, timeout=20)
