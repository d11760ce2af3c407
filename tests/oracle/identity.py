"""identity: everything, rounded to the array's type."""

from dataclasses import dataclass

import numpy as np

from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import narrow, widen


@dataclass(frozen=True)
class Identity(Codec):
    id = 1

    def parameter(self, count: int) -> int:
        return 0

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        return count * np.dtype(dtype).itemsize

    def contraction(self, count: int) -> float:
        return 1.0

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        return narrow(values, dtype).tobytes()

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        return widen(np.frombuffer(payload, dtype))
