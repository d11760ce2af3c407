"""The edges of the C interface: wrong arguments are statuses with a message, never a crash."""

from ctypes import byref, c_int, c_uint64, c_void_p, create_string_buffer, sizeof

import numpy as np
import pytest

from tests.capi import abi
from tests.capi.abi import INVALID_ARGUMENT, OK, UNSUPPORTED_TYPE, FrameInfo, Options, Report
from tests.capi.calling import COUNT, address, encode, in_threads, ones, refused

COLLECTIVES = ("allreduce", "reduce_scatter", "allgather", "broadcast", "alltoall")


# ---- NULL ----------------------------------------------------------------------------------------


def test_destroy_accepts_null(lib):
    for noun in abi.NOUNS:
        getattr(lib, f"{noun}_destroy")(None)


def test_null_is_named(lib, alone, sign):
    x = ones()
    made, size = c_void_p(), c_uint64()
    frame = create_string_buffer(4096)
    residual = lib.make("residual", COUNT, abi.FLOAT32, 0)
    plan = lib.make("plan", alone, abi.ALLREDUCE, COUNT, abi.FLOAT32, None)
    data = address(x)
    calls = [
        ("text", lib.codec_create, None, byref(made)),
        ("codec", lib.codec_create, b"sign", None),
        ("residual", lib.residual_create, COUNT, abi.FLOAT32, 0, None),
        ("residual", lib.residual_load, None, data, COUNT, 0),
        ("values", lib.residual_load, residual, None, COUNT, 0),
        ("residual", lib.residual_load_memory, None, data, COUNT),
        ("values", lib.residual_load_memory, residual, None, COUNT),
        ("residual", lib.residual_save_memory, None, data, 0),
        ("residual", lib.residual_copy, None, abi.HOST, byref(made)),
        ("copy", lib.residual_copy, residual, abi.HOST, None),
        ("residual", lib.residual_rescale, None, 2.0),
        ("communicators", lib.threads_create, 2, None),
        ("table", lib.mpi_table_create, None, byref(made)),
        ("mpi_communicator", lib.mpi_create_from_handles, None, None, data, 1, byref(made)),
        ("mpi_byte", lib.mpi_create_from_handles, None, data, None, 1, byref(made)),
        ("communicator", lib.mpi_create_from_handles, None, data, data, 1, None),
        ("sockets", lib.tcp_create, 0, 1, None, byref(made)),
        ("communicator", lib.tcp_create, 0, 1, (c_int * 1)(), None),
        ("communicator", lib.communicator_close, None, None),
        ("communicator", lib.communicator_set_timeout, None, 1.0),
        ("communicator", lib.communicator_split, None, 0, 0, byref(made)),
        ("part", lib.communicator_split, alone, 0, 0, None),
        ("communicator", lib.communicator_report, None, byref(Report(sizeof(Report)))),
        ("report", lib.communicator_report, alone, None),
        ("communicator", lib.communicator_inject_fault, None, 1, 0),
        ("communicator", lib.barrier, None),
        ("communicator", lib.plan_create, None, 1, COUNT, abi.FLOAT32, None, byref(made)),
        ("plan", lib.plan_create, alone, 1, COUNT, abi.FLOAT32, None, None),
        ("plan", lib.plan_run, None, data, data, None),
        ("input", lib.plan_run, plan, None, data, None),
        ("output", lib.plan_run, plan, data, None, None),
        ("plan", lib.plan_report, None, byref(Report(sizeof(Report)))),
        ("report", lib.plan_report, plan, None),
        ("codec", lib.frame_bytes, None, COUNT, abi.FLOAT32, byref(size)),
        ("bytes", lib.frame_bytes, sign, COUNT, abi.FLOAT32, None),
        ("codec", lib.encode, None, data, COUNT, abi.FLOAT32, None, frame, 4096, byref(size)),
        ("input", lib.encode, sign, None, COUNT, abi.FLOAT32, None, frame, 4096, byref(size)),
        ("frame", lib.encode, sign, data, COUNT, abi.FLOAT32, None, None, 4096, byref(size)),
        ("bytes", lib.encode, sign, data, COUNT, abi.FLOAT32, None, frame, 4096, None),
        ("frame", lib.frame_inspect, None, 64, byref(FrameInfo(sizeof(FrameInfo)))),
        ("info", lib.frame_inspect, frame, 64, None),
        ("frame", lib.decode, None, 64, data, COUNT, abi.FLOAT32),
        ("output", lib.decode, frame, 64, None, COUNT, abi.FLOAT32),
    ]
    for name in COLLECTIVES:
        call = getattr(lib, name)
        calls += [
            ("communicator", call, None, data, data, COUNT, abi.FLOAT32, None),
            ("input", call, alone, None, data, COUNT, abi.FLOAT32, None),
            ("output", call, alone, data, None, COUNT, abi.FLOAT32, None),
        ]
    for name, function, *arguments in calls:
        assert refused(lib, function(*arguments), f"{name} is NULL")
    assert made.value is None
    lib.plan_destroy(plan)
    lib.residual_destroy(residual)


