"""Signs and a mean magnitude by numpy: one scale for the array, where Skimp has one a block."""

from __future__ import annotations

import numpy as np
import skimp
from skimp.bench.codecs.baseline import Baseline
from skimp.bench.ranks import Array


def baselines(codec: skimp.Codec, x: Array) -> list[Baseline]:
    def encode() -> tuple[Array, np.floating]:
        return np.packbits(np.signbit(x)), np.abs(x).mean()

    bits, scale = encode()
    choices = np.array([scale, -scale], x.dtype)

    def decode() -> Array:
        return choices[np.unpackbits(bits, count=x.size)]

    return [Baseline("  numpy packbits", encode, decode, bits.nbytes + x.itemsize)]
