"""Calls of the C interface, and what they refuse."""

import threading
from ctypes import byref, c_uint64, create_string_buffer

import numpy as np

from tests.capi import abi
from tests.capi.abi import INVALID_ARGUMENT, OK

COUNT = 100


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def ones() -> np.ndarray:
    return np.ones(COUNT, np.float32)


def refused(lib, status: int, *words: str, because: int = INVALID_ARGUMENT) -> bool:
    message = lib.last_error_message()
    assert status == because, message
    assert all(word in message for word in words), message
    return True


def encode(lib, codec, x: np.ndarray, residual=None):
    size = c_uint64()
    assert lib.frame_bytes(codec, x.size, abi.FLOAT32, byref(size)) == OK
    frame = create_string_buffer(size.value)
    status = lib.encode(
        codec, address(x), x.size, abi.FLOAT32, residual, frame, len(frame), byref(size)
    )
    assert status == OK, lib.last_error_message()
    return frame, size.value


def in_threads(call, count: int) -> None:
    threads = [threading.Thread(target=call, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
