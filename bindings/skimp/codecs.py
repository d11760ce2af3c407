"""Codecs: rules that turn an array into fewer bytes, and back into about the same array.

Arguments left out have the defaults of docs/codecs.md; `Codec.text` shows them. Bad arguments raise
`InvalidArgument`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from skimp import _calls, _objects
from skimp.device_arrays import as_device_array
from skimp.errors import InvalidArgument
from skimp.packing import Packed
from skimp.payload import Payload
from skimp.residual import Residual


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

        A contiguous array on a GPU (torch, cupy, ``__cuda_array_interface__``) is encoded there,
        with a residual on the same device, if the codec has kernels: docs/codecs.md. The work is
        queued in the array's stream, after what the stream was given before, and waited for: the
        payload is in host memory, and the residual complete, when the call returns. No other
        stream is waited for.

        >>> import numpy as np, skimp
        >>> x = np.linspace(-1, 1, 100_000, dtype=np.float32)
        >>> payload = skimp.TopK(density=0.01, values="float16").encode(x)
        >>> payload.count, payload.ratio > 100
        (100000, True)
        """
        if residual is None:
            return Payload(self._encode(x, 0))
        with residual.lend() as handle:
            return Payload(self._encode(x, handle))

    def _encode(self, x: Any, residual: int) -> bytes:
        array = as_device_array(x)
        if array is None:
            packed = Packed(x)
            return _calls.encode(self.handle, packed.values, packed.dtype.code, residual)
        return _calls.encode_on_device(
            self.handle, array.address, array.count, array.dtype.code, residual, array.stream
        )

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


class TopK(Codec, name="topk"):
    """The k largest magnitudes, exactly k, ties to the lower index.

    density
        k ÷ count, above 0 and at most 1.
    k
        In its place.
    values
        What they are sent as: "float32", or "float16" or "bfloat16" with a scale a frame, whose
        rounding error goes to the residual. "float16" costs 2 bytes less a kept element.

    Stich et al. 2018, with Elias–Fano coded indices.

    >>> TopK(0.01).text
    'topk(density=0.01,values=float32)'
    """

    def __init__(
        self,
        density: float | None = None,
        *,
        k: int | None = None,
        values: Literal["float32", "float16", "bfloat16"] | None = None,
    ):
        self._make(density=density, k=k, values=values)


class RandomK(Codec, name="random_k"):
    """k elements at random, the same on all ranks: their seed is shared, so no index travels.

    density
        k ÷ count, above 0 and at most 1.
    k
        In its place.
    seed
        Equal on all ranks. Which elements are kept changes from call to call.

    Stich et al. 2018.

    >>> RandomK(0.05, seed=7).text
    'random_k(density=0.05,seed=7)'
    """

    def __init__(
        self, density: float | None = None, *, k: int | None = None, seed: int | None = None
    ):
        self._make(density=density, k=k, seed=seed)


def codec(text: str) -> Codec:
    """The codec of a text, as on a command line.

    >>> codec("topk(density=0.01)") == TopK(0.01)
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
