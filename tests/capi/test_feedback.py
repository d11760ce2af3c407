"""Variants of feedback through the C interface: the bits that Python gets, and what is refused."""

import ctypes
from ctypes import byref, c_float, c_uint64

import numpy as np
import pytest
import skimp

from tests.capi import abi
from tests.capi.programs import run_program
from tests.comparing import same_bits
from tests.tables import array

COUNT, RANKS, STEPS = 3000, 3, 4
VARIANTS = {
    "ef21": ((), ("estimate", "mean"), skimp.EF21),
    "momentum": (
        (0.5, 3.0, 1),
        ("momentum",),
        lambda codec: skimp.MomentumCorrection(codec, 0.5, clip=3.0),
    ),
}


def values_of(pointer):
    return np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(c_float)), (COUNT,)).copy()


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_as_in_python(lib, name):
    """Half of the steps, then those that follow with what was saved and loaded."""
    arguments, arrays, make = VARIANTS[name]
    codec = lib.make("codec", b"topk(density=0.05)")
    outputs = np.empty((RANKS, STEPS, COUNT), np.float32)

    def create():
        return lib.make_variant(name, COUNT, abi.FLOAT32, *arguments)

    def resumed(residual):
        """Another, with copies of everything."""
        fresh = create()
        step = lib.residual_step(residual)
        assert lib.residual_load(fresh, lib.residual_data(residual), COUNT, step) == abi.OK
        for field in arrays:
            ctypes.memmove(
                lib.residual_array(fresh, field.encode()),
                lib.residual_array(residual, field.encode()),
                4 * COUNT,
            )
        lib.residual_destroy(residual)
        return fresh

    def reduce(communicator, rank):
        residual = create()
        for step in range(STEPS):
            if step == STEPS // 2:
                residual = resumed(residual)
            x = array("normal", COUNT, "float32", seed=[step, rank])
            options = abi.Options(codec=codec, residual=residual)
            given = (x.ctypes.data, outputs[rank, step].ctypes.data, COUNT, abi.FLOAT32)
            assert lib.allreduce(communicator, *given, byref(options)) == abi.OK
        pointers = {field: lib.residual_array(residual, field.encode()) for field in arrays}
        kept = {field: values_of(pointer) for field, pointer in pointers.items()}
        assert lib.residual_step(residual) == STEPS
        lib.residual_destroy(residual)
        return kept

    kept = lib.on_ranks(RANKS, reduce)

    def worker(comm):
        feedback = make(skimp.TopK(0.05))
        for step in range(STEPS):
            x = array("normal", COUNT, "float32", seed=[step, comm.rank])
            assert same_bits(comm.allreduce(x, codec=feedback), outputs[comm.rank, step])
        state = feedback.state_dict()
        assert all(same_bits(state[field], kept[comm.rank][field]) for field in arrays)

    skimp.run_threads(RANKS, worker)
    lib.codec_destroy(codec)


def test_what_is_refused(lib):
    (alone,) = lib.make_threads(1)
    x, made = np.ones(8, np.float32), abi.c_void_p()
    at = x.ctypes.data
    for says, call, *arguments in (
        ("residual is NULL", lib.residual_create_ef21, 8, abi.FLOAT32, None),
        ("exceeds", lib.residual_create_ef21, (1 << 60) + 1, abi.FLOAT32, byref(made)),
        ("residual is NULL", lib.residual_create_momentum, 8, abi.FLOAT32, 0.9, 0.0, 1, None),
        ("momentum = 1", lib.residual_create_momentum, 8, abi.FLOAT32, 1.0, 0.0, 1, byref(made)),
        ("clip = -1", lib.residual_create_momentum, 8, abi.FLOAT32, 0.9, -1.0, 1, byref(made)),
        ("clip = nan", lib.residual_create_momentum, 8, 1, 0.9, float("nan"), 1, byref(made)),
    ):
        assert call(*arguments) == abi.INVALID_ARGUMENT
        assert says in lib.last_error_message()
    assert lib.residual_create_ef21(8, 9, byref(made)) == abi.UNSUPPORTED_TYPE

    ef21 = lib.make_variant("ef21", 8, abi.FLOAT32)
    classic = lib.make("residual", 8, abi.FLOAT32, 0)
    for residual, name in ((ef21, b"momentum"), (ef21, None), (classic, b"mean")):
        assert lib.residual_array(residual, name) is None
    options = abi.Options(residual=ef21)
    for collective in (lib.broadcast, lib.allgather, lib.reduce_scatter, lib.alltoall):
        status = collective(alone, at, at, 8, abi.FLOAT32, byref(options))
        assert status == abi.INVALID_ARGUMENT
        assert "a residual of ef21 is for allreduce alone" in lib.last_error_message()
    for says, count, changed in (
        ("op=median", 8, abi.Options(residual=ef21, op=2)),
        ("made for 8 elements", 7, options),
    ):
        status = lib.allreduce(alone, at, at, count, abi.FLOAT32, byref(changed))
        assert status == abi.INVALID_ARGUMENT
        assert says in lib.last_error_message()
    codec, frame, written = lib.make("codec", b"sign"), np.empty(999, np.uint8), c_uint64()
    into = (frame.ctypes.data, frame.size, byref(written))
    assert lib.encode(codec, at, 8, abi.FLOAT32, ef21, *into) == abi.INVALID_ARGUMENT
    plan = lib.make("plan", alone, abi.ALLREDUCE, 8, abi.FLOAT32, None)
    assert lib.plan_run(plan, at, at, ef21) == abi.INVALID_ARGUMENT
    assert "plan: a residual of ef21 is for skimp_allreduce alone" in lib.last_error_message()
    assert lib.residual_step(ef21) == 0
    lib.plan_destroy(plan)
    lib.codec_destroy(codec)
    for residual in (ef21, classic):
        lib.residual_destroy(residual)
    lib.communicator_destroy(alone)


PROGRAM = r"""
#include <skimp/skimp.hpp>
#include <thread>

int main() {
  auto ranks = skimp::api::Communicator::threads(2);
  const skimp::api::Codec codec("topk(k=1)");
  std::vector<int> wrong(2);
  auto worker = [&](std::size_t r) {
    const std::vector<float> x = {4, 1};
    std::vector<float> y(2);
    auto ef21 = skimp::api::Residual::ef21(2);
    for (int step = 0; step < 2; ++step) ranks[r].allreduce(x, y, {.codec = &codec, .residual = &ef21, .algorithm = "gather"});
    wrong[r] += y != x || static_cast<float*>(ef21.array("estimate"))[1] != 1;
    auto momentum = skimp::api::Residual::momentum(0.5, 2);
    for (int step = 0; step < 3; ++step) ranks[r].allreduce(x, y, {.codec = &codec, .residual = &momentum, .algorithm = "gather"});
    wrong[r] += y != std::vector<float>{0, 4.25} || momentum.step() != 3;
  };
  std::thread other(worker, 1);
  worker(0);
  other.join();
  return wrong[0] + wrong[1];
}
"""  # noqa: E501


def test_cpp(tmp_path):
    run_program(PROGRAM, tmp_path)
