"""How ranks find each other without MPI, by a file or by torch; and what is said when they fail."""

import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
import skimp

from tests.faults.ranks import attempt


def join(file, rank, world_size=2, timeout=20.0, **options):
    return skimp.tcp(file=file, rank=rank, world_size=world_size, timeout=timeout, **options)


def together(*calls):
    """What became of calls in a thread each, in their order."""
    outcomes = [None] * len(calls)

    def run(i):
        outcomes[i] = attempt(calls[i])

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ranks"


def waits_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_file_is_there_only_while_ranks_join(file):
    def look():
        waits_for(file.exists)
        seen = file.read_text("ascii"), stat.S_IMODE(file.stat().st_mode)
        return join(file, 1), seen

    first, second = together(lambda: join(file, 0), look)
    assert (first.result.rank, first.result.world_size, first.result.transport) == (0, 2, "tcp")
    comm, (text, mode) = second.result
    assert comm.rank == 1
    assert re.fullmatch(r"skimp-1 [\d.]+ \d+ [0-9a-f]{32}", text)
    assert mode == 0o600, "the token is nobody else's"
    assert list(file.parent.iterdir()) == []


def test_alone(file):
    comm = join(file, 0, world_size=1)
    assert comm.allreduce(np.ones(3, np.float32)).tolist() == [1, 1, 1]


def test_addresses(file):
    first, second = together(
        lambda: join(file, 0, address="127.0.0.1"), lambda: join(file, 1, address="127.0.0.1")
    )
    assert {first.error, second.error} == {None}
    with pytest.raises(
        skimp.InvalidArgument, match=r"cannot listen at 192\.0\.2\.1, which must be"
    ):
        join(file, 0, address="192.0.2.1")


@pytest.mark.parametrize("left", ["nobody", "a stranger", "no id", "another version"])
def test_a_file_of_an_earlier_job(file, left):
    """Rank 1 reads it before rank 0 comes; where it says nobody listens now, or somebody else, who
    does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if left == "nobody":
            listener.close()
        text = f"skimp-{1 + (left == 'another version')} 127.0.0.1 {port} {'0' * 32}"
        file.write_text("" if left == "no id" else text)

        def later():
            if left == "a stranger":
                listener.accept()
            else:
                time.sleep(0.3)
            return join(file, 0)

        outcomes = together(later, lambda: join(file, 1))
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert all(outcome.seconds < 10 for outcome in outcomes)


def test_strangers_are_sent_away(file):
    """Who does not know the token is no rank, whatever it says."""

    def knock():
        waits_for(file.exists)
        address, port = file.read_text().split()[1:3]
        nested = b"\x40\x0d\x03\0" + b"[" * 200_000
        for words in (b"GET / HTTP/1.1\r\n\r\n", b"\x02\0\0\0{}", b"\x02\0\0\0[]", nested):
            stranger = socket.create_connection((address, int(port)))
            with stranger, suppress(ConnectionError):
                stranger.sendall(words)
                assert stranger.recv(1) == b""
        return join(file, 1)

    outcomes = together(lambda: join(file, 0), knock)
    assert [outcome.error for outcome in outcomes] == [None, None]


def test_ranks_that_do_not_come(file):
    first, second = together(lambda: join(file, 0, 4, 1.0), lambda: join(file, 2, 4, 5.0))
    assert first.kind is second.kind is skimp.TimeoutError
    assert "of 4 ranks, 1, 3 did not join rank 0 within 1 s" in first.message
    assert first.message == second.message
    assert not file.exists()


@pytest.mark.parametrize(
    ("left", "why"),
    [
        (None, "nothing is in .*ranks"),
        ("skimp-1 127.0.0.1 1 aa", ".*ranks says 'skimp-1 127.0.0.1 1 aa': .*refused"),
        ("", ".*ranks says '': that is not skimp-1 ADDRESS PORT TOKEN"),
    ],
)
def test_no_rank_0(file, left, why):
    if left is not None:
        file.write_text(left)
    with pytest.raises(skimp.TimeoutError, match=f"has not found rank 0 within 0.5 s: {why}"):
        join(file, 1, timeout=0.5)


def test_world_sizes_that_differ(file):
    first, second = together(lambda: join(file, 0, 2), lambda: join(file, 1, 3))
    assert first.kind is second.kind is skimp.MismatchError
    assert first.message == second.message
    assert "rank 1 was given world_size = 3, rank 0 2" in first.message


def test_a_rank_that_is_there_twice(file):
    outcomes = together(*(lambda rank=rank: join(file, rank, 3) for rank in (0, 1, 1)))
    assert all(outcome.kind is skimp.MismatchError for outcome in outcomes)
    assert all("rank 1 is at " in outcome.message for outcome in outcomes)


def test_two_ranks_0(file):
    def second():
        waits_for(file.exists)
        return join(file, 0, timeout=1.0)

    outcomes = together(lambda: join(file, 0, timeout=1.0), second)
    assert outcomes[0].kind is skimp.MismatchError
    assert "names another rank 0, before all ranks had joined" in outcomes[0].message
    assert outcomes[1].kind is skimp.TimeoutError


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "give torch.distributed"),
        ({"file": "x"}, "needs rank and world_size"),
        ({"file": "x", "rank": 2, "world_size": 2}, "rank = 2 is not from 0 to 1"),
        ({"file": "x", "rank": -1, "world_size": 2}, "rank = -1 is not from 0 to 1"),
        ({"file": "x", "rank": 0, "world_size": 0}, "world_size = 0 must be at least 1"),
        ({"file": "x", "rank": 0, "world_size": 1, "timeout": -1}, "timeout = -1 must be above 0"),
        ({"file": "x", "rank": 0, "world_size": 1, "timeout": float("nan")}, "timeout = nan must"),
        ({"group": object(), "file": "x"}, "give torch.distributed"),
        ({"group": object()}, "neither torch.distributed nor a group"),
        ({"group": object(), "rank": 0}, "are those of the group"),
    ],
)
def test_arguments(arguments, why):
    with pytest.raises(skimp.InvalidArgument, match=why):
        skimp.tcp(**arguments)


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "no" / "ranks", tmp_path / "folder"):
        with pytest.raises(skimp.TransportError, match="rank 0 cannot write"):
            join(path, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


PROGRAM = """
import sys, numpy as np, skimp, torch
rank = int(sys.argv[2])
try:
    skimp.tcp(torch.distributed)
except skimp.InvalidArgument as error:
    assert "init_process_group first" in str(error)
torch.distributed.init_process_group(
    "gloo", init_method=f"file://{sys.argv[1]}", rank=rank, world_size=3)
odd = torch.distributed.new_group([2, 1])
comm = skimp.tcp(torch.distributed)
total = comm.allreduce(torch.full((1000,), float(rank)), op="sum", codec=skimp.Identity())
print(comm.rank, float(total[0]))
if rank != 0:
    part = skimp.tcp(odd)
    print(part.rank, part.world_size, part.transport)
try:
    skimp.nccl(torch.distributed, device=0)
except (skimp.TransportError, skimp.PeerFailed) as error:
    assert "/nowhere/libnccl.so" in str(error), error
"""


def test_torch(file):
    pytest.importorskip("torch")
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, file, str(rank)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SKIMP_NCCL_LIBRARY": "/nowhere/libnccl.so"},
        )
        for rank in range(3)
    ]
    said = [rank.communicate(timeout=120)[0].split("\n") for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0, 0]
    assert [lines[0] for lines in said] == ["0 3.0", "1 3.0", "2 3.0"]
    assert {said[1][1], said[2][1]} == {"0 2 tcp", "1 2 tcp"}
