# What a DLPack capsule says of the array in it. The structs are those of dlpack.h, as far as they
# are read.

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from libc.stdint cimport int32_t, uint16_t

from skimp.errors import UnsupportedType


cdef struct DLDevice:
    int32_t type
    int32_t id

cdef struct DLDataType:
    uint8_t code
    uint8_t bits
    uint16_t lanes

cdef struct DLTensor:
    void* data
    DLDevice device
    int32_t ndim
    DLDataType dtype
    int64_t* shape
    int64_t* strides  # in elements; NULL: C order
    uint64_t byte_offset

cdef struct DLManagedTensorVersioned:
    uint32_t major
    uint32_t minor
    void* manager
    void* deleter
    uint64_t flags
    DLTensor tensor

cdef uint64_t DLPACK_READ_ONLY = 1


def dlpack(capsule):
    """(device type, address, shape, strides or None, (type code, bits, lanes), read-only).

    The capsule goes on owning the array: it calls the deleter when it is let go of, for nobody
    renames it. So keep it for as long as the address is used.
    """
    cdef DLManagedTensorVersioned* versioned
    cdef DLTensor* tensor
    cdef bint read_only = False
    if PyCapsule_IsValid(capsule, "dltensor_versioned"):
        versioned = <DLManagedTensorVersioned*>PyCapsule_GetPointer(capsule, "dltensor_versioned")
        if versioned.major != 1:
            raise UnsupportedType(f"an array by DLPack {versioned.major}.{versioned.minor}: "
                                  "versions before 2.0 are read")
        tensor = &versioned.tensor
        read_only = versioned.flags & DLPACK_READ_ONLY
    elif PyCapsule_IsValid(capsule, "dltensor"):
        tensor = <DLTensor*>PyCapsule_GetPointer(capsule, "dltensor")  # what it begins with
    else:
        raise UnsupportedType(f"{capsule!r} is no unused capsule of DLPack")
    shape = tuple([tensor.shape[i] for i in range(tensor.ndim)])
    strides = None
    if tensor.strides != NULL:
        strides = tuple([tensor.strides[i] for i in range(tensor.ndim)])
    return (tensor.device.type, <uintptr_t>tensor.data + tensor.byte_offset, shape, strides,
            (tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes), read_only)
