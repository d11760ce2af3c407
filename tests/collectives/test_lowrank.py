"""The allreduce of low-rank factors: the oracle's bits, and what buckets and memories do."""

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


BUCKET = {"weight": (40, 30), "bias": (30,), "kernel": (8, 4, 3, 3), "scalar": (), "none": (0, 4)}


def bucket(rank: int, step: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([rank, step])
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in BUCKET.items()}


def test_a_bucket_is_one_exchange_and_each_array_its_own_matrix():
    """As with the arrays one by one, but for the random numbers that a start draws."""

    def worker(comm):
        arrays = bucket(comm.rank, 0)
        together = comm.allreduce(arrays, codec=skimp.LowRank(2))
        report = comm.report
        exact = comm.allreduce(arrays)
        for name, shape in BUCKET.items():
            assert together[name].shape == shape
            if name in ("bias", "scalar", "none"):
                assert same_bits(together[name], exact[name])
            else:
                matrix = together[name].reshape(shape[0], -1)
                assert np.linalg.matrix_rank(matrix, tol=1e-4) == 2
        return report

    report = skimp.run_threads(3, worker)[0]
    assert (report.algorithm, report.rounds) == ("linear", 4)
    assert report.bytes_sent == report.predicted_bytes < report.dense_bytes


def test_shapes_are_those_of_the_call():
    def worker(comm):
        rng = np.random.default_rng(comm.rank)
        x = rng.standard_normal((24, 20)).astype(np.float32)
        spelled = skimp.codec("lowrank(rank=2,shapes=24x20)")
        feedback, again = (skimp.ErrorFeedback(c) for c in (skimp.LowRank(2), spelled))
        plan = comm.plan_allreduce(x, codec=again)
        for _ in range(3):
            one, two = comm.allreduce(x, codec=feedback), plan.run(x.copy())
            assert same_bits(one, two)
        assert comm.allreduce(x.ravel(), codec=skimp.LowRank(2)).tolist() == (
            comm.allreduce(x.ravel()).tolist()
        )
        assert "shapes=24x20" in plan.text

    skimp.run_threads(2, worker)


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_nothing_is_lost(world_size):
    steps = 6

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.LowRank(1))
        put, came = 0.0, 0.0
        for step in range(steps):
            arrays = bucket(comm.rank, step)
            put = put + flat(arrays)
            came = came + flat(comm.allreduce(arrays, codec=feedback))
        return put, came, feedback.residual().copy()

    ranks = skimp.run_threads(world_size, worker)
    put = sum(rank[0] for rank in ranks)
    left = sum(rank[2].astype(float) for rank in ranks)
    assert np.abs(put - world_size * ranks[0][1] - left).max() < 1e-5 * world_size * steps


