"""Sums of selected elements: the forms that they travel in, and the bytes that this takes."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.collectives.methods import Method
from tests.comparing import same_bits
from tests.oracle.sparse import Partial
from tests.tables import array

HEADER = oracle.HEADER_BYTES


def run(method: Method, data: str, count: int, world_size: int, dtype: str = "float32"):
    """The outputs and reports of all ranks, and what the oracle says."""
    inputs = [array(data, count, dtype, seed=rank) for rank in range(world_size)]

    def worker(comm):
        codec = skimp.codec(method.codec)
        output = comm.allreduce(inputs[comm.rank], codec=codec, op="sum", **method.options())
        return output, comm.report

    expected = method.expected(inputs, op="sum")
    outputs, reports = zip(*skimp.run_threads(world_size, worker), strict=True)
    return outputs, reports, expected


@pytest.mark.parametrize("algorithm", ["sparse_doubling", "sparse_balanced"])
@pytest.mark.parametrize("data", ["heavy_tailed", "mostly_zero"])
@pytest.mark.parametrize("world_size", [7, 11, 16, 64])
def test_bits_and_bytes_at_many_ranks(algorithm, data, world_size):
    method = Method("topk(density=0.02,values=float16)", algorithm)
    outputs, reports, expected = run(method, data, 2000, world_size)
    for output, report, right, sent in zip(
        outputs, reports, expected.outputs, expected.bytes_sent, strict=True
    ):
        assert same_bits(output, right)
        assert report.bytes_sent == sent <= report.predicted_bytes


def test_sums_meet_in_every_form(monkeypatch):
    """Entries and dense sums, with −0 among them, in both orders."""
    met = set()
    plain = Partial.__add__

    def noted(a, b):
        met.add((a.dense, b.dense))
        return plain(a, b)

    monkeypatch.setattr(Partial, "__add__", noted)
    cases = [("normal", 0.5, 11), ("normal", 0.5, 16), ("ties", 0.9, 3), ("ties", 0.9, 5)]
    for data, density, world_size in cases:
        for dtype in ("float32", "float64"):
            method = Method(f"topk(density={density})", "sparse_doubling")
            outputs, reports, expected = run(method, data, 500, world_size, dtype)
            assert all(same_bits(output, expected.outputs[0]) for output in outputs)
            assert [report.bytes_sent for report in reports] == expected.bytes_sent
    assert met == {(False, False), (True, False), (True, True)}


@pytest.mark.parametrize("world_size", [2, 3, 4, 7, 8])
def test_doubling_reaches_its_bound(world_size):
    """Where no two ranks select the same element, the counted bytes are the formula's."""
    count, kept = 8000, 16

    def worker(comm):
        x = np.zeros(count, np.float32)
        x[comm.rank :: world_size][:kept] = 1 + comm.rank
        comm.allreduce(x, codec=skimp.TopK(k=kept), algorithm="sparse_doubling")
        return comm.report

    for report in skimp.run_threads(world_size, worker):
        assert report.bytes_sent == report.predicted_bytes


def skewed(data: str, count: int, rank: int) -> np.ndarray:
    """Large elements lie close together at the begin."""
    return array(data, count, "float32", seed=rank) * np.exp(-np.arange(count, dtype="f4") / 1000)


@pytest.mark.parametrize("data", ["heavy_tailed", "mostly_zero"])
def test_balanced_is_flat(data):
    """Entries cost the same at any number of ranks; the formula adds small messages to each."""
    count, kept = 20_000, 400

    def worker(comm):
        x = skewed(data, count, comm.rank)
        comm.allreduce(x, codec=skimp.TopK(k=kept), algorithm="sparse_balanced")
        report = comm.report
        assert report.bytes_sent <= report.predicted_bytes
        peers, entry = comm.world_size - 1, 4 + 4
        small = peers * (6 * HEADER + 32 * 4 + 2 * 4)
        spread = peers * -(-kept // comm.world_size)
        assert report.predicted_bytes <= (2 * kept + spread) * entry + small
        return report.bytes_sent - HEADER * report.messages_sent

    most = {}
    for world_size in (2, 4, 8, 16, 32, 64):
        sent = skimp.run_threads(world_size, worker)
        summaries = (world_size - 1) * 32 * 4
        most[world_size] = max(sent) - summaries
    assert all(most[world_size] < 3 * kept * 8 for world_size in most)
    assert most[64] < 1.2 * most[8]


def test_balanced_keeps_large_elements_wherever_they_lie():
    """All of the sum is among the first elements: shards of even length would drop most of it."""
    count, kept, world_size = 8000, 64, 8

    def worker(comm):
        x = np.zeros(count, np.float32)
        x[:kept] = 1 + np.arange(kept)
        return comm.allreduce(x, codec=skimp.TopK(k=kept), algorithm="sparse_balanced")

    for result in skimp.run_threads(world_size, worker):
        assert np.array_equal(result[:kept], 1 + np.arange(kept)) and not result[kept:].any()


@pytest.mark.parametrize("world_size", [3, 8])
def test_balanced_keeps_k_of_the_sum(world_size):
    count, kept = 5000, 150

    def worker(comm):
        x = array("heavy_tailed", count, "float32", seed=comm.rank)
        return comm.allreduce(x, codec=skimp.TopK(k=kept), algorithm="sparse_balanced", op="sum")

    result = skimp.run_threads(world_size, worker)[0]
    assert np.count_nonzero(result) == kept
