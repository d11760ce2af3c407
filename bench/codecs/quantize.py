"""Eight bits by numpy and by torch: one scale for the array, where Skimp has one a block."""

from __future__ import annotations

import numpy as np
import skimp
from skimp.bench.codecs.baseline import Baseline, torch_or_none
from skimp.bench.ranks import Array


def baselines(codec: skimp.Codec, x: Array) -> list[Baseline]:
    if "bits=8" not in codec.text:
        return []

    def encode() -> tuple[Array, np.floating]:
        scale = np.abs(x).max() / np.float32(127) or np.float32(1)
        return np.rint(x / scale).astype(np.int8), scale

    levels, scale = encode()
    payload_bytes = levels.nbytes + x.itemsize
    found = [
        Baseline("  numpy rint int8", encode, lambda: levels * scale, payload_bytes),
    ]
    if torch := torch_or_none():
        tensor = torch.from_numpy(x)
        quantized = torch.quantize_per_tensor(tensor, float(scale), 0, torch.qint8)
        found.append(
            Baseline(
                "  torch quantize",
                lambda: torch.quantize_per_tensor(tensor, float(scale), 0, torch.qint8),
                quantized.dequantize,
                payload_bytes,
            )
        )
    return found
