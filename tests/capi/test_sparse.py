"""Sparse arrays at the edge of the C interface, and their C++ class."""

from ctypes import byref, c_void_p

import numpy as np
import pytest

from tests.capi.abi import FLOAT32, INVALID_ARGUMENT, OK, UNSUPPORTED_TYPE, Options
from tests.capi.programs import run_program

PLACES = np.array([5, 1, 5], np.int32)
VALUES = np.array([1, 2, 4], np.float32)
COUNT = 8


@pytest.fixture
def alone(lib):
    (communicator,) = lib.make_threads(1)
    yield communicator
    lib.communicator_destroy(communicator)


@pytest.fixture
def sparse(lib):
    made = lib.make(
        "sparse", PLACES.ctypes.data, 4, VALUES.ctypes.data, 3, COUNT, FLOAT32
    )  # fmt: skip
    yield made
    lib.sparse_destroy(made)


def test_create_sorts_and_sums(lib, sparse):
    indices, values = np.zeros(2, np.int64), np.zeros(2, np.float32)
    assert lib.sparse_read(sparse, indices.ctypes.data, values.ctypes.data) == OK
    assert indices.tolist() == [1, 5] and values.tolist() == [2, 5]
    dense = np.ones(COUNT, np.float32)
    assert lib.sparse_to_dense(sparse, dense.ctypes.data) == OK
    assert dense.tolist() == [0, 2, 0, 0, 0, 5, 0, 0]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({0: None}, INVALID_ARGUMENT, "indices is NULL"),
        ({1: 2}, INVALID_ARGUMENT, "index_bytes = 2 is neither 4 nor 8"),
        ({2: None}, INVALID_ARGUMENT, "values is NULL"),
        ({3: 2**61}, INVALID_ARGUMENT, "count = 2305843009213693952 exceeds"),
        ({4: 5}, INVALID_ARGUMENT, "index 5 at position 0 is not from 0 to below count = 5"),
        ({5: 9}, UNSUPPORTED_TYPE, "dtype = 9"),
    ],
)
def test_wrong_arguments(lib, change, status, words):
    arguments = [PLACES.ctypes.data, 4, VALUES.ctypes.data, 3, COUNT, FLOAT32]
    for place, value in change.items():
        arguments[place] = value
    made = c_void_p()
    assert lib.sparse_create(*arguments, byref(made)) == status
    assert words in lib.last_error_message() and not made


def test_calls(lib, alone, sparse):
    sign = lib.make("codec", b"sign")
    for call in (lib.allreduce_sparse, lib.reduce_scatter_sparse, lib.allgather_sparse):
        result = c_void_p()
        assert call(alone, sparse, None, byref(result)) == OK, lib.last_error_message()
        lib.sparse_destroy(result)
        assert call(None, sparse, None, byref(result)) == INVALID_ARGUMENT
        assert call(alone, None, None, byref(result)) == INVALID_ARGUMENT
        assert call(alone, sparse, None, None) == INVALID_ARGUMENT
        for options in (Options(codec=sign), Options(nonfinite=1), Options(algorithm=b"tree")):
            assert call(alone, sparse, byref(options), byref(result)) == INVALID_ARGUMENT
    lib.codec_destroy(sign)


PROGRAM = r"""
#include <skimp/skimp.hpp>
#include <thread>

int main() {
  auto ranks = skimp::api::Communicator::threads(2);
  std::vector<int> wrong(2);
  auto worker = [&](std::size_t r) {
    const std::vector<std::int64_t> indices = {3, static_cast<std::int64_t>(r), 3};
    const std::vector<double> values = {1, 1, 1};
    const skimp::api::Sparse given(indices, values, 8);
    const skimp::api::Sparse sum = ranks[r].allreduce(given, {.op = SKIMP_SUM});
    std::vector<double> dense(sum.count());
    sum.to_dense(dense.data());
    wrong[r] = dense != std::vector<double>{1, 1, 0, 4, 0, 0, 0, 0} || sum.entries() != 3;
    wrong[r] += ranks[r].reduce_scatter(given).count() != 4;
    wrong[r] += ranks[r].allgather(given).size() != 2;
  };
  std::thread other(worker, 1);
  worker(0);
  other.join();
  return wrong[0] + wrong[1];
}
"""


def test_cpp(tmp_path):
    run_program(PROGRAM, tmp_path)
