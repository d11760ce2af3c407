"""topk: the k largest magnitudes, with their indices in the smallest of three codings."""

import math
from dataclasses import dataclass, replace

import numpy as np

from tests.oracle import bitstring
from tests.oracle.codec import Codec, Corrupt, Draws
from tests.oracle.dtypes import accumulator, bfloat16, narrow

FORMATS = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": bfloat16,
}
EXPONENT_LIMIT = 1100


def budget(density: float | None, k: int | None, count: int) -> int:
    """How many elements are kept; the arguments are those of the codec."""
    if count == 0:
        return 0
    if k is not None:
        if k > count:
            raise ValueError(f"k = {k} exceeds count = {count}")
        return k
    return min(count, max(1, math.floor(density * count + 0.5)))


@dataclass(frozen=True)
class TopK(Codec):
    density: float | None = None
    k: int | None = None
    values: str = "float32"
    id = 4

    def kept(self, count: int) -> int:
        return budget(self.density, self.k, count)

    def parameter(self, count: int) -> int:
        return self.kept(count) + (list(FORMATS).index(self.values) << 48)

    def slice(self, begin: int, end: int, count: int) -> Codec:
        k = self.kept(count)
        share = k * end // count - k * begin // count if count else 0
        return replace(self, density=None, k=share)

    def scaled(self, dtype: np.dtype) -> bool:
        return FORMATS[self.values].itemsize < accumulator(dtype).itemsize

    def payload_bytes(self, count: int, dtype: np.dtype) -> int:
        k = self.kept(count)
        if k == 0:
            return 0
        coding_bytes = min(index_bytes(count, k).values())
        exponent_bytes = 4 if self.scaled(dtype) else 0
        return exponent_bytes + k * FORMATS[self.values].itemsize + coding_bytes

    def contraction(self, count: int) -> float:
        """What the values' format loses, 2⁻⁹ of each at most, is taken off."""
        return self.kept(count) / count * (1 - 2.0**-17)

    def selected(self, values: np.ndarray) -> np.ndarray:
        """The indices of what is kept."""
        return select(values, self.kept(len(values)))

    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes:
        count, k = len(values), self.kept(len(values))
        if k == 0:
            return b""
        indices = self.selected(values)
        payload, exponent = b"", 0
        if self.scaled(dtype):
            exponent = self.exponent(values)
            payload = exponent.to_bytes(4, "little", signed=True)
        with np.errstate(all="ignore"):
            scaled = np.ldexp(values[indices], -exponent).astype(values.dtype)
            payload += narrow(narrow(scaled, np.float32), FORMATS[self.values]).tobytes()
        return payload + encode_indices(indices, count)

    def exponent(self, values: np.ndarray) -> int:
        magnitudes = np.abs(values)
        largest = magnitudes[np.isfinite(magnitudes)].max(initial=0)
        if largest == 0:
            return 0
        _, above = np.frexp(largest)  # 2^(above − 1) ≤ largest < 2^above
        return int(above) - 1 - (14 if self.values == "float16" else 0)

    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        return self.scatter(0.0, payload, count, dtype)

    def addend(self, payload: bytes, decoded: np.ndarray, dtype: np.dtype) -> np.ndarray:
        return self.scatter(-0.0, payload, len(decoded), dtype)

    def scatter(self, blank: float, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        decoded, k = np.full(count, blank, accumulator(dtype)), self.kept(count)
        if len(payload) != self.payload_bytes(count, dtype):
            raise Corrupt("size")
        if k == 0:
            return decoded
        exponent, begin = 0, 0
        if self.scaled(dtype):
            exponent, begin = int.from_bytes(payload[:4], "little", signed=True), 4
        if abs(exponent) > EXPONENT_LIMIT:
            raise Corrupt("exponent")
        end = begin + k * FORMATS[self.values].itemsize
        with np.errstate(all="ignore"):
            stored = np.frombuffer(payload[begin:end], FORMATS[self.values]).astype(decoded.dtype)
            decoded[decode_indices(payload[end:], count, k)] = np.ldexp(stored, exponent)
        return decoded


def select(values: np.ndarray, k: int) -> np.ndarray:
    """The indices of the k largest magnitudes, ascending; ties go to the lower index."""
    magnitude = np.abs(values)
    is_nan = np.isnan(magnitude)
    magnitude[is_nan] = 0
    order = np.lexsort((np.arange(len(values)), -magnitude, ~is_nan))
    return np.sort(order[:k])


def low_bits(count: int, k: int) -> int:
    return (count // k).bit_length() - 1


def index_bytes(count: int, k: int) -> dict[str, int]:
    """The size of every coding that may be used."""
    low = low_bits(count, k)
    sizes = {"bitmap": bitstring.bytes_for(count)}
    if count <= 2**32:
        sizes["words"] = 4 * k
    high_bits = k + (count - 1 >> low) + 1
    sizes["elias_fano"] = bitstring.bytes_for(k * low) + bitstring.bytes_for(high_bits)
    return sizes


def coding(count: int, k: int) -> str:
    sizes = index_bytes(count, k)
    return min(sizes, key=sizes.__getitem__)  # the first of equal ones


def encode_indices(indices: np.ndarray, count: int) -> bytes:
    k = len(indices)
    match coding(count, k):
        case "bitmap":
            return bitstring.pack(np.isin(np.arange(count), indices), 1)
        case "words":
            return indices.astype("<u4").tobytes()
    low = low_bits(count, k)
    high = np.zeros(k + (count - 1 >> low) + 1, np.uint8)
    high[(indices >> low) + np.arange(k)] = 1
    return bitstring.pack(indices & (1 << low) - 1, low) + bitstring.pack(high, 1)


def decode_indices(data: bytes, count: int, k: int) -> np.ndarray:
    match coding(count, k):
        case "bitmap":
            indices = np.flatnonzero(bitstring.unpack(data, count, 1))
        case "words":
            indices = np.frombuffer(data, "<u4").astype(np.int64)
        case _:
            low = low_bits(count, k)
            split = bitstring.bytes_for(k * low)
            high = bitstring.unpack(data[split:], k + (count - 1 >> low) + 1, 1)
            high = np.flatnonzero(high)
            if len(high) != k:
                raise Corrupt("number of indices")
            indices = bitstring.unpack(data[:split], k, low)
            indices |= high - np.arange(k) << low
    if len(indices) != k or (np.diff(indices) <= 0).any() or (indices >= count).any():
        raise Corrupt("indices")
    return indices
