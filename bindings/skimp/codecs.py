"""Codecs: rules that turn an array into fewer bytes, and back into about the same array.

Arguments left out have the defaults of docs/codecs.md; `Codec.text` shows them. Bad arguments raise
`InvalidArgument`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, ClassVar, Literal

from skimp import _calls, _objects
from skimp.device_arrays import DeviceArray, as_device_array
from skimp.errors import InvalidArgument
from skimp.packing import AnyPacked, Packed
from skimp.payload import Payload, described
from skimp.residual import Residual, lent


class Codec:
    """A codec made from its text. Immutable; equal to, and pickled as, its text."""

    _classes: ClassVar[dict[str, type[Codec]]] = {}
    _name: ClassVar[str]

    def __init__(self, text: str):
        self._native = _objects.Codec(text)
        self._text = self._native.text

    def __init_subclass__(cls, name: str) -> None:
        Codec._classes[name] = cls
        cls._name = name

    def _make(self, **arguments: object) -> None:
        given = [f"{key}={value}" for key, value in arguments.items() if value is not None]
        Codec.__init__(self, f"{self._name}({','.join(given)})")

    @property
    def text(self) -> str:
        """The codec's full text, defaults filled in, as every language spells it."""
        return self._text

    @property
    def handle(self) -> int:
        """The address of the C object."""
        return self._native.handle

    def encode(self, x: Any, residual: Residual | None = None) -> Payload:
        """Encodes an array (or a bucket of arrays, as one), or array + residual.

        x
            An array of float32, float16, bfloat16 or float64, of any shape and kind.
        residual
            For as many elements; it then keeps what the payload leaves out.

        Raises `InvalidArgument` when the codec cannot encode so many elements (k exceeds count),
        and `UnsupportedType` for other arrays. Ranks and networks play no part: the same input
        gives the same bytes everywhere.

        A contiguous array on a GPU (torch, cupy, ``__cuda_array_interface__``, DLPack) is encoded
        there, with a residual on the same device, if the codec has kernels: docs/codecs.md. The
        work is queued in the array's stream, after what the stream was given before, and waited
        for: the payload is in host memory, and the residual complete, when the call returns. No
        other stream is waited for.

        >>> import numpy as np, skimp
        >>> x = np.linspace(-1, 1, 100_000, dtype=np.float32)
        >>> payload = skimp.TopK(density=0.01, values="float16").encode(x)
        >>> payload.count, payload.ratio > 100
        (100000, True)
        """
        with lent(residual) as handle:
            return described(self._encode(x, handle))

    def _encode(self, x: Any, residual: int) -> Payload:
        array = as_device_array(x)
        if array is None:
            packed = Packed(x)
            codec = self.bound_to(packed)
            return _calls.encode(Payload, codec.handle, packed.values, packed.dtype.code, residual)
        codec = self.bound_to(array)
        return _calls.encode_on_device(
            Payload,
            codec.handle,
            array.address,
            array.count,
            array.dtype.code,
            residual,
            array.stream,
        )

    def bound_to(self, packed: AnyPacked | DeviceArray) -> Codec:
        """The codec for an input of these shapes: itself, unless its bytes depend on them."""
        return self

    def __repr__(self) -> str:
        return f"skimp.codec({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Codec) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[Any, ...]:
        return codec, (self.text,)


class Identity(Codec, name="identity"):
    """Everything, in the array's own element type."""

    def __init__(self) -> None:
        self._make()


class Sign(Codec, name="sign"):
    """One bit an element, and one scale a block: its mean magnitude.

    block
        Elements that share a scale, a multiple of 32 from 32 to 8192. Smaller follows the data
        more closely; a block of 2048 costs 1.6 % more than the bits alone.

    Seide et al. 2014; Karimireddy et al. 2019, with their one scale an array replaced by blocks.

    >>> Sign().text
    'sign(block=2048)'
    """

    def __init__(self, block: int | None = None):
        self._make(block=block)


class Quantize(Codec, name="quantize"):
    """−L … L per block with L = 2^(bits−1) − 1 and an exact zero; the scale is the largest
    magnitude of the block.

    bits
        8, 4, 3 or 2.
    block
        Elements that share a scale, a multiple of 32 from 32 to 8192.
    rounding
        "stochastic" is unbiased, and noisier; with error feedback take "nearest".
    seed
        Of stochastic rounding, equal on all ranks.

    Alistarh et al. 2017 (QSGD), with the largest magnitude in place of the norm.

    >>> Quantize(4).text
    'quantize(bits=4,block=256,rounding=nearest)'
    """

    def __init__(
        self,
        bits: int | None = None,
        *,
        block: int | None = None,
        rounding: Literal["nearest", "stochastic"] | None = None,
        seed: int | None = None,
    ):
        self._make(bits=bits, block=block, rounding=rounding, seed=seed)


