"""Kernels write the bytes of the CPU and of the oracle, in every order of threads."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.cuda.emulation import ORDERS, on_device, on_host, thread_order, use_library
from tests.pairwise import parametrize
from tests.tables import CODECS, COUNTS, DATA, DTYPES, SOME_DATA, array, exceeds

KERNELS = tuple(
    codec for codec in CODECS if codec.startswith(("identity", "sign", "quantize", "topk"))
)


@pytest.fixture(autouse=True, scope="module")
def library():
    use_library()


@parametrize(codec=KERNELS, count=COUNTS, data=tuple(DATA), dtype=DTYPES, order=ORDERS)
def test_frame_and_values(codec, count, data, dtype, order):
    x = array(data, count, dtype)
    if exceeds(codec, count):
        with pytest.raises(skimp.InvalidArgument, match=f"count = {count}"):
            skimp.codec(codec).encode(on_device(x))
        return
    model = oracle.codec(codec)
    frame, _ = oracle.encode_frame(model, x)
    with thread_order(order):
        assert bytes(skimp.codec(codec).encode(on_device(x))) == frame
        decoded = skimp.decode(frame, like=on_device(x))
    assert same_bits(on_host(decoded, x.dtype), oracle.decode_frame(model, frame))
    assert bytes(skimp.codec(codec).encode(x)) == frame


@parametrize(
    codec=KERNELS, data=SOME_DATA, count=(8191, 20_000, 40_001), dtype=DTYPES, order=ORDERS
)
def test_frame_and_values_of_large_arrays(codec, data, count, dtype, order):
    test_frame_and_values(codec, count, data, dtype, order)


@parametrize(
    codec=KERNELS, data=tuple(DATA), residual=SOME_DATA, dtype=DTYPES, count=COUNTS, order=ORDERS
)
def test_residual(codec, data, residual, dtype, count, order):
    x = array(data, count, dtype)
    left = array(residual, count, oracle.accumulator(x.dtype).name, seed=1)
    state = skimp.Residual(count, dtype, device=0, in_place=count % 2 == 1)
    state.load(left, step=5)
    if exceeds(codec, count):
        with pytest.raises(skimp.InvalidArgument):
            skimp.codec(codec).encode(on_device(x), residual=state)
        assert same_bits(state.values, left) and state.step == 5
        return
    for step in (5, 6):
        frame, left = oracle.encode_frame(oracle.codec(codec), x, left, step)
        with thread_order(order):
            assert bytes(skimp.codec(codec).encode(on_device(x), residual=state)) == frame
        assert same_bits(state.values, left)
        assert state.step == step + 1


@parametrize(codec=KERNELS, dtype=DTYPES[:3], like=DTYPES[:3], data=("normal", "huge", "denormal"))
def test_decoding_to_another_type(codec, dtype, like, data):
    model = oracle.codec(codec)
    frame, _ = oracle.encode_frame(model, array(data, 333, dtype))
    header, payload = oracle.open_frame(frame)
    expected = oracle.narrow(model.decode(payload, 333, header.dtype), oracle.dtype(like))
    decoded = skimp.decode(frame, like=on_device(array("all_zero", 333, like)))
    assert same_bits(on_host(decoded, expected.dtype), expected)


@parametrize(codec=KERNELS, dtype=DTYPES, offset=(1, 2, 3, 5), count=(33, 257, 5003, 20_000))
def test_same_bytes_at_any_address(codec, dtype, offset, count):
    """Sixteen bytes at a time where they are aligned, an element at a time where not."""
    x = array("normal", count, dtype)
    assert skimp.codec(codec).encode(on_device(x, offset)) == skimp.codec(codec).encode(x)


@pytest.mark.parametrize("shape", [(), (7, 11), (3, 0), (2, 3, 50)])
def test_shapes_come_back(shape):
    x = array("normal", int(np.prod(shape)), "float32").reshape(shape)
    payload = skimp.Sign(block=32).encode(on_device(x))
    assert payload == skimp.Sign(block=32).encode(x)
    assert skimp.decode(payload, like=on_device(x)).__cuda_array_interface__["shape"] == shape
