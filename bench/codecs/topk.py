"""The k largest magnitudes by numpy, torch and cupy: float32 values and int64 indices."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import skimp
from skimp.bench.codecs import device_topk
from skimp.bench.codecs.baseline import Baseline, cupy_of, torch_or_none
from skimp.bench.ranks import Array


def baselines(codec: skimp.Codec, x: Array) -> list[Baseline]:
    kept = _kept(codec, x)
    out = np.zeros_like(x)

    def encode() -> tuple[Array, Array]:
        indices = np.argpartition(np.abs(x), x.size - kept)[x.size - kept :]
        return x[indices], indices

    values, indices = encode()

    def decode() -> None:
        out.fill(0)
        out[indices] = values

    payload_bytes = values.nbytes + indices.nbytes
    found = [Baseline("  numpy argpartition", encode, decode, payload_bytes)]
    if torch := torch_or_none():
        tensor = torch.from_numpy(x)
        found.append(
            Baseline("  torch.topk", lambda: torch.topk(tensor.abs(), kept), None, payload_bytes)
        )
    return found


def baselines_in_torch(codec: skimp.Codec, x: Array, torch: Any, tensor: Any) -> list[Baseline]:
    """torch.topk alone, and with the steps of feedback around it; CUB's likewise; cupy's
    partition."""
    kept = _kept(codec, x)
    residual = torch.zeros_like(tensor)
    out = torch.empty_like(tensor)

    def select() -> Any:
        return torch.topk(tensor.abs(), kept, sorted=False)

    def encode() -> tuple[Any, Any]:
        residual.add_(tensor)
        indices = torch.topk(residual.abs(), kept, sorted=False).indices
        values = residual[indices]
        residual[indices] = 0
        return values, indices

    values, indices = encode()

    def decode() -> None:
        out.zero_()
        out[indices] = values

    payload_bytes = values.nbytes + indices.nbytes
    found = [
        Baseline("  torch.topk", select, None, payload_bytes),
        Baseline("  torch top-k chain", encode, decode, payload_bytes),
    ]
    if tensor.is_cuda:
        found += device_topk.baselines(torch, tensor, residual, kept)
    if (array := cupy_of(tensor)) is not None:
        cupy = import_module("cupy")
        found.append(
            Baseline(
                "  cupy argpartition",
                lambda: cupy.argpartition(cupy.abs(array), x.size - kept)[x.size - kept :],
                None,
                payload_bytes,
            )
        )
    return found


def _kept(codec: skimp.Codec, x: Array) -> int:
    return max(1, int(np.count_nonzero(skimp.decode(codec.encode(x)))))
