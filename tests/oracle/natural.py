"""natural: every value rounded to a power of two."""

from dataclasses import dataclass

import numpy as np

from tests.oracle.blocks import block_count, padded_blocks, spread
from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.floats import is_power
from tests.oracle.philox import draw

ROUNDINGS = ("nearest", "stochastic")


@dataclass(frozen=True)
class Natural(Codec):
    block: int = 2048
    rounding: str = "nearest"
    seed: int = 0
    id = 8

    @property
    def random(self) -> bool:
        return self.rounding == "stochastic"

    @property
    def unbiased(self) -> bool:
        return self.random

    def parameter(self, count: int) -> int:
        return self.block + (ROUNDINGS.index(self.rounding) << 32)

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        return block_count(count, self.block) * accumulator(dtype).itemsize + count

    def contraction(self, count: int) -> float:
        """3/2 of a power is the worst to be rounded: by a third."""
        return 7 / 8 if self.random else 8 / 9

    def deviation(self, values: np.ndarray) -> np.ndarray:
        """f(1 − f)/(1 + f)² is largest at f = 1/3: an eighth."""
        return np.abs(values) * np.sqrt(1 / 8)

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        scales = self.scales(np.abs(padded_blocks(values, self.block)).max(axis=1))
        scale = spread(scales, len(values), self.block)
        with np.errstate(all="ignore"):
            ratio = np.where(np.isnan(scale), 0, values / scale).astype(np.float32)
        magnitude = np.abs(ratio).astype(np.float64)
        mantissa, exponent = np.frexp(magnitude)  # ½ ≤ mantissa < 1, or all zero
        normal = magnitude >= 2.0**-126
        fraction = np.where(normal, 2 * mantissa - 1, magnitude * 2.0**126)
        code = np.where(normal, exponent + 126, 0) + (fraction + self.chance(draws, ratio) >= 1)
        code = np.minimum(code, 127) + 128 * np.signbit(ratio)
        return narrow(scales, scales.dtype).tobytes() + code.astype(np.uint8).tobytes()

    def scales(self, largest: np.ndarray) -> np.ndarray:
        info = np.finfo(largest.dtype)
        _, exponent = np.frexp(largest)  # largest < 2^exponent
        least = info.minexp - info.nmant
        exponent = np.where(largest == 0, least, np.clip(exponent, least, info.maxexp - 1))
        powers = np.ldexp(largest.dtype.type(1), exponent.astype(np.int32))
        return np.where(np.isfinite(largest), powers, np.nan).astype(largest.dtype)

    def chance(self, draws: Draws, ratio: np.ndarray) -> np.ndarray | float:
        """What carries a fraction over 1."""
        if not self.random:
            return 0.5
        index = np.arange(draws.first, draws.first + len(ratio), dtype=np.uint64)
        words = draw(self.seed, draws.call, draws.lane, index // np.uint64(4))
        word = words[(index % np.uint64(4)).astype(np.int64), np.arange(len(ratio))]
        return (word >> np.uint64(9)).astype(np.float64) * 2.0**-23

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        v = accumulator(dtype)
        split = block_count(count, self.block) * v.itemsize
        scales = np.frombuffer(payload[:split], v)
        if not is_power(scales).all():
            raise Corrupt("scale")
        code = np.frombuffer(payload[split:], np.uint8).astype(np.int32)
        power = np.where(code % 128 == 0, 0, np.exp2(code % 128 - 127.0))
        with np.errstate(all="ignore"):
            ratio = np.copysign(power, np.where(code < 128, 1, -1)).astype(v)
            return ratio * spread(scales, count, self.block)
