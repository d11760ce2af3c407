"""Failures arrive as the right class, with the values, and leave everything usable."""

import builtins
import pickle
import re
import time
from pathlib import Path

import numpy as np
import pytest
import skimp
import skimp.testing
from skimp import errors

ROOT = Path(__file__).parents[2]

BUILT_IN = {
    skimp.InvalidArgument: ValueError,
    skimp.UnsupportedType: TypeError,
    skimp.MismatchError: ValueError,
    skimp.CorruptPayload: ValueError,
    skimp.TimeoutError: builtins.TimeoutError,
    skimp.PeerFailed: ConnectionError,
    skimp.NonFiniteError: ArithmeticError,
    skimp.ClosedError: ValueError,
    skimp.OutOfMemory: MemoryError,
    skimp.TransportError: OSError,
    skimp.InternalError: RuntimeError,
    skimp.DeviceError: RuntimeError,
}


def test_classes():
    assert set(BUILT_IN) == set(skimp.Error.__subclasses__())
    for error, built_in in BUILT_IN.items():
        assert issubclass(error, built_in)
        raised = errors.error_of(error.status, "k = 12")
        assert type(raised) is error
        assert str(raised) == "k = 12"
        assert type(pickle.loads(pickle.dumps(raised))) is error
    assert type(errors.error_of(99, "")) is skimp.InternalError


def test_statuses_are_those_of_the_header():
    header = (ROOT / "src/include/skimp/types.h").read_text(encoding="utf-8")
    enum = re.search(r"typedef enum skimp_status SKIMP_INT \{(.*?)\}", header, re.DOTALL).group(1)
    values = dict(re.findall(r"SKIMP_(\w+) = (\d+)", enum))
    assert values.pop("OK") == "0"
    assert {int(value) for value in values.values()} == {error.status for error in BUILT_IN}
    for error in BUILT_IN:
        name = re.sub("(Error|Argument|Type|Payload)$", "", error.__name__)
        words = re.sub("(?<=[a-z])(?=[A-Z])", "_", name).upper()
        matching = [
            key for key in values if key.replace("_", "").startswith(words.replace("_", ""))
        ]
        assert any(int(values[key]) == error.status for key in matching), (error, matching)


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: skimp.TopK(density=0), "0"),
        (lambda: skimp.TopK(density=1.5), "1.5"),
        (lambda: skimp.TopK(density=float("nan")), "nan"),
        (lambda: skimp.TopK(0.1, k=3), "k"),
        (lambda: skimp.TopK(k=0), "0"),
        (lambda: skimp.TopK(0.1, values="int8"), "int8"),
        (lambda: skimp.Quantize(5), "5"),
        (lambda: skimp.Quantize(8, rounding="up"), "up"),
        (lambda: skimp.Sign(block=33), "33"),
        (lambda: skimp.RandomK(-1), "-1"),
        (lambda: skimp.codec("zip"), "zip"),
        (lambda: skimp.codec("sign(block=32"), "sign"),
        (lambda: skimp.codec("sign(density=1)"), "density"),
        (lambda: skimp.codec(3), "3"),
        (lambda: skimp.ErrorFeedback("sign"), "sign"),
        (lambda: skimp.Residual(3, "int8"), "int8"),
    ],
)
def test_codec_arguments(make, hint):
    with pytest.raises(skimp.InvalidArgument, match=hint):
        make()


def test_encode_errors():
    with pytest.raises(skimp.InvalidArgument, match=r"12.*8"):
        skimp.TopK(k=12).encode(np.ones(8, np.float32))
    with pytest.raises(skimp.InvalidArgument):
        skimp.Sign().encode(np.ones(8, np.float32), skimp.Residual(9))
    payload = skimp.Sign().encode(np.ones(8, np.float32))
    with pytest.raises(skimp.InvalidArgument, match=r"8.*9"):
        skimp.decode(payload, like=np.ones(9, np.float32))
    with pytest.raises(skimp.UnsupportedType):
        skimp.decode(payload, like=np.ones(8))


