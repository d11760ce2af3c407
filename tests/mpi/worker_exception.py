"""A program with a bug on one rank and nothing to catch it: the job must end all the same."""

import numpy as np
import skimp

with skimp.mpi() as comm:
    for step in range(3):
        if comm.rank == 1 and step == 2:
            raise ValueError("no such layer")
        comm.allreduce(np.ones(100_000, np.float32), codec=skimp.Sign())
