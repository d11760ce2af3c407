"""Collectives over MPI of ranks of which every second has its arrays on a device give the bits that
they give in host memory over threads; or of ranks that all do, over an MPI that takes addresses on
devices. The environment says which device library to use."""

import sys

import numpy as np
import skimp
from mpi4py import MPI

from tests.comparing import same_bits
from tests.cuda.emulation import on_device, on_host
from tests.tables import DTYPES, array

CODECS = ("identity", "sign", "quantize(bits=4)")
SPARSE = skimp.TopK(0.3, values="float16")
COUNTS = (24, 1200, 300_000)  # one message; header and payload; segments


def program(comm, place, seen):
    for i, (text, count) in enumerate((text, count) for text in CODECS for count in COUNTS):
        feedback, dtype = skimp.ErrorFeedback(skimp.codec(text)), DTYPES[i % len(DTYPES)]
        for step in range(2):
            x = array("normal", count, dtype, seed=[step, comm.rank])
            yield f"allreduce {text}", seen(comm.allreduce(place(x), codec=feedback), x.dtype)
        yield f"residual {text}", feedback.residual().copy()
        part, codec = place(x[: count // 24 * 12]), skimp.codec(text)
        yield f"reduce_scatter {text}", seen(comm.reduce_scatter(part, codec=codec), x.dtype)
        yield f"allgather {text}", seen(comm.allgather(part, codec=codec), x.dtype)
        yield f"broadcast {text}", seen(comm.broadcast(part, 1, codec=codec), x.dtype)
        yield f"alltoall {text}", seen(comm.alltoall(part, codec=codec), x.dtype)
    for algorithm in ("sparse_doubling", "sparse_balanced"):
        x, feedback = array("normal", 5000, "float32", seed=comm.rank), skimp.ErrorFeedback(SPARSE)
        result = comm.allreduce(place(x), codec=feedback, algorithm=algorithm)
        yield algorithm, seen(result, x.dtype)
        yield f"residual of {algorithm}", feedback.residual().copy()
        comm.send(place(x), (comm.rank + 1) % comm.world_size, codec=codec)
        received = comm.recv((comm.rank - 1) % comm.world_size, like=place(x))
        yield f"message {text}", seen(received, x.dtype)


def fails_in_time(comm, rank) -> bool:
    """A rank with its array elsewhere is noticed before a message is on its way."""
    x = array("normal", 5000, "float32", seed=rank)
    try:
        comm.allreduce(x if rank == 0 else on_device(x), codec=skimp.Sign())
    except skimp.MismatchError:
        return True
    return False


def main() -> None:
    world_size, rank = int(sys.argv[1]), MPI.COMM_WORLD.rank
    assert MPI.COMM_WORLD.size == world_size, "started by the mpirun of another MPI"
    here = (np.copy, lambda result, dtype: result)
    there = (on_device, on_host)
    direct = sys.argv[2:] == ["direct"]
    with skimp.mpi(MPI.COMM_WORLD, timeout=60, cuda_aware=direct or None) as comm:
        ours = list(program(comm, *(here if rank % 2 and not direct else there)))
        assert not direct or fails_in_time(comm, rank)
    theirs = skimp.run_threads(world_size, lambda comm: list(program(comm, *here)))[rank]
    for (name, result), (same_name, expected) in zip(ours, theirs, strict=True):
        assert name == same_name
        assert same_bits(result, expected), f"{name}: other bits than in host memory"
    print(f"rank {rank} of {world_size}: done", flush=True)


main()
