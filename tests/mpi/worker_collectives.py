"""Every collective and codec over MPI gives the bits that it gives over threads.

Each rank runs the same program twice: as its rank of the MPI world, and, alone, as that rank of a
world of threads.
"""

import os
import re
import sys
from pathlib import Path

import numpy as np
import skimp
from mpi4py import MPI

from tests.collectives.methods import METHODS
from tests.comparing import same_bits
from tests.tables import CODECS, DTYPES, array

COMPANY = sys.argv[2] if len(sys.argv) > 2 else "all"
"""Who reads payloads in whose arena: all, the pairs of "nodes", nobody ("none"), or all in those of
all but rank 1, which has none ("not rank 1"). "few": all, but arenas have room for a few payloads,
and several threads look for it."""

STEPS = 2
COUNTS = (0, 1, 7, 1200, 40_000)  # empty shards; one message; header and payload


def reductions(comm):
    """Each way to allreduce, with the counts, types and ops in turns."""
    for i, method in enumerate(METHODS):
        count, dtype = COUNTS[i % len(COUNTS)], DTYPES[i % len(DTYPES)]
        if method.refuses(count, comm.world_size):
            count = COUNTS[3]
        if method.refuses(count, comm.world_size):  # k is below the number of ranks
            continue
        feedback = skimp.ErrorFeedback(skimp.codec(method.codec))
        for step in range(STEPS):
            x = array("normal", count, dtype, seed=[step, comm.rank])
            op = ("mean", "sum")[(i + step) % 2]
            result = comm.allreduce(x, codec=feedback, op=op, **method.options())
            yield f"{method} {count} {dtype} {op}", result, comm.report
        yield f"{method} residual", feedback.residual().copy(), None


def sisters(comm):
    """The other collectives with each codec."""
    for i, text in enumerate(CODECS):
        codec, dtype = skimp.codec(text), DTYPES[i % len(DTYPES)]
        x = array("normal", 120 * comm.world_size, dtype, seed=comm.rank)
        root = i % comm.world_size
        yield f"allgather {text}", comm.allgather(x, codec=codec), comm.report
        yield f"broadcast {text}", comm.broadcast(x, root, codec=codec), comm.report
        try:
            result = comm.reduce_scatter(x, codec=codec, op="sum")
            dealt = comm.alltoall(x, codec=codec)
        except skimp.InvalidArgument:  # random_k cannot be cut into shards
            continue
        yield f"reduce_scatter {text}", result, None
        yield f"alltoall {text}", dealt, comm.report


