"""Delayed means: the same bits, later; nothing lost, failures included."""

import threading

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.pairwise import parametrize
from tests.tables import array

RANKS, STEPS = 3, 7


def inputs_of(rank, count=50, dtype="float32"):
    return [array("normal", count, dtype, seed=[step, rank]) for step in range(STEPS)]


def feedback_of(kind):
    return {
        "dense": lambda: None,
        "classic": lambda: skimp.ErrorFeedback(skimp.Sign()),
        "ef21": lambda: skimp.EF21(skimp.TopK(0.1)),
    }[kind]()


@parametrize(
    steps=(0, 1, 4, 9), kind=("dense", "classic", "ef21"), dtype=("float32", "float16", "float64")
)
def test_means_come_in_order_and_none_is_lost(steps, kind, dtype):
    def worker(comm):
        inputs = inputs_of(comm.rank, dtype=dtype)
        feedback = feedback_of(kind)
        expected = [comm.allreduce(x, codec=feedback) for x in inputs]
        with skimp.Delayed(steps, feedback_of(kind)) as delayed:
            means = []
            for x in inputs:
                x = x.copy()
                means.append(delayed.step(comm, x))
                x[:] = 0  # the caller's again at once
            late = delayed.flush()
        assert means[:steps] == [None] * min(steps, STEPS)
        comm.barrier()  # the communicator is free
        return [*means[steps:], *late], expected

    for means, expected in skimp.run_threads(RANKS, worker, timeout=60):
        assert len(means) == STEPS
        assert all(map(same_bits, means, expected))


def test_a_step_does_not_wait_for_the_others():
    """Rank 0 is two steps ahead of rank 1, which has not begun."""
    ahead = threading.Event()

    def worker(comm):
        x = np.ones(4, np.float32)
        with skimp.Delayed(2) as delayed:
            if comm.rank == 1:
                assert ahead.wait(30)
            assert delayed.step(comm, x) is None
            assert delayed.step(comm, x) is None
            ahead.set()
            return delayed.flush()

    assert [len(means) for means in skimp.run_threads(2, worker, timeout=60)] == [2, 2]


def test_buckets():
    def worker(comm):
        delayed = skimp.Delayed(1)
        x = {"a": np.full((2, 2), comm.rank, np.float16), "b": [np.zeros(3)]}
        assert delayed.step(comm, x) is None
        x["a"] += 7
        (mean,) = delayed.flush()
        assert mean["a"].dtype == np.float16 and (mean["a"] == 1).all()

    skimp.run_threads(3, worker, timeout=60)


@pytest.mark.parametrize("kind", ["dense", "classic", "ef21"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_resumed_it_gives_the_same_bits(kind, dtype):
    """Means under way are saved; the uninterrupted run had the same."""

    def worker(comm):
        inputs = inputs_of(comm.rank, dtype=dtype)
        with skimp.Delayed(2, feedback_of(kind)) as one, skimp.Delayed(2, feedback_of(kind)) as two:
            for x in inputs[:4]:
                one.step(comm, x)
            state = one.state_dict()
            expected = [one.step(comm, x) for x in inputs[4:]] + one.flush()
            two.load_state_dict(state)
            assert all(same_bits(two.state_dict()[name], state[name]) for name in state)
            resumed = [two.step(comm, x) for x in inputs[4:]] + two.flush()
        assert len(resumed) == 5
        assert all(map(same_bits, resumed, expected))

    skimp.run_threads(RANKS, worker, timeout=60)


def test_a_failed_step_is_raised_where_its_mean_was_due():
    def worker(comm):
        good, bad = np.ones(4, np.float32), np.full(4, np.nan, np.float32)
        with skimp.Delayed(1, nonfinite="raise") as delayed:
            delayed.step(comm, good)
            assert delayed.step(comm, bad) is not None
            with pytest.raises(skimp.NonFiniteError):
                delayed.step(comm, good)
            assert (delayed.flush()[0] == 1).all()  # what that call handed over

    skimp.run_threads(2, worker, timeout=60)


def test_skipped_steps_have_no_mean():
    def worker(comm):
        with skimp.Delayed(1, nonfinite="skip") as delayed:
            delayed.step(comm, np.full(4, np.inf, np.float32))
            assert delayed.step(comm, np.ones(4, np.float32)) is None
            return delayed.flush()

    assert (skimp.run_threads(2, worker, timeout=60)[0][0] == 1).all()


def test_an_exception_ends_it_and_reaches_the_peers():
    def worker(comm):
        with skimp.Delayed(1) as delayed:
            delayed.step(comm, np.ones(4, np.float32))
            if comm.rank == 1:
                raise ValueError("the data ran out")
            while True:
                delayed.step(comm, np.ones(4, np.float32))

    with pytest.raises(ValueError, match="ran out"):
        skimp.run_threads(2, worker, timeout=60)
    assert not any("Delayed" in thread.name for thread in threading.enumerate())


def test_refusals():
    def worker(comm):
        x = np.ones(4, np.float32)
        with (
            pytest.raises(skimp.InvalidArgument, match="1 means were not taken"),
            skimp.Delayed(1) as delayed,
        ):
            delayed.step(comm, x)
        delayed = skimp.Delayed(1)
        with pytest.raises(skimp.UnsupportedType):
            delayed.step(comm, "x")
        delayed.step(comm, x)
        state = delayed.state_dict()
        with pytest.raises(skimp.InvalidArgument, match="flush"):
            delayed.load_state_dict(state)
        delayed.flush()
        with pytest.raises(skimp.InvalidArgument, match="no feedback"):
            delayed.load_state_dict({**state, "residual": x})
        with pytest.raises(skimp.InvalidArgument, match="steps = 0"):
            skimp.Delayed(0).load_state_dict(state)
        delayed.load_state_dict(state)
        with pytest.raises(skimp.InvalidArgument, match="1 loaded"):
            delayed.flush()

    skimp.run_threads(1, worker)
    with pytest.raises(skimp.InvalidArgument, match="-1"):
        skimp.Delayed(-1)
    with pytest.raises(skimp.InvalidArgument, match="op"):
        skimp.Delayed(1, op="sum")
