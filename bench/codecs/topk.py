"""The k largest magnitudes by numpy and by torch: float32 values and int64 indices."""

from __future__ import annotations

import numpy as np
import skimp
from skimp.bench.codecs.baseline import Baseline, torch_or_none
from skimp.bench.ranks import Array


def baselines(codec: skimp.Codec, x: Array) -> list[Baseline]:
    kept = max(1, int(np.count_nonzero(skimp.decode(codec.encode(x)))))
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
