"""sign: one bit an element, and the mean magnitude of every block."""

from dataclasses import dataclass

import numpy as np

from tests.oracle import bitstring
from tests.oracle.blocks import block_count, block_lengths, padded_blocks, spread
from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.quantize import Quantize

LANES = 32


def sum_of_rows(rows: np.ndarray) -> np.ndarray:
    lanes = np.zeros((len(rows), LANES), rows.dtype)
    with np.errstate(all="ignore"):
        for start in range(0, rows.shape[1], LANES):
            lanes = lanes + rows[:, start : start + LANES]
        while lanes.shape[1] > 1:
            half = lanes.shape[1] // 2
            lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]


def mean_of_rows(rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return sum_of_rows(rows) / lengths.astype(rows.dtype)


@dataclass(frozen=True)
class Sign(Codec):
    block: int = 2048
    id = 2

    def parameter(self, count: int) -> int:
        return self.block

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        scales = block_count(count, self.block) * accumulator(dtype).itemsize
        return scales + bitstring.bytes_for(count)

    def broadcast_codec(self) -> Codec:
        return Quantize(bits=2)

    def contraction(self, count: int) -> float:
        """The error of a block is ‖x‖₂² − ‖x‖₁²/n, and ‖x‖₁ ≥ ‖x‖₂."""
        return 1 / self.block

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        scales = self.scales(values)
        valid = spread(np.isfinite(scales), len(values), self.block)
        signs = np.signbit(values) & valid
        scales[~np.isfinite(scales)] = np.nan
        return narrow(scales, scales.dtype).tobytes() + bitstring.pack(signs, 1)

    def nonfinite(self, values: np.ndarray) -> bool:
        return not np.isfinite(self.scales(values)).all()  # the sum of finite ones may overflow

    def scales(self, values: np.ndarray) -> np.ndarray:
        """The mean magnitude of every block, added in the specification's order."""
        rows = padded_blocks(np.abs(values), self.block)
        return mean_of_rows(rows, block_lengths(len(values), self.block))

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        v = accumulator(dtype)
        split = block_count(count, self.block) * v.itemsize
        scales = spread(np.frombuffer(payload[:split], v), count, self.block)
        signs = bitstring.unpack(payload[split:], count, 1).astype(bool)
        return np.where(signs, -scales, scales)
