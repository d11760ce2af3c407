"""arc_topk: rows of the sum, chosen by a sketch of it that all ranks share."""

from dataclasses import dataclass

import numpy as np

from tests.oracle import bitstring
from tests.oracle.blocks import block_count, block_lengths, padded_blocks
from tests.oracle.codec import Codec, Corrupt, Draws, add, left_out
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.philox import draw
from tests.oracle.topk import budget


@dataclass(frozen=True)
class ArcTopK(Codec):
    density: float | None = None
    k: int | None = None
    row: int = 512
    sketch: int = 4
    seed: int = 0
    id = 12
    random = True
    linear = True
    sliceable = False

    def rows(self, count: int) -> int:
        """How many are kept."""
        return budget(self.density, self.k, block_count(count, self.row))

    def kept(self, count: int) -> int:
        return min(self.rows(count) * self.row, count)

    def parameter(self, count: int) -> int:
        return self.rows(count) + (self.row << 48)

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        bitmap = bitstring.bytes_for(block_count(count, self.row))
        return bitmap + self.kept(count) * accumulator(dtype).itemsize

    def contraction(self, count: int) -> float:
        return self.rows(count) / block_count(count, self.row)

    def sketch_of(self, values: np.ndarray, draws: Draws) -> np.ndarray:
        """One row a row, one column a vector."""
        words = draw(
            self.seed, draws.call, draws.lane, np.arange(-(-self.sketch * self.row // 128))
        )
        bits = words.T.reshape(-1, 1) >> np.arange(32, dtype=np.uint64) & np.uint64(1)
        negative = bits.reshape(-1)[: self.sketch * self.row].reshape(self.sketch, 1, self.row)
        rows = padded_blocks(values, self.row)
        inside = np.arange(self.row) < block_lengths(len(values), self.row)[:, None]
        terms = np.where(inside, np.where(negative == 1, -rows, rows), 0)
        lanes = np.zeros((*terms.shape[:2], 32), values.dtype)
        with np.errstate(all="ignore"):
            for begin in range(0, self.row, 32):
                lanes += terms[:, :, begin : begin + 32]
            while lanes.shape[2] > 1:
                half = lanes.shape[2] // 2
                lanes = lanes[:, :, :half] + lanes[:, :, half:]
        return lanes[:, :, 0].T

    def choose(self, sketch: np.ndarray, count: int) -> np.ndarray:
        size = np.zeros(len(sketch), sketch.dtype)
        with np.errstate(all="ignore"):
            for column in sketch.T:
                size += column * column
        descending = np.where(np.isnan(size), -np.inf, -size)
        order = np.lexsort((np.arange(len(size)), descending, ~np.isnan(size)))
        return np.sort(order[: self.rows(count)])

    def elements(self, chosen: np.ndarray, count: int) -> np.ndarray:
        return np.flatnonzero(np.isin(np.arange(count) // self.row, chosen))

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        chosen = self.choose(self.sketch_of(values, draws), len(values))
        marks = np.isin(np.arange(block_count(len(values), self.row)), chosen)
        kept = np.zeros(self.kept(len(values)), values.dtype)
        sent = narrow(values[self.elements(chosen, len(values))], values.dtype)
        kept[: len(sent)] = sent
        return np.packbits(marks, bitorder="little").tobytes() + kept.tobytes()

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        return self.scatter(0.0, payload, count, dtype)

    def addend(self, payload: bytes, decoded: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self.scatter(-0.0, payload, len(decoded), dtype)

    def scatter(self, blank: float, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        rows = block_count(count, self.row)
        bitmap = np.frombuffer(payload[: bitstring.bytes_for(rows)], np.uint8)
        chosen = np.flatnonzero(np.unpackbits(bitmap, bitorder="little"))
        if len(chosen) != self.rows(count) or (chosen >= rows).any():
            raise Corrupt("rows")
        elements = self.elements(chosen, count)
        values = np.frombuffer(payload[len(bitmap) :], accumulator(dtype))
        if values[len(elements) :].view(np.uint8).any():
            raise Corrupt("behind the last row")
        decoded = np.full(count, blank, accumulator(dtype))
        decoded[elements] = values[: len(elements)]
        return decoded

    def linear_sum(
        self, values: list[np.ndarray], draws: Draws
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        count = len(values[0])
        sketch = self.sketch_of(values[0], draws)
        for value in values[1:]:
            sketch = add(sketch, self.sketch_of(value, draws))
        elements = self.elements(self.choose(sketch, count), count)
        total, kept = np.zeros_like(values[0]), values[0][elements]
        for value in values[1:]:
            kept = add(kept, value[elements])
        total[elements] = kept
        rest = [left_out(value, np.zeros_like(value)) for value in values]
        for residual in rest:
            residual[elements] = 0
        return total, rest
