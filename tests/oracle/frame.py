"""Frames: the 64-byte header and its two sums."""

import struct
from dataclasses import astuple, dataclass, replace

import numpy as np

from tests.oracle.checksum import checksum
from tests.oracle.dtypes import DTYPES

LAYOUT = struct.Struct("<4sBBBBHHIQQQQQII")
HEADER_BYTES = LAYOUT.size
DATA, AGREEMENT, ERROR = 1, 2, 3
NONFINITE = 1


@dataclass(frozen=True)
class Header:
    magic: bytes = b"SKMP"
    version: int = 1
    kind: int = DATA
    codec: int = 0
    dtype_code: int = 0
    flags: int = 0
    round: int = 0
    sender: int = 0
    count: int = 0
    payload_bytes: int = 0
    parameter: int = 0
    fingerprint: int = 0
    sequence: int = 0
    payload_sum: int = 0
    header_sum: int = 0

    def pack(self) -> bytes:
        return LAYOUT.pack(*astuple(self))

    @classmethod
    def unpack(cls, frame: bytes) -> "Header":
        return cls(*LAYOUT.unpack(frame[:HEADER_BYTES]))

    @property
    def dtype(self) -> np.dtype:
        return DTYPES[self.dtype_code - 1]


def low(sum64: int) -> int:
    return sum64 & 0xFFFFFFFF


def seal(header: Header, payload: bytes) -> bytes:
    """The frame, with both sums set to what the header and the payload say."""
    header = replace(header, payload_sum=low(checksum(payload)))
    header = replace(header, header_sum=low(checksum(header.pack()[:60])))
    return header.pack() + payload


def open_frame(frame: bytes) -> tuple[Header, bytes]:
    return Header.unpack(frame), frame[HEADER_BYTES:]


def reseal(frame: bytes, **fields) -> bytes:
    """The same frame with some header fields changed and sums that hide it."""
    header, payload = open_frame(frame)
    return seal(replace(header, **fields), payload)
