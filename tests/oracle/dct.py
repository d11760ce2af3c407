"""dct: cosine transforms of short chunks, of whose coefficients another codec selects."""

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tests.oracle.block_topk import BlockTopK
from tests.oracle.codec import Codec, Draws
from tests.oracle.dtypes import accumulator
from tests.oracle.threshold import Threshold
from tests.oracle.topk import TopK


@cache
def quarter_wave() -> tuple[float, ...]:
    """cos(π·m / 512) for m = 0 … 256, by the specification's formula."""
    wave, of_step, step = [1.0] + [0.0] * 256, 0.0, 128
    while step > 0:
        of_step = math.sqrt((1 + of_step) / 2)
        for m in range(step, 256, 2 * step):
            wave[m] = (wave[m - step] + wave[m + step]) / (2 * of_step)
        step //= 2
    return tuple(wave)


def cosine(m: int) -> float:
    m %= 1024
    m = min(m, 1024 - m)
    return quarter_wave()[m] if m <= 256 else -quarter_wave()[512 - m]


@cache
def odd_cosines(n: int, dtype: np.dtype) -> np.ndarray:
    """cos(π(2i + 1)(2j + 1) / 2n) for i and j below n/2."""
    odd = range(1, n, 2)
    return np.array([[cosine(i * j * 256 // n) for i in odd] for j in odd]).astype(dtype)


def product(x: np.ndarray) -> np.ndarray:
    """Of each row of x with the cosines, summed in order."""
    half = x.shape[1]
    matrix, total = odd_cosines(2 * half, x.dtype), np.zeros_like(x)
    for j in range(half):
        total = total + x[:, j, None] * matrix[j]
    return total


def forward(x: np.ndarray) -> np.ndarray:
    n = x.shape[1]
    if n == 1:
        return x
    low, high = x[:, : n // 2], x[:, : n // 2 - 1 : -1]
    y = np.empty_like(x)
    y[:, 0::2] = forward(low + high)
    y[:, 1::2] = product(low - high)
    return y


def backward(y: np.ndarray) -> np.ndarray:
    if y.shape[1] == 1:
        return y
    even, odd = backward(y[:, 0::2]), product(y[:, 1::2])
    return np.concatenate([even + odd, (even - odd)[:, ::-1]], axis=1)


def scaled(y: np.ndarray) -> np.ndarray:
    n = y.shape[1]
    factors = np.full(n, math.sqrt(2 / n)).astype(y.dtype)
    factors[0] = math.sqrt(1 / n)
    return y * factors


@dataclass(frozen=True)
class Dct(Codec):
    codec: TopK | BlockTopK | Threshold
    chunk: int = 64
    id = 13

    @property
    def block(self) -> int:
        return math.lcm(self.chunk, self.codec.block)

    @property
    def fixed_size(self) -> bool:
        return self.codec.fixed_size

    @property
    def is_contraction(self) -> bool:
        return self.codec.is_contraction

    def kept(self, count: int) -> int:
        return self.codec.kept(count)

    def parameter(self, count: int) -> int:
        log = self.chunk.bit_length() - 1
        return self.codec.parameter(count) + (log << 52) + (self.codec.id << 56)

    def slice(self, begin: int, end: int, count: int) -> Codec:
        return replace(self, codec=self.codec.slice(begin, end, count))

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        return self.codec.payload_bytes(count, dtype)

    def contraction(self, count: int) -> float:
        return self.codec.contraction(count)

    def pieces(self, count: int):
        """Begin and end of the stretches of pieces of equal size, and that size."""
        begin, size = 0, self.chunk
        while size > 0:
            end = begin + (count - begin) // size * size
            if end > begin:
                yield begin, end, size
            begin, size = end, size // 2

    def transformed(self, values: np.ndarray) -> np.ndarray:
        result = np.empty_like(values)
        with np.errstate(all="ignore"):
            for begin, end, size in self.pieces(len(values)):
                pieces = values[begin:end].reshape(-1, size)
                result[begin:end] = scaled(forward(pieces)).ravel()
        return result

    def inverted(self, coefficients: np.ndarray) -> np.ndarray:
        result = np.empty_like(coefficients)
        with np.errstate(all="ignore"):
            for begin, end, size in self.pieces(len(coefficients)):
                pieces = coefficients[begin:end].reshape(-1, size)
                result[begin:end] = backward(scaled(pieces)).ravel()
        return result

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        return self.codec.payload(self.transformed(values), accumulator(dtype), draws)

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        return self.inverted(self.codec.decode(payload, count, accumulator(dtype)))

    def nonfinite(self, values: np.ndarray) -> bool:
        return not np.isfinite(self.transformed(values)).all()
