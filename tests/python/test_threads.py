"""Ranks as threads: results by rank, and which of several exceptions is raised."""

import threading
import time

import numpy as np
import pytest
import skimp


def test_results_by_rank():
    assert skimp.run_threads(3, lambda comm, *rest: (comm.rank, *rest), "a", 2) == [
        (0, "a", 2),
        (1, "a", 2),
        (2, "a", 2),
    ]
    assert skimp.run_threads(1, lambda comm: None) == [None]


@pytest.mark.parametrize("world_size", [0, -1])
def test_no_ranks(world_size):
    with pytest.raises(skimp.InvalidArgument, match=str(world_size)):
        skimp.run_threads(world_size, lambda comm: None)


def test_ranks_run_side_by_side():
    """A barrier of Python inside: calls of one rank must not hold up the Python of another."""
    barrier = threading.Barrier(3, timeout=20)

    def worker(comm):
        comm.allreduce(np.ones(1000, np.float32))
        if comm.rank == 0:
            barrier.wait()  # while the others, past theirs, wait for it in C++
            time.sleep(0.1)
        else:
            barrier.wait()
        comm.barrier()
        return True

    assert skimp.run_threads(3, worker) == [True] * 3


def test_the_first_cause_is_raised():
    def worker(comm):
        if comm.rank == 2:
            raise KeyError("lost")
        comm.allreduce(np.ones(8, np.float32))

    begin = time.monotonic()
    with pytest.raises(KeyError, match="lost") as caught:
        skimp.run_threads(3, worker)
    assert time.monotonic() - begin < 30
    notes = caught.value.__notes__
    assert "rank 2" in notes[0]
    assert sum("PeerFailed: " in note and "lost" in note for note in notes) == 2


def test_a_failure_reaches_those_who_wait_in_a_part():
    def worker(comm):
        part = comm.split(color=0)
        if comm.rank == 1:
            raise KeyError("lost")
        part.barrier()

    begin = time.monotonic()
    with pytest.raises(KeyError):
        skimp.run_threads(2, worker)
    assert time.monotonic() - begin < 30


def test_system_exit_is_raised_too():
    def worker(comm):
        if comm.rank == 0:
            raise SystemExit(3)
        comm.barrier()

    with pytest.raises(SystemExit):
        skimp.run_threads(2, worker)


def test_timeout_is_that_of_every_rank():
    def worker(comm):
        if comm.rank == 0:
            comm.barrier()

    with pytest.raises(skimp.TimeoutError, match=r"0\.2"):
        skimp.run_threads(2, worker, timeout=0.2)
    with pytest.raises(skimp.InvalidArgument, match="-1"):
        skimp.run_threads(2, worker, timeout=-1)


def test_a_communicator_that_escapes_is_closed():
    comm = skimp.run_threads(2, lambda comm: comm)[0]
    with pytest.raises(skimp.ClosedError):
        comm.barrier()


def test_worlds_within_worlds():
    def inner(comm, offset):
        return float(comm.allreduce(np.float32(comm.rank + offset)))

    def outer(comm):
        return sum(skimp.run_threads(2, inner, comm.rank))

    assert skimp.run_threads(2, outer) == [1.0, 3.0]


def test_split():
    def worker(comm):
        part = comm.split(color=comm.rank % 2 if comm.rank < 4 else -1, key=-comm.rank)
        if part is None:
            return None
        return part.allgather(np.float32(comm.rank)).tolist()

    assert skimp.run_threads(5, worker) == [[2, 0], [3, 1], [2, 0], [3, 1], None]
