"""send and recv through the C interface: the bits that Python gets, the report, and refusals."""

import threading
from ctypes import byref, sizeof

import numpy as np
import skimp

from tests.capi import abi
from tests.capi.programs import run_program
from tests.comparing import same_bits
from tests.tables import array

COUNT, STEPS = 5000, 3


def test_the_same_as_in_python(lib):
    codec, residual = lib.make("codec", b"sign"), lib.make("residual", COUNT, abi.FLOAT32, 0)
    first, second = lib.make_threads(2)
    x, got = array("normal", COUNT, "float32"), np.empty((STEPS, COUNT), np.float32)
    statuses = []

    def send():
        options = abi.Options(codec=codec, residual=residual)
        for _ in range(STEPS):
            given = (first, x.ctypes.data, COUNT, abi.FLOAT32, 1, 5, byref(options))
            statuses.append(lib.send(*given))

    thread = threading.Thread(target=send)
    thread.start()
    for row in got:
        statuses.append(lib.recv(second, row.ctypes.data, COUNT, abi.FLOAT32, 0, 5, None))
    thread.join()
    assert statuses == [abi.OK] * 2 * STEPS
    assert lib.residual_step(residual) == STEPS

    def worker(comm):
        if comm.rank == 0:
            feedback = skimp.ErrorFeedback(skimp.Sign())
            for _ in range(STEPS):
                comm.send(x, 1, codec=feedback)
            return comm.report
        return np.stack([comm.recv(0, like=x) for _ in range(STEPS)])

    expected_report, expected = skimp.run_threads(2, worker)
    assert same_bits(got, expected)
    reports = [abi.Report(report_bytes=sizeof(abi.Report)) for _ in range(2)]
    for rank, report in zip((first, second), reports, strict=True):
        assert lib.communicator_report(rank, byref(report)) == abi.OK
        assert (report.algorithm, report.count, report.rounds) == (b"direct", COUNT, 1)
        assert report.input_bytes == x.nbytes
    sent, received = reports
    assert sent.bytes_sent == sent.predicted_bytes == received.bytes_received
    assert sent.bytes_sent == expected_report.bytes_sent
    assert (sent.messages_sent, received.messages_sent) == (1, 0)
    for rank in (first, second):
        lib.communicator_destroy(rank)
    lib.codec_destroy(codec)
    lib.residual_destroy(residual)


