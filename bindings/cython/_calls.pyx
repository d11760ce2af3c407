# The calls made every step: straight to the C functions, without the GIL.
#
# Arrays come as contiguous buffers, and their element type as the code of skimp_dtype, because
# bfloat16 has no buffer format. Objects come as the `handle` of skimp._objects (0: none), the
# address of the C object, which the caller keeps alive. bindings/skimp/_calls.pyi has the types.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t

from capi cimport *

from skimp.errors import InvalidArgument, error_of


cdef int check(skimp_status status) except -1:
    """Raises what a C function reported."""
    if status != SKIMP_OK:
        raise error_of(<int>status, skimp_last_error_message().decode("utf-8", "replace"))
    return 0


cdef uint64_t size_of(int dtype) except 0:
    if dtype == SKIMP_FLOAT32:
        return 4
    if dtype == SKIMP_FLOAT16 or dtype == SKIMP_BFLOAT16:
        return 2
    if dtype == SKIMP_FLOAT64:
        return 8
    raise InvalidArgument(f"dtype code {dtype} is none of 1 to 4")


cdef int require_bytes(str call, uint64_t given, uint64_t wanted) except -1:
    """The caller has given the right shapes; this keeps a mistake of its from becoming a crash."""
    if given != wanted:
        raise InvalidArgument(f"{call}: output has {given} bytes, needs {wanted}")
    return 0


cdef skimp_options default_options() noexcept:
    """SKIMP_OPTIONS_INIT, which Cython does not see."""
    cdef skimp_options options
    options.options_bytes = sizeof(skimp_options)
    options.codec = options.broadcast_codec = NULL
    options.residual = NULL
    options.algorithm = NULL
    options.op = <skimp_op>0
    options.nonfinite = <skimp_nonfinite>0
    options.root = options.trim = 0
    options.graph = NULL
    options.step_size = 0
    options.device = SKIMP_HOST
    options.stream = NULL
    return options


cdef extern from *:
    """
    /* As bytes.__new__(kind, n bytes), but for their copy. What hash() caches is not there yet. */
    static PyObject *new_frame(PyObject *kind, Py_ssize_t n) {
      PyObject *frame = ((PyTypeObject *)kind)->tp_alloc((PyTypeObject *)kind, n);
    #if defined(__GNUC__)
    #pragma GCC diagnostic push
    #pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    #endif
      if (frame != NULL) ((PyBytesObject *)frame)->ob_shash = -1;
    #if defined(__GNUC__)
    #pragma GCC diagnostic pop
    #endif
      return frame;
    }
    """
    object new_frame(object kind, Py_ssize_t n)


cdef object shortened(frame, uint64_t written):
    """A frame that was made for more, if it was."""
    return frame if written == <uint64_t>len(frame) else type(frame)(memoryview(frame)[:written])


cdef class Memory:
    """The bytes of a contiguous object, for as long as this lives."""

    cdef Py_buffer view

    def __cinit__(self, source, int flags):
        PyObject_GetBuffer(source, &self.view, flags)

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


cdef class Place:
    """Where the elements of a call's array begin, and their bytes: of a contiguous buffer, or of a
    skimp.device_arrays.DeviceArray. Valid for as long as this lives."""

    cdef Memory memory
    cdef void* begin
    cdef uint64_t bytes

    def __cinit__(self, array, int flags, int device):
        if device != SKIMP_HOST:
            self.begin = <void*><uintptr_t>array.address
            self.bytes = array.nbytes
            return
        self.memory = Memory(array, flags)
        self.begin = self.memory.view.buf
        self.bytes = <uint64_t>self.memory.view.len


