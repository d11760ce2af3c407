"""block_topk: of each block the k largest magnitudes, coded as topk codes an array."""

from dataclasses import dataclass

import numpy as np

from tests.oracle import topk
from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.topk import EXPONENT_LIMIT, FORMATS


@dataclass(frozen=True)
class BlockTopK(Codec):
    density: float | None = None
    k: int | None = None
    block: int = 1024
    values: str = "float32"
    id = 10

    @property
    def of_full(self) -> int:
        return topk.budget(self.density, self.k, self.block)

    def blocks(self, count: int):
        """Where each begins and ends, and how many it keeps."""
        for begin in range(0, count, self.block):
            end = min(begin + self.block, count)
            share = (2 * self.of_full * (end - begin) + self.block) // (2 * self.block)
            yield begin, end, min(max(1, share), end - begin)

    def kept(self, count: int) -> int:
        return sum(k for _, _, k in self.blocks(count))

    def parameter(self, count: int) -> int:
        return self.block + (self.of_full << 32) + (list(FORMATS).index(self.values) << 48)

    def contraction(self, count: int) -> float:
        """What the values' format loses is taken off, as for topk."""
        least = min(k / (end - begin) for begin, end, k in self.blocks(count))
        return least * (1 - 2.0**-17)

    def exponent_bytes(self, dtype: np.dtype) -> int:
        return 2 if FORMATS[self.values].itemsize < accumulator(dtype).itemsize else 0

    def block_bytes(self, n: int, k: int, dtype: np.dtype) -> int:
        values_bytes = k * FORMATS[self.values].itemsize
        return self.exponent_bytes(dtype) + values_bytes + min(topk.index_bytes(n, k).values())

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        return sum(self.block_bytes(end - begin, k, dtype) for begin, end, k in self.blocks(count))

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        payload = b""
        for begin, end, k in self.blocks(len(values)):
            x, exponent = values[begin:end], 0
            indices = topk.select(x, k)
            if self.exponent_bytes(dtype):
                exponent = topk.TopK(k=k, values=self.values).exponent(x)
                payload += exponent.to_bytes(2, "little", signed=True)
            with np.errstate(all="ignore"):
                scaled = np.ldexp(x[indices], -exponent).astype(x.dtype)
                payload += narrow(narrow(scaled, np.float32), FORMATS[self.values]).tobytes()
            payload += topk.encode_indices(indices, end - begin)
        return payload

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        return self.scatter(0.0, payload, count, dtype)

    def addend(self, payload: bytes, decoded: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self.scatter(-0.0, payload, len(decoded), dtype)

    def scatter(self, blank: float, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        decoded = np.full(count, blank, accumulator(dtype))
        for begin, end, k in self.blocks(count):
            size = self.block_bytes(end - begin, k, dtype)
            data, payload = payload[:size], payload[size:]
            at = self.exponent_bytes(dtype)
            exponent = int.from_bytes(data[:at], "little", signed=True)
            if abs(exponent) > EXPONENT_LIMIT:
                raise Corrupt("exponent")
            split = at + k * FORMATS[self.values].itemsize
            indices = topk.decode_indices(data[split:], end - begin, k)
            with np.errstate(all="ignore"):
                stored = np.frombuffer(data[at:split], FORMATS[self.values]).astype(decoded.dtype)
                decoded[begin + indices] = np.ldexp(stored, exponent)
        return decoded