class Float(Codec, name="float"):
    """A smaller floating-point format, with a power of two a block as scale.

    format
        "e4m3" (8 bits, 3 of them fraction), "e5m2" (8 and 2), "float16" (16 and 10) or "bfloat16"
        (16 and 7).
    block
        Elements that share a scale, a multiple of 32 from 32 to 8192. The scale brings the block's
        largest value to the top of the format's range: neither huge nor tiny values are lost.

    Micikevicius et al. 2022 (e4m3, e5m2), with a scale a block in place of one an array.

    >>> Float("e5m2").text
    'float(format=e5m2,block=2048)'
    """

    def __init__(
        self,
        format: Literal["e4m3", "e5m2", "float16", "bfloat16"] | None = None,
        *,
        block: int | None = None,
    ):
        self._make(format=format, block=block)


class Natural(Codec, name="natural"):
    """A power of two in place of every value: 8 bits an element.

    block
        Elements whose exponents count from the same one, a multiple of 32 from 32 to 8192.
    rounding
        "nearest" errs by at most a third of a value; "stochastic" is unbiased with a variance of at
        most an eighth of the square. With error feedback take "nearest".
    seed
        Of stochastic rounding, equal on all ranks.

    Horváth et al. 2019, with 7 bits of exponent relative to the block's largest in place of 8.

    >>> Natural().text
    'natural(block=2048,rounding=nearest)'
    """

    def __init__(
        self,
        *,
        block: int | None = None,
        rounding: Literal["nearest", "stochastic"] | None = None,
        seed: int | None = None,
    ):
        self._make(block=block, rounding=rounding, seed=seed)


class Ternary(Codec, name="ternary"):
    """−1, 0 or +1 times one scale a block, five elements to a byte.

    block
        Elements that share a scale, a multiple of 32 from 32 to 8192; best multiples of 256.

    The scale is the mean of the block's larger magnitudes, and rounding is to the nearest: made for
    error feedback. Wen et al. 2017 (TernGrad) take the largest magnitude and round at random, which
    is `Quantize(2, rounding="stochastic")`.

    >>> Ternary().text
    'ternary(block=2048)'
    """

    def __init__(self, block: int | None = None):
        self._make(block=block)


class LowRank(Codec, name="lowrank"):
    """Matrices as the product of two thin ones, P·Qᵀ: the first directions of a power iteration.

    rank
        Columns of P and Q, 1 to 32. A matrix of r rows and c columns costs rank·(r + c) values in
        place of r·c, and is sent as it is where that would not be less.
    warm_start
        With `ErrorFeedback` (or a `Residual`), each step begins with the last one's Q, so that the
        directions follow those of the largest singular values from step to step. Otherwise, and in
        the first step, with random numbers.

    It sees arrays in their own shapes: one of two or more axes is a matrix of shape[0] rows, one of
    none or one axis a vector, which is sent as it is. In a bucket each array is its own, and all
    travel together, P and vectors in one exchange and Q in another.

    Vogels et al. 2019 (PowerSGD). Where we differ: the residual is what this rank's own Q leaves.

    >>> import numpy as np, skimp
    >>> x = np.outer(np.arange(100), np.ones(50)).astype(np.float32)  # of rank 1
    >>> payload = skimp.LowRank(1).encode(x)
    >>> round(payload.ratio), np.allclose(skimp.decode(payload, like=x), x, rtol=1e-5)
    (29, True)
    """

    def __init__(self, rank: int | None = None, *, warm_start: bool = True):
        self._make(rank=rank, warm_start="yes" if warm_start else "no")

    def bound_to(self, packed: AnyPacked | DeviceArray) -> Codec:
        if "shapes=" in self.text:
            return self
        return _with_shapes(self.text, packed.shapes)


@lru_cache(maxsize=1024)
def _with_shapes(text: str, shapes: tuple[tuple[int, ...], ...]) -> Codec:
    pieces = "+".join("x".join(map(str, _matrix(shape))) for shape in shapes) or "0"
    return codec(f"{text[:-1]},shapes={pieces})")


def _matrix(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Rows and columns; of a vector, its elements.

    >>> [_matrix(shape) for shape in [(), (7,), (2, 3), (64, 3, 5, 5)]]
    [(1,), (7,), (2, 3), (64, 75)]
    """
    return (math.prod(shape[:1]), math.prod(shape[1:])) if len(shape) > 1 else (math.prod(shape),)


def codec(text: str) -> Codec:
    """The codec of a text, as on a command line.

    >>> import skimp
    >>> codec("topk(density=0.01)") == skimp.TopK(0.01)
    True
    >>> codec("nothing")
    Traceback (most recent call last):
        ...
    skimp.errors.InvalidArgument: ...
    """
    if not isinstance(text, str):
        raise InvalidArgument(f"codec: {text!r} is not the text of a codec")
    name = text.partition("(")[0].strip()
    made = object.__new__(Codec._classes.get(name, Codec))
    Codec.__init__(made, text)
    return made


def codec_names() -> list[str]:
    """The names of all codecs."""
    return _objects.codec_names().split()
