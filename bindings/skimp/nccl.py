"""Payloads of arrays on GPUs by NCCL, from one device's memory to another's."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from skimp import _objects
from skimp.communicator import Communicator
from skimp.mpi import mpi
from skimp.tcp import is_torch_group, tcp


def nccl(comm: Any = None, device: int | None = None, timeout: float | None = None) -> Communicator:
    """A communicator whose payloads of arrays on devices travel by NCCL. Collective.

    comm
        What brings the ranks together, and carries all else: a Skimp communicator (of `skimp.mpi`,
        `skimp.tcp`, `run_threads`), or what those two are made of: an mpi4py communicator, None for
        ``MPI.COMM_WORLD``; `torch.distributed`, or one of its process groups. NCCL's unique id goes
        by it, so there is nothing to pass around.
    device
        The number of this rank's GPU, of which NCCL wants another for each rank. None takes the one
        that torch or cupy works on at the moment, or 0.
    timeout
        Seconds that a rank may wait for another; None leaves the default of 300.

    The host sees headers alone: it compares plans and sizes before anything is queued, so ranks
    that disagree get `MismatchError` and not a hang. A rank that fails, or is silent for too long,
    ends the call on all ranks with that cause, and what NCCL has under way with ``ncclCommAbort``.
    Checksums are taken on the devices.

    In one call all ranks' arrays lie on their devices, or all in host memory; those go as they
    would by `comm`. A call queues its work in the stream of its array and returns when it is
    complete. The host waits for the stream before a round's headers leave, and at the end. The
    algorithms `sparse_doubling` and `sparse_balanced` read payloads: theirs go by `comm`, from host
    memory, and there arrays may lie anywhere.

    libnccl (2.14 or later) is that of SKIMP_NCCL_LIBRARY, of the package nvidia-nccl-cu*, or the
    loader's; raises `TransportError` with the loader's words where there is none.

    Under ``mpirun -n 4 python train.py``, a GPU each::

        comm = skimp.nccl()
        mean = comm.allreduce(gradient, codec=skimp.Sign())     # a torch or cupy array

    Under ``torchrun --nproc-per-node 4 train.py``, without MPI::

        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        torch.distributed.init_process_group("gloo")
        comm = skimp.nccl(torch.distributed)

    Started by hand, by a file that all ranks see::

        comm = skimp.nccl(skimp.tcp(file="/shared/job-17", rank=rank, world_size=4))
    """
    control = _control(comm, timeout)
    if device is None:
        device = _current_device()
    communicator = control._add(_objects.nccl_create(control._native, library(), device))
    if timeout is not None:
        communicator.set_timeout(timeout)
    return communicator


def _control(comm: Any, timeout: float | None) -> Communicator:
    if isinstance(comm, Communicator):
        return comm
    if is_torch_group(comm):
        return tcp(comm, timeout=timeout)
    return mpi(comm)


def _current_device() -> int:
    torch, cupy = sys.modules.get("torch"), sys.modules.get("cupy")
    if torch is not None and torch.cuda.is_initialized():
        return int(torch.cuda.current_device())
    return 0 if cupy is None else int(cupy.cuda.Device().id)


def library() -> str:
    """The path of a libnccl, or a name for the loader to look for."""
    named = os.environ.get("SKIMP_NCCL_LIBRARY")
    if named:
        return named
    try:
        package = find_spec("nvidia.nccl")
    except ModuleNotFoundError:
        package = None
    for folder in package.submodule_search_locations or () if package else ():
        for path in sorted(Path(folder, "lib").glob("libnccl.so*")):
            return str(path)
    return "libnccl.so.2"
