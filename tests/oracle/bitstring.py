"""Little-endian bit strings: bit i is bit i mod 8 of byte i div 8."""

import numpy as np


def pack(numbers: np.ndarray, width: int) -> bytes:
    """Number i takes bits i·width … i·width + width − 1."""
    bits = np.asarray(numbers, np.int64)[:, None] >> np.arange(width) & 1
    return np.packbits(bits.astype(np.uint8).ravel(), bitorder="little").tobytes()


def unpack(data: bytes, count: int, width: int) -> np.ndarray:
    flat = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little", count=count * width)
    return flat.reshape(count, width) @ (np.int64(1) << np.arange(width))


def bytes_for(bits: int) -> int:
    return -(-bits // 8)
