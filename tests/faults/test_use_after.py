"""Communicators and plans after a failure and after close."""

import numpy as np
import pytest
import skimp
import skimp.testing

from tests.faults.calls import SMALL, values
from tests.faults.ranks import Outcome, attempt, outcomes


def everything(comm, plan) -> list[Outcome]:
    """Each call of a communicator, and of a plan made before."""
    x = values(SMALL)
    return [
        attempt(comm.allreduce, x),
        attempt(comm.allgather, x),
        attempt(comm.reduce_scatter, x),
        attempt(comm.broadcast, x),
        attempt(comm.barrier),
        attempt(comm.split, 0),
        attempt(plan.run, x),
    ]


def test_after_a_failure_each_call_repeats_the_first_cause():
    def worker(comm):
        plan = comm.plan_allreduce(values(SMALL))
        plan.run(values(SMALL))
        if comm.rank == 1:
            skimp.testing.inject_fault(comm, "error")
        return attempt(comm.allreduce, values(SMALL)), everything(comm, plan), comm

    for outcome in outcomes(3, worker):
        first, later, comm = outcome.result
        for again in later:
            assert again.kind is first.kind
            assert again.message.endswith(first.message)
            assert again.seconds < 1
        assert (comm.world_size, comm.transport) == (3, "threads")  # still told


def test_after_close():
    def worker(comm):
        plan = comm.plan_allreduce(values(SMALL))
        plan.run(values(SMALL))
        comm.close()
        comm.close()
        return everything(comm, plan)

    for outcome in outcomes(3, worker):
        assert [call.kind for call in outcome.result] == [skimp.ClosedError] * 7
        assert all(isinstance(call.error, ValueError) for call in outcome.result)


def test_after_a_failure_close_says_closed():
    def worker(comm):
        if comm.rank == 0:
            skimp.testing.inject_fault(comm, "error")
        attempt(comm.barrier)
        comm.close("twice told")
        return attempt(comm.barrier)

    kinds = {outcome.result.kind for outcome in outcomes(2, worker)}
    assert kinds <= {skimp.ClosedError, skimp.TransportError, skimp.PeerFailed}


def test_close_without_a_reason_leaves_the_others_to_their_deadline():
    def worker(comm):
        if comm.rank == 1:
            comm.close()
        else:
            comm.barrier()

    first, second = outcomes(2, worker, timeout=0.5)
    assert first.kind is skimp.TimeoutError
    assert "rank 1 did not answer" in first.message
    assert second.error is None


def test_close_ends_the_parts_too():
    def worker(comm):
        part = comm.split(color=0)
        comm.close()
        return attempt(part.barrier)

    for outcome in outcomes(2, worker):
        assert outcome.result.kind is skimp.ClosedError


def test_leaving_the_block_closes():
    def worker(comm):
        with comm as same:
            assert same is comm
            comm.barrier()
        return attempt(comm.barrier)

    for outcome in outcomes(2, worker):
        assert outcome.result.kind is skimp.ClosedError


def test_the_library_goes_on():
    """A failure ends its communicator only: new ones, and codecs, work as ever."""

    def failing(comm):
        if comm.rank == 0:
            skimp.testing.inject_fault(comm, "error", 1)
        comm.allreduce(values(SMALL), codec=skimp.Sign())

    for _ in range(20):
        assert all(outcome.error is not None for outcome in outcomes(3, failing))
        means = skimp.run_threads(3, lambda comm: comm.allreduce(np.ones(4, np.float32)))
        np.testing.assert_array_equal(means, np.ones((3, 4)))


@pytest.mark.parametrize("world_size", [1, 2])
def test_faults_are_refused_after_a_split(world_size):
    def worker(comm):
        part = comm.split(color=0)
        return attempt(skimp.testing.inject_fault, comm, "error"), part

    for outcome in outcomes(world_size, worker):
        assert outcome.result[0].kind is skimp.InvalidArgument