def run(int collective, uintptr_t communicator, source, target, int dtype, uintptr_t codec,
        uintptr_t broadcast_codec, uintptr_t residual, bytes algorithm, int op, int nonfinite,
        int root, int trim, uintptr_t graph, double step_size, int device, uintptr_t stream):
    """Runs one collective on the elements of `source`; False if nothing was written (skipped)."""
    cdef Place input = Place(source, PyBUF_SIMPLE, device)
    cdef Place output = Place(target, PyBUF_WRITABLE, device)
    cdef skimp_communicator* self = <skimp_communicator*>communicator
    cdef uint64_t count = input.bytes // size_of(dtype)
    cdef uint64_t ranks = <uint64_t>skimp_communicator_world_size(self)
    cdef uint64_t wanted = input.bytes
    cdef const char* name = NULL
    cdef skimp_options options = default_options()
    cdef skimp_report report
    cdef skimp_status status
    if algorithm is not None:
        name = PyBytes_AS_STRING(algorithm)
    if collective == SKIMP_REDUCE_SCATTER:
        wanted //= ranks
    elif collective == SKIMP_ALLGATHER:
        wanted *= ranks
    require_bytes("collective", output.bytes, wanted)

    options.codec = <skimp_codec*>codec
    options.broadcast_codec = <skimp_codec*>broadcast_codec
    options.residual = <skimp_residual*>residual
    options.algorithm = name
    options.op = <skimp_op>op
    options.nonfinite = <skimp_nonfinite>nonfinite
    options.root = root
    options.trim = trim
    options.graph = <skimp_graph*>graph
    options.step_size = step_size
    options.device = device
    options.stream = <void*>stream
    with nogil:
        if collective == SKIMP_ALLREDUCE:
            status = skimp_allreduce(self, input.begin, output.begin, count,
                                     <skimp_dtype>dtype, &options)
        elif collective == SKIMP_REDUCE_SCATTER:
            status = skimp_reduce_scatter(self, input.begin, output.begin, count,
                                          <skimp_dtype>dtype, &options)
        elif collective == SKIMP_ALLGATHER:
            status = skimp_allgather(self, input.begin, output.begin, count,
                                     <skimp_dtype>dtype, &options)
        elif collective == SKIMP_ALLTOALL:
            status = skimp_alltoall(self, input.begin, output.begin, count,
                                    <skimp_dtype>dtype, &options)
        elif collective == SKIMP_MIX:
            status = skimp_mix(self, input.begin, output.begin, count, <skimp_dtype>dtype,
                               &options)
        else:
            status = skimp_broadcast(self, input.begin, output.begin, count,
                                     <skimp_dtype>dtype, &options)
    check(status)
    if nonfinite != SKIMP_SKIP:
        return True
    report.report_bytes = sizeof(skimp_report)
    check(skimp_communicator_report(self, &report))
    return not report.skipped


def run_plan(uintptr_t plan, source, target, uintptr_t residual, int device, uintptr_t stream):
    """Runs a plan on arrays of its size; False if nothing was written (skipped)."""
    cdef Place input = Place(source, PyBUF_SIMPLE, device)
    cdef Place output = Place(target, PyBUF_WRITABLE, device)
    cdef skimp_report report
    cdef skimp_status status
    with nogil:
        status = skimp_plan_run_in_stream(<skimp_plan*>plan, input.begin, output.begin,
                                          <skimp_residual*>residual, <void*>stream)
    check(status)
    report.report_bytes = sizeof(skimp_report)
    check(skimp_plan_report(<skimp_plan*>plan, &report))
    return not report.skipped


def send(uintptr_t communicator, source, int dtype, int dest, int tag, uintptr_t codec,
         uintptr_t residual, int device, uintptr_t stream):
    """Sends the elements of `source` to rank `dest`."""
    cdef Place input = Place(source, PyBUF_SIMPLE, device)
    cdef uint64_t count = input.bytes // size_of(dtype)
    cdef skimp_options options = default_options()
    cdef skimp_status status
    options.codec = <skimp_codec*>codec
    options.residual = <skimp_residual*>residual
    options.device = device
    options.stream = <void*>stream
    with nogil:
        status = skimp_send(<skimp_communicator*>communicator, input.begin, count,
                            <skimp_dtype>dtype, dest, tag, &options)
    check(status)


