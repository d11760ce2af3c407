"""Delayed means through the C interface: the oracle's bits, later; nothing lost, no hang."""

import time
from ctypes import byref, c_int, c_void_p

import numpy as np

from tests.capi import abi
from tests.capi.programs import run_program
from tests.collectives.methods import Method
from tests.comparing import same_bits
from tests.pairwise import parametrize
from tests.tables import DTYPES, array

COUNT, RANKS, STEPS = 500, 3, 6


def create(lib, communicator, steps, count, dtype=abi.FLOAT32, **options):
    delayed = c_void_p()
    given = (communicator, steps, count, dtype, byref(abi.Options(**options)), byref(delayed))
    assert lib.delayed_create(*given) == abi.OK, lib.last_error_message()
    return delayed


def step(lib, delayed, x):
    """The status, and the mean or None."""
    mean, written = np.full_like(x, 7), c_int(9)
    status = lib.delayed_step(delayed, x.ctypes.data, mean.ctypes.data, byref(written))
    return status, mean if written.value else None


def take(lib, delayed, like):
    mean, written = np.full_like(like, 7), c_int(9)
    status = lib.delayed_take(delayed, mean.ctypes.data, byref(written))
    return status, mean if written.value else None


@parametrize(
    steps=(0, 1, 3, 9),
    dtype=DTYPES,
    method=(
        Method("identity", "dense_ring"),
        Method("sign", "two_phase"),
        Method("topk(density=0.05)", "gather"),
    ),
)
def test_means_come_in_order_with_the_oracles_bits(lib, steps, dtype, method):
    codec = lib.make("codec", method.codec.encode())
    inputs = [
        [array("normal", COUNT, dtype, seed=[number, rank]) for rank in range(RANKS)]
        for number in range(STEPS)
    ]

    def reduce(communicator, rank):
        code = abi.DTYPES[dtype]
        residual = lib.make("residual", COUNT, code, 0)
        options = {"codec": codec, "residual": residual, "algorithm": method.algorithm.encode()}
        delayed = create(lib, communicator, steps, COUNT, code, **options)
        del options  # of the text too nothing is needed any more
        means = []
        for number in range(STEPS):
            x = inputs[number][rank].copy()
            status, mean = step(lib, delayed, x)
            x[:] = 0  # the caller's again
            assert status == abi.OK and (mean is None) == (number < steps)
            means += [] if mean is None else [mean]
        assert lib.delayed_pending(delayed) == min(steps, STEPS)
        while lib.delayed_pending(delayed):
            status, mean = take(lib, delayed, x)
            assert status == abi.OK
            means.append(mean)
        assert take(lib, delayed, x) == (abi.INVALID_ARGUMENT, None)
        assert "no step is under way" in lib.last_error_message()
        assert lib.barrier(communicator) == abi.OK  # free again
        lib.delayed_destroy(delayed)
        lib.residual_destroy(residual)
        return means

    residuals, ranks = None, lib.on_ranks(RANKS, reduce)
    for number in range(STEPS):
        expected = method.expected(inputs[number], residuals=residuals)
        residuals = expected.residuals or None
        for means in ranks:
            assert len(means) == STEPS and same_bits(means[number], expected.outputs[0])
    lib.codec_destroy(codec)


def test_steps_do_not_wait_for_the_others(lib):
    """One thread plays both ranks: none of its steps may wait for the other's."""
    ranks = lib.make_threads(2)
    both = [create(lib, communicator, 2, 4) for communicator in ranks]
    for delayed in both:
        for number in (1, 2):
            assert step(lib, delayed, np.full(4, number, np.float32)) == (abi.OK, None)
    for delayed in both:
        for number in (1, 2):
            status, mean = take(lib, delayed, np.empty(4, np.float32))
            assert status == abi.OK and (mean == number).all()
        lib.delayed_destroy(delayed)
    for communicator in ranks:
        lib.communicator_destroy(communicator)


def test_a_failed_step_is_reported_where_its_mean_was_due(lib):
    def reduce(communicator, rank):
        delayed = create(lib, communicator, 1, 4, nonfinite=1)
        good, bad = np.ones(4, np.float32), np.full(4, np.nan, np.float32)
        assert step(lib, delayed, good) == (abi.OK, None)
        assert step(lib, delayed, bad if rank == 1 else good)[0] == abi.OK
        assert step(lib, delayed, good) == (abi.NONFINITE, None)
        assert "NaN or Inf in the input" in lib.last_error_message()
        status, mean = take(lib, delayed, good)  # what that call handed over
        assert status == abi.OK and (mean == 1).all()
        lib.delayed_destroy(delayed)

    lib.on_ranks(2, reduce)


def test_skipped_steps_have_no_mean(lib):
    def reduce(communicator, rank):
        delayed = create(lib, communicator, 0, 4, nonfinite=2)
        assert step(lib, delayed, np.full(4, np.inf, np.float32)) == (abi.OK, None)
        status, mean = step(lib, delayed, np.ones(4, np.float32))
        assert status == abi.OK and (mean == 1).all()
        lib.delayed_destroy(delayed)

    lib.on_ranks(2, reduce)


