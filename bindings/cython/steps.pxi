# Steps of training; a part of _calls.pyx.

def synchronise(uintptr_t communicator, source, target, anchor, velocity, int dtype,
                double momentum, double learning_rate, bint nesterov, uintptr_t codec,
                uintptr_t residual):
    """Averages the parameters `source`; anchor and velocity have been made to fit them."""
    cdef Memory input = Memory(source, PyBUF_SIMPLE)
    cdef Memory output = Memory(target, PyBUF_WRITABLE)
    cdef Memory parameters = Memory(anchor, PyBUF_WRITABLE)
    cdef Memory speeds = Memory(velocity, PyBUF_WRITABLE)
    cdef uint64_t count = <uint64_t>input.view.len // size_of(dtype)
    cdef uint64_t kept = count * (8 if dtype == SKIMP_FLOAT64 else 4)
    cdef skimp_options options = default_options()
    cdef skimp_local_sgd local
    cdef skimp_status status
    require_bytes("local_sgd", <uint64_t>output.view.len, <uint64_t>input.view.len)
    require_bytes("local_sgd", <uint64_t>parameters.view.len, kept)
    require_bytes("local_sgd", <uint64_t>speeds.view.len, kept)
    local.local_sgd_bytes = sizeof(skimp_local_sgd)
    local.momentum, local.learning_rate, local.nesterov = momentum, learning_rate, nesterov
    local.anchor, local.velocity = parameters.view.buf, speeds.view.buf
    options.codec = <skimp_codec*>codec
    options.residual = <skimp_residual*>residual
    with nogil:
        status = skimp_local_sgd_synchronise(<skimp_communicator*>communicator, &local,
                                             input.view.buf, output.view.buf, count,
                                             <skimp_dtype>dtype, &options)
    check(status)


cdef skimp_pruning pruning_of(double sparsity, int64_t period, int64_t warm_up) noexcept:
    cdef skimp_pruning pruning
    pruning.pruning_bytes = sizeof(skimp_pruning)
    pruning.sparsity, pruning.period, pruning.warm_up = sparsity, period, warm_up
    pruning.precision = NULL
    pruning.mask = NULL
    pruning.steps = 0
    return pruning


def pruning_sparsity(double sparsity, int64_t period, int64_t warm_up, uint64_t step):
    """The share that a mask made at this step prunes."""
    cdef skimp_pruning pruning = pruning_of(sparsity, period, warm_up)
    cdef double share = 0
    check(skimp_pruning_sparsity(&pruning, step, &share))
    return share


def prune(uintptr_t communicator, source, target, int dtype, double sparsity, int64_t period,
          int64_t warm_up, uintptr_t precision, mask, uint64_t steps):
    """Writes the compressed weights; the mask, a byte for each, may be made anew before."""
    cdef Memory input = Memory(source, PyBUF_SIMPLE)
    cdef Memory output = Memory(target, PyBUF_WRITABLE)
    cdef Memory kept = Memory(mask, PyBUF_WRITABLE)
    cdef uint64_t count = <uint64_t>input.view.len // size_of(dtype)
    cdef skimp_pruning pruning = pruning_of(sparsity, period, warm_up)
    cdef skimp_status status
    require_bytes("pruning", <uint64_t>output.view.len, <uint64_t>input.view.len)
    require_bytes("pruning", <uint64_t>kept.view.len, count)
    pruning.precision = <skimp_codec*>precision
    pruning.mask, pruning.steps = <uint8_t*>kept.view.buf, steps
    with nogil:
        status = skimp_pruning_step(&pruning, <skimp_communicator*>communicator, input.view.buf,
                                    output.view.buf, count, <skimp_dtype>dtype)
    check(status)


def warm_up_density(double density, double first, int64_t steps, int stages, uint64_t step):
    """The density of a step of the warm-up."""
    cdef double value = 0
    check(skimp_warm_up_density(density, first, steps, stages, step, &value))
    return value
