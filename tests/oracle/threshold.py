"""threshold: every magnitude that reaches a limit, coded as topk codes those that it keeps."""

from dataclasses import dataclass

import numpy as np

from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import accumulator, narrow
from tests.oracle.topk import FORMATS, TopK, encode_indices


@dataclass(frozen=True)
class Threshold(Codec):
    magnitude: float | None = None
    fraction: float | None = None
    values: str = "float32"
    id = 11
    fixed_size = False

    @property
    def is_contraction(self) -> bool:
        return self.fraction is not None

    def parameter(self, count: int) -> int:
        return list(FORMATS).index(self.values) << 48

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        return 8 + self.of(count).payload_bytes(count, dtype)

    def of(self, k: int) -> TopK:
        return TopK(k=k, values=self.values)

    def contraction(self, count: int) -> float:
        """What the values' format loses is taken off, as for topk."""
        assert self.fraction is not None
        return 1 / (1 + (count - 1) * self.fraction**2) * (1 - 2.0**-17)

    def selected(self, values: np.ndarray) -> np.ndarray:
        """The indices of what is kept."""
        magnitudes = np.abs(values)
        finite = np.isfinite(magnitudes)
        if self.fraction is None:
            limit = narrow(np.float64(self.magnitude), values.dtype)
        else:
            largest = magnitudes[finite].max(initial=0)
            limit = narrow(np.float64(self.fraction), values.dtype) * largest
        return np.flatnonzero((values != 0) & ((magnitudes >= limit) | ~finite))

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        indices = self.selected(values)
        kept, model = values[indices], self.of(len(indices))
        payload, exponent = len(indices).to_bytes(8, "little"), 0
        if len(indices) == 0:
            return payload
        if model.scaled(dtype):
            exponent = model.exponent(kept)
            payload += exponent.to_bytes(4, "little", signed=True)
        with np.errstate(all="ignore"):
            scaled = np.ldexp(kept, -exponent).astype(values.dtype)
            payload += narrow(narrow(scaled, np.float32), FORMATS[self.values]).tobytes()
        return payload + encode_indices(indices, len(values))

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        return self.scatter(0.0, payload, count, dtype)

    def addend(self, payload: bytes, decoded: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self.scatter(-0.0, payload, len(decoded), dtype)

    def scatter(self, blank: float, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        k = int.from_bytes(payload[:8], "little")
        if len(payload) < 8 or k > count:
            raise Corrupt("number of elements")
        if count == 0 and len(payload) == 8:
            return np.zeros(0, accumulator(dtype))
        return self.of(k).scatter(blank, payload[8:], count, dtype)
