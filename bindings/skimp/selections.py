"""Codecs that select by size, or in another domain: beside `TopK` and `BlockTopK` of codecs.py."""

from __future__ import annotations

from typing import Literal

from skimp.codecs import BlockTopK, Codec, TopK


class Threshold(Codec, name="threshold"):
    """Every element whose magnitude reaches a threshold: few, none, or all of them.

    magnitude
        The threshold, above 0.
    fraction
        In its place: a part of the array's largest magnitude, above 0 and at most 1.
    values
        As for `TopK`.

    Zeros are never kept, NaN and Inf always. Of the first kind what is left out is below the
    threshold, element by element, but an array of small values is left out altogether: it is no
    contraction, and `mix` refuses it. Of the second kind the largest element is always kept, which
    makes a contraction; shards have largest magnitudes of their own. Payloads vary in size: reports
    predict the most that they may be.

    Strom 2015; Aji & Heafield 2017. Where we differ from the first: values are sent.

    >>> Threshold(0.01).text
    'threshold(magnitude=0.01,values=float32)'
    >>> import numpy as np, skimp
    >>> x = np.array([0.5, -0.02, 0.03, -4], np.float32)
    >>> skimp.decode(Threshold(fraction=0.1).encode(x), like=x)
    array([ 0.5,  0. ,  0. , -4. ], dtype=float32)
    """

    def __init__(
        self,
        magnitude: float | None = None,
        *,
        fraction: float | None = None,
        values: Literal["float32", "float16", "bfloat16"] | None = None,
    ):
        self._make(magnitude=magnitude, fraction=fraction, values=values)


class Dct(Codec, name="dct"):
    """The coefficients of cosine transforms of short chunks that another codec selects.

    codec
        A `TopK`, a `BlockTopK` or a `Threshold`, which sees coefficients in place of elements.
    chunk
        Elements that are transformed together, a power of two from 8 to 256.

    The transform is the orthonormal DCT-II: it keeps lengths, so that as much is left out as the
    other codec leaves out of the coefficients. Where neighbours are alike these are few large ones.
    A last chunk that is shorter is transformed in shorter powers of two. Values of more than
    1/256 of float32's largest may overflow.

    Peng, Quesnelle & Kingma 2024 (DeMo), whose selection is ``BlockTopK(k=, block=chunk)``. Where
    we differ: chunks are of the array as it lies in memory, not of a matrix's rows and columns.

    >>> import numpy as np, skimp
    >>> Dct(TopK(0.01)).text
    'dct(codec=topk(density=0.01,values=float32),chunk=64)'
    >>> x = np.sin(np.arange(64_000, dtype=np.float32) / 50)
    >>> for codec in (TopK(0.05), Dct(TopK(0.05))):
    ...     left = x - skimp.decode(codec.encode(x), like=x)
    ...     print(bool(np.linalg.norm(left) < 0.1 * np.linalg.norm(x)))
    False
    True
    """

    def __init__(self, codec: TopK | BlockTopK | Threshold, *, chunk: int | None = None):
        self._make(codec=codec.text, chunk=chunk)
