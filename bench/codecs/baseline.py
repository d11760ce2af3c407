"""What a codec is compared with: the same done by other means; on the host, in one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Literal

import numpy as np
from skimp.bench.device import Device, Memory
from skimp.bench.ranks import Array

Phase = Literal["encode", "decode", "add"]
"""What is timed; `add`, on devices alone, decodes and adds to what is there."""


@dataclass(frozen=True)
class Baseline:
    label: str
    encode: Callable[[], object] | None
    decode: Callable[[], object] | None
    payload_bytes: int | None = None
    encode_moves: int | None = None
    """Bytes that `encode` reads and writes, if that is known."""
    isa: ClassVar[None] = None
    add: ClassVar[None] = None

    def moved_bytes(self, phase: Phase) -> int | None:
        return self.encode_moves if phase == "encode" else None


def roofs(x: Array) -> list[Baseline]:
    """What the memory allows, with arrays of as many bytes as `x`; codecs are compared with the
    first two. bench/README.md says what each bounds."""
    copy = room_for_copy(x)
    # Not np.zeros: pages that were never written are all one page, and reading it costs nothing.
    gradient = np.full(-(-x.nbytes // 4), 1, np.float32)
    total = np.full_like(gradient, 0)
    third = np.full_like(gradient, 0)
    words = gradient.view(np.int32)
    return [
        Baseline("memcpy", lambda: np.copyto(copy, x), None),
        Baseline("e += g", lambda: np.add(total, gradient, out=total), None),
        Baseline("c = a + b", lambda: np.add(total, gradient, out=third), None),
        Baseline("read", lambda: words.max(), None),
    ]


def roof_on(device: Device, x: Array, source: Memory) -> Baseline:
    """The same of a device: a copy from `source`, which holds `x`, to other memory there."""
    copy = device.empty(x.nbytes)
    return Baseline(
        "memcpy", lambda: device.copy(copy, source, x.nbytes), None, encode_moves=2 * x.nbytes
    )


def room_for_copy(x: Array) -> Array:
    """Uninitialised, like `x`, and as far into a page of memory: where a copy goes 16 bytes further
    in than it comes from, Zen 3 takes twelve times as long (`rep movsb`, which memcpy uses)."""
    page = 4096
    room = np.empty(x.nbytes + page, np.uint8)
    begin = (x.ctypes.data - room.ctypes.data) % page
    return room[begin : begin + x.nbytes].view(x.dtype)


def torch_or_none() -> Any:
    try:
        torch = import_module("torch")
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def cupy_of(tensor: Any) -> Any:
    """The cupy array of a tensor's memory on a device; None where there is no cupy."""
    try:
        cupy = import_module("cupy")
    except ImportError:
        return None
    return cupy.from_dlpack(tensor) if tensor.is_cuda else None
