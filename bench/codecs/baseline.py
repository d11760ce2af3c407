"""What a codec is compared with: the same done by other means, in one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from skimp.bench.ranks import Array


@dataclass(frozen=True)
class Baseline:
    label: str
    encode: Callable[[], object] | None
    decode: Callable[[], object] | None
    payload_bytes: int | None = None
    isa: ClassVar[None] = None


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
