"""float: a smaller floating-point format, and a power of two for every block."""

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from tests.oracle.blocks import block_count, padded_blocks, spread
from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import accumulator, narrow

FORMATS = {
    "e4m3": np.dtype(ml_dtypes.float8_e4m3fn),
    "e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}


def least_power(magnitudes: np.ndarray, times: float) -> np.ndarray:
    """The least power of two s of the type with magnitude ≤ times·s; NaN for NaN and Inf."""
    info = np.finfo(magnitudes.dtype)
    mantissa, exponent = np.frexp(magnitudes)
    times_mantissa, times_exponent = np.frexp(times)
    exponent = exponent - times_exponent + (mantissa > times_mantissa)
    least = info.minexp - info.nmant
    exponent = np.where(magnitudes == 0, least, np.maximum(exponent, least))
    powers = np.ldexp(magnitudes.dtype.type(1), exponent.astype(np.int32))
    return np.where(np.isfinite(magnitudes), powers, np.nan).astype(magnitudes.dtype)


def is_power(scales: np.ndarray) -> np.ndarray:
    return (scales > 0) & (np.frexp(scales)[0] == 0.5) | np.isnan(scales)


@dataclass(frozen=True)
class Float(Codec):
    format: str = "e4m3"
    block: int = 2048
    id = 7

    @property
    def type(self) -> np.dtype:
        return FORMATS[self.format]

    def parameter(self, count: int) -> int:
        return self.block + (list(FORMATS).index(self.format) << 32)

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        scales = block_count(count, self.block) * accumulator(dtype).itemsize
        return scales + count * self.type.itemsize

    def contraction(self, count: int) -> float:
        """Half a last place of each value, and a millionth for those among the denormals."""
        return 1 - float(ml_dtypes.finfo(self.type).eps / 2) ** 2 - 1e-6

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        largest = np.abs(padded_blocks(values, self.block)).max(axis=1)
        scales = least_power(largest, float(ml_dtypes.finfo(self.type).max))
        scale = spread(scales, len(values), self.block)
        with np.errstate(all="ignore"):
            stored = np.where(np.isnan(scale), 0, values / scale).astype(np.float32)
            stored = stored.astype(self.type)
            too_large = np.isinf(stored.astype(values.dtype) * scale)
        codes = stored.view(f"u{self.type.itemsize}") - too_large.astype(f"u{self.type.itemsize}")
        return narrow(scales, scales.dtype).tobytes() + codes.tobytes()

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        v = accumulator(dtype)
        split = block_count(count, self.block) * v.itemsize
        scales = np.frombuffer(payload[:split], v)
        stored = np.frombuffer(payload[split:], self.type).astype(np.float32)
        if not is_power(scales).all() or not np.isfinite(stored).all():
            raise Corrupt("scale or code")
        with np.errstate(all="ignore"):
            return stored.astype(v) * spread(scales, count, self.block)
