"""Codecs that send some elements, or some coefficients, and leave out the others."""

from __future__ import annotations

from typing import Literal

from skimp.codecs import Codec


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


class BlockTopK(Codec, name="block_topk"):
    """Of each block the k largest magnitudes, ties to the lower index.

    density
        k ÷ block, above 0 and at most 1; k is at least 1.
    k
        In its place: how many a block keeps. A last block that is shorter keeps its share.
    block
        A multiple of 32 from 32 to 8192.
    values
        As for `TopK`, the scale being the block's.

    A block depends on itself alone, so large arrays travel in segments, which `TopK`'s do not; and
    less of the whole is delivered than by as many elements of `TopK`.

    Aji & Heafield 2017; Stich et al. 2018.

    >>> BlockTopK(0.01).text
    'block_topk(k=10,block=1024,values=float32)'
    """

    def __init__(
        self,
        density: float | None = None,
        *,
        k: int | None = None,
        block: int | None = None,
        values: Literal["float32", "float16", "bfloat16"] | None = None,
    ):
        self._make(density=density, k=k, block=block, values=values)


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


class ArcTopK(Codec, name="arc_topk"):
    """The largest rows of the sum over all ranks, which a small sketch of it tells to all of them.

    No indices travel, and sums need no decoding: two dense allreduces, of the sketch and of the
    kept rows, by the algorithm ``linear``.

    density
        Rows kept ÷ rows, above 0 and at most 1.
    k
        In its place: a number of rows.
    row
        Elements that are kept or left out together, a multiple of 32 from 32 to 8192.
    sketch
        Numbers a row that tell its size, 1 to 16. More find the largest rows more surely.
    seed
        Equal on all ranks. The random vectors of sketches change from call to call.

    ARC-Top-K (arXiv 2510.26709), for any array, cut into rows.

    >>> ArcTopK(0.01).text
    'arc_topk(density=0.01,row=512,sketch=4,seed=0)'
    """

    def __init__(
        self,
        density: float | None = None,
        *,
        k: int | None = None,
        row: int | None = None,
        sketch: int | None = None,
        seed: int | None = None,
    ):
        self._make(density=density, k=k, row=row, sketch=sketch, seed=seed)


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
