"""ternary: the nearest of −1, 0 and +1 times the mean of each block's large magnitudes."""

from dataclasses import dataclass

import numpy as np

from tests.oracle.blocks import block_count, block_lengths, padded_blocks, spread
from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.sign import mean_of_rows, sum_of_rows

RUN = 256
POWERS = 3 ** np.arange(5)


def runs(count: int, block: int):
    """Where the runs of all blocks begin and end."""
    for first in range(0, count, block):
        last = min(first + block, count)
        for begin in range(first, last, RUN):
            yield begin, min(begin + RUN, last)


@dataclass(frozen=True)
class Ternary(Codec):
    block: int = 2048
    id = 9

    def parameter(self, count: int) -> int:
        return self.block

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        scales = block_count(count, self.block) * accumulator(dtype).itemsize
        return scales + sum(-(-(end - begin) // 5) for begin, end in runs(count, self.block))

    def contraction(self, count: int) -> float:
        return 1 / (4 * self.block)

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        scales = self.scales(values)
        scale = spread(scales, len(values), self.block)
        with np.errstate(all="ignore"):
            level = np.where(2 * np.abs(values) > scale, np.sign(values), 0)
        codes = np.where(np.isfinite(scale), level + 1, 0).astype(np.int64)
        scales[~np.isfinite(scales)] = np.nan
        payload = narrow(scales, scales.dtype).tobytes()
        for begin, end in runs(len(values), self.block):
            padded = np.zeros(-(-(end - begin) // 5) * 5, np.int64)
            padded[: end - begin] = codes[begin:end]
            payload += (POWERS @ padded.reshape(5, -1)).astype(np.uint8).tobytes()
        return payload

    def nonfinite(self, values: np.ndarray) -> bool:
        return not np.isfinite(self.scales(values)).all()  # the sum of finite ones may overflow

    def scales(self, values: np.ndarray) -> np.ndarray:
        rows = padded_blocks(np.abs(values), self.block)
        lengths = block_lengths(len(values), self.block)
        with np.errstate(all="ignore"):
            means = mean_of_rows(rows, lengths)
            large = rows >= (means * means.dtype.type(0.75))[:, None]
            large &= np.arange(self.block) < lengths[:, None]
            kept = large.sum(axis=1).astype(values.dtype)
            return np.where(np.isfinite(means), sum_of_rows(rows * large) / kept, means)

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        v = accumulator(dtype)
        at = block_count(count, self.block) * v.itemsize
        scales = spread(np.frombuffer(payload[:at], v), count, self.block)
        codes = np.zeros(count, np.int64)
        for begin, end in runs(count, self.block):
            data = np.frombuffer(payload[at : at + -(-(end - begin) // 5)], np.uint8)
            at += len(data)
            if (data > 242).any():
                raise Corrupt("byte")
            codes[begin:end] = (data // POWERS[:, None] % 3).ravel()[: end - begin]
        with np.errstate(all="ignore"):
            return (codes - 1).astype(v) * scales