def recv(uintptr_t communicator, target, int dtype, int source, int tag, int device,
         uintptr_t stream):
    """Receives the elements of `target` from rank `source`."""
    cdef Place output = Place(target, PyBUF_WRITABLE, device)
    cdef uint64_t count = output.bytes // size_of(dtype)
    cdef skimp_options options = default_options()
    cdef skimp_status status
    options.device = device
    options.stream = <void*>stream
    with nogil:
        status = skimp_recv(<skimp_communicator*>communicator, output.begin, count,
                            <skimp_dtype>dtype, source, tag, &options)
    check(status)


def encode(kind, uintptr_t codec, source, int dtype, uintptr_t residual):
    """The frame of the elements of `source`, as a `kind` of bytes, made without a call of it."""
    cdef Memory input = Memory(source, PyBUF_SIMPLE)
    cdef uint64_t count = <uint64_t>input.view.len // size_of(dtype)
    cdef uint64_t capacity = 0, written = 0
    cdef skimp_status status
    cdef char* start
    check(skimp_frame_bytes(<skimp_codec*>codec, count, <skimp_dtype>dtype, &capacity))
    frame = new_frame(kind, <Py_ssize_t>capacity)
    start = PyBytes_AS_STRING(frame)
    with nogil:
        status = skimp_encode(<skimp_codec*>codec, input.view.buf, count, <skimp_dtype>dtype,
                              <skimp_residual*>residual, start, capacity, &written)
    check(status)
    return shortened(frame, written)


def encode_into(uintptr_t codec, source, int dtype, uintptr_t residual, frame):
    """Writes the frame of the elements of `source` to `frame`; returns its bytes."""
    cdef Memory input = Memory(source, PyBUF_SIMPLE)
    cdef Memory output = Memory(frame, PyBUF_WRITABLE)
    cdef uint64_t count = <uint64_t>input.view.len // size_of(dtype)
    cdef uint64_t written = 0
    cdef skimp_status status
    with nogil:
        status = skimp_encode(<skimp_codec*>codec, input.view.buf, count, <skimp_dtype>dtype,
                              <skimp_residual*>residual, output.view.buf,
                              <uint64_t>output.view.len, &written)
    check(status)
    return written


def frame_bytes(uintptr_t codec, uint64_t count, int dtype):
    """The most bytes of a frame of `count` elements."""
    cdef uint64_t bytes = 0
    check(skimp_frame_bytes(<skimp_codec*>codec, count, <skimp_dtype>dtype, &bytes))
    return bytes


def inspect(frame):
    """(count, dtype code, codec text, nonfinite) of a frame, after checking its sums."""
    cdef Memory input = Memory(frame, PyBUF_SIMPLE)
    cdef skimp_frame_info info
    cdef skimp_status status
    info.info_bytes = sizeof(skimp_frame_info)
    with nogil:
        status = skimp_frame_inspect(input.view.buf, <uint64_t>input.view.len, &info)
    check(status)
    return info.count, <int>info.dtype, (<bytes>info.codec).decode(), bool(info.nonfinite)


def decode(frame, target, int dtype):
    """Decodes a frame into the elements of `target`, as many as it has."""
    cdef Memory input = Memory(frame, PyBUF_SIMPLE)
    cdef Memory output = Memory(target, PyBUF_WRITABLE)
    cdef uint64_t count = <uint64_t>output.view.len // size_of(dtype)
    cdef skimp_status status
    with nogil:
        status = skimp_decode(input.view.buf, <uint64_t>input.view.len, output.view.buf, count,
                              <skimp_dtype>dtype)
    check(status)


def device_of(uintptr_t address):
    """The device whose memory the address is in."""
    cdef int device = 0
    check(skimp_device_of(<void*>address, &device))
    return device


cdef bytearray parts_of(arrays):
    """skimp_part for each of (address, count, dtype code)."""
    parts = bytearray(len(arrays) * sizeof(skimp_part))
    cdef Memory memory = Memory(parts, PyBUF_WRITABLE)
    cdef skimp_part* part = <skimp_part*>memory.view.buf
    for address, count, dtype in arrays:
        part.array = <void*><uintptr_t>address
        part.count = count
        part.dtype = <skimp_dtype><int>dtype
        part += 1
    return parts


