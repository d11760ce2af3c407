"""What Skimp raises: one class for each status of the C interface.

Each also derives from the built-in exception that says the same, so ``except ValueError`` and
``except skimp.InvalidArgument`` both work. Messages carry the values.

>>> import skimp
>>> skimp.codec("topk(density=0)")
Traceback (most recent call last):
    ...
skimp.errors.InvalidArgument: topk: ...
"""

from __future__ import annotations

import builtins
from typing import ClassVar


class Error(Exception):
    """Base of everything that Skimp raises. `status` is the value of ``skimp_status``."""

    status: ClassVar[int] = 0


class InvalidArgument(Error, ValueError):
    """A value outside what the message says is accepted."""

    status = 1


class UnsupportedType(Error, TypeError):
    """An element type, a kind of array or a device that Skimp does not handle."""

    status = 2


class MismatchError(Error, ValueError):
    """Ranks disagree on count, dtype, codec, operation or the step of their residuals."""

    status = 3


class CorruptPayload(Error, ValueError):
    """Received bytes are not a frame that Skimp wrote."""

    status = 4


class TimeoutError(Error, builtins.TimeoutError):
    """A peer, named in the message, did not answer in time."""

    status = 5


class PeerFailed(Error, ConnectionError):
    """A peer said that it failed, and why; or its connection ended."""

    status = 6


class NonFiniteError(Error, ArithmeticError):
    """NaN or Inf on some rank, in a call with ``nonfinite="raise"``."""

    status = 7


class ClosedError(Error, ValueError):
    """The communicator was closed."""

    status = 8


class OutOfMemory(Error, MemoryError):
    """An allocation failed."""

    status = 9


class TransportError(Error, OSError):
    """The network library reported an error."""

    status = 10


class InternalError(Error, RuntimeError):
    """A bug in Skimp."""

    status = 11


class DeviceError(Error, RuntimeError):
    """CUDA reported an error, or found no driver or device."""

    status = 12


_BY_STATUS = {error.status: error for error in Error.__subclasses__()}


def error_of(status: int, message: str) -> Error:
    """The exception for a status and message of the C interface."""
    return _BY_STATUS.get(status, InternalError)(message)
