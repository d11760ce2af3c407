"""Encoded arrays, and how to decode them."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt

from skimp import _calls, dtypes
from skimp.device_arrays import DeviceArray, as_device_array
from skimp.errors import InvalidArgument
from skimp.packing import Packed, Target

T = TypeVar("T")


class Payload(bytes):
    """A frame: a 64-byte header and the encoded values, as docs/wire_format.md describes.

    It is `bytes`, to be sent, stored or pickled. Making one of received bytes checks header and
    checksum, and raises `CorruptPayload`.

    >>> import numpy as np, skimp
    >>> payload = skimp.Quantize(8).encode(np.ones((32, 32), np.float32))
    >>> payload
    Payload(quantize(bits=8,block=256,rounding=nearest), count=1024, dtype=float32, nbytes=1104)
    >>> Payload(payload[:-1])
    Traceback (most recent call last):
        ...
    skimp.errors.CorruptPayload: ...
    """

    count: int  # type: ignore[assignment]  # elements, where bytes would count bytes
    """Elements that were encoded."""
    dtype: str
    """Their type: "float32", "float16", "bfloat16" or "float64"."""
    codec: str
    """The codec's text, as far as a decoder knows it."""
    nonfinite: bool
    """Some value was NaN or Inf."""

    def __new__(cls, frame: bytes | bytearray | memoryview) -> Payload:
        return described(super().__new__(cls, frame))

    @property
    def nbytes(self) -> int:
        """Bytes of the frame, header included."""
        return len(self)

    @property
    def ratio(self) -> float:
        """Input bytes ÷ bytes of the frame."""
        return self.count * dtypes.BY_NAME[self.dtype].storage.itemsize / len(self)

    def __repr__(self) -> str:
        return (
            f"Payload({self.codec}, count={self.count}, dtype={self.dtype}, nbytes={self.nbytes})"
        )


def described(payload: Payload) -> Payload:
    """The same, checked, with what its header says as attributes."""
    payload.count, code, payload.codec, payload.nonfinite = _calls.inspect(payload)
    payload.dtype = dtypes.BY_CODE[code].name
    return payload


@overload
def decode(payload: bytes | bytearray | memoryview) -> npt.NDArray[Any]: ...
@overload
def decode(payload: bytes | bytearray | memoryview, like: T) -> T: ...
def decode(payload: bytes | bytearray | memoryview, like: Any = None) -> Any:
    """Decodes a frame that `Codec.encode` wrote.

    like
        An array, or bucket of arrays, with as many elements: the result is of its kind, shape and
        element type. Without it, a numpy array with one axis and the frame's element type.

    Safe on any bytes: raises `CorruptPayload`. Raises `InvalidArgument` when `like` has another
    count, `UnsupportedType` when only one of the two is float64.

    With `like` on a GPU the result is made there, by the array's own library. The work is queued in
    its stream and waited for: the result is complete when the call returns.

    >>> import numpy as np, skimp
    >>> x = np.array([[1, -2], [3, -4]], np.float32)
    >>> decode(skimp.TopK(k=2).encode(x), like=x)
    array([[ 0.,  0.],
           [ 3., -4.]], dtype=float32)
    """
    if not isinstance(payload, Payload):
        payload = Payload(payload)
    if like is None:
        dtype = dtypes.BY_NAME[payload.dtype]
        values = np.empty(payload.count, dtype.storage)
        _calls.decode(payload, values, dtype.code)
        return values.view(dtypes.numpy_bfloat16()) if dtype is dtypes.BFLOAT16 else values
    array = as_device_array(like)
    if array is not None:
        return _decode_on_device(payload, array)
    packed = Packed(like)
    _require_count(payload, packed.count)
    target = Target(packed, None)
    _calls.decode(payload, target.buffer, packed.dtype.code)
    return target.finish()


def _decode_on_device(payload: Payload, like: DeviceArray) -> Any:
    _require_count(payload, like.count)
    result = like.empty(like.shape)
    array = as_device_array(result)
    assert array is not None
    _calls.decode_on_device(payload, array.address, array.count, array.dtype.code, array.stream)
    return result


def _require_count(payload: Payload, count: int) -> None:
    if count != payload.count:
        raise InvalidArgument(f"decode: the payload has {payload.count} elements, like has {count}")
