# The part of skimp/skimp.h that is called every step; the header says what each function promises.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "skimp/skimp.h" nogil:
    ctypedef enum skimp_status:
        SKIMP_OK

    ctypedef enum skimp_dtype:
        SKIMP_FLOAT32
        SKIMP_FLOAT16
        SKIMP_BFLOAT16
        SKIMP_FLOAT64

    ctypedef enum skimp_op:
        pass

    ctypedef enum skimp_nonfinite:
        SKIMP_SKIP

    ctypedef enum skimp_collective:
        SKIMP_ALLREDUCE
        SKIMP_REDUCE_SCATTER
        SKIMP_ALLGATHER
        SKIMP_BROADCAST
        SKIMP_MIX
        SKIMP_ALLTOALL

    ctypedef struct skimp_codec:
        pass
    ctypedef struct skimp_residual:
        pass
    ctypedef struct skimp_communicator:
        pass
    ctypedef struct skimp_plan:
        pass
    ctypedef struct skimp_graph:
        pass

    ctypedef struct skimp_sparse:
        pass

    ctypedef struct skimp_options:
        size_t options_bytes
        const skimp_codec* codec
        const skimp_codec* broadcast_codec
        skimp_residual* residual
        const char* algorithm
        skimp_op op
        skimp_nonfinite nonfinite
        int root
        int trim
        const skimp_graph* graph
        double step_size
        int device
        void* stream

    int SKIMP_HOST

    ctypedef struct skimp_report:
        size_t report_bytes
        int skipped

    ctypedef struct skimp_frame_info:
        size_t info_bytes
        uint64_t count
        uint64_t frame_bytes
        skimp_dtype dtype
        int nonfinite
        char codec[128]

    const char* skimp_last_error_message()
    int skimp_communicator_world_size(const skimp_communicator* communicator)

    skimp_status skimp_allreduce(
        skimp_communicator* communicator, const void* input, void* output, uint64_t count,
        skimp_dtype dtype, const skimp_options* options)
    skimp_status skimp_reduce_scatter(
        skimp_communicator* communicator, const void* input, void* output, uint64_t count,
        skimp_dtype dtype, const skimp_options* options)
    skimp_status skimp_allgather(
        skimp_communicator* communicator, const void* input, void* output, uint64_t count,
        skimp_dtype dtype, const skimp_options* options)
    skimp_status skimp_broadcast(
        skimp_communicator* communicator, const void* input, void* output, uint64_t count,
        skimp_dtype dtype, const skimp_options* options)
    skimp_status skimp_alltoall(
        skimp_communicator* communicator, const void* input, void* output, uint64_t count,
        skimp_dtype dtype, const skimp_options* options)
    skimp_status skimp_mix(
        skimp_communicator* communicator, const void* input, void* output, uint64_t count,
        skimp_dtype dtype, const skimp_options* options)
    skimp_status skimp_send(
        skimp_communicator* communicator, const void* input, uint64_t count, skimp_dtype dtype,
        int dest, int tag, const skimp_options* options)
    skimp_status skimp_recv(
        skimp_communicator* communicator, void* output, uint64_t count, skimp_dtype dtype,
        int source, int tag, const skimp_options* options)
    skimp_status skimp_sparse_create(
        const void* indices, int index_bytes, const void* values, uint64_t entries, uint64_t count,
        skimp_dtype dtype, skimp_sparse** sparse)
    void skimp_sparse_destroy(skimp_sparse* sparse)
    uint64_t skimp_sparse_count(const skimp_sparse* sparse)
    uint64_t skimp_sparse_entries(const skimp_sparse* sparse)
    skimp_status skimp_sparse_read(const skimp_sparse* sparse, int64_t* indices, void* values)
    skimp_status skimp_sparse_to_dense(const skimp_sparse* sparse, void* output)
    skimp_status skimp_allreduce_sparse(
        skimp_communicator* communicator, const skimp_sparse* input, const skimp_options* options,
        skimp_sparse** result)
    skimp_status skimp_reduce_scatter_sparse(
        skimp_communicator* communicator, const skimp_sparse* input, const skimp_options* options,
        skimp_sparse** result)
    skimp_status skimp_allgather_sparse(
        skimp_communicator* communicator, const skimp_sparse* input, const skimp_options* options,
        skimp_sparse** results)
    skimp_status skimp_communicator_report(
        const skimp_communicator* communicator, skimp_report* report)

    ctypedef struct skimp_local_sgd:
        size_t local_sgd_bytes
        double momentum
        double learning_rate
        int nesterov
        void* anchor
        void* velocity

    skimp_status skimp_local_sgd_synchronise(
        skimp_communicator* communicator, const skimp_local_sgd* local, const void* input,
        void* output, uint64_t count, skimp_dtype dtype, const skimp_options* options)

    ctypedef struct skimp_pruning:
        size_t pruning_bytes
        double sparsity
        int64_t period
        int64_t warm_up
        const skimp_codec* precision
        uint8_t* mask
        uint64_t steps

    skimp_status skimp_pruning_sparsity(
        const skimp_pruning* pruning, uint64_t step, double* sparsity)
    skimp_status skimp_pruning_step(
        skimp_pruning* pruning, skimp_communicator* communicator, const void* input, void* output,
        uint64_t count, skimp_dtype dtype)
    skimp_status skimp_warm_up_density(
        double density, double first, int64_t steps, int stages, uint64_t step, double* value)

    skimp_status skimp_plan_run_in_stream(
        skimp_plan* plan, const void* input, void* output, skimp_residual* residual,
        void* stream)
    skimp_status skimp_plan_report(const skimp_plan* plan, skimp_report* report)

    skimp_status skimp_frame_bytes(
        const skimp_codec* codec, uint64_t count, skimp_dtype dtype, uint64_t* bytes)
    skimp_status skimp_encode(
        const skimp_codec* codec, const void* input, uint64_t count, skimp_dtype dtype,
        skimp_residual* residual, void* frame, uint64_t capacity, uint64_t* bytes)
    ctypedef struct skimp_part:
        void* array
        uint64_t count
        skimp_dtype dtype
    skimp_status skimp_device_pack(
        int device, const skimp_part* parts, uint64_t part_count, void* buffer, skimp_dtype dtype,
        void* stream)
    skimp_status skimp_device_unpack(
        int device, const void* buffer, skimp_dtype dtype, const skimp_part* parts,
        uint64_t part_count, void* stream)
    skimp_status skimp_device_of(const void* address, int* device)
    skimp_status skimp_encode_on_device(
        const skimp_codec* codec, const void* input, uint64_t count, skimp_dtype dtype,
        skimp_residual* residual, void* frame, uint64_t capacity, uint64_t* bytes, void* stream)
    skimp_status skimp_decode_on_device(
        const void* frame, uint64_t bytes, void* output, uint64_t count, skimp_dtype dtype,
        void* stream)
    ctypedef struct skimp_device_room:
        void* payload
        uint64_t payload_bytes
        void* workspace
        uint64_t workspace_bytes
        uint32_t* word
    skimp_status skimp_device_room_bytes(
        const skimp_codec* codec, uint64_t count, skimp_dtype dtype, uint64_t* payload_bytes,
        uint64_t* encode_workspace_bytes, uint64_t* decode_workspace_bytes)
    skimp_status skimp_queue_encode(
        const skimp_codec* codec, const void* input, uint64_t count, skimp_dtype dtype,
        skimp_residual* residual, const skimp_device_room* room, void* stream)
    skimp_status skimp_queue_decode(
        const skimp_codec* codec, const skimp_device_room* room, void* output, uint64_t count,
        skimp_dtype dtype, int add, void* stream)
    skimp_status skimp_frame_inspect(
        const void* frame, uint64_t bytes, skimp_frame_info* info)
    skimp_status skimp_decode(
        const void* frame, uint64_t bytes, void* output, uint64_t count, skimp_dtype dtype)