def flat(arrays: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([arrays[name].ravel().astype(float) for name in sorted(arrays)])


def run_steps(world_size, states, steps, codec=None):
    """Steps with feedbacks that begin with `states`: results of rank 0, and the states after."""

    def worker(comm):
        feedback = skimp.ErrorFeedback(codec or skimp.LowRank(2))
        if states:
            feedback.load_state_dict(states[comm.rank])
        results = [comm.allreduce(bucket(comm.rank, step), codec=feedback) for step in steps]
        return results, feedback

    ranks = skimp.run_threads(world_size, worker, timeout=20)
    return ranks[0][0], [feedback for _, feedback in ranks]


def test_a_saved_memory_goes_on_to_the_same_bits():
    whole, _ = run_steps(3, None, range(6))
    _, feedbacks = run_steps(3, None, range(3))
    states = [feedback.state_dict() for feedback in feedbacks]
    assert set(states[0]) == {"residual", "step", "memory"}
    assert same_bits(states[0]["memory"], states[2]["memory"])
    resumed, _ = run_steps(3, states, range(3, 6))
    pickled = [pickle.loads(pickle.dumps(feedback)).state_dict() for feedback in feedbacks]
    again, _ = run_steps(3, pickled, range(3, 6))
    for one, two, three in zip(whole[3:], resumed, again, strict=True):
        assert all(same_bits(one[name], two[name]) for name in BUCKET)
        assert all(same_bits(one[name], three[name]) for name in BUCKET)
    for state in states:
        del state["memory"]
    cold, _ = run_steps(3, states, [3])
    assert not same_bits(cold[0]["weight"], whole[3]["weight"])


def test_ranks_with_different_memories_are_noticed():
    _, feedbacks = run_steps(2, None, range(2))
    states = [feedback.state_dict() for feedback in feedbacks]
    states[1]["memory"] = states[1]["memory"] * 2
    with pytest.raises(skimp.MismatchError, match="residual_memory"):
        run_steps(2, states, [2])


def test_a_memory_of_another_rank_or_codec_is_not_used():
    _, feedbacks = run_steps(2, None, range(2))
    states = [feedback.state_dict() for feedback in feedbacks]
    run_steps(2, states, [2], codec=skimp.LowRank(3))
    _, feedbacks = run_steps(2, states, [2], codec=skimp.Sign())
    assert "memory" not in feedbacks[0].state_dict()


def test_ranks_of_different_shapes_are_noticed():
    def worker(comm):
        shape = (12, 20) if comm.rank == 2 else (20, 12)
        comm.allreduce(np.ones(shape, np.float32), codec=skimp.LowRank(1))

    with pytest.raises(skimp.MismatchError, match=r"rank 2 .*12x20"):
        skimp.run_threads(3, worker, timeout=20)


def test_a_call_that_raises_changes_neither_residual_nor_memory():
    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.LowRank(2), in_place=comm.rank == 0)
        x = np.random.default_rng(comm.rank).standard_normal((30, 20)).astype(np.float32)
        comm.allreduce(x, codec=feedback)
        before = feedback.state_dict()
        bad = x.copy()
        bad[3, 4] = np.nan
        with pytest.raises(skimp.NonFiniteError):
            comm.allreduce(bad, codec=feedback, nonfinite="raise")
        assert comm.allreduce(bad, codec=feedback, nonfinite="skip") is None
        after = feedback.state_dict()
        assert all(same_bits(before[name], after[name]) for name in before)
        comm.set_timeout(1)
        comm.barrier()
        if comm.rank == 1:
            comm.close("gives up")
            return
        with pytest.raises(skimp.PeerFailed):
            comm.allreduce(x, codec=feedback)
        assert same_bits(feedback.state_dict()["memory"], before["memory"])

    skimp.run_threads(2, worker, timeout=20)


def test_a_matrix_with_nan_is_nan_once():
    """Its residual and memory become zero, so that the next step is an ordinary one; other arrays
    of the bucket are not touched."""

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.LowRank(2))
        arrays = {"a": bucket(comm.rank, 0)["weight"], "b": bucket(comm.rank, 1)["weight"]}
        if comm.rank == 1:
            arrays["a"][7, 7] = np.inf
        mean = comm.allreduce(arrays, codec=feedback)
        assert comm.report.nonfinite
        assert np.isnan(mean["a"]).all() and np.isfinite(mean["b"]).all()
        a, b = np.split(feedback.residual(), 2)
        assert not a.any() and b.any()
        arrays["a"][7, 7] = 0
        mean = comm.allreduce(arrays, codec=feedback)
        assert not comm.report.nonfinite
        assert np.isfinite(mean["a"]).all() and mean["a"].any()

    skimp.run_threads(2, worker)


@pytest.mark.parametrize("algorithm", ["two_phase", "dense_direct"])
def test_algorithms_that_cannot(algorithm):
    def worker(comm):
        x = np.ones((12, 12), np.float32)
        with pytest.raises(skimp.InvalidArgument):
            comm.allreduce(x, codec=skimp.LowRank(1), algorithm=algorithm)
        with pytest.raises(skimp.InvalidArgument, match="cut lowrank"):
            comm.reduce_scatter(x, codec=skimp.LowRank(1))

    skimp.run_threads(2, worker)


def test_frames_travel_too():
    """allgather, broadcast, and allreduce by gather: each rank's own factors."""

    def worker(comm):
        x = np.random.default_rng(comm.rank).standard_normal((30, 20)).astype(np.float32)
        feedback = skimp.ErrorFeedback(skimp.LowRank(2))
        gathered = comm.allgather(x, codec=feedback)
        assert same_bits(gathered[comm.rank], x - feedback.residual()) or np.allclose(
            gathered[comm.rank], x - feedback.residual(), atol=1e-6
        )
        sent = comm.broadcast(x, root=1, codec=skimp.LowRank(2))
        total = comm.allreduce(x, codec=feedback, algorithm="gather", op="sum")
        assert np.linalg.matrix_rank(total, tol=1e-4) == 2 * comm.world_size
        return gathered, sent, total

    first, *others = skimp.run_threads(3, worker)
    for other in others:
        assert all(same_bits(a, b) for a, b in zip(first, other, strict=True))
