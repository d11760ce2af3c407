"""Ranks that TCP connects: the bits that threads have, and the end of a process noticed at once.
Most ranks here are threads all the same, with real connections between them."""

import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest
import skimp
import skimp.testing
from skimp import _objects

from tests.comparing import same_bits
from tests.faults.calls import CALLS, LARGE, SMALL, values
from tests.faults.ranks import PATIENCE, PROMPT, attempt
from tests.pairwise import parametrize

MARK = 0x50544B53


def over_tcp(file, world_size, worker, timeout=PATIENCE):
    """What ``worker(comm)`` returns on each rank, connected by TCP, or what it raises."""

    def connected(comm):
        with skimp.tcp(file=file, rank=comm.rank, world_size=world_size, timeout=timeout) as tcp:
            return attempt(worker, tcp)

    return skimp.run_threads(world_size, connected)


@pytest.fixture
def world(tmp_path):
    return partial(over_tcp, tmp_path / "ranks")


@pytest.fixture
def pair():
    """Rank 0 of two, and the bare socket that is rank 1 to it."""
    own, other = socket.socketpair()
    comm = skimp.Communicator(_objects.tcp_create(0, [-1, own.detach()]))
    comm.set_timeout(PATIENCE)
    with other:
        yield comm, other


@parametrize(
    call=CALLS, count=(SMALL, LARGE), world_size=(1, 2, 3, 4), segment=(0, 1000), window=(1, 4)
)
def test_same_bits_as_threads(world, call, count, world_size, segment, window):
    def worker(comm):
        comm.set_pipeline(segment, window)
        feedback, got = call.feedback(), []
        for step in range(2):
            x = values(count, comm.rank + step)
            got += [call(comm, x, codec=feedback), call.state(feedback)]
        return got, comm.report.bytes_sent

    expected = skimp.run_threads(world_size, worker)
    for outcome, (arrays, sent) in zip(world(world_size, worker), expected, strict=True):
        assert outcome.error is None
        assert all(same_bits(a, b) for a, b in zip(outcome.result[0], arrays, strict=True))
        assert outcome.result[1] == sent


def test_more_than_sockets_hold(world):
    """All send before any can receive; then messages, whose receiver has something else to do."""
    count = 3_000_000

    def worker(comm):
        x = np.full(count, comm.rank, np.float32)
        mean = comm.allreduce(x, codec=skimp.Identity(), algorithm="dense_direct")
        comm.send(x, (comm.rank + 1) % comm.world_size, tag=3)
        comm.barrier()
        got = comm.recv(like=x, source=(comm.rank - 1) % comm.world_size, tag=3)
        return set(mean), set(got)

    outcomes = world(3, worker)
    assert [outcome.result for outcome in outcomes] == [({1.0}, {(r - 1) % 3}) for r in range(3)]


def test_parts(world):
    def worker(comm):
        part = comm.split(color=comm.rank % 2, key=-comm.rank)
        sums = [each.allreduce(np.ones(5, np.float32), op="sum") for each in (part, comm, part)]
        return part.transport, part.rank, [float(each[0]) for each in sums]

    results = [outcome.result for outcome in world(3, worker)]
    assert results == [("tcp", 1, [2, 3, 2]), ("tcp", 0, [1, 3, 1]), ("tcp", 0, [2, 3, 2])]


@pytest.mark.parametrize("fault", ["error", "corrupt", "truncate"])
@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_the_first_cause_travels(world, fault, count):
    def worker(comm):
        if comm.rank == 2:
            skimp.testing.inject_fault(comm, fault, 3)
        for _ in range(3):
            comm.allreduce(values(count, comm.rank), codec=skimp.Quantize(8))
        comm.barrier()

    outcomes = world(3, worker)
    assert all(outcome.seconds < PROMPT for outcome in outcomes)
    cause = "told to fail" if fault == "error" else "rank 2"
    assert all(cause in outcome.message for outcome in outcomes), outcomes


