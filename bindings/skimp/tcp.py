"""Ranks as processes without MPI: those of torchrun, or started by hand."""

from __future__ import annotations

import os
import sys
from typing import Any

from skimp import _objects
from skimp.carriers import Carrier, FileCarrier, TorchCarrier
from skimp.communicator import Communicator
from skimp.errors import InvalidArgument
from skimp.rendezvous import meet

DEFAULT_TIMEOUT = 300.0


def tcp(
    group: Any = None,
    *,
    file: str | os.PathLike[str] | None = None,
    rank: int | None = None,
    world_size: int | None = None,
    address: str | None = None,
    timeout: float | None = None,
) -> Communicator:
    """A communicator of processes that connect to each other by TCP. Collective.

    Rank 0 makes a unique id, which says where it listens; something that the ranks have in common
    carries it to the others: a process group of torch, or a file.

    group
        `torch.distributed` once it is initialised, or one of its process groups, whichever its
        backend (that of NCCL wants ``torch.cuda.set_device`` before). Ranks are those of the group.
    file
        A path that every rank sees, on a shared file system or the same machine, with `rank` and
        `world_size` beside it. Rank 0 writes it in one step, over what was there, and removes it
        when all have joined. Others believe it only if who listens there answers to it, and else
        read it again: so a file that an earlier job left does no harm. Two jobs at a time need two
        files.
    address
        The IP address of this rank's machine where the others reach it. None takes the one by
        which rank 0 is reached; on rank 0, that of the route to other networks.
    timeout
        Seconds that a rank may wait for another, here and later; None leaves the default of 300.

    The ranks listen, each on a port that the system picks, until all are connected. Whoever knows
    the id can join, so what carries it should be the job's own; nothing that is sent is encrypted.

    Ranks that were told of different world sizes, or twice of one rank, get `MismatchError`, and
    `TimeoutError` names those that did not come. A process that ends later is noticed at once by
    the ranks that wait for it (`PeerFailed`).

    Under ``torchrun --nproc-per-node 4 train.py``::

        torch.distributed.init_process_group("gloo")
        comm = skimp.tcp(torch.distributed)
        mean = comm.allreduce(gradient, codec=skimp.Sign())

    By hand, here with two ranks:

    >>> import pathlib, subprocess, sys, tempfile
    >>> program = '''
    ... import sys, numpy as np, skimp
    ... comm = skimp.tcp(file=sys.argv[1], rank=int(sys.argv[2]), world_size=2)
    ... print(comm.allreduce(np.full(2, comm.rank, np.float32)))
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "ranks")
    ...     command = [sys.executable, "-c", program, str(file)]
    ...     other = subprocess.Popen([*command, "1"], stdout=subprocess.DEVNULL)
    ...     print(subprocess.check_output([*command, "0"], text=True).strip())
    ...     (other.wait(), file.exists())
    [0.5 0.5]
    (0, False)
    """
    patience = DEFAULT_TIMEOUT if timeout is None else timeout
    if not 0 < patience < float("inf"):
        raise InvalidArgument(f"tcp: timeout = {timeout} must be above 0 seconds, and finite")
    carrier, rank, world_size = _carrier(group, file, rank, world_size)
    sockets, hosts = meet(carrier, rank, world_size, address, patience)
    native = _objects.tcp_create(rank, [-1 if peer is None else peer.fileno() for peer in sockets])
    for peer in sockets:
        if peer is not None:
            peer.detach()
    native.set_nodes([hosts.index(host) for host in hosts])
    native.set_timeout(patience)
    return Communicator(native)


def is_torch_group(group: Any) -> bool:
    """Whether it is `torch.distributed`, or one of its process groups."""
    distributed = sys.modules.get("torch.distributed")
    return distributed is not None and (
        group is distributed or isinstance(group, getattr(distributed, "ProcessGroup", ()))
    )


def _carrier(
    group: Any, file: str | os.PathLike[str] | None, rank: int | None, world_size: int | None
) -> tuple[Carrier, int, int]:
    """What brings the unique id to the others, this rank, and their number."""
    if (group is None) == (file is None):
        raise InvalidArgument("tcp: give torch.distributed, one of its groups, or a file")
    if file is None:
        if rank is not None or world_size is not None:
            raise InvalidArgument("tcp: rank and world_size are those of the group")
        return _in_torch(group)
    if rank is None or world_size is None:
        raise InvalidArgument("tcp: a file needs rank and world_size beside it")
    if world_size < 1:
        raise InvalidArgument(f"tcp: world_size = {world_size} must be at least 1")
    if not 0 <= rank < world_size:
        raise InvalidArgument(
            f"tcp: rank = {rank} is not from 0 to {world_size - 1}, with world_size = {world_size}"
        )
    return FileCarrier(file), rank, world_size


def _in_torch(group: Any) -> tuple[Carrier, int, int]:
    if not is_torch_group(group):
        raise InvalidArgument(f"tcp: {group!r} is neither torch.distributed nor a group of it")
    distributed = sys.modules["torch.distributed"]
    if not distributed.is_initialized():
        raise InvalidArgument("tcp: call torch.distributed.init_process_group first")
    if group is distributed:
        group = distributed.group.WORLD
    carrier = TorchCarrier(distributed, group)
    return carrier, distributed.get_rank(group), distributed.get_world_size(group)
