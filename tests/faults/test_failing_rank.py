"""A rank that gives up, by an exception of its program or a fault: the others end at once, with the
first cause."""

import threading
import time

import pytest
import skimp
import skimp.testing

from tests.faults.calls import CALLS, LARGE, SMALL, values
from tests.faults.ranks import PROMPT, attempt, outcomes


@pytest.mark.parametrize("call", CALLS, ids=str)
@pytest.mark.parametrize("count", [SMALL, LARGE])
@pytest.mark.parametrize("world_size", [2, 4])
def test_a_worker_that_raises(call, count, world_size):
    others = {}

    def worker(comm):
        for _ in range(2):
            call(comm, values(count, comm.rank))
        if comm.rank == 1:
            raise KeyError("no such layer")
        others[comm.rank] = attempt(lambda: (call(comm, values(count, comm.rank)), comm.barrier()))

    with pytest.raises(KeyError, match="no such layer"):
        skimp.run_threads(world_size, worker)
    assert others.keys() == set(range(world_size)) - {1}
    for outcome in others.values():
        assert outcome.kind is skimp.PeerFailed
        assert "rank 1 failed: KeyError: 'no such layer'" in outcome.message
        assert outcome.seconds < PROMPT


def test_the_exception_of_the_worker_is_raised_with_notes():
    def worker(comm):
        if comm.rank == 2:
            raise ValueError("mine")
        comm.barrier()

    with pytest.raises(ValueError, match="mine") as raised:
        skimp.run_threads(4, worker)
    assert "raised by rank 2 of run_threads" in raised.value.__notes__
    assert sum("PeerFailed" in note for note in raised.value.__notes__) == 3


def test_a_context_manager_tells_why():
    def worker(comm):
        with comm:
            if comm.rank == 1:
                return attempt(_leave_by_error, comm)
            return attempt(comm.barrier)

    def _leave_by_error(comm):
        with comm:
            raise skimp.InvalidArgument("learning rate is negative")

    first, second = (outcome.result for outcome in outcomes(2, worker))
    assert first.kind is skimp.PeerFailed
    assert "rank 1 failed: InvalidArgument: learning rate is negative" in first.message
    assert second.kind is skimp.InvalidArgument


@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_who_comes_late_hears_the_first_cause(count):
    """By then the ranks that failed have withdrawn the payloads that they were sending."""

    def worker(comm):
        for _ in range(2):
            comm.allreduce(values(count, comm.rank), codec=skimp.Quantize(8))
        if comm.rank == 2:
            skimp.testing.inject_fault(comm, "corrupt")
        if comm.rank == 1:
            time.sleep(0.5)
        comm.allreduce(values(count, comm.rank), codec=skimp.Quantize(8))
        comm.barrier()

    for outcome in outcomes(3, worker):
        assert outcome.kind is skimp.CorruptPayload
        assert "from rank 2" in outcome.message, outcome.message


def test_the_cause_passes_through_ranks_that_wait_elsewhere():
    """In a ring each rank waits for its neighbour; all hear of the failure nonetheless."""

    def worker(comm):
        if comm.rank == 3:
            comm.close("the disk is full")
            return
        comm.allreduce(values(LARGE, comm.rank), algorithm="dense_ring")

    ranks = outcomes(6, worker)
    for rank, outcome in enumerate(ranks):
        if rank != 3:
            assert outcome.kind is skimp.PeerFailed
            assert "rank 3 failed: the disk is full" in outcome.message
            assert outcome.seconds < PROMPT


def test_a_call_that_can_be_finished_is():
    """A rank that fails has done its part of the calls before: they go on without it."""

    def worker(comm):
        x = values(LARGE)
        for _ in range(2):
            comm.broadcast(x)  # ranks 1 and 2 have it from 0, rank 3 from 1
        if comm.rank == 1:
            time.sleep(0.5)
        last = attempt(comm.broadcast, x)
        if comm.rank == 0:
            comm.close("out of data")
        return last, attempt(comm.barrier)

    for rank, outcome in enumerate(outcomes(4, worker)):
        last, following = outcome.result
        assert last.error is None
        assert following.kind is (skimp.PeerFailed if rank else skimp.ClosedError)
        assert following.seconds < PROMPT


def test_invalid_arguments_fail_alone():
    """What a rank can see by itself costs no communication, and the communicator stays usable."""

    def worker(comm):
        refused = [
            attempt(comm.allreduce, values(8), algorithm="no such"),
            attempt(comm.allreduce, values(8), codec=skimp.TopK(k=9)),
            attempt(comm.allreduce, values(8), codec=skimp.Sign(), algorithm="dense_ring"),
            attempt(comm.broadcast, values(8), root=2),
            attempt(comm.broadcast, values(8), root=-1),
            attempt(comm.reduce_scatter, values(9)),
        ]
        comm.barrier()
        return refused

    for outcome in outcomes(2, worker):
        assert [refused.kind for refused in outcome.result] == [skimp.InvalidArgument] * 6


def test_one_thread_at_a_time_may_be_any_thread():
    """A communicator is used by one thread at a time, not by one thread for ever."""

    def worker(comm):
        results = []
        for _ in range(3):
            thread = threading.Thread(target=lambda: results.append(comm.allreduce(values(8))))
            thread.start()
            thread.join()
        return len(results)

    assert [outcome.result for outcome in outcomes(3, worker)] == [3, 3, 3]
