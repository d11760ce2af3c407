"""What all codecs share: values to encode, the new residual, whole frames."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from tests.oracle import frame
from tests.oracle.dtypes import DTYPES, narrow, widen


class Corrupt(Exception):
    """Bytes that the specification tells a decoder to refuse."""


@dataclass(frozen=True)
class Draws:
    """Which random numbers an encode uses."""

    call: int = 0
    lane: int = 0
    first: int = 0  # the first element's index in the whole array


class Codec(ABC):
    """Codecs see values of the accumulator's type V only; frames and residuals are made here."""

    id: int
    block = 16  # slices of an array begin at multiples of it
    random = False  # uses random numbers
    unbiased = False  # the mean over random numbers of what is decoded is what was encoded
    linear = False  # can be reduced without decoding
    sliceable = True  # shards can be encoded apart from one another
    fixed_size = True  # payload_bytes is exact, not a bound
    is_contraction = True

    def kept(self, count: int) -> int:
        """How many elements keep a value. Raises ValueError when that is more than there are."""
        return count

    @abstractmethod
    def parameter(self, count: int) -> int: ...

    @abstractmethod
    def payload_bytes(self, count: int, dtype: np.dtype) -> int: ...

    @abstractmethod
    def payload(self, values: np.ndarray, dtype: np.dtype, draws: Draws) -> bytes: ...

    @abstractmethod
    def decode(self, payload: bytes, count: int, dtype: np.dtype) -> np.ndarray:
        """The values in V, before they are rounded to dtype."""

    def addend(self, payload: bytes, decoded: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """What to add to a sum: the decoded values; sparse codecs add only what they kept.

        Adding nothing is adding −0, which leaves all numbers as they are; +0 turns −0 into +0.
        """
        return decoded

    def nonfinite(self, values: np.ndarray) -> bool:
        """The frame's flag: something in it cannot be finite."""
        return not np.isfinite(values).all()

    @abstractmethod
    def contraction(self, count: int) -> float:
        """A δ with ‖x − decoded(x)‖² ≤ (1 − δ)‖x‖²; of random codecs, in the mean."""

    def linear_sum(
        self, values: list[np.ndarray], draws: Draws
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Of linear codecs: the sum of all ranks' values as it is delivered, and the residuals."""
        raise NotImplementedError

    def deviation(self, values: np.ndarray) -> np.ndarray:
        """Of unbiased codecs: the most that the standard deviation of each decoded value can be."""
        raise NotImplementedError

    def slice(self, begin: int, end: int, count: int) -> "Codec":
        """The codec for a part of an array."""
        return self

    def broadcast_codec(self) -> "Codec":
        """What a two-phase reduction sends back with by default."""
        return self


def encode(
    codec: Codec,
    array: np.ndarray,
    residual: np.ndarray | None = None,
    draws: Draws = Draws(),
) -> tuple[bytes, np.ndarray, bool]:
    """The payload, the new residual, and whether some value was NaN or Inf."""
    values = widen(array) if residual is None else add(widen(array), residual)
    payload = codec.payload(values, array.dtype, draws)
    rest = left_out(values, codec.decode(payload, len(array), array.dtype))
    return payload, rest, codec.nonfinite(values)


def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return a + b


def left_out(values: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        rest = values - decoded
    return np.where(np.isfinite(rest), rest, 0).astype(values.dtype)


def encode_frame(
    codec: Codec, array: np.ndarray, residual: np.ndarray | None = None, step: int = 0
) -> tuple[bytes, np.ndarray]:
    """A frame outside any collective, and the new residual; `step` is the old one's."""
    payload, rest, nonfinite = encode(codec, array, residual, Draws(call=step))
    header = frame.Header(
        codec=codec.id,
        dtype_code=DTYPES.index(array.dtype) + 1,
        flags=frame.NONFINITE if nonfinite else 0,
        count=len(array),
        payload_bytes=len(payload),
        parameter=codec.parameter(len(array)),
    )
    return frame.seal(header, payload), rest


def decode_frame(codec: Codec, data: bytes) -> np.ndarray:
    header, payload = frame.open_frame(data)
    return narrow(codec.decode(payload, header.count, header.dtype), header.dtype)
