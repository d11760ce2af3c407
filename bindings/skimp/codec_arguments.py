"""What a call's ``codec=`` may be, and what becomes of it."""

from __future__ import annotations

from typing import Any

from skimp.choices import NonFinite
from skimp.codecs import Codec
from skimp.errors import InvalidArgument
from skimp.feedback import ErrorFeedback
from skimp.packing import AnyPacked
from skimp.variants import FeedbackVariant

CodecLike = Codec | ErrorFeedback | None


def codec_of(
    codec: CodecLike | FeedbackVariant, packed: AnyPacked, key: str | None
) -> Codec | None:
    """The codec itself, for this input and key; InvalidArgument for what is none."""
    if isinstance(codec, ErrorFeedback):
        return codec.codec_for(key).bound_to(packed)
    if codec is None:
        return None
    if isinstance(codec, Codec):
        return codec.bound_to(packed)
    hint = f": pass skimp.codec({codec!r})" if isinstance(codec, str) else ""
    if isinstance(codec, FeedbackVariant):
        raise InvalidArgument(f"codec = {codec!r} is for comm.allreduce alone")
    raise InvalidArgument(f"codec = {codec!r} is neither a codec nor an ErrorFeedback{hint}")


def handle_of(codec: Codec | None) -> int:
    return 0 if codec is None else codec.handle


def residual_of(codec: CodecLike | FeedbackVariant, packed: AnyPacked, key: str | None) -> Any:
    """The feedback's residual for this input; None without feedback."""
    if isinstance(codec, ErrorFeedback):
        return codec.bind(packed, key)
    if key is not None:
        raise InvalidArgument(f"key = {key!r} names a residual, but codec is no ErrorFeedback")
    return None


def require_lossless(
    codec: CodecLike | FeedbackVariant,
    broadcast_codec: Codec | None,
    nonfinite: NonFinite,
    key: str | None,
    out: Any = None,
    trim: int | None = None,
) -> None:
    """What does not go with a sparse array."""
    if codec is not None or broadcast_codec is not None or key is not None:
        raise InvalidArgument("a sparse array is sent without loss: codec and key must be None")
    if trim is not None:
        raise InvalidArgument(f"trim = {trim} is not for sparse arrays, whose sums are exact")
    if nonfinite != "propagate":
        raise InvalidArgument(f"nonfinite = {nonfinite!r} is not for sparse arrays")
    if out is not None:
        raise InvalidArgument("out is for dense results: use to_dense(out) of the sparse one")
