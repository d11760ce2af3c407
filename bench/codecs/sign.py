"""Signs and a mean magnitude by numpy, and by torch on a device: one scale for the array, where
Skimp has one a block."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import skimp
from skimp.bench.codecs.baseline import Baseline, cupy_of
from skimp.bench.ranks import Array


def baselines(codec: skimp.Codec, x: Array) -> list[Baseline]:
    def encode() -> tuple[Array, np.floating]:
        return np.packbits(np.signbit(x)), np.abs(x).mean()

    bits, scale = encode()
    choices = np.array([scale, -scale], x.dtype)

    def decode() -> Array:
        return choices[np.unpackbits(bits, count=x.size)]

    return [Baseline("  numpy packbits", encode, decode, bits.nbytes + x.itemsize)]


def baselines_in_torch(codec: skimp.Codec, x: Array, torch: Any, tensor: Any) -> list[Baseline]:
    """The steps of 1-bit Adam (Tang et al. 2021), one after the other: scale by the norm, take the
    signs, subtract what they say, pack them; cupy packs if it is there. Once with the tensors that
    DeepSpeed makes on the way, and once with as few as torch allows."""
    size = x.size // 8 * 8
    residual = torch.zeros_like(tensor)
    weights = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.uint8, device=tensor.device)

    def packed(positive: Any) -> Any:
        whole = positive[:size]
        if (array := cupy_of(whole.view(torch.uint8))) is not None:
            return import_module("cupy").packbits(array)
        return (whole.view(-1, 8) * weights).sum(1, dtype=torch.uint8)

    def as_deepspeed() -> tuple[Any, Any]:
        total = tensor + residual
        scale = torch.linalg.vector_norm(total) / x.size**0.5
        signs = total.sign().add_(1).bool().float().sub_(0.5).mul_(2)
        torch.sub(total, scale * signs, out=residual)
        return packed(total.sign_().add_(1).bool()), scale

    def shortest() -> tuple[Any, Any]:
        residual.add_(tensor)
        scale = torch.linalg.vector_norm(residual) / x.size**0.5
        positive = residual >= 0
        residual.sub_(torch.where(positive, scale, -scale))
        return packed(positive), scale

    bits, _ = shortest()
    payload_bytes = bits.nbytes + x.itemsize
    return [
        Baseline("  as DeepSpeed", as_deepspeed, None, payload_bytes),
        Baseline("  torch op chain", shortest, None, payload_bytes),
    ]