def others(comm):
    """Plans, policies, buckets, large messages, gossip and splits."""
    x = array("normal", 300_000, "float32", seed=comm.rank)  # above MPI's eager limit
    plan = comm.plan_allreduce(like=x, codec=skimp.Quantize(8))
    for _ in range(3):
        yield "plan", plan.run(x), plan.report
    yield "ring", comm.allreduce(x, algorithm="dense_ring"), comm.report
    yield "median", comm.allreduce(x, codec=skimp.Sign(), op="median"), comm.report
    hierarchical = {"codec": skimp.Sign(), "algorithm": "hierarchical"}
    yield "one node", comm.allreduce(x, **hierarchical), comm.report  # MPI finds that out
    comm.set_nodes([rank // 2 for rank in range(comm.world_size)])
    yield "nodes of two", comm.allreduce(x, **hierarchical), comm.report
    bad = np.where(np.arange(x.size) == comm.rank, np.nan, x).astype(np.float32)
    skipped = comm.allreduce(bad, nonfinite="skip")
    yield "skip", np.array([skipped is None]), None
    yield "propagate", comm.allreduce(bad, codec=skimp.Sign()), comm.report
    bucket = {"weight": x.reshape(300, -1), "bias": [x[:10].astype(np.float64)]}
    reduced = comm.allreduce(bucket, codec=skimp.TopK(0.1))
    yield "bucket weight", reduced["weight"], comm.report
    yield "bucket bias", reduced["bias"][0], None
    feedback = skimp.ErrorFeedback(skimp.LowRank(2))
    for _ in range(STEPS):
        reduced = comm.allreduce(bucket, codec=feedback)
        yield "low rank", reduced["weight"], comm.report
    yield "low rank residual", feedback.residual().copy(), None
    comm.barrier()

    for codec in (None, skimp.Quantize(4), skimp.TopK(0.1)):
        gossip, moved = skimp.Gossip(codec, graph="ring"), x
        for _ in range(3):
            moved = comm.mix(moved, gossip)
        yield f"mix {codec}", moved, comm.report

    part = comm.split(color=comm.rank % 2, key=-comm.rank)
    yield "split", np.array([part.rank, part.world_size]), None
    yield "part", part.allreduce(x, codec=skimp.Sign()), part.report
    whole = comm.split(color=0 if comm.rank < 3 else -1)
    if whole is not None:
        inner = whole.split(color=0)
        yield "nested", inner.allgather(x[:999]), inner.report


def messages(comm):
    """Around the ring with each codec; then all to all, large ones first, tags in another order."""
    right, left = (comm.rank + 1) % comm.world_size, (comm.rank - 1) % comm.world_size
    for i, text in enumerate(CODECS):
        count, dtype = COUNTS[3 + i % 2], DTYPES[i % len(DTYPES)]
        feedback = skimp.ErrorFeedback(skimp.codec(text))
        for step in range(STEPS):
            x = array("normal", count, dtype, seed=[step, comm.rank])
            comm.send(x, right, codec=feedback)
            report = comm.report
            yield f"message {text}", comm.recv(left, like=x), report
    x = array("normal", 300_000, "float32", seed=comm.rank)
    others = [rank for rank in range(comm.world_size) if rank != comm.rank]
    for other in others:
        comm.send(x, other, tag=1)
        comm.send(x[:5], other, tag=2)
    for other in others:
        yield "second tag", comm.recv(other, like=x[:5], tag=2), None
        yield "first tag", comm.recv(other, like=x, tag=1), None
    yield "afterwards", comm.allreduce(x), comm.report


def program(comm):
    if COMPANY == "nodes":
        comm.set_nodes([rank // 2 for rank in range(comm.world_size)])
    alone = comm.world_size == 1
    return [*reductions(comm), *sisters(comm), *others(comm), *([] if alone else messages(comm))]


def check_torch(comm) -> None:
    try:
        import torch
    except ImportError:
        return
    x = torch.full((4, 5), float(comm.rank), dtype=torch.bfloat16)
    mean = comm.allreduce(x, codec=skimp.Quantize(8))
    expected = torch.full((4, 5), (comm.world_size - 1) / 2, dtype=torch.bfloat16)
    assert isinstance(mean, torch.Tensor)
    assert torch.equal(mean, expected)


def arenas_in_use() -> int:
    """Those of all ranks that this process has mapped, and written to or read beyond a page."""
    maps = Path("/proc/self/smaps").read_text()
    return len(re.findall(r"memfd:skimp.*\n(?:\w+: .*\n)*?Rss: +\d{3,} kB", maps))


def main() -> None:
    world_size, rank = int(sys.argv[1]), MPI.COMM_WORLD.rank
    assert MPI.COMM_WORLD.size == world_size, "started by the mpirun of another MPI"
    if COMPANY in ("none", f"not rank {rank}"):
        os.environ["SKIMP_ARENA_MIB"] = "0"
    if COMPANY == "few":
        os.environ["SKIMP_ARENA_MIB"] = "1"
    with skimp.mpi(MPI.COMM_WORLD, timeout=60) as comm:
        assert (comm.rank, comm.world_size, comm.transport) == (rank, world_size, "mpi")
        comm.set_threads(2 if COMPANY == "few" else 1)
        ours = program(comm)
        if sys.platform == "linux":
            nodes = COMPANY == "nodes"
            alone = world_size == 1 or (nodes and rank == world_size - 1 and rank % 2 == 0)
            assert (arenas_in_use() > 0) == (COMPANY != "none" and not alone)
        check_torch(comm)
    theirs = skimp.run_threads(world_size, program)[rank]
    assert len(ours) == len(theirs)
    for (name, result, report), (same_name, expected, other) in zip(ours, theirs, strict=True):
        assert name == same_name
        assert same_bits(result, expected), f"{name}: other bits than over threads"
        if report is not None:
            assert report.bytes_sent == other.bytes_sent <= report.predicted_bytes, name
            bounded = report.algorithm.startswith("sparse") or name.startswith("message")
            bounded |= "threshold" in name
            assert bounded or report.bytes_sent == report.predicted_bytes, name
            assert report.algorithm == other.algorithm, name
    if rank == 0:
        print(f"{len(ours)} results over {MPI.get_vendor()[0]}")
    print(f"rank {rank} of {world_size}: done", flush=True)


main()
