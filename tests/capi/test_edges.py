"""The edges of the C interface: wrong arguments are statuses with a message, never a crash."""

import threading
from ctypes import byref, c_float, c_uint64, c_void_p, create_string_buffer, sizeof

import numpy as np
import pytest

from tests.capi import abi
from tests.capi.abi import INVALID_ARGUMENT, OK, UNSUPPORTED_TYPE, FrameInfo, Options, Report

COUNT = 100
COLLECTIVES = ("allreduce", "reduce_scatter", "allgather", "broadcast", "alltoall")


@pytest.fixture(scope="module")
def lib():
    return abi.Library()


@pytest.fixture
def alone(lib):
    """The one rank of a world of one."""
    (communicator,) = lib.make_threads(1)
    yield communicator
    lib.communicator_destroy(communicator)


@pytest.fixture
def sign(lib):
    codec = lib.make("codec", b"sign(block=32)")
    yield codec
    lib.codec_destroy(codec)


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def ones() -> np.ndarray:
    return np.ones(COUNT, np.float32)


def refused(lib, status: int, *words: str, because: int = INVALID_ARGUMENT) -> bool:
    message = lib.last_error_message()
    assert status == because, message
    assert all(word in message for word in words), message
    return True


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


def encode(lib, codec, x: np.ndarray, residual=None):
    size = c_uint64()
    assert lib.frame_bytes(codec, x.size, abi.FLOAT32, byref(size)) == OK
    frame = create_string_buffer(size.value)
    status = lib.encode(
        codec, address(x), x.size, abi.FLOAT32, residual, frame, len(frame), byref(size)
    )
    assert status == OK, lib.last_error_message()
    return frame, size.value


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


# ---- Residuals and plans -------------------------------------------------------------------------


def test_a_residual_fits_or_is_refused(lib, alone, sign):
    x = ones()
    residual = lib.make("residual", COUNT + 1, abi.FLOAT32, 0)
    options = Options(codec=sign, residual=residual)
    status = lib.allreduce(alone, address(x), address(x), COUNT, abi.FLOAT32, byref(options))
    assert refused(lib, status, "residual", str(COUNT), str(COUNT + 1))
    status = lib.residual_load(residual, address(x), COUNT, 1)
    assert refused(lib, status, "residual", str(COUNT), str(COUNT + 1))
    for factor in (float("nan"), float("inf")):
        assert refused(lib, lib.residual_rescale(residual, factor), "factor")
    assert lib.residual_step(residual) == 0
    lib.residual_destroy(residual)


@pytest.mark.parametrize("in_place", [0, 1])
def test_a_residual_keeps_what_a_frame_leaves_out(lib, sign, in_place):
    x = np.arange(COUNT, dtype=np.float32)
    residual = lib.make("residual", COUNT, abi.FLOAT32, in_place)
    frame, size = encode(lib, sign, x, residual)
    sent = np.empty_like(x)
    assert lib.decode(frame, size, address(sent), COUNT, abi.FLOAT32) == OK
    kept = np.ctypeslib.as_array((c_float * COUNT).from_address(lib.residual_data(residual)))
    np.testing.assert_allclose(sent + kept, x, rtol=1e-6, atol=1e-5)
    assert lib.residual_step(residual) == 1
    assert lib.residual_rescale(residual, 0.0) == OK
    np.testing.assert_array_equal(kept, 0)
    lib.residual_destroy(residual)


def test_a_memory_is_saved_and_loaded(lib, sign):
    """Low-rank: in C the shapes stand in the text."""
    lowrank = lib.make("codec", b"lowrank(rank=1,shapes=6x15+10)")
    x = np.random.default_rng(0).standard_normal(COUNT).astype(np.float32)
    one, two = (lib.make("residual", COUNT, abi.FLOAT32, 0) for _ in range(2))
    assert lib.residual_memory_count(one) == 0
    encode(lib, lowrank, x, one)
    assert lib.residual_memory_count(one) == 15
    assert lib.residual_load(two, lib.residual_data(one), COUNT, 1) == OK
    assert lib.residual_load_memory(two, lib.residual_memory(one), 15) == OK
    three, kept = c_void_p(), np.empty(15, np.float32)
    assert lib.residual_copy(one, abi.HOST, byref(three)) == OK
    assert lib.residual_save_memory(three, kept.ctypes.data, 15) == OK
    memory = (c_float * 15).from_address(lib.residual_memory(one))
    np.testing.assert_array_equal(kept, memory)
    status = lib.residual_save_memory(three, kept.ctypes.data, 14)
    assert refused(lib, status, "14 values of memory to save, it has 15")
    frame = encode(lib, lowrank, x, one)[0].raw
    assert all(encode(lib, lowrank, x, other)[0].raw == frame for other in (two, three))
    encode(lib, sign, x, two)
    assert lib.residual_memory_count(two) == 0
    for residual in (one, two, three):
        lib.residual_destroy(residual)
    lib.codec_destroy(lowrank)


