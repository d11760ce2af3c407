"""random_k: k elements at random; the seed, not the indices, travels."""

import struct
from dataclasses import dataclass

import numpy as np

from tests.oracle.codec import Codec, Corrupt, Draws, add, left_out
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.philox import draw
from tests.oracle.topk import budget

ORIGIN = struct.Struct("<QII")  # seed, call, lane


@dataclass(frozen=True)
class RandomK(Codec):
    density: float | None = None
    k: int | None = None
    seed: int = 0
    id = 5
    random = True
    linear = True
    sliceable = False

    def kept(self, count: int) -> int:
        return budget(self.density, self.k, count)

    def parameter(self, count: int) -> int:
        return self.kept(count)

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        return ORIGIN.size + self.kept(count) * accumulator(dtype).itemsize

    def contraction(self, count: int) -> float:
        return self.kept(count) / count

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        indices = subset(self.seed, draws, len(values), self.kept(len(values)))
        kept = narrow(values[indices], values.dtype)
        return ORIGIN.pack(self.seed, draws.call, draws.lane) + kept.tobytes()

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        return self.scatter(0.0, payload, count, dtype)

    def addend(self, payload: bytes, decoded: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self.scatter(-0.0, payload, len(decoded), dtype)

    def linear_sum(
        self, values: list[np.ndarray], draws: Draws
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        kept = subset(self.seed, draws, len(values[0]), self.kept(len(values[0])))
        total, at_kept = np.zeros_like(values[0]), values[0][kept]
        for value in values[1:]:
            at_kept = add(at_kept, value[kept])
        total[kept] = at_kept
        rest = [left_out(value, np.zeros_like(value)) for value in values]
        for residual in rest:
            residual[kept] = 0
        return total, rest

    def scatter(self, blank: float, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        seed, call, lane = ORIGIN.unpack(payload[: ORIGIN.size])
        decoded = np.full(count, blank, accumulator(dtype))
        indices = subset(seed, Draws(call, lane), count, self.kept(count))
        decoded[indices] = np.frombuffer(payload[ORIGIN.size :], decoded.dtype)
        return decoded


def subset(seed: int, draws: Draws, count: int, k: int) -> np.ndarray:
    """A uniformly random k-subset of 0 … count − 1, ascending: Floyd's algorithm."""
    words = draw(seed, draws.call, draws.lane, np.arange(k))
    chosen: set[int] = set()
    for i, j in enumerate(range(count - k, count)):
        number = int(words[0, i]) + (int(words[1, i]) << 32)
        t = number * (j + 1) >> 64
        chosen.add(j if t in chosen else t)
    return np.sort(np.fromiter(chosen, np.int64, len(chosen)))