def pack(arrays, uintptr_t buffer, int dtype, int device, uintptr_t stream):
    """Queues copies of arrays on a device, (address, count, dtype code) each, to one buffer."""
    cdef Memory parts = Memory(parts_of(arrays), PyBUF_SIMPLE)
    cdef uint64_t count = len(arrays)
    cdef skimp_status status
    with nogil:
        status = skimp_device_pack(device, <skimp_part*>parts.view.buf, count, <void*>buffer,
                                   <skimp_dtype>dtype, <void*>stream)
    check(status)


def unpack(uintptr_t buffer, int dtype, arrays, int device, uintptr_t stream):
    """Copies one buffer to arrays on a device."""
    cdef Memory parts = Memory(parts_of(arrays), PyBUF_SIMPLE)
    cdef uint64_t count = len(arrays)
    cdef skimp_status status
    with nogil:
        status = skimp_device_unpack(device, <void*>buffer, <skimp_dtype>dtype,
                                     <skimp_part*>parts.view.buf, count, <void*>stream)
    check(status)


def encode_on_device(kind, uintptr_t codec, uintptr_t input, uint64_t count, int dtype,
                     uintptr_t residual, uintptr_t stream):
    """The same of `count` elements at the device address `input`."""
    cdef uint64_t capacity = 0, written = 0
    cdef skimp_status status
    cdef char* start
    check(skimp_frame_bytes(<skimp_codec*>codec, count, <skimp_dtype>dtype, &capacity))
    frame = new_frame(kind, <Py_ssize_t>capacity)
    start = PyBytes_AS_STRING(frame)
    with nogil:
        status = skimp_encode_on_device(<skimp_codec*>codec, <void*>input, count,
                                        <skimp_dtype>dtype, <skimp_residual*>residual, start,
                                        capacity, &written, <void*>stream)
    check(status)
    return shortened(frame, written)


def decode_on_device(frame, uintptr_t output, uint64_t count, int dtype, uintptr_t stream):
    """Decodes a frame into the `count` elements at the device address `output`."""
    cdef Memory input = Memory(frame, PyBUF_SIMPLE)
    cdef skimp_status status
    with nogil:
        status = skimp_decode_on_device(input.view.buf, <uint64_t>input.view.len, <void*>output,
                                        count, <skimp_dtype>dtype, <void*>stream)
    check(status)


def device_room_bytes(uintptr_t codec, uint64_t count, int dtype):
    """Bytes of a payload, and of the workspaces of encode and decode on a device."""
    cdef uint64_t payload = 0, encode = 0, decode = 0
    check(skimp_device_room_bytes(<skimp_codec*>codec, count, <skimp_dtype>dtype, &payload,
                                  &encode, &decode))
    return payload, encode, decode


cdef skimp_device_room room_of(tuple room) except *:
    """(payload, its bytes, workspace, its bytes, word): device addresses."""
    cdef skimp_device_room made
    payload, made.payload_bytes, workspace, made.workspace_bytes, word = room
    made.payload = <void*><uintptr_t>payload
    made.workspace = <void*><uintptr_t>workspace
    made.word = <uint32_t*><uintptr_t>word
    return made


def queue_encode(uintptr_t codec, uintptr_t input, uint64_t count, int dtype, uintptr_t residual,
                 tuple room, uintptr_t stream):
    """Queues an encode of the elements at the device address `input`; waits for nothing."""
    cdef skimp_device_room made = room_of(room)
    check(skimp_queue_encode(<skimp_codec*>codec, <void*>input, count, <skimp_dtype>dtype,
                             <skimp_residual*>residual, &made, <void*>stream))


def queue_decode(uintptr_t codec, tuple room, uintptr_t output, uint64_t count, int dtype, bint add,
                 uintptr_t stream):
    """Queues a decode to the elements at the device address `output`; waits for nothing."""
    cdef skimp_device_room made = room_of(room)
    check(skimp_queue_decode(<skimp_codec*>codec, &made, <void*>output, count, <skimp_dtype>dtype,
                             add, <void*>stream))


include "dlpack.pxi"
include "sparse.pxi"
include "steps.pxi"
