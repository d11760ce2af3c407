"""Bytes on the wire: the formulas count what the transport counts, and the savings are there."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.collectives.methods import METHODS
from tests.oracle.collectives import shards
from tests.pairwise import parametrize

HEADER = oracle.HEADER_BYTES


@parametrize(method=METHODS, world_size=(2, 3, 5, 8), count=(1, 100, 10_000), dtype=("float32",))
def test_counted_is_predicted(method, world_size, count, dtype):
    if method.refuses(count, world_size):
        return

    def worker(comm):
        x = np.ones(count, dtype)
        plan = comm.plan_allreduce(like=x, codec=skimp.codec(method.codec), **method.options())
        predicted = plan.report
        plan.run(x)
        return predicted, plan.report

    reports = skimp.run_threads(world_size, worker)
    for predicted, counted in reports:
        assert predicted.bytes_sent == 0
        assert predicted.predicted_bytes == counted.predicted_bytes
        if method.is_bounded:
            assert counted.bytes_sent <= counted.predicted_bytes
        else:
            assert counted.bytes_sent == counted.predicted_bytes
        assert predicted.rounds == counted.rounds
    sent, received = (
        sum(getattr(report, field) for _, report in reports)
        for field in ("bytes_sent", "bytes_received")
    )
    assert sent == received


@pytest.mark.parametrize("codec", ["sign", "quantize(bits=4)", "topk(density=0.1)"])
@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_two_phase_from_the_payloads(codec, world_size):
    """Written out: every foreign shard up, the own shard's sum down to everybody."""
    count, up = 10_000, oracle.codec(codec)
    down = up.broadcast_codec()
    borders = shards(count, world_size, max(up.block, down.block))
    f32 = np.dtype(np.float32)

    def frame(part: oracle.Codec, begin: int, end: int) -> int:
        return HEADER + part.slice(begin, end, count).payload_bytes(end - begin, f32)

    def worker(comm):
        comm.allreduce(np.ones(count, f32), codec=skimp.codec(codec), algorithm="two_phase")
        return comm.report.bytes_sent

    for rank, sent in enumerate(skimp.run_threads(world_size, worker)):
        foreign = sum(frame(up, *border) for owner, border in enumerate(borders) if owner != rank)
        assert sent == foreign + (world_size - 1) * frame(down, *borders[rank])


@pytest.mark.parametrize(("back", "saving"), [(None, 19), (skimp.Sign(), 31)])
def test_saving_of_sign(back, saving):
    def worker(comm):
        x = np.random.default_rng(comm.rank).standard_normal(2**22, np.float32)
        comm.allreduce(x, codec=skimp.Sign(), broadcast_codec=back)
        return comm.report

    for report in skimp.run_threads(4, worker):
        dense = 2 * 3 / 4 * 2**22 * 4
        assert dense / report.bytes_sent >= saving
        assert report.saving >= saving
        assert report.algorithm == "two_phase"


def test_nothing_is_sent_for_nothing():
    def worker(comm):
        comm.allreduce(np.empty(0, np.float32), codec=skimp.Sign())
        return comm.report.bytes_sent, comm.report.messages_sent

    assert skimp.run_threads(3, worker) == [(0, 0)] * 3
