"""The collectives of a communicator: the calls, and what they share."""

from __future__ import annotations

from typing import Any, Literal, TypeVar, cast, overload

from skimp import _calls
from skimp.choices import (
    ALLGATHER,
    ALLREDUCE,
    ALLTOALL,
    BROADCAST,
    MIX,
    NONFINITE,
    OPS,
    REDUCE_SCATTER,
    NonFinite,
    Op,
    choose,
)
from skimp.codec_arguments import (
    CodecLike,
    codec_of,
    handle_of,
    require_lossless,
    residual_of,
)
from skimp.codecs import Codec
from skimp.errors import InvalidArgument
from skimp.gossip import Gossip
from skimp.keeping import Keeping
from skimp.packing import AnyPacked, AnyTarget, require_one_array
from skimp.packing import packed as packed_input
from skimp.residual import Residual, lent
from skimp.sparse import Sparse, as_sparse
from skimp.variants import FeedbackVariant

T = TypeVar("T")


class Collectives(Keeping):
    """Arrays may be of any kind that skimp.arrays knows; results are of the same kind and type.

    All ranks make the same calls in the same order, with the same count, element type, codecs and
    options; a rank that differs is named by `MismatchError`. What the arguments have in common:

    codec
        A codec, or an `ErrorFeedback` of one; None sends everything. Allreduce takes `EF21` and
        `MomentumCorrection` too.
    key
        Which of the feedback's residuals; needed when one feedback sees several arrays.
    out
        Takes the result and is returned. May be `x` itself. Of the result's shape and type.
    algorithm
        A name of docs/algorithms.md; None leaves the choice to Skimp.
    nonfinite
        What NaN or Inf on any rank does. "propagate": as a dense reduction would, and the residual
        of the values they touch is zeroed. "raise": `NonFiniteError` on every rank, no residual
        changes. "skip": no residual changes, `out` is left as it was, None is returned on every
        rank; for training with a loss scale.

    A contiguous array on a GPU (torch, cupy, ``__cuda_array_interface__``, DLPack) stays there;
    only payloads pass through host memory. The work is queued in the stream of `x` (by DLPack the
    default stream), after what that was given before, and waited for: the result, made by the
    array's own library, is complete when the call returns. No other stream is waited for. A
    bucket's arrays lie in one place, and are used in one stream. What has no kernels raises
    `UnsupportedType`: docs/algorithms.md has the list.

    Every call raises `TimeoutError` or `PeerFailed` when a peer is gone. After a failure the
    communicator repeats its first cause, and a residual is what it was before the call.
    """

    @overload
    def allreduce(self, x: Sparse, *, op: Op = ..., algorithm: str | None = ..., out: T) -> T: ...
    @overload
    def allreduce(
        self,
        x: T,
        *,
        nonfinite: Literal["skip"],
        codec: CodecLike | FeedbackVariant = ...,
        broadcast_codec: Codec | None = ...,
        op: Op = ...,
        trim: int | None = ...,
        algorithm: str | None = ...,
        out: T | None = ...,
        key: str | None = ...,
    ) -> T | None: ...
    @overload
    def allreduce(
        self,
        x: T,
        *,
        codec: CodecLike | FeedbackVariant = ...,
        broadcast_codec: Codec | None = ...,
        op: Op = ...,
        trim: int | None = ...,
        algorithm: str | None = ...,
        out: T | None = ...,
        nonfinite: Literal["propagate", "raise"] = ...,
        key: str | None = ...,
    ) -> T: ...
    def allreduce(
        self,
        x: Any,
        *,
        codec: CodecLike | FeedbackVariant = None,
        broadcast_codec: Codec | None = None,
        op: Op = "mean",
        trim: int | None = None,
        algorithm: str | None = None,
        out: Any = None,
        nonfinite: NonFinite = "propagate",
        key: str | None = None,
    ) -> Any:
        """The mean over all ranks, the same bits on every rank; or what else `op` says.

        op
            "mean" or "sum". "median", "trimmed_mean" (without the `trim` smallest and `trim`
            largest of each element's values; a quarter of the ranks unless given) and "vote" (−1, 0
            or 1, the sign that more ranks have; 0 and NaN abstain) survive whatever fewer than half
            of the ranks, or up to `trim` of them, pass as `x`, NaN too. They take any codec but
            sparse ones, move no more bytes, and are no sums: residuals are of this rank alone.
            Yin et al. 2018; Bernstein et al. 2019.

        `x` may be a bucket: lists, tuples and dicts of arrays, nested, reduced as one array.
        `broadcast_codec` is that of the second phase of ``two_phase``; None takes the codec's
        default.

        A sparse array (`Sparse`, or a sparse vector of scipy, cupyx or torch) is summed without
        loss and takes no codec; the result is a `Sparse` with an entry wherever the sum is not
        zero, or `out`, a dense array.

        >>> import numpy as np, skimp
        >>> def worker(comm):
        ...     gradients = {"weight": np.full((2, 2), comm.rank), "bias": np.zeros(2)}
        ...     return comm.allreduce({k: v.astype(np.float32) for k, v in gradients.items()})
        >>> skimp.run_threads(2, worker)[0]["weight"]
        array([[0.5, 0.5],
               [0.5, 0.5]], dtype=float32)
        """
        if (sparse := as_sparse(x)) is not None:
            require_lossless(codec, broadcast_codec, nonfinite, key, trim=trim)
            (result,) = self._run_sparse(ALLREDUCE, sparse, algorithm, op)
            return result if out is None else result.to_dense(out)
        packed = packed_input(x)
        target = packed.target(out)
        options = (op, trim, algorithm, nonfinite, 0, key)
        return self._run(ALLREDUCE, packed, target, codec, broadcast_codec, *options)

    def reduce_scatter(
        self,
        x: T,
        *,
        codec: CodecLike = None,
        op: Op = "mean",
        trim: int | None = None,
        algorithm: str | None = None,
        out: T | None = None,
        nonfinite: NonFinite = "propagate",
        key: str | None = None,
    ) -> T:
        """As allreduce, but rank r keeps the r-th of world_size equal parts of the first axis.

        The result has shape (x.shape[0] // world_size, \\*x.shape[1:]); the division must be exact.
        With ``nonfinite="skip"`` it may be None. A sparse array gives a `Sparse`.

        >>> import numpy as np, skimp
        >>> def worker(comm):
        ...     return comm.reduce_scatter(np.arange(4, dtype=np.float32), op="sum")
        >>> skimp.run_threads(2, worker)
        [array([0., 2.], dtype=float32), array([4., 6.], dtype=float32)]
        """
        if (sparse := as_sparse(x)) is not None:
            require_lossless(codec, None, nonfinite, key, out)
            part: Any = self._run_sparse(REDUCE_SCATTER, sparse, algorithm, op)[0]
            return cast(T, part)
        packed = packed_input(x)
        require_one_array("reduce_scatter", packed)
        self._require_parts("reduce_scatter", packed)
        target = packed.target(out, divisor=self._native.world_size)
        options = (op, trim, algorithm, nonfinite, 0, key)
        result: T = self._run(REDUCE_SCATTER, packed, target, codec, None, *options)
        return result

    @overload
    def allgather(self, x: Sparse, *, algorithm: str | None = ...) -> list[Sparse]: ...
    @overload
    def allgather(
        self,
        x: T,
        *,
        codec: CodecLike = ...,
        algorithm: str | None = ...,
        out: T | None = ...,
        nonfinite: NonFinite = ...,
        key: str | None = ...,
    ) -> T: ...
    def allgather(
        self,
        x: Any,
        *,
        codec: CodecLike = None,
        algorithm: str | None = None,
        out: Any = None,
        nonfinite: NonFinite = "propagate",
        key: str | None = None,
    ) -> Any:
        """Every rank's array, as its codec delivers it, the same bits on every rank.

        The result has shape (world_size, \\*x.shape). With ``nonfinite="skip"`` it may be None. A
        sparse array gives a list of `Sparse`, one a rank.

        >>> import numpy as np, skimp
        >>> def worker(comm):
        ...     return comm.allgather(np.full(2, comm.rank, np.float32))
        >>> skimp.run_threads(2, worker)[0]
        array([[0., 0.],
               [1., 1.]], dtype=float32)
        """
        if (sparse := as_sparse(x)) is not None:
            require_lossless(codec, None, nonfinite, key, out)
            return self._run_sparse(ALLGATHER, sparse, algorithm)
        packed = packed_input(x)
        target = packed.target(out, lead=(self._native.world_size,))
        options: tuple[Any, ...] = ("mean", None, algorithm, nonfinite, 0, key)
        return self._run(ALLGATHER, packed, target, codec, None, *options)

    def broadcast(
        self,
        x: T,
        root: int = 0,
        *,
        codec: CodecLike = None,
        algorithm: str | None = None,
        out: T | None = None,
        nonfinite: NonFinite = "propagate",
        key: str | None = None,
    ) -> T:
        """The root's array, as its codec delivers it, on every rank, the root too.

        Other ranks give an array of the same shape and type, whose values are not read. With
        ``nonfinite="skip"`` the result may be None.

        >>> import numpy as np, skimp
        >>> def worker(comm):
        ...     return comm.broadcast(np.full(2, comm.rank, np.float32), root=1)
        >>> skimp.run_threads(2, worker)[0]
        array([1., 1.], dtype=float32)
        """
        packed = packed_input(x)
        target = packed.target(out)
        options: tuple[Any, ...] = ("mean", None, algorithm, nonfinite, root, key)
        result: T = self._run(BROADCAST, packed, target, codec, None, *options)
        return result

    def alltoall(
        self,
        x: T,
        *,
        codec: CodecLike = None,
        algorithm: str | None = None,
        out: T | None = None,
        nonfinite: NonFinite = "propagate",
        key: str | None = None,
    ) -> T:
        """Part j of the first axis, of world_size equal parts, goes to rank j.

        The result has the shape of `x`; its part i comes from rank i, as the codec delivers it. A
        rank's own part is not encoded. Used to send activations to experts and back, with one
        feedback for each direction if any. With ``nonfinite="skip"`` the result may be None.

        >>> import numpy as np, skimp
        >>> def worker(comm):
        ...     return comm.alltoall(np.array([0, 1], np.float32) + 10 * comm.rank)
        >>> skimp.run_threads(2, worker)
        [array([ 0., 10.], dtype=float32), array([ 1., 11.], dtype=float32)]
        """
        packed = packed_input(x)
        require_one_array("alltoall", packed)
        self._require_parts("alltoall", packed)
        target = packed.target(out)
        options: tuple[Any, ...] = ("mean", None, algorithm, nonfinite, 0, key)
        result: T = self._run(ALLTOALL, packed, target, codec, None, *options)
        return result

    def mix(
        self,
        x: T,
        gossip: Gossip,
        *,
        out: T | None = None,
        nonfinite: NonFinite = "propagate",
        key: str | None = None,
    ) -> T:
        """One gossip step: `x`, moved towards the arrays of this rank's neighbours in the graph.

        Repeated, ``x = comm.mix(x, gossip)`` ends in the mean of all ranks, which every step keeps.
        Data goes to neighbours only; the first call with new arguments compares them with all
        ranks. `x` may be a bucket, as for `allreduce`. With ``nonfinite="skip"`` the result may be
        None; with "propagate" NaN or Inf that a rank sends, and in its block of a block-scaled
        codec all values, are NaN in its own result and its neighbours'.

        >>> import numpy as np, skimp
        >>> def worker(comm):
        ...     gossip = skimp.Gossip(None, graph="ring")
        ...     return comm.mix(np.full(2, 3 * comm.rank, np.float32), gossip)
        >>> skimp.run_threads(4, worker)[0]
        array([4., 4.], dtype=float32)
        """
        if not isinstance(gossip, Gossip):
            raise InvalidArgument(f"gossip = {gossip!r} is no Gossip: pass skimp.Gossip(codec)")
        packed = packed_input(x)
        target = packed.target(out)
        state = gossip.bind_if_lossy(packed, key)
        graph = gossip.graph(self._native.world_size)
        codec = gossip.codec.bound_to(packed)
        codecs = handle_of(codec), 0
        options = (None, 0, choose("nonfinite", nonfinite, NONFINITE), 0, 0)
        mixing = graph.handle, gossip.step_size or 0.0
        kept = (gossip, codec, graph)
        result: T = self._call(MIX, packed, target, codecs, state, options, mixing, kept)
        return result

    def _require_parts(self, call: str, packed: AnyPacked) -> None:
        ranks, shape = self._native.world_size, packed.values.shape
        if not shape or shape[0] % ranks != 0:
            raise InvalidArgument(
                f"{call}: the first axis of shape {shape} does not divide by {ranks} ranks"
            )

    def _run(
        self,
        collective: int,
        packed: AnyPacked,
        target: AnyTarget,
        codec: CodecLike | FeedbackVariant,
        broadcast_codec: Codec | None,
        op: Op,
        trim: int | None,
        algorithm: str | None,
        nonfinite: NonFinite,
        root: int,
        key: str | None,
    ) -> Any:
        options = (
            None if algorithm is None else algorithm.encode(),
            choose("op", op, OPS),
            choose("nonfinite", nonfinite, NONFINITE),
            root,
            trim or 0,
        )
        if isinstance(codec, FeedbackVariant) and collective == ALLREDUCE:
            up: Codec | None = codec.codec_for(key).bound_to(packed)
            residual: Residual | None = codec.bind(packed, key)
        else:
            up, residual = codec_of(codec, packed, key), residual_of(codec, packed, key)
        down = codec_of(broadcast_codec, packed, None)
        codecs = handle_of(up), handle_of(down)
        kept = (codec, up, down)
        return self._call(collective, packed, target, codecs, residual, options, (0, 0.0), kept)

    def _call(
        self,
        collective: int,
        packed: AnyPacked,
        target: AnyTarget,
        codecs: tuple[int, int],
        residual: Residual | None,
        options: tuple[bytes | None, int, int, int, int],
        mixing: tuple[int, float],
        kept: tuple[object, ...],
    ) -> Any:
        """Runs a collective; `kept` are the objects whose handles it is given."""
        arguments = (
            *(collective, self._native.handle, packed.values, target.buffer, packed.dtype.code),
            *codecs,
        )
        rest = (*options, *mixing, *packed.place)
        kept = (packed, target, *kept)
        with lent(residual) as handle:
            written = self._keeping(kept, _calls.run, *arguments, handle, *rest)
        return target.finish() if written else None

    def _run_sparse(
        self, collective: int, x: Sparse, algorithm: str | None, op: Op = "mean"
    ) -> list[Sparse]:
        results = _calls.run_sparse(
            collective,
            self._native.handle,
            *x._parts(),
            None if algorithm is None else algorithm.encode(),
            choose("op", op, OPS),
        )
        return [x._like(*result) for result in results]
