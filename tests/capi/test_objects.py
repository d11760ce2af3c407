"""Objects of the C interface: what residuals and plans keep, what communicators answer once closed,
whose message an error is."""

import threading
from ctypes import byref, c_float, c_uint64, c_void_p, sizeof

import numpy as np
import pytest

from tests.capi import abi
from tests.capi.abi import OK, Options, Report
from tests.capi.calling import COUNT, address, encode, in_threads, ones, refused

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
