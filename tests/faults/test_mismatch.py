"""Ranks that disagree: MismatchError on every rank, naming the odd one, and nothing changes.

In that call where a rank hears of the disagreement, in its next at the latest elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import skimp

from tests.faults.calls import LARGE, SMALL, values
from tests.faults.ranks import PROMPT, attempt, outcomes
from tests.pairwise import parametrize


@dataclass(frozen=True)
class Dispute:
    """What the odd rank calls and what the others call; `says` is what a message has of each."""

    about: str
    odd: Callable
    others: Callable
    says: tuple[str, str]

    def __str__(self) -> str:
        return self.about


def allreduce(codec="quantize(bits=8)", count=0, dtype=np.float32, **options):
    """An allreduce of `count` elements more than the test's."""

    def call(comm, base):
        x = values(base + count, comm.rank).astype(dtype)
        return comm.allreduce(x, codec=skimp.codec(codec), **options)

    return call


def other(collective, **options):
    def call(comm, base):
        x = values(base, comm.rank)
        return getattr(comm, collective)(x, codec=skimp.codec("quantize(bits=8)"), **options)

    return call


DISPUTES = (
    Dispute("count", allreduce(count=1), allreduce(), ("count = ", "count = ")),
    Dispute(
        "dtype", allreduce(dtype=np.float64), allreduce(), ("dtype = float64", "dtype = float32")
    ),
    Dispute("codec", allreduce("sign"), allreduce(), ("codec = sign", "codec = quantize")),
    Dispute(
        "codec argument",
        allreduce("topk(k=100)"),
        allreduce("topk(k=101)"),
        ("codec = topk(k=100", "codec = topk(k=101"),
    ),
    Dispute(
        "broadcast codec",
        allreduce(broadcast_codec=skimp.Sign()),
        allreduce(),
        ("broadcast_codec = sign", "broadcast_codec = quantize"),
    ),
    Dispute("op", allreduce(op="sum"), allreduce(op="mean"), ("op = sum", "op = mean")),
    Dispute(
        "algorithm",
        allreduce(algorithm="gather"),
        allreduce(algorithm="two_phase"),
        ("algorithm = gather", "algorithm = two_phase"),
    ),
    Dispute(
        "dense algorithm",
        allreduce("identity", algorithm="dense_direct"),
        allreduce("identity", algorithm="dense_ring"),
        ("algorithm = dense_direct", "algorithm = dense_ring"),
    ),
    Dispute(
        "policy",
        allreduce(nonfinite="raise"),
        allreduce(),
        ("nonfinite = raise", "nonfinite = propagate"),
    ),
    Dispute("collective", other("allgather"), allreduce(), ("allgather", "allreduce")),
    # A root only sends: it may be in its next call already when it hears of it.
    Dispute("broadcast or reduce", other("broadcast"), allreduce(), ("call = ", "call = ")),
    Dispute("reduce or broadcast", allreduce(), other("broadcast"), ("call = ", "call = ")),
    Dispute("barrier", lambda comm, base: comm.barrier(), allreduce(), ("barrier", "allreduce")),
    Dispute(
        "split", lambda comm, base: comm.split(color=0), allreduce(), ("call = split", "call = all")
    ),
)

# Plans that all ranks agreed on before run without words: only their fingerprints travel.
WARM_UPS = {
    "at first": lambda dispute: (),
    "after the others' plan ran": lambda dispute: (dispute.others,) * 3,
    "after both plans ran": lambda dispute: (dispute.others, dispute.odd, dispute.others),
}


