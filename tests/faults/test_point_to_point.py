"""Messages between two ranks that go wrong: no hang, no garbage, and every rank hears of it."""

import re
import threading
import time

import numpy as np
import pytest
import skimp
import skimp.testing

from tests.faults.calls import LARGE, SMALL, values
from tests.faults.ranks import PROMPT, attempt, outcomes

SIZES = pytest.mark.parametrize("count", [SMALL // 8, LARGE])  # one message; header and payload


@SIZES
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: x[:-1], "rank 0 sends count = {count}, rank 1 receives count = {less}"),
        (
            lambda x: x.astype(np.float16),
            "rank 0 sends dtype = float32, rank 1 receives dtype = float16",
        ),
        (
            lambda x: x[:-1].astype(np.float64),
            "sends count = {count}, dtype = float32, rank 1 receives count = {less}, "
            "dtype = float64",
        ),
    ],
)
def test_mismatch(count, change, says):
    """The receiver raises it, with both values; the sender and the others in their next call."""
    says = says.format(count=count, less=count - 1)

    def worker(comm):
        x = values(count)
        if comm.rank == 0:
            comm.send(x, 1)
        if comm.rank == 1:
            like = change(x)
            out = like.copy()
            first = attempt(comm.recv, 0, out=out)
            assert np.array_equal(out, like), "nothing was written"
            return first, attempt(comm.send, x, 0), attempt(comm.barrier)
        return attempt(comm.barrier), attempt(comm.send, x, 1), attempt(comm.recv, 1, like=x)

    for outcome in outcomes(3, worker):
        for one in outcome.result:
            assert one.kind is skimp.MismatchError
            assert says in one.message, one.message
            assert one.seconds < PROMPT
        assert all("an earlier call" in one.message for one in outcome.result[1:])


def test_a_sender_hears_of_a_mismatch_in_its_next_messages():
    def worker(comm):
        if comm.rank == 1:
            return attempt(comm.recv, 0, like=values(9))
        comm.send(values(8), 1)
        time.sleep(0.3)
        return attempt(comm.send, values(8), 1)

    for outcome in outcomes(2, worker):
        assert outcome.result.kind is skimp.MismatchError
        assert "rank 0 sends count = 8, rank 1 receives count = 9" in outcome.result.message


@SIZES
@pytest.mark.parametrize("feedback", [False, True])
def test_silent_receiver_and_sender(count, feedback):
    over = threading.Event()

    def worker(comm):
        x = values(count)
        codec = skimp.ErrorFeedback(skimp.Identity()) if feedback else None
        if comm.rank == 1:
            over.wait(PROMPT)
            return None
        if comm.rank == 0:
            outcome = attempt(comm.send, x, 1, codec=codec)
            if outcome.error is None:  # a small message is on its way at once
                outcome = attempt(comm.recv, 1, like=x)
            elif feedback:
                assert codec.step == 0
            over.set()
            return outcome
        time.sleep(0.5)  # who waits less long hears the first cause, and does not blame rank 0
        return attempt(comm.recv, 0, like=x)

    ranks = outcomes(3, worker, timeout=1.0)
    assert ranks[0].result.kind is skimp.TimeoutError
    assert "rank 1 did not answer rank 0 within 1 s" in ranks[0].result.message
    assert ranks[0].result.seconds > 0.9
    assert ranks[2].result.kind is skimp.TimeoutError
    assert "rank 1 did not answer rank 0" in ranks[2].result.message


def test_two_that_wait_for_each_other():
    def worker(comm):
        return attempt(comm.recv, 1 - comm.rank, like=values(8))

    for outcome in outcomes(2, worker, timeout=0.5):
        assert outcome.result.kind is skimp.TimeoutError
        assert re.search(r"rank \d did not answer rank \d", outcome.result.message)


def test_a_tag_that_never_comes():
    def worker(comm):
        if comm.rank == 0:
            comm.send(values(8), 1, tag=3)
            time.sleep(1)
            return attempt(comm.barrier)
        return attempt(comm.recv, 0, like=values(8), tag=4)

    for outcome in outcomes(2, worker, timeout=0.5):
        assert outcome.result.kind is skimp.TimeoutError
        assert "tag=4" in outcome.result.message
        assert "has tag 3" in outcome.result.message


@SIZES
def test_a_worker_that_raises(count):
    """Whoever waits for it, or for somebody who does, hears why."""
    others = {}

    def worker(comm):
        x = values(count)
        comm.barrier()
        if comm.rank == 3:
            raise KeyError("no such layer")
        if comm.rank == 2:
            others[2] = attempt(comm.recv, 3, like=x)
        elif comm.rank == 1:
            others[1] = attempt(comm.recv, 2, like=x)
        elif comm.rank == 0:
            others[0] = attempt(comm.allreduce, x)

    with pytest.raises(KeyError, match="no such layer"):
        skimp.run_threads(4, worker, timeout=30)
    assert set(others) == {0, 1, 2}
    for outcome in others.values():
        assert outcome.kind is skimp.PeerFailed
        assert "rank 3 failed: KeyError: 'no such layer'" in outcome.message
        assert outcome.seconds < PROMPT