def test_received_bytes_are_hostile():
    frame = bytes(skimp.Quantize(4).encode(np.arange(300, dtype=np.float32)))
    damaged = [b"", frame[:63], frame[:-1], frame + b"\0", b"\0" * len(frame)]
    for position in range(0, len(frame), 7):
        flipped = bytearray(frame)
        flipped[position] ^= 1 << position % 8
        damaged.append(bytes(flipped))
    for received in damaged:
        with pytest.raises(skimp.CorruptPayload):
            skimp.decode(received)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"op": "max"}, r"op = 'max' is none of 'mean', 'sum'"),
        ({"op": []}, r"op = \[\]"),
        ({"nonfinite": "ignore"}, "'propagate', 'raise', 'skip'"),
        ({"algorithm": "magic"}, "magic"),
        ({"codec": "sign"}, r"skimp.codec\('sign'\)"),
        ({"codec": 3}, "3"),
        ({"broadcast_codec": 3}, "3"),
        ({"key": "a"}, "no ErrorFeedback"),
        ({"codec": skimp.TopK(k=9)}, "9"),
    ],
)
def test_bad_arguments_leave_the_communicator_usable(options, hint):
    def worker(comm):
        x = np.ones(8, np.float32)
        with pytest.raises(skimp.InvalidArgument, match=hint):
            comm.allreduce(x, **options)
        with pytest.raises(skimp.InvalidArgument, match=hint):
            comm.plan_allreduce(x, **options)
        return comm.allreduce(x).tolist()

    assert skimp.run_threads(2, worker) == [[1] * 8] * 2


def test_plan_of_another_shape():
    def worker(comm):
        plan = comm.plan_allreduce(np.ones((2, 4), np.float32), codec=skimp.Sign())
        with pytest.raises(skimp.InvalidArgument, match=r"float32\(2, 4\), got float32\(8,\)"):
            plan.run(np.ones(8, np.float32))
        assert "sign" in plan.text
        assert plan.report.bytes_sent == 0
        plan.run(np.ones((2, 4), np.float32))
        assert plan.report.bytes_sent == plan.report.predicted_bytes > 0

    skimp.run_threads(2, worker)


def test_mismatch_on_every_rank():
    def worker(comm):
        with pytest.raises(skimp.MismatchError, match="rank 2"):
            comm.allreduce(np.ones(9 if comm.rank == 2 else 8, np.float32))
            comm.barrier()
        with pytest.raises(skimp.MismatchError, match="rank 2"):  # and from then on
            comm.allreduce(np.ones(8, np.float32))

    skimp.run_threads(3, worker, timeout=20)


def test_timeout_names_the_silent_rank():
    def worker(comm):
        if comm.rank == 1:
            time.sleep(1)
            return
        with pytest.raises(builtins.TimeoutError, match="rank 1"):
            comm.allreduce(np.ones(8, np.float32))

    skimp.run_threads(2, worker, timeout=0.2)


def test_nonfinite():
    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        x = np.ones(8, np.float32)
        comm.allreduce(x, codec=feedback)
        before, step = feedback.residual().copy(), feedback.step
        x[3] = np.inf if comm.rank == 0 else 1
        out = np.full(8, 7, np.float32)
        assert comm.allreduce(x, codec=feedback, nonfinite="skip", out=out) is None
        assert (out == 7).all()
        assert comm.report.skipped
        plan = comm.plan_allreduce(x, codec=feedback, nonfinite="skip")
        assert plan.run(x, out=out) is None
        with pytest.raises(ArithmeticError):
            comm.allreduce(x, codec=feedback, nonfinite="raise")
        assert np.array_equal(feedback.residual(), before)
        assert feedback.step == step
        assert np.isnan(comm.allreduce(x, codec=feedback)[3])
        assert comm.report.nonfinite
        assert not feedback.residual().any()

    skimp.run_threads(2, worker)


def test_use_after_close():
    def worker(comm):
        part = comm.split(0)
        plan = comm.plan_allreduce(np.ones(1, np.float32))
        with comm:
            comm.barrier()
        for call in (comm.barrier, part.barrier, lambda: plan.run(np.ones(1, np.float32))):
            with pytest.raises(skimp.ClosedError):
                call()
        comm.close()

    skimp.run_threads(2, worker)


def test_an_exception_in_a_block_tells_the_peers():
    def worker(comm):
        if comm.rank == 0:
            with pytest.raises(KeyError), comm:
                raise KeyError("broken data")
        else:
            begin = time.monotonic()
            with pytest.raises(skimp.PeerFailed, match="broken data"):
                comm.barrier()
            assert time.monotonic() - begin < 30

    skimp.run_threads(2, worker)


@pytest.mark.parametrize("fault", ["error", "silent", "corrupt", "truncate"])
def test_faults(fault):
    def worker(comm):
        feedback = skimp.ErrorFeedback(skimp.Sign())
        if comm.rank == 0:
            skimp.testing.inject_fault(comm, fault, exchange=1)
        try:
            for _ in range(3):
                comm.allreduce(np.ones(8, np.float32), codec=feedback)
        except skimp.Error as error:
            return type(error)

    failures = skimp.run_threads(2, worker, timeout=0.5)
    assert all(failures)
    with pytest.raises(skimp.InvalidArgument, match="'truncate'"):
        skimp.run_threads(1, lambda comm: skimp.testing.inject_fault(comm, "loss"))


def test_communicators_are_not_pickled():
    with pytest.raises(TypeError, match="process"):
        skimp.run_threads(1, pickle.dumps)
