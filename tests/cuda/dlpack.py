"""Arrays on a device that speak DLPack and nothing else."""

import ctypes
from types import SimpleNamespace

import numpy as np

from tests import oracle
from tests.cuda.emulation import ON_GPU, Closed

CPU, CUDA = 1, 2
FLOAT, BFLOAT = 2, 4


class Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class Managed(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = (("tensor", Tensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class ManagedVersioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
address_in = ctypes.pythonapi.PyCapsule_GetPointer
address_in.restype, address_in.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)


class DlpackAlone:
    """Wraps what `on_device` makes. Numpy's capsules are changed to tell of the device's memory;
    `change` may do more to one, and `deleted` counts their ends beside `exported`."""

    def __init__(self, inner, versioned=True, read_only=False, strides=True, change=None):
        self.inner = inner
        self.shape, self.dtype = tuple(inner.shape), inner.dtype
        self.versioned, self.read_only, self.strides = versioned, read_only, strides
        self.change = change or (lambda managed: None)
        self.streams, self.exported, self.deleted = [], 0, 0
        self.callbacks = []

    def __dlpack_device__(self):
        return CUDA, 0

    def __dlpack__(self, **options):
        if not self.versioned and options.keys() - {"stream"}:
            raise TypeError("__dlpack__() got an unexpected keyword argument")
        self.streams.append(options["stream"])
        if ON_GPU:
            return self.inner.__dlpack__(stream=options["stream"])
        if self.versioned:
            assert options["max_version"] == (1, 0) and options["copy"] is False
        bits = np.empty(self.shape, f"i{self.dtype.itemsize}")
        bits.flags.writeable = not self.read_only
        name, kind = (b"dltensor", Managed)
        if self.versioned:
            name, kind = (b"dltensor_versioned", ManagedVersioned)
        capsule = bits.__dlpack__(max_version=(1, 0) if self.versioned else None)
        managed = kind.from_address(address_in(capsule, name))
        managed.tensor.data, managed.tensor.device_type = self.inner.address, CUDA
        managed.tensor.code = BFLOAT if self.dtype == oracle.bfloat16 else FLOAT
        if not self.strides:
            managed.tensor.strides = ctypes.POINTER(ctypes.c_int64)()
        self.change(managed)
        self.count_end(managed)
        return capsule

    def count_end(self, managed) -> None:
        self.exported += 1
        frees = DELETER(managed.deleter)

        def deleter(address):
            self.deleted += 1
            self.end()
            frees(address)

        self.callbacks.append(DELETER(deleter))
        managed.deleter = ctypes.cast(self.callbacks[-1], ctypes.c_void_p).value

    def end(self) -> None:
        """Of the memory that a capsule tells of."""

    def __array_namespace__(self, api_version=None):
        make = self.inner.new_empty if ON_GPU else lambda shape, dtype: Closed(shape, dtype)
        return SimpleNamespace(
            __name__="emulated",
            empty=lambda shape, dtype: DlpackAlone(make(shape, dtype=dtype), self.versioned),
        )
