"""send and recv: what arrives is what the codec delivers, and nobody else is out of step."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.oracle.codec import Draws
from tests.pairwise import parametrize
from tests.tables import CODECS, DTYPES, SOME_DATA, array, exceeds

STEPS = 2
WORLDS = range(2, 10)
SMALL, LARGE = 100, 100_000  # float32 frames of one message, and of header and payload


def delivered(codec, x, residual, step, rank):
    """What arrives of x, and what is left out."""
    used = oracle.codec(codec)
    draws = Draws(call=step, lane=rank)
    payload, rest, _ = oracle.encode(used, x, residual, draws)
    return oracle.narrow(used.decode(payload, len(x), x.dtype), x.dtype), rest, len(payload)


@parametrize(
    codec=CODECS,
    data=SOME_DATA,
    count=(0, 1, 5, 33, 257, 2049),
    world_size=WORLDS,
    dtype=DTYPES,
    feedback=(True, False),
)
def test_around_a_ring(codec, data, count, world_size, dtype, feedback):
    inputs = [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(world_size)]
        for step in range(STEPS)
    ]

    def worker(comm):
        used = skimp.codec(codec)
        used = skimp.ErrorFeedback(used) if feedback else used
        right, left = (comm.rank + 1) % world_size, (comm.rank - 1) % world_size
        results = []
        for step in range(STEPS):
            comm.send(inputs[step][comm.rank], right, codec=used)
            sent = comm.report
            x = comm.recv(left, like=inputs[step][comm.rank])
            results.append((sent, comm.report, x, used.residual().copy() if feedback else None))
        return results

    if exceeds(codec, count):
        with pytest.raises(skimp.InvalidArgument):
            skimp.run_threads(world_size, worker)
        return
    ranks = skimp.run_threads(world_size, worker)
    for rank in range(world_size):
        residual = np.zeros(count, oracle.accumulator(inputs[0][0].dtype)) if feedback else None
        for step in range(STEPS):
            x, rest, payload_bytes = delivered(codec, inputs[step][rank], residual, step, rank)
            residual = rest if feedback else None
            sent, _, _, left_out = ranks[rank][step]
            _, received, y, _ = ranks[(rank + 1) % world_size][step]
            assert same_bits(y, x)
            assert not feedback or same_bits(left_out, residual)
            assert sent.bytes_sent == received.bytes_received == 64 + payload_bytes
            assert sent.bytes_sent <= sent.predicted_bytes
            assert (sent.bytes_received, received.bytes_sent) == (0, 0)
            assert sent.nonfinite == received.nonfinite
            assert sent.dense_bytes == 64 + inputs[step][rank].nbytes


@pytest.mark.parametrize("world_size", WORLDS)
def test_along_a_pipeline_while_others_do_something_else(world_size):
    """Each pair sends its own number of messages; the calls of all ranks stay in step."""

    def worker(comm):
        x = np.full(SMALL, comm.rank, np.float32)
        seen = []
        for turn in range(3):
            if comm.rank > 0:
                for _ in range(comm.rank):
                    seen.append(float(comm.recv(comm.rank - 1, like=x)[0]))
            if comm.rank + 1 < comm.world_size:
                for i in range(comm.rank + 1):
                    comm.send(x + 100 * turn + 10 * i, comm.rank + 1)
            seen.append(float(comm.allreduce(x)[0]))
            if turn == 1:
                comm.barrier()
        return seen

    for rank, seen in enumerate(skimp.run_threads(world_size, worker)):
        mean = (world_size - 1) / 2
        expected = [
            value
            for turn in range(3)
            for value in [*(rank - 1 + 100 * turn + 10 * i for i in range(rank)), mean]
        ]
        assert seen == expected


@pytest.mark.parametrize("count", [SMALL, LARGE])
@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_all_may_send_to_all_before_they_receive(count, world_size):
    def worker(comm):
        others = [rank for rank in range(world_size) if rank != comm.rank]
        for i in range(3):
            for other in others:
                comm.send(np.full(count, 10 * comm.rank + i, np.float32), other)
        out = np.empty(count, np.float32)
        return [
            (other, i, float(comm.recv(other, out=out)[-1])) for other in others for i in range(3)
        ]

    for received in skimp.run_threads(world_size, worker, timeout=60):
        assert all(value == 10 * other + i for other, i, value in received)


@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_a_wait_for_one_rank_takes_in_what_others_send(count):
    """Rank 2 waits in a send to 0, which waits for 1, which waits for 2."""

    def worker(comm):
        x = np.full(count, comm.rank, np.float32)
        if comm.rank == 2:
            comm.send(x, 0)
            comm.send(x, 1)
            return None
        if comm.rank == 1:
            comm.send(comm.recv(2, like=x) + 1, 0)
            return None
        return float(comm.recv(1, like=x)[0]), float(comm.recv(2, like=x)[0])

    assert skimp.run_threads(3, worker, timeout=60)[0] == (3, 2)


@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_tags_are_received_in_any_order(count):
    def worker(comm):
        x = np.zeros(count, np.float32)
        if comm.rank == 0:
            for tag in (7, 0, 7, 2**31 - 1):
                x += 1
                comm.send(x, 1, tag=tag)
            return None
        return [float(comm.recv(0, like=x, tag=tag)[0]) for tag in (2**31 - 1, 7, 7, 0)]

    assert skimp.run_threads(2, worker)[1] == [4, 1, 3, 2]


def test_layouts_kinds_and_buckets():
    def worker(comm):
        x = np.arange(24, dtype=np.float32).reshape(4, 6)
        bucket = {"a": x, "b": [x[0].astype(np.float64)]}
        if comm.rank == 0:
            comm.send(x.T, 1)
            comm.send(x[::2, ::3], 1)
            comm.send(memoryview(x).cast("B").cast("f"), 1)
            comm.send(bucket, 1)
            return None
        transposed = np.empty((6, 4), np.float32)
        assert comm.recv(0, out=transposed) is transposed
        strided = np.zeros((4, 6), np.float32)
        comm.recv(0, out=strided[1::2, 1::3])
        flat = comm.recv(0, like=np.empty(24, np.float32))
        return transposed, strided, flat, comm.recv(0, like=bucket)

    transposed, strided, flat, bucket = skimp.run_threads(2, worker)[1]
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert same_bits(transposed, np.ascontiguousarray(x.T))
    assert same_bits(strided[1::2, 1::3].copy(), x[::2, ::3].copy())
    assert np.count_nonzero(strided) == np.count_nonzero(x[::2, ::3])
    assert same_bits(flat, x.reshape(-1))
    assert same_bits(bucket["a"], x)
    assert same_bits(bucket["b"][0], x[0].astype(np.float64))


def test_low_rank_travels_with_its_shapes_and_memory():
    def worker(comm):
        x = np.random.default_rng(0).standard_normal((40, 30), np.float32)
        if comm.rank == 0:
            feedback = skimp.ErrorFeedback(skimp.LowRank(2))
            for _ in range(20):
                comm.send(x, 1, codec=feedback)
            return feedback.residual().copy(), comm.report.saving
        return sum(comm.recv(0, like=x) for _ in range(20))

    (residual, saving), total = skimp.run_threads(2, worker)
    x = np.random.default_rng(0).standard_normal((40, 30), np.float32)
    assert saving > 5
    assert np.allclose(total + residual, 20 * x, atol=1e-3)  # nothing is lost


def test_within_and_beside_a_split():
    def worker(comm):
        x = np.full(4, comm.rank, np.float32)
        part = comm.split(color=comm.rank % 2)
        if part.rank == 0:
            part.send(x, 1)
            comm.send(x, comm.rank + 2, tag=1)
            return None
        whole = float(comm.recv(comm.rank - 2, like=x, tag=1)[0])
        return whole, float(part.recv(0, like=x)[0])

    assert skimp.run_threads(4, worker)[2:] == [(0, 0), (1, 1)]


def test_stochastic_rounding_differs_from_message_to_message():
    def worker(comm):
        x = np.full(512, 0.3, np.float32)
        x[::256] = 1
        codec = skimp.Quantize(2, rounding="stochastic")
        if comm.rank == 0:
            for _ in range(400):
                comm.send(x, 1, codec=codec)
            return None
        return np.mean([comm.recv(0, like=x) for _ in range(400)], axis=0)

    assert np.abs(skimp.run_threads(2, worker)[1][1:256] - 0.3).max() < 0.15


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda comm, x: comm.send(x, comm.rank), "is this rank itself"),
        (lambda comm, x: comm.recv(comm.rank, like=x), "is this rank itself"),
        (lambda comm, x: comm.send(x, 2), "there is no rank 2 among ranks 0 to 1"),
        (lambda comm, x: comm.recv(-1, like=x), "there is no rank -1"),
        (lambda comm, x: comm.send(x, 2**40), "exceeds"),
        (lambda comm, x: comm.send(x, 1.5), "no whole number"),
        (lambda comm, x: comm.send(x, 1 - comm.rank, tag=-1), "tag = -1 is negative"),
        (lambda comm, x: comm.recv(1 - comm.rank), "one of them"),
        (lambda comm, x: comm.recv(1 - comm.rank, like=x, out=x), "one of them"),
        (lambda comm, x: comm.send(x, 1 - comm.rank, codec=skimp.TopK(k=99)), "k = 99"),
        (lambda comm, x: comm.send(x, 1 - comm.rank, codec=skimp.EF21(skimp.Sign())), "allreduce"),
        (lambda comm, x: comm.send(x, 1 - comm.rank, key="a"), "names a residual"),
        (lambda comm, x: comm.send(x.astype(int), 1 - comm.rank), "int64"),
    ],
)
def test_what_a_rank_can_see_alone_costs_nothing(call, says):
    def worker(comm):
        x = np.ones(4, np.float32)
        with pytest.raises((skimp.InvalidArgument, skimp.UnsupportedType), match=says):
            call(comm, x)
        comm.send(x, 1 - comm.rank)  # as usable as before
        return float(comm.recv(1 - comm.rank, like=x).sum())

    assert skimp.run_threads(2, worker) == [4, 4]


def test_a_world_of_one_has_nobody_to_send_to():
    with pytest.raises(skimp.InvalidArgument, match="rank 0 is this rank itself"):
        skimp.run_threads(1, lambda comm: comm.send(np.ones(4, np.float32), 0))