def test_low_rank_says_which_shapes_it_needs(lib):
    lowrank = lib.make("codec", b"lowrank(rank=2)")
    status = lib.frame_bytes(lowrank, COUNT, abi.FLOAT32, byref(c_uint64()))
    assert refused(lib, status, "lowrank(rank=2,shapes=512x128+128)")
    lib.codec_destroy(lowrank)


def test_a_plan_tells_before_it_runs(lib, sign):
    communicators = lib.make_threads(2)
    options = Options(codec=sign)
    plan = lib.make("plan", communicators[0], abi.ALLREDUCE, COUNT, abi.FLOAT32, byref(options))
    report = Report(sizeof(Report))
    assert lib.plan_report(plan, byref(report)) == OK
    assert (report.algorithm, report.count, report.bytes_sent) == (b"two_phase", COUNT, 0)
    assert report.predicted_bytes > 0
    assert f"allreduce count={COUNT} dtype=float32 codec=sign(block=32)" in lib.plan_text(plan)
    lib.plan_destroy(plan)
    for communicator in communicators:
        lib.communicator_destroy(communicator)


# ---- Communicators -------------------------------------------------------------------------------


def test_without_options_it_is_the_dense_mean(lib):
    communicators = lib.make_threads(3)
    outputs = [np.empty(COUNT, np.float32) for _ in range(3)]

    def call(rank: int) -> None:
        x = np.full(COUNT, rank, np.float32)
        statuses[rank] = lib.allreduce(
            communicators[rank], address(x), address(outputs[rank]), COUNT, abi.FLOAT32, None
        )

    statuses = {}
    in_threads(call, 3)
    assert set(statuses.values()) == {OK}
    np.testing.assert_array_equal(outputs, np.ones((3, COUNT)))
    report = Report(sizeof(Report))
    assert lib.communicator_report(communicators[0], byref(report)) == OK
    assert (report.algorithm, report.bytes_sent) == (b"dense_direct", report.predicted_bytes)
    for communicator in communicators:
        lib.communicator_destroy(communicator)


def test_a_closed_communicator_still_answers(lib):
    communicators = lib.make_threads(2)
    first = communicators[0]
    assert lib.communicator_close(first, None) == OK
    assert lib.communicator_close(first, b"again") == OK
    assert refused(lib, lib.barrier(first), "closed", because=abi.CLOSED)
    assert lib.library.skimp_communicator_rank(first) == 0
    assert lib.library.skimp_communicator_world_size(first) == 2
    assert lib.communicator_transport(first) == "threads"
    for communicator in communicators:
        lib.communicator_destroy(communicator)


def test_a_table_is_taken_over_also_when_it_is_refused(lib):
    destroyed = []
    table = abi.MpiTable(
        table_bytes=sizeof(abi.MpiTable),
        context=42,
        rank=2,
        world_size=2,
        tag_limit=100,
        request_bytes=8,
        destroy=abi.DESTROY(destroyed.append),
    )
    made = c_void_p()
    assert refused(lib, lib.mpi_table_create(byref(table), byref(made)), "rank 2 of 2")
    assert destroyed == [42]
    table.rank = 1
    assert lib.mpi_table_create(byref(table), byref(made)) == OK
    assert lib.communicator_transport(made) == "mpi"
    lib.communicator_destroy(made)
    assert destroyed == [42, 42]


def test_handles_of_no_mpi(lib):
    made = c_void_p()
    handle = address(np.zeros(8, np.uint64))
    status = lib.mpi_create_from_handles(b"/no/such.so", handle, handle, 1, byref(made))
    assert refused(lib, status, "/no/such.so is not loaded")
    assert made.value is None


# ---- Messages ------------------------------------------------------------------------------------


def in_threads(call, count: int) -> None:
    threads = [threading.Thread(target=call, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_each_thread_has_its_own_last_error(lib):
    failed = threading.Barrier(4)
    seen = {}

    def call(rank: int) -> None:
        before = lib.last_error_message()
        if rank > 0:
            lib.codec_create(b"topk(k=%d)" % -rank, byref(c_void_p()))
        failed.wait()
        made = lib.make("codec", b"sign")  # a success keeps the message
        lib.codec_destroy(made)
        seen[rank] = before, lib.last_error_message()

    in_threads(call, 4)
    assert seen[0] == ("", "")
    for rank in (1, 2, 3):
        before, after = seen[rank]
        assert before == ""
        assert f"-{rank}" in after
