"""hierarchical: the oracle's bits for every layout of nodes, and what crosses between nodes."""

import math
from collections import Counter

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits, sent_as_predicted
from tests.oracle import collectives as model
from tests.pairwise import parametrize
from tests.tables import DTYPES, SOME_DATA, array, exceeds

LAYOUTS = {
    "alone": [0],
    "one node": [7, 7, 7],
    "no neighbours": [0, 1, 2],
    "2+2": [0, 0, 1, 1],
    "dealt": [5, -1, 5, -1],
    "3+1": [0, 0, 0, 1],
    "4+2+3": [0, 0, 0, 0, 1, 1, 2, 2, 2],
    "2+2+2+2": [0, 0, 1, 1, 2, 2, 3, 3],
}
CODECS = (
    ("identity", None),
    ("sign", None),
    ("sign(block=32)", "sign"),
    ("quantize(bits=8,rounding=stochastic)", None),
    ("quantize(bits=3,block=96)", "identity"),
    ("topk(density=0.1,values=float16)", None),
    ("topk(k=3)", None),
    ("threshold(magnitude=0.5)", "threshold(fraction=0.1,values=float16)"),
)
STEPS = 2


def shares_for_all(codecs, nodes, count):
    """Whether every owner within a node has a share of what the codecs keep."""
    codec, back = (None if text is None else oracle.codec(text) for text in codecs)
    back = back or codec.broadcast_codec()
    block = math.lcm(codec.block, back.block, model.Identity.block)
    return model.has_shares((codec, back), count, min(Counter(nodes).values()), block)


@parametrize(
    codecs=CODECS,
    layout=tuple(LAYOUTS),
    data=SOME_DATA,
    count=(0, 1, 5, 33, 257, 1000, 5003),
    dtype=DTYPES,
    op=("mean", "sum"),
    feedback=(True, False),
    segment=(0, 512),
    threads=(1, 2),
)
def test_same_bits_as_the_oracle(
    codecs, layout, data, count, dtype, op, feedback, segment, threads
):
    nodes, (codec, back) = LAYOUTS[layout], codecs
    refused = exceeds(codec, count) or not shares_for_all(codecs, nodes, count)
    inputs = [
        [array(data, count, dtype, seed=[step, rank]) for rank in range(len(nodes))]
        for step in range(STEPS)
    ]

    def worker(comm):
        comm.set_nodes(nodes)
        comm.set_pipeline(segment=segment)
        comm.set_threads(threads)
        made = skimp.codec(codec)
        made = skimp.ErrorFeedback(made) if feedback else made
        options = {"op": op, "broadcast_codec": None if back is None else skimp.codec(back)}
        results = []
        for step in range(STEPS):
            x = inputs[step][comm.rank]
            output = comm.allreduce(x, codec=made, algorithm="hierarchical", **options)
            results.append((output, made.residual().copy() if feedback else None))
            assert sent_as_predicted(codec, comm.report)
        return results

    if refused:
        with pytest.raises(skimp.InvalidArgument):
            skimp.run_threads(len(nodes), worker)
        return
    ranks = skimp.run_threads(len(nodes), worker)
    wide = oracle.accumulator(inputs[0][0].dtype)
    residuals = [np.zeros(count, wide)] * len(nodes) if feedback else None
    for step in range(STEPS):
        expected = model.allreduce(
            "hierarchical",
            inputs[step],
            oracle.codec(codec),
            broadcast_codec=None if back is None else oracle.codec(back),
            residuals=residuals,
            nodes=nodes,
            op=op,
            call=step,
        )
        residuals = expected.residuals if feedback else None
        for rank in range(len(nodes)):
            output, residual = ranks[rank][step]
            assert same_bits(output, expected.outputs[rank])
            assert not feedback or same_bits(residual, residuals[rank])


def test_nothing_is_lost():
    nodes, steps, count = [0, 0, 0, 1, 1], 10, 3000
    inputs = [array("heavy_tailed", count, "float32", seed=rank) for rank in range(len(nodes))]

    def worker(comm):
        comm.set_nodes(nodes)
        feedback = skimp.ErrorFeedback(skimp.TopK(0.02, values="float16"))
        x = inputs[comm.rank]
        means = [
            comm.allreduce(x, codec=feedback, algorithm="hierarchical").astype(np.float64)
            for _ in range(steps)
        ]
        return sum(means), feedback.residual().astype(np.float64)

    ranks = skimp.run_threads(len(nodes), worker)
    kept = len(nodes) * ranks[0][0] + sum(residual for _, residual in ranks)
    given = steps * sum(x.astype(np.float64) for x in inputs)
    assert np.allclose(kept, given, rtol=1e-5, atol=1e-5 * np.abs(given).max())


def test_few_bytes_cross_between_nodes():
    """What a rank sends beyond the dense sum of its node is a shard of the payload."""
    count, nodes = 1 << 16, [0] * 4 + [1] * 4

    def worker(comm):
        comm.set_nodes(nodes)
        x = np.ones(count, np.float32)
        comm.allreduce(x, codec=skimp.Sign(), algorithm="hierarchical")
        sent = comm.report.bytes_sent
        part = comm.split(color=nodes[comm.rank])
        part.allreduce(x)
        return sent - part.report.bytes_sent

    between = skimp.run_threads(8, worker)
    assert sum(between[:4]) < count / 4  # of 4 · count bytes: sign up, 2 bits down, half each


def test_ranks_that_see_other_nodes_are_told():
    def worker(comm):
        comm.set_nodes([0, 0, 1, 1] if comm.rank else [0, 1, 1, 1])
        with pytest.raises(skimp.MismatchError, match=r"nodes = 1\*0,3\*1"):
            comm.allreduce(np.ones(100, np.float32), algorithm="hierarchical")

    skimp.run_threads(4, worker, timeout=20)


def test_refused():
    def worker(comm):
        x = np.ones(100, np.float32)
        with pytest.raises(skimp.InvalidArgument, match="nodes: 3 are named for 2 ranks"):
            comm.set_nodes([0, 1, 2])
        with pytest.raises(skimp.InvalidArgument, match="nodes: 1 are named for 2 ranks"):
            comm.set_nodes([0])
        with pytest.raises(TypeError):
            comm.set_nodes([0, 1.5])
        for options in ({"codec": skimp.RandomK(0.1)}, {"op": "median"}):
            with pytest.raises(skimp.InvalidArgument, match="hierarchical"):
                comm.allreduce(x, algorithm="hierarchical", **options)
        assert comm.allreduce(x)[0] == 1

    skimp.run_threads(2, worker)


def test_parts_inherit_their_nodes():
    """The odd ranks of three nodes; on another layout the result would be another."""
    nodes = [0, 0, 0, 1, 1, 1, 2, 2]
    inputs = [array("normal", 2000, "float32", seed=rank) for rank in range(8)]

    def worker(comm):
        comm.set_nodes(nodes)
        part = comm.split(color=comm.rank % 2)
        x = inputs[comm.rank]
        return part.allreduce(x, codec=skimp.Sign(), algorithm="hierarchical")

    results = skimp.run_threads(8, worker)
    for parity in (0, 1):
        mine = list(range(parity, 8, 2))
        arrays, layout = [inputs[rank] for rank in mine], [nodes[rank] for rank in mine]
        expected = model.allreduce("hierarchical", arrays, oracle.codec("sign"), nodes=layout)
        assert all(same_bits(results[rank], expected.outputs[0]) for rank in mine)