@SIZES
def test_a_message_that_came_is_received_though_its_sender_has_failed(count):
    def worker(comm):
        if comm.rank == 0:
            comm.send(values(count), 1)
            comm.close("out of data")
            return None
        x = comm.recv(0, like=values(count)) if count > SMALL else None
        time.sleep(0.3)
        if x is None:
            x = comm.recv(0, like=values(count))
        return np.array_equal(x, values(count)), attempt(comm.recv, 0, like=x)

    received, following = outcomes(2, worker)[1].result
    assert received
    assert following.kind is skimp.PeerFailed
    assert "out of data" in following.message


@SIZES
@pytest.mark.parametrize("fault", ["error", "corrupt", "truncate"])
def test_faults(count, fault):
    def worker(comm):
        x = values(count)
        feedback = skimp.ErrorFeedback(skimp.Quantize(8))
        if comm.rank == 0:
            comm.send(x, 1, codec=feedback)
            before = feedback.residual().copy()
            comm.recv(1, like=x[:1])
            skimp.testing.inject_fault(comm, fault, 0)
            first = attempt(comm.send, x, 1, codec=feedback)
            if first.error is not None:
                assert np.array_equal(feedback.residual(), before)
        elif comm.rank == 1:
            comm.recv(0, like=x)
            comm.send(x[:1], 0)
            first = attempt(comm.recv, 0, like=x)
        else:
            first = attempt(comm.barrier)
        return first, attempt(comm.barrier)

    ranks = outcomes(3, worker)
    kinds = [{one.kind for one in outcome.result} - {None} for outcome in ranks]
    if fault == "error":
        assert kinds == [{skimp.TransportError}, {skimp.PeerFailed}, {skimp.PeerFailed}]
    else:
        assert kinds == [{skimp.CorruptPayload}] * 3
        assert all("rank 0" in outcome.result[1].message for outcome in ranks)
    assert all(one.seconds < PROMPT for outcome in ranks for one in outcome.result)


FAULTS = {
    "error": (skimp.TransportError, skimp.PeerFailed),
    "corrupt": (skimp.CorruptPayload,),
    "truncate": (skimp.CorruptPayload,),
    "silent": (skimp.TimeoutError,),
}
"""What a fault may be on some rank, and on all that hear of it."""


def around_a_ring(count, fault=None, timeout=30.0):
    """Per rank: its send, its receive, and the barrier after; rank 1 may meet a fault."""

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Quantize(8))
        right, left = (comm.rank + 1) % 3, (comm.rank - 1) % 3
        comm.barrier()
        if fault is not None and comm.rank == 1:
            skimp.testing.inject_fault(comm, *fault)
        x = values(count, comm.rank)
        sent = attempt(comm.send, x, right, codec=feedback)
        assert feedback.step == (sent.error is None)
        return sent, attempt(comm.recv, left, like=x), attempt(comm.barrier)

    return [outcome.result for outcome in outcomes(3, worker, timeout)]


@SIZES
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_any_exchange(count, kind):
    """Every rank ends in an error of the right class, or receives what it should have."""
    healthy = around_a_ring(count)
    exchange, over = 0, False
    while not over:
        patience = 0.5 if kind == "silent" else 30.0
        ranks = around_a_ring(count, (kind, exchange), patience)
        for (sent, received, _), (_, right, _) in zip(ranks, healthy, strict=True):
            for one in (sent, received):
                assert one.error is None or one.kind in FAULTS[kind], one
                assert one.seconds < PROMPT
            assert received.error is not None or np.array_equal(received.result, right.result)
        over = all(sent.error is None and received.error is None for sent, received, _ in ranks)
        if not over:
            assert all(after.error is not None for *_, after in ranks), "it has left no trace"
        exchange += 1
    assert exchange > 1


def test_a_collective_does_not_take_a_message():
    """Rank 0 waits in a send, rank 1 in a collective: each has its deadline."""

    def worker(comm):
        x = values(LARGE)
        if comm.rank == 0:
            return attempt(comm.send, x, 1)
        return attempt(comm.allreduce, x)

    for outcome in outcomes(2, worker, timeout=0.5):
        assert outcome.result.kind is skimp.TimeoutError


def test_closed():
    def worker(comm):
        comm.close()
        return attempt(comm.send, values(8), 1 - comm.rank).kind

    assert [o.result for o in outcomes(2, worker)] == [skimp.ClosedError] * 2
