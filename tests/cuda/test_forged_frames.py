"""Payloads that no encoder writes, behind sums that hide it: what a kernel finds in them is an
error of the call, as it is in host memory. A transport in Python forges what rank 1 sends."""

import ctypes
import threading
from collections import defaultdict, deque
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_size_t, c_uint64, c_void_p
from dataclasses import replace

import numpy as np
import pytest

from tests import oracle
from tests.capi import abi
from tests.cuda.emulation import ON_GPU, use_library
from tests.oracle.frame import DATA, HEADER_BYTES, Header
from tests.oracle.topk import encode_indices
from tests.tables import array

pytestmark = pytest.mark.skipif(ON_GPU, reason="numpy memory as a device's")

COUNT = 600
PLACES = {"in host memory": abi.HOST, "on a device": 0}


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


class Post:
    """Messages on their way between two ranks, of which rank 1's are `forge`d."""

    def __init__(self, forge):
        self.forge = forge
        self.lock = threading.Lock()
        self.messages = defaultdict(deque)  # by sender and tag

    def table(self, rank: int) -> abi.MpiTable:
        """The functions of one rank; a request is the number of a receive, 0 for a send."""
        receives, numbers = {}, iter(range(1, 1 << 30))

        def isend(_context, data, size, _peer, tag, request):
            message = ctypes.string_at(data, size)
            with self.lock:
                self.messages[rank, tag].append(self.forge(message) if rank == 1 else message)
            c_uint64.from_address(request).value = 0
            return 0

        def irecv(_context, data, size, peer, tag, request):
            number = c_uint64.from_address(request).value = next(numbers)
            receives[number] = data, size, peer, tag
            return 0

        def test(_context, request, done, size):
            number = c_uint64.from_address(request).value
            done[0] = number == 0
            if number == 0:
                return 0
            data, room, peer, tag = receives[number]
            with self.lock:
                waiting = self.messages[peer, tag]
                if waiting:
                    message = waiting.popleft()
                    fits = len(message) <= room
                    ctypes.memmove(data, message, len(message) if fits else 0)
                    done[0], size[0] = 1, len(message) if fits else -1
                    del receives[number]
            return 0

        def cancel(_context, request):
            receives.pop(c_uint64.from_address(request).value, None)
            return 0

        def explain(_context, _code, _message, _capacity):
            return None

        message = (c_int, c_void_p, c_void_p, c_int, c_int, c_int, c_void_p)
        functions = {
            "isend": CFUNCTYPE(*message)(isend),
            "irecv": CFUNCTYPE(*message)(irecv),
            "test": CFUNCTYPE(c_int, c_void_p, c_void_p, POINTER(c_int), POINTER(c_int))(test),
            "cancel": CFUNCTYPE(c_int, c_void_p, c_void_p)(cancel),
            "explain": CFUNCTYPE(None, c_void_p, c_int, c_char_p, c_size_t)(explain),
        }
        table = abi.MpiTable(
            table_bytes=ctypes.sizeof(abi.MpiTable),
            rank=rank,
            world_size=2,
            tag_limit=100,
            request_bytes=8,
            destroy=abi.DESTROY(lambda _context: None),
            **{name: ctypes.cast(function, c_void_p) for name, function in functions.items()},
        )
        table.functions = functions  # to keep them
        return table


def forged(round_, change, field=lambda header: header):
    """Changes the payloads of one round, and their headers."""

    def forge(message: bytes) -> bytes:
        header = Header.unpack(message) if len(message) > HEADER_BYTES else Header(kind=0)
        if header.kind != DATA or header.round != round_:
            return message
        payload = bytearray(message[HEADER_BYTES:])
        change(payload, header)
        header = replace(field(header), payload_bytes=len(payload))
        return oracle.seal(header, bytes(payload))

    return forge


def negative_scale(payload: bytearray, _header: Header) -> None:
    payload[3] ^= 0x80


def too_many(header: Header) -> Header:
    """k of a top-k, one more than there are elements."""
    return replace(header, parameter=header.parameter - header.parameter % 2**48 + COUNT + 1)


def more_indices(payload: bytearray, _header: Header) -> None:
    """Of a top-k: than the header's k."""
    payload[-1] = 0xFF


def other_shapes(payload: bytearray, _header: Header) -> None:
    """The rows as columns, the columns as rows."""
    payload[8:24] = payload[16:24] + payload[8:16]