def test_the_first_cause_reaches_every_later_step(lib):
    def reduce(communicator, rank):
        if rank == 0:
            lib.communicator_inject_fault(communicator, 1, 0)
        delayed, x = create(lib, communicator, 3, 4), np.ones(4, np.float32)
        for _ in range(3):
            assert step(lib, delayed, x) == (abi.OK, None)
        for _ in range(3):
            status, mean = take(lib, delayed, x)
            assert mean is None and status == (abi.TRANSPORT if rank == 0 else abi.PEER_FAILED)
            assert "rank 0" in lib.last_error_message() or rank == 0
        lib.delayed_destroy(delayed)

    lib.on_ranks(2, reduce)


def test_destroyed_while_under_way_it_ends_with_its_call(lib):
    """The peer never comes: the call under way ends at its deadline, the other never begins."""
    ranks = lib.make_threads(2)
    lib.communicator_set_timeout(ranks[0], 0.3)
    delayed, x = create(lib, ranks[0], 4, 4), np.ones(4, np.float32)
    begun = time.monotonic()
    for _ in range(2):
        assert step(lib, delayed, x) == (abi.OK, None)
    lib.delayed_destroy(delayed)
    assert time.monotonic() - begun < 60
    assert lib.barrier(ranks[0]) == abi.TIMEOUT
    for communicator in ranks:
        lib.communicator_destroy(communicator)


def test_what_is_refused(lib):
    (alone,) = lib.make_threads(1)
    x, made, written = np.ones(8, np.float32), c_void_p(), c_int()
    at, out = x.ctypes.data, np.ones(8, np.float32).ctypes.data
    for says, *arguments in (
        ("communicator is NULL", None, 1, 8, abi.FLOAT32, None, byref(made)),
        ("delayed is NULL", alone, 1, 8, abi.FLOAT32, None, None),
        ("steps = -1", alone, -1, 8, abi.FLOAT32, None, byref(made)),
        ("exceeds", alone, 1, (1 << 60) + 1, abi.FLOAT32, None, byref(made)),
        ("device = 0", alone, 1, 8, abi.FLOAT32, byref(abi.Options(device=0)), byref(made)),
        ("op = 9", alone, 1, 8, abi.FLOAT32, byref(abi.Options(op=9)), byref(made)),
    ):
        assert lib.delayed_create(*arguments) == abi.INVALID_ARGUMENT
        assert says in lib.last_error_message()
    assert lib.delayed_create(alone, 1, 8, 9, None, byref(made)) == abi.UNSUPPORTED_TYPE
    delayed = create(lib, alone, 1, 8)
    for says, call, *arguments in (
        ("delayed is NULL", lib.delayed_step, None, at, out, byref(written)),
        ("input is NULL", lib.delayed_step, delayed, None, out, byref(written)),
        ("output is NULL", lib.delayed_step, delayed, at, None, byref(written)),
        ("written is NULL", lib.delayed_step, delayed, at, out, None),
        ("delayed is NULL", lib.delayed_take, None, out, byref(written)),
        ("output is NULL", lib.delayed_take, delayed, None, byref(written)),
        ("written is NULL", lib.delayed_take, delayed, out, None),
    ):
        assert call(*arguments) == abi.INVALID_ARGUMENT
        assert says in lib.last_error_message()
    assert lib.delayed_pending(delayed) == 0
    lib.delayed_destroy(delayed)
    codec = lib.make("codec", b"topk(k=9)")
    delayed = create(lib, alone, 0, 8, codec=codec)
    assert step(lib, delayed, x) == (abi.INVALID_ARGUMENT, None)
    assert "k = 9 exceeds count = 8" in lib.last_error_message()
    lib.delayed_destroy(delayed)
    lib.codec_destroy(codec)
    lib.communicator_destroy(alone)


PROGRAM = r"""
#include <skimp/skimp.hpp>

int main() {
  auto ranks = skimp::api::Communicator::threads(2);
  const skimp::api::Codec codec("quantize(bits=8)");
  std::vector<skimp::api::Residual> residuals;
  std::vector<skimp::api::Delayed> delayed;
  for (std::size_t r = 0; r < 2; ++r) {
    residuals.emplace_back(2);
    delayed.emplace_back(ranks[r], 1, 2, SKIMP_FLOAT32,
                         skimp::api::Options{.codec = &codec, .residual = &residuals[r]});
  }
  int wrong = 0;
  std::vector<float> mean(2);
  for (std::size_t r = 0; r < 2; ++r) {
    const std::vector<float> x(2, static_cast<float>(2 * r));
    wrong += delayed[r].step(x, mean);
  }
  for (auto& one : delayed) {
    wrong += one.pending() != 1 || !one.take(mean) || mean != std::vector<float>{1, 1};
    try {
      one.take(std::vector<double>(2));
      ++wrong;
    } catch (const skimp::api::Error& error) {
      wrong += error.status() != SKIMP_INVALID_ARGUMENT;
    }
  }
  return wrong;
}
"""


def test_cpp(tmp_path):
    run_program(PROGRAM, tmp_path)
