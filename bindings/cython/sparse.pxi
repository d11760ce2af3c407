# Sparse arrays; a part of _calls.pyx.

cdef class SparseArray:
    """Owns a sparse array of the C interface."""

    cdef skimp_sparse* array

    def __dealloc__(self):
        skimp_sparse_destroy(self.array)


cdef SparseArray make_sparse(indices, int index_bytes, values, int dtype, uint64_t count):
    cdef Memory places = Memory(indices, PyBUF_SIMPLE)
    cdef Memory numbers = Memory(values, PyBUF_SIMPLE)
    cdef uint64_t entries = <uint64_t>numbers.view.len // size_of(dtype)
    cdef SparseArray sparse = SparseArray()
    cdef skimp_status status
    require_bytes("sparse", <uint64_t>places.view.len, entries * <uint64_t>index_bytes)
    with nogil:
        status = skimp_sparse_create(places.view.buf, index_bytes, numbers.view.buf, entries,
                                     count, <skimp_dtype>dtype, &sparse.array)
    check(status)
    return sparse


cdef tuple read_sparse(SparseArray sparse, int dtype):
    """(indices as int64, values, count)"""
    cdef uint64_t entries = skimp_sparse_entries(sparse.array)
    places = bytearray(8 * entries)
    numbers = bytearray(size_of(dtype) * entries)
    cdef Memory indices = Memory(places, PyBUF_WRITABLE)
    cdef Memory values = Memory(numbers, PyBUF_WRITABLE)
    check(skimp_sparse_read(sparse.array, <int64_t*>indices.view.buf, values.view.buf))
    return places, numbers, skimp_sparse_count(sparse.array)


def run_sparse(int collective, uintptr_t communicator, indices, int index_bytes, values, int dtype,
               uint64_t count, bytes algorithm, int op):
    """Runs one collective of sparse arrays: (indices, values, count) of each result."""
    cdef SparseArray input = make_sparse(indices, index_bytes, values, dtype, count)
    cdef skimp_communicator* self = <skimp_communicator*>communicator
    cdef int results = 1
    cdef skimp_options options = default_options()
    cdef skimp_status status
    cdef SparseArray result
    if collective == SKIMP_ALLGATHER:
        results = skimp_communicator_world_size(self)
    room = bytearray(results * sizeof(void*))
    cdef Memory memory = Memory(room, PyBUF_WRITABLE)
    cdef skimp_sparse** made = <skimp_sparse**>memory.view.buf
    if algorithm is not None:
        options.algorithm = PyBytes_AS_STRING(algorithm)
    options.op = <skimp_op>op
    with nogil:
        if collective == SKIMP_ALLREDUCE:
            status = skimp_allreduce_sparse(self, input.array, &options, made)
        elif collective == SKIMP_REDUCE_SCATTER:
            status = skimp_reduce_scatter_sparse(self, input.array, &options, made)
        else:
            status = skimp_allgather_sparse(self, input.array, &options, made)
    check(status)
    owners = []
    for i in range(results):
        result = SparseArray()
        result.array = made[i]
        owners.append(result)
    return [read_sparse(owner, dtype) for owner in owners]


def sparse_to_dense(indices, int index_bytes, values, int dtype, uint64_t count, target):
    """Writes all elements to `target`."""
    cdef SparseArray sparse = make_sparse(indices, index_bytes, values, dtype, count)
    cdef Memory output = Memory(target, PyBUF_WRITABLE)
    require_bytes("sparse", <uint64_t>output.view.len, count * size_of(dtype))
    cdef skimp_status status
    with nogil:
        status = skimp_sparse_to_dense(sparse.array, output.view.buf)
    check(status)
