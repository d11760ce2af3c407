"""Worlds in which some ranks' arrays lie on a device, compared with one in which none do."""

from functools import partial

import numpy as np
import skimp

from tests.comparing import same_bits
from tests.cuda.emulation import on_device, on_host

# Which ranks' arrays lie on a device, beside a world where none do.
WORLDS = {"all": lambda rank: True, "mixed": lambda rank: rank % 2 == 0, "last": lambda rank: rank}


def results(world_size, is_on_device, steps, segment, join):
    """What each rank gets and keeps, as numpy: ``steps(comm, place)`` with place(x) the array where
    this rank's lie, and gives (name, result or None) one after the other."""

    def worker(comm):
        comm = join(comm)
        if segment is not None:
            comm.set_pipeline(segment=segment)
        # As if each rank had a device of its own, and so a default stream.
        place = partial(on_device, stream=1000 + comm.rank) if is_on_device(comm.rank) else np.copy
        got = []
        for name, result, dtype in steps(comm, place):
            if isinstance(result, np.ndarray):
                result = result.copy()  # it may be written to again
            elif result is not None:
                result = on_host(result, np.dtype(dtype))
            got.append((name, result, comm.report.bytes_sent, comm.report.nonfinite))
        return got

    return skimp.run_threads(world_size, worker)


def part_after_a_call(comm):
    part = comm.split(0, comm.rank)
    part.barrier()
    return part


def compare(world, world_size, steps, segment=None, join=None):
    """`join`: makes of a communicator the one that the arrays on devices are used with; by one
    call, which random numbers count."""
    joins = (part_after_a_call, join) if join else (lambda comm: comm,) * 2
    expected = results(world_size, lambda rank: False, steps, segment, joins[0])
    actual = results(world_size, WORLDS[world], steps, segment, joins[1])
    for rank in range(world_size):
        for (name, a, *counted), (_, b, *predicted) in zip(
            actual[rank], expected[rank], strict=True
        ):
            assert (a is None) == (b is None), (rank, name)
            assert a is None or same_bits(a, b), (rank, name)
            assert counted == predicted, (rank, name)