def test_nothing_needs_no_memory(lib, alone, sign):
    """Empty arrays may be NULL."""
    size = c_uint64()
    frame = create_string_buffer(64)
    for name in COLLECTIVES:
        assert getattr(lib, name)(alone, None, None, 0, abi.FLOAT32, None) == OK
    assert lib.encode(sign, None, 0, abi.FLOAT32, None, frame, 64, byref(size)) == OK
    assert size.value == 64
    assert lib.decode(frame, 64, None, 0, abi.FLOAT32) == OK
    residual = lib.make("residual", 0, abi.FLOAT32, 0)
    assert lib.residual_load(residual, None, 0, 3) == OK
    assert lib.residual_step(residual) == 3
    lib.residual_destroy(residual)


def test_only_the_root_of_a_broadcast_needs_an_input(lib):
    communicators = lib.make_threads(2)
    given, got = np.full(COUNT, 3, np.float32), np.zeros(COUNT, np.float32)

    def call(rank: int) -> None:
        data = address(given) if rank == 1 else None
        statuses[rank] = lib.broadcast(
            communicators[rank], data, address(got if rank == 0 else given), COUNT, abi.FLOAT32,
            byref(Options(root=1)),
        )  # fmt: skip

    statuses = {}
    in_threads(call, 2)
    assert statuses == {0: OK, 1: OK}
    np.testing.assert_array_equal(got, given)
    for communicator in communicators:
        lib.communicator_destroy(communicator)


# ---- Values out of range -------------------------------------------------------------------------


@pytest.mark.parametrize("difference", [-8, -1, 1, 8, 1000])
def test_sizes_of_structures(lib, alone, sign, difference):
    x = ones()
    options = Options(options_bytes=sizeof(Options) + difference)
    status = lib.allreduce(alone, address(x), address(x), COUNT, abi.FLOAT32, byref(options))
    assert refused(lib, status, "options_bytes = ", str(sizeof(Options)), "SKIMP_OPTIONS_INIT")
    report = Report(sizeof(Report) + difference)
    assert refused(lib, lib.communicator_report(alone, byref(report)), "report_bytes = ")
    frame, bytes_ = encode(lib, sign, x)
    info = FrameInfo(sizeof(FrameInfo) + difference)
    assert refused(lib, lib.frame_inspect(frame, bytes_, byref(info)), "info_bytes = ")
    table = abi.MpiTable(table_bytes=sizeof(abi.MpiTable) - min(abs(difference), 8))
    assert refused(lib, lib.mpi_table_create(byref(table), byref(c_void_p())), "table")


def test_forgotten_sizes(lib, alone):
    x = ones()
    options = Options(options_bytes=0)
    status = lib.allreduce(alone, address(x), address(x), COUNT, abi.FLOAT32, byref(options))
    assert refused(lib, status, "options_bytes = 0")
    assert refused(lib, lib.communicator_report(alone, byref(Report())), "report_bytes = 0")


@pytest.mark.parametrize("dtype", [-1, 0, 5, 255, 257, 2**31 - 1])
def test_element_types(lib, alone, sign, dtype):
    x, made, size = ones(), c_void_p(), c_uint64()
    frame = create_string_buffer(4096)
    data = address(x)
    for status in (
        lib.allreduce(alone, data, data, COUNT, dtype, None),
        lib.plan_create(alone, 1, COUNT, dtype, None, byref(made)),
        lib.residual_create(COUNT, dtype, 0, byref(made)),
        lib.frame_bytes(sign, COUNT, dtype, byref(size)),
        lib.encode(sign, data, COUNT, dtype, None, frame, 4096, byref(size)),
        lib.decode(frame, 4096, data, COUNT, dtype),
    ):
        assert refused(lib, status, f"dtype = {dtype}", because=UNSUPPORTED_TYPE)
    assert made.value is None


@pytest.mark.parametrize(
    ("field", "value"), [("op", 5), ("op", -1), ("trim", 1), ("nonfinite", 3), ("nonfinite", -1)]
)
def test_options_out_of_range(lib, alone, field, value):
    x = ones()
    options = Options(**{field: value})
    status = lib.allreduce(alone, address(x), address(x), COUNT, abi.FLOAT32, byref(options))
    assert refused(lib, status, f"{field} = {value}")