def test_ranks_that_disagree(world):
    def worker(comm):
        comm.allreduce(values(LARGE + comm.rank // 2, comm.rank), codec=skimp.Quantize(8))

    for outcome in world(3, worker):
        assert outcome.kind is skimp.MismatchError
        assert "rank 2" in outcome.message


def test_a_silent_rank(world):
    over = threading.Event()

    def worker(comm):
        if comm.rank == 1:
            return over.wait(PATIENCE)
        with pytest.raises(skimp.TimeoutError, match="rank 1 did not answer rank 0"):
            comm.barrier()
        return over.set()

    first, second = world(2, worker, timeout=1.0)
    assert (first.error, second.result) == (None, True)


PROGRAM = """
import os, signal, sys, time, numpy as np, skimp
rank, world_size = int(sys.argv[2]), int(sys.argv[3])
comm = skimp.tcp(file=sys.argv[1], rank=rank, world_size=world_size, timeout=60)
x = np.ones(100_000, np.float32)
comm.allreduce(x, codec=skimp.Sign())
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
begin = time.monotonic()
try:
    comm.recv(like=x, source=1) if sys.argv[4] == "message" else comm.allreduce(x)
except skimp.PeerFailed as error:
    print(time.monotonic() - begin < 20, error)
"""


@pytest.mark.parametrize("what", ["collective", "message"])
def test_a_process_that_is_killed(tmp_path, what):
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, tmp_path / "ranks", str(rank), "3", what],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(3)
    ]
    said = [rank.communicate(timeout=120)[0] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, -signal.SIGKILL, 0]
    assert all(said[rank].startswith("True ") for rank in (0, 2)), said
    assert all("rank 1 has gone: " in said[rank] for rank in (0, 2)), said


def test_who_has_gone_need_not_be_there(world):
    """Nobody needs rank 2 any more; and what it sent before it went has come."""
    gone = threading.Event()

    def worker(comm):
        if comm.rank == 2:
            comm.send(np.full(LARGE, 7, np.float32), 0)
            return comm
        gone.wait(PATIENCE)
        time.sleep(0.1)  # the ends of the connections arrive
        x = np.full(LARGE, comm.rank, np.float32)
        comm.send(x, 1 - comm.rank)
        got = comm.recv(like=x, source=1 - comm.rank)
        if comm.rank == 0:
            return got, comm.recv(like=x, source=2), attempt(comm.send, x, 2)
        return got

    def connected(comm):
        tcp = skimp.tcp(file=file, rank=comm.rank, world_size=3, timeout=PATIENCE)
        result = worker(tcp)
        if comm.rank == 2:
            del tcp, result
            gone.set()
            return None
        return result

    file = world.args[0]
    (got, late, refused), other, _ = skimp.run_threads(3, connected)
    assert (set(got), set(late), set(other)) == ({1.0}, {7.0}, {0.0})
    assert "rank 2 has gone: it closed its connection" in refused.message


def test_many_large_frames_at_a_time(world):
    """More than sockets take: a header that waits its turn is read from where it lay at first."""

    def worker(comm):
        x = np.full((comm.world_size, 3_000_000), comm.rank, np.float32)
        for _ in range(3):
            comm.alltoall(x, out=x)
            assert (x == np.arange(comm.world_size)[:, None]).all()
            x[:] = comm.rank

    assert [rank.error for rank in world(5, worker)] == [None] * 5


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no message of Skimp's"),
        (struct.pack("<IiQ", MARK, -1, 8), "no message of Skimp's"),
        (struct.pack("<IiQ", MARK, 0, 0), "no message of Skimp's"),
        (struct.pack("<IiQ", MARK, 0, 1 << 60), "longer than|at most 4096"),
        (struct.pack("<IiQ", MARK, 9, 1 << 60) + bytes(1 << 17), "closed its connection"),
        (struct.pack("<IiQ", MARK, 0, 64)[:9], "closed its connection"),
        (struct.pack("<IiQ", MARK, 0, 64) + bytes(64), "frame"),
    ],
)
def test_bytes_that_skimp_did_not_send(pair, data, why):
    """In particular no memory is taken for what only a prefix says will come."""
    comm, other = pair
    other.sendall(data)
    other.shutdown(socket.SHUT_WR)
    with pytest.raises(skimp.Error, match=why):
        comm.barrier()


def test_connections_must_be_streams():
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    not_a_stream = pytest.raises(skimp.InvalidArgument, match="for rank 1, is not a stream socket")
    with datagrams, not_a_stream:
        _objects.tcp_create(0, [-1, datagrams.fileno()])
    with pytest.raises(skimp.InvalidArgument, match="rank 2 of 2 is not a rank"):
        _objects.tcp_create(2, [-1, -1])