@parametrize(
    dispute=DISPUTES,
    warm_up=tuple(WARM_UPS),
    world_size=(2, 3, 4, 5),
    odd=("first", "last"),
    count=(SMALL, LARGE),
)
def test_every_rank_names_the_odd_one(dispute, warm_up, world_size, odd, count):
    odd_rank = 0 if odd == "first" else world_size - 1

    def worker(comm):
        for agreed in WARM_UPS[warm_up](dispute):
            agreed(comm, count)
        (dispute.odd if comm.rank == odd_rank else dispute.others)(comm, count)
        comm.barrier()

    for outcome in outcomes(world_size, worker):
        assert outcome.kind is skimp.MismatchError, outcome
        assert f"rank {odd_rank} " in outcome.message
        if world_size == 2:
            assert all(value in outcome.message for value in dispute.says), outcome.message
        assert outcome.seconds < PROMPT


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_a_rank_that_leaves_out_a_call(world_size, count):
    """The others are in a call that it never makes; it goes on to one that all have agreed on."""
    call = allreduce()

    def worker(comm):
        for _ in range(3):
            call(comm, count)
        if comm.rank != 1:
            call(comm, count)
        comm.broadcast(values(count, 1))
        comm.barrier()

    for outcome in outcomes(world_size, worker):
        assert outcome.kind is skimp.MismatchError, outcome
        assert "rank 1 " in outcome.message
        assert outcome.seconds < PROMPT


@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_a_root_that_makes_a_call_too_many(count):
    """A root only sends, so it may be ahead of the others before anyone notices."""
    call = allreduce()

    def worker(comm):
        for _ in range(2):
            call(comm, count)
            comm.broadcast(values(count, 1))
        comm.broadcast(values(count, 1))
        if comm.rank == 0:
            comm.broadcast(values(count, 1))
        call(comm, count)
        comm.barrier()

    for outcome in outcomes(3, worker):
        assert outcome.kind is skimp.MismatchError, outcome
        assert outcome.seconds < PROMPT


@pytest.mark.parametrize("world_size", [2, 3, 4])
@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_two_roots(world_size, count):
    def worker(comm):
        for root in range(world_size):
            comm.broadcast(values(count, root), root=root)
        last = world_size - 1
        comm.broadcast(values(count), root=last if comm.rank == last else 0)
        comm.barrier()

    for outcome in outcomes(world_size, worker):
        assert outcome.kind is skimp.MismatchError, outcome
        assert f"has root = {world_size - 1}" in outcome.message
        assert outcome.seconds < PROMPT


def test_residuals_of_different_age():
    """A rank that did not load its checkpoint would silently train on something else."""

    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        x = values(SMALL, comm.rank)
        for _ in range(3):
            comm.allreduce(x, codec=feedback)
        if comm.rank == 2:
            feedback.load_state_dict({**feedback.state_dict(), "step": np.uint64(2)})
        comm.allreduce(x, codec=feedback)

    for outcome in outcomes(3, worker):
        assert outcome.kind is skimp.MismatchError, outcome
        assert "rank 2 has residual_step = 2" in outcome.message


def test_residuals_all_loaded_agree():
    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        x = values(SMALL, comm.rank)
        comm.allreduce(x, codec=feedback)
        resumed = skimp.ErrorFeedback(skimp.Sign())
        resumed.load_state_dict(feedback.state_dict())
        return comm.allreduce(x, codec=resumed)

    assert all(outcome.error is None for outcome in outcomes(3, worker))


@pytest.mark.parametrize("warm_ups", [0, 3])
def test_residuals_stay_and_the_first_cause_is_repeated(warm_ups):
    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        x = values(LARGE, comm.rank)
        comm.allreduce(x, codec=feedback)
        for _ in range(warm_ups):
            comm.allreduce(x, codec=feedback)
        before = feedback.state_dict()
        op = "sum" if comm.rank == 1 else "mean"
        first = attempt(comm.allreduce, x, codec=feedback, op=op)
        assert before["step"] == feedback.step == warm_ups + 1
        np.testing.assert_array_equal(before["residual"], feedback.residual())
        return first, attempt(comm.allreduce, x), attempt(comm.barrier), attempt(comm.split, 0)

    for outcome in outcomes(3, worker):
        first, *later = outcome.result
        assert first.kind is skimp.MismatchError
        for again in later:
            assert again.kind is skimp.MismatchError
            assert first.message in again.message
            assert again.seconds < 1