def test_other_numbers_out_of_range(lib, alone):
    made = c_void_p()
    x = ones()
    for collective in (0, 99, -1):
        status = lib.plan_create(alone, collective, COUNT, abi.FLOAT32, None, byref(made))
        assert refused(lib, status, f"collective = {collective}")
    for root in (-1, 1):
        options = Options(root=root)
        status = lib.broadcast(alone, address(x), address(x), COUNT, abi.FLOAT32, byref(options))
        assert refused(lib, status, f"root {root}")
    for world_size in (0, -1):
        status = lib.threads_create(world_size, byref(made))
        assert refused(lib, status, f"world_size = {world_size}")
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        assert refused(lib, lib.communicator_set_timeout(alone, seconds), "timeout")
    for fault in (0, 5):
        status = lib.communicator_inject_fault(alone, fault, 0)
        assert refused(lib, status, f"fault = {fault}")
    assert lib.barrier(alone) == OK  # none of this has harmed it


@pytest.mark.parametrize("count", [2**60 + 1, 2**62, 2**63, 2**64 - 1])
def test_counts_that_no_memory_holds(lib, alone, sign, count):
    """Sizes in bytes would overflow; that must not come out as a small size."""
    x, made, size = ones(), c_void_p(), c_uint64(7)
    frame = create_string_buffer(4096)
    data = address(x)
    identity = lib.make("codec", b"identity")
    statuses = [
        lib.residual_create(count, abi.FLOAT32, 0, byref(made)),
        lib.plan_create(alone, abi.ALLREDUCE, count, abi.FLOAT32, None, byref(made)),
        lib.allreduce(alone, data, data, count, abi.FLOAT32, None),
        lib.allgather(alone, data, data, count, abi.FLOAT64, None),
        lib.decode(frame, 4096, data, count, abi.FLOAT32),
    ]
    for codec in (sign, identity):
        statuses += [
            lib.frame_bytes(codec, count, abi.FLOAT64, byref(size)),
            lib.encode(codec, data, count, abi.FLOAT64, None, frame, 4096, byref(size)),
        ]
    refusals = (INVALID_ARGUMENT, abi.OUT_OF_MEMORY, abi.CORRUPT_PAYLOAD)
    assert all(status in refusals for status in statuses), statuses
    assert (made.value, size.value) == (None, 7)
    lib.codec_destroy(identity)


@pytest.mark.parametrize("text", [b"", b"nothing", b"sign(", b"topk()", b"topk(k=0)", b"\xff\xfe"])
def test_texts_of_codecs(lib, text):
    made = c_void_p()
    assert lib.codec_create(text, byref(made)) == INVALID_ARGUMENT
    assert made.value is None


# ---- Frames --------------------------------------------------------------------------------------


def test_capacity_is_kept(lib, sign):
    x = ones()
    frame, needed = encode(lib, sign, x)
    residual = lib.make("residual", COUNT, abi.FLOAT32, 0)
    for capacity in (0, 1, 63, 64, needed - 1):
        room = create_string_buffer(b"\xaa" * (needed + 16), needed + 16)
        written = c_uint64(7)
        status = lib.encode(
            sign, address(x), COUNT, abi.FLOAT32, residual, room, capacity, byref(written)
        )
        assert refused(lib, status, f"needs {needed} bytes", f"capacity is {capacity}")
        assert room.raw == b"\xaa" * (needed + 16)
        assert lib.residual_step(residual) == 0
    room = create_string_buffer(b"\xaa" * (needed + 16), needed + 16)
    status = lib.encode(sign, address(x), COUNT, abi.FLOAT32, None, room, needed, byref(written))
    assert (status, written.value) == (OK, needed)
    assert room.raw == frame.raw + b"\xaa" * 16
    lib.residual_destroy(residual)


def test_decode_checks_count_and_type(lib, sign):
    frame, size = encode(lib, sign, ones())
    room = np.full(2 * COUNT, 7, np.float64)
    for count in (0, COUNT - 1, COUNT + 1):
        status = lib.decode(frame, size, address(room), count, abi.FLOAT32)
        assert refused(lib, status, f"{COUNT} elements", str(count))
    status = lib.decode(frame, size, address(room), COUNT, abi.FLOAT64)
    assert refused(lib, status, "float32", "float64", because=UNSUPPORTED_TYPE)
    for length in (0, 1, 63, 64, size - 1):
        status = lib.decode(frame, length, address(room), COUNT, abi.FLOAT32)
        assert refused(lib, status, because=abi.CORRUPT_PAYLOAD)
    np.testing.assert_array_equal(room, 7)
    info = FrameInfo(sizeof(FrameInfo))
    assert lib.frame_inspect(frame, size, byref(info)) == OK
    assert (info.count, info.frame_bytes, info.dtype) == (COUNT, size, abi.FLOAT32)
    assert (info.codec, info.nonfinite) == (b"sign(block=32)", 0)
