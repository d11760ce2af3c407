"""Messages from one rank to another: what pipeline parallelism sends."""

from __future__ import annotations

import operator
from typing import Any, TypeVar, overload

import numpy as np

from skimp import _calls, _objects
from skimp.codec_arguments import CodecLike, codec_of, handle_of, residual_of
from skimp.errors import InvalidArgument
from skimp.packing import packed as packed_input
from skimp.residual import lent

T = TypeVar("T")
LARGEST_INT = int(np.iinfo(np.intc).max)


class PointToPoint:
    """What two ranks do with each other. The others need not know of it, and calls of all ranks may
    come between. Failures are those of a collective: every rank hears of them.

    The array at each end may lie on a GPU, as in a collective, wherever that of the other end lies.
    Payloads pass through host memory, by the transport, also where those of collectives go from
    device to device. Each end waits for its array's stream, and no other: the sender before the
    message leaves, the receiver before `recv` returns.
    """

    _native: _objects.Communicator

    def send(
        self, x: Any, dest: int, *, codec: CodecLike = None, tag: int = 0, key: str | None = None
    ) -> None:
        """Sends an array, or a bucket of arrays, to rank `dest`.

        codec
            A codec, or an `ErrorFeedback` of one, which is this rank's alone: one for each stream
            of messages (or one ``key=`` of it), such as the activations of a layer.
        tag
            A number from 0 on. The receiver asks for the same.

        Returns once the message has left: up to 4 KiB at once, more when the receiver takes it, in
        its `recv` or while it waits in a `send` of its own. So ranks may all send before they
        receive; but one that waits in a collective, or computes, takes nothing. Raises
        `TimeoutError` when `dest` does not take it, and as a collective `PeerFailed` and others
        when some rank has failed. What the receiver finds wrong is raised by this rank's next call.

        >>> import numpy as np, skimp
        >>> def worker(comm):
        ...     x = np.full(3, comm.rank, np.float32)
        ...     comm.send(x, (comm.rank + 1) % comm.world_size, codec=skimp.Quantize(8))
        ...     return comm.recv((comm.rank - 1) % comm.world_size, like=x)
        >>> skimp.run_threads(3, worker)[0]
        array([2., 2., 2.], dtype=float32)
        """
        dest, tag = _number("dest", dest), _number("tag", tag)
        packed = packed_input(x)
        used = codec_of(codec, packed, key)
        residual = residual_of(codec, packed, key)
        arguments = (self._native.handle, packed.values, packed.dtype.code, dest, tag)
        with lent(residual) as handle:
            _calls.send(*arguments, handle_of(used), handle, *packed.place)

    @overload
    def recv(self, source: int, *, like: T, tag: int = ...) -> T: ...
    @overload
    def recv(self, source: int, *, out: T, tag: int = ...) -> T: ...
    def recv(self, source: int, *, like: Any = None, out: Any = None, tag: int = 0) -> Any:
        """Receives from rank `source` the oldest message with this tag.

        like
            An array or bucket: the result is a new one of its kind, shape and element type.
        out
            Takes the result in its place, and is returned.

        The values are what the sender's codec delivers; the codec travels with them. Raises
        `MismatchError` when the sender's count or element type is another, `TimeoutError` when
        `source` sends nothing with this tag, `CorruptPayload`, and what a collective raises when a
        rank has failed. Messages with other tags stay until they are asked for; so does one whose
        codec has no kernels, for which an array on a GPU gets `UnsupportedType`.
        """
        source, tag = _number("source", source), _number("tag", tag)
        if (like is None) == (out is None):
            raise InvalidArgument("recv: needs like= (a new array is made) or out=, one of them")
        packed = packed_input(out if like is None else like)
        target = packed.target(out)
        arguments = (self._native.handle, target.buffer, packed.dtype.code, source, tag)
        _calls.recv(*arguments, *packed.place)
        return target.finish()


def _number(name: str, given: int) -> int:
    """What C takes for an int."""
    try:
        number = operator.index(given)
    except TypeError:
        raise InvalidArgument(f"{name} = {given!r} is no whole number") from None
    if not -LARGEST_INT <= number <= LARGEST_INT:
        raise InvalidArgument(f"{name} = {given} exceeds {LARGEST_INT}")
    return number