def test_what_is_refused(lib):
    ranks = lib.make_threads(2)
    rank = ranks[0]
    codec = lib.make("codec", b"topk(k=9)")
    residual = lib.make("residual", 7, abi.FLOAT32, 0)
    x = np.ones(8, np.float32)
    at = x.ctypes.data

    def options(**fields):
        return byref(abi.Options(**fields))

    many = (1 << 60) + 1
    for says, call, *arguments in (
        ("communicator is NULL", lib.send, None, at, 8, abi.FLOAT32, 1, 0, None),
        ("input is NULL", lib.send, rank, None, 8, abi.FLOAT32, 1, 0, None),
        ("exceeds", lib.send, rank, at, many, abi.FLOAT32, 1, 0, None),
        ("there is no rank 2", lib.send, rank, at, 8, abi.FLOAT32, 2, 0, None),
        ("is this rank itself", lib.send, rank, at, 8, abi.FLOAT32, 0, 0, None),
        ("tag = -1", lib.send, rank, at, 8, abi.FLOAT32, 1, -1, None),
        ("k = 9", lib.send, rank, at, 8, abi.FLOAT32, 1, 0, options(codec=codec)),
        ("made for 7", lib.send, rank, at, 8, abi.FLOAT32, 1, 0, options(residual=residual)),
        ("nonfinite", lib.send, rank, at, 8, abi.FLOAT32, 1, 0, options(nonfinite=1)),
        ("algorithm", lib.send, rank, at, 8, abi.FLOAT32, 1, 0, options(algorithm=b"tree")),
        ("options_bytes", lib.send, rank, at, 8, abi.FLOAT32, 1, 0, options(options_bytes=1)),
        ("communicator is NULL", lib.recv, None, at, 8, abi.FLOAT32, 1, 0, None),
        ("output is NULL", lib.recv, rank, None, 8, abi.FLOAT32, 1, 0, None),
        ("exceeds", lib.recv, rank, at, many, abi.FLOAT32, 1, 0, None),
        ("there is no rank -1", lib.recv, rank, at, 8, abi.FLOAT32, -1, 0, None),
        ("is this rank itself", lib.recv, rank, at, 8, abi.FLOAT32, 0, 0, None),
        ("tag = -2", lib.recv, rank, at, 8, abi.FLOAT32, 1, -2, None),
        ("names its codec", lib.recv, rank, at, 8, abi.FLOAT32, 1, 0, options(codec=codec)),
        ("nonfinite", lib.recv, rank, at, 8, abi.FLOAT32, 1, 0, options(nonfinite=1)),
        ("options_bytes", lib.recv, rank, at, 8, abi.FLOAT32, 1, 0, options(options_bytes=1)),
    ):
        assert call(*arguments) == abi.INVALID_ARGUMENT, says
        assert says in lib.last_error_message()
    assert lib.send(rank, at, 8, 9, 1, 0, None) == abi.UNSUPPORTED_TYPE
    assert lib.send(rank, None, 0, abi.FLOAT32, 1, 0, None) == abi.OK  # as usable as before
    assert lib.recv(ranks[1], None, 0, abi.FLOAT32, 0, 0, None) == abi.OK
    for made in ranks:
        lib.communicator_destroy(made)
    lib.codec_destroy(codec)
    lib.residual_destroy(residual)


def test_mismatch(lib):
    first, second = lib.make_threads(2)
    x = np.ones(8, np.float32)
    assert lib.send(first, x.ctypes.data, 8, abi.FLOAT32, 1, 0, None) == abi.OK
    assert lib.recv(second, x.ctypes.data, 7, abi.FLOAT32, 0, 0, None) == abi.MISMATCH
    assert "rank 0 sends count = 8, rank 1 receives count = 7" in lib.last_error_message()
    assert lib.recv(first, x.ctypes.data, 8, abi.FLOAT32, 1, 0, None) == abi.MISMATCH
    for rank in (first, second):
        lib.communicator_destroy(rank)


PROGRAM = r"""
#include <skimp/skimp.hpp>
#include <thread>

int main() {
  auto ranks = skimp::api::Communicator::threads(3);
  const skimp::api::Codec codec("quantize(bits=4)");
  std::vector<int> wrong(3);
  auto worker = [&](std::size_t r) {
    skimp::api::Communicator& comm = ranks[r];
    skimp::api::Residual residual(1000);
    const int right = (comm.rank() + 1) % 3, left = (comm.rank() + 2) % 3;
    std::vector<float> x(1000, static_cast<float>(r)), y(1000);
    comm.send(x, right, {.codec = &codec, .residual = &residual});
    comm.send(x.data(), 10, SKIMP_FLOAT32, right, {}, 7);
    comm.recv(y.data(), 10, SKIMP_FLOAT32, left, {}, 7);
    wrong[r] += y[9] != static_cast<float>(left) || y[10] != 0;
    comm.recv(y, left);
    wrong[r] += y != std::vector<float>(1000, static_cast<float>(left)) || residual.step() != 1;
    try {
      comm.recv(y, comm.rank());
      ++wrong[r];
    } catch (const skimp::api::Error& error) {
      wrong[r] += error.status() != SKIMP_INVALID_ARGUMENT;
    }
  };
  std::thread first(worker, 1), second(worker, 2);
  worker(0);
  first.join();
  second.join();
  return wrong[0] + wrong[1] + wrong[2];
}
"""


def test_cpp(tmp_path):
    run_program(PROGRAM, tmp_path)
