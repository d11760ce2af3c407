"""Threads of a rank: how many may be asked for, and what becomes of an error in one.

test_segments shows that they change no bit.
"""

import numpy as np
import pytest
import skimp
import skimp.testing


@pytest.mark.parametrize("threads", [0, -1, 1025])
def test_impossible_threads(threads):
    def worker(comm):
        with pytest.raises(skimp.InvalidArgument, match=f"threads = {threads} is not from 1 to"):
            comm.set_threads(threads)

    skimp.run_threads(1, worker)


@pytest.mark.parametrize(("asked", "runs"), [("2", True), ("", True), ("0", False), ("2x", False)])
def test_threads_of_the_environment(asked, runs, monkeypatch):
    monkeypatch.setenv("SKIMP_THREADS", asked)
    if runs:
        assert skimp.run_threads(2, lambda comm: comm.rank) == [0, 1]
    else:
        with pytest.raises(skimp.InvalidArgument, match=f"SKIMP_THREADS = '{asked}' is not"):
            skimp.run_threads(2, lambda comm: comm.rank)


def test_a_corrupt_segment_is_reported_from_any_thread():
    """The first segment's error, though others are decoded at the same time."""

    def worker(comm):
        comm.set_pipeline(segment=64)
        comm.set_threads(3)
        if comm.rank == 0:
            skimp.testing.inject_fault(comm, "corrupt", exchange=4)
        comm.allreduce(np.ones(4000, np.float32), codec=skimp.Quantize(8), algorithm="two_phase")

    with pytest.raises(skimp.CorruptPayload):
        skimp.run_threads(2, worker, timeout=10)
