"""quantize: levels −L … L of every block's largest magnitude."""

from dataclasses import dataclass

import numpy as np

from tests.oracle import bitstring
from tests.oracle.blocks import block_count, padded_blocks, spread
from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.philox import draw

ROUNDINGS = ("nearest", "stochastic")


@dataclass(frozen=True)
class Quantize(Codec):
    bits: int = 8
    block: int = 256
    rounding: str = "nearest"
    seed: int = 0
    id = 3

    @property
    def levels(self) -> int:
        return 2 ** (self.bits - 1) - 1

    @property
    def planes(self) -> tuple[int, ...]:
        """The widths of the planes, low bits first."""
        return (2, 1) if self.bits == 3 else (self.bits,)

    def parameter(self, count: int) -> int:
        return self.block + (self.bits << 32) + (ROUNDINGS.index(self.rounding) << 40)

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        scales = block_count(count, self.block) * accumulator(dtype).itemsize
        return scales + sum(bitstring.bytes_for(count * width) for width in self.planes)

    @property
    def random(self) -> bool:
        return self.rounding == "stochastic"

    @property
    def unbiased(self) -> bool:
        return self.random

    def contraction(self, count: int) -> float:
        """Rounding to nearest never errs by more than x, nor at all at the largest element.

        Stochastic rounding contracts no more: it is unbiased instead.
        """
        return 0.0 if self.random else 1 / self.block

    def deviation(self, values: np.ndarray) -> np.ndarray:
        """Half a level's, as if the block were the array."""
        return np.full(len(values), np.abs(values).max() / self.levels / 2)

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        scales = np.abs(padded_blocks(values, self.block)).max(axis=1)
        scales[~np.isfinite(scales)] = np.nan
        scale = spread(scales, len(values), self.block)
        with np.errstate(all="ignore"):
            x = np.where(scale == 0, 0, values / scale * values.dtype.type(self.levels))
        whole = np.rint(x) if self.rounding == "nearest" else self.stochastic(x, draws)
        codes = np.where(np.isnan(scale), 0, whole + self.levels).astype(np.int64)
        payload = narrow(scales, scales.dtype).tobytes()
        for shift, width in self.shifted_planes():
            payload += bitstring.pack(codes >> shift & (1 << width) - 1, width)
        return payload

    def stochastic(self, x: np.ndarray, draws: Draws) -> np.ndarray:
        index = np.arange(draws.first, draws.first + len(x), dtype=np.uint64)
        words = draw(self.seed, draws.call, draws.lane, index // np.uint64(4))
        word = words[(index % np.uint64(4)).astype(np.int64), np.arange(len(x))]
        u = (word >> np.uint64(8)).astype(x.dtype) * x.dtype.type(2.0**-24)
        floor = np.floor(x)
        return floor + (u < x - floor)

    def shifted_planes(self):
        shift = 0
        for width in self.planes:
            yield shift, width
            shift += width

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        v = accumulator(dtype)
        begin = block_count(count, self.block) * v.itemsize
        scale = spread(np.frombuffer(payload[:begin], v), count, self.block)
        codes = np.zeros(count, np.int64)
        for shift, width in self.shifted_planes():
            end = begin + bitstring.bytes_for(count * width)
            codes |= bitstring.unpack(payload[begin:end], count, width) << shift
            begin = end
        if (codes > 2 * self.levels).any():
            raise Corrupt("code 2L + 1")
        with np.errstate(all="ignore"):
            return (codes - self.levels).astype(v) / v.type(self.levels) * scale
