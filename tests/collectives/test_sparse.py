"""Sums of selected elements: the forms that they travel in, and the bytes that this takes."""

import numpy as np
import pytest
import skimp

from tests.collectives.methods import Method
from tests.comparing import same_bits
from tests.oracle.sparse import Partial
from tests.tables import array


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


@pytest.mark.parametrize("data", ["heavy_tailed", "mostly_zero"])
@pytest.mark.parametrize("world_size", [7, 11, 16, 64])
def test_bits_and_bytes_at_many_ranks(data, world_size):
    method = Method("topk(density=0.02,values=float16)", "sparse_doubling")
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
