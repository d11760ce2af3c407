"""Groups of a communicator: worlds of their own, whose failures are their own."""

import threading
import time

import numpy as np
import pytest
import skimp

from tests.comparing import same_bits
from tests.faults.calls import CALLS, LARGE, SMALL, values
from tests.faults.ranks import PROMPT, attempt, outcomes


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_group_gives_the_bits_of_a_world_of_its_size(call):
    def grouped(comm):
        part = comm.split(color=comm.rank % 2)
        return call(part, values(LARGE, part.rank))

    parts = skimp.run_threads(5, grouped)
    for color, members in ((0, [0, 2, 4]), (1, [1, 3])):
        alone = skimp.run_threads(len(members), lambda comm: call(comm, values(LARGE, comm.rank)))
        for rank, member in enumerate(members):
            assert same_bits(parts[member], alone[rank]), (color, rank)


def test_key_orders_ranks():
    def worker(comm):
        part = comm.split(color=0, key=-comm.rank)
        order = part.allgather(np.array([comm.rank], np.float32)).ravel().tolist()
        return part.rank, order

    assert skimp.run_threads(3, worker) == [(2 - rank, [2, 1, 0]) for rank in range(3)]


def test_a_negative_color_joins_nothing():
    def worker(comm):
        part = comm.split(color=-1 if comm.rank == 1 else 0)
        return None if part is None else (part.rank, part.world_size)

    assert skimp.run_threads(3, worker) == [(0, 2), None, (1, 2)]


def test_groups_parents_and_siblings_work_in_turns():
    """Their messages do not meet, also where groups overlap."""

    def worker(comm):
        row, column = comm.split(comm.rank // 2), comm.split(comm.rank % 2)
        for step in range(5):
            x = values(SMALL, comm.rank, step)
            row_sum = row.allreduce(x, op="sum")
            total = column.allreduce(row_sum, op="sum")
            np.testing.assert_allclose(total, comm.allreduce(x, op="sum"), rtol=1e-4, atol=1e-5)

    skimp.run_threads(6, worker)


def test_nested_splits():
    def worker(comm):
        sizes = []
        while comm.world_size > 1:
            comm = comm.split(color=comm.rank % 2)
            sizes.append(comm.world_size)
            assert comm.allreduce(np.ones(3, np.float32), op="sum")[0] == comm.world_size
        return sizes

    assert skimp.run_threads(8, worker) == [[4, 2, 1]] * 8


def test_groups_work_at_the_same_time():
    """A group in the middle of a call does not hold up another one."""
    released = threading.Event()

    def worker(comm):
        part = comm.split(color=comm.rank // 2)
        if part.rank == 0 and comm.rank == 0:
            released.wait(PROMPT)  # its partner is waiting in the call all this time
        result = part.allreduce(values(LARGE, part.rank))
        if comm.rank == 3:
            released.set()
        return result

    ranks = outcomes(4, worker)
    assert all(outcome.error is None for outcome in ranks)
    assert same_bits(ranks[0].result, ranks[3].result)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_failing_group_does_not_end_its_parent(call):
    def worker(comm):
        part = comm.split(color=comm.rank // 2)
        broken = attempt(part.allreduce, values(SMALL + comm.rank) if comm.rank < 2 else values(8))
        again = attempt(part.barrier)
        result = call(comm, values(LARGE, comm.rank))
        successor = comm.split(color=comm.rank // 2)
        successor.barrier()
        return broken, again, result

    def healthy(comm):
        comm.split(color=0)  # so that the call has the same number: random numbers depend on it
        return call(comm, values(LARGE, comm.rank))

    expected = skimp.run_threads(4, healthy)
    for rank, outcome in enumerate(outcomes(4, worker)):
        broken, again, result = outcome.result
        assert same_bits(result, expected[rank])
        assert broken.kind is again.kind is (skimp.MismatchError if rank < 2 else None)


def test_a_group_inherits_the_deadline():
    def worker(comm):
        part = comm.split(color=0)
        if comm.rank == 1:
            time.sleep(1.5)
        else:
            part.barrier()

    first, second = outcomes(2, worker, timeout=0.5)
    assert first.kind is skimp.TimeoutError
    assert second.error is None


def test_ranks_that_disagree_on_splitting():
    def worker(comm):
        comm.split(color=0) if comm.rank else comm.barrier()

    for outcome in outcomes(3, worker):
        assert outcome.kind is skimp.MismatchError
        assert "rank 0 " in outcome.message
