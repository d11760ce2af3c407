"""A GPU as the bench needs it: memory, copies, and waiting. Everything is queued in one stream."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
from skimp.bench.ranks import Array


class Memory(Protocol):
    """Bytes on a device, for as long as this lives."""

    @property
    def address(self) -> int: ...


class Device(Protocol):
    """Takes back the memory that it gave, and none else."""

    name: str
    index: int
    stream: int
    torch: Any
    """The module, where there are tensors to compare with; else None."""

    def empty(self, nbytes: int) -> Memory:
        """Uninitialised, aligned to 64."""

    def write(self, memory: Any, values: Array) -> None:
        """Copies from the host, and waits."""

    def read(self, memory: Any, nbytes: int) -> Array:
        """The first bytes, as uint8. Waits for what was queued before."""

    def copy(self, to: Any, source: Any, nbytes: int) -> None:
        """Queues a copy on the device."""

    def wait(self) -> None: ...


class TorchMemory:
    def __init__(self, tensor: Any):
        self.tensor = tensor
        self.address: int = tensor.data_ptr()


class TorchDevice:
    """The current device of torch, and its current stream."""

    def __init__(self, torch: Any):
        self.torch = torch
        self.index: int = torch.cuda.current_device()
        self.name: str = torch.cuda.get_device_name(self.index)
        self.stream: int = torch.cuda.current_stream().cuda_stream

    def empty(self, nbytes: int) -> TorchMemory:
        return TorchMemory(self.torch.empty(max(nbytes, 1), dtype=self.torch.uint8, device="cuda"))

    def write(self, memory: TorchMemory, values: Array) -> None:
        memory.tensor[: values.nbytes].copy_(self.torch.from_numpy(values.view(np.uint8)))
        self.wait()

    def read(self, memory: TorchMemory, nbytes: int) -> Array:
        values: Array = memory.tensor[:nbytes].cpu().numpy()
        return values

    def copy(self, to: TorchMemory, source: TorchMemory, nbytes: int) -> None:
        to.tensor[:nbytes].copy_(source.tensor[:nbytes])

    def wait(self) -> None:
        self.torch.cuda.synchronize()


def opened(kind: str) -> Device:
    """The device of a kind: "cuda". Raises RuntimeError where there is none."""
    try:
        torch = import_module("torch")
    except ImportError as error:
        raise RuntimeError(f"--device {kind} needs torch, for memory there: {error}") from None
    if not torch.cuda.is_available():
        raise RuntimeError(f"--device {kind}: torch {torch.__version__} finds no CUDA device")
    return TorchDevice(torch)