def no_indices(payload: bytearray, _header: Header) -> None:
    payload[8:] = bytes(len(payload) - 8)


def first_elements(payload: bytearray, header: Header) -> None:
    """Of the range that sums are told of; rank 0 has those to tell."""
    n = header.parameter & 0xFFFFFFFF
    payload[4 * n :] = encode_indices(np.arange(n), header.count)


NO_SCALE = "neither a magnitude nor the canonical NaN"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("text", "algorithm", "round_", "change", "says"),
    [
        ("sign(block=32)", None, 0, negative_scale, ("sign", NO_SCALE)),
        ("sign(block=32)", None, 1, negative_scale, ("quantize", NO_SCALE)),
        ("lowrank(rank=2,shapes=20x30)", b"gather", 0, other_shapes, ("lowrank", "of shapes")),
        ("topk(k=2)", b"sparse_doubling", 0, no_indices, ("topk", "indices")),
        ("topk(k=20)", b"sparse_balanced", 5, first_elements, ("a sum of element", "after that")),
    ],
)
def test_what_no_encoder_writes(lib, place, text, algorithm, round_, change, says):
    device = PLACES[place]
    post = Post(forged(round_, change))
    codec, outcome = lib.make("codec", text.encode()), {}

    def worker(rank):
        x = array("normal", COUNT, "float32", seed=rank)
        y, before, after = np.empty_like(x), np.empty_like(x), np.empty_like(x)
        table, comm, residual = post.table(rank), c_void_p(), c_void_p()
        assert lib.mpi_table_create(byref(table), byref(comm)) == abi.OK
        assert lib.communicator_set_timeout(comm, 20.0) == abi.OK
        if device == abi.HOST:
            residual = lib.make("residual", COUNT, abi.FLOAT32, 0)
        else:
            made = lib.residual_create_on_device(COUNT, abi.FLOAT32, 0, device, byref(residual))
            assert made == abi.OK
        before[:] = 0.25
        assert lib.residual_load(residual, before.ctypes.data, COUNT, 3) == abi.OK
        options = abi.Options(codec=codec, residual=residual, algorithm=algorithm, device=device)
        arrays = x.ctypes.data, y.ctypes.data
        status = lib.allreduce(comm, *arrays, COUNT, abi.FLOAT32, byref(options))
        message = lib.last_error_message()
        assert lib.residual_save(residual, after.ctypes.data, COUNT) == abi.OK
        kept = np.array_equal(before, after), lib.residual_step(residual)
        outcome[rank] = status, message, kept
        lib.communicator_destroy(comm)
        lib.residual_destroy(residual)

    threads = [threading.Thread(target=worker, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status, message, kept = outcome[0]
    assert (status, kept) == (abi.CORRUPT_PAYLOAD, (True, 3)), message
    assert all(part in message for part in ("from rank 1", *says))
    assert outcome[1][0] in (abi.OK, abi.CORRUPT_PAYLOAD)  # it may be done before it hears of it
    lib.codec_destroy(codec)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("text", "forge", "says"),
    [
        ("sign(block=32)", forged(0, negative_scale), NO_SCALE),
        ("topk(k=8)", forged(0, more_indices), "indices"),
        ("topk(k=8)", forged(0, lambda payload, _header: None, too_many), "k = 601"),
        ("topk(k=8)", forged(0, lambda payload, _header: payload.pop()), "its count asks for"),
    ],
)
def test_messages(lib, place, text, forge, says):
    post = Post(forge)
    tables = [post.table(rank) for rank in range(2)]
    ranks = [c_void_p(), c_void_p()]
    for table, rank in zip(tables, ranks, strict=True):
        assert lib.mpi_table_create(byref(table), byref(rank)) == abi.OK
    x = array("normal", COUNT, "float32")
    y, codec = np.zeros_like(x), lib.make("codec", text.encode())
    arguments = COUNT, abi.FLOAT32
    by_codec, to_place = abi.Options(codec=codec), abi.Options(device=PLACES[place])
    assert lib.send(ranks[1], x.ctypes.data, *arguments, 0, 7, byref(by_codec)) == abi.OK
    status = lib.recv(ranks[0], y.ctypes.data, *arguments, 1, 7, byref(to_place))
    message = lib.last_error_message()
    assert status == abi.CORRUPT_PAYLOAD, message
    assert message.startswith("from rank 1: ") and says in message
    for rank in ranks:
        lib.communicator_destroy(rank)
    lib.codec_destroy(codec)
